/** What undici's users dispatch to: see adapters/undici.ts for the rules. */
import { constants } from 'node:buffer'
import type { Dispatcher as DispatcherType } from 'undici'
import { queueMicrotask } from '../../src/clock.ts'
import { toError } from '../../src/errors.ts'
import type { Exchange, Transport } from '../../src/exchange/contract.ts'
import type { ConnectOptions } from '../../src/net/options.ts'
import type { PoolEvents } from '../../src/pool/options.ts'
import { Pool } from '../../src/pool/pool.ts'
import { INSPECT, inspected, type Seen } from '../../src/seen.ts'
import { listenToSharedPool, resolvePool, sharedPool } from '../common/pool.ts'
import { takeLegacyHandlers } from './compose.ts'
import { observe, publishing, publishSharedPool } from './diagnostics.ts'
import { toUndiciError } from './errors.ts'
import { Dispatched, type Ledger } from './exchange.ts'
import { checkHandler, checkLegacyHandler, isUnmeant, refuse } from './handlers.ts'
import { api, Dispatcher, errors, kClients, kUrl } from './internals.ts'
import { LegacyDispatched, type LegacyHandler } from './legacy.ts'
import { Mocks } from './mocks.ts'
import { checkOptions, type HyperDispatcherOptions, toPoolOptions, toRequestDefaults } from './options.ts'
import { type ConnectFor, type RawDispatchOptions, type RequestDefaults, toExchangeRequest } from './request.ts'
import { openTunnel, type TunnelRequest } from './tunnels.ts'

/** What undici's Pool says of one origin. */
export interface OriginStats {
  /** Open connections. */
  readonly connected: number
  /** Those that carry nothing. */
  readonly free: number
  /** Requests that wait; twice, as undici counts those of its clients and of its pool apart. */
  readonly pending: number
  readonly queued: number
  /** Requests on connections. */
  readonly running: number
  /** All requests. */
  readonly size: number
}

type Callback = (error: Error | null, data: null) => void

/** How many spellings of origins are remembered. */
const maxOrigins = 1024

/** How many sets of connection options of single requests are remembered; each is a key of the pool. */
const maxOverrides = 256

/** undici's limits for WebSocket and EventSource, which their implementations ask of the dispatcher. */
const webSocketDefaults = { maxFragments: 131_072, maxPayloadSize: 128 * 1024 * 1024 }
const eventSourceDefaults = { maxEventSize: constants.MAX_STRING_LENGTH }

/** What the dispatchers have in common: all but their statistics. */
export abstract class BaseDispatcher extends Dispatcher implements Ledger {
  /** True after close(). */
  closed = false
  /** True after destroy(), and when a close() has finished. */
  destroyed = false
  /** @internal Newest open request. */
  newest: Dispatched | undefined
  /** @internal Requests open now. */
  open = 0
  /** The only origin, when there is one. */
  protected readonly bound: string | undefined
  /** The same, where interceptors look for it. */
  readonly [kUrl]: URL | undefined
  private readonly options: HyperDispatcherOptions
  private readonly transport: Transport
  private readonly ownPool: Pool | undefined
  private readonly defaults: RequestDefaults
  private readonly origins = new Map<string, string>()
  private readonly overrides = new Map<string, ConnectOptions>()
  private readonly connectFor: ConnectFor
  private readonly send: Transport['dispatch']
  private readonly sendTunnel: (request: TunnelRequest, handler: Dispatched) => Exchange
  /** Requests that wait for room, by origin; only where the connections were limited. */
  private readonly waiting: Map<string, number> | undefined
  private readonly maxOrigins: number
  private mocks: Mocks | undefined
  private stopListening: (() => void) | undefined
  private closing: Callback[] | undefined
  private destroying: Callback[] | undefined
  private whenIdle: (() => void) | undefined

