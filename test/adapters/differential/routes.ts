/**
 * What the origins of the differential tests answer. Every route has read the whole request before it answers, so that what the
 * server saw does not depend on who was quicker; `/early` alone does not wait.
 */
import type { ServerResponse } from 'node:http'
import zlib from 'node:zlib'
import type { Answer, AnswerHeaders, Call, Route, Routes } from '../../support/origin.ts'
import { codedText, patternBytes } from '../../support/routes.ts'

/** A request as the server saw it. */
export interface Sighting {
  readonly method: string
  /** Path and query as they were on the wire. */
  readonly target: string
  readonly host: string
  /** Lower-case names; each with all its values. */
  readonly headers: Readonly<Record<string, string[]>>
  readonly body: string
}

/** Told of every request: when it has come whole, and when its head has. */
export interface Recorder {
  arrived(run: string): void
  saw(run: string, sighting: Sighting): void
}

/** Where a redirect may lead besides the same origin; filled when the origins run. */
export interface Places {
  main: string
  other: string
  plain: string
}

const text = { 'content-type': 'text/plain' }

/** Fields of one connection or one protocol, and the mark of the run. */
const unseen = new Set(['connection', 'transfer-encoding', 'keep-alive', 'te', 'host', 'x-run'])

/** A body in few words: as it is, or its length and a checksum. */
export function brief(bytes: Uint8Array): string {
  const all = Buffer.from(bytes).toString('latin1')
  const made = /^--(\S{10,}?)(?:--)?\r\n/.exec(all)?.[1]
  const same = made === undefined ? all : all.replaceAll(made, 'BOUNDARY')
  if (same.length <= 2000) return same
  return `${same.length} octets ${zlib.crc32(Buffer.from(same, 'latin1'))}`
}

function sighting(call: Call, target: string, body: Uint8Array): Sighting {
  const headers: Record<string, string[]> = {}
  let host = ''
  for (let i = 0; i + 1 < call.rawHeaders.length; i += 2) {
    const name = String(call.rawHeaders[i]).toLowerCase()
    const value = String(call.rawHeaders[i + 1])
    if (name === ':authority' || name === 'host') host = value
    if (name.startsWith(':') || unseen.has(name)) continue
    const values = headers[name] ?? []
    // The crumbs of RFC 9113, 8.2.3, are one field.
    if (name === 'cookie' && values.length > 0) values[0] += `; ${value}`
    else values.push(value.replace(/boundary=.*/, 'boundary=BOUNDARY'))
    headers[name] = values
  }
  // A boundary may be of any length.
  if (headers['content-type']?.[0]?.startsWith('multipart/')) delete headers['content-length']
  return { method: call.method, target, host, headers, body: brief(body) }
}

