/**
 * Dials while a library for tests stands in for this process's sockets: msw, nock 15 and others on @mswjs/interceptors.
 *
 * Such a library knows a request by the name and port that are connected to, and lets it pass to the network only once it has
 * seen the request. So there is nothing to resolve and nothing to race: node:net and node:tls are told the name, in one call, as
 * undici does, and HTTP/1.1 is spoken, which is what mocks understand. Verification is theirs who own TLS: node:tls judges a
 * connection that is let pass, and a mocked one has no peer (see secure.ts). Connections that were open before the mock began
 * are not touched.
 */
import { connect, type Socket } from 'node:net'
import { toError } from '../errors.ts'
import { type Cancel, guard, later, type Outcome, type Progress } from './link.ts'
import { endsOf } from './race.ts'
import type { Target } from './reach.ts'

const SOCKETS = Symbol.for('socket-interceptor')

/** Is there such a library at work now? It keeps a register of what it has replaced in the process. */
export function socketsAreMocked(): boolean {
  const registry: unknown = Reflect.get(globalThis, '__MSW_INTERCEPTORS_REGISTRY')
  if (!(registry instanceof Map)) return false
  const interceptor: unknown = registry.get(SOCKETS)
  return Object(interceptor).readyState === 'ACTIVE'
}

/** A connection without TLS, by name. */
export function connectByName(target: Target, progress: Progress, outcome: Outcome<Socket>): Cancel {
  const { host, port, family, lookup, localAddress } = target
  progress.enter('tcp')
  let socket: Socket
  try {
    socket = guard(connect({ host, port, family, lookup, localAddress }))
  } catch (thrown) {
    const error = toError(thrown)
    return later(() => outcome.fail(error))
  }
  let over = false
  const fail = (error: Error): void => {
    if (over) return
    over = true
    socket.destroy()
    outcome.fail(error)
  }
  socket.once('error', fail)
  socket.once('close', () => fail(new Error('the socket closed')))
  socket.once('connect', () => {
    if (over) return
    over = true
    progress.step({ step: 'connected', path: undefined, ends: endsOf(socket) })
    outcome.done(socket)
  })
  return () => {
    over = true
    socket.destroy()
  }
}
