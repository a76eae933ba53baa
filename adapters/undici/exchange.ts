/**
 * One dispatched request: hears the exchange, and speaks to undici's handler; at the same time the controller that the
 * handler holds. One plain object a request, since this is on the path of each.
 *
 * Rules (undici's, as its own Request class keeps them)
 * - `onRequestStart` comes once, before anything is sent; when it aborts, nothing is sent.
 * - After onResponseEnd or onResponseError a handler hears nothing more; abort() then does nothing.
 * - What onResponseStart or onResponseData throws aborts the request with it; what onResponseEnd throws goes to onResponseError.
 *   So does what onRequestUpgrade throws, and the socket is destroyed. Nothing of it is made into an Error: a handler that
 *   throws something else hears that.
 * - pause() holds back data and the end, never headers.
 * - A request that ends in a socket ends with onRequestUpgrade; abort() after it destroys the socket.
 */

import { type Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { setImmediate } from '../../src/clock.ts'
import { toError } from '../../src/errors.ts'
import type { DataUse, Exchange, ExchangeHandler, ExchangeRequest } from '../../src/exchange/contract.ts'
import { isSource } from '../../src/exchange/source.ts'
import { UploadBody } from '../../src/exchange/upload.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { rethrowAsync } from '../../src/rethrow-async.ts'
import { fieldsToUndiciHeaders } from '../common/headers.ts'
import { ContinueGate, watchBody, withLength } from './body.ts'
import {
  type ObservedRequest,
  publishBodyChunkReceived,
  publishBodyChunkSent,
  publishBodySent,
  publishError,
  publishHeaders,
  publishSendHeaders,
  publishTrailers,
  wantsBodyChunks,
} from './diagnostics.ts'
import { toUndiciError } from './errors.ts'
import { errors } from './internals.ts'
import { toBuffers } from './raw-fields.ts'

/** The dispatcher's book of what is open: a doubly linked list, so that entering and leaving cost nothing. */
export interface Ledger {
  newest: Dispatched | undefined
  open: number
  settled(): void
  /** A request waits for room at this origin. */
  waits(origin: string): void
  /** It does so no longer. */
  found(origin: string): void
}

/** A handler's raw fields; without `undefined`, so that the types hold with exactOptionalPropertyTypes too. */
type RawFields = Exclude<Dispatcher.DispatchController['rawHeaders'], undefined>

/** What hears of a tunnel besides what an exchange tells: it was opened, and belongs to the caller. */
export interface TunnelHandler extends ExchangeHandler {
  onInformational(status: number, headers: FieldList, statusText: string): void
  onUpgraded(status: number, headers: FieldList, socket: Duplex): void
}

/** One request with a handler of the newer form. */
export class Dispatched implements TunnelHandler, Dispatcher.DispatchController {
  /** Heard only by those who need it. */
  onConnected: ((info: ConnectionInfo) => void) | undefined = undefined
  aborted = false
  paused = false
  older: Dispatched | undefined
  newer: Dispatched | undefined
  protected readonly handler: Dispatcher.DispatchHandler
  private readonly ledger: Ledger
  private readonly bytesWanted: boolean
  private exchange: Exchange | undefined
  /** For whoever listens to diagnostics. */
  private observed: ObservedRequest | undefined
  /** The request's body, when it is a stream. */
  private body: Readable | undefined
  /** The request's body waits for 100. */
  private gate: ContinueGate | undefined
  /** The origin at which it waits for room, while it does. */
  private waitsAt: string | undefined
  /** What the request ended in. */
  private socket: Duplex | undefined
  private abortedWith: Error | undefined
  private done = false
  private answered = false
  /** Whoever listens to diagnostics knows. */
  private headersSent = false
  private headerFields: FieldList | undefined
  private trailerFields: FieldList | undefined
  private headersRead: RawFields | undefined
  private trailersRead: RawFields | undefined

  /** @param bytesWanted give raw headers as Buffers, which handlers of the older form expect */
  constructor(handler: Dispatcher.DispatchHandler, ledger: Ledger, bytesWanted: boolean) {
    this.handler = handler
    this.ledger = ledger
    this.bytesWanted = bytesWanted
  }

  /** Tells the handler, and sends the request unless the handler aborts at once. */
  start<Request extends ExchangeRequest>(
    send: (request: Request, handler: Dispatched) => Exchange,
    request: Request,
    observed: ObservedRequest | undefined,
    expectContinue: boolean,
  ): void {
    this.enter()
    this.observed = observed
    const { body } = request
    if (body instanceof Readable) this.watch(body)
    if (body != null) {
      const tapped = this.handler.onBodySent !== undefined || (observed !== undefined && wantsBodyChunks())
      if (expectContinue) this.gate = new ContinueGate()
      const asTold = (error: Error): Error => toUndiciError(error, this.exchange?.connection)
      if (tapped || expectContinue) {
        const watched = watchBody(body, tapped ? this : undefined, this.gate, asTold)
        request = { ...request, headers: withLength(request), body: watched }
      } else if (isSource(body)) {
        request = { ...request, body: new UploadBody(body, { asTold }) }
      }
    }
    if (observed !== undefined || this.gate !== undefined) this.onConnected = this.tellConnected
    try {
      this.handler.onRequestStart?.(this, null)
    } catch (thrown) {
      this.abort(thrown as Error)
    }
    if (body instanceof Readable) this.checkBody(body)
    if (this.done) return
    try {
      this.exchange = send(request, this)
    } catch (error) {
      this.fail(toUndiciError(toError(error)))
      return
    }
    if (this.paused) this.exchange.pause()
  }

  /** Does it wait for a connection with room? Then the ledger hears when it does so no longer. */
  awaitRoom(origin: string): boolean {
    if (this.done || this.exchange === undefined || this.exchange.connection !== undefined) return false
    this.waitsAt = origin
    this.ledger.waits(origin)
    this.onConnected = this.tellConnected
    return true
  }

  // The controller: what the handler may do.

  /** What the handler gave to abort(). */
  get reason(): Error | null {
    return this.abortedWith ?? null
  }

  /** The fields as a flat list that belongs to the handler. */
  get rawHeaders(): RawFields {
    if (this.headersRead === undefined && this.headerFields !== undefined) {
      this.headersRead = this.bytesWanted ? toBuffers(this.headerFields) : this.headerFields.slice()
    }
    return this.headersRead ?? null
  }

  set rawHeaders(value: RawFields) {
    this.headersRead = value
  }

  get rawTrailers(): RawFields {
    if (this.trailersRead === undefined && this.trailerFields !== undefined) {
      this.trailersRead = this.bytesWanted ? toBuffers(this.trailerFields) : this.trailerFields.slice()
    }
    return this.trailersRead ?? null
  }

  set rawTrailers(value: RawFields) {
    this.trailersRead = value
  }

  pause(): void {
    this.paused = true
    this.exchange?.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.exchange?.resume()
  }

  abort(reason?: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.abortedWith = reason
    this.socket?.destroy()
    if (this.done) return
    const error = reason ?? new errors.RequestAbortedError()
    // The handler hears from here, at once and with the very reason given; what the exchange says of it is not passed on.
    this.exchange?.abort(error)
    this.fail(error)
  }

  // The exchange: what happens to the request.

  onInformational(status: number, headers: FieldList, statusText: string, raw?: FieldList): void {
    if (this.gate !== undefined && status === 100) {
      this.gate.open()
      return
    }
    this.head(status, headers, statusText, raw)
  }

  onHeaders(status: number, headers: FieldList, statusText: string, raw?: FieldList): void {
    // A server that takes the request without a word about its body wants it; one that refuses does not.
    if (status < 300) this.gate?.open()
    else this.gate?.hush()
    this.head(status, headers, statusText, raw)
  }

  /** The request has ended in a socket, which is the caller's from here on. */
  onUpgraded(status: number, headers: FieldList, socket: Duplex): void {
    if (this.done) {
      socket.destroy()
      return
    }
    this.socket = socket
    this.headerFields = headers
    if (this.observed !== undefined) publishHeaders(this.observed, status, headers, '')
    try {
      this.tellOnceStarted()
      if (!this.done) this.tellUpgrade(status, headers, socket)
    } catch (thrown) {
      socket.destroy()
      this.fail(thrown as Error)
    }
    // It may have been aborted for its status, and the handler has heard of that.
    if (this.done) return
    this.done = true
    this.leave()
    if (this.observed !== undefined) publishTrailers(this.observed, [])
  }

  /** Whether undici collects or streams it, nobody says; most read it whole. */
  get dataUse(): DataUse {
    return 'kept'
  }

  onData(chunk: Buffer): void {
    if (this.done) return
    if (this.observed !== undefined) publishBodyChunkReceived(this.observed, chunk)
    try {
      this.tellData(chunk)
    } catch (thrown) {
      this.abort(thrown as Error)
    }
  }

  onEnd(trailers: FieldList, raw: FieldList = trailers): void {
    if (this.done) return
    this.done = true
    this.leave()
    this.trailerFields = raw
    if (this.observed !== undefined) publishTrailers(this.observed, raw)
    try {
      this.tellEnd(trailers)
    } catch (thrown) {
      this.tellError(thrown as Error)
    }
  }

  onError(error: Error): void {
    if (this.aborted) return
    const failure = toUndiciError(error, this.exchange?.connection)
    // Node's fetch hears of a broken body only some microtasks after it heard the head.
    if (this.answered) setImmediate(() => this.fail(failure))
    else this.fail(failure)
  }

  /** A piece of the request body was taken. */
  onChunkSent(chunk: Buffer): void {
    if (this.done) return
    if (this.observed !== undefined) publishBodyChunkSent(this.observed, chunk)
    try {
      this.handler.onBodySent?.(chunk)
    } catch (thrown) {
      this.abort(thrown as Error)
    }
  }

  onRequestSent(): void {
    if (this.done) return
    if (this.observed !== undefined) {
      // The connection may be reported a tick later than a request that it sends at once.
      const info = this.exchange?.connection
      if (info !== undefined) this.publishHeadersSent(info)
      publishBodySent(this.observed)
    }
    try {
      this.handler.onRequestSent?.()
    } catch (thrown) {
      this.abort(thrown as Error)
    }
  }

  // What differs for handlers of the older form.

  protected tellStarted(): void {
    this.handler.onResponseStarted?.()
  }

  protected tellHead(status: number, headers: FieldList, statusText: string, _raw: FieldList): void {
    this.handler.onResponseStart?.(this, status, fieldsToUndiciHeaders(headers), statusText)
  }

  protected tellUpgrade(status: number, headers: FieldList, socket: Duplex): void {
    this.handler.onRequestUpgrade?.(this, status, fieldsToUndiciHeaders(headers), socket)
  }

  protected tellData(chunk: Buffer): void {
    this.handler.onResponseData?.(this, chunk)
  }

  protected tellEnd(trailers: FieldList): void {
    this.handler.onResponseEnd?.(this, fieldsToUndiciHeaders(trailers))
  }

  protected tellError(error: Error): void {
    this.handler.onResponseError?.(this, error)
  }

  private head(status: number, headers: FieldList, statusText: string, raw: FieldList = headers): void {
    if (this.done) return
    this.headerFields = raw
    this.headersRead = undefined
    if (this.observed !== undefined) publishHeaders(this.observed, status, raw, statusText)
    try {
      this.tellOnceStarted()
      // It may have been aborted there.
      if (!this.done) this.tellHead(status, headers, statusText, raw)
    } catch (thrown) {
      this.abort(thrown as Error)
    }
  }

  private tellOnceStarted(): void {
    if (this.answered) return
    this.answered = true
    this.tellStarted()
  }

  private fail(error: Error): void {
    if (this.done) return
    this.done = true
    this.leave()
    this.body?.destroy()
    if (this.observed !== undefined) publishError(this.observed, error)
    try {
      this.tellError(error)
    } catch (thrown) {
      rethrowAsync(thrown)
    }
  }

  /** A connection has taken it. */
  private tellConnected(info: ConnectionInfo): void {
    this.leaveLine()
    // Only HTTP/2 waits for 100.
    if (info.protocol !== 'h2') this.gate?.open()
    this.publishHeadersSent(info)
  }

  private publishHeadersSent(info: ConnectionInfo): void {
    if (this.observed === undefined || this.headersSent) return
    this.headersSent = true
    publishSendHeaders(this.observed, info)
  }

  private leaveLine(): void {
    const { waitsAt } = this
    if (waitsAt === undefined) return
    this.waitsAt = undefined
    this.ledger.found(waitsAt)
  }

  /** Hears of a stream's failure from the beginning: it may fail, or be gone, before anything of it is asked for. */
  private watch(body: Readable): void {
    this.body = body
    body.on('error', (error) => {
      if (!this.done) this.abort(error)
    })
    body.on('close', () => this.checkBody(body))
  }

  /** A stream that was destroyed for no reason takes back the request; after the answer, we are who destroys it. */
  private checkBody(body: Readable): void {
    if (!this.done && !this.answered && body.destroyed && !body.readableEnded && body.errored === null) this.abort()
  }

  private enter(): void {
    const { ledger } = this
    ledger.open++
    this.older = ledger.newest
    if (this.older !== undefined) this.older.newer = this
    ledger.newest = this
  }

  private leave(): void {
    const { ledger, older, newer } = this
    this.gate?.close()
    if (older !== undefined) older.newer = newer
    if (newer === undefined) ledger.newest = older
    else newer.older = older
    this.older = undefined
    this.newer = undefined
    ledger.open--
    // Who hears of it may dispatch at once: the book is in order by now.
    this.leaveLine()
    ledger.settled()
  }
}
