/**
 * `Http2Connection`: one socket that speaks HTTP/2. Bytes in, exchanges out.
 *
 * Rules
 * - One teardown path: `teardown()`. Error, close, end, protocol failure and destroy() all end there, once.
 * - A listener for 'error' is on the socket before it is ours and stays.
 * - An idle connection is unref'd: it keeps no process alive.
 * - A peer is not believed to be there: one that is silent is asked (`liveness.ts`), and one that takes nothing of what
 *   waits to be sent is given up.
 */
import { channels, publishConnection } from '../diagnostics.ts'
import { type ConnectionLostError, GoawayError, PoolDestroyedError, type ProtocolError } from '../errors.ts'
import type { ConnectionInfo, Exchange, ExchangeHandler, ExchangeRequest } from '../exchange.ts'
import { ErrorCode } from '../frame/codes.ts'
import { Budget } from '../h2/budget.ts'
import { type ConnectionListener, H2Connection, type H2Stream, type StreamListener, StreamState } from '../h2/index.ts'
import { serialiseRequest } from '../headers/request.ts'
import type { RequestHead } from '../headers/section.ts'
import { CLOSE_TIMEOUT, OWN_RESETS_BURST, OWN_RESETS_PER_SECOND, PING_TIMEOUT, PROBE_AFTER } from '../limits.ts'
import type { Wire } from '../net/link.ts'
import type { Origin } from '../net/origin.ts'
import { Ballast } from './ballast.ts'
import { discardMade, type PreparedBody, prepareBody } from './body.ts'
import type { Connection, ConnectionOwner, ConnectionSettings, ConnectionStats } from './contract.ts'
import { now } from './deadline.ts'
import { engineOptions } from './engine.ts'
import { type FrameLog, frameLog } from './frame-log.ts'
import { Http2Exchange } from './http2-exchange.ts'
import { Http2Output } from './http2-output.ts'
import { type Http2Times, http2Times } from './http2-times.ts'
import { Liveness } from './liveness.ts'
import { connectionLost } from './lost.ts'
import { Vigil } from './vigil.ts'

/** How a connection begins that was upgraded from HTTP/1.1: stream 1 is the upgrade's, and what was read after it is ours. */
export interface UpgradeStart {
  readonly method: string
  readonly listener: StreamListener
  readonly octets: Buffer
}

/** An exchange that waits for the peer's settings. */
interface Deferred {
  readonly exchange: Http2Exchange
  readonly start: () => void
}

export class Http2Connection implements Connection, ConnectionListener {
  readonly info: ConnectionInfo
  readonly h2: H2Connection
  readonly liveness: Liveness
  /** Milliseconds on a monotonic clock, read once a turn. */
  time = now()
  draining = false

  readonly times: Http2Times
  readonly output: Http2Output
  /** Nothing is read or written any more. */
  closed = false

