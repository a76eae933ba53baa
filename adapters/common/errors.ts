/** One table of error codes for all shims: what each of our errors is called by the system, by Node and by undici. */
import {
  ConnectError,
  ConnectionLostError,
  GoawayError,
  HyperError,
  ProxyError,
  StreamResetError,
  systemCodeOf,
} from '../../src/errors.ts'

/**
 * The operating system's, TLS library's, parser's or Node's error behind one of ours, for libraries whose users expect it bare:
 * with its own `code`, `errno`, `syscall`, `address` ..., but a message that names the origin as well. `cause` is the original.
 * Of a connection that could not be made, what a check or a lookup of the caller's said counts too, without a code: it is
 * no lost connection, and nobody tries it again for one.
 */
export function systemError(error: HyperError): Error | undefined {
  let current: unknown = error.cause
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const code = systemCodeOf(current)
    const own = code === undefined ? isVerdict(error, current) : !code.startsWith('ERR_HYPER_')
    if (own) {
      const { stack: _, ...rest } = current
      // What our own parser knows beside its name is for servers.
      const told = isParserCode(code) ? {} : rest
      return Object.assign(new Error(error.message, { cause: current }), told, code === undefined ? {} : { code })
    }
    current = current.cause
  }
  return undefined
}

/** Did somebody, rather than the network, say no? The steps of the connect chain that fail without a code are said by us. */
function isVerdict(error: HyperError, cause: Error): boolean {
  if (!(error instanceof ConnectError) || cause instanceof HyperError) return false
  // The system's resolver always has a code: without one it was a `lookup` of the caller's.
  return error.phase === 'dns' || (error.phase === 'tls' && !isPeerGone(cause))
}

function isPeerGone({ message }: Error): boolean {
  return /the socket closed|closed the connection/.test(message)
}

/** An error with one of the codes of Node. `cause` is the transport's own error. */
export class NodeError extends Error {
  readonly code: string

  constructor(code: string, message: string, cause?: Error) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'Error'
    this.code = code
  }
}

/** node:http's codes for what ours mean. What is not among them keeps its own: nobody takes it for a lost connection. */
const nodeCodes: Readonly<Record<string, string>> = {
  // What had no cause with a code: the peer went away while the connection was made.
  ERR_HYPER_CONNECT: 'ECONNRESET',
  ERR_HYPER_QUEUE_TIMEOUT: 'ETIMEDOUT',
  ERR_HYPER_CONNECT_TIMEOUT: 'ETIMEDOUT',
  ERR_HYPER_WRITE_TIMEOUT: 'ETIMEDOUT',
  ERR_HYPER_HEADERS_TIMEOUT: 'ETIMEDOUT',
  ERR_HYPER_BODY_TIMEOUT: 'ETIMEDOUT',
  ERR_HYPER_REQUEST_TIMEOUT: 'ETIMEDOUT',
  ERR_HYPER_CONNECTION_LOST: 'ECONNRESET',
  ERR_HYPER_STREAM_RESET: 'ECONNRESET',
  ERR_HYPER_GOAWAY: 'ECONNRESET',
  ERR_HYPER_PROTOCOL: 'ERR_HTTP2_ERROR',
  ERR_HYPER_HEADERS_TOO_LARGE: 'HPE_HEADER_OVERFLOW',
  ERR_HYPER_RESPONSE_CONTENT_LENGTH: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  ERR_HYPER_REQUEST_CONTENT_LENGTH: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
}

/** The code that node:http's own client gives to this kind of failure; our own code where it has none. */
export function nodeCode(error: HyperError): string {
  return isProxyRefusal(error) ? 'ERR_PROXY_TUNNEL' : (nodeCodes[error.code] ?? error.code)
}

/** Did a proxy answer, and say no? Its connection is not lost, and asking again does not help. */
function isProxyRefusal(error: Error): error is ProxyError & { readonly status: number } {
  return error instanceof ProxyError && error.status !== undefined
}

