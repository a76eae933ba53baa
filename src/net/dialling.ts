/**
 * One dial: puts the links together that lead to an origin, and keeps their time.
 *
 * Rules: the callback is called once; every failure but those of our own making becomes a `ConnectError` that names the
 * origin, the way, the phase and the cause; whatever ends the dial takes back all that it has begun.
 */
import type { Socket } from 'node:net'
import { nextTick } from '../clock.ts'
import {
  ConnectError,
  type ConnectPhase,
  type HyperError,
  InvalidArgumentError,
  systemCodeOf,
  TimeoutError,
  toError,
} from '../errors.ts'
import { DialTime } from './dial-time.ts'
import {
  type AbsoluteForm,
  type Cancel,
  type ConnectStep,
  type Dial,
  type DialCallback,
  type Dialled,
  type DialObserver,
  type Ends,
  later,
  type Outcome,
  type Progress,
  type Wire,
} from './link.ts'
import { connectByName, socketsAreMocked } from './mocked.ts'
import type { ConnectionInfo, ConnectOptions, ConnectorSettings, TlsInfo } from './options.ts'
import type { Origin } from './origin.ts'
import { type CanonicalProxy, normaliseProxy, proxyKey, targetAuthority } from './proxy.ts'
import { connectPath, interleave } from './race.ts'
import { reach, reachSecureProxy, type Tools, targetOf } from './reach.ts'
import { coversNothing, secure } from './secure.ts'
import type { SharedProxy } from './shared-proxy.ts'
import { openSocks } from './socks.ts'
import { checkTlsOptions } from './tls-options.ts'
import { type Revision, Trail } from './trail.ts'
import { openTunnel, type TunnelRequest } from './tunnel.ts'

/** What a dial needs of its connector. */
export interface DialHome {
  readonly settings: ConnectorSettings
  readonly tools: Tools
  sharedProxy(proxy: CanonicalProxy, options: ConnectOptions): SharedProxy
}

export class Dialling implements Dial, Progress {
  private readonly home: DialHome
  private readonly origin: Origin
  private readonly options: ConnectOptions
  private readonly callback: DialCallback
  private readonly observer: DialObserver | undefined
  private readonly time: DialTime
  /** Of the peer that is connected to by TCP: the origin or its proxy; and of TLS with the origin. */
  private readonly trail: Trail
  /** Of the origin, when the proxy gets its address and not its name. */
  private readonly beyond: Trail
  private proxy: CanonicalProxy | undefined
  private ends: Ends = {}
  /** The error of the first address that was tried: it is reported when all fail. */
  private failure: HyperError | undefined
  private over = false
  /** The observer's callback is running. */
  private telling = false
  /** Takes back what is under way now. */
  private cancelLink: Cancel

  constructor(
    home: DialHome,
    timeout: number,
    origin: Origin,
    options: ConnectOptions,
    callback: DialCallback,
    observer: DialObserver | undefined,
  ) {
    this.home = home
    this.origin = origin
    this.options = options
    this.callback = callback
    this.observer = observer
    this.trail = new Trail(home.tools.resolver)
    this.beyond = new Trail(home.tools.resolver)
    this.time = new DialTime(
      timeout,
      home.settings,
      (all) => this.onTimeout(all),
      (limit) => {
        this.cancelLink()
        this.fail(this.timedOut(limit))
      },
    )
    // Begun later, so that nothing is heard of it before dial() has returned.
    this.cancelLink = later(() => this.begin())
  }

  cancel(reason: HyperError): void {
    if (this.over) return
    // A link that is telling of a step goes on with what it has: it is taken back when it has come to rest.
    if (this.telling) nextTick(() => this.cancelLink())
    else this.cancelLink()
    this.finish(reason, null)
  }

  enter(phase: ConnectPhase): void {
    this.time.enter(phase)
  }

  step(step: ConnectStep): void {
    this.time.mark(step)
    if (step.step === 'connected') this.ends = step.ends
    if (this.observer === undefined || this.over) return
    this.telling = true
    this.observer.onStep(step, this.time.timings)
    this.telling = false
  }

  private onTimeout(timeout: number): void {
    this.trail.forgetAddresses()
    this.beyond.forgetAddresses()
    this.cancel(this.timedOut(timeout))
  }

  private timedOut(timeout: number): TimeoutError {
    return new TimeoutError('connect', timeout, { origin: this.origin.href, phase: this.time.phase })
  }

  private begin(): void {
    const { origin, options } = this
    try {
      if (options.tls !== undefined) checkTlsOptions(options.tls)
      // A path says all of the way there is.
      if (options.socketPath === undefined) this.proxy = normaliseProxy(options.proxy, origin, process.env)
    } catch (thrown) {
      this.fail(toError(thrown))
      return
    }
    this.setOff()
  }

