/** A token bucket: how much of something a peer may do at once, and for how long. Time comes in from outside. */
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

  /** Takes one token; false when there is none. */
  take(): boolean {
    if (this.tokens < 1) this.refill()
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }

  /** The clock is looked at only when the tokens at hand are used up. */
  private refill(): void {
    const now = this.clock()
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filled) / 1000) * this.perSecond)
    this.filled = now
  }
}
