/** What an `HTTPConnection` can be told, and what that means to the pool beneath it. */
import type { SecureContext } from 'node:tls'
import { InvalidArgumentError } from '../errors.ts'
import { flattenFields } from '../headers/fields.ts'
import type { ProxyOptions, TlsOptions } from '../net/options.ts'
import { refuseUnknown } from '../option-names.ts'
import { POOL_OPTION_NAMES, type PoolOptions } from '../pool/options.ts'
import { warnOnce } from '../warn.ts'
import type { Wrapper } from '../wrappers/compose.ts'
import type { DecodeLimits } from './response.ts'

/** Milliseconds; 0 = no limit. */
export interface ConnectionTimeouts {
  /** Making a connection, all its steps. Default 10,000. */
  readonly connect?: number | undefined
  /** The response's header section, once the request is sent. Default 300,000. */
  readonly headers?: number | undefined
  /** Between parts of the response's body; does not run while nobody reads. Default 300,000. */
  readonly body?: number | undefined
  /** The server takes nothing of what waits to be sent. Default 60,000. */
  readonly write?: number | undefined
  /** Waiting for a stream when the server allows no more. Default 300,000. */
  readonly queue?: number | undefined
  /** The whole exchange. Default 0: no limit. */
  readonly request?: number | undefined
}

/**
 * Options of an {@link HTTPConnection}. Those of the pool count, too, which this class has beneath it: idle times, the
 * lookup, window sizes ... (docs/pool.md).
 */
export interface HTTPConnectionOptions
  extends Omit<PoolOptions, 'tls' | 'coalesce' | 'allowH1' | 'allowH2'>,
    DecodeLimits {
  /** Default: what stands in `host`; otherwise 443, or 80 when `secure` is false. */
  readonly port?: number | undefined
  /** TLS. Default: what the scheme in `host` says; otherwise yes for port 443 and no for any other, as hyper has it. */
  readonly secure?: boolean | undefined
  /** TLS options, or a context made by `createTlsContext()`. Servers are verified by default. */
  readonly tls?: TlsOptions | SecureContext | undefined
  /** A number counts for `connect`, `headers` and `body` each. */
  readonly timeouts?: number | ConnectionTimeouts | undefined
  /**
   * `'h2'`: HTTP/2 or failure; without TLS by prior knowledge. `'http/1.1'`: nothing else is offered. Default: what the
   * server chooses.
   */
  readonly forceProtocol?: 'h2' | 'http/1.1' | undefined
  /** Fields for the proxy alone, beside those that `proxy` brings. */
  readonly proxyHeaders?: ProxyOptions['headers'] | undefined
  /** What requests go through on their way: cookies, redirects, digest (`hyper-transport/compose`). Default: nothing. */
  readonly wrappers?: readonly Wrapper[] | undefined
}

/** The one origin, and the options of the pool. */
export interface ConnectionSetup extends DecodeLimits {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** `scheme://host[:port]` */
  readonly origin: string
  readonly pool: PoolOptions
  /** Milliseconds for each exchange; 0 = no limit. */
  readonly timeout: number
  readonly wrappers: readonly Wrapper[]
}

/**
 * @param host a name, an IP address (IPv6 with brackets or without), either with `:port`, or an `http:` or `https:` URL
 * without a path.
 * @throws {InvalidArgumentError} naming what cannot be understood.
 */
export function connectionSetup(host: string, options: HTTPConnectionOptions): ConnectionSetup {
  if (typeof options !== 'object' || options === null) throw new InvalidArgumentError('Options must be an object')
  refuseUnknown(options, OPTION_NAMES)
  const {
    port,
    secure,
    tls,
    timeouts,
    forceProtocol,
    proxyHeaders,
    maxDecodedSize,
    maxDecodingRatio,
    wrappers = [],
    ...pool
  } = options
  const url = parseHost(host, port, secure)
  if (forceProtocol !== undefined && forceProtocol !== 'h2' && forceProtocol !== 'http/1.1') {
    throw new InvalidArgumentError(`forceProtocol must be "h2" or "http/1.1", not ${String(forceProtocol)}`)
  }
  for (const [name, value] of Object.entries({ maxDecodedSize, maxDecodingRatio })) {
    if (value !== undefined && !(typeof value === 'number' && value > 0)) {
      throw new InvalidArgumentError(`${name} must be a number above 0`)
    }
  }
  if (maxDecodingRatio === Number.POSITIVE_INFINITY) {
    warnOnce('maxDecodingRatio is Infinity: a small answer may decode to more than there is memory')
  }
  if (!Array.isArray(wrappers) || !wrappers.every((one) => typeof one === 'function')) {
    throw new InvalidArgumentError('wrappers must be a list of functions, as cookies() and redirects() make them')
  }
  const times = readTimeouts(timeouts)
  const isSecure = url.protocol === 'https:'
  return {
    host: url.hostname,
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    secure: isSecure,
    origin: url.origin,
    timeout: times.request ?? 0,
    wrappers,
    maxDecodedSize,
    maxDecodingRatio,
    pool: {
      ...pool,
      ...given('connectTimeout', times.connect),
      ...given('headersTimeout', times.headers),
      ...given('bodyTimeout', times.body),
      ...given('writeTimeout', times.write),
      ...given('queueTimeout', times.queue),
      ...given('tls', isContext(tls) ? { secureContext: tls } : tls),
      ...given('proxy', withHeaders(pool.proxy, proxyHeaders)),
      ...(forceProtocol === 'h2' ? { allowH1: false } : {}),
      ...(forceProtocol === 'http/1.1' ? { allowH2: false } : {}),
    },
  }
}

