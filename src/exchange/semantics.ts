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
