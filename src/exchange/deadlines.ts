/**
 * Deadlines of exchanges, kept once: one timer for all of a pool, and for the pushes of a connection. Setting a
 * deadline costs a comparison; only when the earliest one known may have passed are the exchanges asked for theirs.
 */

import { Bag, type Bagged } from '../bag.ts'
import { DEADLINE_GRAIN } from '../limits.ts'
import { DeadlineTimer } from '../session/deadline.ts'

/** What can wait. */
export interface Waiting extends Bagged {
  /** Deals with what is due at `at` and returns the next deadline, Infinity for none. */
  checkDeadline(at: number): number
}

export class Deadlines {
  private readonly waiting = new Bag<Waiting>()
  private readonly timer = new DeadlineTimer((at) => this.check(at))

  add(one: Waiting): void {
    this.waiting.add(one)
  }

  delete(one: Waiting): void {
    this.waiting.delete(one)
    if (this.waiting.size === 0) this.timer.stop()
  }

  /** One of them waits until `deadline` at the most. */
  request(deadline: number): void {
    this.timer.request(deadline)
  }

  private check(at: number): number {
    let next = Number.POSITIVE_INFINITY
    // Whoever is ended may end others, or begin something new.
    for (const one of this.waiting.all()) next = Math.min(next, one.checkDeadline(at))
    // Of very many some are due at any time: they are not all looked at for each.
    return Math.max(next, at + this.waiting.size * DEADLINE_GRAIN)
  }
}
