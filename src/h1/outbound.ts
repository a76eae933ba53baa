/**
 * Heads as they go out, checked (RFC 9112 sections 3 to 6): header injection has one door, and it is shut. Fields that an
 * owner of the connection gives go as they are spelt; those that frame the message are added where they are missing.
 */
import { ContentLengthError, InvalidArgumentError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { FieldKind, fieldName, isFieldValue, isToken } from '../headers/names.ts'
import { SectionMemory } from './section-memory.ts'

/** What is known about a head while it is written. */
export class HeadWriter {
  text = ''
  /** How the body is framed: octets announced, -1 when none are; in chunks or not. */
  length = 0
  chunked = false
  /** What the fields written say; -1 and false where they are silent. */
  contentLength = -1
  codedInChunks = false
  host = false
  close = false
  upgrade = false
  private readonly origin: string | undefined
  private readonly validate: boolean
  private readonly memory = new SectionMemory()

  constructor(origin: string | undefined, validate: boolean) {
    this.origin = origin
    this.validate = validate
  }

  begin(startLine: string): void {
    this.text = `${startLine}\r\n`
    this.contentLength = -1
    this.codedInChunks = false
    this.host = false
    this.close = false
    this.upgrade = false
  }

  /** One field, checked as all are. */
  field(name: string, value: string): void {
    if (this.validate) checkField(name, value, this.origin)
    if (mayMean(name)) this.note(name.toLowerCase(), value)
    this.text += `${name}: ${value}\r\n`
  }

  /**
   * Decides how the body is framed, and says so where the fields do not: see `chunked` and `length`.
   * @param trailers chunks, whatever the length; content-length was left out.
   * @param mayChunk does the peer know chunks?
   * @param sayNothing say `content-length: 0` when there is no body?
   */
  frame(
    direction: 'request' | 'response',
    bodyLength: number,
    trailers: boolean,
    mayChunk: boolean,
    sayNothing: boolean,
  ): void {
    const { contentLength, codedInChunks } = this
    if (contentLength !== -1 && bodyLength !== -1 && contentLength !== bodyLength) {
      const message = `content-length says ${contentLength}, but the body has ${bodyLength} octets`
      throw new ContentLengthError(direction, message, { origin: this.origin })
    }
    if (codedInChunks && !mayChunk) throw this.misuse('HTTP/1.0 has no transfer-encoding')
    if (codedInChunks && contentLength !== -1 && !trailers) {
      throw this.misuse('A message has either content-length or transfer-encoding')
    }
    this.length = contentLength === -1 ? bodyLength : contentLength
    this.chunked = mayChunk && (trailers || codedInChunks || this.length === -1)
    if (this.chunked) {
      if (!codedInChunks) this.text += 'transfer-encoding: chunked\r\n'
    } else if (contentLength === -1 && (this.length > 0 || (this.length === 0 && sayNothing))) {
      this.text += `content-length: ${this.length}\r\n`
    }
  }

  /** There is no body, but its length may be said. */
  announce(bodyLength: number): void {
    if (this.contentLength === -1 && !this.codedInChunks && bodyLength > 0) {
      this.text += `content-length: ${bodyLength}\r\n`
    }
    this.length = 0
    this.chunked = false
  }

  /** @returns the head, which is whole. */
  end(): string {
    const { text } = this
    this.text = ''
    return `${text}\r\n`
  }

  /**
   * @param skipLength leave out content-length: the message is chunked.
   * @throws {InvalidArgumentError} naming what may not be sent.
   */
  fields(fields: FieldList, skipLength: boolean): void {
    const { memory } = this
    if (skipLength) {
      this.write(fields, 0, fields.length, true)
    } else if (memory.find(fields)) {
      // What was remembered was checked, and noted by its place.
      for (const place of memory.special) {
        if (memory.has(place)) this.note(memory.fields[place].toLowerCase(), memory.fields[place + 1])
      }
      this.text += memory.before
      this.write(fields, memory.first, fields.length - memory.last, false)
      this.text += memory.after
    } else {
      const special: number[] = []
      this.write(fields, 0, fields.length, false, special)
      memory.learn(fields, special)
    }
  }

  /** @param special gets to know where in the list names stand that may mean something here. */
  private write(fields: FieldList, start: number, end: number, skipLength: boolean, special?: number[]): void {
    let { text } = this
    for (let i = start; i < end; i += 2) {
      const name = fields[i]
      const value = fields[i + 1]
      if (this.validate) checkField(name, value, this.origin)
      if (mayMean(name)) {
        special?.push(i)
        if (this.note(name.toLowerCase(), value) && skipLength) continue
      }
      text += `${name}: ${value}\r\n`
    }
    this.text = text
  }

  /** @returns whether it is content-length. */
  private note(name: string, value: string): boolean {
    switch (name) {
      case 'host':
        if (this.host) throw this.misuse('There are two host fields')
        if (this.validate && !isHost(value)) throw this.misuse(`Invalid host: ${JSON.stringify(value)}`)
        this.host = true
        return false
      case 'upgrade':
        this.upgrade = true
        return false
      case 'connection':
        if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value)) this.close = true
        return false
      case 'transfer-encoding':
        if (this.codedInChunks || value.toLowerCase() !== 'chunked') {
          throw this.misuse(`transfer-encoding may only be "chunked", once, not ${JSON.stringify(value)}`)
        }
        this.codedInChunks = true
        return false
      case 'content-length': {
        const length = /^\d{1,15}$/.test(value) ? Number(value) : -1
        if (length === -1) throw this.misuse(`Invalid content-length: ${JSON.stringify(value)}`)
        if (this.contentLength !== -1) throw this.misuse('There are two content-length fields')
        this.contentLength = length
        return true
      }
      default:
        return false
    }
  }

  private misuse(message: string): InvalidArgumentError {
    return new InvalidArgumentError(message, { origin: this.origin })
  }
}

