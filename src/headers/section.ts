/**
 * The check of whole header sections by RFC 9113 sections 8.1 to 8.3 and RFC 8441: what comes in from a peer, and what a
 * user of the protocol engine hands in. One set of rules for both directions; only the error differs.
 */

import { LONGEST_REMEMBERED_NAME } from '../limits.ts'
import type { FieldList } from './fields.ts'
import { NO_FIELDS } from './fields.ts'
import { isFieldValue, isToken } from './names.ts'

/** A section is malformed: a stream error of type PROTOCOL_ERROR when it came in (section 8.1.1). */
export class MalformedError extends Error {}

/** A checked header section of a response. */
export interface ResponseHead {
  readonly status: number
  /** The fields without `:status`. */
  readonly fields: FieldList
  /** Octets announced by content-length, -1 when there is none. */
  readonly contentLength: number
}

/** A checked header section of a request. */
export interface RequestHead {
  /** The `:method` pseudo-header field. */
  readonly method: string
  /** Undefined for CONNECT. */
  readonly scheme: string | undefined
  /** The `:authority` pseudo-header field; undefined when there was none. */
  readonly authority: string | undefined
  /** Undefined for CONNECT. */
  readonly path: string | undefined
  /** RFC 8441: the protocol of an extended CONNECT. */
  readonly protocol: string | undefined
  /** The fields without pseudo-header fields; cookie crumbs joined (RFC 9113 section 8.2.3). */
  readonly fields: FieldList
  /** Octets announced by content-length, -1 when there is none. */
  readonly contentLength: number
}

/** Lower-case field names that passed the check, so that each costs it once. */
const goodNames = new Set<string>()
const MAX_REMEMBERED = 1024
const LOWER_TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const CONNECTION_SPECIFIC = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const REQUEST_PSEUDO = new Set([':method', ':scheme', ':authority', ':path', ':protocol'])

/**
 * @throws {MalformedError} saying what is wrong with it.
 */
export function checkResponse(section: FieldList): ResponseHead {
  if (section.length === 0 || section[0] !== ':status') throw new MalformedError('the response has no :status')
  const text = section[1]
  if (!/^[1-9]\d\d$/.test(text)) throw new MalformedError(`:status is ${JSON.stringify(text)}`)
  let contentLength = -1
  const fields = section.length === 2 ? NO_FIELDS : trimValues(section.slice(2))
  for (let i = 0; i < fields.length; i += 2) {
    checkField(fields[i], fields[i + 1])
    if (fields[i] === 'content-length') contentLength = joinLength(contentLength, fields[i + 1])
  }
  return { status: Number(text), fields, contentLength }
}

/**
 * Values without the white space around them. It makes a section malformed (RFC 9113 section 8.2.1), but nothing is at stake:
 * node:http2, Go and curl all take it, and whole sites send it. What we send has none.
 */
function trimValues(fields: string[]): string[] {
  for (let i = 1; i < fields.length; i += 2) {
    const value = fields[i]
    const last = value.length - 1
    if (last >= 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(last)))) {
      fields[i] = value.replace(/^[ \t]+|[ \t]+$/g, '')
    }
  }
  return fields
}

/**
 * @param extendedConnect is `:protocol` allowed (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441 section 3)?
 * @throws {MalformedError} saying what is wrong with it.
 */
export function checkRequest(section: FieldList, extendedConnect: boolean): RequestHead {
  const pseudo = new Map<string, string>()
  let at = 0
  for (; at < section.length && section[at].charCodeAt(0) === 0x3a; at += 2) {
    const name = section[at]
    if (!REQUEST_PSEUDO.has(name)) throw new MalformedError(`unknown pseudo-header field ${JSON.stringify(name)}`)
    if (pseudo.has(name)) throw new MalformedError(`two ${name} fields`)
    checkValue(name, section[at + 1])
    pseudo.set(name, section[at + 1])
  }
  const head = { ...checkPseudo(pseudo, extendedConnect), ...requestFields(section, at) }
  checkHost(head.authority, head.fields)
  return head
}

/**
 * @throws {MalformedError} saying what is wrong with it.
 */
