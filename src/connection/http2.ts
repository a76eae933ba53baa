/**
 * `Http2Connection`: one socket that speaks HTTP/2. Bytes in, exchanges out.
 *
 * Rules
 * - One write a turn: what the reads of one turn of the event loop lead to (a server may put each response into a TLS
 *   record of its own, and each record is a read) is written once, after the last of them; what begins outside of
 *   reading is written as soon as the microtasks have run. While the socket is full nothing more is framed.
 * - One teardown path: `teardown()`. Error, close, end, protocol failure and destroy() all end there, once.
 * - A listener for 'error' is on the socket before it is ours and stays.
 * - An idle connection is unref'd: it keeps no process alive.
 */
import type { Socket } from 'node:net'
import { ConnectionLostError, PoolDestroyedError, type ProtocolError } from '../errors.ts'
import type { ConnectionInfo, Exchange, ExchangeHandler, ExchangeRequest } from '../exchange.ts'
import { H2Connection } from '../h2/index.ts'
import { serialiseRequest } from '../headers/request.ts'
import { BODY_TIMEOUT, CLOSE_TIMEOUT, HEADERS_TIMEOUT, IDLE_TIMEOUT, WRITE_BUDGET } from '../limits.ts'
import type { Origin } from '../net/origin.ts'
import { type PreparedBody, prepareBody } from './body.ts'
import { DeadlineTimer, now } from './deadline.ts'
import { Http2Exchange } from './http2-exchange.ts'

/** Options of a connection; times in milliseconds, sizes in octets. */
export interface ConnectionSettings {
  readonly headersTimeout?: number | undefined
  readonly bodyTimeout?: number | undefined
  readonly idleTimeout?: number | undefined
  readonly maxResponseSize?: number | undefined
  /** Streams at once, beside the peer's own limit. */
  readonly maxConcurrentStreams?: number | undefined
  readonly maxHeaderListSize?: number | undefined
  readonly maxHeaderFields?: number | undefined
  readonly streamWindow?: number | undefined
  readonly connectionWindow?: number | undefined
}

/** One live connection, of either protocol, as the pool sees it. */
export interface Connection {
  readonly info: ConnectionInfo
  /** Exchanges that may be dispatched now. */
  readonly available: number
  /** Exchanges open now. */
  readonly active: number
  /** It takes no new exchanges, now or later. */
  readonly draining: boolean
  /**
   * @returns null when there is no room for it after all; nothing was sent then.
   * @throws when the request itself is not acceptable; nothing was sent then.
   */
  dispatch(request: ExchangeRequest, handler: ExchangeHandler): Exchange | null
  /** While somebody waits for it, an idle connection keeps the process alive. */
  hold(held: boolean): void
  /** Takes no new exchanges and closes when the open ones have ended. */
  close(): void
  /** Closes at once; open exchanges end with the error. */
  destroy(error?: Error): void
}

/** What a connection tells the pool. */
export interface ConnectionOwner {
  /** Somebody waits for a connection. */
  readonly hasWaiting: boolean
  /** Slots came free, or the limit moved. */
  onAvailable(connection: Connection): void
  /** No new exchanges fit on it any more. */
  onDraining(connection: Connection): void
  /** It is gone. Its exchanges have ended. */
  onClosed(connection: Connection, error: Error | undefined): void
}

export class Http2Connection implements Connection {
  readonly info: ConnectionInfo
  readonly h2: H2Connection
  /** Milliseconds on a monotonic clock, read once a turn. */
  time = now()
  draining = false

  private readonly origin: Origin
  private readonly socket: Socket
  private readonly owner: ConnectionOwner
  private readonly headersTimeout: number
  private readonly bodyTimeout: number
  private readonly idleTimeout: number
  private readonly maxSize: number
  private readonly maxStreams: number
  private readonly watched = new Set<Http2Exchange>()
  private readonly deadlines = new DeadlineTimer((at) => this.checkDeadlines(at))
  private idleSince = now()
  /** Slots taken by exchanges whose bodies are being made. */
  private reserved = 0
  private flushScheduled = false
  /** Reads of this turn may still follow: what they lead to is written together. */
  private reading = false
  private timeIsFresh = false
  private blocked = false
  private closed = false
  private failure: ProtocolError | undefined

