/**
 * Keeps the time of a session: whether the peer is there and takes what is sent, how long the session has been idle, and how
 * old it is. One timer for all of it, which looks at nothing before the earliest of them.
 */
import { TimeoutError } from '../errors.ts'
import type { H2Connection } from '../h2/index.ts'
import { FAULT_PATIENCE } from '../limits.ts'
import { DeadlineTimer } from './deadline.ts'
import type { Liveness } from './liveness.ts'
import { connectionLost, noSettings, type Peer } from './lost.ts'
import type { Output } from './output.ts'
import type { SessionTimes } from './times.ts'

/** What the timer needs of its session. */
export interface TimedSession {
  readonly peer: Peer
  readonly h2: H2Connection
  readonly liveness: Liveness
  readonly output: Output
  readonly times: SessionTimes
  /** Streams on it. */
  readonly active: number
  /** Streams are on it, or are about to be. */
  readonly busy: boolean
  /** The time of the current turn, milliseconds on a monotonic clock. */
  time: number
  /** Ends it for good. */
  destroy(error: Error): void
  /** The peer does not answer: nothing new is sent to it. */
  doubt(): void
  /** Ends it when what is on it is done. */
  close(): void
  /** Ends it: the peer was to do so, and does nothing more. */
  leave(): void
  /** Resets count as confirmed: slots have become free. */
  onRoom(): void
}

export class SessionTimer {
  private readonly session: TimedSession
  private readonly timer = new DeadlineTimer((at) => this.check(at))
  private idleSince = 0
  /** When a peer that was to close is given up, unless more DATA and HEADERS than these have come. */
  private leaveAt = Number.POSITIVE_INFINITY
  private messagesBefore = 0

  constructor(session: TimedSession) {
    this.session = session
  }

  /** Something is to be looked at by then. */
  request(deadline: number): void {
    this.timer.request(deadline)
  }

  /** The session is idle from now on. */
  becomeIdle(at: number): void {
    const { idleTimeout } = this.session.times
    this.idleSince = at
    if (idleTimeout > 0) this.timer.request(at + idleTimeout)
  }

  /** The peer has said that it ends the connection for a fault. */
  expectEnd(at: number): void {
    if (this.leaveAt !== Number.POSITIVE_INFINITY) return
    this.messagesBefore = this.session.h2.messageFrames
    this.leaveAt = at + FAULT_PATIENCE
    this.timer.request(this.leaveAt)
  }

  stop(): void {
    this.timer.stop()
  }

  private check(at: number): number {
    this.session.time = at
    const error = this.failureOfPeer(at)
    if (error !== undefined) {
      this.session.destroy(error)
      return Number.POSITIVE_INFINITY
    }
    if (this.leaveAt <= at) {
      const { messageFrames } = this.session.h2
      if (messageFrames === this.messagesBefore) {
        this.session.leave()
        return Number.POSITIVE_INFINITY
      }
      this.messagesBefore = messageFrames
      this.leaveAt = at + FAULT_PATIENCE
    }
    return Math.min(this.checkPeer(at), this.checkAge(at), this.leaveAt)
  }

  /** Is the peer there, and does it take what we send? */
  private failureOfPeer(at: number): Error | undefined {
    const { h2, liveness, output, peer, times } = this.session
    if (liveness.deadline <= at) return connectionLost(peer, `the ${peer.kind} did not answer a PING`)
    if (!h2.settingsReceived && times.settingsUntil <= at) return noSettings(peer, times.settingsTimeout)
    if (output.stalledAt(at) > at) return undefined
    const cause = new TimeoutError('write', times.writeTimeout, { origin: peer.href })
    return connectionLost(peer, cause.message, cause)
  }

  /** Asks for signs of life that are due. @returns when to look at the peer again. */
  private checkPeer(at: number): number {
    const { active, h2, liveness, output, times } = this.session
    let next = output.stalledAt(at)
    // Nothing new is sent to a peer that does not answer; what is open lives on.
    if (liveness.doubtAt <= at) this.session.doubt()
    if (!h2.settingsReceived) next = Math.min(next, times.settingsUntil)
    const { pingInterval } = times
    if (pingInterval > 0 && active > 0) {
      // Asked for by name: also of a server that counts.
      if (liveness.lastHeard + pingInterval <= at && !liveness.probing) liveness.ping(at, true)
      next = Math.min(next, Math.max(liveness.lastHeard, at) + pingInterval)
    }
    if (liveness.confirmDeadline <= at) {
      liveness.giveUpConfirming()
      this.session.onRoom()
    }
    const { doubtAt } = liveness
    return Math.min(next, doubtAt > at ? doubtAt : liveness.deadline, liveness.confirmDeadline)
  }

  /** Has it been idle for too long, or lived for too long? */
  private checkAge(at: number): number {
    const { busy, times } = this.session
    const { idleTimeout, retireAt } = times
    const idleUntil = idleTimeout > 0 && !busy ? this.idleSince + idleTimeout : Number.POSITIVE_INFINITY
    const next = Math.min(idleUntil, retireAt)
    if (next > at) return next
    this.session.close()
    return Number.POSITIVE_INFINITY
  }
}
