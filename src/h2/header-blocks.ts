/** Header blocks as they come: in one frame, or cut over CONTINUATION frames (RFC 9113 section 4.3). */
import { Flag } from '../frame/codes.ts'
import { readStreamId } from '../frame/reader.ts'
import { MAX_CONTINUATIONS, MAX_HEADER_BLOCK } from '../limits.ts'
import { tellPriority } from './control-frames.ts'
import type { Core } from './core.ts'
import { flood, protocolError, sizeError } from './faults.ts'

export interface BlockListener {
  /** A whole block. `promised` is the stream that PUSH_PROMISE names, 0 for HEADERS; `flags` are of its first frame. */
  onBlock(flags: number, streamId: number, promised: number, buffer: Buffer, start: number, end: number): void
}

export class HeaderBlocks {
  /** The stream of the block being collected, 0 when there is none: until its end nothing else may come. */
  collecting = 0
  private readonly core: Core
  private readonly listener: BlockListener
  private promised = 0
  private flags = 0
  private continuations = 0
  private pieces: Buffer[] = []
  private size = 0

  constructor(core: Core, listener: BlockListener) {
    this.core = core
    this.listener = listener
  }

  onHeaders(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('HEADERS on stream 0')
    if ((flags & Flag.PADDED) !== 0) {
      end -= start < end ? buffer[start] : 0
      start += 1
    }
    const priority = start
    if ((flags & Flag.PRIORITY) !== 0) start += 5
    if (start > end) throw protocolError('HEADERS with too much padding')
    if (start !== priority) tellPriority(this.core.listener, streamId, buffer, priority)
    this.begin(flags, streamId, 0, buffer, start, end)
  }

  onPushPromise(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const { core } = this
    if (core.role === 'server' || core.options.enablePush !== true) {
      throw protocolError('PUSH_PROMISE although push is off')
    }
    if (streamId === 0) throw protocolError('PUSH_PROMISE on stream 0')
    if ((flags & Flag.PADDED) !== 0) {
      end -= start < end ? buffer[start] : 0
      start += 1
    }
    if (end - start < 4) throw sizeError('PUSH_PROMISE too short')
    const promised = readStreamId(buffer, start)
    if (core.isLocalId(promised) || promised <= core.lastRemoteId) {
      throw protocolError(`PUSH_PROMISE of stream ${promised}`)
    }
    this.begin(flags, streamId, promised, buffer, start + 4, end)
  }

  onContinuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0 || streamId !== this.collecting) throw protocolError('CONTINUATION without its header block')
    if (++this.continuations > MAX_CONTINUATIONS) throw flood(`more than ${MAX_CONTINUATIONS} CONTINUATION frames`)
    this.collect(buffer, start, end)
    if ((flags & Flag.END_HEADERS) === 0) return
    const block = Buffer.concat(this.pieces)
    this.pieces = []
    this.collecting = 0
    this.listener.onBlock(this.flags, streamId, this.promised, block, 0, block.length)
  }

  private begin(flags: number, streamId: number, promised: number, buffer: Buffer, start: number, end: number): void {
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.listener.onBlock(flags, streamId, promised, buffer, start, end)
      return
    }
    this.collecting = streamId
    this.promised = promised
    this.flags = flags
    this.continuations = 0
    this.size = 0
    this.collect(buffer, start, end)
  }

  private collect(buffer: Buffer, start: number, end: number): void {
    this.size += end - start
    // What is longer than a section may be is still read, for the table must stay in step; then its stream alone is ended.
    const most = Math.max(this.core.maxHeaderListSize, MAX_HEADER_BLOCK)
    if (this.size > most) throw flood(`a header block of more than ${most} octets`)
    this.pieces.push(Buffer.from(buffer.subarray(start, end)))
  }
}
