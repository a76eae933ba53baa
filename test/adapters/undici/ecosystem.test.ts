/** What is built on dispatchers works on this one as it does on undici's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Dispatcher,
  EventSource,
  interceptors,
  MockAgent,
  RetryAgent,
  fetch as undiciFetch,
  request as undiciRequest,
  stream as undiciStream,
} from 'undici'
import { interceptors as interceptors6, RetryAgent as RetryAgent6, request as request6 } from 'undici6'
import { interceptors as interceptors7, RetryAgent as RetryAgent7, request as request7 } from 'undici7'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { runModule } from '../../support/child.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

function dispatcherFor(origin: TestOrigin): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca } })
}

/** Fails with 503 until it was asked `times` times. */
function failing(times: number): Routes {
  let calls = 0
  return {
    '/sometimes'(_call, answer) {
      calls++
      answer.head(calls < times ? 503 : 200, { 'cache-control': 'no-store' })
      answer.end(`call ${calls}`)
    },
  }
}

type Start = (routes?: Routes) => Promise<TestOrigin>

for (const start of [startH2Origin, startH1Origin] as Start[]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  test(`RetryAgent and the retry interceptor send a request again over ${protocol}`, async () => {
    for (const wrap of [
      (dispatcher: HyperDispatcher): Dispatcher => new RetryAgent(dispatcher, { minTimeout: 1 }),
      (dispatcher: HyperDispatcher): Dispatcher => dispatcher.compose(interceptors.retry({ minTimeout: 1 })),
    ]) {
      await using origin = await start(failing(3))
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

  test(`the retry interceptor sends again after a stream reset, when its options have the code, over ${protocol}`, async () => {
    let calls = 0
    await using origin = await start({
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

  test(`the cache interceptor answers from its store over ${protocol}`, async () => {
    await using origin = await start({
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

  test(`the dns interceptor resolves names beforehand over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const resolving = dispatcher.compose(interceptors.dns({ affinity: 4, dualStack: false }))
    const { statusCode, body } = await resolving.request({ origin: origin.origin, path: '/headers', method: 'GET' })
    assert.equal(statusCode, 200)
    const raw = (await body.json()) as string[]
    assert.equal(raw[raw.indexOf(protocol === 'HTTP/2' ? ':authority' : 'host') + 1], `localhost:${origin.port}`)
  })

  test(`the responseError interceptor throws for 404 over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const throwing = dispatcher.compose(interceptors.responseError())
    await assert.rejects(throwing.request({ origin: origin.origin, path: '/status/404', method: 'GET' }), {
      code: 'UND_ERR_RESPONSE',
      statusCode: 404,
    })
  })

  test(`undici's top-level functions take it as an option over ${protocol}`, async () => {
    await using origin = await start()
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

  test(`stats count by origin over ${protocol}`, async () => {
    await using origin = await start()
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

  test(`the redirect interceptor follows, and a body is sent along with 307 over ${protocol}`, async () => {
    await using origin = await start({
      '/moved'(_call, answer) {
        answer.head(307, { location: '/echo' })
        answer.end()
      },
    })
    await using dispatcher = dispatcherFor(origin)
    const redirecting = dispatcher.compose(interceptors.redirect({ maxRedirections: 2 }))
    const options = { origin: origin.origin, path: '/moved', method: 'POST' as const, body: 'along' }
    const { statusCode, body } = await redirecting.request(options)
    assert.equal(statusCode, 200)
    assert.equal(await body.text(), 'along')
  })

  test(`the decompress interceptor decodes over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const decompressing = dispatcher.compose(interceptors.decompress())
    const { headers, body } = await decompressing.request({ origin: origin.origin, path: '/gzip', method: 'GET' })
    assert.equal((await body.text()).length, 1984)
    assert.equal(headers['content-encoding'], undefined)
  })

  test(`the dump interceptor reads a body away up to its limit over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const dumping = dispatcher.compose(interceptors.dump({ maxSize: 1000 }))
    const { body } = await dumping.request({ origin: origin.origin, path: '/json', method: 'GET' })
    assert.equal(await body.text(), '')
    const long = await dumping.request({ origin: origin.origin, path: '/bytes/5000', method: 'GET' })
    await assert.rejects(long.body.text(), { code: 'UND_ERR_ABORTED' })
  })

  test(`all interceptors work together over ${protocol}`, async () => {
    await using origin = await start(failing(2))
    await using dispatcher = dispatcherFor(origin)
    const { retry, redirect, decompress, responseError, cache } = interceptors
    const composed = dispatcher.compose(
      retry({ minTimeout: 1 }),
      redirect({ maxRedirections: 3 }),
      decompress(),
      cache(),
      responseError(),
    )
    const { body } = await composed.request({ origin: origin.origin, path: '/sometimes', method: 'GET' })
    assert.equal(await body.text(), 'call 2')
  })

  for (const [version, { request, RetryAgent, interceptors }] of [
    [6, { request: request6, RetryAgent: RetryAgent6, interceptors: interceptors6 }],
    [7, { request: request7, RetryAgent: RetryAgent7, interceptors: interceptors7 }],
  ] as const) {
    test(`request(), RetryAgent and interceptors of undici ${version} work on it over ${protocol}`, async () => {
      await using origin = await start({ ...failing(2) })
      await using dispatcher = dispatcherFor(origin)
      const retrying = new RetryAgent(dispatcher as never, { minTimeout: 1 })
      const first = await request(`${origin.origin}/sometimes`, { dispatcher: retrying as never })
      assert.equal(await first.body.text(), 'call 2')
      const redirecting = dispatcher.compose(interceptors.redirect({ maxRedirections: 1 }) as never)
      const second = await request(`${origin.origin}/redirect`, { dispatcher: redirecting as never })
      assert.equal(((await second.body.json()) as { hello: string }).hello, 'world')
    })
  }

  test(`MockAgent answers in its place, and lets others through it to the net over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const mocks = new MockAgent({ agent: dispatcher as never })
    mocks.disableNetConnect()
    mocks.get(origin.origin).intercept({ path: '/json', method: 'GET' }).reply(418, 'mocked').times(2)
    for (const run of [undiciRequest, undiciFetch] as const) {
      const response = await run(`${origin.origin}/json`, { dispatcher: mocks })
      const status = 'status' in response ? response.status : response.statusCode
      const text = await ('status' in response ? response.text() : response.body.text())
      assert.deepEqual([status, text], [418, 'mocked'])
    }
    await assert.rejects(undiciRequest(`${origin.origin}/gzip`, { dispatcher: mocks }), {
      code: 'UND_MOCK_ERR_MOCK_NOT_MATCHED',
    })
    mocks.enableNetConnect()
    const { body } = await undiciRequest(`${origin.origin}/json`, { dispatcher: mocks })
    assert.equal(((await body.json()) as { hello: string }).hello, 'world')
    assert.equal(dispatcher.stats[origin.origin]?.connected, 1)
    assert.equal(origin.connections, 1)
    await mocks.close()
    assert.equal(dispatcher.closed, true)
  })

  test(`EventSource hears events over ${protocol}`, async () => {
    await using origin = await start({
      '/events'(_call, answer) {
        answer.head(200, { 'content-type': 'text/event-stream' })
        answer.write('id: 1\ndata: one\n\n')
        answer.write('event: other\ndata: two\n\n')
      },
    })
    await using dispatcher = dispatcherFor(origin)
    const source = new EventSource(`${origin.origin}/events`, { dispatcher })
    const heard = await new Promise<unknown[]>((resolve) => {
      const events: unknown[] = []
      source.addEventListener('message', ({ data, lastEventId }) => events.push([data, lastEventId]))
      source.addEventListener('other', (event) => resolve([...events, (event as MessageEvent).data]))
    })
    assert.deepEqual(heard, [['one', '1'], 'two'])
    source.close()
  })
}

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
