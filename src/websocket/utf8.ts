/**
 * UTF-8 that comes in pieces, cut anywhere (RFC 6455 section 8.1). Fails at the first octet that cannot be part of any
 * valid text, also within a character that is not complete yet.
 */
import { Buffer, isUtf8 } from 'node:buffer'

/** The text of octets known to be UTF-8. A byte order mark is kept: it is part of the message. */
export function decodeUtf8(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('utf8')
}

export class Utf8Reader {
  /** The beginning of a character whose end has not come. */
  private readonly carry = new Uint8Array(4)
  private carried = 0

  /** Is no character cut? */
  get complete(): boolean {
    return this.carried === 0
  }

  /**
   * Takes the next piece.
   * @param wantText is the text wanted? Otherwise it is only checked.
   * @returns the text completed (empty when not wanted); null when the octets are no UTF-8.
   */
  push(octets: Uint8Array, wantText: boolean): string | null {
    let text = ''
    let at = 0
    if (this.carried > 0) {
      const { carry } = this
      const length = sequenceLength(carry[0])
      while (this.carried < length && at < octets.length) carry[this.carried++] = octets[at++]
      if (this.carried < length) return isPrefix(carry, 0, this.carried) ? '' : null
      const sequence = carry.subarray(0, length)
      if (!isUtf8(sequence)) return null
      if (wantText) text = decodeUtf8(sequence)
      this.carried = 0
    }
    const end = wholeEnd(octets, at)
    const whole = at === 0 && end === octets.length ? octets : octets.subarray(at, end)
    if (!isUtf8(whole)) return null
    if (end < octets.length) {
      if (!isPrefix(octets, end, octets.length)) return null
      for (let i = end; i < octets.length; i++) this.carry[this.carried++] = octets[i]
    }
    return wantText ? text + decodeUtf8(whole) : ''
  }
}

/** How many octets the character has that begins so; 1 for octets that begin none. */
function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
}

/** Where a last character that is cut begins; the end when none is. */
function wholeEnd(octets: Uint8Array, start: number): number {
  const { length } = octets
  const first = Math.max(start, length - 3)
  for (let i = length - 1; i >= first; i--) {
    if ((octets[i] & 0xc0) === 0x80) continue
    return sequenceLength(octets[i]) > length - i ? i : length
  }
  return length
}

/** Can a character begin with these one to three octets (RFC 3629 section 4)? */
function isPrefix(octets: Uint8Array, start: number, end: number): boolean {
  const lead = octets[start]
  if (lead < 0xc2 || lead > 0xf4) return false
  if (end - start > 1) {
    const second = octets[start + 1]
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
  }
  return end - start < 3 || (octets[start + 2] & 0xc0) === 0x80
}
