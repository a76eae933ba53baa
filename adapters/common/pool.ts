/**
 * The pool behind a shim.
 *
 * Rules
 * - One pool serves the whole process unless a caller asks for another: it is made on first use, never at import.
 * - A shim closes only a pool that it made for itself.
 */
import { InvalidArgumentError } from '../../src/errors.ts'
import type { Transport } from '../../src/exchange/contract.ts'
import { refuseUnknown } from '../../src/option-names.ts'
import { checkPoolOptions, POOL_OPTION_NAMES, type PoolOptions } from '../../src/pool/options.ts'
import { Pool } from '../../src/pool/pool.ts'

/** Options of every shim: a pool to use, or the options of a pool of its own. None of them: the process-wide pool. */
export interface ShimOptions extends PoolOptions {
  /** Carries the exchanges. You close it yourself. Excludes pool options. */
  readonly pool?: Transport | undefined
}

/** The pool that a shim uses, and whether it belongs to the shim. */
export interface ResolvedPool {
  readonly transport: Transport
  /** The pool made for this shim alone, to be closed with it. */
  readonly own: Pool | undefined
}

let shared: Pool | undefined

/** What the process-wide pool is made with, the next time that it is made. */
let sharedOptions: PoolOptions = {}

/** Each of these gets the events of the process-wide pool. */
const listeners = new Set<NonNullable<PoolOptions['events']>>()

/** The process-wide pool, made on first use; a new one is made after it was closed. */
export function sharedPool(): Pool {
  if (shared === undefined || shared.closed || shared.destroyed) {
    shared = new Pool({
      ...sharedOptions,
      events: {
        connecting(origin): void {
          for (const listener of listeners) listener.connecting?.(origin)
        },
        connect(origin, info): void {
          for (const listener of listeners) listener.connect?.(origin, info)
        },
        disconnect(origin, error): void {
          for (const listener of listeners) listener.disconnect?.(origin, error)
        },
        connectionError(origin, error): void {
          for (const listener of listeners) listener.connectionError?.(origin, error)
        },
      },
    })
  }
  return shared
}

/**
 * Gives the process-wide pool other options: requests from now on go over a new one, and the one before closes when its open
 * requests have ended.
 * @throws {InvalidArgumentError} naming an option that is unknown or invalid; nothing has changed then.
 */
export function replaceSharedPool(options: PoolOptions): void {
  checkPoolOptions(options)
  const before = shared
  sharedOptions = options
  shared = undefined
  void before?.close()
}

/** Hears of the connections of the process-wide pool; call what is returned to stop. */
export function listenToSharedPool(events: NonNullable<PoolOptions['events']>): () => void {
  listeners.add(events)
  return () => {
    listeners.delete(events)
  }
}

/**
 * No options: the process-wide pool. `{ pool }`: that one. Any other: a pool of its own.
 *
 * @param others names that the shim itself has: they may have been meant.
 *
 * The process-wide pool is looked up for each exchange, so that one closed by somebody is replaced.
 * @throws {InvalidArgumentError} naming an option that is unknown, invalid, or given beside `pool`.
 */
export function resolvePool(options: ShimOptions = {}, others: readonly string[] = []): ResolvedPool {
  const { pool, ...rest } = options
  refuseUnknown(rest, new Set([...POOL_OPTION_NAMES, 'pool', ...others]))
  const given = Object.entries(rest).find(([, value]) => value !== undefined)
  if (pool !== undefined) {
    if (given === undefined) return { transport: pool, own: undefined }
    throw new InvalidArgumentError(`${given[0]} cannot be given together with pool: set it where the pool is made`)
  }
  if (given !== undefined) {
    const own = new Pool(rest)
    return { transport: own, own }
  }
  return { transport: sharedTransport, own: undefined }
}

/** The process-wide pool, looked up at each dispatch. */
export const sharedTransport: Transport = {
  dispatch: (request, handler) => sharedPool().dispatch(request, handler),
}
