/** A response that is awaited: between the callbacks of an exchange and the promise of a {@link HTTPResponse}. */
import type { DataUse, Exchange, ExchangeHandler, PushPromise } from '../exchange/contract.ts'
import type { FieldList } from '../headers/fields.ts'
import { ignore } from '../ignore.ts'
import type { ConnectionInfo } from '../net/options.ts'
import { HTTPHeaderMap } from './header-map.ts'
import { IncomingBody } from './incoming.ts'
import { type DecodeLimits, HTTPResponse } from './response.ts'

/** What its owner hears. */
export interface PendingResponseOwner {
  /** The exchange has a connection; again after it was sent again. */
  connected?(info: ConnectionInfo): void
  informational?: ((status: number, headers: HTTPHeaderMap) => void) | undefined
  /** The server promises the answer to a request that it made up; undefined cancels it. */
  pushed?: ((promise: PushPromise) => ExchangeHandler | undefined) | undefined
  /** The exchange is over. */
  settled?(error: Error | undefined): void
}

export class PendingResponse implements ExchangeHandler {
  readonly onInformational: ((status: number, fields: FieldList) => void) | undefined
  readonly onPush: ((promise: PushPromise) => ExchangeHandler | undefined) | undefined
  /** Resolves with the response; a rejection that nobody waits for is no accident. */
  readonly response: Promise<HTTPResponse>
  private readonly owner: PendingResponseOwner
  private readonly limits: DecodeLimits
  private readonly incoming = new IncomingBody()
  private exchange: Exchange | undefined
  private readonly resolve: (response: HTTPResponse) => void
  private readonly reject: (error: Error) => void

  constructor(limits: DecodeLimits, owner: PendingResponseOwner = {}) {
    this.owner = owner
    this.limits = limits
    const { promise, resolve, reject } = Promise.withResolvers<HTTPResponse>()
    promise.catch(ignore)
    this.response = promise
    this.resolve = resolve
    this.reject = reject
    const { informational } = owner
    // Informational responses and pushes are not even looked at when nobody wants them.
    this.onInformational =
      informational && ((status: number, fields: FieldList) => informational(status, new HTTPHeaderMap(fields)))
    this.onPush = owner.pushed
  }

  attach(exchange: Exchange): void {
    this.exchange = exchange
    this.incoming.attach(exchange)
  }

  onConnected(info: ConnectionInfo): void {
    this.owner.connected?.(info)
  }

  onHeaders(status: number, fields: FieldList, statusText: string, _raw?: FieldList, said?: '1.0' | '1.1'): void {
    const connection = this.exchange?.connection
    const version = connection?.protocol === 'http/1.1' ? (`HTTP/${said ?? '1.1'}` as const) : 'HTTP/2'
    this.resolve(new HTTPResponse(status, statusText, version, fields, connection, this.incoming, this.limits))
  }

  get dataUse(): DataUse {
    return this.incoming.collecting ? 'joined' : 'passed on'
  }

  onData(chunk: Buffer): void {
    this.incoming.push(chunk)
  }

  onEnd(trailers: FieldList): void {
    this.incoming.end(trailers)
    this.owner.settled?.(undefined)
  }

  onError(error: Error): void {
    this.reject(error)
    this.incoming.fail(error)
    this.owner.settled?.(error)
  }
}
