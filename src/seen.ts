/**
 * How objects of ours that hold connections look in logs: what they are doing, never what they were made with. Their options
 * may have private keys and passwords.
 */
import type { inspect as Inspect, InspectOptionsStylized } from 'node:util'

/** Where `util.inspect` and `console.log` look for the text of an object. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never

/** What `util.inspect` gives. */
export type Seen = [depth: number, options: InspectOptionsStylized, inspect: typeof Inspect]

/** The text of an object for `util.inspect`: the name of its class and what its `toJSON` gives. */
export function inspected(seen: { toJSON(): object }, ...[depth, options, inspect]: Seen): string {
  const { name } = seen.constructor
  if (depth < 0) return options.stylize(`[${name}]`, 'special')
  return `${name} ${inspect(seen.toJSON(), { ...options, depth: options.depth == null ? options.depth : depth })}`
}
