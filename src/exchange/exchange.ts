/**
 * `LiveExchange`: one request's life, from the caller's dispatch to its one settling, over whichever connections and protocols.
 *
 * The phases, and what leads from one to the next:
 *
 *   queued        dispatched, and no connection had room; or back in line after an attempt       -> carried, settled
 *   backing off   an attempt failed: it waits for the time of the next                           -> queued, quarantined, settled
 *   quarantined   two connections ended under it: it waits to be sent alone                      -> queued, settled
 *   carried       an attempt is under way: `codec` and `stream` carry it                         -> any of the above, half-closed, settled
 *   half-closed   a tunnel (CONNECT) whose response has ended and whose other direction has not  -> settled
 *   settled       the handler has heard onEnd or onError, and hears nothing more
 *
 * Within an attempt two more words say how far it is: `answer` (what has come of the response) and `sending` (what is being sent).
 *
 * Rules
 * - Every change of the phase goes through `enter()`; there is one `settle()`, one guard around what is called of the caller's
 *   (`tell()`: in the caller's own asynchronous context, and what it throws ends the exchange), one buffer for what comes while
 *   paused, and one set of times.
 * - A codec tells of its attempt by the `on...` methods, which are those of a stream's listener. What it tells of an attempt
 *   that is over is dropped.
 * - What follows from a failure is a value (`verdict.ts`); it is carried out by `failAttempt()`.
 *
 * Hot path: one object an exchange, plain mutable fields, no closures.
 */
import { AsyncResource } from 'node:async_hooks'
import type { Duplex } from 'node:stream'
import { nextTick } from '../clock.ts'
import { channels } from '../diagnostics.ts'
import { abortReason, ResponseTooLargeError, TimeoutError, toError } from '../errors.ts'
import { checkCode } from '../h2/arguments.ts'
import type { H2Stream, StreamListener } from '../h2/index.ts'
import type { FieldList } from '../headers/fields.ts'
import { getField, NO_FIELDS } from '../headers/fields.ts'
import { serialiseTrailers } from '../headers/request.ts'
import type { RequestHead } from '../headers/section.ts'
import type { ConnectionInfo, ConnectTimings } from '../net/options.ts'
import { rethrowAsync } from '../rethrow-async.ts'
import { INSPECT, inspected, type Seen } from '../seen.ts'
import { now } from '../session/deadline.ts'
import { lastingSource, type PreparedBody, prepareBody } from './body.ts'
import { type AttemptLimits, type CodecOf, type HomeOf, limitsOf, UNLIMITED } from './carrier.ts'
import type { DataUse, Exchange, ExchangeHandler, ExchangeRequest, ExchangeTimings, PushPromise } from './contract.ts'
import type { Waiting } from './deadlines.ts'
import { backoff } from './retry.ts'
import { announcedLength, isIdempotent } from './semantics.ts'
import { Sending, type SendingOwner } from './sending.ts'
import type { UploadBody } from './upload.ts'
import { FAIL, FIRST_ATTEMPT, type Past, type Verdict, verdict } from './verdict.ts'
import { type Reading, Withheld } from './withheld.ts'

export type { AttemptLimits } from './carrier.ts'
export type ExchangeCodec = CodecOf<LiveExchange>
export type ExchangeHome = HomeOf<LiveExchange>

export type Phase = 'queued' | 'backing off' | 'quarantined' | 'carried' | 'half-closed' | 'settled'

/** How far the response is: nothing final has come; its body is coming; it is whole, and withheld until `resume()`. */
type Answer = 'awaited' | 'body' | 'whole'

/** 421 Misdirected Request (RFC 9110 section 15.5.20). */
const MISDIRECTED = 421

export class LiveExchange implements Exchange, StreamListener, SendingOwner, Reading, Waiting {
  /** Its neighbours in the line. */
  before: LiveExchange | null = null
  after: LiveExchange | null = null
  inLine = false
  /** Runs while it backs off. */
  backoffTimer: NodeJS.Timeout | null = null
  /** Two connections ended under it: it is sent alone, so that it takes no others down. */
  suspect = false

