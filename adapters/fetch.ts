/**
 * `fetch` over HTTP/2: the same arguments and results as the global one, and several times as fast.
 *
 * Rules
 * - Inputs and results are of the global classes; nothing needs to know that this fetch is another one.
 * - What is not http: or https: (data:, blob:) is left to the global fetch.
 * - Failures are TypeErrors with a `cause` in the codes of Node's fetch; an aborted fetch rejects with the signal's reason.
 * - Like Node's fetch, and unlike a browser's: no cookies are kept, no cache, no CORS.
 *
 * How it works: each request that is sent has one {@link Hop}, which is the handler of its exchange. At the response's headers it either follows a redirect with
 * another hop, or settles the promise with a response (fetch/response.ts) whose body (fetch/incoming.ts) goes on arriving.
 */

import { clearTimeout, setTimeout } from '../src/clock.ts'
import { parseCodings } from '../src/content/index.ts'
import { AbortedError, toError } from '../src/errors.ts'
import type { DataUse, Exchange, ExchangeHandler, Transport } from '../src/exchange/contract.ts'
import { destroySource, isSource } from '../src/exchange/source.ts'
import { UploadBody } from '../src/exchange/upload.ts'
import type { FieldList } from '../src/headers/fields.ts'
import { getField } from '../src/headers/fields.ts'
import { joinedField } from './common/headers.ts'
import { resolvePool, type ShimOptions, sharedTransport } from './common/pool.ts'
import { fetchFailed, terminated } from './fetch/errors.ts'
import { gatherBody } from './fetch/gather.ts'
import { abandoned, type FailureWords, IncomingBody } from './fetch/incoming.ts'
import { matchesIntegrity } from './fetch/integrity.ts'
import { isBadPort, nextRequest, redirectLimit } from './fetch/redirect.ts'
import { isTrustworthy } from './fetch/referrer.ts'
import { type FetchRequest, hasField, readRequest } from './fetch/request.ts'
import { type HyperResponse, makeResponse, type ResponseHead } from './fetch/response.ts'
import { reportTiming } from './fetch/timing.ts'

export type { HyperResponse } from './fetch/response.ts'

/** Options of {@link createFetch}: a pool, or the options of one. */
export interface FetchOptions extends ShimOptions {
  /** How many redirects are followed. Default 20, the number in the Fetch standard. */
  readonly maxRedirects?: number | undefined
}

/** A fetch with a pool of its own, or with the one it was given. */
export interface HyperFetch extends AsyncDisposable {
  (input: string | URL | Request, init?: RequestInit): Promise<HyperResponse>
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
export function fetch(input: string | URL | Request, init?: RequestInit): Promise<HyperResponse> {
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
    (input: string | URL | Request, init?: RequestInit) => start(transport, maxRedirects, input, init),
    { close, [Symbol.asyncDispose]: close },
  )
}

function start(
  transport: Transport,
  maxRedirects: number,
  input: string | URL | Request,
  init: RequestInit | undefined,
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
  // What a web stream's cancel() does not take is its own affair.
  if ('getReader' in stream && !('destroy' in stream)) (stream as ReadableStream).cancel(reason).catch(nothing)
  else destroySource(stream, toError(reason))
}

/** What Node's fetch says of itself; a server should see no difference. */
const defaults = [
  ['accept', '*/*'],
  ['accept-language', '*'],
  ['sec-fetch-mode', 'cors'],
  ['user-agent', 'node'],
] as const

const acceptEncoding = 'gzip, deflate, br, zstd'

/** As Node's: what stands between may not know what came later. */
const plainAcceptEncoding = 'gzip, deflate'

/** The header section of a request that brings none of its own: one list for all of them, so that it is encoded once. */
const onlyDefaults: FieldList = Object.freeze([...defaults.flat(), 'accept-encoding', acceptEncoding])

/** One request on the wire and its response. */
class Hop implements ExchangeHandler, FailureWords {
  private readonly transport: Transport
  private readonly request: FetchRequest
  private readonly redirectsLeft: number
  /** How it came about: the first of all, after a redirect, or again after a 421. */
  private readonly flags: number
  /** Let go of once called: a promise's functions hold the promise, and that the response. */
  private resolve: (response: HyperResponse) => void
  private reject: (reason: unknown) => void
  private exchange: Exchange | undefined
  private incoming: IncomingBody | undefined
  /** Kept until it is known whether the body comes by itself; see {@link abandoned}. */
  private response: HyperResponse | undefined
  private pieces = 0
  /** Of a response that is the caller's, for its entry of timing. */
  private status = 0
  private octets = 0
  /** The redirect that this hop follows, until it has an answer of its own. */
  private previous: Hop | undefined
  /** What follows this redirect, when it waits for its connection. */
  private next: Hop | undefined
  private nextTimer: NodeJS.Timeout | undefined
  /** Another hop has taken over: octets of this one's body still to be ignored before the exchange is ended. */
  private ignoring: number | undefined

