/** Frames from messages: fragments, extensions, masking, and pairs of surrogates that were cut in two. */
import { Buffer } from 'node:buffer'
import { CloseCode, isCloseCode, MAX_CONTROL_PAYLOAD, Opcode } from './codes.ts'
import { LocalProtocolError } from './errors.ts'
import type { WebSocketExtension } from './extension.ts'
import { writeFrame } from './frame-writer.ts'
import type { KeySource } from './mask.ts'

const EMPTY = new Uint8Array(0)

/** No extension is used. */
export const NONE: readonly WebSocketExtension[] = []

export class MessageWriter {
  /** Null for a server, which does not mask. */
  private readonly keys: KeySource | null
  private readonly extensions: readonly WebSocketExtension[]
  /** Of the message being written: TEXT or BINARY, 0 between messages. */
  private message = 0
  /** Those that change it. */
  private coders: readonly WebSocketExtension[] = NONE
  /** The first half of a pair of surrogates whose second half has not come. */
  private half = ''

  constructor(keys: KeySource | null, extensions: readonly WebSocketExtension[]) {
    this.keys = keys
    this.extensions = extensions
  }

  text(data: string, finished: boolean): Uint8Array {
    if (typeof data !== 'string') throw new LocalProtocolError(`A text message is text, not ${typeof data}`)
    this.checkMessage(Opcode.TEXT)
    let text = this.half + data
    this.half = ''
    if (!finished) {
      const unit = text.charCodeAt(text.length - 1)
      if (unit >= 0xd800 && unit <= 0xdbff) {
        this.half = text.slice(-1)
        text = text.slice(0, -1)
      }
    }
    return this.piece(Opcode.TEXT, text, finished)
  }

  bytes(data: Uint8Array, finished: boolean): Uint8Array {
    checkOctets(data)
    this.checkMessage(Opcode.BINARY)
    return this.piece(Opcode.BINARY, data, finished)
  }

  /** @throws {LocalProtocolError} when the payload is too long. */
  control(opcode: number, payload: Uint8Array = EMPTY): Uint8Array {
    checkOctets(payload)
    if (payload.length > MAX_CONTROL_PAYLOAD) {
      throw new LocalProtocolError(`A control frame has at most 125 octets, not ${payload.length}`)
    }
    return writeFrame(opcode, true, 0, payload, this.key())
  }

  /** @throws {LocalProtocolError} when code and reason cannot be sent. */
  close(code: number = CloseCode.NO_STATUS, reason = ''): Uint8Array {
    if (typeof reason !== 'string') throw new LocalProtocolError(`A close reason is text, not ${typeof reason}`)
    if (code === CloseCode.NO_STATUS) {
      if (reason !== '') throw new LocalProtocolError('A close reason needs a code')
      return this.control(Opcode.CLOSE)
    }
    if (!isCloseCode(code)) throw new LocalProtocolError(`The close code ${code} cannot be sent`)
    const text = Buffer.from(reason)
    if (text.length > MAX_CONTROL_PAYLOAD - 2) {
      throw new LocalProtocolError(`A close reason has at most 123 octets, not ${text.length}`)
    }
    return this.control(Opcode.CLOSE, Buffer.concat([Uint8Array.of(code >> 8, code & 0xff), text]))
  }

  private checkMessage(opcode: number): void {
    if (this.message === 0 || this.message === opcode) return
    throw new LocalProtocolError('A message of the other type is not finished')
  }

  private piece(opcode: number, data: string | Uint8Array, finished: boolean): Uint8Array {
    const first = this.message === 0
    if (first && this.extensions !== NONE) this.coders = this.chosen(data, finished)
    let payload = data
    let rsv = 0
    for (const extension of this.coders) {
      payload = extension.encode(typeof payload === 'string' ? Buffer.from(payload) : payload, finished)
      rsv |= extension.rsv
    }
    this.message = finished ? 0 : opcode
    return writeFrame(first ? opcode : Opcode.CONTINUATION, finished, first ? rsv : 0, payload, this.key())
  }

  private chosen(data: string | Uint8Array, whole: boolean): WebSocketExtension[] {
    const octets = typeof data === 'string' ? Buffer.byteLength(data) : data.length
    return this.extensions.filter((one) => one.rsv === 0 || one.wants === undefined || one.wants(octets, whole))
  }

  private key(): Uint8Array | null {
    return this.keys === null ? null : this.keys.next()
  }
}

/** @throws {LocalProtocolError} for text, an array, an ArrayBuffer: their length is not that of octets. */
function checkOctets(data: Uint8Array): void {
  if (data?.length === undefined || data.length !== data.byteLength) {
    throw new LocalProtocolError('A payload is octets, in a Uint8Array')
  }
}
