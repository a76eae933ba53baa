/**
 * Sends the requests of a whole process over the pool, without a change to its code: `node --import hyper-transport/register app.js`, or
 * `NODE_OPTIONS=--import=hyper-transport/register`.
 *
 * Rules
 * - This is the one entry point that acts when it is imported: it registers with the options from the environment
 *   (register/environment.ts). Options given to `register()` take precedence over those.
 * - What is replaced: Node's fetch by ours (`fetch: 'native'` keeps it), the dispatcher of Node's fetch and of undici, and what
 *   Node's own agents do with a request (register/agents.ts). Agents of other classes are left as they are.
 * - Requests to the hosts in `except` are not changed.
 * - Nothing is left behind by `unregister()`: what others have put in the same places meanwhile stays.
 */
import { parseOrigin } from '../src/net/origin.ts'
import { isExempt } from '../src/net/proxy-env.ts'
import { replaceSharedPool } from './common/pool.ts'
import { replaceAgents } from './register/agents.ts'
import { replaceDispatcher } from './register/dispatcher.ts'
import { fromEnvironment } from './register/environment.ts'
import { replaceFetch } from './register/fetch.ts'
import type { RegisterOptions } from './register/options.ts'
import { logFrames, reportAtExit } from './register/report.ts'
import { limitsOfRuntime } from './register/runtime.ts'

export type { RegisterOptions } from './register/options.ts'

let undo: readonly (() => void)[] = []

/**
 * Sends the requests of the whole process over the pool. A second call replaces the options of the first.
 * @returns a function that undoes it.
 * @throws {InvalidArgumentError} naming an option that is unknown or invalid; nothing has changed then.
 */
export function register(options: RegisterOptions = {}): () => void {
  const { fetch = 'hyper', except = '', stats = false, debug = false, ...pool } = { ...fromEnvironment(), ...options }
  replaceSharedPool(pool)
  unregister()
  const list = typeof except === 'string' ? except : except.join(' ')
  const isExcepted = list.trim() === '' ? undefined : exceptions(list)
  const here = limitsOfRuntime(fetch)
  if (here !== undefined) process.emitWarning(here, { type: 'HyperWarning', code: 'HYPER_RUNTIME' })
  undo = [
    replaceDispatcher(isExcepted),
    ...(fetch === 'native' ? [] : [replaceFetch(isExcepted)]),
    replaceAgents(isExcepted),
    ...(stats ? [reportAtExit()] : []),
    ...(debug ? [logFrames()] : []),
  ]
  return () => {
    unregister()
    replaceSharedPool({})
  }
}

function unregister(): void {
  for (const one of undo) one()
  undo = []
}

/** Which origins are left alone; each spelling is looked at once. */
function exceptions(list: string): (origin: string) => boolean {
  const known = new Map<string, boolean>()
  return (origin) => {
    let found = known.get(origin)
    if (found === undefined) {
      found = URL.canParse(origin) && isExempt(parseOrigin(origin), list)
      if (known.size < MAX_KNOWN) known.set(origin, found)
    }
    return found
  }
}

const MAX_KNOWN = 1024

register()
