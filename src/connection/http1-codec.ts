/**
 * How an exchange is carried over HTTP/1.1: a thin codec between `src/exchange` and the engine (`src/h1`), one exchange at a
 * time (pipelining is not worth its head-of-line blocking).
 *
 * The response is held back by the engine while the exchange is paused, but for its head; the request by the socket. A body that
 * is there as a whole goes out in slices, so that a peer that takes it slowly is seen to take it.
 */

import { nextTick } from '../clock.ts'
import type { HyperError } from '../errors.ts'
import type { Attempt, ExchangeCodec } from '../exchange/attempt.ts'
import type { PreparedBody } from '../exchange/body.ts'
import type { AttemptLimits } from '../exchange/carrier.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import { H1ClientConnection, type H1ClientListener, type H1ResponseHead } from '../h1/index.ts'
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import type { Head1 } from '../headers/request.ts'
import { HTTP1_SLICE } from '../limits.ts'
import type { Wire } from '../net/link.ts'
import type { ConnectionInfo } from '../net/options.ts'
import { now } from '../session/deadline.ts'
import { type Writer, writeAfterReading } from './http1-turn.ts'

/** What the codec needs of its connection. */
export interface Codec1Host {
  readonly info: ConnectionInfo
  readonly socket: Wire
  readonly limits: AttemptLimits
  /** Hears of each write of a request that has a body. */
  readonly written: (error?: Error | null) => void
  /** A response's head came: does the connection outlive it, and how long may it be idle then? Seconds; undefined: the server has not said. */
  onHead(keepAlive: boolean, keepAliveTimeout: number | undefined): void
  /** The exchange has the whole response: the connection may be free. */
  onResponseEnd(): void
  /** The exchange was given up in its middle. */
  onCancelled(): void
  onFailed(error: HyperError): void
  /** The socket is the caller's from here on, with these octets still to be read. */
  release(rest: Buffer): Wire
}

export class Http1Codec implements ExchangeCodec, H1ClientListener, Writer {
  /** The attempt under way. */
  current: Attempt | null = null
  readonly engine: H1ClientConnection
  lent = false
  private readonly host: Codec1Host
  private readonly socket: Wire
  /** The head of a request without a body that is still to be written. */
  private head = ''
  /** A request with a body waits in the socket for the end of the reads. */
  private corked = false
  /** Of a body that is there as a whole: what is still to be written. */
  private rest: Uint8Array | null = null
  /** The request ends when the rest is written. */
  private endsAfterRest = false
  /** The socket takes no more until it says so. */
  private full = false
  /** Octets that the response's body is to have; -1: nothing says it. */
  private expected = -1
  /** Octets that were written, and not yet reported by `onSent`. */
  private untold = 0
  private endUntold = false
  private telling = false
  /** Octets of a body of known length that are still to be written; -1: its length is not known. */
  private left = -1

  constructor(host: Codec1Host, origin: string, maxHeaderSize: number, maxHeaderFields: number | undefined) {
    this.host = host
    this.socket = host.socket
    // What goes out was checked by the one serialiser.
    this.engine = new H1ClientConnection(this, {
      origin,
      maxHeaderSize,
      maxHeaderFields,
      validateOutbound: 'elsewhere',
    })
  }

  get info(): ConnectionInfo {
    return this.host.info
  }

  get time(): number {
    return now()
  }

  /** Nothing else is on the connection: what it does not take is this exchange's. */
  get blocked(): boolean {
    return false
  }

  get limits(): AttemptLimits {
    return this.host.limits
  }

  announced(): number {
    return this.expected
  }

  readClock(): void {
    // It is read each time.
  }

  /** Request and response are whole, and another request may come. */
  get reusable(): boolean {
    return this.engine.reusable && this.rest === null
  }

  /** Writes the head and what is there of the body. */
  start(exchange: LiveExchange, head: Head1, body: PreparedBody): void {
    const { request } = exchange
    const { socket } = this
    const hasTrailers = request.trailers !== null && request.trailers !== undefined
    const text = this.engine.request({
      method: request.method,
      target: head.target,
      fields: head.fields,
      bodyLength: head.length,
      trailers: hasTrailers,
    })
    const attempt = exchange.attemptOn(this)
    this.current = attempt
    this.rest = null
    this.endsAfterRest = false
    this.full = false
    this.untold = 0
    this.endUntold = false
    this.expected = -1
    this.left = head.length
    attempt.begin(null, NO_FIELDS)
    if (body.length === 0 && !hasTrailers) {
      this.head = text
      if (!writeAfterReading(this)) this.flush()
      attempt.send(body, -1)
      return
    }
    // Head and body in one write.
    if (!this.corked) socket.cork()
    this.corked = true
    socket.write(text, 'latin1', this.host.written)
    attempt.send(body, head.length)
    if (!writeAfterReading(this)) this.flush()
  }

  /** Writes what waited for the end of the reads. */
  flush(): void {
    const { head, corked } = this
    this.head = ''
    this.corked = false
    if (head !== '') this.socket.write(head, 'latin1')
    if (corked) this.socket.uncork()
  }

  cancel(attempt: Attempt): void {
    if (this.current !== attempt) return
    this.current = null
    this.head = ''
    this.host.onCancelled()
  }

  answered(): void {
    // One at a time: nothing follows for the next.
  }

