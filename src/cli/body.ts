/** The body of a request: made of items, of --raw, of a file, or of standard input. */

import { File, isUtf8 } from 'node:buffer'
import { createReadStream, openAsBlob, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { isAnyArrayBuffer, isUint8Array } from 'node:util/types'
import { createDeflate, deflateSync } from 'node:zlib'
import { encodeForm } from '../client/form.ts'
import { toError } from '../errors.ts'
import type { Body } from '../exchange/contract.ts'
import { isBlob } from '../exchange/source.ts'
import type { CommandLine } from './arguments.ts'
import { UsageError } from './failures.ts'
import { checkJson, type Item } from './items.ts'
import { typeOfFile } from './media-types.ts'
import { NestedJson } from './nested.ts'

export const JSON_TYPE = 'application/json'
export const FORM_TYPE = 'application/x-www-form-urlencoded; charset=utf-8'

/** A body, and what is said about it. */
export interface Content {
  readonly body: Body
  readonly type: string | undefined
  /** In octets; undefined when it is not known beforehand. */
  readonly length: number | undefined
  /** What can be shown of it: itself, when it is text at hand. */
  readonly text: string | undefined
  /** Where it comes from, to say instead. */
  readonly source: string
  /** Can it be sent again, to where a redirect leads? */
  readonly repeatable: boolean
  /** What was done to it: deflate. */
  readonly coding?: string
}

/**
 * The body that the command line gives; undefined when it gives none, and standard input may be one.
 * @param home what `~` stands for in names of files.
 * @throws {UsageError} when items do not go together, or a file cannot be read.
 */
export async function contentOf(line: CommandLine, home: string | undefined): Promise<Content | undefined> {
  const { body, options } = line
  const items = line.items.map((item) => atHome(item, home))
  const { raw } = options
  const boundary = boundaryOf(options.boundary)
  const files = items.filter((item) => item.kind === 'body-file')
  const fields = items.filter((item) => FIELDS.has(item.kind))
  const uploads = items.filter((item) => item.kind === 'upload')
  if (files.length > 1) throw new UsageError('only one @file can be the body')
  const sources = [files.length > 0 ? '@file' : '', raw !== undefined ? '--raw' : '', fields.length > 0 ? 'fields' : '']
  const given = sources.filter((source) => source !== '')
  if (given.length > 1) throw new UsageError(`the body can come from ${given.join(' or from ')}, not from both`)
  if (raw !== undefined) return ofText(raw, JSON_TYPE)
  if (files.length === 1) return ofFile(files[0].path, files[0].type)
  if (uploads.length > 0 && body === 'json') {
    throw new UsageError(`${JSON.stringify(`${uploads[0].name}@${uploads[0].path}`)} is a file to upload: add --form`)
  }
  if (body === 'multipart' || uploads.length > 0) return fields.length === 0 ? undefined : ofMultipart(fields, boundary)
  if (fields.length === 0) return undefined
  return body === 'form' ? ofText(formText(fields), FORM_TYPE) : ofText(jsonText(fields), JSON_TYPE)
}

/** Items whose values stand in files, with the values: line ends behind them are no part of those. @throws {UsageError} */
export function withFiles(items: readonly Item[], home: string | undefined): Item[] {
  return items.map((item) => {
    if (item.kind !== 'header-file' && item.kind !== 'query-file') return item
    const { path } = { path: item.path, ...atHome(item, home) }
    const value = readText(path).replace(/[\r\n]+$/, '')
    return { kind: item.kind === 'header-file' ? 'header' : 'query', name: item.name, value }
  })
}

/** `field@~/x`: shells put the folder in at the beginning of a word only. */
function atHome(item: Item, home: string | undefined): Item {
  if (!('path' in item) || home === undefined || !/^~[/\\]/.test(item.path)) return item
  return { ...item, path: join(home, item.path.slice(2)) }
}

const FIELDS: ReadonlySet<Item['kind']> = new Set<Item['kind']>(['text', 'json', 'text-file', 'json-file', 'upload'])

function ofText(text: string, type: string): Content {
  const bytes = Buffer.from(text)
  return { body: bytes, type, length: bytes.length, text, source: 'the command line', repeatable: true }
}

async function ofFile(path: string, given: string | undefined): Promise<Content> {
  const type = given ?? (await typeOfFile(path))
  const source = JSON.stringify(path)
  return attempt(path, async () => {
    const stat = statSync(path)
    if (stat.isDirectory()) throw new Error('it is a directory')
    if (stat.isFile()) {
      const blob = await openAsBlob(path)
      return { body: blob, type, length: blob.size, text: undefined, source, repeatable: true }
    }
    // A pipe, for example, can be read but once.
    return { body: readOnce(path), type, length: undefined, text: undefined, source, repeatable: false }
  })
}

/** Opened when it is wanted: opening a pipe waits for who writes to it. */
async function* readOnce(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield* createReadStream(path)
}

/** Characters that a boundary may have (RFC 2046 section 5.1.1), and that need no quotation marks. */
function boundaryOf(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\w'+.-]{1,70}$/.test(text)) {
    throw new UsageError(`--boundary takes up to 70 letters, digits and _'+.-, not ${JSON.stringify(text)}`)
  }
  return text
}

