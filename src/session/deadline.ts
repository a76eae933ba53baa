/**
 * One timer for many deadlines. Setting a deadline costs a comparison; only when the earliest one known may have
 * passed are the holders asked, and the timer is set again for what they answer.
 */

import { clearImmediate, clearTimeout, performanceNow, setImmediate, setTimeout } from '../clock.ts'
import { LATE_TIMER, LONGEST_TIMER } from '../limits.ts'

/** Milliseconds on a clock that never goes back. */
export function now(): number {
  return performanceNow()
}

export class DeadlineTimer {
  private readonly check: (now: number) => number
  private timer: NodeJS.Timeout | undefined
  private chance: NodeJS.Immediate | undefined
  private due = Number.POSITIVE_INFINITY

  /**
   * @param check deals with what is due at `now` and returns the next deadline (Infinity for none).
   */
  constructor(check: (now: number) => number) {
    this.check = check
  }

  /** Sees to it that `check` is called at `deadline` at the latest. */
  request(deadline: number): void {
    if (deadline < this.due) this.arm(deadline)
  }

  stop(): void {
    clearTimeout(this.timer)
    clearImmediate(this.chance)
    this.due = Number.POSITIVE_INFINITY
  }

  private arm(deadline: number): void {
    clearTimeout(this.timer)
    this.due = deadline
    if (deadline === Number.POSITIVE_INFINITY) return
    // Rounded up, so that what was due at `deadline` is due when the timer fires; longer than a timer can count, it fires early.
    const delay = Math.min(Math.max(Math.ceil(deadline - now()), 1), LONGEST_TIMER)
    this.timer = setTimeout(this.fire, delay)
    this.timer.unref()
  }

  /**
   * A timer that is late has waited for an event loop that was blocked, and what the deadlines wait for may lie unread in the
   * sockets: they are read before anything is ended.
   */
  private readonly fire = (): void => {
    if (now() - this.due > LATE_TIMER) this.chance = setImmediate(this.run)
    else this.run()
  }

  private readonly run = (): void => {
    this.due = Number.POSITIVE_INFINITY
    const next = this.check(now())
    if (next < this.due) this.arm(next)
  }
}
