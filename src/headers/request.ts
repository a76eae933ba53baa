/**
 * The one serialiser of requests: every method, path, authority and field passes here on its way to HTTP/2, whoever
 * made it, so that header injection has one door, and it is shut (RFC 9113 sections 8.2.1, 8.3.1, 10.3).
 *
 * On the hot path: plain loops over flat lists, one table look-up a name, one regular expression a value.
 */
import { ContentLengthError, InvalidArgumentError, NotSupportedError } from '../errors.ts'
import type { FieldList, FieldsInit } from './fields.ts'
import { flattenFields } from './fields.ts'
import { FieldKind, fieldName, isFieldValue, isToken } from './names.ts'

/** What a request is to the serialiser; `ExchangeRequest` has more. */
export interface RequestParts {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly protocol?: string | undefined
  readonly upgrade?: string | undefined
  readonly headers?: FieldsInit | null | undefined
  readonly trailers?: unknown
  readonly body?: unknown
}

/** Path characters: visible ASCII but `#`, and the octets above it, which servers read as they please. */
const BAD_PATH = /[^\x21\x22\x24-\x7e\x80-\xff]/

/** host[:port]; userinfo is forbidden (RFC 9113 section 8.3.1). */
const AUTHORITY = /^[\w\-.~%!$&'()*+,;=]*(?::\d*)?$|^\[[\da-fA-F:.]+(?:%[\w\-.~]+)?\](?::\d*)?$/

/**
 * The header section of a request for HTTP/2, pseudo-header fields first.
 * @param bodyLength octets of the body: -1 when not known beforehand, 0 for none.
 * @throws {InvalidArgumentError} naming what is wrong with method, path, authority or a field.
 * @throws {ContentLengthError} when a content-length given by the caller differs from `bodyLength`.
 */
export function serialiseRequest(
  request: RequestParts,
  scheme: string,
  authority: string,
  bodyLength: number,
): string[] {
  const { method } = request
  if (request.upgrade !== undefined) {
    throw new NotSupportedError(`HTTP/2 has no Upgrade: ${JSON.stringify(request.upgrade)}`, { origin: request.origin })
  }
  if (method !== 'GET' && (typeof method !== 'string' || !isToken(method))) {
    throw new InvalidArgumentError(`Invalid method: ${JSON.stringify(method)}`, { origin: request.origin })
  }
  const head =
    method === 'CONNECT' || request.protocol !== undefined
      ? connectHead(request, scheme, authority)
      : [':method', method, ':scheme', scheme, ':authority', authority, ':path', checkPath(request)]
  const pseudoLength = head.length
  let length: string | undefined
  let dropped: string[] | undefined
  const init = request.headers
  if (init !== undefined && init !== null) {
    const fields = flattenFields(init)
    for (let i = 0; i < fields.length; i += 2) {
      const { name, kind } = fieldName(fields[i])
      const value = cleanValue(name, fields[i + 1], request.origin)
      switch (kind) {
        case FieldKind.PLAIN:
          head.push(name, value)
          break
        case FieldKind.CONTENT_LENGTH:
          length = sameLength(length, checkContentLength(value, bodyLength, request), request.origin)
          break
        case FieldKind.HOST:
          // A plain CONNECT's :authority is its target.
          if (pseudoLength > 4) head[pseudoLength - 3] = checkAuthority(value, request.origin)
          break
        case FieldKind.TE:
          if (/(?:^|,)[ \t]*trailers[ \t]*(?:$|[,;])/i.test(value)) head.push('te', 'trailers')
          break
        case FieldKind.CONNECTION:
          dropped = (dropped ?? []).concat(value.toLowerCase().split(','))
          break
        case FieldKind.DROP:
          break
        default:
          throw invalidName(fields[i], request.origin)
      }
    }
    if (dropped !== undefined) dropNamed(head, dropped, pseudoLength)
  }
  if (length === undefined && (bodyLength > 0 || (bodyLength === 0 && TAKES_CONTENT.has(method))))
    length = String(bodyLength)
  if (length !== undefined) head.push('content-length', length)
  return head
}

/** A request for HTTP/1.1, checked. */
export interface Head1 {
  readonly target: string
  /** Names as the caller spelt them. */
  readonly fields: string[]
  /** Nothing is to follow it on its connection: the caller says so (RFC 9112 section 9.6), or the answer could mislead. */
  readonly last: boolean
  /** Octets of the body, -1 when not known beforehand. */
  readonly length: number
}

/**
 * The header section of a request for HTTP/1.1: checked by the same rules, names as they were spelt. Fields that frame the
 * message or govern the connection are the connection's own business and left out.
 * @param authority sent as `host` unless the request brings its own.
 * @param bodyLength octets of the body: -1 when not known beforehand, 0 for none.
 * @param proxied how the proxy wants it that is asked in the origin's place (RFC 9112 section 3.2.2).
 * @throws {InvalidArgumentError} naming what is wrong with method, path or a field.
 * @throws {ContentLengthError} when a content-length given by the caller differs from `bodyLength`.
 */
export function serialiseRequest1(
  request: RequestParts,
  authority: string,
  bodyLength: number,
  proxied?: { readonly prefix: string; readonly headers: FieldList },
): Head1 {
  const { origin, method, trailers } = request
  if (typeof method !== 'string' || !isToken(method)) {
    throw new InvalidArgumentError(`Invalid method: ${JSON.stringify(method)}`, { origin })
  }
  const path = method === 'CONNECT' ? checkConnectTarget(request) : checkPath(request)
  if (request.upgrade !== undefined && !isToken(request.upgrade.replace('/', ''))) {
    throw new InvalidArgumentError(`Invalid protocol to upgrade to: ${JSON.stringify(request.upgrade)}`, { origin })
  }
  const fields: string[] = ['host', method === 'CONNECT' ? path : authority, 'connection', 'keep-alive']
  const inChunks = trailers !== null && trailers !== undefined
  let dropped: string[] | undefined
  let length: string | undefined
  const given = flattenFields(request.headers)
  for (let i = 0; i < given.length; i += 2) {
    const { name, kind } = fieldName(given[i])
    const value = cleanValue(name, given[i + 1], origin)
    switch (kind) {
      case FieldKind.PLAIN:
      case FieldKind.TE:
        if (!asksToContinue(name, value)) fields.push(given[i], value)
        break
      case FieldKind.CONTENT_LENGTH:
        length = sameLength(length, checkContentLength(value, bodyLength, request), origin)
        // A trailer section needs chunks, which have no length.
        if (!inChunks) fields.push(given[i], length)
        break
      case FieldKind.HOST:
        fields[0] = given[i]
        fields[1] = checkAuthority(value, origin)
        break
      case FieldKind.CONNECTION:
        dropped = (dropped ?? []).concat(value.toLowerCase().split(','))
        break
      case FieldKind.DROP:
        break
      default:
        throw invalidName(given[i], origin)
    }
  }
  const close = method === 'HEAD' || dropped?.some((name) => name.trim() === 'close') === true
  if (dropped !== undefined) dropNamed(fields, dropped, 4)
  if (close) fields[3] = 'close'
  else if (request.upgrade !== undefined) fields.splice(2, 2, 'connection', 'upgrade', 'upgrade', request.upgrade)
  const last = close || misleads(method, bodyLength)
  const head = { target: path, fields, last, length: length === undefined ? bodyLength : Number(length) }
  if (proxied === undefined || method === 'CONNECT') return head
  // What the request says to the proxy itself goes before what is said with each request.
  for (let i = 0; i < proxied.headers.length; i += 2) {
    const name = proxied.headers[i]
    if (!fields.some((one, at) => at % 2 === 0 && fieldName(one).name === name))
      fields.push(name, proxied.headers[i + 1])
  }
  // `OPTIONS *` has an empty path in absolute form (RFC 9112 section 3.2.4).
  return { ...head, target: path === '*' ? proxied.prefix : proxied.prefix + path }
}

/**
 * A trailer section, checked as headers are; pseudo-header and connection-specific fields, and fields that frame the
 * message, may not stand in it (RFC 9110 section 6.5.1).
 * @throws {InvalidArgumentError} naming the field.
 */
export function serialiseTrailers(init: FieldsInit, origin: string): FieldList {
  const fields = flattenFields(init)
  const trailers: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const { name, kind } = fieldName(fields[i])
    if (kind === FieldKind.PSEUDO || kind === FieldKind.INVALID) throw invalidName(fields[i], origin)
    if (kind !== FieldKind.PLAIN) {
      throw new InvalidArgumentError(`Header ${JSON.stringify(name)} may not be sent as a trailer`, { origin })
    }
    trailers.push(name, cleanValue(name, fields[i + 1], origin))
  }
  return trailers
}

