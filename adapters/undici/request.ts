/**
 * undici's DispatchOptions as an {@link ExchangeRequest}.
 *
 * What undici's own Request class refuses is refused here with the same class and message, so that a caller notices no
 * difference; what goes on the wire is checked once more by the serialiser below. On the path of each request.
 */

import { stringify } from 'node:querystring'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { encodeForm, isFormData } from '../../src/client/form.ts'
import type { Body, BodyChunk, ExchangeRequest } from '../../src/exchange/contract.ts'
import { bytesOf, isBlob } from '../../src/exchange/source.ts'
import { FieldKind, fieldName, isFieldValue, isToken } from '../../src/headers/names.ts'
import type { ConnectOptions } from '../../src/net/options.ts'
import { errors } from './internals.ts'

/** DispatchOptions as they really arrive: with what undici's types leave out, and not yet checked. */
export interface RawDispatchOptions extends Omit<Dispatcher.DispatchOptions, 'body'> {
  readonly body?: unknown
  readonly servername?: string | null
  readonly allowH2?: boolean
  readonly throwOnError?: unknown
  readonly maxRedirections?: number | null
  readonly dispatcher?: unknown
  /** Not undici's: a trailer section for the request, or a function that is called when the body was sent. */
  readonly trailers?: ExchangeRequest['trailers']
}

/** What a dispatcher adds to each of its requests. */
export interface RequestDefaults {
  readonly headersTimeout: number | undefined
  readonly bodyTimeout: number | undefined
  readonly maxResponseSize: number | undefined
  /** `connection: close`, over HTTP/1.1. */
  readonly reset: boolean
}

/** The connection options for a name to verify, or for HTTP/1.1 only; `undefined` when the pool's own will do. */
export type ConnectFor = (servername: string | undefined, http1: boolean) => ConnectOptions | undefined

/** Where a checked header section goes. */
interface Section {
  readonly fields: string[]
  host: string | undefined
  contentLength: string | undefined
  close: boolean
  hasContentType: boolean
}

/** Nothing outside these in a path; spelt as undici does. */
const badPath = /[^\u0021-\u00ff]/

/** undici's function `connect` puts a slash before what is no path. */
const slashBeforeAuthority = /^\/(?=[^/]+:\d+$)/

/**
 * @throws undici's InvalidArgumentError and NotSupportedError
 */
export function toExchangeRequest(
  options: RawDispatchOptions,
  origin: string,
  http1: boolean,
  defaults: RequestDefaults,
  connectFor: ConnectFor,
): ExchangeRequest {
  const { method, headersTimeout, bodyTimeout, query } = options
  let { path } = options
  if (typeof path !== 'string') throw new errors.InvalidArgumentError('path must be a string')
  if (options.method === 'CONNECT') path = path.replace(slashBeforeAuthority, '')
  else if (path.charCodeAt(0) !== 0x2f) path = relativePath(path, origin)
  if (badPath.test(path)) throw new errors.InvalidArgumentError('invalid request path')
  if (typeof method !== 'string') throw new errors.InvalidArgumentError('method must be a string')
  if (method !== 'GET' && method !== 'POST' && !isToken(method)) {
    throw new errors.InvalidArgumentError('invalid request method')
  }
  checkTimeout('headersTimeout', headersTimeout)
  checkTimeout('bodyTimeout', bodyTimeout)
  checkRare(options)
  if (query) path = withQuery(path, query)

  const section: Section = {
    fields: [],
    host: undefined,
    contentLength: undefined,
    close: options.reset ?? defaults.reset,
    hasContentType: false,
  }
  if (options.headers != null) takeHeaders(section, options.headers)
  const { fields } = section
  let { contentLength } = section
  let body: Body | undefined
  if (options.body != null) {
    body = toBody(options.body)
    if (isFormData(options.body)) {
      const form = encodeForm(options.body)
      if (!section.hasContentType) fields.push('content-type', form.contentType)
      contentLength ??= String(form.length)
      body = form.body
    } else if (isBlob(body)) {
      if (!section.hasContentType && body.type) fields.push('content-type', body.type)
    } else if (body instanceof Readable) {
      contentLength ??= knownLength(body)
    }
  }
  if (section.host !== undefined) fields.push('host', section.host)
  if (contentLength !== undefined) fields.push('content-length', contentLength)
  if (section.close) fields.push('connection', 'close')
  if (options.expectContinue === true && body !== undefined) fields.push('expect', '100-continue')

  const servername = options.servername ?? hostServername(section.host, origin)
  return {
    origin,
    method,
    path,
    headers: fields,
    body,
    trailers: options.trailers ?? undefined,
    headersTimeout: headersTimeout ?? defaults.headersTimeout,
    bodyTimeout: bodyTimeout ?? defaults.bodyTimeout,
    timeout: undefined,
    idempotent: options.idempotent ?? undefined,
    signal: undefined,
    connect: servername === undefined && !http1 ? undefined : connectFor(servername, http1),
    maxResponseSize: defaults.maxResponseSize,
  }
}

