/** Frames from messages: fragments, compression, masking, and pairs of surrogates that were cut in two. */
import { Buffer } from 'node:buffer'
import { CloseCode, isCloseCode, MAX_CONTROL_PAYLOAD, Opcode } from './codes.ts'
import type { Deflater } from './deflate.ts'
import { LocalProtocolError } from './errors.ts'
import { writeFrame } from './frame-writer.ts'
import type { KeySource } from './mask.ts'

const EMPTY = new Uint8Array(0)

export class MessageWriter {
  /** Null for a server, which does not mask. */
  private readonly keys: KeySource | null
  private readonly deflater: Deflater | null
  private readonly threshold: number
  /** Of the message being written: TEXT or BINARY, 0 between messages. */
  private message = 0
  private compressed = false
  /** The first half of a pair of surrogates whose second half has not come. */
  private half = ''

  /** @param threshold octets from which on a message is compressed. */
  constructor(keys: KeySource | null, deflater: Deflater | null, threshold: number) {
    this.keys = keys
    this.deflater = deflater
    this.threshold = threshold
  }

  text(data: string, finished: boolean): Uint8Array {
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
    this.checkMessage(Opcode.BINARY)
    return this.piece(Opcode.BINARY, data, finished)
  }

  /** @throws {LocalProtocolError} when the payload is too long. */
  control(opcode: number, payload: Uint8Array = EMPTY): Uint8Array {
    if (payload.length > MAX_CONTROL_PAYLOAD) {
      throw new LocalProtocolError(`A control frame has at most 125 octets, not ${payload.length}`)
    }
    return writeFrame(opcode, true, false, payload, this.key())
  }

  /** @throws {LocalProtocolError} when code and reason cannot be sent. */
  close(code: number = CloseCode.NO_STATUS, reason = ''): Uint8Array {
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
    const { deflater } = this
    if (first) this.compressed = deflater !== null && (!finished || this.isWorth(data))
    let payload = data
    if (this.compressed && deflater !== null) {
      payload = deflater.deflate(typeof data === 'string' ? Buffer.from(data) : data, finished)
    }
    this.message = finished ? 0 : opcode
    return writeFrame(first ? opcode : Opcode.CONTINUATION, finished, first && this.compressed, payload, this.key())
  }

  private isWorth(data: string | Uint8Array): boolean {
    return (typeof data === 'string' ? Buffer.byteLength(data) : data.length) >= this.threshold
  }

  private key(): Uint8Array | null {
    return this.keys === null ? null : this.keys.next()
  }
}
