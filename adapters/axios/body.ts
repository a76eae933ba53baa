/** Request bodies as axios knows them, after its own transformRequest. */
import { PassThrough, Readable } from 'node:stream'
import { isUint8Array } from 'node:util/types'
import { encodeForm, isFormData } from '../../src/client/form.ts'
import type { Body } from '../../src/exchange/contract.ts'
import { bytesOf, isBlob, isSource } from '../../src/exchange/source.ts'
import { UploadBody, type UploadSink } from '../../src/exchange/upload.ts'
import type { HeaderMap } from './headers.ts'

/** A body and the header fields that come with it. */
export interface AxiosBody {
  readonly body: Body | null
  /** Fields to set unless the caller set them: lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Fields to set whatever the caller set. */
  readonly force?: Readonly<Record<string, string>>
  /** Octets; -1 when not known. */
  readonly length: number
  /** Can it be sent to the target of a redirect as it is? */
  readonly replayable: boolean
}

export const NO_BODY: AxiosBody = { body: null, headers: {}, length: 0, replayable: true }

/** The package `form-data`. */
interface FormDataStream extends Pick<Readable, 'pipe'> {
  getHeaders(): Record<string, string>
  getLength(callback: (error: Error | null, length: number) => void): void
}

/** @param all every field that the body brings replaces the caller's; otherwise only those of type and length do. */
export function setBodyHeaders(headers: HeaderMap, { force = {}, headers: others }: AxiosBody, all: boolean): void {
  for (const [name, value] of Object.entries(force)) {
    if (all || name === 'content-type' || name === 'content-length') headers.set(name, value)
  }
  for (const [name, value] of Object.entries(others)) if (!headers.has(name)) headers.set(name, value)
}

/** @returns undefined when axios's own adapter would refuse the data. */
export function readBody(
  data: unknown,
  boundary: string | undefined,
): AxiosBody | undefined | Promise<AxiosBody | undefined> {
  if (typeof data === 'string') return bytes(Buffer.from(data))
  const octets = bytesOf(data)
  if (octets !== null) return bytes(octets)
  if (isFormData(data)) {
    const form = encodeForm(data, boundary)
    const headers = { 'content-type': form.contentType, 'content-length': String(form.length) }
    return { body: form.body, headers: {}, force: headers, length: form.length, replayable: true }
  }
  if (isFormDataStream(data)) return readForm(data)
  if (isBlob(data)) {
    const force: Record<string, string> = { 'content-length': String(data.size) }
    if (data.size > 0) force['content-type'] = data.type || 'application/octet-stream'
    return { body: data, headers: {}, force, length: data.size, replayable: true }
  }
  if (isStream(data)) {
    const body: AsyncIterable<Uint8Array> = isAsyncIterable(data) ? data : data.pipe(new PassThrough())
    return { body, headers: {}, length: -1, replayable: false }
  }
  // A web stream, or anything that yields bytes: axios's own adapter refuses it, and need not.
  if (isAsyncIterable(data)) return { body: data, headers: {}, length: -1, replayable: false }
  return undefined
}

async function readForm(data: FormDataStream): Promise<AxiosBody> {
  const length = await lengthOf(data)
  const own = Object.fromEntries(Object.entries(data.getHeaders()).map(([name, value]) => [name.toLowerCase(), value]))
  const headers: Record<string, string> = length === -1 ? {} : { 'content-length': String(length) }
  return { body: data.pipe(new PassThrough()), headers, force: own, length, replayable: false }
}

function bytes(body: Uint8Array): AxiosBody {
  return { body, headers: { 'content-length': String(body.length) }, length: body.length, replayable: true }
}

function isAsyncIterable(data: unknown): data is AsyncIterable<Uint8Array> {
  return typeof data === 'object' && data !== null && Symbol.asyncIterator in data
}

function isStream(data: unknown): data is Pick<Readable, 'pipe'> {
  return typeof data === 'object' && data !== null && 'pipe' in data && typeof data.pipe === 'function'
}

function isFormDataStream(data: unknown): data is FormDataStream {
  return isStream(data) && 'getHeaders' in data && typeof data.getHeaders === 'function' && 'getLength' in data
}

function lengthOf(form: FormDataStream): Promise<number> {
  return new Promise((resolve) => {
    form.getLength((error, length) => resolve(error !== null || !Number.isFinite(length) ? -1 : length))
  })
}

/** What follow-redirects keeps of a body for a redirect that asks for it again, where the config says nothing. */
const MAX_RECORDED = 10 * 1024 * 1024

/**
 * A streamed body, counted against maxBodyLength, and kept for redirects; undefined: it is none.
 * @param max octets; -1: as many as there are.
 */
export function sourceOf(
  { body, replayable, length }: AxiosBody,
  max: number,
  follows: boolean,
  tooLong: () => Error,
): UploadBody | undefined {
  if (replayable || !isSource(body)) return undefined
  let left = max > -1 && length === -1 ? max : Number.POSITIVE_INFINITY
  const onRead = (octets: Uint8Array): void => {
    left -= octets.length
    if (left < 0) throw tooLong()
  }
  const limit = !follows ? undefined : max > -1 ? max : MAX_RECORDED
  return new UploadBody(body, { owned: true, limit, onRead })
}

/** What axios's own adapter sends at a time, in octets. */
const PIECE = 65_536

/** Bytes piece by piece, so that there is progress to tell of; any other body as it is. */
export function inPieces(body: Body | null): Body | null {
  if (!isUint8Array(body) || body.length <= PIECE) return body
  return () => pieces(body)
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

/** A streamed body as the stream that axios's own adapter takes, from its beginning; the body is closed with the stream. */
export class UploadStream extends Readable implements UploadSink {
  private readonly upload: UploadBody
  private attached = false

  constructor(upload: UploadBody) {
    super()
    this.upload = upload
  }

  override _read(): void {
    if (this.attached) {
      this.upload.resume(this)
      return
    }
    this.attached = true
    this.upload.attach(this)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.upload.close(error)
    callback(error)
  }

  onPiece(octets: Uint8Array): boolean {
    return this.push(octets)
  }

  onUploadEnd(): void {
    this.push(null)
  }

  onUploadFailed(error: Error): void {
    this.destroy(error)
  }
}
