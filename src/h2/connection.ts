/**
 * `H2Connection`: HTTP/2 without I/O (RFC 9113), client role.
 *
 * Theory of operation
 * - Octets from the transport go into `receive()`; what follows from them is told to listeners, one a stream and one
 *   for the connection, while `receive()` runs. Octets for the transport come out of `takeOutput()`, which the owner
 *   calls some time after `onOutput()`, so that all that one turn of the event loop produced is written at once.
 * - Nothing the peer does makes `receive()` throw. A broken rule ends one stream (RST_STREAM and `onError`) or the
 *   connection (GOAWAY, `onError` on every stream, `onFailed`); after the latter all input is ignored.
 * - A wrong call by the owner throws and changes nothing.
 * - No sockets, no timers, no clock: deadlines and liveness belong to the owner.
 *
 * This file is the receiving half; the sending half and the shared state are in `core.ts`. Hot path: plain mutable
 * state, no object a frame.
 */
import { ContentLengthError, GoawayError, StreamResetError } from '../errors.ts'
import type { FieldList } from '../exchange.ts'
import { ErrorCode, Flag, FrameType, MAX_WINDOW_SIZE, Setting } from '../frame/codes.ts'
import { FrameReader, type FrameSink, readStreamId, readUint32 } from '../frame/reader.ts'
import { checkResponse, checkTrailers, MalformedError, type ResponseHead } from '../headers/response.ts'
import { Decoder, HeaderListTooLargeError, HpackError } from '../hpack/index.ts'
import {
  CONNECTION_WINDOW,
  MAX_CONTINUATIONS,
  MAX_EMPTY_FRAMES,
  MAX_FRAME_SIZE,
  MAX_HEADER_FIELDS,
  MAX_HEADER_LIST_SIZE,
  MAX_INFORMATIONAL,
  MAX_QUEUED_REPLIES,
  STREAM_WINDOW,
} from '../limits.ts'
import { type ConnectionListener, H2Core } from './core.ts'
import { ConnectionFault } from './faults.ts'
import { applySetting, parseSettings, type SettingEntry, settingEntries } from './settings.ts'
import { type H2Stream, StreamState } from './stream.ts'

export interface H2ConnectionOptions {
  /** Named in error messages. */
  origin?: string | undefined
  /** Our SETTINGS_INITIAL_WINDOW_SIZE, octets. Default: `STREAM_WINDOW`. */
  streamWindow?: number | undefined
  /** Our window for the whole connection, octets, at least 65,535. Default: `CONNECTION_WINDOW`. */
  connectionWindow?: number | undefined
  /** Octets of one header section, names and values and 32 a field. Default: `MAX_HEADER_LIST_SIZE`. */
  maxHeaderListSize?: number | undefined
  /** Fields of one header section. Default: `MAX_HEADER_FIELDS`. */
  maxHeaderFields?: number | undefined
}

/** Checked sections remembered by the decoder's own list, so that a repeated response costs no second check. */
const REMEMBERED_HEADS = 4

export class H2Connection extends H2Core implements FrameSink {
  private readonly reader: FrameReader
  private readonly decoder: Decoder
  /** Octets the peer may still send on the whole connection, and those to be returned to it. */
  private receiveWindow = 65_535
  private unreturned = 0
  private readonly windowSize: number
  /** The header block being collected: its stream (0 = none), flags and octets. */
  private blockStream = 0
  private blockFlags = 0
  private blockFrames = 0
  private block: Buffer[] = []
  private blockSize = 0
  private readonly maxBlockSize: number
  /** The stream of the DATA frame being received; null when its octets are to be dropped. */
  private dataStream: H2Stream | null = null
  private emptyFrames = 0
  private lastGoawayId = MAX_WINDOW_SIZE
  private readonly headKeys: (FieldList | null)[] = new Array<FieldList | null>(REMEMBERED_HEADS).fill(null)
  private readonly heads: (ResponseHead | null)[] = new Array<ResponseHead | null>(REMEMBERED_HEADS).fill(null)
  private headSlot = 0

