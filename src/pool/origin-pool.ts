/**
 * The connections to one origin over one route, and who waits for them.
 *
 * Theory of operation: an exchange is started at once when a connection has a free slot and nobody waits; otherwise it
 * joins the line. After every change (a slot freed, a connection made or gone) `assign()` starts what can be started and
 * asks `plan.ts` how many connections to open.
 */

import { Http1Connection, loadClient } from '../connection/http1.ts'
import { type Connection, type ConnectionOwner, Http2Connection } from '../connection/http2.ts'
import { ConnectError, type HyperError, PoolDestroyedError, toError } from '../errors.ts'
import type { ConnectOptions, ExchangeHandler, ExchangeRequest } from '../exchange.ts'
import { CONNECT_TIMEOUT, H1_CONNECTIONS } from '../limits.ts'
import { type Dial, type Dialled, dial } from '../net/dial.ts'
import type { Origin } from '../net/origin.ts'
import { type ExchangeHome, PoolExchange } from './exchange.ts'
import type { PoolOptions } from './options.ts'
import { connectionsToOpen } from './plan.ts'
import { WaitingLine } from './waiting.ts'

/** What can be seen of one origin from outside. */
export interface OriginStats {
  readonly origin: string
  readonly protocol: 'h2' | 'http/1.1' | undefined
  readonly connections: number
  readonly dialling: number
  /** Exchanges on connections. */
  readonly active: number
  /** Exchanges waiting for one. */
  readonly waiting: number
}

/** What an origin tells its pool. */
export interface OriginHost {
  readonly options: PoolOptions
  /** Neither connection nor exchange is left. */
  onEmpty(origin: OriginPool): void
  /** An exchange has a deadline of its own. */
  watch(exchange: PoolExchange): void
  unwatch(exchange: PoolExchange): void
}

export class OriginPool implements ConnectionOwner, ExchangeHome {
  readonly key: string
  readonly origin: Origin
  /** It is no longer in the pool's map: look it up anew. */
  retired = false

  private readonly host: OriginHost
  private readonly connect: ConnectOptions
  private readonly usable: Connection[] = []
  private readonly all = new Set<Connection>()
  private readonly dials = new Set<Dial>()
  private readonly waiting = new WaitingLine<PoolExchange>()
  private readonly used = new WeakSet<Connection>()
  private protocol: 'h2' | 'http/1.1' | undefined
  private closing = false
  private destroyedWith: Error | undefined
  /** Exchanges that have not settled: while there is one, this origin is not empty. */
  private unsettled = 0

  constructor(host: OriginHost, key: string, origin: Origin, connect: ConnectOptions) {
    this.host = host
    this.key = key
    this.origin = origin
    this.connect = connect
    if (origin.scheme === 'http') this.protocol = connect.h2c === undefined ? 'http/1.1' : 'h2'
  }

  dispatch(request: ExchangeRequest, handler: ExchangeHandler): PoolExchange {
    const exchange = new PoolExchange(this, request, handler)
    this.unsettled++
    if (request.signal !== undefined) exchange.follow(request.signal)
    if (request.timeout !== undefined && request.timeout > 0) this.host.watch(exchange)
    // With a signal that has come already, the exchange is over as soon as the caller has it.
    if (request.signal?.aborted !== true) {
      const connection = this.waiting.length === 0 ? this.freeConnection() : null
      if (connection !== null) {
        this.start(exchange, connection)
      } else {
        this.queue(exchange)
      }
    }
    exchange.dispatching = false
    return exchange
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0
  }

  private queue(exchange: PoolExchange): void {
    this.waiting.push(exchange)
    if (this.waiting.length === 1) this.hold(true)
    this.openMore()
  }

  /** Somebody waits for an idle connection (its peer allows no streams now), or nobody does any more. */
  private hold(held: boolean): void {
    for (const connection of this.usable) connection.hold(held)
  }

  get stats(): OriginStats {
    let active = 0
    for (const connection of this.all) active += connection.active
    return {
      origin: this.origin.href,
      protocol: this.protocol,
      connections: this.all.size,
      dialling: this.dials.size,
      active,
      waiting: this.waiting.length,
    }
  }

  get empty(): boolean {
    return this.all.size === 0 && this.dials.size === 0 && this.unsettled === 0
  }

  /** Lets what is open and waiting finish, then closes. */
  close(): void {
    this.closing = true
    if (this.waiting.length === 0) this.closeConnections()
    this.checkEmpty()
  }

  destroy(error: Error): void {
    this.closing = true
    this.destroyedWith = error
    this.failWaiting(error)
    for (const dialling of [...this.dials]) {
      dialling.cancel(new PoolDestroyedError({ origin: this.origin.href, cause: error }))
    }
    for (const connection of [...this.all]) connection.destroy(error)
    this.checkEmpty()
  }

  again(exchange: PoolExchange): void {
    if (this.destroyedWith !== undefined) {
      exchange.fail(this.destroyedWith)
      return
    }
    this.waiting.pushFront(exchange)
    if (this.waiting.length === 1) this.hold(true)
    // Not within the callback of the connection that is just going.
    process.nextTick(assign, this)
  }

  leave(exchange: PoolExchange): void {
    if (!exchange.inLine) return
    this.waiting.remove(exchange)
    if (this.waiting.length === 0) this.hold(false)
    if (this.closing && this.waiting.length === 0) this.closeConnections()
  }