  readonly request: ExchangeRequest
  /** The attempt under way, or the last one: the codec that carries it, and its stream. */
  codec: ExchangeCodec | null = null
  stream: H2Stream | null = null

  private home: ExchangeHome
  private handler: ExchangeHandler
  /** Where the caller's own functions run. */
  private readonly context = new AsyncResource('HyperExchange', MANUAL)
  private phase: Phase = 'queued'
  /** dispatch() has not returned yet, so that nothing may be told; whatever the phase. */
  private dispatching = true
  private answer: Answer = 'awaited'
  /** The caller's source, for the whole exchange. */
  private readonly source: UploadBody | null
  /** What is being sent of a body that is read piece by piece, while it is. */
  private sending: Sending | null = null
  /** The request, body and all, was handed to the transport. */
  private sent = false
  /** Somebody hears when the end of this attempt's request is written: what watches may come twice. */
  private watched = false
  /** Of the request's own pseudo-header fields, for pushes alone. */
  private head: FieldList = NO_FIELDS
  private reused = false
  private borrowed = false
  /** The handler is still to be told of the connection. */
  private unannounced = false
  private paused = false
  /** What came while paused. */
  private withheld: Withheld | null = null
  private received = 0
  /** What holds for the attempt under way. */
  private limits: AttemptLimits = UNLIMITED

  // Times that are not known yet are undefined: a number with a fraction costs room of its own, which those who wait do without.
  /** When the current wait runs out; Infinity: never. */
  private waitUntil = Number.POSITIVE_INFINITY
  /** When the whole exchange must be finished. */
  private finishBy: number | undefined
  private queuedAt: number | undefined
  private startedAt: number | undefined
  private headersAt: number | undefined
  private endAt: number | undefined
  private attempts = 0
  /** What came of the attempts before this one. */
  private past: Past = FIRST_ATTEMPT
  private onAbort: (() => void) | null = null

  constructor(home: ExchangeHome, request: ExchangeRequest, handler: ExchangeHandler) {
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
    return this.codec?.info
  }

  get streamId(): number | undefined {
    return this.stream?.id
  }

  get timings(): ExchangeTimings {
    return {
      created: this.queuedAt ?? this.startedAt ?? 0,
      started: this.startedAt,
      headers: this.headersAt,
      end: this.hasSettled ? this.endAt : undefined,
      attempts: this.attempts,
    }
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
    if (this.phase !== 'settled') this.fail(abortReason(reason), code)
  }

  pause(): void {
    if (this.hasSettled) return
    this.paused = true
    if (this.phase !== 'carried') return
    // Only reading starts the body's clock again.
    if (this.answer !== 'awaited') this.stopClock()
    this.codec?.pause(this)
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    const { codec, withheld } = this
    if (this.phase !== 'carried' || codec === null) return
    if (withheld !== null) {
      if (withheld.handing) return
      withheld.handOn(this)
      if (!this.isReading) return
      if (this.answer === 'whole') {
        this.finish(withheld.trailers, withheld.rawTrailers)
        return
      }
    }
    if (this.answer === 'body') {
      codec.readClock()
      this.wait(this.limits.bodyTimeout)
    }
    codec.resume(this)
  }

  // --- What its home has of it.

  /** The handler has heard its last. */
  get hasSettled(): boolean {
    return this.phase === 'settled' || this.phase === 'half-closed'
  }

  /** It waits for a connection. */
  get isWaiting(): boolean {
    return this.phase !== 'carried' && !this.hasSettled
  }

  get isPaused(): boolean {
    return this.paused
  }

  get takesUpgrade(): boolean {
    return this.handler.onUpgraded !== undefined
  }

  get dataUse(): DataUse {
    return this.handler.dataUse ?? 'passed on'
  }

  get watchesConnecting(): boolean {
    return this.handler.onConnecting !== undefined
  }

