/**
 * Masking (RFC 6455 section 5.3): octet i is combined with octet i mod 4 of the key.
 *
 * Hot path: 32 bits at a time where the memory is aligned, single octets around.
 */
import { randomFillSync } from 'node:crypto'

/** Below this many octets a view of words costs more than it saves. */
const WORDS_FROM = 48

/** Octets of randomness fetched at once. */
const POOL = 4096

const wordOctets = new Uint8Array(4)
const word = new Int32Array(wordOctets.buffer)

/**
 * Masks or unmasks octets in place.
 * @param phase how many octets of the same payload came before, so that the key is taken up where it was left.
 */
export function applyMask(octets: Uint8Array, start: number, end: number, key: Uint8Array, phase = 0): void {
  let at = start
  if (end - at >= WORDS_FROM) {
    while (((octets.byteOffset + at) & 3) !== 0) {
      octets[at] ^= key[phase++ & 3]
      at++
    }
    for (let i = 0; i < 4; i++) wordOctets[i] = key[(phase + i) & 3]
    const mask = word[0]
    const count = (end - at) >>> 2
    const words = new Int32Array(octets.buffer, octets.byteOffset + at, count)
    const unrolled = count & ~3
    let i = 0
    for (; i < unrolled; i += 4) {
      words[i] ^= mask
      words[i + 1] ^= mask
      words[i + 2] ^= mask
      words[i + 3] ^= mask
    }
    for (; i < count; i++) words[i] ^= mask
    at += count << 2
  }
  for (; at < end; at++) octets[at] ^= key[phase++ & 3]
}

/** Fills octets with unpredictable ones. */
export type RandomFill = (octets: Uint8Array) => void

/** Masking keys, each used once (RFC 6455 section 10.3). */
export class KeySource {
  private readonly fill: RandomFill
  /** Made when it is needed: servers mask nothing. */
  private pool: Uint8Array | null = null
  private used = POOL

  constructor(fill: RandomFill = randomFillSync) {
    this.fill = fill
  }

  /** The next key, a view that is overwritten some keys later. */
  next(): Uint8Array {
    this.pool ??= new Uint8Array(POOL)
    if (this.used === POOL) {
      this.fill(this.pool)
      this.used = 0
    }
    this.used += 4
    return this.pool.subarray(this.used - 4, this.used)
  }

  /** Random octets of their own. */
  take(count: number): Uint8Array {
    const octets = new Uint8Array(count)
    this.fill(octets)
    return octets
  }
}
