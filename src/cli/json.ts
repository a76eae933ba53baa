/**
 * JSON made readable token by token: white space is put anew, and everything else stays as it came: numbers of any length,
 * escapes, the order of members, repeated names.
 *
 * It comes in pieces, so that a text which grows by its indentation is never held whole.
 */

/** The kinds of token that differ in colour. */
export type JsonKind = 'name' | 'string' | 'number' | 'literal' | 'punctuation'

type Paint = (token: string, kind: JsonKind) => string

/** Of a string its beginning: a pattern for the whole has no room for millions of escapes. */
const TOKEN = /"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g

const INDENT = '    '

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
 * @param indent in lines; otherwise white space stays, too.
 * @param paint gives each token its colour.
 */
export function* renderJson(text: string, indent: boolean, paint: Paint): Generator<string, void, undefined> {
  let piece = ''
  for (const part of indent ? indented(text, paint) : inPlace(text, paint)) {
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

function* indented(text: string, paint: Paint): Generator<string, void, undefined> {
  let depth = 0
  let previous = ''
  for (const { token, index } of tokens(text)) {
    const closes = token === '}' || token === ']'
    const opened = previous === '{' || previous === '['
    if (closes) depth--
    if (closes ? !opened : opened || previous === ',') yield `\n${INDENT.repeat(Math.min(depth, MAX_DEPTH))}`
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
