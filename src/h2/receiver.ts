/**
 * The receiving half's messages: DATA, header blocks, promises. Control frames are in `connection.ts`.
 *
 * Hot path: plain mutable state, no object a frame. A response whose header block is the same as one before it, octet
 * for octet and with the table unchanged, is decoded to the same list and so checked only once.
 */

import { ContentLengthError } from '../errors.ts'
import type { FieldList } from '../exchange.ts'
import { ErrorCode, Flag } from '../frame/codes.ts'
import { getField } from '../headers/fields.ts'
import {
  checkRequest,
  checkResponse,
  checkTrailers,
  MalformedError,
  type RequestHead,
  type ResponseHead,
} from '../headers/section.ts'
import { Decoder, HeaderListTooLargeError, HpackError } from '../hpack/index.ts'
import {
  MAX_CONCURRENT_STREAMS,
  MAX_CONTINUATIONS,
  MAX_EMPTY_FRAMES,
  MAX_HEADER_FIELDS,
  MAX_HEADER_LIST_SIZE,
  MAX_INFORMATIONAL,
  MAX_INFORMATIONAL_OCTETS,
  PEER_FAULTS_BURST,
  PEER_FAULTS_PER_SECOND,
  SMALL_DATA,
  SMALL_DATA_BURST,
  SMALL_DATA_PER_SECOND,
} from '../limits.ts'
import { parsePriority } from '../priority/field.ts'
import { surface } from '../surface.ts'
import { Budget } from './budget.ts'
import { ConnectionFault } from './faults.ts'
import type { ConnectionListener } from './listener.ts'
import type { H2ConnectionOptions } from './options.ts'
import { H2ReceiveWindows } from './receive-windows.ts'
import { nextState, StreamEvent, StreamState } from './states.ts'
import { H2Stream, NOBODY } from './stream.ts'
import { tellLength } from './window.ts'

/** Checked sections remembered by the decoder's own list, so that a repeated response costs no second check. */
const REMEMBERED_HEADS = 4

export abstract class H2Receiver extends H2ReceiveWindows {
  protected readonly decoder: Decoder
  /** The header block being collected: its stream (0 = none), the promised stream (0 = none), flags and octets. */
  protected blockStream = 0
  private blockPromised = 0
  private blockFlags = 0
  private blockFrames = 0
  private block: Buffer[] = []
  private blockSize = 0
  private readonly maxBlockSize: number
  protected readonly maxStreams: number
  /** The stream of the DATA frame being received; null when its octets are to be dropped. */
  private dataStream: H2Stream | null = null
  private emptyFrames = 0
  private readonly smallData: Budget
  private readonly peerFaults: Budget
  private readonly headKeys: (FieldList | null)[] = new Array<FieldList | null>(REMEMBERED_HEADS).fill(null)
  private readonly heads: (ResponseHead | null)[] = new Array<ResponseHead | null>(REMEMBERED_HEADS).fill(null)
  private headSlot = 0

  constructor(listener: ConnectionListener, options: H2ConnectionOptions) {
    super(listener, options)
    this.maxBlockSize = options.maxHeaderListSize ?? MAX_HEADER_LIST_SIZE
    this.maxStreams = options.maxConcurrentStreams ?? MAX_CONCURRENT_STREAMS
    this.decoder = new Decoder({
      maxListSize: this.maxBlockSize,
      maxFields: options.maxHeaderFields ?? MAX_HEADER_FIELDS,
    })
    this.smallData = new Budget(SMALL_DATA_BURST, SMALL_DATA_PER_SECOND, this.clock)
    this.peerFaults = new Budget(PEER_FAULTS_BURST, PEER_FAULTS_PER_SECOND, this.clock)
  }

