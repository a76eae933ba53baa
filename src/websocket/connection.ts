/**
 * One WebSocket connection of either role: the handshake, then messages, then the close handshake.
 *
 * `receive()` only reads. What the peer's end means for us (its close, a fault of its, the end of the transport) takes effect
 * when `events()` gives the event that tells of it: an application that answers a message can do so, though a close came in
 * the same segment. Pongs are made at once; `send()` puts what waits in `takeOutgoing()` before what it sends, so the order on
 * the wire is the order of the events.
 */
import { Buffer, constants, isUtf8 } from 'node:buffer'
import type { FieldList } from '../headers/fields.ts'
import { WEBSOCKET_MAX_FRAME_SIZE, WEBSOCKET_MAX_HANDSHAKE_SIZE, WEBSOCKET_MAX_MESSAGE_SIZE } from '../limits.ts'
import { type Agreement, checkNames, checkRange, type DeflateOptions, deflateSettings } from './agreement.ts'
import { ClientHandshake } from './client-handshake.ts'
import { CloseCode, isCloseCode, Opcode } from './codes.ts'
import { LocalProtocolError, RemoteProtocolError } from './errors.ts'
import type { WebSocketEvent, WebSocketMessage } from './events.ts'
import { checkExtensions, type WebSocketExtension } from './extension.ts'
import { FrameReader } from './frame-reader.ts'
import { KeySource, type RandomFill } from './mask.ts'
import { MessageReader } from './message-reader.ts'
import { MessageWriter, NONE } from './message-writer.ts'
import { extensionsOf, PermessageDeflate } from './permessage-deflate.ts'
import { requestOctets, ServerHandshake } from './server-handshake.ts'
import { decodeUtf8 } from './utf8.ts'

/** Options of a {@link WSConnection}. Sizes are octets. */
export interface WSConnectionOptions {
  /** Which side of the connection this is. */
  readonly role: 'client' | 'server'
  /**
   * The outcome of a handshake that was made elsewhere, for example by RFC 8441: the connection is open at once.
   * Default: the handshake of HTTP/1.1 comes first.
   */
  readonly agreement?: Agreement
  /** Offer or accept permessage-deflate? Default false: it costs memory, and secrets beside data of others leak by length. */
  readonly deflate?: boolean | DeflateOptions
  /**
   * Other extensions to offer or accept, after permessage-deflate, in order of preference. Each is for this connection alone.
   * Default none.
   */
  readonly extensions?: readonly WebSocketExtension[]
  /** Tell of whole messages, or of pieces as they come? Compressed messages come whole. Default `whole`. */
  readonly messages?: 'whole' | 'pieces'
  /** Answer ping and close without being told to? Default true. The answers wait in `takeOutgoing()`. */
  readonly autoReply?: boolean
  /** Octets of one frame's payload. Default 16 MiB. */
  readonly maxFrameSize?: number
  /** Octets of one message, before and after inflating. Default 16 MiB. */
  readonly maxMessageSize?: number
  /** Octets of the handshake's head, 64 to 16 MiB. Default 16 KiB. */
  readonly maxHandshakeSize?: number
  /** Where keys come from. They have to be unpredictable (RFC 6455 section 10.3). Default node:crypto's randomness. */
  readonly random?: RandomFill
}

/**
 * `connecting`: the handshake is not finished. `localClosing`: we have said close, the peer has not. `remoteClosing`: the
 * reverse, only without `autoReply`. `closed`: nothing more can be sent or will be read; what is in `takeOutgoing()` still
 * has to be written, and then the transport is to be ended, by the server first (RFC 6455 section 7.1.1).
 */
export type WSState = 'connecting' | 'open' | 'localClosing' | 'remoteClosing' | 'closed'

const OPTIONS: ReadonlySet<string> = new Set([
  ...['role', 'agreement', 'deflate', 'extensions', 'messages', 'autoReply'],
  ...['maxFrameSize', 'maxMessageSize', 'maxHandshakeSize', 'random'],
])

/** The two directions of frames, from the end of the handshake on. */
interface Frames {
  readonly reader: FrameReader
  readonly writer: MessageWriter
}

/** A WebSocket connection without I/O (RFC 6455), client or server role. */
export class WSConnection {
  /** Which side of the connection this is. */
  readonly role: 'client' | 'server'
  private readonly options: WSConnectionOptions
  private readonly autoReply: boolean
  private readonly keys: KeySource
  private handshake: ClientHandshake | ServerHandshake | null = null
  private frames: Frames | null = null
  private current: WSState = 'connecting'
  private agreed: Agreement | null = null
  private queue: WebSocketEvent[] = []
  private read = 0
  private outgoing: Uint8Array[] = []
  /** Is there more to come from the peer? `closed`: its close was read, or it made a fault. `ended`: so has the transport. */
  private input: 'open' | 'closed' | 'ended' = 'open'
  /** What the newest event leads to, once it is read: only an event after which the peer says nothing more has this. */
  private whenRead: (() => void) | null = null

