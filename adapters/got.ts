/**
 * got over our transport: `got.extend(hyperGot())`.
 *
 * Rules
 * - Only got's public `request` option is used. got keeps what is got's: redirects, retries, cookies, decompression, caching,
 *   timeouts, progress, hooks, and its own error classes.
 * - The function returns a request object, since got measures timings and upload progress on it, and arms its timeouts there. It
 *   emits what a ClientRequest emits, in the order got relies on: `error` always before `close`.
 * - What can only be done by another transport (a user's agent, `createConnection`, an `h2session`, an upgrade, `setHost: false`)
 *   is answered with `undefined`: got then uses its own, by an agent that trusts, shows and pins what the pool does. No option is
 *   ignored.
 * - got is not imported when this runs; only its types are used.
 */
import type { ExtendOptions } from 'got'
import type { PoolOptions } from '../src/pool/options.ts'
import { agentFor, poolOptionsOf, refuseProxy } from './common/node-agents.ts'
import type { NativeOptions } from './common/node-options.ts'
import { resolvePool, type ShimOptions } from './common/pool.ts'
import { type NativeTarget, needsGotsOwn, readTarget, type Target } from './got/options.ts'
import { HyperRequest } from './got/request.ts'
import type { HyperResponse } from './got/response.ts'

/** Options for `got.extend()`, with the pool they may have made. */
export interface HyperGotOptions {
  /** got's `request` option: sends each request over the pool. */
  readonly request: NonNullable<ExtendOptions['request']>
  /** Closes the pool made for these options alone, when open requests have ended; a shared pool stays open. Not enumerable. */
  close(): Promise<void>
}

/**
 * Makes options for `got.extend()`: without options on the process-wide pool, with `{ pool }` on that one, with other pool
 * options on a pool of its own.
 * @throws {InvalidArgumentError} naming a pool option that is not acceptable.
 */
export function hyperGot(options: ShimOptions = {}): HyperGotOptions {
  const { transport, own } = resolvePool(options)
  const request = (
    url: NativeTarget,
    given?: NativeOptions | ((response: HyperResponse) => void),
    callback?: (response: HyperResponse) => void,
  ): HyperRequest | undefined => {
    // With a cache, got calls with one object of options and a callback; without, with a URL and options.
    const native = url instanceof URL ? (given as NativeOptions) : url
    if (needsGotsOwn(native)) {
      keepRules(poolOptionsOf(transport), readTarget(url, native), native)
      return undefined
    }
    const listener = typeof given === 'function' ? given : callback
    const made = new HyperRequest(transport, readTarget(url, native), native)
    if (listener !== undefined) made.once('response', listener)
    return made
  }
  // got wants a ClientRequest by type; what it uses of one is here.
  const made = { request: request as unknown as HyperGotOptions['request'] }
  return Object.defineProperty(made, 'close', { value: async () => own?.close() }) as HyperGotOptions
}

/**
 * got's own transport carries it: by an agent that keeps the pool's rules, which is put into the options that got goes on with.
 * @throws {NotSupportedError} where a rule cannot be kept.
 */
function keepRules(rules: PoolOptions | undefined, { protocol, origin }: Target, native: NativeOptions): void {
  if (rules === undefined) return
  // A request by a unix socket goes by no proxy.
  if (native.socketPath === undefined) refuseProxy(rules, origin)
  const { agent, createConnection, h2session } = native
  const own = createConnection ?? h2session
  const kept = agentFor(protocol, rules, (agent || undefined) ?? own, native)
  // Whoever connects by himself uses no agent.
  if (kept !== undefined && own === undefined) Object.assign(native, { agent: kept })
}
