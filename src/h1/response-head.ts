/** Reads the head of a response (RFC 9112 sections 4, 5, 6.3 and 9.3). */
import { Fault, type ParserCode, shown } from './faults.ts'
import { section, VALUE_OCTET } from './fields.ts'
import { HeadMemory } from './head-memory.ts'
import type { Framing, H1ResponseHead } from './heads.ts'
import type { LineMemory } from './line-memory.ts'
import type { H1Limits } from './options.ts'

/** Of what request is it the answer? Those to HEAD, and to CONNECT if it succeeded, have no body. */
export const Asked = { OTHER: 0, HEAD: 1, CONNECT: 2 } as const

const CR = 0x0d
const SPACE = 0x20

const memory = new HeadMemory<H1ResponseHead>()

/** The fields of the head in `buffer[start, end)`, of which the last line's CR LF is part; another CR follows. */
export function readResponseHead(
  buffer: Buffer,
  start: number,
  end: number,
  asked: number,
  limits: H1Limits,
  lines: LineMemory,
): H1ResponseHead {
  const text = buffer.toString('latin1', start, end)
  const known = memory.find(text, asked)
  // What is remembered was read under another owner's limit, perhaps.
  if (known !== undefined && fits(known, limits)) return known
  const head = parse(buffer, start, end, text, asked, limits, lines)
  memory.keep(text, asked, head)
  return head
}

function fits(head: H1ResponseHead, limits: H1Limits): boolean {
  return head.fields.length <= limits.maxHeaderFields * 2 && head.reason.length + 13 <= limits.maxStartLine
}

function parse(
  buffer: Buffer,
  start: number,
  end: number,
  text: string,
  asked: number,
  limits: H1Limits,
  lines: LineMemory,
): H1ResponseHead {
  // HTTP-version SP status-code SP [ reason-phrase ]; the second space may be missing, as it is from many servers.
  const minor = buffer[start + 7] - 0x30
  const hundreds = buffer[start + 9] - 0x30
  const tens = buffer[start + 10] - 0x30
  const ones = buffer[start + 11] - 0x30
  if (
    !text.startsWith('HTTP/1.') ||
    (minor !== 1 && minor !== 0) ||
    buffer[start + 8] !== SPACE ||
    !(hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)
  ) {
    throw badLine(text)
  }
  let at = start + 12
  let reason = ''
  if (buffer[at] === SPACE) {
    const reasonStart = at + 1
    do at++
    while (VALUE_OCTET[buffer[at]] === 1)
    reason = text.slice(reasonStart - start, at - start)
  }
  if (buffer[at] !== CR || buffer[at + 1] !== 0x0a) throw badLine(text)
  if (at - start > limits.maxStartLine) {
    throw new Fault(`its status line is longer than ${limits.maxStartLine} octets`, 431, 'too-large')
  }
  section.read(buffer, at + 2, end, text, start, limits.maxHeaderFields, lines)
  const status = hundreds * 100 + tens * 10 + ones
  const framing = framingOf(status, minor, asked)
  const { contentLength, hints } = section
  return {
    status,
    reason,
    version: minor === 1 ? '1.1' : '1.0',
    fields: section.fields,
    raw: section.raw,
    contentLength,
    framing,
    keepAlive: framing !== 'close' && !section.close && (minor === 1 || section.keepAlive),
    keepAliveTimeout: hints === '' ? undefined : hint(/(?:^|[,; \t])timeout[ \t]*=[ \t]*"?(\d{1,9})(?!\d)/i, hints),
    keepAliveMax: hints === '' ? undefined : hint(/(?:^|[,; \t])max[ \t]*=[ \t]*"?(\d{1,9})(?!\d)/i, hints),
  }
}

/** RFC 9112 section 6.3. A message framed twice is an attack (section 11.2), whatever else it is an answer to. */
function framingOf(status: number, minor: number, asked: number): Framing {
  // A tunnel has no message: what is said of its length is to be ignored, by rule 2.
  if (asked === Asked.CONNECT && status >= 200 && status < 300) return 'none'
  const { contentLength, transferEncoding } = section
  if (transferEncoding !== '') {
    if (contentLength !== -1)
      throw Fault.named('HPE_INVALID_TRANSFER_ENCODING', 'it has a content-length and a transfer-encoding')
    if (minor === 0) throw Fault.named('HPE_INVALID_TRANSFER_ENCODING', 'an HTTP/1.0 message has a transfer-encoding')
  }
  if (status < 200 || status === 204 || status === 304 || asked === Asked.HEAD) return 'none'
  // Servers of RFC 2616's time said so for no coding: like any response that is not chunked it ends with its connection.
  if (transferEncoding === 'identity') return 'close'
  if (transferEncoding !== '') {
    if (transferEncoding !== 'chunked') {
      throw new Fault(
        `its transfer-encoding is ${shown(transferEncoding)}`,
        501,
        'unsupported',
        'HPE_INVALID_TRANSFER_ENCODING',
      )
    }
    return 'chunked'
  }
  return contentLength === -1 ? 'close' : 'length'
}

function hint(pattern: RegExp, hints: string): number | undefined {
  const found = pattern.exec(hints)
  return found === null ? undefined : Number(found[1])
}

function badLine(text: string): Fault {
  const end = text.indexOf('\r\n')
  const line = text.slice(0, end)
  return Fault.named(codeOf(line), `its status line is ${shown(line)}`)
}

function codeOf(line: string): ParserCode {
  if (!line.startsWith('HTTP/')) return 'HPE_INVALID_CONSTANT'
  return /^HTTP\/1\.[01] /.test(line) ? 'HPE_INVALID_STATUS' : 'HPE_INVALID_VERSION'
}
