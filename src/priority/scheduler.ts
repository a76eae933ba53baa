/**
 * Who may send next (RFC 9218 section 10): lower urgency first; within an urgency, those that are incremental take turns,
 * and one that is not keeps its turn until it has nothing to send.
 *
 * Hot path: eight rings linked through the members themselves. Every operation is constant time but remove() of a member
 * that is not at the head, which walks its ring.
 */

/** What can be scheduled: a stream, with the two parameters of RFC 9218 and room for the scheduler's links. */
export interface Schedulable {
  /** 0 (most urgent) to 7. Changed by `Scheduler.reprioritize` only, while it is scheduled. */
  urgency: number
  /** Does it share its turn with its equals? */
  incremental: boolean
  /** The next of its ring; the scheduler's own. */
  next: Schedulable | null
  /** Is it in a ring? The scheduler's own. */
  scheduled: boolean
}

/** Urgencies of RFC 9218 section 4.1. */
export const URGENCY_LEVELS = 8

/** Members of all urgencies that have something to send. */
export class Scheduler<T extends Schedulable> {
  /** The last of each ring; its `next` is the first. */
  private readonly tails: (T | null)[] = new Array<T | null>(URGENCY_LEVELS).fill(null)
  private count = 0

  /** Whether no member has something to send. */
  get empty(): boolean {
    return this.count === 0
  }

  /** Puts a member that has something to send at the end of its ring. */
  add(member: T): void {
    if (member.scheduled) return
    member.scheduled = true
    this.count++
    const tail = this.tails[member.urgency]
    if (tail === null) {
      member.next = member
    } else {
      member.next = tail.next
      tail.next = member
    }
    this.tails[member.urgency] = member
  }

  /** The member whose turn it is; null when none waits. */
  head(): T | null {
    for (let level = 0; level < URGENCY_LEVELS; level++) {
      const tail = this.tails[level]
      // Only members of type T are ever linked.
      if (tail !== null) return tail.next as T
    }
    return null
  }

  /** The head has had its turn: the next one follows, unless the head is to keep it. */
  rotate(head: T): void {
    if (head.incremental) this.tails[head.urgency] = head
  }

  /** Takes a member out: it has nothing to send, or may not. */
  remove(member: T): void {
    if (!member.scheduled) return
    member.scheduled = false
    this.count--
    const level = member.urgency
    if (member.next === member) {
      this.tails[level] = null
    } else {
      // A ring with a member in it has a tail, and its links close.
      const tail = this.tails[level] as T
      let before: Schedulable = tail
      while (before.next !== member) before = before.next as Schedulable
      before.next = member.next
      if (tail === member) this.tails[level] = before as T
    }
    member.next = null
  }

  /** Gives a member other parameters, wherever it stands. */
  reprioritize(member: T, urgency: number, incremental: boolean): void {
    member.incremental = incremental
    if (member.urgency === urgency) return
    const { scheduled } = member
    this.remove(member)
    member.urgency = urgency
    if (scheduled) this.add(member)
  }
}
