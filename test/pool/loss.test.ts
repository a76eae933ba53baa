/** What is lost and what is not: GOAWAY, REFUSED_STREAM, cut connections, HTTP_1_1_REQUIRED. Over real sockets. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { MAX_LOST_REPLAYS, MAX_REPLAYS } from '../../src/limits.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { type FrameConnection, FrameServer } from '../support/frame-server.ts'
import { startDualOrigin } from '../support/origin.ts'

const BURST = 40

function pooled(options: ConstructorParameters<typeof Pool>[0] = {}): Pool {
  return new Pool({ h2c: 'prior-knowledge', ...options })
}

/** Sends a burst of requests and counts the answers; POST with bodies, so that only what is safe is sent again. */
function burst(pool: Pool, origin: string, method = 'POST'): Promise<PromiseSettledResult<{ body: Buffer }>[]> {
  return Promise.allSettled(
    Array.from({ length: BURST }, (_, i) =>
      send(pool, { origin, path: `/${i}`, method, ...(method === 'POST' ? { body: `body ${i}` } : {}) }),
    ),
  )
}

function failures(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
}

describe('GOAWAY in a burst of POST requests', () => {
  for (const taken of [0, 1, 2, 7, 20, 39, 40]) {
    test(`GOAWAY in a burst of POST requests after ${taken} streams taken: not one of 40 is lost`, async () => {
      await using server = await FrameServer.start({
        onRequest(connection, streamId) {
          if (connection.index > 0) {
            connection.respond(streamId, 'second')
            return
          }
          // The first connection answers what it takes, and goes.
          if (connection.streams.length === BURST) {
            const last = taken === 0 ? 0 : connection.streams[taken - 1]
            connection.goaway(last)
            for (const id of connection.streams.slice(0, taken)) connection.respond(id, 'first')
          }
        },
      })
      await using pool = pooled()
      const outcomes = await burst(pool, server.origin)
      assert.deepEqual(failures(outcomes), [])
      const bodies = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.body.toString()] : []))
      assert.equal(bodies.filter((one) => one === 'first').length, taken)
      assert.equal(bodies.filter((one) => one === 'second').length, BURST - taken)
    })
  }

  test('in two steps, as servers shut down: the first, which takes all, loses nothing either', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, streamId) {
        if (connection.index > 0) return connection.respond(streamId, 'second')
        if (connection.streams.length === 10) connection.goaway(0x7fffffff)
        if (connection.streams.length === BURST) {
          connection.goaway(connection.streams[19])
          for (const id of connection.streams.slice(0, 20)) connection.respond(id, 'first')
        }
      },
    })
    await using pool = pooled()
    assert.deepEqual(failures(await burst(pool, server.origin)), [])
  })

  test('a server that goes again and again, each time after one stream, is followed for as long as it answers', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, streamId) {
        if (connection.streams.length > 1) return
        connection.goaway(streamId)
        connection.respond(streamId, 'ok')
      },
    })
    await using pool = pooled()
    assert.deepEqual(failures(await burst(pool, server.origin)), [])
    assert.equal(server.connections.length, BURST)
  })

  test('a streamed body of which too much was read is not sent again, its error gives that reason, and other requests go on', async () => {
    await using server = await FrameServer.start({
      settings: [[4, 1 << 20]],
      onFrame(connection, frame) {
        if (connection.index === 0 && frame.type === 'DATA' && connection.count('DATA') === 4) connection.goaway(0)
      },
      onRequest(connection, streamId) {
        if (connection.index > 0) connection.respond(streamId, 'second')
      },
    })
    await using pool = pooled()
    const big = send(pool, {
      origin: server.origin,
      path: '/big',
      method: 'POST',
      body: (function* () {
        for (let i = 0; i < 32; i++) yield Buffer.alloc(16_384)
      })(),
    })
    const small = send(pool, { origin: server.origin, path: '/small', method: 'POST', body: 'small' })
    assert.equal((await rejection(big)).code, 'ERR_HYPER_GOAWAY')
    assert.equal((await small).body.toString(), 'second')
  })
})

