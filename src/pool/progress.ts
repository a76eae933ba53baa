/**
 * How far a connection that is being made has come, for the exchanges that wait for one and have `onConnecting`.
 *
 * Of several dials the newest is reported: a request that joins the queue makes the pool open that one, if any.
 */

import { dateNow, nextTick } from '../clock.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import type { DialObserver } from '../net/connector.ts'
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
    this.tellLater({
      start: dateNow(),
      lookup: undefined,
      connect: undefined,
      proxy: undefined,
      secureConnect: undefined,
    })
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
    if (dialling && this.timings !== undefined) nextTick(tell, exchange, this.timings)
  }

  remove(exchange: LiveExchange): void {
    if (this.watchers.size > 0) this.watchers.delete(exchange)
  }

  private tellLater(timings: Readonly<ConnectTimings>): void {
    this.timings = timings
    for (const exchange of this.watchers) nextTick(tell, exchange, timings)
  }
}

function tell(exchange: LiveExchange, timings: Readonly<ConnectTimings>): void {
  exchange.tellConnecting(timings)
}
