/** Our errors with the codes that got's retries and got's users know. got wraps them in its own classes. */
import { HyperError } from '../../src/errors.ts'
import { systemError } from '../common/errors.ts'

/** An error with one of the codes of Node. `cause` is the transport's own error. */
export class NodeError extends Error {
  readonly code: string

  constructor(code: string, message: string, cause?: Error) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'Error'
    this.code = code
  }
}

const CODES: Readonly<Record<string, string>> = {
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

/**
 * What node:http would have said of a request that the transport refused: `ERR_INVALID_HTTP_TOKEN`, `ERR_INVALID_CHAR`.
 * Asked only once it was refused, so that nothing is checked twice of a request that is right.
 */
export function nodeRefusal(
  error: Error,
  method: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Error | undefined {
  if (!(error instanceof HyperError) || error.code !== 'ERR_HYPER_INVALID_ARGUMENT') return undefined
  const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http')
  // The types leave out its second parameter, which the message begins with.
  const checkName: (name: string, label?: string) => void = validateHeaderName
  try {
    checkName(method, 'Method')
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined) continue
      checkName(name)
      for (const one of Array.isArray(value) ? value : [value]) validateHeaderValue(name, one)
    }
    return undefined
  } catch (refused) {
    return refused as Error
  }
}

/** The error that Node's own client would give: the system's where there is one. */
export function toNodeError(error: Error): Error {
  if (!(error instanceof HyperError)) return error
  const system = systemError(error)
  if (system !== undefined && !String(Reflect.get(system, 'code')).startsWith('UND_ERR_')) return system
  return new NodeError(CODES[error.code] ?? error.code, error.message, error)
}
