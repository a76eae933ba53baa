/**
 * The socket that got sees: an emitter with what a connection says of itself. It carries nothing.
 *
 * got takes the times of lookup, connect and TLS from a socket's events, and keeps what it measured on the socket for
 * requests that find it connected; so one such object stands for one connection, for as long as that lives.
 */

import { EventEmitter } from 'node:events'
import type { ConnectionInfo, ConnectTimings } from '../../src/net/options.ts'
import { socketAddress } from '../common/socket-address.ts'

const sockets = new WeakMap<ConnectionInfo, ConnectionSocket>()

/** What stands for a connection. */
export function socketOf(info: ConnectionInfo): ConnectionSocket {
  let socket = sockets.get(info)
  if (socket === undefined) {
    socket = new ConnectionSocket(info, info.encrypted)
    sockets.set(info, socket)
  }
  return socket
}

export class ConnectionSocket extends EventEmitter {
  connecting: boolean
  readonly readable = true
  readonly writable = true
  readonly destroyed = false
  private info: ConnectionInfo | undefined
  private lookedUp = false

  /**
   * @param info undefined while it is being made.
   * @param encrypted there will be TLS: got asks for the property when TCP is there.
   */
  constructor(info: ConnectionInfo | undefined, encrypted: boolean) {
    super()
    // Each request that waits for it listens.
    this.setMaxListeners(0)
    this.connecting = info === undefined
    this.info = info
    if (encrypted) Object.assign(this, { encrypted, authorized: info?.authorized === true })
    if (info !== undefined) this.keepPhases(info)
  }

  get remoteAddress(): string | undefined {
    return this.info?.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.info?.remotePort
  }

  get remoteFamily(): string | undefined {
    return this.info?.remoteFamily
  }

  get localAddress(): string | undefined {
    return this.info?.localAddress
  }

  get localPort(): number | undefined {
    return this.info?.localPort
  }

  get servername(): string | undefined {
    return this.info?.servername
  }

  /** What TLS agreed on: `h2`, `http/1.1`, or false without TLS. */
  get alpnProtocol(): string | false {
    return this.info?.encrypted ? this.info.protocol : false
  }

  address(): { address?: string; port?: number; family?: string } {
    return socketAddress(this.info)
  }

  /** How far the connection has come; each step is told once. */
  progress({ lookup, connect }: Readonly<ConnectTimings>): void {
    if (lookup !== undefined && !this.lookedUp) {
      this.lookedUp = true
      this.emit('lookup', null)
    }
    if (connect !== undefined) this.tcpConnected()
  }

  /** The connection is there. */
  connected(info: ConnectionInfo): void {
    this.info = info
    if (!sockets.has(info)) sockets.set(info, this)
    this.tcpConnected()
    if (info.encrypted) {
      Object.assign(this, { encrypted: true, authorized: info.authorized })
      this.emit('secureConnect')
    }
    this.keepPhases(info)
  }

  private tcpConnected(): void {
    if (!this.connecting) return
    this.connecting = false
    this.emit('connect')
  }

  /** What got tells of the phases to requests that find the connection made. */
  private keepPhases({ timings }: ConnectionInfo): void {
    const { start, lookup, connect = start, secureConnect } = timings
    Object.defineProperty(this, '__initial_connection_timings__', {
      value: {
        dnsPhase: lookup === undefined ? 0 : lookup - start,
        tcpPhase: connect - (lookup ?? start),
        ...(secureConnect === undefined ? {} : { tlsPhase: secureConnect - connect }),
      },
      writable: true,
      configurable: true,
    })
  }

  // What belongs to the connection, which more than one request uses: a request has no say in it.
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
