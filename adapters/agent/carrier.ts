/**
 * What our agents do with a request of Node's, without being agents themselves: their classes extend Node's, and who makes a class
 * of https.Agent loads node:https, which costs more than all of this.
 */
import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { toError } from '../../src/errors.ts'
import { toNodeError } from '../common/errors.ts'
import { agentFor, poolOptionsOf, refuseProxy } from '../common/node-agents.ts'
import { handedOn } from '../common/node-fates.ts'
import { connectOptions, type NativeOptions } from '../common/node-options.ts'
import type { ResolvedPool } from '../common/pool.ts'
import { serverNameOf } from '../common/server-name.ts'
import { AgentSocket } from './socket.ts'

/** The options that Node passes to an agent with each request. */
export interface RequestOptions extends NativeOptions {
  readonly servername?: string
  readonly timeout?: number
}

/** What Node's ClientRequest offers to agents, beside its public interface. */
export interface AgentClientRequest extends ClientRequest {
  onSocket(socket: Duplex | undefined, error?: Error): void
}

/** Carries out what Node hands to an agent of one scheme. */
export class Carrier {
  private readonly protocol: 'http:' | 'https:'
  private readonly pool: ResolvedPool

  constructor(protocol: 'http:' | 'https:', pool: ResolvedPool) {
    this.protocol = protocol
    this.pool = pool
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
    const { Agent: Ordinary } = process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http')
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

/** node:https names the peer by the Host header, where there is one. */
function withServerName(options: RequestOptions, hostHeader: unknown): RequestOptions {
  if (options.servername !== undefined && options.servername !== null) return options
  const servername = serverNameOf(hostHeader, options.host ?? options.hostname ?? 'localhost')
  return servername === undefined ? options : { ...options, servername }
}

function originOf(protocol: string, { host, hostname, port }: RequestOptions): string {
  const name = host ?? hostname ?? 'localhost'
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
  return `${protocol}//${bracketed}${port === undefined || port === '' ? '' : `:${port}`}`
}
