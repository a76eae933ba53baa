/** Timeouts that are longer than a timer of Node's can count. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { test } from 'node:test'
import axios from 'axios'
import got from 'got'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin } from '../../support/origin.ts'

test('a timeout of more than 25 days does not run out at once', async () => {
  await using origin = await startH1Origin(
    { '*': (_call, answer) => void setTimeout(() => answer.end('late'), 100) },
    { plain: true },
  )
  await using pool = new Pool()
  const url = `${origin.origin}/`
  const timeout = 2 ** 31

  const { data } = await axios.get(url, { adapter: createHyperAdapter({ pool }), proxy: false, timeout })
  assert.equal(data, 'late')

  const client = got.extend(hyperGot({ pool }))
  assert.equal(await client(url, { timeout: { socket: timeout, request: timeout } }).text(), 'late')

  const timedOut: string[] = []
  const request = get(url, { agent: createHyperAgent({ pool }).http, timeout })
  request.on('timeout', () => timedOut.push('request'))
  request.on('socket', (socket) => socket.setTimeout(timeout, () => timedOut.push('socket')))
  const [message] = (await once(request, 'response')) as [IncomingMessage]
  assert.equal(await readText(message), 'late')
  assert.deepEqual(timedOut, [])
})
