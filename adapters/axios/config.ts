/** What an axios config says, read the way axios's own adapter reads it: own properties only, never Object.prototype's. */
import type { AxiosBasicCredentials, InternalAxiosRequestConfig } from 'axios'
import { isPlainAgent } from '../common/node-agents.ts'
import { foreignOption } from '../common/node-fates.ts'
import { option } from './option.ts'
import { proxyInEnvironment } from './proxy.ts'
import type { Realm } from './realm.ts'

/** Options that are carried out by axios's own http adapter: it is handed the whole request, so that none is ignored. */
export function needsOwnAdapter(config: InternalAxiosRequestConfig, url: URL): boolean {
  const { protocol } = url
  if (protocol === 'data:') return true
  if (option(config, 'transport') || option(config, 'insecureHTTPParser')) return true
  const maxRate = option(config, 'maxRate')
  if (maxRate !== undefined && maxRate !== null) return true
  const proxy = option(config, 'proxy')
  if (proxy !== undefined && proxy !== null && proxy !== false) return true
  if (proxy !== false && !option(config, 'socketPath') && proxyInEnvironment(url)) return true
  const http2 = option(config, 'http2Options')
  if (typeof http2 === 'object' && http2 !== null && foreignOption(http2) !== undefined) return true
  const agent = option(config, protocol === 'https:' ? 'httpsAgent' : 'httpAgent')
  return agent !== undefined && agent !== null && agent !== false && !isPlainAgent(agent)
}

/** @returns milliseconds, 0 for none. @throws {AxiosError} when it is no number. */
export function timeoutOf(config: InternalAxiosRequestConfig, { AxiosError }: Realm): number {
  const given = option(config, 'timeout')
  if (!given) return 0
  const timeout = Number.parseInt(String(given), 10)
  if (!Number.isNaN(timeout)) return timeout
  throw new AxiosError('error trying to parse `config.timeout` to int', AxiosError.ERR_BAD_OPTION_VALUE, config)
}

/** The URL without the parameters: base and relative part. An absolute one is the text as it was given. */
export function fullUrl(config: InternalAxiosRequestConfig, { joining }: Realm): string {
  const url = String(config.url ?? '')
  const { baseURL, allowAbsoluteUrls } = config
  if (allowAbsoluteUrls !== false && (baseURL === undefined || /^[a-z][a-z\d+\-.]*:\/\//i.test(url))) return url
  return joining.getUri({
    url,
    ...(baseURL === undefined ? {} : { baseURL }),
    ...(allowAbsoluteUrls === undefined ? {} : { allowAbsoluteUrls }),
  })
}

/**
 * Path and query with the parameters, in the spelling of their serializer: a URL would escape an apostrophe, and signatures
 * are made of what was written. `url` gets them too. Undefined where the text cannot be sent unescaped.
 * @throws what the serializer throws.
 */
export function pathWithParams(
  { params, paramsSerializer }: InternalAxiosRequestConfig,
  url: URL,
  { joining }: Realm,
): string | undefined {
  const path = joining.getUri({
    url: url.pathname + url.search,
    params,
    ...(paramsSerializer === undefined ? {} : { paramsSerializer }),
  })
  url.search = path.slice(url.pathname.length)
  return /^[!-~]*$/.test(path) ? path : undefined
}

/** `user:password` of the config, or of the URL; undefined when neither has any. */
export function credentials(config: InternalAxiosRequestConfig, url: URL): string | undefined {
  const auth = option(config, 'auth') as Partial<AxiosBasicCredentials> | undefined
  if (auth) return `${auth.username ?? ''}:${auth.password ?? ''}`
  if (url.username === '' && url.password === '') return undefined
  return `${decoded(url.username)}:${decoded(url.password)}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
