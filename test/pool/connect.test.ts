/** `Pool.connect()` and `Pool.ping()`: a connection without a request for it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Pool } from '../../src/index.ts'
import { rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

const codeOf = (error: unknown): unknown => Reflect.get(Object(error), 'code')

describe('Pool.connect()', () => {
  test('Pool.connect() makes the connection that requests then use', async () => {
    await using origin = await startH2Origin()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const info = await pool.connect(origin.origin)
    assert.equal(info.protocol, 'h2')
    assert.equal(await pool.connect(origin.origin), info)
    await send(pool, { origin: origin.origin, method: 'GET', path: '/json' })
    assert.equal(origin.connections, 1)
  })

  test('Pool.connect() waits for the dial that a request has begun, and shares it', async () => {
    await using origin = await startH2Origin()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const [, info, again] = await Promise.all([
      send(pool, { origin: origin.origin, method: 'GET', path: '/json' }),
      pool.connect(origin.origin),
      pool.connect(origin.origin),
    ])
    assert.equal(info, again)
    assert.equal(origin.connections, 1)
  })

  test('connection options are part of the key', async () => {
    await using origin = await startH2Origin({}, { server: { allowHTTP1: true } })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    assert.equal((await pool.connect(origin.origin)).protocol, 'h2')
    assert.equal((await pool.connect(origin.origin, { allowH2: false })).protocol, 'http/1.1')
    assert.equal((await pool.connect(origin.origin, { allowH1: false })).protocol, 'h2')
    assert.equal((await pool.connect(origin.origin, { allowH1: true, allowH2: true })).protocol, 'h2')
    assert.equal(origin.connections, 3)
  })

  test('Pool.connect() rejects with the reason when no connection can be made', async () => {
    await using pool = new Pool()
    const refused = await rejection(pool.connect('https://localhost:1'))
    assert.equal(codeOf(refused), 'ERR_HYPER_CONNECT')
    assert.equal(codeOf(await rejection(pool.connect('nonsense'))), 'ERR_HYPER_INVALID_ARGUMENT')
    await using late = await startH2Origin()
    const own = new Pool({ tls: { ca: late.ca } })
    await own.close()
    assert.equal(codeOf(await rejection(own.connect(late.origin))), 'ERR_HYPER_POOL_CLOSED')
  })

  test('Pool.connect() rejects when the pool is closed or destroyed meanwhile', async () => {
    await using origin = await startH2Origin()
    for (const [end, code] of [
      ['close', 'ERR_HYPER_POOL_CLOSED'],
      ['destroy', 'ERR_HYPER_POOL_DESTROYED'],
    ] as const) {
      for (const beat of [0, 1]) {
        const pool = new Pool({ tls: { ca: origin.ca } })
        const waiting = rejection(pool.connect(origin.origin))
        if (beat === 1) await new Promise((resolve) => setImmediate(resolve))
        await pool[end]()
        assert.equal(codeOf(await waiting), code)
      }
    }
  })

  test('an upgrade that the server does not know ends with HTTP/1.1', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    await using pool = new Pool({ h2c: 'upgrade' })
    assert.equal((await pool.connect(origin.origin)).protocol, 'http/1.1')
  })

  test('a connection that coalesces will do', async () => {
    await using origin = await startH2Origin({}, { host: '127.0.0.1' })
    await using pool = new Pool({ tls: { ca: origin.ca }, coalesce: true })
    const first = await pool.connect(origin.origin)
    const second = await pool.connect(`https://127.0.0.1:${origin.port}`)
    assert.equal(second.remotePort, first.remotePort)
  })
})

describe('Pool.ping()', () => {
  test('measures a round trip on the connection there is', async () => {
    await using origin = await startH2Origin()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const trips = await Promise.all([pool.ping(origin.origin), pool.ping(origin.origin)])
    for (const trip of trips) assert.ok(trip > 0)
    assert.equal(origin.connections, 1)
  })

  test('HTTP/1.1 has no such thing', async () => {
    await using origin = await startH1Origin()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    assert.equal(codeOf(await rejection(pool.ping(origin.origin))), 'ERR_HYPER_NOT_SUPPORTED')
  })

  test('connect() fails when the server does not answer, and when the pool is destroyed meanwhile', async () => {
    await using server = await FrameServer.start({ pong: false })
    await using pool = new Pool({ h2c: 'prior-knowledge', pingTimeout: 30 })
    assert.equal(codeOf(await rejection(pool.ping(server.origin))), 'ERR_HYPER_CONNECTION_LOST')
    const patient = new Pool({ h2c: 'prior-knowledge' })
    const waiting = rejection(patient.ping(server.origin))
    await server.until(() => server.connections[1]?.count('PING') === 1)
    await patient.destroy()
    assert.equal(codeOf(await waiting), 'ERR_HYPER_CONNECTION_LOST')
  })
})
