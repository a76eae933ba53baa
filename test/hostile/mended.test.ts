/** What once did not hold: found by suites like this one, and kept. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { MAX_INFORMATIONAL } from '../../src/limits.ts'
import { Ledger, leavesNothing, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer } from '../support/hostile-server.ts'

watchProcess()

describe('streams that the peer spoils one after the other', () => {
  test('streams that the peer spoils one after the other are rationed: the connection ends, and what was not spoilt yet is sent again', async () => {
    const spoilt = 150
    await using server = await HostileServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 1000]],
      onRequest(connection, streamId) {
        if (connection.index > 0) connection.respond(streamId, 'good')
        else if (connection.streams.length === spoilt) {
          for (const id of connection.streams) connection.send({ type: 'WINDOW_UPDATE', streamId: id, increment: 0 })
        }
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const ledger = new Ledger()
    const all = await Promise.all(
      Array.from({ length: spoilt }, (_, i) => ledger.send(pool, { origin: server.origin, path: `/${i}` })),
    )
    const kinds = new Set(all.map(({ code }) => code))
    assert.deepEqual([...kinds].sort(), ['ERR_HYPER_STREAM_RESET', 'ok'])
    assert.equal((await ledger.send(pool, { origin: server.origin, path: '/' })).body, 'good')
    await leavesNothing(pool, server, ledger)
  })
})

describe('HTTP_1_1_REQUIRED without TLS, by prior knowledge', () => {
  test('that request goes by HTTP/1.1, the next by HTTP/2', async () => {
    await using server = await HostileServer.start({
      fallBack: true,
      onRequest(connection, streamId, fields) {
        if (fields.includes('/old')) connection.reset(streamId, ErrorCode.HTTP_1_1_REQUIRED)
        else connection.respond(streamId, 'h2')
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const ledger = new Ledger()
    const old = await ledger.send(pool, { origin: server.origin, path: '/old', method: 'POST', body: 'x' })
    assert.deepEqual([old.code, old.body], ['ok', 'http/1.1'])
    assert.equal((await ledger.send(pool, { origin: server.origin, path: '/new' })).body, 'h2')
    await leavesNothing(pool, server, ledger)
    assert.equal(server.connections.length, 1)
  })
})

describe('HTTP/1.1: destroying the pool while the request is written', () => {
  for (const step of ['request sent', 'body sent']) {
    test(`HTTP/1.1: destroying the pool while the request is written in the callback "${step}" ends it with that error, and the process lives`, async () => {
      await using server = await HostileServer.start({ onSocket: (socket) => socket.resume() })
      const pool = new Pool()
      const ledger = new Ledger()
      const entry = ledger.begin(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
      entry.onStep = (heard) => {
        if (heard === step) void pool.destroy(new RangeError('enough'))
      }
      assert.equal((await entry.outcome).code, 'RangeError')
      await leavesNothing(pool, server, ledger)
    })
  }
})

describe('HTTP/1.1: informational responses without end', () => {
  test('HTTP/1.1: informational responses without end end the exchange, and are not all told', async () => {
    await using server = await HostileServer.start({
      onSocket(socket) {
        socket.once('data', () => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(10_000)))
      },
    })
    const pool = new Pool({ headersTimeout: 1000 })
    const ledger = new Ledger()
    const entry = ledger.begin(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
    assert.notEqual((await entry.outcome).code, 'ERR_HYPER_HEADERS_TIMEOUT')
    assert.ok(entry.informational.length <= MAX_INFORMATIONAL, `${entry.informational.length} were told`)
    await leavesNothing(pool, server, ledger)
  })
})
