/** Libraries that mock sockets for the whole process: what they answer comes, and what they let pass is verified. */
import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import nock from 'nock'
import { createHyperAdapter } from '../../adapters/axios.ts'
import { createFetch } from '../../adapters/fetch.ts'
import { Pool } from '../../src/index.ts'
import { socketsAreMocked } from '../../src/net/mocked.ts'
import { testCertificate } from '../support/certificate.ts'
import { startDualOrigin } from '../support/origin.ts'

const { ca } = await testCertificate()
const pools: Pool[] = []
after(() => Promise.all(pools.map((pool) => pool.destroy())))

function pool(tls?: { ca?: string; rejectUnauthorized?: boolean; pinnedPublicKeys?: string[] }): Pool {
  const made = new Pool(tls === undefined ? {} : { tls })
  pools.push(made)
  return made
}

const fetchOf = (given: Pool) => createFetch({ pool: given })

async function causeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (thrown: Error) => thrown,
  )
  return String(error.cause ?? error)
}

describe('nock', () => {
  afterEach(() => nock.cleanAll())
  after(() => nock.restore())

  test('nock answers for origins that do not exist, with TLS and without', async () => {
    assert.ok(socketsAreMocked())
    for (const origin of ['https://api.nowhere.test', 'http://api.nowhere.test:8080']) {
      nock(origin).post('/things', { a: 1 }).reply(201, { made: true }, { 'x-from': 'nock' })
      const response = await fetchOf(pool())(`${origin}/things`, {
        method: 'POST',
        body: JSON.stringify({ a: 1 }),
        headers: { 'content-type': 'application/json' },
      })
      assert.deepEqual([response.status, response.headers.get('x-from')], [201, 'nock'])
      assert.deepEqual(await response.json(), { made: true })
    }
  })

  test('nock answers an axios client on the pool', async () => {
    nock('https://api.nowhere.test').get('/x').reply(200, { mocked: true })
    const client = axios.create({ adapter: createHyperAdapter({ pool: pool() }) })
    assert.deepEqual((await client.get('https://api.nowhere.test/x')).data, { mocked: true })
  })

  test('nock answers where verification is off, and its sockets are no reason to end the process', async () => {
    nock('https://localhost:8443').get('/x').reply(200, 'mocked')
    const response = await fetchOf(pool({ rejectUnauthorized: false }))('https://localhost:8443/x')
    assert.equal(await response.text(), 'mocked')
  })

  test('nock cannot show a pinned key: the request fails', async () => {
    nock('https://localhost:8443').get('/x').reply(200, 'mocked')
    const pinned = pool({ pinnedPublicKeys: [`sha256/${'A'.repeat(43)}=`] })
    assert.match(await causeOf(fetchOf(pinned)('https://localhost:8443/x')), /pin/)
  })
})

describe('msw, which mocks the global fetch and http.request but no other sockets', () => {
  test('msw, which mocks only the global fetch and http.request, lets our requests pass, and they are verified as ever', async () => {
    await using origin = await startDualOrigin({ '/': (_call, answer) => answer.end('real') })
    const server = setupServer(http.get('*', () => HttpResponse.json({ mocked: true })))
    server.listen({ onUnhandledFrame: 'bypass' })
    try {
      assert.ok(socketsAreMocked())
      assert.deepEqual(await (await globalThis.fetch('https://api.nowhere.test/x')).json(), { mocked: true })
      assert.equal(await (await fetchOf(pool({ ca }))(`${origin.origin}/`)).text(), 'real')
      assert.match(await causeOf(fetchOf(pool())(`${origin.origin}/`)), /certificate/)
    } finally {
      server.close()
    }
    assert.equal(socketsAreMocked(), false)
    assert.equal(await (await fetchOf(pool({ ca }))(`${origin.origin}/`)).text(), 'real')
  })
})
