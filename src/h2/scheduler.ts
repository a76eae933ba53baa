/**
 * Which stream may frame its next DATA (RFC 9218 section 10): lower urgency first; within an urgency incremental
 * streams take turns, and a stream that is not incremental keeps its turn until it has nothing to send.
 *
 * Hot path: eight rings linked through the streams themselves; every operation but remove() is constant time.
 */
import type { H2Stream } from './stream.ts'

const LEVELS = 8

export class Scheduler {
  /** The last stream of each ring; its `next` is the first. */
  private readonly tails: (H2Stream | null)[] = new Array<H2Stream | null>(LEVELS).fill(null)
  private count = 0

  get empty(): boolean {
    return this.count === 0
  }

  /** Puts a stream that has something to send at the end of its ring. */
  add(stream: H2Stream): void {
    if (stream.scheduled) return
    stream.scheduled = true
    this.count++
    const tail = this.tails[stream.urgency]
    if (tail === null) {
      stream.next = stream
    } else {
      stream.next = tail.next
      tail.next = stream
    }
    this.tails[stream.urgency] = stream
  }

  /** The stream whose turn it is; null when none waits. */
  head(): H2Stream | null {
    if (this.count === 0) return null
    for (const tail of this.tails) {
      if (tail !== null) return tail.next
    }
    return null
  }

  /** The head has had its turn: the next one follows. */
  rotate(stream: H2Stream): void {
    if (stream.incremental) this.tails[stream.urgency] = stream
  }

  /** Takes a stream out: it has nothing to send, or may not. */
  remove(stream: H2Stream): void {
    if (!stream.scheduled) return
    stream.scheduled = false
    this.count--
    const tail = this.tails[stream.urgency]
    if (tail === stream && stream.next === stream) {
      this.tails[stream.urgency] = null
    } else if (tail !== null) {
      let before = tail
      while (before.next !== null && before.next !== stream) before = before.next
      before.next = stream.next
      if (tail === stream) this.tails[stream.urgency] = before
    }
    stream.next = null
  }
}
