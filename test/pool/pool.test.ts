import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Pool, PoolClosedError, PoolDestroyedError } from '../../src/index.ts'
import { H1_CONNECTIONS, MAX_ORIGIN_ALIASES, MAX_REPLAY_OCTETS } from '../../src/limits.ts'
import { begin, rejection, send } from '../support/exchange.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { codedText, jsonBody, patternBytes } from '../support/routes.ts'

type Start = () => Promise<TestOrigin>

const protocols: [name: string, protocol: 'h2' | 'http/1.1', start: Start][] = [
  ['HTTP/2', 'h2', () => startH2Origin()],
  ['HTTP/1.1', 'http/1.1', () => startH1Origin()],
]

for (const [name, protocol, start] of protocols) {
  describe(`over ${name}`, () => {
    test('a GET gives status, fields and body', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const received = await send(pool, { origin: origin.origin, path: '/json' })
      assert.equal(received.status, 200)
      assert.equal(received.headers['content-type'], 'application/json')
      assert.deepEqual(JSON.parse(received.body.toString()), jsonBody)
      assert.equal(received.connection?.protocol, protocol)
      assert.equal(received.connection?.authorized, true)
      assert.equal(pool.stats().origins[0].protocol, protocol)
    })

    test('every kind of body arrives whole', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      async function* pieces(): AsyncGenerator<Uint8Array | string> {
        yield 'one '
        yield Buffer.from('two ')
        yield ''
        yield new Uint8Array([0x33])
      }
      const bodies = {
        text: ['grüße', 'grüße'],
        bytes: [Buffer.from('bytes'), 'bytes'],
        buffer: [new TextEncoder().encode('array buffer').buffer, 'array buffer'],
        blob: [new Blob(['a ', 'blob']), 'a blob'],
        'async iterable': [pieces(), 'one two 3'],
        iterable: [[Buffer.from('x'), Buffer.from('y')], 'xy'],
        function: [() => 'made anew', 'made anew'],
        empty: ['', ''],
        nothing: [null, ''],
      } as const
      for (const [kind, [body, expected]] of Object.entries(bodies)) {
        const received = await send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
        assert.equal(received.body.toString(), expected, kind)
        assert.equal(received.headers['x-method'], 'POST', kind)
      }
    })

    test('large bodies go both ways, octet for octet', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const body = patternBytes(3_000_000)
      const received = await send(pool, { origin: origin.origin, path: '/echo', method: 'PUT', body })
      assert.ok(received.body.equals(body))
    })

    test('trailers, informational responses and repeated fields are kept', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const trailers = await send(pool, { origin: origin.origin, path: '/trailers', headers: { te: 'trailers' } })
      assert.deepEqual(trailers.trailers, ['x-checksum', 'abc', 'x-second', '2'])
      const hints = await send(pool, { origin: origin.origin, path: '/103' })
      assert.deepEqual(hints.informational, [103])
      const cookies = await send(pool, { origin: origin.origin, path: '/set-cookie' })
      assert.deepEqual(cookies.headers['set-cookie'], ['a=1; Path=/', 'b=2; Path=/'])
    })

    test('HEAD, 204 and 304 have no body', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const head = await send(pool, { origin: origin.origin, path: '/json', method: 'HEAD' })
      assert.deepEqual([head.status, head.body.length], [200, 0])
      for (const status of [204, 304]) {
        const received = await send(pool, { origin: origin.origin, path: `/status/${status}` })
        assert.deepEqual([received.status, received.body.length], [status, 0])
      }
    })

    test('a paused exchange gets no data until it is resumed, and loses none', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/bytes/1000000' })
      const headers = handler.onHeaders.bind(handler)
      await new Promise<void>((resolve) => {
        handler.onHeaders = (...args) => {
          headers(...args)
          exchange.pause()
          resolve()
        }
      })
      // A sibling comes through meanwhile.
      const sibling = await send(pool, { origin: origin.origin, path: '/json' })
      assert.equal(sibling.status, 200)
      assert.deepEqual([handler.chunks.length, handler.settlements], [0, 0])
      exchange.resume()
      assert.ok((await handler.result).body.equals(patternBytes(1_000_000)))
    })

    test('an abort ends the exchange with its reason, and siblings live on', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      const reason = new Error('changed my mind')
      const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/slow' })
      const sibling = send(pool, { origin: origin.origin, path: '/json' })
      exchange.abort(reason)
      exchange.abort(new Error('again'))
      assert.equal(await rejection(handler.result), reason)
      assert.equal((await sibling).status, 200)
      assert.equal(handler.settlements, 1)
    })

    test('an AbortSignal ends the exchange with its reason, whenever it comes', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const early = AbortSignal.abort(new Error('early'))
      const before = send(pool, { origin: origin.origin, path: '/json', signal: early })
      assert.equal((await rejection(before)).message, 'early')
      const controller = new AbortController()
      const { handler } = begin(pool, { origin: origin.origin, path: '/slow-body', signal: controller.signal })
      handler.onData = () => controller.abort(new Error('in the body'))
      assert.equal((await rejection(handler.result)).message, 'in the body')
    })

    test('the deadlines for headers, body and the whole exchange end it with their codes', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const cases = [
        [{ path: '/slow', headersTimeout: 50 }, 'ERR_HYPER_HEADERS_TIMEOUT'],
        [{ path: '/slow-body', bodyTimeout: 50 }, 'ERR_HYPER_BODY_TIMEOUT'],
        [{ path: '/slow', timeout: 50 }, 'ERR_HYPER_REQUEST_TIMEOUT'],
      ] as const
      for (const [request, code] of cases) {
        const error = await rejection(send(pool, { origin: origin.origin, ...request }))
        assert.equal(error.code, code)
        assert.ok(error.message.includes(origin.origin), error.message)
      }
    })

    test('a connection cut before or within a response is an error that names the origin', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      for (const path of ['/cut', '/cut?headers']) {
        const error = await rejection(send(pool, { origin: origin.origin, path, method: 'POST' }))
        assert.equal(error.code, 'ERR_HYPER_CONNECTION_LOST', path)
        assert.ok(error.message.includes(origin.origin), error.message)
      }
      assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
    })

    test('a body that does not match its content-length is never handed over as complete', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      await assert.rejects(send(pool, { origin: origin.origin, path: '/short' }))
      assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
    })

    test('a request body that does not match its content-length is refused, and siblings live on', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      async function* short(): AsyncGenerator<string> {
        yield 'abc'
      }
      const request = { origin: origin.origin, path: '/echo', method: 'POST', headers: { 'content-length': '5' } }
      for (const body of ['abc', short()]) {
        const error = await rejection(send(pool, { ...request, body }))
        assert.equal(error.code, 'ERR_HYPER_REQUEST_CONTENT_LENGTH')
      }
      assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
    })

    test('a body source that fails ends the exchange with its error', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      async function* failing(): AsyncGenerator<string> {
        yield 'abc'
        throw new Error('disk on fire')
      }
      const sent = send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: failing() })
      assert.equal((await rejection(sent)).message, 'disk on fire')
      assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
    })

    test('a response longer than allowed is refused', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca }, maxResponseSize: 1000 })
      for (const path of ['/bytes/1001', '/bytes/1001?length']) {
        assert.equal(
          (await rejection(send(pool, { origin: origin.origin, path }))).code,
          'ERR_HYPER_RESPONSE_TOO_LARGE',
        )
      }
      assert.equal((await send(pool, { origin: origin.origin, path: '/bytes/1000' })).body.length, 1000)
    })

    test('a handler that throws ends its own exchange and nothing else', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      for (const step of ['onHeaders', 'onData'] as const) {
        const { handler } = begin(pool, { origin: origin.origin, path: '/json' })
        handler[step] = () => {
          throw new Error(`thrown in ${step}`)
        }
        assert.equal((await rejection(handler.result)).message, `thrown in ${step}`)
        assert.equal(handler.settlements, 1)
      }
      assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
    })

    test(`close() lets open and waiting exchanges finish and refuses new ones, over ${name}`, async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      const all = Array.from({ length: 5 }, () => send(pool, { origin: origin.origin, path: '/bytes/100000' }))
      const closed = pool.close()
      const late = await rejection(send(pool, { origin: origin.origin, path: '/json' }))
      assert.ok(late instanceof PoolClosedError)
      for (const { status } of await Promise.all(all)) assert.equal(status, 200)
      await closed
      assert.equal(pool.stats().connections, 0)
    })

    test('destroy() ends everything with the error given', async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      const all = Array.from({ length: 3 }, () => send(pool, { origin: origin.origin, path: '/slow' }))
      const reason = new Error('shutting down')
      const destroyed = pool.destroy(reason)
      for (const one of all) assert.equal(await rejection(one), reason)
      await destroyed
      assert.ok((await rejection(send(pool, { origin: origin.origin, path: '/json' }))) instanceof PoolDestroyedError)
    })

    test('destroy() while connecting ends those who wait', async () => {
      await using origin = await start()
      const pool = new Pool({ tls: { ca: origin.ca } })
      const one = send(pool, { origin: origin.origin, path: '/json' })
      await pool.destroy()
      assert.ok((await rejection(one)) instanceof PoolDestroyedError)
    })

    test('an idle connection is closed after its time, and the next request makes a new one', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca }, idleTimeout: 30 })
      await send(pool, { origin: origin.origin, path: '/json' })
      while (pool.stats().connections > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
      assert.equal(origin.connections, 2)
    })

    test('a GET whose kept connection was cut meanwhile is sent again by itself', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/json' })
      const again = send(pool, { origin: origin.origin, path: '/json' })
      origin.cutAll()
      assert.equal((await again).status, 200)
    })

    test('coded bodies are handed on as they came', async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca: origin.ca } })
      const received = await send(pool, { origin: origin.origin, path: '/gzip' })
      assert.equal(received.headers['content-encoding'], 'gzip')
      assert.ok(received.body.length < codedText.length)
    })
  })
}

