/**
 * `H2Connection`: HTTP/2 without I/O (RFC 9113), in the client's and the server's role.
 *
 * Rules
 * - Nothing the peer does makes `receive()` throw. A broken rule ends one stream (RST_STREAM and `onError`) or the
 *   connection (GOAWAY, `onError` on every stream, `onFailed`); after the latter all input is ignored.
 * - A wrong call by the owner throws `InvalidArgumentError` and changes nothing.
 * - No sockets, no timers: deadlines and liveness belong to the owner. The clock only refills budgets and measures speed.
 *
 * Theory of operation
 * - Octets from the transport go into `receive()`, which calls the listeners: one for each stream, and one for the
 *   connection. Octets for the transport come out of `takeOutput()`, which the owner calls some time after `onOutput()`, so
 *   that everything from one turn of the event loop is written at once.
 * - This file is the front for calls, `frames-in.ts` that for frames: they go from there to the part that knows them. A part has
 *   its own state and its collaborators; a frame is processed by the part whose state it changes.
 *
 *       core.ts              what all share: streams, settings, identifiers, what each side has said (states.ts), output
 *       budgets.ts           what a peer may do at once
 *       streams.ts           how a stream begins and ends; late-frames.ts: what may still come for one that has ended
 *       send-queue.ts        bodies out, and the windows that the peer grants         WINDOW_UPDATE
 *       receive-windows.ts   the windows that we grant, by the policy of window.ts
 *       outgoing.ts          header sections out
 *       header-blocks.ts     header blocks put together                               HEADERS PUSH_PROMISE CONTINUATION
 *       sections.ts          header sections in
 *       bodies.ts            bodies in, and the end of the peer's side                DATA RST_STREAM
 *       settings-exchange.ts what each side has set                                   SETTINGS
 *       going-away.ts        how the connection ends                                  GOAWAY
 *       control-frames.ts    the rest                                                 PING PRIORITY ALTSVC ORIGIN
 *
 * - A part that finds a rule of the connection broken throws a `ConnectionFault` (faults.ts), which ends in `frames-in.ts`.
 */
import { toError } from '../errors.ts'
import { ErrorCode } from '../frame/codes.ts'
import type { FieldList } from '../headers/fields.ts'
import { checkRequest, type RequestHead } from '../headers/section.ts'
import { checkCode, checkOctets, checkSettings } from './arguments.ts'
import { Core, type OpenObstacle } from './core.ts'
import { FramesIn } from './frames-in.ts'
import type { ConnectionListener } from './listener.ts'
import type { H2ConnectionOptions } from './options.ts'
import { Outgoing } from './outgoing.ts'
import { ReceiveWindows } from './receive-windows.ts'
import { SendQueue } from './send-queue.ts'
import { parseSettings, type Settings, settingEntries } from './settings.ts'
import { OwnState, PeerState } from './states.ts'
import type { H2Stream, StreamListener } from './stream.ts'
import { Streams } from './streams.ts'
import type { WindowContext } from './window.ts'

/** HTTP/2 without I/O (RFC 9113), client or server role. See the top of this file for how it works. */
export class H2Connection implements WindowContext {
  /** Which side of the connection this is. */
  readonly role: 'client' | 'server'
  /** Named in error messages. */
  readonly origin: string | undefined
  /** The peer's settings. */
  readonly remoteSettings: Settings
  /** Our settings as far as the peer has acknowledged them. */
  readonly localSettings: Settings

  private readonly core: Core
  private readonly streams: Streams
  private readonly queue: SendQueue
  private readonly granted: ReceiveWindows
  private readonly frames: FramesIn
  private readonly outgoing: Outgoing

  constructor(listener: ConnectionListener, options: H2ConnectionOptions = {}) {
    const core = new Core(listener, options)
    const streams = new Streams(core)
    this.core = core
    this.role = core.role
    this.origin = options.origin
    this.remoteSettings = core.remoteSettings
    this.localSettings = core.localSettings
    this.streams = streams
    this.queue = new SendQueue(core, streams)
    this.granted = new ReceiveWindows(core, streams)
    this.outgoing = new Outgoing(core, streams, this.granted, this.queue)
    this.frames = new FramesIn(core, streams, this.queue, this.granted)
    if (this.role === 'client') core.writer.preface()
    this.frames.settings.send(this.frames.settings.first())
    this.granted.begin()
  }

  /** The peer's first SETTINGS frame has come. */
  get settingsReceived(): boolean {
    return this.core.peer !== PeerState.SILENT
  }

  /** The peer has sent GOAWAY: it accepts no new streams. */
  get goawayReceived(): boolean {
    return this.core.peer === PeerState.GONE
  }

  /** No input is read and nothing new is sent any more. */
  get dead(): boolean {
    return this.core.own === OwnState.DEAD
  }

