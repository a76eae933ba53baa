/**
 * One dispatched request: hears the exchange, and speaks to undici's handler; at the same time the controller that the
 * handler holds. One plain object a request, since this is on the path of each.
 *
 * Rules (undici's, as its own Request class keeps them)
 * - `onRequestStart` comes once, before anything is sent; when it aborts, nothing is sent.
 * - After onResponseEnd or onResponseError a handler hears nothing more; abort() then does nothing.
 * - What onResponseStart or onResponseData throws aborts the request with it; what onResponseEnd throws goes to onResponseError.
 * - pause() holds back data and the end, never headers.
 */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { toError } from '../../src/errors.ts'
import type { Exchange, ExchangeHandler, ExchangeRequest, FieldList } from '../../src/exchange.ts'
import { flattenFields } from '../../src/headers/fields.ts'
import { fieldsToUndiciHeaders } from '../shared.ts'
import { tapBody } from './body.ts'
import { toUndiciError } from './errors.ts'
import { errors } from './internals.ts'
import { toBuffers } from './raw-fields.ts'

/** A handler of the older form, as the fetch of Node 20 to 24 passes it. */
export interface LegacyHandler {
  onConnect?(abort: (reason?: Error) => void, context: object | null): void
  onResponseStarted?(): void
  onHeaders?(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean | undefined
  onData?(chunk: Buffer): boolean | undefined
  onComplete?(rawTrailers: Buffer[]): void
  onError?(error: Error): void
  onUpgrade?(status: number, rawHeaders: Buffer[] | null, socket: object): void
  onBodySent?(chunk: Uint8Array): void
  onRequestSent?(): void
}

/** The dispatcher's book of what is open: a doubly linked list, so that entering and leaving cost nothing. */
export interface Ledger {
  newest: Dispatched | undefined
  open: number
  settled(): void
}

/** A handler's raw fields; without `undefined`, so that the types hold with exactOptionalPropertyTypes too. */
type RawFields = Exclude<Dispatcher.DispatchController['rawHeaders'], undefined>

/** A body that is watched as it is sent is a stream to the transport: its length is said beforehand, when it is known. */
function withLength({ headers, body }: ExchangeRequest): ExchangeRequest['headers'] {
  let length: number | undefined
  if (typeof body === 'string') length = Buffer.byteLength(body)
  else if (body instanceof Uint8Array || body instanceof ArrayBuffer) length = body.byteLength
  else if (body instanceof Blob) length = body.size
  if (length === undefined) return headers
  const fields = flattenFields(headers)
  for (let i = 0; i < fields.length; i += 2) if (fields[i].toLowerCase() === 'content-length') return headers
  return [...fields, 'content-length', String(length)]
}

/** One request with a handler of the newer form. */
export class Dispatched implements ExchangeHandler, Dispatcher.DispatchController {
  aborted = false
  paused = false
  older: Dispatched | undefined
  newer: Dispatched | undefined
  protected readonly handler: Dispatcher.DispatchHandler
  private readonly ledger: Ledger
  private readonly bytesWanted: boolean
  private exchange: Exchange | undefined
  /** The request's body, when it is a stream. */
  private body: Readable | undefined
  private abortedWith: Error | undefined
  private done = false
  private answered = false
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
  start(send: (request: ExchangeRequest, handler: ExchangeHandler) => Exchange, request: ExchangeRequest): void {
    this.enter()
    if (request.body instanceof Readable) this.watch(request.body)
    if (this.handler.onBodySent !== undefined && request.body != null) {
      request = { ...request, headers: withLength(request), body: tapBody(request.body, this) }
    }
    try {
      this.handler.onRequestStart?.(this, null)
    } catch (error) {
      this.abort(toError(error))
    }
    if (this.done) return
    try {
      this.exchange = send(request, this)
    } catch (error) {
      this.fail(toUndiciError(toError(error)))
      return
    }
    if (this.paused) this.exchange.pause()
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
    if (this.done) return
    const error = reason ?? new errors.RequestAbortedError()
    // The handler hears from here, at once and with the very reason given; what the exchange says of it is not passed on.
    this.exchange?.abort(error)
    this.fail(error)
  }