  constructor(
    transport: Transport,
    request: FetchRequest,
    redirectsLeft: number,
    flags: number,
    resolve: (response: HyperResponse) => void,
    reject: (reason: unknown) => void,
  ) {
    this.transport = transport
    this.request = request
    this.redirectsLeft = redirectsLeft
    this.flags = flags
    this.resolve = resolve
    this.reject = reject
  }

  send(): void {
    const { url, method, signal, body } = this.request
    if (signal?.aborted === true) {
      this.reject(signal.reason)
      return
    }
    if (isBadPort(url)) {
      this.reject(fetchFailed(new Error('bad port')))
      return
    }
    this.exchange = this.transport.dispatch(
      {
        origin: url.origin,
        method,
        path: targetOf(url),
        headers: headerSection(this.request),
        body: body !== undefined && isSource(body.body) ? new UploadBody(body.body, { asTold: reasonOf }) : body?.body,
        trailers: undefined,
        headersTimeout: undefined,
        bodyTimeout: undefined,
        timeout: undefined,
        idempotent: undefined,
        signal,
        connect: undefined,
        maxResponseSize: undefined,
      },
      this,
    )
  }

  onHeaders(status: number, fields: FieldList, statusText: string): void {
    this.leavePrevious()
    if (status === 407) {
      // Node's fetch has nobody to ask for a password, and does not give the answer of a proxy for that of the server.
      this.ignoring = maxIgnored
      this.reject(fetchFailed(new Error('proxy authentication required')))
      return
    }
    if (isRedirect(status) && this.request.redirect === 'error') {
      this.ignoring = maxIgnored
      this.reject(fetchFailed(new Error('unexpected redirect')))
      return
    }
    if (isRedirect(status) && this.request.redirect !== 'manual') {
      const location = getField(fields, 'location')
      if (location !== undefined) {
        this.ignoring = maxIgnored
        this.follow(status, location, fields)
        return
      }
    }
    const { request } = this
    if (status === 421 && (this.flags & again) === 0 && request.body?.replayable !== false) {
      this.sendAgain()
      return
    }
    this.status = status
    const opaque = request.tainting === 'opaque'
    // Of another origin's response to a `no-cors` request Node's fetch tells no status and no body.
    const withBody = !opaque && !(status === 204 || status === 205 || status === 304 || request.method === 'HEAD')
    if (opaque) this.ignoring = maxIgnored
    if (withBody) {
      const codings = parseCodings(joinedField(fields, 'content-encoding'))
      this.incoming = new IncomingBody(codings, this)
      this.incoming.exchange = this.exchange
    }
    const head: ResponseHead = {
      status: opaque ? 0 : status,
      statusText: opaque ? '' : statusText,
      fields,
      url: withoutFragment(request.url),
      redirected: (this.flags & redirected) !== 0,
      type: request.tainting,
      signal: request.signal,
    }
    if (request.integrity !== '') {
      if (this.incoming !== undefined) void this.verify(head, this.incoming)
      else this.reject(fetchFailed(new Error('the response has no body to check the integrity of')))
      return
    }
    this.response = makeResponse(head, this.incoming)
    this.resolve(this.response)
    this.resolve = nothing
    this.reject = nothing
  }

  /** A body that is read whole. */
  get dataUse(): DataUse {
    return this.incoming?.dataUse ?? 'passed on'
  }

  onData(chunk: Buffer): void {
    this.octets += chunk.length
    if (this.incoming === undefined) {
      if (this.ignoring !== undefined) this.ignoring -= chunk.length
      if (this.ignoring !== undefined && this.ignoring < 0) this.exchange?.abort()
      return
    }
    if (this.pieces++ === 1 && this.response !== undefined) {
      // A long body: from now on, a response that nobody can reach any more ends its exchange.
      abandoned.register(this.response, this.incoming)
      this.response = undefined
    }
    this.incoming.push(chunk)
  }

  onEnd(trailers: FieldList): void {
    if (this.status !== 0) {
      const { first, started } = this.request
      reportTiming(first.href, started, (this.flags & redirected) !== 0, this.status, this.octets)
    }
    if (this.next !== undefined) this.sendNext()
    this.response = undefined
    this.incoming?.end(trailers)
  }

  onError(error: Error): void {
    this.response = undefined
    this.leavePrevious()
    if (this.incoming !== undefined) {
      this.incoming.fail(error)
      // It may be the making of the response that failed. Once it is the caller's this does nothing.
      if (this.request.integrity === '') this.reject(fetchFailed(error))
      return
    }
    if (this.ignoring !== undefined) {
      if (this.next !== undefined) this.sendNext()
      return
    }
    const { signal } = this.request
    this.reject(signal?.aborted === true ? signal.reason : fetchFailed(error))
  }

  get signal(): AbortSignal | undefined {
    return this.request.signal
  }

  /** What a reader of the body hears of a failure. */
  wrapError(error: unknown): unknown {
    const { signal } = this.request
    return signal?.aborted === true ? signal.reason : terminated(error)
  }

