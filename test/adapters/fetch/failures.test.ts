import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFetch } from '../../../adapters/fetch.ts'
import { startH2Origin } from '../../support/origin.ts'
import { both, caught } from './both.ts'

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
  await using fetch = createFetch({ tls: { ca: origin.ca } })
  await using impatient = createFetch({ tls: { ca: origin.ca }, headersTimeout: 50 })
  await using hasty = createFetch({ tls: { ca: origin.ca }, bodyTimeout: 50 })
  const refused = await caught(fetch('http://localhost:2'))
  assert.deepEqual([refused.name, refused.message, refused.cause.code], ['TypeError', 'fetch failed', 'ECONNREFUSED'])
  const slow = await caught(impatient(`${origin.origin}/slow`))
  assert.deepEqual([slow.message, slow.cause.code], ['fetch failed', 'UND_ERR_HEADERS_TIMEOUT'])
  const stopped = await caught(hasty(`${origin.origin}/slow-body`).then((response) => response.text()))
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

both(
  'integrity is asked of a response without a body too, and none has it',
  async ({ fetch, url, origin, protocol }) => {
    const integrity = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    await assert.rejects(fetch(url('/json'), { method: 'HEAD', integrity }), { message: 'fetch failed' })
    assert.equal((await fetch(url('/json'))).status, 200)
    // Over HTTP/1.1 none is used again after HEAD, which some servers answer with content.
    assert.equal(origin.connections, protocol === 'HTTP/2' ? 1 : 2)
  },
)

both('mode no-cors takes the simple methods only', async ({ fetch, url, origin }) => {
  for (const method of ['PUT', 'delete', 'query']) {
    await assert.rejects(fetch(url('/json'), { mode: 'no-cors', method }), TypeError)
    await assert.rejects(fetch(new Request(url('/json'), { method }), { mode: 'no-cors' }), TypeError)
  }
  assert.equal(origin.requests.length, 0)
  for (const method of ['GET', 'HEAD', 'post']) {
    assert.equal((await fetch(url('/json'), { mode: 'no-cors', method })).status, 200)
  }
})

both('an abort ends the reading of what has arrived already, as a stream too', async ({ fetch, url }) => {
  const reason = new Error('mine')
  for (const path of ['/json', '/gzip']) {
    for (const early of [true, false]) {
      const abort = new AbortController()
      const response = await fetch(url(path), { signal: abort.signal })
      const reader = early ? response.body?.getReader() : undefined
      await response.trailers
      abort.abort(reason)
      await assert.rejects(async () => (reader ?? response.body?.getReader())?.read(), reason)
    }
  }
  const last = new AbortController()
  const response = await fetch(url('/json'), { signal: last.signal })
  await response.trailers
  const reader = response.body?.getReader()
  await reader?.read()
  last.abort(reason)
  assert.equal((await reader?.read())?.done, true, 'what was read whole stays so')
})

both('a stream that a fetch aborted beforehand does not take is cancelled with the reason', async ({ fetch, url }) => {
  const signal = AbortSignal.abort(new Error('mine'))
  for (const wrap of [false, true]) {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const body = new ReadableStream({ cancel: resolve })
    const init = { method: 'POST', body, duplex: 'half' as const, signal }
    await assert.rejects(wrap ? fetch(new Request(url('/echo'), init)) : fetch(url('/echo'), init), signal.reason)
    assert.equal(await promise, signal.reason)
  }
})
