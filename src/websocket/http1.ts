/**
 * The heads of HTTP/1.1 messages, strictly (RFC 9112): lines end in CR LF, nothing is folded, no white space before a
 * colon, no control characters. What is lenient here is a way to smuggle elsewhere.
 */
import { Buffer } from 'node:buffer'
import type { FieldList } from '../headers/fields.ts'
import { isFieldValue, isToken } from '../headers/names.ts'
import { MAX_HEADER_FIELDS } from '../limits.ts'
import { handshakeError } from './handshake.ts'

/** Gathers octets up to the empty line. */
export class HeadReader {
  private readonly limit: number
  private readonly buffer: Buffer
  private length = 0

  /** @param limit octets of the head, the empty line counted. */
  constructor(limit: number) {
    this.limit = limit
    this.buffer = Buffer.allocUnsafe(limit)
  }

  /**
   * @param at where to begin in the octets.
   * @returns the lines, and where the head ended in the octets; null when it has not.
   * @throws {RemoteProtocolError} with status 431 when it is too long.
   */
  read(octets: Uint8Array, at: number): { lines: string[]; end: number } | null {
    const before = this.length
    const copied = Math.min(octets.length - at, this.limit - before)
    this.buffer.set(octets.subarray(at, at + copied), before)
    this.length += copied
    const found = this.buffer.subarray(0, this.length).indexOf('\r\n\r\n', Math.max(0, before - 3), 'latin1')
    if (found === -1) {
      if (this.length < this.limit) return null
      throw handshakeError(`its head is longer than the ${this.limit} octets allowed`, 431)
    }
    this.length = 0
    return { lines: this.buffer.toString('latin1', 0, found).split('\r\n'), end: at + found + 4 - before }
  }
}

/**
 * The fields of a head, flat, names in lower case.
 * @throws {RemoteProtocolError} when a line is malformed, or there are too many.
 */
export function parseFields(lines: readonly string[]): FieldList {
  if (lines.length - 1 > MAX_HEADER_FIELDS) throw handshakeError('it has too many fields', 431)
  const fields: string[] = []
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon)).toLowerCase()
    const value = trim(line, colon + 1)
    if (!isToken(name) || !isFieldValue(value)) throw handshakeError('a field is malformed')
    fields.push(name, value)
  }
  return fields
}

/** Method and target of a request line. */
export function parseRequestLine(line: string): { method: string; target: string } {
  const found = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.1$/.exec(line)
  if (found === null) throw handshakeError('the request line is malformed')
  return { method: found[1], target: found[2] }
}

/** The status of a status line. */
export function parseStatusLine(line: string): number {
  const found = /^HTTP\/1\.1 ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(line)
  if (found === null) throw handshakeError('the status line is malformed')
  return Number(found[1])
}

/** A head, from lines and fields that were checked. */
export function writeHead(line: string, fields: FieldList): Uint8Array {
  let head = `${line}\r\n`
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}

/** Without the spaces and tabs around it. */
function trim(text: string, start: number): string {
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
