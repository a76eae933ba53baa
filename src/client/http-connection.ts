/**
 * hyper's own API, for people: one origin, and requests to it. HTTP/2 or HTTP/1.1, without the caller having to know.
 *
 * Rules of the folder
 * - What is here stands on a pool and adds no protocol of its own: `HTTPConnection` (requests and their responses by
 *   stream), `HTTPResponse`, `Push`, `HTTPHeaderMap`, and `openTunnel` for what is no request.
 * - Nothing is connected before it is needed; a connection that was lost or closed is replaced by the next request.
 * - Any number of callers may use one connection at once. Who does not want to keep identifiers uses `roundTrip()`.
 *
 * How it works: each request is a slot, in the order of the calls, until its response is asked for. Identifiers are those of
 * the streams; when a connection is replaced, whose streams begin anew, they go on from the last, so that none stands for
 * two requests.
 */

import { Bag, type Bagged } from '../bag.ts'
import { InvalidArgumentError } from '../errors.ts'
import { prepareBody } from '../exchange/body.ts'
import type { Exchange, ExchangeRequest } from '../exchange/contract.ts'
import { bytesOf } from '../exchange/source.ts'
import { ErrorCode } from '../frame/codes.ts'
import type { FieldsInit } from '../headers/fields.ts'
import { serialiseRequest } from '../headers/request.ts'
import { ignore } from '../ignore.ts'
import { MAX_UNCLAIMED_PUSHES } from '../limits.ts'
import type { ConnectionInfo } from '../net/options.ts'
import { Pool } from '../pool/pool.ts'
import { INSPECT, inspected, type Seen } from '../seen.ts'
import { compose } from '../wrappers/compose.ts'
import { encodeBody, type RequestBody } from './body.ts'
import { type ConnectionSetup, connectionSetup, type HTTPConnectionOptions } from './connection-options.ts'
import { type HeaderMapInit, HTTPHeaderMap } from './header-map.ts'
import { PendingResponse } from './pending-response.ts'
import { type Push, PushQueue } from './push.ts'
import { RequestDraft, type SentRequest } from './request-draft.ts'
import type { HTTPResponse, HTTPVersion } from './response.ts'

/** Text or bytes. */
export type Octets = string | ArrayBuffer | ArrayBufferView

/** Options of one request. */
export interface RequestOptions {
  /** Text, bytes, a Blob, a form, a stream, or a function that returns a new body. Default: none. */
  readonly body?: RequestBody | null | undefined
  /** `:authority`, `:method` and `:path` replace what would be sent otherwise. */
  readonly headers?: HeaderMapInit | null | undefined
  /** Trailer section, or a function called when the body has been sent. Over HTTP/1.1 the body is then sent in chunks. */
  readonly trailers?: HeaderMapInit | (() => HeaderMapInit) | null | undefined
  /** Aborts the request. Default: none. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds for the whole exchange; 0 = no limit. Default: the connection's `timeouts.request`. */
  readonly timeout?: number | undefined
  /** May it be sent twice? Default: by its method (RFC 9110 section 9.2.2). */
  readonly idempotent?: boolean | undefined
  /** Called with each informational response, such as 103 Early Hints. */
  readonly onInformational?: ((status: number, headers: HTTPHeaderMap) => void) | undefined
}

/** A request and what belongs to it. */
interface Slot extends SentRequest, Bagged {
  id: number | null | undefined
  readonly exchange: Exchange
  readonly pending: PendingResponse
  readonly pushes: PushQueue
  /** Its caller was given no identifier: its pushes can be asked for only while it is the latest. */
  readonly unidentified: boolean
}

/** A client for one origin, over HTTP/2 or HTTP/1.1. It connects when the first request is made. */
export class HTTPConnection implements AsyncDisposable {
  /** The host of the origin. */
  readonly host: string
  /** The port of the origin. */
  readonly port: number
  /** Whether the origin is `https:`. */
  readonly secure: boolean
  /** `scheme://host[:port]` */
  readonly origin: string
  private readonly setup: ConnectionSetup
  private pool: Pool | undefined
  private lastVersion: HTTPVersion | undefined
  private lastId = -1
  /** Requests whose responses nobody has asked for, oldest first. */
  private readonly outstanding = new Set<Slot>()
  /** Requests whose exchange is not over. */
  private readonly open = new Bag<Slot>()
  /** Requests whose caller was given a name for them: until their response was taken, they are over, and their pushes were claimed. */
  private readonly byId = new Map<number, Slot>()
  private latest: Slot | undefined
  /** Pushed responses that are not over, claimed or not. */
  private readonly pushed = new Set<Exchange>()
  private draft: RequestDraft | undefined
  private unclaimed = 0

