/** Libraries that take an agent and have no shim: node-fetch and superagent. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import nodeFetch from 'node-fetch'
import superagent from 'superagent'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { Pool } from '../../../src/index.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

type Started = TestOrigin<never>

const routes: Routes = {
  '/who': async (call, answer) => {
    let length = 0
    for await (const chunk of call.body) length += (chunk as Buffer).length
    answer.head(200, { 'content-type': 'application/json' })
    answer.end(JSON.stringify({ protocol: call.protocol, length }))
  },
}

const kinds: [string, () => Promise<Started>, string][] = [
  ['an HTTP/2 origin', () => startH2Origin(routes) as Promise<Started>, 'h2'],
  ['an HTTP/1.1 origin', () => startH1Origin(routes) as Promise<Started>, 'http/1.1'],
]

for (const [kind, start, protocol] of kinds) {
  describe(`by our agent, with ${kind}`, () => {
    test('node-fetch', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const response = await nodeFetch(`${origin.origin}/who`, { agent, method: 'POST', body: 'x'.repeat(100_000) })
      assert.deepEqual(await response.json(), { protocol, length: 100_000 })
    })

    test('superagent', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const agent = createHyperAgent({ pool }).https
      const { body } = await superagent.post(`${origin.origin}/who`).agent(agent).send({ a: 1 })
      assert.deepEqual(body, { protocol, length: 7 })
    })
  })
}
