/** Server push (RFC 9113 section 8.4) through the pool, over real sockets. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Setting } from '../../src/frame/index.ts'
import { type ExchangeHandler, Pool, type PoolOptions, type PushPromise } from '../../src/index.ts'
import { Collecting, rejection, send } from '../support/exchange.ts'
import { type FrameConnection, FrameServer } from '../support/frame-server.ts'

const pooled = (options: PoolOptions = {}): Pool => new Pool({ h2c: 'prior-knowledge', enablePush: true, ...options })

function promise(
  connection: FrameConnection,
  parent: number,
  promised: number,
  path: string,
  authority?: string,
): void {
  const host = authority ?? `localhost:${connection.socket.localPort}`
  const fields = [':method', 'GET', ':scheme', 'http', ':authority', host, ':path', path, 'x-a', '1']
  connection.send({
    type: 'PUSH_PROMISE',
    streamId: parent,
    endHeaders: true,
    promisedStreamId: promised,
    block: connection.block(fields),
  })
}

/** Dispatches a request and collects what was pushed with it. */
function withPushes(
  pool: Pool,
  origin: string,
  take: (promise: PushPromise) => ExchangeHandler | undefined,
): { main: Collecting; promises: PushPromise[] } {
  const main = new Collecting()
  const promises: PushPromise[] = []
  pool.dispatch(
    { origin, method: 'GET', path: '/' },
    {
      onHeaders: (status, fields) => main.onHeaders(status, fields, ''),
      onData: (chunk) => main.onData(chunk),
      onEnd: (trailers) => main.onEnd(trailers),
      onError: (error) => main.onError(error),
      onPush: (promised) => {
        promises.push(promised)
        return take(promised)
      },
    },
  )
  return { main, promises }
}

describe('push', () => {
  test('push is off unless asked for', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id) })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    await send(pool, { origin: server.origin, path: '/' })
    const settings = server.connections[0].frames.find((one) => one.type === 'SETTINGS')
    assert.ok(settings?.type === 'SETTINGS')
    assert.deepEqual(settings.settings[0], [Setting.ENABLE_PUSH, 0])
  })

  test('a pushed response goes to the handler that accepted it, with the request that it answers', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        promise(connection, id, 2, '/style')
        connection.respond(id, 'page')
        connection.headers(2, [':status', '200', 'x-b', '2'])
        connection.data(2, 'style', true)
      },
    })
    await using pool = pooled()
    const pushed = new Collecting()
    const { main, promises } = withPushes(pool, server.origin, () => pushed)
    assert.equal((await main.result).body.toString(), 'page')
    const response = await pushed.result
    assert.equal(response.body.toString(), 'style')
    assert.equal(response.headers['x-b'], '2')
    const [{ method, path, scheme, authority, headers }] = promises
    assert.deepEqual([method, path, scheme, authority], ['GET', '/style', 'http', server.origin.slice(7)])
    assert.deepEqual(headers, ['x-a', '1'])
  })

  test('a push that no handler accepts is cancelled, with `onPush` and without it', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        promise(connection, id, connection.streams.length * 2, '/unwanted')
        connection.respond(id, 'page')
      },
    })
    await using pool = pooled()
    await withPushes(pool, server.origin, () => undefined).main.result
    await send(pool, { origin: server.origin, path: '/' })
    await server.until(() => server.connections[0].count('RST_STREAM') === 2)
    assert.equal(server.connections.length, 1)
  })

  test('a push for another origin is cancelled before `onPush`', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        promise(connection, id, 2, '/evil', 'bank.example')
        connection.respond(id, 'page')
      },
    })
    await using pool = pooled()
    const { main, promises } = withPushes(pool, server.origin, () => new Collecting())
    await main.result
    await server.until(() => server.connections[0].count('RST_STREAM', 2) === 1)
    assert.deepEqual(promises, [])
  })

  test('push can be cancelled while it comes; the request that it came with goes on', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        promise(connection, id, 2, '/long')
        connection.headers(2, [':status', '200'])
        connection.data(2, 'first')
      },
    })
    await using pool = pooled()
    const pushed = new Collecting()
    const { main, promises } = withPushes(pool, server.origin, () => pushed)
    await server.until(() => (server.connections[0]?.streams.length ?? 0) === 1)
    await new Promise<void>((resolve) => {
      pushed.onData = () => resolve()
    })
    promises[0].exchange.abort(new Error('not that'))
    assert.equal((await rejection(pushed.result)).message, 'not that')
    await server.until(() => server.connections[0].count('RST_STREAM', 2) === 1)
    server.connections[0].respond(1, 'page')
    assert.equal((await main.result).body.toString(), 'page')
  })

  test('no more than the limit are open at once: what comes beyond it is refused, and the connection lives', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        if (connection.streams.length > 1) return connection.respond(id, 'later')
        for (let i = 1; i <= 5; i++) promise(connection, id, i * 2, `/${i}`)
        connection.respond(id, 'page')
      },
    })
    await using pool = pooled({ maxPushes: 3 })
    const { main, promises } = withPushes(pool, server.origin, () => new Collecting())
    await main.result
    await server.until(() => server.connections[0].count('RST_STREAM') === 2)
    assert.equal(promises.length, 3)
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).body.toString(), 'later')
    await pool.destroy()
  })

  test('a push whose connection is lost ends with an error', async () => {
    await using server = await FrameServer.start({
      onRequest(connection, id) {
        promise(connection, id, 2, '/never')
        connection.respond(id, 'page')
      },
    })
    await using pool = pooled()
    const pushed = new Collecting()
    const { main } = withPushes(pool, server.origin, () => pushed)
    await main.result
    server.connections[0].cut()
    assert.equal((await rejection(pushed.result)).code, 'ERR_HYPER_CONNECTION_LOST')
  })

  test('a callback that throws ends its own request, and the promise is cancelled', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => promise(connection, id, 2, '/x') })
    await using pool = pooled()
    const { main } = withPushes(pool, server.origin, () => {
      throw new Error('no pushes here')
    })
    assert.equal((await rejection(main.result)).message, 'no pushes here')
    await server.until(() => server.connections[0].count('RST_STREAM') === 2)
  })
})