  private readonly origin: Origin
  private readonly socket: Wire
  private readonly owner: ConnectionOwner
  private readonly vigil: Vigil
  private readonly log: FrameLog | undefined
  private readonly bornAt = now()
  private requests = 0
  /** Slots taken by exchanges whose bodies are being made, or that wait for the peer's settings. */
  private reserved = 0
  /** What waits for the peer's settings: extended CONNECT needs them. */
  private readonly deferred: Deferred[] = []
  private timeIsFresh = false
  private readonly ballast = new Ballast()
  private verifying = false
  /** Who waits for an answer to a PING. */
  private readonly pings = new Set<(rtt: number | null) => void>()
  /** Resets of this turn are to be asked about. */
  private confirming = false
  private readonly resets = new Budget(OWN_RESETS_BURST, OWN_RESETS_PER_SECOND, now)
  private failure: ProtocolError | undefined
  /** Why the peer goes, when it goes for a reason: what ends with the connection ends for it. */
  private goaway: GoawayError | undefined
  /** The same, in peace too: whoever is told that the connection is gone hears why. */
  private farewell: GoawayError | undefined
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
    this.upgraded = upgrade !== undefined
    this.answering = this.upgraded ? 1 : 0
    this.times = http2Times(settings, this.bornAt)
    this.log = frameLog(origin.href)
    // Before there is an engine, which has something to be written at once.
    this.output = new Http2Output(this, socket, this.times.writeTimeout, this.log)
    this.vigil = new Vigil(this)
    this.liveness = new Liveness(
      settings.pingTimeout ?? PING_TIMEOUT,
      (payload) => {
        this.h2.ping(payload)
        this.vigil.request(Math.min(this.liveness.deadline, this.liveness.confirmDeadline))
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
    socket.on('drain', () => this.output.unblock(now()))
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    if (upgrade !== undefined) {
      this.h2.upgraded(upgrade.method, upgrade.listener)
      // Not within the constructor: what it leads to is told to an owner that does not know us yet.
      if (upgrade.octets.length > 0) process.nextTick(receive, this, upgrade.octets)
    }
    this.vigil.request(Math.min(this.times.settingsUntil, this.times.retireAt))
    this.becomeIdle()
  }

  get href(): string {
    return this.origin.href
  }

  /** The socket is full. */
  get blocked(): boolean {
    return this.output.blocked
  }

  get queueTimeout(): number {
    return this.times.queueTimeout
  }

  /** Nothing is on it, and nothing is about to be. */
  get unused(): boolean {
    return this.active === 0 && this.reserved === 0
  }

  get active(): number {
    return this.h2.openStreams - this.answering
  }

  get available(): number {
    if (this.draining || this.h2.dead || this.h2.goawayReceived) return 0
    if (this.active === 0 && this.stale) return 0
    const room = Math.min(this.h2.streamLimit, this.times.maxStreams) - this.h2.openLocal - this.liveness.unconfirmed
    return Math.min(room, this.times.maxRequests - this.requests) - this.reserved
  }

  get stale(): boolean {
    if (this.verifying) return true
    const { verifyAfter } = this.times
    return verifyAfter > 0 && this.active === 0 && now() - this.liveness.lastHeard > verifyAfter
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
    const { times } = this
    // Nobody knows how long a tunnel is silent.
    const bodyTimeout = request.bodyTimeout ?? (request.method === 'CONNECT' ? 0 : times.bodyTimeout)
    const exchange = new Http2Exchange(
      this,
      request,
      handler,
      request.headersTimeout ?? times.headersTimeout,
      bodyTimeout,
      request.writeTimeout ?? times.writeTimeout,
      request.maxResponseSize ?? times.maxResponseSize,
    )
    if (request.protocol !== undefined && !this.h2.settingsReceived) {
      this.defer(exchange, request, head, body)
      return exchange
    }
    this.open(exchange, head, body)
    // The end of a body is told when it is framed.
    if (handler.onRequestSent !== undefined && exchange.sentAtOnce) process.nextTick(tellSent, exchange)
    return exchange
  }

  private open(exchange: Http2Exchange, head: string[], body: PreparedBody): void {
    const wasIdle = this.active === 0
    this.requests++
    exchange.start(head, body)
    if (wasIdle && this.active > 0) {
      this.socket.ref()
      const { pingInterval } = this.times
      if (pingInterval > 0) this.vigil.request(this.time + pingInterval)
    }
    if (this.h2.exhausted || this.requests >= this.times.maxRequests) this.drain()
  }

  /** RFC 8441 section 3: not before the peer's settings have come, and then not before they leave room for it. */
  private defer(exchange: Http2Exchange, request: ExchangeRequest, head: string[], body: PreparedBody): void {
    this.reserved++
    this.socket.ref()
    exchange.waitForRoom()
    this.deferred.push({
      exchange,
      start: () => {
        this.reserved--
        if (exchange.over) discardMade(request.body, body)
        else if (this.closed || this.h2.obstacle !== undefined) {
          exchange.refuse(this.lost('it was closed', undefined, true))
        } else this.open(exchange, head, body)
      },
    })
  }

  /** Starts what waited for the peer's settings, as far as they allow, and forgets what waits no longer. */
  startDeferred(): void {
    const { h2 } = this
    for (const one of this.deferred.splice(0)) {
      const goes = one.exchange.over || this.closed || (h2.settingsReceived && h2.obstacle !== 'limit')
      if (goes) one.start()
      else this.deferred.push(one)
    }
    if (this.unused && !this.closed) this.becomeIdle()
    this.finishIfDrained()
  }

  hold(held: boolean): void {
    if (this.closed || !this.unused || this.verifying || this.pings.size > 0) return
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
    if (this.draining && !this.closed && this.unused) this.finish()
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
    this.vigil.watch(exchange)
  }

  /** @internal */
  unwatch(exchange: Http2Exchange): void {
    this.vigil.unwatch(exchange)
    // It may be one of those that have not begun; what its end leads to is not for within it.
    if (this.deferred.length > 0) process.nextTick(endDeferred, this)
  }

  /**
   * An exchange resets its stream. The peer may count it until it has read that: near its limit we ask. And a peer of
   * whom nothing was heard for a while is asked whether it is there at all.
   * @internal
   */
  reset(stream: H2Stream, code: number = ErrorCode.CANCEL): void {
    if (stream.state === StreamState.CLOSED) return
    this.readClock()
    const limit = Math.min(this.h2.streamLimit, this.times.maxStreams)
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
    this.output.schedule()
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
    this.farewell = new GoawayError(code, lastStreamId, { debug, origin: this.origin.href })
    if (code !== ErrorCode.NO_ERROR) this.goaway = this.farewell
    this.drain()
    // There will be no room for what waits for it here.
    if (this.deferred.length > 0) this.startDeferred()
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
    return listener instanceof Http2Exchange ? listener.promised(promised, head, this.times.maxResponseSize) : undefined
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
    if (!this.output.reading) {
      this.output.reading = true
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
    this.output.reading = false
    if (!this.closed) this.liveness.measure(this.time)
    this.output.flush()
  }

  /** The clock is read at the first dispatch of a turn, and no more until the turn's output is written. */
  private refreshTime(): void {
    if (this.timeIsFresh) return
    this.timeIsFresh = true
    this.time = now()
    this.onOutput()
  }

  /** @internal */
  endTurn(): void {
    this.timeIsFresh = false
  }

  /** @internal */
  onFlush(): void {
    this.time = now()
    const freed = this.confirming && this.liveness.confirmResets(this.time)
    this.confirming = false
    if (freed) this.owner.onAvailable(this)
  }

  /** @internal */
  onStall(due: number): void {
    this.vigil.request(due)
  }

  /** @internal */
  onWriteFailed(cause: Error): void {
    this.teardown(this.lost(cause.message, cause))
  }

  /** @internal */
  onRoom(): void {
    this.owner.onAvailable(this)
  }

  private becomeIdle(): void {
    this.ballast.drop()
    if (!this.owner.hasWaiting && this.reserved === 0 && this.pings.size === 0) this.socket.unref()
    this.vigil.becomeIdle(now())
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
    this.output.flushLast()
    if (this.closed) return
    this.closed = true
    this.vigil.stop()
    this.h2.terminate(() => this.lost('it was closed'))
    socket.end()
    socket.unref()
    // A peer that never answers our FIN must not hold the socket.
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    this.tellClosed(this.failure ?? this.farewell)
  }

  /** @internal */
  teardown(error: Error): void {
    if (this.closed) {
      this.socket.destroy()
      return
    }
    this.closed = true
    this.draining = true
    this.vigil.stop()
    this.socket.destroy()
    this.h2.terminate(() => error)
    this.tellClosed(error)
  }

  private tellClosed(error: Error | undefined): void {
    for (const { start } of this.deferred.splice(0)) start()
    for (const onPong of this.pings) process.nextTick(onPong, null)
    this.pings.clear()
    if (channels.closed.hasSubscribers)
      publishConnection(channels.closed, { origin: this.origin.href, connection: this.info, error })
    this.owner.onClosed(this, error)
  }

  private lost(why: string, cause?: Error, retryable = false): ConnectionLostError {
    return connectionLost(this.origin.href, why, cause, retryable)
  }
}

function endDeferred(connection: Http2Connection): void {
  connection.startDeferred()
  connection.onRoom()
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