describe('REFUSED_STREAM', () => {
  test('REFUSED_STREAM is sent again, POST included, until the server takes it', async () => {
    let refused = 0
    await using server = await FrameServer.start({
      onRequest(connection, streamId) {
        if (refused++ < MAX_REPLAYS) connection.reset(streamId, ErrorCode.REFUSED_STREAM)
        else connection.respond(streamId, 'at last')
      },
    })
    await using pool = pooled()
    const { exchange, handler } = begin(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
    assert.equal((await handler.result).body.toString(), 'at last')
    assert.equal(exchange.timings.attempts, 1 + MAX_REPLAYS)
  })

  test('an endless series of REFUSED_STREAM ends: each request is tried a limited number of times', async () => {
    let requests = 0
    await using server = await FrameServer.start({
      onRequest(connection, streamId) {
        requests++
        connection.reset(streamId, ErrorCode.REFUSED_STREAM)
      },
    })
    await using pool = pooled()
    const outcomes = await burst(pool, server.origin, 'GET')
    assert.equal(failures(outcomes).length, BURST)
    assert.equal(requests, BURST * (1 + MAX_REPLAYS))
    assert.equal((failures(outcomes)[0] as { code?: string }).code, 'ERR_HYPER_STREAM_RESET')
  })

  test('REFUSED_STREAM costs nothing of the budget, however many are refused, and each is sent again a few times', async () => {
    let requests = 0
    await using server = await FrameServer.start({
      settings: [[3, 2000]],
      onRequest(connection, streamId) {
        requests++
        connection.reset(streamId, ErrorCode.REFUSED_STREAM)
      },
    })
    await using pool = pooled()
    const count = 400
    await Promise.allSettled(Array.from({ length: count }, () => send(pool, { origin: server.origin, path: '/' })))
    assert.equal(requests, count * (1 + MAX_REPLAYS))
  })

  test('an abort while it backs off ends it at once', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => connection.reset(streamId, ErrorCode.REFUSED_STREAM),
    })
    await using pool = pooled()
    const controller = new AbortController()
    const request = send(pool, { origin: server.origin, path: '/', signal: controller.signal })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) >= 2)
    controller.abort(new Error('enough'))
    assert.equal((await rejection(request)).message, 'enough')
    assert.equal(pool.stats().waiting, 0)
  })

  test('destroying the pool ends what backs off', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => connection.reset(streamId, ErrorCode.REFUSED_STREAM),
    })
    const pool = pooled()
    const request = send(pool, { origin: server.origin, path: '/' })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) >= 2)
    await pool.destroy()
    assert.equal((await rejection(request)).code, 'ERR_HYPER_POOL_DESTROYED')
  })
})

describe('a connection cut before the response', () => {
  const cutFirst = (connection: FrameConnection, streamId: number): void => {
    if (connection.index === 0) connection.cut()
    else connection.respond(streamId, 'second')
  }

  test('idempotent requests are sent again', async () => {
    await using server = await FrameServer.start({ onRequest: cutFirst })
    await using pool = pooled()
    for (const method of ['GET', 'PUT', 'DELETE']) {
      assert.equal((await send(pool, { origin: server.origin, path: '/', method })).body.toString(), 'second')
    }
  })

  test('POST is not, unless the caller says that it may be', async () => {
    await using server = await FrameServer.start({ onRequest: cutFirst })
    await using pool = pooled()
    const request = { origin: server.origin, path: '/', method: 'POST', body: 'x' }
    assert.equal((await rejection(send(pool, request))).code, 'ERR_HYPER_CONNECTION_LOST')
    await using other = await FrameServer.start({ onRequest: cutFirst })
    const again = await send(pool, { ...request, origin: other.origin, idempotent: true })
    assert.equal(again.body.toString(), 'second')
  })

  test('after the headers nothing is sent again: what came may have been used', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, streamId) {
        connection.headers(streamId, [':status', '200'])
        connection.data(streamId, 'half')
        setImmediate(() => connection.cut())
      },
    })
    await using pool = pooled()
    assert.equal((await rejection(send(pool, { origin: server.origin, path: '/' }))).code, 'ERR_HYPER_CONNECTION_LOST')
    assert.equal(server.connections.length, 1)
  })

  test('a server that dies of a request is asked three times, not for ever', async () => {
    await using server = await FrameServer.start({ onRequest: (connection) => connection.cut() })
    await using pool = pooled()
    assert.equal((await rejection(send(pool, { origin: server.origin, path: '/' }))).code, 'ERR_HYPER_CONNECTION_LOST')
    assert.equal(server.connections.length, 1 + MAX_LOST_REPLAYS)
  })

  for (const [how, end] of Object.entries<(connection: FrameConnection) => void>({
    'GOAWAY and a reason': (connection) => connection.goaway(0, ErrorCode.ENHANCE_YOUR_CALM),
    'no word': (connection) => connection.cut(),
  })) {
    test(`one request that makes the server end the connection with ${how} does not take the others down`, async () => {
      let seen = 0
      await using server = await FrameServer.start({
        onRequest(connection, streamId, fields) {
          seen++
          if (fields.includes('/poison')) {
            setImmediate(() => end(connection))
          } else {
            // Late enough to be under way when the connection ends.
            setTimeout(() => connection.respond(streamId, 'fine'), 5)
          }
        },
      })
      await using pool = pooled()
      const get = (path: string): Promise<unknown> => send(pool, { origin: server.origin, path })
      const innocent = Array.from({ length: 20 }, (_, i) => get(`/${i}`))
      const poison = get('/poison')
      const more = Array.from({ length: 20 }, (_, i) => get(`/${i}`))
      assert.ok((await rejection(poison)) instanceof Error)
      assert.deepEqual(failures(await Promise.allSettled([...innocent, ...more])), [])
      assert.ok(server.connections.length <= 2 + MAX_LOST_REPLAYS, `${server.connections.length} connections`)
      assert.ok(seen < 41 * 4)
    })
  }
})

