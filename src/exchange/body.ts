/** Request bodies: whatever the caller gave, as bytes that are there or as an `UploadBody` to be read. */
import { InvalidArgumentError } from '../errors.ts'
import type { Body, ExchangeRequest } from './contract.ts'
import { bytesOf, isBlob, isSource } from './source.ts'
import { UploadBody } from './upload.ts'

export interface PreparedBody {
  /** The whole body, when it is there already. */
  readonly bytes: Uint8Array | null
  /** Otherwise what gives it piece by piece. */
  readonly source: UploadBody | null
  /** Octets, 0 for no body, -1 when not known beforehand. */
  readonly length: number
}

/** There is none. */
export const NO_BODY: PreparedBody = { bytes: null, source: null, length: 0 }

/** The source that the caller gave, which all attempts share; null when there is none, or a function makes one for each. */
export function lastingSource({ body, method }: ExchangeRequest): UploadBody | null {
  if (typeof body !== 'object' || body === null) return null
  if (body instanceof UploadBody) return body
  // What goes into a tunnel is no message, and is kept for no second attempt.
  return isSource(body) ? new UploadBody(body, { limit: method === 'CONNECT' ? 0 : undefined }) : null
}

/**
 * The body for one attempt.
 * @throws {InvalidArgumentError} when the body is of no kind that can be sent.
 */
export function prepareBody(body: Body | null | undefined): PreparedBody {
  if (body === null || body === undefined) return NO_BODY
  if (typeof body === 'string') return ofBytes(Buffer.from(body))
  if (typeof body === 'function') return prepareBody(body())
  const bytes = bytesOf(body)
  if (bytes !== null) return ofBytes(bytes)
  if (body instanceof UploadBody) return { bytes: null, source: body, length: -1 }
  if (isBlob(body))
    return body.size === 0 ? NO_BODY : { bytes: null, source: new UploadBody(body.stream()), length: body.size }
  if (isSource(body)) return { bytes: null, source: new UploadBody(body), length: -1 }
  throw new InvalidArgumentError(`A request body cannot be made from ${Object.prototype.toString.call(body)}`)
}

function ofBytes(bytes: Uint8Array): PreparedBody {
  return bytes.length === 0 ? NO_BODY : { bytes, source: null, length: bytes.length }
}
