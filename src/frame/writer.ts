/**
 * Collects the octets of one write: small things are encoded into an arena, large payloads are chained uncopied.
 *
 * Hot path: plain state. The arena is never written twice in the same place: what take() has given away stays as it
 * is until the socket has let go of it, and a full arena is replaced, so no write needs a completion callback.
 */
import { Flag, FRAME_HEADER_SIZE, FrameType, PREFACE } from './codes.ts'

/**
 * The first arena is small, for most connections say little; each that is full is followed by one four times as large, up
 * to about twenty writes of a busy connection, so that allocating costs each of them little.
 */
const FIRST_ARENA_SIZE = 1024
const ARENA_SIZE = 65_536

/** Collects frames for one write: small ones are encoded into a shared buffer, large payloads are not copied. */
export class FrameWriter {
  /** Octets waiting to be taken. */
  size = 0

  private arena: Buffer = Buffer.alloc(0)
  /** The part of the arena not taken yet: [start, pos). */
  private start = 0
  private pos = 0
  private segments: Buffer[] = []
  private readonly copyThreshold: number

  constructor(copyThreshold: number) {
    this.copyThreshold = copyThreshold
  }

  /** The octets collected, in order; the writer is empty afterwards. */
  take(): Buffer[] {
    this.closeSegment()
    const { segments } = this
    this.segments = []
    this.size = 0
    return segments
  }

  preface(): void {
    const at = this.reserve(PREFACE.length)
    this.arena.write(PREFACE, at, 'latin1')
  }

  /** A frame header; the payload must follow at once. */
  header(length: number, type: number, flags: number, streamId: number): void {
    this.putHeader(this.reserve(FRAME_HEADER_SIZE), length, type, flags, streamId)
  }

  /** A frame whose payload is copied whatever its size: the source will be written to again. */
  copied(type: number, flags: number, streamId: number, payload: Uint8Array, start: number, end: number): void {
    const length = end - start
    const at = this.reserve(FRAME_HEADER_SIZE + length)
    this.putHeader(at, length, type, flags, streamId)
    const { arena } = this
    let to = at + FRAME_HEADER_SIZE
    if (length < 64) {
      // Below this a loop beats the call into set().
      for (let i = start; i < end; i++) arena[to++] = payload[i]
    } else {
      arena.set(payload.subarray(start, end), to)
    }
  }

