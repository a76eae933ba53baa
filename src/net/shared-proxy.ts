/**
 * An `https:` proxy and the tunnels through it. ALPN says how it is spoken to: over HTTP/2 all tunnels share a
 * connection, over HTTP/1.1 each has its own.
 *
 * Theory of operation: while nothing is known of the proxy, one connection is made for all who want a tunnel; it belongs
 * to none of them, hears nothing of their deadlines, and is given up when the last of them has left. If it speaks HTTP/2
 * they all move onto it, and whoever comes later too, as long as there is room; if not, the first takes it, and from
 * then on everybody dials by itself.
 */
import { type ConnectPhase, HyperError } from '../errors.ts'
import { MAX_REPLAYS } from '../limits.ts'
import { H2ProxyConnection, type H2ProxyOwner } from './h2-proxy.ts'
import type { Cancel, Ends, Outcome, Progress, Wire } from './link.ts'
import type { ConnectOptions } from './options.ts'
import type { CanonicalProxy } from './proxy.ts'
import { type ReachedProxy, reachSecureProxy, type Tools } from './reach.ts'
import { openTunnel, type TunnelRequest } from './tunnel.ts'

/** A tunnel, and the ends of the connection that carries it. */
export interface Tunnelled {
  readonly wire: Wire
  readonly ends: Ends
}

/** Somebody who wants a tunnel. */
interface Seeker {
  readonly request: TunnelRequest
  readonly progress: Progress
  readonly outcome: Outcome<Tunnelled>
  /** Takes back what is being done for it alone. */
  cancel: Cancel | undefined
  /** How often its request was not taken. */
  tries: number
}

const BOTH = ['h2', 'http/1.1'] as const

export class SharedProxy implements H2ProxyOwner {
  private readonly tools: Tools
  private readonly proxy: CanonicalProxy
  private readonly options: ConnectOptions
  private readonly connections = new Set<H2ProxyConnection>()
  private readonly waiting = new Set<Seeker>()
  /** Takes back the connection that is being made for all who wait. */
  private effort: Cancel | undefined
  private phase: ConnectPhase = 'dns'
  /** It spoke HTTP/1.1 when it was last asked. */
  private http1 = false
  private closed = false

  constructor(tools: Tools, proxy: CanonicalProxy, options: ConnectOptions) {
    this.tools = tools
    this.proxy = proxy
    this.options = options
  }

  /** Nothing is open or under way: only the memory of its protocol would be lost. */
  get idle(): boolean {
    return this.connections.size === 0 && this.waiting.size === 0
  }

  tunnel(request: TunnelRequest, progress: Progress, outcome: Outcome<Tunnelled>): Cancel {
    const seeker: Seeker = { request, progress, outcome, cancel: undefined, tries: 0 }
    this.place(seeker)
    return () => {
      if (this.waiting.delete(seeker)) {
        if (this.waiting.size === 0) this.giveUp()
      } else {
        seeker.cancel?.()
      }
    }
  }

  /** Idle connections close now, others when their last tunnel has ended. */
  close(): void {
    this.closed = true
    for (const connection of [...this.connections]) connection.close()
  }

  onGone(connection: H2ProxyConnection): void {
    this.connections.delete(connection)
  }

  private place(seeker: Seeker): void {
    for (const connection of this.connections) {
      if (connection.hasRoom) {
        this.openOn(connection, seeker)
        return
      }
    }
    if (this.http1) {
      seeker.cancel = this.connect(seeker.progress, {
        done: (reached) => this.use(reached, seeker),
        fail: seeker.outcome.fail,
      })
      return
    }
    this.waiting.add(seeker)
    if (this.effort === undefined) this.begin()
    else seeker.progress.enter(this.phase)
  }

  private begin(): void {
    const { waiting } = this
    const progress: Progress = {
      enter: (phase) => {
        this.phase = phase
        for (const one of waiting) one.progress.enter(phase)
      },
      step: (step) => {
        for (const one of waiting) one.progress.step(step)
      },
    }
    this.effort = this.connect(progress, {
      done: (reached) => {
        const [first, ...others] = this.takeWaiting()
        this.use(reached, first)
        for (const one of others) this.place(one)
        if (this.closed) this.close()
      },
      fail: (error) => {
        for (const one of this.takeWaiting()) one.outcome.fail(error)
      },
    })
  }

  private takeWaiting(): Seeker[] {
    this.effort = undefined
    const seekers = [...this.waiting]
    this.waiting.clear()
    return seekers
  }

  private giveUp(): void {
    const { effort } = this
    this.effort = undefined
    effort?.()
  }

  private connect(progress: Progress, outcome: Outcome<ReachedProxy>): Cancel {
    return reachSecureProxy(this.tools, this.proxy, this.options, BOTH, progress, outcome)
  }

  /** A connection was made: the seeker is the first to use it. */
  private use({ socket, ends, protocol }: ReachedProxy, seeker: Seeker): void {
    this.http1 = protocol === 'http/1.1'
    if (protocol === 'h2') {
      const connection = new H2ProxyConnection(socket, ends, this.proxy.href, this)
      this.connections.add(connection)
      this.openOn(connection, seeker)
      return
    }
    const { request, progress, outcome } = seeker
    progress.enter('proxy')
    seeker.cancel = openTunnel(socket, request, {
      done: (wire) => {
        progress.step({ step: 'proxy', proxy: this.proxy.href, protocol, shared: false })
        outcome.done({ wire, ends })
      },
      fail: outcome.fail,
    })
  }

  private openOn(connection: H2ProxyConnection, seeker: Seeker): void {
    const { request, progress, outcome } = seeker
    const shared = connection.used
    progress.enter('proxy')
    seeker.cancel = connection.open(request, {
      done: (wire) => {
        progress.step({ step: 'proxy', proxy: this.proxy.href, protocol: 'h2', shared })
        outcome.done({ wire, ends: connection.ends })
      },
      fail: (error) => {
        // What the proxy did not take (it is just going, or full) is asked for again elsewhere; so is what went down with a
        // connection that was thought to be alive, for nobody has had the tunnel yet.
        const again = isUntaken(error) || (shared && connection.lost)
        if (again && ++seeker.tries <= MAX_REPLAYS) this.place(seeker)
        else outcome.fail(error)
      },
    })
  }
}

function isUntaken({ cause }: Error): boolean {
  return cause instanceof HyperError && cause.retryable
}
