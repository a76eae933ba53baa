/**
 * A request that axios's own http adapter carries out, since only it can: with the pool's TLS options, so that what the pool
 * trusts is trusted there too, and what it shows is shown.
 */
import type { Agent } from 'node:https'
import type { AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import type { Transport } from '../../src/exchange/contract.ts'
import type { TlsOptions } from '../../src/net/options.ts'
import { nodeTlsOptions } from '../../src/net/tls-options.ts'
import { Pool } from '../../src/pool/pool.ts'
import { sharedPool, sharedTransport } from '../common/pool.ts'
import { option } from './option.ts'
import type { Realm } from './realm.ts'

/** One agent for each set of options: an agent keeps connections. */
const agents = new WeakMap<TlsOptions, Agent>()

export function handOver(
  config: InternalAxiosRequestConfig,
  realm: Realm,
  transport: Transport,
): Promise<AxiosResponse> {
  const agent = option(config, 'httpsAgent') ? undefined : agentOf(transport)
  return realm.axios.getAdapter('http')(agent === undefined ? config : Object.assign(config, { httpsAgent: agent }))
}

function agentOf(transport: Transport): Agent | undefined {
  const pool = transport === sharedTransport ? sharedPool() : transport
  const tls = pool instanceof Pool ? pool.options.tls : undefined
  if (tls === undefined) return undefined
  const known = agents.get(tls)
  if (known !== undefined) return known
  const { Agent: HttpsAgent } = process.getBuiltinModule('node:https')
  const made = new HttpsAgent({ ...nodeTlsOptions(tls), keepAlive: true })
  agents.set(tls, made)
  return made
}
