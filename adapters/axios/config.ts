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

/** The whole URL: base, relative part and parameters. Without the last two it is the text as it was given. */
export function fullUrl(config: InternalAxiosRequestConfig, realm: Realm): string {
  const url = String(config.url ?? '')
  const simple =
    (config.baseURL === undefined || /^[a-z][a-z\d+\-.]*:\/\//i.test(url)) && config.allowAbsoluteUrls !== false
  if (simple && (config.params === undefined || config.params === null)) return url
  const { baseURL, params, paramsSerializer, allowAbsoluteUrls } = config
  return realm.axios.getUri({
    url,
    ...(baseURL === undefined ? {} : { baseURL }),
    ...(allowAbsoluteUrls === undefined ? {} : { allowAbsoluteUrls }),
    params,
    ...(paramsSerializer === undefined ? {} : { paramsSerializer }),
  })
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
