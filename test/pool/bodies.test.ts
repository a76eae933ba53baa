/** Bodies that abort, refuse to end, or were made for nothing; and how much of one is kept. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { Setting } from '../../src/frame/index.ts'
import { type BodyChunk, type Exchange, Pool } from '../../src/index.ts'
import { MAX_REPLAY_OCTETS } from '../../src/limits.ts'
import { ReplayableSource } from '../../src/pool/replay.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'

const early = {
  '/early': (_call: unknown, answer: { head(status: number): void; end(body: string): void }) => {
    answer.head(200)
    answer.end('early')
  },
}

const protocols: [string, () => Promise<TestOrigin>][] = [
  ['HTTP/2', () => startH2Origin(early)],
  ['HTTP/1.1', () => startH1Origin(early)],
]

for (const [name, start] of protocols) {
  describe(`over ${name}`, () => {
    test('a generator that aborts its own exchange settles it once, and the pool closes', async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      let exchange: Exchange | undefined
      const body = function* (): Generator<string> {
        yield 'a'
        exchange?.abort(new Error('mine'))
        yield 'b'
      }
      const begun = begin(pool, { origin: origin.origin, method: 'POST', path: '/echo', body: body() })
      exchange = begun.exchange
      assert.equal((await rejection(begun.handler.result)).message, 'mine')
      await pool.close()
      assert.equal(begun.handler.settlements, 1)
    })

    test('an iterator whose return() throws settles its exchange once, and the pool closes', async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      let returned = 0
      const body: Iterable<BodyChunk> = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: Buffer.alloc(60_000) }),
          return() {
            returned++
            throw new Error('from return()')
          },
        }),
      }
      const { exchange, handler } = begin(pool, { origin: origin.origin, method: 'POST', path: '/early', body })
      await handler.result.catch(() => {})
      exchange.abort()
      await pool.close()
      assert.deepEqual([handler.settlements, returned], [1, 1])
    })

    test('streams made for a request that is refused are destroyed', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const made: Readable[] = []
      const body = (): Readable => {
        const stream = new Readable({ read() {} })
        made.push(stream)
        return stream
      }
      const request = { origin: origin.origin, method: 'POST', path: '/echo', body }
      // While it waits for the first connection, and on the one that is there.
      for (let i = 0; i < 2; i++) {
        const error = await rejection(send(pool, { ...request, headers: ['x', 'bad\n'] }))
        assert.equal(error.code, 'ERR_HYPER_INVALID_ARGUMENT')
      }
      for (const stream of made) if (!stream.closed) await once(stream, 'close')
    })
  })
}

test('a web stream is cancelled when its exchange is aborted while it waits', async () => {
  await using server = await FrameServer.start({ settings: [[Setting.MAX_CONCURRENT_STREAMS, 0]] })
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  let cancel = (_: unknown): void => {}
  const cancelled = new Promise((resolve) => {
    cancel = resolve
  })
  const body = new ReadableStream({ cancel })
  const { exchange, handler } = begin(pool, { origin: server.origin, method: 'POST', path: '/', body })
  await server.until(() => server.connections[0]?.count('SETTINGS') === 2)
  exchange.abort()
  assert.equal((await rejection(handler.result)).code, 'ERR_HYPER_ABORTED')
  await cancelled
})

describe('what is kept of a streamed body', () => {
  const chunks: [string, (octets: number) => BodyChunk][] = [
    ['text', (octets) => 'x'.repeat(octets)],
    ['bytes', (octets) => new Uint8Array(octets)],
    // Not of the type, but taken from callers without types.
    ['ArrayBuffer', (octets) => new ArrayBuffer(octets) as unknown as BodyChunk],
  ]
  for (const [kind, make] of chunks) {
    test(`is bounded: chunks that are ${kind} count`, async () => {
      const source = new ReplayableSource([make(MAX_REPLAY_OCTETS), make(1)])
      const reader = source[Symbol.asyncIterator]()
      await reader.next()
      assert.equal(source.replayable, true)
      await reader.next()
      assert.equal(source.replayable, false)
      assert.equal((await reader.next()).done, true)
    })
  }
})
