/** `getPushes()`: promises are kept until they are asked for. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HTTP20Connection, type Push } from '../../src/index.ts'
import { MAX_UNCLAIMED_PUSHES } from '../../src/limits.ts'
import { rejection } from '../support/exchange.ts'
import { type FrameConnection, FrameServer } from '../support/frame-server.ts'

function promise(peer: FrameConnection, streamId: number, promised: number, path: string): void {
  const fields = peer.requests.get(streamId) ?? []
  const authority = fields[fields.indexOf(':authority') + 1]
  const block = peer.block([
    ':method',
    'GET',
    ':scheme',
    'http',
    ':authority',
    authority ?? '',
    ':path',
    path,
    'x-pushed',
    'yes',
  ])
  peer.send({ type: 'PUSH_PROMISE', streamId, promisedStreamId: promised, endHeaders: true, block })
}

async function all(pushes: AsyncIterable<Push>): Promise<string[]> {
  const paths: string[] = []
  for await (const push of pushes) paths.push(push.path)
  return paths
}

describe('getPushes()', () => {
  test('gives what was promised, with the made-up request and its answer, once', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        promise(peer, streamId, 2, '/style.css')
        promise(peer, streamId, 4, '/script.js')
        peer.respond(streamId, 'page')
        peer.respond(2, 'style')
        peer.respond(4, 'script')
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    const id = await connection.request('GET', '/')
    assert.equal(await (await connection.getResponse(id)).text(), 'page')
    const found: Push[] = []
    for await (const push of connection.getPushes(id)) found.push(push)
    const [style, script] = found
    assert.ok(style !== undefined && script !== undefined)
    assert.deepEqual(
      [style.scheme, style.method, style.authority, style.path],
      ['http', 'GET', new URL(server.origin).host, '/style.css'],
    )
    assert.equal(style.requestHeaders.text('x-pushed'), 'yes')
    const response = await style.getResponse()
    assert.equal(response.version, 'HTTP/2')
    assert.equal(await response.text(), 'style')
    assert.equal(await (await script.getResponse()).text(), 'script')
    assert.deepEqual(await all(connection.getPushes(id)), [])
  })

  test('with captureAll also gives those to come, until the request is over', async () => {
    const claimed = Promise.withResolvers<void>()
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        promise(peer, streamId, 2, '/first')
        peer.headers(streamId, [':status', '200'])
        void claimed.promise.then(() => {
          promise(peer, streamId, 4, '/second')
          peer.data(streamId, 'page', true)
        })
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    await connection.request('GET', '/')
    const response = await connection.getResponse()
    const paths: string[] = []
    for await (const push of connection.getPushes(undefined, { captureAll: true })) {
      paths.push(push.path)
      push.cancel()
      claimed.resolve()
    }
    assert.deepEqual(paths, ['/first', '/second'])
    assert.equal(await response.text(), 'page')
  })

  test('without captureAll it does not wait, and several may ask', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        peer.headers(streamId, [':status', '200'])
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    const id = await connection.request('GET', '/')
    assert.deepEqual(await all(connection.getPushes(id)), [])
    assert.deepEqual(await all(connection.getPushes(99)), [])
    const waiting = [
      all(connection.getPushes(id, { captureAll: true })),
      all(connection.getPushes(id, { captureAll: true })),
    ]
    await connection.close()
    assert.deepEqual(await Promise.all(waiting), [[], []])
    assert.deepEqual(await all(connection.getPushes()), [])
  })

  test('cancel() resets the pushed stream with CANCEL', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        promise(peer, streamId, 2, '/cancelled')
        peer.respond(streamId, 'page')
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    const response = await connection.roundTrip('GET', '/')
    await response.text()
    for await (const push of connection.getPushes()) {
      push.cancel()
      assert.equal(Reflect.get(await rejection(push.getResponse()), 'code'), 'ERR_HYPER_ABORTED')
    }
    const [peer] = server.connections
    assert.ok(peer !== undefined)
    await server.until(() => peer.count('RST_STREAM', 2) === 1)
  })

  test('a push that the server resets says so', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        promise(peer, streamId, 2, '/broken')
        peer.reset(2, 2)
        peer.respond(streamId, 'page')
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    await (await connection.roundTrip('GET', '/')).text()
    for await (const push of connection.getPushes()) {
      assert.equal(Reflect.get(await rejection(push.getResponse()), 'code'), 'ERR_HYPER_STREAM_RESET')
    }
  })

  test(`more than ${MAX_UNCLAIMED_PUSHES} that nobody asks for are cancelled, and claimed ones make room`, async () => {
    let promised = 0
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        for (let i = 0; i <= MAX_UNCLAIMED_PUSHES; i++) {
          promised += 2
          promise(peer, streamId, promised, `/${promised}`)
          // A pushed response that is over is no longer counted by the limit of open ones.
          peer.respond(promised, 'x')
        }
        peer.respond(streamId, 'page')
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    const first = await connection.request('GET', '/')
    await (await connection.getResponse(first)).text()
    const [peer] = server.connections
    assert.ok(peer !== undefined)
    await server.until(() => peer.count('RST_STREAM') === 1)
    assert.equal((await all(connection.getPushes(first))).length, MAX_UNCLAIMED_PUSHES)
    const second = await connection.request('GET', '/')
    await (await connection.getResponse(second)).text()
    assert.equal((await all(connection.getPushes(second))).length, MAX_UNCLAIMED_PUSHES)
  })

  test('unless push is enabled the server is told not to push, and there are no pushes', async () => {
    await using server = await FrameServer.start({ onRequest: (peer, streamId) => peer.respond(streamId, 'page') })
    await using connection = new HTTP20Connection(server.origin)
    await (await connection.roundTrip('GET', '/')).text()
    assert.deepEqual(await all(connection.getPushes()), [])
    const settings = server.connections[0]?.frames.find((frame) => frame.type === 'SETTINGS' && !frame.ack)
    assert.ok(settings?.type === 'SETTINGS')
    assert.ok(settings.settings.some(([id, value]) => id === 2 && value === 0))
  })

  test('close() ends a push that was asked for and is not read, after its request was over', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        promise(peer, streamId, 2, '/long')
        peer.respond(streamId)
        peer.headers(2, [':status', '200'])
        peer.data(2, 'begin')
      },
    })
    const connection = new HTTP20Connection(server.origin, { enablePush: true })
    const id = await connection.request('GET', '/')
    await (await connection.getResponse(id)).read()
    const { value } = await connection.getPushes(id).next()
    assert.ok(value !== undefined)
    const pushed = await value.getResponse()
    await connection.close(2)
    const [peer] = server.connections
    await server.until(() => peer?.count('RST_STREAM', 2) === 1)
    assert.deepEqual(
      peer?.frames.flatMap((frame) => (frame.type === 'RST_STREAM' ? [frame.errorCode] : [])),
      [2],
    )
    assert.equal((await pushed.read(5)).toString(), 'begin')
    assert.match((await rejection(pushed.read())).message, /the connection was closed/)
  })

  test('those of roundTrip() wait while it is the latest request, and take no room afterwards', async () => {
    let promised = 0
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        promised += 2
        promise(peer, streamId, promised, `/${promised}`)
        peer.respond(streamId)
        peer.respond(promised, 'pushed')
      },
    })
    await using connection = new HTTP20Connection(server.origin, { enablePush: true })
    for (let i = 0; i <= MAX_UNCLAIMED_PUSHES; i++) await (await connection.roundTrip('GET', '/')).read()
    assert.deepEqual(await all(connection.getPushes()), [`/${promised}`])
    const id = await connection.request('GET', '/')
    await (await connection.getResponse(id)).read()
    assert.deepEqual(await all(connection.getPushes(id)), [`/${promised}`])
  })
})