  /**
   * @param host a name or address, `:port` behind it or not, or an `http:` or `https:` URL without a path.
   * @throws {InvalidArgumentError} naming the option that is not acceptable.
   */
  constructor(host: string, options: HTTPConnectionOptions = {}) {
    const setup = connectionSetup(host, options)
    this.setup = setup
    this.host = setup.host
    this.port = setup.port
    this.secure = setup.secure
    this.origin = setup.origin
    // Made now, so that options which are not acceptable are refused here.
    this.pool = new Pool(setup.pool)
  }

  /** For logs: never the options, which may have secrets. */
  toJSON(): object {
    const { origin, version } = this
    return { origin, version, pool: this.pool?.toJSON() }
  }

  /** For logs. */
  [INSPECT](...given: Seen): string {
    return inspected(this, ...given)
  }

  /** What is spoken with the server; undefined before there was a connection. */
  get version(): HTTPVersion | undefined {
    return this.lastVersion
  }

  /**
   * Sends a request; its body may still be on its way when this returns.
   * @param path path and query.
   * @param options or text or bytes alone: then they are the body, as in hyper.
   * @returns the identifier of its stream, or null over HTTP/1.1.
   * @throws {InvalidArgumentError} at once, naming what is wrong with the request; nothing is sent then.
   * @throws {HyperError} (rejects) why there is no connection.
   */
  request(method: string, path: string, options: RequestOptions | Octets = {}): Promise<number | null> {
    return this.dispatch(method, path, options).started
  }

  /**
   * Sends a request and waits for its response: for many callers at once, over either protocol.
   * @throws {InvalidArgumentError} at once, as {@link request}.
   */
  roundTrip(method: string, path: string, options: RequestOptions | Octets = {}): Promise<HTTPResponse> {
    return this.dispatch(method, path, options, true).take()
  }

  /**
   * The response to a request, once.
   * @param id what `request()` gave. Default: the oldest request whose response was not asked for.
   * @throws {HyperError} (rejects) why there is none; InvalidArgumentError when no such response is outstanding.
   */
  async getResponse(id?: number | null): Promise<HTTPResponse> {
    const slot = id === undefined || id === null ? this.outstanding.values().next().value : this.byId.get(id)
    if (slot === undefined || !this.outstanding.has(slot)) {
      const which = id === undefined || id === null ? 'No response is' : `No response on stream ${id} is`
      throw new InvalidArgumentError(`${which} outstanding`, { origin: this.origin })
    }
    return slot.take()
  }

  /**
   * Begins a request step by step. The methods of what is returned are this connection's too, for its latest draft.
   * @throws {InvalidArgumentError} when the method or the path is no text.
   */
  putRequest(method: string, path: string): RequestDraft {
    if (typeof method !== 'string' || typeof path !== 'string') {
      throw new InvalidArgumentError('A request needs a method and a path', { origin: this.origin })
    }
    this.draft = new RequestDraft(method, path, (verb, target, headers, body) =>
      this.dispatch(verb, target, { headers, body }),
    )
    return this.draft
  }

  /** See {@link RequestDraft.putHeader}. `request`: what `putRequest` gave, where several are under way. */
  putHeader(
    name: string,
    value: string | number,
    options: { readonly replace?: boolean; readonly request?: RequestDraft } = {},
  ): this {
    const draft = this.draftFor(options)
    if (draft instanceof Error) throw draft
    draft.putHeader(name, value, options)
    return this
  }

  /** See {@link RequestDraft.endHeaders}. */
  endHeaders(
    options: Parameters<RequestDraft['endHeaders']>[0] & { readonly request?: RequestDraft } = {},
  ): Promise<number | null> {
    // Just what the draft gives: its failure is told by getResponse(), too, and need not be awaited here.
    const draft = this.draftFor(options)
    return draft instanceof Error ? Promise.reject(draft) : draft.endHeaders(options)
  }

  /** See {@link RequestDraft.send}. */
  send(
    data: Parameters<RequestDraft['send']>[0],
    options: { readonly final?: boolean; readonly request?: RequestDraft } = {},
  ): Promise<void> {
    const draft = this.draftFor(options)
    return draft instanceof Error ? Promise.reject(draft) : draft.send(data, options)
  }

