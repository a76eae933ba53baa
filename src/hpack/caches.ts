/**
 * The decoder's caches: octets that were seen before give the result they gave before. Hot path: fixed places, plain loops.
 *
 * Both are direct-mapped: a fingerprint of the length and three octets chooses the place, the octets themselves decide. A
 * miss mostly costs one comparison of fingerprints. An entry is stored when its fingerprint is met for the second time in a
 * row at its place, so what never repeats is never copied. Octets chosen to collide gain an attacker a miss each time, which
 * is what no cache would cost.
 */

/** The length (1 to 255) and the octets at the middle, at three quarters and at the end. Never zero: the length is not. */
function fingerprint(source: Uint8Array, start: number, length: number): number {
  const middle = length >> 1
  return (
    length |
    (source[start + middle] << 8) |
    (source[start + middle + (middle >> 1)] << 16) |
    (source[start + length - 1] << 24)
  )
}

function place(print: number, mask: number): number {
  return (Math.imul(print, 0x9e37_79b1) >>> 16) & mask
}

function copyOctets(source: Uint8Array, start: number, length: number, target: Uint8Array, at: number): void {
  for (let i = 0; i < length; i++) target[at + i] = source[start + i]
}

function equalOctets(source: Uint8Array, start: number, length: number, target: Uint8Array, at: number): boolean {
  for (let i = 0; i < length; i++) if (target[at + i] !== source[start + i]) return false
  return true
}

const BLOCKS = 16
/** Octets: longer blocks carry literals, whose strings have their own cache. */
const LONGEST_BLOCK = 255

/** Stands for the generation of the table where the result does not depend on it. */
export const ANY_GENERATION = -2
const NO_GENERATION = -1

/** Decoded lists by the octets of their blocks. */
export class BlockCache {
  /** Place by place: the decoded list. */
  readonly lists: (readonly string[])[] = new Array(BLOCKS).fill([])
  /** Place by place: bit `n` is set when field `n` of the list enters the dynamic table. */
  readonly insertions: number[] = new Array(BLOCKS).fill(0)
  private readonly prints = new Int32Array(BLOCKS)
  private readonly generations: number[] = new Array(BLOCKS).fill(NO_GENERATION)
  private octets: Uint8Array | undefined

  /** The place of the block `source[start, end)`, if known and of this generation of the table or of any; else -1. */
  find(source: Uint8Array, start: number, end: number, generation: number): number {
    const length = end - start
    if (this.octets === undefined || length <= 0 || length > LONGEST_BLOCK) return -1
    const print = fingerprint(source, start, length)
    const at = place(print, BLOCKS - 1)
    if (this.prints[at] !== print) return -1
    const known = this.generations[at]
    if (known !== generation && known !== ANY_GENERATION) return -1
    return equalOctets(source, start, length, this.octets, at * LONGEST_BLOCK) ? at : -1
  }

  /** Remembers the list, if the block is short enough and seen for the second time. */
  offer(
    source: Uint8Array,
    start: number,
    end: number,
    generation: number,
    list: readonly string[],
    insertions: number,
  ): void {
    const length = end - start
    if (length <= 0 || length > LONGEST_BLOCK) return
    const print = fingerprint(source, start, length)
    const at = place(print, BLOCKS - 1)
    if (this.prints[at] !== print) {
      this.prints[at] = print
      this.generations[at] = NO_GENERATION
      return
    }
    this.octets ??= new Uint8Array(BLOCKS * LONGEST_BLOCK)
    copyOctets(source, start, length, this.octets, at * LONGEST_BLOCK)
    this.generations[at] = generation
    this.lists[at] = list
    this.insertions[at] = insertions
  }

  /** Forgets every block. */
  clear(): void {
    this.generations.fill(NO_GENERATION)
  }
}

const STRINGS = 256
/** Octets: shorter literals are decoded faster than looked up. */
export const SHORTEST_STRING = 4
/** Octets: comparing longer literals costs what decoding them costs. */
export const LONGEST_STRING = 64

/** Strings by the octets of their literals. */
export class StringCache {
  private readonly prints = new Int32Array(STRINGS)
  private readonly strings: (string | undefined)[] = new Array(STRINGS).fill(undefined)
  private octets: Uint8Array | undefined

  /** The string that the `length` octets (SHORTEST_STRING to LONGEST_STRING) from `start` gave; `coded` when they are Huffman-coded. */
  find(source: Uint8Array, start: number, length: number, coded: boolean): string | undefined {
    if (this.octets === undefined) return undefined
    const print = fingerprint(source, start, length) | (coded ? 0x80 : 0)
    const at = place(print, STRINGS - 1)
    if (this.prints[at] !== print) return undefined
    const text = this.strings[at]
    return text !== undefined && equalOctets(source, start, length, this.octets, at * LONGEST_STRING) ? text : undefined
  }

  /** Remembers the string, if it is seen for the second time. */
  offer(source: Uint8Array, start: number, length: number, coded: boolean, text: string): void {
    const print = fingerprint(source, start, length) | (coded ? 0x80 : 0)
    const at = place(print, STRINGS - 1)
    if (this.prints[at] !== print) {
      this.prints[at] = print
      this.strings[at] = undefined
      return
    }
    this.octets ??= new Uint8Array(STRINGS * LONGEST_STRING)
    copyOctets(source, start, length, this.octets, at * LONGEST_STRING)
    this.strings[at] = text
  }
}
