/**
 * Keeps the octets of a head or a trailer section that a read ended within, until its empty line is there. They are
 * searched from where the last search ended, so that the work is linear however they are cut.
 */
import { Buffer } from 'node:buffer'
import { Fault } from './faults.ts'

const CR = 0x0d
const LF = 0x0a
export const END_OF_HEAD = Buffer.from('\r\n\r\n')
export const NOTHING = Buffer.alloc(0)

export class Stash {
  octets: Buffer = NOTHING
  length = 0
  /** How many octets the last call of `collect()` took. */
  taken = 0

  /**
   * Takes octets from `pos` on, up to the limit of all or the next empty line.
   * @returns where the last line before it ends in `octets`; -1 when there is none yet.
   * @throws {Fault} when a line ends without CR.
   */
  collect(chunk: Buffer, pos: number, limit: number): number {
    const before = this.length
    const taken = Math.min(chunk.length - pos, limit - before)
    const size = before + taken
    if (size > this.octets.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(512, size * 2)))
      this.octets.copy(larger, 0, 0, before)
      this.octets = larger
    }
    const { octets } = this
    chunk.copy(octets, before, pos, pos + taken)
    const from = Math.max(0, before - 3)
    const found = octets.subarray(from, size).indexOf(END_OF_HEAD)
    if (found !== -1) {
      this.length = 0
      this.taken = from + found + 4 - before
      return from + found + 2
    }
    for (let i = before; i < size; i++) {
      if (octets[i] === LF && octets[i - 1] !== CR) throw Fault.named('HPE_CR_EXPECTED', 'a line ends without CR')
    }
    this.length = size
    this.taken = taken
    return -1
  }

  /** What cannot become a head need not be waited for. */
  checkBeginning(beginning: string): void {
    const begin = this.octets.toString('latin1', 0, Math.min(this.length, beginning.length))
    if (!beginning.startsWith(begin)) throw Fault.beginning(begin)
  }
}

/** The head in `buffer`, or as much of it as there is, is longer than the limit. */
export function headTooLarge(buffer: Buffer, start: number, limit: number): Fault {
  // A server says which part it was (RFC 9110 section 15.5.15).
  const line = buffer.indexOf(LF, start)
  const status = line === -1 || line - start >= limit ? 414 : 431
  return new Fault(`its head is longer than the ${limit} octets allowed`, status, 'too-large')
}
