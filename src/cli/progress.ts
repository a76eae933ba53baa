/** A progress bar on standard error while a body goes to a file, or comes from one. Without a terminal there is none. */

import { performanceNow } from '../clock.ts'
import type { Stream } from './sink.ts'

export interface Progress {
  /** So many octets more. */
  add(octets: number): void
  /** Takes the bar away; `done`: what became of it stays in a line. Once. */
  stop(done: boolean): void
}

const NONE: Progress = { add() {}, stop() {} }

/**
 * @param total octets; undefined when it is not known: then only what has come is shown.
 * @param before octets that were there.
 */
export async function showProgress(stream: Stream, total: number | undefined, before = 0): Promise<Progress> {
  if (stream.isTTY !== true) return NONE
  const { SingleBar } = (await import('cli-progress')).default
  const started = performanceNow()
  const format = total === undefined ? '{done}  {rate}/s' : '{bar} {percentage}%  {done} of {all}  {rate}/s'
  let octets = before
  let stopped = false
  const bar = new SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: true,
    // Whatever else comes by the signal is the caller's.
    gracefulExit: false,
    forceRedraw: true,
    format,
  })
  const payload = (): Record<string, string> => ({
    done: amount(octets),
    all: amount(total ?? 0),
    rate: amount(((octets - before) / Math.max(performanceNow() - started, 1)) * 1000),
  })
  bar.start(total ?? 1, total === undefined ? 0 : octets, payload())
  return {
    add: (more) => {
      octets += more
      bar.update(total === undefined ? 0 : octets, payload())
    },
    stop: (done) => {
      if (stopped) return
      stopped = true
      bar.stop()
      if (!done) return
      const { done: came, all, rate } = payload()
      const share = total === undefined ? came : `100%  ${came} of ${all}`
      stream.write(`${share}  ${rate}/s\n`)
    },
  }
}

/** Octets in a unit that a reader can take in. */
export function amount(octets: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  while (octets >= 1000 && unit < units.length - 1) {
    octets /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(octets) : octets.toFixed(1)} ${units[unit]}`
}