export function checkTrailers(given: FieldList): FieldList {
  const section = trimValues([...given])
  for (let i = 0; i < section.length; i += 2) checkField(section[i], section[i + 1])
  return section
}

/** RFC 9113 section 8.3.1, and 8.5 for CONNECT. */
function checkPseudo(
  pseudo: ReadonlyMap<string, string>,
  extendedConnect: boolean,
): Omit<RequestHead, 'fields' | 'contentLength'> {
  const method = pseudo.get(':method')
  const scheme = pseudo.get(':scheme')
  const authority = pseudo.get(':authority')
  const path = pseudo.get(':path')
  const protocol = pseudo.get(':protocol')
  if (method === undefined || !isToken(method)) throw new MalformedError(`:method is ${JSON.stringify(method)}`)
  if (authority?.includes('@')) throw new MalformedError(':authority with userinfo')
  if (protocol !== undefined && (method !== 'CONNECT' || !extendedConnect)) throw new MalformedError(':protocol')
  if (method === 'CONNECT' && protocol === undefined) {
    if (scheme !== undefined || path !== undefined) throw new MalformedError('CONNECT with :scheme or :path')
    if (!authority) throw new MalformedError('CONNECT without :authority')
    return { method, scheme, authority, path, protocol }
  }
  if (!scheme) throw new MalformedError('the request has no :scheme')
  if (!path) throw new MalformedError('the request has no :path')
  if (path.charCodeAt(0) !== 0x2f && !(path === '*' && method === 'OPTIONS')) {
    throw new MalformedError(`:path is ${JSON.stringify(path)}`)
  }
  if (protocol !== undefined && !authority) throw new MalformedError('extended CONNECT without :authority')
  return { method, scheme, authority, path, protocol }
}

function requestFields(section: FieldList, start: number): Pick<RequestHead, 'fields' | 'contentLength'> {
  let contentLength = -1
  let cookie = -1
  const fields: string[] = []
  for (let i = start; i < section.length; i += 2) {
    const name = section[i]
    const value = section[i + 1]
    checkField(name, value)
    if (name === 'content-length') contentLength = joinLength(contentLength, value)
    if (name === 'cookie' && cookie !== -1) {
      fields[cookie] += `; ${value}`
      continue
    }
    fields.push(name, value)
    if (name === 'cookie') cookie = fields.length - 1
  }
  return { fields, contentLength }
}

/** `:authority` and `host` must agree (section 8.3.1), and host may come once. */
function checkHost(authority: string | undefined, fields: FieldList): void {
  let host: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'host') continue
    if (host !== undefined) throw new MalformedError('two host fields')
    host = fields[i + 1]
  }
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    throw new MalformedError(':authority and host differ')
  }
}

function checkField(name: string, value: string): void {
  if (!goodNames.has(name)) {
    if (!LOWER_TOKEN.test(name)) throw new MalformedError(`invalid field name ${JSON.stringify(name)}`)
    if (CONNECTION_SPECIFIC.has(name)) throw new MalformedError(`connection-specific field ${name}`)
    if (name === 'te') {
      if (value !== 'trailers') throw new MalformedError('te may only be "trailers"')
    } else if (goodNames.size < MAX_REMEMBERED && name.length <= LONGEST_REMEMBERED_NAME) {
      goodNames.add(name)
    }
  }
  checkValue(name, value)
}

/** RFC 9113 section 8.2.1. */
function checkValue(name: string, value: string): void {
  if (!isFieldValue(value)) throw new MalformedError(`invalid character in the value of ${name}`)
  const last = value.length - 1
  if (last >= 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(last)))) {
    throw new MalformedError(`white space around the value of ${name}`)
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Equal repeats of content-length are one; anything else is malformed (RFC 9110 section 8.6). */
function joinLength(known: number, value: string): number {
  let result = known
  for (const part of value.split(/[ \t]*,[ \t]*/)) {
    const length = /^\d{1,15}$/.test(part) ? Number(part) : -1
    if (length === -1) throw new MalformedError(`content-length is ${JSON.stringify(value)}`)
    if (result !== -1 && result !== length) throw new MalformedError('two content-length fields differ')
    result = length
  }
  return result
}
