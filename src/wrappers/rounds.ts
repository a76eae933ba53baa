/**
 * One exchange for its caller that is made of several beneath: the response of one may lead to another request.
 *
 * Its phase: `waiting` for what has to be known before a request can go, `passing` on what comes, `dropping` a response that
 * leads to another request, and `over`. What is dropped is read, so that the connection can be used again, but only so much
 * (`MAX_DROPPED`): beyond that its exchange is ended.
 */
import { nextTick, performanceNow } from '../clock.ts'
import { AbortedError, TimeoutError, toError } from '../errors.ts'
import type { Exchange, ExchangeHandler, ExchangeRequest, ExchangeTimings, Transport } from '../exchange/contract.ts'
import type { FieldList } from '../headers/fields.ts'
import { MAX_DROPPED } from '../limits.ts'
import type { ConnectionInfo } from '../net/options.ts'

type Phase = 'waiting' | 'passing' | 'dropping' | 'over'

export abstract class Rounds implements Exchange, ExchangeHandler {
  protected readonly handler: ExchangeHandler
  private readonly inner: Transport
  private readonly created = performanceNow()
  private readonly timeout: number
  private phase: Phase = 'waiting'
  private current: Exchange | undefined
  private following: ExchangeRequest | undefined
  private dropped = 0
  private paused = false
  readonly onConnecting: ExchangeHandler['onConnecting']
  readonly onConnected: ExchangeHandler['onConnected']
  readonly onPush: ExchangeHandler['onPush']
  readonly onUpgraded: ExchangeHandler['onUpgraded']
  readonly onBodySent: ExchangeHandler['onBodySent']
  readonly onRequestSent: ExchangeHandler['onRequestSent']

  constructor(inner: Transport, request: ExchangeRequest, handler: ExchangeHandler) {
    this.inner = inner
    this.handler = handler
    this.timeout = request.timeout ?? 0
    // Handed on as they are: only what the handler has may be there.
    this.onConnecting = handler.onConnecting?.bind(handler)
    this.onConnected = handler.onConnected?.bind(handler)
    this.onPush = handler.onPush?.bind(handler)
    this.onUpgraded = handler.onUpgraded?.bind(handler)
    this.onBodySent = handler.onBodySent?.bind(handler)
    this.onRequestSent = handler.onRequestSent?.bind(handler)
  }

  /** What is to be sent in place of this response; undefined: the caller gets it. May throw what the exchange fails with. */
  protected abstract follow(status: number, headers: FieldList): ExchangeRequest | undefined

  get connection(): ConnectionInfo | undefined {
    return this.current?.connection
  }

  get streamId(): number | undefined {
    return this.current?.streamId
  }

  get timings(): ExchangeTimings {
    const { created } = this
    const { current } = this
    if (current === undefined) return { created, started: undefined, headers: undefined, end: undefined, attempts: 0 }
    return { ...current.timings, created }
  }

  /** Sends a request, the first or the next. */
  protected send(request: ExchangeRequest): void {
    if (this.phase === 'over') return
    this.phase = 'passing'
    const left = this.timeout - (performanceNow() - this.created)
    if (this.timeout > 0 && left <= 0) {
      this.fail(new TimeoutError('request', this.timeout, { origin: request.origin }))
      return
    }
    this.current = this.inner.dispatch(this.timeout > 0 ? { ...request, timeout: left } : request, this)
    if (this.paused) this.current.pause()
  }

  /** Ends it with an error of our own, which its caller hears after this has returned. */
  protected fail(thrown: unknown): void {
    if (this.phase === 'over') return
    this.phase = 'over'
    const error = toError(thrown)
    nextTick(() => this.handler.onError(error, true))
  }

  abort(reason?: unknown, code?: number): void {
    if (this.phase === 'waiting') this.fail(reason === undefined ? new AbortedError() : reason)
    if (this.phase === 'over') return
    // What was to follow does not.
    this.following = undefined
    this.phase = 'passing'
    this.current?.abort(reason, code)
  }

  pause(): void {
    this.paused = true
    // What is dropped is read in any case.
    if (this.phase === 'passing') this.current?.pause()
  }

  resume(): void {
    this.paused = false
    this.current?.resume()
  }

  onInformational(...given: Parameters<NonNullable<ExchangeHandler['onInformational']>>): void {
    this.handler.onInformational?.(...given)
  }

  onHeaders(...given: Parameters<ExchangeHandler['onHeaders']>): void {
    const [status, headers] = given
    const following = this.follow(status, headers)
    if (following === undefined) {
      this.handler.onHeaders(...given)
      return
    }
    this.following = following
    this.phase = 'dropping'
    this.dropped = 0
    this.current?.resume()
  }

  onData(chunk: Buffer): void {
    if (this.phase !== 'dropping') {
      this.handler.onData(chunk)
      return
    }
    this.dropped += chunk.length
    if (this.dropped > MAX_DROPPED) this.current?.abort()
  }

  onEnd(trailers: FieldList, rawTrailers?: FieldList): void {
    if (this.goesOn()) return
    this.phase = 'over'
    this.handler.onEnd(trailers, rawTrailers)
  }

  onError(error: Error, local?: boolean): void {
    // An error in a response that is dropped does not matter, unless the caller caused it (an abort).
    if (this.phase === 'dropping' && (local !== true || this.dropped > MAX_DROPPED) && this.goesOn()) return
    if (this.phase === 'over') return
    this.phase = 'over'
    this.handler.onError(error, local)
  }

  private goesOn(): boolean {
    const { following } = this
    if (this.phase !== 'dropping' || following === undefined) return false
    this.following = undefined
    this.send(following)
    return true
  }
}
