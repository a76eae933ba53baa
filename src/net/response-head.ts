/**
 * Reads the head of a proxy's answer to CONNECT (RFC 9112 sections 2 to 5), strictly: no bare line feeds, no folded
 * lines, no white space before a colon. What follows the head belongs to the tunnel and is given back untouched.
 *
 * Interim answers (1xx) are read past; all heads together may be as long as `MAX_PROXY_HEAD`.
 */
import type { FieldList } from '../headers/fields.ts'
import { isToken } from '../headers/names.ts'
import { MAX_PROXY_HEAD } from '../limits.ts'

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  /** Names in lower case. */
  readonly fields: FieldList
  /** What came after the head. */
  readonly rest: Buffer
}

const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

export class ResponseHeadReader {
  private received: Buffer[] = []
  private length = 0
  /** Octets of interim answers that were read past. */
  private passed = 0

  /**
   * Takes octets.
   * @returns the final head once it is whole; `undefined` while it is not; an Error when it is none.
   */
  receive(chunk: Buffer): ResponseHead | Error | undefined {
    this.received.push(chunk)
    this.length += chunk.length
    let octets = this.received.length === 1 ? chunk : Buffer.concat(this.received, this.length)
    for (;;) {
      const end = octets.indexOf('\r\n\r\n')
      if (this.passed + (end === -1 ? octets.length : end + 4) > MAX_PROXY_HEAD) {
        return new Error(`the head of its answer is longer than ${MAX_PROXY_HEAD} octets`)
      }
      if (end === -1) {
        this.received = [octets]
        this.length = octets.length
        return octets.length > 0 ? earlyFault(octets) : undefined
      }
      const head = parseHead(octets.toString('latin1', 0, end))
      if (head instanceof Error) return head
      const rest = octets.subarray(end + 4)
      if (head.status >= 200) return { ...head, rest }
      if (head.status === 101) return new Error('it answered CONNECT with 101')
      this.passed += end + 4
      octets = rest
    }
  }
}

/** What cannot become an answer of HTTP need not be waited for. */
function earlyFault(octets: Buffer): Error | undefined {
  const begin = octets.toString('latin1', 0, 7)
  return 'HTTP/1.'.startsWith(begin) ? undefined : notHttp(begin)
}

function parseHead(text: string): Omit<ResponseHead, 'rest'> | Error {
  const [first, ...lines] = text.split('\r\n')
  const status = STATUS_LINE.exec(first)
  if (status === null) return notHttp(first)
  const fields: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
    if (!isToken(name) || !FIELD_VALUE.test(value)) {
      return new Error(`its answer holds the line ${JSON.stringify(line.slice(0, 64))}, which is no header field`)
    }
    fields.push(name.toLowerCase(), value)
  }
  return { status: Number(status[1]), reason: status[2] ?? '', fields }
}

function notHttp(begin: string): Error {
  return new Error(`its answer is not HTTP/1.1: ${JSON.stringify(begin.slice(0, 64))}`)
}
