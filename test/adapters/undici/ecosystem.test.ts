/** What is built on dispatchers works on this one as it does on undici's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Dispatcher, interceptors, RetryAgent, request as undiciRequest, stream as undiciStream } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { runModule } from '../../support/child.ts'
import { startH2Origin, type TestOrigin } from '../../support/origin.ts'

function dispatcherFor(origin: TestOrigin): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca } })
}

/** Fails with 503 until it was asked `times` times. */
function failing(times: number) {
  let calls = 0
  return {
    '/sometimes'(_call: unknown, answer: { head(status: number, headers?: object): void; end(text: string): void }) {
      calls++
      answer.head(calls < times ? 503 : 200, { 'cache-control': 'no-store' })
      answer.end(`call ${calls}`)
    },
  }
}

test('RetryAgent and the retry interceptor send a request again', async () => {
  for (const wrap of [
    (dispatcher: HyperDispatcher): Dispatcher => new RetryAgent(dispatcher, { minTimeout: 1 }),
    (dispatcher: HyperDispatcher): Dispatcher => dispatcher.compose(interceptors.retry({ minTimeout: 1 })),
  ]) {
    await using origin = await startH2Origin(failing(3))
    await using dispatcher = dispatcherFor(origin)
    const { statusCode, body } = await wrap(dispatcher).request({
      origin: origin.origin,
      path: '/sometimes',
      method: 'GET',
    })
    assert.equal(statusCode, 200)
    assert.equal(await body.text(), 'call 3')
  }
})

test('the retry interceptor sends again after a stream reset, when told of its code', async () => {
  let calls = 0
  await using origin = await startH2Origin({
    '/once-reset'(_call, answer) {
      if (++calls === 1) {
        answer.reset(2)
        return
      }
      answer.head(200)
      answer.end('second')
    },
  })
  await using dispatcher = dispatcherFor(origin)
  const retrying = dispatcher.compose(interceptors.retry({ minTimeout: 1, errorCodes: ['ERR_HTTP2_STREAM_ERROR'] }))
  const { body } = await retrying.request({ origin: origin.origin, path: '/once-reset', method: 'GET' })
  assert.equal(await body.text(), 'second')
})

test('the cache interceptor answers from its store', async () => {
  await using origin = await startH2Origin({
    '/cached'(_call, answer) {
      answer.head(200, { 'cache-control': 'max-age=60', date: new Date().toUTCString() })
      answer.end('kept')
    },
  })
  await using dispatcher = dispatcherFor(origin)
  const caching = dispatcher.compose(interceptors.cache())
  for (let i = 0; i < 3; i++) {
    const { body } = await caching.request({ origin: origin.origin, path: '/cached', method: 'GET' })
    assert.equal(await body.text(), 'kept')
  }
  assert.equal(origin.requests.length, 1)
})

test('the dns interceptor resolves names beforehand', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const resolving = dispatcher.compose(interceptors.dns({ affinity: 4, dualStack: false }))
  const { statusCode, body } = await resolving.request({ origin: origin.origin, path: '/headers', method: 'GET' })
  assert.equal(statusCode, 200)
  const raw = (await body.json()) as string[]
  assert.equal(raw[raw.indexOf(':authority') + 1], `localhost:${origin.port}`)
})

test('the responseError interceptor throws for 404', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const throwing = dispatcher.compose(interceptors.responseError())
  await assert.rejects(throwing.request({ origin: origin.origin, path: '/status/404', method: 'GET' }), {
    code: 'UND_ERR_RESPONSE',
    statusCode: 404,
  })
})

test("undici's top-level functions take it as an option", async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const { statusCode, body } = await undiciRequest(new URL('/echo?a=b', origin.origin), {
    dispatcher,
    method: 'POST',
    body: 'text',
  })
  assert.equal(statusCode, 200)
  assert.equal(await body.text(), 'text')
  const { Writable } = await import('node:stream')
  const { trailers } = await undiciStream(
    `${origin.origin}/trailers`,
    { dispatcher, method: 'GET' },
    () => new Writable({ write: (_chunk, _encoding, callback) => callback() }),
  )
  assert.equal(trailers['x-checksum'], 'abc')
})

test('stats count by origin', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const { body } = await dispatcher.request({ origin: origin.origin, path: '/slow-body', method: 'GET' })
  assert.deepEqual(dispatcher.stats[origin.origin], {
    connected: 1,
    free: 0,
    pending: 0,
    queued: 0,
    running: 1,
    size: 1,
  })
  body.destroy()
  body.on('error', () => {})
})

test('an idle connection does not keep the process alive', async () => {
  await using origin = await startH2Origin()
  const env = { ORIGIN: origin.origin, CA: origin.ca }
  const found = await runModule(
    `
    const { HyperDispatcher } = await import(root + 'adapters/undici.ts')
    const dispatcher = new HyperDispatcher({ connect: { ca: process.env.CA } })
    const { body } = await dispatcher.request({ origin: process.env.ORIGIN, path: '/json', method: 'GET' })
    console.log(JSON.stringify((await body.json()).hello))
  `,
    env,
  )
  assert.equal(found, 'world')
})
