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

type Row = readonly [burst: number, perSecond: number, what: string]

/** What a peer is held to: how much at once, how much each second, and what the error says there was too much of. */
const ROWS = {
  /** Of other RFCs, too. */
  settings: [limits.SETTINGS_BURST, limits.SETTINGS_PER_SECOND, 'SETTINGS, ORIGIN and ALTSVC frames'],
  pings: [limits.PINGS_BURST, limits.PINGS_PER_SECOND, 'PING frames'],
  /** Asked for or not. */
  pongs: [limits.PONGS_BURST, limits.PONGS_PER_SECOND, 'answers to PING'],
  /** RST_STREAM to a server (CVE-2023-44487). */
  resets: [limits.RESETS_BURST, limits.RESETS_PER_SECOND, 'streams are reset'],
  priorities: [limits.PRIORITIES_BURST, limits.PRIORITIES_PER_SECOND, 'priority frames'],
  smallUpdates: [
    limits.SMALL_WINDOW_UPDATES_BURST,
    limits.SMALL_WINDOW_UPDATES_PER_SECOND,
    'tiny WINDOW_UPDATE frames',
  ],
  /** DATA that carries nothing and ends nothing: a heartbeat, or a flood (CVE-2019-9518). */
  emptyData: [limits.EMPTY_DATA_BURST, limits.EMPTY_DATA_PER_SECOND, 'empty DATA frames'],
  smallData: [limits.SMALL_DATA_BURST, limits.SMALL_DATA_PER_SECOND, 'tiny DATA frames'],
  goaways: [limits.GOAWAYS_BURST, limits.GOAWAYS_PER_SECOND, 'GOAWAY frames'],
  /** Frames for streams that are closed: they cost as much as others, and have no receiver. */
  lateFrames: [limits.LATE_FRAMES_BURST, limits.LATE_FRAMES_PER_SECOND, 'frames on closed streams'],
  /** Pushes that are refused without being looked at. */
  refusedPushes: [limits.REFUSED_PUSHES_BURST, limits.REFUSED_PUSHES_PER_SECOND, 'pushes that are refused'],
  /** Octets of informational responses. */
  informational: [
    limits.INFORMATIONAL_OCTETS_BURST,
    limits.INFORMATIONAL_OCTETS_PER_SECOND,
    'octets of informational responses',
  ],
  /** Streams that we must reset on account of the peer (CVE-2025-8671, CVE-2019-9514). */
  peerFaults: [limits.PEER_FAULTS_BURST, limits.PEER_FAULTS_PER_SECOND, 'streams had to be reset'],
} as const satisfies Readonly<Record<string, Row>>

export type BudgetName = keyof typeof ROWS

/** The budgets of one connection. Most are never drawn on: each is made when it is. */
export class Budgets {
  private readonly clock: () => number
  private readonly made: { [Name in BudgetName]?: Budget } = {}

  constructor(clock: () => number) {
    this.clock = clock
  }

  /** Takes so many tokens; false when there are not as many. */
  take(name: BudgetName, amount = 1): boolean {
    let budget = this.made[name]
    if (budget === undefined) {
      const [burst, perSecond] = ROWS[name]
      budget = new Budget(burst, perSecond, this.clock)
      this.made[name] = budget
    }
    return budget.take(amount)
  }

  /** Takes one token. @throws {ConnectionFault} when there is none. */
  spend(name: BudgetName): void {
    if (!this.take(name)) throw flood(`too many ${ROWS[name][2]}`)
  }
}
