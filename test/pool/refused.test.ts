/** Requests that are refused while they wait, and requests that a server wants by HTTP/1.1. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { HostileServer } from '../support/hostile-server.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'

const protocols: [string, () => Promise<TestOrigin>][] = [
  ['HTTP/2', () => startH2Origin({}, { plain: true })],
  ['HTTP/1.1', () => startH1Origin({}, { plain: true })],
]

for (const [name, start] of protocols) {
  test(`thousands of bad requests that wait over ${name} all settle, and the good one beside them`, async () => {
    await using origin = await start()
    await using pool = new Pool({ connections: 1, ...(name === 'HTTP/2' && { h2c: 'prior-knowledge' }) })
    const request = { origin: origin.origin, path: '/json' }
    const bad = Array.from({ length: 5000 }, () => begin(pool, { ...request, headers: ['x', 'bad\n'] }))
    const good = begin(pool, request)
    for (const { handler } of bad) {
      assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_INVALID_ARGUMENT')
      assert.equal(handler.settlements, 1)
    }
    assert.equal((await good.handler.result).status, 200)
    const [{ active, waiting, details }] = pool.stats().origins
    assert.deepEqual([active, waiting, details[0].active], [0, 0, 0])
  })
}

describe('GOAWAY with HTTP_1_1_REQUIRED after the request was taken', () => {
  const start = (): Promise<HostileServer> =>
    HostileServer.start({
      fallBack: true,
      onRequest(connection, id) {
        connection.goaway(id, ErrorCode.HTTP_1_1_REQUIRED)
        connection.socket.end()
      },
    })

  test('a POST is not sent again', async () => {
    await using server = await start()
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const request = { origin: server.origin, method: 'POST', path: '/', body: 'pay' }
    const error = await rejection(send(pool, request))
    assert.equal(error.code, 'ERR_HYPER_GOAWAY')
    await pool.close()
    assert.equal(server.sockets.length, 1)
  })

  test('a GET is, by HTTP/1.1', async () => {
    await using server = await start()
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), 'http/1.1')
    assert.equal(server.sockets.length, 2)
  })
})
