/**
 * What a caller gives to fetch, as one plain object. The checks are those of the standard's Request constructor, which is
 * not called: it costs more than the request. Where rare options are given, it is, for its checks alone.
 */
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { encodeForm, isFormData } from '../../src/client/form.ts'
import { performanceNow } from '../../src/clock.ts'
import type { Body, BodyChunk } from '../../src/exchange/contract.ts'
import { bytesOf, isBlob, isUrlSearchParams } from '../../src/exchange/source.ts'
import { FieldKind, fieldName, isFieldValue, isToken } from '../../src/headers/names.ts'
import { type Referrer, refererFor } from './referrer.ts'

/** Everything about one request. */
export interface FetchRequest {
  readonly url: URL
  readonly method: string
  /** The caller's and the body's own, names in lower case. */
  readonly fields: string[]
  readonly body: RequestBody | undefined
  /** Names that were not in lower case, as they were given: HTTP/1.1 keeps them. */
  readonly spellings: ReadonlyMap<string, string> | undefined
  /** The body of a Request given as input: nothing of it is read yet. */
  readonly unread: AsyncIterable<BodyChunk> | undefined
  /** The Request it was made from: its signal follows the caller's only as long as the Request itself is there. */
  readonly from: object | undefined
  readonly redirect: 'follow' | 'manual' | 'error'
  readonly signal: AbortSignal | undefined
  readonly integrity: string
  /** When the caller asked, on the clock of `performance.now()`. */
  readonly started: number
  readonly mode: FetchMode
  /** What this request tells as `referer`. */
  readonly referrer: Referrer
  readonly referrerPolicy: string
  /** Where the first request of a chain of redirects went. */
  readonly first: URL
  /** What the chain has made of the response: `basic` as long as it stays with one origin. */
  readonly tainting: 'basic' | 'cors' | 'opaque'
}

/** A request body and whether it can be sent once more. */
export interface RequestBody {
  readonly body: Body
  /** False for streams: what was read from them is gone. */
  readonly replayable: boolean
  /** Octets, where they must be announced. */
  readonly length: number | undefined
}

export type FetchMode = NonNullable<RequestInit['mode']>

type HeaderSource = NonNullable<RequestInit['headers']>

/** A Request of any realm, as far as it is needed. */
interface RequestLike {
  readonly url: string
  readonly method?: string
  readonly headers?: HeaderSource
  readonly body?: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null
  readonly bodyUsed?: boolean
  readonly signal?: AbortSignal | null
  readonly redirect?: RequestInit['redirect']
  readonly integrity?: string
  readonly cache?: RequestInit['cache']
  readonly mode?: FetchMode
  readonly referrer?: string
  readonly referrerPolicy?: string
}

/** What {@link checkRare} finds. */
interface Rare {
  readonly mode: FetchMode
  /** `about:client` and the empty string tell nothing. */
  readonly referrer: string
  readonly referrerPolicy: string
}

const nothingRare: Rare = { mode: 'cors', referrer: '', referrerPolicy: '' }

/**
 * Input and init as a request.
 *
 * @throws TypeError as the Request constructor would
 */
export function readRequest(input: string | URL | Request, given?: RequestInit | null): FetchRequest {
  const init = given ?? {}
  if (typeof init !== 'object' && typeof init !== 'function') {
    throw new TypeError(`RequestInit: Expected ${String(init)} to be one of: Null, Undefined, Object.`)
  }
  const from = isRequestLike(input) ? input : undefined
  const url = parseUrl(from === undefined ? `${input as string | URL}` : from.url)
  const rare = readRare(from, init)
  const method = readMethod(init.method ?? from?.method ?? 'GET')
  if (rare.mode === 'no-cors' && method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
    throw new TypeError(`'${method}' is unsupported in no-cors mode.`)
  }
  const fields: string[] = []
  const headers = init.headers === undefined ? from?.headers : init.headers
  // Those of a Headers object are in lower case.
  const spellings = headers === undefined ? undefined : takeHeaders(fields, headers)
  takeCache(fields, init.cache ?? from?.cache)
  const redirect = init.redirect ?? from?.redirect ?? 'follow'
  if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
    throw new TypeError(`Request constructor: ${String(redirect)} is not an accepted type of redirect.`)
  }
  const signal = init.signal === undefined ? (from?.signal ?? undefined) : (init.signal ?? undefined)
  if (signal !== undefined && (typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function')) {
    throw new TypeError(`RequestInit: Expected signal ("${inspect(signal)}") to be an instance of AbortSignal.`)
  }
  const { duplex } = init as { duplex?: unknown }
  if (duplex !== undefined && duplex !== 'half') {
    throw new TypeError(`RequestInit: ${String(duplex)} is not an accepted type. Expected one of half.`)
  }
  let body: RequestBody | undefined
  let unread: AsyncIterable<BodyChunk> | undefined
  if (init.body != null) {
    if (method === 'GET' || method === 'HEAD') throw bodyForbidden()
    body = readBody(init.body, fields, init)
  } else if (from?.body != null) {
    if (method === 'GET' || method === 'HEAD') throw bodyForbidden()
    if (from.bodyUsed === true)
      throw new TypeError('Cannot construct a Request with a Request object that has already been used.')
    unread = from.body as AsyncIterable<BodyChunk>
  }
  const { mode, referrerPolicy } = rare
  const referrer =
    rare.referrer === '' || rare.referrer === 'about:client'
      ? undefined
      : refererFor(new URL(rare.referrer), referrerPolicy, url)
  const integrity = String(init.integrity ?? from?.integrity ?? '')
  return {
    url,
    method,
    fields,
    spellings,
    body,
    unread,
    from,
    redirect,
    signal,
    integrity,
    started: performanceNow(),
    mode,
    referrer,
    referrerPolicy,
    first: url,
    tainting: 'basic',
  }
}

