/**
 * The open streams of a connection, by their identifiers.
 *
 * Hot path: a hash table with its chains through the streams themselves. Identifiers count up, so the slots are taken in turn and
 * chains are rare. A `Map` would carry each stream, and with it the whole exchange, into the old generation: see bag.ts for why.
 */
import type { H2Stream } from './stream.ts'

/** Slots of a connection with few streams, and of one whose streams are gone: few connections ever have more at once. */
const LEAST = 16

export class StreamTable {
  private slots: (H2Stream | null)[] = empty(LEAST)
  private count = 0

  get size(): number {
    return this.count
  }

  get(id: number): H2Stream | undefined {
    const { slots } = this
    let stream = slots[slotOf(id, slots)]
    while (stream !== null && stream.id !== id) stream = stream.nextInSlot
    return stream ?? undefined
  }

  /** @param stream one that is not in it. */
  add(stream: H2Stream): void {
    if (this.count === this.slots.length) this.resize(this.count * 2)
    this.put(stream)
    this.count++
  }

  delete(stream: H2Stream): void {
    const { slots } = this
    const slot = slotOf(stream.id, slots)
    const first = slots[slot]
    if (first === stream) {
      slots[slot] = stream.nextInSlot
    } else {
      let before = first
      while (before !== null && before.nextInSlot !== stream) before = before.nextInSlot
      if (before === null) return
      before.nextInSlot = stream.nextInSlot
    }
    stream.nextInSlot = null
    this.count--
    // A burst that is over: the room it took is given back.
    if (slots.length > LEAST && this.count * 8 < slots.length) this.resize(slots.length / 2)
  }

  /** The streams as they are now, in the order of their identifiers: who goes through them may open and close some. */
  all(): H2Stream[] {
    const found: H2Stream[] = []
    for (const first of this.slots) {
      for (let stream = first; stream !== null; stream = stream.nextInSlot) found.push(stream)
    }
    return found.sort((a, b) => a.id - b.id)
  }

  private put(stream: H2Stream): void {
    const { slots } = this
    const slot = slotOf(stream.id, slots)
    stream.nextInSlot = slots[slot]
    slots[slot] = stream
  }

  private resize(length: number): void {
    const streams = this.all()
    this.slots = empty(length)
    for (const stream of streams) this.put(stream)
  }
}

/** Identifiers of one side are all odd, or all even: their last bit says nothing. */
function slotOf(id: number, slots: readonly unknown[]): number {
  return (id >>> 1) & (slots.length - 1)
}

/** @param length a power of two. */
function empty(length: number): (H2Stream | null)[] {
  return new Array<H2Stream | null>(length).fill(null)
}
