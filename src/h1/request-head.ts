/** Reads the head of a request (RFC 9112 sections 3, 5, 6.3 and 9.3). */
import { Fault, shown } from './faults.ts'
import { section, TOKEN_OCTET, VALUE_OCTET } from './fields.ts'
import { HeadMemory } from './head-memory.ts'
import type { H1RequestHead } from './heads.ts'
import type { LineMemory } from './line-memory.ts'
import type { H1Limits } from './options.ts'
import { isHost, isTarget } from './outbound.ts'

const SPACE = 0x20
const TAB = 0x09

const memory = new HeadMemory<H1RequestHead>()

/** The fields of the head in `buffer[start, end)`, of which the last line's CR LF is part; another CR follows. */
export function readRequestHead(
  buffer: Buffer,
  start: number,
  end: number,
  limits: H1Limits,
  lines: LineMemory,
  trusted: boolean,
): H1RequestHead {
  const text = buffer.toString('latin1', start, end)
  const variant = trusted ? 1 : 0
  const known = memory.find(text, variant)
  // What is remembered was read under another owner's limit, perhaps.
  if (known !== undefined && fits(known, limits)) return known
  const head = parse(buffer, start, end, text, limits, lines, trusted)
  memory.keep(text, variant, head)
  return head
}

function fits({ fields, method, target }: H1RequestHead, limits: H1Limits): boolean {
  return fields.length <= limits.maxHeaderFields * 2 && method.length + target.length + 10 <= limits.maxStartLine
}

function parse(
  buffer: Buffer,
  start: number,
  end: number,
  text: string,
  limits: H1Limits,
  lines: LineMemory,
  trusted: boolean,
): H1RequestHead {
  // method SP request-target SP HTTP-version
  let at = start
  while (TOKEN_OCTET[buffer[at]] === 1) at++
  const methodEnd = at
  if (methodEnd === start || buffer[at] !== SPACE) throw badLine(text)
  do at++
  while (VALUE_OCTET[buffer[at]] === 1 && buffer[at] !== SPACE && buffer[at] !== TAB)
  const targetEnd = at
  if (buffer[at] !== SPACE) throw badLine(text)
  const lineEnd = text.indexOf('\r\n')
  if (lineEnd > limits.maxStartLine) {
    throw new Fault(`its request line is longer than ${limits.maxStartLine} octets`, 414, 'too-large')
  }
  const version = text.slice(targetEnd + 1 - start, lineEnd)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    if (/^HTTP\/\d\.\d$/.test(version)) throw new Fault(`its version is ${version}`, 505, 'unsupported')
    throw badLine(text)
  }
  const method = text.slice(0, methodEnd - start)
  const target = text.slice(methodEnd + 1 - start, targetEnd - start)
  if (!trusted && !isTarget(method, target)) throw new Fault(`its target is ${shown(target)}`)
  section.read(buffer, start + lineEnd + 2, end, text, start, limits.maxHeaderFields, lines)
  const old = version === 'HTTP/1.0'
  if (!trusted) checkHost(old)
  const framing = trusted ? trustedFraming() : framingOf(old)
  return {
    method,
    target,
    version: old ? '1.0' : '1.1',
    fields: section.fields,
    raw: section.raw,
    contentLength: section.contentLength,
    framing,
    keepAlive: trusted || (!section.close && (!old || section.keepAlive)),
    // RFC 9110 sections 7.8 and 10.1.1: HTTP/1.0 knows neither.
    expectContinue: !old && framing !== 'none' && section.expect.toLowerCase() === '100-continue',
    upgrade: !old && section.connectionUpgrade ? section.upgrade : undefined,
  }
}

/** RFC 9112 section 3.2: HTTP/1.1 needs one, and no more than one. */
function checkHost(old: boolean): void {
  if (section.hosts === 0 && !old) throw new Fault('it has no host field')
  if (section.hosts > 1) throw new Fault('it has more than one host field')
  if (section.hosts === 1 && !isHost(section.host)) throw new Fault(`its host is ${shown(section.host)}`)
}

/** RFC 9112 section 6.3. A message framed twice is an attack (section 11.2). */
function framingOf(old: boolean): 'none' | 'length' | 'chunked' {
  const { contentLength, transferEncoding } = section
  if (transferEncoding === '') return contentLength > 0 ? 'length' : 'none'
  if (contentLength !== -1) throw new Fault('it has a content-length and a transfer-encoding')
  if (old) throw new Fault('an HTTP/1.0 message has a transfer-encoding')
  if (transferEncoding === 'chunked') return 'chunked'
  // `chunked` comes last, and once; without it the end of the body is unknown. Other codings we do not decode.
  const codings = transferEncoding.split(',').map((coding) => coding.trim())
  if (codings.indexOf('chunked') !== codings.length - 1) {
    throw new Fault(`its transfer-encoding is ${shown(transferEncoding)}`)
  }
  throw new Fault(`its transfer-encoding is ${shown(transferEncoding)}`, 501, 'unsupported')
}

/** See `trustInbound`: as node:http frames what it writes. */
function trustedFraming(): 'none' | 'length' | 'chunked' {
  if (section.transferEncoding.includes('chunked')) return 'chunked'
  return section.contentLength > 0 ? 'length' : 'none'
}

function badLine(text: string): Fault {
  return new Fault(`its request line is ${shown(text.slice(0, text.indexOf('\r\n')))}`)
}
