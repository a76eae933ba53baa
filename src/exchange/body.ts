/** The kinds of bodies, of any realm: bytes, Blobs, and sources that give them piece by piece. */
import { isAnyArrayBuffer, isUint8Array } from 'node:util/types'
import { InvalidArgumentError } from '../errors.ts'

/** One piece of a streamed body. */
export type BodyChunk = Uint8Array | string

/** What gives a body piece by piece. */
export type Source = Iterable<BodyChunk> | AsyncIterable<BodyChunk> | ReadableStream<BodyChunk>

/** A body that is read piece by piece, and only once. */
export function isSource(body: unknown): body is Source {
  if (typeof body !== 'object' || body === null || isUint8Array(body) || isAnyArrayBuffer(body) || isBlob(body))
    return false
  return Symbol.asyncIterator in body || Symbol.iterator in body || 'getReader' in body
}

/**
 * One piece of a streamed body as bytes.
 * @throws {InvalidArgumentError} when it is neither text nor bytes.
 */
export function chunkBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  const bytes = bytesOf(chunk)
  if (bytes !== null) return bytes
  throw new InvalidArgumentError(`A body may yield text and bytes, not ${Object.prototype.toString.call(chunk)}`)
}

/** A source that will not be read to its end. What it does with that is its own business. */
export function destroySource(source: object, reason: Error): void {
  if (!('destroy' in source) || typeof source.destroy !== 'function') return
  // Nobody may have listened to it yet, and its end is not to end the process.
  if ('on' in source && typeof source.on === 'function') source.on('error', ignore)
  try {
    source.destroy(reason)
  } catch {
    // It ends by itself.
  }
}

/** Bytes of any kind and of any realm. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (isUint8Array(value)) return value
  if (isAnyArrayBuffer(value)) return new Uint8Array(value)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return null
}

export function isBlob(value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null) return false
  return 'arrayBuffer' in value && 'stream' in value && 'size' in value && typeof value.stream === 'function'
}

function ignore(): void {
  // It is told why; nobody else needs to know.
}
