/**
 * Coalescing (RFC 9113 section 9.1.1): a connection to one origin that carries requests of another.
 *
 * Rules
 * - Off unless `coalesce` is given. Only https, only the same connection options, same port, no proxy, no socket path.
 * - The certificate must have been verified and name the other host, too; and either the host's addresses include the one
 *   connected to, or the server said by an ORIGIN frame that it speaks for it (RFC 8336). A server that sent ORIGIN
 *   speaks for nothing that it left out.
 * - A response 421 (Misdirected Request) is not the answer: the request goes to a connection of its own, and so does
 *   everything else for that origin from then on.
 * - The connection stays its lender's: the borrower uses it, hears of it, and never closes it.
 */
import type { Connection, ConnectionStats } from '../connection/contract.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'

export class BorrowedConnection implements Connection {
  readonly origin: Origin
  private readonly lent: Connection
  private readonly lenderWaits: () => boolean
  private readonly giveBack: (borrowed: BorrowedConnection) => void
  private over = false

  constructor(
    lent: Connection,
    origin: Origin,
    lenderWaits: () => boolean,
    giveBack: (borrowed: BorrowedConnection) => void,
  ) {
    this.lent = lent
    this.origin = origin
    this.lenderWaits = lenderWaits
    this.giveBack = giveBack
  }

  get info(): ConnectionInfo {
    return this.lent.info
  }

  get available(): number {
    return this.over ? 0 : this.lent.available
  }

  get active(): number {
    return 0
  }

  get draining(): boolean {
    return this.over || this.lent.draining
  }

  get stale(): boolean {
    return !this.over && this.lent.stale
  }

  get stats(): ConnectionStats {
    return this.lent.stats
  }

  carry(exchange: LiveExchange): boolean {
    return !this.over && this.lent.carry(exchange, this.origin.authority)
  }

  ping(onPong: (rtt: number | null) => void): void {
    if (this.over || this.lent.ping === undefined) onPong(null)
    else this.lent.ping(onPong)
  }

  verify(): void {
    this.lent.verify()
  }

  keepProcessAlive(needed: boolean): void {
    if (needed || !this.lenderWaits()) this.lent.keepProcessAlive(needed)
  }

  close(): void {
    if (this.over) return
    this.over = true
    this.giveBack(this)
  }

  /** Its exchanges are the lender's to end, who is destroyed with the same pool. */
  destroy(): void {
    this.close()
  }
}
