/** What requests share (a dial, a connection, what is remembered of an origin) must not share its failure. */
import assert from 'node:assert/strict'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrorCode, Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'

test('a request that joins a dial late has its own full time to connect', async () => {
  await using pool = new Pool({ connectTimeout: 300, lookup: () => {} })
  const request = { origin: 'http://origin.test:1', path: '/' }
  const first = begin(pool, request)
  await sleep(150)
  const second = begin(pool, request)
  assert.equal((await rejection(first.handler.result)).code, 'ERR_HYPER_CONNECT_TIMEOUT')
  assert.equal(second.handler.settlements, 0)
  assert.equal((await rejection(second.handler.result)).code, 'ERR_HYPER_CONNECT_TIMEOUT')
})

test('a connection that allows no streams blocks no request: another connection is made', async () => {
  await using server = await FrameServer.start({
    onConnection(connection) {
      if (connection.index === 0) connection.settings([[Setting.MAX_CONCURRENT_STREAMS, 0]])
    },
    onRequest(connection, id) {
      if (connection.index === 0) connection.reset(id, ErrorCode.REFUSED_STREAM)
      else connection.respond(id, 'ok')
    },
  })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const answers = await Promise.all(Array.from({ length: 5 }, () => send(pool, { origin: server.origin, path: '/' })))
  for (const { body } of answers) assert.equal(body.toString(), 'ok')
  assert.ok(server.connections.length > 1)
})

test('streams that never end and fill a connection block no request: another connection is made', async () => {
  await using server = await FrameServer.start({
    settings: [[Setting.MAX_CONCURRENT_STREAMS, 2]],
    onRequest(connection, id, fields) {
      if (fields.includes('/quick')) connection.respond(id, 'ok')
      else connection.headers(id, [':status', '200'])
    },
  })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const endless = [1, 2].map(() => begin(pool, { origin: server.origin, path: '/endless' }))
  await pool.ping(server.origin)
  assert.equal((await send(pool, { origin: server.origin, path: '/quick' })).body.toString(), 'ok')
  assert.equal(server.connections.length, 2)
  for (const { handler } of endless) assert.equal(handler.settlements, 0)
  await pool.destroy()
})

test('an origin that spoke HTTP/1.1 and speaks nothing but HTTP/2 now is reached at once', async () => {
  const { ca, cert, key } = await testCertificate()
  const old = createServer({ cert, key }, (_request, response) => response.end('old'))
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
  const { port } = old.address() as AddressInfo
  await using pool = new Pool({ tls: { ca } })
  const request = { origin: `https://localhost:${port}`, path: '/' }
  assert.equal((await send(pool, request)).connection?.protocol, 'http/1.1')
  old.closeAllConnections()
  await new Promise((resolve) => old.close(resolve))
  const renewed = createSecureServer({ cert, key })
  renewed.on('stream', (stream) => {
    stream.respond()
    stream.end('new')
  })
  await new Promise<void>((resolve) => renewed.listen(port, '127.0.0.1', resolve))
  const answer = await send(pool, request)
  assert.deepEqual([answer.connection?.protocol, answer.body.toString()], ['h2', 'new'])
  await pool.close()
  await new Promise((resolve) => renewed.close(resolve))
})

test('a limit of streams that was remembered of a connection that failed bounds no later burst', async () => {
  await using server = await FrameServer.start({
    onConnection(connection) {
      if (connection.index === 0) connection.settings([[Setting.MAX_CONCURRENT_STREAMS, 1]])
    },
    onRequest(connection, id) {
      if (connection.index === 0) connection.cut()
      else connection.respond(id, 'ok')
    },
  })
  await using pool = new Pool({ h2c: 'prior-knowledge', connections: 2 })
  const request = { origin: server.origin, path: '/' }
  assert.equal((await send(pool, request)).body.toString(), 'ok')
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(pool, request)))
  for (const { status } of answers) assert.equal(status, 200)
})
