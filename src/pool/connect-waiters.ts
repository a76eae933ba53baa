/** Who wants a connection to an origin without having a request for it: each is told once, of one or why there is none. */
import type { Connection } from '../connection/contract.ts'
import { now } from '../session/deadline.ts'

/** Told the connection that was asked for, or why there is none. */
export type ConnectWaiter = (error: Error | null, connection: Connection | null) => void

export class ConnectWaiters {
  private all: { readonly found: ConnectWaiter; readonly since: number }[] = []

  get length(): number {
    return this.all.length
  }

  add(found: ConnectWaiter): void {
    this.all.push({ found, since: now() })
  }

  serve(connection: Connection): void {
    for (const { found } of this.all.splice(0)) found(null, connection)
  }

  /** @param waited only those who have waited for so many milliseconds. */
  fail(error: Error, waited = 0): void {
    const latest = waited === 0 ? Number.POSITIVE_INFINITY : now() - waited
    const ended = this.all.filter(({ since }) => since <= latest)
    this.all = this.all.filter(({ since }) => since > latest)
    for (const { found } of ended) found(error, null)
  }
}
