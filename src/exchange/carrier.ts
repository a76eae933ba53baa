/** What carries exchanges, and whom they belong to. `A` is an attempt, `E` the exchange: both stand on these. */
import type { FieldList } from '../headers/fields.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Exchange, ExchangeHandler, ExchangeRequest } from './contract.ts'
import type { Deadlines } from './deadlines.ts'
import type { UploadBody } from './upload.ts'

/** The codec of a connection: how an attempt is carried over its protocol. */
export interface CodecOf<A> {
  readonly info: ConnectionInfo
  /** The time of the current turn, milliseconds on a monotonic clock. */
  readonly time: number
  /** The whole connection takes nothing now: whose fault that is, the connection finds out. */
  readonly blocked: boolean
  readonly limits: AttemptLimits
  /** What is being received is in memory that the next read overwrites. */
  readonly lent: boolean
  /** Octets that the response's body is to have, -1 when nothing says it. */
  announced(attempt: A): number
  /** Reads the clock outside of a turn that reads or writes. */
  readClock(): void
  /** Gives the attempt up; the peer is told as the protocol can. The exchange hears nothing more of it. */
  cancel(attempt: A, code?: number): void
  /** The peer has answered one of its exchanges. */
  answered(): void
  /** An attempt has failed: a connection on which that happens again and again is left. */
  refused(error: Error): void
  /** The exchange takes no data for now. */
  pause(attempt: A): void
  resume(attempt: A): void
  /** So many octets of the response were dealt with. */
  consume(attempt: A, octets: number): void
  /** @returns false when it has no room for more now: `resumeUpload()` follows. */
  write(attempt: A, octets: Uint8Array): boolean
  /** The request is complete. */
  end(attempt: A, trailers: FieldList | null): void
  /** Calls when everything that was framed until now has been written to the socket; never, when the connection ends before. */
  whenWritten(hear: () => void): void
  /** Octets of the request that wait to be sent. */
  unsent(attempt: A): number
}

/** What holds for an attempt: milliseconds, 0 = no limit, and octets. */
export interface AttemptLimits {
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly writeTimeout: number
  readonly maxResponseSize: number
}

export const UNLIMITED: AttemptLimits = {
  headersTimeout: 0,
  bodyTimeout: 0,
  writeTimeout: 0,
  maxResponseSize: Number.POSITIVE_INFINITY,
}

/** What the request says itself goes before what its connection says; most say nothing, and need no object of their own. */
export function limitsOf(request: ExchangeRequest, limits: AttemptLimits): AttemptLimits {
  const { headersTimeout, bodyTimeout, writeTimeout, maxResponseSize, method } = request
  const said = headersTimeout ?? bodyTimeout ?? writeTimeout ?? maxResponseSize
  if (said === undefined && method !== 'CONNECT') return limits
  return {
    headersTimeout: headersTimeout ?? limits.headersTimeout,
    // Nobody knows how long a tunnel is silent.
    bodyTimeout: bodyTimeout ?? (method === 'CONNECT' ? 0 : limits.bodyTimeout),
    writeTimeout: writeTimeout ?? limits.writeTimeout,
    maxResponseSize: maxResponseSize ?? limits.maxResponseSize,
  }
}

/** An exchange, as its attempt sees it. */
export interface AttemptedBy<A> extends Exchange {
  readonly request: ExchangeRequest
  readonly handler: ExchangeHandler
  readonly isPaused: boolean
  /** Is it told of on the diagnostics channels? */
  readonly observed: boolean
  /** The caller's source, which the next attempt sends again. */
  readonly source: UploadBody | null
  /** Calls the caller, in its own asynchronous context; what it throws ends the exchange. */
  tell<A extends unknown[], R>(step: (...args: A) => R, ...args: A): R | undefined
  /** Calls what is the caller's, in the same context. */
  runInAsyncScope<R>(step: () => R, self?: object): R
  /** The time at which the current wait runs out. */
  waitUntil(deadline: number): void
  begun(attempt: A): void
  /** The response has begun. */
  answered(): void
  /** A connection that was borrowed is not for this origin. @returns false when it cannot be sent again. */
  misdirected(): boolean
  /** The attempt has failed, through no doing of ours. */
  failAttempt(error: Error): void
  /** Ends it from our side, for good. */
  fail(error: Error): void
  /** It is over, and what is still to be told of that follows. @param error why, or null when the response is whole. */
  settle(error: Error | null): void
  /** Nobody reads the body any more. */
  release(error: Error | null): void
}

/** Whom the exchange belongs to: an origin of a pool; a push to its connection. */
export interface HomeOf<E> {
  readonly deadlines: Deadlines
  /** Is it told of on the diagnostics channels? */
  readonly observed: boolean
  /** May it be sent again? Without that, no attempt follows the first. */
  readonly retries: boolean
  /** Milliseconds to wait in line, for those that bring none. */
  readonly queueTimeout: number
  /** Puts it in line again, before those that came later; after `delay` milliseconds. */
  again(exchange: E, delay: number): void
  /** Sends it over HTTP/1.1 instead, if that is allowed; otherwise it ends with the error. */
  fallBack(exchange: E, error: Error): void
  /** The server does not speak for this origin on the connection that it lent: no more of it goes there. */
  misdirected(): void
  /** May one more be sent again, as far as others were? */
  mayRetry(): boolean
  /** One that was to be sent alone has an answer, or has settled. */
  cleared(exchange: E): void
  /** It waits no longer. */
  leave(exchange: E): void
  /** It has settled. */
  settled(exchange: E): void
}
