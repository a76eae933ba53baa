/**
 * `Http1Connection`: one socket that speaks HTTP/1.1 (RFC 9112).
 *
 * Its state is one word:
 *
 *   idle        nothing is on it                                                    -> active, draining, closed
 *   active      an exchange is on it                                                -> idle, draining, closed
 *   draining    an exchange is on it, and no other will be                          -> closed
 *   closed      nothing is read or written any more; its owner was told             -
 *
 * Rules
 * - It is used again only when nothing of an exchange is left: request and response whole, nothing unread, no octets
 *   without a request, and neither side sent `connection: close`. A server that says how long it keeps an idle connection
 *   (`Keep-Alive: timeout`) is left a second before that.
 * - One teardown path: `end()`.
 * - An idle connection is unref'd: it keeps no process alive.
 */

import { wallNow } from '../clock.ts'
import { ConnectionLostError, type HyperError, NotSupportedError, PoolDestroyedError } from '../errors.ts'
import { NO_BODY, type PreparedBody } from '../exchange/body.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import { serialiseRequest1 } from '../headers/request.ts'
import { IDLE_TIMEOUT, KEEP_ALIVE_MARGIN, MAX_AGE, MAX_HEADER_LIST_SIZE } from '../limits.ts'
import type { AbsoluteForm, Wire } from '../net/connector.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import { DeadlineTimer, now } from '../session/deadline.ts'
import { DirectRead } from '../session/direct-read.ts'
import { EarlyScavenge } from '../session/early-scavenge.ts'
import { LastWords } from '../session/last-words.ts'
import { connectionLost } from '../session/lost.ts'
import { type ConnectionLimits, connectionLimits } from './connection-limits.ts'
import type { Connection, ConnectionOwner, ConnectionSettings, ConnectionStats } from './contract.ts'
import { type Codec1Host, Http1Codec } from './http1-codec.ts'
import { beginReading } from './http1-turn.ts'

type State = 'idle' | 'active' | 'draining' | 'closed'

export class Http1Connection implements Connection, Codec1Host {
  readonly info: ConnectionInfo
  readonly origin: Origin
  readonly socket: Wire
  readonly limits: ConnectionLimits

  private state: State = 'idle'
  private readonly owner: ConnectionOwner
  private readonly codec: Http1Codec
  private readonly absoluteForm: AbsoluteForm | undefined
  private readonly retireAt: number
  private readonly idleTimeout: number
  /** What the server said of it, less a margin. */
  private keepAlive = Number.POSITIVE_INFINITY
  /** By the monotonic clock, and by that of the wall. */
  private idleUntil = Number.POSITIVE_INFINITY
  private idleUntilWall = Number.POSITIVE_INFINITY
  private readonly scavenge = new EarlyScavenge()
  private readonly direct: DirectRead | undefined
  private readonly deadlines = new DeadlineTimer((at) => this.checkAge(at))
  private requests = 0
  private readonly lastWords: LastWords
  private readonly listeners = {
    error: (error: Error): void => {
      const judge = (): void => this.end(this.lost(error.message, error))
      if (this.isOver || !this.lastWords.hear(judge)) judge()
      else this.drain()
    },
    close: (): void => this.onGone('it was closed'),
    end: (): void => this.onGone('the server closed it'),
    drain: (): void => this.codec.onDrain(),
    data: (chunk: Buffer): void => {
      this.receive(chunk, false)
    },
  }