/** An absolute URL of the same origin as a path; any other is not ours to send. */
function relativePath(path: string, origin: string): string {
  if (!path.startsWith('http://') && !path.startsWith('https://')) {
    throw new errors.InvalidArgumentError('path must be an absolute URL or start with a slash')
  }
  if (!URL.canParse(path)) throw new errors.InvalidArgumentError('invalid request path')
  const url = new URL(path)
  if (url.origin !== origin) {
    throw new errors.NotSupportedError(`path is an absolute URL of another origin than ${origin}`)
  }
  return url.pathname + url.search
}

function checkTimeout(name: string, value: number | null | undefined): void {
  if (value != null && (!Number.isFinite(value) || value < 0)) throw new errors.InvalidArgumentError(`invalid ${name}`)
}

function checkRare(options: RawDispatchOptions): void {
  const { reset, expectContinue, throwOnError, maxRedirections, typeOfService, upgrade } = options
  if (upgrade && typeof upgrade !== 'string') throw new errors.InvalidArgumentError('upgrade must be a string')
  if (upgrade && !isFieldValue(upgrade)) throw new errors.InvalidArgumentError('invalid upgrade header')
  if (reset != null && typeof reset !== 'boolean') throw new errors.InvalidArgumentError('invalid reset')
  if (expectContinue != null && typeof expectContinue !== 'boolean') {
    throw new errors.InvalidArgumentError('invalid expectContinue')
  }
  if (throwOnError != null) throw new errors.InvalidArgumentError('invalid throwOnError')
  if (maxRedirections != null && maxRedirections !== 0) {
    throw new errors.InvalidArgumentError('maxRedirections is not supported, use the redirect interceptor')
  }
  if (typeOfService != null && (!Number.isInteger(typeOfService) || typeOfService < 0 || typeOfService > 255)) {
    throw new errors.InvalidArgumentError('typeOfService must be an integer between 0 and 255')
  }
}

function withQuery(path: string, query: Record<string, unknown>): string {
  if (path.includes('?') || path.includes('#')) {
    throw new errors.InvalidArgumentError('Query params cannot be passed when url already contains "?" or "#".')
  }
  const text = stringify(query as NodeJS.Dict<string>)
  return text === '' ? path : `${path}?${text}`
}

function takeHeaders(section: Section, headers: unknown): void {
  if (Array.isArray(headers)) {
    if (headers.length > 0 && Array.isArray(headers[0])) {
      takePairs(section, headers)
      return
    }
    if (headers.length % 2 !== 0) throw new errors.InvalidArgumentError('headers array must be even')
    for (let i = 0; i < headers.length; i += 2) takeField(section, headers[i], headers[i + 1])
    return
  }
  if (typeof headers !== 'object' || headers === null) {
    throw new errors.InvalidArgumentError('headers must be an object or an array')
  }
  if (hasIterator(headers)) {
    takePairs(section, headers)
    return
  }
  // Own keys only: a polluted Object.prototype must not become a header.
  const names = Object.keys(headers)
  const values = headers as Readonly<Record<string, unknown>>
  for (let i = 0; i < names.length; i++) {
    const name = names[i]
    takeField(section, name, values[name])
  }
}

function takePairs(section: Section, pairs: Iterable<unknown>): void {
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new errors.InvalidArgumentError('headers must be in key-value pair format')
    }
    takeField(section, pair[0], pair[1])
  }
}