  // The exchange: what happens to the request.

  onInformational(status: number, headers: FieldList, statusText: string): void {
    this.head(status, headers, statusText)
  }

  onHeaders(status: number, headers: FieldList, statusText: string): void {
    this.head(status, headers, statusText)
  }

  onData(chunk: Buffer): void {
    if (this.done) return
    try {
      this.tellData(chunk)
    } catch (error) {
      this.abort(toError(error))
    }
  }

  onEnd(trailers: FieldList): void {
    if (this.done) return
    this.done = true
    this.leave()
    this.trailerFields = trailers
    try {
      this.tellEnd(trailers)
    } catch (error) {
      this.tellError(toError(error))
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
    try {
      this.handler.onBodySent?.(chunk)
    } catch (error) {
      this.abort(toError(error))
    }
  }

  onRequestSent(): void {
    if (this.done) return
    try {
      this.handler.onRequestSent?.()
    } catch (error) {
      this.abort(toError(error))
    }
  }

  // What differs for handlers of the older form.

  protected tellStarted(): void {
    this.handler.onResponseStarted?.()
  }

  protected tellHead(status: number, headers: FieldList, statusText: string): void {
    this.handler.onResponseStart?.(this, status, fieldsToUndiciHeaders(headers), statusText)
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

  private head(status: number, headers: FieldList, statusText: string): void {
    if (this.done) return
    this.headerFields = headers
    this.headersRead = undefined
    try {
      if (!this.answered) {
        this.answered = true
        this.tellStarted()
      }
      this.tellHead(status, headers, statusText)
    } catch (error) {
      this.abort(toError(error))
    }
  }

  private fail(error: Error): void {
    if (this.done) return
    this.done = true
    this.leave()
    this.body?.destroy()
    try {
      this.tellError(error)
    } catch (thrown) {
      // Nobody is left to tell, and the connection must not suffer for it.
      process.nextTick(() => {
        throw thrown
      })
    }
  }

  /** Hears of a stream's failure from the beginning: it may fail before anything of it is asked for. */
  private watch(body: Readable): void {
    this.body = body
    body.on('error', (error) => {
      if (!this.done) this.abort(error)
    })
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
    if (older !== undefined) older.newer = newer
    if (newer === undefined) ledger.newest = older
    else newer.older = older
    this.older = undefined
    this.newer = undefined
    ledger.open--
    ledger.settled()
  }
}

/** One request with a handler of the older form. */
export class LegacyDispatched extends Dispatched {
  private readonly legacy: LegacyHandler
  private readonly resumeOnce = (): void => this.resume()

  constructor(handler: LegacyHandler, ledger: Ledger) {
    super(
      {
        onRequestStart: (controller, context) =>
          handler.onConnect?.((reason) => controller.abort(reason as Error), context),
        ...(handler.onBodySent ? { onBodySent: (chunk: Buffer) => handler.onBodySent?.(chunk) } : {}),
        onRequestSent: () => handler.onRequestSent?.(),
      },
      ledger,
      true,
    )
    this.legacy = handler
  }

  protected override tellStarted(): void {
    this.legacy.onResponseStarted?.()
  }

  protected override tellHead(status: number, headers: FieldList, statusText: string): void {
    if (this.legacy.onHeaders?.(status, toBuffers(headers), this.resumeOnce, statusText) !== false) return
    // Node's fetch answers 1xx with false and means nothing by it: it never resumes.
    if (status >= 200) this.pause()
  }

  protected override tellData(chunk: Buffer): void {
    if (this.legacy.onData?.(chunk) === false) this.pause()
  }

  protected override tellEnd(trailers: FieldList): void {
    this.legacy.onComplete?.(toBuffers(trailers))
  }

  protected override tellError(error: Error): void {
    if (this.legacy.onError === undefined) throw error
    this.legacy.onError(error)
  }
}