  constructor(
    origin: Origin,
    socket: Wire,
    info: ConnectionInfo,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
    absoluteForm?: AbsoluteForm,
  ) {
    this.origin = origin
    this.info = info
    this.owner = owner
    this.socket = socket
    this.absoluteForm = absoluteForm
    this.limits = connectionLimits(settings)
    this.idleTimeout = settings.idleTimeout ?? IDLE_TIMEOUT
    const maxAge = settings.maxAge ?? MAX_AGE
    this.retireAt = maxAge > 0 ? now() + maxAge : Number.POSITIVE_INFINITY
    const maxHead = settings.maxHeaderListSize ?? MAX_HEADER_LIST_SIZE
    this.lastWords = new LastWords(socket, () => socket.bytesRead)
    this.codec = new Http1Codec(this, origin.href, maxHead, settings.maxHeaderFields)
    socket.on('error', this.listeners.error)
    socket.on('close', this.listeners.close)
    socket.on('end', this.listeners.end)
    socket.on('drain', this.listeners.drain)
    socket.on('data', this.listeners.data)
    this.direct = DirectRead.of(socket)
    this.direct?.begin((octets, lent) => this.receive(octets, lent))
    this.becomeIdle()
  }

  get written(): (error?: Error | null) => void {
    return this.lastWords.written
  }

  get draining(): boolean {
    return this.state === 'draining' || this.state === 'closed'
  }

  get active(): number {
    return this.codec.current === null ? 0 : 1
  }

  get available(): number {
    return this.state === 'idle' ? 1 : 0
  }

  /** There is nothing to ask an HTTP/1.1 server: a request that its silence meets is sent again, if it may be. */
  get stale(): boolean {
    return false
  }

  get stats(): ConnectionStats {
    return {
      protocol: 'http/1.1',
      remoteAddress: this.info.remoteAddress,
      active: this.active,
      available: this.available,
      draining: this.draining,
      requests: this.requests,
      bytesRead: this.socket.bytesRead,
      bytesWritten: this.socket.bytesWritten,
      rtt: undefined,
      windows: undefined,
    }
  }

  verify(): void {
    // Never stale.
  }

  carry(exchange: LiveExchange): boolean {
    if (this.available === 0) return false
    // The timer may have slept with the machine: by the wall clock the connection is too old.
    if (wallNow() > this.idleUntilWall) {
      this.end(undefined)
      return false
    }
    const { request } = exchange
    const { protocol } = request
    const wantsSocket = request.method === 'CONNECT' || request.upgrade !== undefined
    if (protocol !== undefined || (wantsSocket && exchange.handler.onUpgraded === undefined)) {
      const { method, upgrade, origin } = request
      throw new NotSupportedError(`${upgrade ?? protocol ?? method} needs HTTP/2, and the server speaks HTTP/1.1`, {
        origin,
      })
    }
    // A function that makes the body may dispatch, close or destroy: the connection is taken before it is called.
    this.enter('active')
    let body: PreparedBody | undefined
    try {
      // First the body: a function that makes it may still say in the headers what it is.
      body = request.method === 'CONNECT' ? NO_BODY : exchange.prepare()
      const head = serialiseRequest1(request, this.origin.authority, body.length, this.absoluteForm)
      if (this.isOver || exchange.hasSettled) {
        exchange.discard(body)
        this.becomeFree()
        return false
      }
      const last = head.last || ++this.requests >= this.limits.maxRequests
      this.socket.ref()
      this.codec.start(exchange, head, body)
      if (last) this.drain()
      return true
    } catch (thrown) {
      // Not announced: the caller that dispatched knows, and each waiting exchange may be wrong in the same way.
      if (body !== undefined) exchange.discard(body)
      if (this.state === 'active') this.enter('idle')
      else this.becomeFree()
      throw thrown
    }
  }

  keepProcessAlive(needed: boolean): void {
    if (this.state !== 'idle') return
    if (needed) this.socket.ref()
    else this.socket.unref()
  }

  close(): void {
    if (this.state === 'idle') this.end(undefined)
    else this.drain()
  }

  destroy(error?: Error): void {
    this.end(error ?? new PoolDestroyedError({ origin: this.origin.href }))
  }

  /** A connection that ends with the response under way takes no more exchanges from here on. */
  onHead(keepAlive: boolean, timeout: number | undefined): void {
    if (!keepAlive) {
      this.drain()
      return
    }
    if (timeout === undefined) return
    this.keepAlive = timeout * 1000 - KEEP_ALIVE_MARGIN
    if (this.keepAlive <= 0) this.drain()
  }

