import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFetch } from '../../../adapters/fetch.ts'
import { startH2Origin } from '../../support/origin.ts'
import { both } from './both.ts'

const bodies: readonly [string, () => NonNullable<RequestInit['body']>, string, string | null][] = [
  ['text', () => 'tëxt', 'tëxt', 'text/plain;charset=UTF-8'],
  [
    'URLSearchParams',
    () => new URLSearchParams({ a: 'b c' }),
    'a=b+c',
    'application/x-www-form-urlencoded;charset=UTF-8',
  ],
  ['a Blob', () => new Blob(['blob'], { type: 'text/x-blob' }), 'blob', 'text/x-blob'],
  ['bytes', () => Buffer.from('bytes'), 'bytes', null],
  ['an ArrayBuffer', () => new TextEncoder().encode('buffer').buffer, 'buffer', null],
  ['a DataView', () => new DataView(new TextEncoder().encode('xviewx').buffer, 1, 4), 'view', null],
]

for (const [what, make, text, type] of bodies) {
  both(`${what} is a request body with its length and its type`, async ({ fetch, url }) => {
    const response = await fetch(url('/echo'), { method: 'POST', body: make() })
    assert.equal(response.headers.get('x-content-length'), String(Buffer.byteLength(text)))
    assert.equal(response.headers.get('content-type'), type)
    assert.equal(await response.text(), text)
  })
}

both('a stream is a request body, with duplex: half', async ({ fetch, url }) => {
  const init = { method: 'POST', body: new Blob(['streamed']).stream() }
  await assert.rejects(fetch(url('/echo'), init), TypeError)
  const response = await fetch(url('/echo'), { ...init, duplex: 'half' })
  assert.equal(await response.text(), 'streamed')
})

test('a stream is sent while the response arrives', async () => {
  await using origin = await startH2Origin()
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const response = await fetch(`${origin.origin}/echo`, { method: 'POST', body: readable, duplex: 'half' })
  const reader = response.body?.getReader()
  for (const word of ['one', 'two']) {
    await writer.write(Buffer.from(word))
    assert.equal(String(Buffer.from((await reader?.read())?.value ?? [])), word)
  }
  await writer.close()
  assert.equal((await reader?.read())?.done, true)
})

both('a Request is taken with its method, headers, body and signal', async ({ fetch, url }) => {
  const request = new Request(url('/echo'), { method: 'PUT', headers: { 'X-Own': 'yes' }, body: 'of the request' })
  const response = await fetch(request)
  assert.equal(response.headers.get('x-method'), 'PUT')
  assert.equal(response.headers.get('x-x-own'), 'yes')
  assert.equal(response.headers.get('x-content-length'), '14')
  assert.equal(response.headers.get('content-type'), 'text/plain;charset=UTF-8')
  assert.equal(await response.text(), 'of the request')
  assert.equal(request.bodyUsed, true)
  await assert.rejects(fetch(request), TypeError)
  const overridden = await fetch(new Request(url('/echo'), { method: 'POST', body: 'one' }), {
    body: 'two',
    method: 'PATCH',
  })
  assert.equal(overridden.headers.get('x-method'), 'PATCH')
  assert.equal(await overridden.text(), 'two')
  const streamed = new Request(url('/echo'), {
    method: 'POST',
    duplex: 'half',
    body: new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        controller.enqueue(Buffer.from('late'))
        controller.close()
      },
    }),
  })
  const late = await fetch(streamed)
  assert.equal(late.headers.get('x-content-length'), null)
  assert.equal(await late.text(), 'late')
})

both('a URL and an object of the shape of a Request are taken', async ({ fetch, url }) => {
  assert.equal((await fetch(new URL(url('/json')))).status, 200)
  const shaped = { url: url('/echo'), method: 'POST', headers: [['x-a', 'b']], body: null, signal: null }
  const response = await fetch(shaped as unknown as Request)
  assert.equal(response.headers.get('x-x-a'), 'b')
  await response.text()
})

