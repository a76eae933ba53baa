/**
 * One exchange as the pool sees it: from the caller's dispatch to its one settling, through waiting, one connection
 * and, when nothing was lost by it, another.
 *
 * Hot path: one object an exchange; the optional callbacks are plain functions shared by all.
 */

import { now } from '../connection/deadline.ts'
import { channels } from '../diagnostics.ts'
import {
  abortReason,
  ConnectError,
  ConnectionLostError,
  GoawayError,
  HyperError,
  StreamResetError,
  TimeoutError,
  toError,
} from '../errors.ts'
import type {
  ConnectionInfo,
  ConnectTimings,
  Exchange,
  ExchangeHandler,
  ExchangeRequest,
  ExchangeTimings,
  FieldList,
  PushPromise,
} from '../exchange.ts'
import { ErrorCode } from '../frame/codes.ts'
import { MAX_LOST_REPLAYS, MAX_REPLAYS } from '../limits.ts'
import { surface } from '../surface.ts'
import { isSource, ReplayableSource, withReplay } from './replay.ts'
import { backoff } from './retry.ts'
import type { Waiter } from './waiting.ts'

/** What an exchange needs of the origin it belongs to. */
export interface ExchangeHome {
  /** Puts it in line again, before those that came later; after `delay` milliseconds. */
  again(exchange: PoolExchange, delay: number): void
  /** Sends it over HTTP/1.1 instead, if that is allowed; otherwise it ends with the error. */
  fallBack(exchange: PoolExchange, error: Error): void
  /** The server does not speak for this origin on the connection that it lent: no more of it goes there. */
  misdirected(): void
  /** May it be sent again, as far as others were? */
  mayRetry(): boolean
  /** One that was to be sent alone has an answer, or has settled. */
  cleared(exchange: PoolExchange): void
  /** It waits no longer. */
  leave(exchange: PoolExchange): void
  /** It has settled. */
  settled(exchange: PoolExchange): void
}

/** 421 Misdirected Request (RFC 9110 section 15.5.20). */
const MISDIRECTED = 421

export class PoolExchange implements Exchange, ExchangeHandler, Waiter {
  before: Waiter | null = null
  after: Waiter | null = null
  inLine = false
  /** Waits for its time to be sent again. */
  backingOff: NodeJS.Timeout | null = null
  /** When the whole exchange must be finished, and when it must have a connection. */
  deadline = Number.POSITIVE_INFINITY
  queueUntil = Number.POSITIVE_INFINITY
  /** When it joined the line for the first time; 0: it never waited. */
  queuedAt = 0

  readonly request: ExchangeRequest
  readonly onBodySent: ((octets: number) => void) | undefined
  readonly onRequestSent: (() => void) | undefined
  readonly onInformational: ((status: number, fields: FieldList, statusText: string) => void) | undefined
  readonly onPush: ((promise: PushPromise) => ExchangeHandler | null | undefined) | undefined
  private readonly handler: ExchangeHandler
  private home: ExchangeHome
  private inner: Exchange | null = null
  /** The attempt that has ended, for its times. */
  private last: Exchange | null = null
  private attempts = 0
  /** Attempts that count: those that a server ended in peace do not. */
  private failures = 0
  /** Connections that ended, for a reason or none, while it was on them. */
  private losses = 0
  /** Two connections ended under it: what is sent with it would suffer from a third. */
  alone = false
  private fellBack = false
  private borrowed = false
  private isSettled = false
  /** dispatch() has not returned yet. */
  dispatching = true
  private paused = false
  private headersSeen = false
  /** The handler has not heard yet of the connection that has taken it, which was used before or not. */
  private untold = false
  private reused = false
  /** An attempt is being given up; what it says of that is not for the caller. */
  private discarding = false
  private onAbort: (() => void) | null = null

  constructor(home: ExchangeHome, request: ExchangeRequest, handler: ExchangeHandler) {
    this.home = home
    this.request = withReplay(request)
    this.handler = handler
    this.onBodySent = handler.onBodySent === undefined ? undefined : forwardBodySent
    this.onRequestSent = handler.onRequestSent === undefined ? undefined : forwardRequestSent
    this.onInformational = handler.onInformational === undefined ? undefined : forwardInformational
    this.onPush = handler.onPush === undefined ? undefined : forwardPush
  }

  get connection(): ConnectionInfo | undefined {
    return (this.inner ?? this.last)?.connection
  }

  get streamId(): number | undefined {
    return (this.inner ?? this.last)?.streamId
  }

