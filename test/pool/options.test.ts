/** What options mean at their edges: without end, not at all, against each other. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type ExchangeRequest, Pool, type PoolOptions } from '../../src/index.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

function answering(): Promise<FrameServer> {
  return FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'ok') })
}

describe('Infinity', () => {
  for (const name of [
    'maxHeaderListSize',
    'maxHeaderFields',
    'streamWindow',
    'maxStreamWindow',
    'connectionWindow',
    'maxPushes',
    'headersTimeout',
    'connectTimeout',
  ]) {
    test(`Infinity is refused by name for ${name}`, () => {
      assert.throws(() => new Pool({ [name]: Number.POSITIVE_INFINITY }), {
        code: 'ERR_HYPER_INVALID_ARGUMENT',
        message: new RegExp(`^${name} must be .*not Infinity$`),
      })
    })
  }

  for (const name of ['connections', 'maxConcurrentStreams', 'maxRequests', 'maxResponseSize']) {
    test(`Infinity means no limit for ${name}`, async () => {
      await using h2 = await answering()
      await using h1 = await startH1Origin({}, { plain: true })
      const options: PoolOptions = { [name]: Number.POSITIVE_INFINITY }
      await using pool = new Pool(options)
      const known = { origin: h2.origin, path: '/', connect: { h2c: 'prior-knowledge' } } as const
      assert.equal((await send(pool, known)).body.toString(), 'ok')
      assert.equal((await send(pool, { origin: h1.origin, path: '/json' })).status, 200)
    })
  }

  test('a request timeout of Infinity ends no request', async () => {
    await using server = await answering()
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    for (const timeout of [Number.POSITIVE_INFINITY, 0, undefined, 60_000]) {
      assert.equal((await send(pool, { origin: server.origin, path: '/', timeout })).status, 200)
    }
  })
})

describe('a signal', () => {
  test('a signal that is null counts as absent', async () => {
    await using server = await answering()
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    // As callers without types write it.
    const request: Omit<ExchangeRequest, 'method'> = JSON.parse('{ "path": "/", "origin": "", "signal": null }')
    assert.equal((await send(pool, { ...request, origin: server.origin })).status, 200)
  })

  test('a signal that is another object is refused, and close() does not wait for it', async () => {
    await using server = await answering()
    const pool = new Pool({ h2c: 'prior-knowledge' })
    const request: Omit<ExchangeRequest, 'method'> = JSON.parse('{ "path": "/", "origin": "", "signal": {} }')
    const { handler } = begin(pool, { ...request, origin: server.origin })
    const error = await rejection(handler.result)
    assert.equal(error.code, 'ERR_HYPER_INVALID_ARGUMENT')
    assert.match(error.message, /signal/)
    assert.equal(handler.settlements, 1)
    await pool.close()
    assert.equal(server.connections.length, 0)
  })
})

test('allowH2: false goes before the prior knowledge of HTTP/2', async () => {
  await using origin = await startH1Origin({}, { plain: true })
  await using pool = new Pool({ h2c: 'prior-knowledge', allowH2: false })
  const { status, connection } = await send(pool, { origin: origin.origin, path: '/json' })
  assert.deepEqual([status, connection?.protocol], [200, 'http/1.1'])
})

test('a connectTimeout longer than a timer can count does not end the upgrade to h2c at once', async () => {
  await using origin = await startH1Origin(
    {
      '/': async (_call, answer) => {
        // What is too long for a timer fires after 1 ms.
        await delay(50)
        answer.head(200)
        answer.end('ok')
      },
    },
    { plain: true },
  )
  await using pool = new Pool({ h2c: 'upgrade', connectTimeout: 3e9 })
  assert.equal((await send(pool, { origin: origin.origin, path: '/' })).body.toString(), 'ok')
})

describe('maxRequests', () => {
  test('maxRequests is kept over HTTP/2, however many begin at once', async () => {
    await using server = await answering()
    await using pool = new Pool({ h2c: 'prior-knowledge', maxRequests: 2 })
    const all = Array.from({ length: 10 }, () => send(pool, { origin: server.origin, path: '/' }))
    for (const { status } of await Promise.all(all)) assert.equal(status, 200)
    const counts = server.connections.map(({ streams }) => streams.length)
    assert.deepEqual(counts, [2, 2, 2, 2, 2])
  })

  test('maxRequests is kept over HTTP/1.1', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    await using pool = new Pool({ maxRequests: 2, connections: 1 })
    const all = Array.from({ length: 6 }, () => send(pool, { origin: origin.origin, path: '/json' }))
    for (const { status } of await Promise.all(all)) assert.equal(status, 200)
    assert.equal(origin.connections, 3)
  })
})

describe('maxAge', () => {
  for (const protocol of ['h2', 'http/1.1']) {
    test(`maxAge ends an idle connection over ${protocol}, and the next request makes another`, async () => {
      await using h2 = await answering()
      await using h1 = await startH1Origin({}, { plain: true })
      await using pool = new Pool({ maxAge: 50, idleTimeout: 0, ...(protocol === 'h2' && { h2c: 'prior-knowledge' }) })
      const server = protocol === 'h2' ? h2 : h1
      for (let made = 1; made <= 2; made++) {
        assert.equal((await send(pool, { origin: server.origin, path: '/json' })).connection?.protocol, protocol)
        while (pool.stats().connections > 0) await delay(5)
        assert.equal(protocol === 'h2' ? h2.connections.length : h1.connections, made)
      }
    })
  }
})

test('what somebody put on Object.prototype is no option, of a pool or of a request', async () => {
  await using origin = await startH2Origin()
  // Those that Node itself would not stumble over.
  const polluted: Record<string, unknown> = {
    family: 'x',
    h2c: 'x',
    allowH2: false,
    allowH1: false,
    headersTimeout: 1,
    trailers: { 'x-polluted': 'yes' },
    maxResponseSize: 1,
    coalesce: 'x',
    connections: 'x',
  }
  const own = Object.assign(Object.create(null), { tls: { ca: origin.ca } })
  for (const [name, value] of Object.entries(polluted)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false })
    try {
      await using pool = new Pool(own)
      const { status } = await send(pool, { origin: origin.origin, method: 'GET', path: '/json' })
      assert.equal(status, 200, name)
    } finally {
      Reflect.deleteProperty(Object.prototype, name)
    }
  }
  assert.equal(origin.requests.filter(({ headers }) => headers['x-polluted'] !== undefined).length, 0)
})
