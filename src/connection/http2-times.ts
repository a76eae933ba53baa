/** The times and counts that an HTTP/2 connection keeps, its options with their defaults filled in. */
import {
  BODY_TIMEOUT,
  CONNECT_TIMEOUT,
  HEADERS_TIMEOUT,
  IDLE_TIMEOUT,
  MAX_AGE,
  QUEUE_TIMEOUT,
  VERIFY_AFTER,
  WRITE_TIMEOUT,
} from '../limits.ts'
import type { ConnectionSettings } from './contract.ts'

/** Times in milliseconds, 0 = no limit, but those that are a time of the clock: Infinity = never. */
export interface Http2Times {
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly writeTimeout: number
  readonly queueTimeout: number
  readonly idleTimeout: number
  readonly verifyAfter: number
  readonly pingInterval: number
  /** When the connection is too old. */
  readonly retireAt: number
  readonly settingsTimeout: number
  /** When the peer's SETTINGS must have come. */
  readonly settingsUntil: number
  readonly maxResponseSize: number
  readonly maxStreams: number
  readonly maxRequests: number
}

/** @param bornAt when the connection was made. */
export function http2Times(settings: ConnectionSettings, bornAt: number): Http2Times {
  const after = (time: number): number => (time > 0 ? bornAt + time : Number.POSITIVE_INFINITY)
  const settingsTimeout = settings.connectTimeout ?? CONNECT_TIMEOUT
  return {
    headersTimeout: settings.headersTimeout ?? HEADERS_TIMEOUT,
    bodyTimeout: settings.bodyTimeout ?? BODY_TIMEOUT,
    writeTimeout: settings.writeTimeout ?? WRITE_TIMEOUT,
    queueTimeout: settings.queueTimeout ?? QUEUE_TIMEOUT,
    idleTimeout: settings.idleTimeout ?? IDLE_TIMEOUT,
    verifyAfter: settings.verifyAfter ?? VERIFY_AFTER,
    pingInterval: settings.pingInterval ?? 0,
    retireAt: after(settings.maxAge ?? MAX_AGE),
    settingsTimeout,
    settingsUntil: after(settingsTimeout),
    maxResponseSize: settings.maxResponseSize ?? Number.POSITIVE_INFINITY,
    maxStreams: settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY,
    maxRequests: settings.maxRequests ?? Number.POSITIVE_INFINITY,
  }
}
