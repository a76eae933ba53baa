/** Request bodies: whatever the caller gave, as bytes that are there or as a source to be read. */
import { abortReason, InvalidArgumentError } from '../errors.ts'
import type { Body, BodyChunk } from '../exchange.ts'

export interface PreparedBody {
  /** The whole body, when it is there already. */
  readonly bytes: Uint8Array | null
  /** Otherwise what gives it piece by piece. */
  readonly source: Iterable<BodyChunk> | AsyncIterable<BodyChunk> | null
  /** Octets, 0 for no body, -1 when not known beforehand. */
  readonly length: number
}

const NO_BODY: PreparedBody = { bytes: null, source: null, length: 0 }

/**
 * @throws {InvalidArgumentError} when the body is of no kind that can be sent.
 */
export function prepareBody(body: Body | null | undefined): PreparedBody {
  if (body === null || body === undefined) return NO_BODY
  if (typeof body === 'string') return ofBytes(Buffer.from(body))
  if (body instanceof Uint8Array) return ofBytes(body)
  if (body instanceof ArrayBuffer) return ofBytes(new Uint8Array(body))
  if (typeof body === 'function') return prepareBody(body())
  if (body instanceof Blob) {
    return body.size === 0 ? NO_BODY : { bytes: null, source: new WebSource(body.stream()), length: body.size }
  }
  if (body instanceof ReadableStream) return { bytes: null, source: new WebSource(body), length: -1 }
  if (typeof body === 'object' && (Symbol.asyncIterator in body || Symbol.iterator in body)) {
    return { bytes: null, source: body, length: -1 }
  }
  throw new InvalidArgumentError(`A request body cannot be made from ${Object.prototype.toString.call(body)}`)
}

function ofBytes(bytes: Uint8Array): PreparedBody {
  return bytes.length === 0 ? NO_BODY : { bytes, source: null, length: bytes.length }
}

/**
 * One piece of a streamed body as bytes.
 * @throws {InvalidArgumentError} when it is neither text nor bytes.
 */
export function chunkBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (chunk instanceof Uint8Array) return chunk
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw new InvalidArgumentError(`A body may yield text and bytes, not ${Object.prototype.toString.call(chunk)}`)
}

/** A web stream as a source that can be let go of while a read is under way: its own iterator cannot. */
export class WebSource implements AsyncIterable<BodyChunk>, AsyncIterator<BodyChunk, undefined> {
  private readonly stream: ReadableStream<BodyChunk>
  private reader: ReadableStreamDefaultReader<BodyChunk> | undefined

  constructor(stream: ReadableStream<BodyChunk>) {
    this.stream = stream
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<BodyChunk, undefined>> {
    this.reader ??= this.stream.getReader()
    const { done, value } = await this.reader.read()
    return done ? { done, value: undefined } : { done, value }
  }

  async return(): Promise<IteratorResult<BodyChunk, undefined>> {
    await this.cancel()
    return { done: true, value: undefined }
  }

  /** As that of a stream of node's. */
  destroy(reason: Error): void {
    // One that somebody else reads is theirs.
    this.cancel(reason).catch(ignore)
  }

  private cancel(reason?: Error): Promise<void> {
    return (this.reader ?? this.stream).cancel(reason)
  }
}

/** A body made by a function for an attempt that did not begin is let go of; what the caller gave is the caller's. */
export function discardMade(given: Body | null | undefined, made: PreparedBody | undefined): void {
  if (typeof given === 'function' && made !== undefined) discardSource(made.source, abortReason(undefined))
}

/** Lets go of a source that will not be read to its end. */
export function discardSource(source: PreparedBody['source'], reason: Error): void {
  if (source === null || !('destroy' in source) || typeof source.destroy !== 'function') return
  // Nobody may have listened to it yet, and its end is not to end the process.
  if ('on' in source && typeof source.on === 'function') source.on('error', ignore)
  try {
    source.destroy(reason)
  } catch {
    // It ends by itself.
  }
}

function ignore(): void {
  // It is told why; nobody else needs to know.
}
