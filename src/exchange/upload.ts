/**
 * `UploadBody`: a request body that is not in memory as a whole, on its way from whoever has it to the attempt that sends it.
 *
 * Theory of operation
 * - Octets come from a source that is read (source.ts), or from a writer that pushes them. They go to one sink at a time: the
 *   attempt under way. The sink says whether it has room; nothing is read ahead of it.
 * - What was read is kept up to a limit, so that another attempt can have the body from its beginning. Beyond the limit, what
 *   the sink has taken is let go, and only the attempt under way can have the rest.
 * - An attempt may end while a read is under way: what that read gives is kept for the next attempt, not lost.
 * - The source is closed once, when nobody will read any more. Whose part that is, is settled from the beginning: the exchange's
 *   that was given the body, or with `owned` that of whoever made it, who may give it to one exchange after another.
 *
 * Hot path of uploads: a loop, no promise where the source does not make one.
 */
import { InvalidArgumentError, toError } from '../errors.ts'
import { ignore } from '../ignore.ts'
import { MAX_REPLAY_OCTETS } from '../limits.ts'
import { chunkBytes, type Intake, type Reader, readerOf, type Source } from './source.ts'

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

export interface UploadOptions {
  /** Octets kept for another attempt. Default `MAX_REPLAY_OCTETS`. */
  readonly limit?: number | undefined
  /** Who made it closes it; an exchange that is over only lets go of it. Default false: the exchange closes it. */
  readonly owned?: boolean | undefined
  /** How the source, when an exchange fails, is told why: in the words of whoever gave it. */
  readonly asTold?: ((error: Error) => Error) | undefined
  /** Nothing of it goes to a sink before {@link UploadBody.open}. The function is called when the first sink waits for that. */
  readonly whenAwaited?: (() => void) | undefined
  /** Called with each piece that the source gives. What it throws, the body fails with. */
  readonly onRead?: ((octets: Uint8Array) => void) | undefined
  /** Called with each piece when a sink has dealt with it; once, however often it is sent. */
  readonly onTaken?: ((octets: Uint8Array) => void) | undefined
}

interface Piece {
  readonly octets: Uint8Array
  /** Waits for the piece to be taken; null once it was told. */
  taken: Taken | null
}

/** Of what comes in: more may come, that was all, it failed, or nobody wants it any more. */
type State = 'open' | 'ended' | 'failed' | 'closed'

const NO_OPTIONS: UploadOptions = {}

export class UploadBody implements Intake {
  private readonly limit: number
  private readonly owned: boolean
  private readonly asTold: ((error: Error) => Error) | undefined
  private readonly onRead: ((octets: Uint8Array) => void) | undefined
  private readonly onTaken: ((octets: Uint8Array) => void) | undefined
  private readonly reader: Reader | null
  private state: State = 'open'
  private failure: Error | null = null
  /** What is kept, from the piece with the number `dropped` on. */
  private pieces: Piece[] = []
  private dropped = 0
  private size = 0
  /** The number of the piece that the sink gets next, and of the first that `onTaken` has not heard of. */
  private next = 0
  private told = 0
  private sink: UploadSink | null = null
  private hasRoom = false
  /** Whatever the state: a writer may push, and end, before it is opened. */
  private unopened: boolean
  private whenAwaited: (() => void) | null
  /** The reader was asked and has not answered. */
  private reading = false
  /** The loop runs: whoever calls in from within it leaves the rest to it. */
  private pumping = false
  private whenEnded: Taken | null = null
  /** Called once when nobody will read any more: why, or null when all of it was taken. */
  onOver: ((error: Error | null) => void) | null = null

  /** @param source null: a writer pushes. */
  constructor(source: Source | null, options: UploadOptions = NO_OPTIONS) {
    const { limit = MAX_REPLAY_OCTETS, owned = false, asTold, whenAwaited, onRead, onTaken } = options
    this.limit = limit
    this.owned = owned
    this.asTold = asTold
    this.unopened = whenAwaited !== undefined
    this.whenAwaited = whenAwaited ?? null
    this.onRead = onRead
    this.onTaken = onTaken
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

  /** From now on its octets may go to a sink. */
  open(): void {
    this.unopened = false
    this.pump()
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
    const { whenAwaited } = this
    this.whenAwaited = null
    if (this.unopened) whenAwaited?.()
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

  /**
   * A writer's next octets.
   * @param taken is called when the next ones may come, or with the error that the body was given up with.
   * @returns false when the writer should wait for that.
   */
  push(octets: Uint8Array, taken: Taken | null = null): boolean {
    if (this.state !== 'open') {
      taken?.(this.failure)
      return true
    }
    this.keep(octets, taken)
    this.pump()
    return this.sink !== null && this.hasRoom
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

  /** The writer gives it up: so does whoever reads. A source is told so, too. */
  fail(error: Error): void {
    if (this.state !== 'open' && this.state !== 'ended') return
    if (this.state === 'open') this.reader?.close(error)
    this.state = 'failed'
    this.failure = error
    this.tellWriter(error)
    this.pump()
    this.tellOver(error)
  }

  /**
   * Nobody will read any more.
   * @param reason what the source is destroyed with; null: it is simply not wanted any more.
   * @param error what the writer is told; null: what it writes is let go, and that is no failure.
   */
  close(reason: Error | null = null, error: Error | null = null): void {
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

  /**
   * An exchange that had it is over: closes it, unless it is somebody's who may have more to do with it.
   * @param error what the exchange ended with; null when it ended well.
   */
  release(error: Error | null): void {
    if (this.owned) return
    const told = error !== null && this.asTold !== undefined ? this.asTold(error) : error
    this.close(told, told)
  }

  /** @internal The reader's next octets. */
  take(value: unknown): void {
    this.reading = false
    if (this.state !== 'open') return
    let octets: Uint8Array
    try {
      octets = chunkBytes(value)
      this.onRead?.(octets)
    } catch (thrown) {
      const error = toError(thrown)
      // The source knows nothing of it, and would wait for ever.
      this.reader?.close(error)
      this.failed(error)
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
    while (this.sink !== null && this.hasRoom && (!this.unopened || this.state === 'failed') && this.step(this.sink));
    this.pumping = false
  }

  /** @returns false when nothing more can be done now. */
  private step(sink: UploadSink): boolean {
    if (this.confirm()) return true
    // A body that fails before it is opened is not sent at all.
    const piece = this.unopened ? undefined : this.pieces[this.next - this.dropped]
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

  /** The sink asks for the next piece, so it has dealt with the one before. @returns true when somebody was told. */
  private confirm(): boolean {
    const last = this.pieces[this.next - 1 - this.dropped]
    if (last === undefined) return false
    const { taken } = last
    last.taken = null
    const isNews = this.onTaken !== undefined && this.next > this.told
    this.told = Math.max(this.told, this.next)
    if (this.size > this.limit) {
      this.pieces.splice(0, this.next - this.dropped)
      this.dropped = this.next
    }
    taken?.()
    if (isNews) this.onTaken?.(last.octets)
    return taken !== null || isNews
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
