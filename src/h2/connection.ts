/**
 * `H2Connection`: HTTP/2 without I/O (RFC 9113), in the client's and the server's role.
 *
 * Theory of operation
 * - Octets from the transport go into `receive()`; what follows from them is told to listeners, one a stream and one
 *   for the connection, while `receive()` runs. Octets for the transport come out of `takeOutput()`, which the owner
 *   calls some time after `onOutput()`, so that all that one turn of the event loop produced is written at once.
 * - Nothing the peer does makes `receive()` throw. A broken rule ends one stream (RST_STREAM and `onError`) or the
 *   connection (GOAWAY, `onError` on every stream, `onFailed`); after the latter all input is ignored.
 * - A wrong call by the owner throws `InvalidArgumentError` and changes nothing.
 * - No sockets, no timers: deadlines and liveness belong to the owner. The clock only refills budgets.
 *
 * `core.ts` has the shared state, `sender.ts` what goes out, `receiver.ts` the messages that come in, and this file the
 * control frames and the dispatch of all of them.
 */
import { GoawayError, StreamResetError, toError } from '../errors.ts'
import type { FieldList } from '../exchange.ts'
import { ErrorCode, Flag, FrameType, MAX_STREAM_ID, PREFACE, Setting } from '../frame/codes.ts'
import { parsePayload } from '../frame/parse.ts'
import { FrameReader, type FrameSink, readStreamId, readUint32 } from '../frame/reader.ts'
import { checkRequest } from '../headers/section.ts'
import {
  MAX_EARLY_PRIORITIES,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
  PINGS_BURST,
  PINGS_PER_SECOND,
  PRIORITIES_BURST,
  PRIORITIES_PER_SECOND,
  RESETS_BURST,
  RESETS_PER_SECOND,
  SETTINGS_BURST,
  SETTINGS_PER_SECOND,
  SMALL_WINDOW_UPDATE,
  SMALL_WINDOW_UPDATES_BURST,
  SMALL_WINDOW_UPDATES_PER_SECOND,
  STREAM_WINDOW,
} from '../limits.ts'
import { type Priority, parsePriority } from '../priority/field.ts'
import { Budget } from './budget.ts'
import { ConnectionFault } from './faults.ts'
import type { ConnectionListener } from './listener.ts'
import type { H2ConnectionOptions } from './options.ts'
import { H2Receiver } from './receiver.ts'
import { applySetting, parseSettings, type SettingEntry, settingEntries } from './settings.ts'
import { StreamState } from './states.ts'
import { H2Stream, NOBODY, type StreamListener } from './stream.ts'

export class H2Connection extends H2Receiver implements FrameSink {
  private readonly reader: FrameReader
  /** Server role: octets of the client's preface still to come. */
  private prefaceLeft: string
  private lastGoawayId = MAX_STREAM_ID
  private readonly settingsBudget: Budget
  private readonly pingBudget: Budget
  private readonly resetBudget: Budget
  private readonly priorityBudget: Budget
  private readonly windowBudget: Budget
  private readonly earlyPriorities = new Map<number, Priority>()

  constructor(listener: ConnectionListener, options: H2ConnectionOptions = {}) {
    super(listener, options)
    const budget = (burst: number, perSecond: number): Budget => new Budget(burst, perSecond, this.clock)
    this.settingsBudget = budget(SETTINGS_BURST, SETTINGS_PER_SECOND)
    this.pingBudget = budget(PINGS_BURST, PINGS_PER_SECOND)
    this.resetBudget = budget(RESETS_BURST, RESETS_PER_SECOND)
    this.priorityBudget = budget(PRIORITIES_BURST, PRIORITIES_PER_SECOND)
    this.windowBudget = budget(SMALL_WINDOW_UPDATES_BURST, SMALL_WINDOW_UPDATES_PER_SECOND)
    this.reader = new FrameReader(this, MAX_FRAME_SIZE)
    this.prefaceLeft = this.role === 'server' ? PREFACE : ''
    if (this.role === 'client') this.writer.preface()
    this.sendSettings(this.firstSettings())
    if (this.windowSize > this.receiveWindow) {
      this.writer.windowUpdate(0, this.windowSize - this.receiveWindow)
      this.receiveWindow = this.windowSize
    }
  }

  /** Takes octets from the peer. Never throws on account of them. */
  receive(chunk: Uint8Array): void {
    if (this.dead) return
    let octets = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    try {
      if (this.prefaceLeft !== '') octets = this.matchPreface(octets)
      this.reader.receive(octets)
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error
      this.reader.stop()
      this.fail(error.code, error.message)
    }
  }

