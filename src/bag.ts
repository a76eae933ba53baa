/** A collection without order, whose members know their place in it. */

/** What can be in a bag; in one at a time. */
export interface Bagged {
  /** Its place in the bag that it is in, -1 while it is in none. Only the bag changes it. */
  place: number
}

/**
 * For what comes and goes with each request. A `Set` costs more there than it shows: when its table is full V8 makes another, to which
 * the old one points, for iterators that may be under way. Once one such table has reached the old generation it keeps the next one
 * alive, with everything that is in it, until the next collection of the whole heap, and so on: each short-lived member is copied
 * twice and grows old. A request over HTTP/1.1 left 2,250 octets to the old generation so, and leaves some 140 now.
 */
export class Bag<T extends Bagged> {
  private readonly members: T[] = []

  get size(): number {
    return this.members.length
  }

  add(one: T): void {
    if (this.has(one)) return
    one.place = this.members.length
    this.members.push(one)
  }

  delete(one: T): void {
    if (!this.has(one)) return
    const { members } = this
    const last = members.pop()
    if (last !== undefined && last !== one) {
      members[one.place] = last
      last.place = one.place
    }
    one.place = -1
  }

  /** Its members as they are now: who goes through them may add and delete. */
  all(): T[] {
    return this.members.slice()
  }

  has(one: T): boolean {
    return this.members[one.place] === one
  }
}
