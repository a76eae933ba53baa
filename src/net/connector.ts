/**
 * `Connector`: makes connections to origins, by whatever way their options say.
 *
 * Theory of operation: a dial is a chain of links, each of which takes what the one before made (`link.ts` holds their
 * rules):
 *
 *     resolve -> race ---------------------------------------> [TLS] -> socket     directly
 *     connectPath -------------------------------------------> [TLS] -> socket     unix domain socket
 *     resolve -> race -> [TLS] -> CONNECT, or a stream of h2 -> [TLS] -> socket     http: or https: proxy
 *     resolve -> race -> [TLS] ------------------------------------> socket + form  http: origins: absolute form
 *     resolve -> race -> SOCKS -----------------------------> [TLS] -> socket     SOCKS proxy
 *
 * `dialling.ts` puts them together and keeps their time. TLS with an origin is end to end, whatever it goes through, and
 * its ALPN decides the protocol: nothing is dialled twice. What dials share lives here: answers of the resolver, TLS
 * sessions, and HTTP/2 connections to proxies.
 *
 * Rules: nothing is kept of a failure; every memory is bounded; nothing here keeps a process alive that nobody waits for.
 */
import type { LookupFunction } from 'node:net'
import { ConnectError, type HyperError, TimeoutError } from '../errors.ts'
import { CONNECT_TIMEOUT, MAX_REMEMBERED_PROXIES } from '../limits.ts'
import { Dialling } from './dialling.ts'
import { identityOf } from './identity.ts'
import type { Address, Cancel, Dial, DialCallback, DialObserver } from './link.ts'

export type { ConnectorSettings } from './options.ts'

import type { ConnectOptions, ConnectorSettings } from './options.ts'
import type { Origin } from './origin.ts'
import { type CanonicalProxy, proxyKey } from './proxy.ts'
import type { ConnectTcp, StartTimer } from './race.ts'
import type { Tools } from './reach.ts'
import { Resolver } from './resolve.ts'
import { SessionCache } from './sessions.ts'
import { SharedProxy } from './shared-proxy.ts'
import type { LoadSocks } from './socks-package.ts'
import { deadline } from './timer.ts'

export type {
  AbsoluteForm,
  Address,
  ConnectStep,
  Dial,
  DialCallback,
  Dialled,
  DialObserver,
  Ends,
  ProxyProtocol,
  Wire,
} from './link.ts'

/** What tests put in the place of the system. */
export interface ConnectorSeams {
  readonly lookup?: LookupFunction | undefined
  readonly clock?: (() => number) | undefined
  readonly connect?: ConnectTcp | undefined
  readonly startTimer?: StartTimer | undefined
  readonly loadSocks?: LoadSocks | undefined
}

/** Without a prototype, on which anybody could have put something. */
const NO_SEAMS: ConnectorSeams = Object.create(null)

export class Connector {
  readonly settings: ConnectorSettings
  /** @internal */
  readonly tools: Tools
  private readonly sessions = new SessionCache()
  private readonly resolver: Resolver
  /** In the order of their last use, so that the first is the one to go. */
  private readonly proxies = new Map<string, SharedProxy>()

  constructor(settings: ConnectorSettings = {}, seams: ConnectorSeams = NO_SEAMS) {
    this.settings = settings
    const { lookup, clock, connect, startTimer, loadSocks } = seams
    this.resolver = new Resolver({ cacheTime: settings.dnsCacheTime, system: lookup, clock, startTimer })
    this.tools = { resolver: this.resolver, sessions: this.sessions, connect, startTimer, loadSocks }
  }

  /**
   * Connects to an origin. Every error, a wrong option included, goes to the callback: `ConnectError` with the phase,
   * `ProxyError` with the proxy's answer, `TimeoutError`, or `InvalidArgumentError`.
   * @param callback called once, never before this has returned.
   */
  dial(origin: Origin, options: ConnectOptions, callback: DialCallback, observer?: DialObserver): Dial {
    const timeout = this.settings.connectTimeout ?? CONNECT_TIMEOUT
    return new Dialling(this, timeout, origin, options, callback, observer)
  }

  /** The addresses that a dial to this host would try, within the time that it would have. */
  lookup(
    host: string,
    options: ConnectOptions,
    callback: (error: HyperError | null, addresses: readonly Address[]) => void,
  ): Cancel {
    const { family, lookup } = options
    let stopTimer: Cancel | undefined
    const cancelQuery = this.resolver.resolve(
      host,
      { family, lookup },
      {
        done: ({ addresses }) => {
          stopTimer?.()
          callback(null, addresses)
        },
        fail: (cause) => {
          stopTimer?.()
          callback(new ConnectError(`Cannot look up ${host}: ${cause.message}`, { phase: 'dns', cause }), [])
        },
      },
    )
    const cancel = (): void => {
      stopTimer?.()
      cancelQuery()
    }
    const limit = this.lookupLimit
    stopTimer = deadline(limit, () => {
      cancel()
      callback(new TimeoutError('connect', limit, { phase: 'dns' }), [])
    })
    return cancel
  }

  /** A connection to this host was of no use: its addresses may be another's by now. */
  forget(host: string): void {
    this.resolver.forget(host)
  }

  /** Milliseconds that a dial would wait for a lookup; 0: for ever. */
  private get lookupLimit(): number {
    const { connectTimeout = CONNECT_TIMEOUT, lookupTimeout = 0 } = this.settings
    return connectTimeout > 0 && lookupTimeout > 0
      ? Math.min(connectTimeout, lookupTimeout)
      : connectTimeout || lookupTimeout
  }

  /** Forgets what it knows and closes HTTP/2 connections to proxies: idle ones now, others when their tunnels have ended. */
  close(): void {
    this.resolver.clear()
    this.sessions.clear()
    for (const shared of this.proxies.values()) shared.close()
    this.proxies.clear()
  }

  /** @internal */
  sharedProxy(proxy: CanonicalProxy, options: ConnectOptions): SharedProxy {
    const { family = 0, localAddress = '', lookup } = options
    const off = lookup === undefined ? '' : identityOf(lookup)
    const key = `${proxyKey(proxy)} ${family} ${localAddress} ${off}`
    let shared = this.proxies.get(key)
    this.proxies.delete(key)
    shared ??= new SharedProxy(this.tools, proxy, options)
    this.proxies.set(key, shared)
    if (this.proxies.size > MAX_REMEMBERED_PROXIES) this.forgetIdleProxy(shared)
    return shared
  }

  private forgetIdleProxy(but: SharedProxy): void {
    for (const [key, shared] of this.proxies) {
      if (shared === but || !shared.idle) continue
      this.proxies.delete(key)
      return
    }
  }
}
