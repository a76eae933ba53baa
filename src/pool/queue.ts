/**
 * Those who wait at one origin: the line itself; those whose time to be sent again has not come; and those who are sent again
 * one at a time.
 *
 * Rules
 * - First come, first served. What comes back after an attempt goes before those that came later, in order.
 * - Exchanges under which connections have ended (suspects) are in the line one at a time: the next when the one before has
 *   an answer or has settled, or when its connection has borne it for {@link QUARANTINE}: it may be waiting for what takes long.
 * - Joining, leaving and being called cost the same however many wait. How long each may wait is its own affair.
 */

import { clearTimeout, nextTick, setTimeout } from '../clock.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import { QUARANTINE } from '../limits.ts'
import { now } from '../session/deadline.ts'
import { WaitingLine } from './waiting.ts'

/** What the queue needs of the origin it belongs to. */
export interface QueueOwner {
  readonly origin: { readonly href: string }
  /** An exchange has come back: to the front of the line, or to wait for its time. */
  onReturned(): void
}

export class Queue {
  private readonly owner: QueueOwner
  private readonly line = new WaitingLine<LiveExchange>()
  /** With what brings them back. */
  private readonly backingOff = new Map<LiveExchange, NodeJS.Timeout>()
  private readonly quarantined = new Set<LiveExchange>()
  /** The quarantined exchange that is in the queue, or on a connection without a response. */
  private suspect: LiveExchange | null = null
  /** Runs while other quarantined exchanges wait for that one. */
  private suspectTimer: NodeJS.Timeout | null = null
  /** When those came back that have had their turn. */
  private readonly cameBack = new WeakMap<LiveExchange, number>()

  constructor(owner: QueueOwner) {
    this.owner = owner
  }

  /** Those in the line. */
  get length(): number {
    return this.line.length
  }

  /** All who wait, for whatever. */
  get pending(): number {
    return this.line.length + this.backingOff.size + this.quarantined.size
  }

  push(exchange: LiveExchange): void {
    exchange.joinLine('queued')
    this.line.push(exchange)
  }

  /** One that had its turn. After `delay` milliseconds it comes back by itself. */
  pushAgain(exchange: LiveExchange, delay: number): void {
    this.cameBack.set(exchange, now())
    if (delay > 0) {
      exchange.joinLine('backing off')
      const comeBack = (): void => {
        this.backingOff.delete(exchange)
        this.pushAgain(exchange, 0)
      }
      this.backingOff.set(exchange, setTimeout(comeBack, delay))
    } else if (exchange.suspect && this.suspect !== null && this.suspect !== exchange) {
      exchange.joinLine('quarantined')
      this.quarantined.add(exchange)
      if (this.suspectTimer === null) this.watchSuspect()
    } else {
      if (exchange.suspect) this.suspect = exchange
      exchange.joinLine('queued')
      this.line.pushFront(exchange)
    }
    // Not within the callback of the connection that is just going.
    nextTick(() => this.owner.onReturned())
  }

  shift(): LiveExchange | null {
    return this.line.shift()
  }

  /** @returns false when it did not wait. */
  remove(exchange: LiveExchange): boolean {
    const timer = this.backingOff.get(exchange)
    if (timer !== undefined) {
      clearTimeout(timer)
      return this.backingOff.delete(exchange)
    }
    if (!exchange.inLine) {
      const waited = this.quarantined.delete(exchange)
      if (this.quarantined.size === 0) this.stopSuspectTimer()
      return waited
    }
    this.line.remove(exchange)
    return true
  }

  /** One that was to be sent alone has an answer, has settled or has gone elsewhere: the next one may come. */
  cleared(exchange: LiveExchange): void {
    if (this.suspect !== exchange) return
    this.suspect = null
    this.stopSuspectTimer()
    const [next] = this.quarantined
    if (next === undefined) return
    this.quarantined.delete(next)
    if (this.quarantined.size > 0) this.watchSuspect()
    this.pushAgain(next, 0)
  }

  /** The first in the line has waited for so many milliseconds. */
  firstHasWaited(milliseconds: number): boolean {
    const { first } = this.line
    return first !== null && this.since(first) <= now() - milliseconds
  }

  /**
   * Ends those in the line now; a handler may dispatch again meanwhile, or abort others.
   * @param waited only those who have waited for so many milliseconds.
   */
  failLine(error: Error, waited = 0): void {
    const all: LiveExchange[] = []
    const latest = now() - waited
    this.line.forEach((exchange) => {
      if (waited === 0 || this.since(exchange) <= latest) all.push(exchange)
    })
    for (const exchange of all) this.line.remove(exchange)
    for (const exchange of all) exchange.fail(error)
  }

  /** Ends all waiting exchanges. */
  failAll(error: Error): void {
    const others = [...this.backingOff.keys(), ...this.quarantined]
    // No exchange may come back to the queue while the handlers are called.
    this.suspect = null
    this.quarantined.clear()
    this.stopSuspectTimer()
    this.failLine(error)
    for (const exchange of others) exchange.fail(error)
  }

  private since(exchange: LiveExchange): number {
    return this.cameBack.get(exchange) ?? exchange.timings.created
  }

  private watchSuspect(): void {
    this.suspectTimer = setTimeout(() => {
      this.suspectTimer = null
      if (this.suspect === null) return
      // It has not been sent yet: nothing is known of it.
      if (this.suspect.inLine) this.watchSuspect()
      else this.cleared(this.suspect)
    }, QUARANTINE)
  }

  private stopSuspectTimer(): void {
    if (this.suspectTimer === null) return
    clearTimeout(this.suspectTimer)
    this.suspectTimer = null
  }
}
