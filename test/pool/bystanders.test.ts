/** Exchanges that only shared a connection with the one for which it was ended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pool } from '../../src/index.ts'
import { rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'

/** On the first connection the second stream gets a header block that cannot be read; all others are answered. */
async function start(): Promise<FrameServer> {
  return FrameServer.start({
    onRequest(connection, id) {
      if (connection.index > 0) connection.respond(id)
      // Not before all four have come.
      else if (id === 7) connection.octets(Buffer.from('000003010400000003bfffff', 'hex'))
    },
  })
}

test('an idempotent request is sent again when its connection was ended for another stream, once each', async () => {
  await using server = await start()
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const get = { origin: server.origin, path: '/' }
  const first = send(pool, get)
  const guilty = rejection(send(pool, get))
  const third = send(pool, { ...get, method: 'PUT', body: 'x' })
  const pay = rejection(send(pool, { ...get, method: 'POST', body: 'x' }))
  assert.equal((await first).status, 200)
  assert.equal((await third).status, 200)
  for (const failed of [await guilty, await pay]) {
    assert.equal(failed.code, 'ERR_HYPER_PROTOCOL')
    assert.match(failed.message, /broke HTTP\/2/)
  }
  assert.equal(server.connections.length, 2)
  assert.equal(server.connections[1]?.streams.length, 2)
})
