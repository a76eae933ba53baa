/** Connections that come and go under requests: none waits for ever, none is lost that could be saved. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Pool } from '../../src/index.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { HostileServer } from '../support/hostile-server.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

test('a failed dial ends those who wait, although an old connection is still draining', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const stream = begin(pool, { origin: origin.origin, path: '/slow-body' })
  await new Promise<void>((resolve) => {
    stream.handler.onData = () => resolve()
  })
  origin.server.close()
  origin.sessions[0].goaway(0)
  const error = await rejection(send(pool, { origin: origin.origin, path: '/json' }))
  assert.ok(['ERR_HYPER_CONNECT', 'ERR_HYPER_GOAWAY'].includes(String(error.code)), String(error.code))
  const late = await rejection(send(pool, { origin: origin.origin, path: '/json' }))
  assert.equal(late.code, 'ERR_HYPER_CONNECT')
  stream.exchange.abort()
  await rejection(stream.handler.result)
})

test('over HTTP/1.1 a failed dial ends one who waits, although another connection is busy', async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const busy = begin(pool, { origin: origin.origin, path: '/slow-body' })
  await new Promise<void>((resolve) => {
    busy.handler.onData = () => resolve()
  })
  origin.server.close()
  for (let i = 0; i < 3; i++) {
    assert.equal((await rejection(send(pool, { origin: origin.origin, path: '/json' }))).code, 'ERR_HYPER_CONNECT')
  }
  busy.exchange.abort()
  await rejection(busy.handler.result)
})

test('over HTTP/1.1 connections that the server closes after each response lose no request, POST included', async () => {
  await using origin = await startH1Origin({
    '/': (_call, answer) => {
      answer.head(200, { connection: 'close' })
      answer.end('once')
    },
  })
  await using pool = new Pool({ tls: { ca: origin.ca }, connections: 2 })
  const all = Array.from({ length: 30 }, () =>
    send(pool, { origin: origin.origin, path: '/', method: 'POST', body: 'x' }),
  )
  for (const { body } of await Promise.all(all)) assert.equal(body.toString(), 'once')
})

describe('over HTTP/1.1 no request is lost, POST included, when a connection ends with its response because', () => {
  const answers: [string, string, boolean][] = [
    ['the server speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', false],
    ['nothing else ends the body', 'HTTP/1.1 200 OK\r\n\r\nok', true],
    [
      'it would be kept for too short',
      'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok',
      false,
    ],
  ]
  for (const [why, answer, ends] of answers) {
    test(why, async () => {
      await using server = await HostileServer.start({
        onSocket: (socket) => {
          socket.on('data', () => {
            socket.write(answer)
            if (ends) socket.end()
          })
        },
      })
      await using pool = new Pool({ connections: 8 })
      const request = { origin: server.origin, method: 'POST', path: '/' }
      const all = await Promise.all(Array.from({ length: 200 }, () => send(pool, request)))
      for (const { status, body } of all) assert.deepEqual([status, body.toString()], [200, 'ok'])
      // None was given to a connection that had answered.
      assert.equal(server.sockets.length, all.length)
    })
  }

  test('the response was whole before the request', async () => {
    await using server = await HostileServer.start({
      onSocket: (socket) => {
        socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
      },
    })
    await using pool = new Pool({ connections: 8 })
    const body = async function* (): AsyncGenerator<string> {
      yield 'the beginning'
      await new Promise(() => {})
    }
    const request = { origin: server.origin, method: 'POST', path: '/' }
    const all = Array.from({ length: 200 }, () => send(pool, { ...request, body: body() }))
    for (const { status } of await Promise.all(all)) assert.equal(status, 200)
    assert.equal(server.sockets.length, all.length)
  })
})

test('HTTP/1.1 connections that were never used are closed with the pool', async () => {
  await using origin = await startH1Origin()
  const pool = new Pool({ tls: { ca: origin.ca } })
  const exchanges = Array.from({ length: 10 }, () => begin(pool, { origin: origin.origin, path: '/json' }))
  await exchanges[0].handler.result
  for (const { exchange } of exchanges) exchange.abort()
  while (pool.stats().origins.some(({ dialling }) => dialling > 0))
    await new Promise((resolve) => setTimeout(resolve, 5))
  await pool.close()
  while (origin.open > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(pool.stats().connections, 0)
})

test('servers that leave again and again with GOAWAY and NO_ERROR lose no request', async () => {
  const served = new WeakMap<object, number>()
  await using origin = await startH2Origin((stream) => {
    stream.respond({ ':status': 200 })
    stream.end('served')
    // As nginx does after keepalive_requests: the streams so far are served, the others refused.
    const { session } = stream
    if (session === undefined) return
    const count = (served.get(session) ?? 0) + 1
    served.set(session, count)
    if (count === 10) session.goaway(0, stream.id)
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const all = Array.from({ length: 150 }, () =>
    send(pool, { origin: origin.origin, path: '/', method: 'POST', body: 'x' }),
  )
  for (const { body } of await Promise.all(all)) assert.equal(body.toString(), 'served')
})

test('a request that waits keeps the process alive, on an idle connection too', async () => {
  await using origin = await startH2Origin({}, { server: { settings: { maxConcurrentStreams: 0 } } })
  const script = `
    import { Pool } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    const pool = new Pool({ tls: { ca: process.env.CA } })
    const request = { origin: process.env.ORIGIN, method: 'GET', path: '/json', timeout: 300 }
    pool.dispatch(request, {
      onHeaders() {}, onData() {}, onEnd() {}, onError: (error) => console.log(error.code),
    })`
  const env = { ...process.env, CA: origin.ca, ORIGIN: origin.origin }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env })
  assert.match(stdout, /ERR_HYPER_/)
})