/** The pseudo-header fields of CONNECT (RFC 9113 section 8.5) and of extended CONNECT (RFC 8441 section 4). */
function connectHead(request: RequestParts, scheme: string, authority: string): string[] {
  const { origin, method, protocol } = request
  if (protocol === undefined) return [':method', 'CONNECT', ':authority', checkConnectTarget(request)]
  if (method !== 'CONNECT' || !isToken(protocol)) {
    throw new InvalidArgumentError(
      `protocol must be a token, and needs the method CONNECT: ${method} ${JSON.stringify(protocol)}`,
      { origin },
    )
  }
  const target = checkPath({ ...request, method: 'GET' })
  return [':method', method, ':protocol', protocol, ':scheme', scheme, ':authority', authority, ':path', target]
}

function checkConnectTarget({ path, origin }: RequestParts): string {
  if (typeof path !== 'string' || !/:\d+$/.test(path)) {
    throw new InvalidArgumentError(`CONNECT needs "host:port" as path, not ${JSON.stringify(path)}`, { origin })
  }
  return checkAuthority(path, origin)
}

/** Methods whose content servers look for: without any, they are told so (RFC 9110 section 8.6). */
export const TAKES_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH'])

/**
 * Requests that servers of HTTP/1.1 answer, or read, with octets that belong to no message: content after the head of a HEAD, a
 * second answer to the body of a GET. They could not be told from the response to the next request, so the connection is not used again
 * (undici has the same rule).
 */
