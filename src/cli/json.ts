/**
 * JSON made readable token by token: white space is put anew, and everything else stays as it came: numbers of any length,
 * escapes, the order of members, repeated names.
 *
 * It comes in pieces, so that a text which grows by its indentation is never held whole.
 */

import type { Role } from './styles.ts'

/** The kinds of token that differ in colour. */
export type JsonKind = Extract<Role, 'name' | 'string' | 'number' | 'literal' | 'punctuation'>

type Paint = (token: string, kind: JsonKind) => string

/** Of a string its beginning: a pattern for the whole has no room for millions of escapes. */
const TOKEN = /"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g

/** Blanks for a level. */
const INDENT = 4

/** Deeper levels are indented no further: a text of nothing but brackets must not become endless lines of blanks. */
const MAX_DEPTH = 40

const PIECE = 1 << 16

/** Is it a JSON text? */
export function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Writes a JSON text anew, piece by piece.
 * @param text valid JSON.
 * @param indent in lines, with so many blanks for a level (true: 4); otherwise white space stays, too.
 * @param paint gives each token its colour.
 */
export function* renderJson(text: string, indent: boolean | number, paint: Paint): Generator<string, void, undefined> {
  let piece = ''
  for (const part of indent === false
    ? inPlace(text, paint)
    : indented(text, indent === true ? INDENT : indent, paint)) {
    piece += part
    if (piece.length < PIECE) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

function* inPlace(text: string, paint: Paint): Generator<string, void, undefined> {
  let end = 0
  for (const { token, index } of tokens(text)) {
    yield text.slice(end, index)
    end = index + token.length
    yield paint(token, kindAt(text, token, index))
  }
  yield text.slice(end)
}

function* indented(text: string, indent: number, paint: Paint): Generator<string, void, undefined> {
  let depth = 0
  let previous = ''
  for (const { token, index } of tokens(text)) {
    const closes = token === '}' || token === ']'
    const opened = previous === '{' || previous === '['
    if (closes) depth--
    if (closes ? !opened : opened || previous === ',') yield `\n${' '.repeat(indent * Math.min(depth, MAX_DEPTH))}`
    else if (previous === ':') yield ' '
    yield paint(token, kindAt(text, token, index))
    if (token === '{' || token === '[') depth++
    previous = token
  }
}

function* tokens(text: string): Generator<{ token: string; index: number }, void, undefined> {
  const next = new RegExp(TOKEN)
  for (let found = next.exec(text); found !== null; found = next.exec(text)) {
    const { index } = found
    if (found[0] === '"') next.lastIndex = endOfString(text, index)
    yield { token: text.slice(index, next.lastIndex), index }
  }
}

/** Behind the quotation mark that has an even number of backslashes before it. */
function endOfString(text: string, start: number): number {
  let end = start
  for (;;) {
    end = text.indexOf('"', end + 1)
    let at = end
    while (text[at - 1] === '\\') at--
    if ((end - at) % 2 === 0) return end + 1
  }
}

function kindAt(text: string, token: string, at: number): JsonKind {
  const first = token[0]
  if (first === '"') return isName(text, at + token.length) ? 'name' : 'string'
  if (first === '-' || (first >= '0' && first <= '9')) return 'number'
  return first === 't' || first === 'f' || first === 'n' ? 'literal' : 'punctuation'
}

/** A string with a colon behind it is a name. */
function isName(text: string, at: number): boolean {
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\t' || text[at] === '\r') at++
  return text[at] === ':'
}

/**
 * What an object or an array consists of: texts as they are, white space around them apart.
 * @param text valid JSON.
 * @returns `name`: of a member of an object; empty for what is in an array.
 */
export function partsOf(text: string): { readonly name: string; readonly text: string }[] {
  const parts: { name: string; text: string }[] = []
  let depth = 0
  let start = 0
  let name = ''
  const add = (end: number): void => {
    const part = text.slice(start, end).trim()
    if (part !== '') parts.push({ name, text: part })
  }
  for (const { token, index } of tokens(text)) {
    const closes = token === '}' || token === ']'
    if (closes && --depth === 0) add(index)
    if (depth === 1 && token === ',') add(index)
    if (depth === 1 && token === ':') name = String(JSON.parse(text.slice(start, index)))
    if (token === '{' || token === '[') depth++
    if (depth === 1 && (token === ',' || token === ':' || start === 0)) start = index + 1
  }
  return parts
}

/**
 * The same text with the members of each object in the order of their names. Tokens stay as they are; of a repeated name
 * all members stay, in their order. What is nested too deep to be sorted stays as it is.
 * @param text valid JSON.
 */
export function sortMembers(text: string): string {
  const all = [...tokens(text)].map(({ token }) => token)
  let at = 0
  const read = (): string => {
    const token = all[at++]
    if (token !== '{' && token !== '[') return token
    const close = token === '{' ? '}' : ']'
    const parts: { readonly name: string; readonly text: string }[] = []
    while (all[at] !== close) {
      if (all[at] === ',') at++
      if (token === '{') {
        const name = all[at]
        at += 2
        parts.push({ name: String(JSON.parse(name)), text: `${name}:${read()}` })
      } else {
        parts.push({ name: '', text: read() })
      }
    }
    at++
    if (token === '{') parts.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    return `${token}${parts.map((part) => part.text).join(',')}${close}`
  }
  if (depthOf(all) > MAX_SORTED_DEPTH) return text
  return read()
}

const MAX_SORTED_DEPTH = 1000

function depthOf(all: readonly string[]): number {
  let depth = 0
  let deepest = 0
  for (const token of all) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, ++depth)
    else if (token === '}' || token === ']') depth--
  }
  return deepest
}
