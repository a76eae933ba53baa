/** Where code that was written for got's own transport looks closely. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import got from 'got'
import { nodeHeaders } from '../../../adapters/common/headers.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'

const protocols = [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const

for (const [name, start] of protocols) {
  test(`${name}: TLS asks for the name in the Host header, unless serverName says another`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
    const names = new Set<unknown>()
    origin.server.on('secureConnection', (socket: TLSSocket) => names.add(socket.servername))
    const url = origin.origin.replace('localhost', '127.0.0.1')
    await client(`${url}/json`, { headers: { host: 'localhost' } })
    await client(`${url}/json`)
    await assert.rejects(client(`${url}/json`, { headers: { host: 'other.example' } }), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    await client(`${url}/json`, { headers: { host: 'other.example' }, https: { serverName: 'localhost' } })
    names.delete('other.example')
    assert.deepEqual([...names], ['localhost', false])
  })

  test(`${name}: timeout.socket does not run while a request waits for its turn`, async () => {
    let release = (): void => {}
    await using origin = await start({
      '/held': (_call, answer) => {
        release = () => {
          answer.head(200)
          answer.end('held')
        }
      },
    })
    await using pool = new Pool({
      tls: { ca: origin.ca },
      connections: 1,
      maxConcurrentStreams: 1,
    })
    const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
    const first = client(`${origin.origin}/held`)
    while (origin.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const second = client(`${origin.origin}/json`, { timeout: { socket: 100 } })
    setTimeout(() => release(), 300)
    assert.equal((await first).body, 'held')
    assert.equal((await second).statusCode, 200)
  })
}

test('of some header fields the first line counts', async () => {
  await using origin = await startH1Origin({
    '/twice': (_call, answer) => {
      answer.head(302, { location: ['/again', '/nowhere'] })
      answer.end()
    },
    '/again': (_call, answer) => {
      answer.head(200, { 'content-type': ['text/plain', 'text/html'], 'retry-after': ['1', '2'], 'x-list': ['1', '2'] })
      answer.end('found')
    },
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const { headers, body } = await got.extend(hyperGot({ pool }))(`${origin.origin}/twice`)
  assert.equal(body, 'found')
  assert.deepEqual([headers['content-type'], headers['retry-after'], headers['x-list']], ['text/plain', '1', '1, 2'])
})

test('headers as node:http gives them: first, list, joined', () => {
  const fields = [
    'age',
    '1',
    'age',
    '2',
    'age',
    '3',
    'set-cookie',
    'a',
    'cookie',
    'b',
    'cookie',
    'c',
    'x',
    '',
    'x',
    'y',
  ]
  assert.deepEqual(nodeHeaders(fields), { age: '1', 'set-cookie': ['a'], cookie: 'b; c', x: ', y' })
})
