/** Random messages, well-formed for the most part, and what may be done to their octets. */
import { fc } from '../support/property.ts'

/** Octets that mean something, or are close to those that do. */
const octet = fc.constantFrom(
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '\0',
    '\x01',
    '\x7f',
    '\x80',
    '\xff',
    '0',
    '1',
    '9',
    'a',
    'f',
    'g',
  ],
  ...['x', 'Z', '-', '_', '"', '/', '#', '=', '(', 'chunked', 'close'],
)

/** An octet put in, taken out or changed, at a place in ten thousandths of the whole. */
export const mutation = fc.record({
  place: fc.noBias(fc.nat({ max: 9999 })),
  removed: fc.integer({ min: 0, max: 2 }),
  put: fc.oneof(fc.constant(''), octet),
})
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never

export function mutate(text: string, mutations: readonly Mutation[]): string {
  for (const { place, removed, put } of mutations) {
    const at = Math.floor((place / 10_000) * text.length)
    text = text.slice(0, at) + put + text.slice(at + removed)
  }
  return text
}

const tokenCharacter = fc.constantFrom(..."abcxyzABCXYZ0189!#$%&'*+-.^_`|~")
const token = fc.string({ unit: tokenCharacter, minLength: 1, maxLength: 12 })
const valueCharacter = fc.constantFrom(...'abc XYZ 019 \t!"(),/:;<=>?@[]{}\xa0\xe4\xff')
const value = fc.string({ unit: valueCharacter, maxLength: 20 })
const blank = fc.constantFrom('', ' ', '  ', '\t')

const known = fc.constantFrom(
  ...['Connection: keep-alive', 'connection: close', 'Connection: x, Close', 'Keep-Alive: timeout=5', 'Upgrade: h2c'],
  ...['Expect: 100-continue', 'Set-Cookie: a=b', 'Trailer: x', 'Content-Type: text/plain', 'TE: trailers', 'Empty:'],
)
const plain = fc
  .tuple(token, blank, value, blank)
  .filter(([name]) => !/^(?:connection|content-length|transfer-encoding|upgrade|host)$/i.test(name))
  .map(([name, before, text, after]) => `${name}:${before}${text}${after}`)
export const fieldLine = fc.oneof({ weight: 2, arbitrary: plain }, { weight: 1, arbitrary: known })
const fieldLines = fc.array(fieldLine, { maxLength: 6 })
const body = fc.string({ unit: fc.constantFrom(...'abc\r\n0:\xff '), maxLength: 30 })
const spelling = (name: string) => fc.constantFrom(name, name.toLowerCase(), name.toUpperCase())

const extension = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(';a', ';a=b', ';a="b c"', ';a;b=1') },
)
const chunks = fc
  .tuple(
    fc.array(fc.tuple(body, extension, fc.constantFrom('', '0', '000')), { maxLength: 4 }),
    extension,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant<string[]>([]) },
      { weight: 1, arbitrary: fc.array(plain, { maxLength: 3 }) },
    ),
  )
  .map(([pieces, last, trailers]) => {
    const text = pieces
      .filter(([piece]) => piece !== '')
      .map(([piece, ext, zeros]) => `${zeros}${piece.length.toString(16)}${ext}\r\n${piece}\r\n`)
    return `${text.join('')}0${last}\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`
  })

/** The field lines that frame a message, and the body that they frame. */
const framed = (nothing: fc.Arbitrary<string>): fc.Arbitrary<readonly [readonly string[], string]> =>
  fc.oneof(
    fc.tuple(spelling('Content-Length'), body).map(([name, text]) => [[`${name}: ${text.length}`], text] as const),
    fc
      .tuple(spelling('Transfer-Encoding'), fc.constantFrom('chunked', 'Chunked'), chunks)
      .map(([name, coding, text]) => [[`${name}: ${coding}`], text] as const),
    nothing.map((text) => [[], text] as const),
  )

const assemble = (
  start: string,
  lines: readonly string[],
  [framing, content]: readonly [readonly string[], string],
): string => `${[start, ...lines, ...framing].join('\r\n')}\r\n\r\n${content}`

const statusLine = fc
  .tuple(
    fc.constantFrom('1.1', '1.1', '1.1', '1.1', '1.0'),
    fc.oneof(fc.constantFrom(200, 200, 404, 500), fc.integer({ min: 201, max: 999 })),
    fc.oneof(
      fc.constantFrom(' OK', ' Not Found', ' ', ''),
      value.map((text) => ` x${text}x`),
    ),
  )
  .map(([version, status, reason]) => `HTTP/${version} ${status}${reason}`)

const informational = fc.constantFrom('', '', '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 x\r\nLink: a\r\n\r\n')

/** A response, which the end of the connection follows. */
export const response = fc
  .tuple(informational, statusLine, fieldLines, framed(body))
  .map(([before, line, lines, rest]) => before + assemble(line, lines, rest))

const requestLine = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'),
    fc.constantFrom('/', '/a?b=c', '/%20', '/a"b', 'http://example.com/x', 'http://example.com'),
    fc.constantFrom('1.1', '1.1', '1.1', '1.1', '1.0'),
  )
  .map(([method, target, version]) => `${method} ${target} HTTP/${version}`)

/** A request. */
export const request = fc
  .tuple(requestLine, fieldLines, framed(fc.constant('')))
  .map(([line, lines, rest]) => assemble(line, ['Host: example.com', ...lines], rest))

/** Where octets are cut: lengths, in turn. */
export const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })

export function cut(text: string, lengths: readonly number[]): Buffer[] {
  const octets = Buffer.from(text, 'latin1')
  const pieces: Buffer[] = []
  for (let at = 0, turn = 0; at < octets.length; turn++) {
    const length = lengths[turn % lengths.length]
    pieces.push(octets.subarray(at, at + length))
    at += length
  }
  return pieces
}
