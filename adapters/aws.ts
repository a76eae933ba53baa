/**
 * HTTP/2 for the AWS SDK for JavaScript v3: `new S3Client({ requestHandler: new HyperRequestHandler() })`.
 *
 * Rules
 * - The SDK keeps what is the SDK's: signing, retries, checksums, streams to text. Its own packages are not imported: requests
 *   and responses are recognised by their members, as the SDK itself does.
 * - Errors carry the names and codes by which the SDK decides whether to try again: `AbortError`, `TimeoutError`,
 *   `ECONNRESET`, `ECONNREFUSED` ...
 * - The handler closes only a pool that it made for itself.
 */

import { InvalidArgumentError } from '../src/errors.ts'
import type { Exchange, ExchangeHandler, Transport } from '../src/exchange/contract.ts'
import type { FieldList } from '../src/headers/fields.ts'
import { refuseUnknown } from '../src/option-names.ts'
import { POOL_OPTION_NAMES } from '../src/pool/options.ts'
import type { Pool } from '../src/pool/pool.ts'
import { INSPECT, inspected, type Seen } from '../src/seen.ts'
import { AwsBody } from './aws/body.ts'
import { toAwsError } from './aws/errors.ts'
import { type AwsRequest, bodyOf, originOf, pathOf, requestFields } from './aws/request.ts'
import { nodeHeaders } from './common/headers.ts'
import { resolvePool, type ShimOptions } from './common/pool.ts'

export type { AwsRequest } from './aws/request.ts'

/** Options: those of the pool, `{ pool }`, and what the SDK's own handlers take by these names. Times are milliseconds. */
export interface HyperRequestHandlerOptions extends ShimOptions {
  /**
   * Milliseconds, with the meaning of the SDK's own handlers: until the response's headers, and between two parts of its body. It
   * does not limit the whole request. Default: the pool's `headersTimeout` and `bodyTimeout`. Give an `abortSignal` to
   * end a whole request.
   */
  readonly requestTimeout?: number | undefined
  /** As `connectTimeout`, by the SDK's name. */
  readonly connectionTimeout?: number | undefined
  /** Accepted, because the SDK passes it on, and not used. */
  readonly logger?: unknown
}

/** What the SDK passes with each request. */
export interface HandlerOptions {
  /** Ends the request. Default: none. */
  readonly abortSignal?: { readonly aborted: boolean; onabort?: unknown } | AbortSignal | undefined
  /** Milliseconds, instead of the handler's own `requestTimeout`. */
  readonly requestTimeout?: number | undefined
}

/** A response in the SDK's shape. */
export interface AwsResponse {
  /** The final status code. */
  readonly statusCode: number
  /** The reason phrase of HTTP/1.1; HTTP/2 has none. */
  readonly reason: string | undefined
  /** By name in lower case; several lines of a name are joined. */
  readonly headers: Record<string, string>
  /** A Node stream of the body as it came, with `trailers`. */
  readonly body: AwsBody
}

/** A request handler for clients of the AWS SDK: `new S3Client({ requestHandler: new HyperRequestHandler() })`. */
export class HyperRequestHandler {
  /**
   * Read by the SDK. With `h2` it would neither send nor sign the host, which endpoints with HTTP/1.1 require. A signed host is
   * correct over HTTP/2 too, where it becomes `:authority`.
   */
  readonly metadata = { handlerProtocol: 'http/1.1' }
  private options: HyperRequestHandlerOptions
  private transport: Transport
  private own: Pool | undefined

  /**
   * @throws {InvalidArgumentError} naming an option that is unknown or not acceptable.
   */
  constructor(options: HyperRequestHandlerOptions = {}) {
    checkNames(options)
    this.options = options
    const resolved = resolvePool(poolOptions(options))
    this.transport = resolved.transport
    this.own = resolved.own
  }

  /** For logs, where clients of the SDK show up with their handler: never the options, which may have secrets. */
  toJSON(): object {
    return { metadata: this.metadata, ...(this.own === undefined ? {} : { pool: this.own.toJSON() }) }
  }

  /** For logs. */
  [INSPECT](...given: Seen): string {
    return inspected(this, ...given)
  }

  /** As in the SDK's own handlers: returns a handler as it is, and makes one of options. */
  static create(given?: HyperRequestHandler | HyperRequestHandlerOptions): HyperRequestHandler {
    return given instanceof HyperRequestHandler ? given : new HyperRequestHandler(given)
  }

  /** Sends a request. Resolves when the response's headers are there. */
  handle(request: AwsRequest, options: HandlerOptions = {}): Promise<{ response: AwsResponse }> {
    return new Promise((resolve, reject) => {
      const { abortSignal } = options
      // 0 means none, to the SDK and to the pool.
      const silence = options.requestTimeout ?? this.options.requestTimeout
      const handler = new AwsExchange(resolve, reject)
      if (abortSignal?.aborted) {
        handler.onError(abortError(abortSignal))
        return
      }
      const exchange = this.transport.dispatch(
        {
          origin: originOf(request),
          method: request.method,
          path: pathOf(request),
          headers: requestFields(request),
          body: bodyOf(request),
          headersTimeout: silence,
          bodyTimeout: silence,
        },
        handler,
      )
      handler.begin(exchange)
      if (abortSignal !== undefined) handler.follow(abortSignal)
    })
  }

