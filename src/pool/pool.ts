/**
 * `Pool`: which connection carries which request.
 *
 * Rules
 * - Keyed by scheme, host, port, client certificate and whatever else changes the peer's identity or the route (key.ts).
 * - Concurrent first requests share one dial; one dial decides the protocol.
 * - `dispatch()` calls nothing back before it has returned, and every exchange settles exactly once.
 * - `close()` lets everything finish, `destroy()` ends everything; after either, dispatch() is refused.
 * - An origin without connections and exchanges is forgotten.
 */

import { nextTick } from '../clock.ts'
import type { Connection } from '../connection/contract.ts'
import {
  ConnectionLostError,
  type HyperError,
  InvalidArgumentError,
  NotSupportedError,
  PoolClosedError,
  PoolDestroyedError,
  toError,
} from '../errors.ts'
import type { Exchange, ExchangeHandler, ExchangeRequest, ExchangeTimings, Transport } from '../exchange/contract.ts'
import { Deadlines } from '../exchange/deadlines.ts'
import { ignore } from '../ignore.ts'
import { MAX_ORIGIN_ALIASES } from '../limits.ts'
import { Connector, type Dial } from '../net/connector.ts'
import type { ConnectionInfo, ConnectOptions } from '../net/options.ts'
import { type Origin, parseOrigin } from '../net/origin.ts'
import { tunnelledProxy } from '../net/proxy.ts'
import { INSPECT, inspected, type Seen } from '../seen.ts'
import { findLoan, type Loan } from './coalescing.ts'
import { identified, mergeConnectOptions, poolKey } from './key.ts'
import { ProtocolMemory } from './memory.ts'
import { checkConnectOptions, checkPoolOptions, ownOnly, type PoolOptions } from './options.ts'
import { type OriginHost, OriginPool } from './origin-pool.ts'
import { type PoolStats, poolStats } from './stats.ts'

export class Pool implements Transport, OriginHost {
  /** The options that the pool was made with. */
  readonly options: PoolOptions
  /** @internal */
  readonly connector: Connector
  /** @internal */
  readonly memory = new ProtocolMemory()
  /** @internal */
  readonly deadlines = new Deadlines()
  private readonly origins = new Map<string, OriginPool>()
  /** Quick look-up by the origin's text as requests spell it; forgotten when it grows too large. */
  private readonly bySpelling = new Map<string, OriginPool>()
  /** The same for requests that bring connection options, by the identity of the options object. */
  private readonly byOptions = new WeakMap<object, Map<string, OriginPool>>()
  /** Functions and contexts by which requests are told apart, seen before. */
  private readonly met: WeakSet<object>
  private readonly fleeting: OriginHost
  private state: 'open' | 'closed' | 'destroyed' = 'open'
  private whenEmpty: (() => void)[] = []

  /**
   * @throws {InvalidArgumentError} naming an option that is not acceptable.
   */
  constructor(options: PoolOptions = {}) {
    if (typeof options !== 'object' || options === null)
      throw new InvalidArgumentError('Pool options must be an object')
    this.options = ownOnly(options)
    checkPoolOptions(this.options)
    this.connector = new Connector(this.options)
    this.fleeting = this.makeFleeting()
    this.met = new WeakSet(identified(this.options))
  }

  /** Whether `close()` or `destroy()` was called: the pool takes no new requests. */
  get closed(): boolean {
    return this.state !== 'open'
  }

  /** Whether `destroy()` was called. */
  get destroyed(): boolean {
    return this.state === 'destroyed'
  }

  /**
   * Sends a request. An error goes to the handler's `onError`, after this has returned.
   */
  dispatch(given: ExchangeRequest, handler: ExchangeHandler): Exchange {
    if (this.state !== 'open') return refuse(handler, this.refusal())
    const request = isPolluted() ? ownOnly(given) : given
    let origin: OriginPool
    try {
      checkSignal(request.signal)
      origin = this.originOf(request)
    } catch (thrown) {
      return refuse(handler, toError(thrown))
    }
    return origin.dispatch(request, handler)
  }

  /**
   * Makes a connection to an origin before there is a request for it, unless there is one.
   * @param connect options of the connection, as requests have them; they are part of the key.
   * @returns the connection.
   * @throws {HyperError} why it could not be made.
   */
  async connect(origin: string, connect?: ConnectOptions): Promise<ConnectionInfo> {
    return (await this.connectionTo(origin, connect)).info
  }

