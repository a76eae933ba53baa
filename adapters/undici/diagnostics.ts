/**
 * undici's diagnostics messages, which tracers listen to: the same channels, the same fields, over both protocols.
 *
 * Rules
 * - While nobody listens nothing is made: `observe` looks, and a request that nobody observes has none.
 * - `undici:request:create` comes within `dispatch()`, so in its caller's async context, once a request however often it is
 *   sent; fields that a subscriber adds are sent.
 * - Raw fields are Buffers, name and value in turn, as undici publishes them over HTTP/1.1.
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { ExchangeRequest } from '../../src/exchange/contract.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { FieldKind, fieldName } from '../../src/headers/names.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import type { PoolEvents } from '../../src/pool/options.ts'
import { listenToSharedPool } from '../common/pool.ts'
import { toUndiciError } from './errors.ts'
import { errors } from './internals.ts'
import { toBuffers } from './raw-fields.ts'
import { fieldText } from './request.ts'

const create = channel('undici:request:create')
const bodyChunkSent = channel('undici:request:bodyChunkSent')
const bodySent = channel('undici:request:bodySent')
const headersReceived = channel('undici:request:headers')
const bodyChunkReceived = channel('undici:request:bodyChunkReceived')
const trailersReceived = channel('undici:request:trailers')
const failed = channel('undici:request:error')
const sendHeaders = channel('undici:client:sendHeaders')
const beforeConnect = channel('undici:client:beforeConnect')
const connected = channel('undici:client:connected')
const connectFailed = channel('undici:client:connectError')
const proxyConnected = channel('undici:proxy:connected')

/** A request as subscribers see it: the fields of undici's Request that they read, and `addHeader`. */
export class ObservedRequest {
  readonly origin: string
  readonly method: string
  readonly path: string
  /** Name, value, name, value ...: the very list that is sent. */
  readonly headers: string[]
  readonly upgrade: string | null
  readonly idempotent: boolean
  completed = false
  aborted = false

  constructor(request: ExchangeRequest, headers: string[], upgrade: string | null) {
    this.origin = request.origin
    this.method = request.method
    this.path = request.path
    this.headers = headers
    this.upgrade = upgrade
    this.idempotent = request.idempotent ?? (request.method === 'GET' || request.method === 'HEAD')
  }

  /**
   * Adds a header field.
   * @param value null: an empty one; undefined: none
   * @throws undici's InvalidArgumentError for one that cannot be sent, its NotSupportedError for `expect`
   */
  addHeader(key: string, value: string | readonly string[] | null | undefined): this {
    if (value === undefined) return this
    const { name, kind } = fieldName(key)
    if (kind !== FieldKind.PLAIN) throw new errors.InvalidArgumentError('invalid header key')
    if (name === 'expect') throw new errors.NotSupportedError('expect header not supported')
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const text of values.map((one) => fieldText(key, one))) this.headers.push(name, text)
    return this
  }
}

/** The request as subscribers are to see it, told to them; `undefined` when nobody listens to anything of it. */
export function observe(request: ExchangeRequest, upgrade: string | null): ObservedRequest | undefined {
  if (
    !create.hasSubscribers &&
    !headersReceived.hasSubscribers &&
    !trailersReceived.hasSubscribers &&
    !failed.hasSubscribers &&
    !sendHeaders.hasSubscribers &&
    !bodySent.hasSubscribers &&
    !bodyChunkSent.hasSubscribers &&
    !bodyChunkReceived.hasSubscribers
  ) {
    return undefined
  }
  const observed = new ObservedRequest(request, request.headers as string[], upgrade)
  if (create.hasSubscribers) create.publish({ request: observed })
  return observed
}

/** Does anybody want the pieces of request bodies? */
export function wantsBodyChunks(): boolean {
  return bodyChunkSent.hasSubscribers
}

