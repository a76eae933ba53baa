/**
 * `Attempt`: an exchange on one connection, as long as it is there. It hears the codec, and tells the caller by its exchange.
 *
 *   deferred      the connection has it, and waits for room                                      -> awaited, over
 *   awaited       sent, or being sent; nothing final has come                                    -> body, over
 *   body          the response's body is coming                                                  -> whole, half-closed, over
 *   whole         the response has come, and is withheld until the caller reads on               -> half-closed, over
 *   half-closed   a tunnel (CONNECT) whose response has ended and whose other direction has not  -> over
 *   over          nothing more is done for it: what the codec still tells is dropped
 *
 * Hot path: one object an attempt, plain mutable fields, no closures.
 */
import type { Duplex } from 'node:stream'
import { nextTick } from '../clock.ts'
import { channels } from '../diagnostics.ts'
import { ResponseTooLargeError, TimeoutError, toError } from '../errors.ts'
import type { H2Stream, StreamListener } from '../h2/index.ts'
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { serialiseTrailers } from '../headers/request.ts'
import type { PreparedBody } from './body.ts'
import { type AttemptedBy, type AttemptLimits, type CodecOf, limitsOf, UNLIMITED } from './carrier.ts'
import type { DataUse, ExchangeRequest } from './contract.ts'
import { placeFor } from './joined.ts'
import { announcedLength } from './semantics.ts'
import { Sending, type SendingOwner } from './sending.ts'
import { type Reading, Withheld } from './withheld.ts'

export type ExchangeCodec = CodecOf<Attempt>
export type Attempted = AttemptedBy<Attempt>

export type AttemptState = 'deferred' | 'awaited' | 'body' | 'whole' | 'half-closed' | 'over'

/** 421 Misdirected Request (RFC 9110 section 15.5.20). */
const MISDIRECTED = 421

export class Attempt implements StreamListener, SendingOwner, Reading {
  readonly exchange: Attempted
  readonly codec: ExchangeCodec
  stream: H2Stream | null = null
  state: AttemptState = 'deferred'
  /** Of the request's own pseudo-header fields, for pushes alone. */
  head: FieldList = NO_FIELDS
  /** A number with a fraction costs room of its own: undefined until it is known. */
  startedAt: number | undefined
  headersAt: number | undefined
  private limits: AttemptLimits = UNLIMITED
  /** What is being sent of a body that is read piece by piece, while it is. */
  private sending: Sending | null = null
  /** The request, body and all, was handed to the transport. */
  private sent = false
  /** Somebody hears when the end of the request is written: what watches may come twice. */
  private watched = false
  private reused = false
  private borrowed = false
  /** The handler is still to be told of the connection. */
  private unannounced = false
  /** What came while paused. */
  private withheld: Withheld | null = null
  private received = 0
  /** Memory for the whole body, when it is joined in the end and is read into memory that is lent. */
  private place: Buffer | null = null

  constructor(exchange: Attempted, codec: ExchangeCodec) {
    this.exchange = exchange
    this.codec = codec
  }

  get request(): ExchangeRequest {
    return this.exchange.request
  }

  get dataUse(): DataUse {
    return this.exchange.handler.dataUse ?? 'passed on'
  }

  /** The exchange depends on it. */
  get isUnderWay(): boolean {
    return this.state !== 'over' && this.state !== 'half-closed'
  }

  // --- Its beginning.

  /** @param head its header section, for the pushes that it may promise. */
  begin(stream: H2Stream | null, head: FieldList): void {
    const { codec, exchange } = this
    this.state = 'awaited'
    this.stream = stream
    if (exchange.handler.onPush !== undefined) this.head = head
    this.startedAt = codec.time
    this.limits = limitsOf(exchange.request, codec.limits)
    exchange.begun(this)
  }

