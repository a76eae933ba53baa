/**
 * The dynamic table (RFC 7541 sections 2.3.2 and 4): first in, first out, bounded by the octets of its entries.
 *
 * Entries live in a ring whose capacity is a power of two. Each has an absolute number: the count of insertions before it.
 * Absolute numbers never change, so they can be remembered; wire indices, which count from the newest entry, are computed
 * from them. Hot path: plain fields, read directly by the codecs.
 */

import { InvalidArgumentError } from '../errors.ts'

/** Octets added to name and value for every entry, and for every field of a list (RFC 7541 section 4.1). */
export const ENTRY_OVERHEAD = 32

/** Octets: the size both ends start with, the initial SETTINGS_HEADER_TABLE_SIZE (RFC 9113 section 6.5.2). */
export const INITIAL_TABLE_SIZE = 4096

/** `size` itself, if it is an integer from 0 to `maximum`; else throws an InvalidArgumentError that names `what`. */
export function checkSize(what: string, size: number, maximum: number): number {
  if (!Number.isInteger(size) || size < 0 || size > maximum) {
    throw new InvalidArgumentError(`${what} must be an integer from 0 to ${maximum}, got ${size}`)
  }
  return size
}

const INITIAL_CAPACITY = 32

export class DynamicTable {
  /** Ring of names; the entry with absolute number `a` is at `a & mask`. */
  names: string[] = new Array(INITIAL_CAPACITY).fill('')
  /** Ring of values. */
  values: string[] = new Array(INITIAL_CAPACITY).fill('')
  mask: number = INITIAL_CAPACITY - 1
  /** Number of insertions so far: the absolute number of the next entry. */
  inserted = 0
  /** Number of entries now. */
  count = 0
  /** Octets of all entries, overhead included. */
  size = 0
  /** Octets the entries may take. */
  maxSize: number
  /** Grows with every change: what was derived from the table holds while it stays the same. */
  generation = 0

  constructor(maxSize: number) {
    this.maxSize = maxSize
  }

  /** Changes the maximum size and evicts what no longer fits (RFC 7541 section 4.3). */
  resize(maxSize: number): void {
    this.generation++
    this.maxSize = maxSize
    this.evictTo(maxSize)
  }

  /**
   * Inserts an entry, evicting as many of the oldest as needed. One that is larger than the whole table empties it and is
   * not inserted (RFC 7541 section 4.4).
   */
  add(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD
    this.generation++
    if (this.size + size > this.maxSize) {
      this.evictTo(this.maxSize - size)
      if (size > this.maxSize) return
    }
    if (this.count > this.mask) this.grow()
    const at = this.inserted & this.mask
    this.names[at] = name
    this.values[at] = value
    this.inserted++
    this.count++
    this.size += size
  }

  /** The entries, newest first, as a flat list of names and values: a copy for tracing and tests. */
  entries(): string[] {
    const flat: string[] = []
    for (let age = 1; age <= this.count; age++) {
      const at = (this.inserted - age) & this.mask
      flat.push(this.names[at], this.values[at])
    }
    return flat
  }

  /** Called for each entry that leaves, before its place is cleared. */
  protected onEvict(_at: number): void {}

  private evictTo(size: number): void {
    while (this.size > size && this.count > 0) {
      const at = (this.inserted - this.count) & this.mask
      this.onEvict(at)
      this.size -= this.names[at].length + this.values[at].length + ENTRY_OVERHEAD
      this.count--
      // The ring must not keep evicted strings alive.
      this.names[at] = ''
      this.values[at] = ''
    }
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2
    const names: string[] = new Array(capacity).fill('')
    const values: string[] = new Array(capacity).fill('')
    for (let number = this.inserted - this.count; number < this.inserted; number++) {
      names[number & (capacity - 1)] = this.names[number & this.mask]
      values[number & (capacity - 1)] = this.values[number & this.mask]
    }
    this.names = names
    this.values = values
    this.mask = capacity - 1
  }
}