function bodyForbidden(): TypeError {
  return new TypeError('Request with GET/HEAD method cannot have body.')
}

function isRequestLike(input: unknown): input is RequestLike {
  if (typeof input !== 'object' || input === null || input instanceof URL) return false
  return 'url' in input && typeof input.url === 'string'
}

/**
 * @throws TypeError for what is no absolute URL, and for one with credentials in it
 */
function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    throw new TypeError(`Failed to parse URL from ${text}`, { cause: error })
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${text}`)
  }
  return url
}

/** Of a Request its own, unless there is an init, which begins anew but for the mode. */
function readRare(from: RequestLike | undefined, init: RequestInit): Rare {
  const given = checkRare(init)
  if (from?.mode === undefined) return given ?? nothingRare
  const fallback: FetchMode = from.mode === 'navigate' ? 'same-origin' : from.mode
  if (given !== undefined) {
    // It may be a Request of Node's, whose properties are its class's.
    const { mode, referrer, referrerPolicy } = given
    return { mode: init.mode === undefined ? fallback : mode, referrer, referrerPolicy }
  }
  if (Object.keys(init).length > 0) return { ...nothingRare, mode: fallback }
  const { referrer = '', referrerPolicy = '' } = from
  return { mode: from.mode, referrer, referrerPolicy }
}

/**
 * Options that are rare, and that can be wrong: Node's own Request says so, and what they come to. `undefined` when none is
 * given.
 */
function checkRare(init: RequestInit): Rare | undefined {
  const { mode, credentials, cache, referrer, referrerPolicy, keepalive, window, priority } = init as RequestInit & {
    priority?: string
  }
  if (
    mode === undefined &&
    credentials === undefined &&
    cache === undefined &&
    referrer === undefined &&
    referrerPolicy === undefined &&
    keepalive === undefined &&
    window === undefined &&
    priority === undefined
  ) {
    return undefined
  }
  const given = { mode, credentials, cache, referrer, referrerPolicy, keepalive, window, priority }
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return new Request('http://localhost/', present as RequestInit)
}

const upperMethods: Readonly<Record<string, string>> = {
  get: 'GET',
  head: 'HEAD',
  post: 'POST',
  put: 'PUT',
  delete: 'DELETE',
  options: 'OPTIONS',
}

function readMethod(method: string): string {
  if (method === 'GET' || method === 'POST') return method
  const text = `${method}`
  if (!isToken(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`)
  const lower = text.toLowerCase()
  if (lower === 'connect' || lower === 'trace' || lower === 'track')
    throw new TypeError(`'${text}' HTTP method is unsupported.`)
  return Object.hasOwn(upperMethods, lower) ? upperMethods[lower] : text
}

type Spellings = Map<string, string> | undefined

