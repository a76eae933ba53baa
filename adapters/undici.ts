/**
 * HTTP/2 for undici and for Node's own fetch: `setGlobalDispatcher(new HyperDispatcher())`, or `install()` for the fetch
 * built into Node alone.
 *
 * Rules
 * - Importing this changes nothing in the process: parts of undici are imported by path (undici/internals.ts).
 * - Both generations of handlers are taken: undici 7 and 8 pass `onRequestStart ...`, the fetch of Node 20 to 24 `onConnect ...`.
 * - No private (`#`) members: `compose()` calls methods through a Proxy, on which they do not exist.
 * - A dispatcher closes only a pool that it made for itself; with a shared one it waits for, or ends, its own requests.
 *
 * How it works: `dispatch` turns undici's options into a request (undici/request.ts), the handler into one that hears an
 * exchange (undici/exchange.ts), and our errors into undici's (undici/errors.ts). The methods `request`, `stream` and
 * `pipeline` are undici's own, and find nothing here that differs from a dispatcher of undici's.
 */
import { constants } from 'node:buffer'
import type { Dispatcher as DispatcherType } from 'undici'
import { toError } from '../src/errors.ts'
import type { ConnectOptions, Transport } from '../src/exchange.ts'
import type { PoolEvents } from '../src/pool/options.ts'
import type { Pool } from '../src/pool/pool.ts'
import { listenToSharedPool, resolvePool, sharedPool } from './shared.ts'
import { toUndiciError } from './undici/errors.ts'
import { Dispatched, type Ledger, LegacyDispatched, type LegacyHandler } from './undici/exchange.ts'
import { api, Dispatcher, errors, isWrappedLegacyHandler } from './undici/internals.ts'
import { checkOptions, type HyperDispatcherOptions, toPoolOptions, toRequestDefaults } from './undici/options.ts'
import { type ConnectFor, type RawDispatchOptions, type RequestDefaults, toExchangeRequest } from './undici/request.ts'
import { refuse, Upgrades } from './undici/upgrades.ts'

export { StreamError } from './undici/errors.ts'
export type { HyperDispatcherOptions } from './undici/options.ts'

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

/** A dispatcher for undici that speaks HTTP/2 where the server does, and HTTP/1.1 otherwise. */
export class HyperDispatcher extends Dispatcher implements Ledger {
  /** True after close(). */
  closed = false
  /** True after destroy(), and when a close() has finished. */
  destroyed = false
  /** @internal Newest open request. */
  newest: Dispatched | undefined
  /** @internal Requests open now. */
  open = 0
  private readonly options: HyperDispatcherOptions
  private readonly transport: Transport
  private readonly ownPool: Pool | undefined
  private readonly defaults: RequestDefaults
  private readonly origins = new Map<string, string>()
  private readonly overrides = new Map<string, ConnectOptions>()
  private readonly connectFor: ConnectFor
  private readonly send: Transport['dispatch']
  private readonly upgrades: Upgrades
  private stopListening: (() => void) | undefined
  private closing: Callback[] | undefined
  private destroying: Callback[] | undefined
  private whenIdle: (() => void) | undefined

  /**
   * @throws undici's InvalidArgumentError for options that its Agent would refuse
   */
  constructor(options: HyperDispatcherOptions = {}) {
    super()
    checkOptions(options)
    this.options = options
    this.defaults = toRequestDefaults(options)
    const poolOptions = options.pool === undefined ? toPoolOptions(options) : undefined
    const events = this.poolEvents()
    try {
      const resolved = resolvePool(poolOptions === undefined ? { pool: options.pool } : { ...poolOptions, events })
      this.transport = resolved.transport
      this.ownPool = resolved.own
    } catch (error) {
      throw toUndiciError(toError(error))
    }
    if (this.ownPool === undefined && options.pool === undefined) {
      // Only when somebody listens: the process-wide pool outlives its dispatchers, and must not keep them.
      this.on('newListener' as 'connect', (...[event]: unknown[]) => {
        if (event === 'connect' || event === 'disconnect' || event === 'connectionError') {
          this.stopListening ??= listenToSharedPool(events)
        }
      })
    }
    this.upgrades = new Upgrades(options)
    this.connectFor = (servername, http1) => this.override(servername, http1)
    this.send = (request, handler) => this.transport.dispatch(request, handler)
  }

