/**
 * The connections of one origin pool: its own, which it may lend, and those that it has borrowed of another. The rules of
 * lending are in `borrowed.ts`.
 */
import type { Connection } from '../connection/contract.ts'
import { MAX_ORIGINS } from '../limits.ts'
import type { ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import { BorrowedConnection } from './borrowed.ts'

/** What lends connections, and borrows them: the pool of one origin. */
export interface ConnectionOwner {
  readonly key: string
  readonly origin: Origin
  readonly connect: ConnectOptions
  readonly hasWaiting: boolean
  readonly lendable: IterableIterator<PooledConnection>
  onAvailable(connection: Connection): void
}

/** A connection as its owner remembers it. */
export interface PooledConnection {
  readonly connection: Connection
  readonly owner: ConnectionOwner
  /** Does its certificate cover this host? */
  readonly covers: (host: string) => boolean
  /** The origins that the server said it speaks for (RFC 8336); undefined while it has said nothing. */
  origins: Set<string> | undefined
  /** It has carried an exchange. */
  used: boolean
  /** Other origins that use it, too. */
  readonly borrowers: Map<BorrowedConnection, ConnectionOwner>
}

export class PooledConnections {
  private readonly owner: ConnectionOwner
  private readonly all = new Map<Connection, PooledConnection>()

  constructor(owner: ConnectionOwner) {
    this.owner = owner
  }

  get size(): number {
    return this.all.size
  }

  /** A copy, so that connections may end while it is iterated. */
  get connections(): Connection[] {
    return [...this.all.keys()]
  }

  /** Its own connections, and borrowed ones, which are not lent again: they cover no host. */
  get lendable(): IterableIterator<PooledConnection> {
    return this.all.values()
  }

  /** Does an exchange wait that uses one of them for another origin? */
  get borrowersWait(): boolean {
    for (const { borrowers } of this.all.values()) {
      for (const borrower of borrowers.values()) if (borrower.hasWaiting) return true
    }
    return false
  }

  keep(connection: Connection, covers: (host: string) => boolean): void {
    this.add(connection, covers, false)
  }

  /** @param onGivenBack it is not used any more. */
  borrow(lent: PooledConnection, onGivenBack: (borrowed: BorrowedConnection) => void): BorrowedConnection {
    const borrowed = new BorrowedConnection(
      lent.connection,
      this.owner.origin,
      () => lent.owner.hasWaiting,
      (done) => {
        lent.borrowers.delete(done)
        onGivenBack(done)
      },
    )
    lent.borrowers.set(borrowed, this.owner)
    this.add(borrowed, () => false, true)
    return borrowed
  }

  forget(connection: Connection): void {
    this.all.delete(connection)
  }

  /** It carries an exchange now. @returns whether it has carried one before. */
  use(connection: Connection): boolean {
    const pooled = this.all.get(connection)
    if (pooled === undefined || pooled.used) return pooled !== undefined
    pooled.used = true
    return false
  }

  /** RFC 8336 section 2.3: the set begins with the connection's own origin, and every frame adds to it. */
  addOrigins(connection: Connection, origins: readonly string[]): void {
    const pooled = this.all.get(connection)
    if (pooled === undefined) return
    pooled.origins ??= new Set([this.owner.origin.href])
    for (const one of origins) if (pooled.origins.size < MAX_ORIGINS) pooled.origins.add(one)
  }

  /** It has room: those who have borrowed it are told. */
  tellBorrowers(connection: Connection): void {
    const pooled = this.all.get(connection)
    if (pooled === undefined || pooled.borrowers.size === 0) return
    for (const [borrowed, borrower] of [...pooled.borrowers]) borrower.onAvailable(borrowed)
  }

  /** It takes no more exchanges of any origin. */
  takeBack(connection: Connection): void {
    for (const borrowed of [...(this.all.get(connection)?.borrowers.keys() ?? [])]) borrowed.close()
  }

  private add(connection: Connection, covers: (host: string) => boolean, used: boolean): void {
    const { owner } = this
    this.all.set(connection, { connection, owner, covers, origins: undefined, used, borrowers: new Map() })
  }
}
