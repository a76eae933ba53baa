/** `HTTPResponse`: a response as hyper's users know it, and as people of today expect it. */
import { pipeline, Readable } from 'node:stream'
import {
  type Coding,
  type DecoderOptions,
  DecodeStream,
  decodeSmall,
  parseCodings,
  smallInput,
} from '../content/index.ts'
import { abortReason, InvalidArgumentError, toError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { ignore } from '../ignore.ts'
import { LENIENT_DECODING_RATIO_FLOOR, MAX_DECODING_RATIO } from '../limits.ts'
import type { ConnectionInfo } from '../net/options.ts'
import { HTTPHeaderMap } from './header-map.ts'
import type { IncomingBody } from './incoming.ts'

/** The first octet of whatever is gzip (RFC 1952 section 2.3.1). */
const GZIP_MAGIC = 0x1f

/** The protocol of a message, as its version is written. */
export type HTTPVersion = 'HTTP/2' | 'HTTP/1.1' | 'HTTP/1.0'

/** Options of a call that reads a body. */
export interface ReadOptions {
  /** Undo what `content-encoding` says. Default true. One response is read either way, not both. */
  readonly decodeContent?: boolean | undefined
}

/** What bounds decoding. */
export interface DecodeLimits {
  /** Octets of the decoded body. Default: no limit. */
  readonly maxDecodedSize?: number | undefined
  /**
   * How many times longer than its coded form the body may become, once 64 MiB were decoded. Default 1100
   * (`MAX_DECODING_RATIO`).
   */
  readonly maxDecodingRatio?: number | undefined
}

/**
 * A response. Its body is read once, in one of many ways; what nobody reads holds back the server, so read it, or
 * `close()` the response.
 *
 * Reading fails with the error that ended the exchange; with ContentDecodingError when the body is not what
 * `content-encoding` says; with ContentLimitError when it decodes to more than is allowed.
 */
export class HTTPResponse implements AsyncDisposable {
  /** The final status code. */
  readonly status: number
  /** The reason phrase; empty over HTTP/2, which has none. */
  readonly reason: string
  /** The protocol that carried the response. */
  readonly version: HTTPVersion
  /** The header section, without pseudo-header fields. */
  readonly headers: HTTPHeaderMap
  /** The connection it came on. */
  readonly connection: ConnectionInfo | undefined
  private readonly incoming: IncomingBody
  private readonly limits: DecodeLimits
  private decoding: boolean | undefined
  private source: AsyncIterator<Buffer> | undefined
  private rest: Buffer | undefined
  private ended = false
  /** What close() tells those who were reading: the rest has not come, and that is not the end of the body. */
  private gone: Error | undefined
  /** Why reading failed: said each time. */
  private failure: Error | undefined
  private tail: Promise<unknown> = Promise.resolve()
  private trailerMap: Promise<HTTPHeaderMap> | undefined
  private readable: Readable | undefined

  /** @internal */
  constructor(
    status: number,
    reason: string,
    version: HTTPVersion,
    fields: FieldList,
    connection: ConnectionInfo | undefined,
    incoming: IncomingBody,
    limits: DecodeLimits,
  ) {
    this.status = status
    this.reason = reason
    this.version = version
    this.headers = new HTTPHeaderMap(fields)
    this.connection = connection
    this.incoming = incoming
    this.limits = limits
  }

  /** For logs: the head. */
  toJSON(): object {
    const { version, status, reason, headers } = this
    return { version, status, reason, headers: headers.toJSON() }
  }

  /**
   * The trailer section; empty when there is none. It follows the body, so it comes when that has been read. Rejects with
   * the error that ended the exchange.
   */
  get trailers(): Promise<HTTPHeaderMap> {
    if (this.trailerMap === undefined) {
      this.trailerMap = this.incoming.trailers().then((fields) => new HTTPHeaderMap(fields))
      // Somebody who only looked is not told of a failure that the body tells.
      this.trailerMap.catch(ignore)
    }
    return this.trailerMap
  }

  /**
   * The whole body, or what is left of it.
   * @param size octets to read at most: fewer only at the end; an empty Buffer after it. Default: all.
   */
  async read(size?: number | null, options: ReadOptions = {}): Promise<Buffer> {
    if (size !== undefined && size !== null && !(Number.isInteger(size) && size >= 0)) {
      throw new InvalidArgumentError(`The number of octets to read must be a whole number, not ${String(size)}`)
    }
    this.choose(options)
    const late = this.gone !== undefined
    return this.inTurn(() => this.readNow(size ?? Number.POSITIVE_INFINITY, late))
  }

  /**
   * The body piece by piece as it arrives: over HTTP/2 each DATA frame, over HTTP/1.1 each chunk; one that comes in
   * several reads comes in several pieces, and one without octets not at all. Decoded, what the decoder gives. Leaving
   * the loop closes the response.
   */
  async *readChunked(options: ReadOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    this.choose(options)
    const late = this.gone !== undefined
    let finished = false
    try {
      for (;;) {
        const chunk = await this.inTurn(() => this.pull(late, false))
        if (chunk === null) break
        yield chunk
      }
      finished = true
    } finally {
      if (!finished) await this.close()
    }
  }

  /** The decoded body, piece by piece. */
  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    return this.readChunked()
  }

  /** The whole decoded body. */
  bytes(): Promise<Buffer> {
    return this.read()
  }

  /** The whole decoded body as UTF-8. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.read())
  }

  /** The whole decoded body as JSON. @throws {SyntaxError} when it is none. */
  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  /** The decoded body as a Node stream: the same stream each time. Destroying it closes the response. */
  get body(): Readable {
    // Not a stream of an iterator: destroyed before it was read, or while it waits, that would never hear of it.
    this.readable ??= new Readable({
      read: () => void this.feed(),
      destroy: (error, done) => void this.close().then(() => done(error)),
    })
    return this.readable
  }

  /**
   * Lets go of the response: what has not come is cancelled (RST_STREAM CANCEL), and no more can be read. Who was reading
   * is told by an AbortedError; who begins to read later gets nothing.
   */
  async close(): Promise<void> {
    if (!this.ended) this.gone = abortReason(undefined)
    this.ended = true
    this.rest = undefined
    this.incoming.close()
    // A decoder may hold on to memory of its own.
    await this.source?.return?.().catch(ignore)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private choose({ decodeContent = true }: ReadOptions): void {
    this.decoding ??= decodeContent
    if (this.decoding === decodeContent) return
    throw new InvalidArgumentError(
      `The body is already being read ${this.decoding ? 'decoded' : 'as it came'}, and cannot be read both ways`,
    )
  }

  /** One read at a time, in the order of the calls. */
  private inTurn<T>(read: () => Promise<T>): Promise<T> {
    const mine = this.tail.then(read)
    this.tail = mine.catch(ignore)
    return mine
  }

  /** @param late was it asked for after close()? */
  private async readNow(size: number, late: boolean): Promise<Buffer> {
    if (size === Number.POSITIVE_INFINITY && this.isWholeAsItCame) return this.collect()
    const parts: Buffer[] = []
    let length = 0
    while (length < size) {
      const chunk = await this.pull(late, size === Number.POSITIVE_INFINITY)
      if (chunk === null) break
      parts.push(chunk)
      length += chunk.length
    }
    const whole = parts.length === 1 ? parts[0] : Buffer.concat(parts, length)
    if (length <= size) return whole
    this.rest = whole.subarray(size)
    return whole.subarray(0, size)
  }

  /** Nothing was read, nothing has ended it, and there is nothing to decode. */
  private get isWholeAsItCame(): boolean {
    if (this.source !== undefined || this.ended || this.failure !== undefined || this.gone !== undefined) return false
    return this.codings === undefined
  }

  private async collect(): Promise<Buffer> {
    try {
      const whole = await this.incoming.collect()
      this.ended = true
      return whole
    } catch (thrown) {
      this.failure = toError(thrown)
      throw this.failure
    }
  }

  private get codings(): readonly Coding[] | undefined {
    return this.decoding === true ? parseCodings(this.headers.text('content-encoding')) : undefined
  }

  /** Gives the Node stream its next piece. */
  private async feed(): Promise<void> {
    try {
      this.choose({})
      this.readable?.push(await this.inTurn(() => this.pull(false, false)))
    } catch (thrown) {
      this.readable?.destroy(toError(thrown))
    }
  }

  /** @param whole all of it is wanted, so that nobody waits for its first piece. */
  private async pull(late: boolean, whole: boolean): Promise<Buffer | null> {
    const { rest } = this
    if (rest !== undefined) {
      this.rest = undefined
      return rest
    }
    if (this.failure !== undefined) throw this.failure
    if (this.gone !== undefined && !late) throw this.gone
    if (this.ended) return null
    try {
      this.source ??= this.open(whole)
      const { done, value } = await this.source.next()
      if (done !== true) return value
    } catch (thrown) {
      this.failure = toError(thrown)
      // What cannot be decoded is not waited for.
      this.incoming.close(this.failure)
      throw this.failure
    }
    this.ended = true
    return null
  }

  private open(whole: boolean): AsyncIterator<Buffer> {
    const raw = received(this.incoming)
    const { codings } = this
    if (codings === undefined) return raw
    const { maxDecodedSize: maxOutput, maxDecodingRatio: maxRatio = MAX_DECODING_RATIO } = this.limits
    const options = { maxOutput, maxRatio, ratioFloor: LENIENT_DECODING_RATIO_FLOOR }
    return whole ? decodeWhole(raw, codings, options) : decode(raw, codings, options)
  }
}

/**
 * A short body is decoded at once, when all of it has come: a decoder of its own costs several times as much. What is seen to be
 * wrong with its first octets is not waited for.
 */
async function* decodeWhole(
  raw: AsyncGenerator<Buffer>,
  codings: readonly Coding[],
  options: DecoderOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const parts: Buffer[] = []
  let length = 0
  while (length <= smallInput) {
    const { done, value } = await raw.next()
    if (done === true) {
      const decoded = decodeSmall(codings, Buffer.concat(parts, length), options)
      if (decoded === undefined) break
      if (decoded.length > 0) yield decoded
      return
    }
    parts.push(value)
    length += value.length
    if (codings.at(-1) === 'gzip' && parts[0][0] !== GZIP_MAGIC) break
  }
  const decoder = decode(prepended(parts, raw), codings, options)
  yield* { [Symbol.asyncIterator]: () => decoder }
}

async function* prepended(parts: readonly Buffer[], raw: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield* parts
  yield* raw
}

function decode(
  raw: AsyncGenerator<Buffer>,
  codings: readonly Coding[],
  options: DecoderOptions,
): AsyncIterableIterator<Buffer> {
  const decoder = new DecodeStream(codings, options)
  // Whoever reads the decoder hears of a failure.
  pipeline(Readable.from(raw), decoder, ignore)
  return decoder[Symbol.asyncIterator]()
}

async function* received(incoming: IncomingBody): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const chunk = await incoming.next()
    if (chunk === null) return
    yield chunk
  }
}
