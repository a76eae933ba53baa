/** Objects that hold connections, as they look in logs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { request, SnapshotAgent } from 'undici'
import { HyperRequestHandler } from '../../../adapters/aws.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import { HyperClient, HyperDispatcher, HyperPool } from '../../../adapters/undici.ts'
import { HTTPConnection, Pool } from '../../../src/index.ts'
import { startH1Origin } from '../../support/origin.ts'

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

test("undici's SnapshotAgent, which copies its `agent` by JSON, can be given a dispatcher of ours that was used", async () => {
  await using dispatcher = new HyperDispatcher()
  await assert.rejects(request('http://127.0.0.1:1/', { dispatcher }), { code: 'ECONNREFUSED' })
  const agent = new SnapshotAgent({ mode: 'update', snapshotPath: 'none.json', agent: dispatcher })
  assert.equal(typeof agent.dispatch, 'function')
})
