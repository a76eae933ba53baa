/** Does the peer take what waits in a full socket? */
export class StallDetector {
  private readonly timeout: number
  private since = 0
  private octets = 0

  /** @param timeout milliseconds without progress that are too many; 0 = none are. */
  constructor(timeout: number) {
    this.timeout = timeout
  }

  /**
   * The socket is full, with so many octets in its queue.
   * @returns when to look next.
   */
  begin(octets: number, at: number): number {
    this.octets = octets
    this.since = at
    return this.due
  }

  /**
   * So many are there now. Any progress begins the wait anew.
   * @returns when it counts as stalled, which may be now.
   */
  look(octets: number, at: number): number {
    if (octets !== this.octets) this.begin(octets, at)
    return this.due
  }

  private get due(): number {
    return this.timeout > 0 ? this.since + this.timeout : Number.POSITIVE_INFINITY
  }
}
