/**
 * Keeps the time of an HTTP/2 connection: the deadlines of its exchanges, whether the peer is there and takes what is sent,
 * how long the connection has been idle, and how old it is. One timer for all of it, which looks at nothing before the
 * earliest of them.
 */
import { TimeoutError } from '../errors.ts'
import type { H2Connection } from '../h2/index.ts'
import { DeadlineTimer } from './deadline.ts'
import type { Http2Exchange } from './http2-exchange.ts'
import type { Http2Output } from './http2-output.ts'
import type { Http2Times } from './http2-times.ts'
import type { Liveness } from './liveness.ts'
import { connectionLost, noSettings } from './lost.ts'

/** What it watches. */
export interface VigilOwner {
  readonly href: string
  readonly h2: H2Connection
  readonly liveness: Liveness
  readonly output: Http2Output
  readonly times: Http2Times
  readonly closed: boolean
  /** Exchanges on it. */
  readonly active: number
  /** Nothing is on it, and nothing is about to be. */
  readonly unused: boolean
  /** The time of the current turn, milliseconds on a monotonic clock. */
  time: number
  /** Ends it for good. */
  teardown(error: Error): void
  /** Ends it when what is on it is done. */
  close(): void
  /** Slots have become free. */
  onRoom(): void
}

export class Vigil {
  private readonly owner: VigilOwner
  private readonly watched = new Set<Http2Exchange>()
  private readonly timer = new DeadlineTimer((at) => this.check(at))
  private idleSince = 0

  constructor(owner: VigilOwner) {
    this.owner = owner
  }

  /** Something is to be looked at by then. */
  request(deadline: number): void {
    this.timer.request(deadline)
  }

  watch(exchange: Http2Exchange): void {
    this.watched.add(exchange)
    this.timer.request(exchange.deadline)
  }

  unwatch(exchange: Http2Exchange): void {
    this.watched.delete(exchange)
  }

  /** From now on nobody uses the connection. */
  becomeIdle(at: number): void {
    const { idleTimeout } = this.owner.times
    this.idleSince = at
    if (idleTimeout > 0) this.timer.request(at + idleTimeout)
  }

  stop(): void {
    this.timer.stop()
  }

  private check(at: number): number {
    this.owner.time = at
    let next = Number.POSITIVE_INFINITY
    for (const exchange of [...this.watched]) {
      if (exchange.deadline <= at) exchange.expire()
      else if (exchange.deadline < next) next = exchange.deadline
    }
    if (this.owner.closed) return Number.POSITIVE_INFINITY
    const error = this.failureOfPeer(at)
    if (error !== undefined) {
      this.owner.teardown(error)
      return Number.POSITIVE_INFINITY
    }
    return Math.min(next, this.checkPeer(at), this.checkAge(at))
  }

  /** Is the peer there, and does it take what we send? */
  private failureOfPeer(at: number): Error | undefined {
    const { href, h2, liveness, output, times } = this.owner
    if (liveness.deadline <= at) return connectionLost(href, 'the server did not answer a PING')
    if (!h2.settingsReceived && times.settingsUntil <= at) return noSettings(href, times.settingsTimeout)
    if (output.stalledAt(at) > at) return undefined
    const cause = new TimeoutError('write', times.writeTimeout, { origin: href })
    return connectionLost(href, cause.message, cause)
  }

  /** Asks for signs of life that are due. @returns when to look at the peer again. */
  private checkPeer(at: number): number {
    const { active, h2, liveness, output, times } = this.owner
    let next = output.stalledAt(at)
    if (!h2.settingsReceived) next = Math.min(next, times.settingsUntil)
    const { pingInterval } = times
    if (pingInterval > 0 && active > 0) {
      if (liveness.lastHeard + pingInterval <= at) liveness.probe(at)
      next = Math.min(next, Math.max(liveness.lastHeard, at) + pingInterval)
    }
    if (liveness.confirmDeadline <= at) {
      liveness.giveUpConfirming()
      this.owner.onRoom()
    }
    return Math.min(next, liveness.deadline, liveness.confirmDeadline)
  }

  /** Has it been idle for too long, or lived for too long? */
  private checkAge(at: number): number {
    const { idleTimeout, retireAt } = this.owner.times
    const idleUntil = idleTimeout > 0 && this.owner.unused ? this.idleSince + idleTimeout : Number.POSITIVE_INFINITY
    const next = Math.min(idleUntil, retireAt)
    if (next > at) return next
    this.owner.close()
    return Number.POSITIVE_INFINITY
  }
}