  /** Sends the body; what is wrong with it is told later. */
  send(body: PreparedBody, announced: number): void {
    const { codec, exchange } = this
    const { trailers, method } = exchange.request
    const hasTrailers = trailers !== null && trailers !== undefined
    if (body.source !== null) {
      const length = body.length === -1 ? announced : body.length
      const sending = new Sending(this, body.source, length, body.source === exchange.source)
      this.sending = sending
      this.waitForPeer()
      // After dispatch() has returned, as all that is told.
      nextTick(() => {
        if (this.sending === sending) exchange.runInAsyncScope(sending.begin, sending)
      })
      return
    }
    if (body.bytes !== null) codec.write(this, body.bytes)
    this.waitForPeer()
    // The function may throw or give what may not be sent, and the end of a tunnel that carries nothing is framed at once.
    if (hasTrailers || (method === 'CONNECT' && this.stream !== null)) nextTick(() => this.sendEnd())
    else if (body.bytes !== null) codec.end(this, null)
    else {
      this.sent = true
      this.watchWriting()
      if (exchange.handler.onRequestSent !== undefined) nextTick(tellSent, this)
    }
  }

  /** There is no request to send: the server has made it up. */
  expect(): void {
    this.sent = true
    this.wait(this.limits.headersTimeout)
  }

  /** Its pool has given it to a connection: the handler is told so, at the latest before anything else. */
  started(reused: boolean, borrowed: boolean): void {
    const { codec, exchange } = this
    this.borrowed = borrowed
    this.reused = reused
    if (exchange.isPaused) codec.pause(this)
    if (channels.start.hasSubscribers) {
      channels.start.publish({ exchange, request: exchange.request, connection: codec.info, reused })
    }
    if (exchange.handler.onConnected === undefined || !this.isUnderWay) return
    this.unannounced = true
    nextTick(announce, this)
  }

  /** Tells of the connection if that is still to be told: a peer may answer what it has not seen. @returns false when that ended it. */
  announce(): boolean {
    if (this.unannounced) {
      this.unannounced = false
      const { exchange } = this
      const { onConnected } = exchange.handler
      if (this.isUnderWay && onConnected !== undefined) exchange.tell(onConnected, this.codec.info, this.reused)
    }
    return this.isUnderWay
  }

  // --- What the codec tells.

  onInformational(_stream: H2Stream | null, status: number, fields: FieldList, reason = '', raw?: FieldList): void {
    const { exchange } = this
    const { onInformational } = exchange.handler
    if (!this.isUnderWay || !this.announce() || onInformational === undefined) return
    exchange.tell(onInformational, status, fields, reason, raw)
  }

  onHeaders(
    _stream: H2Stream | null,
    status: number,
    fields: FieldList,
    reason = '',
    raw?: FieldList,
    version?: '1.0' | '1.1',
  ): void {
    const { codec, exchange, limits } = this
    if (this.state !== 'awaited') return
    if (status === MISDIRECTED && this.borrowed && exchange.misdirected()) return
    if (!this.announce()) return
    this.state = 'body'
    codec.answered()
    this.headersAt = codec.time
    exchange.answered()
    this.wait(exchange.isPaused ? 0 : limits.bodyTimeout)
    if (
      limits.maxResponseSize !== Number.POSITIVE_INFINITY &&
      this.exceeds(announcedLength(fields, exchange.request.method, status))
    )
      return
    if (channels.headers.hasSubscribers && exchange.observed) {
      channels.headers.publish({ exchange, request: exchange.request, status, headers: fields })
      // A subscriber may have aborted it.
      if (!this.isUnderWay) return
    }
    exchange.tell(exchange.handler.onHeaders, status, fields, reason, raw, version)
  }

  onData(_stream: H2Stream | null, buffer: Buffer, start: number, end: number): void {
    if (this.state !== 'body') return
    this.received += end - start
    if (this.exceeds(this.received)) return
    const chunk = this.codec.lent ? this.copied(buffer, start, end) : part(buffer, start, end)
    if (this.exchange.isPaused) {
      this.withhold().pieces.push(chunk)
      return
    }
    this.wait(this.limits.bodyTimeout)
    this.deliver(chunk)
  }