/** @returns how names were spelt, where not in lower case. */
function takeHeaders(fields: string[], headers: HeaderSource): Spellings {
  let spellings: Spellings
  if ((typeof headers !== 'object' && typeof headers !== 'function') || headers === null) {
    throw new TypeError('Headers constructor: the argument is neither a sequence nor a record')
  }
  if (Symbol.iterator in headers) {
    for (const pair of headers as Iterable<unknown>) {
      if (typeof pair !== 'object' || pair === null) {
        throw new TypeError(`Headers constructor: ${String(pair)} is not a name/value pair`)
      }
      const both = [...(pair as Iterable<string>)]
      if (both.length !== 2) {
        throw new TypeError(`Headers constructor: expected name/value pair to be length 2, found ${both.length}.`)
      }
      // A template refuses a symbol, as the standard does.
      spellings = takeField(fields, `${both[0]}`, `${both[1]}`, spellings)
    }
    return spellings
  }
  const record = headers as Readonly<Record<string, string>>
  for (const name of Object.keys(record)) spellings = takeField(fields, name, `${record[name]}`, spellings)
  const [symbol] = Object.getOwnPropertySymbols(record)
  if (symbol !== undefined && Object.getOwnPropertyDescriptor(record, symbol)?.enumerable) {
    throw new TypeError(`Headers constructor: ${String(symbol)} is a symbol, which cannot be a header name`)
  }
  return spellings
}

function takeField(fields: string[], spelling: string, value: string, spellings: Spellings): Spellings {
  const { name, kind } = fieldName(spelling)
  if (kind === FieldKind.INVALID || kind === FieldKind.PSEUDO) {
    throw new TypeError(`Headers.append: "${spelling}" is an invalid header name.`)
  }
  // A fetch asks whom its URL names: Node's ignores the field, too.
  if (name === 'host') return spellings
  // Outer white space is the serialiser's to remove; line breaks count as such here, and only here.
  const text = isFieldValue(value) ? value : value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
  if (!isFieldValue(text)) throw new TypeError(`Headers.append: "${text}" is an invalid header value.`)
  fields.push(name, text)
  return name === spelling ? spellings : (spellings ?? new Map<string, string>()).set(name, spelling)
}

/**
 * What a cache mode tells servers and caches on the way (Fetch standard, HTTP-network-or-cache fetch). Who sends a condition
 * has a cache of its own, and wants no other's answer.
 */
function takeCache(fields: string[], cache: RequestInit['cache'] | undefined): void {
  if (cache === 'no-cache') {
    if (!hasField(fields, 'cache-control')) fields.push('cache-control', 'max-age=0')
  } else if (
    cache === 'no-store' ||
    cache === 'reload' ||
    ((cache === undefined || cache === 'default') && hasCondition(fields))
  ) {
    if (!hasField(fields, 'pragma')) fields.push('pragma', 'no-cache')
    if (!hasField(fields, 'cache-control')) fields.push('cache-control', 'no-cache')
  }
}

function hasCondition(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i].startsWith('if-') && conditions.has(fields[i])) return true
  }
  return false
}

const conditions = new Set(['if-modified-since', 'if-none-match', 'if-unmodified-since', 'if-match', 'if-range'])

function readBody(body: unknown, fields: string[], init: RequestInit): RequestBody {
  if (typeof body === 'string') return known(fields, body, 'text/plain;charset=UTF-8')
  const bytes = bytesOf(body)
  // A copy: what the caller writes into it later is not sent.
  if (bytes !== null) return { body: new Uint8Array(bytes), replayable: true, length: undefined }
  if (isUrlSearchParams(body)) {
    return known(fields, String(body), 'application/x-www-form-urlencoded;charset=UTF-8')
  }
  if (isBlob(body)) return known(fields, body, body.type)
  if (isFormData(body)) {
    const form = encodeForm(body)
    const made = known(fields, () => form.body(), form.contentType)
    return { ...made, length: form.length }
  }
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    if (!('duplex' in init) || init.duplex !== 'half') {
      throw new TypeError('RequestInit: duplex option is required when sending a body.')
    }
    if (init.keepalive === true)
      throw new TypeError('keepalive: a request that outlives its page cannot have a stream as its body')
    if (Readable.isDisturbed(body as Readable) || ('locked' in body && body.locked === true)) {
      throw new TypeError('Response body object should not be disturbed or locked')
    }
    // A stream of Node's may fail before it is read; whoever reads it then hears of that.
    if ('pipe' in body && 'on' in body && typeof body.on === 'function') body.on('error', () => {})
    return { body: body as AsyncIterable<BodyChunk>, replayable: false, length: undefined }
  }
  return known(fields, `${body as string}`, 'text/plain;charset=UTF-8')
}

function known(fields: string[], body: Body, type: string): RequestBody {
  if (type !== '' && !hasField(fields, 'content-type')) fields.push('content-type', type)
  return { body, replayable: true, length: undefined }
}

/** Is there a field of this name (in lower case)? */
export function hasField(fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) return true
  }
  return false
}
