/** --timing: how long each step took, by the clock of `performance.now()`. Of connections, the last one that was made. */
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { performanceNow } from '../clock.ts'
import type { ConnectionMessage } from '../exchange/messages.ts'

type Step = 'dns' | 'tcp' | 'proxy' | 'tls' | 'first byte' | 'total'

export class Stopwatch {
  private readonly start = performanceNow()
  private since = this.start
  private steps = new Map<Step, number>()
  private readonly listeners: Readonly<Record<string, ChannelListener>>

  constructor() {
    this.listeners = {
      'hyper:connection:connecting': () => {
        this.since = performanceNow()
        this.steps = new Map()
      },
      'hyper:connection:step': (message) => this.onStep(message as ConnectionMessage),
    }
    for (const [name, listener] of Object.entries(this.listeners)) subscribe(name, listener)
  }

  /** The head of the response that counts has come. */
  firstByte(): void {
    this.steps.set('first byte', this.elapsed)
  }

  /** Milliseconds since this was made. */
  get elapsed(): number {
    return performanceNow() - this.start
  }

  /** Listens no more. @returns a line for each step that there was. */
  stop(): string {
    for (const [name, listener] of Object.entries(this.listeners)) unsubscribe(name, listener)
    this.steps.set('total', this.elapsed)
    return [...this.steps].map(([step, time]) => `${step.padEnd(10)} ${time.toFixed(1).padStart(9)} ms\n`).join('')
  }

  private onStep({ step }: ConnectionMessage): void {
    if (step?.step === 'lookup') this.lap('dns')
    else if (step?.step === 'connected') this.lap('tcp')
    else if (step?.step === 'proxy') this.lap('proxy')
    else if (step?.step === 'secure') this.lap(step.peer === 'proxy' ? 'proxy' : 'tls')
  }

  private lap(step: Step): void {
    const now = performanceNow()
    this.steps.set(step, (this.steps.get(step) ?? 0) + now - this.since)
    this.since = now
  }
}
