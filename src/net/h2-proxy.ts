/**
 * An HTTP/2 connection to a proxy, which carries tunnels: one CONNECT stream each (RFC 9113 section 8.5).
 *
 * Rules
 * - It stands on a session (src/session), as a connection to an origin does: the same output, PING, deadlines and end.
 * - It keeps the process alive while a tunnel does, and no longer; without tunnels it closes after a while.
 * - A proxy of whom nothing was heard for a while is asked for a sign of life with each new tunnel: one that is gone costs
 *   a PING's deadline, not that of the whole connect.
 */
import type { H2Connection, H2Stream } from '../h2/index.ts'
import { ignore } from '../ignore.ts'
import type { SessionOwner } from '../session/owner.ts'
import { Session } from '../session/session.ts'
import { H2Tunnel, type TunnelHost } from './h2-tunnel.ts'
import { type Cancel, type Ends, failLater, type Outcome, type Wire } from './link.ts'
import { proxyFault, refusal, type TunnelRequest } from './tunnel.ts'

/** What it tells whoever keeps it. */
export interface H2ProxyOwner {
  /** It opens no more tunnels. */
  onGone(connection: H2ProxyConnection): void
}

export class H2ProxyConnection implements SessionOwner, TunnelHost {
  readonly h2: H2Connection
  readonly ends: Ends
  /** It has carried a tunnel before. */
  used = false

  private readonly session: Session
  private readonly owner: H2ProxyOwner
  private readonly tunnels = new Set<H2Tunnel>()

  constructor(socket: Wire, ends: Ends, proxy: string, owner: H2ProxyOwner) {
    this.ends = ends
    this.owner = owner
    this.session = new Session(socket, { href: proxy, kind: 'proxy' }, this, {}, { origin: proxy })
    this.h2 = this.session.h2
  }

  /** May a tunnel be opened now? */
  get hasRoom(): boolean {
    return this.session.room > 0
  }

  /** It ended, or does not answer: what it was asked for and has not done is asked for elsewhere. */
  get lost(): boolean {
    return this.session.closed || this.session.doubted
  }

  /** Opens a tunnel. */
  open(request: TunnelRequest, outcome: Outcome<Wire>): Cancel {
    const { session } = this
    const tunnel = new H2Tunnel(this, {
      onAnswer: (status, fields) => {
        if (status >= 200 && status <= 299) {
          outcome.done(tunnel)
          return
        }
        tunnel.destroy()
        outcome.fail(refusal(request, status, '', fields))
      },
      onFailed: (error) => outcome.fail(proxyFault(request, error.message, error)),
    })
    // Whoever gets the tunnel listens too; until then nobody does.
    tunnel.on('error', ignore)
    session.readClock()
    session.reserve()
    try {
      tunnel.open([':method', 'CONNECT', ':authority', request.authority, ...request.headers])
      this.tunnels.add(tunnel)
      session.probe()
    } catch (thrown) {
      tunnel.destroy()
      return failLater(proxyFault(request, 'no stream could be opened', thrown), outcome)
    } finally {
      session.release()
    }
    this.used = true
    this.onReference()
    const { bytesRead } = session.liveness
    return () => {
      tunnel.destroy()
      // A proxy that is silent may be gone: it is not asked again.
      if (session.liveness.bytesRead === bytesRead) session.close()
    }
  }

  /** Opens no more tunnels, and closes when the open ones have ended. */
  close(): void {
    this.session.close()
  }

  // --- What its tunnels and its session tell.

  reset(stream: H2Stream, code: number): void {
    this.session.reset(stream, code)
  }

  onReference(): void {
    if (!this.session.closed) this.session.reference(this.holdsProcess())
  }

  onTunnelClosed(tunnel: H2Tunnel): void {
    if (this.tunnels.delete(tunnel)) this.onReference()
  }

  holdsProcess(): boolean {
    for (const tunnel of this.tunnels) if (tunnel.referenced) return true
    return false
  }

  onSettings(): void {
    // Who wants a tunnel looks at the limits itself.
  }

  onRoom(): void {
    // Here as well.
  }

  onDraining(): void {
    this.owner.onGone(this)
  }

  /** The tunnels that are open live on; those that it has not opened are asked for elsewhere. */
  onDoubt(error: Error): void {
    for (const tunnel of [...this.tunnels]) tunnel.giveUp(error)
  }

  onClosed(): void {
    this.owner.onGone(this)
  }
}
