/**
 * `UploadBody`: a request body that is not in memory as a whole, on its way from whoever has it to the attempt that sends it.
 *
 * Theory of operation
 * - Octets come from a source that is read (an iterable, a web stream, a stream of Node's by its own events), or from a writer
 *   that pushes them. They go to one sink at a time: the attempt under way. The sink says whether it has room; nothing is read
 *   ahead of it.
 * - What was read is kept up to a limit, so that another attempt can have the body from its beginning. Beyond the limit, what
 *   the sink has taken is let go, and only the attempt under way can have the rest.
 * - An attempt may end while a read is under way: what that read gives is kept for the next attempt, not lost.
 * - The source is closed once, by {@link UploadBody.close}, when nobody will read any more.
 *
 * Hot path of uploads: a loop, no promise where the source does not make one.
 */
import { finished, type Readable } from 'node:stream'
import { InvalidArgumentError, toError } from '../errors.ts'
import { MAX_REPLAY_OCTETS } from '../limits.ts'
import { chunkBytes, destroySource, type Source } from './body.ts'

/** What takes the octets: one attempt. */
export interface UploadSink {
  /** @returns false when it has no room for more now: {@link UploadBody.resume} follows. */
  onPiece(octets: Uint8Array): boolean
  /** That was all. */
  onUploadEnd(): void
  onUploadFailed(error: Error): void
}

/** Told when a writer may go on, or why it need not. */
export type Taken = (error?: Error | null) => void

interface Piece {
  readonly octets: Uint8Array
  /** Waits for the piece to be taken; null once it was told. */
  taken: Taken | null
}

/** Where the octets come from. It answers each `read()` with one call of `take`, `finish` or `fail`, at once or later. */
interface Reader {
  read(): void
  close(reason: Error): void
}

/** Of what comes in: more may come, that was all, it failed, or nobody wants it any more. */
type State = 'open' | 'ended' | 'failed' | 'closed'

export class UploadBody {
  private readonly limit: number
  private readonly reader: Reader | null
  private state: State = 'open'
  private failure: Error | null = null
  /** What is kept, from the piece with the number `dropped` on. */
  private pieces: Piece[] = []
  private dropped = 0
  private size = 0
  /** The number of the piece that the sink gets next. */
  private next = 0
  private sink: UploadSink | null = null
  private hasRoom = false
  /** The reader was asked and has not answered. */
  private reading = false
  /** The loop runs: whoever calls in from within it leaves the rest to it. */
  private pumping = false
  private whenEnded: Taken | null = null
  /** Called once when nobody will read any more: why, or null when all of it was taken. */
  onOver: ((error: Error | null) => void) | null = null

  /**
   * @param source null: a writer pushes.
   * @param limit octets kept for another attempt. Default `MAX_REPLAY_OCTETS`.
   */
  constructor(source: Source | null, limit: number = MAX_REPLAY_OCTETS) {
    this.limit = limit
    this.reader = source === null ? null : readerOf(this, source)
    // It may fail before anybody reads it, which is told when somebody does, and is not to end the process.
    if (source !== null && 'on' in source && typeof source.on === 'function') source.on('error', ignore)
  }

  /** Can another attempt have all of it? */
  get replayable(): boolean {
    return this.state !== 'closed' && this.dropped === 0 && (this.size <= this.limit || this.next === 0)
  }

  /** All of it came in and is kept: its octets. Otherwise null. */
  get whole(): Uint8Array | null {
    if (this.state !== 'ended' || this.dropped > 0 || this.size > this.limit) return null
    return Buffer.concat(this.pieces.map(({ octets }) => octets))
  }

  /** Nobody will read any more. */
  get closed(): boolean {
    return this.state === 'closed'
  }

  /** Why it was given up, by its writer or by who read it. */
  get error(): Error | null {
    return this.failure
  }

  /** The sink gets the body from its beginning; one before it gets no more. */
  attach(sink: UploadSink): void {
    if (this.state === 'closed' || this.dropped > 0) {
      const why = this.failure ?? new InvalidArgumentError('The beginning of the request body is no longer buffered')
      sink.onUploadFailed(why)
      return
    }
    this.sink = sink
    this.next = 0
    this.hasRoom = true
    this.pump()
  }