async function ofMultipart(fields: readonly Item[], boundary: string | undefined): Promise<Content> {
  const parts: [string, string | Blob][] = []
  for (const field of fields) {
    if (field.kind === 'upload') parts.push([field.name, await fileOf(field.path, field.type)])
    else parts.push(fieldText(field))
  }
  const { contentType, length, body } = encodeForm({ [Symbol.iterator]: () => parts.values() }, boundary)
  return { body, type: contentType, length, text: undefined, source: 'a form', repeatable: true }
}

async function fileOf(path: string, given: string | undefined): Promise<Blob> {
  const type = given ?? (await typeOfFile(path))
  return attempt(path, async () => {
    const content = statSync(path).isFile() ? await openAsBlob(path) : readFileSync(path)
    return new File([content], basename(path), { type })
  })
}

/** Fields in their order; of a name that is repeated the last counts. Numbers stay as they were written. */
function jsonText(fields: readonly Item[]): string {
  const json = new NestedJson()
  for (const field of fields) {
    const [name, value] = fieldText(field)
    json.add(name, field.kind === 'json' || field.kind === 'json-file' ? value : JSON.stringify(value))
  }
  return json.text()
}

/** The octets of a body, to be looked at or to be changed. */
export async function* octetsOf(body: Body): AsyncGenerator<Uint8Array, void, undefined> {
  if (typeof body === 'function') {
    yield* octetsOf(body() ?? '')
  } else if (typeof body === 'string') {
    yield Buffer.from(body)
  } else if (isAnyArrayBuffer(body) || isUint8Array(body)) {
    yield new Uint8Array(body)
  } else if (isBlob(body)) {
    yield* body.stream()
  } else if (Symbol.asyncIterator in body || Symbol.iterator in body) {
    for await (const chunk of body) yield typeof chunk === 'string' ? Buffer.from(chunk) : new Uint8Array(chunk)
  }
}

/**
 * The content with deflate. What is at hand stays as it is when it would not become shorter, unless it must.
 * @param force in any case.
 */
export function compressed(content: Content, force: boolean): Content {
  const { body } = content
  if (isUint8Array(body)) {
    const coded = deflateSync(body)
    if (coded.length >= body.length && !force) return content
    return { ...content, body: coded, length: coded.length, coding: 'deflate' }
  }
  const coded = (): Readable => {
    const deflate = createDeflate()
    // What fails in the midst fails the request, which reads this.
    pipeline(Readable.from(octetsOf(body)), deflate, () => {})
    return deflate
  }
  return { ...content, body: content.repeatable ? coded : coded(), length: undefined, coding: 'deflate' }
}

/** The content as something whose length is not known, so that it goes in chunks over HTTP/1.1. */
export function unmeasured(content: Content): Content {
  const { body, repeatable } = content
  return { ...content, body: repeatable ? () => octetsOf(body) : octetsOf(body), length: undefined }
}

function formText(fields: readonly Item[]): string {
  return new URLSearchParams(fields.map((field) => fieldText(field))).toString()
}

function fieldText(field: Item): [name: string, value: string] {
  switch (field.kind) {
    case 'text-file':
      return [field.name, readText(field.path)]
    case 'json-file': {
      const text = readText(field.path).trim()
      checkJson(text, JSON.stringify(field.path))
      return [field.name, text]
    }
    case 'text':
    case 'json':
      return [field.name, field.value]
    default:
      throw new UsageError(`an item of kind ${field.kind} is not a field`)
  }
}

function readText(path: string): string {
  let octets: Buffer
  try {
    octets = readFileSync(path)
  } catch (error) {
    throw unreadable(path, error)
  }
  // What is no text would arrive as something else.
  if (!isUtf8(octets)) throw new UsageError(`${JSON.stringify(path)} is not UTF-8 text, so it cannot be a field`)
  return octets.toString()
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): UsageError {
  return new UsageError(`${JSON.stringify(path)} cannot be read: ${toError(error).message}`, { cause: error })
}
