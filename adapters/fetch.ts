/**
 * `fetch` over HTTP/2: the same arguments and results as the global one, and several times as fast.
 *
 * Rules
 * - Inputs and results are of the global classes; nothing needs to know that this fetch is another one.
 * - What is not http: or https: (data:, blob:) is left to the global fetch.
 * - Failures are TypeErrors with a `cause` in the codes of Node's fetch; an aborted fetch rejects with the signal's reason.
 * - Like Node's fetch, and unlike a browser's: no cookies are kept, no cache, no CORS.
 *
 * How it works: each request that is sent, redirects included, has one hop (fetch/hop.ts), the handler of its exchange.
 */

import { toError } from '../src/errors.ts'
import type { Transport } from '../src/exchange/contract.ts'
import { destroySource } from '../src/exchange/source.ts'
import { ignore } from '../src/ignore.ts'
import { resolvePool, type ShimOptions, sharedTransport } from './common/pool.ts'
import { fetchFailed } from './fetch/errors.ts'
import { gatherBody } from './fetch/gather.ts'
import { Hop } from './fetch/hop.ts'
import { redirectLimit } from './fetch/redirect.ts'
import { type FetchRequest, readRequest } from './fetch/request.ts'
import type { HyperResponse } from './fetch/response.ts'

export type { HyperResponse } from './fetch/response.ts'

/** Options of {@link createFetch}: a pool, or the options of one. */
export interface FetchOptions extends ShimOptions {
  /** How many redirects are followed. Default 20, the number in the Fetch standard. */
  readonly maxRedirects?: number | undefined
}

/** The standard's `RequestInit`, whichever of its declarations the program has. */
export interface FetchInit extends RequestInit {
  /** Needed with a stream as the body, as in Node. TypeScript's own library of the DOM does not declare it. */
  duplex?: 'half'
}

/** A fetch with a pool of its own, or with the one it was given. */
export interface HyperFetch extends AsyncDisposable {
  (input: string | URL | Request, init?: FetchInit): Promise<HyperResponse>
  /** Waits for open exchanges and closes the pool, if it is this fetch's own. */
  close(): Promise<void>
}

/** Node's own, for what is not HTTP; taken now, in case the program replaces it by this fetch. Taking it loads nothing. */
const nativeFetch = globalThis.fetch

/**
 * The standard `fetch`, on the process-wide pool. The promise resolves when the response's headers have arrived.
 *
 * It rejects with a TypeError `fetch failed` with a `cause` when there is no response, with a TypeError for a wrong argument,
 * and with the signal's reason when it is aborted. Deadlines are the pool's: see `PoolOptions`.
 */
export function fetch(input: string | URL | Request, init?: FetchInit): Promise<HyperResponse> {
  return start(sharedTransport, redirectLimit, input, init)
}

/**
 * Makes a fetch on another pool: with `{ pool }` on that one, with pool options on a pool of its own, without options on the
 * process-wide pool.
 * @throws {InvalidArgumentError} naming a pool option that is unknown or not acceptable.
 */
export function createFetch(options: FetchOptions = {}): HyperFetch {
  const { maxRedirects = redirectLimit, ...rest } = options
  const { transport, own } = resolvePool(rest, ['maxRedirects'])
  const close = async (): Promise<void> => {
    await own?.close()
  }
  return Object.assign(
    (input: string | URL | Request, init?: FetchInit) => start(transport, maxRedirects, input, init),
    { close, [Symbol.asyncDispose]: close },
  )
}

function start(
  transport: Transport,
  maxRedirects: number,
  input: string | URL | Request,
  init: FetchInit | undefined,
): Promise<HyperResponse> {
  return new Promise((resolve, reject) => {
    const request = readRequest(input, init)
    const { protocol } = request.url
    if (protocol !== 'https:' && protocol !== 'http:') {
      resolve(nativeFetch(input, init) as Promise<HyperResponse>)
      return
    }
    if (request.signal?.aborted === true) {
      refuse(request, request.signal.reason)
      reject(request.signal.reason)
      return
    }
    if (request.unread === undefined) {
      new Hop(transport, request, maxRedirects, 0, resolve, reject).send()
      return
    }
    gatherBody(request.unread)
      .then((body) => new Hop(transport, { ...request, body }, maxRedirects, 0, resolve, reject).send())
      .catch((error: unknown) => reject(request.signal?.aborted ? request.signal.reason : fetchFailed(error)))
  })
}

/** Cancels a stream that will not be read. */
function refuse({ body, unread }: FetchRequest, reason: unknown): void {
  const stream = unread ?? body?.body
  if (typeof stream !== 'object' || stream === null) return
  if ('getReader' in stream && !('destroy' in stream)) (stream as ReadableStream).cancel(reason).catch(ignore)
  else destroySource(stream, toError(reason))
}
