/** Where a text stops being JSON: V8 says what is wrong, and not always where. */

const TOKEN =
  /[ \t\r\n]*(?:([{}[\],:])|"(?:[^"\\\0-\x1f]|\\["\\/bfnrt]|\\u[\da-f]{4})*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null)/iy

/** What may come next. */
type Wants = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or end'

/** The place of the first character that cannot stand where it stands; of a text that is too short its end. */
export function wrongAt(text: string): number {
  const open: ('{' | '[')[] = []
  const token = new RegExp(TOKEN)
  let wants: Wants = 'value'
  for (;;) {
    const start = token.lastIndex
    const found = token.exec(text)
    const at = start + (/^[ \t\r\n]*/.exec(text.slice(start))?.[0].length ?? 0)
    if (found === null) return at
    const [, mark] = found
    const isString = text[at] === '"'
    const inside = open.at(-1)
    if (wants === ', or end') {
      if (mark === ',' && inside !== undefined) wants = inside === '{' ? 'name' : 'value'
      else if (inside !== undefined && mark === (inside === '{' ? '}' : ']')) open.pop()
      else return at
    } else if (wants === ':') {
      if (mark !== ':') return at
      wants = 'value'
    } else if (mark === '}' && wants === 'name or }') {
      open.pop()
      wants = ', or end'
    } else if (mark === ']' && wants === 'value or ]') {
      open.pop()
      wants = ', or end'
    } else if (wants === 'name' || wants === 'name or }') {
      if (!isString) return at
      wants = ':'
    } else if (mark === '{' || mark === '[') {
      open.push(mark)
      wants = mark === '{' ? 'name or }' : 'value or ]'
    } else if (mark !== undefined) {
      return at
    } else {
      wants = ', or end'
    }
  }
}
