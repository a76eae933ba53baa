/**
 * How far a connection that is being made has come, for the exchanges that wait for one and have `onConnecting`.
 *
 * Of several dials the newest is reported: a request that joins the queue makes the pool open that one, if any.
 */

import { nextTick } from '../clock.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import type { DialObserver } from '../net/connector.ts'
import { newTimings } from '../net/dial-time.ts'
import type { ConnectTimings } from '../net/options.ts'
import type { OriginEvents } from './events.ts'

export class DialProgress {
  private readonly events: OriginEvents
  private readonly watchers = new Set<LiveExchange>()
  private timings: Readonly<ConnectTimings> | undefined

  constructor(events: OriginEvents) {
    this.events = events
  }

  /** Hears the steps of one dial. */
  observe(): DialObserver {
    const begun = newTimings()
    this.timings = begun
    for (const exchange of this.watchers) nextTick(() => exchange.tellConnecting(begun))
    return {
      onStep: (step, timings) => {
        this.events.step(step)
        this.timings = timings
        for (const exchange of [...this.watchers]) exchange.tellConnecting(timings)
      },
    }
  }

  /** @param dialling a connection is being made: the exchange learns how far it is, once dispatch() has returned. */
  add(exchange: LiveExchange, dialling: boolean): void {
    this.watchers.add(exchange)
    const { timings } = this
    if (dialling && timings !== undefined) nextTick(() => exchange.tellConnecting(timings))
  }

  remove(exchange: LiveExchange): void {
    if (this.watchers.size > 0) this.watchers.delete(exchange)
  }
}
