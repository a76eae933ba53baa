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
 * - A peer is not believed to be there: one that is silent is asked (`liveness.ts`), and one that takes nothing of what
 *   waits to be sent is given up.
 */
import { channels, publishConnection } from '../diagnostics.ts'
import {
  ConnectError,
  ConnectionLostError,
  GoawayError,
  PoolDestroyedError,
  type ProtocolError,
  TimeoutError,
  toError,
} from '../errors.ts'
import type { ConnectionInfo, Exchange, ExchangeHandler, ExchangeRequest } from '../exchange.ts'
import { ErrorCode } from '../frame/codes.ts'
import { Budget } from '../h2/budget.ts'
import { type ConnectionListener, H2Connection, type H2Stream, type StreamListener, StreamState } from '../h2/index.ts'
import { serialiseRequest } from '../headers/request.ts'
import type { RequestHead } from '../headers/section.ts'
import {
  BLOCKED_WRITE_BUDGET,
  BODY_TIMEOUT,
  CLOSE_TIMEOUT,
  CONNECT_TIMEOUT,
  HEADERS_TIMEOUT,
  IDLE_TIMEOUT,
  MAX_AGE,
  OWN_RESETS_BURST,
  OWN_RESETS_PER_SECOND,
  PING_TIMEOUT,
  PROBE_AFTER,
  VERIFY_AFTER,
  WRITE_BUDGET,
  WRITE_TIMEOUT,
} from '../limits.ts'
import type { Wire } from '../net/link.ts'
import type { Origin } from '../net/origin.ts'
import { Ballast } from './ballast.ts'
import { discardMade, type PreparedBody, prepareBody } from './body.ts'
import type { Connection, ConnectionOwner, ConnectionSettings, ConnectionStats } from './contract.ts'
import { DeadlineTimer, now } from './deadline.ts'
import { engineOptions } from './engine.ts'
import { type FrameLog, frameLog } from './frame-log.ts'
import { Http2Exchange } from './http2-exchange.ts'
import { Liveness } from './liveness.ts'
import { StallWatch } from './stall.ts'

/** How a connection begins that was upgraded from HTTP/1.1: stream 1 is the upgrade's, and what was read after it is ours. */
export interface UpgradeStart {
  readonly method: string
  readonly listener: StreamListener
  readonly octets: Buffer
}

export class Http2Connection implements Connection, ConnectionListener {
  readonly info: ConnectionInfo
  readonly h2: H2Connection
  readonly liveness: Liveness
  /** Milliseconds on a monotonic clock, read once a turn. */
  time = now()
  draining = false

  private readonly origin: Origin
  private readonly socket: Wire
  private readonly owner: ConnectionOwner
  private readonly settings: ConnectionSettings
  private readonly headersTimeout: number
  private readonly bodyTimeout: number
  private readonly writeTimeout: number
  private readonly idleTimeout: number
  private readonly verifyAfter: number
  private readonly maxSize: number
  private readonly maxStreams: number
  private readonly maxRequests: number
  private readonly retireAt: number
  private readonly settingsUntil: number
  private readonly watched = new Set<Http2Exchange>()
  private readonly deadlines = new DeadlineTimer((at) => this.checkDeadlines(at))
  private readonly log: FrameLog | undefined
  private readonly bornAt = now()
  private idleSince = now()
  private requests = 0
  /** Slots taken by exchanges whose bodies are being made, or that wait for the peer's settings. */
  private reserved = 0
  /** What waits for the peer's settings: extended CONNECT needs them. */
  private readonly deferred: (() => void)[] = []
  private flushScheduled = false
  /** Reads of this turn may still follow: what they lead to is written together. */
  private reading = false
  private timeIsFresh = false
  /** The socket is full: nothing more is written. */
  blocked = false
  private wasBlocked = false
  private readonly stall: StallWatch
  private readonly ballast = new Ballast()
  private verifying = false
  /** Who waits for an answer to a PING. */
  private readonly pings = new Set<(rtt: number | null) => void>()
  /** Resets of this turn are to be asked about. */
  private confirming = false
  private readonly resets = new Budget(OWN_RESETS_BURST, OWN_RESETS_PER_SECOND, now)
  private closed = false
  private failure: ProtocolError | undefined
  /** Why the peer goes, when it goes for a reason: what ends with the connection ends for it. */
  private goaway: GoawayError | undefined
  /** The connection came by an upgrade. */
  private readonly upgraded: boolean
  /**
   * Is stream 1 open, the answer to the upgrade's own question? It is nobody's: not waited for, and not reset either, since
   * Apache (2.4) ends the whole connection when that stream is reset while it works on it.
   */
  private answering: 0 | 1

