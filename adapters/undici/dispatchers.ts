/**
 * undici's Agent, Pool and Client under names of our own. They differ in whom they serve and in what they say of it: code
 * that makes one of undici's need only change the name.
 */
import { BaseDispatcher, type OriginStats } from './dispatcher.ts'
import type { HyperDispatcherOptions } from './options.ts'

export type { OriginStats } from './dispatcher.ts'

/** What undici's Client says of itself. */
export type ClientStats = Pick<OriginStats, 'pending' | 'running' | 'size'> & {
  /** Is there a connection? */
  readonly connected: boolean
}

/** A dispatcher for undici that speaks HTTP/2 where the server does, and HTTP/1.1 otherwise: undici's Agent. */
export class HyperDispatcher extends BaseDispatcher {
  /** What the pool is doing, by origin, in undici's terms. With a `pool` of the caller's: nothing. */
  get stats(): Record<string, OriginStats> {
    return this.originStats()
  }
}

/** The same for one origin, undici's Pool: the `origin` of requests is not needed, and does not count. */
export class HyperPool extends BaseDispatcher {
  /**
   * @param origin `scheme://host[:port]`
   * @throws undici's InvalidArgumentError for an origin or options that its Pool would refuse
   */
  constructor(origin: string | URL, options: HyperDispatcherOptions = {}) {
    super({ ...options, origin })
  }

  /** What the pool is doing, in undici's terms. */
  get stats(): OriginStats {
    return this.originStats()[this.bound ?? ''] ?? { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 }
  }
}

/**
 * One connection to one origin, undici's Client. Over HTTP/2 it carries as many requests at once as the server allows,
 * over HTTP/1.1 one.
 */
export class HyperClient extends BaseDispatcher {
  /** undici's factor of pipelining. It is kept for whoever reads it: HTTP/2 does not need it, HTTP/1.1 does without. */
  pipelining: number

  /**
   * @param origin `scheme://host[:port]`
   * @throws undici's InvalidArgumentError for an origin or options that its Client would refuse
   */
  constructor(origin: string | URL, options: Omit<HyperDispatcherOptions, 'connections'> = {}) {
    super({ ...options, origin, connections: 1 })
    this.pipelining = options.pipelining ?? 1
  }

  /** What it is doing, in undici's terms. */
  get stats(): ClientStats {
    const { connected = 0, pending = 0, running = 0, size = 0 } = this.originStats()[this.bound ?? ''] ?? {}
    return { connected: connected > 0, pending, running, size }
  }
}
