/** The body of a response as the SDK reads it: a Readable, with the trailer section once it has ended. */
import { Readable } from 'node:stream'
import type { Exchange } from '../../src/exchange/contract.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { failWhenHeard } from '../common/fail-when-heard.ts'
import { nodeHeaders } from '../common/headers.ts'

export class AwsBody extends Readable {
  /** Trailer fields; empty before the end. */
  trailers: Record<string, string | string[]> = {}
  private readonly exchange: Exchange | undefined
  private finished = false

  constructor(exchange: Exchange | undefined) {
    super()
    this.exchange = exchange
  }

  finish(trailers: FieldList): void {
    this.finished = true
    this.trailers = nodeHeaders(trailers)
    this.push(null)
  }

  /** The body broke off: its reader gets the error when it reads. */
  fail(error: Error): void {
    this.finished = true
    failWhenHeard(this, error)
  }

  override _read(): void {
    this.exchange?.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.finished) this.exchange?.abort(error ?? undefined)
    callback(error)
  }
}
