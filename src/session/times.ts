/** The times and counts that a session keeps: its options with their defaults filled in. */
import { CONNECT_TIMEOUT, IDLE_TIMEOUT, MAX_AGE, PING_TIMEOUT, VERIFY_AFTER, WRITE_TIMEOUT } from '../limits.ts'

/** Options of a session, a part of those of a connection (connection/contract.ts); times in milliseconds, 0 = no limit. */
export interface SessionSettings {
  readonly writeTimeout?: number | undefined
  readonly connectTimeout?: number | undefined
  readonly idleTimeout?: number | undefined
  readonly maxAge?: number | undefined
  readonly pingTimeout?: number | undefined
  readonly pingInterval?: number | undefined
  readonly verifyAfter?: number | undefined
  readonly maxConcurrentStreams?: number | undefined
}

/** Times in milliseconds, 0 = no limit, but those that are a time of the clock: Infinity = never. */
export interface SessionTimes {
  readonly writeTimeout: number
  readonly idleTimeout: number
  readonly verifyAfter: number
  readonly pingTimeout: number
  readonly pingInterval: number
  /** When the session is too old. */
  readonly retireAt: number
  readonly settingsTimeout: number
  /** When the peer's SETTINGS must have come. */
  readonly settingsUntil: number
  readonly maxStreams: number
}

/** @param bornAt when the session began. */
export function sessionTimes(settings: SessionSettings, bornAt: number): SessionTimes {
  const after = (time: number): number => (time > 0 ? bornAt + time : Number.POSITIVE_INFINITY)
  const settingsTimeout = settings.connectTimeout ?? CONNECT_TIMEOUT
  return {
    writeTimeout: settings.writeTimeout ?? WRITE_TIMEOUT,
    idleTimeout: settings.idleTimeout ?? IDLE_TIMEOUT,
    verifyAfter: settings.verifyAfter ?? VERIFY_AFTER,
    pingTimeout: settings.pingTimeout ?? PING_TIMEOUT,
    pingInterval: settings.pingInterval ?? 0,
    retireAt: after(settings.maxAge ?? MAX_AGE),
    settingsTimeout,
    settingsUntil: after(settingsTimeout),
    maxStreams: settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY,
  }
}
