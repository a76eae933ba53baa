import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createFetch, type HyperFetch } from '../../../adapters/fetch.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { codedText, jsonBody, patternBytes } from '../../support/routes.ts'

interface Set {
  readonly origin: TestOrigin
  readonly fetch: HyperFetch
  readonly url: (path: string) => string
}

const protocols = [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const

/** A test for each protocol. */
function both(name: string, run: (set: Set) => Promise<void>, routes: Routes = {}): void {
  for (const [protocol, start] of protocols) {
    test(`${name} (${protocol})`, async () => {
      await using origin = await start(routes)
      await using fetch = createFetch({ tls: { ca: origin.ca } })
      await run({ origin, fetch, url: (path) => origin.origin + path })
    })
  }
}

function caught(promise: Promise<unknown>): Promise<Error & { cause: Error & { code?: string } }> {
  return promise.then(
    () => assert.fail('it did not reject'),
    (error) => error,
  )
}

both('a response is one of the global class and says what came', async ({ fetch, url }) => {
  const response = await fetch(url('/json#part'))
  assert.ok(response instanceof Response)
  assert.equal(response.constructor, Response)
  assert.equal(Object.prototype.toString.call(response), '[object Response]')
  assert.ok(response.headers instanceof Headers)
  assert.deepEqual(Object.keys(response), [])
  const { status, ok, redirected, type, bodyUsed } = response
  assert.deepEqual(
    { status, ok, redirected, type, bodyUsed },
    {
      status: 200,
      ok: true,
      redirected: false,
      type: 'basic',
      bodyUsed: false,
    },
  )
  assert.equal(response.url, url('/json'))
  assert.equal(response.headers.get('Content-Type'), 'application/json')
  assert.deepEqual(await response.json(), jsonBody)
  assert.equal(response.bodyUsed, true)
})

test('statusText is empty over HTTP/2 and the phrase of the server over HTTP/1.1', async () => {
  const found: string[] = []
  for (const [, start] of protocols) {
    await using origin = await start()
    await using fetch = createFetch({ tls: { ca: origin.ca } })
    const response = await fetch(`${origin.origin}/status/404`)
    found.push(response.statusText)
    await response.text()
  }
  assert.deepEqual(found, ['', 'Not Found'])
})

both('each way of reading gives the same octets', async ({ fetch, url }) => {
  const expected = patternBytes(100_000)
  const get = () => fetch(url('/bytes/100000'))
  assert.deepEqual(Buffer.from(await (await get()).arrayBuffer()), expected)
  assert.deepEqual(Buffer.from(await (await get()).bytes()), expected)
  assert.deepEqual(Buffer.from(await (await (await get()).blob()).arrayBuffer()), expected)
  assert.equal(await (await get()).text(), expected.toString('utf8'))
  const parts: Uint8Array[] = []
  const { body } = await get()
  assert.ok(body instanceof ReadableStream)
  for await (const part of body) {
    assert.ok(part.constructor === Uint8Array)
    parts.push(part)
  }
  assert.deepEqual(Buffer.concat(parts), expected)
})

both('blob() and formData() know the media type', async ({ fetch, url }) => {
  const form = new FormData()
  form.append('a', '1')
  form.append('f', new File(['text'], 'x.txt', { type: 'text/plain' }))
  const echoed = await (await fetch(url('/echo'), { method: 'POST', body: form })).formData()
  assert.equal(echoed.get('a'), '1')
  assert.equal(await (echoed.get('f') as File).text(), 'text')
  const blob = await (await fetch(url('/json'))).blob()
  assert.equal(blob.type, 'application/json')
})

both('a body is read once', async ({ fetch, url }) => {
  const response = await fetch(url('/json'))
  await response.text()
  await assert.rejects(response.text(), TypeError)
  assert.throws(() => response.clone(), TypeError)
  assert.equal(response.body?.locked, true)
  const locked = await fetch(url('/json'))
  const reader = locked.body?.getReader()
  assert.equal(locked.bodyUsed, false)
  await assert.rejects(locked.text(), TypeError)
  assert.throws(() => locked.clone(), TypeError)
  await reader?.read()
  assert.equal(locked.bodyUsed, true)
})

both('clone() gives both the whole body, arrived already or not', async ({ fetch, url }) => {
  const response = await fetch(url('/bytes/300000'))
  const copy = response.clone()
  assert.ok(copy instanceof Response)
  assert.equal(copy.url, response.url)
  const [one, two] = await Promise.all([response.bytes(), copy.bytes()])
  assert.deepEqual(one, two)
  assert.equal(one.length, 300_000)
  const small = await fetch(url('/json'))
  await small.trailers
  const second = small.clone()
  const third = second.clone()
  assert.equal(second.headers.get('content-type'), 'application/json')
  assert.deepEqual(await small.json(), jsonBody)
  assert.deepEqual(await second.json(), jsonBody)
  assert.deepEqual(await third.json(), jsonBody)
})

both('a response can be given to the constructors of Response and Request', async ({ fetch, url }) => {
  const response = await fetch(url('/json'))
  const wrapped = new Response(response.body, response)
  assert.equal(wrapped.headers.get('content-type'), 'application/json')
  assert.deepEqual(await wrapped.json(), jsonBody)
})

both('trailers come when the body has arrived', async ({ fetch, url }) => {
  const response = await fetch(url('/trailers'))
  assert.equal(await response.text(), 'hello')
  const trailers = await response.trailers
  assert.ok(trailers instanceof Headers)
  assert.deepEqual(
    [...trailers],
    [
      ['x-checksum', 'abc'],
      ['x-second', '2'],
    ],
  )
  const without = await fetch(url('/json'))
  assert.deepEqual([...(await without.trailers)], [])
  await without.text()
})

both('set-cookie fields stay apart', async ({ fetch, url }) => {
  const response = await fetch(url('/set-cookie'))
  assert.deepEqual(response.headers.getSetCookie(), ['a=1; Path=/', 'b=2; Path=/'])
  assert.equal(response.headers.get('x-twice'), 'one, two')
  await response.text()
})

for (const path of ['/gzip', '/br', '/deflate', '/raw-deflate', '/zstd', '/chain']) {
  both(`a body coded as ${path} says is decoded, whole and as a stream`, async ({ fetch, url }) => {
    assert.equal(await (await fetch(url(path))).text(), codedText)
    const { body } = await fetch(url(path))
    assert.ok(body)
    assert.equal(await new Response(body).text(), codedText)
  })
}

both('a coded body that ends too early fails', async ({ fetch, url }) => {
  const error = await caught(fetch(url('/cut-gzip')).then((response) => response.text()))
  assert.ok(error instanceof TypeError)
  assert.equal(error.cause.code, 'Z_BUF_ERROR')
})

both(
  'more codings than are decoded fail the fetch',
  async ({ fetch, url }) => {
    const error = await caught(fetch(url('/codings')))
    assert.equal(error.message, 'fetch failed')
    assert.equal(error.cause.code, 'ERR_HYPER_CONTENT_LIMIT')
  },
  {
    '/codings'(_call, answer) {
      answer.head(200, { 'content-encoding': 'gzip, gzip, gzip, gzip, gzip, gzip' })
      answer.end('x')
    },
  },
)

both('HEAD, 204 and 304 have no body', async ({ fetch, url }) => {
  for (const response of [
    await fetch(url('/json'), { method: 'HEAD' }),
    await fetch(url('/status/204')),
    await fetch(url('/status/304')),
  ]) {
    assert.equal(response.body, null)
    assert.equal(await response.text(), '')
    assert.equal(await response.text(), '')
    assert.equal(response.bodyUsed, false)
    assert.deepEqual([...(await response.trailers)], [])
  }
})

test('a status beyond 599 is given as it is', async () => {
  await using origin = await startH1Origin({
    '/odd'(_call, answer) {
      answer.head(999)
      answer.end('odd')
    },
  })
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  const response = await fetch(`${origin.origin}/odd`)
  assert.equal(response.status, 999)
  assert.equal(await response.text(), 'odd')
})

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

both('the default headers are those of Node', async ({ fetch, url }) => {
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
    own.filter((part) => ['accept', 'user-agent', 'text/x', 'me', '*/*', 'node', 'identity'].includes(part)),
    ['accept', 'text/x', 'user-agent', 'me', 'identity'],
  )
})

