/** Limits and windows that a peer moves under what is on its way (RFC 9113 sections 6.5 and 6.9). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Setting } from '../../src/frame/index.ts'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { Ledger, leavesNothing, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer, type HostileServerOptions } from '../support/hostile-server.ts'

watchProcess()

async function scene(
  options: HostileServerOptions,
  run: (server: HostileServer, pool: Pool, ledger: Ledger) => Promise<void>,
  pooled: PoolOptions = {},
): Promise<void> {
  await using server = await HostileServer.start(options)
  const pool = new Pool({ h2c: 'prior-knowledge', ...pooled })
  const ledger = new Ledger()
  await run(server, pool, ledger)
  await leavesNothing(pool, server, ledger)
}

/** Octets of body that came on a stream, or on all. */
function octets(server: HostileServer, streamId?: number): number {
  let sum = 0
  for (const { frames } of server.connections) {
    for (const frame of frames) {
      if (frame.type === 'DATA' && (streamId === undefined || frame.streamId === streamId)) sum += frame.data.length
    }
  }
  return sum
}

function ended(server: HostileServer, streamId: number): boolean {
  return server.connections.some(({ frames }) =>
    frames.some((frame) => frame.type === 'DATA' && frame.streamId === streamId && frame.endStream),
  )
}

describe('SETTINGS in mid-flight', () => {
  test('a limit of streams that goes up and down is never exceeded, and no request is lost', async () => {
    let limit = 4
    let most = 0
    const open = new Set<number>()
    await scene(
      {
        settings: [[Setting.MAX_CONCURRENT_STREAMS, limit]],
        onRequest(connection, streamId) {
          open.add(streamId)
          // What was on its way before SETTINGS came is not against them: only the later ones count.
          if (connection.streams.length > 100) most = Math.max(most, open.size)
          setImmediate(() => {
            open.delete(streamId)
            connection.respond(streamId, 'ok')
            limit = (limit % 4) + 1
            if (connection.streams.length % 7 === 0) {
              connection.settings([[Setting.MAX_CONCURRENT_STREAMS, limit]])
            }
          })
        },
      },
      async (server, pool, ledger) => {
        const all = Array.from({ length: 200 }, (_, i) =>
          ledger.send(pool, { origin: server.origin, path: `/${i}`, method: 'POST', body: 'x' }),
        )
        for (const { code } of await Promise.all(all)) assert.equal(code, 'ok')
        assert.ok(most <= 4, `${most} at once`)
        assert.equal(server.connections.length, 1)
      },
    )
  })

  test('a limit of 0 that is never lifted ends who waits by the deadline for waiting, and lifted lets the next go', async () => {
    await scene(
      {
        settings: [[Setting.MAX_CONCURRENT_STREAMS, 0]],
        onRequest: (connection, streamId) => connection.respond(streamId, `${streamId}`),
      },
      async (server, pool, ledger) => {
        // Before SETTINGS a hundred are assumed: the first is answered.
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
        await server.until(() => server.connections[0].count('SETTINGS') >= 2)
        const waiting = await ledger.send(pool, { origin: server.origin, path: '/', queueTimeout: 40 })
        assert.equal(waiting.code, 'ERR_HYPER_QUEUE_TIMEOUT')
        const patient = ledger.send(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
        server.connections[0].settings([[Setting.MAX_CONCURRENT_STREAMS, 1]])
        assert.equal((await patient).code, 'ok')
      },
    )
  })

  test('a window that falls below zero stops uploads until it is above zero again; not an octet too many is sent', async () => {
    await scene(
      {
        settings: [[Setting.INITIAL_WINDOW_SIZE, 1000]],
        onFrame(connection, frame) {
          if (frame.type === 'DATA' && frame.endStream) connection.respond(frame.streamId, 'ok')
        },
      },
      async (server, pool, ledger) => {
        // The settings are known before the uploads begin.
        const first = ledger.begin(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
        assert.equal((await first.outcome).code, 'ok')
        const uploads = [1, 2, 3].map(() =>
          ledger.send(pool, { origin: server.origin, path: '/', method: 'POST', body: Buffer.alloc(3000) }),
        )
        const [connection] = server.connections
        await server.until(() => [3, 5, 7].every((id) => octets(server, id) === 1000))
        connection.settings([[Setting.INITIAL_WINDOW_SIZE, 0]])
        for (const id of [3, 5, 7]) connection.send({ type: 'WINDOW_UPDATE', streamId: id, increment: 500 })
        const acknowledged = (count: number) => (): boolean =>
          connection.frames.filter((frame) => frame.type === 'SETTINGS' && frame.ack).length >= count
        await server.until(acknowledged(2))
        connection.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
        await server.until(() => connection.count('PING') > 0)
        assert.deepEqual(
          [3, 5, 7].map((id) => octets(server, id)),
          [1000, 1000, 1000],
        )
        // -500 each: 501 more opens it by one octet.
        for (const id of [3, 5, 7]) connection.send({ type: 'WINDOW_UPDATE', streamId: id, increment: 501 })
        await server.until(() => [3, 5, 7].every((id) => octets(server, id) === 1001))
        connection.settings([[Setting.INITIAL_WINDOW_SIZE, 0x7fffffff - 10_000]])
        for (const outcome of await Promise.all(uploads)) assert.equal(outcome.code, 'ok')
        assert.deepEqual(
          [3, 5, 7].map((id) => octets(server, id)),
          [3000, 3000, 3000],
        )
      },
    )
  })

  test('header tables that shrink and grow between requests stay in step', async () => {
    let requests = 0
    await scene(
      {
        onRequest(connection, streamId, fields) {
          const size = [0, 4096, 100, 0xffffffff, 33, 0][requests++ % 6]
          connection.settings([
            [Setting.HEADER_TABLE_SIZE, 0],
            [Setting.HEADER_TABLE_SIZE, size],
          ])
          const at = fields.indexOf('x-mine')
          connection.respond(streamId, fields[at + 1])
        },
      },
      async (server, pool, ledger) => {
        for (let i = 0; i < 40; i++) {
          const value = `value ${i % 5}`
          const outcome = await ledger.send(pool, {
            origin: server.origin,
            path: `/${i % 3}`,
            headers: { 'x-mine': value, 'x-other': 'o'.repeat(i * 10) },
          })
          assert.deepEqual([outcome.code, outcome.body], ['ok', value], outcome.error?.message)
        }
        assert.equal(server.connections.length, 1)
      },
    )
  })

  test('a frame size that moves between its limits is never exceeded', async () => {
    let limit = 0xffffff
    const exceeded: number[] = []
    await scene(
      {
        settings: [
          [Setting.MAX_FRAME_SIZE, limit],
          [Setting.INITIAL_WINDOW_SIZE, 1 << 24],
        ],
        onFrame(connection, frame) {
          // Acknowledged: from here on it counts.
          if (frame.type === 'SETTINGS' && frame.ack && connection.streams.length > 0) limit = 16_384
          if (frame.type === 'DATA' && frame.data.length > limit) exceeded.push(frame.data.length)
          if (frame.type === 'DATA')
            connection.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: Math.max(1, frame.data.length) })
          if (frame.type === 'DATA' && frame.endStream) connection.respond(frame.streamId, 'ok')
        },
        onRequest: (connection) => connection.settings([[Setting.MAX_FRAME_SIZE, 16_384]]),
      },
      async (server, pool, ledger) => {
        const request = { origin: server.origin, path: '/', method: 'POST', body: Buffer.alloc(300_000) }
        for (let i = 0; i < 3; i++) assert.equal((await ledger.send(pool, request)).code, 'ok')
        assert.deepEqual(exceeded, [])
      },
    )
  })

  test('SETTINGS as often as is allowed are all acknowledged', async () => {
    await scene(
      { onRequest: (connection, streamId) => connection.respond(streamId, 'ok') },
      async (server, pool, ledger) => {
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
        const [connection] = server.connections
        for (let i = 0; i < 90; i++) connection.settings([[Setting.MAX_CONCURRENT_STREAMS, i + 1]])
        await server.until(
          () => connection.frames.filter((frame) => frame.type === 'SETTINGS' && frame.ack).length === 91,
        )
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
        assert.equal(server.connections.length, 1)
      },
    )
  })
})

