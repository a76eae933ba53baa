/** The connection options that an axios config asks for: agents, `lookup`, `family`, `socketPath`, HTTP versions. */
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import type { InternalAxiosRequestConfig } from 'axios'
import { toError } from '../../src/errors.ts'
import type { Transport } from '../../src/exchange/contract.ts'
import type { ConnectOptions } from '../../src/net/options.ts'
import { globalAgentOptions, isPlainAgent } from '../common/node-agents.ts'
import { connectOptions as nodeOptions } from '../common/node-options.ts'
import { sharedTransport } from '../common/pool.ts'
import { serverNameOf } from '../common/server-name.ts'
import { option } from './option.ts'
import type { Realm } from './realm.ts'

/** The same object for the same options; undefined for none. */
export function connectOptions(
  config: InternalAxiosRequestConfig,
  url: URL,
  hostHeader: unknown,
  transport: Transport,
): ConnectOptions | undefined {
  const { protocol } = url
  const agent = option(config, protocol === 'https:' ? 'httpsAgent' : 'httpAgent') || undefined
  const named = hostHeader !== undefined && protocol === 'https:' ? serverNameOf(hostHeader, url.hostname) : undefined
  const lookup = option(config, 'lookup') ?? undefined
  const family = option(config, 'family') || undefined
  const socketPath = option(config, 'socketPath') || undefined
  const version = option(config, 'httpVersion') ?? undefined
  const http2 = option(config, 'http2Options') ?? undefined
  // A pool that somebody made says itself what it trusts and shows.
  const common = agent === undefined && transport === sharedTransport ? globalAgentOptions(protocol) : undefined
  if ((agent ?? common ?? named ?? lookup ?? family ?? socketPath ?? version ?? http2) === undefined) return undefined
  return nodeOptions(
    named === undefined ? undefined : { servername: named },
    isPlainAgent(agent) ? agent.options : common,
    typeof http2 === 'object' ? http2 : undefined,
    {
      lookup: typeof lookup === 'function' ? nodeLookup(lookup) : undefined,
      family: family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family,
      socketPath,
      ALPNProtocols: Number(version) === 1 ? HTTP1 : undefined,
    },
  )
}

const HTTP1 = ['http/1.1']

/** What Node takes for one. */
const FAMILIES: ReadonlySet<unknown> = new Set([4, 6, 'IPv4', 'IPv6'])

/**
 * axios's own checks of these options.
 * @throws AxiosError with the code ERR_BAD_OPTION_VALUE.
 */
export function checkConnect(config: InternalAxiosRequestConfig, { AxiosError }: Realm): void {
  const lookup = option(config, 'lookup')
  if (lookup && typeof lookup !== 'function') {
    throw Object.assign(new TypeError('lookup must be a function'), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  const family = option(config, 'family')
  if (family && !FAMILIES.has(family)) {
    // In the words of Node's net, which axios's own adapter hands it to.
    const message = `The property 'options.family' must be one of: 0, 4, 6. Received ${inspect(family)}`
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  const version = option(config, 'httpVersion')
  if (version !== undefined && version !== null && Number(version) !== 1 && Number(version) !== 2) {
    const message = `Unsupported protocol version: '${String(version)}'`
    throw new AxiosError(message, AxiosError.ERR_BAD_OPTION_VALUE, config)
  }
  const socketPath = option(config, 'socketPath')
  if (!socketPath) return
  if (typeof socketPath !== 'string') {
    throw new AxiosError('socketPath must be a string', AxiosError.ERR_BAD_OPTION_VALUE, config)
  }
  const allowed = option(config, 'allowedSocketPaths')
  if (allowed === undefined || allowed === null) return
  const list: unknown[] = Array.isArray(allowed) ? allowed : [allowed]
  if (list.some((one) => typeof one === 'string' && resolve(one) === resolve(socketPath))) return
  const message = `socketPath "${socketPath}" is not permitted by allowedSocketPaths`
  throw new AxiosError(message, AxiosError.ERR_BAD_OPTION_VALUE, config)
}

type Lookup = NonNullable<ConnectOptions['lookup']>
const lookups = new WeakMap<object, Lookup>()

/** axios takes a lookup by callback or promise, whose answer is an address, a list, or objects of them. */
function nodeLookup(lookup: unknown): Lookup {
  // The caller has looked: it is a function.
  const given = lookup as (...args: unknown[]) => unknown
  const known = lookups.get(given)
  if (known !== undefined) return known
  const made: Lookup = (hostname, options, callback) => {
    let answered = false
    const answer = (error: unknown, first?: unknown, family?: unknown): void => {
      if (answered) return
      answered = true
      if (error) {
        callback(error instanceof Error ? error : new Error(String(error)), '')
        return
      }
      let list: ReturnType<typeof addressOf>[]
      try {
        list = (Array.isArray(first) && first.length > 0 ? first : [first]).map((one) => addressOf(one, family))
      } catch (wrong) {
        callback(toError(wrong), '')
        return
      }
      if (options.all) callback(null, list)
      else callback(null, list[0].address, list[0].family)
    }
    try {
      const result: unknown = given(hostname, options, answer)
      if (result instanceof Promise) {
        result.then(
          (value: unknown) => (Array.isArray(value) ? answer(null, value[0], value[1]) : answer(null, value)),
          answer,
        )
      }
    } catch (error) {
      answer(error)
    }
  }
  lookups.set(given, made)
  return made
}

function addressOf(value: unknown, family: unknown): { address: string; family: number } {
  if (typeof value === 'object' && value !== null && 'address' in value && typeof value.address === 'string') {
    const own: unknown = 'family' in value ? value.family : undefined
    return { address: value.address, family: familyOf(value.address, own) }
  }
  if (typeof value === 'string') return { address: value, family: familyOf(value, family) }
  throw Object.assign(new Error('address must be a string'), { code: 'ERR_BAD_OPTION_VALUE' })
}

function familyOf(address: string, family: unknown): number {
  return typeof family === 'number' && family > 0 ? family : address.includes(':') ? 6 : 4
}
