import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { errors } from 'undici'
import { HyperDispatcher, StreamError } from '../../../adapters/undici.ts'
import { type StreamHandler, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

async function failure(dispatcher: HyperDispatcher, origin: string, path: string, options = {}): Promise<unknown> {
  try {
    const { body } = await dispatcher.request({ origin, path, method: 'GET', ...options })
    await body.text()
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

test('a stream reset gives ERR_HTTP2_STREAM_ERROR with the HTTP/2 error code', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  for (const path of ['/reset/2', '/reset/2?headers']) {
    const error = await failure(dispatcher, origin.origin, path)
    assert.ok(error instanceof StreamError)
    assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
    assert.equal(error.http2ErrorCode, 2)
  }
  assert.equal(origin.connections, 1)
})

test('response headers that do not come in time give HeadersTimeoutError', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const error = await failure(dispatcher, origin.origin, '/slow', { headersTimeout: 50 })
  assert.ok(error instanceof errors.HeadersTimeoutError)
  assert.equal(error.code, 'UND_ERR_HEADERS_TIMEOUT')
})

test("the dispatcher's headersTimeout counts for each of its requests", async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin, { headersTimeout: 50 })
  assert.ok((await failure(dispatcher, origin.origin, '/slow')) instanceof errors.HeadersTimeoutError)
})

test('a body that stops gives BodyTimeoutError', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const error = await failure(dispatcher, origin.origin, '/slow-body', { bodyTimeout: 50 })
  assert.ok(error instanceof errors.BodyTimeoutError)
  assert.equal(error.code, 'UND_ERR_BODY_TIMEOUT')
})

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  test(`a connection cut within a body gives a socket error over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const error = (await failure(dispatcher, origin.origin, '/cut')) as Error & { code: string }
    assert.ok(['UND_ERR_SOCKET', 'ECONNRESET'].includes(error.code), error.code)
  })

  test(`a body longer than maxResponseSize gives ResponseExceededMaxSizeError over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin, { maxResponseSize: 1000 })
    const error = await failure(dispatcher, origin.origin, '/bytes/100000')
    assert.ok(error instanceof errors.ResponseExceededMaxSizeError)
    assert.equal(error.code, 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
  })
}

test('a body shorter than its content-length gives ResponseContentLengthMismatchError', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const error = await failure(dispatcher, origin.origin, '/short')
  assert.ok(error instanceof errors.ResponseContentLengthMismatchError)
  assert.equal(error.code, 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
})

test('a request body that differs from its content-length gives RequestContentLengthMismatchError', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const options = { method: 'POST', headers: { 'content-length': '10' }, body: 'short' }
  const error = await failure(dispatcher, origin.origin, '/echo', options)
  assert.ok(error instanceof errors.RequestContentLengthMismatchError)
  assert.equal(error.code, 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH')
})

test('a certificate that cannot be verified gives the code of Node', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = new HyperDispatcher({ connect: { timeout: 5000 } })
  const error = (await failure(dispatcher, origin.origin, '/json')) as Error & { code: string }
  assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
})

test('a name that does not exist gives ENOTFOUND', async () => {
  await using dispatcher = new HyperDispatcher({
    connect: {
      lookup: (_name, _options, callback) => {
        callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), '', 0)
      },
    },
  })
  const error = (await failure(dispatcher, 'https://nowhere.invalid', '/')) as Error & { code: string }
  assert.equal(error.code, 'ENOTFOUND')
})

test('a request refused by GOAWAY that cannot be sent again fails with UND_ERR_INFO and the code of the GOAWAY', async () => {
  const handler: StreamHandler = (stream, headers) => {
    if (headers[':path'] === '/goaway') {
      stream.session?.goaway(11, 1)
      return
    }
    stream.respond({ ':status': 200 })
    stream.end()
  }
  await using origin = await startH2Origin(handler)
  await using dispatcher = dispatcherFor(origin)
  await (await dispatcher.request({ origin: origin.origin, path: '/', method: 'GET' })).body.dump()
  // More than is kept for sending it again.
  const body = Readable.from([Buffer.alloc(100_000)])
  const error = await failure(dispatcher, origin.origin, '/goaway', { method: 'POST', body })
  assert.ok(error instanceof errors.InformationalError, String(error))
  assert.equal(error.code, 'UND_ERR_INFO')
  assert.equal(error.message, 'HTTP/2: "GOAWAY" frame received with code 11')
})

