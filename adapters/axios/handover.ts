/**
 * A request that axios's own http adapter carries out, since only it can: by an agent that keeps the pool's rules, so that what
 * the pool trusts is trusted there too, what it shows is shown, and the keys that it pins are looked at.
 */
import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { toError } from '../../src/errors.ts'
import type { Transport } from '../../src/exchange/contract.ts'
import { agentFor, poolOptionsOf, refuseProxy } from '../common/node-agents.ts'
import { wireError } from './errors.ts'
import { option } from './option.ts'
import { proxyInEnvironment } from './proxy.ts'
import type { Realm } from './realm.ts'

export function handOver(
  config: InternalAxiosRequestConfig,
  realm: Realm,
  transport: Transport,
  url: URL,
): Promise<AxiosResponse> {
  try {
    return realm.axios.getAdapter('http')(withRules(config, transport, url))
  } catch (error) {
    return Promise.reject(wireError(toError(error), { config, realm, view: undefined }))
  }
}

/** @throws {NotSupportedError} where a rule of the pool cannot be kept. */
function withRules(config: InternalAxiosRequestConfig, transport: Transport, url: URL): InternalAxiosRequestConfig {
  const rules = poolOptionsOf(transport)
  if (rules !== undefined) {
    // A proxy of the request's own, or of the environment, goes before the pool's.
    const proxy = option(config, 'proxy')
    const proxied = proxy ? true : proxy !== false && proxyInEnvironment(url)
    if (!proxied && url.protocol !== 'data:' && !option(config, 'socketPath')) refuseProxy(rules, url.origin)
    for (const [name, protocol] of AGENTS) {
      const agent = agentFor(protocol, rules, option(config, name) || undefined)
      if (agent !== undefined) config = Object.assign(config, { [name]: agent })
    }
  }
  return config
}

const AGENTS = [
  ['httpAgent', 'http:'],
  ['httpsAgent', 'https:'],
] as const
