/**
 * One exchange on an HTTP/2 connection: between a stream of `src/h2` and a handler of `src/exchange.ts`.
 *
 * Hot path: one monomorphic object an exchange, no closures. It settles exactly once: `settled` is set before the
 * last callback, and every path looks at it.
 */
import { abortReason, ContentLengthError, ResponseTooLargeError, TimeoutError, toError } from '../errors.ts'
import type { ConnectionInfo, Exchange, ExchangeHandler, ExchangeRequest, FieldList } from '../exchange.ts'
import { ErrorCode } from '../frame/codes.ts'
import type { H2Connection, H2Stream, StreamListener } from '../h2/index.ts'
import { getField } from '../headers/fields.ts'
import { serialiseTrailers } from '../headers/request.ts'
import { chunkBytes, discardSource, type PreparedBody } from './body.ts'

/** What an exchange needs of the connection that carries it. */
export interface ExchangeHost {
  readonly h2: H2Connection
  readonly info: ConnectionInfo
  /** The time of the current turn, milliseconds on a monotonic clock. */
  readonly time: number
  /** Reads the clock outside of a turn that reads or writes. */
  readClock(): void
  /** Remembers an exchange that has a deadline. */
  watch(exchange: Http2Exchange): void
  unwatch(exchange: Http2Exchange): void
}

export class Http2Exchange implements StreamListener, Exchange {
  /** When the current wait runs out; Infinity when it may last. */
  deadline = Number.POSITIVE_INFINITY

  private readonly host: ExchangeHost
  private readonly request: ExchangeRequest
  private readonly handler: ExchangeHandler
  private readonly headersTimeout: number
  private readonly bodyTimeout: number
  private readonly maxSize: number
  private stream: H2Stream | null = null
  private source: PreparedBody['source'] = null
  private settled = false
  private headersSeen = false
  private requestSent = false
  private paused = false
  private received = 0
  /** Chunks withheld while paused, and the end if it came meanwhile. */
  private held: Buffer[] | null = null
  private heldEnd: FieldList | null = null
  private releasing = false
  /** Wakes the body pump. */
  private wake: (() => void) | null = null

  constructor(
    host: ExchangeHost,
    request: ExchangeRequest,
    handler: ExchangeHandler,
    headersTimeout: number,
    bodyTimeout: number,
    maxSize: number,
  ) {
    this.host = host
    this.request = request
    this.handler = handler
    this.headersTimeout = headersTimeout
    this.bodyTimeout = bodyTimeout
    this.maxSize = maxSize
  }

  get connection(): ConnectionInfo {
    return this.host.info
  }

  /** Opens the stream and sends what is there. Errors of the body come later, through the handler. */
  start(head: string[], body: PreparedBody): void {
    const { h2 } = this.host
    const { trailers } = this.request
    const hasTrailers = trailers !== null && trailers !== undefined
    const empty = body.length === 0 && !hasTrailers
    const stream = h2.request(head, empty, this)
    this.stream = stream
    this.restart(this.headersTimeout)
    if (empty) {
      this.requestSent = true
      return
    }
    if (body.source !== null) {
      this.source = body.source
      void this.pump(body.source, body.length === -1 ? announcedLength(head) : body.length)
      return
    }
    if (body.bytes !== null) h2.write(stream, body.bytes)
    if (hasTrailers) {
      // The function may throw or give what may not be sent: after dispatch() has returned, as any other failure.
      process.nextTick(finishBody, this)
    } else {
      h2.end(stream)
    }
  }

  abort(reason?: unknown): void {
    if (this.settled) return
    this.fail(abortReason(reason))
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
    const kind = this.headersSeen ? 'body' : 'headers'
    const timeout = this.headersSeen ? this.bodyTimeout : this.headersTimeout
    this.fail(new TimeoutError(kind, timeout, { origin: this.request.origin }))
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
      this.dropSource()
      return
    }
    this.settleEnd(trailers)
  }

  onError(_stream: H2Stream, error: Error): void {
    if (this.settled) return
    // What was received whole before the stream's end is whole, whatever happened to the connection since.
    if (this.heldEnd !== null) return
    this.settle()
    this.report(error, false)
  }

  onSent(_stream: H2Stream, octets: number): void {
    if (this.settled) return
    if (!this.headersSeen) this.restart(this.headersTimeout)
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
    this.wakePump()
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
    this.settle()
    try {
      this.handler.onEnd(trailers)
    } catch (thrown) {
      this.report(toError(thrown), true)
    }
  }

  /** Ends the exchange from our side: the peer is told, if it still matters to it. */
  private fail(error: Error): void {
    if (this.settled) return
    this.settle()
    if (this.stream !== null) this.host.h2.reset(this.stream, ErrorCode.CANCEL)
    this.report(error, true)
  }

  private report(error: Error, local: boolean): void {
    try {
      this.handler.onError(error, local)
    } catch (thrown) {
      // A handler that cannot be told anything is a bug of its owner's: it surfaces, but not in our data path.
      queueMicrotask(() => {
        throw thrown
      })
    }
  }

  private settle(): void {
    this.settled = true
    this.held = null
    this.stopClock()
    this.host.unwatch(this)
    this.dropSource()
  }

  /** Reads no more of the body. */
  private dropSource(): void {
    if (this.source !== null) {
      discardSource(this.source, abortReason(undefined))
      this.source = null
    }
    this.wakePump()
  }

  /** Nothing more is to be sent: the exchange is over, or the response is whole already. */
  private get sendingIsOver(): boolean {
    return this.settled || this.heldEnd !== null
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

  private wakePump(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }

  /** Reads the source and writes it to the stream, at the pace of the peer's window. */
  private async pump(source: NonNullable<PreparedBody['source']>, announced: number): Promise<void> {
    const { stream } = this
    const { h2 } = this.host
    if (stream === null) return
    let sent = 0
    try {
      for await (const piece of source) {
        if (this.sendingIsOver) return
        const bytes = chunkBytes(piece)
        sent += bytes.length
        if (announced !== -1 && sent > announced) throw this.lengthError(announced, 'more')
        if (!h2.write(stream, bytes)) await this.drained()
        if (this.sendingIsOver) return
      }
      if (announced !== -1 && sent !== announced) throw this.lengthError(announced, `${sent}`)
      this.source = null
      this.finishBody()
    } catch (thrown) {
      this.fail(toError(thrown))
    }
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  /** The body is sent: the trailers follow, if there are any. */
  finishBody(): void {
    const { stream } = this
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

  private lengthError(announced: number, had: string): ContentLengthError {
    return new ContentLengthError('request', `content-length says ${announced}, but the body has ${had} octets`, {
      origin: this.request.origin,
    })
  }
}

/** The content-length that the caller gave for a body of unknown length. */
function announcedLength(head: FieldList): number {
  const length = getField(head, 'content-length')
  return length === undefined ? -1 : Number(length)
}

function finishBody(exchange: Http2Exchange): void {
  exchange.finishBody()
}
