/**
 * The engine of permessage-deflate (RFC 7692 section 7.2), synchronous and bounded.
 *
 * Theory of operation
 * - node:zlib has no engine that both lives on and works synchronously. But a message ends on an octet boundary, so all
 *   that one message's DEFLATE stream inherits from the last is the window: the latest octets of plain data. They are
 *   kept here and given to a new engine as its dictionary for each message, which is the same to the octet.
 * - Inflating: behind each message comes the tail that the sender removed (section 7.2.2) and then an empty final block,
 *   so that a message that is cut within a block is an error and not a shorter message. A sender may end its stream by
 *   itself and begin another within a message; the engine tells how far it came.
 */
import { Buffer } from 'node:buffer'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { systemCodeOf, toError } from '../errors.ts'
import { WEBSOCKET_MAX_FINAL_BLOCKS } from '../limits.ts'
import { CloseCode } from './codes.ts'
import { RemoteProtocolError } from './errors.ts'

/** The empty stored block's end, and an empty final block. */
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff, 0x03, 0x00)

/** What ends every flush (section 7.2.1). */
const FLUSH_LENGTH = 4

/** What `info: true` makes node:zlib return. */
interface WithEngine {
  readonly buffer: Uint8Array
  /** `bytesWritten`: octets of the input that were processed. */
  readonly engine: { readonly bytesWritten: number }
}

/** The latest octets of plain data, as many as the window has. */
class Window {
  private readonly size: number
  private buffer: Uint8Array = new Uint8Array(0)
  private end = 0

  constructor(bits: number) {
    this.size = 1 << bits
  }

  /** What an engine needs to know of the past; undefined when there is none. */
  get dictionary(): Uint8Array | undefined {
    return this.end === 0 ? undefined : this.buffer.subarray(Math.max(0, this.end - this.size), this.end)
  }

  push(octets: Uint8Array): void {
    const { size } = this
    if (this.buffer.length === 0) this.buffer = new Uint8Array(2 * size)
    const latest = octets.length > size ? octets.subarray(octets.length - size) : octets
    if (this.end + latest.length > this.buffer.length) {
      this.buffer.copyWithin(0, this.end - size, this.end)
      this.end = size
    }
    this.buffer.set(latest, this.end)
    this.end += latest.length
  }

  clear(): void {
    this.end = 0
  }
}

/** node:zlib's engines know no window of 8 bits; one of 9 bits compresses so that 8 are enough to inflate it. */
function engineBits(bits: number): number {
  return Math.max(9, bits)
}

/** Compresses the messages that one endpoint sends. */
export class Deflater {
  private readonly bits: number
  private readonly keepsContext: boolean
  private readonly level: number
  private readonly memLevel: number
  private readonly window: Window

  constructor(bits: number, noContextTakeover: boolean, level: number, memLevel: number) {
    this.bits = engineBits(bits)
    this.keepsContext = !noContextTakeover
    this.level = level
    this.memLevel = memLevel
    this.window = new Window(this.bits)
  }

  /** A piece of a message as the payload of a frame. */
  deflate(octets: Uint8Array, last: boolean): Uint8Array {
    const { window } = this
    const { dictionary } = window
    const deflated = deflateRawSync(octets, {
      windowBits: this.bits,
      level: this.level,
      memLevel: this.memLevel,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize: chunkSize(octets.length),
      ...(dictionary === undefined ? undefined : { dictionary }),
    })
    if (last && !this.keepsContext) window.clear()
    else window.push(octets)
    return last ? deflated.subarray(0, deflated.length - FLUSH_LENGTH) : deflated
  }
}

/** Inflates the messages that the peer sends. */
export class Inflater {
  private readonly bits: number
  private readonly keepsContext: boolean
  private readonly window: Window

  constructor(bits: number, noContextTakeover: boolean) {
    this.bits = engineBits(bits)
    this.keepsContext = !noContextTakeover
    this.window = new Window(this.bits)
  }

  /**
   * A whole message, from the payloads of its frames.
   * @throws {RemoteProtocolError} 1009 when it has more than `limit` octets, which are not made; 1007 when it is no
   * DEFLATE data.
   */
  inflate(payload: Uint8Array, limit: number): Uint8Array {
    const { window } = this
    let input: Uint8Array = Buffer.allocUnsafe(payload.length + TAIL.length)
    input.set(payload)
    input.set(TAIL, payload.length)
    const parts: Uint8Array[] = []
    let size = 0
    for (let streams = 1; ; streams++) {
      const { buffer, engine } = this.run(input, limit, size)
      parts.push(buffer)
      size += buffer.length
      if (size > limit) throw tooBig(limit)
      // A final block at the very end of the payload lacks the padding of section 7.2.3.4; its meaning is clear.
      const done = engine.bytesWritten >= input.length - TAIL.length
      if (done && !this.keepsContext) window.clear()
      else window.push(buffer)
      if (done) break
      if (streams > WEBSOCKET_MAX_FINAL_BLOCKS) {
        throw new RemoteProtocolError('A compressed message has too many final blocks', CloseCode.TOO_BIG)
      }
      input = input.subarray(engine.bytesWritten)
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts, size)
  }

  private run(input: Uint8Array, limit: number, size: number): WithEngine {
    const { dictionary } = this.window
    try {
      // The types do not know what `info` does to the result.
      return inflateRawSync(input, {
        windowBits: this.bits,
        info: true,
        maxOutputLength: Math.max(1, limit - size),
        chunkSize: chunkSize(input.length * 4),
        ...(dictionary === undefined ? undefined : { dictionary }),
      }) as unknown as WithEngine
    } catch (error) {
      if (systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw tooBig(limit)
      const { message } = toError(error)
      throw new RemoteProtocolError(`A compressed message is corrupt: ${message}`, CloseCode.INVALID_DATA)
    }
  }
}

/** Output buffers as large as the output is likely to be. */
function chunkSize(expected: number): number {
  return Math.min(65_536, Math.max(256, expected))
}

function tooBig(limit: number): RemoteProtocolError {
  return new RemoteProtocolError(`A message inflates to more than the ${limit} octets allowed`, CloseCode.TOO_BIG)
}
