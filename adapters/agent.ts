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
import type { Agent } from 'node:http'
import { type AgentClientRequest, Carrier, type RequestOptions } from './agent/carrier.ts'
import { type ResolvedPool, resolvePool, type ShimOptions } from './common/pool.ts'

/**
 * Node's own classes, so that `instanceof` knows ours. Importing node:http would read all of its exports, and one of those
 * loads Node's own fetch; what is asked for by name loads nothing.
 */
const { Agent: NodeHttpAgent } = process.getBuiltinModule('node:http')
const { Agent: NodeHttpsAgent } = process.getBuiltinModule('node:https')

/** A pool that both agents of a pair use. */
class Made {
  readonly pool: ResolvedPool

  constructor(pool: ResolvedPool) {
    this.pool = pool
  }
}

function poolOf(given: ShimOptions | Made): ResolvedPool {
  return given instanceof Made ? given.pool : resolvePool(given)
}

/**
 * An agent for `http:`. Node makes another by `new agent.constructor()` where a request has `agent: false` and this is the
 * global agent: without options it is one on the process-wide pool.
 */
export class HyperHttpAgent extends NodeHttpAgent {
  readonly #carrier: Carrier

  constructor(options: ShimOptions | Made = {}) {
    super({ keepAlive: true })
    this.#carrier = new Carrier('http:', poolOf(options))
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
    this.#carrier = new Carrier('https:', poolOf(options))
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