for (const status of [301, 302, 303, 307, 308]) {
  both(`${status} is followed as the standard says`, async ({ fetch, url, origin }) => {
    const path = `/redirect?status=${status}&to=/echo`
    const got = await fetch(url(path))
    assert.equal(got.redirected, true)
    assert.equal(got.url, url('/echo'))
    await got.text()
    const posted = await fetch(url(path), { method: 'POST', body: 'again', headers: { 'x-keep': '1' } })
    const same = status === 307 || status === 308
    assert.equal(posted.headers.get('x-method'), same ? 'POST' : 'GET')
    assert.equal(await posted.text(), same ? 'again' : '')
    assert.equal(posted.headers.get('x-content-type'), same ? 'text/plain;charset=UTF-8' : null)
    assert.equal(posted.headers.get('x-x-keep'), '1')
    const put = await fetch(url(path), { method: 'PUT', body: 'again' })
    assert.equal(put.headers.get('x-method'), status === 303 ? 'GET' : 'PUT')
    await put.text()
    assert.equal(origin.requests.length, 6)
  })
}

both('a Request with a body is sent again to where a 307 leads', async ({ fetch, url }) => {
  const request = new Request(url('/redirect?status=307&to=/echo'), { method: 'POST', body: 'kept' })
  assert.equal(await (await fetch(request)).text(), 'kept')
})

