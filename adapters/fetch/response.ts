/**
 * The Response that fetch gives: an instance of the global class, made without the cost of its constructor's body.
 *
 * Rules
 * - `instanceof Response`, and `constructor === Response`, hold; whatever the standard defines is there.
 * - `Response.prototype`'s own members, called on it, see the same status, header fields and body (lazy.ts). Only `url`, `type`
 *   and `redirected` cannot be told to them: Node gives no way to set them.
 * - A method that the program has put on `Response.prototype` is called, as with any response.
 * - Headers and streams are built when somebody asks for them, never before: most callers ask for `ok`, `status` and
 *   `json()` alone. Measured on Node 24, a Response made from bytes by the constructor costs 10 us, and reading it 4 more;
 *   this one costs less than one together.
 * - The class is defined at the first fetch, not at import: naming `Response` loads Node's own fetch, which claims the
 *   process's global dispatcher.
 */
import { Readable } from 'node:stream'
import type { FieldList } from '../../src/headers/fields.ts'
import { joinedField } from '../common/headers.ts'
import type { IncomingBody } from './incoming.ts'
import { appendFields, defineLazyFields, LazyStream, lazyStreams, type Onlooked } from './lazy.ts'

/** A Response with the trailer section. */
export interface HyperResponse extends Response {
  /**
   * The trailer section (RFC 9110 section 6.5): settles when the body has arrived, with no fields when there are none;
   * rejects as the body does. A body that was not read by then is kept in memory.
   */
  readonly trailers: Promise<Headers>
  clone(): HyperResponse
}

/** What a response begins with. */
export interface ResponseHead {
  readonly status: number
  readonly statusText: string
  readonly fields: FieldList
  /** The final URL without its fragment. */
  readonly url: string
  readonly redirected: boolean
  readonly type: Response['type']
  readonly signal: AbortSignal | undefined
}

type Bytes = Uint8Array<ArrayBuffer>

let defined: ReturnType<typeof defineResponse> | undefined

/** A response; `body` is `undefined` where the standard has a null body. */
export function makeResponse(head: ResponseHead, body: IncomingBody | undefined): HyperResponse {
  defined ??= defineResponse()
  return new defined(head, body) as unknown as HyperResponse
}

