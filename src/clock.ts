/**
 * Timers, immediates and clocks, taken when this is imported.
 *
 * Test runners put false ones in their place (node:test's mock.timers, Jest, Sinon, Vitest): a program that mocks the time of
 * its own code must not stop its connections with it. So nothing of ours reads these off the global object, or off `process`,
 * when it needs them (`test/clock.test.ts` sees to it).
 */

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, queueMicrotask } =
  globalThis

/** `process.nextTick`. */
export const { nextTick } = process

/** Milliseconds on a clock that never goes back. */
export const performanceNow: () => number = performance.now.bind(performance)

/** Milliseconds since 1970, by the wall clock. */
export const dateNow: () => number = Date.now

/**
 * The same as it is now, for whoever asks whether the machine has slept: a wall clock that has gone on while the other stood still. This
 * one alone is read when it is needed. A false one that jumps costs a PING or a new connection, and one that stands still counts for
 * nothing: the other clock goes on.
 */
export const wallNow = (): number => Date.now()

/**
 * Node's `performance.markResourceTiming()`, which makes an entry on the same clock; its types know only older parameters. Deno has
 * none: there are no entries there.
 */
export const markResourceTiming: (...args: readonly unknown[]) => void =
  (performance.markResourceTiming as ((...args: unknown[]) => void) | undefined)?.bind(performance) ?? (() => {})
