/**
 * Messages from frames (RFC 6455 section 5.4): fragments are put together or handed on as they come, control frames
 * between them are set apart, text is checked as early as can be, those that extensions have changed are decoded when they are whole.
 *
 * Hot path: a message in one frame that came in one piece is neither copied nor gathered.
 */
import { isUtf8 } from 'node:buffer'
import { CloseCode, MAX_CONTROL_PAYLOAD, Opcode } from './codes.ts'
import { RemoteProtocolError } from './errors.ts'
import type { WebSocketEvent } from './events.ts'
import { decodeMessage, type WebSocketExtension } from './extension.ts'
import type { FrameSink } from './frame-reader.ts'
import { OctetGatherer } from './octets.ts'
import { decodeUtf8, Utf8Reader } from './utf8.ts'

/** Who takes what comes out. */
export interface MessageSink {
  emit(event: WebSocketEvent): void
  /** A control frame; false to read no further. */
  onControl(opcode: number, payload: Uint8Array): boolean
}

export class MessageReader implements FrameSink {
  private readonly sink: MessageSink
  private readonly extensions: readonly WebSocketExtension[]
  /** Does one of them change every message? */
  private readonly always: boolean
  private readonly maxMessageSize: number
  private readonly pieces: boolean
  private readonly gatherer = new OctetGatherer()
  private readonly utf8 = new Utf8Reader()
  private readonly control = new Uint8Array(MAX_CONTROL_PAYLOAD)
  private controlLength = 0
  /** Of the frame being read. */
  private opcode = 0
  private fin = false
  /** Of the message being read: TEXT or BINARY, 0 between messages. */
  private message = 0
  private rsv = 0
  private coded = false
  private size = 0

  /** @param pieces hand on what there is, or only whole messages? */
  constructor(sink: MessageSink, extensions: readonly WebSocketExtension[], maxMessageSize: number, pieces: boolean) {
    this.sink = sink
    this.extensions = extensions
    this.always = extensions.some(({ rsv }) => rsv === 0)
    this.maxMessageSize = maxMessageSize
    this.pieces = pieces
  }

  onFrame(opcode: number, fin: boolean, rsv: number, length: number): void {
    this.opcode = opcode
    this.fin = fin
    if (opcode >= Opcode.CLOSE) return
    if (opcode === Opcode.CONTINUATION) {
      if (this.message === 0) throw broken('there is no message to continue')
      if (rsv !== 0) throw broken('a continuation has a reserved bit set')
    } else {
      if (this.message !== 0) throw broken('a message begins within another')
      this.message = opcode
      this.rsv = rsv
      this.coded = rsv !== 0 || this.always
      this.size = 0
    }
    this.size += length
    if (this.size > this.maxMessageSize) {
      throw new RemoteProtocolError(
        `A message is larger than the ${this.maxMessageSize} octets allowed`,
        CloseCode.TOO_BIG,
      )
    }
  }

  onPayload(octets: Uint8Array, end: boolean): boolean {
    if (this.opcode >= Opcode.CLOSE) return this.takeControl(octets, end)
    const last = end && this.fin
    if (this.coded) this.takeCoded(octets, last)
    else if (this.pieces) this.takePiece(octets, end, last)
    else this.takeWhole(octets, last)
    if (last) this.message = 0
    return true
  }

  private takeControl(octets: Uint8Array, end: boolean): boolean {
    this.control.set(octets, this.controlLength)
    this.controlLength += octets.length
    if (!end) return true
    const payload = this.control.slice(0, this.controlLength)
    this.controlLength = 0
    return this.sink.onControl(this.opcode, payload)
  }

  private takeCoded(octets: Uint8Array, last: boolean): void {
    const { gatherer } = this
    const alone = last && gatherer.length === 0
    if (!alone) gatherer.add(octets)
    if (!last) return
    const payload = alone ? octets : gatherer.take()
    const plain = decodeMessage(this.extensions, this.rsv, payload, this.maxMessageSize)
    if (this.message === Opcode.TEXT && !isUtf8(plain)) throw notUtf8()
    this.deliver(plain)
  }

  private takeWhole(octets: Uint8Array, last: boolean): void {
    const { gatherer, utf8 } = this
    const text = this.message === Opcode.TEXT
    if (last && gatherer.length === 0) {
      if (text && !isUtf8(octets)) throw notUtf8()
      this.deliver(octets)
      return
    }
    if (text && utf8.push(octets, false) === null) throw notUtf8()
    gatherer.add(octets)
    if (!last) return
    if (!utf8.complete) throw notUtf8()
    this.deliver(gatherer.take())
  }

  private takePiece(octets: Uint8Array, end: boolean, last: boolean): void {
    const { sink } = this
    if (this.message === Opcode.BINARY) {
      sink.emit({ type: 'bytes', data: octets, frameFinished: end, messageFinished: last })
      return
    }
    const data = this.utf8.push(octets, true)
    if (data === null || (last && !this.utf8.complete)) throw notUtf8()
    sink.emit({ type: 'text', data, frameFinished: end, messageFinished: last })
  }

  /** A whole message, known to be valid. */
  private deliver(octets: Uint8Array): void {
    const event = { frameFinished: true, messageFinished: true }
    if (this.message === Opcode.TEXT) this.sink.emit({ type: 'text', data: decodeUtf8(octets), ...event })
    else this.sink.emit({ type: 'bytes', data: octets, ...event })
  }
}

function broken(what: string): RemoteProtocolError {
  return new RemoteProtocolError(`The peer broke the framing: ${what}`, CloseCode.PROTOCOL_ERROR)
}

function notUtf8(): RemoteProtocolError {
  return new RemoteProtocolError('A text message is not UTF-8', CloseCode.INVALID_DATA)
}