  constructor(listener: ConnectionListener, options: H2ConnectionOptions = {}) {
    super(listener, options.origin)
    const maxListSize = options.maxHeaderListSize ?? MAX_HEADER_LIST_SIZE
    this.maxBlockSize = maxListSize
    this.windowSize = options.connectionWindow ?? CONNECTION_WINDOW
    this.reader = new FrameReader(this, MAX_FRAME_SIZE)
    this.decoder = new Decoder({ maxListSize, maxFields: options.maxHeaderFields ?? MAX_HEADER_FIELDS })
    this.writer.preface()
    this.sendSettings(
      settingEntries({
        enablePush: false,
        initialWindowSize: options.streamWindow ?? STREAM_WINDOW,
        maxHeaderListSize: maxListSize,
        noRfc7540Priorities: true,
      }),
    )
    if (this.windowSize > this.receiveWindow) {
      this.writer.windowUpdate(0, this.windowSize - this.receiveWindow)
      this.receiveWindow = this.windowSize
    }
  }

  /** Takes octets from the peer. Never throws on account of them. */
  receive(chunk: Buffer): void {
    if (this.dead) return
    try {
      this.reader.receive(chunk)
    } catch (error) {
      if (error instanceof ConnectionFault) this.fault(error.code, error.message)
      else throw error
    }
  }

  private fault(code: number, message: string): void {
    this.reader.stop()
    this.fail(code, message)
  }

  /** @internal */
  onOversized(type: number, _flags: number, _streamId: number, length: number): void {
    this.fail(ErrorCode.FRAME_SIZE_ERROR, `a frame of type ${type} and ${length} octets`)
  }

