/**
 * Every error this package makes: one hierarchy, each with a stable `code` string.
 *
 * Rules
 * - A caller tells errors apart by `code` (or `instanceof`), never by message.
 * - A message names what failed, where (the origin), and why; `cause` carries the underlying error untouched.
 * - `retryable` says what a caller may conclude about the request itself: `true` only when the peer is known not
 *   to have processed any of it (RFC 9113 section 8.7), so that sending it again cannot do anything twice.
 * - The shims translate these into their library's own classes and codes; nothing below them does.
 */
import { errorCodeName, errorCodeText } from './frame/codes.ts'

/** What an error can say beside its message. */
export interface HyperErrorOptions {
  /** The underlying error, kept as it is. */
  cause?: unknown
  /** The origin (`scheme://host:port`) of the request or connection that failed. */
  origin?: string | undefined
  /** True when the peer is known not to have processed the request. */
  retryable?: boolean
}

/** The root of the hierarchy. */
export class HyperError extends Error {
  /** Stable identifier, `ERR_HYPER_*`. */
  readonly code: string
  /** The origin concerned, when there is one. */
  readonly origin: string | undefined
  /** True when the peer is known not to have processed the request (RFC 9113 section 8.7). */
  readonly retryable: boolean

  constructor(code: string, message: string, options: HyperErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = new.target.name
    this.code = code
    this.origin = options.origin
    this.retryable = options.retryable ?? false
  }
}

/** An argument or option of the caller's is not acceptable. Nothing was sent. */
export class InvalidArgumentError extends HyperError {
  constructor(message: string, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_INVALID_ARGUMENT', message, { retryable: false, ...options })
  }
}

/** Something asked for cannot be done with this protocol or in this state. Nothing was sent. */
export class NotSupportedError extends HyperError {
  constructor(message: string, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_NOT_SUPPORTED', message, options)
  }
}

/** The step of the connect chain in which a connection could not be made. */
export type ConnectPhase = 'dns' | 'tcp' | 'tls' | 'proxy' | 'preface'

/** No connection could be made. `systemCode` is the operating system's or TLS library's own code. */
export class ConnectError extends HyperError {
  /** The step that failed. */
  readonly phase: ConnectPhase
  /** For example `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`. */
  readonly systemCode: string | undefined

  constructor(message: string, options: HyperErrorOptions & { phase: ConnectPhase }) {
    super('ERR_HYPER_CONNECT', message, { ...options, retryable: true })
    this.phase = options.phase
    this.systemCode = systemCodeOf(options.cause)
  }
}

/** The proxy refused to connect to the origin, or could not. */
export class ProxyError extends ConnectError {
  /** The status of the proxy's answer to CONNECT; `undefined` for SOCKS, and when no answer came. */
  readonly status: number | undefined
  /** The proxy's header fields: name, value, name, value ... */
  readonly headers: readonly string[]

  constructor(message: string, options: HyperErrorOptions & { status?: number; headers?: readonly string[] } = {}) {
    super(message, { ...options, phase: 'proxy' })
    this.status = options.status
    this.headers = options.headers ?? []
  }
}

/** Which wait ran out. */
export type TimeoutKind = 'queue' | 'connect' | 'write' | 'headers' | 'body' | 'request'

/** A deadline passed. The codes are `ERR_HYPER_{QUEUE,CONNECT,WRITE,HEADERS,BODY,REQUEST}_TIMEOUT`. */
export class TimeoutError extends HyperError {
  /** Which wait ran out. */
  readonly kind: TimeoutKind
  /** The time allowed, in milliseconds. */
  readonly timeout: number
  /** Of `connect`: the step of the connect chain that was under way. */
  readonly phase: ConnectPhase | undefined

  constructor(kind: TimeoutKind, timeout: number, options: HyperErrorOptions & { phase?: ConnectPhase } = {}) {
    const { origin, phase } = options
    const to = origin === undefined ? '' : ` to ${origin}`
    const from = origin === undefined ? '' : ` from ${origin}`
    const what = {
      queue: `no connection${to} had room for the request within ${timeout} ms`,
      connect: `no connection${to} was made within ${timeout} ms${phase === undefined ? '' : ` (${phaseName[phase]})`}`,
      write: `nothing more of the request could be sent${to} for ${timeout} ms`,
      headers: `no response headers arrived${from} within ${timeout} ms`,
      body: `no part of the body arrived${from} for ${timeout} ms`,
      request: `the request${to} was not finished within ${timeout} ms`,
    }[kind]
    super(`ERR_HYPER_${kind.toUpperCase()}_TIMEOUT`, `Timed out: ${what}`, {
      ...options,
      retryable: kind === 'queue' || kind === 'connect',
    })
    this.kind = kind
    this.timeout = timeout
    this.phase = options.phase
  }
}

const phaseName: Readonly<Record<ConnectPhase, string>> = {
  dns: 'looking up the name',
  tcp: 'connecting by TCP',
  proxy: 'asking the proxy',
  tls: 'TLS handshake',
  preface: 'HTTP/2 preface',
}

/** The connection ended (closed, reset or cut) while the exchange was open. */
export class ConnectionLostError extends HyperError {
  /** The code of the system's error, such as `ECONNRESET`; undefined when there was none. */
  readonly systemCode: string | undefined

  constructor(message: string, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_CONNECTION_LOST', message, options)
    this.systemCode = systemCodeOf(options.cause)
  }
}

/** What a peer speaks, as far as its first octets tell. */
export type SpokenProtocol = 'http/1.1' | 'h2' | 'tls'

