/**
 * Node agents over our transport: `{ agent: hyperAgent.https }` gives HTTP/2 to whatever takes an agent: `https.request`,
 * axios's `httpsAgent`, got's `agent`, node-fetch, superagent, the AWS SDK's NodeHttpHandler.
 *
 * Rules
 * - Node's own ClientRequest writes HTTP/1.1 and reads HTTP/1.1, to and from an object that stands in for a socket (agent/socket.ts):
 *   between the two, the request goes over the pool. What the caller sees is Node's own IncomingMessage, which says
 *   HTTP/1.1; trailers, informational responses and `expect: 100-continue` work.
 * - Upgrades and CONNECT need a socket of their own: an ordinary agent of Node's carries them.
 * - The shims for axios and got are faster and more faithful: an agent is for what has no shim.
 */
import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { toError } from '../src/errors.ts'
import { AgentSocket } from './agent/socket.ts'
import { toNodeError } from './common/errors.ts'
import { agentFor, poolOptionsOf, refuseProxy } from './common/node-agents.ts'
import { handedOn } from './common/node-fates.ts'
import { connectOptions, type NativeOptions } from './common/node-options.ts'
import { type ResolvedPool, resolvePool, type ShimOptions } from './common/pool.ts'
import { serverNameOf } from './common/server-name.ts'

/** The options that Node passes to an agent with each request. */
interface RequestOptions extends NativeOptions {
  readonly servername?: string
  readonly timeout?: number
}

/** What Node's ClientRequest offers to agents, beside its public interface. */
interface AgentClientRequest extends ClientRequest {
  onSocket(socket: Duplex | undefined, error?: Error): void
}

/**
 * Node's own classes, so that `instanceof` knows ours. Importing node:http would read all of its exports, and one of those
 * loads Node's own fetch; what is asked for by name loads nothing.
 */
const { Agent: NodeHttpAgent } = process.getBuiltinModule('node:http')
const { Agent: NodeHttpsAgent } = process.getBuiltinModule('node:https')

/** What the two agents have of ours. */
class Carrier {
  private readonly protocol: 'http:' | 'https:'
  private readonly pool: ResolvedPool

  constructor(protocol: 'http:' | 'https:', given: ShimOptions | Made) {
    this.protocol = protocol
    this.pool = given instanceof Made ? given.pool : resolvePool(given)
  }

  addRequest(request: AgentClientRequest, options: RequestOptions): void {
    const { protocol, pool } = this
    const origin = this.originOf(options)
    if (wantsSocket(request, options) || leadsElsewhere(request.path, origin)) {
      this.handOn(request, options, origin)
      return
    }
    const named = protocol === 'https:' ? withServerName(options, request.getHeader('host')) : options
    const socket = new AgentSocket(pool.transport, origin, connectOptions(named), request)
    // node:http leaves it to the agent to set the time of the socket.
    if (options.timeout !== undefined && options.timeout > 0) socket.setTimeout(options.timeout)
    request.onSocket(socket)
  }

  private handOn(request: AgentClientRequest, options: RequestOptions, origin: string): void {
    try {
      if (typeof options.socketPath !== 'string') refuseProxy(poolOptionsOf(this.pool.transport) ?? {}, origin)
      this.ordinaryAgent(options).addRequest(request, options)
    } catch (error) {
      request.onSocket(undefined, toNodeError(toError(error)))
    }
  }

  /** Closes the pool made for this agent alone; a shared one stays open. */
  destroy(): void {
    void this.pool.own?.destroy()
  }

  originOf(options: RequestOptions): string {
    return originOf(this.protocol, options)
  }

  /** An agent of Node's own, by the pool's rules. */
  private ordinaryAgent(
    options: RequestOptions,
  ): Agent & { addRequest(request: ClientRequest, options: object): void } {
    const { protocol, pool } = this
    const Ordinary = protocol === 'https:' ? NodeHttpsAgent : NodeHttpAgent
    const agent = agentFor(protocol, poolOptionsOf(pool.transport) ?? {}, undefined, options) ?? new Ordinary()
    // Node's types leave out what Node itself calls.
    return agent as Agent & { addRequest(request: ClientRequest, options: object): void }
  }
}

