/**
 * Request items, as HTTPie has them: a name, a separator that says what it is, and a value.
 *
 *     Header:value   Header:   Header;   :authority:value   name==query   field=text   field:=json
 *     Header:@path   name==@path         field=@path        field:=@path  field@path   @path
 *
 * Rules
 * - The separator is the one that stands first, the longest where several begin at the same place.
 * - In a name a backslash takes the meaning from the separator character (or backslash) behind it. A value is taken as it
 *   is; only where it would make the separator longer (`a=\=b`) a backslash keeps it from that.
 */
import { UsageError } from './failures.ts'
import { wrongAt } from './json-error.ts'
import { caret } from './text.ts'

/** What an item is. Files are named, not yet read. */
export type Item =
  | { readonly kind: 'header' | 'query' | 'text' | 'json'; readonly name: string; readonly value: string }
  /** `:authority`, `:method` or `:path`, instead of what would be sent. */
  | { readonly kind: 'pseudo'; readonly name: string; readonly value: string }
  /** A header that is not to be sent. */
  | { readonly kind: 'unset'; readonly name: string }
  | {
      readonly kind: 'text-file' | 'json-file' | 'header-file' | 'query-file'
      readonly name: string
      readonly path: string
    }
  | { readonly kind: 'upload'; readonly name: string; readonly path: string; readonly type: string | undefined }
  /** The file is the body. */
  | { readonly kind: 'body-file'; readonly path: string; readonly type: string | undefined }

/** Longest first. */
const SEPARATORS = [':=@', '==@', ':=', ':@', '=@', '==', '=', ':', '@'] as const

type Separator = (typeof SEPARATORS)[number] | ';'

const SPECIAL = ':=@;\\'

const PSEUDO: ReadonlySet<string> = new Set([':authority', ':method', ':path'])

/**
 * Reads one item.
 * @throws {UsageError} that says what is wrong with it.
 */
export function parseItem(text: string): Item {
  const { name, separator, value } = splitItem(text)
  if (name === '' && separator !== '@') throw new UsageError(`item ${shown(text)} has no name before "${separator}"`)
  switch (separator) {
    case ';':
      return { kind: 'header', name, value: '' }
    case ':':
      if (name.startsWith(':')) return pseudo(text, name, value)
      return value.trim() === '' ? { kind: 'unset', name } : { kind: 'header', name, value: value.trim() }
    case '==':
      return { kind: 'query', name, value }
    case '=':
      return { kind: 'text', name, value }
    case ':=':
      checkJson(value, `item ${shown(text)}`)
      return { kind: 'json', name, value }
    case ':@':
      // What goes as a pseudo-header field is no text of many lines.
      if (name.startsWith(':')) return pseudo(text, name, `@${value}`)
      return { kind: 'header-file', name, path: pathIn(text, value) }
    case '==@':
      return { kind: 'query-file', name, path: pathIn(text, value) }
    case '=@':
      return { kind: 'text-file', name, path: pathIn(text, value) }
    case ':=@':
      return { kind: 'json-file', name, path: pathIn(text, value) }
    case '@': {
      const { path, type } = splitType(value)
      pathIn(text, path)
      return name === '' ? { kind: 'body-file', path, type } : { kind: 'upload', name, path, type }
    }
  }
}

/** Does this look like an item rather than like a URL? Of what stands second on the command line. */
export function looksLikeItem(text: string): boolean {
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(text)) return false
  // What stands behind the colon of host:port are digits, or nothing.
  return /[=@]|;$/.test(text) || /^[^:/]+:[^\d/]/.test(text)
}

/** @throws {UsageError} when the text is not valid JSON. */
export function checkJson(text: string, what: string): void {
  try {
    JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const detail = caret(text, wrongAt(text))
    throw new UsageError(`${what}: not valid JSON (${message.replaceAll('\n', ' ')})`, { detail })
  }
}

function splitItem(text: string): { name: string; separator: Separator; value: string } {
  // A pseudo-header field begins with a colon that separates nothing.
  const leading = /^:[a-z]+:/.test(text) ? ':' : ''
  let name = leading
  for (let i = leading.length; i < text.length; i++) {
    const char = text[i]
    if (char === '\\' && i + 1 < text.length && SPECIAL.includes(text[i + 1])) {
      name += text[++i]
      continue
    }
    const separator = SEPARATORS.find((one) => text.startsWith(one, i))
    if (separator !== undefined) {
      const value = text.slice(i + separator.length)
      return { name, separator, value: /^\\+[=@]/.test(value) ? value.slice(1) : value }
    }
    if (char === ';' && i === text.length - 1) return { name, separator: ';', value: '' }
    name += char
  }
  throw new UsageError(
    `item ${shown(text)} is not one of Header:value, Header;, name==query, field=text, field:=json, field@path and @path`,
  )
}

function pseudo(text: string, name: string, value: string): Item {
  if (!PSEUDO.has(name)) {
    throw new UsageError(`item ${shown(text)}: the pseudo-header fields are :authority, :method and :path`)
  }
  if (value === '') throw new UsageError(`item ${shown(text)}: ${name} needs a value`)
  return { kind: 'pseudo', name, value }
}

/** `path;type=text/plain` */
function splitType(value: string): { path: string; type: string | undefined } {
  const match = /^(.*);type=([^;]+(?:;[^;]*)*)$/s.exec(value)
  return match === null ? { path: value, type: undefined } : { path: match[1], type: match[2].trim() }
}

function pathIn(text: string, path: string): string {
  if (path === '') throw new UsageError(`item ${shown(text)}: no file is named after "@"`)
  return path
}

function shown(text: string): string {
  return JSON.stringify(text)
}
