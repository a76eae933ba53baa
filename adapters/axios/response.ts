/** Turns what comes up into axios's response: collected or streamed, decoded, limited, with its trailers. */
import { Readable } from 'node:stream'
import type { AxiosResponse } from 'axios'
import {
  ContentDecodingError,
  Decoder,
  type DecoderSink,
  decodeSmall,
  parseCodings,
  smallInput,
} from '../../src/content/index.ts'
import { toError } from '../../src/errors.ts'
import type { DataUse, Exchange } from '../../src/exchange/contract.ts'
import { joined } from '../../src/exchange/joined.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { LENIENT_DECODING_RATIO_FLOOR, MAX_DECODING_RATIO } from '../../src/limits.ts'
import { failWhenHeard } from '../common/fail-when-heard.ts'
import { MESSAGE_MEMBERS, type RequestView, type ResponseView } from './request-view.ts'

/** What the body is read for. */
export interface BodyOptions {
  /** Undo content codings. */
  readonly decompress: boolean
  /** Octets of the decoded body; -1 for no limit. */
  readonly maxLength: number
}

/** As lenient as axios's own adapter, but for bombs. */
const decoding = { tolerant: true, maxRatio: MAX_DECODING_RATIO, ratioFloor: LENIENT_DECODING_RATIO_FLOOR }

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

/** A response, which axios's types know without its trailers. */
export interface ResponseWithTrailers extends AxiosResponse {
  /** Empty until its end, and where there are none. */
  trailers: object
}

/** Where a collected body goes. */
export interface Collected {
  onBody(body: Buffer): void
  /** Once; nothing comes after it. */
  onBodyError(error: Error): void
}

/**
 * Collects a body. A short coded one is decoded at its end, at once; of a longer one each chunk is decoded as it comes, so that
 * the limit holds long before the end.
 */
export class BodyCollector implements DecoderSink {
  private readonly options: BodyOptions
  private readonly list: ReturnType<typeof codings>
  private readonly target: Collected
  private chunks: Buffer[] = []
  private length = 0
  private decoder: Decoder | undefined
  private failed = false

  constructor(coding: string | undefined, options: BodyOptions, target: Collected) {
    this.options = options
    this.list = options.decompress ? codings(coding) : undefined
    this.target = target
  }

  get dataUse(): DataUse {
    return this.list === undefined ? 'joined' : 'kept'
  }

  add(chunk: Buffer): void {
    if (this.failed) return
    if (this.decoder !== undefined) {
      this.decoder.write(chunk)
      return
    }
    this.onDecoded(chunk)
    if (this.list !== undefined && this.length > smallInput) this.decode(this.list)
  }

  /** No more comes. */
  finish(): void {
    const { list, options, length } = this
    if (this.failed) return
    if (this.decoder !== undefined) {
      this.decoder.end()
      return
    }
    if (list !== undefined && length > 0) {
      const small = this.attempt(list)
      if (this.failed) return
      if (small === undefined) {
        this.decode(list).end()
        return
      }
      this.chunks = [small]
      this.length = small.length
      if (options.maxLength > -1 && small.length > options.maxLength) {
        this.onDecodeError(new TooLongError())
        return
      }
    }
    this.onDecodedEnd()
  }

  onDecoded(chunk: Buffer): void {
    const { maxLength } = this.options
    this.chunks.push(chunk)
    this.length += chunk.length
    const coded = this.list !== undefined && this.decoder === undefined
    if (maxLength > -1 && this.length > maxLength && !coded) this.onDecodeError(new TooLongError())
  }

  onDecodedEnd(): void {
    if (this.failed) return
    try {
      this.target.onBody(this.whole())
    } catch (error) {
      // An unknown encoding, or a body longer than any string: an exception here would reach only the transport.
      this.onDecodeError(toError(error))
    }
  }

  onDecodeError(error: Error): void {
    if (this.failed) return
    this.failed = true
    this.chunks = []
    this.decoder?.destroy()
    this.target.onBodyError(error)
  }

