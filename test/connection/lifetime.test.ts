/** What keeps a connection busy, and with it the process; and what does not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { runModule } from '../support/child.ts'
import { send } from '../support/exchange.ts'
import { FrameConnection, FrameServer } from '../support/frame-server.ts'
import { HostileServer } from '../support/hostile-server.ts'

const tunnel = `{ origin: process.env.ORIGIN, method: 'CONNECT', protocol: 'websocket', path: '/' }`

describe('a process', () => {
  test('a process stays alive while an extended CONNECT waits for SETTINGS', async () => {
    await using server = await FrameServer.start({
      greet: false,
      onFrame(connection, frame) {
        // Late enough for a process that has nothing to do to be gone.
        if (frame.type !== 'SETTINGS' || frame.ack) return
        setTimeout(() => connection.settings([[Setting.ENABLE_CONNECT_PROTOCOL, 1]]), 300)
      },
      onRequest: (connection, id) => connection.headers(id, [':status', '200']),
    })
    const script = `
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ h2c: 'prior-knowledge' })
      const exchange = pool.dispatch(${tunnel}, {
        onHeaders(status) {
          console.log(JSON.stringify({ status }))
          exchange.abort()
        },
        onData() {}, onEnd() {}, onError() {},
      })`
    assert.deepEqual(await runModule(script, { ORIGIN: server.origin }), { status: 200 })
  })

  test('a process ends although a connection is left on which an extended CONNECT was refused', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'ok') })
    // Nothing but the end of the process ends the idle connection.
    const script = `
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ h2c: 'prior-knowledge', idleTimeout: 0 })
      const heard = []
      const request = ${tunnel}
      const connect = (next) => pool.dispatch(request, {
        onHeaders() {}, onData() {}, onEnd() {}, onError(error) {
          heard.push(error.code)
          next()
        },
      })
      // Before the SETTINGS have come, and after.
      connect(() => connect(() => console.log(JSON.stringify(heard))))`
    const refused = 'ERR_HYPER_NOT_SUPPORTED'
    assert.deepEqual(await runModule(script, { ORIGIN: server.origin }), [refused, refused])
    assert.equal(server.connections.length, 1)
  })

  test('a process stays alive while a PING is awaited, also when a request on its connection ends meanwhile', async () => {
    await using server = await FrameServer.start({
      pong: false,
      onRequest(connection, id) {
        connection.respond(id)
        // Late enough for a process that has nothing to do to be gone.
        const answer = (): void => {
          for (const frame of connection.frames) {
            if (frame.type === 'PING' && !frame.ack) connection.send({ ...frame, ack: true })
          }
        }
        if (connection.count('PING') > 0) setTimeout(answer, 300)
      },
    })
    const script = `
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ h2c: 'prior-knowledge' })
      const origin = process.env.ORIGIN
      await pool.connect(origin)
      pool.ping(origin).then((rtt) => console.log(JSON.stringify(rtt > 0)))
      setImmediate(() => {
        pool.dispatch({ origin, method: 'GET', path: '/' }, { onHeaders() {}, onData() {}, onEnd() {}, onError() {} })
      })`
    assert.equal(await runModule(script, { ORIGIN: server.origin }), true)
  })
})

describe('an upgrade to h2c whose OPTIONS is never answered', () => {
  const start = (connections: FrameConnection[]): Promise<HostileServer> =>
    HostileServer.start({
      onSocket(socket, index) {
        socket.once('data', () => {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
          const onRequest = (connection: FrameConnection, id: number): void => connection.respond(id, 'ok')
          connections.push(new FrameConnection(socket, index, { onRequest }))
        })
      },
    })

  test('an upgrade to h2c whose OPTIONS is never answered is left alone, and the connection is idle when the requests on it are', async () => {
    const connections: FrameConnection[] = []
    await using server = await start(connections)
    await using pool = new Pool({ h2c: 'upgrade', idleTimeout: 50 })
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), 'ok')
    await server.until(() => server.open === 0)
    const [connection] = connections
    assert.equal(connection.count('RST_STREAM'), 0)
  })

  test('an upgrade to h2c whose OPTIONS is never answered keeps no process alive', async () => {
    const connections: FrameConnection[] = []
    await using server = await start(connections)
    const script = `
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ h2c: 'upgrade', idleTimeout: 0 })
      pool.dispatch({ origin: process.env.ORIGIN, method: 'GET', path: '/' }, {
        onHeaders: (status) => console.log(JSON.stringify({ status })),
        onData() {}, onEnd() {}, onError() {},
      })`
    assert.deepEqual(await runModule(script, { ORIGIN: server.origin }), { status: 200 })
    const [{ socket }] = connections
    if (!socket.destroyed) await once(socket, 'close')
  })
})
