/**
 * Reads a dictionary of structured fields (RFC 9651 section 4.2.2) as far as is needed to find integers and booleans in
 * it: every member is parsed by the grammar, so that nothing inside a string, a byte sequence or an inner list is taken
 * for a member, but only integers and booleans are turned into values.
 *
 * One pass over character codes, no look-back, time linear in the text.
 */

/** The value of a member: an integer, a boolean, or `undefined` for any other type. */
export type MemberValue = number | boolean | undefined

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const PERCENT = 0x25
const OPEN = 0x28
const CLOSE = 0x29
const STAR = 0x2a
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUESTION = 0x3f
const AT = 0x40
const BACKSLASH = 0x5c

/** Integers have 15 digits at the most; decimals 12 before the dot and 3 after it (sections 4.2.4). */
const MAX_DIGITS = 15
const MAX_WHOLE_DIGITS = 12
const MAX_FRACTION_DIGITS = 3

/** Calls back for every member in order; a key may come again. False when the text is no dictionary. */
export function readDictionary(text: string, onMember: (key: string, value: MemberValue) => void): boolean {
  return new Reader(text).dictionary(onMember)
}

/** Every reading method but `dictionary` returns false when the text breaks the grammar. */
class Reader {
  private readonly text: string
  private at = 0
  private value: MemberValue

  constructor(text: string) {
    this.text = text
  }

  dictionary(onMember: (key: string, value: MemberValue) => void): boolean {
    this.skipSpaces()
    while (this.at < this.text.length) {
      const start = this.at
      if (!this.key()) return false
      const key = this.text.slice(start, this.at)
      this.value = true
      if (this.peek() === EQUALS) {
        this.at++
        if (!(this.peek() === OPEN ? this.innerList() : this.bareItem())) return false
      }
      const { value } = this
      if (!this.parameters()) return false
      onMember(key, value)
      // Only spaces may trail; white space around commas may have tabs, and a comma needs a member behind it.
      const end = this.at
      this.skipWhiteSpace()
      if (this.at === this.text.length) return !this.text.slice(end).includes('\t')
      if (this.peek() !== COMMA) return false
      this.at++
      this.skipWhiteSpace()
      if (this.at === this.text.length) return false
    }
    return true
  }

  /** The code at hand; NaN at the end, which equals nothing. */
  private peek(): number {
    return this.text.charCodeAt(this.at)
  }

  private skipSpaces(): void {
    while (this.peek() === SPACE) this.at++
  }

  private skipWhiteSpace(): void {
    while (this.peek() === SPACE || this.peek() === TAB) this.at++
  }

  private key(): boolean {
    if (!isLower(this.peek()) && this.peek() !== STAR) return false
    do this.at++
    while (isKeyCode(this.peek()))
    return true
  }

  private parameters(): boolean {
    while (this.peek() === SEMICOLON) {
      this.at++
      this.skipSpaces()
      if (!this.key()) return false
      if (this.peek() === EQUALS) {
        this.at++
        if (!this.bareItem()) return false
      }
    }
    return true
  }

  private innerList(): boolean {
    this.at++
    for (;;) {
      this.skipSpaces()
      if (this.peek() === CLOSE) break
      if (!this.bareItem() || !this.parameters()) return false
      if (this.peek() !== SPACE && this.peek() !== CLOSE) return false
    }
    this.at++
    this.value = undefined
    return true
  }

  private bareItem(): boolean {
    this.value = undefined
    const code = this.peek()
    if (code === MINUS || isDigit(code)) return this.number()
    if (code === STAR || isAlpha(code)) return this.token()
    switch (code) {
      case QUESTION:
        return this.boolean()
      case QUOTE:
        this.at++
        return this.string()
      case COLON:
        return this.bytes()
      case AT:
        this.at++
        return this.date()
      case PERCENT:
        return this.displayString()
      default:
        return false
    }
  }

  private number(): boolean {
    const negative = this.peek() === MINUS
    if (negative) this.at++
    const start = this.at
    while (isDigit(this.peek())) this.at++
    const digits = this.at - start
    if (digits === 0) return false
    if (this.peek() !== DOT) {
      // Minus zero is zero: + 0 makes it so.
      const whole = Number(this.text.slice(start, this.at))
      this.value = (negative ? -whole : whole) + 0
      return digits <= MAX_DIGITS
    }
    this.at++
    const dot = this.at
    while (isDigit(this.peek())) this.at++
    const fraction = this.at - dot
    return digits <= MAX_WHOLE_DIGITS && fraction > 0 && fraction <= MAX_FRACTION_DIGITS
  }

  /** A date is an integer behind an at sign (section 4.2.9). */
  private date(): boolean {
    const good = this.number() && this.value !== undefined
    this.value = undefined
    return good
  }

  private boolean(): boolean {
    const code = this.text.charCodeAt(this.at + 1)
    this.value = code === 0x31
    this.at += 2
    return code === 0x30 || code === 0x31
  }

  private token(): boolean {
    do this.at++
    while (isTokenCode(this.peek()))
    return true
  }

  private string(): boolean {
    for (;;) {
      const code = this.peek()
      this.at++
      if (code === QUOTE) return true
      if (code === BACKSLASH) {
        const escaped = this.peek()
        if (escaped !== QUOTE && escaped !== BACKSLASH) return false
        this.at++
      } else if (!isVisible(code)) {
        return false
      }
    }
  }

  private bytes(): boolean {
    const end = this.text.indexOf(':', this.at + 1)
    if (end === -1) return false
    const good = /^[A-Za-z0-9+/=]*$/.test(this.text.slice(this.at + 1, end))
    this.at = end + 1
    return good
  }

  /** `%"`, visible characters with escapes of two lower-case hexadecimal digits, `"` (section 4.2.10). */
  private displayString(): boolean {
    if (this.text.charCodeAt(this.at + 1) !== QUOTE) return false
    const end = this.text.indexOf('"', this.at + 2)
    if (end === -1) return false
    const inner = this.text.slice(this.at + 2, end)
    this.at = end + 1
    if (!/^(?:[\x20-\x24\x26-\x7e]|%[\da-f]{2})*$/.test(inner)) return false
    try {
      decodeURIComponent(inner)
      return true
    } catch {
      return false
    }
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isLower(code: number): boolean {
  return code >= 0x61 && code <= 0x7a
}

function isAlpha(code: number): boolean {
  return isLower(code | 0x20)
}

function isVisible(code: number): boolean {
  return code >= 0x20 && code <= 0x7e
}

/** lcalpha, DIGIT, `_`, `-`, `.`, `*`. */
function isKeyCode(code: number): boolean {
  return isLower(code) || isDigit(code) || code === 0x5f || code === MINUS || code === DOT || code === STAR
}

/** tchar of RFC 9110, `:` and `/`. */
function isTokenCode(code: number): boolean {
  if (isAlpha(code) || isDigit(code)) return true
  // ! # $ % & ' * + - . / : ^ _ ` | ~
  switch (code) {
    case 0x21:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0x27:
    case 0x2a:
    case 0x2b:
    case 0x2d:
    case 0x2e:
    case 0x2f:
    case 0x3a:
    case 0x5e:
    case 0x5f:
    case 0x60:
    case 0x7c:
    case 0x7e:
      return true
    default:
      return false
  }
}
