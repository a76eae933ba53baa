/**
 * A request that axios's own http adapter carries out, since only it can: by an agent that keeps the pool's rules, so that what
 * the pool trusts is trusted there too, what it shows is shown, and the keys that it pins are looked at.
 */
import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import type { Transport } from '../../src/exchange/contract.ts'
import { agentFor, poolOptionsOf } from '../common/node-agents.ts'
import { option } from './option.ts'
import type { Realm } from './realm.ts'

export function handOver(
  config: InternalAxiosRequestConfig,
  realm: Realm,
  transport: Transport,
): Promise<AxiosResponse> {
  const rules = poolOptionsOf(transport)
  if (rules !== undefined) {
    for (const [name, protocol] of AGENTS) {
      const agent = agentFor(protocol, rules, option(config, name) || undefined)
      if (agent !== undefined) config = Object.assign(config, { [name]: agent })
    }
  }
  return realm.axios.getAdapter('http')(config)
}

const AGENTS = [
  ['httpAgent', 'http:'],
  ['httpsAgent', 'https:'],
] as const
