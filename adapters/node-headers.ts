/** Header fields as node:http gives them in `message.headers`. */
import type { FieldList } from '../src/headers/fields.ts'
import { setOwn } from './shared.ts'

/** node:http's list: two lines of one of these are no list of two values, and the first counts. */
const SINGLE: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Does only the first line of this field count? The name must be in lower case. */
export function isSingle(name: string): boolean {
  return SINGLE.has(name)
}

/**
 * `set-cookie` always a list, `cookie` joined by `; `, of some fields the first line alone, any other repeated field joined by
 * `, `. Names must be in lower case.
 */
export function nodeHeaders(fields: FieldList): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    const value = fields[i + 1]
    const known = headers[name]
    if (name === 'set-cookie') {
      if (Array.isArray(known)) known.push(value)
      else headers[name] = [value]
    } else if (known === undefined && name !== '__proto__') {
      headers[name] = value
    } else if (!Object.hasOwn(headers, name)) {
      setOwn(headers, name, value)
    } else if (!isSingle(name)) {
      setOwn(headers, name, `${String(known)}${name === 'cookie' ? '; ' : ', '}${value}`)
    }
  }
  return headers
}
