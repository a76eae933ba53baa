/**
 * Which connection carries what waits, and which connections to make: one pure function over plain data. I/O happens
 * outside of it; what it says is carried out in order, and it is asked again after every change.
 *
 * Rules
 * - What waits goes to connections in their order, each filled before the next: requests that share a connection share
 *   its writes and its compression.
 * - One dial tells the protocol, and one HTTP/2 connection at a time tells how much it carries: until then nothing else
 *   is dialled. Over HTTP/1.1 each waiting exchange may have a connection, up to the limit.
 * - Where the option `connections` is not set, there are more than by default when nothing has moved for a while, because the
 *   open streams may depend on the waiting ones. As many are added at a time as are busy, so that two become four. When none
 *   is busy, because the server allows no streams, they are added one at a time, and few.
 * - A stale connection must answer a PING before it is used; while that is awaited, no other is dialled in its stead.
 * - It looks at each connection once, and never at each waiting exchange.
 */

import { MAX_PAUSED_CONNECTIONS, MAX_STUCK_CONNECTIONS, STUCK_AFTER } from '../limits.ts'

/** A connection that takes exchanges, or may again. */
export interface ConnectionView {
  /** Exchanges that it takes now. */
  readonly available: number
  /** Exchanges that it carries. */
  readonly active: number
  /** It takes none before it has answered a PING. */
  readonly stale: boolean
}

export interface Situation {
  readonly waiting: number
  readonly connections: readonly ConnectionView[]
  /** Connections being made. */
  readonly dialling: number
  /** What the origin speaks, as far as known. */
  readonly protocol: 'h2' | 'http/1.1' | undefined
  /** Connections allowed at once. */
  readonly limit: number
  /** The limit is ours: it holds while what waits goes on. */
  readonly yielding: boolean
  /** Milliseconds since one of those who wait was given to a connection, or the first of them came. */
  readonly still: number
}

export interface Plan {
  /** How many of those who wait to start on each connection, by its index. Connections after the last that gets one are left out. */
  readonly starts: readonly number[]
  /** Indices of connections to ask for a sign of life. */
  readonly verify: readonly number[]
  /** Connections to dial. */
  readonly open: number
}

const NOTHING: Plan = { starts: [], verify: [], open: 0 }

export function plan(situation: Situation): Plan {
  const { waiting, connections } = situation
  if (waiting === 0) return NOTHING
  const starts: number[] = []
  let left = waiting
  let stale = -1
  for (let i = 0; i < connections.length && left > 0; i++) {
    const { available } = connections[i]
    if (available > 0) {
      while (starts.length < i) starts.push(0)
      const taken = Math.min(available, left)
      starts.push(taken)
      left -= taken
    } else if (stale === -1 && connections[i].stale) {
      stale = i
    }
  }
  if (left === 0) return { starts, verify: [], open: 0 }
  if (stale !== -1) return { starts, verify: [stale], open: 0 }
  return { starts, verify: [], open: toOpen(situation, left) }
}

function toOpen(situation: Situation, left: number): number {
  const { connections, dialling, protocol, limit } = situation
  const room = limit - connections.length - dialling
  if (room <= 0) return toAdd(situation, left)
  if (protocol !== 'http/1.1') return dialling > 0 ? 0 : 1
  return Math.min(room, Math.max(0, left - dialling))
}

/** Connections beyond the limit. */
function toAdd({ connections, dialling, yielding, still }: Situation, left: number): number {
  if (!yielding || still < STUCK_AFTER || dialling > 0) return 0
  let busy = 0
  for (let i = 0; i < connections.length; i++) if (connections[i].active > 0) busy++
  if (busy === 0) return connections.length < MAX_PAUSED_CONNECTIONS ? 1 : 0
  return Math.max(0, Math.min(busy, left, MAX_STUCK_CONNECTIONS - connections.length))
}
