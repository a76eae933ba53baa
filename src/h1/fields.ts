/**
 * Reads the field lines of a head or of a trailer section (RFC 9112 section 5), in one pass over the octets: what is no
 * field line ends it, so nothing has to be looked for beforehand. No folded lines, no white space before a colon, no bare
 * CR or LF, no control characters, no empty names.
 *
 * Hot path: one table look-up an octet, one piece of text a name and a value, no object a field.
 */
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { LONGEST_REMEMBERED_LINE } from '../limits.ts'
import { Fault, shown } from './faults.ts'
import type { LineMemory } from './line-memory.ts'
import { type KnownName, knownName, Meaning } from './names.ts'

/** Octets of a token (RFC 9110 section 5.6.2). */
export const TOKEN_OCTET = octets("!#$%&'*+-.^_`|~", ['0', '9'], ['A', 'Z'], ['a', 'z'])
/** Octets of a field value (RFC 9110 section 5.5). */
export const VALUE_OCTET = octets('\t', [' ', '~'], ['\x80', '\xff'])

const CR = 0x0d
const LF = 0x0a
const COLON = 0x3a
const SPACE = 0x20
const TAB = 0x09

/** What the last section read said. It is overwritten by the next: there is one reader, and it does not call out. */
export class FieldReader {
  fields: FieldList = NO_FIELDS
  raw: FieldList = NO_FIELDS
  /** -1 when there is none. */
  contentLength = -1
  /** The list of codings in lower case; '' when there is none. */
  transferEncoding = ''
  /** What `connection` says. */
  close = false
  keepAlive = false
  connectionUpgrade = false
  /** The value of `keep-alive`; '' when there is none. */
  hints = ''
  upgrade: string | undefined
  expect = ''
  /** How many `host` fields there are, and what the last says. */
  hosts = 0
  host = ''

  /**
   * @param from where the first line begins in the octets; `end`: behind the last line's CR LF. Another CR follows.
   * @param text the octets from `start` on.
   * @param lines what is known from heads before this one; undefined for a trailer section, whose fields do not govern
   *   the message either.
   */
  read(
    buffer: Buffer,
    from: number,
    end: number,
    text: string,
    start: number,
    maxFields: number,
    lines: LineMemory | undefined,
  ): void {
    this.clear()
    lines?.begin()
    const fields: string[] = []
    let raw: string[] | undefined
    let at = from
    while (at < end) {
      const line = lines?.find(buffer, at)
      let known: KnownName
      let value: string
      if (line !== undefined && lines !== undefined && lines.matched !== -1) {
        known = line.known
        value = line.value
        at += lines.matched
      } else {
        const lineStart = at
        if (line === undefined) {
          while (TOKEN_OCTET[buffer[at]] === 1) at++
          if (at === lineStart || buffer[at] !== COLON) throw badLine(text, lineStart - start, at - start)
          known = knownName(text.slice(lineStart - start, at - start))
        } else {
          known = line.known
          at += known.spelling.length
        }
        do at++
        while (isBlank(buffer[at]))
        const valueStart = at
        while (VALUE_OCTET[buffer[at]] === 1) at++
        if (buffer[at] !== CR || buffer[at + 1] !== LF) throw badLine(text, lineStart - start, at - start)
        let valueEnd = at
        while (valueEnd > valueStart && isBlank(buffer[valueEnd - 1])) valueEnd--
        at += 2
        if (lines === undefined || at - lineStart > LONGEST_REMEMBERED_LINE) {
          value = text.slice(valueStart - start, valueEnd - start)
        } else {
          // Not a piece of the text: what is remembered would keep all of it in memory.
          value = buffer.toString('latin1', valueStart, valueEnd)
          if (line === undefined) lines.keep(known, buffer, lineStart, at, value)
          else line.learn(buffer, lineStart, at, value)
        }
      }
      const { spelling, name, meaning } = known
      if (spelling !== name && raw === undefined) raw = fields.slice()
      if (raw !== undefined) raw.push(spelling, value)
      fields.push(name, value)
      if (meaning !== Meaning.PLAIN && lines !== undefined) this.take(meaning, value)
    }
    if (fields.length > maxFields * 2) throw new Fault(`it has more than ${maxFields} fields`, 431, 'too-large')
    lines?.finish(fields.length / 2)
    this.fields = fields
    this.raw = raw ?? fields
  }

  private clear(): void {
    this.contentLength = -1
    this.transferEncoding = ''
    this.close = false
    this.keepAlive = false
    this.connectionUpgrade = false
    this.hints = ''
    this.upgrade = undefined
    this.expect = ''
    this.hosts = 0
  }

  private take(meaning: number, value: string): void {
    switch (meaning) {
      case Meaning.CONTENT_LENGTH:
        // The common case: no list, no repetition.
        this.contentLength =
          this.contentLength === -1 && /^\d{1,15}$/.test(value) ? Number(value) : joinLength(this.contentLength, value)
        break
      case Meaning.TRANSFER_ENCODING:
        this.transferEncoding += `${this.transferEncoding === '' ? '' : ','}${value.toLowerCase()}`
        // A field that says nothing is there nevertheless.
        if (this.transferEncoding === '') this.transferEncoding = ','
        break
      case Meaning.CONNECTION:
        this.takeConnection(value.toLowerCase())
        break
      case Meaning.KEEP_ALIVE:
        this.hints = value
        break
      case Meaning.UPGRADE:
        this.upgrade = this.upgrade === undefined ? value : `${this.upgrade}, ${value}`
        break
      case Meaning.HOST:
        this.hosts++
        this.host = value
        break
      default:
        this.expect = value
    }
  }

  private takeConnection(value: string): void {
    if (value === 'keep-alive') this.keepAlive = true
    else if (value === 'close') this.close = true
    else {
      for (const option of value.split(',')) {
        const name = option.trim()
        if (name === 'close') this.close = true
        else if (name === 'keep-alive') this.keepAlive = true
        else if (name === 'upgrade') this.connectionUpgrade = true
      }
    }
  }
}

/** The one reader: a section is read in one go. */
export const section = new FieldReader()

/** Equal repeats of content-length are one; anything else is malformed (RFC 9112 section 6.3). */
function joinLength(known: number, value: string): number {
  let result = known
  for (const part of value.includes(',') ? value.split(/[ \t]*,[ \t]*/) : [value]) {
    const length = /^\d{1,15}$/.test(part) ? Number(part) : -1
    if (length === -1) throw Fault.named('HPE_INVALID_CONTENT_LENGTH', `content-length is ${shown(value)}`)
    if (result !== -1 && result !== length)
      throw Fault.named('HPE_UNEXPECTED_CONTENT_LENGTH', 'two content-length fields differ')
    result = length
  }
  return result
}

function badLine(text: string, start: number, at: number): Fault {
  const line = text.slice(start, text.indexOf('\r\n', at))
  if (start === at && (line.startsWith(' ') || line.startsWith('\t')))
    return Fault.named('HPE_INVALID_HEADER_TOKEN', 'a field line is folded')
  return Fault.named(
    /\r./.test(line) ? 'HPE_LF_EXPECTED' : 'HPE_INVALID_HEADER_TOKEN',
    `the line ${shown(line)} is no header field`,
  )
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB
}

/** A table of 256 places with a 1 for each of the characters and ranges. */
function octets(single: string, ...ranges: readonly (readonly [string, string])[]): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of single) table[character.charCodeAt(0)] = 1
  for (const [first, last] of ranges) table.fill(1, first.charCodeAt(0), last.charCodeAt(0) + 1)
  return table
}