export function publishBodyChunkSent(request: ObservedRequest, chunk: Uint8Array): void {
  if (bodyChunkSent.hasSubscribers) bodyChunkSent.publish({ request, chunk })
}

export function publishBodySent(request: ObservedRequest): void {
  if (bodySent.hasSubscribers) bodySent.publish({ request })
}

/** A connection has taken the request. */
export function publishSendHeaders(request: ObservedRequest, socket: ConnectionInfo): void {
  if (!sendHeaders.hasSubscribers) return
  let headers = `${request.method} ${request.path} HTTP/${socket.protocol === 'h2' ? '2' : '1.1'}\r\n`
  for (let i = 0; i < request.headers.length; i += 2) headers += `${request.headers[i]}: ${request.headers[i + 1]}\r\n`
  sendHeaders.publish({ request, headers, socket: socketOf(socket) })
}

export function publishHeaders(
  request: ObservedRequest,
  statusCode: number,
  fields: FieldList,
  statusText: string,
): void {
  if (!headersReceived.hasSubscribers) return
  headersReceived.publish({ request, response: { statusCode, headers: toBuffers(fields), statusText } })
}

export function publishBodyChunkReceived(request: ObservedRequest, chunk: Buffer): void {
  if (bodyChunkReceived.hasSubscribers) bodyChunkReceived.publish({ request, chunk })
}

/** What subscribers read of a socket: addresses, and the protocol by the name that node:tls gives it. */
function socketOf(info: ConnectionInfo): ConnectionInfo & { readonly alpnProtocol: string } {
  return { ...info, alpnProtocol: info.protocol }
}

/** The response is complete. */
export function publishTrailers(request: ObservedRequest, trailers: FieldList): void {
  request.completed = true
  if (trailersReceived.hasSubscribers) trailersReceived.publish({ request, trailers: toBuffers(trailers) })
}

export function publishError(request: ObservedRequest, error: Error): void {
  if (failed.hasSubscribers) failed.publish({ request, error })
  request.aborted = true
}

/** A connection was made. */
function publishConnected(origin: string, info: ConnectionInfo): void {
  if (info.proxy !== undefined && info.timings.proxy !== undefined && proxyConnected.hasSubscribers) {
    const { host: path, port } = new URL(origin)
    const connectParams = {
      origin: info.proxy,
      port,
      path: port === '' ? `${path}:443` : path,
      headers: { host: path },
    }
    proxyConnected.publish({ socket: socketOf(info), connectParams })
  }
  publishConnection(connected, origin, { info })
}

function publishConnection(
  to: Channel,
  origin: string,
  { info, error }: { info?: ConnectionInfo; error?: Error },
): void {
  if (!to.hasSubscribers) return
  const { host, hostname, protocol, port } = new URL(origin)
  const connectParams = {
    host,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    protocol,
    port,
    version: info === undefined ? undefined : info.protocol === 'h2' ? 'h2' : 'h1',
    servername: info?.servername ?? null,
    localAddress: info?.localAddress ?? null,
  }
  to.publish({
    connectParams,
    ...(info === undefined ? {} : { socket: socketOf(info) }),
    ...(error === undefined ? {} : { error }),
  })
}

/** The same events, which say to diagnostics what they say to listeners. */
export function publishing(events: PoolEvents): PoolEvents {
  return {
    ...events,
    connecting: (origin) => publishConnection(beforeConnect, origin, {}),
    connect(origin, info): void {
      publishConnected(origin, info)
      events.connect?.(origin, info)
    },
    connectionError(origin, error): void {
      publishConnection(connectFailed, origin, { error: toUndiciError(error) })
      events.connectionError?.(origin, error)
    },
  }
}

let sharedIsPublished = false

/** What happens to the connections of the process-wide pool is said once, however many dispatchers use it. */
export function publishSharedPool(): void {
  if (sharedIsPublished) return
  sharedIsPublished = true
  listenToSharedPool(publishing({}))
}
