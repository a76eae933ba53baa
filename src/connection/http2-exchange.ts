/**
 * One exchange on an HTTP/2 connection: between a stream of `src/h2` and a handler of `src/exchange.ts`.
 *
 * Hot path: one monomorphic object an exchange, no closures. It settles exactly once: `settled` is set before the
 * last callback, and every path looks at it.
 */

import { abortReason, NotSupportedError, ResponseTooLargeError, TimeoutError, toError } from '../errors.ts'
import type {
  ConnectionInfo,
  Exchange,
  ExchangeHandler,
  ExchangeRequest,
  ExchangeTimings,
  FieldList,
} from '../exchange.ts'
import type { H2Connection, H2Stream, StreamListener } from '../h2/index.ts'
import { getField, NO_FIELDS } from '../headers/fields.ts'
import { serialiseTrailers } from '../headers/request.ts'
import type { RequestHead } from '../headers/section.ts'
import { surface } from '../surface.ts'
import { discardMade, type PreparedBody } from './body.ts'
import { BodyPump } from './body-pump.ts'

/** What an exchange needs of the connection that carries it. */
export interface ExchangeHost {
  readonly h2: H2Connection
  readonly info: ConnectionInfo
  /** The time of the current turn, milliseconds on a monotonic clock. */
  readonly time: number
  /** The socket takes nothing now: whose fault that is, the connection finds out. */
  readonly blocked: boolean
  /** Milliseconds to wait for room on it, for those that bring none; 0 = for ever. */
  readonly queueTimeout: number
  /** Reads the clock outside of a turn that reads or writes. */
  readClock(): void
  /** Resets the stream of an exchange that we end. */
  reset(stream: H2Stream, code?: number): void
  /** Remembers an exchange that has a deadline. */
  watch(exchange: Http2Exchange): void
  unwatch(exchange: Http2Exchange): void
}

export class Http2Exchange implements StreamListener, Exchange {
  /** When the current wait runs out; Infinity when it may last. */
  deadline = Number.POSITIVE_INFINITY

  private readonly host: ExchangeHost
  private readonly request: ExchangeRequest
  private handler: ExchangeHandler
  private readonly headersTimeout: number
  private readonly bodyTimeout: number
  private readonly writeTimeout: number
  private readonly maxSize: number
  private startedAt = 0
  private headersAt = 0
  private endAt = 0
  private stream: H2Stream | null = null
  private pump: BodyPump | null = null
  private head: FieldList = NO_FIELDS
  private settled = false
  private headersSeen = false
  private requestSent = false
  private paused = false
  private received = 0
  /** Chunks withheld while paused, and the end if it came meanwhile. */
  private held: Buffer[] | null = null
  private heldEnd: FieldList | null = null
  private releasing = false
  /** A tunnel whose response has ended, and whose other direction has not. */
  private halfOpen = false

  constructor(
    host: ExchangeHost,
    request: ExchangeRequest,
    handler: ExchangeHandler,
    headersTimeout: number,
    bodyTimeout: number,
    writeTimeout: number,
    maxSize: number,
  ) {
    this.host = host
    this.request = request
    this.handler = handler
    this.headersTimeout = headersTimeout
    this.bodyTimeout = bodyTimeout
    this.writeTimeout = writeTimeout
    this.maxSize = maxSize
  }

  get connection(): ConnectionInfo {
    return this.host.info
  }

