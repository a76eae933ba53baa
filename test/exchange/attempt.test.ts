/** An exchange on one connection: what becomes of its upload, and of a failure that comes early. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../src/exchange/attempt.ts'
import { type CodecOf, UNLIMITED } from '../../src/exchange/carrier.ts'
import { LiveExchange } from '../../src/exchange/exchange.ts'
import { PushHome } from '../../src/exchange/push-home.ts'
import { Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { FrameServer } from '../support/frame-server.ts'

test('the end of what goes into a tunnel is sent although its response has ended and is not read', async () => {
  const ended = Promise.withResolvers<void>()
  await using server = await FrameServer.start({
    settings: [[Setting.ENABLE_CONNECT_PROTOCOL, 1]],
    onRequest: (connection, streamId) => connection.headers(streamId, [':status', '200'], true),
    onFrame: (_connection, frame) => {
      if (frame.type === 'DATA' && frame.endStream) ended.resolve()
    },
  })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  const answered = Promise.withResolvers<void>()
  const told: string[] = []
  const exchange = pool.dispatch(
    {
      origin: server.origin,
      method: 'CONNECT',
      protocol: 'websocket',
      path: '/',
      async *body() {
        yield Buffer.from('x')
        await answered.promise
        // Its end is in the same segment as the answer to this.
        await pool.ping(server.origin)
        yield Buffer.from('y')
      },
    },
    {
      onHeaders: () => {
        exchange.pause()
        answered.resolve()
      },
      onData: () => {},
      onEnd: () => told.push('end'),
      onError: (error) => ended.reject(error),
    },
  )
  await ended.promise
  assert.deepEqual(told, [])
  exchange.resume()
  assert.deepEqual(told, ['end'])
})

test('a failure within dispatch() is told once afterwards, and held against the connection once', async () => {
  const refused: string[] = []
  const codec: CodecOf<Attempt> = {
    info: undefined as never,
    time: 0,
    blocked: false,
    limits: UNLIMITED,
    lent: false,
    announced: () => -1,
    readClock() {},
    cancel() {},
    answered() {},
    refused: (error) => refused.push(error.message),
    pause() {},
    resume() {},
    consume() {},
    write: () => true,
    end() {},
    whenWritten() {},
    unsent: () => 0,
  }
  const told = Promise.withResolvers<Error>()
  let times = 0
  const exchange = new LiveExchange(
    new PushHome(),
    { origin: 'http://localhost', method: 'GET', path: '/' },
    {
      onHeaders() {},
      onData() {},
      onEnd() {},
      onError(error) {
        times++
        told.resolve(error)
      },
    },
  )
  const attempt = exchange.attemptOn(codec)
  attempt.begin(null, [])
  attempt.onError(null, new Error('refused at once'))
  assert.equal(times, 0)
  assert.equal((await told.promise).message, 'refused at once')
  await new Promise(setImmediate)
  assert.deepEqual([times, refused], [1, ['refused at once']])
})
