/**
 * What Node's own agents do with a request: `http.globalAgent`, `https.globalAgent`, and those that programs and SDKs make for
 * themselves. It is one method of their class that is replaced, so agents that exist already follow, and options that are set in
 * place count. An agent of another class, or with a way to connect of its own, is left alone.
 */
import type { Agent, ClientRequest } from 'node:http'
import { toError } from '../../src/errors.ts'
import { type AgentClientRequest, Carrier, leadsElsewhere, wantsSocket } from '../agent/carrier.ts'
import { toNodeError } from '../common/errors.ts'
import { agentFor, isNodeAgent, isPlainAgent, poolOptionsOf, refuseProxy } from '../common/node-agents.ts'
import { resolvePool, sharedTransport } from '../common/pool.ts'

/** What Node calls with each request; its types leave it out. */
type AddRequest = (this: Agent, request: ClientRequest, options: object, ...rest: unknown[]) => void

/** @returns what puts back the method of before, unless somebody has replaced ours meanwhile. */
export function replaceAgents(isExcepted: ((origin: string) => boolean) | undefined): () => void {
  const { prototype } = process.getBuiltinModule('node:http').Agent
  const before: AddRequest = Reflect.get(prototype, 'addRequest')
  const pool = resolvePool({})
  const carriers = { 'http:': new Carrier('http:', pool), 'https:': new Carrier('https:', pool) }
  function addRequest(this: Agent, request: ClientRequest, options: object, ...rest: unknown[]): void {
    const protocol: unknown = isNodeAgent(this) ? Reflect.get(this, 'protocol') : undefined
    // Node's oldest form passes the host as text.
    if ((protocol !== 'http:' && protocol !== 'https:') || typeof options !== 'object') {
      before.call(this, request, options, ...rest)
      return
    }
    const carrier = carriers[protocol]
    // As Node's own does: what the agent says goes before what the request says.
    const all = { ...options, ...Reflect.get(this, 'options') }
    if (isExcepted?.(carrier.originOf(all)) === true) before.call(this, request, options, ...rest)
    else if (wantsSocket(request, all) || leadsElsewhere(request.path, carrier.originOf(all)) || !isPlainAgent(this)) {
      const rules = poolOptionsOf(sharedTransport) ?? {}
      try {
        if (!('socketPath' in all && all.socketPath)) refuseProxy(rules, carrier.originOf(all))
      } catch (error) {
        ;(request as AgentClientRequest).onSocket(undefined, toNodeError(toError(error)))
        return
      }
      const agent = agentFor(protocol, rules, this, options) ?? this
      before.call(agent, request, options, ...rest)
    } else {
      carrier.addRequest(request as AgentClientRequest, all)
    }
  }
  Reflect.set(prototype, 'addRequest', addRequest)
  return () => {
    if (Reflect.get(prototype, 'addRequest') === addRequest) Reflect.set(prototype, 'addRequest', before)
  }
}
