/**
 * Text that a server sent, made harmless for a terminal: control characters, which could move the cursor, change the title
 * or answer in the user's place, and characters that turn the direction of writing, are shown escaped.
 */

/** All but line feed and tab. */
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Text of several lines. */
export function harmless(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNSAFE, escaped)
}

/** Text that must stay one line. */
export function harmlessLine(text: string): string {
  return text.replace(UNSAFE, escaped).replace(/[\n\t]/g, escaped)
}

/** What octets, given as latin1, mean: UTF-8 where they are. */
export function decodeOctets(octets: string): string {
  const bytes = Buffer.from(octets, 'latin1')
  const text = bytes.toString()
  return text.includes('\ufffd') ? octets : text
}

/** A URL, however it is spelt, to be shown in a message: without user and password. */
export function withoutCredentials(url: string): string {
  // Up to the last @: a password that was not encoded may be why it is none.
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, (_match, scheme: string = '') => `${scheme}...@`)
}

function escaped(char: string): string {
  const code = char.charCodeAt(0)
  if (char === '\n') return '\\n'
  if (char === '\t') return '\\t'
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** Text with a mark under a part of it, on two lines; of long text what is around that part. */
export function caret(text: string, at: number, end = at + 1): string {
  const start = Math.max(0, at - 40)
  const shown = harmlessLine(text.slice(start, at))
  const marked = harmlessLine(text.slice(at, end))
  const rest = harmlessLine(text.slice(end, start + 80))
  return `  ${shown}${marked}${rest}\n  ${' '.repeat(shown.length)}${'^'.repeat(Math.max(marked.length, 1))}`
}