  /** Payload after {@link header}: copied when small, chained otherwise. */
  append(payload: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length > this.copyThreshold) {
      this.closeSegment()
      this.segments.push(Buffer.from(payload.buffer, payload.byteOffset + start, length))
      this.size += length
      return
    }
    const at = this.reserve(length)
    this.arena.set(start === 0 && end === payload.length ? payload : payload.subarray(start, end), at)
  }

  /** A HEADERS frame and as many CONTINUATION frames as the block needs (RFC 9113 section 6.10). */
  headerBlock(streamId: number, flags: number, block: Uint8Array, length: number, maxFrameSize: number): void {
    if (length <= maxFrameSize) {
      this.copied(FrameType.HEADERS, flags | Flag.END_HEADERS, streamId, block, 0, length)
      return
    }
    this.copied(FrameType.HEADERS, flags, streamId, block, 0, maxFrameSize)
    this.continuations(streamId, block, maxFrameSize, length, maxFrameSize)
  }

  /** A PUSH_PROMISE frame and as many CONTINUATION frames as the block needs (RFC 9113 section 6.6). */
  pushPromise(streamId: number, promisedId: number, block: Uint8Array, length: number, maxFrameSize: number): void {
    const first = Math.min(length, maxFrameSize - 4)
    this.header(first + 4, FrameType.PUSH_PROMISE, first === length ? Flag.END_HEADERS : 0, streamId)
    this.putUint32(this.reserve(4), promisedId)
    // Copied whatever its length: the encoder writes its block anew next time.
    const at = this.reserve(first)
    this.arena.set(block.subarray(0, first), at)
    if (first < length) this.continuations(streamId, block, first, length, maxFrameSize)
  }

  private continuations(streamId: number, block: Uint8Array, from: number, end: number, maxFrameSize: number): void {
    let at = from
    while (end - at > maxFrameSize) {
      this.copied(FrameType.CONTINUATION, 0, streamId, block, at, at + maxFrameSize)
      at += maxFrameSize
    }
    this.copied(FrameType.CONTINUATION, Flag.END_HEADERS, streamId, block, at, end)
  }

  /** SETTINGS with the given identifier/value pairs. */
  settings(entries: readonly (readonly [id: number, value: number])[]): void {
    this.header(entries.length * 6, FrameType.SETTINGS, 0, 0)
    for (const [id, value] of entries) {
      const at = this.reserve(6)
      this.arena[at] = id >>> 8
      this.arena[at + 1] = id
      this.putUint32(at + 2, value)
    }
  }

  settingsAck(): void {
    this.header(0, FrameType.SETTINGS, Flag.ACK, 0)
  }

  ping(payload: Uint8Array, ack: boolean): void {
    this.copied(FrameType.PING, ack ? Flag.ACK : 0, 0, payload, 0, 8)
  }

  rstStream(streamId: number, code: number): void {
    this.header(4, FrameType.RST_STREAM, 0, streamId)
    this.putUint32(this.reserve(4), code)
  }

  windowUpdate(streamId: number, increment: number): void {
    this.header(4, FrameType.WINDOW_UPDATE, 0, streamId)
    this.putUint32(this.reserve(4), increment)
  }

  /** RFC 9218 section 7.1. */
  priorityUpdate(streamId: number, value: string): void {
    this.header(4 + value.length, FrameType.PRIORITY_UPDATE, 0, 0)
    this.putUint32(this.reserve(4), streamId)
    this.text(value)
  }

  /** RFC 7838 section 4. */
  altSvc(streamId: number, origin: string, value: string): void {
    this.header(2 + origin.length + value.length, FrameType.ALTSVC, 0, streamId)
    this.lengthAndText(origin)
    this.text(value)
  }

  /** RFC 8336 section 2. */
  origins(origins: readonly string[]): void {
    this.header(
      origins.reduce((sum, origin) => sum + 2 + origin.length, 0),
      FrameType.ORIGIN,
      0,
      0,
    )
    for (const origin of origins) this.lengthAndText(origin)
  }

  goaway(lastStreamId: number, code: number, debug: Uint8Array): void {
    this.header(8 + debug.length, FrameType.GOAWAY, 0, 0)
    this.putUint32(this.reserve(4), lastStreamId)
    this.putUint32(this.reserve(4), code)
    const at = this.reserve(debug.length)
    this.arena.set(debug, at)
  }

  private text(value: string): void {
    const at = this.reserve(value.length)
    this.arena.write(value, at, 'latin1')
  }

  private lengthAndText(value: string): void {
    const at = this.reserve(2)
    this.arena[at] = value.length >>> 8
    this.arena[at + 1] = value.length
    this.text(value)
  }

  /** Makes room for `length` contiguous octets and returns where they begin. */
  private reserve(length: number): number {
    let at = this.pos
    if (at + length > this.arena.length) {
      this.closeSegment()
      const size = Math.min(Math.max(this.arena.length * 4, FIRST_ARENA_SIZE), ARENA_SIZE)
      this.arena = Buffer.allocUnsafeSlow(Math.max(size, length))
      this.start = 0
      at = 0
    }
    this.pos = at + length
    this.size += length
    return at
  }

  private closeSegment(): void {
    if (this.pos > this.start) {
      this.segments.push(this.arena.subarray(this.start, this.pos))
      this.start = this.pos
    }
  }

  private putHeader(at: number, length: number, type: number, flags: number, streamId: number): void {
    const { arena } = this
    arena[at] = length >>> 16
    arena[at + 1] = length >>> 8
    arena[at + 2] = length
    arena[at + 3] = type
    arena[at + 4] = flags
    this.putUint32(at + 5, streamId)
  }

  private putUint32(at: number, value: number): void {
    const { arena } = this
    arena[at] = value >>> 24
    arena[at + 1] = value >>> 16
    arena[at + 2] = value >>> 8
    arena[at + 3] = value
  }
}
