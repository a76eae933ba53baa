/** Peers that fall silent, and connections of which only one direction is left: every wait ends. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { serializeFrame } from '../../src/frame/index.ts'
import { Pool, type PoolOptions } from '../../src/index.ts'
import {
  type Asked,
  Ledger,
  leavesNothing,
  type Outcome,
  watchProcess,
  withResolvers,
} from '../support/hostile-ledger.ts'
import { HostileServer, type HostileServerOptions } from '../support/hostile-server.ts'

watchProcess()

async function ask(
  options: HostileServerOptions,
  request: Omit<Asked, 'origin' | 'path'>,
  pooled: PoolOptions = {},
): Promise<Outcome & { connections: number }> {
  await using server = await HostileServer.start(options)
  const pool = new Pool({ h2c: 'prior-knowledge', tls: { ca: server.ca }, ...pooled })
  const ledger = new Ledger()
  const outcome = await ledger.send(pool, { origin: server.origin, path: '/', ...request })
  await leavesNothing(pool, server, ledger)
  return { ...outcome, connections: server.sockets.length }
}

const SHORT = 40
const half = (octets: Uint8Array): Uint8Array => octets.subarray(0, octets.length >> 1)

describe('silence', () => {
  const mute = (socket: Socket): void => {
    socket.resume()
  }
  const before: Readonly<Record<string, HostileServerOptions>> = {
    'after the connection is accepted': { onSocket: mute },
    'after the TLS handshake, agreed on h2': { onSocket: mute, alpn: ['h2'] },
    'after the TLS handshake, agreed on http/1.1': { onSocket: mute, alpn: ['http/1.1'] },
    'after SETTINGS': {},
    'after half of SETTINGS': {
      onSocket: (socket) => {
        mute(socket)
        socket.write(Buffer.from([0, 0, 6, 4, 0, 0]))
      },
    },
    'after an informational response': { onRequest: (connection, id) => connection.headers(id, [':status', '103']) },
    'after half of HEADERS': {
      onRequest(connection, streamId) {
        const block = connection.block([':status', '200', 'x-long', 'x'.repeat(100)])
        connection.octets(half(serializeFrame({ type: 'HEADERS', streamId, endStream: true, endHeaders: true, block })))
      },
    },
    'after HEADERS without CONTINUATION': {
      onRequest(connection, streamId) {
        const block = connection.block([':status', '200'])
        connection.send({ type: 'HEADERS', streamId, endStream: true, endHeaders: false, block })
      },
    },
  }
  for (const [when, options] of Object.entries(before)) {
    test(`${when}: the deadline for headers`, async () => {
      for (const request of [{}, { method: 'POST', body: 'x' }]) {
        const { code } = await ask(options, { ...request, headersTimeout: SHORT })
        assert.equal(code, 'ERR_HYPER_HEADERS_TIMEOUT')
      }
    })

    test(`${when}: the deadline for all, the caller's signal`, async () => {
      assert.equal((await ask(options, { timeout: SHORT })).code, 'ERR_HYPER_REQUEST_TIMEOUT')
      const { error } = await ask(options, { signal: AbortSignal.timeout(SHORT) })
      assert.equal(error?.name, 'TimeoutError')
    })
  }

  const within: Readonly<Record<string, HostileServerOptions['onRequest']>> = {
    'after HEADERS': (connection, id) => connection.headers(id, [':status', '200']),
    'after the header of a DATA frame': (connection, streamId) => {
      connection.headers(streamId, [':status', '200'])
      const frame = { type: 'DATA', streamId, endStream: true, data: Buffer.from('hello') } as const
      connection.octets(serializeFrame(frame).subarray(0, 9))
    },
    'after half of a DATA frame': (connection, streamId) => {
      connection.headers(streamId, [':status', '200'])
      const frame = { type: 'DATA', streamId, endStream: true, data: Buffer.from('hello') } as const
      connection.octets(serializeFrame(frame).subarray(0, 11))
    },
    'after the whole body, without END_STREAM': (connection, id) => {
      connection.headers(id, [':status', '200', 'content-length', '5'])
      connection.data(id, 'hello')
    },
  }
  for (const [when, onRequest] of Object.entries(within)) {
    test(`${when}: the deadline for the body`, async () => {
      const { code, status } = await ask({ onRequest }, { bodyTimeout: SHORT })
      assert.deepEqual([code, status], ['ERR_HYPER_BODY_TIMEOUT', 200])
    })
  }

  test('PING and other signs of life are no progress of the exchange', async () => {
    const { code } = await ask(
      {
        onRequest(connection) {
          const timer = setInterval(() => {
            connection.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
          }, 5)
          connection.socket.once('close', () => clearInterval(timer))
        },
      },
      { headersTimeout: 80 },
    )
    assert.equal(code, 'ERR_HYPER_HEADERS_TIMEOUT')
  })

  test('an octet of the body now and then is progress, but not for ever: the deadline for all', async () => {
    const { code, body } = await ask(
      {
        onRequest(connection, id) {
          connection.headers(id, [':status', '200'])
          const timer = setInterval(() => connection.data(id, '.'), 5)
          connection.socket.once('close', () => clearInterval(timer))
        },
      },
      { timeout: 100, bodyTimeout: 20_000 },
    )
    assert.equal(code, 'ERR_HYPER_REQUEST_TIMEOUT')
    assert.match(body, /^\.+$/)
  })

  test('a paused exchange whose peer falls silent can still be aborted', async () => {
    const headed = withResolvers<void>()
    await using server = await HostileServer.start({
      onRequest(connection, id) {
        connection.headers(id, [':status', '200'])
        connection.data(id, 'x')
        headed.resolve()
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const ledger = new Ledger()
    const entry = ledger.begin(pool, { origin: server.origin, path: '/' })
    entry.exchange?.pause()
    await headed.promise
    entry.exchange?.abort(new RangeError('enough'))
    assert.equal((await entry.outcome).code, 'RangeError')
    assert.equal((await entry.outcome).body, '')
    await leavesNothing(pool, server, ledger)
  })
})

describe('a peer that has sent its FIN and reads on', () => {
  const fin = (act: HostileServerOptions['onRequest']): HostileServerOptions => ({
    halfOpen: true,
    onRequest(connection, streamId, fields, isComplete) {
      if (connection.index > 0) connection.respond(streamId, 'second')
      else {
        act?.(connection, streamId, fields, isComplete)
        connection.socket.end()
      }
    },
  })

  test('a peer that sends FIN before a response is left by a GET, which is sent on another connection, and ends a POST', async () => {
    const options = fin(() => {})
    const saved = await ask(options, {})
    assert.deepEqual([saved.code, saved.body, saved.connections], ['ok', 'second', 2])
    const lost = await ask(options, { method: 'POST', body: 'x' })
    assert.deepEqual([lost.code, lost.connections], ['ERR_HYPER_CONNECTION_LOST', 1])
  })

  test('a peer that sends FIN within a response ends that response', async () => {
    const { code, body } = await ask(
      fin((connection, id) => {
        connection.headers(id, [':status', '200'])
        connection.data(id, 'half')
      }),
      {},
    )
    assert.deepEqual([code, body], ['ERR_HYPER_CONNECTION_LOST', 'half'])
  })

  test('right after a response: that is complete, and so are the next, on other connections', async () => {
    const saved = await ask(
      fin((connection, id) => connection.respond(id, 'first')),
      { method: 'POST', body: 'x' },
    )
    assert.deepEqual([saved.code, saved.body, saved.connections], ['ok', 'first', 1])
  })

  test('an upload under way ends, and its source is closed', async () => {
    const { promise: closed, resolve: close } = withResolvers<void>()
    async function* upload(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          yield Buffer.alloc(1000)
          await new Promise((resolve) => setImmediate(resolve))
        }
      } finally {
        close()
      }
    }
    const { code } = await ask(
      fin(() => {}),
      { method: 'POST', body: upload() },
    )
    assert.equal(code, 'ERR_HYPER_CONNECTION_LOST')
    await closed
  })

  test('a peer that sends FIN while idle is left by the next request, a POST too, which uses another connection', async () => {
    await using server = await HostileServer.start({
      halfOpen: true,
      onRequest: (connection, streamId) => connection.respond(streamId, `${connection.index}`),
    })
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const ledger = new Ledger()
    for (let i = 0; i < 5; i++) {
      const { code, body } = await ledger.send(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
      assert.deepEqual([code, body], ['ok', `${i}`])
      server.connections[i].socket.end()
      await server.until(() => server.open === 0)
    }
    await leavesNothing(pool, server, ledger)
  })
})
