/** Bodies that abort, refuse to end, or were made for nothing; and how much of one is kept. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { UploadBody } from '../../src/exchange/upload.ts'
import { Setting } from '../../src/frame/index.ts'
import { type Body, type BodyChunk, type Exchange, Pool } from '../../src/index.ts'
import { MAX_REPLAY_OCTETS } from '../../src/limits.ts'
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

describe('what a function made for an attempt is let go of', () => {
  /** A body that gives one piece and then waits, and what hears of its end. */
  const kinds: [string, (onEnd: () => void) => Body][] = [
    ['a web stream', (cancel) => new ReadableStream({ start: (controller) => controller.enqueue('x'), cancel })],
    [
      'a stream',
      (onEnd) => {
        let given = false
        return new Readable({
          read() {
            if (!given) this.push('x')
            given = true
          },
          destroy(_error, callback) {
            onEnd()
            callback(null)
          },
        })
      },
    ],
  ]
  for (const [kind, make] of kinds) {
    for (const when of ['at once', 'while its next piece is awaited', 'by an early response'] as const) {
      test(`${kind}, when the exchange ends ${when}`, async () => {
        let exchange: Exchange | undefined
        await using server = await FrameServer.start({
          onRequest: (connection, id, fields) => {
            if (fields.includes('/')) connection.respond(id)
          },
          onFrame: (connection, frame) => {
            if (frame.type !== 'DATA') return
            if (when === 'by an early response') connection.respond(frame.streamId, 'early')
            else exchange?.abort()
          },
        })
        await using pool = new Pool({ h2c: 'prior-knowledge' })
        await send(pool, { origin: server.origin, path: '/' })
        const ended = Promise.withResolvers<void>()
        const body = (): Body => make(ended.resolve)
        const begun = begin(pool, { origin: server.origin, method: 'POST', path: '/upload', body })
        exchange = begun.exchange
        if (when === 'at once') exchange.abort()
        await begun.handler.result.catch(() => {})
        await ended.promise
      })
    }
  }
})

describe('what a source gives between two attempts', () => {
  /** The first attempt is left out by a GOAWAY after one piece; the connection for the second is made when all is ready. */
  async function replay(rest: () => Generator<string>): Promise<{ bodies: Map<number, string>; outcome: unknown }> {
    const refused = Promise.withResolvers<void>()
    const given = Promise.withResolvers<void>()
    const bodies = new Map<number, string>()
    await using server = await FrameServer.start({
      onFrame: (connection, frame) => {
        if (frame.type !== 'DATA') return
        bodies.set(connection.index, (bodies.get(connection.index) ?? '') + Buffer.from(frame.data).toString())
        if (connection.index === 0) {
          connection.goaway(0)
          refused.resolve()
        } else if (frame.endStream) {
          connection.respond(frame.streamId)
        } else {
          for (const streamId of [0, frame.streamId]) {
            connection.send({ type: 'WINDOW_UPDATE', streamId, increment: frame.data.length })
          }
        }
      },
    })
    let lookups = 0
    const lookup: LookupFunction = (_host, _options, callback) => {
      const answer = (): void => callback(null, [{ address: '127.0.0.1', family: 4 }])
      if (lookups++ === 0) answer()
      else void given.promise.then(() => setImmediate(answer))
    }
    const body = async function* (): AsyncGenerator<string> {
      yield 'first'
      await refused.promise
      // Whoever has the connection's next octets has the GOAWAY before them.
      await server.until(() => server.open === 0)
      given.resolve()
      yield* rest()
    }
    await using pool = new Pool({ h2c: 'prior-knowledge', lookup })
    const sent = send(pool, { origin: server.origin, method: 'POST', path: '/', body: body() })
    return { bodies, outcome: await sent.catch((error: unknown) => error) }
  }

  test('what a source gives between two attempts is part of the second, however much it is', async () => {
    const much = 'x'.repeat(MAX_REPLAY_OCTETS)
    const { bodies } = await replay(function* () {
      yield much
      yield 'last'
    })
    assert.equal(bodies.get(0), 'first')
    assert.equal(bodies.get(1)?.length, 'first'.length + much.length + 'last'.length)
    assert.equal(bodies.get(1), `first${much}last`)
  })

  test('what a source gives between two attempts is an error of the second when it is one: a part is not taken for the whole', async () => {
    const { bodies, outcome } = await replay(function* () {
      yield* []
      throw new Error('the source broke')
    })
    assert.ok(outcome instanceof Error)
    assert.equal(outcome.message, 'the source broke')
    assert.equal(bodies.get(0), 'first')
  })
})

describe('what is kept of a streamed body', () => {
  const chunks: [string, (octets: number) => BodyChunk][] = [
    ['text', (octets) => 'x'.repeat(octets)],
    ['bytes', (octets) => new Uint8Array(octets)],
    // Not of the type, but taken from callers without types.
    ['ArrayBuffer', (octets) => new ArrayBuffer(octets) as unknown as BodyChunk],
  ]
  for (const [kind, make] of chunks) {
    test(`what is kept of a streamed body is bounded: chunks that are ${kind} count`, async () => {
      const source = new UploadBody([make(MAX_REPLAY_OCTETS), make(1)])
      const kept: boolean[] = []
      const sink = {
        onPiece: () => {
          kept.push(source.replayable)
          return true
        },
        onUploadEnd: () => kept.push(source.replayable),
        onUploadFailed: assert.fail,
      }
      source.attach(sink)
      assert.deepEqual(kept, [true, false, false])
    })
  }
})
