/**
 * Node agents over our transport: `{ agent: hyperAgent.https }` gives HTTP/2 to whatever takes an agent: `https.request`,
 * axios's `httpsAgent`, got's `agent`, node-fetch, superagent, the AWS SDK's NodeHttpHandler.
 *
 * Rules
 * - Node's own ClientRequest writes HTTP/1.1 and reads HTTP/1.1, to and from a socket that is none (agent/socket.ts):
 *   between the two, the request goes over the pool. What the caller sees is Node's own IncomingMessage, which says
 *   HTTP/1.1; trailers, informational responses and `expect: 100-continue` work.
 * - Upgrades and CONNECT need a socket of their own: an ordinary agent of Node's carries them.
 * - The shims for axios and got are faster and more faithful: an agent is for what has no shim.
 */
import { EventEmitter } from 'node:events'
import type { Agent, AgentOptions, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Transport } from '../src/exchange/contract.ts'
import type { Pool } from '../src/pool/pool.ts'
import { AgentSocket } from './agent/socket.ts'
import { agentFor, poolOptionsOf } from './common/node-agents.ts'
import { handedOn } from './common/node-fates.ts'
import { connectOptions, type NativeOptions } from './common/node-options.ts'
import { resolvePool, type ShimOptions } from './common/pool.ts'
import { serverNameOf } from './common/server-name.ts'

/** The options that Node passes to an agent with each request. */
interface RequestOptions extends NativeOptions {
  readonly servername?: string
  readonly timeout?: number
}

/** What Node's ClientRequest offers to agents, beside its public interface. */
interface AgentClientRequest extends ClientRequest {
  onSocket(socket: Duplex, error?: Error): void
}

/** An agent for one of the two protocols. */
export class HyperAgent extends EventEmitter {
  /** `http:` or `https:`: what node:http and node:https insist on. */
  readonly protocol: 'http:' | 'https:'
  readonly defaultPort: number
  readonly keepAlive = true
  readonly maxSockets: number = Number.POSITIVE_INFINITY
  readonly maxTotalSockets: number = Number.POSITIVE_INFINITY
  readonly maxFreeSockets = 0
  // What Node's agents count here, the pool counts.
  readonly sockets = {}
  readonly freeSockets = {}
  readonly requests = {}
  readonly options: AgentOptions = {}
  private readonly transport: Transport
  private readonly own: Pool | undefined
  /** @internal */
  constructor(protocol: 'http:' | 'https:', transport: Transport, own: Pool | undefined) {
    super()
    this.protocol = protocol
    this.defaultPort = protocol === 'https:' ? 443 : 80
    this.transport = transport
    this.own = own
  }

  /** Called by node:http for each request. */
  addRequest(request: AgentClientRequest, options: RequestOptions): void {
    const elsewhere = request.method === 'CONNECT' || request.hasHeader('upgrade') || handedOn(options)
    if (elsewhere) {
      this.ordinaryAgent(options).addRequest(request, options)
      return
    }
    const named = this.protocol === 'https:' ? withServerName(options, request.getHeader('host')) : options
    const socket = new AgentSocket(this.transport, originOf(this.protocol, options), connectOptions(named), request)
    // node:http leaves it to the agent to set the time of the socket.
    if (options.timeout !== undefined && options.timeout > 0) socket.setTimeout(options.timeout)
    request.onSocket(socket)
  }

  /** Node asks for it to name a connection. */
  getName(options: RequestOptions = {}): string {
    return originOf(this.protocol, options)
  }

  /** Closes the pool made for this agent alone; a shared one stays open. */
  destroy(): void {
    void this.own?.destroy()
  }

  /** An agent of Node's own, by the pool's rules. */
  private ordinaryAgent(
    options: RequestOptions,
  ): Agent & { addRequest(request: ClientRequest, options: object): void } {
    const { Agent: Ordinary } = process.getBuiltinModule(this.protocol === 'https:' ? 'node:https' : 'node:http')
    const agent = agentFor(this.protocol, poolOptionsOf(this.transport) ?? {}, undefined, options) ?? new Ordinary()
    // Node's types leave out what Node itself calls.
    return agent as Agent & { addRequest(request: ClientRequest, options: object): void }
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
  readonly http: Agent
  readonly https: Agent & import('node:https').Agent
}

/**
 * Makes agents: without options on the process-wide pool, with `{ pool }` on that one, with other pool options on a pool of
 * their own, which `destroy()` of either ends.
 * @throws {InvalidArgumentError} naming a pool option that is not acceptable.
 */
export function createHyperAgent(options: ShimOptions = {}): HyperAgents {
  const { transport, own } = resolvePool(options)
  // By type they are not Node's agents, whose members are mostly their own affair.
  const make = (protocol: 'http:' | 'https:'): never => new HyperAgent(protocol, transport, own) as never
  return { http: make('http:'), https: make('https:') }
}

/** Agents on the process-wide pool. */
export const hyperAgent: HyperAgents = createHyperAgent()

function originOf(protocol: string, { host, hostname, port }: RequestOptions): string {
  const name = host ?? hostname ?? 'localhost'
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
  return `${protocol}//${bracketed}${port === undefined || port === '' ? '' : `:${port}`}`
}
