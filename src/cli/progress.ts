/** A progress bar on standard error while a body goes to a file. Without a terminal there is none. */

import { performanceNow } from '../clock.ts'
import type { Stream } from './sink.ts'

export interface Progress {
  /** So many octets more. */
  add(octets: number): void
  stop(): void
}

const NONE: Progress = { add() {}, stop() {} }

/** @param total octets; undefined when it is not known: then only what has come is shown. */
export async function showProgress(stream: Stream, total: number | undefined): Promise<Progress> {
  if (stream.isTTY !== true) return NONE
  const { SingleBar } = (await import('cli-progress')).default
  const started = performanceNow()
  let octets = 0
  const bar = new SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: false,
    // Whatever else comes by the signal is the caller's.
    gracefulExit: false,
    forceRedraw: true,
    format: total === undefined ? '{done}  {rate}/s' : '{bar} {percentage}%  {done} of {all}  {rate}/s',
  })
  const payload = (): Record<string, string> => ({
    done: amount(octets),
    all: amount(total ?? 0),
    rate: amount((octets / Math.max(performanceNow() - started, 1)) * 1000),
  })
  bar.start(total ?? 1, 0, payload())
  return {
    add: (more) => {
      octets += more
      bar.update(total === undefined ? 0 : octets, payload())
    },
    stop: () => bar.stop(),
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
