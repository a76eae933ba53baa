/**
 * What to do after an attempt has failed, before its response began: a value, from one pure function of the error and of what
 * the exchange has been through. Carrying it out is the exchange's.
 *
 *   what failed                                                       then
 *   our own doing (the caller, a deadline, a callback)                fail
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

/** What the exchange has been through. Plain data. */
export interface History {
  /** The failure is of our own making. */
  readonly local: boolean
  /** The response has begun. */
  readonly answered: boolean
  /** The body can be sent from its beginning again. */
  readonly replayable: boolean
  /** It may be processed twice (RFC 9110 section 9.2.2). */
  readonly idempotent: boolean
  /** It was sent over HTTP/1.1 because a server asked for that. */
  readonly fellBack: boolean
  /** Attempts before this one that count. */
  readonly failures: number
  /** Connections that ended before while it was on them. */
  readonly losses: number
}

export type Verdict =
  | { readonly kind: 'fail' }
  | { readonly kind: 'over HTTP/1.1' }
  | {
      readonly kind: 'again'
      /** It counts as a failed attempt, and the next one is delayed by how many there were. */
      readonly counts: boolean
      /** It may cost the server work that it has done already: the budget of its origin decides. */
      readonly costs: boolean
      /** The connection ended under it. */
      readonly lost: boolean
      /** Two connections ended under it: what is sent with it would suffer from a third. */
      readonly quarantined: boolean
    }

const FAIL: Verdict = { kind: 'fail' }
const OVER_HTTP1: Verdict = { kind: 'over HTTP/1.1' }
const AT_ONCE: Verdict = { kind: 'again', counts: false, costs: false, lost: false, quarantined: false }

export function verdict(error: Error, history: History): Verdict {
  if (history.local || history.answered || !history.replayable) return FAIL
  if (!history.fellBack && asksForHttp1(error, history.idempotent)) return OVER_HTTP1
  // A connection that never came to be was tried for all who waited for it.
  if (!(error instanceof HyperError) || error instanceof ConnectError) return FAIL
  if (error instanceof GoawayError && error.http2ErrorCode === ErrorCode.NO_ERROR && error.lastStreamId > 0)
    return AT_ONCE
  if (history.failures >= MAX_REPLAYS) return FAIL
  const lost = endsConnection(error)
  if (lost && history.losses >= MAX_LOST_REPLAYS) return FAIL
  if (!error.retryable && !(lost && history.idempotent)) return FAIL
  return {
    kind: 'again',
    counts: true,
    costs: !error.retryable,
    lost,
    quarantined: lost && history.losses + 1 === MAX_LOST_REPLAYS,
  }
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
