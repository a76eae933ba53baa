/** Reads what stands before a chunk (RFC 9112 section 7.1): its size, and extensions, which are ignored. */
import { MAX_CHUNK_EXTENSIONS, MAX_CHUNK_SIZE_DIGITS } from '../limits.ts'
import { Fault } from './faults.ts'
import { VALUE_OCTET } from './fields.ts'

/** The value of each hexadecimal digit; -1 elsewhere. */
const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16)
  HEX[character.charCodeAt(0)] = digit
  HEX[character.toUpperCase().charCodeAt(0)] = digit
}

export class ChunkSize {
  value = 0
  digits = 0
  /** Octets of the extensions of one message, in all. */
  private extensions = 0

  beginMessage(): void {
    this.extensions = 0
  }

  begin(): void {
    this.value = 0
    this.digits = 0
  }

  /** @returns where the digits end. */
  readDigits(chunk: Buffer, start: number): number {
    let { value, digits } = this
    let pos = start
    for (; pos < chunk.length; pos++) {
      const digit = HEX[chunk[pos]]
      if (digit === -1) break
      value = value * 16 + digit
      if (++digits > MAX_CHUNK_SIZE_DIGITS || value > Number.MAX_SAFE_INTEGER) {
        throw new Fault('the size of a chunk is beyond counting', 413, 'malformed', 'HPE_INVALID_CHUNK_SIZE')
      }
    }
    this.value = value
    this.digits = digits
    return pos
  }

  /** @returns where the extensions end. */
  skipExtensions(chunk: Buffer, start: number): number {
    let pos = start
    while (pos < chunk.length && VALUE_OCTET[chunk[pos]] === 1) pos++
    this.extensions += pos - start
    if (this.extensions > MAX_CHUNK_EXTENSIONS) {
      throw new Fault(`its chunk extensions are longer than ${MAX_CHUNK_EXTENSIONS} octets`, 413, 'too-large')
    }
    return pos
  }
}