  /** DATA and HEADERS frames received: what a peer sends by itself, and not in answer to a PING. */
  get messageFrames(): number {
    return this.core.messageFrames
  }

  /** Streams open now. */
  get openStreams(): number {
    return this.core.streams.size
  }

  /** Streams open now that we opened. */
  get openLocal(): number {
    return this.core.openLocal
  }

  /** Streams open now that the peer opened. */
  get openRemote(): number {
    return this.core.openRemote
  }

  /** Streams the peer allows us at once; before its SETTINGS `streamsBeforeSettings`. */
  get streamLimit(): number {
    return this.core.streamLimit
  }

  /** All identifiers for our streams are used up (RFC 9113 section 5.1.1). */
  get exhausted(): boolean {
    return this.core.exhausted
  }

  /** What keeps a new stream of ours from being opened now; undefined when nothing does. */
  get obstacle(): OpenObstacle | undefined {
    return this.core.obstacle
  }

  /** The shortest round trip that the owner has measured, in milliseconds; 0 while it has not. Windows grow by it. */
  get rtt(): number {
    return this.granted.rtt
  }

  set rtt(milliseconds: number) {
    this.granted.rtt = milliseconds
  }

  /** Milliseconds on the connection's clock. */
  now(): number {
    return this.core.clock()
  }

  /** The connection's two windows, in octets: what we may send, and what the peer may. */
  windows(): { readonly send: number; readonly receive: number } {
    return { send: this.queue.window, receive: this.granted.window }
  }

  /** A stream by its identifier, while it is open. */
  stream(id: number): H2Stream | undefined {
    return this.core.streams.get(id)
  }

  /** Takes octets from the peer. Never throws because of what the peer sent. */
  receive(chunk: Uint8Array): void {
    if (!this.dead) this.frames.receive(chunk)
  }

  /** Is there anything to write, or could DATA be framed? */
  get hasOutput(): boolean {
    return this.core.writer.size > 0 || this.queue.ready
  }

  /** The octets to write now, in order, with about `budget` octets of DATA among them at the most. */
  takeOutput(budget: number): Buffer[] {
    this.core.taken()
    if (this.queue.ready) this.queue.fill(budget)
    return this.core.writer.take()
  }

  /**
   * Opens a stream with a request. Client role.
   * @param head pseudo-header fields first, `:method` the very first.
   * @throws {InvalidArgumentError} when no stream may be opened now (see {@link obstacle}), or a field is not allowed.
   */
  request(head: FieldList, endStream: boolean, listener: StreamListener): H2Stream {
    return this.outgoing.request(head, endStream, listener)
  }

  /**
   * Sends an informational response. Server role.
   * @throws {InvalidArgumentError} when the final response was sent, or the section is not allowed.
   */
  inform(stream: H2Stream, section: FieldList): void {
    this.outgoing.inform(stream, section)
  }

  /**
   * Sends the final response's header section. Server role.
   * @param section `:status` first.
   * @throws {InvalidArgumentError} when it was sent already, the stream has ended, or the section is not allowed.
   */
  respond(stream: H2Stream, section: FieldList, endStream: boolean): void {
    this.outgoing.respond(stream, section, endStream)
  }

  /**
   * Promises the answer to a request made up by us (RFC 9113 section 8.4). Server role.
   * @returns the promised stream: answer on it with {@link respond}.
   * @throws {InvalidArgumentError} when the peer takes no pushes, the parent has ended, or the request is not allowed.
   */
  push(parent: H2Stream, head: FieldList, listener: StreamListener): H2Stream {
    return this.outgoing.push(parent, head, listener)
  }

  /**
   * Queues a piece of body. The chunk is kept, not copied: it must not be written to again.
   * @returns false when 64 KiB (`SEND_HIGH_WATER`) are queued: wait for `onDrain`.
   * @throws {InvalidArgumentError} when our side of the stream has ended or not begun.
   */
  write(stream: H2Stream, chunk: Uint8Array): boolean {
    return this.queue.write(stream, chunk)
  }

  /**
   * Pads the DATA frames of a stream from here on (RFC 9113 section 10.7). Padding uses up the windows as data does; where they
   * have no room for it, a frame goes without.
   * @param octets of each frame, 0 to 255, and one more that tells how many; undefined: none, which is how a stream begins.
   * @throws {InvalidArgumentError} for any other number.
   */
  pad(stream: H2Stream, octets: number | undefined): void {
    this.queue.pad(stream, octets)
  }

  /**
   * Ends our side of a stream, with a trailer section when there is one.
   * @throws {InvalidArgumentError} when it has ended already or not begun, or the section is not allowed.
   */
  end(stream: H2Stream, trailers: FieldList | null = null): void {
    this.outgoing.end(stream, trailers)
  }