  get timings(): ExchangeTimings {
    const times = (this.inner ?? this.last)?.timings
    return {
      created: this.queuedAt === 0 ? (times?.created ?? 0) : this.queuedAt,
      started: times?.started,
      headers: times?.headers,
      end: this.isSettled ? (times?.end ?? now()) : undefined,
      attempts: this.attempts,
    }
  }

  get hasSettled(): boolean {
    return this.isSettled
  }

  /** Follows an AbortSignal until the exchange has settled. */
  follow(signal: AbortSignal): void {
    const onAbort = (): void => this.abort(signal.reason)
    this.onAbort = onAbort
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  }

  /** It belongs to another origin pool now. */
  moveTo(home: ExchangeHome): void {
    this.home = home
  }

  /**
   * A connection has taken it.
   * @param borrowed the connection is another origin's.
   */
  started(inner: Exchange, reused: boolean, borrowed: boolean): void {
    if (this.isSettled) {
      // Aborted by what made its body.
      inner.abort()
      return
    }
    this.inner = inner
    this.borrowed = borrowed
    this.attempts++
    if (this.paused) inner.pause()
    if (channels.start.hasSubscribers) {
      channels.start.publish({ exchange: this, request: this.request, connection: inner.connection, reused })
    }
    if (this.handler.onConnected === undefined) return
    this.untold = true
    this.reused = reused
    process.nextTick(tellConnected, this, inner)
  }

  get watchesConnecting(): boolean {
    return this.handler.onConnecting !== undefined
  }

  tellConnecting(timings: Readonly<ConnectTimings>): void {
    if (this.isSettled || this.inner !== null) return
    try {
      this.handler.onConnecting?.(timings)
    } catch (thrown) {
      this.abort(toError(thrown))
    }
  }

  /** At the latest before anything else is told: a peer may answer what it has not seen. */
  tellConnected(inner: Exchange | null): void {
    if (!this.untold || this.isSettled || inner === null || this.inner !== inner) return
    this.untold = false
    if (inner.connection === undefined) return
    try {
      this.handler.onConnected?.(inner.connection, this.reused)
    } catch (thrown) {
      this.abort(toError(thrown))
    }
  }

  /** @internal */
  announce(): void {
    if (this.untold) this.tellConnected(this.inner)
  }

  abort(reason?: unknown, code?: number): void {
    if (this.isSettled) {
      // The other direction of a tunnel may be open still.
      if (this.request.method === 'CONNECT') this.inner?.abort(reason, code)
      return
    }
    if (this.dispatching) {
      process.nextTick(abort, this, reason, code)
      return
    }
    const error = abortReason(reason)
    const { inner } = this
    this.home.leave(this)
    this.settle()
    // The peer is told first: the handler may throw.
    inner?.abort(error, code)
    this.tell(error)
  }

  pause(): void {
    this.paused = true
    this.inner?.pause()
  }

  resume(): void {
    this.paused = false
    this.inner?.resume()
  }

  onHeaders(status: number, fields: FieldList, statusText: string): void {
    if (this.isSettled) return
    if (status === MISDIRECTED && this.borrowed && isReplayable(this.request)) {
      this.discard()
      this.home.misdirected()
      this.home.again(this, 0)
      return
    }
    this.announce()
    if (this.isSettled) return
    this.headersSeen = true
    if (this.alone) this.home.cleared(this)
    if (channels.headers.hasSubscribers) {
      channels.headers.publish({ exchange: this, request: this.request, status, headers: fields })
      // A subscriber may have aborted it.
      if (this.isSettled) return
    }
    this.handler.onHeaders(status, fields, statusText)
  }

  onData(chunk: Buffer): void {
    if (!this.isSettled) this.handler.onData(chunk)
  }

  onEnd(trailers: FieldList): void {
    if (this.isSettled) return
    this.settle()
    if (channels.end.hasSubscribers) channels.end.publish({ exchange: this, request: this.request, trailers })
    try {
      this.handler.onEnd(trailers)
    } catch (thrown) {
      surface(thrown)
    }
  }

  onError(error: Error, local = false): void {
    if (this.isSettled || this.discarding) return
    this.last = this.inner
    this.inner = null
    if (local || this.headersSeen || !isReplayable(this.request)) {
      this.fail(error)
    } else if (!this.fellBack && asksForHttp1(error, this.request)) {
      this.fellBack = true
      if (this.tellRetry(error)) this.home.fallBack(this, error)
    } else if (this.maySendAgain(error)) {
      if (this.tellRetry(error)) this.home.again(this, backoff(this.failures, Math.random()))
    } else {
      this.fail(error)
    }
  }

  /** Ends it with an error; not before dispatch() has returned. */
  fail(error: Error): void {
    if (this.isSettled) return
    if (this.dispatching) {
      process.nextTick(fail, this, error)
      return
    }
    this.home.leave(this)
    this.settle()
    this.tell(error)
  }

