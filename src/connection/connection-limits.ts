/** What a connection allows its exchanges: its options with their defaults filled in. */
import type { AttemptLimits } from '../exchange/carrier.ts'
import { BODY_TIMEOUT, HEADERS_TIMEOUT, WRITE_TIMEOUT } from '../limits.ts'
import type { ConnectionSettings } from './contract.ts'

export interface ConnectionLimits extends AttemptLimits {
  /** Exchanges in the connection's life. */
  readonly maxRequests: number
}

export function connectionLimits(settings: ConnectionSettings): ConnectionLimits {
  return {
    headersTimeout: settings.headersTimeout ?? HEADERS_TIMEOUT,
    bodyTimeout: settings.bodyTimeout ?? BODY_TIMEOUT,
    writeTimeout: settings.writeTimeout ?? WRITE_TIMEOUT,
    maxResponseSize: settings.maxResponseSize ?? Number.POSITIVE_INFINITY,
    maxRequests: settings.maxRequests ?? Number.POSITIVE_INFINITY,
  }
}
