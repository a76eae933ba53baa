/**
 * The first link: a host's addresses, in the order in which the resolver gave them.
 *
 * Theory of operation: an address needs no resolver. A `lookup` of the caller's is asked each time; its answers are its
 * own to keep. Answers of the system's resolver are kept for a while, and dials that want the same name at the same
 * time share one query, which goes on when some of them give up. Failures are never kept. A query that takes long is repeated
 * in parallel, and one for which no dial waits any more is not reused.
 */
import { ADDRCONFIG, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { performanceNow } from '../clock.ts'
import { toError } from '../errors.ts'
import { DNS_CACHE_TIME, LOOKUP_PATIENCE, MAX_DNS_NAMES, MAX_LOOKUPS_BESIDE } from '../limits.ts'
import { addressFamily } from './address-family.ts'
import { type Address, type Cancel, later, type Outcome } from './link.ts'
import { type StartTimer, systemTimer } from './timer.ts'

/** How a name is to be looked up. */
export interface LookupOptions {
  readonly family?: 0 | 4 | 6 | undefined
  readonly lookup?: LookupFunction | undefined
}

/** Addresses, and whether they were known before. */
export interface Resolved {
  readonly addresses: readonly Address[]
  readonly cached: boolean
}

/** A question that is under way, and who waits for its answer. */
interface Query {
  readonly waiting: Set<Outcome<Resolved>>
  /** How often it was asked. */
  asked: number
  stopTimer: Cancel | undefined
  state: 'asked' | 'answered'
}

interface Entry {
  readonly addresses: readonly Address[]
  readonly until: number
}

export interface ResolverOptions {
  /** Milliseconds that an answer is kept; 0 = not at all. Default: `DNS_CACHE_TIME`. */
  readonly cacheTime?: number | undefined
  /** The system's resolver. Default: `dns.lookup`. */
  readonly system?: LookupFunction | undefined
  /** Milliseconds on a clock that never goes back. Default: `performance.now`. */
  readonly clock?: (() => number) | undefined
  readonly startTimer?: StartTimer | undefined
}

export class Resolver {
  private readonly cacheTime: number
  private readonly system: LookupFunction
  private readonly clock: () => number
  private readonly startTimer: StartTimer
  /** In the order of their making, so that the first is the oldest. */
  private readonly known = new Map<string, Entry>()
  private readonly queries = new Map<string, Query>()

  constructor(options: ResolverOptions = {}) {
    this.cacheTime = options.cacheTime ?? DNS_CACHE_TIME
    this.system = options.system ?? systemLookup
    this.clock = options.clock ?? (() => performanceNow())
    this.startTimer = options.startTimer ?? systemTimer
  }

  resolve(host: string, options: LookupOptions, outcome: Outcome<Resolved>): Cancel {
    const literal = addressFamily(host)
    if (literal !== 0) {
      return later(() => outcome.done({ addresses: [{ address: host, family: literal }], cached: false }))
    }
    const family = options.family ?? 0
    if (options.lookup !== undefined) return this.ask(options.lookup, host, family, outcome)
    const key = `${family} ${host.toLowerCase()}`
    const entry = this.known.get(key)
    if (entry !== undefined) {
      if (this.clock() < entry.until) {
        return later(() => outcome.done({ addresses: entry.addresses, cached: true }))
      }
      this.known.delete(key)
    }
    return this.share(key, host, family, outcome)
  }

  /**
   * What is known of a host did not lead anywhere: it is asked for anew next time.
   * @param addresses the answer that did not; what has come since stays.
   */
  forget(host: string, addresses?: readonly Address[]): void {
    for (const family of [0, 4, 6]) {
      const key = `${family} ${host.toLowerCase()}`
      if (addresses === undefined || this.known.get(key)?.addresses === addresses) this.known.delete(key)
    }
  }

  /** Forgets all answers. Queries under way go on. */
  clear(): void {
    this.known.clear()
  }

  /** Joins the query for this name, or begins it. */
  private share(key: string, host: string, family: 0 | 4 | 6, outcome: Outcome<Resolved>): Cancel {
    let query = this.queries.get(key)
    if (query === undefined) {
      query = { waiting: new Set(), asked: 0, stopTimer: undefined, state: 'asked' }
      this.queries.set(key, query)
      this.put(query, key, host, family)
    }
    const { waiting } = query
    const joined = query
    waiting.add(outcome)
    return () => {
      if (waiting.delete(outcome) && waiting.size === 0) this.abandon(key, joined)
    }
  }

  /** Asks, and once more beside it when that takes long: whichever answers first answers all who wait. */
  private put(query: Query, key: string, host: string, family: 0 | 4 | 6): void {
    const patience = LOOKUP_PATIENCE * 2 ** query.asked++
    if (query.asked <= MAX_LOOKUPS_BESIDE) {
      query.stopTimer = this.startTimer(() => this.put(query, key, host, family), patience)
    }
    const finish = (tell: (one: Outcome<Resolved>) => void): void => {
      query.state = 'answered'
      this.abandon(key, query)
      // A callback may cancel another that waits.
      for (const one of query.waiting) tell(one)
      query.waiting.clear()
    }
    this.ask(this.system, host, family, {
      done: (resolved) => {
        if (query.state === 'answered') return
        // An answer that nobody has waited for is worth keeping, unless somebody has asked since.
        const last = this.queries.get(key)
        if (last === query || (last === undefined && !this.known.has(key))) this.remember(key, resolved.addresses)
        finish((one) => one.done(resolved))
      },
      fail: (error) => {
        if (query.state !== 'answered') finish((one) => one.fail(error))
      },
    })
  }

  /** Nobody joins it any more. */
  private abandon(key: string, query: Query): void {
    query.stopTimer?.()
    query.stopTimer = undefined
    if (this.queries.get(key) === query) this.queries.delete(key)
  }

  private remember(key: string, addresses: readonly Address[]): void {
    if (this.cacheTime <= 0) return
    this.known.delete(key)
    this.known.set(key, { addresses, until: this.clock() + this.cacheTime })
    if (this.known.size <= MAX_DNS_NAMES) return
    for (const oldest of this.known.keys()) {
      this.known.delete(oldest)
      break
    }
  }

  /** One query, by node's contract of `lookup` with `all: true`; answers of both its forms are taken, the first only. */
  private ask(lookup: LookupFunction, host: string, family: 0 | 4 | 6, outcome: Outcome<Resolved>): Cancel {
    let over = false
    const settle = (action: () => void): void => {
      if (over) return
      over = true
      // The resolver may have answered within its call.
      cancel = later(action)
    }
    let cancel: Cancel = () => {
      over = true
    }
    // Families that this machine has no address of are of no use to it, as node:net asks.
    const hints = family === 0 && process.platform !== 'win32' ? ADDRCONFIG : 0
    try {
      lookup(host, { family, hints, all: true }, (error, found, oneFamily) => {
        if (error !== null && error !== undefined) {
          settle(() => outcome.fail(toError(error)))
          return
        }
        const read = readAnswer(host, found, oneFamily)
        settle(() => (read instanceof Error ? outcome.fail(read) : outcome.done({ addresses: read, cached: false })))
      })
    } catch (thrown) {
      settle(() => outcome.fail(toError(thrown)))
    }
    return () => cancel()
  }
}

/** The answer as addresses, or what is wrong with it. */
function readAnswer(host: string, found: unknown, oneFamily: unknown): readonly Address[] | Error {
  const list: readonly unknown[] = Array.isArray(found) ? found : [{ address: found, family: oneFamily }]
  const addresses: Address[] = []
  for (const one of list) {
    const address = typeof one === 'object' && one !== null && 'address' in one ? one.address : undefined
    const family = typeof address === 'string' ? addressFamily(address) : 0
    if (typeof address !== 'string' || (family !== 4 && family !== 6)) {
      return Object.assign(
        new Error(`the lookup of ${host} returned ${JSON.stringify(address)}, which is not an IP address`),
        {
          code: 'ERR_INVALID_IP_ADDRESS',
        },
      )
    }
    addresses.push({ address, family })
  }
  if (addresses.length > 0) return addresses
  return Object.assign(new Error(`the lookup of ${host} returned no address`), { code: 'ENOTFOUND' })
}