  /** @throws {LocalProtocolError} naming the option that is unknown, or has a value that it may not have. */
  constructor(options: WSConnectionOptions) {
    checkNames(options, OPTIONS)
    const { role, agreement, maxHandshakeSize = WEBSOCKET_MAX_HANDSHAKE_SIZE } = options
    if (role !== 'client' && role !== 'server')
      throw new LocalProtocolError(`role must be client or server, not ${String(role)}`)
    const { messages = 'whole' } = options
    if (messages !== 'whole' && messages !== 'pieces')
      throw new LocalProtocolError(`messages must be whole or pieces, not ${String(messages)}`)
    checkRange('maxHandshakeSize', maxHandshakeSize, 64, 0x100_0000)
    checkRange('maxFrameSize', options.maxFrameSize ?? WEBSOCKET_MAX_FRAME_SIZE, 1, constants.MAX_LENGTH)
    checkRange('maxMessageSize', options.maxMessageSize ?? WEBSOCKET_MAX_MESSAGE_SIZE, 1, constants.MAX_LENGTH)
    const extensions = extensionsOf(role, options.deflate, options.extensions)
    this.role = role
    this.options = options
    this.autoReply = options.autoReply ?? true
    this.keys = new KeySource(options.random)
    const emit = this.emit.bind(this)
    if (agreement !== undefined) this.open(agreement)
    else if (role === 'client') this.handshake = new ClientHandshake(extensions, maxHandshakeSize, this.keys, emit)
    else this.handshake = new ServerHandshake(extensions, maxHandshakeSize, emit)
  }

  /** What has happened as far as `events()` was read: see {@link WSState}. */
  get state(): WSState {
    return this.current
  }

  /** What the handshake has led to; null before its end. */
  get agreement(): Agreement | null {
    return this.agreed
  }

  /** Is there something in `takeOutgoing()`? */
  get hasOutgoing(): boolean {
    return this.outgoing.length > 0
  }

  /**
   * The octets that say this to the peer: write them, in the order of the calls. Answers that wait in `takeOutgoing()` are
   * among them, and come first.
   * @throws {LocalProtocolError} when it cannot be said, or not now. Nothing has changed then.
   */
  send(message: WebSocketMessage): Uint8Array {
    const { handshake } = this
    if (handshake !== null && this.current === 'connecting') {
      const octets = handshake.send(message)
      this.afterHandshake(handshake)
      return octets
    }
    const octets = this.frame(message)
    if (this.outgoing.length === 0) return octets
    this.outgoing.push(octets)
    return this.takeOutgoing()
  }

  /**
   * Takes what the peer has sent, cut anywhere; null when the transport has ended. What it means is in `events()`. Never
   * throws because of the octets. They must not be changed afterwards: events may be views of them.
   */
  receive(octets: Uint8Array | null): void {
    try {
      if (octets === null) this.end()
      else if (this.input === 'open' && this.current !== 'closed') this.take(octets)
    } catch (error) {
      if (!(error instanceof RemoteProtocolError)) throw error
      this.fail(error)
    }
  }

  /**
   * Takes a request for the upgrade that other code has parsed, as node:http's servers do, in place of its octets: what is
   * wrong with it becomes an `error` event. Octets that came behind it go to `receive()` after the answer. Server role, once.
   * @param request `headers` flat, as they came (`rawHeaders`): name, value, name, value.
   * @throws {LocalProtocolError} when it is not the time for it.
   */
  receiveRequest(request: { readonly method?: string; readonly target: string; readonly headers: FieldList }): void {
    const { handshake } = this
    if (!(handshake instanceof ServerHandshake) || !handshake.fresh || this.input !== 'open') {
      throw new LocalProtocolError('A request is what a server begins with, once')
    }
    const { method = 'GET', target, headers } = request
    if (headers.length % 2 !== 0) throw new LocalProtocolError('A flat header list has an even number of elements')
    this.receive(requestOctets(method, target, headers))
  }

  /** What has happened since, oldest first; each event is given once, also to a loop that is left early. */
  *events(): Generator<WebSocketEvent, void, undefined> {
    while (this.read < this.queue.length) {
      const event = this.queue[this.read++]
      if (this.read === this.queue.length) this.settle()
      yield event
    }
    this.queue = []
    this.read = 0
  }

  /** What the connection has to say by itself: answers to ping and close, and what failures ask for. May be empty. */
  takeOutgoing(): Uint8Array {
    const { outgoing } = this
    this.outgoing = []
    return outgoing.length === 1 ? outgoing[0] : Buffer.concat(outgoing)
  }

  private emit(event: WebSocketEvent): void {
    this.queue.push(event)
  }

  /** The newest event is read: what it leads to. */
  private settle(): void {
    const { whenRead } = this
    this.whenRead = null
    whenRead?.()
  }

  private take(octets: Uint8Array): void {
    const { handshake } = this
    let at = 0
    if (handshake !== null) {
      at = handshake.read(octets)
      this.afterHandshake(handshake)
    }
    // After the peer's close there is nothing to read (RFC 6455 section 5.5.1): the reader has stopped.
    this.frames?.reader.read(octets, at)
  }

