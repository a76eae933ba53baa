/** Each case goes through Node's own fetch and through ours; what the caller and the server see must be the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFetch } from '../../../adapters/fetch.ts'
import { type Routes, startH1Origin } from '../../support/origin.ts'

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

const routes: Routes = {
  '/loop'(_call, answer) {
    answer.head(302, { location: '/loop' })
    answer.end()
  },
  '/to-file'(_call, answer) {
    answer.head(302, { location: 'file:///etc/hostname' })
    answer.end()
  },
  '/to-bad-url'(_call, answer) {
    answer.head(302, { location: 'http://' })
    answer.end()
  },
  '/to-utf8'(_call, answer) {
    answer.head(302, { location: Buffer.from('/echo?ü').toString('latin1') })
    answer.end()
  },
  '/to-credentials'(_call, answer) {
    answer.head(302, { location: 'http://user:pass@localhost:1/' })
    answer.end()
  },
  '/bom'(_call, answer) {
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]))
  },
  '/bad-utf8'(_call, answer) {
    answer.head(200)
    answer.end(Buffer.from([0x61, 0xff, 0xe2, 0x82, 0x62]))
  },
  '/bad-json'(_call, answer) {
    answer.head(200)
    answer.end('{"a":')
  },
  '/latin1-header'(_call, answer) {
    answer.head(200, { 'x-latin1': 'gr\u00fc\u00dfe' })
    answer.end()
  },
  '/unknown-coding'(_call, answer) {
    answer.head(200, { 'content-encoding': 'rot13' })
    answer.end('grkg')
  },
  '/empty-gzip'(_call, answer) {
    answer.head(200, { 'content-encoding': 'gzip' })
    answer.end()
  },
  '/empty-form'(_call, answer) {
    answer.head(200, { 'content-type': 'application/x-www-form-urlencoded' })
    answer.end('a=1&b=%20')
  },
}

async function observe(fetch: Fetch, base: string, path: string, make: () => RequestInit | undefined, read: Read) {
  try {
    const response = await fetch(base + path, make())
    const { status, ok, redirected, type, bodyUsed } = response
    const headers = [...response.headers].filter(([name]) => name !== 'date')
    const url = response.url.replace(base, '')
    let body: unknown
    try {
      body = await read(response)
    } catch (error) {
      body = `failed: ${(error as Error).name}`
    }
    return { status, ok, redirected, type, bodyUsed, after: response.bodyUsed, url, headers, body }
  } catch (error) {
    const { name, message, cause } = error as Error & { cause?: Error & { code?: string } }
    return {
      name,
      message: name === 'TypeError' && message !== 'fetch failed' ? '' : message,
      code: cause?.code,
      cause: cause?.message,
    }
  }
}

type Read = (response: Response) => Promise<unknown>
const text: Read = (response) => response.text()

const cases: readonly [string, string, (() => RequestInit)?, Read?][] = [
  ['a plain GET', '/echo'],
  ['JSON', '/json', undefined, (response) => response.json()],
  ['JSON with a byte order mark', '/bom', undefined, (response) => response.json()],
  ['JSON that is none', '/bad-json', undefined, (response) => response.json()],
  ['text with a byte order mark', '/bom'],
  ['text that is not UTF-8', '/bad-utf8'],
  ['a blob', '/json', undefined, async (response) => (await response.blob()).type],
  ['a form', '/empty-form', undefined, async (response) => [...(await response.formData())]],
  ['formData() of what is no form', '/json', undefined, (response) => response.formData()],
  ['HEAD', '/json', () => ({ method: 'HEAD' })],
  ['OPTIONS', '/echo', () => ({ method: 'OPTIONS' })],
  ['POST without a body', '/echo', () => ({ method: 'POST' })],
  ['POST of text', '/echo', () => ({ method: 'POST', body: 'tëxt' })],
  ['POST of empty text', '/echo', () => ({ method: 'POST', body: '' })],
  ['POST of a number', '/echo', () => ({ method: 'POST', body: 42 as unknown as string })],
  ['POST of URLSearchParams', '/echo', () => ({ method: 'POST', body: new URLSearchParams('a=1&b=2') })],
  ['POST of a Blob', '/echo', () => ({ method: 'POST', body: new Blob(['x'], { type: 'text/x' }) })],
  ['POST of a Blob without type', '/echo', () => ({ method: 'POST', body: new Blob(['x']) })],
  ['POST of bytes', '/echo', () => ({ method: 'POST', body: new Uint8Array([65, 66]) })],
  [
    'an own content-type',
    '/echo',
    () => ({ method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }),
  ],
  ['PUT, PATCH, DELETE with bodies', '/echo', () => ({ method: 'PATCH', body: 'p' })],
  ['an unusual method', '/echo', () => ({ method: 'SEARCH' })],
  ['headers as a record', '/echo', () => ({ headers: { 'X-A': ' padded ', 'x-b': '' } })],
  [
    'headers as pairs',
    '/echo',
    () => ({
      headers: [
        ['X-A', '1'],
        ['x-a', '2'],
      ],
    }),
  ],
  ['headers as Headers', '/echo', () => ({ headers: new Headers({ 'X-A': '1', Cookie: 'a=b' }) })],
  ['a header value that is no text', '/echo', () => ({ headers: { 'x-n': 5 } as unknown as Record<string, string> })],
  ['a header value in latin1', '/echo', () => ({ headers: { 'x-l': 'gr\u00fcn' } })],
  ['a header value beyond latin1', '/echo', () => ({ headers: { 'x-l': '\u20ac' } })],
  ['an own accept and user-agent', '/echo', () => ({ headers: { accept: 'a/b', 'user-agent': 'me' } })],
  ['a range', '/echo', () => ({ headers: { range: 'bytes=0-1' } })],
  ['cache: no-store', '/echo', () => ({ cache: 'no-store' })],
  ['cache: no-cache', '/echo', () => ({ cache: 'no-cache' })],
  ['credentials and referrer', '/echo', () => ({ credentials: 'include', referrer: 'about:client' })],
  ['latin1 in a response header', '/latin1-header'],
  ['two cookies', '/set-cookie'],
  ['a redirect', '/redirect'],
  ['a redirect with UTF-8 in it', '/to-utf8'],
  ['a redirect that goes on for ever', '/loop'],
  ['a redirect to a file', '/to-file'],
  ['a redirect to what is no URL', '/to-bad-url'],
  ['a redirect to credentials', '/to-credentials'],
  ['a redirect, manual', '/redirect', () => ({ redirect: 'manual' })],
  ['a redirect as an error', '/redirect', () => ({ redirect: 'error' })],
  ['a 303 after a PUT', '/redirect?status=303&to=/echo', () => ({ method: 'PUT', body: 'x' })],
  ['a 302 after a POST', '/redirect?status=302&to=/echo', () => ({ method: 'POST', body: 'x' })],
  ['a 302 after a PUT', '/redirect?status=302&to=/echo', () => ({ method: 'PUT', body: 'x' })],
  ['a 307 after a POST', '/redirect?status=307&to=/echo', () => ({ method: 'POST', body: 'x' })],
  ['a 204', '/status/204'],
  ['a 304', '/status/304'],
  ['a 404', '/status/404'],
  ['gzip', '/gzip'],
  ['br', '/br'],
  ['deflate without its wrapper', '/raw-deflate'],
  ['two codings', '/chain'],
  ['an unknown coding', '/unknown-coding'],
  ['a gzip body of no octets', '/empty-gzip'],
  ['early hints', '/103'],
  ['a cut connection', '/cut'],
  ['a body shorter than announced', '/short'],
  ['a query and a fragment', '/echo?a=b c&d=%20#frag'],
  ['a path with dots', '/a/../echo/./x'],
  ['an aborted signal', '/echo', () => ({ signal: AbortSignal.abort() })],
  ['a null signal and a null body', '/echo', () => ({ signal: null, body: null })],
]

for (const [what, path, make = () => undefined, read = text] of cases) {
  test(`${what}: as with Node's own fetch`, async () => {
    await using origin = await startH1Origin(routes, { plain: true })
    await using ours = createFetch({ connections: 1 })
    // Only what is announced as acceptable differs: ours also takes zstd, and takes br without TLS.
    const seen = (from: number): unknown =>
      origin.requests.slice(from).map(({ method, path, query, headers }) => {
        const { 'accept-encoding': _, connection: __, ...rest } = headers
        return [method, path, String(query), Object.entries(rest).sort()]
      })
    const theirs = await observe(globalThis.fetch, origin.origin, path, make, read)
    const requests = seen(0)
    const before = origin.requests.length
    const mine = await observe(ours, origin.origin, path, make, read)
    const strip = (result: object): object => {
      if (!('headers' in result)) return result
      const headers = (result.headers as [string, string][]).filter(
        ([name]) => name !== 'x-accept-encoding' && name !== 'connection' && name !== 'keep-alive',
      )
      return { ...result, headers }
    }
    assert.deepEqual(strip(mine), strip(theirs))
    assert.deepEqual(seen(before), requests)
  })
}
