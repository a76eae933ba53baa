/** Request bodies as axios knows them, after its own transformRequest. */
import { PassThrough, type Readable } from 'node:stream'
import { encodeForm, isFormData } from '../../src/client/form.ts'
import type { Body } from '../../src/exchange/contract.ts'

/** A body and the header fields that come with it. */
export interface AxiosBody {
  readonly body: Body | null
  /** Fields to set unless the caller set them: lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Fields to set whatever the caller set. */
  readonly force?: Readonly<Record<string, string>>
  /** Octets; -1 when not known. */
  readonly length: number
  /** Can it be sent to the target of a redirect as it is? */
  readonly replayable: boolean
}

export const NO_BODY: AxiosBody = { body: null, headers: {}, length: 0, replayable: true }

/** The package `form-data`. */
interface FormDataStream extends Pick<Readable, 'pipe'> {
  getHeaders(): Record<string, string>
  getLength(callback: (error: Error | null, length: number) => void): void
}

/** @returns undefined when axios's own adapter would refuse the data. */
export function readBody(
  data: unknown,
  boundary: string | undefined,
): AxiosBody | undefined | Promise<AxiosBody | undefined> {
  if (typeof data === 'string') return bytes(Buffer.from(data))
  if (data instanceof Uint8Array) return bytes(data)
  if (data instanceof ArrayBuffer) return bytes(new Uint8Array(data))
  if (isFormData(data)) {
    const form = encodeForm(data, boundary)
    const headers = { 'content-type': form.contentType, 'content-length': String(form.length) }
    return { body: form.body, headers: {}, force: headers, length: form.length, replayable: true }
  }
  if (isFormDataStream(data)) return readForm(data)
  if (data instanceof Blob) {
    const force: Record<string, string> = { 'content-length': String(data.size) }
    if (data.size > 0) force['content-type'] = data.type || 'application/octet-stream'
    return { body: data, headers: {}, force, length: data.size, replayable: true }
  }
  if (isStream(data)) {
    const body: AsyncIterable<Uint8Array> = isAsyncIterable(data) ? data : data.pipe(new PassThrough())
    return { body, headers: {}, length: -1, replayable: false }
  }
  // A web stream, or anything that yields bytes: axios's own adapter refuses it, and need not.
  if (isAsyncIterable(data)) return { body: data, headers: {}, length: -1, replayable: false }
  return undefined
}

async function readForm(data: FormDataStream): Promise<AxiosBody> {
  const length = await lengthOf(data)
  const own = Object.fromEntries(Object.entries(data.getHeaders()).map(([name, value]) => [name.toLowerCase(), value]))
  const headers: Record<string, string> = length === -1 ? {} : { 'content-length': String(length) }
  return { body: data.pipe(new PassThrough()), headers, force: own, length, replayable: false }
}

/** The body, as long as it is not longer than `max` octets. */
export async function* limited(
  source: AsyncIterable<Uint8Array | string>,
  max: number,
  tooLong: () => Error,
): AsyncGenerator<Uint8Array | string> {
  let sent = 0
  for await (const chunk of source) {
    sent += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
    if (sent > max) throw tooLong()
    yield chunk
  }
}

function bytes(body: Uint8Array): AxiosBody {
  return { body, headers: { 'content-length': String(body.length) }, length: body.length, replayable: true }
}

function isAsyncIterable(data: unknown): data is AsyncIterable<Uint8Array> {
  return typeof data === 'object' && data !== null && Symbol.asyncIterator in data
}

function isStream(data: unknown): data is Pick<Readable, 'pipe'> {
  return typeof data === 'object' && data !== null && 'pipe' in data && typeof data.pipe === 'function'
}

function isFormDataStream(data: unknown): data is FormDataStream {
  return isStream(data) && 'getHeaders' in data && typeof data.getHeaders === 'function' && 'getLength' in data
}

function lengthOf(form: FormDataStream): Promise<number> {
  return new Promise((resolve) => {
    form.getLength((error, length) => resolve(error !== null || !Number.isFinite(length) ? -1 : length))
  })
}

/** What axios's own adapter sends at a time, in octets. */
const PIECE = 65_536

/** Bytes piece by piece, so that there is progress to tell of; any other body as it is. */
export function inPieces(body: Body | null): Body | null {
  if (!(body instanceof Uint8Array) || body.length <= PIECE) return body
  return () => pieces(body)
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

/**
 * A streamed body that more than one request may read, one after the other: what was read is kept, and the next reader goes on
 * where the one before was left. A server may redirect before it has the whole body.
 */
export class Recorder {
  private chunks: Uint8Array[] = []
  private size = 0
  private count = 0
  private latest: Uint8Array = NO_BYTES
  private readers = 0
  private done = false
  private failure: { readonly error: unknown } | undefined
  private pending: Promise<void> | undefined
  private readonly source: AsyncIterator<Uint8Array | string>
  private readonly limit: number

  /** @param limit octets kept at the most. */
  constructor(source: AsyncIterable<Uint8Array | string>, limit: number) {
    this.source = source[Symbol.asyncIterator]()
    this.limit = limit
  }

  /** All of it was kept so far. */
  get kept(): boolean {
    return this.size <= this.limit
  }

  /** The whole body for one more request: as bytes when all of it was read. Readers before this one are over. */
  read(): Buffer | AsyncGenerator<Uint8Array> {
    const reader = ++this.readers
    return this.done && this.kept ? Buffer.concat(this.chunks) : this.readAs(reader)
  }

  /** Nobody will read any more. */
  close(): void {
    if (this.done) return
    this.done = true
    this.source.return?.().catch(ignore)
  }

  private async *readAs(reader: number): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; ; at++) {
        if (at === this.count && !this.done && this.failure === undefined) await this.pull()
        if (at < this.count) yield this.kept ? this.chunks[at] : this.latest
        else if (this.failure !== undefined) throw this.failure.error
        else return
      }
    } finally {
      // Given up, and not for another reader.
      if (reader === this.readers) this.close()
    }
  }

  /** A reader that was given up may wait for the same piece. */
  private pull(): Promise<void> {
    this.pending ??= this.take().finally(() => {
      this.pending = undefined
    })
    return this.pending
  }

  private async take(): Promise<void> {
    try {
      const { value, done } = await this.source.next()
      if (done === true) this.done = true
      else this.keep(typeof value === 'string' ? Buffer.from(value) : value)
    } catch (error) {
      this.failure = { error }
    }
  }

  private keep(octets: Uint8Array): void {
    this.count++
    this.latest = octets
    this.size += octets.length
    if (this.kept) this.chunks.push(octets)
    else this.chunks = []
  }
}

const NO_BYTES = new Uint8Array(0)

function ignore(): void {}
