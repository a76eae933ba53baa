/**
 * The axios adapter: `axios.create({ adapter: hyperAdapter })`.
 *
 * Rules
 * - axios's core has merged the config, run interceptors and transformRequest, and will run transformResponse; the
 *   adapter does what is between, and gives back axios's own objects: AxiosHeaders, AxiosError, CanceledError.
 * - Redirects, authentication, timeouts, limits, decompression, progress and cancellation mean what they mean in axios's
 *   own http adapter. What only that adapter can do (a custom transport or agent, a proxy, maxRate, `data:` URLs) is
 *   handed to it whole, so that no option is ignored.
 * - Beyond it: `response.trailers` (also on an error's response), `statusText` over HTTP/2 too, and, where a stream of
 *   the response is asked for, `data.trailers` at its end.
 * - A call settles once; listeners on signals and cancel tokens are taken off when it has, or when its stream has ended.
 */
import type { AxiosAdapter, AxiosResponse, AxiosResponseHeaders, AxiosStatic, InternalAxiosRequestConfig } from 'axios'
import { toError } from '../src/errors.ts'
import { AxiosCall } from './axios/call.ts'
import { fullUrl, needsOwnAdapter, pathWithParams } from './axios/config.ts'
import { checkConnect } from './axios/connect.ts'
import { handOver } from './axios/handover.ts'
import { type Realm, realmFrom, realmOf } from './axios/realm.ts'
import { type ResolvedPool, resolvePool, type ShimOptions } from './common/pool.ts'

/**
 * `response.trailers`, which axios's own types do not know: the trailer section, empty when there was none. Of an error's
 * response as well. Of a streamed response it is whole when the stream has ended.
 * @returns undefined for a response that did not come through this adapter.
 */
export function trailersOf(response: AxiosResponse): AxiosResponseHeaders | undefined {
  return 'trailers' in response ? (response.trailers as AxiosResponseHeaders) : undefined
}

/** Options of {@link createHyperAdapter}. */
export interface HyperAdapterOptions extends ShimOptions {
  /** The axios whose classes to use. Default: the build that made the request. */
  readonly axios?: AxiosStatic | undefined
}

/** An adapter with the pool it made for itself, if it made one. */
export interface HyperAdapter extends AxiosAdapter {
  (config: InternalAxiosRequestConfig): Promise<AxiosResponse>
  /** Closes the adapter's own pool, when open requests have ended; a shared pool stays open. */
  close(): Promise<void>
}

/**
 * Makes an adapter: without options on the process-wide pool, with `{ pool }` on that one, with other pool options on a
 * pool of its own.
 * @throws {InvalidArgumentError} naming a pool option that is not acceptable.
 */
export function createHyperAdapter(options: HyperAdapterOptions = {}): HyperAdapter {
  const { axios, ...rest } = options
  const realm = axios === undefined ? undefined : realmFrom(axios)
  const pool = resolvePool(rest, ['axios'])
  const adapter = (config: InternalAxiosRequestConfig): Promise<AxiosResponse> => request(config, pool, realm)
  return Object.assign(adapter, { close: async () => pool.own?.close() })
}

/** The adapter on the process-wide pool. */
export const hyperAdapter: HyperAdapter = createHyperAdapter()

/** Not async: each promise on the way to the caller's costs. */
function request(
  config: InternalAxiosRequestConfig,
  pool: ResolvedPool,
  given: Realm | undefined,
): Promise<AxiosResponse> {
  const realm = given ?? realmOf(config)
  if (realm instanceof Promise) return realm.then((loaded) => request(config, pool, loaded))
  try {
    const url = parseUrl(config, realm)
    if (needsOwnAdapter(config, url)) return handOver(config, realm, pool.transport, url)
    checkConnect(config, realm)
    const hasParams = config.params !== undefined && config.params !== null
    const path = hasParams ? written(() => pathWithParams(config, url, realm), config, realm) : undefined
    return new AxiosCall(config, realm, pool.transport, url, path).run()
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}

/** @throws AxiosError with axios's own codes. */
function parseUrl(config: InternalAxiosRequestConfig, realm: Realm): URL {
  const { AxiosError } = realm
  const text = written(() => fullUrl(config, realm), config, realm)
  let url: URL
  try {
    url = new URL(text, config.socketPath ? 'http://localhost' : undefined)
  } catch (error) {
    throw AxiosError.from(error instanceof Error ? error : new Error('Invalid URL'), 'ERR_INVALID_URL', config)
  }
  const { protocol } = url
  if (protocol === 'https:' || protocol === 'http:' || protocol === 'data:') return url
  throw new AxiosError(`Unsupported protocol ${protocol}`, AxiosError.ERR_BAD_REQUEST, config)
}

/** What a config's own functions and values are written out as. */
function written<Text>(write: () => Text, config: InternalAxiosRequestConfig, { AxiosError }: Realm): Text {
  try {
    return write()
  } catch (thrown) {
    const failed = AxiosError.from(toError(thrown), AxiosError.ERR_BAD_REQUEST, config)
    throw Object.assign(failed, { url: config.url, exists: true })
  }
}
