/**
 * `LiveExchange`: one request's life, from the caller's dispatch to its one settling, over whichever connections and protocols.
 *
 * The phases, and what leads from one to the next:
 *
 *   queued        dispatched, and no connection had room; or back in line after an attempt       -> carried, settled
 *   backing off   an attempt failed: it waits for the time of the next                           -> queued, quarantined, settled
 *   quarantined   two connections ended under it: it waits to be sent alone                      -> queued, settled
 *   carried       an attempt is under way (`attempt.ts` has its states)                          -> any of these
 *   settled       the handler has heard onEnd or onError, and hears nothing more
 *
 * Rules
 * - Every change of the phase goes through `enter()`; there is one `settle()`, one guard around what is called of the caller's
 *   (`tell()`: in the caller's own asynchronous context, and what it throws ends the exchange), and one set of times.
 * - What follows from a failure is a value (`verdict.ts`); it is carried out by `failAttempt()`.
 *
 * Hot path: one object an exchange, which is the caller's asynchronous context as well; plain mutable fields, no closures.
 */
import { AsyncResource } from 'node:async_hooks'
import { nextTick } from '../clock.ts'
import { channels } from '../diagnostics.ts'
import { abortReason, TimeoutError, toError } from '../errors.ts'
import { checkCode } from '../h2/arguments.ts'
import type { ConnectionInfo, ConnectTimings } from '../net/options.ts'
import { rethrowAsync } from '../rethrow-async.ts'
import { INSPECT, inspected, type Seen } from '../seen.ts'
import { now } from '../session/deadline.ts'
import { Attempt, type Attempted, type ExchangeCodec } from './attempt.ts'
import { lastingSource, type PreparedBody, prepareBody } from './body.ts'
import type { HomeOf } from './carrier.ts'
import type { ExchangeHandler, ExchangeRequest, ExchangeTimings } from './contract.ts'
import type { Waiting } from './deadlines.ts'
import { backoff } from './retry.ts'
import { isIdempotent } from './semantics.ts'
import type { UploadBody } from './upload.ts'
import { FAIL, FIRST_ATTEMPT, type Past, type Verdict, verdict } from './verdict.ts'

export type ExchangeHome = HomeOf<LiveExchange>

export type Phase = 'queued' | 'backing off' | 'quarantined' | 'carried' | 'settled'

export class LiveExchange extends AsyncResource implements Attempted, Waiting {
  /** Its neighbours in the line. */
  before: LiveExchange | null = null
  after: LiveExchange | null = null
  inLine = false
  /** Two connections ended under it: it is sent alone, so that it takes no others down. */
  suspect = false

  readonly request: ExchangeRequest
  handler: ExchangeHandler
  /** The caller's source, for the whole exchange. */
  readonly source: UploadBody | null
  /** The attempt under way, or the last one. */
  attempt: Attempt | null = null
  isPaused = false

  private home: ExchangeHome
  private phase: Phase = 'queued'
  /** dispatch() has not returned yet, so that nothing may be told; whatever the phase. */
  isDispatching = true
  /** Among those that have a deadline. */
  place = -1
  private attempts = 0
  /** What came of the attempts before this one. */
  private past: Past = FIRST_ATTEMPT
  private onAbort: (() => void) | null = null

  // Times that are not known yet are undefined: a number with a fraction costs room of its own, which those who wait do without.
  /** When the current wait runs out; Infinity: never. */
  private deadline = Number.POSITIVE_INFINITY
  /** When the whole exchange must be finished. */
  private finishBy: number | undefined
  private queuedAt: number | undefined
  private endAt: number | undefined

  constructor(home: ExchangeHome, request: ExchangeRequest, handler: ExchangeHandler) {
    super('HyperExchange', MANUAL)
    this.home = home
    this.request = request
    this.handler = handler
    const { timeout } = request
    this.source = lastingSource(request)
    home.deadlines.add(this)
    if (timeout !== undefined && timeout > 0 && timeout < Number.POSITIVE_INFINITY) {
      this.finishBy = now() + timeout
      home.deadlines.request(this.finishBy)
    }
  }

  // --- What the caller has of it.

  get connection(): ConnectionInfo | undefined {
    return this.attempt?.codec.info
  }

  get streamId(): number | undefined {
    return this.attempt?.stream?.id
  }

  get timings(): ExchangeTimings {
    const { attempt, attempts, endAt, queuedAt } = this
    const started = attempt?.startedAt
    return { created: queuedAt ?? started ?? 0, started, headers: attempt?.headersAt, end: endAt, attempts }
  }