  private setOff(): void {
    const { origin, options } = this
    if (options.socketPath !== undefined) this.byPath(options.socketPath)
    else if (this.proxy !== undefined) this.byProxy(this.proxy)
    else if (socketsAreMocked()) this.byName()
    else this.cancelLink = this.reach(origin, this.isClearHttp1, this.onWire)
  }

  private reach(peer: { host: string; port: number }, direct: boolean, next: (socket: Socket) => void): Cancel {
    return reach(this.home.tools, targetOf(peer, this.options, direct), this.trail, this, this.onward(next))
  }

  private get isClearHttp1(): boolean {
    return this.origin.scheme === 'http' && this.options.h2c === undefined
  }

  /** A mock of sockets takes the place of the network: see mocked.ts. */
  private byName(): void {
    const { origin, options } = this
    if (origin.scheme === 'https') this.handshake(null, options.allowH1 === false ? ['h2'] : ['http/1.1'])
    else this.cancelLink = connectByName(targetOf(origin, options), this, this.onward(this.onWire))
  }

  private byPath(path: string): void {
    this.enter('tcp')
    this.cancelLink = connectPath(path, this.isClearHttp1, this, this.onward(this.onWire))
  }

  private byProxy(proxy: CanonicalProxy): void {
    const { origin, options } = this
    const isSocks = proxy.kind === 'socks4' || proxy.kind === 'socks5'
    // HTTP/2 without TLS, or the wish for it, passes no proxy but through a tunnel.
    const tunnel = origin.scheme === 'https' || proxy.tunnel || options.h2c !== undefined
    if (isSocks) this.bySocks(proxy)
    else if (!tunnel) this.byAbsoluteForm(proxy)
    else if (proxy.kind === 'https') this.bySharedProxy(proxy)
    else this.byConnect(proxy)
  }

  /** An `http:` origin through an HTTP proxy: it is asked itself, and over HTTP/1.1. */
  private byAbsoluteForm(proxy: CanonicalProxy): void {
    const { origin, options } = this
    const { tools } = this.home
    const form: AbsoluteForm = { prefix: `http://${origin.authority}`, headers: proxy.headers }
    const use = (wire: Wire): void => {
      this.step({ step: 'proxy', proxy: proxy.href, protocol: 'http/1.1', shared: false })
      this.succeed(wire, 'http/1.1', undefined, undefined, form)
    }
    this.cancelLink =
      proxy.kind === 'https'
        ? reachSecureProxy(
            tools,
            proxy,
            options,
            ['http/1.1'],
            this,
            this.onward(({ socket }) => use(socket)),
          )
        : this.reach(proxy, true, use)
  }

  private bySharedProxy(proxy: CanonicalProxy): void {
    const shared = this.home.sharedProxy(proxy, this.options)
    this.cancelLink = shared.tunnel(
      this.tunnelRequest(proxy),
      this,
      this.onward(({ wire, ends }) => {
        this.ends = ends
        this.onWire(wire)
      }),
    )
  }

  private byConnect(proxy: CanonicalProxy): void {
    this.cancelLink = this.reach(proxy, false, (socket) => {
      this.enter('proxy')
      this.cancelLink = openTunnel(
        socket,
        this.tunnelRequest(proxy),
        this.onward((wire) => {
          this.step({ step: 'proxy', proxy: proxy.href, protocol: 'http/1.1', shared: false })
          this.onWire(wire)
        }),
      )
    })
  }

  private bySocks(proxy: CanonicalProxy): void {
    const { origin, options } = this
    if (proxy.remoteNames) {
      this.connectSocks(proxy, origin.host)
      return
    }
    const { host } = origin
    const { beyond } = this
    const next = (): void => {
      const [first] = interleave(beyond.left)
      beyond.at = first.address
      this.connectSocks(proxy, first.address)
    }
    if (beyond.left.length > 0) {
      next()
      return
    }
    // SOCKS 4 has no other addresses.
    const family = proxy.kind === 'socks4' ? 4 : options.family
    this.enter('dns')
    this.cancelLink = this.home.tools.resolver.resolve(
      host,
      { family, lookup: options.lookup },
      this.onward((resolved) => {
        this.step({ step: 'lookup', host, ...resolved })
        beyond.learn(host, resolved)
        if (beyond.left.length > 0) next()
        else this.fail(new Error('none of the addresses that were found can be used'))
      }),
    )
  }

  private connectSocks(proxy: CanonicalProxy, host: string): void {
    const { origin } = this
    const { tools } = this.home
    this.cancelLink = this.reach(proxy, false, (socket) => {
      this.enter('proxy')
      this.cancelLink = openSocks(
        socket,
        { proxy, host, port: origin.port, origin: origin.href },
        this.onward((wire) => {
          const protocol = proxy.kind === 'socks4' ? 'socks4' : 'socks5'
          this.step({ step: 'proxy', proxy: proxy.href, protocol, shared: false })
          this.onWire(wire)
        }),
        tools.loadSocks,
      )
    })
  }

