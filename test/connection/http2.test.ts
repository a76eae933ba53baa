/** One HTTP/2 connection over real sockets: signs of life, deadlines, ages, slots, times. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, Setting } from '../../src/frame/index.ts'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { OWN_RESETS_BURST } from '../../src/limits.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH2Origin } from '../support/origin.ts'

function pooled(options: PoolOptions = {}): Pool {
  return new Pool({ h2c: 'prior-knowledge', ...options })
}

/** Resolves when the pool has lost its first connection, with the reason. */
function disconnection(): { events: NonNullable<PoolOptions['events']>; gone: Promise<Error | undefined> } {
  let tell: (error: Error | undefined) => void = () => {}
  const gone = new Promise<Error | undefined>((resolve) => {
    tell = resolve
  })
  return { events: { disconnect: (_origin, error) => tell(error) }, gone }
}

describe('a peer that is dead', () => {
  test('a dead peer is found after a stream timeout, and its other streams move to a new connection', async () => {
    await using server = await FrameServer.start({
      onConnection(connection) {
        connection.pong = connection.index > 0
      },
      onRequest(connection, streamId) {
        if (connection.index > 0) connection.respond(streamId, 'alive')
      },
    })
    await using pool = pooled({ pingTimeout: 50 })
    const hasty = send(pool, { origin: server.origin, path: '/hasty', headersTimeout: 1100 })
    const patient = send(pool, { origin: server.origin, path: '/patient' })
    assert.equal((await rejection(hasty)).code, 'ERR_HYPER_HEADERS_TIMEOUT')
    assert.equal((await patient).body.toString(), 'alive')
    assert.equal(server.connections[0].count('PING'), 1)
  })

  test('a slow stream on a connection that lives ends alone', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, streamId, fields) {
        if (fields.includes('/patient')) setTimeout(() => connection.respond(streamId, 'same'), 1300)
      },
    })
    await using pool = pooled({ pingTimeout: 100 })
    const patient = send(pool, { origin: server.origin, path: '/patient' })
    const hasty = send(pool, { origin: server.origin, path: '/hasty', headersTimeout: 1100 })
    assert.equal((await rejection(hasty)).code, 'ERR_HYPER_HEADERS_TIMEOUT')
    assert.equal((await patient).body.toString(), 'same')
    assert.equal(server.connections.length, 1)
  })

  test('a dead peer is found before a connection that was silent for long is used again, and no request is lost, POST included', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => connection.respond(streamId, `${connection.index}`),
    })
    await using pool = pooled({ verifyAfter: 1, pingTimeout: 500 })
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), '0')
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(
      (await send(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })).body.toString(),
      '0',
    )
    // More than one where the answer lay unread for long.
    assert.ok(server.connections[0].count('PING') >= 1)
    server.connections[0].pong = false
    await new Promise((resolve) => setTimeout(resolve, 10))
    const posts = [1, 2, 3].map(() => send(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' }))
    for (const post of posts) assert.equal((await post).body.toString(), '1')
    assert.equal(server.connections[0].streams.length, 2)
  })

  test('a dead peer is found by keep-alive PINGs, when the option asks for them', async () => {
    await using server = await FrameServer.start({ pong: false })
    const { events, gone } = disconnection()
    await using pool = pooled({ pingInterval: 20, pingTimeout: 50, events })
    const request = send(pool, { origin: server.origin, path: '/', method: 'POST' })
    assert.match(String((await gone)?.message), /did not answer a PING/)
    assert.equal((await rejection(request)).code, 'ERR_HYPER_CONNECTION_LOST')
  })

  test('keep-alive PINGs that are answered keep the connection open', async () => {
    await using server = await FrameServer.start()
    await using pool = pooled({ pingInterval: 10, pingTimeout: 1000 })
    const request = send(pool, { origin: server.origin, path: '/' })
    await server.until(() => (server.connections[0]?.count('PING') ?? 0) >= 3)
    server.connections[0].respond(1, 'still here')
    assert.equal((await request).body.toString(), 'still here')
  })

  test('a peer that accepts the connection and never sends SETTINGS is an error of making the connection', async () => {
    await using server = await FrameServer.start({ greet: false })
    // Long enough for TCP, whatever else the machine does.
    await using pool = pooled({ connectTimeout: 1000 })
    const error = await rejection(send(pool, { origin: server.origin, path: '/', headersTimeout: 0 }))
    assert.equal(error.code, 'ERR_HYPER_CONNECT')
    assert.equal('phase' in error && error.phase, 'preface')
  })
})