  /** @internal */
  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (this.blockStream !== 0 && type !== FrameType.CONTINUATION) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'a frame within a header block')
    }
    if (!this.settingsReceived && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'the first frame is not SETTINGS')
    }
    switch (type) {
      case FrameType.DATA:
        this.onPaddedData(flags, streamId, buffer, start, end)
        break
      case FrameType.HEADERS:
        this.onHeadersFrame(flags, streamId, buffer, start, end)
        break
      case FrameType.PRIORITY:
        if (streamId === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0')
        break
      case FrameType.RST_STREAM:
        this.onRstStream(streamId, buffer, start, end)
        break
      case FrameType.SETTINGS:
        this.onSettingsFrame(flags, streamId, buffer, start, end)
        break
      case FrameType.PUSH_PROMISE:
        throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE although push is off')
      case FrameType.PING:
        this.onPingFrame(flags, streamId, buffer, start, end)
        break
      case FrameType.GOAWAY:
        this.onGoawayFrame(streamId, buffer, start, end)
        break
      case FrameType.WINDOW_UPDATE:
        this.onWindowUpdate(streamId, buffer, start, end)
        break
      case FrameType.CONTINUATION:
        this.onContinuation(flags, streamId, buffer, start, end)
        break
      default:
        // Unknown types are ignored (RFC 9113 section 5.5).
        break
    }
  }

  /** @internal */
  onDataHeader(flags: number, streamId: number, length: number): void {
    this.beginData(flags, streamId, length, length)
  }

  /** @internal */
  onDataPiece(flags: number, _streamId: number, buffer: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.dataStream
    if (stream === null || stream.state === StreamState.CLOSED) return
    if (end > start) stream.listener.onData(stream, buffer, start, end)
    if (last && (flags & Flag.END_STREAM) !== 0 && !this.isClosed(stream)) this.endRemote(stream)
  }

  /** A listener may have closed the stream meanwhile. */
  private isClosed(stream: H2Stream): boolean {
    return stream.state === StreamState.CLOSED
  }

  private onPaddedData(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const length = end - start
    const pad = length === 0 ? 0 : buffer[start]
    if (length === 0 || pad >= length) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'DATA with too much padding')
    this.beginData(flags, streamId, length, length - 1 - pad)
    const stream = this.dataStream
    // Padding is dealt with on receipt (RFC 9113 section 6.1).
    if (stream !== null) this.consume(stream, pad + 1)
    this.onDataPiece(flags, streamId, buffer, start + 1, end - pad, true)
  }

  /** Accounts for a DATA frame of `flowLength` octets, `length` of them data, and finds its stream. */
  private beginData(flags: number, streamId: number, flowLength: number, length: number): void {
    this.dataStream = null
    if (streamId === 0 || this.blockStream !== 0 || !this.settingsReceived) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'DATA where none may come')
    }
    if (length === 0 && (flags & Flag.END_STREAM) === 0) {
      if (++this.emptyFrames > MAX_EMPTY_FRAMES) {
        throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many empty DATA frames')
      }
    } else {
      this.emptyFrames = 0
    }
    this.takeFromWindow(flowLength)
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      this.checkLate(streamId, 'DATA')
      return
    }
    if (stream.state !== StreamState.OPEN && stream.state !== StreamState.HALF_CLOSED_LOCAL) {
      throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `DATA after the end of stream ${streamId}`)
    }
    if (!stream.headersReceived) {
      this.failStream(stream, ErrorCode.PROTOCOL_ERROR, 'DATA before the response headers')
      return
    }
    if (flowLength > stream.receiveWindow) {
      this.failStream(stream, ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the window allows')
      return
    }
    stream.receiveWindow -= flowLength
    stream.receivedLength += length
    if (length > 0 && stream.bodyForbidden) {
      this.failStream(stream, ErrorCode.PROTOCOL_ERROR, 'a body where there may be none')
      return
    }
    if (stream.expectedLength !== -1 && stream.receivedLength > stream.expectedLength) {
      this.failLength(stream, 'more octets')
      return
    }
    this.dataStream = stream
  }

  private takeFromWindow(octets: number): void {
    if (octets > this.receiveWindow) {
      throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the connection window allows')
    }
    this.receiveWindow -= octets
    this.unreturned += octets
    if (this.unreturned * 2 >= this.windowSize) {
      this.writer.windowUpdate(0, this.unreturned)
      this.receiveWindow += this.unreturned
      this.unreturned = 0
      this.announce()
    }
  }

  /** A frame for a stream that is not open: forgiven when we reset it, else an error (RFC 9113 section 5.1). */
  private checkLate(streamId: number, what: string): void {
    if (this.resets.has(streamId)) return
    if (this.isIdle(streamId)) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, `${what} on idle stream ${streamId}`)
    throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `${what} on closed stream ${streamId}`)
  }

  private onHeadersFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'HEADERS on stream 0')
    if ((flags & Flag.PADDED) !== 0) {
      const pad = start < end ? buffer[start] : 0
      start += 1
      end -= pad
    }
    if ((flags & Flag.PRIORITY) !== 0) start += 5
    if (start > end) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'HEADERS with too much padding')
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.onHeaderBlock(flags, streamId, buffer, start, end)
      return
    }
    this.blockStream = streamId
    this.blockFlags = flags
    this.blockFrames = 0
    this.blockSize = 0
    this.collect(buffer, start, end)
  }

  private onContinuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0 || streamId !== this.blockStream) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION without its header block')
    }
    if (++this.blockFrames > MAX_CONTINUATIONS) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, `more than ${MAX_CONTINUATIONS} CONTINUATION frames`)
    }
    this.collect(buffer, start, end)
    if ((flags & Flag.END_HEADERS) === 0) return
    const block = Buffer.concat(this.block)
    this.block = []
    this.blockStream = 0
    this.onHeaderBlock(this.blockFlags, streamId, block, 0, block.length)
  }

  private collect(buffer: Buffer, start: number, end: number): void {
    this.blockSize += end - start
    if (this.blockSize > this.maxBlockSize) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, `a header block of more than ${this.maxBlockSize} octets`)
    }
    this.block.push(Buffer.from(buffer.subarray(start, end)))
  }

  private onHeaderBlock(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const stream = this.streams.get(streamId)
    if (stream === undefined) this.checkLate(streamId, 'HEADERS')
    // Decoded even when nobody wants it: the table must stay in step (RFC 9113 section 4.3).
    let section: FieldList
    try {
      section = this.decoder.decode(buffer, start, end)
    } catch (error) {
      if (error instanceof HeaderListTooLargeError) {
        if (stream !== undefined) this.failStream(stream, ErrorCode.ENHANCE_YOUR_CALM, error.message)
        return
      }
      if (error instanceof HpackError) throw new ConnectionFault(ErrorCode.COMPRESSION_ERROR, error.message)
      throw error
    }
    if (stream === undefined) return
    if (stream.state === StreamState.HALF_CLOSED_REMOTE) {
      throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `HEADERS after the end of stream ${streamId}`)
    }
    this.onSection(stream, section, (flags & Flag.END_STREAM) !== 0)
  }

  private onSection(stream: H2Stream, section: FieldList, endStream: boolean): void {
    try {
      if (stream.headersReceived) {
        if (!endStream) throw new MalformedError('a trailer section that does not end the stream')
        stream.trailers = checkTrailers(section)
        this.endRemote(stream)
        return
      }
      const head = this.responseHead(section)
      if (head.status < 200) {
        if (endStream) throw new MalformedError('an informational response that ends the stream')
        if (head.status === 101) throw new MalformedError('status 101')
        if (++stream.informationals > MAX_INFORMATIONAL) {
          this.failStream(stream, ErrorCode.ENHANCE_YOUR_CALM, `more than ${MAX_INFORMATIONAL} informational responses`)
          return
        }
        stream.listener.onInformational(stream, head.status, head.fields)
        return
      }
      stream.headersReceived = true
      if (head.status === 204 || head.status === 304) stream.bodyForbidden = true
      if (!stream.bodyForbidden) stream.expectedLength = head.contentLength
      stream.listener.onHeaders(stream, head.status, head.fields)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.failStream(stream, ErrorCode.PROTOCOL_ERROR, error.message)
      return
    }
    if (endStream && stream.state !== StreamState.CLOSED) this.endRemote(stream)
  }

  /** The checked form of a decoded section; the decoder gives the same list again for a repeated block. */
  private responseHead(section: FieldList): ResponseHead {
    const { headKeys, heads } = this
    for (let i = 0; i < REMEMBERED_HEADS; i++) {
      if (headKeys[i] === section) {
        const known = heads[i]
        if (known !== null) return known
      }
    }
    const head = checkResponse(section)
    headKeys[this.headSlot] = section
    heads[this.headSlot] = head
    this.headSlot = (this.headSlot + 1) % REMEMBERED_HEADS
    return head
  }

  /** The body is not as long as it was announced: malformed (RFC 9113 section 8.1.1). */
  private failLength(stream: H2Stream, had: string): void {
    const message = `The response from ${this.origin ?? 'the server'} announced ${stream.expectedLength} octets and had ${had}`
    this.endStream(
      stream,
      ErrorCode.PROTOCOL_ERROR,
      new ContentLengthError('response', message, { origin: this.origin }),
    )
  }

  /** The peer's side of a stream is complete. */
  private endRemote(stream: H2Stream): void {
    if (stream.expectedLength !== -1 && stream.receivedLength !== stream.expectedLength) {
      this.failLength(stream, `${stream.receivedLength} octets`)
      return
    }
    if (stream.state === StreamState.HALF_CLOSED_LOCAL) {
      this.closeStream(stream)
    } else {
      // The response is complete while we still send: nobody waits for the rest (RFC 9113 section 8.1).
      this.reset(stream, ErrorCode.NO_ERROR)
    }
    stream.listener.onEnd(stream, stream.trailers)
  }

  private onRstStream(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'RST_STREAM of a wrong length')
    if (this.isIdle(streamId)) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on an idle stream')
    const stream = this.streams.get(streamId)
    if (stream === undefined) return
    const code = readUint32(buffer, start)
    this.closeStream(stream)
    stream.listener.onError(
      stream,
      new StreamResetError(code, {
        remote: true,
        retryable: code === ErrorCode.REFUSED_STREAM && !stream.headersReceived,
        origin: this.origin,
      }),
    )
  }

  private onSettingsFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'SETTINGS on a stream')
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start)
        throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS acknowledgement with a payload')
      this.onSettingsAck()
      return
    }
    const entries = parseSettings(buffer, start, end)
    this.settingsReceived = true
    for (const [id, value] of entries) this.applyRemote(id, value)
    this.writer.settingsAck()
    this.countReply()
    this.listener.onSettings(this.remoteSettings)
  }

  private applyRemote(id: number, value: number): void {
    if (id === Setting.ENABLE_PUSH && value === 1) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'a server may not enable push')
    }
    const before = this.remoteSettings.initialWindowSize
    applySetting(this.remoteSettings, id, value)
    if (id === Setting.HEADER_TABLE_SIZE) this.encoder.setMaxTableSize(value)
    if (id !== Setting.INITIAL_WINDOW_SIZE || value === before) return
    for (const stream of this.streams.values()) {
      if (!this.growStreamWindow(stream, value - before)) {
        throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, 'SETTINGS made a window overflow')
      }
    }
  }

  /** Our oldest unacknowledged settings take effect (RFC 9113 section 6.5.3). */
  private onSettingsAck(): void {
    const entries: SettingEntry[] | undefined = this.unacknowledged.shift()
    if (entries === undefined) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'an acknowledgement of settings that were not sent')
    }
    const before = this.localSettings.initialWindowSize
    for (const [id, value] of entries) applySetting(this.localSettings, id, value)
    const delta = this.localSettings.initialWindowSize - before
    if (delta !== 0) for (const stream of this.streams.values()) stream.receiveWindow += delta
  }

  private onPingFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PING on a stream')
    if (end - start !== 8) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'PING of a wrong length')
    const payload = buffer.subarray(start, end)
    if ((flags & Flag.ACK) !== 0) {
      this.listener.onPong(payload)
      return
    }
    this.writer.ping(payload, true)
    this.countReply()
  }

  private countReply(): void {
    if (++this.queuedReplies > MAX_QUEUED_REPLIES) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'more replies are demanded than are read')
    }
    this.announce()
  }

  private onGoawayFrame(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'GOAWAY on a stream')
    if (end - start < 8) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'GOAWAY of a wrong length')
    const lastId = readStreamId(buffer, start)
    const code = readUint32(buffer, start + 4)
    if (lastId > this.lastGoawayId) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'a second GOAWAY raised the last stream identifier')
    }
    this.lastGoawayId = lastId
    this.goawayReceived = true
    const debug = buffer.toString('latin1', start + 8, Math.min(end, start + 8 + 256))
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= lastId) continue
      this.closeStream(stream)
      const error = new GoawayError(code, lastId, { retryable: true, debug, origin: this.origin })
      stream.listener.onError(stream, error)
    }
    this.listener.onGoaway(code, lastId, debug)
  }

  private onWindowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'WINDOW_UPDATE of a wrong length')
    const increment = readStreamId(buffer, start)
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
      if (!this.growSendWindow(increment)) {
        throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, 'the connection window overflows')
      }
      return
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (this.isIdle(streamId)) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream')
      return
    }
    if (increment === 0) this.failStream(stream, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
    else if (!this.growStreamWindow(stream, increment)) {
      this.failStream(stream, ErrorCode.FLOW_CONTROL_ERROR, 'the stream window overflows')
    }
  }
}