describe('windows that give nothing, or next to nothing', () => {
  test('of no octet, for ever: the request ends by the deadline for writing, its siblings go on', async () => {
    await scene(
      {
        settings: [[Setting.INITIAL_WINDOW_SIZE, 0]],
        onRequest(connection, streamId, _fields, isComplete) {
          if (isComplete) connection.respond(streamId, 'ok')
        },
      },
      async (server, pool, ledger) => {
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
        const uploads = ['x', Buffer.alloc(1 << 20), ['a', 'b', 'c']].map((body) =>
          ledger.send(pool, { origin: server.origin, path: '/', method: 'POST', body, writeTimeout: 40 }),
        )
        for (const { code } of await Promise.all(uploads)) assert.equal(code, 'ERR_HYPER_WRITE_TIMEOUT')
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
        assert.equal(server.connections.length, 1)
        assert.equal(octets(server), 0)
      },
    )
  })

  test('of no octet on the connection: an upload that empties it ends by the deadline, requests without a body go on', async () => {
    await scene(
      {
        settings: [[Setting.INITIAL_WINDOW_SIZE, 0x7fffffff]],
        onRequest(connection, streamId, _fields, isComplete) {
          if (isComplete) connection.respond(streamId, 'ok')
        },
      },
      async (server, pool, ledger) => {
        const request = { origin: server.origin, path: '/', method: 'POST', writeTimeout: 40 }
        assert.equal(
          (await ledger.send(pool, { ...request, body: Buffer.alloc(100_000) })).code,
          'ERR_HYPER_WRITE_TIMEOUT',
        )
        await server.until(() => octets(server) === 65_535)
        assert.equal((await ledger.send(pool, { ...request, body: 'x' })).code, 'ERR_HYPER_WRITE_TIMEOUT')
        assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).code, 'ok')
      },
    )
  })

  test('of one octet at a time: the upload arrives whole, an octet a frame', async () => {
    const text = 'drop by drop, without haste'
    let received = ''
    await scene(
      {
        settings: [[Setting.INITIAL_WINDOW_SIZE, 1]],
        onFrame(connection, frame) {
          if (frame.type !== 'DATA') return
          received += Buffer.from(frame.data).toString()
          if (frame.endStream) connection.respond(frame.streamId, received)
          else connection.send({ type: 'WINDOW_UPDATE', streamId: frame.streamId, increment: 1 })
        },
      },
      async (server, pool, ledger) => {
        const outcome = await ledger.send(pool, { origin: server.origin, path: '/', method: 'POST', body: text })
        assert.deepEqual([outcome.code, outcome.body], ['ok', text])
      },
    )
  })

  test('of one octet now and then: the deadline of the whole exchange ends it', async () => {
    await scene(
      {
        settings: [[Setting.INITIAL_WINDOW_SIZE, 0]],
        onRequest(connection, streamId) {
          const timer = setInterval(() => {
            if (connection.socket.destroyed) clearInterval(timer)
            else connection.send({ type: 'WINDOW_UPDATE', streamId, increment: 1 })
          }, 5)
          connection.socket.once('close', () => clearInterval(timer))
        },
      },
      async (server, pool, ledger) => {
        const request = { origin: server.origin, path: '/', method: 'POST', body: Buffer.alloc(10_000) }
        const outcome = await ledger.send(pool, { ...request, timeout: 80 })
        assert.equal(outcome.code, 'ERR_HYPER_REQUEST_TIMEOUT')
      },
    )
  })

  test('a window that closes under an upload and then ends with an early answer: the answer counts', async () => {
    await scene(
      {
        onFrame(connection, frame) {
          if (frame.type !== 'DATA') return
          connection.settings([[Setting.INITIAL_WINDOW_SIZE, 0]])
          connection.respond(frame.streamId, 'enough', 413)
        },
      },
      async (server, pool, ledger) => {
        const outcome = await ledger.send(pool, {
          origin: server.origin,
          path: '/',
          method: 'POST',
          body: (async function* () {
            for (let i = 0; i < 100; i++) yield Buffer.alloc(10_000)
          })(),
        })
        assert.deepEqual([outcome.code, outcome.status, outcome.body], ['ok', 413, 'enough'])
        assert.equal(ended(server, 1), false)
      },
    )
  })
})