describe('deadlines', () => {
  test('waiting for a connection with room', async () => {
    await using server = await FrameServer.start({ settings: [[Setting.MAX_CONCURRENT_STREAMS, 1]] })
    await using pool = pooled({ queueTimeout: 40 })
    // A slow machine may take longer to connect.
    const first = send(pool, { origin: server.origin, path: '/', queueTimeout: 0 })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 1)
    const error = await rejection(send(pool, { origin: server.origin, path: '/' }))
    assert.equal(error.code, 'ERR_HYPER_QUEUE_TIMEOUT')
    assert.match(error.message, /within 40 ms/)
    server.connections[0].respond(1, 'first')
    assert.equal((await first).body.toString(), 'first')
  })

  test('a request may wait for longer or shorter than the pool says', async () => {
    await using server = await FrameServer.start({ settings: [[Setting.MAX_CONCURRENT_STREAMS, 0]] })
    await using pool = pooled({ queueTimeout: 30 })
    const patient = send(pool, { origin: server.origin, path: '/', queueTimeout: 0 })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 1)
    const waiting = send(pool, { origin: server.origin, path: '/', queueTimeout: 0 })
    assert.equal((await rejection(send(pool, { origin: server.origin, path: '/' }))).code, 'ERR_HYPER_QUEUE_TIMEOUT')
    const short = send(pool, { origin: server.origin, path: '/', queueTimeout: 5 })
    assert.match((await rejection(short)).message, /within 5 ms/)
    server.connections[0].respond(1, 'one')
    server.connections[0].settings([[Setting.MAX_CONCURRENT_STREAMS, 5]])
    await server.until(() => server.connections[0].streams.length === 2)
    server.connections[0].respond(3, 'two')
    assert.deepEqual([(await patient).body.toString(), (await waiting).body.toString()], ['one', 'two'])
  })

  test('a body of which the peer takes nothing: the window stays closed', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, streamId, fields) {
        if (fields.includes('/small')) connection.respond(streamId, 'small')
      },
    })
    await using pool = pooled()
    const big = send(pool, {
      origin: server.origin,
      path: '/big',
      method: 'POST',
      body: Buffer.alloc(200_000),
      writeTimeout: 40,
    })
    const error = await rejection(big)
    assert.equal(error.code, 'ERR_HYPER_WRITE_TIMEOUT')
    assert.equal((await send(pool, { origin: server.origin, path: '/small' })).body.toString(), 'small')
    await server.until(() => server.connections[0].count('RST_STREAM') === 1)
  })

  test('a socket that takes nothing', async () => {
    await using server = await FrameServer.start({
      settings: [[Setting.INITIAL_WINDOW_SIZE, 0x7fffffff]],
      onRequest(connection) {
        connection.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0x7fff0000 })
        // After the headers it reads no more.
        connection.socket.pause()
      },
    })
    const { events, gone } = disconnection()
    await using pool = pooled({ writeTimeout: 60, headersTimeout: 0, events })
    const request = send(pool, {
      origin: server.origin,
      path: '/',
      method: 'POST',
      body: Buffer.alloc(64 << 20),
      writeTimeout: 0,
    })
    assert.match(String((await gone)?.message), /nothing more of the request could be sent to \S+ for \d+ ms/)
    assert.equal((await rejection(request)).code, 'ERR_HYPER_CONNECTION_LOST')
  })
})

