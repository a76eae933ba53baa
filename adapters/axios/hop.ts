/**
 * The handler of one request of a call. Each redirect has one of its own, so that what is left of the response before can be
 * let go in its own time.
 */

import { setImmediate } from '../../src/clock.ts'
import type { DataUse, Exchange, ExchangeHandler } from '../../src/exchange/contract.ts'
import type { FieldList } from '../../src/headers/fields.ts'

/** What a call hears of its current request. */
export interface HopListener {
  onHeaders: ExchangeHandler['onHeaders']
  readonly dataUse: DataUse
  onData(chunk: Buffer): void
  onEnd(trailers: FieldList): void
  onError(error: Error): void
}

/** How much of a redirect's body is read and dropped, in octets, rather than that its connection is given up. */
const MAX_DRAIN = 64 * 1024

export class HopHandler implements ExchangeHandler {
  exchange: Exchange | undefined
  /** Only set when somebody wants to know: the transport then need not tell. */
  readonly onBodySent: ((octets: number) => void) | undefined
  readonly onRequestSent: (() => void) | undefined
  private listener: HopListener | undefined
  private drained = 0
  private over = false

  constructor(listener: HopListener, upload: { add(octets: number): void; flush(): void } | undefined) {
    this.listener = listener
    this.onBodySent = upload && ((octets) => upload.add(octets))
    this.onRequestSent = upload && (() => upload.flush())
  }

  /** Nobody wants the rest. A short one is read to its end, so that an HTTP/1.1 connection stays of use. */
  drain(length: number): void {
    this.listener = undefined
    if (this.over) return
    // Over HTTP/2 giving it up costs nothing.
    if (length > MAX_DRAIN || this.exchange?.connection?.protocol !== 'http/1.1') setImmediate(() => this.giveUp())
    else this.exchange.resume()
  }

  private giveUp(): void {
    if (!this.over) this.exchange?.abort()
  }

  onHeaders(status: number, fields: FieldList, reason: string, raw?: FieldList, said?: '1.0' | '1.1'): void {
    this.listener?.onHeaders(status, fields, reason, raw, said)
  }

  get dataUse(): DataUse {
    return this.listener?.dataUse ?? 'passed on'
  }

  onData(chunk: Buffer): void {
    if (this.listener !== undefined) {
      this.listener.onData(chunk)
      return
    }
    this.drained += chunk.length
    if (this.drained > MAX_DRAIN) this.giveUp()
  }

  onEnd(trailers: FieldList): void {
    this.over = true
    this.listener?.onEnd(trailers)
  }

  onError(error: Error): void {
    this.over = true
    this.listener?.onError(error)
  }
}