test('concurrent first requests share one dial and one HTTP/2 connection', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const all = Array.from({ length: 100 }, () => send(pool, { origin: origin.origin, path: '/json' }))
  for (const { status } of await Promise.all(all)) assert.equal(status, 200)
  assert.equal(origin.connections, 1)
})

test('an HTTP/1.1 answer turns those who wait to as many connections as allowed', async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca }, connections: 4 })
  const all = Array.from({ length: 20 }, () => send(pool, { origin: origin.origin, path: '/json' }))
  for (const { status } of await Promise.all(all)) assert.equal(status, 200)
  assert.equal(origin.connections, 4)
})

test('an HTTP/1.1 origin gets so many connections and no more, unless told otherwise', async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const exchanges = Array.from({ length: H1_CONNECTIONS + 6 }, () =>
    begin(pool, { origin: origin.origin, path: '/slow' }),
  )
  while (pool.stats().active < H1_CONNECTIONS) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual([origin.connections, pool.stats().waiting], [H1_CONNECTIONS, 6])
  for (const { exchange } of exchanges) exchange.abort()
  for (const { handler } of exchanges) await rejection(handler.result)
})

test('requests beyond the limit of streams wait in order', async () => {
  await using origin = await startH2Origin({}, { server: { settings: { maxConcurrentStreams: 3 } } })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  await send(pool, { origin: origin.origin, path: '/json' })
  const order: number[] = []
  const all = Array.from({ length: 20 }, async (_, index) => {
    const received = await send(pool, { origin: origin.origin, path: '/json' })
    order.push(index)
    return received
  })
  assert.ok(pool.stats().active <= 3)
  for (const { status } of await Promise.all(all)) assert.equal(status, 200)
  assert.equal(order.length, 20)
  assert.equal(origin.connections, 1)
})

