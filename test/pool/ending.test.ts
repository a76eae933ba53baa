/** close() and destroy() end whatever there is: what backs off, what is being dialled, what nobody wants any more. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode, Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { FrameConnection, FrameServer } from '../support/frame-server.ts'
import { HostileServer } from '../support/hostile-server.ts'

describe('destroy()', () => {
  // Right after the second connection was lost, and when the time of the next attempt has come.
  for (const wait of [0, 300]) {
    test(`ends what is sent again, what is sent alone and what is open, and dials no more (${wait} ms later)`, async () => {
      await using server = await FrameServer.start({
        settings: [[Setting.MAX_CONCURRENT_STREAMS, 2]],
        onRequest(connection) {
          if (connection.index < 2 && connection.streams.length === 2) connection.cut()
        },
      })
      const pool = new Pool({ h2c: 'prior-knowledge' })
      const lost = ['/a', '/b'].map((path) => begin(pool, { origin: server.origin, path }))
      await server.until(() => server.connections.length === 2 && server.open === 0)
      const open = ['/c', '/d'].map((path) => begin(pool, { origin: server.origin, path }))
      await server.until(() => server.connections[2]?.streams.length === 2)
      if (wait > 0) await delay(wait)
      await pool.destroy()
      for (const { handler } of [...lost, ...open]) {
        assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_POOL_DESTROYED')
        assert.equal(handler.settlements, 1)
      }
      assert.deepEqual(pool.stats().origins, [])
      await delay(50)
      assert.equal(server.connections.length, 3)
    })
  }

  test('within the function that makes the body: the exchange ends with it after dispatch() has returned', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'ok') })
    const pool = new Pool({ h2c: 'prior-knowledge' })
    await send(pool, { origin: server.origin, path: '/' })
    let destroyed: Promise<void> | undefined
    const body = (): string => {
      destroyed = pool.destroy()
      return 'x'
    }
    // begin() throws when a callback comes before dispatch() has returned.
    const { handler } = begin(pool, { origin: server.origin, method: 'POST', path: '/', body })
    assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_POOL_DESTROYED')
    await destroyed
    assert.equal(handler.settlements, 1)
    assert.equal(server.connections.length, 1)
  })
})

describe('close()', () => {
  test('close() does not wait for a dial that no request needs any more', async () => {
    let looking = (): void => {}
    const looked = new Promise<void>((resolve) => {
      looking = resolve
    })
    const pool = new Pool({ lookup: () => looking(), connectTimeout: 0, lookupTimeout: 0 })
    const { exchange, handler } = begin(pool, { origin: 'http://silent.test', path: '/' })
    await looked
    exchange.abort()
    assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_ABORTED')
    await pool.close()
    assert.deepEqual(pool.stats().origins, [])
  })

  test('close() resolves after an extended CONNECT was aborted before the SETTINGS came', async () => {
    await using server = await FrameServer.start({ greet: false })
    const pool = new Pool({ h2c: 'prior-knowledge', idleTimeout: 0 })
    const { exchange, handler } = begin(pool, {
      origin: server.origin,
      method: 'CONNECT',
      protocol: 'websocket',
      path: '/',
    })
    await server.until(() => server.connections[0]?.count('SETTINGS') === 1)
    exchange.abort()
    assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_ABORTED')
    const closed = pool.close()
    server.connections[0].settings([[Setting.ENABLE_CONNECT_PROTOCOL, 1]])
    await closed
    assert.deepEqual(server.connections[0].streams, [])
    assert.equal(handler.settlements, 1)
  })

  test('close() resolves after the one request that a connection may carry was refused', async () => {
    await using server = await FrameServer.start()
    const pool = new Pool({ h2c: 'prior-knowledge', idleTimeout: 0, maxRequests: 1 })
    const request = { origin: server.origin, method: 'CONNECT', protocol: 'websocket', path: '/' }
    assert.equal((await rejection(send(pool, request))).code, 'ERR_HYPER_NOT_SUPPORTED')
    await pool.close()
    await server.until(() => server.open === 0)
  })

  test('close() closes the HTTP/1.1 connection, too, that a request makes that falls back after it', async () => {
    // Neither side closes the connection of HTTP/1.1 by itself.
    const keepAlive = (socket: Socket): void => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhttp/1.1'))
    }
    let asked = (_: FrameConnection): void => {}
    const request = new Promise<FrameConnection>((resolve) => {
      asked = resolve
    })
    await using server = await HostileServer.start({
      onSocket(socket, index) {
        if (index === 0) new FrameConnection(socket, 0, { onRequest: asked })
        else keepAlive(socket)
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge', idleTimeout: 0 })
    const result = send(pool, { origin: server.origin, path: '/' })
    const connection = await request
    const closed = pool.close()
    connection.reset(1, ErrorCode.HTTP_1_1_REQUIRED)
    assert.equal((await result).body.toString(), 'http/1.1')
    await closed
    await server.until(() => server.open === 0)
    assert.equal(server.sockets.length, 2)
  })
})
