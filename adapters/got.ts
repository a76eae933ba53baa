/**
 * got over our transport: `got.extend(hyperGot())`.
 *
 * Rules
 * - Only got's public `request` option is used. got keeps what is got's: redirects, retries, cookies, decompression, caching,
 *   timeouts, progress, hooks, and its own error classes.
 * - The function returns a request object, since got measures timings and upload progress on it, and arms its timeouts there. It
 *   emits what a ClientRequest emits, in the order got relies on: `error` always before `close`.
 * - What can only be done by another transport (a user's agent, `createConnection`, an `h2session`, an upgrade, `setHost: false`)
 *   is answered with `undefined`: got then uses its own. No option is ignored.
 * - got is not imported when this runs; only its types are used.
 */
import type { ExtendOptions } from 'got'
import { poolOptionsOf, refuseProxy } from './common/node-agents.ts'
import type { NativeOptions } from './common/node-options.ts'
import { resolvePool, type ShimOptions } from './common/pool.ts'
import { type NativeTarget, needsGotsOwn, readTarget } from './got/options.ts'
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
      const { origin } = readTarget(url, native)
      // A request by a unix socket goes by no proxy.
      if (native.socketPath === undefined) refuseProxy(poolOptionsOf(transport) ?? {}, origin)
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