test('a cold burst beyond the limit loses nothing', async () => {
  await using origin = await startH2Origin({}, { server: { settings: { maxConcurrentStreams: 10 } } })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const all = Array.from({ length: 50 }, () => send(pool, { origin: origin.origin, path: '/json' }))
  for (const { status } of await Promise.all(all)) assert.equal(status, 200)
})

test('with more connections allowed, requests beyond the limit open another', async () => {
  await using origin = await startH2Origin({}, { server: { settings: { maxConcurrentStreams: 2 } } })
  await using pool = new Pool({ tls: { ca: origin.ca }, connections: 3 })
  await send(pool, { origin: origin.origin, path: '/json' })
  const exchanges = Array.from({ length: 6 }, () => begin(pool, { origin: origin.origin, path: '/slow' }))
  while (pool.stats().active < 6) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(origin.connections, 3)
  for (const { exchange, handler } of exchanges) {
    exchange.abort()
    await rejection(handler.result)
  }
})

test('an upload that waits for its limit does not read its source before it has its turn', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca }, maxConcurrentStreams: 1 })
  const first = begin(pool, { origin: origin.origin, path: '/slow' })
  let read = false
  async function* source(): AsyncGenerator<string> {
    read = true
    yield 'now'
  }
  const second = send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: source() })
  await send(pool, { origin: origin.origin, path: '/json', timeout: 100 }).catch(() => {})
  assert.equal(read, false)
  first.exchange.abort()
  assert.equal((await second).body.toString(), 'now')
})

