/**
 * The body of a response between its exchange, which pushes, and its reader, who pulls.
 *
 * Rules
 * - Up to {@link RESPONSE_BUFFER} octets are kept for a reader who has not asked; then the exchange is paused, and with it
 *   the peer. What has arrived whole stays readable, whatever becomes of the connection.
 * - A failure comes after what was received before it.
 */
import { abortReason } from '../errors.ts'
import type { Exchange } from '../exchange/contract.ts'
import { joined } from '../exchange/joined.ts'
import type { FieldList } from '../headers/fields.ts'
import { RESPONSE_BUFFER } from '../limits.ts'

interface Waiting<T> {
  resolve(value: T): void
  reject(reason: unknown): void
}

export class IncomingBody {
  private exchange: Exchange | undefined
  private queue: Buffer[] = []
  /** How many of them were read: taking the first out of a long list each time is slow. */
  private head = 0
  private queued = 0
  private held = false
  /** Somebody waits for what comes behind a body that nobody reads: all of it is kept, until somebody does. */
  private readsOn = false
  private trailerFields: FieldList | undefined
  private failure: Error | undefined
  private closed = false
  private reader: Waiting<Buffer | null> | undefined
  private collector: Waiting<Buffer> | undefined
  private trailerWaiting: Waiting<FieldList>[] = []

  /** Whom to pause and to abort. It may push before this is called. */
  attach(exchange: Exchange): void {
    this.exchange = exchange
    if (this.held) exchange.pause()
  }

  // From the exchange.

  push(chunk: Buffer): void {
    if (this.closed) return
    const { reader } = this
    if (reader !== undefined) {
      this.reader = undefined
      reader.resolve(chunk)
      return
    }
    this.queue.push(chunk)
    this.queued += chunk.length
    if (this.queued >= RESPONSE_BUFFER && !this.held && !this.readsOn) {
      this.held = true
      this.exchange?.pause()
    }
  }

  end(trailers: FieldList): void {
    this.trailerFields = trailers
    this.reader?.resolve(null)
    this.reader = undefined
    this.collector?.resolve(this.takeAll())
    this.collector = undefined
    for (const waiting of this.trailerWaiting.splice(0)) waiting.resolve(trailers)
  }

  fail(error: Error): void {
    if (this.over) return
    this.failure = error
    this.reader?.reject(error)
    this.reader = undefined
    this.collector?.reject(error)
    this.collector = undefined
    for (const waiting of this.trailerWaiting.splice(0)) waiting.reject(error)
  }

  // To the reader.

  /** Everything has come, or nothing more will. */
  get over(): boolean {
    return this.trailerFields !== undefined || this.failure !== undefined
  }

  /** The next piece as it arrived, or null at the end. One call at a time. */
  next(): Promise<Buffer | null> {
    this.readsOn = false
    if (this.head < this.queue.length) {
      const chunk = this.queue[this.head++]
      this.forgetRead()
      this.queued -= chunk.length
      if (this.held && this.queued < RESPONSE_BUFFER / 2) {
        this.held = false
        this.exchange?.resume()
      }
      return Promise.resolve(chunk)
    }
    if (this.failure !== undefined) return Promise.reject(this.failure)
    if (this.trailerFields !== undefined) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      this.reader = { resolve, reject }
    })
  }

  /** What is to come is joined. */
  get collecting(): boolean {
    return this.collector !== undefined
  }

  /** Everything that was not read yet, at the end, as one: a promise for each piece costs as much as all the rest. */
  collect(): Promise<Buffer> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    if (this.trailerFields !== undefined) return Promise.resolve(this.takeAll())
    this.readsOn = true
    if (this.held) {
      this.held = false
      this.exchange?.resume()
    }
    return new Promise((resolve, reject) => {
      this.collector = { resolve, reject }
    })
  }

  private takeAll(): Buffer {
    const whole = joined(this.head === 0 ? this.queue : this.queue.slice(this.head), this.queued)
    this.queue = []
    this.head = 0
    this.queued = 0
    return whole
  }

  /** Lets go of what was read, once that is most of the list. */
  private forgetRead(): void {
    if (this.head * 2 < this.queue.length) return
    this.queue.splice(0, this.head)
    this.head = 0
  }

  /** The trailer section, which comes after the body: what of it nobody has read by then is kept in memory. */
  trailers(): Promise<FieldList> {
    if (this.trailerFields !== undefined) return Promise.resolve(this.trailerFields)
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.readsOn = this.reader === undefined
    if (this.held && this.readsOn) {
      this.held = false
      this.exchange?.resume()
    }
    return new Promise((resolve, reject) => {
      this.trailerWaiting.push({ resolve, reject })
    })
  }

  /** Nobody reads any more: what has not come is cancelled. */
  close(reason?: unknown): void {
    if (this.closed) return
    this.closed = true
    this.queue = []
    this.head = 0
    if (this.over) return
    this.fail(abortReason(reason))
    this.exchange?.abort(reason)
  }
}
