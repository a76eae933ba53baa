/** From a name to a connected socket: lookup and race, and TLS where the peer is an `https:` proxy. */
import type { LookupFunction, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Cancel, Ends, Outcome, Progress } from './link.ts'
import type { ConnectOptions } from './options.ts'
import type { CanonicalProxy } from './proxy.ts'
import { type ConnectTcp, endsOf, race, type StartTimer } from './race.ts'
import type { Resolver } from './resolve.ts'
import { secure } from './secure.ts'
import type { SessionCache } from './sessions.ts'
import type { LoadSocks } from './socks.ts'

/** What the links of all dials of one `Connector` share, and the seams that tests use. */
export interface Tools {
  readonly resolver: Resolver
  readonly sessions: SessionCache
  readonly connect?: ConnectTcp | undefined
  readonly startTimer?: StartTimer | undefined
  readonly loadSocks?: LoadSocks | undefined
}

/** Where to, and how to get off. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly family: ConnectOptions['family']
  readonly lookup: LookupFunction | undefined
  readonly localAddress: string | undefined
}

/** The target in these options' terms. */
export function targetOf({ host, port }: { host: string; port: number }, options: ConnectOptions): Target {
  const { family, lookup, localAddress } = options
  return { host, port, family, lookup, localAddress }
}

export function reach(tools: Tools, target: Target, progress: Progress, outcome: Outcome<Socket>): Cancel {
  const { host, port, family, lookup, localAddress } = target
  const { resolver, connect, startTimer } = tools
  progress.enter('dns')
  let cancel: Cancel = resolver.resolve(
    host,
    { family, lookup },
    {
      done: ({ addresses, cached }) => {
        progress.step({ step: 'lookup', host, addresses, cached })
        progress.enter('tcp')
        cancel = race(addresses, { port, localAddress, connect, startTimer }, progress, {
          done: outcome.done,
          fail: (error) => {
            resolver.forget(host)
            outcome.fail(error)
          },
        })
      },
      fail: outcome.fail,
    },
  )
  return () => cancel()
}

/** A connection to an `https:` proxy, and what it speaks. */
export interface ReachedProxy {
  readonly socket: TLSSocket
  readonly ends: Ends
  readonly protocol: 'h2' | 'http/1.1'
}

export function reachSecureProxy(
  tools: Tools,
  proxy: CanonicalProxy,
  options: ConnectOptions,
  protocols: readonly ('h2' | 'http/1.1')[],
  progress: Progress,
  outcome: Outcome<ReachedProxy>,
): Cancel {
  const { host, port, tls } = proxy
  let cancel: Cancel = reach(tools, targetOf(proxy, options), progress, {
    done: (wire) => {
      const ends = endsOf(wire)
      progress.enter('tls')
      cancel = secure(wire, { kind: 'proxy', host, port, tls, protocols, route: 'proxy' }, tools.sessions, progress, {
        done: ({ socket, protocol }) => outcome.done({ socket, ends, protocol }),
        fail: outcome.fail,
      })
    },
    fail: outcome.fail,
  })
  return () => cancel()
}
