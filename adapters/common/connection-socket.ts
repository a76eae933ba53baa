/**
 * The socket that got's and axios's users see: an emitter with what a connection says of itself. It carries nothing.
 *
 * got takes the times of lookup, connect and TLS from a socket's events, and keeps what it measured on the socket for
 * requests that find it connected; so one such object stands for one connection, for as long as that lives.
 */

import { EventEmitter } from 'node:events'
import type { ConnectionInfo, ConnectTimings } from '../../src/net/options.ts'
import { type Described, describeConnection } from './connection-members.ts'

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

export class ConnectionSocket extends EventEmitter implements Described {
  connecting: boolean
  readonly readable = true
  readonly writable = true
  readonly destroyed = false
  /** Undefined while it is being made. */
  connectionInfo: ConnectionInfo | undefined
  /** There is, or will be, TLS. */
  readonly secure: boolean
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
    this.connectionInfo = info
    this.secure = encrypted
    if (info !== undefined) this.keepPhases(info)
  }

  /** How far the connection has come; each step emits its event once. */
  progress({ lookup, connect }: Readonly<ConnectTimings>): void {
    if (lookup !== undefined && !this.lookedUp) {
      this.lookedUp = true
      this.emit('lookup', null)
    }
    if (connect !== undefined) this.tcpConnected()
  }

  /** The connection is there. */
  connected(info: ConnectionInfo): void {
    this.connectionInfo = info
    if (!sockets.has(info)) sockets.set(info, this)
    this.tcpConnected()
    if (info.encrypted) {
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

  /** How long nothing moved is the request's affair: it has its own `setTimeout()`. */
  setTimeout(): this {
    return this
  }

  // It carries nothing, and ends with the connection, which others use too.
  destroy(): this {
    return this
  }
  destroySoon(): void {}
  end(): this {
    return this
  }
  pause(): this {
    return this
  }
  resume(): this {
    return this
  }
}
describeConnection(ConnectionSocket.prototype)
