/**
 * A proxy as the chain uses it: the `proxy` option read once into one canonical shape.
 *
 * Schemes: `http:` and `https:` (CONNECT, or absolute form), `socks5:` and `socks4:` (names are resolved here),
 * `socks5h:`, `socks4a:` and `socks:` (names are resolved by the proxy), as curl means them.
 */
import { InvalidArgumentError } from '../errors.ts'
import type { FieldList, FieldsInit } from '../headers/fields.ts'
import { flattenFields } from '../headers/fields.ts'
import { FieldKind, fieldName, isFieldValue } from '../headers/names.ts'
import { refuseUnknown } from '../option-names.ts'
import { digest, tlsIdentity } from './identity.ts'
import type { ConnectOptions, ProxyOptions, TlsOptions } from './options.ts'
import type { Origin } from './origin.ts'
import { type Environment, proxyFromEnvironment } from './proxy-env.ts'
import { checkTlsOptions } from './tls-options.ts'

export interface CanonicalProxy {
  readonly kind: 'http' | 'https' | 'socks4' | 'socks5'
  /** `scheme://host:port`, without credentials. */
  readonly href: string
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** Decoded; empty when there are none. */
  readonly username: string
  readonly password: string
  /** The origin's name is looked up by the proxy. */
  readonly remoteNames: boolean
  /** Fields for an HTTP proxy, `proxy-authorization` included; names in lower case. */
  readonly headers: FieldList
  readonly tls: TlsOptions
  /** `http:` origins are tunnelled too. */
  readonly tunnel: boolean
}

interface Scheme {
  readonly kind: CanonicalProxy['kind']
  readonly port: number
  readonly remoteNames: boolean
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  'http:': { kind: 'http', port: 80, remoteNames: true },
  'https:': { kind: 'https', port: 443, remoteNames: true },
  'socks:': { kind: 'socks5', port: 1080, remoteNames: true },
  'socks5:': { kind: 'socks5', port: 1080, remoteNames: false },
  'socks5h:': { kind: 'socks5', port: 1080, remoteNames: true },
  'socks4:': { kind: 'socks4', port: 1080, remoteNames: false },
  'socks4a:': { kind: 'socks4', port: 1080, remoteNames: true },
}

const PROXY_NAMES: ReadonlySet<string> = new Set(['url', 'headers', 'tls', 'tunnel'] satisfies (keyof ProxyOptions)[])

const MAY_BE =
  'the URL of an http:, https:, socks:, socks5:, socks5h:, socks4: or socks4a: proxy, an object with such a url, "env", or false'

/**
 * The proxy on the way to an origin; `undefined` for none.
 * @param env the environment, looked at for `'env'` only.
 * @throws {InvalidArgumentError} naming `proxy` (or the variable) and what it may be.
 */
export function normaliseProxy(
  option: ConnectOptions['proxy'],
  origin: Origin,
  env: Environment,
): CanonicalProxy | undefined {
  if (option === undefined || option === false || option === null) return undefined
  if (option === 'env') {
    const named = proxyFromEnvironment(origin, env)
    return named === undefined ? undefined : readProxy(named.url, {}, named.variable)
  }
  if (typeof option === 'string' || option instanceof URL) return readProxy(option, {}, 'proxy')
  if (typeof option !== 'object') throw new InvalidArgumentError(`proxy must be ${MAY_BE}, not ${String(option)}`)
  return readProxy(option.url, option, 'proxy.url')
}

/**
 * Checks the option without an origin at hand.
 * @throws {InvalidArgumentError} naming `proxy` and what it may be.
 */
export function checkProxyOption(option: ConnectOptions['proxy']): void {
  if (option !== 'env') normaliseProxy(option, ANY_ORIGIN, {})
}

/** The same proxy, with a tunnel for `http:` origins too. */
export function tunnelledProxy(option: ConnectOptions['proxy'], origin: Origin): ConnectOptions['proxy'] {
  if (option === undefined || option === false) return option
  if (option === 'env') {
    const named = proxyFromEnvironment(origin, process.env)
    return named === undefined ? false : { url: named.url, tunnel: true }
  }
  if (typeof option === 'string' || option instanceof URL) return { url: option, tunnel: true }
  return { ...option, tunnel: true }
}