  /** dispatch() has returned: from now on the handler may be told. */
  dispatched(): void {
    this.dispatching = false
  }

  get isDispatching(): boolean {
    return this.dispatching
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
      this.stopClock()
      return
    }
    if (before === 'quarantined' && this.waitUntil !== Number.POSITIVE_INFINITY) return
    const at = now()
    this.queuedAt ??= at
    const timeout = this.queueTimeout
    this.waitUntil = timeout > 0 ? at + timeout : Number.POSITIVE_INFINITY
    this.home.deadlines.request(this.waitUntil)
  }

  tellConnecting(timings: Readonly<ConnectTimings>): void {
    const { onConnecting } = this.handler
    if (this.isWaiting && onConnecting !== undefined) this.tell(onConnecting, timings)
  }

  /** @returns the next deadline of it. */
  checkDeadline(at: number): number {
    if (this.phase === 'settled') return Number.POSITIVE_INFINITY
    const { finishBy = Number.POSITIVE_INFINITY } = this
    if (finishBy <= at) this.abort(new TimeoutError('request', this.request.timeout ?? 0, this.where))
    else if (this.waitUntil <= at) this.expire()
    return this.hasSettled ? Number.POSITIVE_INFINITY : Math.min(this.waitUntil, finishBy)
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

  /**
   * A connection has taken it.
   * @param head its header section, for the pushes that it may promise.
   */
  begin(codec: ExchangeCodec, stream: H2Stream | null, head: FieldList): void {
    this.enter('carried')
    this.codec = codec
    this.stream = stream
    if (this.handler.onPush !== undefined) this.head = head
    this.attempts++
    this.startedAt = codec.time
    this.headersAt = undefined
    this.answer = 'awaited'
    this.sent = false
    this.watched = false
    this.received = 0
    this.limits = limitsOf(this.request, codec.limits)
  }

  /** The attempt waits for room on its connection, and is begun anew when there is. */
  beginLater(codec: ExchangeCodec): void {
    this.enter('carried')
    this.codec = codec
    this.stream = null
    this.startedAt = undefined
    this.wait(this.queueTimeout)
  }

  /** Its pool has given it to a connection: the handler is told so, at the latest before anything else. */
  started(reused: boolean, borrowed: boolean): void {
    this.borrowed = borrowed
    this.reused = reused
    if (this.paused) this.codec?.pause(this)
    if (channels.start.hasSubscribers) {
      channels.start.publish({ exchange: this, request: this.request, connection: this.connection, reused })
    }
    if (this.handler.onConnected === undefined || this.phase !== 'carried') return
    this.unannounced = true
    nextTick(announce, this)
  }

  /** Sends the body; what is wrong with it is told later. */
  send(body: PreparedBody, announced: number): void {
    const { codec } = this
    if (codec === null) return
    const { trailers, method } = this.request
    const hasTrailers = trailers !== null && trailers !== undefined
    if (body.source !== null) {
      const length = body.length === -1 ? announced : body.length
      const sending = new Sending(this, body.source, length, body.source === this.source)
      this.sending = sending
      this.waitForPeer()
      // After dispatch() has returned, as all that is told.
      nextTick(beginSending, this, sending)
      return
    }
    if (body.bytes !== null) codec.write(this, body.bytes)
    this.waitForPeer()
    // The function may throw or give what may not be sent, and the end of a tunnel that carries nothing is framed at once.
    if (hasTrailers || (method === 'CONNECT' && this.stream !== null)) nextTick(sendEnd, this, codec)
    else if (body.bytes !== null) codec.end(this, null)
    else {
      this.sent = true
      this.watchWriting()
      if (this.handler.onRequestSent !== undefined) nextTick(tellSent, this, codec)
    }
  }

  // --- What the codec tells of the attempt.

  onInformational(_stream: H2Stream | null, status: number, fields: FieldList, reason = '', raw?: FieldList): void {
    const { onInformational } = this.handler
    if (this.phase !== 'carried' || !this.announce() || onInformational === undefined) return
    this.tell(onInformational, status, fields, reason, raw)
  }

  onHeaders(
    _stream: H2Stream | null,
    status: number,
    fields: FieldList,
    reason = '',
    raw?: FieldList,
    version?: '1.0' | '1.1',
  ): void {
    const { codec } = this
    if (this.phase !== 'carried' || codec === null) return
    if (status === MISDIRECTED && this.borrowed && this.isReplayable) {
      this.detach()
      codec.cancel(this)
      this.home.misdirected()
      this.home.again(this, 0)
      return
    }
    if (!this.announce()) return
    this.answer = 'body'
    codec.answered()
    this.headersAt = codec.time
    if (this.suspect) this.home.cleared(this)
    if (this.paused) this.stopClock()
    else this.wait(this.limits.bodyTimeout)
    if (
      this.limits.maxResponseSize !== Number.POSITIVE_INFINITY &&
      this.exceeds(announcedLength(fields, this.request.method, status))
    )
      return
    if (channels.headers.hasSubscribers && this.home.observed) {
      channels.headers.publish({ exchange: this, request: this.request, status, headers: fields })
      // A subscriber may have aborted it.
      if (this.phase !== 'carried') return
    }
    this.tell(this.handler.onHeaders, status, fields, reason, raw, version)
  }

  onData(_stream: H2Stream | null, buffer: Buffer, start: number, end: number): void {
    if (this.phase !== 'carried') return
    this.received += end - start
    if (this.exceeds(this.received)) return
    const chunk = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end)
    if (this.paused) {
      this.withhold().pieces.push(chunk)
      return
    }
    this.wait(this.limits.bodyTimeout)
    this.deliver(chunk)
  }

  onEnd(_stream: H2Stream | null, trailers: FieldList, raw?: FieldList): void {
    if (this.phase !== 'carried') return
    if (!this.paused) {
      this.finish(trailers, raw)
      return
    }
    this.answer = 'whole'
    const withheld = this.withhold()
    withheld.trailers = trailers
    withheld.rawTrailers = raw
    // Nobody waits for the rest of the request.
    if (this.stream?.tunnel !== true) this.dropUpload()
  }

  /** The socket speaks another protocol from here on, and is the caller's. */
  onUpgraded(status: number, fields: FieldList, reason: string, raw: FieldList, socket: Duplex): void {
    const { onUpgraded } = this.handler
    if (this.phase !== 'carried' || !this.announce() || onUpgraded === undefined) {
      socket.destroy()
      return
    }
    this.settle('settled', null)
    this.tell(onUpgraded, status, fields, socket, reason, raw)
  }

  /** The attempt has failed, through no doing of ours. */
  onError(_stream: H2Stream | null, error: Error): void {
    if (this.phase === 'half-closed') {
      this.endUpload(error)
      this.enter('settled')
    } else if (this.phase === 'carried' && this.answer === 'whole') {
      // What was received whole before is whole, whatever happened to the connection since.
      this.dropUpload(error)
    } else if (this.phase === 'carried') {
      this.codec?.refused(error)
      this.failAttempt(error)
    }
  }

  /** So many octets of the body were handed to the transport. */
  onSent(_stream: H2Stream | null, octets: number): void {
    if (this.phase !== 'carried') return
    this.waitForPeer()
    const { onBodySent } = this.handler
    if (onBodySent !== undefined && this.announce()) this.tell(onBodySent, octets)
  }

  /** All of the request was handed to the transport. */
  onLocalEnd(_stream: H2Stream | null): void {
    if (this.phase === 'half-closed') {
      this.enter('settled')
      return
    }
    if (this.phase !== 'carried') return
    this.sent = true
    this.watchWriting()
    if (this.answer === 'awaited') this.wait(this.limits.headersTimeout)
    this.tellSent()
  }

  /** There is room for more of the body. */
  onDrain(_stream: H2Stream | null): void {
    this.waitForPeer()
    // The source is the caller's, too.
    if (this.sending !== null) this.context.runInAsyncScope(this.sending.resume, this.sending)
  }

  /**
   * The answer to a request that the server made up (RFC 9113 section 8.4). It must be of the origin that was asked.
   * @returns what hears the promised stream, or undefined when nobody wants it.
   */
  onPromise(stream: H2Stream, head: RequestHead, home: ExchangeHome): StreamListener | undefined {
    const { scheme, authority, method, path } = head
    const { codec } = this
    const { onPush } = this.handler
    if (this.phase !== 'carried' || codec === null || onPush === undefined) return undefined
    if (scheme === undefined || path === undefined || authority === undefined) return undefined
    if (scheme !== getField(this.head, ':scheme') || authority !== getField(this.head, ':authority')) return undefined
    if (!this.announce()) return undefined
    const push = new LiveExchange(home, this.request, NOBODY)
    push.begin(codec, stream, NO_FIELDS)
    push.dispatched()
    push.sent = true
    push.wait(this.limits.headersTimeout)
    const promise: PushPromise = { scheme, method, authority, path, headers: head.fields, exchange: push }
    const found = this.tell(onPush, promise)
    if (found !== null && found !== undefined && push.phase === 'carried') {
      push.handler = found
      return push
    }
    // The engine resets what nobody hears.
    if (push.phase === 'carried') push.settle('settled', null)
    return undefined
  }

  // --- What is handed to the reader, at once or later.

  get isReading(): boolean {
    return this.phase === 'carried' && !this.paused
  }

  deliver(chunk: Buffer): void {
    this.tell(this.handler.onData, chunk)
    if (this.phase === 'carried') this.codec?.consume(this, chunk.length)
  }

  // --- What the body tells.

  sendPiece(octets: Uint8Array): boolean {
    const { codec } = this
    if (codec === null || this.sending === null) return false
    const room = codec.write(this, octets)
    this.waitForPeer()
    return room
  }

  /** The body is sent: the trailers follow, if there are any. */
  sendEnd(): void {
    const { codec } = this
    this.sending = null
    if (codec === null || (this.phase !== 'carried' && this.phase !== 'half-closed') || this.answer === 'whole') return
    try {
      const { trailers, origin } = this.request
      const init = typeof trailers === 'function' ? this.context.runInAsyncScope(trailers) : trailers
      codec.end(this, init === null || init === undefined ? null : serialiseTrailers(init, origin))
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  // --- Its end.

  /** Ends it from our side, for good: the peer is told, if it still matters to it. Not before dispatch() has returned. */
  fail(error: Error, code?: number): void {
    if (this.dispatching) {
      nextTick(fail, this, error, code)
      return
    }
    const { phase, codec } = this
    if (phase === 'settled') return
    if (phase === 'half-closed') {
      this.enter('settled')
      this.endUpload(error)
      codec?.cancel(this, code)
      return
    }
    if (this.isWaiting) this.home.leave(this)
    this.settle('settled', error)
    // The peer is told first: the handler may throw.
    if (phase === 'carried') codec?.cancel(this, code)
    this.tellError(error, true)
  }

  /** The attempt could not be begun, or has failed through no doing of ours: the verdict is carried out. */
  private failAttempt(error: Error): void {
    if (this.dispatching) {
      nextTick(failAttempt, this, error)
      return
    }
    const then = this.judge(error)
    switch (then.kind) {
      case 'fail':
        this.settle('settled', error)
        this.tellError(error, false)
        return
      case 'over HTTP/1.1':
        this.detach()
        this.past = then.past
        if (this.tellRetry(error)) this.home.fallBack(this, error)
        return
      case 'again':
        this.detach()
        this.past = then.past
        if (then.quarantined) this.suspect = true
        if (this.tellRetry(error)) this.home.again(this, backoff(then.replay, Math.random()))
    }
  }

  private judge(error: Error): Verdict {
    if (!this.home.retries) return FAIL
    const attempt = {
      answered: this.answer !== 'awaited',
      replayable: this.isReplayable,
      idempotent: isIdempotent(this.request),
    }
    const then = verdict(error, attempt, this.past)
    // The budget protects servers from work: what is known to be unprocessed was none.
    return then.kind === 'again' && then.costs && !this.home.mayRetry() ? FAIL : then
  }

  /** The response is complete. */
  private finish(trailers: FieldList, raw: FieldList | undefined): void {
    const { stream } = this
    // The other direction of a tunnel goes on until its own end (RFC 9113 section 8.5).
    this.settle(stream?.tunnel === true && stream.localOpen ? 'half-closed' : 'settled', null)
    if (channels.end.hasSubscribers && this.home.observed) {
      channels.end.publish({ exchange: this, request: this.request, trailers })
    }
    this.tell(this.handler.onEnd, trailers, raw)
  }

  /** The one way to the end. @param error why, or null when the response is whole. */
  private settle(phase: 'settled' | 'half-closed', error: Error | null): void {
    const { home } = this
    this.enter(phase)
    this.endAt = this.codec?.time ?? now()
    this.withheld = null
    this.stopClock()
    home.deadlines.delete(this)
    if (this.onAbort !== null) {
      this.request.signal?.removeEventListener('abort', this.onAbort)
      this.onAbort = null
    }
    if (phase === 'settled') this.endUpload(error)
    if (this.suspect) home.cleared(this)
    home.settled(this)
  }

  private tellError(error: Error, local: boolean): void {
    if (channels.error.hasSubscribers && this.home.observed) {
      channels.error.publish({ exchange: this, request: this.request, error })
    }
    this.tell(this.handler.onError, error, local)
  }

  /** @returns false when a subscriber has aborted it. */
  private tellRetry(error: Error): boolean {
    if (channels.retry.hasSubscribers) channels.retry.publish({ exchange: this, request: this.request, error })
    return !this.hasSettled
  }

  /** The attempt is over, and the exchange is not. */
  private detach(): void {
    this.enter('queued')
    this.stopClock()
    this.dropUpload()
    this.withheld = null
    this.unannounced = false
  }

  // --- The small parts.

  /** Every change of the phase. */
  private enter(phase: Phase): void {
    this.phase = phase
  }

  /** Calls the caller, in its own asynchronous context. What it throws ends the exchange, or is surfaced when that has ended. */
  private tell<A extends unknown[], R>(step: (...args: A) => R, ...args: A): R | undefined {
    try {
      return this.context.runInAsyncScope(step, this.handler, ...args)
    } catch (thrown) {
      if (this.hasSettled) rethrowAsync(thrown)
      else this.fail(toError(thrown))
      return undefined
    }
  }

  /** Tells of the connection if that is still to be told: a peer may answer what it has not seen. @returns false when that ended it. */
  announce(): boolean {
    if (!this.unannounced) return this.phase === 'carried'
    this.unannounced = false
    const { connection } = this
    const { onConnected } = this.handler
    if (this.phase === 'carried' && connection !== undefined && onConnected !== undefined)
      this.tell(onConnected, connection, this.reused)
    return this.phase === 'carried'
  }

  /** The last octet of the request is framed: when it is in the socket is told to whoever watches. */
  watchWriting(): void {
    const { codec, stream } = this
    if (!channels.sent.hasSubscribers || !this.home.observed || this.watched || codec === null) return
    this.watched = true
    codec.whenWritten(() => {
      // A later attempt has a later end.
      if (this.phase !== 'carried' || this.codec !== codec || this.stream !== stream) return
      channels.sent.publish({ exchange: this, request: this.request, connection: codec.info })
    })
  }

  /** Tells that the request is on its way. */
  tellSent(): void {
    const { onRequestSent } = this.handler
    if (this.sent && onRequestSent !== undefined && this.announce()) this.tell(onRequestSent)
  }

  private withhold(): Withheld {
    this.withheld ??= new Withheld()
    return this.withheld
  }

  /** The current wait ran out. */
  private expire(): void {
    const { codec } = this
    if (this.phase !== 'carried' || codec === null || this.isDeferred) {
      this.fail(new TimeoutError('queue', this.queueTimeout, this.where))
    } else if (this.answer !== 'awaited') {
      this.fail(new TimeoutError('body', this.limits.bodyTimeout, this.where))
    } else if (!this.stalls) {
      this.fail(new TimeoutError('headers', this.limits.headersTimeout, this.where))
    } else if (codec.blocked) {
      codec.readClock()
      this.wait(this.limits.writeTimeout)
    } else {
      this.fail(new TimeoutError('write', this.limits.writeTimeout, this.where))
    }
  }

  /** It is with a connection, which has not begun it. */
  private get isDeferred(): boolean {
    return this.startedAt === undefined
  }

  /** Something of the request waits to be sent, and the peer has not answered. */
  private get stalls(): boolean {
    const { codec } = this
    return this.answer === 'awaited' && codec !== null && this.limits.writeTimeout > 0 && codec.unsent(this) > 0
  }

  /** The wait for the peer to take the rest of the request, or to answer it. */
  private waitForPeer(): void {
    if (this.answer !== 'awaited') return
    // While the caller has not given the rest of the body, nobody else is waited for. What is to go into a tunnel waits
    // for the answer itself.
    if (this.stalls) this.wait(this.limits.writeTimeout)
    else if (this.sending !== null && this.request.method !== 'CONNECT') this.stopClock()
    else this.wait(this.limits.headersTimeout)
  }

  private wait(timeout: number): void {
    const { codec } = this
    if (timeout <= 0 || codec === null) {
      this.waitUntil = Number.POSITIVE_INFINITY
      return
    }
    const until = codec.time + timeout
    this.waitUntil = until
    this.home.deadlines.request(until)
  }

  private stopClock(): void {
    this.waitUntil = Number.POSITIVE_INFINITY
  }

  private get queueTimeout(): number {
    return this.request.queueTimeout ?? this.home.queueTimeout
  }

  /** Does a response of so many octets exceed what is allowed? Then it is ended. */
  private exceeds(octets: number): boolean {
    if (octets <= this.limits.maxResponseSize) return false
    this.fail(new ResponseTooLargeError(this.limits.maxResponseSize, this.where))
    return true
  }

  /** Reads no more of the body for this attempt. */
  private dropUpload(error: Error | null = null): void {
    const { sending } = this
    this.sending = null
    sending?.stop(error)
  }

  /** Reads no more of the body at all. */
  private endUpload(error: Error | null): void {
    this.dropUpload(error)
    this.source?.release(error)
  }

  /** @internal */
  beginSending(sending: Sending): void {
    if (this.sending === sending) this.context.runInAsyncScope(sending.begin, sending)
  }

  private get isReplayable(): boolean {
    return this.source === null || this.source.replayable
  }

  private get where(): { origin: string } {
    return { origin: this.request.origin }
  }
}

const MANUAL = { requireManualDestroy: true }

/** The handler of a push until the one who was promised it has said who hears it. */
const NOBODY: ExchangeHandler = { onHeaders: ignore, onData: ignore, onEnd: ignore, onError: ignore }

function ignore(): void {
  // Nobody is told.
}

function announce(exchange: LiveExchange): void {
  exchange.announce()
}

function beginSending(exchange: LiveExchange, sending: Sending): void {
  exchange.beginSending(sending)
}

function sendEnd(exchange: LiveExchange, codec: ExchangeCodec): void {
  if (exchange.codec === codec) exchange.sendEnd()
}

function tellSent(exchange: LiveExchange, codec: ExchangeCodec): void {
  if (exchange.codec === codec) exchange.tellSent()
}

function fail(exchange: LiveExchange, error: Error, code: number | undefined): void {
  exchange.dispatched()
  exchange.fail(error, code)
}

function failAttempt(exchange: LiveExchange, error: Error): void {
  exchange.dispatched()
  exchange.onError(null, error)
}