both('the default headers are those of Node', async ({ fetch, url, protocol }) => {
  const raw = (await (await fetch(url('/headers'))).json()) as string[]
  const sent = new Map(raw.map((part, i) => [part, raw[i + 1]] as const).filter((_, i) => i % 2 === 0))
  assert.equal(sent.get('accept'), '*/*')
  assert.equal(sent.get('accept-language'), '*')
  assert.equal(sent.get('sec-fetch-mode'), 'cors')
  assert.equal(sent.get('user-agent'), 'node')
  assert.equal(sent.get('accept-encoding'), 'gzip, deflate, br, zstd')
  const own = (await (
    await fetch(url('/headers'), { headers: { Accept: 'text/x', 'USER-AGENT': 'me', range: 'bytes=0-1' } })
  ).json()) as string[]
  assert.deepEqual(
    own.filter((part) => /^(?:accept|user-agent|text\/x|me|\*\/\*|node|identity)$/i.test(part)),
    // Over HTTP/1.1 names keep their spelling.
    protocol === 'HTTP/1.1'
      ? ['Accept', 'text/x', 'USER-AGENT', 'me', 'identity']
      : ['accept', 'text/x', 'user-agent', 'me', 'identity'],
  )
})

const wrong: readonly [string, string, unknown][] = [
  ['a relative URL', '/path', undefined],
  ['a URL with credentials', 'https://user:pass@localhost/', undefined],
  ['a URL with a bad port', 'http://localhost:6000/', undefined],
  ['a method that is no token', 'https://localhost/', { method: 'a b' }],
  ['CONNECT', 'https://localhost/', { method: 'connect' }],
  ['TRACE', 'https://localhost/', { method: 'TRACE' }],
  ['GET with a body', 'https://localhost/', { body: 'x' }],
  ['a header name with a space', 'https://localhost/', { headers: { 'a b': 'c' } }],
  ['a header value with a line break', 'https://localhost/', { headers: { a: 'b\r\nc' } }],
  ['header pairs of one', 'https://localhost/', { headers: [['a']] }],
  ['an unknown redirect mode', 'https://localhost/', { redirect: 'sideways' }],
  ['a signal that is none', 'https://localhost/', { signal: {} }],
  ['a window', 'https://localhost/', { window: {} }],
  ['mode navigate', 'https://localhost/', { mode: 'navigate' }],
  ['an unknown cache mode', 'https://localhost/', { cache: 'maybe' }],
  ['a method that is a symbol', 'https://localhost/', { method: Symbol('x') }],
  ['a header name that is a symbol', 'https://localhost/', { headers: { [Symbol('x')]: '1' } }],
  ['a header value that is a symbol', 'https://localhost/', { headers: { 'x-a': Symbol('x') } }],
  ['a body that is a symbol', 'https://localhost/', { method: 'POST', body: Symbol('x') }],
  ['headers of null', 'https://localhost/', { headers: null }],
  ['headers as text', 'https://localhost/', { headers: 'a: b' }],
  ['a header pair that is text', 'https://localhost/', { headers: ['ab'] }],
  ['header pairs of three', 'https://localhost/', { headers: [['a', 'b', 'c']] }],
  ['a duplex that is not half', 'https://localhost/', { method: 'POST', body: 'x', duplex: 'full' }],
  ['an init that is a number', 'https://localhost/', 5],
  ['an init that is text', 'https://localhost/', 'POST'],
  [
    'keepalive with a stream',
    'https://localhost/',
    { method: 'POST', keepalive: true, duplex: 'half', body: new ReadableStream() },
  ],
]

for (const [what, url, init] of wrong) {
  test(`${what} rejects with a TypeError, as with Node's own fetch`, async () => {
    await using fetch = createFetch()
    await assert.rejects(fetch(url, init as RequestInit), (error: Error) => {
      assert.ok(error instanceof TypeError)
      // Nothing was tried.
      if (!what.includes('port')) assert.notEqual(error.message, 'fetch failed')
      return true
    })
    await assert.rejects(globalThis.fetch(url, init as RequestInit), TypeError)
  })
}

test('methods are normalised as the standard says', async () => {
  await using origin = await startH2Origin()
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  for (const method of ['get', 'Post', 'delete', 'PATCH', 'query']) {
    await (await fetch(`${origin.origin}/echo`, { method })).text()
  }
  assert.deepEqual(
    origin.requests.map((call) => call.method),
    ['GET', 'POST', 'DELETE', 'PATCH', 'query'],
  )
})

both('an init of null is none, and integrity is taken as text', async ({ fetch, url }) => {
  assert.equal((await fetch(url('/json'), null as unknown as undefined)).status, 200)
  assert.equal((await fetch(url('/json'), { integrity: 5 as unknown as string })).status, 200)
})

both('an init with a body of null leaves a Request its own, as with Node', async ({ fetch, url }) => {
  const request = new Request(url('/echo'), { method: 'POST', body: 'its own' })
  assert.equal(await (await fetch(request, { body: null })).text(), 'its own')
})
