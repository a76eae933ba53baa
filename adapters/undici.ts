/**
 * HTTP/2 for undici and for Node's own fetch: `setGlobalDispatcher(new HyperDispatcher())`, or `install()` for the fetch
 * built into Node alone.
 *
 * Rules
 * - Importing this changes nothing in the process: parts of undici are imported by path (undici/internals.ts).
 * - Both generations of handlers are taken: undici 7 and 8 pass `onRequestStart ...`, the fetch of Node 20 to 24 `onConnect ...`.
 * - No private (`#`) members: `compose()` calls methods through a Proxy, on which they do not exist.
 * - A dispatcher closes only a pool that it made for itself; with a shared one it waits for, or ends, its own requests.
 *
 * How it works: `dispatch` turns undici's options into a request (undici/request.ts), the handler into a handler of an
 * exchange (undici/exchange.ts), and our errors into undici's (undici/errors.ts). What ends in a socket goes by
 * undici/tunnels.ts; undici/diagnostics.ts publishes undici's diagnostics messages for both. The methods `request`, `stream` and
 * `pipeline` are undici's own, and work on this as on a dispatcher of undici's.
 */
import { HyperDispatcher } from './undici/dispatchers.ts'
import { errors } from './undici/internals.ts'

export type { ClientStats, OriginStats } from './undici/dispatchers.ts'
export { HyperClient, HyperDispatcher, HyperPool } from './undici/dispatchers.ts'
export { StreamError } from './undici/errors.ts'
export type { HyperDispatcherOptions } from './undici/options.ts'

/** The slots in which the fetch of Node 20 to 24 (1) and of Node 26 (2) look for their dispatcher. */
const globalSlots = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]

/**
 * Makes Node's own `fetch` use a dispatcher, without undici being loaded: writes it where each version of Node looks.
 * What `setGlobalDispatcher` of undici set before is replaced, and a later call of it replaces this.
 *
 * @param dispatcher Default: a new HyperDispatcher on the process-wide pool.
 * @returns the dispatcher.
 * @throws {InvalidArgumentError} undici's, when the argument is not a dispatcher (for example, its options).
 */
export function install(dispatcher: HyperDispatcher = new HyperDispatcher()): HyperDispatcher {
  if (typeof dispatcher?.dispatch !== 'function') {
    throw new errors.InvalidArgumentError('install() takes a dispatcher: new HyperDispatcher(options)')
  }
  for (const slot of globalSlots) {
    Object.defineProperty(globalThis, slot, {
      value: dispatcher,
      writable: true,
      enumerable: false,
      configurable: false,
    })
  }
  return dispatcher
}
