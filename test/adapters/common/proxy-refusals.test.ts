/** A proxy that does not connect, as each library's users learn of it. */
import assert from 'node:assert/strict'
import { get } from 'node:https'
import { test } from 'node:test'
import { AxiosError, create } from 'axios'
import got, { RequestError } from 'got'
import { errors, interceptors, request } from 'undici'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { createFetch } from '../../../adapters/fetch.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { Pool, ProxyError } from '../../../src/index.ts'
import { startProxy } from '../../support/proxy.ts'

const target = 'https://origin.test/'

for (const kind of ['http', 'h2'] as const) {
  test(`a refusal of a proxy over ${kind} has a code of its own in every library, which nobody takes for a lost connection`, async () => {
    await using proxy = await startProxy({ kind, authorization: 'Basic other' })
    await using pool = new Pool({ proxy: { url: proxy.url, tls: { ca: proxy.ca } } })
    const agent = createHyperAgent({ pool })
    const byAgent = await new Promise<Error>((resolve, reject) => {
      get(target, { agent: agent.https }, () => reject(new Error('a response'))).on('error', resolve)
    })
    assert.deepEqual([Reflect.get(byAgent, 'code'), Reflect.get(byAgent, 'statusCode')], ['ERR_PROXY_TUNNEL', 407])

    const { get: axiosGet } = create({ adapter: createHyperAdapter({ pool }), proxy: false })
    await assert.rejects(axiosGet(target), (error) => {
      assert.ok(error instanceof AxiosError)
      assert.deepEqual([error.code, error.status, error.response], ['ERR_PROXY_TUNNEL', 407, undefined])
      return true
    })

    const asked = proxy.asked.length
    await assert.rejects(got.extend(hyperGot({ pool }))(target), (error) => {
      assert.ok(error instanceof RequestError)
      assert.deepEqual([error.code, Reflect.get(Object(error.cause), 'statusCode')], ['ERR_PROXY_TUNNEL', 407])
      return true
    })
    assert.equal(proxy.asked.length, asked + 1, 'got asked once')

    const dispatcher = new HyperDispatcher({ pool })
    const again = dispatcher.compose(interceptors.retry({ minTimeout: 1 }))
    await assert.rejects(request(target, { dispatcher: again }), (error) => {
      assert.ok(error instanceof errors.ProxyConnectionError)
      assert.equal(error.code, 'UND_ERR_PRX_CONN')
      assert.ok(error.cause instanceof ProxyError)
      assert.equal(error.cause.status, 407)
      return true
    })
    assert.equal(proxy.asked.length, asked + 2, "undici's retry asked once")

    await assert.rejects(createFetch({ pool })(target), ({ cause }) => {
      assert.equal(cause.code, 'UND_ERR_PRX_CONN')
      return true
    })
  })
}

test('a proxy that goes away without an answer is a lost connection to node:http, and no connection to undici', async () => {
  await using proxy = await startProxy({ answer: (socket) => socket.end() })
  await using pool = new Pool({ proxy: proxy.url })
  const { get: axiosGet } = create({ adapter: createHyperAdapter({ pool }), proxy: false })
  await assert.rejects(axiosGet(target), { code: 'ECONNRESET' })
  const dispatcher = new HyperDispatcher({ pool })
  await assert.rejects(request(target, { dispatcher }), errors.ProxyConnectionError)
})