  private whole(): Buffer {
    return joined(this.chunks, this.length)
  }

  private attempt(list: NonNullable<typeof this.list>): Buffer | undefined {
    try {
      return decodeSmall(list, this.whole(), { tolerant: true })
    } catch (error) {
      this.onDecodeError(toError(error))
      return undefined
    }
  }

  /** From now on by chunks, beginning with those that have come. */
  private decode(list: NonNullable<typeof this.list>): Decoder {
    if (this.decoder !== undefined) return this.decoder
    const { chunks } = this
    this.chunks = []
    this.length = 0
    const decoder = new Decoder(list, this, decoding)
    this.decoder = decoder
    for (const chunk of chunks) decoder.write(chunk)
    return decoder
  }
}

/** What fills a stream. It refers to the stream only once the stream is read, so that an unread one can be garbage-collected. */
export interface Filler {
  /** The stream is read, or has a listener. */
  onWanted(stream: BodyStream): void
  /** The stream was garbage-collected unread. */
  onForgotten(): void
}

/** Streams that were not read yet: the stream in the response of an error mostly never is. */
const forgotten = new FinalizationRegistry<Filler>((filler) => filler.onForgotten())

/** A body as a Node stream, with the transport's backpressure. */
export class BodyStream extends Readable implements DecoderSink {
  /** Set at the end. */
  trailers: object | undefined
  /** @internal The response that this is the body of: who fills it has it from here. */
  response: ResponseWithTrailers | undefined
  /** A property of its own where this is the message itself: by that, the package form-data knows a file to send on. */
  declare httpVersion?: string
  private request: RequestView | undefined
  /** @internal */
  res: ResponseView | undefined
  private readonly exchange: Exchange
  private readonly decoder: Decoder | undefined
  private readonly maxLength: number
  private readonly tooLong: () => Error
  private length = 0
  private ended = false
  private decoderFull = false
  private failure: Error | undefined
  private filler: Filler | undefined

  constructor(exchange: Exchange, coding: string | undefined, options: BodyOptions, tooLong: () => Error) {
    super()
    this.exchange = exchange
    this.maxLength = options.maxLength
    this.tooLong = tooLong
    const list = options.decompress ? codings(coding) : undefined
    this.decoder = list === undefined ? undefined : new Decoder(list, this, decoding)
  }

  /** Connects the stream with what fills it; until it is read, the filler learns when it is garbage-collected. */
  watch(filler: Filler): void {
    this.filler = filler
    this.once('newListener', () => this.want())
    forgotten.register(this, filler, this)
  }

  override read(size?: number): unknown {
    // A size of 0 is the stream's own, to have itself filled.
    if (size !== 0) this.want()
    return super.read(size)
  }

  private want(): void {
    const { filler } = this
    if (filler === undefined) return
    this.filler = undefined
    forgotten.unregister(this)
    filler.onWanted(this)
  }

  /** axios's own adapter gives node:http's message itself when nothing is decoded: this shows what one has. */
  showMessage(request: RequestView, res: ResponseView): void {
    if (this.decoder !== undefined) return
    this.request = request
    this.res = res
    this.httpVersion = res.httpVersion
  }

  /** The socket by its old name; the request stands on it, whose path names the file. */
  get client(): object | undefined {
    const { request } = this
    return request && Object.create(request.socket ?? null, { _httpMessage: { value: request, enumerable: true } })
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
    this.failure = error
    failWhenHeard(this, error)
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
    // Whoever reads the stream knows zlib's errors.
    this.fail(error instanceof ContentDecodingError && error.cause instanceof Error ? error.cause : error)
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

for (const name of MESSAGE_MEMBERS) {
  Object.defineProperty(BodyStream.prototype, name, {
    get(this: BodyStream) {
      return this.res?.[name]
    },
    set(this: BodyStream, value: unknown) {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
    },
    configurable: true,
  })
}
