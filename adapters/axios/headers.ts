/** Header fields between axios's objects and the transport's flat lists. On the path of every request: plain loops. */
import type { InternalAxiosRequestConfig } from 'axios'
import type { FieldList } from '../../src/headers/fields.ts'
import { isSingle } from '../common/headers.ts'
import type { Realm } from './realm.ts'

/** Request headers by lower-case name. */
export type HeaderMap = Map<string, string | string[]>

/** Characters that no header can carry. */
const UNFIT = /[^\t\x20-\x7e\x80-\xff]/g
const NEEDS_CLEANING = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/

/**
 * The headers of a config, with axios's defaults. `false` and null leave a header out, and its default as well; undefined
 * leaves only the header out.
 */
export function requestHeaders(config: InternalAxiosRequestConfig, version: string, acceptEncoding: string): HeaderMap {
  const headers: HeaderMap = new Map()
  let userAgent = true
  let encoding = true
  const given: Readonly<Record<string, unknown>> = config.headers ?? {}
  for (const key of Object.keys(given)) {
    const value = given[key]
    if (value === undefined || typeof value === 'function') continue
    const name = key.toLowerCase()
    if (name === 'user-agent') userAgent = false
    else if (name === 'accept-encoding') encoding = false
    if (value !== false && value !== null)
      headers.set(name, Array.isArray(value) ? value.map(headerText) : headerText(value))
  }
  if (userAgent) headers.set('user-agent', `axios/${version}`)
  if (encoding) headers.set('accept-encoding', acceptEncoding)
  return headers
}

function headerText(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value)
  return NEEDS_CLEANING.test(text) ? text.replace(UNFIT, '').trim() : text
}

/** How axios itself, and most callers, spell these. */
const USUAL: ReadonlyMap<string, string> = new Map(
  ['Accept', 'User-Agent', 'Accept-Encoding', 'Content-Type', 'Content-Length', 'Authorization'].map((name) => [
    name.toLowerCase(),
    name,
  ]),
)

/** Unusual spellings of header names, by lower-case name; undefined, as mostly, for none. */
export type Spellings = ReadonlyMap<string, string> | undefined

/** Header names as the caller spells them: HTTP/1.1 keeps that, and `beforeRedirect` finds them so in its options. */
export function spellings(config: InternalAxiosRequestConfig): Spellings {
  let names: Map<string, string> | undefined
  for (const name of Object.keys(config.headers ?? {})) {
    const lower = name.toLowerCase()
    if (spelling(lower, undefined) === name) continue
    names ??= new Map()
    names.set(lower, name)
  }
  return names
}

export function spelling(lower: string, names: Spellings): string {
  return names?.get(lower) ?? USUAL.get(lower) ?? lower
}

export function flatHeaders(headers: HeaderMap, names: Spellings): string[] {
  const flat: string[] = []
  for (const [lower, value] of headers) {
    const name = spelling(lower, names)
    if (typeof value === 'string') flat.push(name, value)
    else for (const one of value) flat.push(name, one)
  }
  return flat
}

export function lengthField(headers: HeaderMap): number | undefined {
  const value = headers.get('content-length')
  if (value === undefined) return undefined
  const length = Number(value)
  return Number.isFinite(length) ? length : undefined
}

/** Fields as AxiosHeaders: `set-cookie` always a list, of some fields the first as in node:http, others joined. */
export function axiosHeaders(fields: FieldList, { AxiosHeaders }: Realm): InstanceType<Realm['AxiosHeaders']> {
  const headers = new AxiosHeaders()
  // Its own properties are the headers, its methods are on the prototype.
  const own = headers as unknown as Record<string, unknown>
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    const value = fields[i + 1]
    const known = own[name]
    if (known === undefined) own[name] = name === 'set-cookie' ? [value] : value
    else if (!Object.hasOwn(own, name)) setHidden(headers, name, value)
    else if (Array.isArray(known)) known.push(value)
    else if (!isSingle(name)) own[name] = `${String(known)}, ${value}`
  }
  return headers
}

/** A field named like something of the prototype (`constructor`, `get`): AxiosHeaders knows how it stores these. */
function setHidden(headers: InstanceType<Realm['AxiosHeaders']>, name: string, value: string): void {
  const known = headers.get(name)
  headers.set(name, typeof known === 'string' ? `${known}, ${value}` : value)
}
