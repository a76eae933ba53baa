/**
 * What a socket of node:net's and node:tls's tells of its connection, for objects that stand for one: the members read the
 * {@link ConnectionInfo} of the object, while there is one.
 *
 * Rules
 * - What node:tls adds is there when the connection has TLS and absent when it has none, since that is how programs ask.
 * - What would change the connection, which others use too, does nothing.
 * - What can only be had of a live handshake (exported keys, tickets, sessions) is not there.
 */
import type { ConnectionInfo, TlsInfo } from '../../src/net/options.ts'

/** What has these members. */
export interface Described {
  /** Undefined while it is being made. */
  readonly connectionInfo: ConnectionInfo | undefined
  /** Will it have TLS? */
  readonly secure: boolean
}

/** Gives a class the members. */
export function describeConnection(prototype: Described): void {
  for (const [name, read] of Object.entries(plain)) define(prototype, name, (self) => read(self.connectionInfo))
  for (const [name, read] of Object.entries(secured)) {
    define(prototype, name, (self) => (self.secure ? read(self.connectionInfo?.tls) : undefined))
  }
  for (const [name, method] of Object.entries(methods)) {
    // The same function each time, as of a method.
    const call = function (this: Described, ...args: unknown[]): unknown {
      return method(this.connectionInfo?.tls, ...args)
    }
    define(prototype, name, (self) => (self.secure ? call : undefined))
  }
  Object.defineProperty(prototype, 'address', { value: address, writable: true, configurable: true })
  for (const name of unchanging) {
    Object.defineProperty(prototype, name, { value: unchanged, writable: true, configurable: true })
  }
}

function define(prototype: Described, name: string, read: (self: Described) => unknown): void {
  Object.defineProperty(prototype, name, {
    get(this: Described) {
      return read(this)
    },
    // A program that puts something of its own there may.
    set(value: unknown) {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
    },
    configurable: true,
  })
}

const plain: Readonly<Record<string, (info: ConnectionInfo | undefined) => unknown>> = {
  remoteAddress: (info) => info?.remoteAddress,
  remotePort: (info) => info?.remotePort,
  remoteFamily: (info) => info?.remoteFamily,
  localAddress: (info) => info?.localAddress,
  localPort: (info) => info?.localPort,
  localFamily: (info) => info?.remoteFamily,
  pending: (info) => info === undefined,
  readyState: (info) => (info === undefined ? 'opening' : 'open'),
  // Counted for the connection, not for a request's part of it.
  bytesRead: () => 0,
  bytesWritten: () => 0,
  bufferSize: () => 0,
}

const secured: Readonly<Record<string, (tls: TlsInfo | undefined) => unknown>> = {
  encrypted: () => true,
  authorized: (tls) => tls?.authorized ?? false,
  authorizationError: (tls) => tls?.authorizationError ?? null,
  alpnProtocol: (tls) => tls?.alpnProtocol ?? null,
  servername: (tls) => tls?.servername ?? null,
}

type TlsMethod = (tls: TlsInfo | undefined, ...args: unknown[]) => unknown

const methods: Readonly<Record<string, TlsMethod>> = {
  getPeerCertificate: (tls, detailed) => tls?.getPeerCertificate(detailed === true) ?? {},
  getPeerX509Certificate: (tls) => tls?.peerX509Certificate,
  getCertificate: (tls) => tls?.getCertificate() ?? null,
  // Of our own certificate only the older shape is kept.
  getX509Certificate: () => undefined,
  getProtocol: (tls) => tls?.protocol ?? null,
  getCipher: (tls) => tls?.cipher,
  getEphemeralKeyInfo: (tls) => tls?.ephemeralKey ?? null,
  isSessionReused: (tls) => tls?.sessionReused ?? false,
  getSession: () => undefined,
  getTLSTicket: () => undefined,
  // These would change it.
  disableRenegotiation: () => undefined,
  enableTrace: () => undefined,
  renegotiate: () => false,
  setMaxSendFragment: () => false,
}

const unchanging = ['setNoDelay', 'setKeepAlive', 'setTypeOfService', 'ref', 'unref'] as const

function unchanged(this: object): object {
  return this
}

/** The connection's own end; empty while there is none, as Node's is. */
function address(this: Described): { address?: string; port?: number; family?: string } {
  const { localAddress, localPort, remoteFamily } = this.connectionInfo ?? {}
  if (localAddress === undefined) return {}
  return {
    address: localAddress,
    ...(localPort === undefined ? {} : { port: localPort }),
    ...(remoteFamily === undefined ? {} : { family: remoteFamily }),
  }
}
