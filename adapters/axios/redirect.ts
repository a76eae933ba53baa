/** Redirects by axios's rules, which are those of follow-redirects (RFC 9110 section 15.4). */
import { Readable } from 'node:stream'
import type { InternalAxiosRequestConfig } from 'axios'
import type { Body, FieldList } from '../../src/exchange.ts'
import { fieldsToNodeHeaders, joinedField } from '../shared.ts'
import type { Recorder } from './body.ts'
import { option } from './option.ts'
import type { Realm } from './realm.ts'

/** Where follow-redirects stops by default. */
export const MAX_REDIRECTS = 21

/** One request of the chain. */
export interface Hop {
  url: URL
  method: string
  headers: Map<string, string | string[]>
  body: Body | null
  /** Redirects followed so far. */
  count: number
  /** Credentials, which go along only to the same origin. */
  auth?: string | undefined
  /** Names of headers that must not reach another origin. */
  sensitive?: ReadonlySet<string> | undefined
}

/** Where the response leads; undefined when it is to be delivered as it is. */
export function redirectTarget(
  status: number,
  fields: FieldList,
  config: InternalAxiosRequestConfig,
): string | undefined {
  if (status < 300 || status > 399 || option(config, 'maxRedirects') === 0) return undefined
  // An empty one leads nowhere.
  return joinedField(fields, 'location') || undefined
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
 * @throws AxiosError when there were too many, or the target is no URL; whatever beforeRedirect throws.
 */
export function followRedirect(
  hop: Hop,
  status: number,
  fields: FieldList,
  location: string,
  config: InternalAxiosRequestConfig,
  { AxiosError }: Realm,
  recorder: Recorder | undefined,
): Hop {
  const given = option(config, 'maxRedirects')
  const limit = typeof given === 'number' ? given : MAX_REDIRECTS
  if (hop.count >= limit) {
    throw new AxiosError('Maximum number of redirects exceeded', 'ERR_FR_TOO_MANY_REDIRECTS', config)
  }
  let url: URL
  try {
    url = new URL(location, hop.url)
  } catch (error) {
    throw AxiosError.from(error instanceof Error ? error : new Error('Invalid URL'), 'ERR_INVALID_URL', config)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AxiosError(`Unsupported protocol ${url.protocol}`, AxiosError.ERR_BAD_REQUEST, config)
  }
  const headers = new Map(hop.headers)
  let { method, body, auth } = hop
  const toGet =
    ((status === 301 || status === 302) && method === 'POST') ||
    (status === 303 && method !== 'GET' && method !== 'HEAD')
  if (toGet) {
    method = 'GET'
    body = null
    for (const name of [...headers.keys()]) if (name.startsWith('content-')) headers.delete(name)
  } else if (recorder !== undefined && body !== null) {
    if (!recorder.complete) {
      const message = 'Request body larger than maxBodyLength limit'
      throw new AxiosError(message, 'ERR_FR_MAX_BODY_LENGTH_EXCEEDED', config)
    }
    body = Buffer.concat(recorder.chunks)
  }
  headers.delete('host')
  headers.delete('proxy-authorization')
  if (url.origin !== hop.url.origin) {
    auth = undefined
    for (const name of ['authorization', 'proxy-authorization', 'cookie', ...(hop.sensitive ?? [])])
      headers.delete(name)
  }
  const next: Hop = { ...hop, url, method, headers, body, auth, count: hop.count + 1 }
  const beforeRedirect = option(config, 'beforeRedirect')
  if (typeof beforeRedirect === 'function') {
    const options = redirectOptions(next)
    const response = { headers: fieldsToNodeHeaders(fields), statusCode: status }
    const before = { url: hop.url.href, method: hop.method, headers: Object.fromEntries(hop.headers) }
    beforeRedirect(options, response, before)
    applyOptions(next, options)
  }
  return next
}

/** The next request as node:http's options, which beforeRedirect may change. */
function redirectOptions({ url, method, headers }: Hop): Record<string, unknown> {
  return {
    href: url.href,
    protocol: url.protocol,
    hostname: url.hostname,
    host: url.host,
    port: url.port,
    path: `${url.pathname}${url.search}`,
    method,
    headers: Object.fromEntries(headers),
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
  hop.url = new URL(`${String(protocol)}//${String(hostname)}${port ? `:${String(port)}` : ''}${String(path)}`)
  if (typeof auth === 'string') hop.headers.set('authorization', `Basic ${Buffer.from(auth).toString('base64')}`)
}

/** The rest of a chain as a config, for an adapter that goes on from there. */
export function configOfRest(
  hop: Hop,
  config: InternalAxiosRequestConfig,
  { AxiosHeaders }: Realm,
): InternalAxiosRequestConfig {
  const limit = option(config, 'maxRedirects')
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
    data: typeof body === 'function' ? Readable.from(body() as AsyncIterable<Uint8Array>) : body,
    maxRedirects: Math.max(0, (typeof limit === 'number' ? limit : MAX_REDIRECTS) - hop.count),
  }
  // Written out of what is one already; the types of the two `auth` differ.
  return rest as unknown as InternalAxiosRequestConfig
}
