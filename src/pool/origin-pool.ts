/**
 * The connections to one origin over one route, and who waits for them.
 *
 * Theory of operation: an exchange is started at once when a connection has a free slot and no other exchange waits; otherwise it
 * joins the line. After every change (a slot freed, a connection made or gone) `assign()` carries out what `plan.ts` says:
 * what to start where, whom to ask for a sign of life, how many connections to dial.
 */

import { nextTick } from '../clock.ts'
import type { Connection } from '../connection/contract.ts'
import { channels } from '../diagnostics.ts'
import { ConnectError, type HyperError, PoolClosedError, PoolDestroyedError, TimeoutError, toError } from '../errors.ts'
import type { ExchangeHandler, ExchangeRequest } from '../exchange/contract.ts'
import type { Deadlines } from '../exchange/deadlines.ts'
import { type ExchangeHome, LiveExchange } from '../exchange/exchange.ts'
import { openToFields } from '../exchange/messages.ts'
import { RetryBudget } from '../exchange/retry.ts'
import { H1_CONNECTIONS, OWN_CONNECT_SHARE, QUEUE_TIMEOUT } from '../limits.ts'
import type { Connector, Dial } from '../net/connector.ts'
import type { ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import { BorrowedConnection } from './borrowed.ts'
import type { Loan } from './coalescing.ts'
import { type ConnectWaiter, ConnectWaiters } from './connect-waiters.ts'
import { Dials, type DialsOwner } from './dials.ts'
import { OriginEvents } from './events.ts'
import type { ProtocolMemory } from './memory.ts'
import type { PoolOptions } from './options.ts'
import { PeerMemory } from './peer-memory.ts'
import { plan } from './plan.ts'
import { type PooledConnection, PooledConnections } from './pooled-connections.ts'
import { DialProgress } from './progress.ts'
import { Queue, type QueueOwner } from './queue.ts'
import { type OriginStats, statsOf } from './stats.ts'
import { Stillness } from './stillness.ts'

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
  readonly deadlines: Deadlines
  readonly observed = true
  readonly retries = true
  /** Milliseconds. */
  readonly queueTimeout: number
  readonly events: OriginEvents
  readonly peer: PeerMemory
  /** Connections that take exchanges, or may again. */
  readonly usable: Connection[] = []

  private readonly host: OriginHost
  private readonly pooled: PooledConnections
  private readonly dials: Dials
  private readonly progress: DialProgress
  private readonly waiting: Queue
  private readonly budget = new RetryBudget()
  private mayBorrow: boolean
  private closing = false
  private destroyedWith: Error | undefined
  private readonly connectWaiters = new ConnectWaiters()
  private readonly stillness = new Stillness(() => {
    if (this.waiting.length > 0) this.assign()
  })
  /** Exchanges that have not settled: while there is one, this origin is not empty. */
  private unsettled = 0

  constructor(host: OriginHost, key: string, origin: Origin, connect: ConnectOptions) {
    this.host = host
    this.key = key
    this.origin = origin
    this.connect = connect
    this.pooled = new PooledConnections(this)
    this.events = new OriginEvents(origin.href, host.options.events)
    this.dials = new Dials(this, host.connector, host.options)
    this.progress = new DialProgress(this.events)
    this.waiting = new Queue(this)
    this.deadlines = host.deadlines
    this.queueTimeout = host.options.queueTimeout ?? QUEUE_TIMEOUT
    this.mayBorrow = host.options.coalesce === true
    this.peer = new PeerMemory(key, origin, connect, host.memory)
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
    this.connectWaiters.add(found)
    nextTick(() => this.assign())
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
    return statsOf(this.origin.href, this.peer.agreed, this.pooled.connections, {
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
    if (this.waiting.length > 0) nextTick(() => this.assign())
    this.pooled.takeBack(connection)
  }

  onClosed(connection: Connection, error: Error | undefined): void {
    this.onDraining(connection)
    this.pooled.forget(connection)
    if (error !== undefined) this.peer.doubt(connection.info.protocol)
    if (!(connection instanceof BorrowedConnection)) {
      this.events.closed(connection.info, error)
      this.failIfSilent(error)
    }
    this.checkEmpty()
  }

  onAltSvc(_connection: Connection, origin: string, value: string): void {
    this.events.altSvc(origin, value)
  }

  onOrigin(connection: Connection, origins: readonly string[]): void {
    this.pooled.addOrigins(connection, origins)
    this.events.origins(origins)
  }

  /** Carries out the plan for those who wait. */
  assign(): void {
    if (this.destroyedWith !== undefined) {
      this.waiting.failAll(this.destroyedWith)
      this.failConnectWaiters(this.destroyedWith)
      return
    }
    const { starts, verify, open } = plan(this.situation())
    if (starts.length > 0 || open > 0) this.stillness.end()
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
    // They may be stuck.
    else if (this.yielding && this.dials.size === 0 && this.usable.length > 0) this.stillness.watch()
    this.closeIfDone()
  }

  /** The first has come to the line. */
  private beginWait(): void {
    this.stillness.end()
    this.keepProcessAlive(true)
  }

  private serveConnectWaiters(): void {
    const [connection] = this.usable
    if (connection !== undefined) this.connectWaiters.serve(connection)
    else if (this.closing) this.failConnectWaiters(new PoolClosedError({ origin: this.origin.href }))
    else if (this.dials.size === 0) this.open()
  }

  /** @param waited only those who have waited for so many milliseconds. */
  private failConnectWaiters(error: Error, waited = 0): void {
    if (this.connectWaiters.length === 0) return
    this.connectWaiters.fail(error, waited)
    this.checkEmpty()
  }

  private situation(): Parameters<typeof plan>[0] {
    const { protocol } = this.peer
    return {
      waiting: this.waiting.length,
      connections: this.usable,
      dialling: this.dials.size,
      protocol,
      limit: this.host.options.connections ?? (protocol === 'http/1.1' ? H1_CONNECTIONS : 1),
      yielding: this.yielding,
      still: this.stillness.lasted,
    }
  }

  /** The option `connections` is not set, so there may be more connections when nothing moves. */
  private get yielding(): boolean {
    return this.host.options.connections === undefined
  }

  private queue(exchange: LiveExchange): void {
    this.waiting.push(exchange)
    if (channels.queue.hasSubscribers) channels.queue.publish({ exchange, request: exchange.request })
    if (this.waiting.length === 1) this.beginWait()
    if (exchange.handler.onConnecting !== undefined) this.progress.add(exchange, this.dials.size > 0)
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
      if (connection.carry(exchange)) exchange.attempt?.started(reused, connection instanceof BorrowedConnection)
      else if (exchange.isDispatching) nextTick(() => this.takeBack(exchange))
      else this.takeBack(exchange)
    } catch (thrown) {
      // The request itself is at fault, and dispatch() may still be running.
      nextTick(() => exchange.fail(toError(thrown)))
      // Its slot is free again, and another exchange may have joined the queue meanwhile.
      nextTick(() => this.assign())
    }
  }

  /** A connection did not take it after all. */
  private takeBack(exchange: LiveExchange): void {
    if (!exchange.hasSettled) this.again(exchange, 0)
  }

  private open(): void {
    // Where one was borrowed and is not enough, the next is its own.
    if (this.mayBorrow && this.usable.length === 0 && this.borrow()) return
    const connect = this.peer.protocol === 'http/1.1' ? { ...this.connect, allowH2: false } : this.connect
    this.dials.start(connect, this.progress.observe())
  }

  onNoUpgrade(): void {
    // By HTTP/1.1, on another connection.
    this.peer.onHttp1Required()
    this.assign()
  }

  onMade(connection: Connection, covers: (host: string) => boolean, offered: boolean): void {
    const { protocol } = connection.info
    this.peer.onAgreed(protocol, offered)
    if (this.destroyedWith !== undefined) {
      connection.destroy(this.destroyedWith)
      return
    }
    // An origin that has learnt HTTP/2 needs its other connections no more.
    if (protocol === 'h2') for (const other of [...this.usable]) if (other.info.protocol !== 'h2') other.close()
    this.pooled.keep(connection, covers)
    this.usable.push(connection)
    this.events.connected(connection.info)
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
    this.peer.onAgreed('h2', true)
    const borrowed = this.pooled.borrow(lent, (done) => {
      this.mayBorrow = this.mayBorrow && this.host.options.coalesce === true
      this.onClosed(done, undefined)
    })
    this.usable.push(borrowed)
  }

  onDialFailed(error: HyperError, offered: boolean): void {
    if (!offered && this.peer.doubtOffer(error)) {
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
    this.events.failed(error)
    if (this.usable.length === 0 && this.dials.size === 0) {
      // No connection is left for the waiting exchanges.
      this.waiting.failLine(error, waited)
      this.assignLater()
    } else if (this.peer.protocol === 'http/1.1') {
      // The dial was for one of those who wait; what is busy may stay so for long.
      if (waited === 0 || this.waiting.firstHasWaited(waited)) this.waiting.shift()?.fail(error)
      this.assign()
    }
    this.checkEmpty()
  }

  /** For the exchanges that are left in a queue whose others have failed. */
  private assignLater(): void {
    if (this.waiting.length > 0 || this.connectWaiters.length > 0) nextTick(() => this.assign())
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
