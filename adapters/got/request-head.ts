/** What a request says of itself before it is sent: its line, its header fields, its trailers. */
import { EventEmitter } from 'node:events'
import type { Exchange } from '../../src/exchange/contract.ts'
import type { FieldsInit } from '../../src/headers/fields.ts'
import type { ConnectionSocket } from '../common/connection-socket.ts'
import { NodeError } from '../common/errors.ts'
import type { NativeOptions } from '../common/node-options.ts'
import type { Target } from './options.ts'

export class RequestHead extends EventEmitter {
  readonly method: string
  readonly protocol: string
  readonly host: string
  readonly path: string
  readonly socketPath: string | undefined
  writableEnded = false
  /** The connection, once there is one or one is being made. */
  socket: ConnectionSocket | undefined
  protected readonly headers: Record<string, string | string[] | undefined>
  protected trailers: FieldsInit | undefined
  protected exchange: Exchange | undefined

  constructor(target: Target, options: NativeOptions) {
    super()
    this.method = options.method ?? 'GET'
    this.protocol = target.protocol
    this.host = target.host
    this.path = target.path
    this.socketPath = options.socketPath
    const headers = options.headers ?? {}
    this.headers = headers
    if (target.auth !== undefined && headers['authorization'] === undefined) {
      headers['authorization'] = `Basic ${Buffer.from(target.auth).toString('base64')}`
    }
  }

  get connection(): ConnectionSocket | undefined {
    return this.socket
  }

  get finished(): boolean {
    return this.writableEnded
  }

  get headersSent(): boolean {
    return this.exchange !== undefined
  }

  getHeader(name: string): string | string[] | undefined {
    return this.headers[name.toLowerCase()]
  }

  getHeaders(): Record<string, string | string[] | undefined> {
    return { ...this.headers }
  }

  getHeaderNames(): string[] {
    return Object.keys(this.headers)
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined
  }

  /** @throws Error with the code `ERR_HTTP_HEADERS_SENT` once the request is on its way. */
  setHeader(name: string, value: string | number | string[]): this {
    this.checkUnsent('set')
    this.headers[name.toLowerCase()] = typeof value === 'number' ? String(value) : value
    return this
  }

  /** @throws Error with the code `ERR_HTTP_HEADERS_SENT` once the request is on its way. */
  removeHeader(name: string): void {
    this.checkUnsent('remove')
    delete this.headers[name.toLowerCase()]
  }

  /**
   * Sends these after the body, over HTTP/2. Before the first write, or else with a `trailer` header that announces them.
   * @throws Error with the code `ERR_HTTP_HEADERS_SENT` when it is too late.
   */
  addTrailers(trailers: FieldsInit): void {
    if (this.exchange !== undefined && this.headers['trailer'] === undefined) this.checkUnsent('add trailers to')
    this.trailers = trailers
  }

  private checkUnsent(what: string): void {
    if (this.exchange === undefined) return
    throw new NodeError('ERR_HTTP_HEADERS_SENT', `Cannot ${what} headers after they are sent to the server`)
  }
}
