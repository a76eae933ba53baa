/**
 * When the steps of each request happened, by the clock of `performance.now()`, and --timing, which draws them.
 *
 * One request is under way at a time: what is told of connections meanwhile is its. Sent is what was written to the socket: the
 * system has it. When that has sent it nobody tells.
 */
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { dateNow, performanceNow } from '../clock.ts'
import type { ConnectionMessage } from '../exchange/messages.ts'

/** In the order in which they end. */
export const STEPS = ['dns', 'tcp', 'proxy', 'tls', 'sent', 'first byte', 'done'] as const

export type Step = (typeof STEPS)[number]

/** One request. */
export class Lap {
  readonly label: string
  readonly start = performanceNow()
  /** The same by the wall clock. */
  readonly startedAt = dateNow()
  /** The end of each step, in milliseconds from the start. Of connections, the last that was made. */
  readonly ends = new Map<Step, number>()
  status: number | undefined

  constructor(label: string) {
    this.label = label
  }

  mark(step: Step): void {
    this.ends.set(step, performanceNow() - this.start)
  }

  /** Another connection: what was known of the one before counts no more. */
  redial(): void {
    for (const step of ['dns', 'tcp', 'proxy', 'tls'] as const) this.ends.delete(step)
  }

  /** How long a step took, from the end of the one before. */
  *spans(): Generator<{ readonly step: Step; readonly from: number; readonly to: number }, void, undefined> {
    let from = 0
    for (const step of STEPS) {
      const to = this.ends.get(step)
      if (to === undefined) continue
      yield { step, from: Math.min(from, to), to }
      from = to
    }
  }
}

export class Stopwatch {
  readonly start = performanceNow()
  readonly laps: Lap[] = []
  private readonly listeners: Readonly<Record<string, ChannelListener>>
  private readonly onSent: ChannelListener = () => this.laps.at(-1)?.mark('sent')

  constructor() {
    this.listeners = {
      'hyper:connection:connecting': () => this.laps.at(-1)?.redial(),
      'hyper:connection:step': (message) => this.onStep(message as ConnectionMessage),
    }
    for (const [name, listener] of Object.entries(this.listeners)) subscribe(name, listener)
  }

  /** A request begins. */
  lap(label: string): Lap {
    const lap = new Lap(label)
    // Only now: it costs a little for each request, which those of --count are not to pay.
    if (this.laps.length === 0) subscribe('hyper:request:sent', this.onSent)
    this.laps.push(lap)
    return lap
  }

  /** Milliseconds since this was made. */
  get elapsed(): number {
    return performanceNow() - this.start
  }

  /** Listens no more. */
  stop(): void {
    for (const [name, listener] of Object.entries(this.listeners)) unsubscribe(name, listener)
    unsubscribe('hyper:request:sent', this.onSent)
  }

  private onStep({ step }: ConnectionMessage): void {
    const lap = this.laps.at(-1)
    if (step?.step === 'lookup') lap?.mark('dns')
    else if (step?.step === 'connected') lap?.mark('tcp')
    else if (step?.step === 'proxy') lap?.mark('proxy')
    else if (step?.step === 'secure') lap?.mark(step.peer === 'proxy' ? 'proxy' : 'tls')
  }
}

/** Characters of the bars. */
const WIDTH = 40

/** The requests under each other, on one scale. */
export function waterfall(laps: readonly Lap[]): string[] {
  const [first] = laps
  if (first === undefined) return []
  const total = Math.max(...laps.map((lap) => lap.start - first.start + Math.max(0, ...lap.ends.values())), 0.001)
  const column = (time: number): number => Math.min(WIDTH, Math.round((time / total) * WIDTH))
  return laps.flatMap((lap) => {
    const offset = lap.start - first.start
    const spans = [...lap.spans()].map(({ step, from, to }) => {
      const start = Math.min(column(offset + from), WIDTH - 1)
      const bar = `${' '.repeat(start)}${'#'.repeat(Math.max(1, column(offset + to) - start))}`
      return `  ${step.padEnd(10)} ${(to - from).toFixed(1).padStart(9)} ms  |${bar.padEnd(WIDTH)}|`
    })
    const end = Math.max(0, ...lap.ends.values())
    const status = lap.status === undefined ? '' : `  ${lap.status}`
    return [`${lap.label}${status}`, ...spans, `  ${'total'.padEnd(10)} ${end.toFixed(1).padStart(9)} ms`]
  })
}