  settled(exchange: PoolExchange): void {
    if (exchange.deadline !== Number.POSITIVE_INFINITY) this.host.unwatch(exchange)
    if (--this.unsettled === 0) this.checkEmpty()
  }

  onAvailable(): void {
    if (this.waiting.length > 0) this.assign()
  }

  onDraining(connection: Connection): void {
    const index = this.usable.indexOf(connection)
    if (index !== -1) this.usable.splice(index, 1)
    if (this.waiting.length > 0) process.nextTick(assign, this)
  }

  onClosed(connection: Connection, error: Error | undefined): void {
    this.onDraining(connection)
    this.all.delete(connection)
    this.host.options.events?.disconnect?.(this.origin.href, error)
    this.checkEmpty()
  }

  /** Starts what waits on what is free, and opens what is missing. */
  assign(): void {
    while (this.waiting.length > 0) {
      const connection = this.freeConnection()
      if (connection === null) break
      const exchange = this.waiting.shift()
      if (exchange !== null) this.start(exchange, connection)
    }
    this.openMore()
    if (this.closing && this.waiting.length === 0) this.closeConnections()
  }

  private freeConnection(): Connection | null {
    const { usable } = this
    for (let i = 0; i < usable.length; i++) {
      if (usable[i].available > 0) return usable[i]
    }
    return null
  }

  private start(exchange: PoolExchange, connection: Connection): void {
    const reused = this.used.has(connection)
    if (!reused) this.used.add(connection)
    try {
      const inner = connection.dispatch(exchange.request, exchange)
      if (inner !== null) exchange.started(inner, reused)
      else if (!exchange.hasSettled) this.again(exchange)
    } catch (thrown) {
      // The request itself is at fault, and dispatch() may still be running.
      process.nextTick(fail, exchange, toError(thrown))
      // The slot that it had is free again, and somebody may have joined the line meanwhile.
      process.nextTick(assign, this)
    }
  }

  private openMore(): void {
    const { options } = this.host
    const limit = options.connections ?? (this.protocol === 'http/1.1' ? H1_CONNECTIONS : 1)
    const count = connectionsToOpen({
      waiting: this.waiting.length,
      usable: this.usable.length,
      dialling: this.dials.size,
      protocol: this.protocol,
      limit,
    })
    for (let i = 0; i < count; i++) this.open()
  }

  private open(): void {
    const { options } = this.host
    // Once an origin is known to speak HTTP/1.1, nothing else is offered.
    const connect = this.protocol === 'http/1.1' ? { ...this.connect, allowH2: false } : this.connect
    try {
      const dialling = dial(this.origin, connect, options.connectTimeout ?? CONNECT_TIMEOUT, (error, dialled) => {
        if (dialled !== null) {
          void this.adopt(dialling, dialled)
          return
        }
        this.dials.delete(dialling)
        if (error !== null) this.onDialFailed(error)
      })
      this.dials.add(dialling)
    } catch (thrown) {
      // node:tls throws for a key or certificate that it cannot read.
      const error = new ConnectError(`Cannot connect to ${this.origin.href}: ${toError(thrown).message}`, {
        phase: 'tls',
        cause: thrown,
        origin: this.origin.href,
      })
      process.nextTick(() => this.onDialFailed(error))
    }
  }

  /** Makes a connection of a dialled socket; for HTTP/1.1 its client may have to be loaded first. */
  private async adopt(dialling: Dial, { socket, info }: Dialled): Promise<void> {
    const { options } = this.host
    let connection: Connection
    if (info.protocol === 'h2') {
      connection = new Http2Connection(this.origin, socket, info, this, options)
    } else {
      socket.on('error', ignore)
      const ClientClass = await loadClient()
      if (socket.destroyed) {
        this.dials.delete(dialling)
        this.onDialFailed(
          new ConnectError(`Cannot connect to ${this.origin.href}: the socket closed`, {
            phase: 'tcp',
            origin: this.origin.href,
          }),
        )
        return
      }
      connection = new Http1Connection(ClientClass, this.origin, socket, info, this, options)
    }
    this.dials.delete(dialling)
    this.protocol = info.protocol
    this.all.add(connection)
    this.usable.push(connection)
    options.events?.connect?.(this.origin.href, info)
    this.assign()
  }

  private onDialFailed(error: HyperError): void {
    this.host.options.events?.connectionError?.(this.origin.href, error)
    if (this.usable.length === 0 && this.dials.size === 0) {
      // Nobody is left to serve those who wait.
      this.failWaiting(error)
    } else if (this.protocol === 'http/1.1') {
      // The dial was for one of those who wait; what is busy may stay so for long.
      this.waiting.shift()?.fail(error)
      this.openMore()
    }
    this.checkEmpty()
  }

  /** Ends those in line now; one of them may dispatch anew while it is told. */
  private failWaiting(error: Error): void {
    for (let left = this.waiting.length; left > 0; left--) this.waiting.shift()?.fail(error)
  }

  private closeConnections(): void {
    for (const connection of [...this.all]) connection.close()
  }

  private checkEmpty(): void {
    if (this.empty) this.host.onEmpty(this)
  }
}

function assign(origin: OriginPool): void {
  origin.assign()
}

function fail(exchange: PoolExchange, error: Error): void {
  exchange.fail(error)
}

function ignore(): void {
  // The client reports what happens to its socket.
}
