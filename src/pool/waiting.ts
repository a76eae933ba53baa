/** A line of waiting exchanges, linked through themselves: joining, leaving from anywhere and being called cost the same. */
export interface Waiter {
  before: Waiter | null
  after: Waiter | null
  inLine: boolean
}

export class WaitingLine<T extends Waiter> {
  length = 0
  private head: T | null = null
  private tail: T | null = null

  /** The one that pushFront() took last. */
  private lastInFront: T | null = null

  push(waiter: T): void {
    this.link(waiter, this.tail, null)
  }

  /** Puts a waiter that has had its turn before in front: behind those put there just before it, so that order is kept. */
  pushFront(waiter: T): void {
    const anchor = this.lastInFront
    this.lastInFront = waiter
    if (anchor === null || !anchor.inLine) {
      this.link(waiter, null, this.head)
    } else {
      // Only waiters of type T are ever linked here.
      this.link(waiter, anchor, anchor.after as T | null)
    }
  }

  get first(): T | null {
    return this.head
  }

  shift(): T | null {
    const first = this.head
    if (first !== null) this.remove(first)
    return first
  }

  /** Calls `visit` with each, first to last; it must change nothing. */
  forEach(visit: (waiter: T) => void): void {
    for (let waiter = this.head; waiter !== null; ) {
      const next = waiter.after as T | null
      visit(waiter)
      waiter = next
    }
  }

  private link(waiter: T, before: T | null, after: T | null): void {
    waiter.inLine = true
    waiter.before = before
    waiter.after = after
    if (before === null) this.head = waiter
    else before.after = waiter
    if (after === null) this.tail = waiter
    else after.before = waiter
    this.length++
  }

  remove(waiter: T): void {
    if (!waiter.inLine) return
    waiter.inLine = false
    const before = waiter.before as T | null
    const after = waiter.after as T | null
    if (before === null) this.head = after
    else before.after = after
    if (after === null) this.tail = before
    else after.before = before
    waiter.before = null
    waiter.after = null
    this.length--
  }
}
