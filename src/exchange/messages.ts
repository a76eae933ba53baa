/** What the diagnostics channels of exchanges and connections say (`src/diagnostics.ts` has the channels). */
import { type FieldList, flattenFields } from '../headers/fields.ts'
import type { ConnectStep } from '../net/link.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Exchange, ExchangeRequest } from './contract.ts'

/** Message of the channels `hyper:request:*`. The same `exchange` object stands for a request from its first message to its last. */
export interface RequestMessage {
  readonly exchange: Exchange
  readonly request: ExchangeRequest
  /** `headers`: of the response. */
  readonly status?: number
  readonly headers?: FieldList
  /** `end`: the trailer section. */
  readonly trailers?: FieldList
  /** `error` and `retry`: why. */
  readonly error?: Error
  /** `start` and `sent`: the connection. `start`: whether it carried exchanges before. */
  readonly connection?: ConnectionInfo | undefined
  readonly reused?: boolean
}

/** Message of the channels `hyper:connection:*`. */
export interface ConnectionMessage {
  readonly origin: string
  readonly connection?: ConnectionInfo
  readonly error?: Error | undefined
  /** `step`: what the connect chain has done. */
  readonly step?: ConnectStep
}

/** The request with a list of fields of its own, to which whoever watches may add. One whose fields are not acceptable stays as it is. */
export function openToFields(request: ExchangeRequest): ExchangeRequest {
  try {
    return { ...request, headers: [...flattenFields(request.headers)] }
  } catch {
    return request
  }
}
