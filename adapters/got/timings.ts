/** got's record of the times of a request, where its connection knows better: got takes the moment at which it hears of a step. */
import type { ConnectionInfo } from '../../src/net/options.ts'

/** The part of the record that is set right: milliseconds. */
interface Timings {
  socket?: number
  lookup?: number
  connect?: number
  secureConnect?: number
  phases: { dns?: number; tcp?: number; tls?: number }
}

/** @param record got's own; undefined while it keeps none. */
export function correctTimings(record: unknown, info: ConnectionInfo): void {
  const timings = record as Timings | undefined
  if (timings === undefined || timings.socket === undefined) return
  const { start, lookup, connect, secureConnect } = info.timings
  const { phases } = timings
  if (connect === undefined) return
  const looked = lookup ?? start
  // Requests that waited for the same connection came later than it began.
  timings.lookup = Math.max(looked, timings.socket)
  timings.connect = Math.max(connect, timings.socket)
  phases.dns = lookup === undefined ? 0 : lookup - start
  phases.tcp = connect - looked
  if (secureConnect !== undefined) {
    timings.secureConnect = Math.max(secureConnect, timings.socket)
    phases.tls = secureConnect - connect
  }
}
