/** The routes that every test origin serves. Each line says what a client sees. */
import zlib from 'node:zlib'
import type { Answer, Routes } from './origin.ts'

/** What `/json` answers. */
export const jsonBody = { hello: 'world', list: [1, 2, 3], text: 'grüße' }

/** The text that `/gzip`, `/br`, `/deflate`, `/raw-deflate`, `/zstd` and `/chain` answer, coded. */
export const codedText = 'the same text again and again. '.repeat(64)

/** `length` octets, the same for each call. */
export function patternBytes(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff
  return bytes
}

function coded(answer: Answer, coding: string, bytes: Uint8Array): void {
  answer.head(200, { 'content-type': 'text/plain', 'content-encoding': coding, 'content-length': bytes.length })
  answer.end(bytes)
}

export const defaultRoutes: Routes = {
  /** A small JSON document with its length. */
  '/json'(_call, answer) {
    const body = JSON.stringify(jsonBody)
    answer.head(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    answer.end(body)
  },

  /** The request's body back, with its content-type; `x-method`, `x-path`, and each header as `x-NAME`. */
  '/echo'(call, answer) {
    const headers: Record<string, string | string[]> = { 'x-method': call.method, 'x-path': call.path }
    for (const [name, value] of Object.entries(call.headers)) {
      if (!name.startsWith(':') && value !== undefined) headers[`x-${name}`] = value
    }
    const type = call.headers['content-type']
    if (typeof type === 'string') headers['content-type'] = type
    answer.head(200, headers)
    call.body.pipe(answer.stream)
  },

  /** The request's fields as JSON: [name, value, name, value ...], as they arrived. */
  '/headers'(call, answer) {
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(JSON.stringify(call.rawHeaders))
  },

  /** `/bytes/N`: N octets of a fixed pattern, no content-length unless `?length`. */
  '/bytes'(call, answer) {
    const length = Number(call.path.split('/')[2])
    answer.head(200, {
      'content-type': 'application/octet-stream',
      ...(call.query.has('length') ? { 'content-length': length } : {}),
    })
    answer.end(patternBytes(length))
  },

  /** A body `hello` and a trailer section. */
  '/trailers'(_call, answer) {
    answer.head(200, { 'content-type': 'text/plain', trailer: 'x-checksum' }, { trailers: true })
    answer.end('hello', { 'x-checksum': 'abc', 'x-second': '2' })
  },

  '/gzip': (_call, answer) => coded(answer, 'gzip', zlib.gzipSync(codedText)),
  '/br': (_call, answer) => coded(answer, 'br', zlib.brotliCompressSync(codedText)),
  '/deflate': (_call, answer) => coded(answer, 'deflate', zlib.deflateSync(codedText)),
  '/raw-deflate': (_call, answer) => coded(answer, 'deflate', zlib.deflateRawSync(codedText)),
  '/zstd': (_call, answer) => coded(answer, 'zstd', zlib.zstdCompressSync(codedText)),
  /** br inside gzip. */
  '/chain': (_call, answer) => coded(answer, 'br, gzip', zlib.gzipSync(zlib.brotliCompressSync(codedText))),
  /** gzip that ends too early. */
  '/cut-gzip': (_call, answer) => coded(answer, 'gzip', zlib.gzipSync(codedText).subarray(0, 40)),

  /** `/redirect?to=PATH&status=N`: by default 302 to `/json`. */
  '/redirect'(call, answer) {
    answer.head(Number(call.query.get('status') ?? 302), { location: call.query.get('to') ?? '/json' })
    answer.end('moved')
  },

  /** `/status/N`: that status, with a short body where one is allowed. */
  '/status'(call, answer) {
    const status = Number(call.path.split('/')[2])
    answer.head(status, { 'x-status': status })
    answer.end(status === 204 || status === 304 ? undefined : `status ${status}`)
  },

  '/set-cookie'(_call, answer) {
    answer.head(200, { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/'], 'x-twice': ['one', 'two'] })
    answer.end('cookies')
  },

  /** Never answers. */
  '/slow'(call) {
    call.body.resume()
  },

  /** Headers and one chunk, and then nothing more. */
  '/slow-body'(call, answer) {
    call.body.resume()
    answer.head(200, { 'content-type': 'text/plain' })
    answer.write('begin')
  },

  /** A 103 with a link, then 200. */
  '/103'(_call, answer) {
    answer.early(103, { link: '</style.css>; rel=preload' })
    answer.head(200, { 'content-type': 'text/plain' })
    answer.end('after hints')
  },

  /** `/reset/CODE`: RST_STREAM with that code before any headers; `?headers`: after headers and one chunk, and then always INTERNAL_ERROR. */
  '/reset'(call, answer) {
    const code = Number(call.path.split('/')[2] ?? 2)
    if (!call.query.has('headers')) return answer.reset(code)
    answer.head(200)
    answer.write('begin')
    setImmediate(() => answer.reset(code))
  },

  /** Headers, one chunk, and the socket is destroyed; `?before`: before the headers. */
  '/cut'(call, answer) {
    if (call.query.has('before')) return answer.cut()
    answer.head(200, { 'content-length': 1000 })
    answer.write('begin')
    setImmediate(() => answer.cut())
  },

  /** Announces 100 octets, sends 10. */
  '/short'(call, answer) {
    answer.head(200, { 'content-length': 100 })
    if (call.protocol === 'h2') {
      answer.end('0123456789')
    } else {
      answer.write('0123456789')
      setImmediate(() => answer.cut())
    }
  },

  /** `/echo-length`: how many octets the body had. */
  async '/echo-length'(call, answer) {
    let octets = 0
    for await (const chunk of call.body) octets += (chunk as Buffer).length
    answer.head(200, { 'content-type': 'text/plain' })
    answer.end(String(octets))
  },
}
