/** What an axios config says, read the way axios's own adapter reads it: own properties only, never Object.prototype's. */
import type { Agent } from 'node:https'
import type { AxiosBasicCredentials, InternalAxiosRequestConfig } from 'axios'
import type { ConnectOptions, TlsOptions } from '../../src/exchange.ts'
import type { Realm } from './realm.ts'

/** A property that axios's types do not all list. Inherited ones count unless they are Object.prototype's. */
export function option(config: object, name: string): unknown {
  for (let at: object | null = config; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return Reflect.get(at, name)
  }
  return undefined
}

/** Options that are carried out by axios's own http adapter: it is handed the whole request, so that none is ignored. */
export function needsOwnAdapter(config: InternalAxiosRequestConfig, protocol: string): boolean {
  if (protocol === 'data:') return true
  for (const name of ['transport', 'insecureHTTPParser']) if (option(config, name)) return true
  const maxRate = option(config, 'maxRate')
  if (maxRate !== undefined && maxRate !== null) return true
  const proxy = option(config, 'proxy')
  if (proxy !== undefined && proxy !== null && proxy !== false) return true
  if (proxy !== false && option(config, 'socketPath') === undefined && proxyInEnvironment(protocol)) return true
  const agent = option(config, protocol === 'https:' ? 'httpsAgent' : 'httpAgent')
  return agent !== undefined && agent !== null && agent !== false && !isPlainAgent(agent)
}

function proxyInEnvironment(protocol: string): boolean {
  const { env } = process
  const scheme = protocol.slice(0, -1)
  for (const name of [`${scheme}_proxy`, 'all_proxy']) {
    if (env[name] || env[name.toUpperCase()]) return true
  }
  return false
}

/** Node's own agent, whose options say all there is to it; a subclass may do anything. */
function isPlainAgent(agent: unknown): agent is Agent {
  if (typeof agent !== 'object' || agent === null) return false
  const { Agent: HttpAgent } = process.getBuiltinModule('node:http')
  const { Agent: HttpsAgent } = process.getBuiltinModule('node:https')
  const prototype: unknown = Object.getPrototypeOf(agent)
  return prototype === HttpAgent.prototype || prototype === HttpsAgent.prototype
}

const TLS_NAMES = [
  'ca',
  'cert',
  'key',
  'pfx',
  'passphrase',
  'servername',
  'rejectUnauthorized',
  'checkServerIdentity',
  'ciphers',
  'ecdhCurve',
  'sigalgs',
  'crl',
  'dhparam',
  'minVersion',
  'maxVersion',
  'secureContext',
] as const

const agentOptions = new WeakMap<object, ConnectOptions>()

/** The connection options that an agent, `lookup`, `family` and `socketPath` ask for; undefined when they ask for none. */
export function connectOptions(config: InternalAxiosRequestConfig, protocol: string): ConnectOptions | undefined {
  const agent = option(config, protocol === 'https:' ? 'httpsAgent' : 'httpAgent')
  const fromAgent = isPlainAgent(agent) ? optionsOfAgent(agent) : undefined
  const lookup = option(config, 'lookup')
  const family = option(config, 'family')
  const socketPath = option(config, 'socketPath')
  const own: ConnectOptions = {
    ...(typeof lookup === 'function' ? { lookup: nodeLookup(lookup) } : {}),
    ...(family === 4 || family === 6 ? { family } : {}),
    ...(typeof socketPath === 'string' ? { socketPath } : {}),
  }
  if (Object.keys(own).length === 0) return fromAgent
  return { ...fromAgent, ...own }
}

function optionsOfAgent(agent: Agent): ConnectOptions {
  const known = agentOptions.get(agent)
  if (known !== undefined) return known
  const tls: Record<string, unknown> = {}
  for (const name of TLS_NAMES) {
    const value: unknown = Reflect.get(agent.options, name)
    if (value !== undefined) tls[name] = value
  }
  const { localAddress, family, lookup } = agent.options
  const found: ConnectOptions = {
    ...(Object.keys(tls).length === 0 ? {} : { tls: tls as TlsOptions }),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(family === 4 || family === 6 ? { family } : {}),
    ...(lookup === undefined ? {} : { lookup }),
  }
  agentOptions.set(agent, found)
  return found
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
      const list = (Array.isArray(first) ? first : [first]).map((one) => addressOf(one, family))
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
  return { address: String(value), family: familyOf(String(value), family) }
}

function familyOf(address: string, family: unknown): number {
  return typeof family === 'number' && family > 0 ? family : address.includes(':') ? 6 : 4
}

/** The whole URL: base, relative part and parameters. Without the last two it is the text as it was given. */
export function fullUrl(config: InternalAxiosRequestConfig, realm: Realm): string {
  const url = String(config.url ?? '')
  const simple =
    (config.baseURL === undefined || /^[a-z][a-z\d+\-.]*:\/\//i.test(url)) && config.allowAbsoluteUrls !== false
  if (simple && (config.params === undefined || config.params === null)) return url
  const { baseURL, params, paramsSerializer, allowAbsoluteUrls } = config
  return realm.axios.getUri({
    url,
    ...(baseURL === undefined ? {} : { baseURL }),
    ...(allowAbsoluteUrls === undefined ? {} : { allowAbsoluteUrls }),
    params,
    ...(paramsSerializer === undefined ? {} : { paramsSerializer }),
  })
}

/** `user:password` of the config, or of the URL; undefined when neither has any. */
export function credentials(config: InternalAxiosRequestConfig, url: URL): string | undefined {
  const auth = option(config, 'auth') as Partial<AxiosBasicCredentials> | undefined
  if (auth) return `${auth.username ?? ''}:${auth.password ?? ''}`
  if (url.username === '' && url.password === '') return undefined
  return `${decoded(url.username)}:${decoded(url.password)}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
