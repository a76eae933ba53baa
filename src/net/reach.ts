/** From a name to a connected socket: lookup and race, and TLS where the peer is an `https:` proxy. */
import type { LookupFunction, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectPhase } from '../errors.ts'
import { CONNECTION_ATTEMPT_DELAY } from '../limits.ts'
import { type Address, type Cancel, type Ends, later, type Outcome, type Progress } from './link.ts'
import type { ConnectOptions } from './options.ts'
import type { CanonicalProxy } from './proxy.ts'
import { type ConnectTcp, endsOf, race, type StartTimer } from './race.ts'
import type { Resolver } from './resolve.ts'
import { secure } from './secure.ts'
import type { SessionCache } from './sessions.ts'
import type { LoadSocks } from './socks-package.ts'
import { systemTimer } from './timer.ts'
import { Trail } from './trail.ts'

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
  /** Clear text is what follows: see `DirectRead`. */
  readonly direct: boolean
}

/** The target in these options' terms. */
export function targetOf(
  { host, port }: { host: string; port: number },
  options: ConnectOptions,
  direct = false,
): Target {
  const { family, lookup, localAddress } = options
  return { host, port, family, lookup, localAddress, direct }
}

export function reach(
  tools: Tools,
  target: Target,
  trail: Trail,
  progress: Progress,
  outcome: Outcome<Socket>,
): Cancel {
  const reaching = new Reaching(tools, target, trail, progress, outcome)
  reaching.begin()
  return () => reaching.stop()
}

/**
 * From a name, or from what a dial has found already, to a socket. Remembered addresses to which no connection is made in the
 * time that each of them has (or at all) are asked for anew, beside the attempts that are under way.
 */
class Reaching {
  private readonly tools: Tools
  private readonly target: Target
  private readonly trail: Trail
  private readonly progress: Progress
  private readonly outcome: Outcome<Socket>
  private readonly races = new Set<Cancel>()
  private lookup: Cancel | undefined
  private stopTimer: Cancel | undefined
  private failure: Error | undefined

  constructor(tools: Tools, target: Target, trail: Trail, progress: Progress, outcome: Outcome<Socket>) {
    this.tools = tools
    this.target = target
    this.trail = trail
    this.progress = progress
    this.outcome = outcome
  }

  begin(): void {
    const { left } = this.trail
    if (left.length > 0) this.run(left)
    else this.ask()
  }

  stop(): void {
    this.stopTimer?.()
    this.lookup?.()
    for (const cancel of this.races) cancel()
    this.races.clear()
  }

  private ask(): void {
    const { tools, target, trail, progress } = this
    const { host, family, lookup } = target
    if (this.races.size === 0) progress.enter('dns')
    this.lookup = tools.resolver.resolve(
      host,
      { family, lookup },
      {
        done: (resolved) => {
          const known = new Set(trail.left.map(({ address }) => address))
          this.lookup = undefined
          progress.step({ step: 'lookup', host, ...resolved })
          trail.learn(host, resolved)
          const found = trail.left.filter(({ address }) => !known.has(address))
          if (found.length > 0) this.run(found)
          else this.failAsBefore()
        },
        fail: (error) => {
          this.lookup = undefined
          if (this.failure === undefined && this.races.size === 0) this.outcome.fail(error)
          else this.failAsBefore()
        },
      },
    )
  }

  private run(addresses: readonly Address[]): void {
    const { port, localAddress, direct } = this.target
    const { connect, startTimer = systemTimer } = this.tools
    const { trail, progress } = this
    if (this.races.size === 0) progress.enter('tcp')
    const cancel = race(addresses, { port, localAddress, direct, connect, startTimer, trail }, progress, {
      done: (socket) => {
        this.races.delete(cancel)
        this.stop()
        this.outcome.done(socket)
      },
      fail: (error) => {
        this.races.delete(cancel)
        this.failure ??= error
        if (trail.isRemembered) this.doubt()
        else this.failIfOver()
      },
    })
    this.races.add(cancel)
    if (trail.isRemembered) {
      this.stopTimer = startTimer(() => this.doubt(), CONNECTION_ATTEMPT_DELAY * addresses.length)
    }
  }

  private doubt(): void {
    this.stopTimer?.()
    this.trail.forgetAddresses()
    this.ask()
  }

  /** The resolver had nothing new to say: what fails is TCP. */
  private failAsBefore(): void {
    if (this.races.size === 0) this.progress.enter('tcp')
    this.failIfOver()
  }

  private failIfOver(): void {
    if (this.races.size > 0 || this.lookup !== undefined) return
    this.stop()
    this.outcome.fail(this.failure ?? new Error('none of the addresses that were found can be used'))
  }
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
  const trail = new Trail(tools.resolver)
  let failure: Error | undefined
  let cancel: Cancel
  const fail = (phase: ConnectPhase, error: Error): void => {
    const revision = trail.revise(phase, true)
    if (revision !== 'session') failure ??= error
    if (revision === undefined) outcome.fail(failure ?? error)
    else cancel = later(begin)
  }
  const begin = (): void => {
    cancel = reach(tools, targetOf(proxy, options), trail, progress, {
      done: (wire) => {
        const ends = endsOf(wire)
        const peer = { kind: 'proxy' as const, host, port, tls, protocols, route: 'proxy' }
        progress.enter('tls')
        cancel = secure(
          wire,
          peer,
          tools.sessions,
          progress,
          {
            done: ({ socket, protocol }) => outcome.done({ socket, ends, protocol }),
            fail: (error) => fail('tls', error),
          },
          trail,
        )
      },
      fail: (error) => fail('tcp', error),
    })
  }
  begin()
  return () => cancel()
}
