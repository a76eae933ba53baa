/** What a pool can be told, checked when it is told. */

import type { ConnectionSettings } from '../connection/contract.ts'
import { type HyperError, InvalidArgumentError } from '../errors.ts'
import type { ConnectorSettings } from '../net/connector.ts'
import type { ConnectionInfo, ConnectOptions } from '../net/options.ts'
import { checkProxyOption } from '../net/proxy.ts'
import { checkTlsOptions } from '../net/tls-options.ts'
import { surface } from '../surface.ts'

/** Called as connections come and go. What one throws is thrown outside of the pool's own work. */
export interface PoolEvents {
  /** A connection is about to be made; `connect` or `connectionError` follows, unless nobody needs it any more. */
  connecting?(origin: string): void
  connect?(origin: string, info: ConnectionInfo): void
  /** @param error why; of a peer that went in peace its GOAWAY; undefined when we closed the connection ourselves. */
  disconnect?(origin: string, error: Error | undefined): void
  connectionError?(origin: string, error: HyperError): void
  /** An alternative service was advertised (RFC 7838): the value of the field, as it came. It is not used by itself. */
  altSvc?(origin: string, value: string): void
  /** The server of this origin said which origins it speaks for (RFC 8336). */
  origins?(origin: string, origins: readonly string[]): void
}

/** Calls one of the events. What it throws is its owner's to see, outside of our data path. */
export function tell(event: () => void): void {
  try {
    event()
  } catch (thrown) {
    surface(thrown)
  }
}

/** Options of a {@link Pool}: times in milliseconds (0 = no limit), sizes in octets. */
export interface PoolOptions extends ConnectOptions, ConnectionSettings, ConnectorSettings {
  /**
   * Connections to one origin. Default: 1 over HTTP/2, where one carries as many requests as the server allows and the
   * rest wait in order; 64 over HTTP/1.1.
   */
  readonly connections?: number | undefined
  /** Waiting for a connection with room. Default 300,000 (`QUEUE_TIMEOUT`). */
  readonly queueTimeout?: number | undefined
  /**
   * Let a connection to one origin carry requests of another, when its certificate covers it and the address is the same or
   * the server says so (RFC 9113 section 9.1.1, RFC 8336). Default false.
   */
  readonly coalesce?: boolean | undefined
  readonly events?: PoolEvents | undefined
}

/** Options that are milliseconds, 0 for no limit. */
const TIMES = [
  'connectTimeout',
  'lookupTimeout',
  'tcpTimeout',
  'tlsTimeout',
  'proxyTimeout',
  'dnsCacheTime',
  'queueTimeout',
  'headersTimeout',
  'bodyTimeout',
  'writeTimeout',
  'idleTimeout',
  'maxAge',
  'pingTimeout',
  'pingInterval',
  'verifyAfter',
] as const satisfies readonly (keyof PoolOptions)[]

/**
 * Each option by its name and what it may be.
 * @throws {InvalidArgumentError} naming the option and what it may be.
 */
export function checkPoolOptions(options: PoolOptions): void {
  atLeast(1, 'connections', options.connections, true)
  atLeast(1, 'maxConcurrentStreams', options.maxConcurrentStreams, true)
  atLeast(0, 'maxResponseSize', options.maxResponseSize, true)
  atLeast(1024, 'maxHeaderListSize', options.maxHeaderListSize)
  atLeast(8, 'maxHeaderFields', options.maxHeaderFields)
  atLeast(1024, 'streamWindow', options.streamWindow)
  atLeast(65_535, 'connectionWindow', options.connectionWindow)
  atLeast(1, 'maxRequests', options.maxRequests, true)
  atLeast(1, 'maxPushes', options.maxPushes)
  atLeast(1024, 'maxStreamWindow', options.maxStreamWindow)
  oneOf('enablePush', options.enablePush, [true, false])
  oneOf('coalesce', options.coalesce, [true, false])
  oneOf('allowNoErrorCut', options.allowNoErrorCut, [true, false])
  if (options.windowManager !== undefined && typeof options.windowManager !== 'function') {
    throw new InvalidArgumentError('windowManager must be a class of window managers, or a function that makes one')
  }
  for (const name of TIMES) {
    const value = options[name]
    if (value !== undefined && !(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
      throw new InvalidArgumentError(`${name} must be a number of milliseconds, 0 or more, not ${String(value)}`)
    }
  }
  checkConnectOptions(options)
}

/** @throws {InvalidArgumentError} naming the option and what it may be. */
export function checkConnectOptions(given: ConnectOptions): void {
  const options = ownOnly(given)
  oneOf('h2c', options.h2c, ['prior-knowledge', 'upgrade'])
  oneOf('family', options.family, [0, 4, 6])
  oneOf('allowH2', options.allowH2, [true, false])
  oneOf('allowH1', options.allowH1, [true, false])
  if (options.allowH1 === false && options.allowH2 === false) {
    throw new InvalidArgumentError('allowH1 and allowH2 cannot both be false: no protocol is left')
  }
  if (options.allowH1 === false && options.h2c === 'upgrade') {
    throw new InvalidArgumentError("h2c: 'upgrade' begins with HTTP/1.1, which allowH1: false rules out")
  }
  if (options.lookup !== undefined && typeof options.lookup !== 'function') {
    throw new InvalidArgumentError('lookup must be a function like dns.lookup')
  }
  if (options.tls !== undefined) checkTlsOptions(options.tls)
  checkProxyOption(options.proxy)
  for (const name of ['socketPath', 'localAddress'] as const) {
    const value = options[name]
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidArgumentError(`${name} must be text that is not empty`)
    }
  }
}

/** @param endless may it be Infinity? */
function atLeast(least: number, name: string, value: number | undefined, endless = false): void {
  if (value === undefined || (endless && value === Number.POSITIVE_INFINITY)) return
  if (!Number.isInteger(value) || value < least || value > 0x7fffffff) {
    throw new InvalidArgumentError(`${name} must be a whole number from ${least} to 2147483647, not ${String(value)}`)
  }
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return
  const list = allowed.map((one) => JSON.stringify(one)).join(', ')
  throw new InvalidArgumentError(`${name} must be one of ${list}, not ${String(value)}`)
}

/** Own properties alone, without a prototype: what somebody put on Object.prototype is nobody's option. */
export function ownOnly<Options extends object>(options: Options): Options {
  return Object.assign(Object.create(null), options)
}
