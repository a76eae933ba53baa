/**
 * How many connections to open: a pure function over plain data. Starting what waits on what is free is the caller's
 * loop; this says whether more is needed.
 */
export interface Situation {
  /** Exchanges that found no free slot. */
  readonly waiting: number
  /** Connections that still take exchanges. */
  readonly usable: number
  /** Connections being made. */
  readonly dialling: number
  /** What the origin speaks, as far as known. */
  readonly protocol: 'h2' | 'http/1.1' | undefined
  /** Connections allowed at once. */
  readonly limit: number
}

/** Connections to begin now. */
export function connectionsToOpen(situation: Situation): number {
  const { waiting, usable, dialling, protocol, limit } = situation
  if (waiting === 0) return 0
  const room = limit - usable - dialling
  if (room <= 0) return 0
  // One dial tells the protocol, and one HTTP/2 connection at a time tells how much it carries.
  if (protocol !== 'http/1.1') return dialling > 0 ? 0 : 1
  return Math.min(room, Math.max(0, waiting - dialling))
}