  get streamId(): number | undefined {
    return this.stream?.id
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

  get origin(): string {
    return this.request.origin
  }

  /** It has settled. */
  get over(): boolean {
    return this.settled
  }

  /** There was nothing to be sent but the header section. */
  get sentAtOnce(): boolean {
    return this.requestSent
  }

  /** Opens the stream and sends what is there. Errors of the body come later, through the handler. */
  start(head: string[], body: PreparedBody): void {
    const { h2 } = this.host
    const { trailers, method, protocol } = this.request
    if (protocol !== undefined && !h2.remoteSettings.enableConnectProtocol) {
      discardMade(this.request.body, body)
      process.nextTick(refuse, this, this.noExtendedConnect(protocol))
      return
    }
    const hasTrailers = trailers !== null && trailers !== undefined
    // A tunnel is open both ways, even when nothing is to be said on it.
    const empty = body.length === 0 && !hasTrailers && method !== 'CONNECT'
    this.head = head
    const stream = h2.request(head, empty, this)
    this.stream = stream
    this.startedAt = this.host.time
    this.restart(this.headersTimeout)
    if (empty) {
      this.requestSent = true
      return
    }
    if (body.source !== null) {
      this.pump = new BodyPump(h2, stream, body.source, this)
      this.restartSending()
      void this.pump.run(body.length === -1 ? announcedLength(head) : body.length)
      return
    }
    if (body.bytes !== null) {
      h2.write(stream, body.bytes)
      this.restartSending()
    }
    if (hasTrailers || body.bytes === null) {
      // After dispatch() has returned, as all that is told: the function may throw or give what may not be sent, and the end of
      // a tunnel that carries nothing is framed at once.
      process.nextTick(finishBody, this)
    } else {
      h2.end(stream)
    }
  }

  /**
   * The answer to a request that the server made up for us (RFC 9113 section 8.4). It must be of the origin that was asked.
   * @returns what hears the promised stream, or undefined when nobody wants it.
   */
  promised(stream: H2Stream, head: RequestHead, maxSize: number): StreamListener | undefined {
    const { handler } = this
    const { scheme, authority, method, path } = head
    if (this.settled || handler.onPush === undefined || scheme === undefined || path === undefined) return undefined
    // `:scheme` and `:authority` stand before `:path` in every head that is no plain CONNECT.
    if (authority === undefined || scheme !== getField(this.head, ':scheme')) return undefined
    if (authority !== getField(this.head, ':authority')) return undefined
    const push = new Http2Exchange(this.host, this.request, NOBODY, this.headersTimeout, this.bodyTimeout, 0, maxSize)
    push.stream = stream
    push.requestSent = true
    push.startedAt = this.host.time
    push.restart(push.headersTimeout)
    try {
      const found = handler.onPush({ scheme, method, authority, path, headers: head.fields, exchange: push })
      if (found !== null && found !== undefined && !push.settled) {
        push.handler = found
        return push
      }
    } catch (thrown) {
      this.fail(toError(thrown))
    }
    // The engine resets what nobody hears.
    if (!push.settled) push.settle()
    return undefined
  }

  abort(reason?: unknown, code?: number): void {
    if (this.settled && !this.halfOpen) return
    this.fail(abortReason(reason), code)
  }

  /** It is started later, when the peer allows it. */
  waitForRoom(): void {
    this.restart(this.queueTimeout)
  }

  private get queueTimeout(): number {
    return this.request.queueTimeout ?? this.host.queueTimeout
  }

  /** It could not be started. */
  refuse(error: Error): void {
    if (this.settled) return
    this.settle()
    this.report(error, false)
  }

  pause(): void {
    if (this.settled) return
    this.paused = true
    // Only reading starts the body's clock again.
    if (this.headersSeen) this.stopClock()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    // A callback that pauses and resumes leaves the rest to the loop that called it.
    if (this.settled || this.releasing) return
    this.release()
    if (this.paused || this.settled) return
    if (this.heldEnd !== null) {
      this.settleEnd(this.heldEnd)
    } else if (this.headersSeen) {
      this.host.readClock()
      this.restart(this.bodyTimeout)
    }
  }

  /** Hands on what was withheld, in order, until it is paused again. */
  private release(): void {
    const { held } = this
    if (held === null) return
    this.releasing = true
    let next = 0
    while (next < held.length && !this.paused && !this.settled) this.deliver(held[next++])
    this.releasing = false
    this.held = next === held.length ? null : held.slice(next)
  }

  /** The current wait ran out. */
  expire(): void {
    const { origin } = this.request
    if (this.headersSeen) this.fail(new TimeoutError('body', this.bodyTimeout, { origin }))
    else if (this.stream === null) this.fail(new TimeoutError('queue', this.queueTimeout, { origin }))
    else if (this.stalls && this.host.blocked) this.restart(this.writeTimeout)
    else if (this.stalls) this.fail(new TimeoutError('write', this.writeTimeout, { origin }))
    else this.fail(new TimeoutError('headers', this.headersTimeout, { origin }))
  }

  onInformational(_stream: H2Stream, status: number, fields: FieldList): void {
    const { handler } = this
    if (handler.onInformational === undefined) return
    try {
      handler.onInformational(status, fields, '')
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  onHeaders(stream: H2Stream, status: number, fields: FieldList): void {
    this.headersSeen = true
    this.headersAt = this.host.time
    if (this.paused) this.stopClock()
    else this.restart(this.bodyTimeout)
    if (stream.expectedLength > this.maxSize) {
      this.fail(new ResponseTooLargeError(this.maxSize, { origin: this.request.origin }))
      return
    }
    try {
      this.handler.onHeaders(status, fields, '')
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  onData(_stream: H2Stream, buffer: Buffer, start: number, end: number): void {
    if (this.settled) return
    this.received += end - start
    if (this.received > this.maxSize) {
      this.fail(new ResponseTooLargeError(this.maxSize, { origin: this.request.origin }))
      return
    }
    const chunk = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end)
    if (this.paused) {
      if (this.held === null) this.held = [chunk]
      else this.held.push(chunk)
      return
    }
    this.restart(this.bodyTimeout)
    this.deliver(chunk)
  }

  onEnd(_stream: H2Stream, trailers: FieldList): void {
    if (this.settled) return
    if (this.paused) {
      this.heldEnd = trailers
      // The response is whole: nobody waits for the rest of the request.
      if (this.stream?.tunnel !== true) this.dropSource()
      return
    }
    this.settleEnd(trailers)
  }

  onError(_stream: H2Stream, error: Error): void {
    if (this.settled) {
      this.dropSource()
      return
    }
    // What was received whole before the stream's end is whole, whatever happened to the connection since.
    if (this.heldEnd !== null) {
      this.dropSource()
      return
    }
    this.settle()
    this.report(error, false)
  }

  onSent(_stream: H2Stream, octets: number): void {
    if (this.settled) return
    this.restartSending()
    const { handler } = this
    if (handler.onBodySent === undefined) return
    try {
      handler.onBodySent(octets)
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  onLocalEnd(_stream: H2Stream): void {
    this.requestSent = true
    if (!this.headersSeen && !this.settled) this.restart(this.headersTimeout)
    this.tellSent()
  }

  onDrain(_stream: H2Stream): void {
    this.pump?.wakeUp()
  }

  /** Tells the handler that a request without a body is on its way; after dispatch() has returned. */
  tellSent(): void {
    const { handler } = this
    if (this.settled || !this.requestSent || handler.onRequestSent === undefined) return
    try {
      handler.onRequestSent()
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  private deliver(chunk: Buffer): void {
    const { stream } = this
    try {
      this.handler.onData(chunk)
    } catch (thrown) {
      this.fail(toError(thrown))
      return
    }
    if (stream !== null) this.host.h2.consume(stream, chunk.length)
  }

  private settleEnd(trailers: FieldList): void {
    // The other direction of a tunnel goes on until its own end (RFC 9113 section 8.5).
    const { stream } = this
    this.halfOpen = stream?.tunnel === true && stream.localOpen
    this.settle()
    try {
      this.handler.onEnd(trailers)
    } catch (thrown) {
      this.report(toError(thrown), true)
    }
  }

  /** Ends the exchange from our side: the peer is told, if it still matters to it. */
  fail(error: Error, code?: number): void {
    const { stream } = this
    if (this.halfOpen && stream !== null) {
      this.halfOpen = false
      this.host.reset(stream, code)
      this.dropSource()
    }
    if (this.settled) return
    this.settle()
    if (stream !== null) this.host.reset(stream, code)
    this.report(error, true)
  }

  private report(error: Error, local: boolean): void {
    try {
      this.handler.onError(error, local)
    } catch (thrown) {
      surface(thrown)
    }
  }

  private settle(): void {
    this.settled = true
    this.endAt = this.host.time
    this.held = null
    this.stopClock()
    this.host.unwatch(this)
    if (!this.halfOpen) this.dropSource()
  }

  /** Reads no more of the body. */
  private dropSource(): void {
    const { pump } = this
    this.pump = null
    pump?.drop()
  }

  /** Nothing more is to be sent: the exchange is over, or the response is whole already. */
  get sendingIsOver(): boolean {
    if (this.settled) return !this.halfOpen
    return this.heldEnd !== null && this.stream?.tunnel !== true
  }

  /** Something of the request waits to be sent, and the peer has not answered. */
  private get stalls(): boolean {
    return !this.headersSeen && this.writeTimeout > 0 && this.stream !== null && this.stream.queuedBytes > 0
  }

  /** The wait for the peer to take the rest of the request, or to answer it. */
  restartSending(): void {
    if (this.headersSeen) return
    // While the caller has not given the rest of the body, nobody else is waited for. What is to go into a tunnel waits
    // for the answer itself.
    if (this.stalls) this.restart(this.writeTimeout)
    else if (this.pump !== null && this.request.method !== 'CONNECT') this.stopClock()
    else this.restart(this.headersTimeout)
  }

  private restart(timeout: number): void {
    if (timeout <= 0) {
      this.deadline = Number.POSITIVE_INFINITY
      return
    }
    this.deadline = this.host.time + timeout
    this.host.watch(this)
  }

  private stopClock(): void {
    this.deadline = Number.POSITIVE_INFINITY
  }

  /** The body is sent: the trailers follow, if there are any. */
  finishBody(): void {
    const { stream } = this
    this.pump = null
    if (this.sendingIsOver || stream === null) return
    try {
      const { trailers, origin } = this.request
      const init = typeof trailers === 'function' ? trailers() : trailers
      const fields = init === null || init === undefined ? null : serialiseTrailers(init, origin)
      this.host.h2.end(stream, fields)
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  private noExtendedConnect(protocol: string): NotSupportedError {
    const { origin } = this.request
    return new NotSupportedError(
      `The server at ${origin} takes no CONNECT for ${JSON.stringify(protocol)} (RFC 8441)`,
      {
        origin,
      },
    )
  }
}

/** The content-length that the caller gave for a body of unknown length. */
function announcedLength(head: FieldList): number {
  const length = getField(head, 'content-length')
  return length === undefined ? -1 : Number(length)
}

/** The handler of a push until the one who was promised it has said who hears it. */
const NOBODY: ExchangeHandler = { onHeaders: ignore, onData: ignore, onEnd: ignore, onError: ignore }

function ignore(): void {
  // Nobody is told.
}

function refuse(exchange: Http2Exchange, error: Error): void {
  exchange.refuse(error)
}

function finishBody(exchange: Http2Exchange): void {
  exchange.finishBody()
}