  onResponseEnd(): void {
    if (this.state === 'active' && !this.codec.reusable) this.drain()
    this.becomeFree()
  }

  /** What is left of the exchange stands between the connection and the next one: it is not used again. */
  onCancelled(): void {
    this.end(undefined)
  }

  onFailed(error: HyperError): void {
    this.end(error instanceof ConnectionLostError ? this.lost('the server closed it') : error)
  }

  /** The socket is no connection of ours any more. */
  release(rest: Buffer): Wire {
    const { socket, listeners } = this
    const told = this.draining
    this.enter('closed')
    this.deadlines.stop()
    this.direct?.end()
    // An `error` listener of the connect chain stays on it.
    for (const name of ['error', 'close', 'end', 'drain', 'data'] as const) socket.off(name, listeners[name])
    socket.pause()
    // As a socket that was not read yet: a listener for data starts it.
    Reflect.set(socket, 'readableFlowing', null)
    if (rest.length > 0) socket.unshift(rest)
    socket.ref()
    if (!told) this.owner.onDraining(this)
    this.owner.onClosed(this, undefined)
    return socket
  }

  /**
   * @param lent the next read overwrites the memory of `chunk`.
   * @returns does somebody have the pieces of a body as they come?
   */
  private receive(chunk: Buffer, lent: boolean): boolean {
    if (this.isOver) return false
    beginReading()
    if (this.codec.current?.dataUse === 'passed on') this.scavenge.read(chunk.length)
    this.codec.receive(chunk, lent)
    const { current } = this.codec
    return current !== null && current.dataUse !== 'joined'
  }

  /** The peer will send nothing more. */
  private onGone(why: string): void {
    if (this.isOver) return
    // It ends a body that ends with the connection; any other exchange is cut off. What is withheld comes first.
    this.codec.engine.receiveEnd()
    if (this.isOver || this.codec.engine.unread > 0 || this.codec.engine.paused) return
    this.end(this.lost(why))
  }

  /** The exchange is over: the connection is free for the next, or has served its time. */
  private becomeFree(): void {
    if (this.state === 'draining') this.end(undefined)
    if (this.state !== 'active') return
    this.enter('idle')
    this.becomeIdle()
    if (this.available > 0) this.owner.onAvailable(this)
  }

  private becomeIdle(): void {
    this.scavenge.drop()
    if (!this.owner.hasWaiting) this.socket.unref()
    const timeout = Math.min(this.keepAlive, this.idleTimeout > 0 ? this.idleTimeout : Number.POSITIVE_INFINITY)
    const at = now()
    this.idleUntil = at + timeout
    this.idleUntilWall = wallNow() + timeout
    this.deadlines.request(Math.min(this.idleUntil, this.retireAt))
    if (this.retireAt <= at) this.close()
  }

  private checkAge(at: number): number {
    if (this.state === 'closed') return Number.POSITIVE_INFINITY
    // The exchange on it may finish: its age is looked at again then.
    if (this.state !== 'idle') return Number.POSITIVE_INFINITY
    const next = Math.min(this.idleUntil, this.retireAt)
    if (next > at) return next
    this.close()
    return Number.POSITIVE_INFINITY
  }

  /** No exchange comes after the one under way. */
  private drain(): void {
    if (this.draining) return
    this.enter('draining')
    this.owner.onDraining(this)
  }

  /** The one way to the end. @param error why; undefined when we close the connection ourselves. */
  private end(error: Error | undefined): void {
    if (this.isOver) return
    const told = this.draining
    this.enter('closed')
    this.deadlines.stop()
    if (!told) this.owner.onDraining(this)
    this.socket.destroy()
    this.codec.fail(error ?? this.lost('it was closed'))
    this.owner.onClosed(this, error)
  }

  private enter(state: State): void {
    this.state = state
  }

  private get isOver(): boolean {
    return this.state === 'closed'
  }

  private lost(why: string, cause?: Error): ConnectionLostError {
    return connectionLost(this.origin.href, why, cause)
  }
}
