/** Frames for streams that are closed: those on their way when we reset the stream are let pass (RFC 9113 section 5.1). */
import { MAX_REMEMBERED_RESETS } from '../limits.ts'
import type { Core } from './core.ts'
import { closedError, protocolError } from './faults.ts'

export class LateFrames {
  private readonly core: Core
  /** Streams that were reset, by us or by the peer, or left out by its GOAWAY; oldest first. */
  private readonly resets = new Set<number>()
  /** Late frames of all streams up to this one are let pass too. */
  private lateFramesUpTo = 0

  constructor(core: Core) {
    this.core = core
  }

  /** This stream was reset. */
  remember(id: number): void {
    this.resets.add(id)
    if (this.resets.size <= MAX_REMEMBERED_RESETS) return
    // A set keeps its order: the first is the oldest. What is forgotten is let pass, with all before it.
    const oldest = Number(this.resets.values().next().value)
    this.resets.delete(oldest)
    this.lateFramesUpTo = Math.max(this.lateFramesUpTo, oldest)
  }

  /** @throws {ConnectionFault} when a frame for this stream, which is not open, may not come. */
  check(id: number, what: string): void {
    const idle = this.core.isIdle(id)
    if (this.resets.has(id) || this.core.isIgnored(id) || (id <= this.lateFramesUpTo && id !== 0 && !idle)) {
      // DATA is bounded by the windows that we granted, and a server may have a whole one on its way for each stream.
      if (what !== 'DATA') this.core.budgets.spend('lateFrames')
      return
    }
    if (idle) throw protocolError(`${what} on idle stream ${id}`)
    throw closedError(`${what} on closed stream ${id}`)
  }
}