  /**
   * Measures a round trip by PING (RFC 9113 section 6.7), on a new connection if there is none.
   * @returns milliseconds.
   * @throws {NotSupportedError} over HTTP/1.1.
   * @throws {HyperError} when there is no connection, or it ended before the answer came.
   */
  async ping(origin: string, connect?: ConnectOptions): Promise<number> {
    const connection = await this.connectionTo(origin, connect)
    if (connection.ping === undefined) throw new NotSupportedError('HTTP/1.1 has no PING', { origin })
    const rtt = await new Promise<number | null>((resolve) => {
      connection.ping?.(resolve)
    })
    if (rtt !== null) return rtt
    throw new ConnectionLostError(`The connection to ${origin} ended before it answered the PING`, { origin })
  }

  private async connectionTo(text: string, connect: ConnectOptions | undefined): Promise<Connection> {
    if (this.state !== 'open') throw this.refusal()
    const origin = this.originOf({ origin: text, method: 'GET', path: '/', connect })
    return new Promise((resolve, reject) => {
      origin.awaitConnection((error, connection) => {
        if (connection === null) reject(error)
        else resolve(connection)
      })
    })
  }

  /** What can be seen from outside, as it is now. */
  stats(): PoolStats {
    return poolStats([...this.origins.values()].map((origin) => origin.stats))
  }

  /** For logs: what `stats()` gives, and never the options, which may have secrets. */
  toJSON(): PoolStats {
    return this.stats()
  }

  /** For logs. */
  [INSPECT](...given: Seen): string {
    return inspected(this, ...given)
  }

  /** Takes no new requests, lets those open and waiting finish, closes the connections. Resolves when all are closed. */
  close(): Promise<void> {
    if (this.state === 'open') {
      this.state = 'closed'
      for (const origin of [...this.origins.values()]) origin.close()
    }
    return this.emptied()
  }

  /** Ends everything at once: open and waiting exchanges end with `error`. Resolves when all connections are gone. */
  destroy(error?: Error): Promise<void> {
    if (this.state !== 'destroyed') {
      this.state = 'destroyed'
      const reason = error ?? new PoolDestroyedError()
      for (const origin of [...this.origins.values()]) origin.destroy(reason)
    }
    return this.emptied()
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal */
  onEmpty(origin: OriginPool): void {
    origin.retired = true
    if (this.origins.get(origin.key) === origin) this.origins.delete(origin.key)
    // As most requests spell it: whoever visits many origins does not keep what each of them was.
    const { href } = origin.origin
    if (this.bySpelling.get(href) === origin) this.bySpelling.delete(href)
    if (this.origins.size > 0) return
    this.bySpelling.clear()
    if (this.state !== 'open') this.connector.close()
    const waiting = this.whenEmpty
    this.whenEmpty = []
    for (const resolve of waiting) resolve()
  }

  /** @internal */
  http1Twin(of: OriginPool): OriginPool {
    return this.twin(of)
  }

  private twin(of: OriginPool, host?: OriginHost): OriginPool {
    if (of.connect.allowH2 === false) return of
    return this.keyed(of.origin, { ...of.connect, allowH2: false }, host)
  }

  /** @internal */
  borrow(origin: OriginPool, found: (loan: Loan | null, error?: HyperError) => void): Dial | undefined {
    return findLoan(origin, this.origins.values(), this.connector, found)
  }

  private originOf(request: ExchangeRequest): OriginPool {
    const { origin: text } = request
    if (wantsSocket(request)) return this.findOrigin(request)
    const connect = ownConnect(request)
    let cache = this.bySpelling
    if (connect !== undefined && connect !== null) {
      const known = this.byOptions.get(connect)
      cache = known ?? new Map()
      if (known === undefined) this.byOptions.set(connect, cache)
    }
    const known = cache.get(text)
    if (known !== undefined && !known.retired) return known
    const found = this.findOrigin(request)
    if (cache.size >= MAX_ORIGIN_ALIASES) cache.clear()
    cache.set(text, found)
    return found
  }

  private findOrigin(request: ExchangeRequest): OriginPool {
    if (typeof request.origin !== 'string') throw new InvalidArgumentError('A request needs an origin')
    const origin = parseOrigin(request.origin)
    const own = ownConnect(request) ?? {}
    checkConnectOptions(own)
    const connect = mergeConnectOptions(this.options, own)
    if (connect.allowH1 === false && connect.allowH2 === false) {
      const what = request.upgrade ?? request.method
      throw new NotSupportedError(`HTTP/2 cannot carry ${what} to ${origin.href}, and allowH1 is false`)
    }
    if (!wantsSocket(request)) return this.keyed(origin, connect)
    return this.keyed(origin, { ...connect, proxy: tunnelledProxy(connect.proxy, origin) })
  }

  private keyed(origin: Origin, connect: ConnectOptions, host?: OriginHost): OriginPool {
    const key = poolKey(origin, connect)
    let found = this.origins.get(key)
    if (found === undefined) {
      found = new OriginPool(host ?? this.hostFor(connect), key, origin, connect)
      this.origins.set(key, found)
    }
    return found
  }

  /**
   * A function or context of a request's own that the pool has not seen before may be one that was written inline, and is never seen
   * again: its connections are not kept when they are idle. When one is used twice, they are.
   */
  private hostFor(connect: ConnectOptions): OriginHost {
    const strangers = identified(connect).filter((one) => !this.met.has(one))
    if (strangers.length === 0) return this
    for (const one of strangers) this.met.add(one)
    return this.fleeting
  }

  /** The same to origins whose connections are not kept. */
  private makeFleeting(): OriginHost {
    const { connector, memory, deadlines } = this
    const host: OriginHost = {
      options: { ...this.options, idleTimeout: FLEETING },
      connector,
      memory,
      deadlines,
      onEmpty: (origin) => this.onEmpty(origin),
      http1Twin: (of) => this.twin(of, host),
      borrow: (origin, found) => this.borrow(origin, found),
    }
    return host
  }

  private emptied(): Promise<void> {
    if (this.origins.size === 0) {
      this.connector.close()
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.whenEmpty.push(resolve)
    })
  }

