/**
 * Bodies on their way out, as far as the peer's windows let them (RFC 9113 section 6.9).
 *
 * Sending is scheduled (RFC 9218): whoever has data queued is in the scheduler while its window is open, and `fill()` frames
 * DATA by turns of at most `SEND_QUANTUM`. A stream that the peer's window blocks leaves the scheduler and comes back
 * with WINDOW_UPDATE.
 *
 * Hot path: plain mutable state, no allocation a frame.
 */

import { ErrorCode, Flag, FrameType, MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { readStreamId } from '../frame/reader.ts'
import type { FieldList } from '../headers/fields.ts'
import { SEND_HIGH_WATER, SEND_LOW_WATER, SEND_QUANTUM, SMALL_WINDOW_UPDATE } from '../limits.ts'
import type { Core } from './core.ts'
import { protocolError, sizeError, windowError } from './faults.ts'
import { StreamEvent, StreamState } from './states.ts'
import { type H2Stream, NO_CHUNKS } from './stream.ts'
import type { Streams } from './streams.ts'

/** RFC 9113 section 6.1: one octet says how much there is. */
const MAX_PADDING = 255
const PADDING = new Uint8Array(MAX_PADDING)

export class SendQueue {
  /** Octets we may send on the whole connection. */
  window = 65_535
  private readonly core: Core
  private readonly streams: Streams
  /** WINDOW_UPDATE frames that the peer may send for the DATA frames sent to it: one for the stream, one for the connection. */
  private updatesDue = 0

  constructor(core: Core, streams: Streams) {
    this.core = core
    this.streams = streams
  }

  write(stream: H2Stream, chunk: Uint8Array): boolean {
    if (!stream.localOpen) throw this.core.misuse(`Stream ${stream.id} takes no data now`)
    // Text, an ArrayBuffer or an array would be framed by a length that is not that of its octets.
    if (chunk?.length === undefined || chunk.length !== chunk.byteLength)
      throw this.core.misuse('A body is written in octets')
    if (chunk.length > 0) {
      if (stream.queue === NO_CHUNKS) stream.queue = [chunk]
      else stream.queue.push(chunk)
      stream.queuedBytes += chunk.length
      // Without a window nothing can be framed: the update that opens it will say so.
      if (stream.sendWindow > 0) {
        this.core.scheduler.add(stream)
        if (this.window > 0) this.core.announce()
      }
    }
    if (stream.queuedBytes < SEND_HIGH_WATER) return true
    stream.needDrain = true
    return false
  }

  pad(stream: H2Stream, octets: number | undefined): void {
    if (octets !== undefined && !(Number.isInteger(octets) && octets >= 0 && octets <= MAX_PADDING)) {
      throw this.core.misuse(`Padding must be a whole number from 0 to ${MAX_PADDING}, not ${octets}`)
    }
    stream.padding = octets === undefined ? 0 : octets + 1
  }

  /** Nothing more is written to this stream but trailers, where there are any. */
  end(stream: H2Stream, trailers: FieldList | null): void {
    stream.endQueued = true
    stream.trailersQueued = trailers !== null && trailers.length > 0 ? trailers : null
    // A frame without payload needs no window (RFC 9113 section 6.9.1).
    if (stream.queuedBytes === 0) this.finish(stream)
  }

  /** END_STREAM was framed. */
  ended(stream: H2Stream): void {
    this.streams.advance(stream, StreamEvent.SEND_END)
    stream.listener.onLocalEnd(stream)
  }

  /** Could DATA be framed? */
  get ready(): boolean {
    return !this.core.scheduler.empty && this.window > 0
  }

  /** Frames DATA by turns until the budget, the connection's window or the queues are used up. */
  fill(budget: number): void {
    const { remoteSettings, scheduler, writer } = this.core
    while (this.window > 0 && writer.size < budget) {
      const stream = scheduler.head()
      if (stream === null) return
      const { maxFrameSize } = remoteSettings
      const most = Math.min(stream.sendWindow, this.window, SEND_QUANTUM, maxFrameSize)
      // Without room for an octet of data beside it, there is no padding.
      const padding = stream.padding < most ? stream.padding : 0
      const room = Math.min(most - padding, stream.queuedBytes)
      if (room <= 0) scheduler.remove(stream)
      else this.frame(stream, room, padding)
    }
  }

  /** Adds to (or takes from) one stream's window, and schedules what was blocked by it. @returns false when it would overflow. */
  growStream(stream: H2Stream, increment: number): boolean {
    if (stream.sendWindow + increment > MAX_WINDOW_SIZE) return false
    stream.sendWindow += increment
    if (stream.sendWindow > 0 && stream.queuedBytes > 0) {
      this.core.scheduler.add(stream)
      this.core.announce()
    }
    return true
  }

  onWindowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw sizeError('WINDOW_UPDATE of a wrong length')
    const increment = readStreamId(buffer, start)
    const answers = this.isAnswerToData()
    if (increment < SMALL_WINDOW_UPDATE && !answers) {
      this.core.budgets.spend('smallUpdates')
    }
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of 0')
      if (this.window + increment > MAX_WINDOW_SIZE) throw windowError('the connection window overflows')
      this.window += increment
      if (!this.core.scheduler.empty) this.core.announce()
      return
    }
    const stream = this.core.streams.get(streamId)
    if (stream === undefined) {
      if (this.core.isIdle(streamId)) throw protocolError('WINDOW_UPDATE on an idle stream')
      if (!answers) this.core.budgets.spend('lateFrames')
    } else if (increment === 0) {
      this.streams.fail(stream, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
    } else if (!this.growStream(stream, increment)) {
      this.streams.fail(stream, ErrorCode.FLOW_CONTROL_ERROR, 'the stream window overflows')
    }
  }

  /** Servers that return every small body at once do it for its stream and for the connection. */
  private isAnswerToData(): boolean {
    if (this.updatesDue === 0) return false
    this.updatesDue--
    return true
  }

  private frame(stream: H2Stream, length: number, padding: number): void {
    if (!isWhole(stream, length)) {
      this.streams.reset(stream, ErrorCode.INTERNAL_ERROR)
      const error = this.core.misuse(`A chunk of the body of stream ${stream.id} was detached`)
      stream.listener.onError(stream, error)
      return
    }
    const { scheduler } = this.core
    stream.sendWindow -= length + padding
    this.window -= length + padding
    stream.queuedBytes -= length
    this.updatesDue += 2
    const emptied = stream.queuedBytes === 0
    // As it is now: the listener may write and end in answer, which then takes its own way.
    const finishes = emptied && stream.endQueued
    const ends = finishes && stream.trailersQueued === null
    const flags = ends ? Flag.END_STREAM : 0
    const { writer } = this.core
    if (padding === 0) {
      writer.header(length, FrameType.DATA, flags, stream.id)
      this.append(stream, length)
    } else {
      writer.header(length + padding, FrameType.DATA, flags | Flag.PADDED, stream.id)
      writer.append(Uint8Array.of(padding - 1), 0, 1)
      this.append(stream, length)
      writer.append(PADDING, 0, padding - 1)
    }
    if (emptied || stream.sendWindow <= 0) scheduler.remove(stream)
    else scheduler.rotate(stream)
    stream.listener.onSent(stream, length)
    // The listener may have reset the stream.
    if (stream.state === StreamState.CLOSED) return
    if (ends) this.ended(stream)
    else if (finishes) this.finish(stream)
    else if (stream.needDrain && stream.queuedBytes < SEND_LOW_WATER) {
      stream.needDrain = false
      stream.listener.onDrain(stream)
    }
  }

  private append(stream: H2Stream, length: number): void {
    const { queue } = stream
    const { writer } = this.core
    let left = length
    let used = 0
    let offset = stream.queueOffset
    while (left > 0) {
      const chunk = queue[used]
      const take = Math.min(left, chunk.length - offset)
      writer.append(chunk, offset, offset + take)
      left -= take
      offset += take
      if (offset === chunk.length) {
        used++
        offset = 0
      }
    }
    stream.queueOffset = offset
    if (used === queue.length) queue.length = 0
    else if (used > 0) queue.splice(0, used)
  }

  /** Frames END_STREAM: on an empty DATA frame, or on the trailer section. */
  private finish(stream: H2Stream): void {
    const { core } = this
    const trailers = stream.trailersQueued
    if (trailers !== null) {
      stream.trailersQueued = null
      core.headers(stream.id, core.encoder.write(trailers), true)
    } else {
      core.writer.header(0, FrameType.DATA, Flag.END_STREAM, stream.id)
      core.announce()
    }
    this.ended(stream)
  }
}

/** Is what was queued still there? The memory of a chunk may have been transferred to somebody else meanwhile. */
function isWhole({ queue, queueOffset }: H2Stream, length: number): boolean {
  let found = -queueOffset
  for (let i = 0; i < queue.length && found < length; i++) found += queue[i].length
  return found >= length
}
