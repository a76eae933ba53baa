/** HyperClient and HyperPool, where code makes undici's Client and Pool; and `drain`. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { errors, interceptors } from 'undici'
import { HyperClient, HyperDispatcher, type HyperDispatcherOptions, HyperPool } from '../../../adapters/undici.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { Recorder } from '../../support/recorder.ts'

const makers = {
  HyperClient: (origin: TestOrigin, options: HyperDispatcherOptions = {}) =>
    new HyperClient(origin.origin, { connect: { ca: origin.ca }, ...options }),
  HyperPool: (origin: TestOrigin, options: HyperDispatcherOptions = {}) =>
    new HyperPool(new URL(origin.origin), { connect: { ca: origin.ca }, ...options }),
  'HyperDispatcher with an origin': (origin: TestOrigin, options: HyperDispatcherOptions = {}) =>
    new HyperDispatcher({ origin: origin.origin, connect: { ca: origin.ca }, ...options }),
}

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'
  for (const [name, make] of Object.entries(makers)) {
    test(`${name} serves its origin, whatever a request says of its own, over ${protocol}`, async () => {
      await using origin = await start()
      await using client = make(origin)
      for (const options of [{}, { origin: 'https://elsewhere.example' }]) {
        const { body } = await client.request({ ...options, path: '/json', method: 'GET' })
        assert.equal(((await body.json()) as { hello: string }).hello, 'world')
      }
      const composed = client.compose(interceptors.redirect({ maxRedirections: 1 }))
      const { statusCode, body } = await composed.request({ path: '/redirect', method: 'GET' })
      assert.equal(statusCode, 200)
      await body.dump()
    })
  }

  test(`a client has one connection over ${protocol}, and drain comes when nothing waits any more`, async () => {
    await using origin = await start()
    await using client = makers.HyperClient(origin)
    const drained = once(client, 'drain')
    const recorders = [1, 2, 3].map(() => new Recorder())
    const taken = recorders.map((recorder) => client.dispatch({ path: '/json', method: 'GET' }, recorder))
    assert.deepEqual(taken, [false, false, false])
    await Promise.all(recorders.map(({ done }) => done))
    assert.deepEqual(
      recorders.map(({ status }) => status),
      [200, 200, 200],
    )
    const [url, targets] = await drained
    assert.equal((url as URL).origin, origin.origin)
    assert.deepEqual(targets, [client])
    assert.equal(origin.connections, 1)
  })

  test(`stats of a client and of a pool are undici's over ${protocol}`, async () => {
    await using origin = await start()
    await using client = makers.HyperClient(origin)
    await using pool = makers.HyperPool(origin)
    assert.deepEqual(client.stats, { connected: false, pending: 0, running: 0, size: 0 })
    assert.deepEqual(pool.stats, { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 })
    for (const one of [client, pool]) {
      const { body } = await one.request({ path: '/slow-body', method: 'GET' })
      if (one === client) assert.deepEqual(client.stats, { connected: true, pending: 0, running: 1, size: 1 })
      else assert.deepEqual(pool.stats, { connected: 1, free: 0, pending: 0, queued: 0, running: 1, size: 1 })
      body.on('error', () => {}).destroy()
    }
  })

  test(`maxRequestsPerClient is the number of requests to a connection over ${protocol}`, async () => {
    await using origin = await start()
    await using client = makers.HyperClient(origin, { maxRequestsPerClient: 2 })
    for (let i = 0; i < 4; i++) await (await client.request({ path: '/json', method: 'GET' })).body.dump()
    assert.equal(origin.connections, 2)
  })
}

test('the pipelining property can be read back; 0 closes each HTTP/1.1 connection after its request', async () => {
  await using origin = await startH1Origin()
  await using client = makers.HyperClient(origin, { pipelining: 0 })
  assert.equal(client.pipelining, 0)
  client.pipelining = 3
  assert.equal(client.pipelining, 3)
  for (let i = 0; i < 2; i++) await (await client.request({ path: '/json', method: 'GET' })).body.dump()
  assert.equal(origin.connections, 2)
})

test('a pool without a limit is never busy', async () => {
  await using origin = await startH2Origin()
  await using pool = makers.HyperPool(origin)
  const recorders = [1, 2].map(() => new Recorder())
  assert.deepEqual(
    recorders.map((recorder) => pool.dispatch({ path: '/json', method: 'GET' }, recorder)),
    [true, true],
  )
  await Promise.all(recorders.map(({ done }) => done))
})

test('close() and destroy() of a client take callbacks and give promises', async () => {
  await using origin = await startH2Origin()
  const first = makers.HyperClient(origin)
  await new Promise<void>((resolve) => first.close(resolve))
  assert.deepEqual([first.closed, first.destroyed], [true, true])
  const second = makers.HyperPool(origin)
  await new Promise<void>((resolve) => second.destroy(new Error('enough'), resolve))
  assert.equal(second.destroyed, true)
  await assert.rejects(second.request({ path: '/', method: 'GET' }), errors.ClientDestroyedError)
})

for (const [what, origin, options] of [
  ['an origin with a path', 'https://localhost/path', {}],
  ['an origin of another scheme', 'ftp://localhost', {}],
  ['an origin that is none', 'nothing', {}],
  ['keepAlive', 'https://localhost', { keepAlive: true }],
  ['socketTimeout', 'https://localhost', { socketTimeout: 1 }],
  ['a factory', 'https://localhost', { factory: () => {} }],
  ['a negative pipelining', 'https://localhost', { pipelining: -1 }],
  ['maxRequestsPerClient that is no whole number', 'https://localhost', { maxRequestsPerClient: 0.5 }],
] as const) {
  test(`${what} is refused by a client and a pool with UND_ERR_INVALID_ARG`, () => {
    for (const Class of [HyperClient, HyperPool]) {
      assert.throws(() => new Class(origin, options as object), { code: 'UND_ERR_INVALID_ARG' })
    }
  })
}

test('strictContentLength: false is refused with UND_ERR_NOT_SUPPORTED', () => {
  assert.throws(() => new HyperDispatcher({ strictContentLength: false }), { code: 'UND_ERR_NOT_SUPPORTED' })
})

test('maxOrigins bounds the origins in use', async () => {
  await using first = await startH2Origin()
  await using second = await startH2Origin()
  await using dispatcher = new HyperDispatcher({ connect: { ca: first.ca }, maxOrigins: 1 })
  for (let i = 0; i < 2; i++) {
    const { body } = await dispatcher.request({ origin: first.origin, path: '/json', method: 'GET' })
    await body.dump()
  }
  await assert.rejects(dispatcher.request({ origin: second.origin, path: '/json', method: 'GET' }), {
    code: 'UND_ERR_MAX_ORIGINS_REACHED',
  })
})

test('a listener of drain may dispatch at once: the book of open requests stays in order', async () => {
  await using origin = await startH1Origin()
  const client = makers.HyperClient(origin)
  const [first, second] = [new Recorder(), new Recorder()]
  client.dispatch({ path: '/json', method: 'GET' }, first)
  client.once('drain', () => {
    client.dispatch({ path: '/json', method: 'GET' }, second)
    assert.notEqual(client.newest, undefined)
  })
  // The last of those that wait is gone before its turn.
  first.controller?.abort(new Error('not this one'))
  assert.notEqual(client.newest, undefined)
  await second.done
  assert.equal(second.status, 200)
  assert.deepEqual([client.open, client.newest], [0, undefined])
  // Which takes as long as there is a newest.
  await client.destroy()
})
