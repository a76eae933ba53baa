/**
 * The frames of RFC 6455 section 5.2, from octets cut anywhere: headers checked as soon as what is wrong can be seen,
 * payloads handed on as they come, unmasked.
 *
 * Hot path: a header that lies whole in the input is read where it lies; one object for all frames.
 */
import { Buffer } from 'node:buffer'
import { CloseCode, MAX_CONTROL_PAYLOAD, Opcode } from './codes.ts'
import { RemoteProtocolError } from './errors.ts'
import { applyMask } from './mask.ts'

/** Receives frames. Whatever it throws comes out of `read()`. */
export interface FrameSink {
  /** The header of a data or control frame that is valid by itself. `rsv`: 4 for RSV1, 2 for RSV2, 1 for RSV3, or their sum. */
  onFrame(opcode: number, fin: boolean, rsv: number, length: number): void
  /** Payload in order; `end` with the last piece, which may be empty. True to read on, false to stop for good. */
  onPayload(octets: Uint8Array, end: boolean): boolean
}

const EMPTY = new Uint8Array(0)

/** Unmasked and copied in one loop below this many octets, copied and then masked by words above. */
const SMALL = 48

export class FrameReader {
  private readonly sink: FrameSink
  private readonly masked: boolean
  private readonly maxFrameSize: number
  /** The reserved bits that no extension has, as they stand in the first octet. */
  private readonly reserved: number
  /** The header so far; at most 2 + 8 + 4 octets. */
  private readonly header = new Uint8Array(14)
  private headerLength = 0
  private readonly key = new Uint8Array(4)
  /** Octets of the payload still to come; -1 between frames. */
  private remaining = -1
  private phase = 0
  private stopped = false

  /**
   * @param masked must the peer mask? Clients must, servers must not (section 5.1).
   * @param rsv the reserved bits that extensions have.
   */
  constructor(sink: FrameSink, masked: boolean, maxFrameSize: number, rsv: number) {
    this.sink = sink
    this.masked = masked
    this.maxFrameSize = maxFrameSize
    this.reserved = 0x70 & ~(rsv << 4)
  }

  /** @throws {RemoteProtocolError} when the frames break the protocol; no more may be read then. */
  read(octets: Uint8Array, start = 0): void {
    let at = start
    while (!this.stopped) {
      if (this.remaining < 0) {
        at = this.readHeader(octets, at)
        if (this.remaining < 0) return
        if (this.remaining > 0) continue
        this.remaining = -1
        this.stopped = !this.sink.onPayload(EMPTY, true)
      } else {
        if (at === octets.length) return
        const count = Math.min(this.remaining, octets.length - at)
        const payload = this.masked ? this.unmask(octets, at, count) : octets.subarray(at, at + count)
        at += count
        this.remaining -= count
        const end = this.remaining === 0
        if (end) this.remaining = -1
        this.stopped = !this.sink.onPayload(payload, end)
      }
    }
  }

  /** Reads a header or a part of it; where it ended. */
  private readHeader(octets: Uint8Array, at: number): number {
    const available = octets.length - at
    if (this.headerLength === 0 && available >= 2) {
      const needed = this.checkStart(octets[at], octets[at + 1])
      if (available >= needed) {
        this.parse(octets, at)
        return at + needed
      }
    }
    const { header } = this
    while (at < octets.length) {
      header[this.headerLength++] = octets[at++]
      if (this.headerLength < 2) continue
      if (this.headerLength < this.checkStart(header[0], header[1])) continue
      this.headerLength = 0
      this.parse(header, 0)
      break
    }
    return at
  }

  /** What the first two octets say; octets of the whole header. */
  private checkStart(first: number, second: number): number {
    const opcode = first & 0x0f
    const length = second & 0x7f
    if ((first & this.reserved) !== 0) throw broken('a reserved bit is set')
    if (opcode > Opcode.PONG || (opcode > Opcode.BINARY && opcode < Opcode.CLOSE)) {
      throw broken(`the opcode ${opcode} is reserved`)
    }
    if (opcode >= Opcode.CLOSE) {
      if ((first & 0x80) === 0) throw broken('a control frame is fragmented')
      if (length > MAX_CONTROL_PAYLOAD) throw broken('a control frame has more than 125 octets')
      if ((first & 0x70) !== 0) throw broken('a control frame has a reserved bit set')
    }
    if (second >> 7 !== (this.masked ? 1 : 0)) {
      throw broken(this.masked ? 'a frame of a client is not masked' : 'a frame of a server is masked')
    }
    return 2 + (length < 126 ? 0 : length === 126 ? 2 : 8) + (this.masked ? 4 : 0)
  }

  /** Takes in a header that is complete and whose start was checked. */
  private parse(octets: Uint8Array, at: number): void {
    const first = octets[at]
    let length = octets[at + 1] & 0x7f
    at += 2
    if (length === 126) {
      length = octets[at] * 0x100 + octets[at + 1]
      if (length < 126) throw broken('a length is not in its shortest form')
      at += 2
    } else if (length === 127) {
      const high = readUint32(octets, at)
      length = high * 0x1_0000_0000 + readUint32(octets, at + 4)
      if (length < 0x1_0000) throw broken('a length is not in its shortest form')
      if (high > 0x7fff_ffff) throw broken('a length has its highest bit set')
      at += 8
    }
    // Above 2^53 the sum is not exact, but above every limit.
    if (length > this.maxFrameSize) {
      throw new RemoteProtocolError(
        `A frame of ${length} octets is larger than the ${this.maxFrameSize} allowed`,
        CloseCode.TOO_BIG,
      )
    }
    if (this.masked) {
      const { key } = this
      for (let i = 0; i < 4; i++) key[i] = octets[at + i]
      this.phase = 0
    }
    this.remaining = length
    this.sink.onFrame(first & 0x0f, (first & 0x80) !== 0, (first >> 4) & 7, length)
  }

  /** A copy: the input belongs to the caller. */
  private unmask(octets: Uint8Array, at: number, count: number): Uint8Array {
    const { key } = this
    const payload = Buffer.allocUnsafe(count)
    if (count < SMALL) {
      let { phase } = this
      for (let i = 0; i < count; i++) payload[i] = octets[at + i] ^ key[phase++ & 3]
    } else {
      payload.set(octets.subarray(at, at + count))
      applyMask(payload, 0, count, key, this.phase)
    }
    this.phase = (this.phase + count) & 3
    return payload
  }
}

function readUint32(octets: Uint8Array, at: number): number {
  return ((octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]) >>> 0
}

function broken(what: string): RemoteProtocolError {
  return new RemoteProtocolError(`The peer broke the framing: ${what}`, CloseCode.PROTOCOL_ERROR)
}
