/**
 * What stands in a Response for a body and for header fields that nobody has asked for yet.
 *
 * Rules
 * - Whoever reaches past our own methods, by those of `Response.prototype`, meets these, and they are the real thing: the body's
 *   stream is made, and the header fields are filled in, at the first look.
 * - Until then they cost next to nothing: a stream of Node's takes longer to make than all the rest of a response.
 *
 * How it works: Node's streams keep all that they are in one object under a symbol, and {@link LazyStream} gives, under that
 * symbol, the state of a stream that it makes when it is asked. So the two are one stream under two names. Where a Node keeps it
 * elsewhere, {@link lazyStreams} is undefined, and a Response has no body but for our own methods.
 */
import type { FieldList } from '../../src/headers/fields.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** The body that a stream is made of. */
export interface LazySource {
  stream(): ReadableStream<Bytes>
}

/** Told when somebody other than us looks at the body: what he asks for next may be the header fields. */
export interface Onlooked {
  onLook(): void
}

/** A body's stream, made when it is asked for. */
export class LazyStream {
  private readonly source: LazySource
  /** The stream, once it is made; or one half of it after it was cloned. */
  made: ReadableStream<Bytes> | undefined
  /** What `Response.prototype.clone` left in its place, and the half of that which is the body, once it was cloned further. */
  replaced: ReadableStream<Bytes> | undefined
  half: ReadableStream<Bytes> | undefined
  /** The octets were, or are being, taken as a whole. */
  taken = false
  owner: Onlooked | undefined

  constructor(source: LazySource) {
    this.source = source
  }

  get locked(): boolean {
    this.owner?.onLook()
    return this.taken || this.made?.locked === true
  }

  /** The stream itself. */
  make(): ReadableStream<Bytes> {
    this.made ??= this.taken ? readAlready() : this.source.stream()
    return this.made
  }
}

/** Under this name Node's streams say whether anything was read from them. */
const disturbed = Symbol.for('nodejs.stream.disturbed')

let lazy: boolean | undefined

/** Makes {@link LazyStream} a ReadableStream, if this Node allows it. Not at import: it makes a stream, to look at it. */
export function lazyStreams(): boolean {
  lazy ??= joinStreams()
  return lazy
}

function joinStreams(): boolean {
  const one = new ReadableStream()
  const own = Object.getOwnPropertySymbols(one)
  const state = own.find(({ description }) => description === 'kState')
  const kind = own.find(({ description }) => description === 'kType')
  if (state === undefined || kind === undefined || own.length !== 2) return false
  const { prototype } = LazyStream
  const kindOf: unknown = Reflect.get(one, kind)
  Object.setPrototypeOf(prototype, ReadableStream.prototype)
  Object.defineProperties(prototype, {
    constructor: { value: ReadableStream, writable: true, configurable: true },
    [kind]: { value: kindOf },
    [state]: {
      get(this: LazyStream): unknown {
        return Reflect.get(this.make(), state)
      },
    },
    [disturbed]: {
      get(this: LazyStream): unknown {
        return this.taken || (this.made !== undefined && Reflect.get(this.made, disturbed))
      },
    },
  })
  return true
}

/** What `body` is after the octets were taken past it: a stream at its end, locked by whoever took them. */
function readAlready(): ReadableStream<Bytes> {
  const stream = new ReadableStream({
    type: 'bytes',
    start: (controller: ReadableByteStreamController) => controller.close(),
  }) as ReadableStream<Bytes>
  stream.getReader()
  return stream
}

/** Header fields that are filled in at the first look. */
export interface LazyFields {
  /** Makes these headers' first look, whoever's it is, fill in the fields. */
  defer(headers: Headers, fields: FieldList): void
  /** Fills in what was deferred, and shuts the headers, as those of Node's fetch are. */
  fill(headers: Headers): void
}

/** Defined at the first fetch: naming `Headers` loads Node's own. */
export function defineLazyFields(): LazyFields {
  /** Gives an object a private field. */
  const Given = function given(object: Headers): Headers {
    return object
  } as unknown as new (
    object: Headers,
  ) => Headers

  class Deferred extends Given {
    #fields: FieldList | undefined

    constructor(headers: Headers, fields: FieldList) {
      super(headers)
      this.#fields = fields
    }

    static fill(headers: Headers): void {
      if (!(#fields in headers)) return
      const fields = headers.#fields
      if (fields === undefined) return
      headers.#fields = undefined
      Object.setPrototypeOf(headers, Headers.prototype)
      appendFields(headers, fields)
      Object.defineProperties(headers, immutable)
    }
  }

  const unfilled: object = Object.create(Headers.prototype)
  for (const name of Reflect.ownKeys(Headers.prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(Headers.prototype, name)
    if (name === 'constructor' || typeof descriptor?.value !== 'function') continue
    Object.defineProperty(unfilled, name, {
      ...descriptor,
      value(this: Headers, ...args: unknown[]): unknown {
        Deferred.fill(this)
        return (Reflect.get(this, name) as (...args: unknown[]) => unknown).apply(this, args)
      },
    })
  }

  return {
    defer(headers, fields) {
      Object.setPrototypeOf(new Deferred(headers, fields), unfilled)
    },
    fill: Deferred.fill,
  }
}

export function appendFields(headers: Headers, fields: FieldList): void {
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i], fields[i + 1])
}

/** Not enumerable, so that the headers print and compare as other Headers do. */
const immutable: PropertyDescriptorMap = Object.fromEntries(
  ['append', 'delete', 'set'].map((name) => [name, { value: refuse, writable: true, configurable: true }]),
)

function refuse(): never {
  throw new TypeError('immutable')
}
