/**
 * The sending half of an HTTP/2 connection and the state both halves share: streams, windows, settings, output.
 *
 * Hot path: plain mutable state, no allocation a frame. The receiving half is `connection.ts`.
 */
import { InvalidArgumentError, ProtocolError, StreamResetError } from '../errors.ts'
import type { FieldList } from '../exchange.ts'
import { ErrorCode, errorCodeName, Flag, FrameType, MAX_STREAM_ID, MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { FrameWriter } from '../frame/writer.ts'
import { Encoder } from '../hpack/index.ts'
import {
  COPY_THRESHOLD,
  MAX_REMEMBERED_RESETS,
  SEND_HIGH_WATER,
  SEND_LOW_WATER,
  SEND_QUANTUM,
  STREAMS_BEFORE_SETTINGS,
} from '../limits.ts'
import { Scheduler } from './scheduler.ts'
import { initialSettings, type SettingEntry, type Settings } from './settings.ts'
import { H2Stream, type StreamListener, StreamState } from './stream.ts'

/** What the connection tells its owner. */
export interface ConnectionListener {
  /** There is output to take; not repeated until it has been taken. */
  onOutput(): void
  /** The peer's settings changed (its first ones included): limits may have moved. */
  onSettings(settings: Readonly<Settings>): void
  /** The peer answered one of our PING frames. */
  onPong(payload: Uint8Array): void
  /** The peer will take no new streams. Those it refused have ended with a retryable error already. */
  onGoaway(code: number, lastStreamId: number, debug: string): void
  /** A stream ended and its slot is free. */
  onStreamClosed(stream: H2Stream): void
  /** The connection ended by a protocol error, ours to report (GOAWAY is in the output). All streams have ended. */
  onFailed(error: ProtocolError): void
}

/** Why a stream may not be opened now, if it may not. */
export type OpenObstacle = 'dead' | 'goaway' | 'stream-ids' | 'limit'

export abstract class H2Core {
  /** The peer's settings. */
  readonly remoteSettings: Settings = initialSettings()
  /** Our settings as far as the peer has acknowledged them. */
  readonly localSettings: Settings = initialSettings()
  /** True once the peer's first SETTINGS frame has come. */
  settingsReceived = false
  /** No input is read and nothing new is sent any more. */
  dead = false
  goawayReceived = false
  /** The origin, for messages. */
  readonly origin: string | undefined

  protected readonly listener: ConnectionListener
  protected readonly writer = new FrameWriter(COPY_THRESHOLD)
  protected readonly encoder = new Encoder()
  protected readonly streams = new Map<number, H2Stream>()
  protected readonly scheduler = new Scheduler()
  /** Octets we may send on the whole connection. */
  protected sendWindow = 65_535
  /** Streams reset by us whose late frames are forgiven, oldest first. */
  protected readonly resets = new Set<number>()
  /** Acknowledgements and resets written since output was last taken. */
  protected queuedReplies = 0
  /** Settings sent and not acknowledged, one list a frame, in order (RFC 9113 section 6.5.3). */
  protected readonly unacknowledged: SettingEntry[][] = []
  private nextStreamId = 1
  private outputAnnounced = false

  constructor(listener: ConnectionListener, origin: string | undefined) {
    this.listener = listener
    this.origin = origin
  }

  /** Streams open now. */
  get openStreams(): number {
    return this.streams.size
  }

  /** Has this identifier never been used? The even ones are the server's, who has used none (push is off). */
  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.nextStreamId
  }

  /** Streams the peer allows at once; before its SETTINGS an assumption. */
  get streamLimit(): number {
    return this.settingsReceived ? this.remoteSettings.maxConcurrentStreams : STREAMS_BEFORE_SETTINGS
  }

  /** All stream identifiers are used up (RFC 9113 section 5.1.1). */
  get exhausted(): boolean {
    return this.nextStreamId > MAX_STREAM_ID
  }

  /** What keeps a new stream from being opened now; undefined when nothing does. */
  get obstacle(): OpenObstacle | undefined {
    if (this.dead) return 'dead'
    if (this.goawayReceived) return 'goaway'
    if (this.exhausted) return 'stream-ids'
    if (this.streams.size >= this.streamLimit) return 'limit'
    return undefined
  }

  /**
   * Opens a stream with a request.
   * @param head checked fields, pseudo-header fields first, `:method` the very first.
   * @throws {InvalidArgumentError} when no stream may be opened now; see {@link obstacle}.
   */
  request(head: FieldList, endStream: boolean, listener: StreamListener): H2Stream {
    const { obstacle } = this
    if (obstacle !== undefined) {
      throw new InvalidArgumentError(`No stream can be opened: ${obstacle}`, { origin: this.origin })
    }
    // Encoding may refuse a field; only then is an identifier taken, so that they stay in order on the wire.
    const length = this.encoder.write(head)
    const id = this.nextStreamId
    this.nextStreamId = id + 2
    const stream = new H2Stream(
      id,
      listener,
      endStream ? StreamState.HALF_CLOSED_LOCAL : StreamState.OPEN,
      this.localSettings.initialWindowSize,
      this.remoteSettings.initialWindowSize,
      head[1] === 'HEAD',
    )
    this.streams.set(id, stream)
    this.writer.headerBlock(
      id,
      endStream ? Flag.END_STREAM : 0,
      this.encoder.scratch,
      length,
      this.remoteSettings.maxFrameSize,
    )
    this.announce()
    return stream
  }

  /**
   * Queues a piece of body. The chunk is kept, not copied: it must not be written to again.
   * @returns false when the queue is full enough: wait for onDrain.
   * @throws {InvalidArgumentError} when our side of the stream has ended.
   */
  write(stream: H2Stream, chunk: Uint8Array): boolean {
    if (!stream.localOpen) {
      throw new InvalidArgumentError(`Stream ${stream.id} takes no more data`, { origin: this.origin })
    }
    if (chunk.length > 0) {
      if (stream.queue === null) stream.queue = [chunk]
      else stream.queue.push(chunk)
      stream.queuedBytes += chunk.length
      if (stream.sendWindow > 0) this.scheduler.add(stream)
      this.announce()
    }
    if (stream.queuedBytes < SEND_HIGH_WATER) return true
    stream.needDrain = true
    return false
  }

  /**
   * Ends our side of a stream, with a trailer section when there is one.
   * @throws {InvalidArgumentError} when it has ended already.
   */
  end(stream: H2Stream, trailers: FieldList | null = null): void {
    if (!stream.localOpen) {
      throw new InvalidArgumentError(`Stream ${stream.id} has ended already`, { origin: this.origin })
    }
    stream.endQueued = true
    stream.trailersQueued = trailers !== null && trailers.length > 0 ? trailers : null
    // A frame without payload needs no window (RFC 9113 section 6.9.1).
    if (stream.queuedBytes === 0) this.finishLocal(stream)
  }

  /** Resets a stream; its listener hears nothing more. */
  reset(stream: H2Stream, code: number): void {
    if (stream.state === StreamState.CLOSED) return
    this.writeReset(stream.id, code)
    this.closeStream(stream)
  }

  /** Sends PING with 8 octets of the caller's. */
  ping(payload: Uint8Array): void {
    if (payload.length !== 8) throw new InvalidArgumentError('A PING carries exactly 8 octets')
    this.writer.ping(payload, false)
    this.announce()
  }

  /** Sends GOAWAY without error: the peer may finish what it has begun. */
  goaway(code: number = ErrorCode.NO_ERROR, debug = ''): void {
    if (this.dead) return
    this.writer.goaway(0, code, Buffer.from(debug))
    this.announce()
  }

  /** Changes our settings; they count from the peer's acknowledgement on (RFC 9113 section 6.5.3). */
  protected sendSettings(entries: SettingEntry[]): void {
    this.writer.settings(entries)
    this.unacknowledged.push(entries)
    this.announce()
  }

  /**
   * Returns octets of a stream's receive window after the owner has dealt with them. The connection's window is
   * returned on receipt, so that an unread stream never starves its siblings.
   */
  consume(stream: H2Stream, octets: number): void {
    stream.unreturned += octets
    if (stream.state !== StreamState.OPEN && stream.state !== StreamState.HALF_CLOSED_LOCAL) return
    const { unreturned } = stream
    if (unreturned * 2 < this.localSettings.initialWindowSize) return
    stream.unreturned = 0
    stream.receiveWindow += unreturned
    this.writer.windowUpdate(stream.id, unreturned)
    this.announce()
  }

  /** Is there anything to write, or could DATA be framed? */
  get hasOutput(): boolean {
    return this.writer.size > 0 || (!this.scheduler.empty && this.sendWindow > 0)
  }

  /** The octets to write now, up to about `budget` of DATA among them. */
  takeOutput(budget: number): Buffer[] {
    this.outputAnnounced = false
    this.queuedReplies = 0
    if (!this.scheduler.empty) this.pump(budget)
    return this.writer.take()
  }

  /** Ends every stream with the error: the transport is gone. */
  terminate(makeError: (stream: H2Stream) => Error): void {
    this.dead = true
    for (const stream of [...this.streams.values()]) {
      this.closeStream(stream)
      stream.listener.onError(stream, makeError(stream))
    }
  }

  protected announce(): void {
    if (this.outputAnnounced) return
    this.outputAnnounced = true
    this.listener.onOutput()
  }

  protected writeReset(id: number, code: number): void {
    this.writer.rstStream(id, code)
    this.queuedReplies++
    this.resets.add(id)
    if (this.resets.size > MAX_REMEMBERED_RESETS) {
      for (const oldest of this.resets) {
        this.resets.delete(oldest)
        break
      }
    }
    this.announce()
  }

  /** The peer broke a rule on one stream: reset it and tell its owner (RFC 9113 section 5.4.2). */
  protected failStream(stream: H2Stream, code: number, detail: string): void {
    this.endStream(stream, code, new StreamResetError(code, { remote: false, detail, origin: this.origin }))
  }

  /** Resets a stream and ends it for its owner with this error. */
  protected endStream(stream: H2Stream, code: number, error: Error): void {
    this.reset(stream, code)
    stream.listener.onError(stream, error)
  }

  /** The peer broke a rule of the connection: say so and end everything (RFC 9113 section 5.4.1). */
  protected fail(code: number, detail: string): void {
    if (this.dead) return
    this.dead = true
    this.writer.goaway(0, code, Buffer.from(detail.slice(0, 256)))
    const error = new ProtocolError(
      `The server${this.origin === undefined ? '' : ` at ${this.origin}`} broke HTTP/2: ${detail} (${errorCodeName(code)})`,
      { http2ErrorCode: code, origin: this.origin },
    )
    this.terminate(() => error)
    this.announce()
    this.listener.onFailed(error)
  }

  protected closeStream(stream: H2Stream): void {
    stream.state = StreamState.CLOSED
    this.streams.delete(stream.id)
    if (stream.scheduled) this.scheduler.remove(stream)
    stream.queue = null
    stream.queuedBytes = 0
    this.listener.onStreamClosed(stream)
  }

  /** Adds to the connection's send window. */
  protected growSendWindow(increment: number): boolean {
    if (this.sendWindow + increment > MAX_WINDOW_SIZE) return false
    this.sendWindow += increment
    if (!this.scheduler.empty) this.announce()
    return true
  }

  /** Adds to (or takes from) one stream's send window; what was blocked by it is scheduled again. */
  protected growStreamWindow(stream: H2Stream, increment: number): boolean {
    if (stream.sendWindow + increment > MAX_WINDOW_SIZE) return false
    stream.sendWindow += increment
    if (stream.sendWindow > 0 && stream.queuedBytes > 0) {
      this.scheduler.add(stream)
      this.announce()
    }
    return true
  }

  /** Frames DATA by turns until the budget, the connection's window or the queues are used up. */
  private pump(budget: number): void {
    const { scheduler, writer } = this
    while (this.sendWindow > 0 && writer.size < budget) {
      const stream = scheduler.head()
      if (stream === null) return
      const room = Math.min(
        stream.sendWindow,
        this.sendWindow,
        SEND_QUANTUM,
        this.remoteSettings.maxFrameSize,
        stream.queuedBytes,
      )
      if (room <= 0) {
        scheduler.remove(stream)
        continue
      }
      this.frameData(stream, room)
    }
  }

  private frameData(stream: H2Stream, length: number): void {
    stream.sendWindow -= length
    this.sendWindow -= length
    stream.queuedBytes -= length
    const emptied = stream.queuedBytes === 0
    const ends = emptied && stream.endQueued && stream.trailersQueued === null
    this.writer.header(length, FrameType.DATA, ends ? Flag.END_STREAM : 0, stream.id)
    this.appendQueued(stream, length)
    if (emptied || stream.sendWindow <= 0) this.scheduler.remove(stream)
    else this.scheduler.rotate(stream)
    stream.listener.onSent(stream, length)
    if (ends) this.localEnded(stream)
    else if (emptied && stream.endQueued) this.finishLocal(stream)
    else if (stream.needDrain && stream.queuedBytes < SEND_LOW_WATER) {
      stream.needDrain = false
      stream.listener.onDrain(stream)
    }
  }

  private appendQueued(stream: H2Stream, length: number): void {
    const queue = stream.queue
    if (queue === null) return
    let left = length
    let used = 0
    let offset = stream.queueOffset
    while (left > 0) {
      const chunk = queue[used]
      const take = Math.min(left, chunk.length - offset)
      this.writer.append(chunk, offset, offset + take)
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
  private finishLocal(stream: H2Stream): void {
    const trailers = stream.trailersQueued
    if (trailers !== null) {
      stream.trailersQueued = null
      const length = this.encoder.write(trailers)
      this.writer.headerBlock(
        stream.id,
        Flag.END_STREAM,
        this.encoder.scratch,
        length,
        this.remoteSettings.maxFrameSize,
      )
    } else {
      this.writer.header(0, FrameType.DATA, Flag.END_STREAM, stream.id)
    }
    this.announce()
    this.localEnded(stream)
  }

  private localEnded(stream: H2Stream): void {
    if (stream.state === StreamState.HALF_CLOSED_REMOTE) this.closeStream(stream)
    else stream.state = StreamState.HALF_CLOSED_LOCAL
    stream.listener.onLocalEnd(stream)
  }
}
