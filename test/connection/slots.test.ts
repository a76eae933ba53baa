/** Slots: what the peer may still count is kept free, and what it no longer counts is used again. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Setting } from '../../src/frame/index.ts'
import { type Exchange, Pool } from '../../src/index.ts'
import { MAX_STREAMS_BEFORE_SETTINGS } from '../../src/limits.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'

function available(pool: Pool): number {
  return pool.stats().origins[0].details[0].available
}

/** For what happens when frames are read, of which nobody is told. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2)
}

describe('aborted requests', () => {
  test('a hundred at once give all their slots back when one PING is answered', async () => {
    await using server = await FrameServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 100]],
      pong: false,
      onRequest(connection, id, fields) {
        if (fields.includes('/fast')) connection.respond(id, 'x')
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const slow = { origin: server.origin, path: '/slow' }
    await send(pool, { origin: server.origin, path: '/fast' })
    const [connection] = server.connections
    const all = Array.from({ length: 100 }, () => begin(pool, slow))
    await server.until(() => connection.streams.length === 101)
    for (const { exchange } of all) exchange.abort()
    assert.equal(available(pool), 0)
    await server.until(() => connection.count('RST_STREAM') === 100 && connection.count('PING') === 1)
    const [ping] = connection.frames.filter((frame) => frame.type === 'PING')
    connection.send({ type: 'PING', streamId: 0, ack: true, payload: ping.payload })
    await eventually(() => available(pool) === 100)
    assert.equal(connection.count('PING'), 1)
    // And all of them are good.
    const again = Array.from({ length: 100 }, () => begin(pool, slow))
    await server.until(() => connection.streams.length === 201)
    for (const { exchange } of again) exchange.abort()
    assert.equal(server.connections.length, 1)
  })

  test('requests aborted while a PING is under way are covered by a further PING', async () => {
    await using server = await FrameServer.start({ settings: [[Setting.MAX_CONCURRENT_STREAMS, 10]], pong: false })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const all = Array.from({ length: 10 }, () => begin(pool, { origin: server.origin, path: '/' }))
    await server.until(() => server.connections[0]?.streams.length === 10)
    const [connection] = server.connections
    for (const { exchange } of all.slice(0, 6)) exchange.abort()
    await server.until(() => connection.count('PING') === 1)
    for (const { exchange } of all.slice(6)) exchange.abort()
    await server.until(() => connection.count('RST_STREAM') === 10)
    assert.equal(connection.count('PING'), 1)
    connection.pong = true
    for (const frame of connection.frames) {
      if (frame.type === 'PING') connection.send({ ...frame, ack: true })
    }
    await eventually(() => available(pool) === 10)
  })
})

describe('no slot is taken by', () => {
  test('a reset of a stream that is closed already', async () => {
    await using server = await FrameServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 100]],
      onRequest: (connection, id) => connection.respond(id, 'body'),
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const request = { origin: server.origin, path: '/' }
    const all = Array.from({ length: 30 }, () => begin(pool, request))
    for (const { exchange } of all) exchange.pause()
    // Answered after them all.
    await send(pool, request)
    for (const { exchange } of all) exchange.abort()
    await send(pool, request)
    assert.equal(available(pool), 100)
    assert.equal(server.connections[0].count('RST_STREAM'), 0)
  })

  test('a reset of a pushed stream', async () => {
    await using server = await FrameServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 10]],
      onRequest(connection, id, fields) {
        const authority = fields[fields.indexOf(':authority') + 1]
        for (let i = 1; i <= 4; i++) {
          const head = [':method', 'GET', ':scheme', 'http', ':authority', authority, ':path', `/${i}`]
          const block = connection.block(head)
          connection.send({ type: 'PUSH_PROMISE', streamId: id, promisedStreamId: 2 * i, endHeaders: true, block })
        }
        connection.respond(id, 'ok')
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge', enablePush: true })
    const pushed: Exchange[] = []
    const codes: unknown[] = []
    const ignore = (): void => {}
    await new Promise<void>((resolve, onError) => {
      const handler = { onHeaders: ignore, onData: ignore, onEnd: () => resolve(), onError }
      pool.dispatch(
        { origin: server.origin, method: 'GET', path: '/' },
        {
          ...handler,
          onPush({ exchange }) {
            pushed.push(exchange)
            return {
              onHeaders: ignore,
              onData: ignore,
              onEnd: ignore,
              onError: (error) => codes.push('code' in error && error.code),
            }
          },
        },
      )
    })
    for (const exchange of pushed) exchange.abort()
    await server.until(() => server.connections[0].count('RST_STREAM') === 4)
    assert.deepEqual(codes, Array(4).fill('ERR_HYPER_ABORTED'))
    assert.equal(available(pool), 10)
  })
})

test('before SETTINGS no more streams are opened than are allowed there, whatever the last connection allowed', async () => {
  await using server = await FrameServer.start({
    greet: false,
    onConnection(connection) {
      if (connection.index === 0) connection.settings([])
    },
    onRequest(connection, id, fields) {
      if (fields.includes('/held')) return
      if (connection.index === 0 || connection.count('SETTINGS') > 1) connection.respond(id)
    },
  })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const request = { origin: server.origin, path: '/' }
  await send(pool, request)
  // An origin with nothing open would be forgotten, and its limit with it.
  const held = begin(pool, { origin: server.origin, path: '/held' })
  await server.until(() => server.connections[0].streams.length === 2)
  server.connections[0].goaway(3)
  const all = Array.from({ length: MAX_STREAMS_BEFORE_SETTINGS + 200 }, () => send(pool, request))
  await server.until(() => server.connections[1]?.streams.length >= MAX_STREAMS_BEFORE_SETTINGS)
  const [, connection] = server.connections
  connection.settings([[Setting.MAX_CONCURRENT_STREAMS, MAX_STREAMS_BEFORE_SETTINGS]])
  // What was sent before the SETTINGS were read came before their acknowledgement.
  await server.until(() => connection.count('SETTINGS') === 2)
  assert.equal(connection.streams.length, MAX_STREAMS_BEFORE_SETTINGS)
  for (const id of [...connection.streams]) connection.respond(id)
  for (const { status } of await Promise.all(all)) assert.equal(status, 200)
  held.exchange.abort()
})

test('extended CONNECTs that wait for SETTINGS with a limit of 1 run one after the other', async () => {
  let open = 0
  let most = 0
  await using server = await FrameServer.start({
    greet: false,
    onFrame(connection, frame) {
      if (frame.type === 'SETTINGS' && !frame.ack) {
        connection.settings([
          [Setting.ENABLE_CONNECT_PROTOCOL, 1],
          [Setting.MAX_CONCURRENT_STREAMS, 1],
        ])
      }
      if (frame.type === 'DATA' && frame.endStream) {
        open--
        connection.data(frame.streamId, 'bye', true)
      }
    },
    onRequest(connection, id) {
      most = Math.max(most, ++open)
      connection.headers(id, [':status', '200'])
    },
  })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const bodies = [() => ['a'], () => 'b', 'c', ['d'], () => new Blob(['e']).stream()]
  const all = bodies.map((body, i) =>
    send(pool, { origin: server.origin, method: 'CONNECT', protocol: 'websocket', path: `/${i}`, body }),
  )
  for (const { status, body } of await Promise.all(all)) assert.deepEqual([status, body.toString()], [200, 'bye'])
  assert.deepEqual([most, server.connections.length, server.connections[0].streams], [1, 1, [1, 3, 5, 7, 9]])
})

test('a slot is not lost to an extended CONNECT that is aborted while it waits for SETTINGS', async () => {
  await using server = await FrameServer.start({
    greet: false,
    onRequest: (connection, id) => connection.respond(id, 'ok'),
  })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const { exchange, handler } = begin(pool, {
    origin: server.origin,
    method: 'CONNECT',
    protocol: 'websocket',
    path: '/',
  })
  await server.until(() => server.connections[0]?.count('SETTINGS') === 1)
  exchange.abort()
  assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_ABORTED')
  server.connections[0].settings([
    [Setting.ENABLE_CONNECT_PROTOCOL, 1],
    [Setting.MAX_CONCURRENT_STREAMS, 1],
  ])
  assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), 'ok')
  assert.equal(available(pool), 1)
})

describe('an extended CONNECT that waits for room', () => {
  const settings: [number, number][] = [
    [Setting.ENABLE_CONNECT_PROTOCOL, 1],
    [Setting.MAX_CONCURRENT_STREAMS, 0],
  ]
  const tunnel = { method: 'CONNECT', protocol: 'websocket', path: '/' }

  /** One that was given to a connection before its SETTINGS, which then leave no room. */
  async function waiting(
    pool: Pool,
    request: { queueTimeout?: number; body?: () => Readable },
  ): Promise<{ server: FrameServer } & ReturnType<typeof begin>> {
    const server = await FrameServer.start({
      greet: false,
      onRequest: (connection, id) => connection.respond(id, 'ok'),
    })
    const begun = begin(pool, { origin: server.origin, ...tunnel, ...request })
    await server.until(() => server.connections[0]?.count('SETTINGS') === 1)
    return { server, ...begun }
  }

  test('an extended CONNECT that waits for room waits no longer than queueTimeout, and leaves the connection idle', async () => {
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const { server, handler } = await waiting(pool, { queueTimeout: 50 })
    await using _ = server
    server.connections[0].settings(settings)
    assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_QUEUE_TIMEOUT')
    await pool.close()
  })

  test('an extended CONNECT that waits for room goes elsewhere when the server goes', async () => {
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const { server, handler } = await waiting(pool, {})
    await using _ = server
    server.connections[0].settings(settings)
    server.connections[0].goaway(0)
    await server.until(() => server.connections[1]?.count('SETTINGS') === 1)
    server.connections[1].settings([[Setting.ENABLE_CONNECT_PROTOCOL, 1]])
    assert.equal((await handler.result).body.toString(), 'ok')
  })

  test('an extended CONNECT that waits for room that is aborted counts for nothing, and what was made for it is destroyed', async () => {
    await using pool = new Pool({ h2c: 'prior-knowledge', maxRequests: 1 })
    const made: Readable[] = []
    const body = (): Readable => {
      made.push(new Readable({ read() {} }))
      return made[0]
    }
    const { server, exchange, handler } = await waiting(pool, { body })
    await using _ = server
    exchange.abort()
    assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_ABORTED')
    await new Promise((resolve) => (made[0].closed ? resolve(null) : made[0].once('close', resolve)))
    server.connections[0].settings([])
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), 'ok')
    assert.equal(server.connections.length, 1)
  })
})