describe('the age of a connection', () => {
  test('after its limit of requests a connection takes no more, and the next request uses another', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => connection.respond(streamId, `${connection.index}`),
    })
    await using pool = pooled({ maxRequests: 2 })
    const seen: string[] = []
    for (let i = 0; i < 5; i++) seen.push((await send(pool, { origin: server.origin, path: '/' })).body.toString())
    assert.deepEqual(seen, ['0', '0', '1', '1', '2'])
    await server.until(() => server.connections[0].count('GOAWAY') === 1)
  })

  test('after its maximum age a connection takes no more requests, and those open on it finish', async () => {
    await using server = await FrameServer.start()
    await using pool = pooled({ maxAge: 30 })
    const first = send(pool, { origin: server.origin, path: '/' })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 1)
    await new Promise((resolve) => setTimeout(resolve, 60))
    const second = send(pool, { origin: server.origin, path: '/' })
    await server.until(() => (server.connections[1]?.streams.length ?? 0) === 1)
    server.connections[0].respond(1, 'old')
    server.connections[1].respond(1, 'new')
    assert.deepEqual([(await first).body.toString(), (await second).body.toString()], ['old', 'new'])
  })
})

describe('slots', () => {
  test('after very many cancelled streams another connection is used, because servers close one with too many', async () => {
    await using server = await FrameServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 2000]],
      onRequest(connection, streamId, fields) {
        if (fields.includes('/after')) connection.respond(streamId, `${connection.index}`)
      },
    })
    await using pool = pooled()
    const after = async (): Promise<string> =>
      (await send(pool, { origin: server.origin, path: '/after' })).body.toString()
    const cancel = async (count: number): Promise<void> => {
      const begun = Array.from({ length: count }, () => begin(pool, { origin: server.origin, path: '/' }))
      const streams = server.connections[0].streams.length + count
      await server.until(() => server.connections[0].streams.length === streams)
      for (const { exchange } of begun) exchange.abort()
    }
    assert.equal(await after(), '0')
    await cancel(OWN_RESETS_BURST)
    assert.equal(await after(), '0')
    // More than came back in the meantime.
    await cancel(OWN_RESETS_BURST)
    assert.equal(await after(), '1')
  })

  test('before SETTINGS arrive a limit of exactly one hundred streams is assumed', async () => {
    await using server = await FrameServer.start({ greet: false })
    await using pool = pooled()
    const requests = Array.from({ length: 150 }, () => send(pool, { origin: server.origin, path: '/' }))
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 100)
    server.connections[0].settings([[Setting.MAX_CONCURRENT_STREAMS, 120]])
    await server.until(() => server.connections[0].streams.length === 120)
    assert.equal(pool.stats().waiting, 30)
    await pool.destroy()
    await Promise.allSettled(requests)
  })

  test('a limit that falls below what is open lets that finish, and starts nothing until there is room', async () => {
    await using server = await FrameServer.start()
    await using pool = pooled()
    const requests = Array.from({ length: 6 }, () => send(pool, { origin: server.origin, path: '/' }))
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 6)
    const [connection] = server.connections
    connection.settings([[Setting.MAX_CONCURRENT_STREAMS, 2]])
    await server.until(() => connection.count('SETTINGS') === 2)
    const late = send(pool, { origin: server.origin, path: '/' })
    for (const id of [1, 3, 5]) connection.respond(id, 'x')
    await Promise.all(requests.slice(0, 3))
    assert.equal(connection.streams.length, 6)
    for (const id of [7, 9]) connection.respond(id, 'x')
    await server.until(() => connection.streams.length === 7)
    connection.respond(11, 'x')
    connection.respond(13, 'x')
    await Promise.all([...requests, late])
  })

  test('near the limit, a cancelled stream frees its slot when the peer has answered a PING sent after it', async () => {
    await using server = await FrameServer.start({ settings: [[Setting.MAX_CONCURRENT_STREAMS, 2]] })
    await using pool = pooled()
    const kept = send(pool, { origin: server.origin, path: '/' })
    const cancelled = begin(pool, { origin: server.origin, path: '/' })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 2)
    const [connection] = server.connections
    connection.pong = false
    const next = send(pool, { origin: server.origin, path: '/' })
    cancelled.exchange.abort()
    await server.until(() => connection.count('PING') === 1)
    assert.equal(connection.streams.length, 2)
    const ping = connection.frames.find((one) => one.type === 'PING')
    assert.ok(ping?.type === 'PING')
    assert.ok(connection.frames.findIndex((one) => one.type === 'RST_STREAM') < connection.frames.indexOf(ping))
    connection.send({ type: 'PING', streamId: 0, ack: true, payload: ping.payload })
    await server.until(() => connection.streams.length === 3)
    connection.respond(1, 'x')
    connection.respond(5, 'x')
    await Promise.all([kept, next])
  })

  test('a cancelled stream is reset with CANCEL', async () => {
    await using server = await FrameServer.start()
    await using pool = pooled()
    const { exchange, handler } = begin(pool, { origin: server.origin, path: '/' })
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 1)
    exchange.abort()
    await rejection(handler.result)
    await server.until(() => server.connections[0].count('RST_STREAM') === 1)
    const reset = server.connections[0].frames.find((one) => one.type === 'RST_STREAM')
    assert.equal(reset?.type === 'RST_STREAM' ? reset.errorCode : undefined, ErrorCode.CANCEL)
  })
})