/** The codings of `/coding/NAME`: what content-encoding says, and the octets. */
const codings: Readonly<Record<string, readonly [string, () => Uint8Array]>> = {
  gzip: ['gzip', () => zlib.gzipSync(codedText)],
  'x-gzip': ['x-gzip', () => zlib.gzipSync(codedText)],
  upper: ['GZIP', () => zlib.gzipSync(codedText)],
  deflate: ['deflate', () => zlib.deflateSync(codedText)],
  'raw-deflate': ['deflate', () => zlib.deflateRawSync(codedText)],
  br: ['br', () => zlib.brotliCompressSync(codedText)],
  zstd: ['zstd', () => zlib.zstdCompressSync(codedText)],
  compress: ['compress', () => zlib.gzipSync(codedText)],
  identity: ['identity', () => Buffer.from(codedText)],
  empty: ['', () => Buffer.from(codedText)],
  chain: ['br, gzip', () => zlib.gzipSync(zlib.brotliCompressSync(codedText))],
  'chain-2': ['gzip, br', () => zlib.brotliCompressSync(zlib.gzipSync(codedText))],
  'gzip-gzip': ['gzip, gzip', () => zlib.gzipSync(zlib.gzipSync(codedText))],
  'members-gzip': ['gzip', () => Buffer.concat([zlib.gzipSync(codedText), zlib.gzipSync('second member')])],
  'trailing-gzip': ['gzip', () => Buffer.concat([zlib.gzipSync(codedText), Buffer.from('junk')])],
  'corrupt-gzip': ['gzip', () => zlib.gzipSync(codedText).fill(0xff, 10, 30)],
  'corrupt-crc': ['gzip', () => zlib.gzipSync(codedText).fill(0, zlib.gzipSync(codedText).length - 8)],
  'not-gzip': ['gzip', () => Buffer.from('this is no gzip')],
  'not-br': ['br', () => Buffer.from('this is no brotli')],
  'not-zstd': ['zstd', () => Buffer.from('this is no zstandard')],
  'not-deflate': ['deflate', () => Buffer.from('this is no deflate')],
  'cut-gzip': ['gzip', () => zlib.gzipSync(codedText).subarray(0, 40)],
  'cut-br': ['br', () => zlib.brotliCompressSync(codedText).subarray(0, 20)],
  'cut-deflate': ['deflate', () => zlib.deflateSync(codedText).subarray(0, 30)],
  'no-gzip': ['gzip', () => Buffer.alloc(0)],
  'no-br': ['br', () => Buffer.alloc(0)],
  'no-deflate': ['deflate', () => Buffer.alloc(0)],
  'x-compress': ['x-compress', () => zlib.gzipSync(codedText)],
  'gzip-of-zlib': ['gzip', () => zlib.deflateSync(codedText)],
  'deflate-of-gzip': ['deflate', () => zlib.gzipSync(codedText)],
  'frames-zstd': ['zstd', () => Buffer.concat([zlib.zstdCompressSync(codedText), zlib.zstdCompressSync('second')])],
  'trailing-zstd': ['zstd', () => Buffer.concat([zlib.zstdCompressSync(codedText), Buffer.from('junk!')])],
  'trailing-br': ['br', () => Buffer.concat([zlib.brotliCompressSync(codedText), Buffer.from('junk!')])],
  'trailing-deflate': ['deflate', () => Buffer.concat([zlib.deflateSync(codedText), Buffer.from('junk!')])],
  'cut-zstd': ['zstd', () => zlib.zstdCompressSync(codedText).subarray(0, 20)],
  'no-zstd': ['zstd', () => Buffer.alloc(0)],
  'long-br': ['br', () => zlib.brotliCompressSync(Buffer.alloc(1 << 20, 'dense '))],
  unknown: ['rot13', () => Buffer.from('grkg')],
  'unknown-chain': ['rot13, gzip', () => zlib.gzipSync('grkg')],
  big: ['gzip', () => zlib.gzipSync(patternBytes(1 << 20))],
}

/** The header sections of `/headers/NAME`. */
const sections: Readonly<Record<string, AnswerHeaders>> = {
  repeated: { 'x-twice': ['one', 'two'] },
  cookies: { 'set-cookie': ['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Path=/'] },
  cookie: { 'set-cookie': 'a=1; Path=/' },
  latin1: { 'x-latin1': 'gr\u00fc\u00dfe' },
  long: { 'x-long': 'v'.repeat(8000) },
  many: Object.fromEntries(Array.from({ length: 140 }, (_, i) => [`x-field-${i}`, `value ${i}`])),
  empty: { 'x-empty': '' },
  caps: { 'X-Some-Caps': 'Yes' },
  comma: { 'x-list': 'a, b,c , d' },
  quoted: { 'x-quoted': '"a, \\"b\\"", c' },
  proto: { ['__proto__']: 'x', constructor: 'y', tostring: 'z' },
  numeric: { '1': 'one', '0': 'zero' },
  'content-type-twice': { 'content-type': 'text/html; charset=utf-8' },
  'vary-etag': { vary: ['accept', 'origin'], etag: 'W/"abc"', 'last-modified': 'Wed, 21 Oct 2020 07:28:00 GMT' },
  link: { link: ['</a>; rel=preload', '</b>; rel=preload'] },
  auth: { 'www-authenticate': ['Basic realm="x"', 'Bearer'] },
  date: { 'retry-after': '0', expires: '0', age: '3' },
  disposition: { 'content-disposition': 'attachment; filename="x.txt"' },
}