both('a streamed body cannot follow a 307', async ({ fetch, url }) => {
  const body = new Blob(['x']).stream()
  const init = { method: 'POST', body, duplex: 'half' as const }
  const error = await caught(fetch(url('/redirect?status=307&to=/echo'), init))
  assert.equal(error.message, 'fetch failed')
})

both('redirect: manual gives the redirect itself, redirect: error fails', async ({ fetch, url }) => {
  const manual = await fetch(url('/redirect'), { redirect: 'manual' })
  assert.equal(manual.status, 302)
  assert.equal(manual.headers.get('location'), '/json')
  await manual.text()
  const error = await caught(fetch(url('/redirect'), { redirect: 'error' }))
  assert.equal(error.message, 'fetch failed')
  assert.equal(error.cause.message, 'unexpected redirect')
})

both('a redirect without location is the response', async ({ fetch, url }) => {
  const response = await fetch(url('/status/302'))
  assert.equal(response.status, 302)
  assert.equal(await response.text(), 'status 302')
})

both(
  'no more than twenty redirects are followed',
  async ({ fetch, url, origin }) => {
    const error = await caught(fetch(url('/redirect?to=/redirect%3Fto=/loop')).then(() => fetch(url('/loop'))))
    assert.equal(error.message, 'fetch failed')
    assert.equal(error.cause.message, 'redirect count exceeded')
    assert.ok(origin.requests.length >= 21)
  },
  {
    '/loop'(_call, answer) {
      answer.head(302, { location: '/loop' })
      answer.end()
    },
  },
)

both('a redirect keeps the fragment and resolves against the current URL', async ({ fetch, url }) => {
  const response = await fetch(url('/redirect?to=status/200%3Fq#frag'))
  assert.equal(response.url, url('/status/200?q'))
  await response.text()
})

for (const [protocol, start] of protocols) {
  test(`credentials do not follow to another origin (${protocol})`, async () => {
    await using there = await start()
    await using here = await start({
      '/away'(_call, answer) {
        answer.head(302, { location: `${there.origin}/echo` })
        answer.end()
      },
    })
    await using fetch = createFetch({ tls: { ca: here.ca } })
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'proxy-authorization': 'y', 'x-plain': 'stays' }
    const away = await fetch(`${here.origin}/away`, { headers })
    assert.deepEqual(
      ['authorization', 'cookie', 'proxy-authorization', 'x-plain'].map((name) => away.headers.get(`x-${name}`)),
      [null, null, null, 'stays'],
    )
    await away.text()
    const home = await fetch(`${here.origin}/redirect?to=/echo`, { headers })
    assert.equal(home.headers.get('x-authorization'), 'Bearer x')
    await home.text()
  })
}

