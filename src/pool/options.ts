/** What a pool can be told, checked when it is told. */
import type { ConnectionSettings } from '../connection/http2.ts'
import { type HyperError, InvalidArgumentError } from '../errors.ts'
import type { ConnectionInfo, ConnectOptions } from '../exchange.ts'

/** Called as connections come and go. They must not throw. */
export interface PoolEvents {
  connect?(origin: string, info: ConnectionInfo): void
  disconnect?(origin: string, error: Error | undefined): void
  connectionError?(origin: string, error: HyperError): void
}

/** Options of a {@link Pool}: times in milliseconds (0 = no limit), sizes in octets. */
export interface PoolOptions extends ConnectOptions, ConnectionSettings {
  /**
   * Connections to one origin. Default: 1 over HTTP/2, where one carries as many requests as the server allows and the
   * rest wait in order; 64 over HTTP/1.1.
   */
  readonly connections?: number | undefined
  /** For lookup, TCP and TLS together. Default 10,000. */
  readonly connectTimeout?: number | undefined
  readonly events?: PoolEvents | undefined
}

/**
 * Each option by its name and what it may be.
 * @throws {InvalidArgumentError} naming the option and what it may be.
 */
export function checkPoolOptions(options: PoolOptions): void {
  if (typeof options !== 'object' || options === null) throw new InvalidArgumentError('Pool options must be an object')
  atLeast(1, 'connections', options.connections)
  atLeast(1, 'maxConcurrentStreams', options.maxConcurrentStreams)
  atLeast(0, 'maxResponseSize', options.maxResponseSize)
  atLeast(1024, 'maxHeaderListSize', options.maxHeaderListSize)
  atLeast(8, 'maxHeaderFields', options.maxHeaderFields)
  atLeast(1024, 'streamWindow', options.streamWindow)
  atLeast(65_535, 'connectionWindow', options.connectionWindow)
  for (const name of ['connectTimeout', 'headersTimeout', 'bodyTimeout', 'idleTimeout'] as const) {
    const value = options[name]
    if (value !== undefined && !(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
      throw new InvalidArgumentError(`${name} must be a number of milliseconds, 0 or more, not ${String(value)}`)
    }
  }
  checkConnectOptions(options)
}

/** @throws {InvalidArgumentError} naming the option and what it may be. */
export function checkConnectOptions(options: ConnectOptions): void {
  oneOf('h2c', options.h2c, ['prior-knowledge'])
  oneOf('family', options.family, [0, 4, 6])
  oneOf('allowH2', options.allowH2, [true, false])
  if (options.lookup !== undefined && typeof options.lookup !== 'function') {
    throw new InvalidArgumentError('lookup must be a function like dns.lookup')
  }
  if (options.tls !== undefined && (typeof options.tls !== 'object' || options.tls === null)) {
    throw new InvalidArgumentError('tls must be an object of TLS options')
  }
  for (const name of ['socketPath', 'localAddress'] as const) {
    const value = options[name]
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidArgumentError(`${name} must be text that is not empty`)
    }
  }
}

function atLeast(least: number, name: string, value: number | undefined): void {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return
  if (!Number.isInteger(value) || value < least || value > 0x7fffffff) {
    throw new InvalidArgumentError(`${name} must be a whole number from ${least} to 2147483647, not ${String(value)}`)
  }
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return
  const list = allowed.map((one) => JSON.stringify(one)).join(', ')
  throw new InvalidArgumentError(`${name} must be one of ${list}, not ${String(value)}`)
}
