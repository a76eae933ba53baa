/** Budgets: how often a peer may do what costs us more than the peer, at once and each second. */
import * as limits from '../limits.ts'
import { flood } from './faults.ts'

/** A token bucket. Time comes in from outside. */
export class Budget {
  private tokens: number
  private filled: number
  private readonly burst: number
  private readonly perSecond: number
  private readonly clock: () => number

  /**
   * @param burst tokens at the beginning, and the most there can be.
   * @param perSecond tokens that come back each second.
   * @param clock milliseconds that never go back.
   */
  constructor(burst: number, perSecond: number, clock: () => number) {
    this.burst = burst
    this.tokens = burst
    this.perSecond = perSecond
    this.clock = clock
    this.filled = clock()
  }

  /** Takes so many tokens; false when there are not as many. */
  take(amount = 1): boolean {
    if (this.tokens < amount) this.refill()
    if (this.tokens < amount) return false
    this.tokens -= amount
    return true
  }

  /** The clock is looked at only when the tokens at hand are used up. */
  private refill(): void {
    const now = this.clock()
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filled) / 1000) * this.perSecond)
    this.filled = now
  }
}

/** Takes one token. @throws {ConnectionFault} when there is none. */
export function spend(budget: Budget, what: string): void {
  if (!budget.take()) throw flood(`too many ${what}`)
}

/** All budgets of one connection. */
export function makeBudgets(clock: () => number) {
  return {
    /** SETTINGS, and the frames of other RFCs. */
    settings: new Budget(limits.SETTINGS_BURST, limits.SETTINGS_PER_SECOND, clock),
    pings: new Budget(limits.PINGS_BURST, limits.PINGS_PER_SECOND, clock),
    /** RST_STREAM to a server (CVE-2023-44487). */
    resets: new Budget(limits.RESETS_BURST, limits.RESETS_PER_SECOND, clock),
    priorities: new Budget(limits.PRIORITIES_BURST, limits.PRIORITIES_PER_SECOND, clock),
    smallUpdates: new Budget(limits.SMALL_WINDOW_UPDATES_BURST, limits.SMALL_WINDOW_UPDATES_PER_SECOND, clock),
    /** DATA that carries nothing and ends nothing: a heartbeat, or a flood (CVE-2019-9518). */
    emptyData: new Budget(limits.EMPTY_DATA_BURST, limits.EMPTY_DATA_PER_SECOND, clock),
    goaways: new Budget(limits.GOAWAYS_BURST, limits.GOAWAYS_PER_SECOND, clock),
    /** Answers to PINGs, asked for or not. */
    pongs: new Budget(limits.PONGS_BURST, limits.PONGS_PER_SECOND, clock),
    /** Frames for streams that are closed: they cost as much as others, and have no receiver. */
    lateFrames: new Budget(limits.LATE_FRAMES_BURST, limits.LATE_FRAMES_PER_SECOND, clock),
    /** Pushes that are refused without being looked at. */
    refusedPushes: new Budget(limits.REFUSED_PUSHES_BURST, limits.REFUSED_PUSHES_PER_SECOND, clock),
    /** Octets of informational responses. */
    informational: new Budget(limits.INFORMATIONAL_OCTETS_BURST, limits.INFORMATIONAL_OCTETS_PER_SECOND, clock),
    smallData: new Budget(limits.SMALL_DATA_BURST, limits.SMALL_DATA_PER_SECOND, clock),
    /** Streams that we must reset on account of the peer (CVE-2025-8671, CVE-2019-9514). */
    peerFaults: new Budget(limits.PEER_FAULTS_BURST, limits.PEER_FAULTS_PER_SECOND, clock),
  }
}

export type Budgets = Readonly<ReturnType<typeof makeBudgets>>
