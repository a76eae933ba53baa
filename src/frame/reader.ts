/**
 * Cuts a stream of octets into frames (RFC 9113 section 4.1), however the octets arrive.
 *
 * Hot path: plain state, no object per frame. A frame is announced by its parts to a {@link FrameSink}. Unpadded DATA
 * is handed on as it arrives, never collected, so a body is not copied however TLS records cut it; any other frame is
 * handed on whole, and collected in `stash` when a chunk ends inside it. A frame longer than allowed is refused on its
 * 9-octet header, before anything of it is stored.
 */
import { Flag, FRAME_HEADER_SIZE, FrameType } from './codes.ts'

/** Where frames go. `buffer` is only lent: from `start` to `end` lies the payload. */
export interface FrameSink {
  /** A whole frame: any type but unpadded DATA. */
  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void
  /** The header of an unpadded DATA frame of `length` octets. */
  onDataHeader(flags: number, streamId: number, length: number): void
  /** A piece of that frame's payload; `last` at its end. A frame of length 0 gives one empty, last piece. */
  onDataPiece(flags: number, streamId: number, buffer: Buffer, start: number, end: number, last: boolean): void
  /** A frame longer than the maximum. The reader has stopped. */
  onOversized(type: number, flags: number, streamId: number, length: number): void
}

/** Cuts octets into frames and reports their parts to a {@link FrameSink}, without an object for each frame. */
export class FrameReader {
  /** Largest payload accepted, in octets: our own SETTINGS_MAX_FRAME_SIZE. */
  maxFrameSize: number
  /** True once stop() was called or an oversized frame came: all further input is ignored. */
  stopped = false

  private readonly sink: FrameSink
  private stash: Buffer
  private stashed = 0
  /** Octets of the current DATA frame still to come, and its header. */
  private dataLeft = 0
  private dataFlags = 0
  private dataStream = 0

  constructor(sink: FrameSink, maxFrameSize: number) {
    this.sink = sink
    this.maxFrameSize = maxFrameSize
    this.stash = Buffer.allocUnsafeSlow(256)
  }

  /** Ignores all input from here on (after a connection error, RFC 9113 section 5.4.1). */
  stop(): void {
    this.stopped = true
    this.stashed = 0
  }

  /** Takes the next octets and hands on what they complete. */
  receive(chunk: Buffer): void {
    let pos = 0
    const end = chunk.length
    if (this.stashed > 0) pos = this.completeStash(chunk)
    while (pos < end && !this.stopped) {
      if (this.dataLeft > 0) {
        pos = this.passData(chunk, pos, end)
        continue
      }
      if (end - pos < FRAME_HEADER_SIZE) {
        this.keep(chunk, pos, end)
        return
      }
      const length = (chunk[pos] << 16) | (chunk[pos + 1] << 8) | chunk[pos + 2]
      const type = chunk[pos + 3]
      const flags = chunk[pos + 4]
      const streamId = readStreamId(chunk, pos + 5)
      if (length > this.maxFrameSize) {
        this.refuse(type, flags, streamId, length)
        return
      }
      const start = pos + FRAME_HEADER_SIZE
      if (type === FrameType.DATA && (flags & Flag.PADDED) === 0) {
        pos = start
        this.beginData(flags, streamId, length, chunk, pos)
        continue
      }
      if (end - start < length) {
        this.keep(chunk, pos, end)
        return
      }
      pos = start + length
      this.sink.onFrame(type, flags, streamId, chunk, start, pos)
    }
  }

  private beginData(flags: number, streamId: number, length: number, chunk: Buffer, pos: number): void {
    this.dataFlags = flags
    this.dataStream = streamId
    this.dataLeft = length
    this.sink.onDataHeader(flags, streamId, length)
    if (length === 0 && !this.stopped) this.sink.onDataPiece(flags, streamId, chunk, pos, pos, true)
  }

  private passData(chunk: Buffer, pos: number, end: number): number {
    const left = this.dataLeft
    const stop = end - pos < left ? end : pos + left
    this.dataLeft = left - (stop - pos)
    this.sink.onDataPiece(this.dataFlags, this.dataStream, chunk, pos, stop, this.dataLeft === 0)
    return stop
  }

  private refuse(type: number, flags: number, streamId: number, length: number): void {
    this.stop()
    this.sink.onOversized(type, flags, streamId, length)
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    const size = this.stashed + end - start
    if (size > this.stash.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, FRAME_HEADER_SIZE + this.maxFrameSize))
      this.stash.copy(larger, 0, 0, this.stashed)
      this.stash = larger
    }
    chunk.copy(this.stash, this.stashed, start, end)
    this.stashed = size
  }

  /** Completes the frame begun in the stash from the front of `chunk`; returns where the next frame begins. */
  private completeStash(chunk: Buffer): number {
    let pos = 0
    if (this.stashed < FRAME_HEADER_SIZE) {
      pos = Math.min(chunk.length, FRAME_HEADER_SIZE - this.stashed)
      this.keep(chunk, 0, pos)
      if (this.stashed < FRAME_HEADER_SIZE) return pos
    }
    const { stash } = this
    const length = (stash[0] << 16) | (stash[1] << 8) | stash[2]
    const type = stash[3]
    const flags = stash[4]
    const streamId = readStreamId(stash, 5)
    if (length > this.maxFrameSize) {
      this.refuse(type, flags, streamId, length)
      return chunk.length
    }
    if (type === FrameType.DATA && (flags & Flag.PADDED) === 0) {
      this.stashed = 0
      this.beginData(flags, streamId, length, chunk, pos)
      return pos
    }
    const whole = FRAME_HEADER_SIZE + length
    const take = Math.min(chunk.length - pos, whole - this.stashed)
    this.keep(chunk, pos, pos + take)
    pos += take
    if (this.stashed === whole) {
      this.stashed = 0
      const collected = this.stash
      // Data is handed on and may be kept by whoever gets it: the stash it lies in is not written to again.
      if (type === FrameType.DATA) this.stash = Buffer.allocUnsafeSlow(256)
      this.sink.onFrame(type, flags, streamId, collected, FRAME_HEADER_SIZE, whole)
    }
    return pos
  }
}

/** A stream identifier, its reserved bit ignored (RFC 9113 section 4.1). */
export function readStreamId(buffer: Uint8Array, at: number): number {
  return ((buffer[at] & 0x7f) << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]
}

/** An unsigned 32-bit integer. */
export function readUint32(buffer: Uint8Array, at: number): number {
  return ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0
}
