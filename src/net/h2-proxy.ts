/**
 * An HTTP/2 connection to a proxy, which carries tunnels: one CONNECT stream each (RFC 9113 section 8.5).
 *
 * Rules
 * - One write a turn; while the socket is full nothing more is framed.
 * - It keeps the process alive while a tunnel does, and no longer; without tunnels it closes after a while.
 * - One teardown path: whatever ends it ends all its tunnels, once.
 */
import type { TLSSocket } from 'node:tls'
import { ConnectionLostError, type ProtocolError } from '../errors.ts'
import { type ConnectionListener, H2Connection } from '../h2/index.ts'
import { CLOSE_TIMEOUT, IDLE_TIMEOUT, WRITE_BUDGET } from '../limits.ts'
import { H2Tunnel, type TunnelHost } from './h2-tunnel.ts'
import { type Cancel, type Ends, failLater, type Outcome, type Wire } from './link.ts'
import { proxyFault, refusal, type TunnelRequest } from './tunnel.ts'

/** What it tells whoever keeps it. */
export interface H2ProxyOwner {
  /** It opens no more tunnels. */
  onGone(connection: H2ProxyConnection): void
}

export class H2ProxyConnection implements ConnectionListener, TunnelHost {
  readonly h2: H2Connection
  readonly ends: Ends
  /** It has carried a tunnel before. */
  used = false

  private readonly socket: TLSSocket
  private readonly owner: H2ProxyOwner
  private readonly proxy: string
  private readonly tunnels = new Set<H2Tunnel>()
  /** Reads so far. */
  private heard = 0
  private referenced = true
  private flushScheduled = false
  private blocked = false
  private draining = false
  private closed = false
  private idleTimer: NodeJS.Timeout | undefined

  constructor(socket: TLSSocket, ends: Ends, proxy: string, owner: H2ProxyOwner) {
    this.socket = socket
    this.ends = ends
    this.proxy = proxy
    this.owner = owner
    socket.on('error', (error) => this.teardown(this.lost(error.message, error)))
    socket.on('close', () => this.teardown(this.lost('it was closed')))
    socket.on('end', () => this.teardown(this.lost('the proxy closed it')))
    socket.on('drain', () => {
      this.blocked = false
      this.flush()
    })
    this.h2 = new H2Connection(this, { origin: proxy })
    socket.on('data', (chunk: Buffer) => {
      this.heard++
      this.h2.receive(chunk)
    })
    this.settle()
  }

  /** May a tunnel be opened now? */
  get hasRoom(): boolean {
    return !this.draining && !this.closed && this.h2.obstacle === undefined
  }

  /** Opens a tunnel. */
  open(request: TunnelRequest, outcome: Outcome<Wire>): Cancel {
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
    try {
      tunnel.open([':method', 'CONNECT', ':authority', request.authority, ...request.headers])
    } catch (thrown) {
      tunnel.destroy()
      return failLater(proxyFault(request, 'no stream could be opened', thrown), outcome)
    }
    this.used = true
    this.tunnels.add(tunnel)
    this.settle()
    const { heard } = this
    return () => {
      tunnel.destroy()
      // A proxy that is silent may be gone: it is not asked again.
      if (this.heard === heard) this.close()
    }
  }

  /** Opens no more tunnels, and closes when the open ones have ended. */
  close(): void {
    if (this.closed) return
    this.drain()
    if (this.tunnels.size === 0) this.finish()
  }

  /** @internal */
  onReference(): void {
    this.settle()
  }

  /** @internal */
  onTunnelClosed(tunnel: H2Tunnel): void {
    if (!this.tunnels.delete(tunnel) || this.closed) return
    // Its RST_STREAM is still to be written.
    if (this.draining && this.tunnels.size === 0) process.nextTick(finish, this)
    else this.settle()
  }

  /** @internal */
  onOutput(): void {
    if (this.flushScheduled) return
    this.flushScheduled = true
    process.nextTick(flush, this)
  }

  /** @internal */
  onSettings(): void {
    // Who wants a tunnel looks at the limits itself.
  }

  /** @internal */
  onPong(): void {
    // No PING is sent.
  }

  /** @internal */
  onGoaway(): void {
    this.close()
  }

  /** @internal */
  onStreamClosed(): void {
    // The tunnel itself says when it is over.
  }

  /** @internal */
  onFailed(error: ProtocolError): void {
    this.flush()
    this.teardown(error)
  }

  flush(): void {
    this.flushScheduled = false
    if (this.blocked || this.closed) return
    const { socket } = this
    let ready = true
    socket.cork()
    for (const segment of this.h2.takeOutput(WRITE_BUDGET)) ready = socket.write(segment)
    socket.uncork()
    if (!ready) this.blocked = true
    else if (this.h2.hasOutput) this.onOutput()
  }

  /** Says good-bye and closes: GOAWAY, FIN. */
  finish(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.idleTimer)
    const { socket } = this
    this.h2.goaway()
    for (const segment of this.h2.takeOutput(WRITE_BUDGET)) socket.write(segment)
    this.h2.terminate(() => this.lost('it was closed'))
    socket.end()
    socket.unref()
    // A proxy that never answers our FIN must not hold the socket.
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    this.owner.onGone(this)
  }

  private teardown(error: Error): void {
    if (this.closed) {
      this.socket.destroy()
      return
    }
    this.closed = true
    this.draining = true
    clearTimeout(this.idleTimer)
    this.socket.destroy()
    this.h2.terminate(() => error)
    this.owner.onGone(this)
  }

  private drain(): void {
    if (this.draining) return
    this.draining = true
    this.owner.onGone(this)
  }

  /** After a tunnel came, went, or changed its mind about the process: the same for the socket. */
  private settle(): void {
    if (this.closed) return
    let referenced = false
    for (const tunnel of this.tunnels) referenced ||= tunnel.referenced
    if (referenced !== this.referenced) {
      this.referenced = referenced
      if (referenced) this.socket.ref()
      else this.socket.unref()
    }
    clearTimeout(this.idleTimer)
    if (this.tunnels.size > 0) return
    this.idleTimer = setTimeout(() => this.close(), IDLE_TIMEOUT)
    this.idleTimer.unref()
  }

  private lost(why: string, cause?: Error): ConnectionLostError {
    return new ConnectionLostError(`The connection to the proxy ${this.proxy} was lost: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

function flush(connection: H2ProxyConnection): void {
  connection.flush()
}

function finish(connection: H2ProxyConnection): void {
  connection.finish()
}

function ignore(): void {
  // The tunnel's owner listens for what matters to it.
}