  /** For logs: not the request's fields and options, and not the pool's, to which everything that holds an exchange leads. */
  toJSON(): object {
    const { phase, request, attempts, connection } = this
    return { origin: request.origin, method: request.method, path: request.path, phase, attempts, connection }
  }

  /** For logs. */
  [INSPECT](...given: Seen): string {
    return inspected(this, ...given)
  }

  abort(reason?: unknown, code?: number): void {
    if (code !== undefined) checkCode(code)
    if (!this.hasSettled || this.attempt?.state === 'half-closed') this.fail(abortReason(reason), code)
  }

  pause(): void {
    if (this.hasSettled) return
    this.isPaused = true
    if (this.phase === 'carried') this.attempt?.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    if (this.phase === 'carried') this.attempt?.resume()
  }

  // --- What its home has of it.

  /** The handler has heard its last. */
  get hasSettled(): boolean {
    return this.phase === 'settled'
  }

  /** It waits for a connection. */
  get isWaiting(): boolean {
    return this.phase !== 'carried' && this.phase !== 'settled'
  }

  get observed(): boolean {
    return this.home.observed
  }

  /** dispatch() has returned: from now on the handler may be told. */
  dispatched(): void {
    this.isDispatching = false
  }

  /** Follows the request's AbortSignal until it has settled. */
  follow(signal: AbortSignal): void {
    const onAbort = (): void => this.abort(signal.reason)
    this.onAbort = onAbort
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  }

  /** It belongs to another origin of the pool now. */
  moveTo(home: ExchangeHome): void {
    this.home.deadlines.delete(this)
    this.home = home
    home.deadlines.add(this)
  }

  /** It joins those who wait. One that was quarantined has waited all the time. */
  joinLine(phase: 'queued' | 'backing off' | 'quarantined'): void {
    const before = this.phase
    this.enter(phase)
    if (phase === 'backing off') {
      this.waitUntil(Number.POSITIVE_INFINITY)
      return
    }
    if (before === 'quarantined' && this.deadline !== Number.POSITIVE_INFINITY) return
    const at = now()
    this.queuedAt ??= at
    const timeout = this.queueTimeout
    this.waitUntil(timeout > 0 ? at + timeout : Number.POSITIVE_INFINITY)
  }

  tellConnecting(timings: Readonly<ConnectTimings>): void {
    const { onConnecting } = this.handler
    if (this.isWaiting && onConnecting !== undefined) this.tell(onConnecting, timings)
  }

  /** @returns the next deadline of it. */
  checkDeadline(at: number): number {
    const { finishBy = Number.POSITIVE_INFINITY } = this
    if (this.hasSettled) return Number.POSITIVE_INFINITY
    if (finishBy <= at) this.abort(new TimeoutError('request', this.request.timeout ?? 0, this.where))
    else if (this.deadline <= at) this.expire()
    return this.hasSettled ? Number.POSITIVE_INFINITY : Math.min(this.deadline, finishBy)
  }

  /** The one who was promised a push has said who hears it; when that is nobody, it is over. @returns is it still to come? */
  heardBy(handler: ExchangeHandler | null | undefined): boolean {
    if (this.hasSettled) return false
    if (handler !== null && handler !== undefined) this.handler = handler
    else this.settle(null)
    return !this.hasSettled
  }

  // --- An attempt begins.

  /**
   * The body for one attempt.
   * @throws what a function that makes it throws, or {InvalidArgumentError}: the request itself is at fault.
   */
  prepare(): PreparedBody {
    return prepareBody(this.source ?? this.request.body)
  }

  /** A body that a function made for an attempt that did not begin is let go of; what the caller gave is the caller's. */
  discard({ source }: PreparedBody): void {
    if (source !== this.source) source?.release(null)
  }

  /** The attempt that this codec is to begin: a new one, or the one that waits there. */
  attemptOn(codec: ExchangeCodec): Attempt {
    return this.phase === 'carried' && this.attempt !== null ? this.attempt : new Attempt(this, codec)
  }

  /** The attempt waits for room on its connection, and is begun when there is. */
  beginLater(codec: ExchangeCodec): Attempt {
    const attempt = new Attempt(this, codec)
    this.enter('carried')
    this.attempt = attempt
    attempt.wait(this.queueTimeout)
    return attempt
  }

  begun(attempt: Attempt): void {
    this.enter('carried')
    this.attempt = attempt
    this.attempts++
  }

  // --- What the attempt tells.

  answered(): void {
    if (this.suspect) this.home.cleared(this)
  }

  misdirected(): boolean {
    const { attempt, home } = this
    if (!this.isReplayable || attempt === null) return false
    this.detach()
    attempt.codec.cancel(attempt)
    home.misdirected()
    home.again(this, 0)
    return true
  }