function defineResponse() {
  // The types declare Response's members as properties, which accessors may not override; at run time they are accessors.
  const Base = Response as unknown as new (body: LazyStream | null, init: ResponseInit | undefined) => object
  const native = Response.prototype
  const nativeHeaders = getterOf('headers') as (this: object) => Headers
  const nativeBody = getterOf('body') as (this: object) => ReadableStream<Bytes> | LazyStream | null
  const { defer, fill } = defineLazyFields()
  const hasLazyStreams = lazyStreams()
  const own = nativeMethods()

  class FetchedResponse extends Base implements Onlooked {
    readonly #head: ResponseHead
    readonly #incoming: IncomingBody | undefined
    /** The body, or what will be it. */
    readonly #lazy: LazyStream | undefined
    #trailers: Promise<Headers> | undefined

    constructor(head: ResponseHead, incoming: IncomingBody | undefined, stream?: ReadableStream<Bytes>) {
      // What the class's own members see, whoever calls them on this.
      const { status, statusText } = head
      const lazy = incoming === undefined ? undefined : new LazyStream(incoming)
      super(
        lazy !== undefined && hasLazyStreams ? lazy : null,
        status >= 200 && status <= 599 ? { status, statusText } : undefined,
      )
      this.#head = head
      this.#incoming = incoming
      this.#lazy = lazy
      defer(nativeHeaders.call(this), head.fields)
      if (lazy === undefined) {
        // Nothing would tell of a look at them by clone().
        fill(nativeHeaders.call(this))
      } else {
        lazy.made = stream
        lazy.owner = this
      }
    }

    /** @internal */
    onLook(): void {
      fill(nativeHeaders.call(this))
    }

    get type(): Response['type'] {
      return this.#head.type
    }

    get url(): string {
      return this.#head.url
    }

    get redirected(): boolean {
      return this.#head.redirected
    }

    get status(): number {
      // The constructor above looks at it, to refuse a body where there may be none: there is one only where there may.
      return #head in this ? this.#head.status : 200
    }

    get ok(): boolean {
      const { status } = this.#head
      return status >= 200 && status <= 299
    }

    get statusText(): string {
      return this.#head.statusText
    }

    get headers(): Headers {
      const headers = nativeHeaders.call(this)
      fill(headers)
      return headers
    }

    get trailers(): Promise<Headers> {
      this.#trailers ??= (this.#incoming?.trailers() ?? Promise.resolve([])).then((fields) => {
        const headers = new Headers()
        appendFields(headers, fields)
        return headers
      })
      return this.#trailers
    }

    get body(): ReadableStream<Bytes> | null {
      const lazy = this.#lazy
      return lazy === undefined ? null : (this.#stream(lazy) ?? lazy.make())
    }

    get bodyUsed(): boolean {
      const lazy = this.#lazy
      if (lazy === undefined) return false
      const stream = this.#stream(lazy)
      return lazy.taken || (stream !== undefined && wasRead(stream))
    }

    text(): Promise<string> {
      return native.text === own.text ? this.#read(toText) : native.text.call(this)
    }

    json(): Promise<unknown> {
      return native.json === own.json ? this.#read(toJson) : native.json.call(this)
    }

    arrayBuffer(): Promise<ArrayBuffer> {
      return native.arrayBuffer === own.arrayBuffer ? this.#read(toArrayBuffer) : native.arrayBuffer.call(this)
    }

    bytes(): Promise<Bytes> {
      return native.bytes === own.bytes ? this.#read(toBytes) : (native.bytes.call(this) as Promise<Bytes>)
    }

    blob(): Promise<Blob> {
      if (native.blob !== own.blob) return native.blob.call(this)
      return this.#read(toBytes).then((bytes) => this.#native(bytes).blob())
    }

    formData(): Promise<FormData> {
      if (native.formData !== own.formData) return native.formData.call(this)
      return this.#read(toBytes).then((bytes) => this.#native(bytes).formData())
    }

    clone(): FetchedResponse {
      if (native.clone !== own.clone) return native.clone.call(this) as unknown as FetchedResponse
      const incoming = this.#incoming
      const lazy = this.#lazy
      if (incoming === undefined || lazy === undefined) return this.#copy(undefined, undefined)
      const stream = this.#stream(lazy)
      if (this.bodyUsed || stream?.locked === true) {
        throw new TypeError('Response.clone: Body has already been consumed.')
      }
      const fork = stream === undefined ? incoming.fork() : undefined
      if (fork !== undefined) return this.#copy(fork, undefined)
      const [mine, theirs] = (stream ?? incoming.stream()).tee()
      if (stream === lazy.made) {
        lazy.made = mine
      } else {
        // The stream that was made first goes on being read, for both of these: it stays what it is.
        lazy.replaced ??= stream
        lazy.half = mine
      }
      return this.#copy(incoming, theirs)
    }

    #copy(incoming: IncomingBody | undefined, stream: ReadableStream<Bytes> | undefined): FetchedResponse {
      return new FetchedResponse(this.#head, incoming, stream)
    }

    /** The stream, if there is one already; after `Response.prototype.clone` it is the half that was left. */
    #stream(lazy: LazyStream): ReadableStream<Bytes> | undefined {
      if (lazy.made === undefined || !hasLazyStreams) return lazy.made
      const now = nativeBody.call(this)
      if (now === null || now === lazy) return lazy.made
      return now === lazy.replaced ? lazy.half : (now as ReadableStream<Bytes>)
    }

    #read<T>(convert: (bytes: Buffer) => T): Promise<T> {
      const incoming = this.#incoming
      const lazy = this.#lazy
      if (incoming === undefined || lazy === undefined) return attempt(convert, noBytes)
      const stream = this.#stream(lazy)
      if (lazy.taken || (stream !== undefined && (wasRead(stream) || stream.locked))) {
        return Promise.reject(new TypeError('Body is unusable: Body has already been read'))
      }
      lazy.taken = true
      const { signal } = this.#head
      if (signal?.aborted === true) return Promise.reject(signal.reason)
      if (stream !== undefined) return readAll(stream).then(convert)
      const bytes = incoming.takeNow()
      return bytes === undefined ? incoming.collect().then(convert) : attempt(convert, bytes)
    }

    /** A response of Node's own making, for what is rare: it knows the media type. */
    #native(bytes: Bytes): Response {
      const type = joinedField([...this.headers].flat(), 'content-type')
      return new Response(bytes, type === undefined ? {} : { headers: { 'content-type': type } })
    }
  }
  const { prototype } = FetchedResponse
  // Who makes another response by `new response.constructor(body, init)` means the global class.
  Object.defineProperty(prototype, 'constructor', {
    value: Response,
    writable: true,
    enumerable: false,
    configurable: true,
  })
  // A loop over a response's names finds what it finds in any.
  for (const name of Object.keys(native)) {
    if (Object.hasOwn(prototype, name)) Object.defineProperty(prototype, name, { enumerable: true })
  }
  return FetchedResponse
}

function getterOf(name: string): unknown {
  return Object.getOwnPropertyDescriptor(Response.prototype, name)?.get
}

const bodyMethods = ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'formData'] as const

type Methods = Pick<Response, (typeof bodyMethods)[number] | 'clone'>

/**
 * The methods that are Node's own, in whose place ours may be used. Those of Response and of Request are made of the same text:
 * one that differs from its twin was put there before us.
 */
function nativeMethods(): Partial<Methods> {
  const own: Partial<Methods> = { clone: Response.prototype.clone }
  for (const name of bodyMethods) {
    const mine: unknown = Response.prototype[name]
    if (String(mine) === String(Request.prototype[name])) Object.assign(own, { [name]: mine })
  }
  return own
}

const noBytes = Buffer.alloc(0)

function attempt<T>(convert: (bytes: Buffer) => T, bytes: Buffer): Promise<T> {
  try {
    return Promise.resolve(convert(bytes))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** UTF-8 without a byte order mark. */
function toText(bytes: Buffer): string {
  const marked = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  return marked ? bytes.toString('utf8', 3) : bytes.toString('utf8')
}

function toJson(bytes: Buffer): unknown {
  return JSON.parse(toText(bytes))
}

/** The memory itself if the octets fill it, else a copy: it is shared with other bodies. */
function toBytes(bytes: Buffer): Bytes {
  const { buffer, byteLength } = bytes
  // Shared memory is nothing that comes from a socket.
  return buffer.byteLength === byteLength ? new Uint8Array(buffer as ArrayBuffer) : new Uint8Array(bytes)
}

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return toBytes(bytes).buffer
}

/** Was anything read from this stream? node:stream's types know only streams of its own. */
function wasRead(stream: ReadableStream): boolean {
  return Readable.isDisturbed(stream as unknown as Readable)
}

async function readAll(stream: ReadableStream<Bytes>): Promise<Buffer> {
  const reader = stream.getReader()
  const chunks: Bytes[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return chunks.length === 1 ? Buffer.from(chunks[0].buffer) : Buffer.concat(chunks)
    chunks.push(value)
  }
}
