/**
 * Upgrades and CONNECT over HTTP/1.1: one connection each, dialled as the pool dials, spoken to by undici's client, which
 * is loaded for the first of them.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client, Dispatcher } from 'undici'
import { loadClient } from '../../src/connection/http1.ts'
import { flatFields } from '../../src/connection/http1-exchange.ts'
import { keepQuiet, quietClient } from '../../src/connection/quiet.ts'
import { abortReason, ConnectError, type HyperError, NotSupportedError, toError } from '../../src/errors.ts'
import type { ConnectionInfo, ConnectOptions, Exchange, ExchangeRequest, ExchangeTimings } from '../../src/exchange.ts'
import { flattenFields, getField } from '../../src/headers/fields.ts'
import type { Connector, Dial, Dialled } from '../../src/net/connector.ts'
import { type Origin, parseOrigin } from '../../src/net/origin.ts'
import { proxyFromEnvironment } from '../../src/net/proxy-env.ts'
import { mergeConnectOptions } from '../../src/pool/key.ts'
import { publishBeforeConnect, publishConnectError, publishConnected } from './diagnostics.ts'
import { toUndiciError } from './errors.ts'
import type { TunnelHandler } from './exchange.ts'
import type { TunnelRequest } from './tunnels.ts'

/** How connections are made, and their limits. */
export interface Dialler {
  /** `http:` origins speak HTTP/2. */
  readonly h2c: boolean
  readonly connector: Connector
  readonly options: ConnectOptions
  readonly maxHeaderSize: number | undefined
}

/** Sends the request on a connection of its own. */
export function upgradeHttp1(dialler: Dialler, request: TunnelRequest, handler: TunnelHandler): Exchange {
  return new Http1Upgrade(dialler, request, handler)
}

const NO_TIMINGS: ExchangeTimings = {
  created: 0,
  started: undefined,
  headers: undefined,
  end: undefined,
  attempts: 1,
}

class Http1Upgrade implements Exchange, Dispatcher.DispatchHandler {
  connection: ConnectionInfo | undefined
  readonly timings = NO_TIMINGS
  private readonly request: TunnelRequest
  private readonly handler: TunnelHandler
  private readonly dial: Dial
  private client: Client | undefined
  private controller: Dispatcher.DispatchController | undefined
  private paused = false
  private settled = false

  constructor(dialler: Dialler, request: TunnelRequest, handler: TunnelHandler) {
    this.request = request
    this.handler = handler
    const origin = parseOrigin(request.origin)
    const connect = mergeConnectOptions(dialler.options, request.connect)
    if (connect.allowH1 === false) {
      this.dial = { cancel: ignore }
      const what = request.upgrade ?? request.method
      const error = new NotSupportedError(`HTTP/2 cannot carry ${what} to ${origin.href}, and allowH1 is false`)
      process.nextTick(() => this.fail(error))
      return
    }
    const proxy = tunnelled(connect.proxy, origin)
    const options: ConnectOptions = { ...connect, allowH2: false, h2c: undefined, proxy }
    publishBeforeConnect(request.origin)
    this.dial = dialler.connector.dial(origin, options, (error, dialled) => {
      if (dialled === null) this.failDial(error ?? abortReason(undefined))
      else void this.begin(dialled, dialler.maxHeaderSize)
    })
  }

  // The handle on it.

  abort(reason?: unknown): void {
    const error = abortReason(reason)
    if (this.settled) return
    this.fail(error)
    this.dial.cancel(error as HyperError)
    this.controller?.abort(error)
    void this.client?.destroy(error).catch(ignore)
  }

  pause(): void {
    this.paused = true
    this.controller?.pause()
  }

  resume(): void {
    this.paused = false
    this.controller?.resume()
  }

