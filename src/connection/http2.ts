/**
 * `Http2Connection`: a session with an origin server that carries exchanges.
 *
 * The session (src/session) has the socket, the engine, the peer's health and the end. Here is what exchanges add: which of
 * them there is room for, their deadlines, those that wait for the peer's settings, and the callbacks to the pool.
 */

import { nextTick } from '../clock.ts'
import { PoolDestroyedError } from '../errors.ts'
import { Attempt } from '../exchange/attempt.ts'
import type { PreparedBody } from '../exchange/body.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import { PushHome } from '../exchange/push-home.ts'
import { ErrorCode } from '../frame/codes.ts'
import type { H2Connection, H2Stream, StreamListener } from '../h2/index.ts'
import { serialiseRequest } from '../headers/request.ts'
import type { RequestHead } from '../headers/section.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import type { SessionOwner, UpgradeStart } from '../session/owner.ts'
import { Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'
import { type ConnectionLimits, connectionLimits } from './connection-limits.ts'
import type { Connection, ConnectionOwner, ConnectionSettings, ConnectionStats } from './contract.ts'
import { engineOptions } from './engine.ts'
import { type CodecHost, Http2Codec } from './http2-codec.ts'

/** An exchange that waits for the peer's settings. */
interface Deferred {
  readonly exchange: LiveExchange
  readonly start: () => void
}

export class Http2Connection implements Connection, CodecHost, SessionOwner {
  readonly info: ConnectionInfo
  readonly session: Session
  private readonly h2: H2Connection
  private readonly origin: Origin
  private readonly owner: ConnectionOwner
  readonly limits: ConnectionLimits
  private readonly codec: Http2Codec
  /** Of what the server promises. */
  private readonly home = new PushHome()
  private requests = 0
  /** What waits for the peer's settings: extended CONNECT needs them. */
  private readonly deferred: Deferred[] = []
  /** The connection came by an upgrade. */
  private readonly upgraded: boolean

  /** @throws when there can be no engine, with what the caller gave; the socket is still the caller's then. */
  constructor(
    origin: Origin,
    socket: Wire,
    info: ConnectionInfo,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
    upgrade?: UpgradeStart,
  ) {
    this.origin = origin
    this.info = info
    this.owner = owner
    this.upgraded = upgrade !== undefined
    this.limits = connectionLimits(settings)
    const engine = { ...engineOptions(origin, settings, info), streamsBeforeSettings: owner.peer.streamLimit }
    this.session = new Session(socket, { href: origin.href, kind: 'server' }, this, settings, engine, upgrade)
    this.h2 = this.session.h2
    this.codec = new Http2Codec(this)
  }

  get draining(): boolean {
    return this.session.ending
  }

  get active(): number {
    return this.session.active
  }

  get available(): number {
    const { session } = this
    if (session.stale) return 0
    return Math.min(session.room, this.limits.maxRequests - this.requests) - session.reserved
  }

  get stale(): boolean {
    return this.session.stale
  }

  get stats(): ConnectionStats {
    const { liveness } = this.session
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

  verify(): void {
    this.session.verify()
  }

  ping(onPong: (rtt: number | null) => void): void {
    this.session.ping(onPong)
  }

  keepProcessAlive(needed: boolean): void {
    this.session.keepProcessAlive(needed)
  }

  close(): void {
    this.session.close()
  }

  destroy(error?: Error): void {
    this.session.destroy(error ?? new PoolDestroyedError({ origin: this.origin.href }))
  }

  carry(exchange: LiveExchange, authority = this.origin.authority): boolean {
    const { session } = this
    const { request } = exchange
    session.refreshTime()
    // A function that makes the body may dispatch, close or destroy: the slot is taken before it is called.
    session.reserve()
    let body: PreparedBody | undefined
    try {
      body = exchange.prepare()
      const head = serialiseRequest(request, this.origin.scheme, authority, body.length)
      if (session.ending || exchange.hasSettled || this.h2.obstacle !== undefined) {
        exchange.discard(body)
        return false
      }
      if (request.protocol !== undefined && !this.h2.settingsReceived) this.defer(exchange, head, body)
      else this.open(exchange, head, body)
      return true
    } catch (thrown) {
      if (body !== undefined) exchange.discard(body)
      throw thrown
    } finally {
      session.release()
    }
  }

  private open(exchange: LiveExchange, head: string[], body: PreparedBody): void {
    this.requests++
    this.codec.start(exchange, head, body)
    if (this.h2.exhausted || this.requests >= this.limits.maxRequests) this.session.drain()
  }

  /** RFC 8441 section 3: not before the peer's settings have come, and then not before they leave room for it. */
  private defer(exchange: LiveExchange, head: string[], body: PreparedBody): void {
    const { session } = this
    session.reserve()
    const attempt = exchange.beginLater(this.codec)
    this.deferred.push({
      exchange,
      start: () => {
        if (exchange.hasSettled) exchange.discard(body)
        else if (session.closed || this.h2.obstacle !== undefined) {
          exchange.discard(body)
          attempt.onError(null, session.lost('it was closed', undefined, true))
        } else this.open(exchange, head, body)
        session.release()
      },
    })
  }

  /** Starts what waited for the peer's settings, as far as they allow, and forgets what waits no longer. */
  private startDeferred(): void {
    const { h2, session } = this
    for (const one of this.deferred.splice(0)) {
      const goes = one.exchange.hasSettled || session.closed || (h2.settingsReceived && h2.obstacle !== 'limit')
      if (goes) one.start()
      else this.deferred.push(one)
    }
  }

  // --- What its codec and its session tell.

  onDeferredEnded(): void {
    // What its end leads to is not for within it.
    if (this.deferred.length > 0) nextTick(() => this.onRoom())
  }

  holdsProcess(busy: boolean): boolean {
    return busy || this.owner.hasWaiting
  }

  get bulkUse(): Http2Codec['bulkUse'] {
    return this.codec.bulkUse
  }

  onSettings(): void {
    this.startDeferred()
    this.owner.peer.onStreamLimit(this.h2.streamLimit)
    this.owner.onAvailable(this)
  }

  onRoom(): void {
    if (this.deferred.length > 0) this.startDeferred()
    if (!this.session.closed) this.owner.onAvailable(this)
  }

  onDraining(): void {
    this.owner.onDraining(this)
  }

  onClosed(error: Error | undefined): void {
    this.startDeferred()
    this.owner.onClosed(this, error)
  }

  onGoaway(code: number, lastStreamId: number): void {
    if (code === ErrorCode.HTTP_1_1_REQUIRED) this.owner.peer.onHttp1Required()
    if (this.upgraded && lastStreamId <= 1) this.owner.peer.onUpgradeLost()
  }

  onPush(parent: H2Stream, promised: H2Stream, head: RequestHead): StreamListener | undefined {
    const { listener } = parent
    return listener instanceof Attempt ? this.home.promise(listener, promised, head) : undefined
  }

  onAltSvc(origin: string, value: string): void {
    this.owner.onAltSvc?.(this, origin === '' ? this.origin.href : origin, value)
  }

  onOrigin(origins: readonly string[]): void {
    this.owner.onOrigin?.(this, origins)
  }
}