/** Can it be iterated by its own making, rather than by a polluted Object.prototype? */
function hasIterator(value: object): value is Iterable<unknown> {
  if (Object.hasOwn(value, Symbol.iterator)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype !== null && prototype !== Object.prototype && Symbol.iterator in value
}

function takeField(section: Section, key: unknown, value: unknown): void {
  if (value === undefined) return
  const spelling = typeof key === 'string' ? key : String(key)
  const { name, kind } = fieldName(spelling)
  if (kind === FieldKind.INVALID || kind === FieldKind.PSEUDO) {
    throw new errors.InvalidArgumentError('invalid header key')
  }
  if (typeof value === 'string' && kind === FieldKind.PLAIN && name !== 'expect') {
    if (!isFieldValue(value)) throw new errors.InvalidArgumentError(`invalid ${spelling} header`)
    if (name === 'content-type') section.hasContentType = true
    section.fields.push(spelling, value)
  } else {
    takeOther(section, spelling, name, kind, value)
  }
}

/** The fields that are not simply sent, and values that are not simply text. */
function takeOther(section: Section, spelling: string, name: string, kind: number, value: unknown): void {
  const list = Array.isArray(value) ? value.map((one) => fieldText(spelling, one)) : [fieldText(spelling, value)]
  switch (kind) {
    case FieldKind.HOST:
      if (section.host !== undefined) throw new errors.InvalidArgumentError('duplicate host header')
      if (Array.isArray(value)) throw new errors.InvalidArgumentError('invalid host header')
      section.host = list[0]
      return
    case FieldKind.CONTENT_LENGTH:
      for (const one of list) takeContentLength(section, one)
      return
    case FieldKind.CONNECTION:
      if (Array.isArray(value)) throw new errors.InvalidArgumentError('invalid connection header')
      for (const token of String(list[0]).toLowerCase().split(',')) {
        if (!isToken(token.trim())) throw new errors.InvalidArgumentError('invalid connection header')
        if (token.trim() === 'close') section.close = true
      }
      return
    case FieldKind.DROP:
      if (name === 'transfer-encoding' || name === 'keep-alive' || name === 'upgrade') {
        throw new errors.InvalidArgumentError(`invalid ${name} header`)
      }
      return
    default:
      if (name === 'expect') throw new errors.NotSupportedError('expect header not supported')
      if (name === 'content-type') section.hasContentType = true
      for (const one of list) section.fields.push(spelling, one)
  }
}

/** Several fetches join a repeated content-length ("5, 5"): equal repeats are one. */
function takeContentLength(section: Section, value: string): void {
  const parts = value.split(',').map((part) => part.trim())
  const length = parts[0]
  if (length === undefined || !/^\d+$/.test(length) || parts.some((part) => part !== length)) {
    throw new errors.InvalidArgumentError('invalid content-length header')
  }
  if (section.contentLength !== undefined && section.contentLength !== length) {
    throw new errors.InvalidArgumentError('duplicate content-length header')
  }
  section.contentLength = length
}

/**
 * A header's value as text: null is an empty one.
 * @throws undici's InvalidArgumentError for one that cannot be sent
 */
export function fieldText(spelling: string, value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'object') throw new errors.InvalidArgumentError(`invalid ${spelling} header`)
  const text = typeof value === 'string' ? value : `${value}`
  if (!isFieldValue(text)) throw new errors.InvalidArgumentError(`invalid ${spelling} header`)
  return text
}

/** The name to verify when `host` names another than the origin does, as undici takes it: TLS speaks to whom `host` names. */
function hostServername(host: string | undefined, origin: string): string | undefined {
  if (host === undefined || !origin.startsWith('https:')) return undefined
  const name = /^(?:\[([^\]]*)\]|([^:]*))/.exec(host)
  const hostname = (name?.[1] ?? name?.[2] ?? '').toLowerCase()
  if (hostname === '' || origin.slice(8) === host.toLowerCase()) return undefined
  if (name?.[1] !== undefined || /^[\d.]+$/.test(hostname)) return undefined
  return new URL(origin).hostname === hostname ? undefined : hostname
}

function toBody(body: unknown): Body | undefined {
  if (typeof body === 'string') return body === '' ? undefined : body
  const bytes = bytesOf(body)
  if (bytes !== null) return bytes.byteLength === 0 ? undefined : bytes
  if (isBlob(body)) return body
  if (typeof body === 'object' && body !== null) {
    if (Symbol.asyncIterator in body) return body as AsyncIterable<BodyChunk>
    if (Symbol.iterator in body) return body as Iterable<BodyChunk>
    if ('pipe' in body && 'on' in body) return new Readable().wrap(body as NodeJS.ReadableStream)
  }
  throw new errors.InvalidArgumentError(
    'body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable',
  )
}

/** The length of a stream that has ended already: everything it has is in its buffer. */
function knownLength(stream: Readable): string | undefined {
  const { readableEnded, readableLength, readableObjectMode } = stream
  const state = Reflect.get(stream, '_readableState') as { ended?: boolean } | undefined
  return state?.ended === true && !readableEnded && !readableObjectMode ? String(readableLength) : undefined
}
