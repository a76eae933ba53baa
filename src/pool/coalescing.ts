/** Finds a connection of another origin that may carry an origin's requests. The rules are in `borrowed.ts`. */

import { nextTick } from '../clock.ts'
import type { Connection } from '../connection/contract.ts'
import { type HyperError, TimeoutError } from '../errors.ts'
import { MAX_COALESCED } from '../limits.ts'
import type { Connector, Dial } from '../net/connector.ts'
import type { Cancel } from '../net/link.ts'
import type { ConnectionOwner, PooledConnection } from './pooled-connections.ts'

/** A connection that may be used. */
export interface Loan {
  readonly pooled: PooledConnection
}

/**
 * @param found is called once, later, or when the search is cancelled; with an error when it took all the time that there is
 *   for a connection.
 * @returns undefined, and calls nothing, when no connection comes into question.
 */
export function findLoan(
  borrower: ConnectionOwner,
  lenders: Iterable<ConnectionOwner>,
  connector: Connector,
  found: (loan: Loan | null, error?: HyperError) => void,
): Dial | undefined {
  const candidates = candidatesFor(borrower, lenders)
  if (candidates.length === 0) return undefined
  let over = false
  let cancelLookup: Cancel | undefined
  const finish = (loan: Loan | null, error?: HyperError): void => {
    if (over) return
    over = true
    cancelLookup?.()
    found(loan, error)
  }
  const { href, host } = borrower.origin
  const said = candidates.find((one) => one.origins?.has(href) === true)
  if (said !== undefined) {
    nextTick(() => finish(isUsable(said.connection) ? { pooled: said } : null))
  } else {
    cancelLookup = connector.lookup(host, borrower.connect, (error, addresses) => {
      if (error instanceof TimeoutError) {
        finish(null, new TimeoutError('connect', error.timeout, { phase: 'dns', origin: href }))
        return
      }
      const at = new Set(error === null ? addresses.map((one) => one.address) : [])
      const same = candidates.find((one) => isUsable(one.connection) && at.has(one.connection.info.remoteAddress ?? ''))
      finish(same === undefined ? null : { pooled: same })
    })
  }
  return { cancel: () => finish(null) }
}

function candidatesFor(borrower: ConnectionOwner, lenders: Iterable<ConnectionOwner>): PooledConnection[] {
  const { origin, connect } = borrower
  if (origin.scheme !== 'https' || connect.proxy || connect.socketPath !== undefined) return []
  // A name given by hand is the name that was verified.
  if (connect.tls?.servername !== undefined) return []
  const candidates: PooledConnection[] = []
  for (const lender of lenders) {
    if (lender === borrower || lender.origin.port !== origin.port || route(lender) !== route(borrower)) continue
    for (const pooled of lender.lendable) {
      if (!isUsable(pooled.connection) || pooled.borrowers.size >= MAX_COALESCED) continue
      if (pooled.origins !== undefined && !pooled.origins.has(origin.href)) continue
      if (pooled.covers(origin.host)) candidates.push(pooled)
    }
  }
  return candidates
}

/** The pool's key without the origin. */
function route({ key, origin }: ConnectionOwner): string {
  return key.slice(origin.href.length)
}

function isUsable(connection: Connection): boolean {
  return !connection.draining && connection.info.protocol === 'h2'
}