  override terminate(makeError: (stream: H2Stream) => Error): void {
    this.reader.stop()
    super.terminate(makeError)
  }

  /**
   * Our settings as `HTTP2-Settings` of an upgrade from HTTP/1.1 says them (RFC 7540 section 3.2.1): base64url. Call it
   * before the request is sent; on 101 call {@link upgraded}. Client role.
   */
  upgradeSettings(): string {
    const octets = Buffer.alloc(this.firstSettings().length * 6)
    this.firstSettings().forEach(([id, value], index) => {
      octets.writeUInt16BE(id, index * 6)
      octets.writeUInt32BE(value, index * 6 + 2)
    })
    return octets.toString('base64url')
  }

  /**
   * The request of an upgrade from HTTP/1.1 becomes stream 1, whose request is complete (RFC 7540 section 3.2).
   * Client role: the response comes on it. Before any other stream is opened.
   * @throws {InvalidArgumentError} when streams were opened already.
   */
  upgraded(method: string, listener: StreamListener): H2Stream {
    if (this.role !== 'client' || this.nextLocalId !== 1) throw this.misuse('An upgrade comes before all streams')
    this.nextLocalId = 3
    const { initialWindowSize } = this.localSettings
    const stream = new H2Stream(1, listener, StreamState.HALF_CLOSED_LOCAL, true, initialWindowSize, 0, true)
    stream.windowManager = this.newManager()
    stream.headersSent = true
    stream.bodyForbidden = method === 'HEAD'
    this.openStream(stream)
    return stream
  }

  /**
   * Server role: an HTTP/1.1 request asked for the upgrade. Its settings count at once, and `onRequest` hears the request
   * as stream 1, half-closed.
   * @param settings the value of `HTTP2-Settings`.
   * @param head the request as a header section of HTTP/2.
   * @throws {InvalidArgumentError} when the settings or the request cannot be read.
   */
  acceptUpgrade(settings: string, head: FieldList): H2Stream {
    if (this.role !== 'server' || this.lastRemoteId !== 0) throw this.misuse('An upgrade comes before all streams')
    const octets = Buffer.from(settings, 'base64url')
    try {
      for (const [id, value] of parseSettings(octets, 0, octets.length)) this.applyRemote(id, value)
      checkRequest(head, false)
    } catch (error) {
      throw this.misuse(`The upgrade cannot be accepted: ${toError(error).message}`)
    }
    const manager = this.newManager()
    this.lastRemoteId = 1
    const listener = this.listener
    const stream = new H2Stream(
      1,
      NOBODY,
      StreamState.OPEN,
      false,
      this.localSettings.initialWindowSize,
      this.remoteSettings.initialWindowSize,
      false,
    )
    stream.windowManager = manager
    this.openStream(stream)
    const heard = listener.onRequest?.(stream, checkRequest(head, false))
    if (heard === undefined) {
      this.reset(stream, ErrorCode.REFUSED_STREAM)
      return stream
    }
    stream.listener = heard
    stream.headersReceived = true
    this.endRemote(stream)
    return stream
  }

