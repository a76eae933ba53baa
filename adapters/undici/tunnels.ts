/**
 * Requests that end in a socket of the caller's own: CONNECT, WebSocket, and upgrades to other protocols.
 *
 * Rules
 * - CONNECT is a stream of a shared HTTP/2 connection (RFC 9113 section 8.5), WebSocket as well where the server takes
 *   extended CONNECT (RFC 8441). Where HTTP/2 cannot do it, and for any other protocol, it is a connection of its own over
 *   HTTP/1.1, made the way the pool makes its connections: the same TLS options, proxies, lookup.
 * - A WebSocket handshake over HTTP/2 is reported as the upgrade that it stands for: 101, with the fields that RFC 6455 wants.
 *   So each version of undici's WebSocket works on it, those too which know nothing of HTTP/2.
 * - A socket that was handed over is no request any more: it has no deadlines, and close() does not wait for it.
 */
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { Tunnel, tunnelBody } from '../../src/client/tunnel.ts'
import { setImmediate } from '../../src/clock.ts'
import { NotSupportedError } from '../../src/errors.ts'
import type { Exchange, ExchangeRequest, Transport } from '../../src/exchange/contract.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { flattenFields, getField } from '../../src/headers/fields.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { toUndiciError } from './errors.ts'
import type { TunnelHandler } from './exchange.ts'

/** What is added to the key of a WebSocket handshake before it is hashed (RFC 6455 section 1.3). */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What ends in a socket. */
export interface TunnelRequest extends ExchangeRequest {
  /** `undefined`: CONNECT. */
  readonly upgrade: string | undefined
}

/** One stream of HTTP/2 as the socket that undici's users expect. */
class TunnelSocket extends Tunnel {
  /** As a socket of TCP: when the other end has ended, so do we. */
  override allowHalfOpen = false

  get remoteAddress(): string | undefined {
    return this.connection?.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.connection?.remotePort
  }

  get remoteFamily(): string | undefined {
    return this.connection?.remoteFamily
  }

  get localAddress(): string | undefined {
    return this.connection?.localAddress
  }

  get localPort(): number | undefined {
    return this.connection?.localPort
  }

  address(): AddressInfo | Record<string, never> {
    const { localAddress: address, localPort: port, remoteFamily: family } = this
    return address === undefined || port === undefined ? {} : { address, port, family: family ?? 'IPv4' }
  }
}

/**
 * Opens a tunnel; the result goes to the handler.
 * @param h2c `http:` origins may speak HTTP/2.
 */
export function openTunnel(
  transport: Transport,
  h2c: boolean,
  request: TunnelRequest,
  handler: TunnelHandler,
): Exchange {
  const byHttp2 =
    (request.upgrade === undefined || request.upgrade.toLowerCase() === 'websocket') &&
    request.body == null &&
    request.connect?.allowH2 !== false &&
    (request.origin.startsWith('https:') || h2c)
  return byHttp2 ? new TunnelExchange(transport, request, handler) : transport.dispatch(overHttp1(request), handler)
}

/** One that is being opened, over whichever protocol. */
class TunnelExchange implements Exchange, TunnelHandler {
  readonly onConnected: ((info: ConnectionInfo, reused: boolean) => void) | undefined
  private readonly transport: Transport
  private readonly request: TunnelRequest
  private readonly handler: TunnelHandler
  private readonly outgoing = tunnelBody()
  private tunnel: TunnelSocket | undefined
  private current: Exchange
  private refused = false

  constructor(transport: Transport, request: TunnelRequest, handler: TunnelHandler) {
    this.transport = transport
    this.request = request
    this.handler = handler
    this.onConnected = handler.onConnected === undefined ? undefined : this.tellConnected
    this.current = transport.dispatch(this.toConnect(), this)
  }

  get connection(): ConnectionInfo | undefined {
    return this.current.connection
  }

  get timings(): Exchange['timings'] {
    return this.current.timings
  }

  abort(reason?: unknown): void {
    this.current.abort(reason)
  }

  pause(): void {
    this.current.pause()
  }

  resume(): void {
    this.current.resume()
  }

  onInformational(status: number, headers: FieldList, statusText: string): void {
    this.handler.onInformational(status, headers, statusText)
  }

  onHeaders(status: number, headers: FieldList, statusText: string): void {
    const { upgrade } = this.request
    if (upgrade !== undefined && status >= 300) {
      this.refused = true
      this.handler.onHeaders(status, headers, statusText)
      return
    }
    this.tunnel = new TunnelSocket(this.current, this.outgoing, status, headers)
    if (upgrade === undefined) this.handler.onUpgraded(status, headers, this.tunnel)
    else this.handler.onUpgraded(101, this.accepted(headers), this.tunnel)
  }

  onData(chunk: Buffer): void {
    if (this.refused) this.handler.onData(chunk)
    else if (this.tunnel?.push(chunk) === false) this.current.pause()
  }

  onEnd(trailers: FieldList): void {
    if (this.refused) {
      // Nothing is to be sent any more.
      this.outgoing.end()
      this.handler.onEnd(trailers)
    } else {
      this.tunnel?.push(null)
    }
  }

  onError(error: Error): void {
    const { tunnel } = this
    if (tunnel !== undefined) {
      // Whoever was just given it must have had time to listen to it.
      setImmediate(() => tunnel.destroy(toUndiciError(error, this.connection)))
    } else if (!this.refused && error instanceof NotSupportedError) {
      this.current = this.transport.dispatch(overHttp1(this.request), this.handler)
    } else {
      this.handler.onError(error)
    }
  }

  /** CONNECT, to a server that speaks HTTP/1.1. */
  onUpgraded(status: number, headers: FieldList, socket: Duplex): void {
    this.handler.onUpgraded(status, headers, socket)
  }

  private tellConnected(info: ConnectionInfo, reused: boolean): void {
    this.handler.onConnected?.(info, reused)
  }

  private toConnect(): ExchangeRequest {
    const { upgrade, ...request } = this.request
    const fields = flattenFields(request.headers)
    const headers: string[] = []
    for (let i = 0; i < fields.length; i += 2) {
      // The key has no meaning here (RFC 8441 section 5).
      if (fields[i] !== 'sec-websocket-key' || upgrade === undefined) headers.push(fields[i], fields[i + 1])
    }
    return {
      ...request,
      method: 'CONNECT',
      protocol: upgrade?.toLowerCase(),
      headers,
      body: this.outgoing,
      bodyTimeout: 0,
      writeTimeout: 0,
      maxResponseSize: undefined,
    }
  }

  /** What the answer to an upgrade would have said. */
  private accepted(headers: FieldList): string[] {
    const fields: string[] = []
    for (let i = 0; i < headers.length; i += 2) {
      // A gateway may have left that of the server behind it, whose key was another (RFC 8441 section 5).
      if (headers[i] !== 'sec-websocket-accept') fields.push(headers[i], headers[i + 1])
    }
    fields.push('connection', 'Upgrade', 'upgrade', 'websocket')
    const key = getField(flattenFields(this.request.headers), 'sec-websocket-key')
    if (key === undefined) return fields
    const digest = createHash('sha1').update(key + WEBSOCKET_GUID)
    return [...fields, 'sec-websocket-accept', digest.digest('base64')]
  }
}

/** The same on a connection that speaks HTTP/1.1, and becomes the caller's. */
function overHttp1(request: TunnelRequest): TunnelRequest {
  return { ...request, connect: { ...request.connect, allowH2: false, h2c: undefined } }
}
