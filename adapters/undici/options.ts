/** The options of undici's Agent, as far as they mean something here, as those of a pool. */
import type { Settings } from 'node:http2'
import type { Agent, buildConnector, Client } from 'undici'
import { InvalidArgumentError } from '../../src/errors.ts'
import type { TlsOptions } from '../../src/net/options.ts'
import { mergeTls } from '../../src/net/tls-units.ts'
import { nearestName, refuseUnknown } from '../../src/option-names.ts'
import { POOL_OPTION_NAMES, type PoolOptions } from '../../src/pool/options.ts'
import { fateOf, HONOURED } from '../common/node-fates.ts'
import { connectOptions } from '../common/node-options.ts'
import type { ShimOptions } from '../common/pool.ts'
import { errors } from './internals.ts'
import type { RequestDefaults } from './request.ts'

/**
 * Options of `HyperDispatcher`: those of undici's Agent by the same names, those of a pool that undici does not have, or `pool`.
 * With none of them that concerns connections, the process-wide pool is used. Any other name is refused.
 *
 * `keepAliveMaxTimeout`, `keepAliveTimeoutThreshold`, `maxCachedSessions`, `autoSelectFamily`, `clientTtl` and `pipelining` other
 * than 0 are accepted and mean nothing here: they tune what is done otherwise. `factory` and `strictContentLength: false` are
 * refused. docs/options.md has all of them.
 */
export interface HyperDispatcherOptions
  extends Omit<Agent.Options, 'connect' | 'tls' | 'idleTimeout'>,
    Omit<PoolOptions, keyof Agent.Options | 'events'> {
  /** Carries the exchanges. You close it yourself. Excludes the options that concern connections. */
  readonly pool?: ShimOptions['pool']
  /** The only origin that it serves, as undici's Pool has one; requests need not name it. Default: any. */
  readonly origin?: string | URL
  /** TLS options: those of `connect` go before them. */
  readonly tls?: PoolOptions['tls']
  /** A proxy, as undici's ProxyAgent (a URL) and EnvHttpProxyAgent (`'env'`) take one; see docs/proxies.md. */
  readonly proxy?: PoolOptions['proxy']
  /** TLS and socket options, in undici's names. A connector function is not supported. */
  readonly connect?: Partial<buildConnector.BuildOptions> & Pick<TlsOptions, 'pinnedPublicKeys' | 'resume' | 'keyLog'>
}

type Fate = 'honoured' | 'no meaning' | 'refused'

/** What becomes of each option of undici's Agent, and so of its Pool and its Client. */
export const AGENT_FATES: Readonly<Record<keyof Agent.Options, Fate>> = {
  allowH2: 'honoured',
  bodyTimeout: 'honoured',
  connect: 'honoured',
  connectTimeout: 'honoured',
  connectionWindowSize: 'honoured',
  connections: 'honoured',
  eventSource: 'honoured',
  h2Options: 'honoured',
  headersTimeout: 'honoured',
  initialWindowSize: 'honoured',
  keepAliveTimeout: 'honoured',
  localAddress: 'honoured',
  maxConcurrentStreams: 'honoured',
  maxHeaderSize: 'honoured',
  maxOrigins: 'honoured',
  maxRequestsPerClient: 'honoured',
  maxResponseSize: 'honoured',
  pingInterval: 'honoured',
  pipelining: 'honoured',
  socketPath: 'honoured',
  strictContentLength: 'honoured',
  tls: 'honoured',
  webSocket: 'honoured',
  autoSelectFamily: 'no meaning',
  autoSelectFamilyAttemptTimeout: 'no meaning',
  clientTtl: 'no meaning',
  keepAliveMaxTimeout: 'no meaning',
  keepAliveTimeoutThreshold: 'no meaning',
  maxCachedSessions: 'no meaning',
  useMilo: 'no meaning',
  factory: 'refused',
  idleTimeout: 'refused',
  keepAlive: 'refused',
  maxKeepAliveTimeout: 'refused',
  requestTimeout: 'refused',
  socketTimeout: 'refused',
}

/** Options that are read where requests are made, or not at all: a pool need not be made for them. */
const requestOnly: ReadonlySet<string> = new Set([
  ...Object.entries(AGENT_FATES).flatMap(([name, fate]) => (fate === 'honoured' ? [] : [name])),
  'headersTimeout',
  'bodyTimeout',
  'maxResponseSize',
  'webSocket',
  'eventSource',
  'pool',
  'origin',
  'pipelining',
  'maxOrigins',
  'strictContentLength',
])

/** Of a pool's options those that undici has not: they mean what they mean to a pool. */
const poolOnly: readonly string[] = [...POOL_OPTION_NAMES].filter(
  (name) => name === 'tls' || !(name === 'events' || Object.hasOwn(AGENT_FATES, name)),
)

