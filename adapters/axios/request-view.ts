/**
 * `response.request`, and its `res`: what axios's users read there of node:http's objects, without making those objects.
 *
 * Both are emitters, because Node's own stream helpers take listeners off a stream's `req`; they emit nothing by themselves.
 */
import { EventEmitter } from 'node:events'
import type { FieldList } from '../../src/headers/fields.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { type ConnectionSocket, socketOf } from '../common/connection-socket.ts'
import { distinctHeaders, nodeHeaders } from '../common/headers.ts'
import { type HttpVersion, statusMessage } from '../common/status-line.ts'

/** The response as node:http would show it, but for its body. */
export class ResponseView extends EventEmitter {
  readonly statusCode: number
  readonly httpVersion: HttpVersion
  readonly responseUrl: string
  readonly req: RequestView | undefined
  readonly url = ''
  readonly method = null
  /** @internal */
  trailerFields: FieldList = []
  complete = false
  aborted = false
  private readonly reason: string
  private readonly fields: FieldList
  private readonly raw: FieldList

  constructor(
    status: number,
    fields: FieldList,
    reason: string,
    httpVersion: HttpVersion,
    url: string,
    req?: RequestView,
    raw: FieldList = fields,
  ) {
    super()
    this.statusCode = status
    this.fields = fields
    this.raw = raw
    this.reason = reason
    this.httpVersion = httpVersion
    this.responseUrl = url
    this.req = req
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

  get rawTrailers(): string[] {
    return [...this.trailerFields]
  }

  get statusMessage(): string {
    return statusMessage(this.statusCode, this.reason, this.httpVersion)
  }

  get headers(): Record<string, string | string[]> {
    return nodeHeaders(this.fields)
  }

  get headersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.fields)
  }

  get trailers(): Record<string, string | string[]> {
    return nodeHeaders(this.trailerFields)
  }

  get trailersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.trailerFields)
  }

  get socket(): ConnectionSocket | undefined {
    return this.req?.socket
  }

  get connection(): ConnectionSocket | undefined {
    return this.req?.socket
  }

  get client(): ConnectionSocket | undefined {
    return this.req?.socket
  }

  get readableEnded(): boolean {
    return this.complete
  }
}

/** What of a response a stream shows that stands for the message itself. */
export const MESSAGE_MEMBERS = [
  'statusCode',
  'statusMessage',
  'httpVersionMajor',
  'httpVersionMinor',
  'headers',
  'headersDistinct',
  'rawHeaders',
  'trailersDistinct',
  'rawTrailers',
  'responseUrl',
  'complete',
  'aborted',
  'url',
  'method',
  'req',
  'socket',
  'connection',
] as const satisfies readonly (keyof ResponseView)[]

/** The request of the last hop. */
export class RequestView extends EventEmitter {
  readonly method: string
  readonly protocol: string
  readonly host: string
  readonly path: string
  /** Filled when the response has come. */
  res: ResponseView | undefined
  aborted = false
  readonly finished = true
  readonly writableEnded = true
  readonly writableFinished = true
  readonly headersSent = true
  readonly maxHeadersCount = null
  reusedSocket = false
  /** Which carries it, once there is one. */
  connectionInfo: ConnectionInfo | undefined
  private readonly fields: FieldList
  private readonly cancel: (() => void) | undefined

  /** @param cancel ends it, while it is under way. */
  constructor(method: string, url: URL, path: string, fields: FieldList, cancel?: () => void) {
    super()
    this.method = method
    this.protocol = url.protocol
    this.host = url.hostname
    this.path = path
    this.fields = fields
    this.cancel = cancel
  }

  get destroyed(): boolean {
    return this.aborted || this.res?.complete === true
  }

  /** Where it went. */
  get socket(): ConnectionSocket | undefined {
    return this.connectionInfo && socketOf(this.connectionInfo)
  }

  get connection(): ConnectionSocket | undefined {
    return this.socket
  }

  getHeader(name: string): string | string[] | undefined {
    return this.getHeaders()[name.toLowerCase()]
  }

  getHeaders(): Record<string, string | string[]> {
    const lower: string[] = []
    for (let i = 0; i < this.fields.length; i += 2) lower.push(this.fields[i].toLowerCase(), this.fields[i + 1])
    return nodeHeaders(lower)
  }

  getHeaderNames(): string[] {
    return Object.keys(this.getHeaders())
  }

  getRawHeaderNames(): string[] {
    return [...new Set(this.fields.filter((_, i) => i % 2 === 0))]
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined
  }

  abort(): void {
    this.destroy()
  }

  /** Ends the response, where it is still coming. */
  destroy(): this {
    if (this.destroyed) return this
    this.aborted = true
    this.cancel?.()
    return this
  }

  // These are about the connection, which is not this request's alone.
  setTimeout(): this {
    return this
  }
  setNoDelay(): void {}
  setSocketKeepAlive(): void {}
  flushHeaders(): void {}
}