  /**
   * Starts one request. Errors in the options go to `handler.onResponseError(null, error)`.
   *
   * @throws undici's InvalidArgumentError when the handler cannot be told of anything
   */
  override dispatch(options: DispatcherType.DispatchOptions, handler: DispatcherType.DispatchHandler): boolean {
    if (!handler || typeof handler !== 'object') throw new errors.InvalidArgumentError('handler must be an object')
    const legacy = typeof handler.onRequestStart !== 'function'
    let dispatched: Dispatched
    let request: ReturnType<typeof toExchangeRequest>
    try {
      const raw: RawDispatchOptions = options
      if (!raw || typeof raw !== 'object') throw new errors.InvalidArgumentError('opts must be an object.')
      if (raw.dispatcher && !this.stands(raw.dispatcher)) {
        throw new errors.InvalidArgumentError(
          'opts.dispatcher is not supported by instance methods. Pass opts.dispatcher to the top-level undici functions or call the dispatcher instance method directly.',
        )
      }
      if (this.destroyed) throw new errors.ClientDestroyedError()
      if (this.closed) throw new errors.ClientClosedError()
      if (raw.upgrade || raw.method === 'CONNECT') {
        void this.upgrades.dispatch(options, handler)
        return true
      }
      const http1 = raw.allowH2 === false && !isUnmeant(raw, handler)
      request = toExchangeRequest(raw, this.originOf(raw.origin), http1, this.defaults, this.connectFor)
      if (legacy) {
        checkLegacyHandler(handler as LegacyHandler)
        dispatched = new LegacyDispatched(handler as LegacyHandler, this)
      } else {
        checkHandler(handler)
        dispatched = new Dispatched(handler, this, raw.allowH2 === false && !http1)
      }
    } catch (error) {
      refuse(handler, error)
      return false
    }
    dispatched.start(this.send, request)
    return true
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
        void Promise.all([this.ownPool?.destroy(reason), this.upgrades.destroy(reason)]).finally(() => {
          this.stopListening?.()
          const waiting = this.destroying
          this.destroying = undefined
          for (const one of waiting ?? []) one(null, null)
        })
      })
    }
  }

  /** What the pool is doing, by origin, in undici's terms. With a `pool` of the caller's: nothing. */
  get stats(): Record<string, OriginStats> {
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

  get webSocketOptions(): typeof webSocketDefaults {
    return { ...webSocketDefaults, ...this.options.webSocket }
  }

  get eventSourceOptions(): typeof eventSourceDefaults {
    return { ...eventSourceDefaults, ...this.options.eventSource }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
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
        const reason = toUndiciError(error ?? new errors.SocketError('other side closed')) as Reason
        this.emit('disconnect', new URL(origin), [this], reason)
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
    await Promise.all([this.ownPool?.close(), this.upgrades.close()])
  }

  /**
   * Is this dispatcher meant, by itself or by what `compose()` made of it? The functions of undici 6 and 7 leave their own
   * `dispatcher` among the options; any other one there is a mistake.
   */
  private stands(dispatcher: object): boolean {
    if ('transport' in dispatcher && dispatcher.transport === this.transport) return true
    return dispatcher.constructor.name === 'ComposedDispatcher'
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

Object.defineProperties(HyperDispatcher.prototype, Object.getOwnPropertyDescriptors(api))

/** The slots in which the fetch of Node 20 to 24 (1) and of Node 26 (2) look for their dispatcher. */
const globalSlots = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]

/**
 * Makes Node's own `fetch` use a dispatcher, without undici being loaded: writes it where each version of Node looks.
 * What `setGlobalDispatcher` of undici set before is replaced, and a later call of it replaces this.
 *
 * @param dispatcher Default: a new HyperDispatcher on the process-wide pool.
 * @returns the dispatcher
 */
export function install(dispatcher: HyperDispatcher = new HyperDispatcher()): HyperDispatcher {
  for (const slot of globalSlots) {
    Object.defineProperty(globalThis, slot, {
      value: dispatcher,
      writable: true,
      enumerable: false,
      configurable: false,
    })
  }
  return dispatcher
}

function promised(start: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}

/**
 * Does `allowH2: false` come from undici 8's wrapper for handlers of the older form, rather than from anybody who means it?
 * Such a handler, and behind interceptors the very options that Node's fetch passes, tell. Here they get HTTP/2 as well.
 */
function isUnmeant(options: RawDispatchOptions, handler: object): boolean {
  return isWrappedLegacyHandler(handler) || (options.maxRedirections === 0 && 'upgrade' in options)
}

const handlerMethods = ['onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError'] as const

function checkHandler(handler: DispatcherType.DispatchHandler): void {
  for (const name of handlerMethods) {
    if (typeof handler[name] !== 'function') throw new errors.InvalidArgumentError(`invalid ${name} method`)
  }
}

const legacyMethods = ['onConnect', 'onHeaders', 'onData', 'onComplete', 'onError'] as const

function checkLegacyHandler(handler: LegacyHandler): void {
  const known = legacyMethods.filter((name) => typeof handler[name] === 'function')
  if (known.length === 0) throw new errors.InvalidArgumentError('invalid onRequestStart method')
  for (const name of legacyMethods) {
    if (typeof handler[name] !== 'function') throw new errors.InvalidArgumentError(`invalid ${name} method`)
  }
}
