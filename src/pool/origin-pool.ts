/**
 * The connections to one origin over one route, and who waits for them.
 *
 * Theory of operation: an exchange is started at once when a connection has a free slot and no other exchange waits; otherwise it
 * joins the line. After every change (a slot freed, a connection made or gone) `assign()` carries out what `plan.ts` says:
 * what to start where, whom to ask for a sign of life, how many connections to dial.
 */

import { nextTick, setTimeout } from '../clock.ts'
import type { Connection } from '../connection/contract.ts'
import { channels } from '../diagnostics.ts'
import { ConnectError, type HyperError, PoolClosedError, PoolDestroyedError, TimeoutError, toError } from '../errors.ts'
import type { ExchangeHandler, ExchangeRequest } from '../exchange/contract.ts'
import type { Deadlines } from '../exchange/deadlines.ts'
import { type ExchangeHome, LiveExchange } from '../exchange/exchange.ts'
import { openToFields, publishConnection } from '../exchange/messages.ts'
import { RetryBudget } from '../exchange/retry.ts'
import {
  H1_CONNECTIONS,
  MAX_STREAMS_BEFORE_SETTINGS,
  MAX_UPGRADES_LOST,
  OWN_CONNECT_SHARE,
  QUEUE_TIMEOUT,
  STREAMS_BEFORE_SETTINGS,
  STUCK_AFTER,
} from '../limits.ts'
import type { Connector, Dial } from '../net/connector.ts'
import type { ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import { now } from '../session/deadline.ts'
import { BorrowedConnection } from './borrowed.ts'
import type { Loan } from './coalescing.ts'
import { Dials, type DialsOwner } from './dials.ts'
import type { ProtocolMemory } from './memory.ts'
import { type PoolOptions, tell } from './options.ts'
import { plan } from './plan.ts'
import { type PooledConnection, PooledConnections } from './pooled-connections.ts'
import { DialProgress } from './progress.ts'
import { Queue, type QueueOwner } from './queue.ts'
import { type OriginStats, statsOf } from './stats.ts'

/** Told the connection that was asked for, or why there is none. */
export type ConnectWaiter = (error: Error | null, connection: Connection | null) => void

/** What an origin needs of its pool. */
export interface OriginHost {
  readonly options: PoolOptions
  readonly connector: Connector
  readonly memory: ProtocolMemory
  /** Neither connection nor exchange is left. */
  onEmpty(origin: OriginPool): void
  /** Of all its exchanges. */
  readonly deadlines: Deadlines
  /** The same origin by the same route, but for HTTP/1.1 only. */
  http1Twin(origin: OriginPool): OriginPool
  /** Looks for a connection of another origin that may carry this one's requests; undefined: there is nothing to look for. */
  borrow(origin: OriginPool, found: (loan: Loan | null, error?: HyperError) => void): Dial | undefined
}

export class OriginPool implements DialsOwner, ExchangeHome, QueueOwner {
  readonly key: string
  readonly origin: Origin
  readonly connect: ConnectOptions
  /** It is no longer in the pool's map: look it up anew. */
  retired = false
  /** What the server allowed on its last connection. */
  knownStreamLimit: number | undefined
  readonly deadlines: Deadlines
  readonly observed = true
  readonly retries = true
  /** Milliseconds. */
  readonly queueTimeout: number
  /** Connections that take exchanges, or may again. */
  readonly usable: Connection[] = []

  private readonly host: OriginHost
  private readonly pooled: PooledConnections
  private readonly dials: Dials
  private readonly progress: DialProgress
  private readonly waiting: Queue
  private readonly budget = new RetryBudget()
  /** What it is to be spoken to by, whatever it says; undefined: it decides. */
  private readonly prescribed: 'h2' | 'http/1.1' | undefined
  /** What it is known to speak, by prescription or since it last agreed. */
  private protocol: 'h2' | 'http/1.1' | undefined
  private mayBorrow: boolean
  private upgradesLost = 0
  private closing = false
  private destroyedWith: Error | undefined
  /** Who wants a connection without having a request for it. */
  private connectWaiters: { readonly found: ConnectWaiter; readonly since: number }[] = []
  /** Since when nothing has been done for those who wait. */
  private stillSince = 0
  private stuckTimer: NodeJS.Timeout | undefined
  /** Exchanges that have not settled: while there is one, this origin is not empty. */
  private unsettled = 0

  constructor(host: OriginHost, key: string, origin: Origin, connect: ConnectOptions) {
    this.host = host
    this.key = key
    this.origin = origin
    this.connect = connect
    this.pooled = new PooledConnections(this)
    this.dials = new Dials(this, host.connector, host.options)
    this.progress = new DialProgress(origin.href)
    this.waiting = new Queue(this)
    this.deadlines = host.deadlines
    this.queueTimeout = host.options.queueTimeout ?? QUEUE_TIMEOUT
    this.mayBorrow = host.options.coalesce === true
    this.prescribed = prescribed(origin, connect)
    this.protocol = this.prescribed
  }

  dispatch(given: ExchangeRequest, handler: ExchangeHandler): LiveExchange {
    const isWatched = channels.create.hasSubscribers
    const request = isWatched ? openToFields(given) : given
    const exchange = new LiveExchange(this, request, handler)
    this.unsettled++
    this.budget.earn()
    if (isWatched) channels.create.publish({ exchange, request })
    const { signal } = request
    if (signal !== undefined && signal !== null) exchange.follow(signal)
    // With a signal that has come already, the exchange is over as soon as the caller has it.
    if (signal?.aborted !== true) {
      const connection = this.waiting.length === 0 ? this.freeConnection() : null
      if (connection !== null) this.start(exchange, connection)
      else this.queue(exchange)
    }
    exchange.dispatched()
    return exchange
  }

  /** Makes a connection unless there is one. The callback is called once, and not before this has returned. */
  awaitConnection(found: ConnectWaiter): void {
    this.connectWaiters.push({ found, since: now() })
    nextTick(assign, this)
  }

  /** Takes over an exchange from another origin pool. */
  adopt(exchange: LiveExchange): void {
    this.unsettled++
    exchange.moveTo(this)
    this.queue(exchange)
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0 || this.pooled.borrowersWait
  }

  get stats(): OriginStats {
    return statsOf(this.origin.href, this.protocol, this.pooled.connections, {
      dialling: this.dials.size,
      waiting: this.waiting.pending,
      unsettled: this.unsettled,
    })
  }

  get empty(): boolean {
    return this.pooled.size === 0 && this.dials.size === 0 && this.unsettled === 0 && this.connectWaiters.length === 0
  }

  /** For those who look for a connection to borrow. */
  get lendable(): IterableIterator<PooledConnection> {
    return this.pooled.lendable
  }

  /** Lets what is open and waiting finish, then closes. */
  close(): void {
    this.closing = true
    this.closeIfDone()
    this.checkEmpty()
  }

  destroy(error: Error): void {
    this.closing = true
    this.destroyedWith = error
    this.waiting.failAll(error)
    this.failConnectWaiters(error)
    this.dials.cancel(() => new PoolDestroyedError({ origin: this.origin.href, cause: error }))
    for (const connection of this.pooled.connections) connection.destroy(error)
    this.checkEmpty()
  }

  again(exchange: LiveExchange, delay: number): void {
    if (this.destroyedWith !== undefined) {
      exchange.fail(this.destroyedWith)
      return
    }
    this.waiting.pushAgain(exchange, delay)
    // Not within the callback of the connection that is just going.
    nextTick(returned, this)
  }

  /** An exchange has come back to the queue. */
  onReturned(): void {
    if (this.waiting.length === 1) this.beginWait()
    this.assign()
  }

  cleared(exchange: LiveExchange): void {
    this.waiting.cleared(exchange)
  }

  fallBack(exchange: LiveExchange, error: Error): void {
    const refusal = this.destroyedWith ?? (this.connect.allowH1 === false ? error : undefined)
    if (refusal !== undefined) {
      exchange.fail(refusal)
      return
    }
    const twin = this.host.http1Twin(this)
    if (twin === this) {
      this.again(exchange, 0)
      return
    }
    this.waiting.cleared(exchange)
    twin.adopt(exchange)
    // Made after the pool was closed, it would not be told.
    if (this.closing) twin.close()
    if (--this.unsettled === 0) this.checkEmpty()
  }

  misdirected(): void {
    this.mayBorrow = false
    for (const connection of [...this.usable]) if (connection instanceof BorrowedConnection) connection.close()
  }

  mayRetry(): boolean {
    return this.budget.take()
  }

  leave(exchange: LiveExchange): void {
    this.progress.remove(exchange)
    if (!this.waiting.remove(exchange)) return
    if (this.waiting.length === 0) this.keepProcessAlive(false)
    this.closeIfDone()
  }

  settled(): void {
    if (--this.unsettled === 0) this.checkEmpty()
  }

  onAvailable(connection: Connection): void {
    if (this.waiting.length > 0) this.assign()
    this.pooled.tellBorrowers(connection)
  }

  onDraining(connection: Connection): void {
    const index = this.usable.indexOf(connection)
    if (index !== -1) this.usable.splice(index, 1)
    if (this.waiting.length > 0) nextTick(assign, this)
    this.pooled.takeBack(connection)
  }

  onClosed(connection: Connection, error: Error | undefined): void {
    this.onDraining(connection)
    this.pooled.forget(connection)
    if (error !== undefined) this.doubt(connection)
    if (!(connection instanceof BorrowedConnection)) {
      tell(() => this.host.options.events?.disconnect?.(this.origin.href, error))
      this.failIfSilent(error)
    }
    this.checkEmpty()
  }

  onAltSvc(_connection: Connection, origin: string, value: string): void {
    tell(() => this.host.options.events?.altSvc?.(origin, value))
  }

  onOrigin(connection: Connection, origins: readonly string[]): void {
    this.pooled.addOrigins(connection, origins)
    tell(() => this.host.options.events?.origins?.(this.origin.href, origins))
  }

  onStreamLimit(limit: number): void {
    // A limit of 0 is a pause, and nothing is learnt from it.
    if (limit > 0) this.knownStreamLimit = Math.min(limit, MAX_STREAMS_BEFORE_SETTINGS)
  }

  /** Apache leaves when its answer to the upgrade is finished before our preface has come: on a long way, each time. */
  onUpgradeLost(): void {
    if (++this.upgradesLost >= MAX_UPGRADES_LOST) this.onHttp1Required()
  }

  onHttp1Required(): void {
    if (this.connect.allowH1 === false) return
    this.protocol = this.prescribed
    this.host.memory.remember(this.key)
  }

  /** Carries out the plan for those who wait. */
  assign(): void {
    if (this.destroyedWith !== undefined) {
      this.waiting.failAll(this.destroyedWith)
      this.failConnectWaiters(this.destroyedWith)
      return
    }
    const { starts, verify, open } = plan(this.situation())
    if (starts.length > 0 || open > 0) this.stillSince = now()
    for (let i = 0; i < starts.length; i++) {
      const connection = this.usable[i]
      // What was started before may have ended it.
      if (connection === undefined) break
      for (let n = starts[i]; n > 0 && this.waiting.length > 0; n--) {
        // Starting one may have changed everything: what does not fit goes back and is planned anew.
        const exchange = this.waiting.shift()
        if (exchange !== null) this.start(exchange, connection)
      }
      if (this.usable[i] !== connection) break
    }
    for (const index of verify) this.usable[index]?.verify()
    // The `connecting` event may destroy the pool.
    for (let i = 0; i < open && this.destroyedWith === undefined; i++) this.open()
    if (this.connectWaiters.length > 0) this.serveConnectWaiters()
    if (this.waiting.length === 0) this.keepProcessAlive(false)
    else this.armStuckTimer()
    this.closeIfDone()
  }

  /** The first has come to the line. */
  private beginWait(): void {
    this.stillSince = now()
    this.keepProcessAlive(true)
  }

  /** Looks again when those who wait may be stuck: nothing else may happen until then. */
  private armStuckTimer(): void {
    if (!this.yielding || this.stuckTimer !== undefined || this.dials.size > 0 || this.usable.length === 0) return
    const delay = Math.max(1, Math.ceil(this.stillSince + STUCK_AFTER - now()))
    this.stuckTimer = setTimeout(look, delay, this)
    this.stuckTimer.unref()
  }

  /** @internal */
  look(): void {
    this.stuckTimer = undefined
    if (this.waiting.length > 0) this.assign()
  }

  private serveConnectWaiters(): void {
    const [connection] = this.usable
    if (connection === undefined) {
      if (this.closing) this.failConnectWaiters(new PoolClosedError({ origin: this.origin.href }))
      else if (this.dials.size === 0) this.open()
      return
    }
    for (const { found } of this.connectWaiters.splice(0)) found(null, connection)
  }

  /** @param waited only those who have waited for so many milliseconds. */
  private failConnectWaiters(error: Error, waited = 0): void {
    if (this.connectWaiters.length === 0) return
    const latest = now() - waited
    const all = this.connectWaiters
    this.connectWaiters = waited === 0 ? [] : all.filter(({ since }) => since > latest)
    for (const one of all) if (!this.connectWaiters.includes(one)) one.found(error, null)
    this.checkEmpty()
  }

  private situation(): Parameters<typeof plan>[0] {
    const protocol = this.protocol ?? (this.knownHttp1 ? 'http/1.1' : undefined)
    return {
      waiting: this.waiting.length,
      connections: this.usable,
      dialling: this.dials.size,
      protocol,
      limit: this.host.options.connections ?? (protocol === 'http/1.1' ? H1_CONNECTIONS : 1),
      yielding: this.yielding,
      still: now() - this.stillSince,
    }
  }

  /** The option `connections` is not set, so there may be more connections when nothing moves. */
  private get yielding(): boolean {
    return this.host.options.connections === undefined
  }

  /** A connection has failed: what was remembered when it was used may have been why. */
  private doubt({ info }: Connection): void {
    // One below what is assumed of a stranger protects the next connection, and is kept.
    if ((this.knownStreamLimit ?? 0) > STREAMS_BEFORE_SETTINGS) this.knownStreamLimit = undefined
    if (this.origin.scheme === 'https' && info.protocol === 'http/1.1') this.host.memory.forget(this.key)
  }

  /** It spoke HTTP/1.1 not long ago. */
  private get knownHttp1(): boolean {
    return this.host.memory.http1(this.key)
  }

  private queue(exchange: LiveExchange): void {
    this.waiting.push(exchange)
    if (channels.queue.hasSubscribers) channels.queue.publish({ exchange, request: exchange.request })
    if (this.waiting.length === 1) this.beginWait()
    if (exchange.watchesConnecting) this.progress.add(exchange, this.dials.size > 0)
    this.assign()
  }

  /** Whether an exchange waits for an idle connection (its peer allows no streams now). */
  private keepProcessAlive(needed: boolean): void {
    for (const connection of this.usable) connection.keepProcessAlive(needed)
  }

  private freeConnection(): Connection | null {
    const { usable } = this
    for (let i = 0; i < usable.length; i++) {
      if (usable[i].available > 0) return usable[i]
    }
    return null
  }

  private start(exchange: LiveExchange, connection: Connection): void {
    this.progress.remove(exchange)
    const reused = this.pooled.use(connection)
    try {
      if (connection.carry(exchange)) exchange.started(reused, connection instanceof BorrowedConnection)
      else if (exchange.isDispatching) nextTick(again, this, exchange)
      else if (!exchange.hasSettled) this.again(exchange, 0)
    } catch (thrown) {
      // The request itself is at fault, and dispatch() may still be running.
      nextTick(fail, exchange, toError(thrown))
      // Its slot is free again, and another exchange may have joined the queue meanwhile.
      nextTick(assign, this)
    }
  }

  private open(): void {
    // Where one was borrowed and is not enough, the next is its own.
    if (this.mayBorrow && this.usable.length === 0 && this.borrow()) return
    // Once an origin is known to speak HTTP/1.1, nothing else is offered.
    const http1 = this.protocol === 'http/1.1' || (this.protocol === undefined && this.knownHttp1)
    const connect = http1 ? { ...this.connect, allowH2: false } : this.connect
    this.dials.start(connect, this.progress.observe())
  }

  onNoUpgrade(): void {
    // By HTTP/1.1, on another connection.
    this.onHttp1Required()
    this.assign()
  }

  onMade(connection: Connection, covers: (host: string) => boolean, offered: boolean): void {
    const { protocol } = connection.info
    // A server that was offered HTTP/2 and did not take it will not soon.
    if (protocol === 'http/1.1' && offered && this.protocol === undefined) this.host.memory.remember(this.key)
    if (this.destroyedWith !== undefined) {
      connection.destroy(this.destroyedWith)
      return
    }
    // An origin that has learnt HTTP/2 needs its other connections no more.
    if (protocol === 'h2') for (const other of [...this.usable]) if (other.info.protocol !== 'h2') other.close()
    if (protocol === 'h2') this.protocol = 'h2'
    else if (this.protocol === 'h2') this.protocol = undefined
    this.pooled.keep(connection, covers)
    this.usable.push(connection)
    const { href } = this.origin
    tell(() => this.host.options.events?.connect?.(href, connection.info))
    if (channels.connected.hasSubscribers)
      publishConnection(channels.connected, { origin: href, connection: connection.info })
    this.assign()
  }

  /** Looks for another origin's connection before one is made. */
  private borrow(): boolean {
    const search = this.host.borrow(this, (loan, error) => {
      if (search !== undefined) this.dials.delete(search)
      if (error !== undefined) {
        this.onDialFailed(error, true)
        return
      }
      if (loan === null) this.mayBorrow = false
      else this.take(loan.pooled)
      this.assign()
      this.checkEmpty()
    })
    if (search === undefined) return false
    this.dials.add(search)
    return true
  }

  private take(lent: PooledConnection): void {
    this.protocol = 'h2'
    const borrowed = this.pooled.borrow(lent, (done) => {
      this.mayBorrow = this.mayBorrow && this.host.options.coalesce === true
      this.onClosed(done, undefined)
    })
    this.usable.push(borrowed)
  }

  onDialFailed(error: HyperError, offered: boolean): void {
    const { href } = this.origin
    if (!offered && this.mayHaveLearnt(error)) {
      // Only HTTP/1.1 was offered, because that was what it spoke: it is asked again, for both.
      this.host.memory.forget(this.key)
      this.assign()
      this.checkEmpty()
      return
    }
    // Who has come since has a connection's whole time as well.
    const waited = ownTime(error)
    if (this.usable.length === 0 && this.dials.size === 0) this.failConnectWaiters(error, waited)
    if (error instanceof PoolClosedError) {
      this.checkEmpty()
      return
    }
    tell(() => this.host.options.events?.connectionError?.(href, error))
    if (channels.failed.hasSubscribers) publishConnection(channels.failed, { origin: href, error })
    if (this.usable.length === 0 && this.dials.size === 0) {
      // No connection is left for the waiting exchanges.
      this.waiting.failLine(error, waited)
      this.assignLater()
    } else if (this.situation().protocol === 'http/1.1') {
      // The dial was for one of those who wait; what is busy may stay so for long.
      if (waited === 0 || this.waiting.firstHasWaited(waited)) this.waiting.shift()?.fail(error)
      this.assign()
    }
    this.checkEmpty()
  }

  /** For the exchanges that are left in a queue whose others have failed. */
  private assignLater(): void {
    if (this.waiting.length > 0 || this.connectWaiters.length > 0) nextTick(assign, this)
  }

  /** A handshake that failed because HTTP/1.1 alone was offered, from memory. */
  private mayHaveLearnt(error: HyperError): boolean {
    if (this.origin.scheme !== 'https' || this.prescribed !== undefined) return false
    return (error instanceof ConnectError || error instanceof TimeoutError) && error.phase === 'tls'
  }

  /** A server that took the connection and said nothing is no better than one that could not be reached. */
  private failIfSilent(error: Error | undefined): void {
    if (!(error instanceof ConnectError)) return
    this.host.connector.forget(this.origin.host)
    if (this.usable.length > 0 || this.dials.size > 0) return
    this.waiting.failLine(error, ownTime(error.cause))
    this.assignLater()
  }

  private closeIfDone(): void {
    if (!this.closing || this.waiting.pending > 0) return
    // No exchange needs the connections that are being made.
    this.dials.cancel(() => new PoolClosedError({ origin: this.origin.href }))
    for (const connection of this.pooled.connections) connection.close()
  }

  private checkEmpty(): void {
    if (!this.empty) return
    this.host.onEmpty(this)
  }
}

/** How long an exchange must have waited to fail with a dial: one that joined late gets a new dial. */
function ownTime(error: unknown): number {
  return error instanceof TimeoutError ? error.timeout * OWN_CONNECT_SHARE : 0
}

/** What these options leave no choice of. */
function prescribed({ scheme }: Origin, { allowH1, allowH2, h2c }: ConnectOptions): 'h2' | 'http/1.1' | undefined {
  if (allowH2 === false) return 'http/1.1'
  if (scheme !== 'http' || h2c === 'upgrade') return undefined
  return h2c === undefined && allowH1 !== false ? 'http/1.1' : 'h2'
}

function look(origin: OriginPool): void {
  origin.look()
}

function assign(origin: OriginPool): void {
  origin.assign()
}

function again(origin: OriginPool, exchange: LiveExchange): void {
  if (!exchange.hasSettled) origin.again(exchange, 0)
}

function returned(origin: OriginPool): void {
  origin.onReturned()
}

function fail(exchange: LiveExchange, error: Error): void {
  exchange.fail(error)
}
