/**
 * A URL of this machine without a scheme: TLS if the server speaks it, otherwise plain HTTP. Servers that are being written
 * have none, as often as not; those of others do.
 */
import type { HTTPConnection } from '../client/http-connection.ts'
import { ConnectError, TimeoutError } from '../errors.ts'
import type { Target } from './target.ts'

/** Milliseconds that a server of this machine has for its part of the handshake: a plain one may wait for a line to end. */
export const TLS_PATIENCE = 3000

/** What a server that speaks no TLS is known by. */
const NO_TLS: ReadonlySet<string | undefined> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
  'ERR_SSL_HTTP_REQUEST',
  'EPROTO',
  'ECONNRESET',
  'EPIPE',
])

/** Is it this machine, by its name? */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(hostname)
}

/** Does this failure say that no TLS is spoken there? */
export function speaksNoTls(error: unknown): boolean {
  if (error instanceof TimeoutError) return error.kind === 'connect' && error.phase === 'tls'
  return error instanceof ConnectError && error.phase === 'tls' && NO_TLS.has(error.systemCode)
}

/**
 * Connects by TLS. What else may fail is told by the request that follows.
 * @returns false when the server speaks none, or when nobody is there and the URL names no port.
 */
export async function triesTls(connection: HTTPConnection, { url }: Target): Promise<boolean> {
  try {
    await connection.connect()
    return true
  } catch (error) {
    if (error instanceof ConnectError && error.systemCode === 'ECONNREFUSED') return url.port !== ''
    return !speaksNoTls(error)
  }
}
