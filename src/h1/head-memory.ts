/**
 * Remembers whole heads: servers say the same head again and again, but for a date that changes once a second. The same
 * text gives the same object, frozen, its fields shared.
 *
 * Direct-mapped, as the caches of HPACK are: a fingerprint of the length and a few characters chooses the place, the text
 * itself decides. A head is stored when its fingerprint is met for the second time in a row at its place, so that what
 * never repeats costs next to nothing. Bounded by `MAX_REMEMBERED_HEADS` and `LONGEST_REMEMBERED_HEAD`.
 */
import type { FieldList } from '../headers/fields.ts'
import { LONGEST_REMEMBERED_HEAD, MAX_REMEMBERED_HEADS } from '../limits.ts'

interface Head {
  readonly fields: FieldList
  readonly raw: FieldList
}

export class HeadMemory<T extends Head> {
  private readonly prints = new Int32Array(MAX_REMEMBERED_HEADS)
  private readonly texts: string[] = new Array(MAX_REMEMBERED_HEADS).fill('')
  private readonly variants = new Uint8Array(MAX_REMEMBERED_HEADS)
  private readonly heads: (T | undefined)[] = new Array(MAX_REMEMBERED_HEADS).fill(undefined)
  /** Of the last look-up: the place, and whether the fingerprint was there already. */
  private at = 0
  private again = false

  /** @param variant whatever else than the text decides how a head is read: below 16. */
  find(text: string, variant: number): T | undefined {
    const print = fingerprint(text, variant)
    const at = (print >>> 16) % MAX_REMEMBERED_HEADS
    this.at = at
    this.again = this.prints[at] === print
    if (!this.again) {
      this.prints[at] = print
      return undefined
    }
    return this.texts[at] === text && this.variants[at] === variant ? this.heads[at] : undefined
  }

  /** Remembers what the text last looked for gave, if it was seen before and is short enough. */
  keep(text: string, variant: number, head: T): void {
    if (!this.again || text.length > LONGEST_REMEMBERED_HEAD) return
    Object.freeze(head.fields)
    Object.freeze(head.raw)
    this.texts[this.at] = text
    this.variants[this.at] = variant
    this.heads[this.at] = Object.freeze(head)
  }
}

/** Denser towards the end, where fields tend to differ from one message to the next. */
function fingerprint(text: string, variant: number): number {
  const last = text.length - 1
  const characters =
    text.charCodeAt(text.length >> 1) |
    (text.charCodeAt(last - (text.length >> 2)) << 8) |
    (text.charCodeAt(last - (text.length >> 3)) << 16) |
    (text.charCodeAt(last - 2) << 24)
  return Math.imul(characters ^ text.length ^ (variant << 28), 0x9e37_79b1)
}
