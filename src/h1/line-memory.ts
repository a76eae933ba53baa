/**
 * Remembers the field lines of the last heads of one connection: a peer says the same fields in the same order again and
 * again, and of most the same value. A line that is known whole costs a comparison of its octets; of one that says
 * something else, the name is known at least.
 *
 * Lines stand in the order in which they came. One that is new is read past, one that is missing is skipped; when most are
 * others, all are forgotten and learnt anew. Bounded by `MAX_REMEMBERED_LINES` and `LONGEST_REMEMBERED_LINE`.
 */
import { LONGEST_REMEMBERED_LINE, MAX_REMEMBERED_LINES } from '../limits.ts'
import type { KnownName } from './names.ts'

/** A line that was read, and so is one: whoever sends the same octets sends a line. */
export class Line {
  readonly known: KnownName
  value = ''
  /** All of it, with CR LF; its memory may be longer. */
  private octets: Uint8Array
  private length = 0

  constructor(known: KnownName) {
    this.known = known
    this.octets = new Uint8Array(32)
  }

  /** @returns the length of the line when it stands in the buffer; 0 when not even its name does; else -1. */
  match(buffer: Uint8Array, start: number): number {
    const { octets, length } = this
    let i = 0
    while (i < length && buffer[start + i] === octets[i]) i++
    if (i === length) return length
    // The name and the colon.
    return i > this.known.spelling.length ? -1 : 0
  }

  /** The line `buffer[start, end)`, of LONGEST_REMEMBERED_LINE octets at the most, takes its place. */
  learn(buffer: Buffer, start: number, end: number, value: string): void {
    const length = end - start
    if (length > this.octets.length) this.octets = new Uint8Array(LONGEST_REMEMBERED_LINE)
    for (let i = 0; i < length; i++) this.octets[i] = buffer[start + i]
    this.length = length
    this.value = value
  }
}

export class LineMemory {
  private readonly lines: Line[] = []
  /** In the head that is read: the place of the line that is expected, and how many were found. */
  private at = 0
  private found = 0
  /** Of the line found last: its length when it stood there whole, else -1. */
  matched = -1

  begin(): void {
    this.at = 0
    this.found = 0
  }

  /** The line expected next, or the one after it, if the name of either begins at `start`. */
  find(buffer: Uint8Array, start: number): Line | undefined {
    const { lines, at } = this
    for (let i = at; i < lines.length && i < at + 2; i++) {
      const matched = lines[i].match(buffer, start)
      if (matched === 0) continue
      this.matched = matched
      this.at = i + 1
      this.found++
      return lines[i]
    }
    return undefined
  }

  /** A line that was not found, of LONGEST_REMEMBERED_LINE octets at the most. */
  keep(known: KnownName, buffer: Buffer, start: number, end: number, value: string): void {
    if (this.at !== this.lines.length || this.at === MAX_REMEMBERED_LINES) return
    const line = new Line(known)
    line.learn(buffer, start, end, value)
    this.lines.push(line)
    this.at++
    this.found++
  }

  /** @param fields how many the head had. */
  finish(fields: number): void {
    if (this.found * 2 < Math.min(fields, MAX_REMEMBERED_LINES)) this.lines.length = 0
  }
}
