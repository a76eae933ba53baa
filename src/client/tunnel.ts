/**
 * CONNECT as a Duplex: a tunnel through the server (RFC 9113 section 8.5), or another protocol on a stream of it, such as
 * WebSocket (RFC 8441). Below this edge a tunnel is an exchange like any other.
 *
 * Rules
 * - Nothing is sent into the tunnel before the server has opened it.
 * - Each direction ends by itself; destroying it resets the stream with CANCEL.
 * - What the reader does not read is not asked for: the stream's window stays closed.
 */
import { Duplex } from 'node:stream'
import { setImmediate } from '../clock.ts'
import { abortReason, TunnelRefusedError } from '../errors.ts'
import type { Exchange, ExchangeRequest, Transport } from '../exchange/contract.ts'
import { UploadBody } from '../exchange/upload.ts'
import type { FieldList } from '../headers/fields.ts'
import type { ConnectionInfo } from '../net/options.ts'

/** What to connect to: `path` is `host:port`, or with a `protocol` the path of the resource. */
export type TunnelRequest = Omit<ExchangeRequest, 'method' | 'body' | 'trailers' | 'maxResponseSize'>

/** An open tunnel. Octets written go to the other end as they are. */
export class Tunnel extends Duplex {
  /** The server's answer, 2xx. */
  readonly status: number
  readonly headers: FieldList
  readonly connection: ConnectionInfo | undefined
  private readonly exchange: Exchange
  private readonly outgoing: UploadBody

  /** @internal */
  constructor(exchange: Exchange, outgoing: UploadBody, status: number, headers: FieldList) {
    super({ allowHalfOpen: true, autoDestroy: true })
    this.exchange = exchange
    this.outgoing = outgoing
    this.status = status
    this.headers = headers
    this.connection = exchange.connection
  }

  override _read(): void {
    this.exchange.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // Who is told that it was taken may fill it anew, and it is still on its way.
    this.outgoing.push(Buffer.from(chunk), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    // Finished is what was taken, not what was said: what is destroyed afterwards loses nothing.
    this.outgoing.end(callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // What was written before the end is on its way, and is let go its way.
    if (!this.writableFinished || !this.readableEnded) this.exchange.abort(error ?? undefined)
    this.outgoing.close(error, error ?? abortReason(undefined))
    callback(error)
  }
}

/** What is written into a tunnel. It is no message, and kept for no second attempt. */
export function tunnelBody(): UploadBody {
  return new UploadBody(null, { limit: 0 })
}

/**
 * Opens a tunnel.
 * @throws {TunnelRefusedError} when the server answers with another status than 2xx.
 * @throws {NotSupportedError} when the server has no HTTP/2, or does not take the protocol.
 * @throws {HyperError} whatever else an exchange can end with.
 */
export function openTunnel(transport: Transport, request: TunnelRequest): Promise<Tunnel> {
  return new Promise((resolve, reject) => {
    const outgoing = tunnelBody()
    let tunnel: Tunnel | undefined
    const exchange = transport.dispatch(
      { ...request, method: 'CONNECT', body: outgoing },
      {
        onHeaders(status, headers) {
          if (status >= 300) {
            const error = new TunnelRefusedError(status, headers, { origin: request.origin })
            reject(error)
            exchange.abort(error)
            return
          }
          tunnel = new Tunnel(exchange, outgoing, status, headers)
          resolve(tunnel)
        },
        onData(chunk) {
          if (tunnel?.push(chunk) === false) exchange.pause()
        },
        onEnd: () => tunnel?.push(null),
        onError(error) {
          if (tunnel === undefined) reject(error)
          // Whoever was just given the tunnel must have had time to listen to it.
          else setImmediate(() => tunnel?.destroy(error))
        },
      },
    )
  })
}