  /** @internal */
  onOversized(type: number, _flags: number, _streamId: number, length: number): void {
    throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, `a frame of type ${type} and ${length} octets`)
  }

  /** @internal */
  onDataHeader(flags: number, streamId: number, length: number): void {
    this.beginData(flags, streamId, length, length)
  }

  /** @internal */
  onDataPiece(flags: number, _streamId: number, buffer: Buffer, start: number, end: number, last: boolean): void {
    this.passData(flags, buffer, start, end, last)
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
        this.onPriority(streamId, buffer, start, end)
        break
      case FrameType.RST_STREAM:
        this.onRstStream(streamId, buffer, start, end)
        break
      case FrameType.SETTINGS:
        this.onSettingsFrame(flags, streamId, buffer, start, end)
        break
      case FrameType.PUSH_PROMISE:
        this.onPushPromise(flags, streamId, buffer, start, end)
        break
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
      case FrameType.ALTSVC:
      case FrameType.ORIGIN:
      case FrameType.PRIORITY_UPDATE:
        this.onExtension(type, flags, streamId, buffer.subarray(start, end))
        break
      default:
        // Unknown types are ignored (RFC 9113 section 5.5).
        break
    }
  }

  private firstSettings(): SettingEntry[] {
    const { options } = this
    const common = {
      initialWindowSize: options.streamWindow ?? STREAM_WINDOW,
      maxHeaderListSize: options.maxHeaderListSize ?? MAX_HEADER_LIST_SIZE,
      noRfc7540Priorities: true,
    }
    if (this.role === 'server') {
      const enableConnectProtocol = options.enableConnectProtocol === true ? true : undefined
      return settingEntries({ ...common, maxConcurrentStreams: this.maxStreams, enableConnectProtocol })
    }
    if (options.enablePush !== true) return settingEntries({ ...common, enablePush: false })
    return settingEntries({ ...common, enablePush: true, maxConcurrentStreams: this.maxStreams })
  }

  /** Server role: the client's preface, which may come octet by octet (RFC 9113 section 3.4). */
  private matchPreface(octets: Buffer): Buffer {
    const length = Math.min(octets.length, this.prefaceLeft.length)
    if (octets.toString('latin1', 0, length) !== this.prefaceLeft.slice(0, length)) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'the connection preface is wrong')
    }
    this.prefaceLeft = this.prefaceLeft.slice(length)
    return octets.subarray(length)
  }

  /** RFC 9113 section 5.3.2: priorities of RFC 7540 are read past. */
  private onPriority(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0')
    this.countPriority()
    const stream = this.streams.get(streamId)
    if (stream === undefined) return
    if (end - start !== 5) this.failStream(stream, ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY of a wrong length')
    else if (readStreamId(buffer, start) === streamId) {
      this.failStream(stream, ErrorCode.PROTOCOL_ERROR, 'a stream that depends on itself')
    }
  }

  private countPriority(): void {
    if (!this.priorityBudget.take()) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many priority frames')
    }
  }

  private onRstStream(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'RST_STREAM of a wrong length')
    if (streamId === 0 || this.isIdle(streamId)) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on an idle stream')
    }
    // A server resets only what we opened, and may after each early answer; a client can open and reset without end.
    if (this.role === 'server' && !this.resetBudget.take()) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many streams are reset')
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) return
    const code = readUint32(buffer, start)
    const retryable = code === ErrorCode.REFUSED_STREAM && !stream.headersReceived
    this.closeStream(stream)
    if (code === ErrorCode.NO_ERROR && this.role === 'client' && stream.headersReceived && !stream.tunnel) {
      this.endWithoutError(stream)
      return
    }
    stream.listener.onError(stream, new StreamResetError(code, { remote: true, retryable, origin: this.origin }))
  }

  /**
   * A server that resets a stream with NO_ERROR has nothing more to say on it. Some say so in place of END_STREAM after
   * the last DATA (node:http2 under backpressure does): the body is taken as complete, unless its content-length shows
   * that it is not.
   */
  private endWithoutError(stream: H2Stream): void {
    if (stream.expectedLength === -1 || stream.expectedLength === stream.receivedLength) {
      stream.listener.onEnd(stream, stream.trailers)
    } else {
      stream.listener.onError(stream, this.lengthError(stream, `${stream.receivedLength}`))
    }
  }

  private onSettingsFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'SETTINGS on a stream')
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start)
        throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS acknowledgement with a payload')
      this.onSettingsAck()
      return
    }
    if (!this.settingsBudget.take()) throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many SETTINGS')
    const entries = parseSettings(buffer, start, end)
    this.settingsReceived = true
    for (const [id, value] of entries) this.applyRemote(id, value)
    this.writer.settingsAck()
    this.countReply()
    this.listener.onSettings(this.remoteSettings)
  }

  private applyRemote(id: number, value: number): void {
    if (id === Setting.ENABLE_PUSH && value === 1 && this.role === 'client') {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'a server may not enable push')
    }
    const { initialWindowSize: before, enableConnectProtocol } = this.remoteSettings
    applySetting(this.remoteSettings, id, value)
    if (id === Setting.HEADER_TABLE_SIZE) this.encoder.setMaxTableSize(value)
    if (id === Setting.ENABLE_CONNECT_PROTOCOL && enableConnectProtocol && value === 0) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'extended CONNECT cannot be taken back')
    }
    if (id !== Setting.INITIAL_WINDOW_SIZE || value === before) return
    for (const stream of this.streams.values()) {
      if (!this.growStreamWindow(stream, value - before)) {
        throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, 'SETTINGS made a window overflow')
      }
    }
  }

  /** Our oldest unacknowledged settings take effect (RFC 9113 section 6.5.3). */
  private onSettingsAck(): void {
    const entries = this.unacknowledged.shift()
    if (entries === undefined) {
      throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'an acknowledgement of settings that were not sent')
    }
    const before = this.localSettings.initialWindowSize
    for (const [id, value] of entries) {
      applySetting(this.localSettings, id, value)
      if (id === Setting.HEADER_TABLE_SIZE) this.decoder.setMaxTableSize(value)
      if (id === Setting.MAX_FRAME_SIZE) this.reader.maxFrameSize = value
    }
    const delta = this.localSettings.initialWindowSize - before
    if (delta !== 0) {
      for (const stream of this.streams.values()) {
        stream.receiveWindow += delta
        stream.windowTarget += delta
      }
    }
    this.listener.onSettingsAcknowledged?.(this.localSettings)
  }

  private onPingFrame(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PING on a stream')
    if (end - start !== 8) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'PING of a wrong length')
    const payload = buffer.subarray(start, end)
    if ((flags & Flag.ACK) === 0) {
      if (!this.pingBudget.take()) throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many PING frames')
      this.writer.ping(payload, true)
      this.countReply()
    } else if (this.isShutdownPong(payload)) {
      this.goaway()
    } else {
      this.listener.onPong(payload)
    }
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
      // One that was told may have reset another.
      if (!stream.local || stream.id <= lastId || stream.state === StreamState.CLOSED) continue
      this.closeStream(stream)
      const error = new GoawayError(code, lastId, { retryable: true, debug, origin: this.origin })
      stream.listener.onError(stream, error)
    }
    this.listener.onGoaway(code, lastId, debug)
  }

  /** Servers that return every small body at once do it for its stream and for the connection. */
  private isAnswerToData(): boolean {
    if (this.updatesDue === 0) return false
    this.updatesDue--
    return true
  }

  private onWindowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'WINDOW_UPDATE of a wrong length')
    const increment = readStreamId(buffer, start)
    if (increment < SMALL_WINDOW_UPDATE && !this.isAnswerToData() && !this.windowBudget.take()) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many tiny WINDOW_UPDATE frames')
    }
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

  /** Frames of other RFCs. Where they stand in a wrong place, their RFCs say to ignore them, but for PRIORITY_UPDATE. */
  private onExtension(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === FrameType.PRIORITY_UPDATE) {
      this.onPriorityUpdate(streamId, payload)
      return
    }
    if (this.role === 'server') return
    if (!this.settingsBudget.take()) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'too many ORIGIN and ALTSVC frames')
    }
    const frame = parseLeniently(type, flags, streamId, payload)
    if (frame?.type === 'ORIGIN' && streamId === 0 && flags === 0) this.listener.onOrigin?.(frame.origins)
    if (frame?.type !== 'ALTSVC') return
    // On the connection with an origin, on a stream without (RFC 7838 section 4).
    const stream = this.streams.get(streamId)
    if (streamId === 0 ? frame.origin !== '' : frame.origin === '' && stream !== undefined) {
      this.listener.onAltSvc?.(frame.origin, frame.value, stream)
    }
  }

  /** RFC 9218 section 7.1. */
  private onPriorityUpdate(streamId: number, payload: Buffer): void {
    if (this.role === 'client') throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PRIORITY_UPDATE from a server')
    this.countPriority()
    if (streamId !== 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PRIORITY_UPDATE on a stream')
    if (payload.length < 4) throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY_UPDATE too short')
    const id = readStreamId(payload, 0)
    if (id === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, 'PRIORITY_UPDATE of stream 0')
    const priority = parsePriority(payload.toString('latin1', 4))
    const stream = this.streams.get(id)
    if (stream !== undefined) {
      this.scheduler.reprioritize(stream, priority.urgency, priority.incremental)
    } else if (this.isIdle(id)) {
      if (this.earlyPriorities.size >= MAX_EARLY_PRIORITIES) return
      this.earlyPriorities.set(id, priority)
    }
  }

  protected override openStream(stream: H2Stream): void {
    super.openStream(stream)
    if (this.earlyPriorities.size === 0) return
    const early = this.earlyPriorities.get(stream.id)
    if (early === undefined) return
    this.earlyPriorities.delete(stream.id)
    this.scheduler.reprioritize(stream, early.urgency, early.incremental)
  }
}

function parseLeniently(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer,
): ReturnType<typeof parsePayload> | undefined {
  try {
    return parsePayload(type, flags, streamId, payload)
  } catch {
    return undefined
  }
}