  /** The attempt could not be begun, or has failed through no doing of ours: the verdict is carried out. */
  failAttempt(error: Error): void {
    const { attempt } = this
    if (this.isDispatching) {
      nextTick(() => {
        this.dispatched()
        if (this.phase === 'carried' && this.attempt === attempt) this.failAttempt(error)
      })
      return
    }
    const then = this.judge(error)
    if (then.kind === 'fail') {
      this.settle(error)
      this.tellError(error, false)
      return
    }
    this.detach()
    this.past = then.past
    if (channels.retry.hasSubscribers) channels.retry.publish({ exchange: this, request: this.request, error })
    // A subscriber may have aborted it.
    if (this.hasSettled) return
    if (then.kind === 'over HTTP/1.1') {
      this.home.fallBack(this, error)
      return
    }
    if (then.quarantined) this.suspect = true
    this.home.again(this, backoff(then.replay, Math.random()))
  }

  private judge(error: Error): Verdict {
    if (!this.home.retries) return FAIL
    const attempt = {
      answered: this.attempt?.state === 'body',
      replayable: this.isReplayable,
      idempotent: isIdempotent(this.request),
    }
    const then = verdict(error, attempt, this.past)
    // The budget protects servers from work: what is known to be unprocessed was none.
    return then.kind === 'again' && then.costs && !this.home.mayRetry() ? FAIL : then
  }

  /** The attempt is over, and the exchange is not. */
  private detach(): void {
    this.enter('queued')
    this.waitUntil(Number.POSITIVE_INFINITY)
    this.attempt?.end(null)
  }

  // --- Its end.

  /** Ends it from our side, for good: the peer is told, if it still matters to it. Not before dispatch() has returned. */
  fail(error: Error, code?: number): void {
    if (this.isDispatching) {
      nextTick(() => {
        this.dispatched()
        this.fail(error, code)
      })
      return
    }
    const { attempt, phase } = this
    if (phase === 'settled') {
      if (attempt?.state !== 'half-closed') return
      attempt.onError(null, error)
      attempt.codec.cancel(attempt, code)
      return
    }
    if (this.isWaiting) this.home.leave(this)
    this.settle(error)
    // The peer is told first: the handler may throw.
    if (phase === 'carried') attempt?.codec.cancel(attempt, code)
    this.tellError(error, true)
  }

  /** The one way to the end. @param error why, or null when the response is whole. */
  settle(error: Error | null): void {
    const { attempt, home } = this
    this.enter('settled')
    this.endAt = attempt?.codec.time ?? now()
    this.waitUntil(Number.POSITIVE_INFINITY)
    home.deadlines.delete(this)
    if (this.onAbort !== null) {
      this.request.signal?.removeEventListener('abort', this.onAbort)
      this.onAbort = null
    }
    if (attempt?.state !== 'half-closed') {
      attempt?.end(error)
      this.release(error)
    }
    if (this.suspect) home.cleared(this)
    home.settled(this)
  }

  release(error: Error | null): void {
    this.source?.release(error)
  }

  private tellError(error: Error, local: boolean): void {
    if (channels.error.hasSubscribers && this.observed) {
      channels.error.publish({ exchange: this, request: this.request, error })
    }
    this.tell(this.handler.onError, error, local)
  }

  // --- The small parts.

  /** Every change of the phase. */
  private enter(phase: Phase): void {
    this.phase = phase
  }

  /** Calls the caller, in its own asynchronous context. What it throws ends the exchange, or is surfaced when that has ended. */
  tell<A extends unknown[], R>(step: (...args: A) => R, ...args: A): R | undefined {
    try {
      return this.runInAsyncScope(step, this.handler, ...args)
    } catch (thrown) {
      if (this.hasSettled) rethrowAsync(thrown)
      else this.fail(toError(thrown))
      return undefined
    }
  }

  waitUntil(deadline: number): void {
    this.deadline = deadline
    if (deadline !== Number.POSITIVE_INFINITY) this.home.deadlines.request(deadline)
  }

  /** The current wait ran out. */
  private expire(): void {
    const { attempt } = this
    if (this.isWaiting || attempt === null || attempt.state === 'deferred') {
      this.fail(new TimeoutError('queue', this.queueTimeout, this.where))
    } else attempt.expire()
  }

  private get queueTimeout(): number {
    return this.request.queueTimeout ?? this.home.queueTimeout
  }

  private get isReplayable(): boolean {
    return this.source === null || this.source.replayable
  }

  private get where(): { origin: string } {
    return { origin: this.request.origin }
  }
}

const MANUAL = { requireManualDestroy: true }
