/**
 * XML made readable token by token: tags get lines of their own and indentation, and everything else stays as it came:
 * entities, CDATA, comments, attributes. Text beside tags (mixed content) is never moved: white space in it means something.
 */
import type { Role } from './styles.ts'

type Paint = (token: string, role: Role) => string

type Token =
  | { readonly kind: 'open' | 'close' | 'empty' | 'other'; readonly text: string; readonly name: string }
  | { readonly kind: 'text'; readonly text: string; readonly name: '' }

const MARKUP =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE(?:[^>[\]"']|"[^"]*"|'[^']*'|\[[^\]]*\])*>|<(?:[^>"']|"[^"]*"|'[^']*')*>/g

/** Deeper levels are indented no further. */
const MAX_DEPTH = 40

/** Is it a well-formed document? The library that knows is loaded when it is asked. */
export async function isXmlText(text: string): Promise<boolean> {
  if (!/^\s*</.test(text)) return false
  const { XMLValidator } = await import('./xml-validator.ts')
  try {
    return XMLValidator.validate(text) === true
  } catch {
    return false
  }
}

/** @param indent in lines, with so many blanks for a level; `false`: white space stays. */
export function* renderXml(text: string, indent: number | false, paint: Paint): Generator<string, void, undefined> {
  const all = tokens(text)
  if (indent === false) {
    for (const token of all) yield painted(token, paint)
    return
  }
  const mixed = mixedContent(all)
  let depth = 0
  let first = true
  // The element whose content must stay as it is, by the depth at which it was opened.
  let kept = -1
  for (let i = 0; i < all.length; i++) {
    const token = all[i]
    if (token.kind === 'close') depth--
    const inLine = kept >= 0
    if (kept === depth && token.kind === 'close') kept = -1
    if (!inLine && token.kind === 'text') continue
    if (!inLine && !first) yield `\n${' '.repeat(indent * Math.min(depth, MAX_DEPTH))}`
    first = false
    yield painted(token, paint)
    if (token.kind !== 'open') continue
    if (kept < 0 && mixed.has(i)) kept = depth
    depth++
  }
}

function tokens(text: string): Token[] {
  const found: Token[] = []
  let end = 0
  for (const { 0: markup, index } of text.matchAll(MARKUP)) {
    if (index > end) found.push({ kind: 'text', text: text.slice(end, index), name: '' })
    end = index + markup.length
    const name = /^<\/?([^\s/>!?]+)/.exec(markup)?.[1] ?? ''
    if (name === '' && markup.startsWith('<![')) found.push({ kind: 'text', text: markup, name: '' })
    else if (name === '') found.push({ kind: 'other', text: markup, name })
    else if (markup.startsWith('</')) found.push({ kind: 'close', text: markup, name })
    else found.push({ kind: markup.endsWith('/>') ? 'empty' : 'open', text: markup, name })
  }
  if (end < text.length) found.push({ kind: 'text', text: text.slice(end), name: '' })
  return found
}

/** The opening tags of elements that hold text other than white space, or nothing at all. */
function mixedContent(all: readonly Token[]): Set<number> {
  const mixed = new Set<number>()
  const open: number[] = []
  all.forEach((token, i) => {
    const parent = open.at(-1)
    if (token.kind === 'text') {
      if (parent !== undefined && /\S/.test(token.text)) mixed.add(parent)
    } else if (token.kind === 'open') {
      open.push(i)
    } else if (token.kind === 'close') {
      if (parent !== undefined && i === parent + 1) mixed.add(parent)
      open.pop()
    }
  })
  return mixed
}

function painted({ kind, text }: Token, paint: Paint): string {
  if (kind === 'text') return paint(text, 'punctuation')
  if (kind === 'other') return paint(text, 'comment')
  const [, start = '', name = '', rest = '', end = ''] = /^(<\/?)([^\s/>]+)([\s\S]*?)(\/?>)$/.exec(text) ?? [
    '',
    '',
    text,
    '',
    '',
  ]
  const attributes = rest.replace(/([^\s=]+)(\s*=\s*)("[^"]*"|'[^']*')|[^\s]+/g, (whole, key, equals, quoted) =>
    typeof key === 'string'
      ? `${paint(key, 'number')}${String(equals)}${paint(String(quoted), 'string')}`
      : paint(whole, 'punctuation'),
  )
  return `${paint(start, 'punctuation')}${paint(name, 'name')}${attributes}${paint(end, 'punctuation')}`
}