async function octets(call: Call): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of call.body) chunks.push(chunk as Buffer)
  } catch {
    chunks.push(Buffer.from('[cut off]'))
  }
  return Buffer.concat(chunks)
}

function last(call: Call): string {
  return decodeURIComponent(call.path.split('/')[2] ?? '')
}

function bodyOf(call: Call, answer: Answer): void {
  const kind = last(call)
  if (kind === 'empty') {
    answer.head(200, text)
    answer.end()
  } else if (kind === 'empty-length') {
    answer.head(200, { ...text, 'content-length': 0 })
    answer.end()
  } else if (kind === 'chunks') {
    answer.head(200, text)
    let left = 5
    const next = (): void => {
      left--
      if (left === 0) answer.end('last')
      else {
        answer.write(`chunk ${left}, `)
        setImmediate(next)
      }
    }
    next()
  } else if (kind === 'json' || kind === 'bad-json' || kind === 'bom-json') {
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(
      `${kind === 'bom-json' ? '\ufeff' : ''}{"a":[1,2,{"b":null}],"c":"grüße"${kind === 'bad-json' ? '' : '}'}`,
    )
  } else if (kind === 'utf8') {
    answer.head(200, { 'content-type': 'text/plain; charset=utf-8' })
    answer.end('grüße 世界 🎉')
  } else if (kind === 'latin1') {
    answer.head(200, { 'content-type': 'text/plain; charset=iso-8859-1' })
    answer.end(Buffer.from('grüße', 'latin1'))
  } else if (kind === 'untyped') {
    answer.head(200)
    answer.end('who knows')
  } else {
    const bytes = patternBytes(Number(kind))
    answer.head(200, {
      'content-type': 'application/octet-stream',
      ...(call.query.has('length') ? { 'content-length': bytes.length } : {}),
    })
    answer.end(bytes)
  }
}

function fail(call: Call, answer: Answer): void {
  const kind = last(call)
  const long = { ...text, 'content-length': 1000 }
  if (kind === 'silent') return
  if (kind === 'cut' || kind === 'reset') {
    if (kind === 'cut') answer.cut()
    else answer.reset(2)
    return
  }
  if (kind === 'overlong') {
    answer.head(200, { ...text, 'content-length': 5, ...(call.protocol === 'h2' ? {} : { connection: 'close' }) })
    answer.end('0123456789')
    return
  }
  if (kind === 'short' && call.protocol === 'h2') {
    answer.head(200, long)
    answer.end('0123456789')
    return
  }
  answer.head(200, kind === 'cut-chunked' || kind === 'reset-chunked' ? text : long)
  answer.write('begin')
  if (kind === 'stalled') return
  const { stream } = answer
  // The part that was written must have left before the connection goes.
  setTimeout(() => {
    if (stream.writable || kind === 'short') kind.startsWith('reset') ? answer.reset(2) : answer.cut()
  }, 5)
}

