/** Octets gathered piece by piece into one buffer, so that a thousand tiny pieces do not cost a thousand objects. */
import { Buffer } from 'node:buffer'

const FIRST_SIZE = 1024

export class OctetGatherer {
  private buffer: Uint8Array = new Uint8Array(0)
  /** Octets gathered. */
  length = 0

  /** Adds a copy. Memory grows with what has come, never with what was announced. */
  add(octets: Uint8Array): void {
    const needed = this.length + octets.length
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_SIZE, needed, this.buffer.length * 2))
      larger.set(this.buffer.subarray(0, this.length))
      this.buffer = larger
    }
    this.buffer.set(octets, this.length)
    this.length = needed
  }

  /** Gives away what was gathered and begins anew. */
  take(): Uint8Array {
    const octets = this.buffer.subarray(0, this.length)
    this.buffer = new Uint8Array(0)
    this.length = 0
    return octets
  }
}