/** Is this a request that an agent of Node's has to carry, as it wants a socket of its own, or says what we do not know? */
export function wantsSocket(request: ClientRequest, options: object): boolean {
  return request.method === 'CONNECT' || request.hasHeader('upgrade') || handedOn(options)
}

/**
 * Is the target a URL (RFC 9112 section 3.2.2) of another origin than the one that is connected to? Then that is a proxy, to whoever
 * made the request, and it is spoken to as a proxy is: by HTTP/1.1.
 */
export function leadsElsewhere(target: string, origin: string): boolean {
  if (target.startsWith('/') || !URL.canParse(target) || !URL.canParse(origin)) return false
  return new URL(target).origin !== new URL(origin).origin
}

/** A pool that both agents of a pair use. */
class Made {
  readonly pool: ResolvedPool

  constructor(pool: ResolvedPool) {
    this.pool = pool
  }
}

/**
 * An agent for `http:`. Node makes another by `new agent.constructor()` where a request has `agent: false` and this is the
 * global agent: without options it is one on the process-wide pool.
 */
export class HyperHttpAgent extends NodeHttpAgent {
  readonly #carrier: Carrier

  constructor(options: ShimOptions | Made = {}) {
    super({ keepAlive: true })
    this.#carrier = new Carrier('http:', options)
  }

  /** Called by node:http for each request. */
  addRequest(request: AgentClientRequest, options: RequestOptions): void {
    this.#carrier.addRequest(request, options)
  }

  /** Node asks for it to name a connection. */
  override getName(options: object = {}): string {
    return this.#carrier.originOf(options)
  }

  override destroy(): void {
    this.#carrier.destroy()
  }
}

/** An agent for `https:`. */
export class HyperHttpsAgent extends NodeHttpsAgent {
  readonly #carrier: Carrier

  constructor(options: ShimOptions | Made = {}) {
    super({ keepAlive: true })
    this.#carrier = new Carrier('https:', options)
  }

  /** Called by node:https for each request. */
  addRequest(request: AgentClientRequest, options: RequestOptions): void {
    this.#carrier.addRequest(request, options)
  }

  override getName(options: object = {}): string {
    return this.#carrier.originOf(options)
  }

  override destroy(): void {
    this.#carrier.destroy()
  }
}

/** node:https names the peer by the Host header, where there is one. */
function withServerName(options: RequestOptions, hostHeader: unknown): RequestOptions {
  if (options.servername !== undefined && options.servername !== null) return options
  const servername = serverNameOf(hostHeader, options.host ?? options.hostname ?? 'localhost')
  return servername === undefined ? options : { ...options, servername }
}

/** A pair of agents, in the form in which got takes them. */
export interface HyperAgents {
  /** For `http:` URLs. */
  readonly http: Agent
  /** For `https:` URLs. */
  readonly https: Agent & import('node:https').Agent
}

/**
 * Makes agents: without options on the process-wide pool, with `{ pool }` on that one, with other pool options on a pool of
 * their own, which `destroy()` of either ends.
 * @throws {InvalidArgumentError} naming a pool option that is not acceptable.
 */
export function createHyperAgent(options: ShimOptions = {}): HyperAgents {
  const made = new Made(resolvePool(options))
  return { http: new HyperHttpAgent(made), https: new HyperHttpsAgent(made) }
}

/** Agents on the process-wide pool. */
export const hyperAgent: HyperAgents = createHyperAgent()

function originOf(protocol: string, { host, hostname, port }: RequestOptions): string {
  const name = host ?? hostname ?? 'localhost'
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
  return `${protocol}//${bracketed}${port === undefined || port === '' ? '' : `:${port}`}`
}
