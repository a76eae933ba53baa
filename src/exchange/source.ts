/**
 * What a body is read from: an iterable, a web stream, a stream of Node's. Each kind has its reader, which asks it for one piece
 * at a time, and its pieces are text or bytes.
 *
 * Hot path of uploads: no promise where the source makes none.
 */
import { finished, type Readable } from 'node:stream'
import { isAnyArrayBuffer, isUint8Array } from 'node:util/types'
import { InvalidArgumentError, toError } from '../errors.ts'
import { ignore } from '../ignore.ts'

/** One piece of a streamed body. */
export type BodyChunk = Uint8Array | string

/** What gives a body piece by piece. */
export type Source = Iterable<BodyChunk> | AsyncIterable<BodyChunk> | ReadableStream<BodyChunk>

/** Where a reader's pieces go. */
export interface Intake {
  /** The next piece; what it is, is still to be looked at. */
  take(value: unknown): void
  /** That was all. */
  finished(): void
  failed(thrown: unknown): void
}

/** Reads one source. It answers each `read()` with one call of its intake, at once or later. */
export interface Reader {
  read(): void
  /** Nobody will read any more: the source is told so. @param reason why; null: it is simply not wanted. */
  close(reason: Error | null): void
}

export function readerOf(intake: Intake, source: Source): Reader {
  if ('getReader' in source) return new WebStreamReader(intake, source)
  return isNodeStream(source) ? new StreamReader(intake, source) : new IteratorReader(intake, source)
}

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
export function destroySource(source: object, reason: Error | null): void {
  if (!('destroy' in source) || typeof source.destroy !== 'function') return
  // Nobody may have listened to it yet, and its end is not to end the process.
  if ('on' in source && typeof source.on === 'function') source.on('error', ignore)
  try {
    source.destroy(reason ?? undefined)
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

/** Of any realm. */
export function isUrlSearchParams(value: unknown): value is URLSearchParams {
  return Object.prototype.toString.call(value) === '[object URLSearchParams]'
}

/** A Blob of any realm. */
export function isBlob(value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null) return false
  return 'arrayBuffer' in value && 'stream' in value && 'size' in value && typeof value.stream === 'function'
}

/** Anything that can be iterated, at its own pace. */
class IteratorReader implements Reader {
  private readonly intake: Intake
  private readonly source: Iterable<unknown> | AsyncIterable<unknown>
  private iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null
  private readonly onResult = (result: IteratorResult<unknown>): void => this.settle(result)
  private readonly onFailure = (thrown: unknown): void => this.intake.failed(thrown)

  constructor(intake: Intake, source: Iterable<unknown> | AsyncIterable<unknown>) {
    this.intake = intake
    this.source = source
  }

  read(): void {
    const { source } = this
    try {
      this.iterator ??= Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
      const result = this.iterator.next()
      if ('then' in result) result.then(this.onResult, this.onFailure)
      else this.settle(result)
    } catch (thrown) {
      this.intake.failed(thrown)
    }
  }

  close(reason: Error | null): void {
    destroySource(this.source, reason)
    // How the source takes its end no longer matters: a generator that is just running refuses.
    try {
      const ended: unknown = this.iterator?.return?.()
      if (ended instanceof Promise) ended.catch(ignore)
    } catch {
      // It ends by itself.
    }
  }

  private settle(result: IteratorResult<unknown>): void {
    const { value } = result
    if (result.done === true) this.intake.finished()
    // What an iterator that is not asynchronous gives may be awaited, as `for await` does.
    else if (value instanceof Promise) value.then((octets) => this.intake.take(octets), this.onFailure)
    else this.intake.take(value)
  }
}

/** A web stream, by a reader: its own iterator cannot be let go of while a read is under way. */
class WebStreamReader implements Reader {
  private readonly intake: Intake
  private readonly stream: ReadableStream<unknown>
  private reader: ReadableStreamDefaultReader<unknown> | null = null
  private readonly onResult = (result: Awaited<ReturnType<ReadableStreamDefaultReader<unknown>['read']>>): void => {
    if (result.done) this.intake.finished()
    else this.intake.take(result.value)
  }
  private readonly onFailure = (thrown: unknown): void => this.intake.failed(thrown)

  constructor(intake: Intake, stream: ReadableStream<unknown>) {
    this.intake = intake
    this.stream = stream
  }

  read(): void {
    try {
      this.reader ??= this.stream.getReader()
    } catch (thrown) {
      this.intake.failed(thrown)
      return
    }
    this.reader.read().then(this.onResult, this.onFailure)
  }

  close(reason: Error | null): void {
    // One that somebody else reads is theirs.
    ;(this.reader ?? this.stream).cancel(reason ?? undefined).catch(ignore)
  }
}

/**
 * A stream of Node's, by its own events: no promise a piece. While pieces are wanted it flows, for then it gives them as they
 * are; `read()` copies all that is buffered into one. A stream with a listener for `readable` does not flow, and is read.
 */
class StreamReader implements Reader {
  private readonly intake: Intake
  private readonly stream: Readable
  private stop: (() => void) | null = null
  private wanted = false
  /** A piece is being handed over, so that the stream flows already. */
  private giving = false
  /** What came unasked, since somebody else has the stream flow as well; and the end after it. */
  private unasked: unknown[] = []
  private ended = false

  constructor(intake: Intake, stream: Readable) {
    this.intake = intake
    this.stream = stream
  }

  read(): void {
    const { stream, unasked } = this
    if (unasked.length > 0) {
      this.intake.take(unasked.shift())
    } else if (this.ended) {
      this.intake.finished()
    } else {
      this.wanted = true
      // What is there goes at once, with the head of the request.
      if (this.stop === null) this.start()
      else if (stream.listenerCount('readable') > 0) this.onReadable()
      else if (!this.giving) stream.resume()
    }
  }

  close(reason: Error | null): void {
    this.stop?.()
    destroySource(this.stream, reason)
  }

  private start(): void {
    const { stream } = this
    if (stream.listenerCount('readable') > 0) stream.on('readable', this.onReadable)
    stream.on('data', this.onData)
    const cleanup = finished(stream, { writable: false }, this.onFinished)
    this.stop = () => {
      cleanup()
      stream.off('data', this.onData)
      stream.off('readable', this.onReadable)
    }
    this.onReadable()
    if (this.wanted && this.stop !== null) stream.resume()
  }

  /** Reads what is there: it comes as `data`. */
  private readonly onReadable = (): void => {
    if (!this.wanted) return
    try {
      this.stream.read()
    } catch (thrown) {
      this.onFinished(toError(thrown))
    }
  }

  private readonly onData = (chunk: unknown): void => {
    if (!this.wanted) {
      this.unasked.push(chunk)
      return
    }
    this.wanted = false
    this.giving = true
    this.intake.take(chunk)
    this.giving = false
    if (!this.wanted) this.stream.pause()
  }

  private readonly onFinished = (error?: Error | null): void => {
    this.stop?.()
    if (error) this.intake.failed(error)
    else if (this.unasked.length === 0) this.intake.finished()
    else this.ended = true
  }
}

function isNodeStream(source: Source): source is Readable {
  return '_readableState' in source && 'read' in source && typeof source.read === 'function'
}
