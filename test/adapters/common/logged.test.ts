/** Objects that hold connections, as they look in logs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import axios from 'axios'
import got from 'got'
import { request, SnapshotAgent } from 'undici'
import { HyperRequestHandler } from '../../../adapters/aws.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { HyperClient, HyperDispatcher, HyperPool } from '../../../adapters/undici.ts'
import { HTTPConnection, Pool } from '../../../src/index.ts'
import { testCertificate } from '../../support/certificate.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'

test('what holds connections shows in JSON and in console.log what it does, and no key or password that it was given', async () => {
  const tls = { cert: 'a CERTIFICATE', key: 'a PRIVATE KEY', passphrase: 'pa55' }
  const proxy = 'http://user:s3cret@proxy.test:3128'
  const url = 'https://a.test'
  const objects = [
    new Pool({ tls, proxy }),
    new HTTPConnection('a.test', { tls, proxy }),
    new HyperDispatcher({ connect: tls, proxy }),
    new HyperPool(url, { connect: tls, proxy }),
    new HyperClient(url, { connect: tls, proxy }),
    new HyperRequestHandler({ tls, proxy }),
  ]
  for (const object of objects) {
    for (const text of [JSON.stringify(object), inspect(object), inspect({ object }, { depth: 9, showHidden: true })]) {
      assert.doesNotMatch(text, /PRIVATE|pa55|s3cret/, object.constructor.name)
    }
    assert.match(inspect(object), new RegExp(`^${object.constructor.name} \\{`))
  }
  assert.equal(inspect({ a: { b: objects[0] } }, { depth: 1 }), '{ a: { b: [Pool] } }')
})

test('they can be logged while they are at work, and what they answer too', async () => {
  await using origin = await startH1Origin({ '*': (_call, answer) => answer.end('x') }, { plain: true })
  await using pool = new Pool()
  await (await createFetch({ pool })(`${origin.origin}/`)).text()
  assert.equal(JSON.parse(JSON.stringify(pool)).origins[0].connections, 1)

  await using dispatcher = new HyperDispatcher({ pool })
  const { body } = await request(`${origin.origin}/`, { dispatcher })
  assert.deepEqual(JSON.parse(JSON.stringify(dispatcher)), { closed: false, destroyed: false, stats: {} })
  await body.dump()

  await using connection = new HTTPConnection(origin.origin)
  const response = await connection.roundTrip('GET', '/')
  assert.equal(JSON.parse(JSON.stringify(response)).status, 200)
  assert.equal(JSON.parse(JSON.stringify(connection)).version, 'HTTP/1.1')
  await response.read()
})

for (const allowH2 of [true, false]) {
  test(`what comes over ${allowH2 ? 'HTTP/2' : 'HTTP/1.1'} leads to no key or password of the pool that it came by, however deep it is logged`, async () => {
    await using origin = await (allowH2 ? startH2Origin() : startH1Origin())
    const { clientCert: cert, clientKey: key } = await testCertificate()
    await using pool = new Pool({ tls: { ca: origin.ca, cert, key } })
    const url = `${origin.origin}/json`
    const failing = got.extend(hyperGot({ proxy: 'http://user:s3cret@127.0.0.1:1' }), { retry: { limit: 0 } })
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const exchange = pool.dispatch(
      { origin: origin.origin, method: 'GET', path: '/json' },
      { onHeaders: () => resolve(undefined), onData: () => {}, onEnd: () => {}, onError: reject },
    )
    await promise
    const seen = [
      exchange,
      exchange.connection,
      await createFetch({ pool })(url),
      await axios.get(url, { adapter: createHyperAdapter({ pool }), proxy: false }),
      (await axios.get(url, { adapter: createHyperAdapter({ pool }), proxy: false, responseType: 'stream' })).data,
      await got.extend(hyperGot({ pool }))(url),
      await failing(url).catch((error: unknown) => error),
    ]
    for (const one of seen) assert.doesNotMatch(inspect(one, { depth: 12, showHidden: true }), /PRIVATE KEY|s3cret/)
    assert.equal(JSON.parse(JSON.stringify(exchange)).connection.tls.authorized, true)
  })
}

test("undici's SnapshotAgent, which copies its `agent` by JSON, can be given a dispatcher of ours that was used", async () => {
  await using dispatcher = new HyperDispatcher()
  await assert.rejects(request('http://127.0.0.1:1/', { dispatcher }), { code: 'ECONNREFUSED' })
  const agent = new SnapshotAgent({ mode: 'update', snapshotPath: 'none.json', agent: dispatcher })
  assert.equal(typeof agent.dispatch, 'function')
})