  constructor(
    origin: Origin,
    socket: Socket,
    info: ConnectionInfo,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
  ) {
    this.origin = origin
    this.socket = socket
    this.info = info
    this.owner = owner
    this.headersTimeout = settings.headersTimeout ?? HEADERS_TIMEOUT
    this.bodyTimeout = settings.bodyTimeout ?? BODY_TIMEOUT
    this.idleTimeout = settings.idleTimeout ?? IDLE_TIMEOUT
    this.maxSize = settings.maxResponseSize ?? Number.POSITIVE_INFINITY
    this.maxStreams = settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY
    socket.on('error', (error) => this.teardown(this.lost(error.message, error)))
    socket.on('close', () => this.teardown(this.lost('it was closed')))
    socket.on('end', () => this.teardown(this.lost('the server closed it')))
    socket.on('drain', () => {
      this.blocked = false
      this.flush()
    })
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    this.h2 = new H2Connection(this, {
      origin: origin.href,
      streamWindow: settings.streamWindow,
      connectionWindow: settings.connectionWindow,
      maxHeaderListSize: settings.maxHeaderListSize,
      maxHeaderFields: settings.maxHeaderFields,
      // The serialiser of requests has checked them.
      validateOutbound: false,
    })
    this.becomeIdle()
  }

  get active(): number {
    return this.h2.openStreams
  }

  get available(): number {
    if (this.draining || this.h2.dead || this.h2.goawayReceived) return 0
    return Math.min(this.h2.streamLimit, this.maxStreams) - this.h2.openLocal - this.reserved
  }

  dispatch(request: ExchangeRequest, handler: ExchangeHandler): Exchange | null {
    this.refreshTime()
    // A function that makes the body may dispatch, close or destroy: the slot is taken before it is called.
    this.reserved++
    try {
      const body = prepareBody(request.body)
      const head = serialiseRequest(request, this.origin.scheme, this.origin.authority, body.length)
      if (this.closed || this.h2.obstacle !== undefined) return null
      return this.begin(request, handler, head, body)
    } finally {
      this.reserved--
      this.finishIfDrained()
    }
  }

  private begin(request: ExchangeRequest, handler: ExchangeHandler, head: string[], body: PreparedBody): Exchange {
    const exchange = new Http2Exchange(
      this,
      request,
      handler,
      request.headersTimeout ?? this.headersTimeout,
      request.bodyTimeout ?? this.bodyTimeout,
      request.maxResponseSize ?? this.maxSize,
    )
    const wasIdle = this.h2.openStreams === 0
    exchange.start(head, body)
    if (wasIdle) this.socket.ref()
    if (this.h2.exhausted) this.drain()
    if (handler.onRequestSent !== undefined) process.nextTick(tellSent, exchange)
    return exchange
  }

  hold(held: boolean): void {
    if (this.closed || this.h2.openStreams > 0) return
    if (held) this.socket.ref()
    else this.socket.unref()
  }

  close(): void {
    if (this.closed) return
    this.drain()
    this.finishIfDrained()
  }

  /** Nothing is left to be done on it. */
  private finishIfDrained(): void {
    if (this.draining && !this.closed && this.h2.openStreams === 0 && this.reserved === 0) this.finish()
  }

  destroy(error?: Error): void {
    this.teardown(error ?? new PoolDestroyedError({ origin: this.origin.href }))
  }

  /** @internal */
  readClock(): void {
    this.time = now()
  }

  /** @internal */
  watch(exchange: Http2Exchange): void {
    this.watched.add(exchange)
    this.deadlines.request(exchange.deadline)
  }

  /** @internal */
  unwatch(exchange: Http2Exchange): void {
    this.watched.delete(exchange)
  }

  /** @internal */
  onOutput(): void {
    if (this.flushScheduled || this.reading) return
    this.flushScheduled = true
    process.nextTick(flush, this)
  }

