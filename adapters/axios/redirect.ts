/** Redirects by axios's rules, which are those of follow-redirects (RFC 9110 section 15.4). */
import { Readable } from 'node:stream'
import type { InternalAxiosRequestConfig } from 'axios'
import type { Body } from '../../src/exchange/contract.ts'
import { becomesGet } from '../../src/exchange/semantics.ts'
import { UploadBody } from '../../src/exchange/upload.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { getField } from '../../src/headers/fields.ts'
import { nodeHeaders } from '../common/headers.ts'
import { UploadStream } from './body.ts'
import { type Spellings, spelling, spellings } from './headers.ts'

import { limitOf, option } from './option.ts'
import type { Realm } from './realm.ts'

/** Where follow-redirects stops by default. */
export const MAX_REDIRECTS = 21

/** One request of the chain. */
export interface Hop {
  url: URL
  /** Path and query, where the parameters are spelt otherwise than in `url`. */
  path?: string | undefined
  method: string
  headers: Map<string, string | string[]>
  body: Body | null
  /** Redirects followed so far. */
  count: number
  /** Credentials of the option `auth` or of the URL, which go only to the origin of the first request. */
  auth?: string | undefined
  /** The first request's. */
  readonly origin: string
  /** Names of headers that must not reach another origin. */
  sensitive?: ReadonlySet<string> | undefined
}

/** The URL as it was sent. */
export function hrefOf({ url, path }: Hop): string {
  return path === undefined ? url.href : `${new URL('/', url).href}${path.slice(1)}${url.hash}`
}

/** Where the response leads; undefined when it is to be delivered as it is. */
export function redirectTarget(
  status: number,
  fields: FieldList,
  config: InternalAxiosRequestConfig,
): string | undefined {
  if (status < 300 || status > 399 || option(config, 'maxRedirects') === 0) return undefined
  // An empty one leads nowhere.
  return getField(fields, 'location') || undefined
}

/** @throws AxiosError when `sensitiveHeaders` is no list of names. */
export function sensitiveNames(
  config: InternalAxiosRequestConfig,
  { AxiosError }: Realm,
): ReadonlySet<string> | undefined {
  const names = option(config, 'sensitiveHeaders')
  if (names === undefined || names === null) return undefined
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new AxiosError('sensitiveHeaders must be an array of strings', AxiosError.ERR_BAD_OPTION_VALUE, config)
  }
  return new Set(names.map((name: string) => name.toLowerCase()))
}

/**
 * The next request of the chain.
 * @throws AxiosError when there were too many; otherwise whatever went wrong, which follow-redirects names by one code
 */
export function followRedirect(
  hop: Hop,
  status: number,
  fields: FieldList,
  location: string,
  config: InternalAxiosRequestConfig,
  { AxiosError }: Realm,
  source: UploadBody | undefined,
): Hop {
  const limit = limitOf(config, 'maxRedirects', MAX_REDIRECTS)
  if (hop.count >= limit) {
    throw new AxiosError('Maximum number of redirects exceeded', 'ERR_FR_TOO_MANY_REDIRECTS', config)
  }
  const headers = new Map(hop.headers)
  let { method, body } = hop
  if (becomesGet(status, method)) {
    method = 'GET'
    body = null
    for (const name of [...headers.keys()]) if (name.startsWith('content-')) headers.delete(name)
  } else if (source !== undefined && body !== null) {
    if (!source.replayable) {
      const message = 'The request body was too long to be kept for a redirect: maxBodyLength says how much of it is'
      throw new AxiosError(message, 'ERR_FR_MAX_BODY_LENGTH_EXCEEDED', config)
    }
    body = source.whole ?? source
  }
  // A relative target is one of the host that was asked for by name.
  const host = headers.get('host')
  const before = typeof host === 'string' ? host : hop.url.host
  const base = new URL(hop.url)
  if (!/^\w+:/.test(location)) base.host = before
  const url = new URL(location, base)
  // Nobody asked to be known by what a server writes there.
  url.username = ''
  url.password = ''
  headers.delete('host')
  // axios settles each time anew whether there is a proxy, and never passes this on.
  headers.delete('proxy-authorization')
  if (url.origin !== base.origin || isLessTrusted(url, hop.url, before)) {
    for (const name of [...CONFIDENTIAL, ...(hop.sensitive ?? [])]) headers.delete(name)
  }
  const auth = hop.auth !== undefined && url.origin === hop.origin ? hop.auth : undefined
  if (hop.auth !== undefined) headers.delete('authorization')
  const next: Hop = { ...hop, url, path: undefined, method, headers, body, count: hop.count + 1 }
  const beforeRedirect = option(config, 'beforeRedirect')
  if (typeof beforeRedirect === 'function') {
    const names = spellings(config)
    const options = redirectOptions(next, auth, names)
    const response = { headers: nodeHeaders(fields), statusCode: status }
    const old = { Host: host ?? hop.url.host, ...spelled(hop.headers, names) }
    beforeRedirect(options, response, { url: base.href, method: hop.method, headers: old })
    applyOptions(next, options)
  } else if (auth !== undefined) {
    headers.set('authorization', basic(auth))
  }
  const { protocol } = next.url
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`Unsupported protocol ${protocol}`)
  return next
}