  /**
   * What the server pushes along with a request (needs `enablePush`). A promise is given once, whoever asks.
   * @param id what `request()` gave. Default: the latest request.
   * @param options `captureAll`: promises to come as well, until the request is over. Default: those that have come.
   */
  async *getPushes(
    id?: number | null,
    options: { readonly captureAll?: boolean } = {},
  ): AsyncGenerator<Push, void, undefined> {
    const slot = id === undefined || id === null ? this.latest : this.byId.get(id)
    if (slot === undefined) return
    yield* slot.pushes.claim(options.captureAll === true, () => {
      this.unclaimed--
      this.forget(slot)
    })
  }

  /** Connects, unless there is a connection. */
  async connect(): Promise<ConnectionInfo> {
    return this.seen(await this.openPool().connect(this.origin))
  }

  /**
   * The round trip to the server and back, by PING; connects if need be.
   * @returns milliseconds.
   * @throws {NotSupportedError} over HTTP/1.1.
   */
  async ping(): Promise<number> {
    const pool = this.openPool()
    this.seen(await pool.connect(this.origin))
    return pool.ping(this.origin)
  }

  /**
   * Ends what is open: streams are reset, GOAWAY is sent, the socket closes. Responses that have arrived whole can still be
   * read. A later request connects anew.
   * @param errorCode of RST_STREAM (RFC 9113 section 7). Default CANCEL.
   * @returns when the connection is closed.
   */
  async close(errorCode: number = ErrorCode.CANCEL): Promise<void> {
    if (!Number.isInteger(errorCode) || errorCode < 0 || errorCode > 0xffffffff) {
      throw new InvalidArgumentError(`An error code is a number of 32 bits, not ${String(errorCode)}`)
    }
    const { pool } = this
    this.pool = undefined
    const slots = new Set([...this.open.all(), ...this.byId.values()])
    if (this.latest !== undefined) slots.add(this.latest)
    this.outstanding.clear()
    this.byId.clear()
    this.latest = undefined
    this.unclaimed = 0
    // A pushed response may outlive the request that it came with.
    for (const exchange of [...[...slots].map((slot) => slot.exchange), ...this.pushed]) {
      // What has arrived and is held back is handed on.
      exchange.resume()
      exchange.abort('the connection was closed', errorCode)
    }
    for (const { pushes } of slots) pushes.cancelAll()
    await pool?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private openPool(): Pool {
    this.pool ??= new Pool(this.setup.pool)
    return this.pool
  }

  private draftFor({ request }: { readonly request?: RequestDraft }): RequestDraft | InvalidArgumentError {
    return request ?? this.draft ?? new InvalidArgumentError('Call putRequest() first', { origin: this.origin })
  }

  private seen(info: ConnectionInfo): ConnectionInfo {
    this.lastVersion = info.protocol === 'h2' ? 'HTTP/2' : 'HTTP/1.1'
    return info
  }

  /** @param unidentified its response is taken at once: it is not among those that can be asked for. */
  private dispatch(method: string, path: string, given: RequestOptions | Octets, unidentified = false): Slot {
    const octets = typeof given === 'string' ? given : bytesOf(given)
    const options = octets === null ? (given as RequestOptions) : { body: octets }
    const { setup } = this
    const request = toExchange(setup, method, path, options)
    const started = Promise.withResolvers<number | null>()
    // Who goes straight to getResponse() is told there.
    started.promise.catch(ignore)
    const pushes = new PushQueue()
    const pending = new PendingResponse(setup, {
      connected: (info) => {
        this.name(slot, this.seen(info))
        started.resolve(slot.id ?? null)
      },
      informational: options.onInformational,
      pushed:
        setup.pool.enablePush === true
          ? (promise) => {
              if (this.unclaimed >= MAX_UNCLAIMED_PUSHES || this.isUnreachable(slot)) return undefined
              this.unclaimed++
              this.pushed.add(promise.exchange)
              return pushes.take(promise, setup, () => this.pushed.delete(promise.exchange))
            }
          : undefined,
      settled: (error) => {
        this.open.delete(slot)
        pushes.end()
        if (error !== undefined && slot.id === undefined) {
          // Told to whoever sent it.
          this.outstanding.delete(slot)
          started.reject(error)
        }
        this.forget(slot)
      },
    })
    const exchange = compose(this.openPool(), ...setup.wrappers).dispatch(request, pending)
    pending.attach(exchange)
    const take = (): Promise<HTTPResponse> => {
      this.outstanding.delete(slot)
      this.forget(slot)
      return pending.response
    }
    const slot: Slot = {
      id: undefined,
      exchange,
      pending,
      pushes,
      started: started.promise,
      take,
      unidentified,
      place: -1,
    }
    if (!unidentified) this.outstanding.add(slot)
    this.open.add(slot)
    const { latest } = this
    this.latest = slot
    if (latest !== undefined && this.isUnreachable(latest)) {
      this.unclaimed -= latest.pushes.cancelAll()
      this.forget(latest)
    }
    return slot
  }

  /** Nobody can ask for its pushes any more. */
  private isUnreachable(slot: Slot): boolean {
    return slot.unidentified && slot !== this.latest && !slot.pushes.isClaimed
  }

  /** Its stream is known. After a retry it keeps the name that it was given first. */
  private name(slot: Slot, info: ConnectionInfo): void {
    if (slot.id !== undefined) return
    if (info.protocol !== 'h2') {
      slot.id = null
      return
    }
    const { streamId = -1 } = slot.exchange
    slot.id = streamId > this.lastId ? streamId : this.lastId + 2
    this.lastId = slot.id
    if (!slot.unidentified) this.byId.set(slot.id, slot)
  }

  /** Nothing more can be asked of it. */
  private forget(slot: Slot): void {
    if (typeof slot.id !== 'number' || slot.pushes.length > 0) return
    if (this.open.has(slot) || this.outstanding.has(slot)) return
    if (this.byId.get(slot.id) === slot) this.byId.delete(slot.id)
  }
}

/** HTTP/2 only: a server that does not choose it is refused; without TLS it is spoken by prior knowledge. */
export class HTTP20Connection extends HTTPConnection {
  constructor(host: string, options: Omit<HTTPConnectionOptions, 'forceProtocol'> = {}) {
    super(host, { ...options, forceProtocol: 'h2' })
  }
}

/** HTTP/1.1 only: nothing else is offered to the server. */
export class HTTP11Connection extends HTTPConnection {
  constructor(host: string, options: Omit<HTTPConnectionOptions, 'forceProtocol'> = {}) {
    super(host, { ...options, forceProtocol: 'http/1.1' })
  }
}

/**
 * The request as an exchange, checked as far as it can be before there is a connection.
 * @throws {InvalidArgumentError} naming what is wrong with it.
 */
function toExchange(
  setup: ConnectionSetup,
  givenMethod: string,
  givenPath: string,
  options: RequestOptions,
): ExchangeRequest {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError('The options of a request must be an object', { origin: setup.origin })
  }
  const headers = new HTTPHeaderMap(options.headers)
  const method = override(headers, ':method') ?? givenMethod
  const path = override(headers, ':path') ?? givenPath
  const authority = override(headers, ':authority')
  if (authority !== undefined) headers.replace('host', authority)
  const list = [...headers.toFlat()]
  const body = encodeBody(options.body, list)
  const { trailers, signal, idempotent, onInformational } = options
  if (onInformational !== undefined && typeof onInformational !== 'function') {
    throw new InvalidArgumentError('onInformational must be a function', { origin: setup.origin })
  }
  if (signal !== undefined && signal !== null && !('aborted' in Object(signal))) {
    throw new InvalidArgumentError('signal must be an AbortSignal', { origin: setup.origin })
  }
  const timeout = options.timeout ?? setup.timeout
  if (!(typeof timeout === 'number' && timeout >= 0)) {
    throw new InvalidArgumentError(`timeout must be a number of milliseconds, 0 or more, not ${String(timeout)}`)
  }
  const request: ExchangeRequest = {
    origin: setup.origin,
    method,
    path,
    // A function that makes the body may still add its content-type: the list is read when it was called.
    headers: list,
    body,
    trailers: typeof trailers === 'function' ? () => flat(trailers()) : flat(trailers),
    timeout,
    signal,
    idempotent,
  }
  // The same door through which it goes to the wire; a body that a function makes is looked at when it is made.
  const length = typeof body === 'function' ? -1 : prepareBody(body).length
  const { protocol, host } = new URL(setup.origin)
  serialiseRequest(request, protocol.slice(0, -1), host, length)
  return request
}

/** Takes a pseudo-header field out. */
function override(headers: HTTPHeaderMap, name: string): string | undefined {
  return headers.pop(name)?.at(-1)
}

function flat(trailers: HeaderMapInit | null | undefined): FieldsInit | undefined {
  return trailers === null || trailers === undefined ? undefined : new HTTPHeaderMap(trailers).toFlat()
}
