/** One exchange on an HTTP/1.1 connection: between undici's handler and ours. It settles exactly once. */
import type { Client, Dispatcher } from 'undici'
import {
  abortReason,
  ContentLengthError,
  HeadersTooLargeError,
  HyperError,
  InvalidArgumentError,
  NotSupportedError,
  ProtocolError,
  ResponseTooLargeError,
  systemCodeOf,
  TimeoutError,
  toError,
} from '../errors.ts'
import type {
  BodyChunk,
  ConnectionInfo,
  Exchange,
  ExchangeHandler,
  ExchangeRequest,
  ExchangeTimings,
  FieldList,
} from '../exchange.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { MAX_INFORMATIONAL, MAX_INFORMATIONAL_OCTETS } from '../limits.ts'
import { discardSource, type PreparedBody } from './body.ts'
import { now } from './deadline.ts'
import type { Http1Connection } from './http1.ts'

export class Http1Exchange implements Exchange, Dispatcher.DispatchHandler {
  readonly connection: ConnectionInfo
  private readonly owner: Http1Connection
  private readonly request: ExchangeRequest
  private readonly handler: ExchangeHandler
  private readonly headersTimeout: number
  private readonly bodyTimeout: number
  private readonly writeTimeout: number
  /** The request, body and all, is with the socket: now the server is waited for. */
  private sent = false
  /** The caller's body was asked for its next piece. */
  private pulling = false
  private readonly maxSize: number
  /** When the current wait runs out; Infinity when it may last. */
  deadline = Number.POSITIVE_INFINITY
  private headersSeen = false
  private readonly startedAt = now()
  private headersAt = 0
  private endAt = 0
  /** What is read of the body that was made for this attempt. */
  private source: PreparedBody['source'] = null
  private controller: Dispatcher.DispatchController | null = null
  private paused = false
  private settled = false
  private received = 0
  private informationals = 0
  private informationalOctets = 0
  /** What came while paused: undici may hand on what it has parsed already. */
  private held: Buffer[] = []
  private heldEnd: FieldList | null = null

  constructor(
    owner: Http1Connection,
    request: ExchangeRequest,
    handler: ExchangeHandler,
    headersTimeout: number,
    bodyTimeout: number,
    writeTimeout: number,
    maxSize: number,
  ) {
    this.owner = owner
    this.connection = owner.info
    this.request = request
    this.handler = handler
    this.headersTimeout = headersTimeout
    this.bodyTimeout = bodyTimeout
    this.writeTimeout = writeTimeout
    this.maxSize = maxSize
    this.restart(writeTimeout)
  }

  get timings(): ExchangeTimings {
    return {
      created: this.startedAt,
      started: this.startedAt,
      headers: this.headersSeen ? this.headersAt : undefined,
      end: this.settled ? this.endAt : undefined,
      attempts: 1,
    }
  }

  /** The body, watched: while its next piece is awaited, the server is not to blame for what does not go on. */
  watch(source: NonNullable<PreparedBody['source']>): AsyncGenerator<BodyChunk> {
    this.source = source
    return this.pull(source)
  }

  private async *pull(source: NonNullable<PreparedBody['source']>): AsyncGenerator<BodyChunk> {
    this.pulling = true
    try {
      for await (const piece of source) {
        this.pulling = false
        yield piece
        this.pulling = true
      }
    } finally {
      this.source = null
      this.pulling = false
    }
  }

  /** The current wait ran out. */
  expire(): void {
    const { origin } = this.request
    if (this.headersSeen) this.fail(new TimeoutError('body', this.bodyTimeout, { origin }))
    else if (this.sent) this.fail(new TimeoutError('headers', this.headersTimeout, { origin }))
    else if (!this.pulling) this.fail(new TimeoutError('write', this.writeTimeout, { origin }))
    // The caller has not given the rest of the body: nobody else is waited for.
    else this.restart(this.writeTimeout)
  }

  private restart(timeout: number): void {
    if (timeout <= 0 || this.settled) {
      this.deadline = Number.POSITIVE_INFINITY
      return
    }
    this.deadline = now() + timeout
    this.owner.expect(this.deadline)
  }