/** The peer broke the protocol in a way that ended the whole connection; or, with `local: false`, said that we did. */
export class ProtocolError extends HyperError {
  /** The HTTP/2 error code (RFC 9113 section 7); `undefined` for HTTP/1.1. */
  readonly http2ErrorCode: number | undefined
  /** The rule was broken on another stream: this exchange only shared the connection. An idempotent one is sent again. */
  readonly bystander: boolean
  /** The protocol that the peer's first octets belong to, when they are of another than was expected. */
  readonly speaks: SpokenProtocol | undefined

  constructor(
    message: string,
    options: HyperErrorOptions & {
      http2ErrorCode?: number | undefined
      bystander?: boolean | undefined
      speaks?: SpokenProtocol | undefined
    } = {},
  ) {
    super('ERR_HYPER_PROTOCOL', message, options)
    this.http2ErrorCode = options.http2ErrorCode
    this.bystander = options.bystander ?? false
    this.speaks = options.speaks
  }
}

/** One stream was reset: by the peer (`remote`), or by us because the peer broke a rule on it. */
export class StreamResetError extends HyperError {
  /** The HTTP/2 error code (RFC 9113 section 7). */
  readonly http2ErrorCode: number
  /** True when RST_STREAM came from the peer. */
  readonly remote: boolean

  constructor(http2ErrorCode: number, options: HyperErrorOptions & { remote: boolean; detail?: string | undefined }) {
    const who = options.remote ? `The server${atOrigin(options.origin)} reset the stream` : 'The stream was reset'
    super(
      'ERR_HYPER_STREAM_RESET',
      `${who} with ${errorCodeName(http2ErrorCode)}: ${options.detail || errorCodeText(http2ErrorCode)}`,
      options,
    )
    this.http2ErrorCode = http2ErrorCode
    this.remote = options.remote
  }
}

/** The peer sent GOAWAY and did not finish this exchange. */
export class GoawayError extends HyperError {
  /** The HTTP/2 error code of the GOAWAY frame. */
  readonly http2ErrorCode: number
  /** The highest stream id that the peer says it may have processed. */
  readonly lastStreamId: number

  constructor(
    http2ErrorCode: number,
    lastStreamId: number,
    options: HyperErrorOptions & { debug?: string | undefined } = {},
  ) {
    super(
      'ERR_HYPER_GOAWAY',
      `The server${atOrigin(options.origin)} is going away with ${errorCodeName(http2ErrorCode)}: ${options.debug || errorCodeText(http2ErrorCode)}`,
      options,
    )
    this.http2ErrorCode = http2ErrorCode
    this.lastStreamId = lastStreamId
  }
}

/** The body is shorter or longer than its content-length: ours (`request`) or the peer's (`response`). */
export class ContentLengthError extends HyperError {
  /** Whose body it is: the request's or the response's. */
  readonly direction: 'request' | 'response'

  constructor(direction: 'request' | 'response', message: string, options: HyperErrorOptions = {}) {
    super(`ERR_HYPER_${direction.toUpperCase()}_CONTENT_LENGTH`, message, options)
    this.direction = direction
  }
}

/** Response headers or trailers exceed a limit. */
export class HeadersTooLargeError extends HyperError {
  constructor(message: string, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_HEADERS_TOO_LARGE', message, options)
  }
}

/** A response body is longer than the caller allowed. */
export class ResponseTooLargeError extends HyperError {
  /** The limit, in octets. */
  readonly limit: number

  constructor(limit: number, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_RESPONSE_TOO_LARGE', `The response body is longer than the ${limit} octets allowed`, options)
    this.limit = limit
  }
}

/** The server did not open the tunnel that CONNECT asked for. */
export class TunnelRefusedError extends HyperError {
  /** The status of its answer. */
  readonly status: number
  /** The answer's header fields: name, value, name, value ... */
  readonly headers: readonly string[]

  constructor(status: number, headers: readonly string[], options: HyperErrorOptions = {}) {
    super(
      'ERR_HYPER_TUNNEL_REFUSED',
      `The server${atOrigin(options.origin)} did not open the tunnel: ${status}`,
      options,
    )
    this.status = status
    this.headers = headers
  }
}

/** The caller aborted without giving an Error as reason; `cause` is the reason given, if any. */
export class AbortedError extends HyperError {
  constructor(message = 'The exchange was aborted', options: HyperErrorOptions = {}) {
    super('ERR_HYPER_ABORTED', message, options)
  }
}

/** A redirect that is not followed: there were too many, its URL is invalid, or the body cannot be sent again. */
export class RedirectError extends HyperError {
  constructor(message: string, options: HyperErrorOptions = {}) {
    super('ERR_HYPER_REDIRECT', message, { retryable: false, ...options })
  }
}

/** The pool was closed before the request was dispatched. */
export class PoolClosedError extends HyperError {
  constructor(options: HyperErrorOptions = {}) {
    super('ERR_HYPER_POOL_CLOSED', 'The pool is closed', options)
  }
}

/** The pool was destroyed while the exchange was open or waiting. */
export class PoolDestroyedError extends HyperError {
  constructor(options: HyperErrorOptions = {}) {
    super('ERR_HYPER_POOL_DESTROYED', 'The pool was destroyed', options)
  }
}

/** The operating system's or library's `code` of a caught value, if it has one. */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Any thrown value as an Error. */
export function toError(value: unknown): Error {
  return value instanceof Error ? value : new HyperError('ERR_HYPER_UNKNOWN', String(value), { cause: value })
}

/** The reason given to an abort as the Error that the exchange ends with. */
export function abortReason(reason: unknown): Error {
  if (reason instanceof Error) return reason
  return reason === undefined
    ? new AbortedError()
    : new AbortedError(`The exchange was aborted: ${String(reason)}`, { cause: reason })
}

function atOrigin(origin: string | undefined): string {
  return origin === undefined ? '' : ` at ${origin}`
}