both(
  'an aborted signal rejects with its reason: before, while waiting, and while the body comes',
  async ({ fetch, url }) => {
    const reason = new Error('mine')
    await assert.rejects(fetch(url('/json'), { signal: AbortSignal.abort(reason) }), reason)
    await assert.rejects(fetch(url('/json'), { signal: AbortSignal.abort('text') }), (error) => error === 'text')
    const waiting = new AbortController()
    const pending = fetch(url('/slow'), { signal: waiting.signal })
    setTimeout(() => waiting.abort(), 10)
    await assert.rejects(pending, { name: 'AbortError' })
    const during = new AbortController()
    const response = await fetch(url('/slow-body'), { signal: during.signal })
    const text = response.text()
    setTimeout(() => during.abort(reason), 10)
    await assert.rejects(text, reason)
    const stream = new AbortController()
    const streamed = await fetch(url('/slow-body'), { signal: stream.signal })
    const reader = streamed.body?.getReader()
    assert.equal(String(Buffer.from((await reader?.read())?.value ?? [])), 'begin')
    stream.abort(reason)
    await assert.rejects(async () => reader?.read(), reason)
    await assert.rejects(fetch(url('/slow'), { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' })
    const unread = new AbortController()
    const arrived = await fetch(url('/json'), { signal: unread.signal })
    await arrived.trailers
    unread.abort(reason)
    await assert.rejects(arrived.json(), reason)
  },
)

both(
  'cancelling the body ends the exchange, and the connection goes on over HTTP/2',
  async ({ fetch, url, origin }) => {
    const response = await fetch(url('/slow-body'))
    await response.body?.cancel()
    assert.equal(response.bodyUsed, true)
    assert.equal((await fetch(url('/json'))).status, 200)
    if (origin.sessions.length > 0) assert.equal(origin.connections, 1)
  },
)

test('failures are TypeErrors with the cause and code of Node', async () => {
  await using origin = await startH2Origin()
  await using fetch = createFetch({ tls: { ca: origin.ca }, headersTimeout: 50, bodyTimeout: 50 })
  const refused = await caught(fetch('http://localhost:2'))
  assert.deepEqual([refused.name, refused.message, refused.cause.code], ['TypeError', 'fetch failed', 'ECONNREFUSED'])
  const slow = await caught(fetch(`${origin.origin}/slow`))
  assert.deepEqual([slow.message, slow.cause.code], ['fetch failed', 'UND_ERR_HEADERS_TIMEOUT'])
  const stopped = await caught(fetch(`${origin.origin}/slow-body`).then((response) => response.text()))
  assert.deepEqual(
    [stopped.name, stopped.message, stopped.cause.code],
    ['TypeError', 'terminated', 'UND_ERR_BODY_TIMEOUT'],
  )
  const reset = await caught(fetch(`${origin.origin}/reset/2`))
  assert.deepEqual([reset.message, reset.cause.code], ['fetch failed', 'ERR_HTTP2_STREAM_ERROR'])
  const cut = await caught(fetch(`${origin.origin}/cut`).then((response) => response.text()))
  assert.deepEqual([cut.message, cut.cause.code], ['terminated', 'UND_ERR_SOCKET'])
  await using strict = createFetch({ connectTimeout: 5000 })
  const unverified = await caught(strict(`${origin.origin}/json`))
  assert.equal(unverified.cause.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
})

const wrong: readonly [string, string, object | undefined][] = [
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
]

for (const [what, url, init] of wrong) {
  test(`${what} rejects with a TypeError, as with Node's own fetch`, async () => {
    await using fetch = createFetch()
    await assert.rejects(fetch(url, init as RequestInit), TypeError)
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

test('data: and blob: URLs are left to Node', async () => {
  await using fetch = createFetch()
  assert.equal(await (await fetch('data:text/plain,hello')).text(), 'hello')
  const url = URL.createObjectURL(new Blob(['blob']))
  assert.equal(await (await fetch(url)).text(), 'blob')
  URL.revokeObjectURL(url)
})

test('integrity is checked before anything is given', async () => {
  await using origin = await startH2Origin()
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  const hash = createHash('sha384').update(codedText).digest('base64')
  const good = await fetch(`${origin.origin}/gzip`, { integrity: `sha256-AAAA sha384-${hash}` })
  assert.equal(await good.text(), codedText)
  const error = await caught(
    fetch(`${origin.origin}/gzip`, { integrity: `sha384-${hash.replace(/^./, '?')} sha256-AAAA` }),
  )
  assert.equal(error.cause.message, 'integrity mismatch')
})

test('a reader that waits holds the server back', async () => {
  let written = 0
  await using origin = await startH2Origin({
    '/flood'(_call, answer) {
      answer.head(200)
      const chunk = Buffer.alloc(64 * 1024)
      const more = (): void => {
        while (written < 64 * 1024 * 1024) {
          written += chunk.length
          if (!answer.write(chunk)) {
            answer.stream.once('drain', more)
            return
          }
        }
        answer.end()
      }
      more()
    },
  })
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  const response = await fetch(`${origin.origin}/flood`)
  let before = -1
  while (written !== before) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.ok(written < 32 * 1024 * 1024, `${written} octets were taken without a reader`)
  let read = 0
  for await (const chunk of response.body ?? []) read += chunk.length
  assert.equal(read, 64 * 1024 * 1024)
})

test('many requests share one connection', async () => {
  await using origin = await startH2Origin()
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  const bodies = await Promise.all(
    Array.from({ length: 200 }, async () => (await fetch(`${origin.origin}/json`)).json()),
  )
  assert.ok(bodies.every((body) => (body as typeof jsonBody).hello === 'world'))
  assert.equal(origin.connections, 1)
})