  /**
   * Returns octets of a stream's receive window to the peer, when the owner has processed as many.
   * @throws {InvalidArgumentError} when it is no number of octets.
   */
  consume(stream: H2Stream, octets: number): void {
    checkOctets(octets)
    this.granted.consume(stream, octets)
  }

  /**
   * Resets a stream (RFC 9113 section 6.4); its listener hears nothing more. A closed stream stays as it is.
   * @throws {InvalidArgumentError} when the code is no number of 32 bits.
   */
  reset(stream: H2Stream, code: number = ErrorCode.CANCEL): void {
    checkCode(code)
    this.streams.reset(stream, code)
  }

  /**
   * Changes our settings; they count from the peer's acknowledgement on (RFC 9113 section 6.5.3).
   * @throws {InvalidArgumentError} naming one that is unknown, or that may not have its value (section 6.5.2).
   */
  updateSettings(settings: Partial<Settings>): void {
    checkSettings(settings, this.core.role)
    if (!this.dead) this.frames.settings.send(settingEntries(settings))
  }

  /**
   * Sends PING (RFC 9113 section 6.7); the answer comes by `onPong`.
   * @throws {InvalidArgumentError} when the payload is not 8 octets long.
   */
  ping(payload: Uint8Array): void {
    this.frames.control.ping(payload)
  }

  /** Changes a stream's priority (RFC 9218) for our own sending. A client also sends PRIORITY_UPDATE. */
  prioritize(stream: H2Stream, urgency: number, incremental: boolean): void {
    this.frames.control.prioritize(stream, urgency, incremental)
  }

  /** Tells a client of an alternative service (RFC 7838 section 4): for an origin, or for the origin of a stream. */
  advertiseAltSvc(value: string, where: string | H2Stream): void {
    this.frames.control.advertiseAltSvc(value, where)
  }

  /** Tells a client which origins this connection speaks for (RFC 8336). */
  advertiseOrigins(origins: readonly string[]): void {
    this.frames.control.advertiseOrigins(origins)
  }

  /**
   * Closes gracefully (RFC 9113 section 6.8). A server sends GOAWAY twice: first to announce it, then, when the client has
   * answered a PING, with the last stream that was accepted, so that no request on its way is lost. A client sends it once.
   */
  shutdown(): void {
    this.frames.going.shutdown()
  }

  /**
   * Sends GOAWAY: streams up to the last one taken may finish.
   * @param lastStreamId the last one that is or will be dealt with. Default: the last that came; a lower one says of those
   *   above it that nothing was done for them, so they end with a GoawayError here, and the client may send them again.
   * @throws {InvalidArgumentError} when it is above what was said before, or is no whole number, as the code must be one of 32 bits.
   */
  goaway(code: number = ErrorCode.NO_ERROR, debug = '', lastStreamId: number = this.lastStreamId): void {
    checkCode(code)
    this.frames.going.goaway(code, debug, lastStreamId)
  }

  /** The highest stream of the peer's that was taken; 0 before the first. */
  get lastStreamId(): number {
    return this.core.lastRemoteId
  }

  /** Ends every stream with an error: the transport is gone. */
  terminate(makeError: (stream: H2Stream) => Error): void {
    this.frames.stop()
    this.streams.terminate(makeError)
  }

  /**
   * Our settings as `HTTP2-Settings` of an upgrade from HTTP/1.1 says them (RFC 7540 section 3.2.1): base64url. Call it
   * before the request is sent; on 101 call {@link upgraded}. Client role.
   */
  upgradeSettings(): string {
    const entries = this.frames.settings.first()
    const octets = Buffer.alloc(entries.length * 6)
    entries.forEach(([id, value], index) => {
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
    return this.outgoing.upgraded(method, listener)
  }

  /**
   * Server role: an HTTP/1.1 request asked for the upgrade. Its settings count at once, and `onRequest` hears the request
   * as stream 1, half-closed.
   * @param settings the value of `HTTP2-Settings`.
   * @param head the request as a header section of HTTP/2.
   * @throws {InvalidArgumentError} when the settings or the request cannot be read.
   */
  acceptUpgrade(settings: string, head: FieldList): H2Stream {
    const { core } = this
    if (core.role !== 'server' || core.lastRemoteId !== 0) throw core.misuse('An upgrade comes before all streams')
    const octets = Buffer.from(settings, 'base64url')
    let request: RequestHead
    try {
      this.frames.settings.apply(parseSettings(octets, 0, octets.length))
      request = checkRequest(head, false)
    } catch (error) {
      throw core.misuse(`The upgrade cannot be accepted: ${toError(error).message}`)
    }
    return this.frames.sections.onUpgrade(request)
  }
}
