import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createFetch } from '../../../adapters/fetch.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'
import { codedText, jsonBody, patternBytes } from '../../support/routes.ts'
import { both, caught, protocols } from './both.ts'

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

both('a coded body that ends too early is given as far as it came, as by the fetch of Node', async ({ fetch, url }) => {
  const text = await fetch(url('/cut-gzip')).then((response) => response.text())
  assert.ok(text.length > 0)
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

test('a reader that pauses stops the server from sending', async () => {
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
