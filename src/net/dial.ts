/**
 * Makes one connection: lookup, TCP (both address families raced), TLS with ALPN. One dial decides the protocol:
 * its socket goes to HTTP/2 or to HTTP/1.1, and nothing is dialled twice.
 *
 * Rules: TLS is verified and at least 1.2 unless asked otherwise, which warns once; an error listener is on the socket
 * from its birth; the callback is called exactly once.
 */
import { connect as connectTcp, isIP, type Socket, type TcpNetConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { ConnectError, type ConnectPhase, type HyperError, systemCodeOf, TimeoutError } from '../errors.ts'
import type { ConnectionInfo, ConnectOptions, ConnectTimings, TlsOptions } from '../exchange.ts'
import type { Origin } from './origin.ts'
import { warnOnce } from './warn.ts'

/** A connected socket and what was agreed on it. */
export interface Dialled {
  readonly socket: Socket
  readonly info: ConnectionInfo
}

export type DialCallback = (error: HyperError | null, dialled: Dialled | null) => void

/** A dial under way. */
export interface Dial {
  /** Gives up; the callback is called with the reason. After the end: nothing. */
  cancel(reason: HyperError): void
}

/** How often a silent TCP connection is probed, in milliseconds. */
const TCP_KEEPALIVE = 60_000

/**
 * Connects to an origin.
 * @param timeout milliseconds for all of it; 0 = for ever.
 */
export function dial(origin: Origin, options: ConnectOptions, timeout: number, callback: DialCallback): Dial {
  return new Dialling(origin, options, timeout, callback)
}

class Dialling implements Dial {
  private readonly origin: Origin
  private readonly callback: DialCallback
  private readonly options: ConnectOptions
  private readonly timings: ConnectTimings
  private readonly socket: Socket
  private readonly timer: NodeJS.Timeout | undefined
  private phase: ConnectPhase = 'dns'
  private done = false

  constructor(origin: Origin, options: ConnectOptions, timeout: number, callback: DialCallback) {
    this.origin = origin
    this.callback = callback
    this.options = options
    this.timings = { start: Date.now(), lookup: undefined, connect: undefined, secureConnect: undefined }
    const secure = origin.scheme === 'https'
    this.socket = secure ? connectTls(tlsOptions(origin, options)) : connectTcp(tcpOptions(origin, options))
    this.socket.setNoDelay(true)
    this.socket.on('error', this.onError)
    this.socket.on('close', this.onClose)
    this.socket.once('lookup', this.onLookup)
    this.socket.once('connect', this.onConnect)
    if (secure) this.socket.once('secureConnect', this.onSecureConnect)
    if (timeout > 0) this.timer = setTimeout(this.onTimeout, timeout, timeout)
  }

  cancel(reason: HyperError): void {
    this.socket.destroy()
    this.finish(reason, null)
  }

  private readonly onLookup = (error: Error | null): void => {
    if (error !== null) return
    this.timings.lookup = Date.now()
    this.phase = 'tcp'
  }

  private readonly onConnect = (): void => {
    this.timings.connect = Date.now()
    this.phase = 'tls'
    this.socket.setKeepAlive(true, TCP_KEEPALIVE)
    if (this.origin.scheme === 'http') this.succeed(this.options.h2c === 'prior-knowledge' ? 'h2' : 'http/1.1')
  }

  private readonly onSecureConnect = (): void => {
    this.timings.secureConnect = Date.now()
    const alpn = isTls(this.socket) ? this.socket.alpnProtocol : false
    this.succeed(alpn === 'h2' ? 'h2' : 'http/1.1')
  }

  private readonly onError = (error: Error): void => {
    this.finish(this.connectError(error), null)
    this.socket.destroy()
  }

  private readonly onClose = (): void => {
    this.finish(this.connectError(new Error('the socket closed')), null)
  }

  private readonly onTimeout = (timeout: number): void => {
    this.cancel(new TimeoutError('connect', timeout, { origin: this.origin.href }))
  }

  private succeed(protocol: ConnectionInfo['protocol']): void {
    const { socket } = this
    const info: ConnectionInfo = {
      protocol,
      encrypted: this.origin.scheme === 'https',
      authorized: isTls(socket) && socket.authorized,
      remoteAddress: socket.remoteAddress,
      remotePort: socket.remotePort,
      remoteFamily: socket.remoteFamily,
      localAddress: socket.localAddress,
      localPort: socket.localPort,
      servername: isTls(socket) && typeof socket.servername === 'string' ? socket.servername : undefined,
      timings: this.timings,
    }
    this.finish(null, { socket, info })
  }

  /** Hands over: from here on the socket's error and close belong to its new owner, who listens before we let go. */
  private finish(error: HyperError | null, dialled: Dialled | null): void {
    if (this.done) return
    this.done = true
    clearTimeout(this.timer)
    this.callback(error, dialled)
    if (dialled !== null) {
      this.socket.off('error', this.onError)
      this.socket.off('close', this.onClose)
    }
  }

  private connectError(cause: Error): ConnectError {
    const phase = this.phase === 'dns' && !isLookupFailure(cause) ? 'tcp' : this.phase
    const where = this.options.socketPath === undefined ? '' : ` by way of ${this.options.socketPath}`
    return new ConnectError(`Cannot connect to ${this.origin.href}${where}: ${describe(cause)}`, {
      phase,
      cause,
      origin: this.origin.href,
    })
  }
}

function isLookupFailure(error: Error): boolean {
  return 'syscall' in error && error.syscall === 'getaddrinfo'
}

/** An AggregateError of a race has no message of its own. */
function describe(error: Error): string {
  if (error.message !== '') return error.message
  const parts =
    error instanceof AggregateError
      ? error.errors.map((one: unknown) => (one instanceof Error ? one.message : String(one)))
      : []
  return parts.length > 0 ? parts.join('; ') : (systemCodeOf(error) ?? error.name)
}

function isTls(socket: Socket): socket is TLSSocket {
  return 'alpnProtocol' in socket
}

function tcpOptions(origin: Origin, options: ConnectOptions): TcpNetConnectOpts {
  if (options.socketPath !== undefined) {
    // The types know no common form of both; node:net takes `path` before host and port.
    return Object.assign({ host: origin.host, port: origin.port }, { path: options.socketPath })
  }
  return {
    host: origin.host,
    port: origin.port,
    family: options.family ?? 0,
    autoSelectFamily: (options.family ?? 0) === 0,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  }
}

function tlsOptions(origin: Origin, options: ConnectOptions): ConnectionOptions {
  const tls: TlsOptions = options.tls ?? {}
  if (tls.rejectUnauthorized === false) {
    warnOnce(
      'TLS certificates are not verified (rejectUnauthorized: false): anyone on the way can read and change what is sent',
    )
  }
  if (tls.minVersion !== undefined && tls.minVersion < 'TLSv1.2') {
    warnOnce(`TLS below 1.2 is allowed (minVersion: ${tls.minVersion}): it is no longer safe`)
  }
  const own: Record<string, unknown> = {}
  // `undefined` equals absent; node:tls does not think so of every option.
  for (const [name, value] of Object.entries(tls)) if (value !== undefined) own[name] = value
  return {
    minVersion: 'TLSv1.2',
    ...own,
    ...tcpOptions(origin, options),
    servername: tls.servername ?? (isIP(origin.host) === 0 ? origin.host : ''),
    ALPNProtocols: options.allowH2 === false ? ['http/1.1'] : ['h2', 'http/1.1'],
  }
}
