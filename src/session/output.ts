/**
 * What a session writes: one write a turn, of what the engine has ready.
 *
 * Rules
 * - What the reads of one turn of the event loop lead to is written once, after the last of them; what begins outside of
 *   reading is written as soon as the microtasks have run.
 * - While the socket is full nothing more is framed, and what comes after is framed in small portions, so that what is
 *   urgent does not wait behind what is not.
 * - Only the session may end it: a failed write is reported, once.
 */

import { nextTick } from '../clock.ts'
import { toError } from '../errors.ts'
import type { H2Connection } from '../h2/index.ts'
import { BLOCKED_WRITE_BUDGET, WRITE_BUDGET } from '../limits.ts'
import type { FrameLog } from './frame-log.ts'
import type { Liveness } from './liveness.ts'
import { StallDetector } from './stall.ts'
import type { Wire } from './wire.ts'

/** What it serves. */
export interface OutputOwner {
  readonly h2: H2Connection
  readonly liveness: Liveness
  /** The time of the current turn, milliseconds on a monotonic clock. */
  readonly time: number
  readonly closed: boolean
  /** What this turn has led to is being written. */
  endTurn(): void
  /** It is about to write: the clock is read, and what belongs to this turn is added. */
  onFlush(): void
  /** The socket is full, or takes more again: something is to be looked at by then. */
  onStall(due: number): void
  onWriteFailed(cause: Error): void
}

export class Output {
  /** The socket is full: nothing more is written. */
  blocked = false
  /** Reads of this turn may still follow: what they lead to is written together. */
  reading = false
  /** Hears of each write. */
  written: (error?: Error | null) => void = () => {}
  private readonly owner: OutputOwner
  private readonly socket: Wire
  private readonly log: FrameLog | undefined
  private readonly stall: StallDetector
  private scheduled = false
  private wasBlocked = false
  /** They hear when what is framed now has been written. */
  private waiting: (() => void)[] | undefined

  /** @param writeTimeout milliseconds without progress of a full socket that are too many; 0 = none are. */
  constructor(owner: OutputOwner, socket: Wire, writeTimeout: number, log: FrameLog | undefined) {
    this.owner = owner
    this.socket = socket
    this.stall = new StallDetector(writeTimeout)
    this.log = log
  }

  /** The engine has something to be written. */
  schedule(): void {
    if (this.scheduled || this.reading) return
    this.scheduled = true
    nextTick(flush, this)
  }

  /** Calls when everything that is framed by now has been written to the socket; never, when the connection ends before. */
  whenWritten(hear: () => void): void {
    this.waiting ??= []
    this.waiting.push(hear)
  }

  /** Writes what this turn produced. */
  flush(): void {
    this.scheduled = false
    const { owner, socket } = this
    owner.endTurn()
    if (this.blocked || owner.closed) return
    owner.onFlush()
    // Taken even when it is empty: only what has been taken is announced anew.
    const segments = owner.h2.takeOutput(this.wasBlocked ? BLOCKED_WRITE_BUDGET : WRITE_BUDGET)
    this.wasBlocked = false
    if (segments.length === 0) return
    // What they wait for is among these: the engine gives out all that it has framed.
    const last = this.waiting === undefined ? this.written : this.tellWritten(this.waiting)
    this.waiting = undefined
    let ready = true
    if (segments.length === 1) {
      ready = this.write(segments[0], last)
    } else {
      socket.cork()
      const end = segments.length - 1
      for (let i = 0; i <= end; i++) ready = this.write(segments[i], i === end ? last : this.written)
      socket.uncork()
    }
    if (owner.closed) return
    if (!ready) this.block()
    else if (owner.h2.hasOutput) this.schedule()
  }

  /** Writes what is left, whatever the socket says: nothing comes after it. */
  flushLast(): void {
    for (const segment of this.owner.h2.takeOutput(WRITE_BUDGET)) this.write(segment, this.written)
  }

  /** The socket takes more again. */
  unblock(at: number): void {
    this.blocked = false
    this.wasBlocked = true
    this.owner.liveness.setBlocked(false, at)
    this.owner.onStall(this.owner.liveness.doubtAt)
    this.flush()
  }

  /** When a full socket counts as stalled, which may be now; Infinity while it is not full. */
  stalledAt(at: number): number {
    return this.blocked ? this.stall.look(this.socket.writableLength, at) : Number.POSITIVE_INFINITY
  }

  private block(): void {
    const { time, liveness } = this.owner
    this.blocked = true
    liveness.setBlocked(true, time)
    this.owner.onStall(this.stall.begin(this.socket.writableLength, time))
  }

  /** The callback of a write that others wait for, too. */
  private tellWritten(waiting: readonly (() => void)[]): Output['written'] {
    return (error) => {
      this.written(error)
      if (!error) for (const hear of waiting) hear()
    }
  }

  /** @returns does the socket take more? */
  private write(segment: Buffer, written: Output['written']): boolean {
    this.owner.liveness.bytesWritten += segment.length
    this.log?.sent(segment)
    try {
      return this.socket.write(segment, written)
    } catch (thrown) {
      // Node's sockets do not throw; what somebody made of one may.
      this.owner.onWriteFailed(toError(thrown))
      return false
    }
  }
}

function flush(output: Output): void {
  output.flush()
}
