/**
 * What a field name means to us, found once per spelling and remembered: its lower-case form and how the serialiser
 * treats it. The memory is bounded; names beyond the bound are looked at anew each time.
 */

import { LONGEST_REMEMBERED_NAME } from '../limits.ts'

/** How a request field is treated on its way to HTTP/2. */
export const FieldKind = {
  PLAIN: 0,
  /** Becomes `:authority`. */
  HOST: 1,
  /** Connection-specific: never sent over HTTP/2 (RFC 9113 section 8.2.2). */
  DROP: 2,
  /** `connection`: names further fields to drop. */
  CONNECTION: 3,
  /** `te`: only `trailers` may stay. */
  TE: 4,
  CONTENT_LENGTH: 5,
  /** Begins with a colon: pseudo-header fields have their own door. */
  PSEUDO: 6,
  /** Not a field name at all. */
  INVALID: 7,
} as const

export interface FieldName {
  readonly name: string
  readonly kind: (typeof FieldKind)[keyof typeof FieldKind]
}

/** RFC 9110 section 5.6.2: token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** RFC 9113 section 8.2.1: what must not be in a value; beyond it, what is no latin1 octet cannot be sent. */
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/

const MAX_REMEMBERED = 1024
const remembered = new Map<string, FieldName>()

/** A field name's canonical form and treatment. */
export function fieldName(spelling: string): FieldName {
  const known = remembered.get(spelling)
  if (known !== undefined) return known
  const name = spelling.toLowerCase()
  const found: FieldName = { name, kind: kindOf(spelling, name) }
  if (remembered.size < MAX_REMEMBERED && spelling.length <= LONGEST_REMEMBERED_NAME) remembered.set(spelling, found)
  return found
}

function kindOf(spelling: string, name: string): FieldName['kind'] {
  if (spelling.charCodeAt(0) === 0x3a) return FieldKind.PSEUDO
  if (!TOKEN.test(spelling)) return FieldKind.INVALID
  switch (name) {
    case 'host':
      return FieldKind.HOST
    case 'connection':
      return FieldKind.CONNECTION
    case 'te':
      return FieldKind.TE
    case 'content-length':
      return FieldKind.CONTENT_LENGTH
    case 'keep-alive':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'upgrade':
    case 'http2-settings':
      return FieldKind.DROP
    default:
      return FieldKind.PLAIN
  }
}

/** Is this a token (RFC 9110 section 5.6.2)? Methods are tokens. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** May these characters stand in a field value? Outer white space is not looked at. */
export function isFieldValue(value: string): boolean {
  return !BAD_VALUE.test(value)
}