  protected onPeerFault(): void {
    if (!this.peerFaults.take()) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many streams had to be reset')
    }
  }

  /** Accounts for a DATA frame of `flowLength` octets, `length` of them data, and finds its stream. */
  protected beginData(flags: number, streamId: number, flowLength: number, length: number): void {
    this.dataStream = null
    if (streamId === 0 || this.blockStream !== 0 || !this.settingsReceived) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'DATA where none may come')
    }
    if (length > 0 || (flags & Flag.END_STREAM) !== 0) this.emptyFrames = 0
    else this.countEmptyData()
    this.takeFromWindow(flowLength)
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      this.checkLate(streamId, 'DATA')
      return
    }
    if (!stream.remoteOpen) {
      throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `DATA after the end of stream ${streamId}`)
    }
    if (!stream.headersReceived) {
      this.failStream(stream, ErrorCode.PROTOCOL_ERROR, 'DATA before the response headers')
    } else if (flowLength > stream.receiveWindow) {
      this.failStream(stream, ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the window allows')
    } else {
      stream.receiveWindow -= flowLength
      if (length < SMALL_DATA && stream.receivedLength > 0 && (flags & Flag.END_STREAM) === 0) this.countSmallData()
      stream.receivedLength += length
      if (length > 0 && stream.bodyForbidden) {
        this.failStream(stream, ErrorCode.PROTOCOL_ERROR, 'a body where there may be none')
      } else if (stream.expectedLength !== -1 && stream.receivedLength > stream.expectedLength) {
        this.failLength(stream, 'more')
      } else {
        this.dataStream = stream
      }
    }
  }

  protected passData(flags: number, buffer: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.dataStream
    if (stream === null || stream.state === StreamState.CLOSED) return
    if (end > start) stream.listener.onData(stream, buffer, start, end)
    if (last && (flags & Flag.END_STREAM) !== 0 && stream.remoteOpen) this.endRemote(stream)
  }

  protected onPaddedData(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const length = end - start
    const pad = length === 0 ? 0 : buffer[start]
    if (pad >= length) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'DATA with too much padding')
    this.beginData(flags, streamId, length, length - 1 - pad)
    const stream = this.dataStream
    // Padding is dealt with on receipt (RFC 9113 section 6.1).
    if (stream !== null) this.consume(stream, pad + 1)
    this.passData(flags, buffer, start + 1, end - pad, true)
  }

  protected onHeadersFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'HEADERS on stream 0')
    if ((flags & Flag.PADDED) !== 0) {
      end -= start < end ? buffer[start] : 0
      start += 1
    }
    if ((flags & Flag.PRIORITY) !== 0) start += 5
    if (start > end) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'HEADERS with too much padding')
    this.onBlockPiece(flags, streamId, 0, buffer, start, end)
  }

  protected onPushPromise(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (this.role === 'server' || this.options.enablePush !== true) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE although push is off')
    }
    if (streamId === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE on stream 0')
    if ((flags & Flag.PADDED) !== 0) {
      end -= start < end ? buffer[start] : 0
      start += 1
    }
    if (end - start < 4) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'PUSH_PROMISE too short')
    const promised =
      ((buffer[start] & 0x7f) << 24) | (buffer[start + 1] << 16) | (buffer[start + 2] << 8) | buffer[start + 3]
    if (this.isLocalId(promised) || promised <= this.lastRemoteId) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, `PUSH_PROMISE of stream ${promised}`)
    }
    this.onBlockPiece(flags, streamId, promised, buffer, start + 4, end)
  }

  /** The first piece of a header block, or all of it. */
  private onBlockPiece(
    flags: number,
    streamId: number,
    promised: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.onBlock(flags, streamId, promised, buffer, start, end)
      return
    }
    this.blockStream = streamId
    this.blockPromised = promised
    this.blockFlags = flags
    this.blockFrames = 0
    this.blockSize = 0
    this.collect(buffer, start, end)
  }

  protected onContinuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
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
    this.onBlock(this.blockFlags, streamId, this.blockPromised, block, 0, block.length)
  }

  /** The peer's side of a stream is complete. */
  protected endRemote(stream: H2Stream): void {
    if (stream.expectedLength !== -1 && stream.receivedLength !== stream.expectedLength) {
      this.failLength(stream, `${stream.receivedLength}`)
      return
    }
    const state = nextState(stream.state, StreamEvent.RECEIVE_END)
    if (state === StreamState.CLOSED) {
      this.closeStream(stream)
    } else {
      stream.state = state
      // The response is complete while we still send: nobody waits for the rest (RFC 9113 section 8.1).
      if (this.role === 'client' && !stream.tunnel) this.reset(stream, ErrorCode.NO_ERROR)
    }
    stream.listener.onEnd(stream, stream.trailers)
  }

  /** A frame for a stream that is not open: forgiven when we reset it, else an error (RFC 9113 section 5.1). */
  protected checkLate(streamId: number, what: string): void {
    if (this.resets.has(streamId) || this.isIgnored(streamId)) return
    if (streamId <= this.forgivenUpTo && streamId !== 0 && !this.isIdle(streamId)) return
    if (this.isIdle(streamId)) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, `${what} on idle stream ${streamId}`)
    throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `${what} on closed stream ${streamId}`)
  }

  private countEmptyData(): void {
    if (++this.emptyFrames > MAX_EMPTY_FRAMES) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many empty DATA frames')
    }
  }

  private countSmallData(): void {
    if (!this.smallData.take()) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many tiny DATA frames')
    }
  }

  private collect(buffer: Buffer, start: number, end: number): void {
    this.blockSize += end - start
    if (this.blockSize > this.maxBlockSize) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, `a header block of more than ${this.maxBlockSize} octets`)
    }
    this.block.push(Buffer.from(buffer.subarray(start, end)))
  }

  private onBlock(flags: number, streamId: number, promised: number, buffer: Buffer, start: number, end: number): void {
    let stream = this.streams.get(streamId)
    if (stream === undefined && (promised !== 0 || !this.isNewRequest(streamId))) this.checkLate(streamId, 'HEADERS')
    // Decoded even when nobody wants it: the table must stay in step (RFC 9113 section 4.3).
    let section: FieldList | undefined
    let tooLarge = ''
    try {
      section = this.decoder.decode(buffer, start, end)
    } catch (error) {
      if (error instanceof HeaderListTooLargeError) tooLarge = error.message
      else if (error instanceof HpackError) throw new ConnectionFault(ErrorCode.COMPRESSION_ERROR, error.message)
      else throw error
    }
    if (promised !== 0) {
      this.onPromise(stream, promised, section)
      return
    }
    if (stream === undefined) {
      if (!this.isNewRequest(streamId)) return
      stream = this.admit(streamId)
      if (stream === undefined) return
    }
    if (section === undefined) {
      this.failStream(stream, ErrorCode.ENHANCE_YOUR_CALM, tooLarge)
    } else if (stream.remoteOpen || stream.state === StreamState.RESERVED_REMOTE) {
      this.onSection(stream, section, (flags & Flag.END_STREAM) !== 0)
    } else {
      throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `HEADERS after the end of stream ${streamId}`)
    }
  }

  private isNewRequest(streamId: number): boolean {
    return this.role === 'server' && !this.goawaySent && !this.isLocalId(streamId) && streamId > this.lastRemoteId
  }

  /** Server role: a stream for a new request, if there is room for it. */
  private admit(streamId: number): H2Stream | undefined {
    this.lastRemoteId = streamId
    if (this.openRemote >= this.maxStreams) {
      this.writeReset(streamId, ErrorCode.REFUSED_STREAM)
      this.onPeerFault()
      return undefined
    }
    const stream = new H2Stream(
      streamId,
      NOBODY,
      StreamState.OPEN,
      false,
      this.localSettings.initialWindowSize,
      this.remoteSettings.initialWindowSize,
      false,
    )
    return this.takeRemote(stream) ? stream : undefined
  }

  /**
   * Opens a stream of the peer's.
   * @returns false when its window manager could not be made: the stream is refused, and why is its owner's to see.
   */
  private takeRemote(stream: H2Stream): boolean {
    try {
      stream.windowManager = this.newManager()
    } catch (thrown) {
      surface(thrown)
      this.writeReset(stream.id, ErrorCode.INTERNAL_ERROR)
      return false
    }
    this.openStream(stream)
    return true
  }

  private onSection(stream: H2Stream, section: FieldList, endStream: boolean): void {
    try {
      if (stream.headersReceived) {
        if (!endStream) throw new MalformedError('a trailer section that does not end the stream')
        stream.trailers = checkTrailers(section)
        this.endRemote(stream)
        return
      }
      if (this.role === 'server') this.onRequestSection(stream, section)
      else this.onResponseSection(stream, section, endStream)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.failStream(stream, ErrorCode.PROTOCOL_ERROR, error.message)
      return
    }
    if (endStream && stream.remoteOpen) this.endRemote(stream)
  }

  private onResponseSection(stream: H2Stream, section: FieldList, endStream: boolean): void {
    const head = this.responseHead(section)
    if (head.status < 200) {
      if (endStream) throw new MalformedError('an informational response that ends the stream')
      if (head.status === 101) throw new MalformedError('status 101')
      this.countInformational(stream, section)
      if (stream.state !== StreamState.CLOSED) stream.listener.onInformational(stream, head.status, head.fields)
      return
    }
    stream.headersReceived = true
    stream.state = nextState(stream.state, StreamEvent.RECEIVE_HEADERS)
    if (stream.tunnel) {
      // A CONNECT that succeeds has no message body, only the tunnel's octets (RFC 9110 section 9.3.6).
      if (head.status >= 300) stream.tunnel = false
    }
    if (head.status === 204 || head.status === 304) stream.bodyForbidden = true
    if (!stream.bodyForbidden && !stream.tunnel) this.expectLength(stream, head.contentLength)
    stream.listener.onHeaders(stream, head.status, head.fields)
  }

  private onRequestSection(stream: H2Stream, section: FieldList): void {
    const head = checkRequest(section, this.localSettings.enableConnectProtocol)
    stream.headersReceived = true
    stream.tunnel = head.method === 'CONNECT'
    this.expectLength(stream, head.contentLength)
    const priority = getField(head.fields, 'priority')
    if (priority !== undefined) {
      const { urgency, incremental } = parsePriority(priority)
      this.scheduler.reprioritize(stream, urgency, incremental)
    }
    const listener = this.listener.onRequest?.(stream, head)
    if (listener !== undefined) stream.listener = listener
    else this.reset(stream, ErrorCode.REFUSED_STREAM)
  }

  private expectLength(stream: H2Stream, length: number): void {
    stream.expectedLength = length
    if (stream.windowManager !== null && length !== -1) tellLength(stream.windowManager, length)
  }

  /** CVE-2023-45288's relative: informational responses without end cost memory and time as any header section does. */
  private countInformational(stream: H2Stream, section: FieldList): void {
    stream.informationals++
    for (let i = 0; i < section.length; i++) stream.informationalOctets += section[i].length
    if (stream.informationals > MAX_INFORMATIONAL || stream.informationalOctets > MAX_INFORMATIONAL_OCTETS) {
      this.failStream(stream, ErrorCode.ENHANCE_YOUR_CALM, 'too many informational responses')
    }
  }

  private onPromise(parent: H2Stream | undefined, promised: number, section: FieldList | undefined): void {
    this.lastRemoteId = promised
    if (parent === undefined || section === undefined || this.openRemote >= this.maxStreams) {
      // We reset the parent, or cannot take it: the promised stream is refused, the connection goes on.
      this.writeReset(promised, ErrorCode.REFUSED_STREAM)
      return
    }
    if (!parent.remoteOpen) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, `PUSH_PROMISE after the end of stream ${parent.id}`)
    }
    let head: RequestHead
    try {
      head = checkRequest(section, false)
      if ((head.method !== 'GET' && head.method !== 'HEAD') || head.contentLength > 0) {
        throw new MalformedError('a promised request must be a GET or HEAD without a body')
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.writeReset(promised, ErrorCode.PROTOCOL_ERROR)
      this.onPeerFault()
      return
    }
    const { initialWindowSize } = this.localSettings
    const stream = new H2Stream(promised, NOBODY, StreamState.RESERVED_REMOTE, false, initialWindowSize, 0, false)
    if (head.method === 'HEAD') stream.bodyForbidden = true
    if (!this.takeRemote(stream)) return
    const listener = this.listener.onPush?.(parent, stream, head)
    if (listener !== undefined) stream.listener = listener
    else this.reset(stream, ErrorCode.CANCEL)
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
    this.endStream(stream, ErrorCode.PROTOCOL_ERROR, this.lengthError(stream, had))
  }

  protected lengthError(stream: H2Stream, had: string): ContentLengthError {
    const what = this.role === 'client' ? 'response' : 'request'
    const message = `The ${what} from ${this.origin ?? 'the peer'} announced ${stream.expectedLength} octets and had ${had}`
    return new ContentLengthError(what, message, { origin: this.origin })
  }
}
