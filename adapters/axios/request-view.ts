/**
 * `response.request`, and its `res`: what axios's users read there of node:http's objects, without making those objects.
 */
import type { FieldList } from '../../src/headers/fields.ts'
import type { ConnectionInfo } from '../../src/net/options.ts'
import { nodeHeaders, statusText } from '../common/headers.ts'

/** The response as node:http would show it. */
export class ResponseView {
  readonly statusCode: number
  readonly httpVersion: string
  readonly responseUrl: string
  /** @internal */
  trailerFields: FieldList = []
  complete = false
  aborted = false
  private readonly reason: string
  private readonly fields: FieldList

  constructor(status: number, fields: FieldList, reason: string, protocol: string, url: string) {
    this.statusCode = status
    this.fields = fields
    this.reason = reason
    this.httpVersion = protocol === 'h2' ? '2.0' : '1.1'
    this.responseUrl = url
  }

  get rawHeaders(): string[] {
    return [...this.fields]
  }

  get rawTrailers(): string[] {
    return [...this.trailerFields]
  }

  get statusMessage(): string {
    return this.reason || (this.statusCode === 200 ? 'OK' : statusText(this.statusCode))
  }

  get headers(): Record<string, string | string[]> {
    return nodeHeaders(this.fields)
  }

  get trailers(): Record<string, string | string[]> {
    return nodeHeaders(this.trailerFields)
  }
}

/** The request of the last hop. */
export class RequestView {
  readonly method: string
  readonly protocol: string
  readonly host: string
  readonly path: string
  /** Filled when the response has come. */
  res: ResponseView | undefined
  aborted = false
  connection: ConnectionInfo | undefined
  private readonly fields: FieldList

  constructor(method: string, url: URL, path: string, fields: FieldList) {
    this.method = method
    this.protocol = url.protocol
    this.host = url.hostname
    this.path = path
    this.fields = fields
  }

  get destroyed(): boolean {
    return this.aborted
  }

  /** Where it went. */
  get socket(): ConnectionInfo | undefined {
    return this.connection
  }

  getHeader(name: string): string | string[] | undefined {
    return this.getHeaders()[name.toLowerCase()]
  }

  getHeaders(): Record<string, string | string[]> {
    return nodeHeaders(this.fields)
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined
  }
}
