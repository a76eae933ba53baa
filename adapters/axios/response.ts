/** Turns what comes up into axios's response: collected or streamed, decoded, limited, with its trailers. */
import { Readable } from 'node:stream'
import { Decoder, type DecoderSink, decodeSmall, parseCodings } from '../../src/content/index.ts'
import type { Exchange, FieldList } from '../../src/exchange.ts'

/** What the body is read for. */
export interface BodyOptions {
  /** Undo content codings. */
  readonly decompress: boolean
  /** Octets of the decoded body; -1 for no limit. */
  readonly maxLength: number
}

/** The decoded body was longer than allowed. */
export class TooLongError extends Error {}

/** The value of `content-encoding` when there is a coded body to expect. */
export function codingOf(fields: FieldList, status: number, method: string): string | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) return undefined
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'content-encoding') return fields[i + 1]
  return undefined
}

/** Takes away the name of a coding that will be undone, and of one that there is no body for. */
export function dropCoding(headers: { delete(name: string): unknown }, status: number, method: string): void {
  const known: unknown = Object.hasOwn(headers, 'content-encoding')
    ? Reflect.get(headers, 'content-encoding')
    : undefined
  if (known === undefined) return
  const list = String(known).toLowerCase()
  const bodiless = method === 'HEAD' || status === 204
  if (bodiless || codings(list) !== undefined) headers.delete('content-encoding')
}

/** axios names two codings more than the standard does. */
function codings(header: string | undefined): ReturnType<typeof parseCodings> {
  return parseCodings(header?.toLowerCase().replace(/\b(?:x-)?compress\b/g, 'gzip'))
}

/** Collects a body. The chunks are joined, and decoded, once at the end: short ones at once, long ones by streams. */
export class BodyCollector {
  private readonly options: BodyOptions
  private readonly coding: string | undefined
  private readonly chunks: Buffer[] = []
  private length = 0

  constructor(coding: string | undefined, options: BodyOptions) {
    this.coding = coding
    this.options = options
  }

  /** @throws {TooLongError} */
  add(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.length += chunk.length
    const { maxLength, decompress } = this.options
    if (maxLength > -1 && this.length > maxLength && !(decompress && this.coding)) throw new TooLongError()
  }

  /** The whole body. */
  finish(): Buffer | Promise<Buffer> {
    const whole = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks, this.length)
    const list = this.options.decompress && whole.length > 0 ? codings(this.coding) : undefined
    if (list === undefined) return whole
    const { maxLength } = this.options
    const small = decodeSmall(list, whole, { tolerant: true })
    if (small !== undefined) {
      if (maxLength > -1 && small.length > maxLength) throw new TooLongError()
      return small
    }
    return decodeWhole(list, whole, maxLength)
  }
}

function decodeWhole(
  list: NonNullable<ReturnType<typeof parseCodings>>,
  whole: Buffer,
  maxLength: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    const decoder: Decoder = new Decoder(
      list,
      {
        onDecoded(chunk) {
          length += chunk.length
          if (maxLength > -1 && length > maxLength) {
            decoder.destroy()
            reject(new TooLongError())
          } else {
            parts.push(chunk)
          }
        },
        onDecodedEnd: () => resolve(Buffer.concat(parts, length)),
        onDecodeError: reject,
      },
      { tolerant: true },
    )
    decoder.write(whole)
    decoder.end()
  })
}

/** A body as a Node stream, with the transport's backpressure. */
export class BodyStream extends Readable implements DecoderSink {
  /** Set at the end. */
  trailers: object | undefined
  private readonly exchange: Exchange
  private readonly decoder: Decoder | undefined
  private readonly maxLength: number
  private readonly tooLong: () => Error
  private length = 0
  private ended = false
  private decoderFull = false
  private failure: Error | undefined

  constructor(exchange: Exchange, coding: string | undefined, options: BodyOptions, tooLong: () => Error) {
    super()
    this.exchange = exchange
    this.maxLength = options.maxLength
    this.tooLong = tooLong
    const list = options.decompress ? codings(coding) : undefined
    this.decoder = list === undefined ? undefined : new Decoder(list, this, { tolerant: true })
  }

  add(chunk: Buffer): void {
    if (this.destroyed || this.failure !== undefined) return
    if (this.decoder === undefined) {
      this.onDecoded(chunk)
    } else if (!this.decoder.write(chunk)) {
      this.decoderFull = true
      this.exchange.pause()
    }
  }

  finish(): void {
    this.ended = true
    if (this.decoder === undefined) this.push(null)
    else this.decoder.end()
  }

  /** Ends it with an error, at once if somebody is there to hear it: the caller may not have got hold of the stream yet. */
  fail(error: Error): void {
    if (this.destroyed || this.failure !== undefined) return
    if (!this.ended) this.exchange.abort(error)
    this.ended = true
    if (this.listenerCount('error') > 0 || this.readableFlowing !== null) {
      this.destroy(error)
      return
    }
    this.failure = error
    const tell = (): void => {
      process.nextTick(() => this.destroy(error))
    }
    this.once('resume', tell)
    this.on('newListener', (event) => {
      if (event === 'error' || event === 'data' || event === 'readable') tell()
    })
  }

  onDecoded(chunk: Buffer): void {
    this.length += chunk.length
    if (this.maxLength > -1 && this.length > this.maxLength) {
      this.fail(this.tooLong())
      return
    }
    if (this.push(chunk)) return
    this.decoder?.pause()
    if (!this.ended) this.exchange.pause()
  }

  onDecodedEnd(): void {
    this.push(null)
  }

  onDecodeError(error: Error): void {
    this.fail(error)
  }

  onDecoderDrain(): void {
    this.decoderFull = false
    this.exchange.resume()
  }

  override _read(): void {
    this.decoder?.resume()
    if (!this.ended && !this.decoderFull) this.exchange.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.decoder?.destroy()
    if (!this.ended) this.exchange.abort(error ?? new Error('the response stream was destroyed'))
    callback(error)
  }
}