  /** A piece of lent memory, where nothing overwrites it. */
  private copied(buffer: Buffer, start: number, end: number): Buffer {
    const length = end - start
    const at = this.received - length
    if (this.place === null && this.dataUse === 'joined') {
      const announced = this.codec.announced(this)
      // The whole body in one piece needs no place.
      if (length < announced) this.place = placeFor(announced)
    }
    const { place } = this
    if (place === null) {
      const own = Buffer.allocUnsafe(length)
      buffer.copy(own, 0, start, end)
      return own
    }
    buffer.copy(place, at, start, end)
    return place.subarray(at, at + length)
  }

  onEnd(_stream: H2Stream | null, trailers: FieldList, raw?: FieldList): void {
    if (this.state !== 'body') return
    if (!this.exchange.isPaused) {
      this.finish(trailers, raw)
      return
    }
    this.state = 'whole'
    const withheld = this.withhold()
    withheld.trailers = trailers
    withheld.rawTrailers = raw
    // Nobody waits for the rest of the request.
    if (this.stream?.tunnel !== true) this.dropUpload()
  }

  /** The socket speaks another protocol from here on, and is the caller's. */
  onUpgraded(status: number, fields: FieldList, reason: string, raw: FieldList, socket: Duplex): void {
    const { exchange } = this
    const { onUpgraded } = exchange.handler
    if (!this.isUnderWay || !this.announce() || onUpgraded === undefined) {
      socket.destroy()
      return
    }
    exchange.settle(null)
    exchange.tell(onUpgraded, status, fields, socket, reason, raw)
  }

  /** It has failed, through no doing of ours. */
  onError(_stream: H2Stream | null, error: Error): void {
    if (this.state === 'half-closed') {
      this.end(error)
      this.exchange.release(error)
    } else if (this.state === 'whole') {
      // What was received whole before is whole, whatever happened to the connection since.
      this.dropUpload(error)
    } else if (this.state !== 'over') {
      this.codec.refused(error)
      this.exchange.failAttempt(error)
    }
  }

  /** So many octets of the body were handed to the transport. */
  onSent(_stream: H2Stream | null, octets: number): void {
    if (!this.isUnderWay) return
    this.waitForPeer()
    const { exchange } = this
    const { onBodySent } = exchange.handler
    if (onBodySent !== undefined && this.announce()) exchange.tell(onBodySent, octets)
  }

  /** All of the request was handed to the transport. */
  onLocalEnd(_stream: H2Stream | null): void {
    if (this.state === 'half-closed') this.state = 'over'
    if (this.state === 'over') return
    this.sent = true
    this.watchWriting()
    if (this.state === 'awaited') this.wait(this.limits.headersTimeout)
    this.tellSent()
  }

  /** There is room for more of the body. */
  onDrain(_stream: H2Stream | null): void {
    this.waitForPeer()
    // The source is the caller's, too.
    if (this.sending !== null) this.exchange.runInAsyncScope(this.sending.resume, this.sending)
  }

  // --- What its exchange has of it.

  pause(): void {
    // Only reading starts the body's clock again.
    if (this.state === 'body' || this.state === 'whole') this.wait(0)
    this.codec.pause(this)
  }

  resume(): void {
    const { codec, withheld } = this
    if (withheld !== null) {
      if (withheld.handing) return
      withheld.handOn(this)
      if (!this.isReading) return
      if (this.state === 'whole') {
        this.finish(withheld.trailers, withheld.rawTrailers)
        return
      }
    }
    if (this.state === 'body') {
      codec.readClock()
      this.wait(this.limits.bodyTimeout)
    }
    codec.resume(this)
  }

  /** The current wait ran out. */
  expire(): void {
    const { codec, exchange, limits } = this
    const kind = this.state !== 'awaited' ? 'body' : this.stalls ? 'write' : 'headers'
    if (kind === 'write' && codec.blocked) {
      codec.readClock()
      this.wait(limits.writeTimeout)
      return
    }
    exchange.fail(new TimeoutError(kind, limits[`${kind}Timeout`], { origin: exchange.request.origin }))
  }

  /** Nothing more is done for it. @param error why the exchange is over; null: it is not, or has ended well. */
  end(error: Error | null): void {
    this.state = 'over'
    this.withheld = null
    this.dropUpload(error)
  }