  start(client: Client, options: Dispatcher.DispatchOptions): void {
    if (this.settled) return
    try {
      client.dispatch(options, this)
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  abort(reason?: unknown): void {
    this.fail(abortReason(reason))
  }

  pause(): void {
    this.paused = true
    if (this.headersSeen) this.deadline = Number.POSITIVE_INFINITY
    this.controller?.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    while (this.held.length > 0 && !this.paused && !this.settled) {
      const chunk = this.held.shift()
      if (chunk !== undefined) this.deliver(chunk)
    }
    if (this.paused || this.settled) return
    if (this.heldEnd !== null) this.settleEnd(this.heldEnd)
    else {
      if (this.headersSeen) this.restart(this.bodyTimeout)
      this.controller?.resume()
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.settled) controller.abort(abortReason(undefined))
    else if (this.paused) controller.pause()
  }

  onBodySent(chunk: Uint8Array): void {
    if (!this.headersSeen) this.restart(this.writeTimeout)
    this.guard(() => this.handler.onBodySent?.(chunk.length))
  }

  onRequestSent(): void {
    this.sent = true
    if (!this.headersSeen) this.restart(this.headersTimeout)
    this.guard(() => this.handler.onRequestSent?.())
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    const fields = flatFields(controller.rawHeaders)
    if (status >= 200) {
      this.headersSeen = true
      this.headersAt = now()
      this.owner.checkEnding(fields)
      if (this.paused) this.deadline = Number.POSITIVE_INFINITY
      else this.restart(this.bodyTimeout)
    }
    if (status < 200 && this.tooManyInformational(fields)) {
      this.fail(
        new ProtocolError('The server sent too many informational responses', { origin: this.request.origin }),
        false,
      )
      return
    }
    this.guard(() => {
      if (status < 200) this.handler.onInformational?.(status, fields, statusText ?? '')
      else this.handler.onHeaders(status, fields, statusText ?? '')
    })
  }

  private tooManyInformational(fields: FieldList): boolean {
    for (const text of fields) this.informationalOctets += text.length
    return ++this.informationals > MAX_INFORMATIONAL || this.informationalOctets > MAX_INFORMATIONAL_OCTETS
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // A parser that was paused and goes on begins with nothing, and would for ever with a handler that pauses at each chunk.
    if (this.settled || chunk.length === 0) return
    this.received += chunk.length
    if (this.received > this.maxSize) {
      this.fail(new ResponseTooLargeError(this.maxSize, { origin: this.request.origin }))
    } else if (this.paused) {
      this.held.push(chunk)
    } else {
      this.restart(this.bodyTimeout)
      this.deliver(chunk)
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.settled) return
    // The client ends a connection whose response is whole before its request is.
    if (!this.sent) this.owner.abandon()
    const trailers = flatFields(controller.rawTrailers)
    if (this.paused) this.heldEnd = trailers
    else this.settleEnd(trailers)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.heldEnd !== null) return
    // One of our own errors can only come from the caller's body, but for the one that the connection itself gave.
    this.fail(this.translate(error), error instanceof HyperError && error !== this.owner.refusal)
  }

  private deliver(chunk: Buffer): void {
    this.guard(() => this.handler.onData(chunk))
  }

  private guard(step: () => void): void {
    if (this.settled) return
    try {
      step()
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  private settleEnd(trailers: FieldList): void {
    this.settled = true
    this.endAt = now()
    discardSource(this.source, abortReason(undefined))
    this.owner.release()
    this.handler.onEnd(trailers)
  }

  private fail(error: Error, local = true): void {
    if (this.settled) return
    this.settled = true
    this.endAt = now()
    discardSource(this.source, error)
    if (this.controller !== null) {
      // What is left of this exchange stands between the connection and the next one: it is not used again.
      this.owner.abandon()
      this.controller.abort(error)
    }
    this.owner.release()
    this.handler.onError(error, local)
  }

  private translate(error: Error): Error {
    const origin = this.owner.origin.href
    const options = { origin, cause: error }
    const code = systemCodeOf(error) ?? ''
    switch (code) {
      case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
        return new ContentLengthError('response', `The body from ${origin} does not match its content-length`, options)
      case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
        return new ContentLengthError('request', 'The request body does not match its content-length', options)
      case 'UND_ERR_HEADERS_OVERFLOW':
        return new HeadersTooLargeError(`The response headers from ${origin} are too large`, options)
      case 'UND_ERR_INVALID_ARG':
        return new InvalidArgumentError(error.message, options)
      case 'UND_ERR_NOT_SUPPORTED':
        return new NotSupportedError(error.message, options)
      case 'UND_ERR_SOCKET':
      case 'UND_ERR_INFO':
      case 'ECONNRESET':
      case 'EPIPE':
      case 'ETIMEDOUT':
        return this.owner.lost(error.message, error)
      default:
        // undici's parser gives its errors llhttp's code, or none.
        if (!code.startsWith('HPE_') && error.name !== 'HTTPParserError') return error
        return new ProtocolError(`The server at ${origin} broke HTTP/1.1: ${error.message}`, options)
    }
  }
}

/** undici's raw field lines (octets) as a flat list, names in lower case. */
export function flatFields(raw: unknown): FieldList {
  if (!Array.isArray(raw) || raw.length === 0) return NO_FIELDS
  const fields: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    fields.push(latin1(raw[i]).toLowerCase(), latin1(raw[i + 1]))
  }
  return fields
}

function latin1(octets: unknown): string {
  return Buffer.isBuffer(octets) ? octets.toString('latin1') : String(octets)
}