const known: ReadonlySet<string> = new Set([...Object.keys(AGENT_FATES), ...poolOnly, 'pool', 'origin'])

/** Names of `connect` that undici has, and Node has not. */
const connectOnly: ReadonlySet<string> = new Set(['allowH2', 'preferH2', 'timeout', 'port', 'host', 'typeOfService'])

const h2Known: ReadonlySet<string> = new Set([
  'connectionWindowSize',
  'initialWindowSize',
  'maxConcurrentStreams',
  'pingInterval',
  'settings',
  'useH2c',
])

const settingsKnown: ReadonlySet<string> = new Set(['initialWindowSize', 'maxHeaderListSize'])

/**
 * Options for the pool of this dispatcher; `undefined` when it needs none of its own.
 * @throws {InvalidArgumentError} for TLS options that cannot be put together.
 */
export function toPoolOptions(options: HyperDispatcherOptions): PoolOptions | undefined {
  const given = Object.entries(options).filter(([name, value]) => value != null && !requestOnly.has(name))
  if (given.length === 0) return undefined
  const { connect = {}, h2Options, tls } = options
  // undici's types leave out what its Client takes.
  const { useH2c, ...h2 }: Client.H2Options & { readonly initialWindowSize?: number } = h2Options ?? {}
  const settings: Settings | undefined = h2.settings
  const ways = connectOptions(connect) ?? {}
  const made: Record<string, unknown> = {}
  for (const name of poolOnly) made[name] = Reflect.get(options, name) ?? undefined
  const over = {
    ...ways,
    tls: mergeTls(tls ?? undefined, ways.tls),
    socketPath: options.socketPath ?? ways.socketPath,
    localAddress: options.localAddress ?? ways.localAddress,
    allowH2: options.allowH2 ?? connect.allowH2 ?? ways.allowH2,
    h2c: useH2c === true ? ('prior-knowledge' as const) : undefined,
    // Without a limit, in undici's way of saying it.
    connections: options.connections || undefined,
    connectTimeout: options.connectTimeout ?? connect.timeout,
    idleTimeout: options.keepAliveTimeout,
    maxConcurrentStreams: h2.maxConcurrentStreams ?? options.maxConcurrentStreams,
    maxHeaderListSize: options.maxHeaderSize ?? settings?.maxHeaderListSize,
    maxRequests: options.maxRequestsPerClient || undefined,
    pingInterval: h2.pingInterval ?? options.pingInterval,
    streamWindow: settings?.initialWindowSize ?? h2.initialWindowSize ?? options.initialWindowSize,
    connectionWindow: h2.connectionWindowSize ?? options.connectionWindowSize,
  }
  for (const [name, value] of Object.entries(over)) if (value != null) made[name] = value
  return made
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

/** @throws {InvalidArgumentError} for an option that is unknown or cannot be honoured. */
function checkConnect(connect: object): void {
  for (const name of Object.keys(withValue(connect))) {
    if (connectOnly.has(name) || fateOf(name) !== 'other') continue
    const nearest = nearestName(name, HONOURED)
    throw new InvalidArgumentError(
      `connect.${name} is not supported${nearest === undefined ? '' : `: did you mean connect.${nearest}?`}`,
    )
  }
}

/** undici takes null for absent. */
function withValue(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value != null))
}

/** Options that undici had once, and refuses now. */
const retired = ['keepAlive', 'socketTimeout', 'requestTimeout', 'idleTimeout', 'maxKeepAliveTimeout'] as const

/** @throws InvalidArgumentError for an unknown name; undici's InvalidArgumentError, as its Agent and Client would */
export function checkOptions(options: HyperDispatcherOptions): void {
  const { connect, connections, maxResponseSize, allowH2, pool } = options
  refuseUnknown(withValue(options), known)
  if (connect != null && typeof connect !== 'object') {
    throw new errors.InvalidArgumentError(
      typeof connect === 'function'
        ? 'connect must be an object: a connector function is not supported'
        : 'connect must be a function or an object',
    )
  }
  if (pool != null) {
    // One connection is what a Client is by name; with a pool of the caller's it is that pool's affair.
    const idle = Object.keys(withValue(options)).find((name) => !requestOnly.has(name) && name !== 'connections')
    if (idle !== undefined)
      throw new errors.InvalidArgumentError(`${idle} cannot be given together with pool: set it where the pool is made`)
  }
  if (connect != null) checkConnect(connect)
  const { h2Options } = options
  if (h2Options != null) {
    refuseUnknown(withValue(h2Options), h2Known, 'h2Options.')
    refuseUnknown(withValue(h2Options.settings ?? {}), settingsKnown, 'h2Options.settings.')
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
