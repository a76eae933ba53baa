/** What HTTP says of a request and its response, whatever carries them (RFC 9110). */
import { type FieldList, getField } from '../headers/fields.ts'
import type { ExchangeRequest } from './contract.ts'

/** Octets that the response announces for its own body; 0 where none comes, whatever it announces. */
export function announcedLength(fields: FieldList, method: string, status: number): number {
  if (method === 'HEAD' || method === 'CONNECT' || status === 204 || status === 304) return 0
  return Number(getField(fields, 'content-length') ?? 0)
}

/** May it be sent twice (section 9.2.2)? */
export function isIdempotent(request: ExchangeRequest): boolean {
  if (request.idempotent !== undefined) return request.idempotent
  switch (request.method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'TRACE':
    case 'PUT':
    case 'DELETE':
    case 'QUERY':
      return true
    default:
      return false
  }
}

/** Fields that speak of a body: a redirect that leaves the body behind leaves them, too. */
export const FIELDS_OF_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
])

/** Fields that are for the origin that they were given for, and for no other that it redirects to. */
export const FIELDS_OF_ORIGIN: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'host'])

/** Does such a response lead to where `location` says (section 15.4)? */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

/** Is a redirect followed by GET, and without the body (section 15.4)? After 303; and of POST, as every client does, after 301 and 302. */
export function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}
