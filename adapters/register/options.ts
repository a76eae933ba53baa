/** What {@link register} can be told. */
import type { PoolOptions } from '../../src/pool/options.ts'

/** Options of {@link register}: those of the pool that carries the process's requests, and these. */
export interface RegisterOptions extends Omit<PoolOptions, 'events'> {
  /** `hyper` (default): `globalThis.fetch` is ours, several times as fast. `native`: it stays Node's, over the pool. */
  readonly fetch?: 'hyper' | 'native' | undefined
  /** Hosts that are left alone, in the form of `NO_PROXY`: `localhost, .internal.example, 10.0.0.0/8, api.example:8443`. */
  readonly except?: string | readonly string[] | undefined
  /** Print a line of statistics to stderr when the process ends. Default false. */
  readonly stats?: boolean | undefined
  /** Print each frame of each HTTP/2 connection to stderr. Default false. */
  readonly debug?: boolean | undefined
}