describe('what can be seen', () => {
  test('the times of an exchange are in order, and say that it waited', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => connection.respond(streamId, 'x'),
    })
    await using pool = pooled()
    const { exchange, handler } = begin(pool, { origin: server.origin, path: '/' })
    assert.equal(exchange.timings.started, undefined)
    await handler.result
    const { created, started, headers, end, attempts } = exchange.timings
    assert.equal(attempts, 1)
    assert.ok(started !== undefined && headers !== undefined && end !== undefined)
    assert.ok(created <= started && started <= headers && headers <= end)
  })

  test('statistics tell protocol, octets, round trip and windows of each connection', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => connection.respond(streamId, 'x'.repeat(1000)),
    })
    await using pool = pooled()
    await send(pool, { origin: server.origin, path: '/' })
    const [origin] = pool.stats().origins
    assert.equal(origin.protocol, 'h2')
    assert.equal(origin.connections, 1)
    assert.ok(origin.bytesRead > 1000 && origin.bytesWritten > 24)
    const [connection] = origin.details
    assert.equal(connection.requests, 1)
    assert.ok(connection.rtt !== undefined && connection.rtt > 0)
    assert.deepEqual(connection.windows, { send: 65_535, receive: 32 * 1024 * 1024 - 1000 })
  })
})

describe('large bodies from node:http2', () => {
  for (const size of [4 << 20, (4 << 20) + 1, 8 << 20, 32 << 20]) {
    test(`large bodies from node:http2 of ${size} octets, with a content-length, arrive whole and end`, async () => {
      const body = Buffer.alloc(size, 'octets ')
      await using origin = await startH2Origin((stream) => {
        stream.respond({ ':status': 200, 'content-length': size })
        stream.end(body)
      })
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const received = await send(pool, { origin: origin.origin, path: '/' })
      assert.ok(received.body.equals(body))
    })
  }
})

test('a handler is asked what it does with bulk data, and not for each small piece', async () => {
  await using server = await FrameServer.start({
    onRequest(connection, id, fields) {
      connection.respond(id, 'x'.repeat(fields.includes('/bulk') ? 16_384 : 10))
    },
  })
  await using pool = pooled()
  let asked = 0
  const get = (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      pool.dispatch(
        { origin: server.origin, method: 'GET', path },
        {
          get dataUse() {
            asked++
            return 'kept' as const
          },
          onHeaders() {},
          onData() {},
          onEnd: () => resolve(),
          onError: reject,
        },
      )
    })
  await get('/small')
  assert.equal(asked, 0)
  await get('/bulk')
  assert.equal(asked, 1)
})
