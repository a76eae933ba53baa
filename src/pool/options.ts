/** The options of a pool, and their checks. */

import type { ConnectionSettings } from '../connection/contract.ts'
import { type HyperError, InvalidArgumentError } from '../errors.ts'
import { HUGE_HEADER_FIELDS, HUGE_HEADER_LIST, HUGE_WINDOW } from '../limits.ts'
import type { ConnectorSettings } from '../net/connector.ts'
import type { ConnectionInfo, ConnectOptions } from '../net/options.ts'
import { checkProxyOption } from '../net/proxy.ts'
import { checkTlsOptions } from '../net/tls-options.ts'
import { type Check, checkEach, func, isObject, milliseconds, oneOf, text, whole } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'
import { warnOnce } from '../warn.ts'

/** Called when connections are made and end. An exception of one is rethrown asynchronously: it does not disturb the pool. */
export interface PoolEvents {
  /** A connection is about to be made; `connect` or `connectionError` follows, unless no request needs it any more. */
  connecting?(origin: string): void
  /** A connection was made. */
  connect?(origin: string, info: ConnectionInfo): void
  /** @param error why: for a peer that left with GOAWAY and NO_ERROR a `GoawayError`; undefined when we closed the connection ourselves. */
  disconnect?(origin: string, error: Error | undefined): void
  /** A connection could not be made. */
  connectionError?(origin: string, error: HyperError): void
  /** An alternative service was advertised (RFC 7838): the value of the field, as it came. It is not used by itself. */
  altSvc?(origin: string, value: string): void
  /** The server of this origin listed the origins that it is authoritative for, in an ORIGIN frame (RFC 8336). */
  origins?(origin: string, origins: readonly string[]): void
}

/** Options of a {@link Pool}: times in milliseconds (0 = no limit), sizes in octets. */
export interface PoolOptions extends ConnectOptions, ConnectionSettings, ConnectorSettings {
  /**
   * Connections to one origin. Default: 1 over HTTP/2, where one carries as many requests as the server allows and the
   * rest wait in order; 64 over HTTP/1.1.
   */
  readonly connections?: number | undefined
  /**
   * Milliseconds that a request may wait for a connection with room. Default 300,000 (`QUEUE_TIMEOUT`): as long as for response
   * headers, since what is ahead of it waits for those.
   */
  readonly queueTimeout?: number | undefined
  /**
   * Let a connection to one origin carry requests for another, when its certificate covers the other host, and the address is
   * the same or the server has sent it in an ORIGIN frame (RFC 9113 section 9.1.1, RFC 8336). Default false: some servers share
   * a certificate but not their content.
   */
  readonly coalesce?: boolean | undefined
  /** Called when connections are made and end. Default: none. */
  readonly events?: PoolEvents | undefined
}

/** More than this is no limit any more; who asks for it is warned. */
function limited(check: Check, most: number): Check {
  return (name, value) => {
    check(name, value)
    if (Number(value) > most) warnOnce(`${name} is ${String(value)}: a server may fill the memory with so much`)
  }
}

/** Each option by its name, and what it may be. */
const CONNECT_CHECKS: { readonly [Name in keyof Required<ConnectOptions>]: Check } = {
  tls: (_, value) => checkTlsOptions(value as NonNullable<ConnectOptions['tls']>),
  proxy: (_, value) => checkProxyOption(value as ConnectOptions['proxy']),
  socketPath: text,
  localAddress: text,
  family: oneOf(0, 4, 6),
  lookup: func('a function like dns.lookup'),
  allowH2: oneOf(true, false),
  allowH1: oneOf(true, false),
  h2c: oneOf('prior-knowledge', 'upgrade'),
}

const POOL_CHECKS: { readonly [Name in keyof Required<PoolOptions>]: Check } = {
  ...CONNECT_CHECKS,
  connections: whole(1, true),
  coalesce: oneOf(true, false),
  events: isObject,
  queueTimeout: milliseconds,
  connectTimeout: milliseconds,
  lookupTimeout: milliseconds,
  tcpTimeout: milliseconds,
  tlsTimeout: milliseconds,
  proxyTimeout: milliseconds,
  dnsCacheTime: milliseconds,
  headersTimeout: milliseconds,
  bodyTimeout: milliseconds,
  writeTimeout: milliseconds,
  idleTimeout: milliseconds,
  maxAge: milliseconds,
  pingTimeout: milliseconds,
  pingInterval: milliseconds,
  verifyAfter: milliseconds,
  maxRequests: whole(1, true),
  maxResponseSize: whole(0, true),
  maxConcurrentStreams: whole(1, true),
  maxHeaderListSize: limited(whole(1024), HUGE_HEADER_LIST),
  maxHeaderFields: limited(whole(8), HUGE_HEADER_FIELDS),
  streamWindow: limited(whole(1024), HUGE_WINDOW),
  maxStreamWindow: limited(whole(1024), HUGE_WINDOW),
  connectionWindow: limited(whole(65_535), HUGE_WINDOW),
  windowManager: func('a class of window managers, or a function that makes one'),
  allowNoErrorCut: oneOf(true, false),
  enablePush: oneOf(true, false),
  maxPushes: whole(1),
}

/** The names of a pool's options. */
export const POOL_OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(POOL_CHECKS))

const CONNECT_OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(CONNECT_CHECKS))

/** @throws {InvalidArgumentError} naming the unknown option, or what a known one may be. */
export function checkPoolOptions(options: PoolOptions): void {
  refuseUnknown(options, POOL_OPTION_NAMES)
  check(options, POOL_CHECKS)
}

/** @throws {InvalidArgumentError} naming the unknown option, or what a known one may be. */
export function checkConnectOptions(options: ConnectOptions): void {
  isObject('connect', options)
  refuseUnknown(options, CONNECT_OPTION_NAMES, 'connect.')
  check(options, CONNECT_CHECKS)
}

function check(given: ConnectOptions, checks: Readonly<Record<string, Check>>): void {
  const options = ownOnly(given)
  checkEach(options, checks)
  if (options.allowH1 !== false) return
  if (options.allowH2 === false) {
    throw new InvalidArgumentError('allowH1 and allowH2 cannot both be false: no protocol is left')
  }
  if (options.h2c === 'upgrade') {
    throw new InvalidArgumentError("h2c: 'upgrade' begins with HTTP/1.1, which allowH1: false rules out")
  }
}

/** A copy of the own properties, without a prototype: a polluted Object.prototype adds no option. */
export function ownOnly<Options extends object>(options: Options): Options {
  return Object.assign(Object.create(null), options)
}