/** The routes, with every request recorded by the `x-run` field it carries. */
export function differentialRoutes(recorder: Recorder, places: Places): Routes {
  const tries = new Map<string, number>()
  const table: Routes = {
    '/echo'(_call, answer) {
      answer.head(200, { ...text, 'content-length': 2 })
      answer.end('ok')
    },
    '/status'(call, answer) {
      const status = Number(last(call))
      const bare = status === 204 || status === 205 || status === 304
      answer.head(status, {
        'x-status': status,
        ...(bare ? {} : text),
        ...(status === 206 ? { 'content-range': 'bytes 0-9/20' } : {}),
      })
      answer.end(bare ? undefined : `status ${status}`)
    },
    '/coding'(call, answer) {
      const [coding, make] = codings[last(call)] ?? ['identity', () => new Uint8Array()]
      const bytes = make()
      answer.head(200, {
        ...text,
        'content-encoding': coding,
        ...(call.query.has('chunked') ? {} : { 'content-length': bytes.length }),
      })
      answer.end(bytes)
    },
    '/coded-status'(call, answer) {
      const status = Number(last(call))
      answer.head(status, { ...text, 'content-encoding': 'gzip' })
      answer.end(status === 204 || status === 304 ? undefined : zlib.gzipSync(codedText))
    },
    '/headers'(call, answer) {
      answer.head(200, { ...text, ...sections[last(call)] })
      answer.end('fields')
    },
    '/body': bodyOf,
    '/fail': fail,
    '/redirect'(call, answer) {
      const to = call.query.get('to')
      const where = to?.replace(/^(other|plain|main):/, (_, place: keyof Places) => places[place])
      answer.head(Number(last(call)) || 200, where === undefined ? text : { ...text, location: where })
      answer.end('moved')
    },
    /** `/hops/N`: N redirects, and then the end. */
    '/hops'(call, answer) {
      const left = Number(last(call))
      if (left === 0) {
        answer.head(200, text)
        answer.end('arrived')
        return
      }
      answer.head(302, { location: `/hops/${left - 1}` })
      answer.end()
    },
    '/loop'(_call, answer) {
      answer.head(302, { location: '/loop' })
      answer.end()
    },
    '/raw-location'(_call, answer) {
      answer.head(302, { location: Buffer.from('/echo?q=ü').toString('latin1') })
      answer.end()
    },
    /** `/again/STATUS/N`: that status (or a cut) N times, and then 200. */
    '/again'(call, answer) {
      const run = String(call.headers['x-run'])
      const [, , status, times] = call.path.split('/')
      const done = tries.get(run) ?? 0
      if (done >= Number(times)) {
        answer.head(200, text)
        answer.end(`after ${done}`)
        return
      }
      tries.set(run, done + 1)
      if (status === 'reset') return answer.reset(2)
      answer.head(Number(status), { ...text, ...(call.query.has('after') ? { 'retry-after': '0' } : {}) })
      answer.end('not yet')
    },
    '/etag'(call, answer) {
      const fresh = call.headers['if-none-match'] === '"v1"'
      answer.head(fresh ? 304 : 200, { etag: '"v1"', 'cache-control': 'max-age=60' })
      answer.end(fresh ? undefined : 'version 1')
    },
    '/range'(call, answer) {
      const served = call.headers.range === 'bytes=2-5'
      if (served) answer.head(206, { ...text, 'content-range': 'bytes 2-5/10', 'content-length': 4 })
      else answer.head(416)
      answer.end(served ? '2345' : undefined)
    },
    '/trailers'(_call, answer) {
      // node:http2 adds a listener of its own, for its HTTP/1.1 look, which would send none before ours sends them.
      answer.stream.removeAllListeners('wantTrailers')
      answer.head(200, { ...text, trailer: 'x-sum' }, { trailers: true })
      answer.end('hello', { 'x-sum': 'abc' })
    },
    '/hints'(_call, answer) {
      answer.early(103, { link: '</style.css>; rel=preload' })
      answer.early(103, { link: '</more.css>; rel=preload' })
      answer.head(200, text)
      answer.end('after hints')
    },
    '/reason'(call, answer) {
      if (call.protocol === 'http/1.1') (answer.stream as ServerResponse).statusMessage = 'Just Fine'
      answer.head(200, text)
      answer.end('ok')
    },
    '/early'(_call, answer) {
      answer.head(413, text)
      answer.end('too much')
    },
  }
  const recorded = (route: Route): Route => {
    return async (call, answer) => {
      const run = String(call.headers['x-run'])
      const target = call.protocol === 'h2' ? String(call.headers[':path']) : rawTarget(call)
      if (call.path.startsWith('/early')) return route(call, answer)
      const body = await octets(call)
      recorder.saw(run, sighting(call, target, body))
      await route(call, answer)
      recorder.arrived(run)
    }
  }
  return Object.fromEntries(Object.entries(table).map(([name, route]) => [name, recorded(route)]))
}

function rawTarget(call: Call): string {
  return (call.body as Call['body'] & { url?: string }).url ?? ''
}
