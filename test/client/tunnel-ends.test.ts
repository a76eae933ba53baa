/** The ends of a tunnel: each direction by itself, and nothing of what was written is lost to the other's end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Setting } from '../../src/frame/index.ts'
import { openTunnel, Pool, type Tunnel } from '../../src/index.ts'
import { type FrameConnection, FrameServer } from '../support/frame-server.ts'

/** Opens a tunnel to a server that takes 4 octets and no more for now; `after` is what it does next. */
async function start(after: (connection: FrameConnection, streamId: number) => void) {
  const server = await FrameServer.start({
    settings: [[Setting.INITIAL_WINDOW_SIZE, 4]],
    onRequest(connection, id) {
      connection.headers(id, [':status', '200'])
      after(connection, id)
    },
  })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const tunnel = await openTunnel(pool, { origin: server.origin, path: 'example.com:443' })
  return { server, pool, tunnel, connection: server.connections[0] }
}

/** What came through the tunnel, and whether that was all. */
function received({ frames }: FrameConnection): { text: string; ended: boolean; reset: boolean } {
  let text = ''
  let ended = false
  let reset = false
  for (const frame of frames) {
    if (frame.type === 'RST_STREAM') reset = true
    if (frame.type !== 'DATA') continue
    text += Buffer.from(frame.data).toString()
    ended ||= frame.endStream
  }
  return { text, ended, reset }
}

function finished(tunnel: Tunnel): Promise<string[]> {
  const order: string[] = []
  for (const event of ['finish', 'close']) tunnel.on(event, () => order.push(event))
  return once(tunnel, 'close').then(() => order)
}

for (const apart of [false, true]) {
  test(`the tail is sent although the other end has ended first, and ours ends ${apart ? 'later' : 'with it'}`, async () => {
    const { server, pool, tunnel, connection } = await start((one, id) => one.data(id, 'hi', true))
    await using _ = server
    tunnel.resume()
    await once(tunnel, 'end')
    const order = finished(tunnel)
    if (apart) tunnel.write('0123456789')
    else tunnel.end('0123456789')
    await server.until(() => received(connection).text === '0123')
    // In a turn of its own: what is to be done at its end is done before whoever reads what was written goes on.
    if (apart) setImmediate(() => tunnel.end())
    // It may count as finished by now, or not before the peer has taken it.
    await Promise.race([order, delay(100)])
    connection.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 100 })
    await server.until(() => received(connection).ended)
    assert.deepEqual(await order, ['finish', 'close'])
    assert.deepEqual(received(connection), { text: '0123456789', ended: true, reset: false })
    await pool.close()
  })
}

test('the tail is sent, however long, although the other end has ended first', async () => {
  const { server, pool, tunnel, connection } = await start((one, id) => one.data(id, 'hi', true))
  await using _ = server
  tunnel.resume()
  await once(tunnel, 'end')
  const order = finished(tunnel)
  for (let i = 0; i < 16; i++) tunnel.write(String(i % 10).repeat(65_536))
  tunnel.end()
  await server.until(() => received(connection).text.length === 4)
  assert.equal(tunnel.writableFinished, false)
  const all = 16 * 65_536
  connection.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: all })
  connection.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: all })
  await server.until(() => received(connection).ended)
  assert.deepEqual(await order, ['finish', 'close'])
  const { text, reset } = received(connection)
  assert.deepEqual([text.length, text.slice(-65_536), reset], [all, '5'.repeat(65_536), false])
  await pool.close()
})

test('the tail is sent although the other end ends while it waits', async () => {
  const { server, pool, tunnel, connection } = await start(() => {})
  await using _ = server
  const order = finished(tunnel)
  tunnel.resume().write('0123456789')
  await server.until(() => received(connection).text === '0123')
  setImmediate(() => tunnel.end())
  connection.data(1, 'hi', true)
  await once(tunnel, 'end')
  await Promise.race([order, delay(100)])
  connection.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 100 })
  await server.until(() => received(connection).ended)
  assert.deepEqual(await order, ['finish', 'close'])
  assert.deepEqual(received(connection), { text: '0123456789', ended: true, reset: false })
  await pool.close()
})

test('a buffer may be reused once its octets were taken, although they still wait to be sent', async () => {
  const { server, pool, tunnel, connection } = await start(() => {})
  await using _ = server
  const buffer = Buffer.from('0123456789')
  await new Promise((resolve) => tunnel.write(buffer, resolve))
  buffer.fill('z')
  connection.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 100 })
  tunnel.end()
  await server.until(() => received(connection).ended)
  assert.equal(received(connection).text, '0123456789')
  tunnel.destroy()
  await pool.close()
})

test('what the other end still sends is read after our own end was taken', async () => {
  const { server, pool, tunnel, connection } = await start(() => {})
  await using _ = server
  const order = finished(tunnel)
  tunnel.end('0123')
  await server.until(() => received(connection).ended)
  connection.data(1, 'late ')
  connection.data(1, 'words', true)
  let text = ''
  for await (const chunk of tunnel) text += String(chunk)
  assert.equal(text, 'late words')
  assert.deepEqual(await order, ['finish', 'close'])
  assert.equal(received(connection).reset, false)
  await pool.close()
})

test('destroying it when the other end has finished resets the stream, whatever still waits to be sent', async () => {
  const { server, pool, tunnel, connection } = await start((connection, id) => connection.data(id, 'hi', true))
  tunnel.on('error', () => {})
  tunnel.resume()
  await once(tunnel, 'end')
  for (let i = 0; i < 64; i++) tunnel.write(Buffer.alloc(65_536))
  tunnel.destroy()
  await server.until(() => connection.count('RST_STREAM') === 1)
  await pool.close()
  await server.close()
})
