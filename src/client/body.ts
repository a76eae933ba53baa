/** The bodies that `HTTPConnection` takes, beyond those of an exchange: forms bring their own content-type. */

import { InvalidArgumentError } from '../errors.ts'
import type { Body, BodyChunk } from '../exchange/contract.ts'
import { bytesOf, isBlob, isUrlSearchParams } from '../exchange/source.ts'
import { encodeForm, type FormDataLike, formBoundary, isFormData } from './form.ts'

/**
 * A request body: text (sent as UTF-8), bytes, a Node or Web stream, anything iterable of text and bytes, a Blob, FormData,
 * URLSearchParams, or a function that makes one of these for each attempt.
 */
export type RequestBody =
  | Body
  | ArrayBufferView
  | FormDataLike
  | URLSearchParams
  | (() => RequestBody | null | undefined)

/**
 * The body as an exchange takes it.
 * @param headers a flat list, which gets the content-type, and the length where it is known beforehand, unless they are there.
 * @throws {InvalidArgumentError} when it is of no kind that can be sent.
 */
export function encodeBody(body: RequestBody | null | undefined, headers: string[]): Body | null | undefined {
  if (typeof body === 'function') return madeAnew(body, headers)
  if (isFormData(body)) {
    const form = encodeForm(body)
    addUnlessThere(headers, 'content-type', form.contentType)
    addUnlessThere(headers, 'content-length', String(form.length))
    return () => form.body()
  }
  return describe(body, headers)
}

/** What the first attempt's body is, says the content-type; a form's boundary is the same for each. */
function madeAnew(make: () => RequestBody | null | undefined, headers: string[]): () => Body | null | undefined {
  const boundary = formBoundary()
  return () => {
    const body = make()
    if (typeof body === 'function')
      throw new InvalidArgumentError('A function given as a body must return a body, not another function')
    if (!isFormData(body)) return describe(body, headers)
    const form = encodeForm(body, boundary)
    addUnlessThere(headers, 'content-type', form.contentType)
    return form.body()
  }
}

function describe(
  body: Exclude<RequestBody, FormDataLike | (() => unknown)> | null | undefined,
  headers: string[],
): Body | null | undefined {
  if (isUrlSearchParams(body)) {
    addUnlessThere(headers, 'content-type', 'application/x-www-form-urlencoded;charset=UTF-8')
    return body.toString()
  }
  if (isBlob(body) && body.type !== '') addUnlessThere(headers, 'content-type', body.type)
  // A view of larger elements would be taken for a list of numbers.
  return bytesOf(body) ?? (body as Body | null | undefined)
}

function addUnlessThere(headers: string[], name: string, value: string): void {
  for (let i = 0; i < headers.length; i += 2) if (headers[i].toLowerCase() === name) return
  headers.push(name, value)
}

/** A part of a body: what may be followed by more. */
export type BodyPart = BodyChunk | ArrayBuffer | ArrayBufferView | Blob | Iterable<BodyChunk> | AsyncIterable<BodyChunk>

/**
 * What `send()` was given, piece by piece.
 * @throws {InvalidArgumentError} when it is nothing that can be sent.
 */
export function piecesOf(data: BodyPart): Iterable<BodyChunk> | AsyncIterable<BodyChunk> {
  if (typeof data === 'string') return [data]
  const octets = bytesOf(data)
  if (octets !== null) return [octets]
  if (isBlob(data)) return data.stream()
  if (typeof data === 'object' && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data))
    return data as Iterable<BodyChunk> | AsyncIterable<BodyChunk>
  throw new InvalidArgumentError(`Cannot send ${Object.prototype.toString.call(data)}`)
}
