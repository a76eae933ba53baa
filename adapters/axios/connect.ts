/** The connection options that an axios config asks for: agents, `lookup`, `family`, `socketPath`, HTTP versions. */
import type { Agent } from 'node:https'
import { resolve } from 'node:path'
import type { InternalAxiosRequestConfig } from 'axios'
import { toError } from '../../src/errors.ts'
import type { ConnectOptions, TlsOptions } from '../../src/net/options.ts'
import { serverNameOf } from '../common/server-name.ts'
import { TLS_OPTIONS } from '../common/tls-options.ts'
import { option } from './option.ts'
import type { Realm } from './realm.ts'

/** Node's own agent, whose options say all there is to it: no subclass, nothing replaced, no proxies of Node's. */
export function isPlainAgent(agent: unknown): agent is Agent {
  if (typeof agent !== 'object' || agent === null) return false
  const { Agent: HttpAgent } = process.getBuiltinModule('node:http')
  const { Agent: HttpsAgent } = process.getBuiltinModule('node:https')
  const prototype: unknown = Object.getPrototypeOf(agent)
  if (prototype !== HttpAgent.prototype && prototype !== HttpsAgent.prototype) return false
  for (const name of OVERRIDES) if (Object.hasOwn(agent, name)) return false
  return Reflect.get((agent as Agent).options, 'proxyEnv') === undefined
}

/** What an agent may have been given of its own, to connect in another way. */
const OVERRIDES = ['createConnection', 'createSocket', 'addRequest', 'getName']

/** What was asked for and what came of it, the newest last: the pool looks options up by the identity of their object. */
let known: { readonly values: readonly unknown[]; readonly connect: ConnectOptions }[] = []
const MAX_KNOWN = 64

/** The same object for the same options; undefined for none. */
export function connectOptions(
  config: InternalAxiosRequestConfig,
  { protocol, hostname }: URL,
  hostHeader: unknown,
): ConnectOptions | undefined {
  const agent = option(config, protocol === 'https:' ? 'httpsAgent' : 'httpAgent') || undefined
  const named = protocol === 'https:' ? serverNameOf(hostHeader, hostname) : undefined
  const lookup = option(config, 'lookup') ?? undefined
  const family = option(config, 'family') || undefined
  const socketPath = option(config, 'socketPath') || undefined
  const version = option(config, 'httpVersion') ?? undefined
  const http2 = option(config, 'http2Options') ?? undefined
  if ((agent ?? named ?? lookup ?? family ?? socketPath ?? version ?? http2) === undefined) return undefined
  const values = [agent, named, lookup, family, socketPath, version, ...tlsValues(http2)]
  for (let i = known.length - 1; i >= 0; i--) {
    if (same(known[i].values, values)) return known[i].connect
  }
  const tls: Record<string, unknown> = {
    ...(named === undefined ? {} : { servername: named }),
    ...tlsOf(isPlainAgent(agent) ? agent.options : undefined),
    ...tlsOf(http2),
  }
  const base = isPlainAgent(agent) ? agent.options : undefined
  const connect: ConnectOptions = {
    ...(Object.keys(tls).length === 0 ? {} : { tls: tls as TlsOptions }),
    ...(base?.localAddress === undefined ? {} : { localAddress: base.localAddress }),
    ...familyOption(family ?? base?.family),
    ...(typeof lookup === 'function' ? { lookup: nodeLookup(lookup) } : base?.lookup ? { lookup: base.lookup } : {}),
    ...(typeof socketPath === 'string' ? { socketPath } : {}),
    ...(Number(version) === 1 ? { allowH2: false } : {}),
  }
  if (known.length >= MAX_KNOWN) known = known.slice(MAX_KNOWN / 2)
  known.push({ values, connect })
  return connect
}

/**
 * axios's own checks of these options.
 * @throws AxiosError with the code ERR_BAD_OPTION_VALUE.
 */
export function checkConnect(config: InternalAxiosRequestConfig, { AxiosError }: Realm): void {
  const lookup = option(config, 'lookup')
  if (lookup && typeof lookup !== 'function') {
    throw Object.assign(new TypeError('lookup must be a function'), { code: 'ERR_INVALID_ARG_TYPE' })
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

/** axios copies plain options for each request, so it is their values that tell them apart. */
function tlsValues(options: unknown): unknown[] {
  if (typeof options !== 'object' || options === null) return []
  const values: unknown[] = []
  for (const name of TLS_OPTIONS) {
    const value: unknown = Object.hasOwn(options, name) ? Reflect.get(options, name) : undefined
    if (Array.isArray(value)) values.push(value.length, ...value)
    else values.push(value)
  }
  return values
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function tlsOf(options: unknown): Record<string, unknown> {
  const tls: Record<string, unknown> = {}
  if (typeof options !== 'object' || options === null) return tls
  for (const name of TLS_OPTIONS) {
    const value: unknown = Object.hasOwn(options, name) ? Reflect.get(options, name) : undefined
    if (value !== undefined) tls[name] = value
  }
  return tls
}

function familyOption(family: unknown): { family?: 4 | 6 } {
  return family === 4 || family === 6 ? { family } : {}
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