  refused(): void {
    // The connection ends with it.
  }

  pause(attempt: Attempt): void {
    // Headers are never held back.
    if (this.current !== attempt || this.engine.theirState !== 'body') return
    this.engine.pause()
    this.socket.pause()
  }

  resume(attempt: Attempt): void {
    if (this.current !== attempt || !this.engine.paused) return
    this.socket.resume()
    this.engine.resume()
  }

  consume(): void {
    // What is not read holds the peer back.
  }

  write(attempt: Attempt, octets: Uint8Array): boolean {
    if (this.current !== attempt) return false
    if (octets.length === 0) return !this.full
    if (octets.length <= HTTP1_SLICE) return this.put(octets)
    this.rest = octets
    return this.putRest()
  }

  end(attempt: Attempt, trailers: FieldList | null): void {
    if (this.current !== attempt) return
    if (this.rest !== null) {
      this.endsAfterRest = true
      return
    }
    // A request that announced no octets was whole with its head.
    if (this.engine.ourState === 'sending') {
      const text = this.engine.end(trailers)
      if (text !== '') this.socket.write(text, 'latin1', this.host.written)
    }
    this.endUntold = true
    this.tellLater()
  }

  whenWritten(hear: () => void): void {
    this.flush()
    // Writes are done in their order: that of nothing comes after those before it.
    this.socket.write('', 'latin1', (error) => {
      this.host.written(error)
      if (!error) hear()
    })
  }

  unsent(): number {
    if (this.rest !== null) return this.rest.length
    // What does not fill the socket counts as sent: Node reports no later moment.
    return this.full ? Math.max(1, this.socket.writableLength) : 0
  }

  /** The socket takes more again. */
  onDrain(): void {
    const { current } = this
    this.full = false
    if (current === null) return
    if (this.rest !== null && !this.putRest()) return
    if (this.endsAfterRest) {
      this.endsAfterRest = false
      this.end(current, null)
    } else {
      current.onDrain(null)
    }
  }

  /** @param lent the next read overwrites the memory of `octets`: what is kept of them is copied. */
  receive(octets: Buffer, lent: boolean): void {
    this.lent = lent
    try {
      this.engine.receive(octets, lent)
    } finally {
      this.lent = false
    }
  }

  onInformational({ status, fields, reason, raw }: H1ResponseHead): void {
    this.current?.onInformational(null, status, fields, reason, raw)
  }

  onHeaders(head: H1ResponseHead): void {
    const { status, fields, reason, raw, version, keepAlive, keepAliveTimeout } = head
    const { current } = this
    if (head.framing === 'length') this.expected = head.contentLength
    this.host.onHead(keepAlive, keepAliveTimeout)
    if (current === null) return
    current.onHeaders(null, status, fields, reason, raw, version)
    if (current.exchange.isPaused) this.pause(current)
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.current?.onData(null, buffer, start, end)
  }

  onEnd(trailers: FieldList, raw: FieldList): void {
    const { current } = this
    this.current = null
    // Before `onEnd`, so that a request dispatched there finds the connection free.
    this.host.onResponseEnd()
    current?.onEnd(null, trailers, raw)
  }

  onUpgraded({ status, fields, reason, raw }: H1ResponseHead, rest: Buffer): void {
    const { current } = this
    this.current = null
    const socket = this.host.release(rest)
    current?.onUpgraded(status, fields, reason, raw, socket)
  }

  onFailed(error: HyperError): void {
    this.host.onFailed(error)
  }

  /** Ends the attempt under way, which is not to blame. */
  fail(error: Error): void {
    const { current } = this
    this.current = null
    current?.onError(null, error)
  }

  /** Reports what was written, after the caller that wrote it has returned. */
  tell(): void {
    this.telling = false
    const { current, untold, endUntold } = this
    this.untold = 0
    this.endUntold = false
    if (current === null) return
    if (untold > 0) current.onSent(null, untold)
    if (endUntold && this.current === current) current.onLocalEnd(null)
  }

  private put(octets: Uint8Array): boolean {
    let room = true
    const parts = this.engine.data(octets)
    // A chunk goes out whole, and not its size first: three segments would wake the server three times.
    if (parts.length > 1) this.socket.cork()
    for (const part of parts) {
      room =
        typeof part === 'string'
          ? this.socket.write(part, 'latin1', this.host.written)
          : this.socket.write(part, this.host.written)
    }
    if (parts.length > 1) this.socket.uncork()
    this.full = !room
    this.untold += octets.length
    if (this.left > 0) {
      this.left -= octets.length
      // A server knows the end by the length: it may answer before the body itself says that it has ended.
      if (this.left <= 0) this.current?.watchWriting()
    }
    this.tellLater()
    return room
  }

  /** Writes slices of the rest. @returns false when the socket takes no more now. */
  private putRest(): boolean {
    while (this.rest !== null) {
      const { rest } = this
      this.rest = rest.length > HTTP1_SLICE ? rest.subarray(HTTP1_SLICE) : null
      if (!this.put(rest.subarray(0, HTTP1_SLICE))) return false
    }
    return true
  }

  private tellLater(): void {
    if (this.telling) return
    this.telling = true
    nextTick(tell, this)
  }
}

function tell(codec: Http1Codec): void {
  codec.tell()
}
