/** What can be seen of a pool and its origins from outside. */
import type { Connection, ConnectionStats } from '../connection/contract.ts'
import { BorrowedConnection } from './borrowed.ts'

/** What can be seen of one origin. */
export interface OriginStats {
  /** `scheme://host:port`. */
  readonly origin: string
  /** What its connections speak; undefined while there are none. */
  readonly protocol: 'h2' | 'http/1.1' | undefined
  /** Connections of its own. */
  readonly connections: number
  /** Connections of other origins that carry its requests, too. */
  readonly borrowed: number
  /** Connections that are being made. */
  readonly dialling: number
  /** Exchanges on connections. */
  readonly active: number
  /** Exchanges waiting for one, or for the time of their next attempt. */
  readonly waiting: number
  /** Octets of HTTP read and written by the connections that are open now. */
  readonly bytesRead: number
  /** Octets of HTTP written by the same connections. */
  readonly bytesWritten: number
  /** Each connection of its own: round trip, windows and more. */
  readonly details: readonly ConnectionStats[]
}

/** What can be seen of a pool. */
export interface PoolStats {
  /** Each origin that has connections or requests. */
  readonly origins: readonly OriginStats[]
  /** Open connections to all origins. */
  readonly connections: number
  /** Exchanges on connections, of all origins. */
  readonly active: number
  /** Exchanges that wait for a connection, of all origins. */
  readonly waiting: number
}

export function statsOf(
  origin: string,
  protocol: OriginStats['protocol'],
  connections: readonly Connection[],
  counts: { dialling: number; waiting: number; unsettled: number },
): OriginStats {
  const own = connections.filter((one) => !(one instanceof BorrowedConnection))
  const details = own.map((one) => one.stats)
  return {
    origin,
    protocol: protocol ?? connections[0]?.info.protocol,
    connections: own.length,
    borrowed: connections.length - own.length,
    dialling: counts.dialling,
    active: Math.max(0, counts.unsettled - counts.waiting),
    waiting: counts.waiting,
    bytesRead: details.reduce((sum, one) => sum + one.bytesRead, 0),
    bytesWritten: details.reduce((sum, one) => sum + one.bytesWritten, 0),
    details,
  }
}

export function poolStats(origins: readonly OriginStats[]): PoolStats {
  const sum = (pick: (stats: OriginStats) => number): number => origins.reduce((total, one) => total + pick(one), 0)
  return {
    origins,
    connections: sum((one) => one.connections),
    active: sum((one) => one.active),
    waiting: sum((one) => one.waiting),
  }
}