  private tell(error: Error): void {
    if (channels.error.hasSubscribers) channels.error.publish({ exchange: this, request: this.request, error })
    try {
      this.handler.onError(error)
    } catch (thrown) {
      surface(thrown)
    }
  }

  /** @returns false when a subscriber has aborted it. */
  private tellRetry(error: Error): boolean {
    if (channels.retry.hasSubscribers) channels.retry.publish({ exchange: this, request: this.request, error })
    return !this.isSettled
  }

  /** The time for the whole of it ran out. */
  expire(): void {
    this.abort(new TimeoutError('request', this.request.timeout ?? 0, { origin: this.request.origin }))
  }

  /** Gives up the attempt under way, without a word to the caller. */
  private discard(): void {
    const { inner } = this
    this.discarding = true
    inner?.abort()
    this.discarding = false
    this.last = inner
    this.inner = null
  }

  /** Is anything known to be lost if it is sent again? RFC 9110 section 9.2.2, RFC 9113 section 8.7. */
  private maySendAgain(error: Error): boolean {
    // A connection that never came to be was tried for all who waited for it.
    if (!(error instanceof HyperError) || error instanceof ConnectError) return false
    // A server that goes in peace after it took some streams has made progress: however often, it is no refusal.
    if (error instanceof GoawayError && error.http2ErrorCode === 0 && error.lastStreamId > 0) return true
    if (++this.failures > MAX_REPLAYS || !this.maySurvive(error)) return false
    const safe = error.retryable || (endsConnection(error) && isIdempotent(this.request))
    return safe && this.home.mayRetry()
  }

  /** A connection that ended under many may have ended for one of them: the second time each is sent again alone. */
  private maySurvive(error: HyperError): boolean {
    if (!endsConnection(error)) return true
    if (++this.losses > MAX_LOST_REPLAYS) return false
    this.alone = this.losses === MAX_LOST_REPLAYS
    return true
  }

  private settle(): void {
    this.isSettled = true
    if (this.onAbort !== null) {
      this.request.signal?.removeEventListener('abort', this.onAbort)
      this.onAbort = null
    }
    const { body } = this.request
    if (body instanceof ReplayableSource) body.close(abortReason(undefined))
    if (this.alone) this.home.cleared(this)
    this.home.settled(this)
  }

  /** @internal */
  get target(): ExchangeHandler {
    return this.handler
  }
}

/** The whole connection has ended, and not in peace. */
function endsConnection(error: HyperError): boolean {
  return error instanceof ConnectionLostError || error instanceof GoawayError
}

/** The server wants HTTP/1.1 for it (RFC 9113 section 7); of a connection that ended so, only what it did not take. */
function asksForHttp1(error: Error, request: ExchangeRequest): boolean {
  if (error instanceof StreamResetError) return error.http2ErrorCode === ErrorCode.HTTP_1_1_REQUIRED
  if (!(error instanceof GoawayError) || error.http2ErrorCode !== ErrorCode.HTTP_1_1_REQUIRED) return false
  return error.retryable || isIdempotent(request)
}

/** A body that is there whole, can be made anew, or of which all that was read is kept. */
function isReplayable({ body }: ExchangeRequest): boolean {
  return body instanceof ReplayableSource ? body.replayable : !isSource(body)
}

function isIdempotent(request: ExchangeRequest): boolean {
  if (request.idempotent !== undefined) return request.idempotent
  switch (request.method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'TRACE':
    case 'PUT':
    case 'DELETE':
    case 'QUERY':
      return true
    default:
      return false
  }
}

function abort(exchange: PoolExchange, reason: unknown, code: number | undefined): void {
  exchange.dispatching = false
  exchange.abort(reason, code)
}

function fail(exchange: PoolExchange, error: Error): void {
  exchange.dispatching = false
  exchange.fail(error)
}

function forwardBodySent(this: PoolExchange, octets: number): void {
  this.target.onBodySent?.(octets)
}

function forwardRequestSent(this: PoolExchange): void {
  this.target.onRequestSent?.()
}

function forwardInformational(this: PoolExchange, status: number, fields: FieldList, statusText: string): void {
  this.announce()
  if (!this.hasSettled) this.target.onInformational?.(status, fields, statusText)
}

function forwardPush(this: PoolExchange, promise: PushPromise): ExchangeHandler | null | undefined {
  this.announce()
  return this.hasSettled ? undefined : this.target.onPush?.(promise)
}

function tellConnected(exchange: PoolExchange, inner: Exchange): void {
  exchange.tellConnected(inner)
}
