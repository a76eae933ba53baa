/** Deadlines of those who wait in the pool, and of those who wait for their caller. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { begin, rejection } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin } from '../support/origin.ts'

describe('queueTimeout', () => {
  test('queueTimeout counts for requests queued after one whose onError aborts its neighbour', async () => {
    await using server = await FrameServer.start({ settings: [[Setting.MAX_CONCURRENT_STREAMS, 1]] })
    await using pool = new Pool({ h2c: 'prior-knowledge', queueTimeout: 100, maxConcurrentStreams: 1 })
    const first = begin(pool, { origin: server.origin, path: '/', queueTimeout: 0 })
    await server.until(() => server.connections[0]?.streams.length === 1)
    const a = begin(pool, { origin: server.origin, path: '/a' })
    const b = begin(pool, { origin: server.origin, path: '/b' })
    const c = begin(pool, { origin: server.origin, path: '/c' })
    const { onError } = a.handler
    a.handler.onError = (error) => {
      b.exchange.abort()
      onError.call(a.handler, error)
    }
    assert.equal((await rejection(a.handler.result)).code, 'ERR_HYPER_QUEUE_TIMEOUT')
    assert.equal((await rejection(b.handler.result)).code, 'ERR_HYPER_ABORTED')
    assert.equal((await rejection(c.handler.result)).code, 'ERR_HYPER_QUEUE_TIMEOUT')
    assert.equal(pool.stats().waiting, 0)
    first.exchange.abort()
  })

  test("queueTimeout counts for a quarantined request that waits for another one's answer", async () => {
    await using server = await FrameServer.start({
      onRequest(connection) {
        if (connection.index < 2 && connection.streams.length === 2) connection.cut()
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge', queueTimeout: 500 })
    const both = ['/a', '/b'].map((path) => begin(pool, { origin: server.origin, path }))
    // The third connection gets one of them, and says nothing.
    await server.until(() => server.connections[2]?.streams.length === 1)
    const error = await Promise.race(both.map(({ handler }) => rejection(handler.result)))
    assert.equal(error.code, 'ERR_HYPER_QUEUE_TIMEOUT')
    assert.equal(server.connections[2].streams.length, 1)
    for (const { exchange } of both) exchange.abort()
  })
})

test('quarantined requests do not wait for ever for one that gets no response', async () => {
  await using server = await FrameServer.start({
    onRequest(connection) {
      if (connection.index < 2 && connection.streams.length === 3) connection.cut()
      // The first that comes alone is a long poll, whichever it is.
      else if (connection.index >= 2 && connection.streams.length > 1)
        connection.respond(connection.streams.at(-1) ?? 0, 'ok')
    },
  })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const all = ['/a', '/b', '/c'].map((path) => begin(pool, { origin: server.origin, path }))
  await server.until(() => server.connections[2]?.streams.length === 1)
  assert.equal(pool.stats().waiting, 2)
  const two = new Promise<void>((resolve) => {
    let answered = 0
    for (const { handler } of all) {
      handler.result.then(
        () => {
          if (++answered === 2) resolve()
        },
        () => {},
      )
    }
  })
  await two
  assert.equal(all.filter(({ handler }) => handler.settlements === 0).length, 1)
  for (const { exchange } of all) exchange.abort()
})

describe('headersTimeout', () => {
  for (const protocol of ['h2', 'http/1.1']) {
    test(`headersTimeout does not run while the caller has not given the rest of the body, over ${protocol}`, async () => {
      await using h2 = await FrameServer.start({
        onFrame(connection, frame) {
          if (frame.type === 'DATA' && frame.endStream) connection.respond(frame.streamId, 'ok')
        },
      })
      await using h1 = await startH1Origin(
        {
          '/': async ({ body }, answer) => {
            for await (const _ of body);
            answer.head(200)
            answer.end('ok')
          },
          '/never': () => {},
        },
        { plain: true },
      )
      const { origin } = protocol === 'h2' ? h2 : h1
      await using pool = new Pool(protocol === 'h2' ? { h2c: 'prior-knowledge' } : {})
      const headersTimeout = 400
      const body = async function* (): AsyncGenerator<string> {
        yield 'a'
        // Another that began after the first part was given, and waits for its headers, has run out of that time.
        const other = begin(pool, { origin, path: '/never', headersTimeout })
        assert.equal((await rejection(other.handler.result)).code, 'ERR_HYPER_HEADERS_TIMEOUT')
        yield 'b'
      }
      const { handler } = begin(pool, { origin, method: 'POST', path: '/', body: body(), headersTimeout })
      assert.equal((await handler.result).body.toString(), 'ok')
    })
  }
})
