/**
 * The decoder's caches: octets that were seen before give the result they gave before. Hot path: fixed places, plain loops.
 *
 * Both are direct-mapped: a fingerprint of the length and a few octets chooses the place, the octets themselves decide. A
 * miss mostly costs one comparison of fingerprints. An entry is stored when its fingerprint is met for the second time in a
 * row at its place, so what never repeats is never copied. Octets chosen to collide gain an attacker a miss each time, which
 * is what no cache would cost.
 *
 * Use: `find`; if it gave nothing, work the result out and `keep` it. `keep` is about what was last looked for.
 */

/** Mixes the length and four octets, denser towards the end, where values of one kind tend to differ. */
function fingerprint(source: Uint8Array, start: number, length: number): number {
  const last = start + length - 1
  const octets =
    source[start + (length >> 1)] |
    (source[last - (length >> 2)] << 8) |
    (source[last - ((length * 5) >> 5)] << 16) |
    (source[last] << 24)
  return Math.imul(octets ^ length, 0x9e37_79b1)
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
  private readonly lengths = new Int32Array(BLOCKS)
  private readonly generations: number[] = new Array(BLOCKS).fill(NO_GENERATION)
  private octets: Uint8Array | undefined
  /** Of the last look-up: the place, negative if there is none, and whether the fingerprint was there already. */
  private at = -1
  private again = false

  /** The place of the block `source[start, end)`, if known and of this generation of the table or of any; else -1. */
  find(source: Uint8Array, start: number, end: number, generation: number): number {
    const length = end - start
    this.at = -1
    if (length <= 0 || length > LONGEST_BLOCK) return -1
    const print = fingerprint(source, start, length)
    const at = (print >>> 16) & (BLOCKS - 1)
    this.at = at
    this.again = this.prints[at] === print
    if (!this.again) {
      this.prints[at] = print
      return -1
    }
    const octets = this.octets
    const known = this.generations[at]
    return (known === generation || known === ANY_GENERATION) &&
      this.lengths[at] === length &&
      octets !== undefined &&
      equalOctets(source, start, length, octets, at * LONGEST_BLOCK)
      ? at
      : -1
  }

  /** Remembers what the block last looked for gave, if it was short enough and seen before. */
  keep(
    source: Uint8Array,
    start: number,
    end: number,
    generation: number,
    list: readonly string[],
    insertions: number,
  ): void {
    const at = this.at
    if (at < 0 || !this.again) return
    this.octets ??= new Uint8Array(BLOCKS * LONGEST_BLOCK)
    copyOctets(source, start, end - start, this.octets, at * LONGEST_BLOCK)
    this.lengths[at] = end - start
    this.generations[at] = generation
    this.lists[at] = list
    this.insertions[at] = insertions
  }

  /** Forgets every block. */
  clear(): void {
    this.generations.fill(NO_GENERATION)
    this.at = -1
  }
}

const STRINGS = 128
/** Octets: shorter literals are decoded faster than looked up. */
export const SHORTEST_STRING = 4
/** Octets: comparing longer literals costs what decoding them costs. */
export const LONGEST_STRING = 64

/** Strings by the octets of their literals. */
export class StringCache {
  private readonly prints = new Int32Array(STRINGS)
  /** Length of the literal, plus 128 if it is Huffman-coded; 0 where there is nothing. */
  private readonly shapes = new Uint8Array(STRINGS)
  private readonly strings: string[] = new Array(STRINGS).fill('')
  private octets: Uint8Array | undefined
  /** Of the last look-up: the place, and whether the fingerprint was there already. */
  private at = 0
  private again = false

  /**
   * The string that the `length` octets from `start` gave, SHORTEST_STRING to LONGEST_STRING of them; `coded` when they are
   * Huffman-coded.
   */
  find(source: Uint8Array, start: number, length: number, coded: boolean): string | undefined {
    const print = fingerprint(source, start, length)
    const at = (print >>> 16) & (STRINGS - 1)
    this.at = at
    this.again = this.prints[at] === print
    if (!this.again) {
      this.prints[at] = print
      return undefined
    }
    const octets = this.octets
    return this.shapes[at] === (coded ? length | 0x80 : length) &&
      octets !== undefined &&
      equalOctets(source, start, length, octets, at * LONGEST_STRING)
      ? this.strings[at]
      : undefined
  }

  /** Remembers what the literal last looked for gave, if it was seen before. */
  keep(source: Uint8Array, start: number, length: number, coded: boolean, text: string): void {
    if (!this.again) return
    const at = this.at
    this.octets ??= new Uint8Array(STRINGS * LONGEST_STRING)
    copyOctets(source, start, length, this.octets, at * LONGEST_STRING)
    this.shapes[at] = coded ? length | 0x80 : length
    this.strings[at] = text
  }
}
