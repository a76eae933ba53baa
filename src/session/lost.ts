/** Why sessions and connections end, as errors. */
import { ConnectError, ConnectionLostError, TimeoutError } from '../errors.ts'

/** Who is at the other end, as messages name it. */
export interface Peer {
  readonly href: string
  readonly kind: 'server' | 'proxy'
}

/**
 * @param peer an origin server by its origin, or any peer.
 * @param retryable is it certain that the peer has not seen the request?
 */
export function connectionLost(
  peer: string | Peer,
  why: string,
  cause?: Error,
  retryable = false,
): ConnectionLostError {
  const { href, kind } = typeof peer === 'string' ? { href: peer, kind: 'server' } : peer
  return new ConnectionLostError(`The connection to ${kind === 'proxy' ? 'the proxy ' : ''}${href} was lost: ${why}`, {
    ...(kind === 'proxy' ? {} : { origin: href }),
    retryable,
    ...(cause === undefined ? {} : { cause }),
  })
}

/**
 * A peer that took the connection and said nothing is no better than one that could not be reached.
 * @param timeout milliseconds that it had.
 */
export function noSettings({ href, kind }: Peer, timeout: number): ConnectError {
  const cause = new TimeoutError('connect', timeout, { origin: href, phase: 'preface' })
  const message = `Cannot connect to ${href}: the ${kind} sent no SETTINGS in time`
  return new ConnectError(message, { phase: 'preface', origin: href, cause })
}
