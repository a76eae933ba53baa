/**
 * The handler of one request of a call. Each redirect has one of its own, so that what is left of the response before can be
 * let go in its own time.
 */

import { clearTimeout, setImmediate, setTimeout } from '../../src/clock.ts'
import type { DataUse, Exchange, ExchangeHandler } from '../../src/exchange/contract.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { MAX_REDIRECT_BODY, MAX_REDIRECT_BODY_TIME } from '../common/redirect-body.ts'

/** What a call hears of its current request. */
export interface HopListener {
  onHeaders: ExchangeHandler['onHeaders']
  readonly dataUse: DataUse
  onData(chunk: Buffer): void
  onEnd(trailers: FieldList): void
  onError(error: Error): void
}

export class HopHandler implements ExchangeHandler {
  exchange: Exchange | undefined
  /** Only set when somebody wants to know: the transport then need not tell. */
  readonly onBodySent: ((octets: number) => void) | undefined
  readonly onRequestSent: (() => void) | undefined
  private listener: HopListener | undefined
  private drained = 0
  private timer: NodeJS.Timeout | undefined
  private over = false

  constructor(listener: HopListener, upload: { add(octets: number): void; flush(): void } | undefined) {
    this.listener = listener
    this.onBodySent = upload && ((octets) => upload.add(octets))
    this.onRequestSent = upload && (() => upload.flush())
  }

  /** Nobody wants the rest. A short one is let run to its end. */
  drain(length: number): void {
    this.listener = undefined
    if (this.over) return
    const giveUp = (): void => this.giveUp()
    if (length > MAX_REDIRECT_BODY) {
      setImmediate(giveUp)
      return
    }
    // What has come while the event loop was busy is read before that.
    this.timer = setTimeout(() => setImmediate(giveUp), MAX_REDIRECT_BODY_TIME)
    this.timer.unref()
    this.exchange?.resume()
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
    if (this.drained > MAX_REDIRECT_BODY) this.giveUp()
  }

  onEnd(trailers: FieldList): void {
    this.over = true
    if (this.timer !== undefined) clearTimeout(this.timer)
    this.listener?.onEnd(trailers)
  }

  onError(error: Error): void {
    this.over = true
    if (this.timer !== undefined) clearTimeout(this.timer)
    this.listener?.onError(error)
  }
}
