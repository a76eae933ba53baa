/**
 * One exchange as the pool sees it: from the caller's dispatch to its one settling, through waiting, one connection
 * and, when nothing was lost by it, another.
 *
 * Hot path: one object an exchange; the optional callbacks are plain functions shared by all.
 */
import { abortReason, ConnectionLostError, GoawayError, HyperError, TimeoutError, toError } from '../errors.ts'
import type { ConnectionInfo, Exchange, ExchangeHandler, ExchangeRequest, FieldList } from '../exchange.ts'
import { MAX_LOST_REPLAYS, MAX_REPLAYS } from '../limits.ts'
import { ReplayableSource, withReplay } from './replay.ts'
import type { Waiter } from './waiting.ts'

/** What an exchange needs of the origin it belongs to. */
export interface ExchangeHome {
  /** Puts it in line again, before those that came later. */
  again(exchange: PoolExchange): void
  /** It waits no longer. */
  leave(exchange: PoolExchange): void
  /** It has settled. */
  settled(exchange: PoolExchange): void
}

export class PoolExchange implements Exchange, ExchangeHandler, Waiter {
  before: Waiter | null = null
  after: Waiter | null = null
  inLine = false
  /** When the whole exchange must be finished. */
  deadline = Number.POSITIVE_INFINITY

  readonly request: ExchangeRequest
  readonly onBodySent: ((octets: number) => void) | undefined
  readonly onRequestSent: (() => void) | undefined
  readonly onInformational: ((status: number, fields: FieldList, statusText: string) => void) | undefined
  private readonly handler: ExchangeHandler
  private readonly home: ExchangeHome
  private inner: Exchange | null = null
  private attempts = 0
  private losses = 0
  private isSettled = false
  /** dispatch() has not returned yet. */
  dispatching = true
  private paused = false
  private headersSeen = false
  private onAbort: (() => void) | null = null

  constructor(home: ExchangeHome, request: ExchangeRequest, handler: ExchangeHandler) {
    this.home = home
    this.request = withReplay(request)
    this.handler = handler
    this.onBodySent = handler.onBodySent === undefined ? undefined : forwardBodySent
    this.onRequestSent = handler.onRequestSent === undefined ? undefined : forwardRequestSent
    this.onInformational = handler.onInformational === undefined ? undefined : forwardInformational
  }

  get connection(): ConnectionInfo | undefined {
    return this.inner?.connection
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

  /** A connection has taken it. */
  started(inner: Exchange, reused: boolean): void {
    if (this.isSettled) {
      // Aborted by what made its body.
      inner.abort()
      return
    }
    this.inner = inner
    this.attempts++
    if (this.paused) inner.pause()
    if (this.handler.onConnected !== undefined) process.nextTick(tellConnected, this, inner, reused)
  }

  tellConnected(inner: Exchange, reused: boolean): void {
    if (this.isSettled || this.inner !== inner || inner.connection === undefined) return
    try {
      this.handler.onConnected?.(inner.connection, reused)
    } catch (thrown) {
      this.abort(toError(thrown))
    }
  }

  abort(reason?: unknown): void {
    if (this.isSettled) return
    if (this.dispatching) {
      process.nextTick(abort, this, reason)
      return
    }
    const error = abortReason(reason)
    const { inner } = this
    this.home.leave(this)
    this.settle()
    // The peer is told first: the handler may throw.
    inner?.abort(error)
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
    this.headersSeen = true
    this.handler.onHeaders(status, fields, statusText)
  }

  onData(chunk: Buffer): void {
    if (!this.isSettled) this.handler.onData(chunk)
  }

  onEnd(trailers: FieldList): void {
    if (this.isSettled) return
    this.settle()
    try {
      this.handler.onEnd(trailers)
    } catch (thrown) {
      surface(thrown)
    }
  }

  onError(error: Error, local = false): void {
    if (this.isSettled) return
    this.inner = null
    if (!local && this.maySendAgain(error)) this.home.again(this)
    else this.fail(error)
  }

  /** Ends it with an error. */
  fail(error: Error): void {
    if (this.isSettled) return
    this.home.leave(this)
    this.settle()
    this.tell(error)
  }

  private tell(error: Error): void {
    try {
      this.handler.onError(error)
    } catch (thrown) {
      surface(thrown)
    }
  }

  /** The time for the whole of it ran out. */
  expire(): void {
    this.abort(new TimeoutError('request', this.request.timeout ?? 0, { origin: this.request.origin }))
  }

  /** Is anything known to be lost if it is sent again? RFC 9110 section 9.2.2, RFC 9113 section 8.7. */
  private maySendAgain(error: Error): boolean {
    if (this.headersSeen || !(error instanceof HyperError)) return false
    // A server that goes in peace after it took some streams has made progress: however often, it is no refusal.
    if (error instanceof GoawayError && error.http2ErrorCode === 0 && error.lastStreamId > 0) this.attempts--
    if (this.attempts > MAX_REPLAYS) return false
    if (!isReplayable(this.request)) return false
    if (error.retryable) return true
    return error instanceof ConnectionLostError && isIdempotent(this.request) && ++this.losses <= MAX_LOST_REPLAYS
  }

  private settle(): void {
    this.isSettled = true
    if (this.onAbort !== null) {
      this.request.signal?.removeEventListener('abort', this.onAbort)
      this.onAbort = null
    }
    const { body } = this.request
    if (body instanceof ReplayableSource) body.close(abortReason(undefined))
    this.home.settled(this)
  }

  /** @internal */
  get target(): ExchangeHandler {
    return this.handler
  }
}

/** A body that is there whole, can be made anew, or of which all that was read is kept. */
function isReplayable({ body }: ExchangeRequest): boolean {
  return !(body instanceof ReplayableSource) || body.replayable
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

/** A callback that is told the end must not throw. What it threw is its owner's to see, outside of our data path. */
function surface(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown
  })
}

function abort(exchange: PoolExchange, reason: unknown): void {
  exchange.dispatching = false
  exchange.abort(reason)
}

function forwardBodySent(this: PoolExchange, octets: number): void {
  this.target.onBodySent?.(octets)
}

function forwardRequestSent(this: PoolExchange): void {
  this.target.onRequestSent?.()
}

function forwardInformational(this: PoolExchange, status: number, fields: FieldList, statusText: string): void {
  this.target.onInformational?.(status, fields, statusText)
}

function tellConnected(exchange: PoolExchange, inner: Exchange, reused: boolean): void {
  exchange.tellConnected(inner, reused)
}