test('a closed dispatcher gives ClientClosedError, a destroyed one ClientDestroyedError', async () => {
  const closing = new HyperDispatcher()
  const closed = closing.close()
  const late = await failure(closing, 'https://localhost:1', '/')
  assert.ok(late instanceof errors.ClientClosedError)
  await closed
  assert.equal(closing.closed, true)
  const destroyed = new HyperDispatcher()
  await destroyed.destroy()
  assert.ok((await failure(destroyed, 'https://localhost:1', '/')) instanceof errors.ClientDestroyedError)
})

test('close() waits for open requests', async () => {
  await using origin = await startH2Origin()
  const dispatcher = dispatcherFor(origin)
  const request = dispatcher.request({ origin: origin.origin, path: '/bytes/300000', method: 'GET' })
  let closed = false
  const closing = dispatcher.close().then(() => {
    closed = true
  })
  const { body } = await request
  assert.equal(closed, false)
  assert.equal((await body.arrayBuffer()).byteLength, 300_000)
  await closing
  assert.equal(dispatcher.destroyed, true)
})

test('destroy() ends open requests with ClientDestroyedError, or with the error given', async () => {
  await using origin = await startH2Origin()
  for (const reason of [undefined, new Error('enough')]) {
    const dispatcher = dispatcherFor(origin)
    const request = failure(dispatcher, origin.origin, '/slow')
    await new Promise<void>((resolve) => {
      if (reason === undefined) dispatcher.destroy(resolve)
      else dispatcher.destroy(reason, resolve)
    })
    const error = await request
    if (reason === undefined) assert.ok(error instanceof errors.ClientDestroyedError)
    else assert.equal(error, reason)
  }
})

test('close and destroy call each callback, also when they are called again', async () => {
  const dispatcher = new HyperDispatcher()
  const calls: string[] = []
  await Promise.all([
    new Promise<void>((resolve) => dispatcher.close(() => resolve(void calls.push('first')))),
    new Promise<void>((resolve) => dispatcher.close(() => resolve(void calls.push('second')))),
  ])
  await dispatcher.close()
  await dispatcher.destroy()
  await new Promise<void>((resolve) => dispatcher.destroy(() => resolve()))
  assert.deepEqual(calls, ['first', 'second'])
})

test('a pool given to the dispatcher outlives it', async () => {
  const { Pool } = await import('../../../src/pool/pool.ts')
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const first = new HyperDispatcher({ pool })
  await (await first.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  const open = failure(first, origin.origin, '/slow')
  await first.destroy()
  assert.ok((await open) instanceof errors.ClientDestroyedError)
  await using second = new HyperDispatcher({ pool })
  await (await second.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  assert.equal(origin.connections, 1)
})

for (const [what, options] of [
  ['a connector function', { connect: () => {} }],
  ['negative connections', { connections: -1 }],
  ['a headersTimeout that is no number', { headersTimeout: 'x' }],
  ['allowH2 that is no boolean', { allowH2: 1 }],
  ['maxResponseSize below -1', { maxResponseSize: -2 }],
] as const) {
  test(`${what} is refused by the constructor`, () => {
    assert.throws(() => new HyperDispatcher(options as object), { code: 'UND_ERR_INVALID_ARG' })
  })
}

test('one bad request header fails that request alone', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const good = dispatcher.request({ origin: origin.origin, path: '/bytes/50000', method: 'GET' })
  const bad = dispatcher.request({
    origin: origin.origin,
    path: '/json',
    method: 'GET',
    headers: { te: 'gzip', 'proxy-connection': 'keep-alive' },
  })
  assert.equal((await (await good).body.arrayBuffer()).byteLength, 50_000)
  await (await bad).body.dump()
  assert.equal(origin.connections, 1)
})
