/**
 * Those who wait at one origin: the line itself; those whose time to be sent again has not come; and those who are sent again
 * one at a time.
 *
 * Rules
 * - First come, first served. What comes back after an attempt goes before those that came later, in order.
 * - Exchanges under which connections have ended (`alone`) are in the line one at a time: the next when the one before has
 *   an answer or has settled.
 * - Whoever waits for longer than its `queueTimeout` in the line is ended. Joining, leaving and being called cost the same
 *   however many wait; only when somebody may be due all are looked at, and no more than a few dozen times in that time.
 */
import { DeadlineTimer, now } from '../connection/deadline.ts'
import { TimeoutError } from '../errors.ts'
import { QUEUE_TIMEOUT } from '../limits.ts'
import type { PoolExchange } from './exchange.ts'
import { WaitingLine } from './waiting.ts'

/** What the queue needs of the origin it belongs to. */
export interface QueueOwner {
  readonly origin: { readonly href: string }
  /** Somebody has come to the front of the line by itself. */
  onReturned(): void
}

export class Queue {
  private readonly owner: QueueOwner
  private readonly timeout: number
  private readonly line = new WaitingLine<PoolExchange>()
  private readonly backingOff = new Set<PoolExchange>()
  private readonly quarantined = new Set<PoolExchange>()
  /** The one of the quarantined that is in the line, or on a connection without an answer. */
  private suspect: PoolExchange | null = null
  private readonly deadlines = new DeadlineTimer((at) => this.check(at))

  /** @param timeout milliseconds, for those that bring none. */
  constructor(owner: QueueOwner, timeout: number | undefined) {
    this.owner = owner
    this.timeout = timeout ?? QUEUE_TIMEOUT
  }

  /** Those in the line. */
  get length(): number {
    return this.line.length
  }

  /** All who wait, for whatever. */
  get pending(): number {
    return this.line.length + this.backingOff.size + this.quarantined.size
  }

  push(exchange: PoolExchange): void {
    this.startWaiting(exchange)
    this.line.push(exchange)
  }

  /** One that had its turn. After `delay` milliseconds it comes back by itself. */
  pushAgain(exchange: PoolExchange, delay: number): void {
    if (delay > 0) {
      this.backingOff.add(exchange)
      exchange.backingOff = setTimeout(comeBack, delay, this, exchange)
    } else if (exchange.alone && this.suspect !== null && this.suspect !== exchange) {
      this.startWaiting(exchange)
      this.quarantined.add(exchange)
    } else {
      if (exchange.alone) this.suspect = exchange
      // One that was quarantined has waited all the time.
      if (exchange.queueUntil === Number.POSITIVE_INFINITY) this.startWaiting(exchange)
      this.line.pushFront(exchange)
    }
  }

  shift(): PoolExchange | null {
    const exchange = this.line.shift()
    if (exchange !== null) exchange.queueUntil = Number.POSITIVE_INFINITY
    return exchange
  }

  /** @returns false when it did not wait. */
  remove(exchange: PoolExchange): boolean {
    if (exchange.backingOff !== null) {
      clearTimeout(exchange.backingOff)
      exchange.backingOff = null
      return this.backingOff.delete(exchange)
    }
    if (!exchange.inLine) return this.quarantined.delete(exchange)
    this.line.remove(exchange)
    return true
  }

  /** One that was to be sent alone has an answer, has settled or has gone elsewhere: the next one may come. */
  cleared(exchange: PoolExchange): void {
    if (this.suspect !== exchange) return
    this.suspect = null
    const [next] = this.quarantined
    if (next === undefined) return
    this.quarantined.delete(next)
    this.pushAgain(next, 0)
    process.nextTick(returned, this.owner)
  }

  /** Ends those in the line now; one of them may dispatch anew while it is told, or abort others. */
  failLine(error: Error): void {
    const all: PoolExchange[] = []
    for (let next = this.line.shift(); next !== null; next = this.line.shift()) all.push(next)
    for (const exchange of all) exchange.fail(error)
  }

  /** Ends all who wait. */
  failAll(error: Error): void {
    const others = [...this.backingOff, ...this.quarantined]
    // Nobody comes to the line any more, whoever is cleared while they are told.
    this.suspect = null
    this.quarantined.clear()
    this.failLine(error)
    for (const exchange of others) exchange.fail(error)
  }

  stop(): void {
    this.deadlines.stop()
  }

  /** @internal */
  comeBack(exchange: PoolExchange): void {
    this.backingOff.delete(exchange)
    exchange.backingOff = null
    this.pushAgain(exchange, 0)
    this.owner.onReturned()
  }

  private startWaiting(exchange: PoolExchange): void {
    const at = now()
    if (exchange.queuedAt === 0) exchange.queuedAt = at
    const timeout = this.timeoutOf(exchange)
    exchange.queueUntil = timeout > 0 ? at + timeout : Number.POSITIVE_INFINITY
    this.deadlines.request(exchange.queueUntil)
  }

  private timeoutOf(exchange: PoolExchange): number {
    return exchange.request.queueTimeout ?? this.timeout
  }

  private check(at: number): number {
    let next = Number.POSITIVE_INFINITY
    const due: PoolExchange[] = []
    const look = (exchange: PoolExchange): void => {
      if (exchange.queueUntil <= at) due.push(exchange)
      else next = Math.min(next, Math.max(exchange.queueUntil, at + this.timeoutOf(exchange) / 64))
    }
    this.line.forEach(look)
    this.quarantined.forEach(look)
    // One that is told may take others out of the line.
    for (const exchange of due) {
      exchange.fail(new TimeoutError('queue', this.timeoutOf(exchange), { origin: this.owner.origin.href }))
    }
    return next
  }
}

function comeBack(queue: Queue, exchange: PoolExchange): void {
  queue.comeBack(exchange)
}

function returned(owner: QueueOwner): void {
  owner.onReturned()
}