const ANY_ORIGIN: Origin = {
  href: 'https://localhost',
  scheme: 'https',
  host: 'localhost',
  port: 443,
  authority: 'localhost',
}

/** The canonical text of a proxy, for the pool's key; empty for none. What is secret stands as a digest. */
export function proxyKey(proxy: CanonicalProxy | undefined): string {
  if (proxy === undefined) return ''
  const { username, password, headers, tls } = proxy
  const secret = username !== '' || password !== '' || headers.length > 0
  const parts = [
    proxy.href,
    proxy.remoteNames ? 'remote-names' : '',
    proxy.tunnel ? 'tunnel' : '',
    secret ? digest(JSON.stringify([username, password, headers])) : '',
    tlsIdentity(tls),
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function readProxy(text: unknown, options: Partial<ProxyOptions>, name: string): CanonicalProxy {
  const url = readUrl(text, name)
  const scheme = Object.hasOwn(SCHEMES, url.protocol) ? SCHEMES[url.protocol] : undefined
  if (scheme === undefined || url.hostname === '') {
    // The URL may hold a password: only its scheme is shown.
    throw new InvalidArgumentError(`${name} must be ${MAY_BE}, not a URL of the scheme ${JSON.stringify(url.protocol)}`)
  }
  const { kind, remoteNames } = scheme
  refuseUnknown(options, PROXY_NAMES, 'proxy.')
  const { tunnel = false, tls = {} } = options
  if (typeof tunnel !== 'boolean')
    throw new InvalidArgumentError(`proxy.tunnel must be true or false, not ${String(tunnel)}`)
  checkTlsOptions(tls, 'proxy.tls')
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const port = url.port === '' ? scheme.port : Number(url.port)
  const username = decode(url.username, name)
  const password = decode(url.password, name)
  const isHttp = kind === 'http' || kind === 'https'
  return {
    kind,
    href: `${url.protocol}//${host.includes(':') ? `[${host}]` : host}:${port}`,
    host,
    port,
    username,
    password,
    remoteNames,
    headers: isHttp ? proxyFields(options.headers, username, password) : [],
    tls,
    tunnel,
  }
}

function readUrl(text: unknown, name: string): URL {
  if (text instanceof URL) return text
  if (typeof text === 'string' && text !== '') {
    // `host:port` without a scheme is an http proxy, as everywhere.
    const url = URL.parse(text.includes('://') ? text : `http://${text}`)
    if (url !== null) return url
  }
  throw new InvalidArgumentError(
    `${name} must be ${MAY_BE}${typeof text === 'string' ? '' : `, not ${text === null ? 'null' : typeof text}`}`,
  )
}

function decode(part: string, name: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new InvalidArgumentError(`${name} contains credentials that are not valid percent-encoded text`, { cause })
  }
}

/** The caller's fields for the proxy, checked, and the credentials unless the caller gave other ones. */
function proxyFields(init: FieldsInit | undefined, username: string, password: string): FieldList {
  const fields: string[] = []
  const given = flattenFields(init)
  for (let i = 0; i < given.length; i += 2) {
    const { name, kind } = fieldName(given[i])
    if (kind === FieldKind.DROP || kind === FieldKind.CONNECTION) continue
    if (kind !== FieldKind.PLAIN) {
      throw new InvalidArgumentError(`proxy.headers may not contain ${JSON.stringify(given[i])}`)
    }
    const value: unknown = given[i + 1]
    if (typeof value !== 'string' || !isFieldValue(value)) {
      throw new InvalidArgumentError(`Invalid character in the value of proxy header ${JSON.stringify(name)}`)
    }
    fields.push(name, value.replace(/^[ \t]+|[ \t]+$/g, ''))
  }
  if (username === '' && password === '') return fields
  if (fields.some((name, index) => index % 2 === 0 && name === 'proxy-authorization')) return fields
  // RFC 7617 section 2: a colon would end the name early.
  if (username.includes(':')) throw new InvalidArgumentError('The user name for the proxy may not contain a colon')
  fields.push('proxy-authorization', `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`)
  return fields
}

/** `host:port` with brackets where they are needed: the target of CONNECT (RFC 9110 section 9.3.6). */
export function targetAuthority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