  // --- What is handed to the reader, at once or later.

  get isReading(): boolean {
    return this.isUnderWay && !this.exchange.isPaused
  }

  deliver(chunk: Buffer): void {
    const { exchange } = this
    exchange.tell(exchange.handler.onData, chunk)
    if (this.isUnderWay) this.codec.consume(this, chunk.length)
  }

  // --- What the body tells.

  sendPiece(octets: Uint8Array): boolean {
    if (this.sending === null) return false
    const room = this.codec.write(this, octets)
    this.waitForPeer()
    return room
  }

  /** The body is sent: the trailers follow, if there are any. */
  sendEnd(): void {
    this.sending = null
    if (this.state === 'over' || (this.state === 'whole' && this.stream?.tunnel !== true)) return
    const { trailers, origin } = this.request
    try {
      const init = typeof trailers === 'function' ? this.exchange.runInAsyncScope(trailers) : trailers
      this.codec.end(this, init === null || init === undefined ? null : serialiseTrailers(init, origin))
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  fail(error: Error): void {
    this.exchange.fail(error)
  }

  // --- The small parts.

  /** The response is complete. */
  private finish(trailers: FieldList, raw: FieldList | undefined): void {
    const { exchange, stream } = this
    // The other direction of a tunnel goes on until its own end (RFC 9113 section 8.5).
    if (stream?.tunnel === true && stream.localOpen) this.state = 'half-closed'
    exchange.settle(null)
    if (channels.end.hasSubscribers && exchange.observed) {
      channels.end.publish({ exchange, request: exchange.request, trailers })
    }
    exchange.tell(exchange.handler.onEnd, trailers, raw)
  }

  /** The last octet of the request is framed: when it is in the socket is told to whoever watches. */
  watchWriting(): void {
    const { codec, exchange } = this
    if (!channels.sent.hasSubscribers || !exchange.observed || this.watched) return
    this.watched = true
    codec.whenWritten(() => {
      if (this.isUnderWay) channels.sent.publish({ exchange, request: exchange.request, connection: codec.info })
    })
  }

  /** Tells that the request is on its way. */
  tellSent(): void {
    const { exchange } = this
    const { onRequestSent } = exchange.handler
    if (this.sent && onRequestSent !== undefined && this.announce()) exchange.tell(onRequestSent)
  }

  private withhold(): Withheld {
    this.withheld ??= new Withheld()
    return this.withheld
  }

  /** Something of the request waits to be sent, and the peer has not answered. */
  private get stalls(): boolean {
    return this.limits.writeTimeout > 0 && this.codec.unsent(this) > 0
  }

  /** The wait for the peer to take the rest of the request, or to answer it. */
  private waitForPeer(): void {
    if (this.state !== 'awaited') return
    // While the caller has not given the rest of the body, nobody else is waited for. What is to go into a tunnel waits
    // for the answer itself.
    if (this.stalls) this.wait(this.limits.writeTimeout)
    else this.wait(this.sending !== null && this.request.method !== 'CONNECT' ? 0 : this.limits.headersTimeout)
  }

  /** @param timeout milliseconds; 0: there is nothing to wait for. */
  wait(timeout: number): void {
    this.exchange.waitUntil(timeout > 0 ? this.codec.time + timeout : Number.POSITIVE_INFINITY)
  }

  /** Does a response of so many octets exceed what is allowed? Then it is ended. */
  private exceeds(octets: number): boolean {
    const { maxResponseSize } = this.limits
    if (octets <= maxResponseSize) return false
    this.fail(new ResponseTooLargeError(maxResponseSize, { origin: this.request.origin }))
    return true
  }

  /** Reads no more of the body. */
  private dropUpload(error: Error | null = null): void {
    const { sending } = this
    this.sending = null
    sending?.stop(error)
  }
}

function announce(attempt: Attempt): void {
  attempt.announce()
}

function tellSent(attempt: Attempt): void {
  attempt.tellSent()
}

function part(buffer: Buffer, start: number, end: number): Buffer {
  return start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end)
}