  /** The sink takes no more: its attempt is over. */
  detach(sink: UploadSink): void {
    if (this.sink === sink) this.sink = null
  }

  /** The sink has room again. */
  resume(sink: UploadSink): void {
    if (this.sink !== sink) return
    this.hasRoom = true
    this.pump()
  }

  /** Does it wait for whoever makes the body, and not for the sink? */
  get waitsForSource(): boolean {
    return this.sink !== null && this.hasRoom
  }

  /**
   * A writer's next octets.
   * @param taken is called when the next ones may come, or with the error that the body was given up with.
   */
  push(octets: Uint8Array, taken: Taken | null = null): void {
    if (this.state !== 'open') {
      taken?.(this.failure)
      return
    }
    this.keep(octets, taken)
    this.pump()
  }

  /** @param taken is called when all of it was taken, or with the error that the body was given up with. */
  end(taken: Taken | null = null): void {
    if (this.state !== 'open') {
      taken?.(this.failure)
      return
    }
    this.whenEnded = taken
    this.state = 'ended'
    this.pump()
  }

  /** The writer gives it up: so does whoever reads. */
  fail(error: Error): void {
    if (this.state !== 'open' && this.state !== 'ended') return
    this.state = 'failed'
    this.failure = error
    this.tellWriter(error)
    this.pump()
    this.tellOver(error)
  }

  /**
   * Nobody will read any more.
   * @param reason what the source is destroyed with.
   * @param error what the writer is told; null: what it writes is let go, and that is no failure.
   */
  close(reason: Error, error: Error | null = null): void {
    if (this.state === 'closed') return
    const open = this.state === 'open'
    this.state = 'closed'
    this.failure ??= error
    this.sink = null
    if (open) this.reader?.close(reason)
    this.tellWriter(error)
    this.pieces = []
    this.tellOver(error)
  }

  /** @internal The reader's next octets. */
  take(value: unknown): void {
    this.reading = false
    if (this.state !== 'open') return
    let octets: Uint8Array
    try {
      octets = chunkBytes(value)
    } catch (thrown) {
      this.failed(thrown)
      return
    }
    this.keep(octets, null)
    this.pump()
  }

  /** @internal The reader has come to the end. */
  finished(): void {
    this.reading = false
    if (this.state !== 'open') return
    this.state = 'ended'
    this.pump()
  }

  /** @internal The reader's source failed. */
  failed(thrown: unknown): void {
    this.reading = false
    if (this.state !== 'open') return
    this.state = 'failed'
    this.failure = toError(thrown)
    this.pump()
  }

  private keep(octets: Uint8Array, taken: Taken | null): void {
    this.size += octets.length
    this.pieces.push({ octets, taken })
  }

  private pump(): void {
    if (this.pumping) return
    this.pumping = true
    while (this.sink !== null && this.hasRoom && this.step(this.sink));
    this.pumping = false
  }

  /** @returns false when nothing more can be done now. */
  private step(sink: UploadSink): boolean {
    if (this.confirm()) return true
    const piece = this.pieces[this.next - this.dropped]
    if (piece !== undefined) {
      this.next++
      const room = sink.onPiece(piece.octets)
      if (this.sink === sink) this.hasRoom = room
      return true
    }
    switch (this.state) {
      case 'open':
        if (this.reading || this.reader === null) return false
        this.reading = true
        this.reader.read()
        return !this.reading
      case 'ended': {
        this.sink = null
        sink.onUploadEnd()
        const { whenEnded } = this
        this.whenEnded = null
        whenEnded?.()
        return false
      }
      default:
        this.sink = null
        sink.onUploadFailed(toError(this.failure))
        return false
    }
  }

  /** The sink asks for the next piece, so it has dealt with the one before. @returns true when its writer was told. */
  private confirm(): boolean {
    const last = this.pieces[this.next - 1 - this.dropped]
    if (last === undefined) return false
    const { taken } = last
    last.taken = null
    if (this.size > this.limit) {
      this.pieces.splice(0, this.next - this.dropped)
      this.dropped = this.next
    }
    taken?.()
    return taken !== null
  }

