/** That a request was sent is told once, after dispatch() has returned and after all of its body. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Setting } from '../../src/frame/index.ts'
import { type ExchangeRequest, Pool } from '../../src/index.ts'
import { send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'

const kinds: [string, () => Partial<ExchangeRequest>, string[]][] = [
  ['no body', () => ({}), []],
  ['an empty body', () => ({ method: 'POST', body: '' }), []],
  ['text', () => ({ method: 'POST', body: 'xx' }), ['body 2']],
  ['a generator', () => ({ method: 'POST', body: ['x', 'x'] }), ['body 2']],
  ['text and trailers', () => ({ method: 'POST', body: 'xx', trailers: { a: '1' } }), ['body 2']],
  ['trailers alone', () => ({ method: 'POST', trailers: { a: '1' } }), []],
  ['a tunnel', () => ({ method: 'CONNECT', protocol: 'websocket', body: 'xx' }), ['body 2']],
  ['a tunnel that carries nothing', () => ({ method: 'CONNECT', protocol: 'websocket' }), []],
]

/** What dispatch() leads to on a connection that is there, when it is called in a task of its own or in a microtask. */
async function heard(pool: Pool, request: ExchangeRequest, schedule: (action: () => void) => void): Promise<string[]> {
  const log: string[] = []
  const settled = Promise.withResolvers<void>()
  schedule(() => {
    pool.dispatch(request, {
      onHeaders: () => {},
      onData: () => {},
      onEnd: () => settled.resolve(),
      onError: settled.reject,
      onBodySent: (octets) => log.push(`body ${octets}`),
      onRequestSent: () => log.push('sent'),
    })
    log.push('returned')
  })
  await settled.promise
  return log
}

describe('over HTTP/2, a request with', () => {
  for (const [name, request, body] of kinds) {
    test(name, async () => {
      await using server = await FrameServer.start({
        settings: [[Setting.ENABLE_CONNECT_PROTOCOL, 1]],
        onFrame: (connection, frame) => {
          const ends = (frame.type === 'DATA' || frame.type === 'HEADERS') && frame.endStream
          // After the frame was taken note of.
          if (ends) queueMicrotask(() => connection.respond(frame.streamId))
        },
      })
      await using pool = new Pool({ h2c: 'prior-knowledge' })
      await send(pool, { origin: server.origin, path: '/' })
      for (const schedule of [setImmediate, queueMicrotask]) {
        const whole = { origin: server.origin, method: 'GET', path: '/', ...request() }
        assert.deepEqual(await heard(pool, whole, schedule), ['returned', ...body, 'sent'], schedule.name)
      }
    })
  }
})
