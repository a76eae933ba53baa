/** What the benchmark's processes say to each other. */

/** One turn: as many requests as fit into the time. */
export interface Turn {
  readonly path: string
  /** Octets of each body; every response is checked against it. */
  readonly octets: number
  readonly inFlight: number
  /** Seconds. */
  readonly seconds: number
  /** Of the matrix: the work's name, which says the rest of the request. */
  readonly work?: string
}

export interface Result {
  readonly requests: number
  readonly errors: number
  readonly firstError?: string | undefined
  readonly seconds: number
  /** CPU time of the client process, microseconds for each request. */
  readonly cpu: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Peak resident memory of the client process so far, octets. */
  readonly memory: number
}

/** A client under test: keeps `inFlight` requests going until `stop()` says so, and counts. */
export interface BenchClient {
  run(turn: Turn, meter: Meter): Promise<void>
  close(): Promise<void> | void
}

/** Counts requests and their times. */
export class Meter {
  requests = 0
  errors = 0
  firstError: string | undefined
  private readonly until: number
  private readonly times: Float64Array
  private seen = 0

  constructor(seconds: number) {
    this.until = performance.now() + seconds * 1000
    this.times = new Float64Array(20_000)
  }

  /** Is there time for another request? */
  get more(): boolean {
    return performance.now() < this.until
  }

  /** A request that began at `start` ended, with the expected body or not. */
  done(start: number, good: boolean, error?: unknown): void {
    if (!good) {
      this.errors++
      this.firstError ??= error === undefined ? 'wrong status or body' : String(error)
      return
    }
    this.requests++
    // A sample without bias of a stream of unknown length: enough for percentiles, and of fixed size.
    const slot = this.seen < this.times.length ? this.seen : Math.floor(Math.random() * (this.seen + 1))
    this.seen++
    if (slot < this.times.length) this.times[slot] = performance.now() - start
  }

  percentile(part: number): number {
    const count = Math.min(this.seen, this.times.length)
    if (count === 0) return Number.NaN
    const sorted = this.times.slice(0, count).sort()
    return sorted[Math.min(count - 1, Math.floor(count * part))]
  }
}

/** Keeps requests in flight for a client whose request is a promise of the body's length. */
export async function promiseLoop(turn: Turn, meter: Meter, get: (path: string) => Promise<number>): Promise<void> {
  const lane = async (): Promise<void> => {
    while (meter.more) {
      const start = performance.now()
      try {
        meter.done(start, (await get(turn.path)) === turn.octets)
      } catch (error) {
        meter.done(start, false, error)
        if (meter.errors > 1000) return
      }
    }
  }
  await Promise.all(Array.from({ length: turn.inFlight }, lane))
}