  private tunnelRequest(proxy: CanonicalProxy): TunnelRequest {
    const { host, port, href } = this.origin
    return { authority: targetAuthority(host, port), headers: proxy.headers, proxy: proxy.href, origin: href }
  }

  /** There is a way to the origin: what remains is TLS, where the origin wants it. */
  private readonly onWire = (wire: Wire): void => {
    const { origin, options } = this
    if (origin.scheme === 'http') {
      const known = options.h2c === 'prior-knowledge' || options.allowH1 === false
      this.succeed(wire, known && options.allowH2 !== false ? 'h2' : 'http/1.1')
      return
    }
    this.handshake(wire, offered(options))
  }

  private handshake(wire: Wire | null, protocols: readonly ConnectionInfo['protocol'][]): void {
    const { origin, options, proxy } = this
    this.enter('tls')
    const { host, port } = origin
    const route = options.socketPath === undefined ? proxyKey(proxy) : `unix:${options.socketPath}`
    const peer = { kind: 'origin' as const, host, port, tls: options.tls ?? {}, protocols, route }
    this.cancelLink = secure(
      wire,
      peer,
      this.home.tools.sessions,
      this,
      this.onward(({ socket, protocol, covers, tls }) => this.succeed(socket, protocol, tls, covers)),
      this.trail,
    )
    if (this.trail.isRevisable || this.beyond.isRevisable) this.time.leaveTime()
  }

  private succeed(
    wire: Wire,
    protocol: ConnectionInfo['protocol'],
    tls?: TlsInfo,
    covers: Dialled['covers'] = coversNothing,
    absoluteForm?: AbsoluteForm,
  ): void {
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = this.ends
    const info: ConnectionInfo = {
      protocol,
      encrypted: tls !== undefined,
      authorized: tls?.authorized ?? false,
      remoteAddress,
      remotePort,
      remoteFamily,
      localAddress,
      localPort,
      servername: tls?.servername,
      proxy: this.proxy?.href,
      resumed: tls?.sessionReused ?? false,
      tls,
      timings: this.time.timings,
    }
    this.finish(null, { socket: wire, info, absoluteForm, covers })
  }

  /** Where a link reports: the next step, or the end. */
  private onward<T>(next: (value: T) => void): Outcome<T> {
    return { done: next, fail: (error) => this.fail(error) }
  }

  private fail(error: Error): void {
    if (this.over) return
    const failure = this.connectError(error)
    const revision = failure instanceof InvalidArgumentError ? undefined : this.revise()
    // What came of a session that is set aside says nothing of the way.
    if (revision !== 'session') this.failure ??= failure
    if (revision === undefined) this.finish(this.failure ?? failure, null)
    else this.cancelLink = later(() => this.setOff())
  }

  /** Something is done in another way, or nothing can be. */
  private revise(): Revision | undefined {
    const { proxy, trail, beyond } = this
    const { phase } = this.time
    if (phase === 'dns' || phase === 'tcp') return undefined
    const known = beyond.at !== undefined
    // TLS with the origin, which is beyond a proxy, is not made better by another address of the proxy.
    if (known) {
      const revision = trail.session === 'offered' && phase === 'tls' ? undefined : beyond.revise(phase, true)
      if (revision !== undefined) return revision
    }
    return trail.revise(phase, proxy === undefined)
  }

  private finish(error: HyperError | null, dialled: Dialled | null): void {
    if (this.over) {
      dialled?.socket.destroy()
      return
    }
    this.over = true
    this.time.stop()
    this.callback(error, dialled)
  }

  private connectError(cause: Error): HyperError {
    if (cause instanceof ConnectError || cause instanceof InvalidArgumentError || cause instanceof TimeoutError)
      return cause
    const { origin, options } = this
    const via = options.socketPath ?? this.proxy?.href
    const where = via === undefined ? '' : ` through ${via}`
    const message = cause.message === '' ? (systemCodeOf(cause) ?? cause.name) : cause.message
    return new ConnectError(`Cannot connect to ${origin.href}${where}: ${message}`, {
      phase: this.time.phase,
      cause,
      origin: origin.href,
    })
  }
}

/** The protocols to offer (RFC 7301), the better one first. */
function offered({ allowH1, allowH2 }: ConnectOptions): readonly ConnectionInfo['protocol'][] {
  if (allowH2 === false) return ['http/1.1']
  return allowH1 === false ? ['h2'] : ['h2', 'http/1.1']
}
