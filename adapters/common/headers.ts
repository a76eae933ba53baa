/** Header fields and reason phrases as node:http and undici give them. */
import type { FieldList } from '../../src/headers/fields.ts'

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

/** Each field as the list of its values, which node:http calls distinct. */
export function distinctHeaders(fields: FieldList): Record<string, string[]> {
  const lists: Record<string, string[]> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    if (Object.hasOwn(lists, name)) lists[name].push(fields[i + 1])
    else
      Object.defineProperty(lists, name, {
        value: [fields[i + 1]],
        writable: true,
        enumerable: true,
        configurable: true,
      })
  }
  return lists
}

/** Fields as undici gives them: any repeated field becomes a list of its values. Names must be in lower case. */
export function fieldsToUndiciHeaders(fields: FieldList): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    const value = fields[i + 1]
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else if (!Object.hasOwn(headers, name)) setOwn(headers, name, value)
    else if (typeof known === 'string') headers[name] = [known, value]
    else known.push(value)
  }
  return headers
}

/** Makes `__proto__` a header like any other. */
export function setOwn(headers: Record<string, string | string[]>, name: string, value: string): void {
  Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true })
}

/** The value of a field, repeated ones joined by `, `; `undefined` when it is absent. The name must be in lower case. */
export function joinedField(fields: FieldList, name: string): string | undefined {
  let found: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) found = found === undefined ? fields[i + 1] : `${found}, ${fields[i + 1]}`
  }
  return found
}

/**
 * The reason phrase node:http uses for a status; empty for one it does not know.
 *
 * An `import` of node:http would read each of its exports, `WebSocket` among them, which loads Node's own fetch and with it
 * claims the process's global dispatcher: so it is fetched by name, and only when asked.
 */
export function statusText(status: number): string {
  reasons ??= process.getBuiltinModule('node:http').STATUS_CODES
  return reasons[status] ?? ''
}

let reasons: Readonly<Record<string, string | undefined>> | undefined