  constructor(
    origin: Origin,
    socket: Wire,
    info: ConnectionInfo,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
    upgrade?: UpgradeStart,
  ) {
    this.origin = origin
    this.socket = socket
    this.info = info
    this.owner = owner
    this.settings = settings
    this.upgraded = upgrade !== undefined
    this.answering = this.upgraded ? 1 : 0
    this.headersTimeout = settings.headersTimeout ?? HEADERS_TIMEOUT
    this.bodyTimeout = settings.bodyTimeout ?? BODY_TIMEOUT
    this.writeTimeout = settings.writeTimeout ?? WRITE_TIMEOUT
    this.stall = new StallWatch(this.writeTimeout)
    this.idleTimeout = settings.idleTimeout ?? IDLE_TIMEOUT
    this.verifyAfter = settings.verifyAfter ?? VERIFY_AFTER
    this.maxSize = settings.maxResponseSize ?? Number.POSITIVE_INFINITY
    this.maxStreams = settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY
    this.maxRequests = settings.maxRequests ?? Number.POSITIVE_INFINITY
    const settingsTimeout = settings.connectTimeout ?? CONNECT_TIMEOUT
    this.settingsUntil = settingsTimeout > 0 ? this.bornAt + settingsTimeout : Number.POSITIVE_INFINITY
    const maxAge = settings.maxAge ?? MAX_AGE
    this.retireAt = maxAge > 0 ? this.bornAt + maxAge : Number.POSITIVE_INFINITY
    this.log = frameLog(origin.href)
    this.liveness = new Liveness(
      settings.pingTimeout ?? PING_TIMEOUT,
      (payload) => {
        this.h2.ping(payload)
        this.deadlines.request(Math.min(this.liveness.deadline, this.liveness.confirmDeadline))
      },
      this.bornAt,
    )
    this.h2 = new H2Connection(this, {
      ...engineOptions(origin, settings, info),
      streamsBeforeSettings: owner.knownStreamLimit,
    })
    // Not before there is an engine: making one may throw, with what the caller gave.
    socket.on('error', (error) => this.teardown(this.goaway ?? this.lost(error.message, error)))
    socket.on('close', () => this.teardown(this.goaway ?? this.lost('it was closed')))
    socket.on('end', () => this.teardown(this.goaway ?? this.lost('the server closed it')))
    socket.on('drain', () => this.unblock())
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    if (upgrade !== undefined) {
      this.h2.upgraded(upgrade.method, upgrade.listener)
      // Not within the constructor: what it leads to is told to an owner that does not know us yet.
      if (upgrade.octets.length > 0) process.nextTick(receive, this, upgrade.octets)
    }
    this.deadlines.request(Math.min(this.settingsUntil, this.retireAt))
    this.becomeIdle()
  }

  get active(): number {
    return this.h2.openStreams - this.answering
  }

  get available(): number {
    if (this.draining || this.h2.dead || this.h2.goawayReceived) return 0
    if (this.active === 0 && this.stale) return 0
    const room = Math.min(this.h2.streamLimit, this.maxStreams) - this.h2.openLocal - this.liveness.unconfirmed
    return Math.min(room, this.maxRequests - this.requests) - this.reserved
  }

  get stale(): boolean {
    if (this.verifying) return true
    return this.verifyAfter > 0 && this.active === 0 && now() - this.liveness.lastHeard > this.verifyAfter
  }

  get stats(): ConnectionStats {
    const { liveness } = this
    return {
      protocol: 'h2',
      remoteAddress: this.info.remoteAddress,
      active: this.active,
      available: Math.max(0, this.available),
      draining: this.draining,
      requests: this.requests,
      bytesRead: liveness.bytesRead,
      bytesWritten: liveness.bytesWritten,
      rtt: liveness.rtt === 0 ? undefined : liveness.rtt,
      windows: this.h2.windows(),
    }
  }

  /** Does the peer take extended CONNECT (RFC 8441)? Undefined until its settings have come. */
  get takesExtendedConnect(): boolean | undefined {
    return this.h2.settingsReceived ? this.h2.remoteSettings.enableConnectProtocol : undefined
  }

  verify(): void {
    if (this.verifying || this.closed) return
    this.verifying = true
    this.time = now()
    this.socket.ref()
    this.liveness.ping(this.time, true, () => {
      this.verifying = false
      if (this.closed) return
      this.becomeIdle()
      this.owner.onAvailable(this)
    })
  }

