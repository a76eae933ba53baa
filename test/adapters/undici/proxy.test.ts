/** Proxies by undici's names. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'
import { startProxy } from '../../support/proxy.ts'

test('a proxy is given by `proxy`', async () => {
  await using proxy = await startH1Origin(
    {
      '*': (call, answer) => {
        answer.head(200)
        answer.end(`proxied ${call.path}`)
      },
    },
    { plain: true },
  )
  await using dispatcher = new HyperDispatcher({ proxy: `http://127.0.0.1:${proxy.port}` })
  const { body } = await request('http://nowhere.example/page', { dispatcher })
  assert.match(await body.text(), /^proxied .*\/page$/)
})

test('https: origins are reached by CONNECT, end to end over HTTP/2, with the credentials of the URL', async () => {
  await using origin = await startH2Origin()
  await using proxy = await startProxy({ authorization: `Basic ${btoa('user:secret')}` })
  await using dispatcher = new HyperDispatcher({
    connect: { ca: origin.ca },
    proxy: `http://user:secret@localhost:${proxy.port}`,
  })
  const { statusCode, body } = await request(`${origin.origin}/json`, { dispatcher })
  await body.dump()
  assert.equal(statusCode, 200)
  assert.equal(origin.requests[0]?.protocol, 'h2')
  assert.deepEqual(
    proxy.asked.map(({ method, target }) => [method, target]),
    [['CONNECT', `localhost:${origin.port}`]],
  )
})

test('a proxy that refuses fails the request', async () => {
  await using origin = await startH2Origin()
  await using proxy = await startProxy({ authorization: 'Basic other' })
  await using dispatcher = new HyperDispatcher({ connect: { ca: origin.ca }, proxy: proxy.url })
  await assert.rejects(request(`${origin.origin}/json`, { dispatcher }), /407/)
  assert.equal(origin.connections, 0)
})
