/**
 * The Response that fetch gives: an instance of the global class, made without the cost of its constructor's body.
 *
 * Rules
 * - `instanceof Response`, and `constructor === Response`, hold; whatever the standard defines is there.
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

/** A Response with the trailer section. */
export interface HyperResponse extends Response {
  /**
   * The trailer section (RFC 9110 section 6.5): settles when the body has arrived, with no fields when there are none;
   * rejects as the body does. A body that nobody has read by then is kept in memory.
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
  const Base = Response as unknown as new (body: null, init: ResponseInit | undefined) => object
  const nativeHeaders = Object.getOwnPropertyDescriptor(Response.prototype, 'headers')?.get as () => Headers

  class FetchedResponse extends Base {
    readonly #head: ResponseHead
    readonly #incoming: IncomingBody | undefined
    /** One half of a body that was cloned, or what stands for a body that was read. */
    #stream: ReadableStream<Bytes> | undefined
    /** The octets were, or are being, taken as a whole. */
    #taken = false
    #headersBuilt = false
    #trailers: Promise<Headers> | undefined

    constructor(head: ResponseHead, incoming: IncomingBody | undefined, stream?: ReadableStream<Bytes>) {
      // What the class's own getters see, whoever calls them on this. Its headers are filled when somebody looks.
      const { status, statusText } = head
      super(null, status >= 200 && status <= 599 ? { status, statusText } : undefined)
      this.#head = head
      this.#incoming = incoming
      this.#stream = stream
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
      return this.#head.status
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
      if (!this.#headersBuilt) {
        this.#headersBuilt = true
        appendFields(headers, this.#head.fields)
        // As those of Node's fetch, which are the server's.
        Object.defineProperties(headers, immutable)
      }
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
      if (this.#incoming === undefined) return null
      this.#stream ??= this.#taken ? readAlready() : this.#incoming.stream()
      return this.#stream
    }

    get bodyUsed(): boolean {
      return this.#taken || (this.#stream !== undefined && wasRead(this.#stream))
    }

    text(): Promise<string> {
      return this.#read(toText)
    }

    json(): Promise<unknown> {
      return this.#read(toJson)
    }

    arrayBuffer(): Promise<ArrayBuffer> {
      return this.#read(toArrayBuffer)
    }

    bytes(): Promise<Bytes> {
      return this.#read(toBytes)
    }

    blob(): Promise<Blob> {
      return this.#read(toBytes).then((bytes) => this.#native(bytes).blob())
    }

    formData(): Promise<FormData> {
      return this.#read(toBytes).then((bytes) => this.#native(bytes).formData())
    }

    clone(): FetchedResponse {
      if (this.bodyUsed || this.#stream?.locked === true) {
        throw new TypeError('Response.clone: Body has already been consumed.')
      }
      const incoming = this.#incoming
      if (incoming === undefined) return this.#copy(undefined, undefined)
      const fork = this.#stream === undefined ? incoming.fork() : undefined
      if (fork !== undefined) return this.#copy(fork, undefined)
      const [mine, theirs] = (this.#stream ?? incoming.stream()).tee()
      this.#stream = mine
      return this.#copy(incoming, theirs)
    }

    #copy(incoming: IncomingBody | undefined, stream: ReadableStream<Bytes> | undefined): FetchedResponse {
      return new FetchedResponse(this.#head, incoming, stream)
    }

    #read<T>(convert: (bytes: Buffer) => T): Promise<T> {
      const incoming = this.#incoming
      if (incoming === undefined) return attempt(convert, noBytes)
      if (this.bodyUsed || this.#stream?.locked === true) {
        return Promise.reject(new TypeError('Body is unusable: Body has already been read'))
      }
      this.#taken = true
      const { signal } = this.#head
      if (signal?.aborted === true) return Promise.reject(signal.reason)
      if (this.#stream !== undefined) return readAll(this.#stream).then(convert)
      const bytes = incoming.takeNow()
      return bytes === undefined ? incoming.collect().then(convert) : attempt(convert, bytes)
    }

    /** A response of Node's own making, for what is rare: it knows the media type. */
    #native(bytes: Bytes): Response {
      const type = joinedField([...this.headers].flat(), 'content-type')
      return new Response(bytes, type === undefined ? {} : { headers: { 'content-type': type } })
    }
  }
  // Who makes another response by `new response.constructor(body, init)` means the global class.
  Object.defineProperty(FetchedResponse.prototype, 'constructor', {
    value: Response,
    writable: true,
    enumerable: false,
    configurable: true,
  })
  return FetchedResponse
}

const noBytes = Buffer.alloc(0)

/** Not enumerable, so that the headers print and compare as any. */
const immutable: PropertyDescriptorMap = Object.fromEntries(
  ['append', 'delete', 'set'].map((name) => [name, { value: refuse, writable: true, configurable: true }]),
)

function refuse(): never {
  throw new TypeError('immutable')
}

function appendFields(headers: Headers, fields: FieldList): void {
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i], fields[i + 1])
}

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

/** What `body` is after the octets were taken past it: a stream at its end, locked by whoever took them. */
function readAlready(): ReadableStream<Bytes> {
  const stream = new ReadableStream({
    type: 'bytes',
    start: (controller: ReadableByteStreamController) => controller.close(),
  }) as ReadableStream<Bytes>
  stream.getReader()
  return stream
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