/** May a name of this length and first letter be one of those that `note()` knows? */
function mayMean(name: string): boolean {
  switch (name.length) {
    case 4:
      return (name.charCodeAt(0) | 0x20) === 0x68
    case 7:
      return (name.charCodeAt(0) | 0x20) === 0x75
    case 10:
    case 14:
      return (name.charCodeAt(0) | 0x20) === 0x63
    case 17:
      return (name.charCodeAt(0) | 0x20) === 0x74
    default:
      return false
  }
}

/** Fields that frame a message or govern the connection have no place behind it (RFC 9110 section 6.5.1). */
export function trailerText(trailers: FieldList, validate: boolean, origin: string | undefined): string {
  let text = ''
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i]
    if (validate) {
      checkField(name, trailers[i + 1], origin)
      if (fieldName(name).kind !== FieldKind.PLAIN) {
        throw new InvalidArgumentError(`Header ${JSON.stringify(name)} may not be sent as a trailer`, { origin })
      }
    }
    text += `${name}: ${trailers[i + 1]}\r\n`
  }
  return text
}

const ORIGIN_FORM = /^\/[\x21\x22\x24-\x7e\x80-\xff]*$/
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[\x21\x22\x24-\x7e\x80-\xff]+$/
const AUTHORITY_FORM = /^(?:[^\x00-\x20/?#@[\]:\x7f-\uffff]+|\[[\da-fA-F:.%\w~-]+\]):\d{1,5}$/

/** host[:port], or nothing (RFC 9112 section 3.2). */
const HOST = /^(?:[\w\-.~%!$&'()*+,;=]*|\[[\da-fA-F:.%\w~-]+\])(?::\d*)?$/

/** May this be the value of a host field? For both directions. */
export function isHost(value: string): boolean {
  return HOST.test(value)
}

/** May this be the target of such a request (RFC 9112 section 3.2)? For both directions. */
export function isTarget(method: string, target: string): boolean {
  if (method === 'CONNECT') return AUTHORITY_FORM.test(target)
  return ORIGIN_FORM.test(target) || ABSOLUTE_FORM.test(target) || (target === '*' && method === 'OPTIONS')
}

/** @throws {InvalidArgumentError} */
export function checkRequestLine(method: string, target: string, origin: string | undefined): void {
  if (typeof method !== 'string' || !isToken(method)) {
    throw new InvalidArgumentError(`Invalid method: ${JSON.stringify(method)}`, { origin })
  }
  if (typeof target !== 'string' || !isTarget(method, target)) {
    throw new InvalidArgumentError(`Invalid target for ${method}: ${JSON.stringify(target)}`, { origin })
  }
}

/** @throws {InvalidArgumentError} */
export function checkStatusLine(status: number, reason: string, origin: string | undefined): void {
  if (!Number.isInteger(status) || status > 999 || !isFieldValue(reason)) {
    throw new InvalidArgumentError(`Invalid status line: ${status} ${JSON.stringify(reason)}`, { origin })
  }
}

function checkField(name: string, value: string, origin: string | undefined): void {
  if (typeof name !== 'string' || !isToken(name)) {
    throw new InvalidArgumentError(`Invalid header name: ${JSON.stringify(name)}`, { origin })
  }
  if (typeof value !== 'string' || !isFieldValue(value)) {
    throw new InvalidArgumentError(`Invalid character in the value of header ${JSON.stringify(name)}`, { origin })
  }
}

/** How the body that goes out is framed, and how much of it went. */
export class BodyWriter {
  private readonly validate: boolean
  private readonly origin: string | undefined
  private readonly direction: 'request' | 'response'
  private chunked = false
  /** Octets announced and not given yet; Infinity when none were announced. */
  private left = 0

  constructor(direction: 'request' | 'response', origin: string | undefined, validate: boolean) {
    this.direction = direction
    this.origin = origin
    this.validate = validate
  }

  /** @param length octets announced, -1 when none were. */
  begin(chunked: boolean, length: number): void {
    this.chunked = chunked
    this.left = length === -1 ? Number.POSITIVE_INFINITY : length
  }

  data(octets: Uint8Array): readonly (string | Uint8Array)[] {
    const { length } = octets
    if (length > this.left) throw this.lengthError(`has ${length - this.left} octets more than was announced`)
    this.left -= length
    // An empty chunk would be the last.
    if (length === 0) return []
    return this.chunked ? [`${length.toString(16)}\r\n`, octets, '\r\n'] : [octets]
  }

  end(trailers: FieldList | null | undefined): string {
    if (this.left !== Number.POSITIVE_INFINITY && this.left > 0) {
      throw this.lengthError(`is ${this.left} octets shorter than was announced`)
    }
    const fields = trailers ?? []
    if (!this.chunked) {
      if (fields.length === 0) return ''
      throw new InvalidArgumentError(
        'Trailers need a chunked body: send transfer-encoding: chunked in the header section',
        { origin: this.origin },
      )
    }
    return `0\r\n${trailerText(fields, this.validate, this.origin)}\r\n`
  }

  private lengthError(what: string): ContentLengthError {
    return new ContentLengthError(this.direction, `The ${this.direction}'s body ${what}`, { origin: this.origin })
  }
}