test('GOAWAY lets accepted streams finish and moves the others to a new connection, POST included', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  await send(pool, { origin: origin.origin, path: '/json' })
  const first = begin(pool, { origin: origin.origin, path: '/slow' })
  await once(origin.server, 'stream')
  const [session] = origin.sessions
  // Streams above the one that is open were never seen.
  session.goaway(0, 3)
  const second = send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: 'moved' })
  assert.equal((await second).body.toString(), 'moved')
  first.exchange.abort()
  await rejection(first.handler.result)
  assert.equal(origin.connections, 2)
})

test('REFUSED_STREAM is sent again, and not for ever', async () => {
  let calls = 0
  await using origin = await startH2Origin((stream) => {
    calls++
    if (calls < 3) {
      stream.close(7)
    } else {
      stream.respond({ ':status': 200 })
      stream.end('at last')
    }
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const post = { origin: origin.origin, path: '/', method: 'POST', body: 'x' }
  assert.equal((await send(pool, post)).body.toString(), 'at last')
  calls = Number.NEGATIVE_INFINITY
  const error = await rejection(send(pool, post))
  assert.equal(error.code, 'ERR_HYPER_STREAM_RESET')
})

test('a refused upload from a stream is sent again whole, as long as only a little of the stream was read', async () => {
  let refusals = 0
  await using origin = await startH2Origin((stream) => {
    if (refusals-- > 0) {
      stream.close(7)
      return
    }
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  async function* pieces(size: number): AsyncGenerator<string> {
    for (const letter of 'abc') {
      yield letter.repeat(size)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const post = { origin: origin.origin, path: '/', method: 'POST' }
  refusals = 2
  const small = await send(pool, { ...post, body: pieces(10) })
  assert.equal(small.body.toString(), 'aaaaaaaaaabbbbbbbbbbcccccccccc')
  refusals = 1
  const list = await send(pool, { ...post, body: ['x', 'y'] })
  assert.equal(list.body.toString(), 'xy')
  refusals = 1
  const large = await rejection(send(pool, { ...post, body: [Buffer.alloc(MAX_REPLAY_OCTETS + 1), 'more'] }))
  assert.equal(large.code, 'ERR_HYPER_STREAM_RESET')
})

test('the source of a body is closed when its exchange is over, and not before', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  let closed = 0
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        yield 'again '
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      closed++
    }
  }
  const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: endless() })
  await new Promise<void>((resolve) => {
    handler.onData = () => resolve()
  })
  assert.equal(closed, 0)
  exchange.abort(new Error('enough'))
  await rejection(handler.result)
  while (closed === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(closed, 1)
})

test('a reset by the server carries its code', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const error = await rejection(send(pool, { origin: origin.origin, path: '/reset/11' }))
  assert.equal(error.code, 'ERR_HYPER_STREAM_RESET')
  assert.equal('http2ErrorCode' in error && error.http2ErrorCode, 11)
  assert.match(error.message, /ENHANCE_YOUR_CALM/)
})

test('an aborted stream is cancelled at the server with CANCEL', async () => {
  await using origin = await startH2Origin((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('x')
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const { exchange, handler } = begin(pool, { origin: origin.origin, path: '/' })
  const streamed = once(origin.server, 'stream')
  handler.onData = () => exchange.abort()
  const [stream] = await streamed
  await once(stream, 'close')
  assert.equal(stream.rstCode, 8)
})

test('request trailers arrive at the server', async () => {
  await using origin = await startH2Origin((stream) => {
    stream.resume()
    stream.once('trailers', (trailers) => {
      stream.respond({ ':status': 200 })
      stream.end(String(trailers['x-sum']))
    })
  })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const request = { origin: origin.origin, path: '/', method: 'POST' }
  const given = await send(pool, { ...request, body: 'body', trailers: { 'X-Sum': '1' } })
  assert.equal(given.body.toString(), '1')
  const made = await send(pool, { ...request, body: ['a'], trailers: () => ({ 'x-sum': '2' }) })
  assert.equal(made.body.toString(), '2')
  const alone = await send(pool, { ...request, trailers: { 'x-sum': '3' } })
  assert.equal(alone.body.toString(), '3')
})

test('http: origins speak HTTP/1.1, and HTTP/2 with prior knowledge', async () => {
  await using plain = await startH1Origin({}, { plain: true })
  await using h2c = await startH2Origin({}, { plain: true })
  await using pool = new Pool()
  const first = await send(pool, { origin: plain.origin, path: '/json' })
  assert.equal(first.connection?.protocol, 'http/1.1')
  const second = await send(pool, { origin: h2c.origin, path: '/json', connect: { h2c: 'prior-knowledge' } })
  assert.equal(second.connection?.protocol, 'h2')
  assert.equal(second.status, 200)
})

test('allowH2: false speaks HTTP/1.1 to a server of both', async () => {
  await using origin = await startH2Origin({}, { server: { allowHTTP1: true } })
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const request = { origin: origin.origin, path: '/json' }
  assert.equal((await send(pool, request)).connection?.protocol, 'h2')
  assert.equal((await send(pool, { ...request, connect: { allowH2: false } })).connection?.protocol, 'http/1.1')
  assert.equal(origin.connections, 2)
})

test('an idle pool does not keep the process alive', async () => {
  await using origin = await startH2Origin()
  await using h1 = await startH1Origin()
  const { execFile } = await import('node:child_process')
  const { promisify } = await import('node:util')
  const script = `
    import { Pool } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    const pool = new Pool({ tls: { ca: process.env.CA } })
    for (const origin of [process.env.H2, process.env.H1]) {
      await new Promise((resolve, reject) => pool.dispatch({ origin, method: 'GET', path: '/json' }, {
        onHeaders() {}, onData() {}, onEnd: resolve, onError: reject,
      }))
    }
    console.log(pool.stats().connections)`
  const env = { ...process.env, CA: origin.ca, H2: origin.origin, H1: h1.origin }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env })
  assert.equal(stdout.trim(), '2')
})

test('origins are remembered by their spelling, but not without end', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const spellings = Array.from({ length: MAX_ORIGIN_ALIASES + 10 }, (_, index) => `${origin.origin}/${index}`)
  for (const spelling of spellings) begin(pool, { origin: spelling, path: '/json' }).exchange.abort()
  assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
  const remembered: unknown = Reflect.get(pool, 'bySpelling')
  assert.ok(remembered instanceof Map && remembered.size <= MAX_ORIGIN_ALIASES)
  assert.equal(pool.stats().origins.length, 1)
})

test('over HTTP/1.1 a connection on which an exchange was broken off is not used again', async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool({ tls: { ca: origin.ca }, connections: 1 })
  async function* failing(): AsyncGenerator<string> {
    yield 'abc'
    throw new Error('disk on fire')
  }
  async function* good(): AsyncGenerator<string> {
    yield 'whole'
  }
  const post = { origin: origin.origin, path: '/echo', method: 'POST' }
  for (let i = 0; i < 5; i++) {
    assert.equal((await rejection(send(pool, { ...post, body: failing() }))).message, 'disk on fire')
    assert.equal((await send(pool, { ...post, body: good() })).body.toString(), 'whole')
  }
})
