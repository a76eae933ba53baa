/** Requests step by step: putRequest, putHeader, endHeaders, send. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { HTTP20Connection, HTTPConnection, type RequestDraft } from '../../src/index.ts'
import { rejection } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

for (const { name, start } of [
  { name: 'HTTP/2', start: startH2Origin },
  { name: 'HTTP/1.1', start: startH1Origin },
] as const) {
  describe(`step by step over ${name}`, () => {
    const connectionTo = (origin: Awaited<ReturnType<typeof start>>): HTTPConnection =>
      new HTTPConnection(`localhost:${origin.port}`, { secure: true, tls: { ca: origin.ca } })

    test('the methods of the connection act on the latest draft', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      connection.putRequest('POST', '/echo')
      connection.putHeader('x-one', 'first').putHeader('x-one', 'second').putHeader('x-two', 'a')
      connection.putHeader('X-Two', 'b', { replace: true }).putHeader('connection', 'x-hop').putHeader('x-hop', '1')
      const id = await connection.endHeaders()
      await connection.send('hello ')
      await connection.send(Buffer.from('wor'))
      await connection.send(Readable.from(['l', 'd']), { final: true })
      const response = await connection.getResponse(id)
      assert.equal(await response.text(), 'hello world')
      assert.equal(response.headers.text('x-x-one'), 'first, second')
      assert.equal(response.headers.text('x-x-two'), 'b')
      assert.equal(response.headers.text('x-x-hop'), undefined)
    })

    test('drafts can be interleaved, each with its own response', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const one = connection.putRequest('POST', '/echo')
      const two = connection.putRequest('POST', '/echo')
      await Promise.all([one.endHeaders(), two.endHeaders()])
      await one.send('1')
      await connection.send('2', { request: two })
      await connection.send('!', { request: one, final: true })
      await two.send('?', { final: true })
      assert.equal(await (await two.getResponse()).text(), '2?')
      assert.equal(await (await one.getResponse()).text(), '1!')
    })

    test('a body given with the headers ends the request, unless more is to follow', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const whole = connection.putRequest('POST', '/echo')
      await whole.endHeaders({ body: 'whole' })
      assert.equal(await (await whole.getResponse()).text(), 'whole')
      assert.match((await rejection(whole.send('more'))).message, /The body has been sent/)
      const parts = connection.putRequest('POST', '/echo')
      await parts.endHeaders({ body: new Blob(['first ']), final: false })
      await parts.send('then', { final: true })
      assert.equal(await (await parts.getResponse()).text(), 'first then')
      const none = connection.putRequest('GET', '/json')
      await none.endHeaders({ final: true })
      assert.equal((await none.getResponse()).status, 200)
    })

    test('steps need not be awaited: getResponse() gives their failure', async () => {
      await using connection = new HTTPConnection('localhost:1', { secure: true })
      const unhandled: unknown[] = []
      const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
      process.on('unhandledRejection', onUnhandled)
      try {
        const draft = connection.putRequest('POST', '/echo')
        void draft.endHeaders()
        void draft.send('x', { final: true })
        assert.equal(Reflect.get(await rejection(draft.getResponse()), 'code'), 'ERR_HYPER_CONNECT')
        connection.putRequest('POST', '/echo')
        void connection.endHeaders()
        void connection.send('x', { final: true })
        assert.equal(Reflect.get(await rejection(connection.getResponse()), 'code'), 'ERR_HYPER_CONNECT')
        // Those that nobody hears are told after the microtasks of a turn.
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
        assert.deepEqual(unhandled, [])
      } finally {
        process.off('unhandledRejection', onUnhandled)
      }
    })

    test('a buffer may be reused once send() has resolved', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      for (const size of [10, 1000, 200_000]) {
        const draft = connection.putRequest('POST', '/echo')
        await draft.endHeaders()
        const buffer = Buffer.alloc(size)
        for (const letter of 'abc') await draft.send(buffer.fill(letter))
        buffer.fill('z')
        await draft.send('', { final: true })
        const expected = ['a', 'b', 'c'].map((letter) => letter.repeat(size)).join('')
        assert.ok((await (await draft.getResponse()).text()) === expected, `${size} octets`)
      }
    })

    test('parts are text, bytes of any kind, and what gives them', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const draft = connection.putRequest('POST', '/echo')
      await draft.endHeaders({ body: new DataView(Uint8Array.of(97).buffer), final: false })
      const parts = [
        'b',
        Buffer.from('c'),
        Uint8Array.of(100).buffer,
        new Uint16Array([0x6565]),
        new Blob(['f']),
        ['g', ''],
      ]
      for (const part of parts) await draft.send(part)
      await draft.send('', { final: true })
      assert.equal(await (await draft.getResponse()).text(), 'abcdeefg')
    })

    test('steps out of order are refused by name', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      assert.throws(() => connection.putHeader('a', 'b'), /Call putRequest\(\) first/)
      const draft = connection.putRequest('GET', '/json')
      assert.match((await rejection(draft.send('x'))).message, /Call endHeaders\(\) first/)
      assert.match((await rejection(draft.getResponse())).message, /Call endHeaders\(\) first/)
      await draft.endHeaders({ final: true })
      assert.throws(() => draft.putHeader('a', 'b'), /headers have been sent/)
      assert.match((await rejection(draft.endHeaders())).message, /headers have been sent/)
      assert.throws(() => connection.putRequest(7 as never, '/'), /needs a method and a path/)
      assert.equal((await draft.getResponse()).status, 200)
    })

    test('a part that cannot be sent ends the request', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const draft = connection.putRequest('POST', '/echo-length')
      await draft.endHeaders()
      assert.match((await rejection(draft.send(7 as never))).message, /Cannot send/)
      const error = await rejection(draft.getResponse())
      assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_INVALID_ARGUMENT')
      assert.match((await rejection(draft.send('x'))).message, /Cannot send/)
    })

    test('an exchange that fails ends the sending', async () => {
      await using origin = await start({ '/cut': (_call, answer) => answer.cut() })
      await using connection = connectionTo(origin)
      const draft = connection.putRequest('POST', '/cut')
      await draft.endHeaders()
      // HTTP/1.1 sends the headers along with the first octets of the body.
      draft.send('x').catch(() => {})
      await rejection(draft.getResponse())
      const error = await rejection(draft.send('y', { final: true }))
      assert.match(String(Reflect.get(error, 'code')), /^ERR_HYPER_/)
    })
  })
}

describe('step by step over HTTP/2', () => {
  test('send() resolves when the server takes the octets', async () => {
    await using server = await FrameServer.start({ settings: [[4, 10]] })
    await using connection = new HTTP20Connection(server.origin)
    await connection.connect()
    const [peer] = server.connections
    assert.ok(peer !== undefined)
    await server.until(() => peer.count('SETTINGS') === 2)
    const draft = connection.putRequest('POST', '/')
    await draft.endHeaders()
    let taken = false
    const sending = draft.send(Buffer.alloc(100_000), { final: true }).then(() => {
      taken = true
    })
    await server.until(() => peer.count('DATA') === 1)
    assert.equal(taken, false)
    peer.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 99_990 })
    peer.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 99_990 })
    await sending
    peer.respond(1, 'thanks')
    assert.equal(await (await draft.getResponse()).text(), 'thanks')
  })

  test('what the server no longer wants, because it has answered, is let go', async () => {
    await using server = await FrameServer.start({ onRequest: (peer, streamId) => peer.respond(streamId, 'early') })
    await using connection = new HTTP20Connection(server.origin)
    const draft = connection.putRequest('POST', '/')
    await draft.endHeaders()
    assert.equal(await (await draft.getResponse()).text(), 'early')
    await draft.send('too late')
    await draft.send('and more', { final: true })
  })

  test('a part that waits for the window ends with the exchange, however that ends', async () => {
    await using server = await FrameServer.start({ settings: [[4, 10]] })
    await using connection = new HTTP20Connection(server.origin)
    await connection.connect()
    const [peer] = server.connections
    assert.ok(peer !== undefined)
    await server.until(() => peer.count('SETTINGS') === 2)
    const blocked = async (): Promise<{ id: number; sending: Promise<void>; draft: RequestDraft }> => {
      const draft = connection.putRequest('POST', '/')
      const id = (await draft.endHeaders()) ?? 0
      const sending = draft.send(Buffer.alloc(100_000))
      sending.catch(() => {})
      await server.until(() => peer.count('DATA', id) === 1)
      return { id, sending, draft }
    }
    const reset = await blocked()
    peer.reset(reset.id, 2)
    assert.match((await rejection(reset.sending)).message, /INTERNAL_ERROR/)
    assert.match((await rejection(reset.draft.send('more', { final: true }))).message, /INTERNAL_ERROR/)
    const answered = await blocked()
    peer.respond(answered.id)
    await answered.sending
    await answered.draft.send('more', { final: true })
    const closed = await blocked()
    await connection.close()
    assert.match((await rejection(closed.sending)).message, /the connection was closed/)
  })

  test('a stream that is sent, and gives nothing just now, ends with the exchange', async () => {
    await using server = await FrameServer.start()
    await using connection = new HTTP20Connection(server.origin)
    for (const fails of [true, false]) {
      const draft = connection.putRequest('POST', '/')
      const id = (await draft.endHeaders()) ?? 0
      const source = new Readable({ read() {} })
      source.push('begin')
      const sending = draft.send(source)
      sending.catch(() => {})
      const [peer] = server.connections
      await server.until(() => peer?.count('DATA', id) === 1)
      if (fails) peer?.reset(id, 2)
      else peer?.respond(id)
      if (fails) assert.match((await rejection(sending)).message, /INTERNAL_ERROR/)
      else await sending
      assert.equal(source.destroyed, true)
    }
  })

  test('of a body without end no more is read than is wanted', async () => {
    await using server = await FrameServer.start({ onRequest: (peer, streamId) => peer.respond(streamId) })
    await using connection = new HTTP20Connection(server.origin)
    const draft = connection.putRequest('POST', '/')
    await draft.endHeaders()
    await (await draft.getResponse()).read()
    let pieces = 0
    const endless = (function* () {
      for (; pieces < 1000; pieces++) yield 'piece'
    })()
    await draft.send(endless)
    assert.equal(pieces, 0)
  })

  test('a body that cannot be followed by more is refused before anything is sent', async () => {
    await using server = await FrameServer.start()
    await using connection = new HTTP20Connection(server.origin)
    await connection.connect()
    const draft = connection.putRequest('POST', '/')
    const error = await rejection(draft.endHeaders({ body: new URLSearchParams('a=b'), final: false }))
    assert.match(error.message, /cannot be continued/)
    await connection.ping()
    assert.deepEqual(server.connections[0]?.streams, [])
    await draft.endHeaders({ final: true })
  })

  test('a request that is refused takes no body', async () => {
    await using connection = new HTTP20Connection('localhost:1')
    const draft = connection.putRequest('BAD METHOD', '/')
    await rejection(draft.endHeaders())
    assert.match((await rejection(draft.send('hello'))).message, /endHeaders\(\) first|Invalid method/)
  })
})
