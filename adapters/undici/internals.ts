/**
 * The parts of undici that the shim is made of, where undici is installed; stand-ins of our own where it is not.
 *
 * Rules
 * - Importing `undici` itself puts an Agent into the process's global dispatcher slots, which sends Node's own fetch another
 *   way. So its inner modules are loaded by path, which do nothing of the kind. They lack what undici's main module adds: the
 *   methods `request` etc. of Dispatcher, which `HyperDispatcher` therefore gives its own prototype.
 * - undici is optional: Node's own fetch asks for no more than `dispatch()`. It is looked for once, when this is loaded, at the
 *   place where this package is; 6, 7 and 8 will do.
 *
 * To a bundler these are calls of a function, not imports: it leaves undici out, and the program looks for it when it runs,
 * beside the bundle (a bundler that writes another URL into `import.meta.url`: there). When it is not found there, Node's fetch
 * works all the same, and so do undici's functions with a `dispatcher`, which ask for `dispatch()` as well. Who wants
 * `instanceof` and `dispatcher.request()` from a bundle keeps undici out of it (`external`) and installs it beside it.
 */
import { createRequire } from 'node:module'
import type * as undici from 'undici'
import { OwnDispatcher, ownApi, ownErrors } from './stand-ins.ts'

type Api = Pick<undici.Dispatcher, 'request' | 'stream' | 'pipeline' | 'connect' | 'upgrade'>

/** What is taken of undici. */
interface Parts {
  readonly Dispatcher: typeof undici.Dispatcher
  readonly errors: typeof undici.errors
  readonly symbols: Readonly<Record<'kClients' | 'kUrl' | 'kDispatch', symbol>>
}

/** Neither there, nor there in a way that lets its inner modules be loaded. */
const UNUSABLE = new Set(['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED'])

/** @returns undefined where undici is not there. */
function load<Loaded>(read: (require: NodeJS.Require) => Loaded): Loaded | undefined {
  // A bundler that makes CommonJS leaves no URL.
  const { url }: { readonly url?: string } = import.meta
  try {
    return read(createRequire(url ?? `${process.cwd()}/`))
  } catch (error) {
    if (UNUSABLE.has(String(Reflect.get(Object(error), 'code')))) return undefined
    throw error
  }
}

const parts = load(
  (require): Parts => ({
    Dispatcher: require('undici/lib/dispatcher/dispatcher.js'),
    errors: require('undici/lib/core/errors.js'),
    symbols: require('undici/lib/core/symbols.js'),
  }),
)

/** undici's Dispatcher class. */
export const Dispatcher: typeof undici.Dispatcher = parts?.Dispatcher ?? OwnDispatcher

/** undici's error classes; those that an older undici does not have are ours. */
export const errors: typeof undici.errors = { ...ownErrors, ...parts?.errors }

let loadedApi: Api | undefined

/** undici's half of the work of a request, which is most of what there is to load: it is loaded by the first. */
function loadApi(): Api {
  loadedApi ??= load((require): Api => require('undici/lib/api/index.js')) ?? ownApi
  return loadedApi
}

type Method = (this: undici.Dispatcher, ...given: unknown[]) => unknown

function method(name: keyof Api): Method {
  return function (...given) {
    // One of five functions, each with types of its own: what is given goes through as it is.
    const real = loadApi()[name] as Method
    return real.apply(this, given)
  }
}

/** `request`, `stream`, `pipeline`, `connect`, `upgrade`. */
export const api: Readonly<Record<keyof Api, Method>> = {
  request: method('request'),
  stream: method('stream'),
  pipeline: method('pipeline'),
  connect: method('connect'),
  upgrade: method('upgrade'),
}

/** Where an Agent of undici's keeps what it has for each origin, and where MockAgent puts its mocks. */
export const kClients: unique symbol = (parts?.symbols.kClients ?? Symbol('clients')) as never

/** Where undici's Client and Pool keep their origin, and interceptors look for it. */
export const kUrl: unique symbol = (parts?.symbols.kUrl ?? Symbol('url')) as never

/** What dispatchers of undici's own do when they have checked what they were given. */
export const kDispatch: symbol = parts?.symbols.kDispatch ?? Symbol('dispatch')

/** Is this handler one of the older form, wrapped by undici 8, which does not export the class, whichever copy of it did so? */
export function isWrappedLegacyHandler(handler: object): boolean {
  return handler.constructor?.name === 'LegacyHandlerWrapper'
}