  /** The SDK changes an option of its handlers by this: those that a request can have take effect at once, others are kept. */
  updateHttpClientConfig(key: string, value: unknown): void {
    if (value !== undefined) checkNames({ [key]: value })
    this.options = { ...this.options, [key]: value }
  }

  /** The options as they are now, for the SDK. */
  httpHandlerConfigs(): HyperRequestHandlerOptions {
    return this.options
  }

  /** Closes the pool made for this handler alone. */
  destroy(): void {
    void this.own?.destroy()
  }
}

/** One request of the SDK's. */
class AwsExchange implements ExchangeHandler {
  private readonly resolve: (value: { response: AwsResponse }) => void
  private readonly reject: (error: Error) => void
  private exchange: Exchange | undefined
  private body: AwsBody | undefined
  private stopFollowing: (() => void) | undefined

  constructor(resolve: (value: { response: AwsResponse }) => void, reject: (error: Error) => void) {
    this.resolve = resolve
    this.reject = reject
  }

  begin(exchange: Exchange): void {
    this.exchange = exchange
  }

  /** A DOM signal, or the SDK's own kind, which has `onabort` alone. */
  follow(signal: NonNullable<HandlerOptions['abortSignal']>): void {
    const onAbort = (): void => this.exchange?.abort(abortError(signal))
    if ('addEventListener' in signal) {
      signal.addEventListener('abort', onAbort, { once: true })
      this.stopFollowing = () => signal.removeEventListener('abort', onAbort)
    } else {
      signal.onabort = onAbort
      this.stopFollowing = () => {
        if (signal.onabort === onAbort) signal.onabort = null
      }
    }
  }

  onHeaders(statusCode: number, fields: FieldList, statusText: string): void {
    const { exchange } = this
    const body = new AwsBody(exchange)
    this.body = body
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(nodeHeaders(fields))) {
      headers[name] = typeof value === 'string' ? value : value.join(', ')
    }
    this.resolve({ response: { statusCode, reason: statusText === '' ? undefined : statusText, headers, body } })
  }

  onData(chunk: Buffer): void {
    if (this.body?.push(chunk) === false) this.exchange?.pause()
  }

  onEnd(trailers: FieldList): void {
    this.stopFollowing?.()
    this.body?.finish(trailers)
  }

  onError(error: Error): void {
    this.stopFollowing?.()
    const translated = toAwsError(error)
    if (this.body === undefined) this.reject(translated)
    else this.body.fail(translated)
  }
}

/** Options of the SDK's own handlers that have no meaning here, and what has it instead. */
export const NOT_HERE: Readonly<Record<string, string>> = {
  httpAgent: 'connections are made by a pool; its options, or `pool`, say how',
  httpsAgent: 'connections are made by a pool; `tls`, or `pool`, says how',
  socketTimeout: 'headersTimeout and bodyTimeout say how long a silence may be',
  sessionTimeout: 'idleTimeout says how long an unused connection is kept',
  disableConcurrentStreams: 'maxConcurrentStreams: 1 says the same',
  throwOnRequestTimeout: 'requestTimeout always ends a request',
  socketAcquisitionWarningTimeout: 'queueTimeout says how long a request may wait for a connection',
  nodeHttp2ConnectOptions: '`tls` and the options of the pool say how connections are made',
  keepAlive: 'connections are always kept; idleTimeout says how long',
  credentials: 'it is an option of fetch',
  cache: 'it is an option of fetch',
  requestInit: 'it is an option of fetch',
}

const NAMES: ReadonlySet<string> = new Set([
  ...POOL_OPTION_NAMES,
  ...(['pool', 'requestTimeout', 'connectionTimeout', 'logger'] satisfies (keyof HyperRequestHandlerOptions)[]),
])

function checkNames(options: object): void {
  if (typeof options !== 'object' || options === null) throw new InvalidArgumentError('Options must be an object')
  refuseUnknown(options, NAMES, '', NOT_HERE)
}

function poolOptions(options: HyperRequestHandlerOptions): ShimOptions {
  const { requestTimeout: _, logger: _logger, connectionTimeout, ...rest } = options
  return connectionTimeout === undefined ? rest : { connectTimeout: connectionTimeout, ...rest }
}

function abortError(signal: object): Error {
  const reason: unknown = 'reason' in signal ? signal.reason : undefined
  const error = new Error('Request aborted', reason === undefined ? undefined : { cause: reason })
  error.name = 'AbortError'
  return error
}
