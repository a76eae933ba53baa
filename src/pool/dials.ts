/**
 * What an origin pool is making: dials of the connect chain, what comes after them until a connection carries exchanges,
 * and searches for a connection to borrow. Each can be cancelled at any time, and each ends with one call of its owner.
 */
import type { Connection, ConnectionOwner } from '../connection/contract.ts'
import { ConnectError, type HyperError } from '../errors.ts'
import type { Connector, Dial, Dialled, DialObserver } from '../net/connector.ts'
import type { ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import { establish } from './establish.ts'
import type { OriginEvents } from './events.ts'
import type { PoolOptions } from './options.ts'

/** What it serves, which is the owner of the connections, too. */
export interface DialsOwner extends ConnectionOwner {
  readonly origin: Origin
  readonly events: OriginEvents
  /**
   * @param covers does its certificate cover this host?
   * @param offered HTTP/2 was offered.
   */
  onMade(connection: Connection, covers: (host: string) => boolean, offered: boolean): void
  /** The server knows no `Upgrade: h2c`, and the connection is gone. */
  onNoUpgrade(): void
  /** @param offered HTTP/2 was offered. */
  onDialFailed(error: HyperError, offered: boolean): void
}

export class Dials {
  private readonly owner: DialsOwner
  private readonly connector: Connector
  private readonly options: PoolOptions
  private readonly all = new Set<Dial>()

  constructor(owner: DialsOwner, connector: Connector, options: PoolOptions) {
    this.owner = owner
    this.connector = connector
    this.options = options
  }

  get size(): number {
    return this.all.size
  }

  start(connect: ConnectOptions, observer: DialObserver): void {
    const { origin, events } = this.owner
    const offered = connect.allowH2 !== false
    const dial = this.connector.dial(
      origin,
      connect,
      (error, dialled) => {
        this.all.delete(dial)
        if (dialled !== null) this.establish(dialled, connect)
        else
          this.owner.onDialFailed(
            error ?? new ConnectError(`Cannot connect to ${origin.href}`, { phase: 'tcp' }),
            offered,
          )
      },
      observer,
    )
    this.all.add(dial)
    // It begins later: the event may still end it.
    events.connecting()
  }

  /** The search for another origin's connection (coalescing) counts as a dial as well. */
  add(search: Dial): void {
    this.all.add(search)
  }

  delete(search: Dial): void {
    this.all.delete(search)
  }

  /** @param reason made for each. */
  cancel(reason: () => HyperError): void {
    for (const dial of [...this.all]) dial.cancel(reason())
  }

  private establish(dialled: Dialled, connect: ConnectOptions): void {
    const { owner } = this
    const offered = connect.allowH2 !== false
    const step: Dial = { cancel: () => dialled.socket.destroy() }
    this.all.add(step)
    establish(owner.origin, dialled, connect, owner, this.options, (error, connection) => {
      this.all.delete(step)
      if (error !== null) owner.onDialFailed(error, offered)
      else if (connection === null) owner.onNoUpgrade()
      else owner.onMade(connection, (host) => dialled.covers(host), offered)
    })
  }
}
