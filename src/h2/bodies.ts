/**
 * Bodies on their way in, and how the peer's side of a stream ends.
 *
 * Hot path: plain mutable state, no object a frame.
 */
import { ContentLengthError, StreamResetError } from '../errors.ts'
import { ErrorCode, Flag } from '../frame/codes.ts'
import { readUint32 } from '../frame/reader.ts'
import { SMALL_DATA } from '../limits.ts'
import type { Core } from './core.ts'
import { closedError, protocolError, sizeError } from './faults.ts'
import type { ReceiveWindows } from './receive-windows.ts'
import { StreamEvent, StreamState } from './states.ts'
import type { H2Stream } from './stream.ts'
import type { Streams } from './streams.ts'

export class Bodies {
  private readonly core: Core
  private readonly streams: Streams
  private readonly windows: ReceiveWindows
  /** The stream of the DATA frame being received; null when its octets are to be dropped. */
  private current: H2Stream | null = null

  constructor(core: Core, streams: Streams, windows: ReceiveWindows) {
    this.core = core
    this.streams = streams
    this.windows = windows
  }

  /** Accounts for a DATA frame of `flowLength` octets, `length` of them data, and finds its stream. */
  begin(flags: number, streamId: number, flowLength: number, length: number): void {
    this.current = null
    this.core.messageFrames++
    if (streamId === 0) throw protocolError('DATA on stream 0')
    if (length === 0 && (flags & Flag.END_STREAM) === 0) this.core.budgets.spend('emptyData')
    this.windows.take(flowLength)
    const stream = this.core.streams.get(streamId)
    if (stream === undefined) {
      this.streams.late.check(streamId, 'DATA')
      return
    }
    if (!stream.remoteOpen) throw closedError(`DATA after the end of stream ${streamId}`)
    if (!stream.headersReceived) {
      this.streams.fail(stream, ErrorCode.PROTOCOL_ERROR, 'DATA before the response headers')
    } else if (flowLength > 0 && flowLength > stream.receiveWindow) {
      // An empty frame is allowed into a window that a lowered setting has made negative (RFC 9113 section 6.9.2).
      this.streams.fail(stream, ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the window allows')
    } else {
      stream.receiveWindow -= flowLength
      if (length < SMALL_DATA && stream.receivedLength > 0 && (flags & Flag.END_STREAM) === 0) {
        this.core.budgets.spend('smallData')
      }
      stream.receivedLength += length
      if (length > 0 && stream.bodyForbidden) {
        this.streams.fail(stream, ErrorCode.PROTOCOL_ERROR, 'a body where there may be none')
      } else if (stream.expectedLength !== -1 && stream.receivedLength > stream.expectedLength) {
        this.failLength(stream, 'more')
      } else {
        this.current = stream
      }
    }
  }

  /** A piece of the frame that {@link begin} announced. */
  pass(flags: number, buffer: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.current
    // Nothing is held of a stream whose frames are over.
    if (last) this.current = null
    if (stream === null || stream.state === StreamState.CLOSED) return
    if (end > start) stream.listener.onData(stream, buffer, start, end)
    if (last && (flags & Flag.END_STREAM) !== 0 && stream.remoteOpen) this.end(stream)
  }

  onPaddedData(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const length = end - start
    const pad = length === 0 ? 0 : buffer[start]
    if (pad >= length) throw protocolError('DATA with too much padding')
    this.begin(flags, streamId, length, length - 1 - pad)
    // Padding is dealt with on receipt (RFC 9113 section 6.1).
    if (this.current !== null) this.windows.consume(this.current, pad + 1)
    this.pass(flags, buffer, start + 1, end - pad, true)
  }

  /** The peer's side of a stream is complete. */
  end(stream: H2Stream): void {
    if (stream.expectedLength !== -1 && stream.receivedLength !== stream.expectedLength) {
      this.failLength(stream, `${stream.receivedLength}`)
      return
    }
    this.streams.advance(stream, StreamEvent.RECEIVE_END)
    // The response is complete while we still send: the server does not need the rest (RFC 9113 section 8.1).
    if (this.core.role === 'client' && !stream.tunnel) this.streams.reset(stream, ErrorCode.NO_ERROR)
    stream.listener.onEnd(stream, stream.trailers)
  }

  /**
   * RST_STREAM. With NO_ERROR a server has nothing more to say on the stream. Before the end of a body that is a cut: a
   * node:http2 server says exactly this when its application gives up in the middle. Only a content-length that has been
   * reached, or the option `allowNoErrorCut`, makes it the end.
   */
  onReset(streamId: number, buffer: Buffer, start: number, end: number): void {
    const { options, role, streams } = this.core
    if (end - start !== 4) throw sizeError('RST_STREAM of a wrong length')
    if (streamId === 0 || this.core.isIdle(streamId)) throw protocolError('RST_STREAM on an idle stream')
    // A server resets only what we opened, and may after each early answer; a client can open and reset without end.
    if (role === 'server') this.core.budgets.spend('resets')
    const stream = streams.get(streamId)
    if (stream === undefined) return
    const code = readUint32(buffer, start)
    this.streams.close(stream)
    // What it sent before it read its own words may follow.
    this.streams.late.remember(streamId)
    if (code !== ErrorCode.NO_ERROR || role === 'server' || !stream.headersReceived || stream.tunnel) {
      const retryable = code === ErrorCode.REFUSED_STREAM && !stream.headersReceived
      const error = new StreamResetError(code, { remote: true, retryable, origin: options.origin })
      stream.listener.onError(stream, error)
    } else if (
      stream.expectedLength === stream.receivedLength ||
      (stream.expectedLength === -1 && options.allowNoErrorCut === true)
    ) {
      stream.listener.onEnd(stream, stream.trailers)
    } else if (stream.expectedLength === -1) {
      const detail = 'the body ends without its end having been said'
      stream.listener.onError(stream, new StreamResetError(code, { remote: true, detail, origin: options.origin }))
    } else {
      stream.listener.onError(stream, this.lengthError(stream, `${stream.receivedLength}`))
    }
  }

  /** The body is not as long as it was announced: malformed (RFC 9113 section 8.1.1). */
  private failLength(stream: H2Stream, had: string): void {
    this.streams.failWith(stream, ErrorCode.PROTOCOL_ERROR, this.lengthError(stream, had))
  }

  private lengthError(stream: H2Stream, had: string): ContentLengthError {
    const { options, role } = this.core
    const { origin } = options
    const what = role === 'client' ? 'response' : 'request'
    const message = `The ${what} from ${origin ?? 'the peer'} announced ${stream.expectedLength} octets and had ${had}`
    return new ContentLengthError(what, message, { origin })
  }
}
