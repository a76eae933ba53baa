/** Integers (RFC 7541 section 5.1). Reading them is the decoder's, which keeps the position in its own state. */

/** Octets that an integer of up to 32 bits takes at most, prefix included. */
export const LONGEST_INTEGER = 6

/**
 * Writes `value` (below 2^32) at `position` and returns the position after it. `prefix` is the largest number that the bits
 * of the first octet can hold, 2^N-1; `pattern` stands in the other bits.
 */
export function writeInteger(
  target: Uint8Array,
  position: number,
  pattern: number,
  prefix: number,
  value: number,
): number {
  if (value < prefix) {
    target[position] = pattern | value
    return position + 1
  }
  target[position++] = pattern | prefix
  value -= prefix
  while (value >= 0x80) {
    target[position++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  target[position] = value
  return position + 1
}