  ping(onPong: (rtt: number | null) => void): void {
    if (this.closed) {
      onPong(null)
      return
    }
    this.time = now()
    this.pings.add(onPong)
    // The answer is awaited by somebody.
    this.socket.ref()
    this.liveness.ping(this.time, true, (rtt) => {
      this.pings.delete(onPong)
      if (!this.closed && this.active === 0) this.becomeIdle()
      onPong(rtt)
    })
  }

  dispatch(request: ExchangeRequest, handler: ExchangeHandler, authority = this.origin.authority): Exchange | null {
    this.refreshTime()
    // A function that makes the body may dispatch, close or destroy: the slot is taken before it is called.
    this.reserved++
    let body: PreparedBody | undefined
    try {
      body = prepareBody(request.body)
      const head = serialiseRequest(request, this.origin.scheme, authority, body.length)
      const exchange =
        this.closed || this.draining || this.h2.obstacle !== undefined ? null : this.begin(request, handler, head, body)
      if (exchange === null) discardMade(request.body, body)
      return exchange
    } catch (thrown) {
      discardMade(request.body, body)
      throw thrown
    } finally {
      this.reserved--
      this.finishIfDrained()
    }
  }

  private begin(request: ExchangeRequest, handler: ExchangeHandler, head: string[], body: PreparedBody): Exchange {
    // Nobody knows how long a tunnel is silent.
    const bodyTimeout = request.bodyTimeout ?? (request.method === 'CONNECT' ? 0 : this.bodyTimeout)
    const exchange = new Http2Exchange(
      this,
      request,
      handler,
      request.headersTimeout ?? this.headersTimeout,
      bodyTimeout,
      request.writeTimeout ?? this.writeTimeout,
      request.maxResponseSize ?? this.maxSize,
    )
    this.requests++
    if (request.protocol !== undefined && !this.h2.settingsReceived) {
      this.defer(exchange, head, body)
      return exchange
    }
    this.open(exchange, head, body)
    if (handler.onRequestSent !== undefined) process.nextTick(tellSent, exchange)
    return exchange
  }

  private open(exchange: Http2Exchange, head: string[], body: PreparedBody): void {
    const wasIdle = this.active === 0
    exchange.start(head, body)
    if (wasIdle && this.active > 0) {
      this.socket.ref()
      const { pingInterval = 0 } = this.settings
      if (pingInterval > 0) this.deadlines.request(this.time + pingInterval)
    }
    if (this.h2.exhausted || this.requests >= this.maxRequests) this.drain()
  }

  /** RFC 8441 section 3: not before the peer's settings have come. */
  private defer(exchange: Http2Exchange, head: string[], body: PreparedBody): void {
    this.reserved++
    this.socket.ref()
    this.deferred.push(() => {
      this.reserved--
      if (exchange.over) return
      if (this.closed || this.h2.obstacle !== undefined) exchange.refuse(this.lost('it was closed', undefined, true))
      else this.open(exchange, head, body)
    })
  }

  /** Starts what waited for the peer's settings, as far as they allow. */
  private startDeferred(): void {
    while (this.deferred.length > 0 && (this.closed || this.h2.obstacle !== 'limit')) this.deferred.shift()?.()
    if (this.active === 0 && this.reserved === 0 && !this.closed) this.becomeIdle()
    this.finishIfDrained()
  }