/** Its own, and those of the pool but for what `forceProtocol` says, and what one origin has no use for. */
const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    ...POOL_OPTION_NAMES,
    ...([
      'port',
      'secure',
      'tls',
      'timeouts',
      'forceProtocol',
      'proxyHeaders',
      'wrappers',
    ] satisfies (keyof HTTPConnectionOptions)[]),
    ...(['maxDecodedSize', 'maxDecodingRatio'] satisfies (keyof DecodeLimits)[]),
  ].filter((name) => name !== 'coalesce' && name !== 'allowH1' && name !== 'allowH2'),
)

function parseHost(host: unknown, port: number | undefined, secure: boolean | undefined): URL {
  if (typeof host !== 'string' || host === '') throw new InvalidArgumentError('A connection needs a host')
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new InvalidArgumentError(`port must be from 1 to 65535, not ${String(port)}`)
  }
  if (secure !== undefined && typeof secure !== 'boolean')
    throw new InvalidArgumentError('secure must be true or false')
  const scheme = /^(https?):\/\//i.exec(host)?.[1]?.toLowerCase()
  const authority = scheme === undefined ? bracketed(host) : host.slice(scheme.length + 3)
  const url = URL.canParse(`http://${authority}`) ? new URL(`http://${authority}`) : undefined
  const bare =
    url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === ''
  // White space would be left out by URL, even from the midst of a name.
  if (url === undefined || !bare || /[/?#@\\\s]/.test(authority.replace(/\/$/, ''))) {
    throw new InvalidArgumentError(`${JSON.stringify(host)} is not a host, with or without a port`)
  }
  // What is the default of one scheme is spelt out for the other.
  const digits = url.port || new URL(`https://${authority}`).port
  const spelt = digits === '' ? undefined : Number(digits)
  if (spelt === 0) throw new InvalidArgumentError(`${JSON.stringify(host)} has an invalid port`)
  if (port !== undefined && spelt !== undefined && port !== spelt) {
    throw new InvalidArgumentError(`port is ${port}, but ${JSON.stringify(host)} says ${spelt}`)
  }
  const chosen = port ?? spelt
  const fromScheme = scheme === undefined ? undefined : scheme === 'https'
  if (secure !== undefined && fromScheme !== undefined && secure !== fromScheme) {
    throw new InvalidArgumentError(`secure is ${secure}, but ${JSON.stringify(host)} says otherwise`)
  }
  const isSecure = secure ?? fromScheme ?? (chosen === undefined || chosen === 443)
  return new URL(`${isSecure ? 'https' : 'http'}://${url.hostname}${chosen === undefined ? '' : `:${chosen}`}`)
}

/** An IPv6 address without brackets has more than one colon. */
function bracketed(host: string): string {
  return host.startsWith('[') || host.split(':').length < 3 ? host : `[${host}]`
}

function readTimeouts(timeouts: number | ConnectionTimeouts | undefined): ConnectionTimeouts {
  if (timeouts === undefined) return {}
  if (typeof timeouts === 'number' && timeouts >= 0 && Number.isFinite(timeouts)) {
    return { connect: timeouts, headers: timeouts, body: timeouts }
  }
  if (typeof timeouts !== 'object' || timeouts === null) {
    throw new InvalidArgumentError('timeouts must be a number of milliseconds, 0 or more, or an object of them')
  }
  refuseUnknown(timeouts, NAMES, 'timeouts.')
  for (const [name, value] of Object.entries(timeouts)) {
    if (value !== undefined && !(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
      throw new InvalidArgumentError(`timeouts.${name} must be a number of milliseconds, 0 or more`)
    }
  }
  return timeouts
}

const NAMES: ReadonlySet<string> = new Set(['connect', 'headers', 'body', 'write', 'queue', 'request'])

function withHeaders(proxy: PoolOptions['proxy'], headers: ProxyOptions['headers']): PoolOptions['proxy'] {
  if (headers === undefined) return proxy
  if (proxy === undefined || proxy === false || proxy === 'env') {
    throw new InvalidArgumentError('proxyHeaders need the option proxy, with the URL of the proxy')
  }
  const own = typeof proxy === 'string' || proxy instanceof URL ? { url: proxy } : proxy
  return { ...own, headers: own.headers === undefined ? headers : flat(own.headers, headers) }
}

function flat(...inits: readonly NonNullable<ProxyOptions['headers']>[]): ProxyOptions['headers'] {
  return inits.flatMap((init) => flattenFields(init))
}

function isContext(tls: HTTPConnectionOptions['tls']): tls is SecureContext {
  return typeof tls === 'object' && tls !== null && 'context' in tls
}

function given<Name extends keyof PoolOptions>(name: Name, value: PoolOptions[Name]): Pick<PoolOptions, Name> | object {
  return value === undefined ? {} : { [name]: value }
}
