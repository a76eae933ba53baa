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
import { AwsBody } from './aws/body.ts'
import { toAwsError } from './aws/errors.ts'
import { type AwsRequest, bodyOf, originOf, pathOf, requestFields } from './aws/request.ts'
import { nodeHeaders } from './common/headers.ts'
import { resolvePool, type ShimOptions } from './common/pool.ts'

export type { AwsRequest } from './aws/request.ts'

/** Options: those of the pool, `{ pool }`, and what the SDK's own handlers take by these names. Times are milliseconds. */
export interface HyperRequestHandlerOptions extends ShimOptions {
  /**
   * As the SDK's own handlers mean it: for the response's head to come, and for each silence within its body; a body that flows is
   * not cut. Default: the pool's `headersTimeout` and `bodyTimeout`. Give an `abortSignal` to
   * end a whole request.
   */
  readonly requestTimeout?: number | undefined
  /** As `connectTimeout`, by the SDK's name. */
  readonly connectionTimeout?: number | undefined
  /** Taken, since the SDK passes it on; nothing is said to it. */
  readonly logger?: unknown
}

/** What the SDK hands over beside the request. */
export interface HandlerOptions {
  readonly abortSignal?: { readonly aborted: boolean; onabort?: unknown } | AbortSignal | undefined
  readonly requestTimeout?: number | undefined
}

/** A response in the SDK's shape. */
export interface AwsResponse {
  readonly statusCode: number
  readonly reason: string | undefined
  readonly headers: Record<string, string>
  readonly body: AwsBody
}

export class HyperRequestHandler {
  /**
   * What the SDK goes by: told `h2`, it would leave out and not sign the host, which endpoints that have only HTTP/1.1 insist
   * on. Signed, it is as good over HTTP/2, where it becomes the authority.
   */
  readonly metadata = { handlerProtocol: 'http/1.1' }
  private options: HyperRequestHandlerOptions
  private transport: Transport
  private own: Pool | undefined

  /**
   * @throws {InvalidArgumentError} naming a pool option that is not acceptable.
   */
  constructor(options: HyperRequestHandlerOptions = {}) {
    checkNames(options)
    this.options = options
    const resolved = resolvePool(poolOptions(options))
    this.transport = resolved.transport
    this.own = resolved.own
  }

  /** What the SDK's own handlers offer: an instance as it is, options made into one. */
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