  /**
   * @throws undici's InvalidArgumentError for options that its Agent would refuse
   */
  constructor(options: HyperDispatcherOptions = {}) {
    super()
    const events = this.poolEvents()
    this.options = options
    try {
      checkOptions(options)
      const poolOptions = options.pool === undefined ? toPoolOptions(options) : undefined
      const resolved = resolvePool(
        poolOptions === undefined ? { pool: options.pool } : { ...poolOptions, events: publishing(events) },
      )
      this.transport = resolved.transport
      this.ownPool = resolved.own
    } catch (error) {
      throw toUndiciError(toError(error))
    }
    this.defaults = toRequestDefaults(options)
    if (this.ownPool === undefined && options.pool === undefined) {
      publishSharedPool()
      // Only when somebody listens: the process-wide pool outlives its dispatchers, and must not keep them.
      this.on('newListener' as 'connect', (...[event]: unknown[]) => {
        if (event === 'connect' || event === 'disconnect' || event === 'connectionError') {
          this.stopListening ??= listenToSharedPool(events)
        }
      })
    }
    this.bound = options.origin == null ? undefined : this.originOf(options.origin)
    this[kUrl] = this.bound === undefined ? undefined : new URL(this.bound)
    this.waiting = options.connections == null || options.connections === 0 ? undefined : new Map()
    this.maxOrigins = options.maxOrigins ?? Number.POSITIVE_INFINITY
    this.connectFor = (servername, http1) => this.override(servername, http1)
    this.send = (request, handler) => this.transport.dispatch(request, handler)
    this.sendTunnel = (request, handler) => openTunnel(this.transport, this.speaksH2c, request, handler)
  }

  /**
   * Starts one request. Errors in the options go to `handler.onResponseError(null, error)`.
   *
   * @throws undici's InvalidArgumentError when the handler has no callback for errors
   */
  override dispatch(options: DispatcherType.DispatchOptions, handler: DispatcherType.DispatchHandler): boolean {
    if (!handler || typeof handler !== 'object') throw new errors.InvalidArgumentError('handler must be an object')
    if (this.mocks !== undefined) {
      const mock = this.mocks.for(options)
      if (mock !== undefined) return mock.dispatch(options, handler)
    }
    return this.dispatchReal(options, handler)
  }

  /** @internal Without regard to mocks. */
  dispatchReal(options: DispatcherType.DispatchOptions, handler: DispatcherType.DispatchHandler): boolean {
    const legacy = typeof handler.onRequestStart !== 'function'
    const raw: RawDispatchOptions = options
    let dispatched: Dispatched
    let request: ReturnType<typeof toExchangeRequest>
    let upgrade: string | undefined
    try {
      if (!raw || typeof raw !== 'object') throw new errors.InvalidArgumentError('opts must be an object.')
      if (raw.dispatcher && !this.stands(raw.dispatcher)) {
        throw new errors.InvalidArgumentError(
          'opts.dispatcher is not supported by instance methods. Pass opts.dispatcher to the top-level undici functions or call the dispatcher instance method directly.',
        )
      }
      if (this.destroyed) throw new errors.ClientDestroyedError()
      if (this.closed) throw new errors.ClientClosedError()
      const http1 = raw.allowH2 === false && !isUnmeant(raw, handler)
      const origin = this.bound ?? this.originOf(raw.origin)
      if (this.maxOrigins !== Number.POSITIVE_INFINITY) this.countOrigin(origin)
      request = toExchangeRequest(raw, origin, http1, this.defaults, this.connectFor)
      upgrade = typeof raw.upgrade === 'string' && raw.upgrade !== '' ? raw.upgrade : undefined
      const opens = upgrade !== undefined || raw.method === 'CONNECT'
      if (legacy) {
        checkLegacyHandler(handler as LegacyHandler, opens)
        dispatched = new LegacyDispatched(handler as LegacyHandler, this)
      } else {
        checkHandler(handler, opens)
        dispatched = new Dispatched(handler, this, raw.allowH2 === false && !http1)
      }
    } catch (error) {
      refuse(handler, error)
      return false
    }
    const observed = observe(request, upgrade ?? null)
    if (upgrade !== undefined || request.method === 'CONNECT') {
      dispatched.start(this.sendTunnel, { ...request, upgrade }, observed, false)
      return true
    }
    dispatched.start(this.send, request, observed, raw.expectContinue === true)
    return this.waiting === undefined || !dispatched.awaitRoom(request.origin)
  }

