/** What a caller does within a callback, or within a function that makes a body, breaks nothing and loses nothing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { ConnectError, ConnectionLostError, type ExchangeHandler, Pool } from '../../src/index.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { patternBytes } from '../support/routes.ts'

const protocols: [string, () => Promise<TestOrigin>][] = [
  ['HTTP/2', () => startH2Origin()],
  ['HTTP/1.1', () => startH1Origin()],
]

test('what is dispatched when a dial has failed, in place of another that waited, has a dial of its own', async () => {
  await using origin = await startH1Origin()
  let lookups = 0
  const lookup: LookupFunction = (_host, _options, callback) => {
    if (lookups++ === 0) callback(new Error('not yet'), [])
    else callback(null, [{ address: '127.0.0.1', family: 4 }])
  }
  await using pool = new Pool({ tls: { ca: origin.ca }, lookup })
  const request = { origin: origin.origin, path: '/json' }
  const [first, second, third] = [begin(pool, request), begin(pool, request), begin(pool, request)]
  const replaced = new Promise<number>((resolve, reject) => {
    first.handler.onError = () => {
      second.exchange.abort()
      send(pool, request).then(({ status }) => resolve(status), reject)
    }
  })
  assert.equal(await replaced, 200)
  assert.equal((await rejection(second.handler.result)).code, 'ERR_HYPER_ABORTED')
  assert.equal((await rejection(third.handler.result)).code, 'ERR_HYPER_CONNECT')
})

for (const [name, start] of protocols) {
  describe(`over ${name}`, () => {
    test('an abort within the function that makes the body: one error, after dispatch, and nothing more', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      const controller = new AbortController()
      const body = (): string => {
        controller.abort(new Error('within'))
        return 'x'
      }
      const heard: string[] = []
      const request = { origin: origin.origin, path: '/echo', method: 'POST', body, signal: controller.signal }
      const settled = new Promise<void>((resolve) => {
        const handler: ExchangeHandler = {
          onHeaders: () => heard.push('headers'),
          onData: () => heard.push('data'),
          onEnd: () => heard.push('end'),
          onError: (error) => {
            heard.push(error.message)
            resolve()
          },
        }
        pool.dispatch(request, handler)
        heard.push('dispatched')
      })
      await settled
      await send(pool, { origin: origin.origin, path: '/json' })
      assert.deepEqual(heard, ['dispatched', 'within'])
    })

    test(`close() within the function that makes the body lets the request finish, over ${name}`, async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      let closed: Promise<void> | undefined
      const body = (): string => {
        closed ??= pool.close()
        return 'last words'
      }
      const received = await send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
      assert.equal(received.body.toString(), 'last words')
      await closed
    })

    test('a dispatch within the function that makes the body takes its turn', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca }, connections: 1, maxConcurrentStreams: 1 })
      await send(pool, { origin: origin.origin, path: '/json' })
      let inner: ReturnType<typeof send> | undefined
      const body = (): string => {
        inner ??= send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: 'inner' })
        return 'outer'
      }
      const outer = await send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
      assert.equal(outer.body.toString(), 'outer')
      assert.equal((await inner)?.body.toString(), 'inner')
    })

    test('a function that dispatches each time it makes the body does not lose its own turn', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca }, connections: 1, maxConcurrentStreams: 1 })
      await send(pool, { origin: origin.origin, path: '/json' })
      const inner: ReturnType<typeof send>[] = []
      const body = (): string => {
        inner.push(send(pool, { origin: origin.origin, path: '/json' }))
        return 'outer'
      }
      const outer = await send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
      assert.equal(outer.body.toString(), 'outer')
      assert.equal(inner.length, 1)
      assert.equal((await inner[0]).status, 200)
    })

    test('what was dispatched by a function whose request then fails takes its turn', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca }, connections: 1, maxConcurrentStreams: 1 })
      await send(pool, { origin: origin.origin, path: '/json' })
      let inner: ReturnType<typeof send> | undefined
      const body = (): string => {
        inner = send(pool, { origin: origin.origin, path: '/json' })
        throw new Error('no body today')
      }
      const outer = send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
      assert.equal((await rejection(outer)).message, 'no body today')
      assert.equal((await inner)?.status, 200)
    })

    test('pausing and resuming within onData loses nothing of what was withheld', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/bytes/300000' })
      const onHeaders = handler.onHeaders.bind(handler)
      handler.onHeaders = (...args) => {
        onHeaders(...args)
        exchange.pause()
        setTimeout(() => exchange.resume(), 30)
      }
      const onData = handler.onData.bind(handler)
      handler.onData = (chunk) => {
        onData(chunk)
        exchange.pause()
        exchange.resume()
      }
      assert.ok((await handler.result).body.equals(patternBytes(300_000)))
    })

    test('a signal that has come already sends nothing', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      const request = { origin: origin.origin, path: '/echo', method: 'POST', body: 'x' }
      const aborted = send(pool, { ...request, signal: AbortSignal.abort(new Error('before')) })
      assert.equal((await rejection(aborted)).message, 'before')
      await send(pool, { origin: origin.origin, path: '/json' })
      assert.equal(origin.requests.length, 2)
    })

    test('an error of the body itself is final, whatever its class', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      let made = 0
      const body = async function* (): AsyncGenerator<string> {
        made++
        yield 'x'
        throw new ConnectError('the body has its own troubles', { phase: 'tcp' })
      }
      const sent = send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: () => body() })
      assert.equal((await rejection(sent)).message, 'the body has its own troubles')
      assert.equal(made, 1)
    })

    test('destroy() with an error that could be retried ends everything with it', async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      const open = send(pool, { origin: origin.origin, path: '/slow' })
      const reason = new ConnectionLostError('the network is gone', { retryable: true })
      await pool.destroy(reason)
      assert.equal(await rejection(open), reason)
      assert.equal(origin.connections, 1)
    })

    test('time while paused does not count', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const request = { origin: origin.origin, path: '/bytes/3000000', bodyTimeout: 400 }
      const { exchange, handler } = begin(pool, request)
      const onHeaders = handler.onHeaders.bind(handler)
      handler.onHeaders = (...args) => {
        onHeaders(...args)
        exchange.pause()
        setTimeout(() => exchange.resume(), 900)
      }
      assert.equal((await handler.result).body.length, 3_000_000)
    })
  })
}

test('a stream whose request fails before it was read does not end the process', async () => {
  await using pool = new Pool()
  const body = new Readable({ read() {} })
  const error = await rejection(send(pool, { origin: 'http://127.0.0.1:1', path: '/', method: 'POST', body }))
  assert.equal(error.code, 'ERR_HYPER_CONNECT')
  assert.equal(body.destroyed, true)
})

test('a web stream that never yields is cancelled with its exchange', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  let cancelled: () => void = () => {}
  const cancelling = new Promise<void>((resolve) => {
    cancelled = resolve
  })
  const body = new ReadableStream<Uint8Array>({ cancel: () => cancelled() })
  const streamed = once(origin.server, 'stream')
  const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
  await streamed
  exchange.abort(new Error('enough'))
  assert.equal((await rejection(handler.result)).message, 'enough')
  await cancelling
})

test("an exception in a handler's last callback surfaces outside of the pool, and the other handlers are called", async (context) => {
  const surfaced: unknown[] = []
  const onUncaught = (error: unknown): void => {
    surfaced.push(error)
  }
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', onUncaught)
  context.after(() => {
    process.off('uncaughtException', onUncaught)
    for (const listener of before) process.on('uncaughtException', listener)
  })
  const pool = new Pool()
  const throwing = begin(pool, { origin: 'https://192.0.2.1', path: '/' })
  throwing.handler.onError = () => {
    throw new Error('thrown in onError')
  }
  const other = begin(pool, { origin: 'https://192.0.2.1', path: '/' })
  await pool.destroy(new Error('over'))
  assert.equal((await rejection(other.handler.result)).message, 'over')
  assert.deepEqual(surfaced.map(String), ['Error: thrown in onError'])
})

test('a complete response that waits for its reader does not mind that the upload goes on', async () => {
  await using origin = await startH2Origin((stream) => {
    stream.respond({ ':status': 200 })
    stream.end('early answer')
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  async function* slow(): AsyncGenerator<string> {
    for (let i = 0; i < 5; i++) {
      yield 'piece'
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/', method: 'POST', body: slow() })
  const onHeaders = handler.onHeaders.bind(handler)
  handler.onHeaders = (...args) => {
    onHeaders(...args)
    exchange.pause()
    setTimeout(() => exchange.resume(), 150)
  }
  assert.equal((await handler.result).body.toString(), 'early answer')
})

test('an upload echoed through small windows, paused and resumed, comes back whole', async () => {
  await using origin = await startH2Origin((stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  await using pool = new Pool({ tls: { ca: origin.ca }, streamWindow: 70_000 })
  const body = patternBytes(3_000_000)
  const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/', method: 'POST', body })
  const onHeaders = handler.onHeaders.bind(handler)
  handler.onHeaders = (...args) => {
    onHeaders(...args)
    exchange.pause()
    setTimeout(() => exchange.resume(), 100)
  }
  assert.ok((await handler.result).body.equals(body))
})