function misleads(method: string, bodyLength: number): boolean {
  return method === 'HEAD' || (bodyLength !== 0 && !TAKES_CONTENT.has(method))
}

/** Bodies do not wait for 100 there, and so must not ask for it (RFC 9110 section 10.1.1). */
function asksToContinue(name: string, value: string): boolean {
  return name === 'expect' && value.toLowerCase() === '100-continue'
}

function checkPath(request: RequestParts): string {
  let { path } = request
  if (typeof path !== 'string') {
    throw new InvalidArgumentError(`A path must be text, not ${typeof path}`, { origin: request.origin })
  }
  if (BAD_PATH.test(path)) {
    // A fragment is for the client's own eyes (RFC 9110 section 4.2.5).
    const hash = path.indexOf('#')
    if (hash !== -1) path = path.slice(0, hash)
    if (BAD_PATH.test(path)) {
      throw new InvalidArgumentError(`Invalid character in path: ${JSON.stringify(path)}`, { origin: request.origin })
    }
  }
  if (path.charCodeAt(0) === 0x2f) return path
  if (path === '*' && request.method === 'OPTIONS') return path
  if (path === '') return '/'
  if (path.charCodeAt(0) === 0x3f) return `/${path}`
  throw new InvalidArgumentError(`A path must begin with "/": ${JSON.stringify(path)}`, { origin: request.origin })
}

function checkAuthority(value: string, origin: string): string {
  if (value === '' || !AUTHORITY.test(value)) {
    throw new InvalidArgumentError(`Invalid host: ${JSON.stringify(value)}`, { origin })
  }
  return value
}

/** A value without outer white space (RFC 9113 section 8.2.1), checked. */
function cleanValue(name: string, value: string, origin: string): string {
  if (typeof value !== 'string') {
    throw new InvalidArgumentError(`The value of header ${JSON.stringify(name)} is not text`, { origin })
  }
  const last = value.length - 1
  if (last >= 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(last)))) {
    value = value.replace(/^[ \t]+|[ \t]+$/g, '')
  }
  if (!isFieldValue(value)) {
    throw new InvalidArgumentError(`Invalid character in the value of header ${JSON.stringify(name)}`, { origin })
  }
  return value
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** The one number that a content-length value says, as text. */
function checkContentLength(value: string, bodyLength: number, { origin, body }: RequestParts): string {
  // Some runtimes' fetch joins a repeated content-length ("5, 5"): equal repeats are one.
  const parts = value.split(/[ \t]*,[ \t]*/)
  const length = Number(parts[0])
  if (!/^\d+$/.test(parts[0]) || parts.some((part) => part !== parts[0]) || !Number.isSafeInteger(length)) {
    throw new InvalidArgumentError(`Invalid content-length: ${JSON.stringify(value)}`, { origin })
  }
  // Headers of another request that are passed on without its body: what they say of it is set right, as undici does.
  if (body === undefined || body === null) return String(Math.max(bodyLength, 0))
  if (bodyLength >= 0 && length !== bodyLength) {
    throw new ContentLengthError('request', `content-length says ${length}, but the body has ${bodyLength} octets`, {
      origin,
    })
  }
  return parts[0]
}

/** Two content-length fields must say the same. */
function sameLength(known: string | undefined, found: string, origin: string): string {
  if (known !== undefined && known !== found) {
    throw new InvalidArgumentError('Two content-length headers differ', { origin })
  }
  return found
}

/** Removes the fields that `connection` named (RFC 9113 section 8.2.2). */
function dropNamed(head: string[], names: readonly string[], from: number): void {
  const unwanted = new Set(names.map((name) => name.trim()))
  let kept = from
  for (let i = from; i < head.length; i += 2) {
    if (unwanted.has(fieldName(head[i]).name)) continue
    head[kept++] = head[i]
    head[kept++] = head[i + 1]
  }
  head.length = kept
}

function invalidName(name: string, origin: string): InvalidArgumentError {
  return new InvalidArgumentError(`Invalid header name: ${JSON.stringify(name)}`, { origin })
}
