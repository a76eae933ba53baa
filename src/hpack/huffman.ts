/**
 * Huffman coding of strings (RFC 7541 section 5.2). Hot path: plain loops over octets and a 32-bit accumulator filled from
 * the top, no allocation.
 */

import {
  fillDecodingTables,
  HUFFMAN_LENGTHS,
  HUFFMAN_LONG,
  HUFFMAN_PAIRS,
  HUFFMAN_ROOT,
  LONG_BITS,
  ROOT_BITS,
} from './huffman-table.ts'

// V8 folds a module's own constants into compiled code, but not imported ones: worth 15 % in the loops below.
const lengths = HUFFMAN_LENGTHS
const pairs = HUFFMAN_PAIRS
const root = HUFFMAN_ROOT
const longer = HUFFMAN_LONG
const rootBits = ROOT_BITS
const longBits = LONG_BITS

/** Room for what `length` coded octets stand for: at most 8/5 as many, the shortest code having 5 bits, and one of slack. */
export function decodedBound(length: number): number {
  return length * 2
}

/** Length in octets of `text` once Huffman-coded; -1 when a character is above U+00FF, which no octet can stand for. */
export function encodedLength(text: string): number {
  const length = text.length
  let bits = 0
  for (let i = 0; i < length; i++) {
    const octet = text.charCodeAt(i)
    if (octet > 0xff) return -1
    bits += lengths[octet]
  }
  return Math.ceil(bits / 8)
}

/**
 * Writes `text` Huffman-coded into `target` from `position`; returns the position after it, or -1 when that would be above
 * `limit` or a character is above U+00FF. `target` must have room up to `limit`.
 */
export function encodeHuffman(text: string, target: Uint8Array, position: number, limit: number): number {
  const length = text.length
  let bits = 0
  let count = 0 // bits taken, below 32
  for (let i = 0; i < length; i++) {
    const octet = text.charCodeAt(i)
    if (octet > 0xff) return -1
    const code = pairs[octet * 2]
    const width = pairs[octet * 2 + 1]
    bits |= code >>> count
    count += width
    if (count >= 32) {
      if (position + 4 > limit) return -1
      target[position] = bits >>> 24
      target[position + 1] = bits >>> 16
      target[position + 2] = bits >>> 8
      target[position + 3] = bits
      position += 4
      count -= 32
      // What did not fit: the last `count` bits of the code.
      bits = code << (width - count)
    }
  }
  if (position + ((count + 7) >> 3) > limit) return -1
  // Padding is the beginning of EOS, all ones.
  bits |= -1 >>> count
  for (; count > 0; count -= 8) {
    target[position++] = bits >>> 24
    bits <<= 8
  }
  return position
}

/**
 * Decodes `source[start, end)` into `target` from 0; returns the number of octets written, or -1 when the input holds EOS,
 * ends inside a code, or is padded with more than 7 bits or with anything but ones. `target` must have room for
 * `decodedBound(end - start)` octets.
 */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  if (root[0] === 0) fillDecodingTables()
  const last = end - 1
  const lastFour = end - 4
  let bits = 0
  let count = 0 // bits read and not yet decoded
  let position = start
  let written = 0
  for (;;) {
    // As long as four octets are left: fill up to at least 24 bits, without a branch, and look up twice. Bits beyond
    // `count` are those that the next filling finds in the same place.
    while (position <= lastFour) {
      const ahead =
        (source[position] << 24) | (source[position + 1] << 16) | (source[position + 2] << 8) | source[position + 3]
      bits |= ahead >>> count
      position += (31 - count) >>> 3
      count |= 24
      let entry = root[bits >>> (32 - rootBits)]
      if (entry < 0) break
      // Where there is one symbol only, the next one overwrites the second octet: cheaper than a branch. A shift takes its
      // distance modulo 32, so the entry need not be taken apart on the way to the next one.
      target[written] = entry >>> 9
      target[written + 1] = entry >>> 17
      written += entry >>> 25
      bits <<= entry
      count -= entry & 31
      entry = root[bits >>> (32 - rootBits)]
      if (entry < 0) break
      target[written] = entry >>> 9
      target[written + 1] = entry >>> 17
      written += entry >>> 25
      bits <<= entry
      count -= entry & 31
    }
    if (count < rootBits) {
      if (position < last) {
        bits |= ((source[position] << 8) | source[position + 1]) << (16 - count)
        position += 2
        count += 16
      } else if (position < end) {
        bits |= source[position++] << (24 - count)
        count += 8
        continue
      } else {
        break
      }
    }
    const entry = root[bits >>> (32 - rootBits)]
    if (entry > 0) {
      target[written] = entry >>> 9
      target[written + 1] = entry >>> 17
      written += entry >>> 25
      bits <<= entry
      count -= entry & 31
      continue
    }
    // A code of 13 to 30 bits. Behind the input stand ones; a code that needs any of them is none.
    bits <<= rootBits
    count -= rootBits
    let long = entry
    do {
      if (count < longBits) {
        bits |= (position < end ? source[position] : 0xff) << (24 - count)
        position++
        count += 8
      }
      long = longer[(bits >>> (32 - longBits)) - long]
      if (long === 0) return -1
      const used = long < 0 ? longBits : long & 31
      bits <<= used
      count -= used
    } while (long < 0)
    if (position > end) {
      count -= (position - end) * 8
      position = end
      if (count < 0) return -1
    }
    target[written++] = long >>> 9
  }
  // Fewer than 12 bits are left: whole codes, then up to 7 ones.
  while (count > 0) {
    const ahead = (bits | (-1 >>> count)) >>> (32 - rootBits)
    const entry = root[ahead]
    const used = (entry >>> 5) & 15
    if (entry < 0 || used > count) return count < 8 && ahead === (1 << rootBits) - 1 ? written : -1
    target[written++] = entry >>> 9
    bits <<= used
    count -= used
  }
  return written
}
