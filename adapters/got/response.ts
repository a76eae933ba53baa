/** The response as got expects it of node:http: a Readable in byte mode with the properties of an IncomingMessage. */
import { Readable } from 'node:stream'
import { nextTick } from '../../src/clock.ts'
import type { Exchange } from '../../src/exchange/contract.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { NO_FIELDS } from '../../src/headers/fields.ts'
import type { ConnectionSocket } from '../common/connection-socket.ts'
import { NodeError } from '../common/errors.ts'
import { distinctHeaders, nodeHeaders } from '../common/headers.ts'
import { type HttpVersion, statusMessage } from '../common/status-line.ts'

const NONE: Readonly<Record<string, never>> = Object.freeze({})

/** The request of a response, as far as the response needs it. */
export interface RespondedRequest {
  readonly socket: ConnectionSocket | undefined
  setTimeout(timeout: number, callback?: () => void): unknown
  /** The response was destroyed before its end. */
  responseDestroyed(): void
  /** It is over, after all of it has come. */
  responseEnded(): void
}

export class HyperResponse extends Readable {
  statusCode: number
  statusMessage: string
  headers: Record<string, string | string[]>
  trailers: Readonly<Record<string, string | string[]>> = NONE
  /** Each trailer as the list of its values. Empty until the end. */
  trailersDistinct: Readonly<Record<string, string[]>> = NONE
  httpVersion: HttpVersion
  complete = false
  /** It broke off. Not when the caller ended its request: node:http says so only later, when nobody looks any more. */
  aborted = false
  /** @internal */
  endedByCaller = false
  url = ''
  method: string | null = null
  readonly req: RespondedRequest
  private readonly exchange: Exchange
  private readonly fields: FieldList
  private readonly raw: FieldList
  private rawTrailerFields: FieldList = NO_FIELDS
  private held = false
  /** The connection or the stream ended: node:http says so before it says why. */
  private brokenOff = false

  constructor(
    request: RespondedRequest,
    exchange: Exchange,
    status: number,
    fields: FieldList,
    reason: string,
    httpVersion: HttpVersion,
    raw: FieldList = fields,
  ) {
    super()
    this.req = request
    this.exchange = exchange
    this.statusCode = status
    this.statusMessage = statusMessage(status, reason, httpVersion)
    this.headers = nodeHeaders(fields)
    this.fields = fields
    this.raw = raw
    this.httpVersion = httpVersion
  }

  get httpVersionMajor(): number {
    return Number(this.httpVersion[0])
  }

  get httpVersionMinor(): number {
    return Number(this.httpVersion[2])
  }

  get rawHeaders(): string[] {
    return [...this.raw]
  }

  get headersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.fields)
  }

  get rawTrailers(): string[] {
    return [...this.rawTrailerFields]
  }

  get socket(): ConnectionSocket | undefined {
    return this.req.socket
  }

  get connection(): ConnectionSocket | undefined {
    return this.req.socket
  }

  get client(): ConnectionSocket | undefined {
    return this.req.socket
  }

  setTimeout(timeout: number, callback?: () => void): this {
    this.req.setTimeout(timeout, callback)
    return this
  }

  /** @internal */
  add(chunk: Buffer): void {
    if (this.push(chunk) || this.held) return
    this.held = true
    this.exchange.pause()
  }

  /** @internal */
  finish(trailers: FieldList, raw: FieldList = trailers): void {
    this.complete = true
    if (trailers.length > 0) {
      this.rawTrailerFields = raw
      this.trailers = nodeHeaders(trailers)
      this.trailersDistinct = distinctHeaders(trailers)
    }
    this.push(null)
  }

  /** @internal */
  fail(error: Error, brokenOff: boolean): void {
    this.brokenOff = brokenOff
    this.destroy(error)
  }

  override _read(): void {
    if (!this.held) return
    this.held = false
    this.exchange.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.complete) {
      this.req.responseEnded()
      callback(error)
      return
    }
    const aborted = !this.endedByCaller
    this.aborted = aborted
    this.req.responseDestroyed()
    if (this.brokenOff) {
      this.emit('aborted')
      callback(this.listenerCount('error') === 0 ? null : error)
      return
    }
    const reason = error ?? new NodeError('ECONNRESET', 'aborted')
    if (this.listenerCount('error') === 0) {
      if (aborted) this.emit('aborted')
      callback()
      return
    }
    callback(reason)
    // After the error, which says why: who listens to both hears the reason first.
    if (aborted) nextTick(() => this.emit('aborted'))
  }
}
