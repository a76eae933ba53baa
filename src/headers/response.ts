/**
 * The check on what comes in: the header and trailer sections of responses (RFC 9113 sections 8.1, 8.2, 8.3.2).
 * A response that breaks a rule is malformed, and its stream ends with PROTOCOL_ERROR (section 8.1.1).
 */
import type { FieldList } from '../exchange.ts'
import { NO_FIELDS } from './fields.ts'
import { isFieldValue } from './names.ts'

/** A checked header section of a response. */
export interface ResponseHead {
  readonly status: number
  /** The fields without `:status`. */
  readonly fields: FieldList
  /** Octets announced by content-length, -1 when there is none. */
  readonly contentLength: number
}

/** Thrown when a section is malformed: a stream error of type PROTOCOL_ERROR. */
export class MalformedError extends Error {}

/** Lower-case field names (RFC 9113 section 8.2.1), found once each. */
const goodNames = new Set<string>()
const MAX_REMEMBERED = 1024
const LOWER_TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const CONNECTION_SPECIFIC = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * Checks a decoded response header section.
 * @throws {MalformedError} saying what is wrong with it.
 */
export function checkResponse(section: FieldList): ResponseHead {
  if (section.length === 0 || section[0] !== ':status') throw new MalformedError('the response has no :status')
  const text = section[1]
  if (!/^[1-9]\d\d$/.test(text)) throw new MalformedError(`:status is ${JSON.stringify(text)}`)
  const status = Number(text)
  let contentLength = -1
  for (let i = 2; i < section.length; i += 2) {
    checkField(section[i], section[i + 1])
    if (section[i] === 'content-length') contentLength = joinLength(contentLength, section[i + 1])
  }
  return { status, fields: section.length === 2 ? NO_FIELDS : section.slice(2), contentLength }
}

/**
 * Checks a decoded trailer section.
 * @throws {MalformedError} saying what is wrong with it.
 */
export function checkTrailers(section: FieldList): FieldList {
  for (let i = 0; i < section.length; i += 2) checkField(section[i], section[i + 1])
  return section
}

function checkField(name: string, value: string): void {
  if (!goodNames.has(name)) {
    if (!LOWER_TOKEN.test(name)) throw new MalformedError(`invalid field name ${JSON.stringify(name)}`)
    if (CONNECTION_SPECIFIC.has(name)) throw new MalformedError(`connection-specific field ${name}`)
    if (name === 'te' && value !== 'trailers') throw new MalformedError('te may only be "trailers"')
    if (goodNames.size < MAX_REMEMBERED && name !== 'te') goodNames.add(name)
  }
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