  private end(): void {
    const { input } = this
    this.input = 'ended'
    if (this.current === 'closed' || input === 'ended') return
    if (this.handshake !== null) {
      this.handshake.end()
      this.current = 'closed'
    } else if (input === 'open') {
      this.emit({ type: 'close', code: CloseCode.ABNORMAL, reason: '' })
      this.whenRead = () => {
        this.current = 'closed'
      }
    } else if (this.whenRead === null) {
      this.current = 'closed'
    }
  }

  private fail(error: RemoteProtocolError): void {
    if (this.input === 'open') this.input = 'closed'
    this.emit({ type: 'error', error })
    const { frames } = this
    if (frames === null) {
      const answer = this.handshake instanceof ServerHandshake ? this.handshake.refuse(error) : null
      if (answer !== null && answer.length > 0) this.outgoing.push(answer)
      this.current = 'closed'
      return
    }
    this.whenRead = () => {
      if (this.current === 'open') this.outgoing.push(frames.writer.close(error.closeCode))
      this.current = 'closed'
    }
  }

  private afterHandshake(handshake: ClientHandshake | ServerHandshake): void {
    if (handshake.agreement !== null) this.open(handshake.agreement)
    else if (handshake.finished) this.current = 'closed'
  }

  private open(agreement: Agreement): void {
    const { role, options } = this
    const client = role === 'client'
    const { maxFrameSize = WEBSOCKET_MAX_FRAME_SIZE, maxMessageSize = WEBSOCKET_MAX_MESSAGE_SIZE } = options
    const extensions = this.agreedOn(agreement)
    const sink = { emit: this.emit.bind(this), onControl: this.onControl.bind(this) }
    const messages = new MessageReader(sink, extensions, maxMessageSize, options.messages === 'pieces')
    this.frames = {
      reader: new FrameReader(
        messages,
        !client,
        maxFrameSize,
        extensions.reduce((bits, { rsv }) => bits | rsv, 0),
      ),
      writer: new MessageWriter(client ? this.keys : null, extensions),
    }
    this.agreed = agreement
    this.current = 'open'
    this.handshake = null
  }

  private agreedOn({ deflate, extensions }: Agreement): readonly WebSocketExtension[] {
    if (extensions !== undefined) {
      checkExtensions(extensions)
      return extensions.length === 0 ? NONE : extensions
    }
    // An agreement that was made elsewhere may say more than the options do.
    const settings = deflate === null ? null : deflateSettings(this.options.deflate || true)
    return settings === null ? NONE : [new PermessageDeflate(this.role, settings, deflate)]
  }

  private frame(message: WebSocketMessage): Uint8Array {
    const { frames, current } = this
    if (frames === null || (current !== 'open' && current !== 'remoteClosing')) {
      throw new LocalProtocolError(`Nothing can be sent in state ${current}`)
    }
    const { writer } = frames
    switch (message.type) {
      case 'text':
        return writer.text(message.data, message.messageFinished ?? true)
      case 'bytes':
        return writer.bytes(message.data, message.messageFinished ?? true)
      case 'ping':
        return writer.control(Opcode.PING, message.payload)
      case 'pong':
        return writer.control(Opcode.PONG, message.payload)
      case 'close': {
        const octets = writer.close(message.code, message.reason)
        this.current = current === 'open' ? 'localClosing' : 'closed'
        return octets
      }
      default:
        throw new LocalProtocolError(`${message.type} belongs to the handshake, which is over`)
    }
  }

  private onControl(opcode: number, payload: Uint8Array): boolean {
    if (opcode === Opcode.PING) {
      this.emit({ type: 'ping', payload })
      if (this.autoReply && this.current === 'open' && this.frames !== null) {
        this.outgoing.push(this.frames.writer.control(Opcode.PONG, payload))
      }
      return true
    }
    if (opcode === Opcode.PONG) {
      this.emit({ type: 'pong', payload })
      return true
    }
    this.onClose(payload)
    return false
  }

  /** RFC 6455 section 5.5.1. */
  private onClose(payload: Uint8Array): void {
    let code: number = CloseCode.NO_STATUS
    let reason = ''
    if (payload.length > 0) {
      code = payload.length === 1 ? 0 : payload[0] * 256 + payload[1]
      if (!isCloseCode(code)) {
        throw new RemoteProtocolError('A close frame has an invalid code', CloseCode.PROTOCOL_ERROR)
      }
      const text = payload.subarray(2)
      if (!isUtf8(text)) throw new RemoteProtocolError('A close reason is not UTF-8', CloseCode.INVALID_DATA)
      reason = decodeUtf8(text)
    }
    this.input = 'closed'
    this.emit({ type: 'close', code, reason })
    this.whenRead = () => {
      if (this.current === 'localClosing') {
        this.current = 'closed'
        return
      }
      this.current = 'remoteClosing'
      if (this.autoReply) this.outgoing.push(this.frame({ type: 'close', code }))
      if (this.input === 'ended') this.current = 'closed'
    }
  }
}