  /** With `integrity`, nothing is given before the whole body was looked at. */
  private async verify(head: ResponseHead, incoming: IncomingBody): Promise<void> {
    try {
      const bytes = await incoming.collect()
      if (!matchesIntegrity(bytes, this.request.integrity)) throw new Error('integrity mismatch')
      this.resolve(makeResponse(head, IncomingBody.of(bytes, await incoming.trailers(), this)))
    } catch (error) {
      this.reject(this.request.signal?.aborted ? this.request.signal.reason : fetchFailed(error))
    }
  }

  /** Misdirected (RFC 9110 section 15.5.20): once more. This exchange is ended first, and over HTTP/1.1 its connection. */
  private sendAgain(): void {
    this.ignoring = 0
    this.exchange?.abort()
    new Hop(this.transport, this.request, this.redirectsLeft, this.flags | again, this.resolve, this.reject).send()
  }

  private follow(status: number, location: string, fields: FieldList): void {
    try {
      if (this.redirectsLeft === 0) throw new Error('redirect count exceeded')
      const next = nextRequest(this.request, status, location, fields)
      const hop = new Hop(this.transport, next, this.redirectsLeft - 1, redirected, this.resolve, this.reject)
      hop.previous = this
      if (this.exchange?.connection?.protocol === 'http/1.1') this.sendWhenFree(hop)
      else hop.send()
    } catch (error) {
      this.reject(fetchFailed(error))
    }
  }

  /**
   * Over HTTP/1.1 the connection is free when the redirect's body, which is short, has come: until then what follows would have
   * another one made.
   */
  private sendWhenFree(hop: Hop): void {
    this.next = hop
    this.nextTimer = setTimeout(sendNext, maxRedirectBodyTime, this)
  }

  /** @internal */
  sendNext(): void {
    const { next } = this
    this.next = undefined
    clearTimeout(this.nextTimer)
    next?.send()
  }

  /** By now a redirect's body would have come, if it ever ends: its exchange is not waited for any longer. */
  private leavePrevious(): void {
    const { previous } = this
    this.previous = undefined
    previous?.exchange?.abort()
  }
}

/** What the caller aborted with, whatever it is: his stream is cancelled with that. */
function reasonOf(error: Error): Error {
  return error instanceof AbortedError && error.cause !== undefined ? (error.cause as Error) : error
}

/** Flags of a hop. */
const redirected = 1
const again = 2

/** A redirect's body is let run to its end if it is shorter than this: cheaper than ending the exchange. */
const maxIgnored = 64 * 1024

/** For so long its connection is waited for, in milliseconds. */
const maxRedirectBodyTime = 50

function sendNext(hop: Hop): void {
  hop.sendNext()
}

function nothing(): void {
  // The promise is settled.
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

function withoutFragment(url: URL): string {
  return url.hash === '' && !url.href.endsWith('#') ? url.href : url.href.slice(0, url.href.indexOf('#'))
}

/** Path and query; a query that is empty keeps its question mark, which URL's parts do not tell of. */
function targetOf({ pathname, search, href }: URL): string {
  if (search !== '') return pathname + search
  const question = href.indexOf('?')
  if (question === -1) return pathname
  const fragment = href.indexOf('#')
  return fragment !== -1 && fragment < question ? pathname : `${pathname}?`
}

function headerSection(request: FetchRequest): FieldList {
  const { fields, spellings, mode, referrer, url } = request
  const length = request.body?.length
  const trustworthy = isTrustworthy(url)
  if (
    fields.length === 0 &&
    length === undefined &&
    mode === 'cors' &&
    referrer === undefined &&
    url.protocol === 'https:'
  ) {
    return onlyDefaults
  }
  const section = fields.slice()
  for (const [name, value] of defaults) {
    if (name === 'sec-fetch-mode') {
      // It says how the request came about, so it is not the caller's; and nothing is said where others can hear.
      if (trustworthy) setField(section, name, mode)
    } else if (!hasField(fields, name)) {
      section.push(name, value)
    }
  }
  if (referrer !== undefined) section.push('referer', referrer.href)
  if (!hasField(fields, 'accept-encoding')) {
    section.push(
      'accept-encoding',
      hasField(fields, 'range') ? 'identity' : url.protocol === 'https:' ? acceptEncoding : plainAcceptEncoding,
    )
  }
  if (length !== undefined && !hasField(fields, 'content-length')) section.push('content-length', String(length))
  if (spellings !== undefined) {
    for (let i = 0; i < section.length; i += 2) section[i] = spellings.get(section[i]) ?? section[i]
  }
  return section
}

function setField(section: string[], name: string, value: string): void {
  dropField(section, name)
  section.push(name, value)
}

function dropField(section: string[], name: string): void {
  for (let i = section.length - 2; i >= 0; i -= 2) {
    if (section[i] === name) section.splice(i, 2)
  }
}
