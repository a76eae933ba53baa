/**
 * FormData as a body: multipart/form-data (RFC 7578), as the HTML standard encodes it.
 *
 * Any object with FormData's shape is taken, since each copy of undici has a class of its own. The encoding knows its length
 * beforehand and reads each file only when its turn comes; it can be read again for another attempt.
 */
import { randomBytes } from 'node:crypto'
import { isBlob } from '../exchange/source.ts'

/** What of FormData is used. */
export interface FormDataLike {
  [Symbol.iterator](): Iterator<[string, string | Blob]>
}

/** A form ready to be sent. */
export interface EncodedForm {
  readonly contentType: string
  /** In octets. */
  readonly length: number
  /** Makes the body; each call one for another attempt. */
  body(): AsyncIterable<Uint8Array>
}

/** Is it a FormData, whichever realm or package it comes from? */
export function isFormData(value: unknown): value is FormDataLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    Reflect.get(value, Symbol.toStringTag) === 'FormData' &&
    typeof Reflect.get(value, 'append') === 'function' &&
    typeof Reflect.get(value, 'getAll') === 'function' &&
    Symbol.iterator in value
  )
}

/** What no part contains, as good as certainly. */
export function formBoundary(): string {
  return `----formdata-${randomBytes(12).toString('hex')}`
}

/**
 * Encodes a form. What is appended to it later is not sent.
 * @param boundary between the parts. Default: a random one.
 */
export function encodeForm(form: FormDataLike, boundary = formBoundary()): EncodedForm {
  const parts: (Buffer | Blob)[] = []
  let length = 0
  const add = (part: Buffer | Blob): void => {
    parts.push(part)
    length += isBlob(part) ? part.size : part.length
  }
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(normaliseBreaks(name))}"`
    if (typeof value === 'string') {
      add(Buffer.from(`${head}\r\n\r\n${normaliseBreaks(value)}\r\n`))
      continue
    }
    const filename = 'name' in value && typeof value.name === 'string' ? value.name : 'blob'
    const type = value.type || 'application/octet-stream'
    add(Buffer.from(`${head}; filename="${escapeName(filename)}"\r\nContent-Type: ${type}\r\n\r\n`))
    add(value)
    add(Buffer.from('\r\n'))
  }
  add(Buffer.from(`--${boundary}--\r\n`))
  return { contentType: `multipart/form-data; boundary=${boundary}`, length, body: () => readParts(parts) }
}

async function* readParts(parts: readonly (Buffer | Blob)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (isBlob(part)) yield* part.stream()
    else yield part
  }
}

/** Quotes and line breaks in names are percent-encoded (HTML, section 4.10.21.8). */
function escapeName(name: string): string {
  return name.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22')
}

/** Line breaks are sent as CR LF. */
function normaliseBreaks(text: string): string {
  return text.replace(/\r?\n|\r/g, '\r\n')
}