  /** As undici's, for handlers of the older form too. */
  override compose(interceptors: DispatcherType.DispatcherComposeInterceptor[]): DispatcherType.ComposedDispatcher
  override compose(...interceptors: DispatcherType.DispatcherComposeInterceptor[]): DispatcherType.ComposedDispatcher
  override compose(
    ...given: (DispatcherType.DispatcherComposeInterceptor | DispatcherType.DispatcherComposeInterceptor[])[]
  ): DispatcherType.ComposedDispatcher {
    return super.compose([...given.flat(), takeLegacyHandlers])
  }

  /** Refuses new requests, waits for the open ones, and closes the pool if it is its own. */
  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: Callback): Promise<void> | void {
    if (callback === undefined) return promised((done) => this.close(done as () => void))
    if (typeof callback !== 'function') throw new errors.InvalidArgumentError('invalid callback')
    if (this.closing !== undefined) {
      this.closing.push(callback)
    } else if (this.destroyed) {
      queueMicrotask(() => callback(this.closed ? null : new errors.ClientDestroyedError(), null))
    } else if (this.closed) {
      queueMicrotask(() => callback(null, null))
    } else {
      this.closed = true
      this.closing = [callback]
      void this.drain().finally(() => {
        this.destroyed = true
        this.stopListening?.()
        const waiting = this.closing
        this.closing = undefined
        for (const one of waiting ?? []) one(null, null)
      })
    }
  }

  /** Ends every open request with the error, undici's ClientDestroyedError by default, and its own pool with it. */
  override destroy(): Promise<void>
  override destroy(error: Error | null): Promise<void>
  override destroy(callback: () => void): void
  override destroy(error: Error | null, callback: () => void): void
  override destroy(error?: Error | null | Callback, callback?: Callback): Promise<void> | void {
    if (typeof error === 'function') {
      callback = error
      error = null
    }
    if (callback === undefined) {
      const reason = error ?? null
      return promised((done) => this.destroy(reason, done as () => void))
    }
    if (typeof callback !== 'function') throw new errors.InvalidArgumentError('invalid callback')
    if (this.destroying !== undefined) {
      this.destroying.push(callback)
    } else if (this.destroyed) {
      const done = callback
      queueMicrotask(() => done(null, null))
    } else {
      this.destroyed = true
      this.destroying = [callback]
      const reason = error ?? new errors.ClientDestroyedError()
      queueMicrotask(() => {
        // Each leaves the list as it is aborted, and no new ones are let in.
        while (this.newest !== undefined) this.newest.abort(reason)
        void Promise.resolve(this.ownPool?.destroy(reason)).finally(() => {
          this.stopListening?.()
          const waiting = this.destroying
          this.destroying = undefined
          for (const one of waiting ?? []) one(null, null)
        })
      })
    }
  }

  /** What the pool is doing, by origin, in undici's terms. With a `pool` of the caller's: nothing. */
  protected originStats(): Record<string, OriginStats> {
    const pool = this.ownPool ?? (this.options.pool === undefined ? sharedPool() : undefined)
    const stats: Record<string, OriginStats> = {}
    for (const { origin, connections, active, waiting } of pool?.stats().origins ?? []) {
      const known = stats[origin] ?? { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 }
      stats[origin] = {
        connected: known.connected + connections,
        free: known.free + (active === 0 ? connections : 0),
        pending: known.pending + waiting,
        queued: known.queued + waiting,
        running: known.running + active,
        size: known.size + active + waiting,
      }
    }
    return stats
  }

  /** For logs, and for SnapshotAgent, which copies its `agent` in this way: never the options, which may have secrets. */
  toJSON(): object {
    const { closed, destroyed, bound } = this
    return { ...(bound === undefined ? {} : { origin: bound }), closed, destroyed, stats: this.originStats() }
  }

  /** For logs. */
  [INSPECT](...given: Seen): string {
    return inspected(this, ...given)
  }

  get webSocketOptions(): typeof webSocketDefaults {
    return { ...webSocketDefaults, ...this.options.webSocket }
  }

  get eventSourceOptions(): typeof eventSourceDefaults {
    return { ...eventSourceDefaults, ...this.options.eventSource }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Where MockAgent of the same undici puts its mocks. */
  get [kClients](): Mocks {
    this.mocks ??= new Mocks(this)
    return this.mocks
  }

  /** @internal A request waits for room. */
  waits(origin: string): void {
    this.waiting?.set(origin, (this.waiting.get(origin) ?? 0) + 1)
  }

  /** @internal A request that waited does so no longer. */
  found(origin: string): void {
    const { waiting } = this
    const left = (waiting?.get(origin) ?? 1) - 1
    if (left > 0) {
      waiting?.set(origin, left)
      return
    }
    waiting?.delete(origin)
    // undici's types leave out that it names the dispatchers as well.
    if (!this.destroyed) Reflect.apply(this.emit, this, ['drain', new URL(origin), [this]])
  }

  /** @internal A request has settled. */
  settled(): void {
    if (this.open === 0 && this.whenIdle !== undefined) {
      const wake = this.whenIdle
      this.whenIdle = undefined
      wake()
    }
  }

  /** The pool's events as undici's. */
  private poolEvents(): PoolEvents {
    type Reason = InstanceType<typeof errors.UndiciError>
    return {
      connect: (origin) => {
        this.emit('connect', new URL(origin), [this])
      },
      disconnect: (origin, error) => {
        const ended = this.closed ? new errors.ClientDestroyedError() : new errors.SocketError('other side closed')
        this.emit('disconnect', new URL(origin), [this], toUndiciError(error ?? ended) as Reason)
      },
      connectionError: (origin, error) => {
        this.emit('connectionError', new URL(origin), [this], toUndiciError(error) as Reason)
      },
    }
  }

  private async drain(): Promise<void> {
    if (this.open > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve
      })
    }
    const { ownPool } = this
    if (ownPool === undefined) return
    const closed = ownPool.close()
    // What is left are tunnels: their sockets belong to others, and the pool ends with the last of them.
    if (ownPool.stats().active === 0) await closed
  }

  /** May `http:` origins speak HTTP/2? */
  private get speaksH2c(): boolean {
    const { pool } = this.options
    const known = this.ownPool ?? pool ?? sharedPool()
    return known instanceof Pool && known.options.h2c !== undefined
  }

  /** @throws undici's MaxOriginsReachedError for one more than there may be */
  private countOrigin(origin: string): void {
    const stats = this.originStats()
    if (Object.hasOwn(stats, origin) || Object.keys(stats).length < this.maxOrigins) return
    throw new errors.MaxOriginsReachedError()
  }

  /**
   * Is this dispatcher meant, by itself or by what wraps it? The functions of undici 6 and 7 leave their own `dispatcher`
   * among the options: what `compose()` made, a RetryAgent, a MockAgent ... A dispatcher of undici 8 there is a mistake.
   */
  private stands(dispatcher: object): boolean {
    if ('transport' in dispatcher && dispatcher.transport === this.transport) return true
    return 'dispatch' in dispatcher && typeof dispatcher.dispatch === 'function' && !(dispatcher instanceof Dispatcher)
  }

  /** The origin's canonical spelling, parsed once. */
  private originOf(origin: string | URL | undefined): string {
    const spelling = typeof origin === 'string' ? origin : origin instanceof URL ? origin.origin : ''
    const known = this.origins.get(spelling)
    if (known !== undefined) return known
    if (spelling === '') throw new errors.InvalidArgumentError('opts.origin must be a non-empty string or URL.')
    if (!URL.canParse(spelling)) throw new errors.InvalidArgumentError('Invalid URL: the origin cannot be parsed.')
    const url = new URL(spelling)
    if (url.protocol !== 'https:' && url.protocol !== 'http:') {
      throw new errors.InvalidArgumentError('Invalid URL protocol: the URL must start with `http:` or `https:`.')
    }
    if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
      throw new errors.InvalidArgumentError('invalid url')
    if (this.origins.size >= maxOrigins) this.origins.clear()
    this.origins.set(spelling, url.origin)
    return url.origin
  }

  private override(servername: string | undefined, http1: boolean): ConnectOptions {
    const key = `${http1 ? '1' : '2'}${servername ?? ''}`
    let connect = this.overrides.get(key)
    if (connect === undefined) {
      // The pool adds its own options to these.
      connect = { tls: servername === undefined ? undefined : { servername }, allowH2: http1 ? false : undefined }
      if (this.overrides.size >= maxOverrides) this.overrides.clear()
      this.overrides.set(key, connect)
    }
    return connect
  }
}

Object.defineProperties(BaseDispatcher.prototype, Object.getOwnPropertyDescriptors(api))

function promised(start: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}
