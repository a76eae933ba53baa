/**
 * Our errors as undici's: the classes and codes that its users test for. The original is kept as `cause`.
 *
 * Errors that are not ours (what a caller aborted with, what a request body threw, what undici's own HTTP/1.1 client made)
 * pass through as they are.
 */
import type { errors as UndiciErrors } from 'undici'
import {
  ConnectError,
  ConnectionLostError,
  ContentLengthError,
  GoawayError,
  HeadersTooLargeError,
  HyperError,
  InvalidArgumentError,
  NotSupportedError,
  ProtocolError,
  ProxyError,
  StreamResetError,
  systemCodeOf,
  TimeoutError,
} from '../../src/errors.ts'
import { ErrorCode, errorCodeName } from '../../src/frame/codes.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { isParserCode, systemError } from '../common/errors.ts'
import { errors } from './internals.ts'

/** One stream was reset. undici has no class for it: it lets node:http2's error through, so code and message are that one's. */
export class StreamError extends errors.UndiciError {
  /** The HTTP/2 error code (RFC 9113 section 7). */
  readonly http2ErrorCode: number

  constructor(http2ErrorCode: number) {
    super(`Stream closed with error code NGHTTP2_${errorCodeName(http2ErrorCode)}`)
    this.name = 'StreamError'
    this.code = 'ERR_HTTP2_STREAM_ERROR'
    this.http2ErrorCode = http2ErrorCode
  }
}

/** The error that an undici handler gets for what an exchange ended with. */
export function toUndiciError(error: Error, connection?: ConnectionInfo): Error {
  if (!(error instanceof HyperError)) return error
  const translated = translate(error, connection)
  if (translated !== error && translated !== error.cause && translated.cause === undefined) {
    Object.defineProperty(translated, 'cause', { value: error, writable: true, configurable: true })
  }
  return translated
}

function translate(error: HyperError, connection: ConnectionInfo | undefined): Error {
  if (error instanceof StreamResetError) {
    // Of our own accord only where a header section crosses a limit.
    const tooLarge = !error.remote && error.http2ErrorCode === ErrorCode.ENHANCE_YOUR_CALM
    return tooLarge ? new errors.HeadersOverflowError(error.message) : new StreamError(error.http2ErrorCode)
  }
  if (error instanceof GoawayError) {
    return new errors.InformationalError(`HTTP/2: "GOAWAY" frame received with code ${error.http2ErrorCode}`)
  }
  if (error instanceof ConnectionLostError) {
    // undici's own client says more of the socket than we know.
    if (error.cause instanceof errors.SocketError) return socketError(error.message, connection, error.cause.socket)
    return systemError(error) ?? socketError(error.message, connection)
  }
  if (error instanceof ConnectError) {
    const system = systemError(error)
    if (system === undefined && error instanceof ProxyError)
      return new errors.ProxyConnectionError(error, error.message)
    return system ?? socketError(error.message, connection)
  }
  if (error instanceof TimeoutError) return timeout(error)
  const code = systemCodeOf(error.cause)
  if (isParserCode(code)) return Object.assign(new errors.HTTPParserError(error.message), { code })
  if (error instanceof ProtocolError) {
    return Object.assign(socketError(error.message, connection), { http2ErrorCode: error.http2ErrorCode })
  }
  if (error instanceof InvalidArgumentError) return new errors.InvalidArgumentError(error.message)
  if (error instanceof NotSupportedError) return new errors.NotSupportedError(error.message)
  if (error instanceof ContentLengthError) {
    return error.direction === 'request'
      ? new errors.RequestContentLengthMismatchError(error.message)
      : new errors.ResponseContentLengthMismatchError(error.message)
  }
  if (error instanceof HeadersTooLargeError) return new errors.HeadersOverflowError(error.message)
  switch (error.code) {
    case 'ERR_HYPER_ABORTED':
      return new errors.RequestAbortedError()
    case 'ERR_HYPER_POOL_CLOSED':
      return new errors.ClientClosedError()
    case 'ERR_HYPER_POOL_DESTROYED':
      return new errors.ClientDestroyedError()
    case 'ERR_HYPER_RESPONSE_TOO_LARGE':
      return new errors.ResponseExceededMaxSizeError()
    case 'ERR_HYPER_UNKNOWN':
      // What a body threw that is no Error: as it is, like everything else that is not ours.
      return error.cause as Error
    default:
      return error
  }
}

function timeout(error: TimeoutError): UndiciErrors.UndiciError {
  switch (error.kind) {
    case 'body':
      return new errors.BodyTimeoutError(error.message)
    case 'headers':
    case 'request':
      return new errors.HeadersTimeoutError(error.message)
    default:
      return new errors.ConnectTimeoutError(error.message)
  }
}

/** undici's SocketError, with what it tells of the socket. */
function socketError(
  message: string,
  connection: ConnectionInfo | undefined,
  socket: UndiciErrors.SocketError['socket'] = null,
): UndiciErrors.SocketError {
  const error = new errors.SocketError(message)
  error.socket = socket
  if (socket === null && connection !== undefined) {
    const { localAddress, localPort, remoteAddress, remotePort, remoteFamily } = connection
    const known = Object.entries({ localAddress, localPort, remoteAddress, remotePort, remoteFamily })
    error.socket = Object.fromEntries(known.filter(([, value]) => value !== undefined))
  }
  return error
}
