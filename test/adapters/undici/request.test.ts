import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Dispatcher, errors } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startDualOrigin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { Recorder } from '../../support/recorder.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

const refusals: readonly [string, object, string][] = [
  ['a path without a slash', { path: 'x' }, 'path must be an absolute URL or start with a slash'],
  ['a path with a space', { path: '/a b' }, 'invalid request path'],
  ['a path that is no text', { path: 1 }, 'path must be a string'],
  ['a method that is no token', { method: 'G T' }, 'invalid request method'],
  ['a method that is no text', { method: 7 }, 'method must be a string'],
  ['a negative headersTimeout', { headersTimeout: -1 }, 'invalid headersTimeout'],
  ['a bodyTimeout that is no number', { bodyTimeout: Number.NaN }, 'invalid bodyTimeout'],
  ['maxRedirections', { maxRedirections: 3 }, 'maxRedirections is not supported, use the redirect interceptor'],
  ['throwOnError', { throwOnError: true }, 'invalid throwOnError'],
  ['a header name with a space', { headers: { 'a b': 'c' } }, 'invalid header key'],
  ['a header value with a line break', { headers: { foo: 'a\r\nb: c' } }, 'invalid foo header'],
  ['a header value that is an object', { headers: { foo: {} } }, 'invalid foo header'],
  ['an odd header list', { headers: ['a'] }, 'headers array must be even'],
  ['headers that are text', { headers: 'a: b' }, 'headers must be an object or an array'],
  ['transfer-encoding', { headers: { 'Transfer-Encoding': 'chunked' } }, 'invalid transfer-encoding header'],
  ['content-length that is no number', { headers: { 'content-length': 'x' } }, 'invalid content-length header'],
  [
    'two different content-lengths',
    { headers: ['content-length', '1', 'content-length', '2'] },
    'duplicate content-length header',
  ],
  [
    'a body of a wrong kind',
    { method: 'POST', body: 5 },
    'body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable',
  ],
  ['an origin that is missing', { origin: undefined }, 'opts.origin must be a non-empty string or URL.'],
  [
    'a dispatcher option',
    { dispatcher: {} },
    'opts.dispatcher is not supported by instance methods. Pass opts.dispatcher to the top-level undici functions or call the dispatcher instance method directly.',
  ],
]

for (const [what, options, message] of refusals) {
  test(`${what} is refused with UND_ERR_INVALID_ARG before anything is sent`, async () => {
    await using dispatcher = new HyperDispatcher()
    const recorder = new Recorder()
    const full = { origin: 'https://localhost:1', path: '/', method: 'GET', ...options }
    assert.equal(dispatcher.dispatch(full as Dispatcher.DispatchOptions, recorder), false)
    assert.deepEqual(recorder.heard, ['refused'])
    assert.ok(recorder.error instanceof errors.InvalidArgumentError)
    assert.equal(recorder.error.code, 'UND_ERR_INVALID_ARG')
    assert.equal(recorder.error.message, message)
  })
}

test('an expect header is refused with UND_ERR_NOT_SUPPORTED', async () => {
  await using dispatcher = new HyperDispatcher()
  const request = dispatcher.request({
    origin: 'https://localhost:1',
    path: '/',
    method: 'GET',
    headers: { expect: 'x' },
  })
  await assert.rejects(request, { code: 'UND_ERR_NOT_SUPPORTED' })
})

test('dispatch throws when the handler has no callback for errors', async () => {
  await using dispatcher = new HyperDispatcher()
  const options = { origin: 'https://localhost:1', path: '/', method: 'GET' as const }
  assert.throws(() => dispatcher.dispatch(options, null as unknown as object), { code: 'UND_ERR_INVALID_ARG' })
  assert.throws(() => dispatcher.dispatch(options, {}), { code: 'UND_ERR_INVALID_ARG' })
})

test('query is appended to the path', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const { body } = await dispatcher.request({
    origin: origin.origin,
    path: '/json',
    method: 'GET',
    query: { a: 'x y', b: [1, 2] },
  })
  await body.dump()
  assert.equal(String(origin.requests[0]?.query), 'a=x+y&b=1&b=2')
})

test('a content-length that a fetch repeated ("4, 4") counts once', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const { body, headers } = await dispatcher.request({
    origin: origin.origin,
    path: '/echo',
    method: 'POST',
    headers: { 'content-length': '4, 4' },
    body: Readable.from([Buffer.from('text')]),
  })
  assert.equal(await body.text(), 'text')
  assert.equal(headers['x-content-length'], '4')
})

test('a host header becomes :authority, and the certificate is checked against its name', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const request = (host: string) =>
    dispatcher.request({
      origin: `https://127.0.0.1:${origin.port}`,
      path: '/headers',
      method: 'GET',
      headers: { host },
    })
  const { body } = await request('localhost')
  const raw = (await body.json()) as string[]
  assert.equal(raw[raw.indexOf(':authority') + 1], 'localhost')
  await assert.rejects(request('other.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('servername names who must be verified', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: `https://127.0.0.1:${origin.port}`, path: '/json', method: 'GET' as const }
  const fine = await dispatcher.request({ ...options, servername: 'localhost' } as Dispatcher.RequestOptions)
  assert.equal(fine.statusCode, 200)
  await fine.body.dump()
  const wrong = dispatcher.request({ ...options, servername: 'other.example' } as Dispatcher.RequestOptions)
  await assert.rejects(wrong, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('allowH2: false of a request is honoured', async () => {
  await using origin = await startDualOrigin()
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: origin.origin, path: '/json', method: 'GET' as const }
  await (await dispatcher.request(options)).body.dump()
  await (await dispatcher.request({ ...options, allowH2: false } as Dispatcher.RequestOptions)).body.dump()
  assert.deepEqual(
    origin.requests.map((call) => call.protocol),
    ['h2', 'http/1.1'],
  )
})

test('allowH2: false of the dispatcher is honoured', async () => {
  await using origin = await startDualOrigin()
  await using dispatcher = dispatcherFor(origin, { allowH2: false })
  await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  assert.equal(origin.requests[0]?.protocol, 'http/1.1')
})

test('onBodySent tells of each piece and onRequestSent of the end', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  for (const body of ['text', new Blob(['text']), Readable.from([Buffer.from('te'), Buffer.from('xt')])]) {
    const recorder = new Recorder()
    const sent: string[] = []
    const handler = Object.assign(recorder, {
      onBodySent: (chunk: Buffer) => void sent.push(String(chunk)),
      onRequestSent: () => void sent.push('.'),
    })
    dispatcher.dispatch({ origin: origin.origin, path: '/echo', method: 'POST', body: body as Readable }, handler)
    await recorder.done
    assert.equal(recorder.body, 'text')
    assert.equal(sent.join(''), 'text.')
  }
})
