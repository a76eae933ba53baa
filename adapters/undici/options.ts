/** The options of undici's Agent, as far as they mean something here, as those of a pool. */
import type { Agent, buildConnector } from 'undici'
import type { PoolOptions } from '../../src/pool/options.ts'
import type { ShimOptions } from '../common/pool.ts'
import { TLS_OPTIONS } from '../common/tls-options.ts'
import { errors } from './internals.ts'
import type { RequestDefaults } from './request.ts'

/**
 * Options of `HyperDispatcher`: those of undici's Agent by the same names, or `pool`. With none of them that concerns
 * connections, the process-wide pool is used.
 *
 * `keepAliveMaxTimeout`, `keepAliveTimeoutThreshold`, `maxCachedSessions`, `autoSelectFamily` and `pipelining` other than 0
 * are accepted and mean nothing here: they tune what is done otherwise. `factory` and `strictContentLength: false` are
 * refused.
 */
export interface HyperDispatcherOptions extends Omit<Agent.Options, 'connect'> {
  /** Carries the exchanges; whoever made it closes it. Excludes the options that concern connections. */
  readonly pool?: ShimOptions['pool']
  /** The only origin that it serves, as undici's Pool has one; requests need not name it. Default: any. */
  readonly origin?: string | URL
  /** A proxy, as undici's ProxyAgent (a URL) and EnvHttpProxyAgent (`'env'`) take one; see docs/proxies.md. */
  readonly proxy?: PoolOptions['proxy']
  /** TLS and socket options, in undici's names. A connector function is not supported. */
  readonly connect?: Partial<buildConnector.BuildOptions>
}

/** Agent options that only exist per request or in the shim itself: a pool need not be made for them. */
const requestOnly = new Set([
  'headersTimeout',
  'bodyTimeout',
  'maxResponseSize',
  'webSocket',
  'eventSource',
  'pool',
  'origin',
  'pipelining',
])

/** Options for the pool of this dispatcher; `undefined` when it needs none of its own. */
export function toPoolOptions(options: HyperDispatcherOptions): PoolOptions | undefined {
  const given = Object.entries(options).filter(([name, value]) => value != null && !requestOnly.has(name))
  if (given.length === 0) return undefined
  const connect: Record<string, unknown> = { ...options.connect }
  const tls: Record<string, unknown> = {}
  for (const name of TLS_OPTIONS) {
    if (connect[name] != null) tls[name] = connect[name]
  }
  const pick = <Name extends keyof PoolOptions>(name: Name, value: unknown): Partial<PoolOptions> =>
    value == null ? {} : ({ [name]: value } as Pick<PoolOptions, Name>)
  return {
    ...(Object.keys(tls).length > 0 ? { tls } : {}),
    ...pick('socketPath', options.socketPath ?? connect['socketPath']),
    ...pick('localAddress', options.localAddress ?? connect['localAddress']),
    ...pick('proxy', options.proxy),
    ...pick('family', connect['family']),
    ...pick('lookup', connect['lookup']),
    ...pick('allowH2', options.allowH2 ?? connect['allowH2']),
    ...(options.h2Options?.useH2c === true ? { h2c: 'prior-knowledge' } : {}),
    // Without a limit, in undici's way of saying it.
    ...pick('connections', options.connections === 0 ? undefined : options.connections),
    ...pick('connectTimeout', options.connectTimeout ?? connect['timeout']),
    ...pick('idleTimeout', options.keepAliveTimeout),
    ...pick('maxConcurrentStreams', options.h2Options?.maxConcurrentStreams ?? options.maxConcurrentStreams),
    ...pick('maxHeaderListSize', options.maxHeaderSize),
    ...pick('maxRequests', options.maxRequestsPerClient || undefined),
  }
}

/** What goes with each request. */
export function toRequestDefaults(options: HyperDispatcherOptions): RequestDefaults {
  const { headersTimeout, bodyTimeout, maxResponseSize, pipelining } = options
  return {
    headersTimeout: headersTimeout ?? undefined,
    bodyTimeout: bodyTimeout ?? undefined,
    maxResponseSize: maxResponseSize == null || maxResponseSize < 0 ? undefined : maxResponseSize,
    // undici's way of saying: no connection is kept.
    reset: pipelining === 0,
  }
}

/** Options that undici had once, and refuses now. */
const retired = ['keepAlive', 'socketTimeout', 'requestTimeout', 'idleTimeout', 'maxKeepAliveTimeout'] as const

/** @throws undici's InvalidArgumentError, as its Agent and Client would */
export function checkOptions(options: HyperDispatcherOptions): void {
  const { connect, connections, maxResponseSize, allowH2 } = options
  if (connect != null && typeof connect !== 'object') {
    throw new errors.InvalidArgumentError(
      typeof connect === 'function'
        ? 'connect must be an object: a connector function is not supported'
        : 'connect must be a function or an object',
    )
  }
  if (connections != null && (!Number.isFinite(connections) || connections < 0)) {
    throw new errors.InvalidArgumentError('invalid connections')
  }
  const { factory, maxOrigins, maxRequestsPerClient, strictContentLength, pipelining } = options
  if (factory != null) {
    throw new errors.InvalidArgumentError('factory is not supported: connections are made by a pool of our own')
  }
  if (strictContentLength === false) {
    throw new errors.NotSupportedError(
      'strictContentLength: false is not supported: HTTP/2 takes a body of another length for an error',
    )
  }
  if (maxOrigins != null && (typeof maxOrigins !== 'number' || Number.isNaN(maxOrigins) || maxOrigins <= 0)) {
    throw new errors.InvalidArgumentError('maxOrigins must be a number greater than 0')
  }
  if (maxRequestsPerClient != null && (!Number.isInteger(maxRequestsPerClient) || maxRequestsPerClient < 0)) {
    throw new errors.InvalidArgumentError('maxRequestsPerClient must be a positive number')
  }
  if (pipelining != null && (!Number.isFinite(pipelining) || pipelining < 0)) {
    throw new errors.InvalidArgumentError('invalid pipelining')
  }
  for (const name of retired) {
    if (Object.hasOwn(options, name)) throw new errors.InvalidArgumentError(`unsupported ${name}`)
  }
  for (const name of [
    'headersTimeout',
    'bodyTimeout',
    'connectTimeout',
    'keepAliveTimeout',
    'maxHeaderSize',
  ] as const) {
    const value = options[name]
    if (value != null && (!Number.isFinite(value) || value < 0))
      throw new errors.InvalidArgumentError(`invalid ${name}`)
  }
  if (maxResponseSize != null && (!Number.isInteger(maxResponseSize) || maxResponseSize < -1)) {
    throw new errors.InvalidArgumentError('maxResponseSize must be a positive number')
  }
  if (allowH2 != null && typeof allowH2 !== 'boolean') {
    throw new errors.InvalidArgumentError('allowH2 must be a valid boolean value')
  }
}