/** The error that Node's own client would give: the system's where there is one. */
export function toNodeError(error: Error): Error {
  if (!(error instanceof HyperError)) return error
  const system = systemError(error)
  if (system === undefined || String(Reflect.get(system, 'code')).startsWith('UND_ERR_')) {
    const failure = new NodeError(nodeCode(error), error.message, error)
    return isProxyRefusal(error) ? Object.assign(failure, { statusCode: error.status }) : failure
  }
  return isFailedHandshake(error) ? Object.assign(system, FAILED_HANDSHAKE) : system
}

/** A client of node:https has written its request by the time the handshake fails, and so tells of a write. */
const FAILED_HANDSHAKE = { code: 'EPROTO', errno: -71, syscall: 'write' }

/** One of the codes of node:http's parser: what came was no HTTP/1.1. */
export function isParserCode(code: unknown): boolean {
  return typeof code === 'string' && code.startsWith('HPE_')
}

/** The two sides did not come to speak TLS with each other; a certificate that is not liked is something else. */
export function isFailedHandshake(error: HyperError): boolean {
  if (!(error instanceof ConnectError) || error.phase !== 'tls') return false
  const { systemCode } = error
  // A list of ciphers that names none is the caller's: nothing was written.
  return systemCode?.startsWith('ERR_SSL_') === true && systemCode !== 'ERR_SSL_NO_CIPHER_MATCH'
}

/** The connection, or the stream, ended while the response was coming: what node:http tells by `aborted`. */
export function isBrokenOff(error: Error): boolean {
  return error instanceof ConnectionLostError || error instanceof StreamResetError || error instanceof GoawayError
}

/** undici's codes for what ours mean, as far as one code has one meaning there. */
const undiciCodes: Readonly<Record<string, string>> = {
  ERR_HYPER_INVALID_ARGUMENT: 'UND_ERR_INVALID_ARG',
  ERR_HYPER_NOT_SUPPORTED: 'UND_ERR_NOT_SUPPORTED',
  ERR_HYPER_CONNECT: 'UND_ERR_SOCKET',
  ERR_HYPER_QUEUE_TIMEOUT: 'UND_ERR_CONNECT_TIMEOUT',
  ERR_HYPER_CONNECT_TIMEOUT: 'UND_ERR_CONNECT_TIMEOUT',
  ERR_HYPER_WRITE_TIMEOUT: 'UND_ERR_HEADERS_TIMEOUT',
  ERR_HYPER_HEADERS_TIMEOUT: 'UND_ERR_HEADERS_TIMEOUT',
  ERR_HYPER_REQUEST_TIMEOUT: 'UND_ERR_HEADERS_TIMEOUT',
  ERR_HYPER_BODY_TIMEOUT: 'UND_ERR_BODY_TIMEOUT',
  ERR_HYPER_CONNECTION_LOST: 'UND_ERR_SOCKET',
  ERR_HYPER_PROTOCOL: 'UND_ERR_SOCKET',
  ERR_HYPER_STREAM_RESET: 'ERR_HTTP2_STREAM_ERROR',
  ERR_HYPER_GOAWAY: 'UND_ERR_INFO',
  ERR_HYPER_REQUEST_CONTENT_LENGTH: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  ERR_HYPER_RESPONSE_CONTENT_LENGTH: 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ERR_HYPER_HEADERS_TOO_LARGE: 'UND_ERR_HEADERS_OVERFLOW',
  ERR_HYPER_RESPONSE_TOO_LARGE: 'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  ERR_HYPER_ABORTED: 'UND_ERR_ABORTED',
  ERR_HYPER_POOL_CLOSED: 'UND_ERR_CLOSED',
  ERR_HYPER_POOL_DESTROYED: 'UND_ERR_DESTROYED',
}

/** The code that undici, and so Node's fetch, gives to this kind of failure; our own code where it has none. */
export function undiciCode(error: HyperError): string {
  return error instanceof ProxyError ? 'UND_ERR_PRX_CONN' : (undiciCodes[error.code] ?? error.code)
}
