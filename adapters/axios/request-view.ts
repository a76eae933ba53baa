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

/**
 * An emitter that makes its table of listeners when the first one comes: EventEmitter's constructor makes it at once, and nearly
 * none of these is ever listened to. All of EventEmitter's methods take one without a table.
 */
class WithoutTable {}
Object.setPrototypeOf(WithoutTable.prototype, EventEmitter.prototype)
const LazyEmitter = WithoutTable as unknown as new () => EventEmitter

/** The head of a response. */
export interface ResponseHead {
  readonly status: number
  readonly fields: FieldList
  readonly reason: string
  readonly raw: FieldList | undefined
  readonly version: HttpVersion
}

export function reasonOf({ status, reason, version }: ResponseHead): string {
  return statusMessage(status, reason, version)
}

/** The response as node:http would show it, but for its body. */
export class ResponseView extends LazyEmitter {
  readonly statusCode: number
  readonly httpVersion: HttpVersion
  readonly req: RequestView
  readonly url = ''
  readonly method = null
  aborted = false
  private readonly head: ResponseHead

  constructor(head: ResponseHead, req: RequestView) {
    super()
    this.head = head
    this.statusCode = head.status
    this.httpVersion = head.version
    this.req = req
  }

  get responseUrl(): string {
    return this.req.href
  }

  get complete(): boolean {
    return this.req.trailerFields !== undefined
  }

  get httpVersionMajor(): number {
    return Number(this.httpVersion[0])
  }

  get httpVersionMinor(): number {
    return Number(this.httpVersion[2])
  }

  get rawHeaders(): string[] {
    return [...(this.head.raw ?? this.head.fields)]
  }

  get rawTrailers(): string[] {
    return [...this.trailerFields]
  }

  get statusMessage(): string {
    return reasonOf(this.head)
  }

  get headers(): Record<string, string | string[]> {
    return nodeHeaders(this.head.fields)
  }

  get headersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.head.fields)
  }

  get trailers(): Record<string, string | string[]> {
    return nodeHeaders(this.trailerFields)
  }

  get trailersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.trailerFields)
  }

  private get trailerFields(): FieldList {
    return this.req.trailerFields ?? []
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

/** Who carries out a request. */
export interface Carrier {
  /** The caller destroyed what stands for the request. */
  abandon(): void
}

/** The request of the last hop. */
export class RequestView extends LazyEmitter {
  readonly method: string
  readonly path: string
  /** @internal As it was sent. */
  readonly href: string
  aborted = false
  /** @internal Which carries it, once there is one. */
  connectionInfo: ConnectionInfo | undefined
  /** @internal Once it has come. */
  head: ResponseHead | undefined
  /** @internal Once the response is complete. */
  trailerFields: FieldList | undefined
  private readonly target: URL
  private readonly fields: FieldList
  private readonly carrier: Carrier
  private response: ResponseView | undefined

  constructor(method: string, url: URL, href: string, path: string, fields: FieldList, carrier: Carrier) {
    super()
    this.method = method
    this.path = path
    this.href = href
    this.target = url
    this.fields = fields
    this.carrier = carrier
  }

  get protocol(): string {
    return this.target.protocol
  }

  get host(): string {
    return this.target.hostname
  }

  /** Made when somebody looks: mostly nobody does. */
  get res(): ResponseView | undefined {
    if (this.head !== undefined) this.response ??= new ResponseView(this.head, this)
    return this.response
  }

  get destroyed(): boolean {
    return this.aborted || this.trailerFields !== undefined
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
    this.carrier.abandon()
    return this
  }

  // Whoever sees it sees it sent.
  get finished(): boolean {
    return true
  }
  get writableEnded(): boolean {
    return true
  }
  get writableFinished(): boolean {
    return true
  }
  get headersSent(): boolean {
    return true
  }
  get maxHeadersCount(): null {
    return null
  }
  get reusedSocket(): boolean {
    return false
  }

  // These are about the connection, which is not this request's alone.
  setTimeout(): this {
    return this
  }
  setNoDelay(): void {}
  setSocketKeepAlive(): void {}
  flushHeaders(): void {}
}