  /** @internal */
  onSettings(): void {
    this.owner.onAvailable(this)
  }

  /** @internal */
  onPong(): void {
    // Round trips are measured by whoever sent the PING; nobody does yet.
  }

  /** @internal */
  onGoaway(): void {
    this.drain()
    if (this.h2.openStreams === 0) this.finish()
  }

  /** @internal */
  onStreamClosed(): void {
    if (this.closed) return
    if (this.h2.openStreams === 0) {
      if (this.draining) {
        this.finish()
        return
      }
      this.becomeIdle()
    }
    this.owner.onAvailable(this)
  }

  /** @internal */
  onFailed(error: ProtocolError): void {
    this.failure = error
    this.drain()
    this.finish()
  }

  private receive(chunk: Buffer): void {
    if (!this.reading) {
      this.reading = true
      this.timeIsFresh = true
      this.time = now()
      setImmediate(endReading, this)
    }
    this.h2.receive(chunk)
  }

  /** The reads of this turn are over. */
  endReading(): void {
    this.reading = false
    this.flush()
  }

  /** The clock is read at the first dispatch of a turn, and no more until the turn's output is written. */
  private refreshTime(): void {
    if (this.timeIsFresh) return
    this.timeIsFresh = true
    this.time = now()
    this.onOutput()
  }

  /** Writes what this turn produced. */
  flush(): void {
    this.flushScheduled = false
    this.timeIsFresh = false
    if (this.blocked || this.closed) return
    const { socket } = this
    this.time = now()
    // Taken even when it is empty: only what has been taken is announced anew.
    const segments = this.h2.takeOutput(WRITE_BUDGET)
    if (segments.length === 0) return
    let ready = true
    if (segments.length === 1) {
      ready = socket.write(segments[0])
    } else {
      socket.cork()
      for (const segment of segments) ready = socket.write(segment)
      socket.uncork()
    }
    if (!ready) this.blocked = true
    else if (this.h2.hasOutput) this.onOutput()
  }

  private becomeIdle(): void {
    this.idleSince = now()
    if (!this.owner.hasWaiting) this.socket.unref()
    if (this.idleTimeout > 0) this.deadlines.request(this.idleSince + this.idleTimeout)
  }

  private checkDeadlines(at: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const exchange of [...this.watched]) {
      if (exchange.deadline <= at) exchange.expire()
      else if (exchange.deadline < next) next = exchange.deadline
    }
    if (this.idleTimeout > 0 && !this.closed && this.h2.openStreams === 0) {
      const idleUntil = this.idleSince + this.idleTimeout
      if (idleUntil <= at) this.close()
      else if (idleUntil < next) next = idleUntil
    }
    return next
  }

  private drain(): void {
    if (this.draining) return
    this.draining = true
    this.owner.onDraining(this)
  }

  /** Says good-bye and closes: GOAWAY, what is still to be written, FIN. */
  private finish(): void {
    if (this.closed) return
    this.closed = true
    this.deadlines.stop()
    const { socket } = this
    this.h2.goaway()
    for (const segment of this.h2.takeOutput(WRITE_BUDGET)) socket.write(segment)
    this.h2.terminate(() => this.lost('it was closed'))
    socket.end()
    socket.unref()
    // A peer that never answers our FIN must not hold the socket.
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    this.owner.onClosed(this, this.failure)
  }

  private teardown(error: Error): void {
    if (this.closed) {
      this.socket.destroy()
      return
    }
    this.closed = true
    this.draining = true
    this.deadlines.stop()
    this.socket.destroy()
    this.h2.terminate(() => error)
    this.owner.onClosed(this, error)
  }

  private lost(why: string, cause?: Error): ConnectionLostError {
    return new ConnectionLostError(`The connection to ${this.origin.href} was lost: ${why}`, {
      origin: this.origin.href,
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

function flush(connection: Http2Connection): void {
  connection.flush()
}

function endReading(connection: Http2Connection): void {
  connection.endReading()
}

function tellSent(exchange: Http2Exchange): void {
  exchange.tellSent()
}
