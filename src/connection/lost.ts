/** Why connections end, as errors. */
import { ConnectError, ConnectionLostError, TimeoutError } from '../errors.ts'

/** @param retryable is it certain that the peer has not seen the request? */
export function connectionLost(origin: string, why: string, cause?: Error, retryable = false): ConnectionLostError {
  return new ConnectionLostError(`The connection to ${origin} was lost: ${why}`, {
    origin,
    retryable,
    ...(cause === undefined ? {} : { cause }),
  })
}

/**
 * A peer that took the connection and said nothing is no better than one that could not be reached.
 * @param timeout milliseconds that it had.
 */
export function noSettings(origin: string, timeout: number): ConnectError {
  const cause = new TimeoutError('connect', timeout, { origin, phase: 'preface' })
  const message = `Cannot connect to ${origin}: the server sent no SETTINGS in time`
  return new ConnectError(message, { phase: 'preface', origin, cause })
}