  // undici's handler.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.paused) controller.pause()
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, status: number, _headers: unknown, socket: Duplex): void {
    if (this.settled) {
      socket.destroy()
      return
    }
    this.settled = true
    // It has nothing to do any more: the socket is out of its hands.
    void this.client?.close().catch(ignore)
    this.handler.onUpgraded(status, flatFields(controller.rawHeaders), socket)
  }

  onRequestSent(): void {
    if (!this.settled) this.handler.onRequestSent?.()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    if (this.settled) return
    const fields = flatFields(controller.rawHeaders)
    if (status < 200) this.handler.onInformational(status, fields, statusText ?? '')
    else this.handler.onHeaders(status, fields, statusText ?? '')
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.settled) this.handler.onData(chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.settled) return
    this.settled = true
    void this.client?.close().catch(ignore)
    this.handler.onEnd(flatFields(controller.rawTrailers))
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.fail(error)
    void this.client?.destroy(error).catch(ignore)
  }

  private async begin(dialled: Dialled, maxHeaderSize: number | undefined): Promise<void> {
    const { socket, info, absoluteForm } = dialled
    socket.on('error', ignore)
    try {
      const ClientClass = await loadClient()
      await keepQuiet(Http1Upgrade)
      if (this.settled || socket.destroyed) {
        socket.destroy()
        const { origin } = this.request
        this.fail(new ConnectError(`Cannot connect to ${origin}: the socket closed`, { phase: 'tcp', origin }))
        return
      }
      this.connection = info
      publishConnected(this.request.origin, info)
      this.handler.onConnected?.(info, false)
      let given: Socket | null = socket as Socket
      const lost = new ConnectError('The connection was used up', { phase: 'tcp' })
      const client = new ClientClass(this.request.origin, {
        allowH2: false,
        ...limits(this.request, maxHeaderSize),
        connect: (_options, callback) => {
          const one = given
          given = null
          process.nextTick(() => (one === null ? callback(lost, null) : callback(null, one)))
        },
      })
      this.client = client
      quietClient(client)
      client.dispatch(toOptions(this.request, absoluteForm), this)
    } catch (thrown) {
      socket.destroy()
      this.fail(toError(thrown))
    }
  }

  private failDial(error: Error): void {
    if (this.settled) return
    publishConnectError(this.request.origin, toUndiciError(error))
    this.fail(error)
  }

  private fail(error: Error): void {
    if (this.settled) return
    this.settled = true
    this.handler.onError(error)
  }
}

function toOptions(request: TunnelRequest, proxied: Dialled['absoluteForm']): Dispatcher.DispatchOptions {
  const headers = [...flattenFields(request.headers)]
  for (let i = 0; proxied !== undefined && i < proxied.headers.length; i += 2) {
    if (getField(headers, proxied.headers[i]) === undefined) headers.push(proxied.headers[i], proxied.headers[i + 1])
  }
  return {
    path: (request.upgrade === undefined ? '' : (proxied?.prefix ?? '')) + request.path,
    method: request.method as Dispatcher.HttpMethod,
    headers,
    upgrade: request.upgrade ?? null,
    // The body kinds of undici's types are narrower than what it takes.
    body: (request.body ?? null) as ExchangeRequest['body'] & null,
  }
}

/** Without those that are not set: undici has defaults of its own, equal to ours. */
function limits({ headersTimeout, bodyTimeout }: TunnelRequest, maxHeaderSize: number | undefined): Client.Options {
  return {
    ...(headersTimeout === undefined ? {} : { headersTimeout }),
    ...(bodyTimeout === undefined ? {} : { bodyTimeout }),
    ...(maxHeaderSize === undefined ? {} : { maxHeaderSize }),
  }
}

/** What is to become a socket goes through a proxy by CONNECT, `http:` too (RFC 6455 section 4.1). */
function tunnelled(proxy: ConnectOptions['proxy'], origin: Origin): ConnectOptions['proxy'] {
  if (proxy === undefined || proxy === false) return proxy
  if (proxy === 'env') {
    const named = proxyFromEnvironment(origin, process.env)
    return named === undefined ? false : { url: named.url, tunnel: true }
  }
  if (typeof proxy === 'string' || proxy instanceof URL) return { url: proxy, tunnel: true }
  return { ...proxy, tunnel: true }
}

function ignore(): void {
  // Reported elsewhere.
}