  private tellWriter(error: Error | null): void {
    for (const piece of this.pieces) {
      const { taken } = piece
      piece.taken = null
      taken?.(error)
    }
    const { whenEnded } = this
    this.whenEnded = null
    whenEnded?.(error)
  }

  private tellOver(error: Error | null): void {
    const { onOver } = this
    this.onOver = null
    onOver?.(error)
  }
}

function readerOf(body: UploadBody, source: Source): Reader {
  if ('getReader' in source) return new WebStreamReader(body, source)
  return isNodeStream(source) ? new StreamReader(body, source) : new IteratorReader(body, source)
}

/** Anything that can be iterated, at its own pace. */
class IteratorReader implements Reader {
  private readonly body: UploadBody
  private readonly source: Iterable<unknown> | AsyncIterable<unknown>
  private iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null
  private readonly onResult = (result: IteratorResult<unknown>): void => this.settle(result)
  private readonly onFailure = (thrown: unknown): void => this.body.failed(thrown)

  constructor(body: UploadBody, source: Iterable<unknown> | AsyncIterable<unknown>) {
    this.body = body
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
      this.body.failed(thrown)
    }
  }

  close(reason: Error): void {
    destroySource(this.source, reason)
    // How the source takes its end is nobody's business any more: a generator that is just running refuses.
    try {
      const ended: unknown = this.iterator?.return?.()
      if (ended instanceof Promise) ended.catch(ignore)
    } catch {
      // It ends by itself.
    }
  }

  private settle(result: IteratorResult<unknown>): void {
    const { value } = result
    if (result.done === true) this.body.finished()
    // What an iterator that is not asynchronous gives may be awaited, as `for await` does.
    else if (value instanceof Promise) value.then((octets) => this.body.take(octets), this.onFailure)
    else this.body.take(value)
  }
}

/** A web stream, by a reader: its own iterator cannot be let go of while a read is under way. */
class WebStreamReader implements Reader {
  private readonly body: UploadBody
  private readonly stream: ReadableStream<unknown>
  private reader: ReadableStreamDefaultReader<unknown> | null = null
  private readonly onResult = (result: Awaited<ReturnType<ReadableStreamDefaultReader<unknown>['read']>>): void => {
    if (result.done) this.body.finished()
    else this.body.take(result.value)
  }
  private readonly onFailure = (thrown: unknown): void => this.body.failed(thrown)

  constructor(body: UploadBody, stream: ReadableStream<unknown>) {
    this.body = body
    this.stream = stream
  }

  read(): void {
    try {
      this.reader ??= this.stream.getReader()
    } catch (thrown) {
      this.body.failed(thrown)
      return
    }
    this.reader.read().then(this.onResult, this.onFailure)
  }

  close(reason: Error): void {
    // One that somebody else reads is theirs.
    ;(this.reader ?? this.stream).cancel(reason).catch(ignore)
  }
}

/** A stream of Node's, by its own events: no promise a piece. */
class StreamReader implements Reader {
  private readonly body: UploadBody
  private readonly stream: Readable
  private stop: (() => void) | null = null
  private wanted = false

  constructor(body: UploadBody, stream: Readable) {
    this.body = body
    this.stream = stream
  }

  read(): void {
    this.wanted = true
    if (this.stop === null) {
      this.stream.on('readable', this.onReadable)
      const cleanup = finished(this.stream, { writable: false }, this.onFinished)
      this.stop = () => {
        cleanup()
        this.stream.off('readable', this.onReadable)
      }
    }
    this.onReadable()
  }

  close(reason: Error): void {
    this.stop?.()
    destroySource(this.stream, reason)
  }

  private readonly onReadable = (): void => {
    if (!this.wanted) return
    let chunk: unknown
    try {
      chunk = this.stream.read()
    } catch (thrown) {
      this.onFinished(toError(thrown))
      return
    }
    if (chunk === null) return
    this.wanted = false
    this.body.take(chunk)
  }

  private readonly onFinished = (error?: Error | null): void => {
    this.stop?.()
    if (error) this.body.failed(error)
    else this.body.finished()
  }
}

function isNodeStream(source: Source): source is Readable {
  return '_readableState' in source && 'read' in source && typeof source.read === 'function'
}

function ignore(): void {
  // Nobody waits for it.
}