  hold(held: boolean): void {
    if (this.closed || this.active > 0 || this.reserved > 0 || this.verifying) return
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
    if (this.draining && !this.closed && this.active === 0 && this.reserved === 0) this.finish()
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

  /**
   * An exchange resets its stream. The peer may count it until it has read that: near its limit we ask. And a peer of
   * whom nothing was heard for a while is asked whether it is there at all.
   * @internal
   */
  reset(stream: H2Stream, code: number = ErrorCode.CANCEL): void {
    if (stream.state === StreamState.CLOSED) return
    this.readClock()
    const limit = Math.min(this.h2.streamLimit, this.maxStreams)
    const nearLimit = (this.h2.openLocal + this.liveness.unconfirmed) * 2 >= limit
    // Counted before the stream is closed, for whoever waits is told of free slots by its closing; asked about once for all
    // of this turn. Pushed streams do not count against the limit of ours.
    if (stream.local) {
      this.liveness.countReset()
      this.confirming ||= nearLimit
    }
    this.h2.reset(stream, code)
    // Servers end connections on which too much is cancelled (CVE-2023-44487), with all that is on them.
    if (!this.resets.take()) this.drain()
    if (this.time - this.liveness.lastHeard >= PROBE_AFTER) this.liveness.probe(this.time)
  }

  /** @internal */
  onOutput(): void {
    if (this.flushScheduled || this.reading) return
    this.flushScheduled = true
    process.nextTick(flush, this)
  }

  /** @internal */
  onSettings(): void {
    if (this.deferred.length > 0) this.startDeferred()
    this.owner.onStreamLimit?.(this.h2.streamLimit)
    this.owner.onAvailable(this)
  }

  /** @internal */
  onSettingsAcknowledged(): void {
    // The first answer to anything of ours: the round trip, as far as the peer was not busy.
    if (this.liveness.rtt === 0) this.liveness.sample(Math.max(this.time - this.bornAt, 0.01))
    this.h2.rtt = this.liveness.minRtt
  }

  /** @internal */
  onPong(payload: Uint8Array): void {
    const before = this.liveness.unconfirmed
    this.liveness.pong(payload, this.time)
    this.h2.rtt = this.liveness.minRtt
    if (this.closed) return
    // Those that came while the answer was on its way.
    if (this.liveness.unasked > 0) {
      this.confirming = true
      this.onOutput()
    }
    if (this.liveness.unconfirmed < before) this.owner.onAvailable(this)
  }

  /** @internal */
  onGoaway(code: number, lastStreamId: number, debug: string): void {
    if (code === ErrorCode.HTTP_1_1_REQUIRED) this.owner.onHttp1Required?.(this)
    if (this.upgraded && lastStreamId <= 1) this.owner.onUpgradeLost?.(this)
    if (code !== ErrorCode.NO_ERROR) {
      this.goaway = new GoawayError(code, lastStreamId, { debug, origin: this.origin.href })
    }
    this.drain()
    this.finishIfDrained()
  }

  /** @internal */
  onStreamClosed(): void {
    if (this.closed) return
    if (this.answering === 1 && this.h2.stream(1) === undefined) this.answering = 0
    if (this.deferred.length > 0) {
      this.startDeferred()
      if (this.closed) return
    }
    if (this.active === 0) {
      if (this.draining) {
        this.finishIfDrained()
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

  /** @internal */
  onPush(parent: H2Stream, promised: H2Stream, head: RequestHead): StreamListener | undefined {
    const { listener } = parent
    return listener instanceof Http2Exchange
      ? listener.promised(promised, head, this.settings.maxResponseSize ?? Number.POSITIVE_INFINITY)
      : undefined
  }

  /** @internal */
  onAltSvc(origin: string, value: string): void {
    this.owner.onAltSvc?.(this, origin === '' ? this.origin.href : origin, value)
  }

  /** @internal */
  onOrigin(origins: readonly string[]): void {
    this.owner.onOrigin?.(this, origins)
  }

  /** @internal */
  receive(chunk: Buffer): void {
    if (!this.reading) {
      this.reading = true
      this.timeIsFresh = true
      this.time = now()
      setImmediate(endReading, this)
    }
    this.liveness.heard(chunk.length, this.time)
    this.ballast.add(chunk.length)
    this.log?.received(chunk)
    this.h2.receive(chunk)
  }

  /** The reads of this turn are over. */
  endReading(): void {
    this.reading = false
    if (!this.closed) this.liveness.measure(this.time)
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
    const freed = this.confirming && this.liveness.confirmResets(this.time)
    this.confirming = false
    if (freed) this.owner.onAvailable(this)
    // Taken even when it is empty: only what has been taken is announced anew.
    const segments = this.h2.takeOutput(this.wasBlocked ? BLOCKED_WRITE_BUDGET : WRITE_BUDGET)
    this.wasBlocked = false
    if (segments.length === 0) return
    let ready = true
    if (segments.length === 1) {
      ready = this.write(segments[0])
    } else {
      socket.cork()
      for (const segment of segments) ready = this.write(segment)
      socket.uncork()
    }
    if (this.closed) return
    if (!ready) this.block()
    else if (this.h2.hasOutput) this.onOutput()
  }

  private write(segment: Buffer): boolean {
    this.liveness.bytesWritten += segment.length
    this.log?.sent(segment)
    try {
      return this.socket.write(segment)
    } catch (thrown) {
      // Node's sockets do not throw; what somebody made of one may.
      const cause = toError(thrown)
      this.teardown(this.lost(cause.message, cause))
      return false
    }
  }

  private block(): void {
    this.blocked = true
    this.liveness.setBlocked(true, this.time)
    this.deadlines.request(this.stall.begin(this.socket.writableLength, this.time))
  }

  private unblock(): void {
    this.blocked = false
    this.wasBlocked = true
    this.liveness.setBlocked(false, now())
    this.deadlines.request(this.liveness.deadline)
    this.flush()
  }

  private becomeIdle(): void {
    this.ballast.drop()
    this.idleSince = now()
    if (!this.owner.hasWaiting && this.reserved === 0) this.socket.unref()
    if (this.idleTimeout > 0) this.deadlines.request(this.idleSince + this.idleTimeout)
  }

  private checkDeadlines(at: number): number {
    this.time = at
    let next = Number.POSITIVE_INFINITY
    for (const exchange of [...this.watched]) {
      if (exchange.deadline <= at) exchange.expire()
      else if (exchange.deadline < next) next = exchange.deadline
    }
    if (this.closed) return Number.POSITIVE_INFINITY
    return Math.min(next, this.checkPeer(at), this.checkAge(at))
  }

  /** Is the peer there, and does it take what we send? */
  private checkPeer(at: number): number {
    const { liveness } = this
    if (liveness.deadline <= at) {
      this.teardown(this.lost('the server did not answer a PING'))
      return Number.POSITIVE_INFINITY
    }
    let next = Number.POSITIVE_INFINITY
    if (!this.h2.settingsReceived) {
      next = this.settingsUntil
      if (next <= at) {
        this.teardown(this.silent())
        return Number.POSITIVE_INFINITY
      }
    }
    if (this.blocked) {
      const due = this.stall.look(this.socket.writableLength, at)
      if (due <= at) {
        const cause = new TimeoutError('write', this.writeTimeout, { origin: this.origin.href })
        this.teardown(this.lost(cause.message, cause))
        return Number.POSITIVE_INFINITY
      }
      next = Math.min(next, due)
    }
    const { pingInterval = 0 } = this.settings
    if (pingInterval > 0 && this.active > 0) {
      if (liveness.lastHeard + pingInterval <= at) liveness.probe(at)
      next = Math.min(next, Math.max(liveness.lastHeard, at) + pingInterval)
    }
    if (liveness.confirmDeadline <= at) {
      liveness.giveUpConfirming()
      this.owner.onAvailable(this)
    }
    return Math.min(next, liveness.deadline, liveness.confirmDeadline)
  }

  /** Has it been idle for too long, or lived for too long? */
  private checkAge(at: number): number {
    if (this.retireAt <= at) {
      this.close()
      return Number.POSITIVE_INFINITY
    }
    if (this.idleTimeout <= 0 || this.active > 0 || this.reserved > 0) return this.retireAt
    const idleUntil = this.idleSince + this.idleTimeout
    if (idleUntil <= at) {
      this.close()
      return Number.POSITIVE_INFINITY
    }
    return Math.min(idleUntil, this.retireAt)
  }

  private drain(): void {
    if (this.draining) return
    this.draining = true
    this.owner.onDraining(this)
  }

  /** Says good-bye and closes: GOAWAY, what is still to be written, FIN. */
  private finish(): void {
    if (this.closed) return
    const { socket } = this
    this.h2.goaway()
    for (const segment of this.h2.takeOutput(WRITE_BUDGET)) this.write(segment)
    this.closed = true
    this.deadlines.stop()
    this.h2.terminate(() => this.lost('it was closed'))
    socket.end()
    socket.unref()
    // A peer that never answers our FIN must not hold the socket.
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    this.tellClosed(this.failure)
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
    this.tellClosed(error)
  }

  private tellClosed(error: Error | undefined): void {
    for (const start of this.deferred.splice(0)) start()
    for (const onPong of this.pings) process.nextTick(onPong, null)
    this.pings.clear()
    if (channels.closed.hasSubscribers)
      publishConnection(channels.closed, { origin: this.origin.href, connection: this.info, error })
    this.owner.onClosed(this, error)
  }

  private lost(why: string, cause?: Error, retryable = false): ConnectionLostError {
    return new ConnectionLostError(`The connection to ${this.origin.href} was lost: ${why}`, {
      origin: this.origin.href,
      retryable,
      ...(cause === undefined ? {} : { cause }),
    })
  }

  private silent(): ConnectError {
    return new ConnectError(`Cannot connect to ${this.origin.href}: the server sent no SETTINGS in time`, {
      phase: 'preface',
      origin: this.origin.href,
    })
  }
}

function flush(connection: Http2Connection): void {
  connection.flush()
}

function endReading(connection: Http2Connection): void {
  connection.endReading()
}

function receive(connection: Http2Connection, octets: Buffer): void {
  connection.receive(octets)
}

function tellSent(exchange: Http2Exchange): void {
  exchange.tellSent()
}
