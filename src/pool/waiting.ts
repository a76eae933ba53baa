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

  push(waiter: T): void {
    waiter.inLine = true
    waiter.before = this.tail
    waiter.after = null
    if (this.tail === null) this.head = waiter
    else this.tail.after = waiter
    this.tail = waiter
    this.length++
  }

  /** Puts a waiter before all others: it waited already. */
  unshift(waiter: T): void {
    waiter.inLine = true
    waiter.before = null
    waiter.after = this.head
    if (this.head === null) this.tail = waiter
    else this.head.before = waiter
    this.head = waiter
    this.length++
  }

  shift(): T | null {
    const first = this.head
    if (first !== null) this.remove(first)
    return first
  }

  remove(waiter: T): void {
    if (!waiter.inLine) return
    waiter.inLine = false
    // Only waiters of type T are ever linked here.
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