describe('what a server said of its limit', () => {
  test('the stream limit of the last connection counts on the next one until the server sends its own', async () => {
    await using server = await FrameServer.start({
      settings: [[3, 5]],
      onRequest(connection, streamId) {
        if (connection.index === 0 && connection.streams.length > 5) connection.goaway(0, ErrorCode.PROTOCOL_ERROR)
        else if (connection.index > 0) setTimeout(() => connection.respond(streamId, 'fine'), 1)
      },
      onConnection(connection) {
        connection.socket.once('close', () => {})
      },
    })
    await using pool = pooled()
    const outcomes = await burst(pool, server.origin, 'GET')
    assert.deepEqual(failures(outcomes), [])
    assert.equal(server.connections.length, 2)
  })
})

describe('HTTP_1_1_REQUIRED', () => {
  test('HTTP_1_1_REQUIRED on a stream sends that request over HTTP/1.1, and the others stay', async () => {
    await using origin = await startDualOrigin({
      '/ntlm': (call, answer) => {
        if (call.protocol === 'h2') return answer.reset(ErrorCode.HTTP_1_1_REQUIRED)
        answer.head(200)
        answer.end(call.protocol)
      },
      '/plain': (call, answer) => {
        answer.head(200)
        answer.end(call.protocol)
      },
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const [required, plain] = await Promise.all([
      send(pool, { origin: origin.origin, path: '/ntlm', method: 'POST', body: 'x' }),
      send(pool, { origin: origin.origin, path: '/plain' }),
    ])
    assert.equal(required.body.toString(), 'http/1.1')
    assert.equal(plain.body.toString(), 'h2')
    assert.equal((await send(pool, { origin: origin.origin, path: '/plain' })).body.toString(), 'h2')
  })

  test('HTTP_1_1_REQUIRED with GOAWAY makes the pool use HTTP/1.1 for the origin from then on', async () => {
    await using origin = await startDualOrigin({
      '/who': (call, answer) => {
        answer.head(200)
        answer.end(call.protocol)
      },
    })
    let disconnected = (): void => {}
    const gone = new Promise<void>((resolve) => {
      disconnected = resolve
    })
    await using pool = new Pool({ tls: { ca: origin.ca }, events: { disconnect: () => disconnected() } })
    assert.equal((await send(pool, { origin: origin.origin, path: '/who' })).body.toString(), 'h2')
    origin.sessions[0].goaway(ErrorCode.HTTP_1_1_REQUIRED)
    await gone
    assert.equal((await send(pool, { origin: origin.origin, path: '/who' })).body.toString(), 'http/1.1')
    assert.equal((await send(pool, { origin: origin.origin, path: '/who' })).body.toString(), 'http/1.1')
  })
})
