/**
 * The parts of undici that the shim is made of, imported by path.
 *
 * Importing `undici` itself puts an Agent into the process's global dispatcher slots, which sends Node's own fetch another
 * way; these modules do nothing of the kind. They lack what undici's main module adds: the methods `request` etc. of
 * Dispatcher, which `HyperDispatcher` therefore gives its own prototype.
 */
import type * as undici from 'undici'
import apiModule from 'undici/lib/api/index.js'
import errorsModule from 'undici/lib/core/errors.js'
import symbolsModule from 'undici/lib/core/symbols.js'
import DispatcherModule from 'undici/lib/dispatcher/dispatcher.js'
import WrapperModule from 'undici/lib/dispatcher/dispatcher1-wrapper.js'

/** undici's Dispatcher class. */
export const Dispatcher: typeof undici.Dispatcher = DispatcherModule

/** undici's error classes. */
export const errors: typeof undici.errors = errorsModule

/** `request`, `stream`, `pipeline`, `connect`, `upgrade`. */
export const api: Pick<undici.Dispatcher, 'request' | 'stream' | 'pipeline' | 'connect' | 'upgrade'> = apiModule

/** Where an Agent of undici's keeps what it has for each origin, and where MockAgent puts its mocks. */
export const kClients: unique symbol = symbolsModule.kClients as never

/** Where undici's Client and Pool keep their origin, and interceptors look for it. */
export const kUrl: unique symbol = symbolsModule.kUrl as never

/** What dispatchers of undici's own do when they have checked what they were given. */
export const { kDispatch } = symbolsModule

/** Turns a handler of the older form into one of the newer. */
export function wrapLegacyHandler(handler: object): undici.Dispatcher.DispatchHandler {
  return WrapperModule.wrapHandler(handler)
}

/** The class in which undici 8's Dispatcher1Wrapper hides a handler of the older form; undici does not export it. */
const LegacyHandlerWrapper = wrapLegacyHandler({}).constructor

/** Is this handler one of the older form, wrapped by undici 8, whichever copy of it did so? */
export function isWrappedLegacyHandler(handler: object): boolean {
  const made = handler.constructor
  return made === LegacyHandlerWrapper || made?.name === LegacyHandlerWrapper.name
}
