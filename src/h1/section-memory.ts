/**
 * Remembers one section of fields as it was written: an owner sends the same fields again and again, but for one or two.
 * What a section has in common with it at the beginning and at the end is taken over as text; what is between is written
 * anew.
 *
 * A section takes its place when two in a row had less than half in common with it, so that what never repeats costs next
 * to nothing. Bounded by `MAX_REMEMBERED_LINES` and `LONGEST_REMEMBERED_HEAD`.
 */
import { Buffer } from 'node:buffer'
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { LONGEST_REMEMBERED_HEAD, MAX_REMEMBERED_LINES } from '../limits.ts'

export class SectionMemory {
  /** The owner's own strings: to compare them costs nothing when they come again. */
  fields: FieldList = NO_FIELDS
  private text = ''
  /** Where each line ends in the text. */
  private ends: number[] = []
  /** Where in `fields` names stand that mean something to the message. */
  special: number[] = []
  private misses = 0
  /** Of the section last looked for: how many elements of the list are as remembered, from the first and to the last. */
  first = 0
  last = 0

  /** Is it worth taking over what this section has in common with the one remembered? */
  find(section: FieldList): boolean {
    const { fields } = this
    const { length } = section
    const most = Math.min(length, fields.length)
    let first = 0
    while (first < most && section[first] === fields[first]) first++
    first -= first % 2
    let last = 0
    while (last < most - first && section[length - 1 - last] === fields[fields.length - 1 - last]) last++
    last -= last % 2
    this.first = first
    this.last = last
    if ((first + last) * 2 >= length) {
      this.misses = 0
      return true
    }
    this.misses++
    return false
  }

  /** The text of the first fields in common. */
  get before(): string {
    return this.first === 0 ? '' : this.text.slice(0, this.ends[this.first / 2 - 1])
  }

  /** The text of the last fields in common. */
  get after(): string {
    if (this.last === 0) return ''
    const line = (this.fields.length - this.last) / 2
    return line === 0 ? this.text : this.text.slice(this.ends[line - 1])
  }

  /** Is the field at this place in `fields` one of those in common? */
  has(place: number): boolean {
    return place < this.first || place >= this.fields.length - this.last
  }

  /** Remembers the section last looked for, when it is time to. @param special see there. */
  learn(section: FieldList, special: number[]): void {
    if (this.misses < 2 || section.length > MAX_REMEMBERED_LINES * 2) return
    let text = ''
    const ends: number[] = []
    for (let i = 0; i < section.length; i += 2) {
      text += `${section[i]}: ${section[i + 1]}\r\n`
      ends.push(text.length)
    }
    if (text.length > LONGEST_REMEMBERED_HEAD) return
    // A copy, and in one piece: pieces of a text that is put together would be put together each time.
    this.text = Buffer.from(text, 'latin1').toString('latin1')
    this.fields = section.slice()
    this.ends = ends
    this.special = special
    this.misses = 0
  }
}
