/**
 * What both halves of an HTTP/2 connection share: streams, settings, windows, output, and how a stream and a connection
 * end. `sender.ts` builds on it, `receiver.ts` on that, and `connection.ts` is the whole.
 *
 * Hot path: plain mutable state, no allocation a frame.
 */
import { InvalidArgumentError, ProtocolError, StreamResetError } from '../errors.ts'
import { ErrorCode, errorCodeName, MAX_STREAM_ID, MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { FrameWriter } from '../frame/writer.ts'
import { Encoder } from '../hpack/index.ts'
import { COPY_THRESHOLD, MAX_QUEUED_REPLIES, MAX_REMEMBERED_RESETS, STREAMS_BEFORE_SETTINGS } from '../limits.ts'
import { Scheduler } from '../priority/scheduler.ts'
import { ConnectionFault } from './faults.ts'
import type { ConnectionListener } from './listener.ts'
import type { H2ConnectionOptions } from './options.ts'
import { initialSettings, type SettingEntry, type Settings } from './settings.ts'
import { StreamState } from './states.ts'
import { type H2Stream, NO_CHUNKS } from './stream.ts'
import type { WindowContext, WindowManager } from './window.ts'

/** Why a stream may not be opened now, if it may not. */
export type OpenObstacle = 'dead' | 'goaway' | 'stream-ids' | 'limit'

export abstract class H2Core {
  readonly role: 'client' | 'server'
  /** Named in error messages. */
  readonly origin: string | undefined
  /** The peer's settings. */
  readonly remoteSettings: Settings = initialSettings()
  /** Our settings as far as the peer has acknowledged them. */
  readonly localSettings: Settings = initialSettings()
  /** The peer's first SETTINGS frame has come. */
  settingsReceived = false
  /** No input is read and nothing new is sent any more. */
  dead = false
  /** The peer said GOAWAY: it takes no new streams. */
  goawayReceived = false
  /** Streams open now that we opened. */
  openLocal = 0
  /** Streams open now that the peer opened. */
  openRemote = 0

  protected readonly listener: ConnectionListener
  protected readonly options: H2ConnectionOptions
  protected readonly writer = new FrameWriter(COPY_THRESHOLD)
  protected readonly encoder = new Encoder()
  protected readonly streams = new Map<number, H2Stream>()
  protected readonly scheduler = new Scheduler<H2Stream>()
  /** Octets we may send on the whole connection. */
  protected sendWindow = 65_535
  /** WINDOW_UPDATE frames that the peer may send for the DATA frames sent to it: one for the stream, one for the connection. */
  protected updatesDue = 0
  /** Streams reset by us whose late frames are forgiven, oldest first. */
  protected readonly resets = new Set<number>()
  /** Late frames of streams up to this one are forgiven too. */
  protected forgivenUpTo = 0
  /** Acknowledgements and resets written since output was last taken. */
  protected queuedReplies = 0
  /** Settings sent and not acknowledged, one list a frame, in order (RFC 9113 section 6.5.3). */
  protected readonly unacknowledged: SettingEntry[][] = []
  /** The identifiers of the next stream that we open and of the last one that the peer opened. */
  protected nextLocalId: number
  /** A GOAWAY of ours named the last stream that is taken. */
  protected goawaySent = false
  protected lastRemoteId = 0
  private outputAnnounced = false

  constructor(listener: ConnectionListener, options: H2ConnectionOptions) {
    this.listener = listener
    this.options = options
    this.role = options.role ?? 'client'
    this.origin = options.origin
    this.nextLocalId = this.role === 'client' ? 1 : 2
  }

  /** Streams open now. */
  get openStreams(): number {
    return this.streams.size
  }

  /** Streams the peer allows us at once; before its SETTINGS an assumption. */
  get streamLimit(): number {
    if (this.settingsReceived) return this.remoteSettings.maxConcurrentStreams
    return this.options.streamsBeforeSettings ?? STREAMS_BEFORE_SETTINGS
  }

  /** All identifiers for our streams are used up (RFC 9113 section 5.1.1). */
  get exhausted(): boolean {
    return this.nextLocalId > MAX_STREAM_ID
  }

  /** What keeps a new stream of ours from being opened now; undefined when nothing does. */
  get obstacle(): OpenObstacle | undefined {
    if (this.dead) return 'dead'
    if (this.goawayReceived) return 'goaway'
    if (this.exhausted) return 'stream-ids'
    if (this.openLocal >= this.streamLimit) return 'limit'
    return undefined
  }

  /** A stream by its identifier, while it is open. */
  stream(id: number): H2Stream | undefined {
    return this.streams.get(id)
  }

  /** Resets a stream (RFC 9113 section 6.4); its listener hears nothing more. A closed stream stays as it is. */
  reset(stream: H2Stream, code: number = ErrorCode.CANCEL): void {
    if (stream.state === StreamState.CLOSED) return
    this.writeReset(stream.id, code)
    this.closeStream(stream)
  }

  /**
   * Sends PING (RFC 9113 section 6.7); the answer comes by `onPong`.
   * @throws {InvalidArgumentError} when the payload is not 8 octets long.
   */
  ping(payload: Uint8Array): void {
    if (payload.length !== 8) throw new InvalidArgumentError('A PING carries exactly 8 octets')
    if (this.dead) return
    this.writer.ping(payload, false)
    this.announce()
  }

  /** Ends every stream with an error: the transport is gone. */
  terminate(makeError: (stream: H2Stream) => Error): void {
    this.dead = true
    for (const stream of [...this.streams.values()]) {
      // One that was told may have reset another.
      if (stream.state === StreamState.CLOSED) continue
      this.closeStream(stream)
      stream.listener.onError(stream, makeError(stream))
    }
  }

  /** Has this identifier never been used, by whoever may use it? */
  protected isIdle(id: number): boolean {
    return this.isLocalId(id) ? id >= this.nextLocalId : id > this.lastRemoteId && !this.goawaySent
  }

  /** Was this stream opened by the peer after our GOAWAY? It is ignored (RFC 9113 section 6.8). */
  protected isIgnored(id: number): boolean {
    return this.goawaySent && !this.isLocalId(id) && id > this.lastRemoteId
  }

  protected isLocalId(id: number): boolean {
    return (id & 1) === (this.role === 'client' ? 1 : 0)
  }

  protected sendSettings(entries: SettingEntry[]): void {
    this.writer.settings(entries)
    this.unacknowledged.push(entries)
    this.announce()
  }

  protected announce(): void {
    if (this.outputAnnounced) return
    this.outputAnnounced = true
    this.listener.onOutput()
  }

  protected taken(): void {
    this.outputAnnounced = false
    this.queuedReplies = 0
  }

  /** An answer that the peer made us write; a peer that does not read them is flooding (CVE-2019-9512, 9514, 9515). */
  protected countReply(): void {
    if (++this.queuedReplies > MAX_QUEUED_REPLIES) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, 'more replies are demanded than are read')
    }
    this.announce()
  }

  protected writeReset(id: number, code: number): void {
    this.writer.rstStream(id, code)
    this.resets.add(id)
    if (this.resets.size > MAX_REMEMBERED_RESETS) {
      // A set keeps its order: the first is the oldest. What is forgotten is forgiven, with all before it.
      const oldest = Number(this.resets.values().next().value)
      this.resets.delete(oldest)
      this.forgivenUpTo = Math.max(this.forgivenUpTo, oldest)
    }
    this.announce()
  }

  /** The peer broke a rule on one stream: reset it and tell its owner (RFC 9113 section 5.4.2). */
  protected failStream(stream: H2Stream, code: number, detail: string): void {
    this.endStream(stream, code, new StreamResetError(code, { remote: false, detail, origin: this.origin }))
  }

  /** Resets a stream on account of the peer and ends it for its owner with this error. */
  protected endStream(stream: H2Stream, code: number, error: Error): void {
    this.reset(stream, code)
    // Told first: counting it may end the connection, which no longer knows this stream.
    stream.listener.onError(stream, error)
    this.onPeerFault()
  }

  /** What window managers may ask. */
  protected abstract get windowContext(): WindowContext

  /** The peer made us reset a stream (CVE-2025-8671, CVE-2019-9514). */
  protected abstract onPeerFault(): void

  /** The peer broke a rule of the connection: say so and end everything (RFC 9113 section 5.4.1). */
  protected fail(code: number, detail: string): void {
    if (this.dead) return
    this.dead = true
    this.writer.goaway(this.lastRemoteId, code, Buffer.from(detail.slice(0, 256)))
    const peer = this.role === 'client' ? 'server' : 'client'
    const where = this.origin === undefined ? '' : ` at ${this.origin}`
    const error = new ProtocolError(`The ${peer}${where} broke HTTP/2: ${detail} (${errorCodeName(code)})`, {
      http2ErrorCode: code,
      origin: this.origin,
    })
    this.terminate(() => error)
    this.announce()
    this.listener.onFailed(error)
  }

  /** The manager of a stream that is to be opened; null: there are none. Making one may throw: nothing may depend on it yet. */
  protected newManager(): WindowManager | null {
    const { windowManager } = this.options
    if (windowManager === undefined) return null
    return windowManager(this.localSettings.initialWindowSize, 'stream', this.windowContext)
  }

  protected openStream(stream: H2Stream): void {
    this.streams.set(stream.id, stream)
    if (stream.local) this.openLocal++
    else this.openRemote++
  }

  protected closeStream(stream: H2Stream): void {
    stream.state = StreamState.CLOSED
    this.streams.delete(stream.id)
    if (stream.local) this.openLocal--
    else this.openRemote--
    if (stream.scheduled) this.scheduler.remove(stream)
    stream.queue = NO_CHUNKS
    stream.queuedBytes = 0
    this.listener.onStreamClosed(stream)
  }

  /** Adds to the connection's send window; false when it would overflow. */
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
}
