/**
 * What to do after an attempt has failed through no doing of ours, before its response began: a value, from one pure function of
 * the error, of the attempt and of those before it. Carrying it out is the exchange's.
 *
 *   what failed                                                       then
 *   the response has begun                                            fail
 *   the body cannot be sent from its beginning again                  fail
 *   HTTP_1_1_REQUIRED, of the stream or of the connection             over HTTP/1.1, once
 *   the connection could not be made                                  fail: it was tried for all who waited
 *   GOAWAY with NO_ERROR after streams were taken                     again, as often as it happens: the server makes progress
 *   known to be unprocessed (REFUSED_STREAM, GOAWAY, never written)   again, `MAX_REPLAYS` times
 *   the connection ended, and the request is idempotent               again, `MAX_LOST_REPLAYS` times; the last time alone
 *   the connection was ended for what was on another stream           the same
 *   anything else                                                     fail
 *
 * RFC 9110 section 9.2.2, RFC 9113 sections 6.8, 7 and 8.7.
 */
import {
  ConnectError,
  ConnectionLostError,
  GoawayError,
  HyperError,
  ProtocolError,
  StreamResetError,
} from '../errors.ts'
import { ErrorCode } from '../frame/codes.ts'
import { MAX_LOST_REPLAYS, MAX_REPLAYS } from '../limits.ts'

/** The attempt that has failed. Plain data. */
export interface FailedAttempt {
  /** The response has begun. */
  readonly answered: boolean
  /** The body can be sent from its beginning again. */
  readonly replayable: boolean
  /** It may be processed twice (RFC 9110 section 9.2.2). */
  readonly idempotent: boolean
}

/** What the exchange has been through before. A value: what follows from a failure brings the next one. */
export interface Past {
  /** It was sent over HTTP/1.1 because a server asked for that. */
  readonly fellBack: boolean
  /** Attempts that count. */
  readonly failures: number
  /** Connections that ended while it was on them. */
  readonly losses: number
}

export const FIRST_ATTEMPT: Past = { fellBack: false, failures: 0, losses: 0 }

export type Verdict =
  | { readonly kind: 'fail' }
  | { readonly kind: 'over HTTP/1.1'; readonly past: Past }
  | {
      readonly kind: 'again'
      readonly past: Past
      /** The how many-th replay it is of those that are delayed, each longer than the one before; 0: it is none of them. */
      readonly replay: number
      /** It may cost the server work that it has done already: the budget of its origin decides. */
      readonly costs: boolean
      /** Two connections ended under it: what is sent with it would suffer from a third. */
      readonly quarantined: boolean
    }

export const FAIL: Verdict = { kind: 'fail' }

export function verdict(error: Error, { answered, replayable, idempotent }: FailedAttempt, past: Past): Verdict {
  if (answered || !replayable) return FAIL
  if (!past.fellBack && asksForHttp1(error, idempotent)) {
    return { kind: 'over HTTP/1.1', past: { ...past, fellBack: true } }
  }
  // A connection that never came to be was tried for all who waited for it.
  if (!(error instanceof HyperError) || error instanceof ConnectError) return FAIL
  if (error instanceof GoawayError && error.http2ErrorCode === ErrorCode.NO_ERROR && error.lastStreamId > 0)
    return { kind: 'again', past, replay: 0, costs: false, quarantined: false }
  if (past.failures >= MAX_REPLAYS) return FAIL
  const lost = endsConnection(error)
  if (lost && past.losses >= MAX_LOST_REPLAYS) return FAIL
  if (!error.retryable && !(lost && idempotent)) return FAIL
  const failures = past.failures + 1
  const losses = past.losses + (lost ? 1 : 0)
  const quarantined = lost && losses === MAX_LOST_REPLAYS
  return { kind: 'again', past: { ...past, failures, losses }, replay: failures, costs: !error.retryable, quarantined }
}

/** The whole connection has ended, not in peace, and not for what was wrong with this exchange. */
function endsConnection(error: HyperError): boolean {
  if (error instanceof ProtocolError) return error.bystander
  return error instanceof ConnectionLostError || error instanceof GoawayError
}

/** The server wants HTTP/1.1 for it (RFC 9113 section 7); of a connection that ended so, only what it did not take. */
function asksForHttp1(error: Error, idempotent: boolean): boolean {
  if (error instanceof StreamResetError) return error.http2ErrorCode === ErrorCode.HTTP_1_1_REQUIRED
  if (!(error instanceof GoawayError) || error.http2ErrorCode !== ErrorCode.HTTP_1_1_REQUIRED) return false
  return error.retryable || idempotent
}
