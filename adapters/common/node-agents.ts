/**
 * Agents of Node's own: which of them say all by their options, and one that carries out, by a pool's rules, what a shim hands
 * on.
 */
import type { Agent as HttpAgent } from 'node:http'
import type { Agent } from 'node:https'
import { setImmediate } from '../../src/clock.ts'
import { NotSupportedError } from '../../src/errors.ts'
import type { Transport } from '../../src/exchange/contract.ts'
import type { ConnectOptions, TlsOptions } from '../../src/net/options.ts'
import { parseOrigin } from '../../src/net/origin.ts'
import { normaliseProxy } from '../../src/net/proxy.ts'
import { agentTlsOptions, keyLogOf } from '../../src/net/tls-options.ts'
import { mergeTls } from '../../src/net/tls-units.ts'
import type { PoolOptions } from '../../src/pool/options.ts'
import { Pool } from '../../src/pool/pool.ts'
import { foreignOption } from './node-fates.ts'
import { connectOptions } from './node-options.ts'
import { sharedPool, sharedTransport } from './pool.ts'

/**
 * Not imported: whoever reads an export of node:http has it look at each of them, `WebSocket` among them, which claims the
 * process's global dispatcher. Each is loaded when it is needed: node:https takes its time.
 */
const http = (): typeof import('node:http') => process.getBuiltinModule('node:http')
const https = (): typeof import('node:https') => process.getBuiltinModule('node:https')

/** Node's own agent, nothing of it replaced: its options say all there is to it. */
export function isNodeAgent(agent: unknown): agent is Agent {
  if (typeof agent !== 'object' || agent === null) return false
  const prototype: unknown = Object.getPrototypeOf(agent)
  if (prototype !== http().Agent.prototype && prototype !== https().Agent.prototype) return false
  return !OVERRIDES.some((name) => Object.hasOwn(agent, name))
}

/** What an agent may have been given of its own, to connect in another way. */
const OVERRIDES = ['createConnection', 'createSocket', 'addRequest', 'getName']

/** One all of whose options count here. */
export function isPlainAgent(agent: unknown): agent is Agent {
  return isNodeAgent(agent) && foreignOption(agent.options) === undefined
}

/**
 * What was set in `https.globalAgent.options` or http's, for the whole process: undefined for nothing. Looked at once a turn of
 * the event loop.
 */
export function globalAgentOptions(protocol: string): object | undefined {
  if (!lookedAt.has(protocol)) {
    if (lookedAt.size === 0) setImmediate(forget)
    const agent: unknown = (protocol === 'https:' ? https() : http()).globalAgent
    lookedAt.set(
      protocol,
      isNodeAgent(agent) && connectOptions(agent.options) !== undefined ? agent.options : undefined,
    )
  }
  return lookedAt.get(protocol)
}

const lookedAt = new Map<string, object | undefined>()

function forget(): void {
  lookedAt.clear()
}

/** The options of the pool behind a transport; undefined when it is no pool of ours. */
export function poolOptionsOf(transport: Transport): PoolOptions | undefined {
  const pool = transport === sharedTransport ? sharedPool() : transport
  return pool instanceof Pool ? pool.options : undefined
}

/**
 * What is handed on to another transport goes straight to the origin, by an agent of another kind whereever that goes: where the
 * pool has a proxy, that is not what was asked for.
 * @throws {NotSupportedError} where the pool's rules say that a proxy leads to the origin.
 */
export function refuseProxy(rules: PoolOptions, origin: string): void {
  const { proxy, socketPath } = rules
  if (proxy === undefined || proxy === false || socketPath !== undefined) return
  if (normaliseProxy(proxy, parseOrigin(origin), process.env) === undefined) return
  throw new NotSupportedError(
    `This request to ${origin} would bypass the pool's proxy: it uses an agent or a transport other than the pool`,
  )
}

/**
 * An agent that keeps a pool's rules where the pool itself does not come in: what it trusts, shows and pins, and from where it
 * connects.
 * @param given the agent that would have been used otherwise. Its options go before the pool's, as those of requests do.
 * @param request the options of a request, which go before both: an agent of Node's takes its own before them.
 * @returns undefined when there are no such rules, or when the agent given is another than Node's own: it has its own way.
 * @throws {NotSupportedError} for such an agent where keys are pinned, which nobody would look at.
 */
export function agentFor(
  protocol: string,
  rules: PoolOptions,
  given?: unknown,
  request?: object,
): HttpAgent | undefined {
  const secure = protocol === 'https:'
  const { tls, lookup, family, localAddress, socketPath } = rules
  if ((tls ?? lookup ?? family ?? localAddress ?? socketPath) === undefined) return undefined
  if (given !== undefined && !isNodeAgent(given)) {
    if (tls?.pinnedPublicKeys === undefined || !secure) return undefined
    throw new NotSupportedError(
      'The pool pins public keys, and an agent or a connection of your own does not check them: leave it out',
    )
  }
  const own = given?.options ?? {}
  const ways = { ...own, ...waysOf(connectOptions(request)) }
  const merged = secure ? mergeTls(mergeTls(tls, connectOptions(own)?.tls), connectOptions(request)?.tls) : undefined
  const plain = { keepAlive: true, ...waysOf({ lookup, family, localAddress, socketPath }), ...ways }
  const values = [secure, ...Object.entries(plain).flat(), ...Object.entries(merged ?? {}).flat()]
  const known = agents.find((one) => one.values.length === values.length && one.values.every((v, i) => v === values[i]))
  if (known !== undefined) return known.agent
  const agent = secure ? new (https().Agent)({ ...plain, ...agentTlsOptions(merged ?? {}) }) : new (http().Agent)(plain)
  logKeys(agent, merged)
  agents.push({ values, agent })
  // What the oldest has open ends by itself: requests may be on it.
  if (agents.length > MAX_AGENTS) agents.shift()
  return agent
}

/** From where, and whereto, as Node's agents know it. */
function waysOf({ lookup, family, localAddress, socketPath }: ConnectOptions = {}): object {
  const all = { lookup, family, localAddress, socketPath }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** One agent for each set of rules: an agent keeps connections. The oldest goes first. */
const agents: { readonly values: readonly unknown[]; readonly agent: HttpAgent }[] = []
const MAX_AGENTS = 16

function logKeys(agent: HttpAgent, tls: TlsOptions | undefined): void {
  const log = tls === undefined ? undefined : keyLogOf(tls)
  if (log !== undefined) agent.on('keylog', log)
}