  private refusal(): HyperError {
    return this.state === 'destroyed' ? new PoolDestroyedError() : new PoolClosedError()
  }
}

/** An exchange that never began; its handler hears why once the caller has it. */
function refuse(handler: ExchangeHandler, error: Error): Exchange {
  let settled = false
  const settle = (reason: Error): void => {
    if (settled) return
    settled = true
    handler.onError(reason)
  }
  nextTick(settle, error)
  return {
    connection: undefined,
    timings: NEVER_BEGUN,
    abort: () => settle(error),
    // There is nothing to hold back.
    pause: ignore,
    resume: ignore,
  }
}

/** What is to become a socket goes through a proxy by CONNECT, `http:` too (RFC 6455 section 4.1). */
function wantsSocket({ method, upgrade }: ExchangeRequest): boolean {
  return upgrade !== undefined || method === 'CONNECT'
}

/** Milliseconds: for requests of one turn of the event loop, and what they bring about. */
const FLEETING = 1

const PLAIN: Partial<ExchangeRequest> = {}

/** Does Object.prototype have what requests may have? Each look costs nothing while it does not. */
function isPolluted(): boolean {
  return (
    PLAIN.protocol !== undefined ||
    PLAIN.upgrade !== undefined ||
    PLAIN.headers !== undefined ||
    PLAIN.body !== undefined ||
    PLAIN.trailers !== undefined ||
    PLAIN.headersTimeout !== undefined ||
    PLAIN.bodyTimeout !== undefined ||
    PLAIN.queueTimeout !== undefined ||
    PLAIN.writeTimeout !== undefined ||
    PLAIN.timeout !== undefined ||
    PLAIN.idempotent !== undefined ||
    PLAIN.signal !== undefined ||
    PLAIN.maxResponseSize !== undefined
  )
}

/** Own properties only: a polluted Object.prototype could redirect requests. */
function ownConnect(request: ExchangeRequest): ConnectOptions | undefined {
  return Object.hasOwn(request, 'connect') ? request.connect : undefined
}

function checkSignal(signal: unknown): void {
  if (signal === undefined || signal === null) return
  if (typeof signal === 'object' && 'addEventListener' in signal && 'aborted' in signal) return
  throw new InvalidArgumentError('signal must be an AbortSignal')
}

const NEVER_BEGUN: ExchangeTimings = { created: 0, started: undefined, headers: undefined, end: undefined, attempts: 0 }
