/** One table of error codes for all shims: what each of our errors is called by the system, by Node and by undici. */
import { ConnectError, ConnectionLostError, type HyperError, systemCodeOf } from '../../src/errors.ts'

/**
 * The code of the operating system, of the TLS library or of Node that an error or one of its causes carries: what people
 * compare with `ECONNREFUSED`. Our own `ERR_HYPER_*` codes are not meant.
 */
export function systemCode(error: unknown): string | undefined {
  let current = error
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    if ((current instanceof ConnectError || current instanceof ConnectionLostError) && current.systemCode) {
      return current.systemCode
    }
    const code = systemCodeOf(current)
    if (code !== undefined && !code.startsWith('ERR_HYPER_')) return code
    current = current.cause
  }
  return undefined
}

/**
 * The operating system's, TLS library's or Node's error behind one of ours, for libraries whose users expect it bare: with
 * its own `code`, `errno`, `syscall`, `address` ..., but a message that names the origin as well. `cause` is the original.
 */
export function systemError(error: HyperError): Error | undefined {
  let current: unknown = error.cause
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const code = systemCodeOf(current)
    if (code !== undefined && !code.startsWith('ERR_HYPER_')) {
      return Object.assign(new Error(error.message, { cause: current }), { ...current, code })
    }
    current = current.cause
  }
  return undefined
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
  return undiciCodes[error.code] ?? error.code
}
