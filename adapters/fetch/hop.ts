/**
 * One request on the wire and its response: the handler of its exchange. At the response's headers it either follows a redirect
 * with another hop, or settles the promise of the fetch with a response (response.ts), whose body (incoming.ts) goes on arriving.
 */
import { Bag } from '../../src/bag.ts'
import { clearTimeout, setTimeout } from '../../src/clock.ts'
import { parseCodings } from '../../src/content/index.ts'
import { AbortedError } from '../../src/errors.ts'
import type { DataUse, Exchange, ExchangeHandler, Transport } from '../../src/exchange/contract.ts'
import { isRedirect } from '../../src/exchange/semantics.ts'
import { isSource } from '../../src/exchange/source.ts'
import { UploadBody } from '../../src/exchange/upload.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { getField } from '../../src/headers/fields.ts'
import { ignore } from '../../src/ignore.ts'
import { joinedField } from '../common/headers.ts'
import { MAX_REDIRECT_BODY, MAX_REDIRECT_BODY_TIME } from '../common/redirect-body.ts'
import { originOf, targetOf } from '../common/target.ts'
import { fetchFailed, terminated } from './errors.ts'
import { type FailureWords, IncomingBody } from './incoming.ts'
import { matchesIntegrity } from './integrity.ts'
import { isBadPort, nextRequest } from './redirect.ts'
import type { FetchRequest } from './request.ts'
import { headerSection } from './request-head.ts'
import { type HyperResponse, makeResponse, type ResponseHead } from './response.ts'
import { reportTiming } from './timing.ts'

/** Flags of a hop. */
const redirected = 1
const again = 2

/**
 * For so long a response is kept for its body to come by itself, in milliseconds: most bodies do, and what has the garbage collector
 * tell of a response costs more than they do.
 */
const watchAfter = 500

/** Hops whose response is the caller's, is kept and has not ended; and the timer after which they are watched. */
const young = new Bag<Hop>()
let youngTimer: NodeJS.Timeout | undefined

export class Hop implements ExchangeHandler, FailureWords {
  /** Among those whose response is young. */
  place = -1
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
  /** Kept until it is known whether the body comes by itself; see {@link IncomingBody.watch}. */
  private response: HyperResponse | undefined
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
        origin: originOf(url),
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
      this.ignoring = MAX_REDIRECT_BODY
      this.reject(fetchFailed(new Error('proxy authentication required')))
      return
    }
    if (isRedirect(status) && this.request.redirect === 'error') {
      this.ignoring = MAX_REDIRECT_BODY
      this.reject(fetchFailed(new Error('unexpected redirect')))
      return
    }
    if (isRedirect(status) && this.request.redirect !== 'manual') {
      const location = getField(fields, 'location')
      if (location !== undefined) {
        this.ignoring = MAX_REDIRECT_BODY
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
    if (opaque) this.ignoring = MAX_REDIRECT_BODY
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
    const response = makeResponse(head, this.incoming)
    if (this.incoming !== undefined) this.keep(response)
    this.resolve(response)
    this.resolve = ignore
    this.reject = ignore
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
    this.incoming.push(chunk)
  }

  onEnd(trailers: FieldList): void {
    if (this.status !== 0) {
      const { first, started } = this.request
      reportTiming(first.href, started, (this.flags & redirected) !== 0, this.status, this.octets)
    }
    if (this.next !== undefined) this.sendNext()
    this.letGo()
    this.incoming?.end(trailers)
  }

  onError(error: Error): void {
    this.letGo()
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

  private keep(response: HyperResponse): void {
    this.response = response
    young.add(this)
    if (youngTimer !== undefined) return
    youngTimer = setTimeout(watchYoung, watchAfter)
    youngTimer.unref()
  }

  private letGo(): void {
    if (this.response === undefined) return
    this.response = undefined
    young.delete(this)
  }

  /**
   * From now on, a response that nobody can reach any more ends its exchange.
   * @internal
   */
  watch(): void {
    const { response, incoming } = this
    if (response !== undefined) incoming?.watch(response)
    this.letGo()
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
    this.nextTimer = setTimeout(() => this.sendNext(), MAX_REDIRECT_BODY_TIME)
  }

  private sendNext(): void {
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

function watchYoung(): void {
  youngTimer = undefined
  for (const hop of young.all()) hop.watch()
}

function withoutFragment(url: URL): string {
  return url.hash === '' && !url.href.endsWith('#') ? url.href : url.href.slice(0, url.href.indexOf('#'))
}