/** What does not go on to a peer that is trusted less. */
const CONFIDENTIAL = ['authorization', 'cookie']

/** By the rules of follow-redirects, beside axios's own: no TLS any more, or another host and no subdomain of it. */
function isLessTrusted(url: URL, from: URL, host: string): boolean {
  if (url.protocol !== from.protocol && url.protocol !== 'https:') return true
  return url.host !== host && !url.host.endsWith(`.${host}`)
}

export function basic(auth: string): string {
  return `Basic ${Buffer.from(auth).toString('base64')}`
}

function spelled(headers: Hop['headers'], names: Spellings): Record<string, string | string[]> {
  return Object.fromEntries([...headers].map(([name, value]) => [spelling(name, names), value]))
}

/** The next request as node:http's options, which beforeRedirect may change. */
function redirectOptions(
  { url, method, headers }: Hop,
  auth: string | undefined,
  names: Spellings,
): Record<string, unknown> {
  return {
    href: url.href,
    protocol: url.protocol,
    hostname: url.hostname,
    host: url.host,
    port: url.port,
    path: `${url.pathname}${url.search}`,
    pathname: url.pathname,
    search: url.search,
    hash: url.hash,
    auth,
    method,
    headers: spelled(headers, names),
  }
}

function applyOptions(hop: Hop, options: Record<string, unknown>): void {
  hop.method = String(options['method'])
  hop.headers = new Map()
  for (const [name, value] of Object.entries(options['headers'] ?? {})) {
    if (value !== undefined && value !== null)
      hop.headers.set(name.toLowerCase(), Array.isArray(value) ? value : String(value))
  }
  const { protocol, hostname, port, path, auth } = options
  const { url } = hop
  const same =
    protocol === url.protocol && hostname === url.hostname && port === url.port && path === url.pathname + url.search
  if (!same) {
    hop.url = new URL(`${String(protocol)}//${String(hostname)}${port ? `:${String(port)}` : ''}${String(path)}`)
  }
  if (typeof auth === 'string') hop.headers.set('authorization', basic(auth))
}

/** The rest of a chain as a config, for an adapter that goes on from there. */
export function configOfRest(
  hop: Hop,
  config: InternalAxiosRequestConfig,
  { AxiosHeaders }: Realm,
): InternalAxiosRequestConfig {
  const { body } = hop
  const rest = {
    ...config,
    url: hop.url.href,
    baseURL: undefined,
    params: undefined,
    // It stands in the headers.
    auth: undefined,
    method: hop.method,
    headers: new AxiosHeaders(Object.fromEntries(hop.headers)),
    data: dataOf(body),
    maxRedirects: Math.max(0, limitOf(config, 'maxRedirects', MAX_REDIRECTS) - hop.count),
  }
  // Written out of what is one already; the types of the two `auth` differ.
  return rest as unknown as InternalAxiosRequestConfig
}

/** axios's own adapter takes no generators. */
function dataOf(body: Body | null): unknown {
  if (typeof body === 'function') return Readable.from(body() as Iterable<Uint8Array> | AsyncIterable<Uint8Array>)
  if (body instanceof UploadBody) return new UploadStream(body)
  const isGenerator = typeof body === 'object' && body !== null && Symbol.asyncIterator in body && !('pipe' in body)
  return isGenerator ? Readable.from(body) : body
}
