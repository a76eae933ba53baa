/** What an HTTP/2 connection allows its exchanges, its options with their defaults filled in. */
import { BODY_TIMEOUT, HEADERS_TIMEOUT, QUEUE_TIMEOUT, WRITE_TIMEOUT } from '../limits.ts'
import type { ConnectionSettings } from './contract.ts'

/** Times in milliseconds, 0 = no limit. */
export interface Http2Limits {
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly writeTimeout: number
  readonly queueTimeout: number
  readonly maxResponseSize: number
  /** Exchanges in the connection's life. */
  readonly maxRequests: number
}

export function http2Limits(settings: ConnectionSettings): Http2Limits {
  return {
    headersTimeout: settings.headersTimeout ?? HEADERS_TIMEOUT,
    bodyTimeout: settings.bodyTimeout ?? BODY_TIMEOUT,
    writeTimeout: settings.writeTimeout ?? WRITE_TIMEOUT,
    queueTimeout: settings.queueTimeout ?? QUEUE_TIMEOUT,
    maxResponseSize: settings.maxResponseSize ?? Number.POSITIVE_INFINITY,
    maxRequests: settings.maxRequests ?? Number.POSITIVE_INFINITY,
  }
}
