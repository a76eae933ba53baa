/**
 * Which connection carries what waits, and which connections to make: one pure function over plain data. I/O happens
 * outside of it; what it says is carried out in order, and it is asked again after every change.
 *
 * Rules
 * - What waits goes to connections in their order, each filled before the next: requests that share a connection share
 *   its writes and its compression.
 * - One dial tells the protocol, and one HTTP/2 connection at a time tells how much it carries: until then nothing else
 *   is dialled. Over HTTP/1.1 each of those who wait may have a connection, up to the limit.
 * - A stale connection is asked for a sign of life before it is used; while it is, nothing is dialled in its stead.
 * - It costs a look at each connection, never at each of those who wait.
 */

/** A connection that takes exchanges, or may again. */
export interface ConnectionView {
  /** Exchanges that it takes now. */
  readonly available: number
  /** It takes none before it has shown that it lives. */
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
  const { waiting, connections, dialling, protocol, limit } = situation
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
  return { starts, verify: [], open: toOpen(left, limit - connections.length - dialling, dialling, protocol) }
}

function toOpen(left: number, room: number, dialling: number, protocol: Situation['protocol']): number {
  if (room <= 0) return 0
  if (protocol !== 'http/1.1') return dialling > 0 ? 0 : 1
  return Math.min(room, Math.max(0, left - dialling))
}
