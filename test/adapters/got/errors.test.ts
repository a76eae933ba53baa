import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import got, { AbortError, type Got, HTTPError, ReadError, RequestError, TimeoutError } from 'got'
import { hyperGot } from '../../../adapters/got.ts'
import { HyperError, Pool, type PoolOptions } from '../../../src/index.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { jsonBody } from '../../support/routes.ts'

interface Bench extends AsyncDisposable {
  readonly origin: TestOrigin
  readonly got: Got
}

async function open(
  start: (routes: Routes) => Promise<TestOrigin>,
  routes: Routes = {},
  options: PoolOptions = {},
): Promise<Bench> {
  const origin = await start(routes)
  const pool = new Pool({ tls: { ca: origin.ca }, ...options })
  return {
    origin,
    got: got.extend(hyperGot({ pool }), { retry: { limit: 0 } }),
    async [Symbol.asyncDispose]() {
      await pool.destroy()
      await origin.close()
    },
  }
}

async function failure(promise: Promise<unknown>): Promise<RequestError> {
  const outcome: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof RequestError, `not a RequestError: ${String(outcome)}`)
  return outcome
}

const QUICK = {
  limit: 2,
  calculateDelay: ({ computedValue }: { computedValue: number }) => (computedValue > 0 ? 1 : 0),
}

for (const [name, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${name}: a status is an HTTPError with the response and its body`, async () => {
    await using bench = await open(start)
    const error = await failure(bench.got(`${bench.origin.origin}/status/404`))
    assert.ok(error instanceof HTTPError)
    assert.equal(error.code, 'ERR_NON_2XX_3XX_RESPONSE')
    assert.equal(error.response.statusCode, 404)
    assert.equal(error.response.body, 'status 404')
    const quiet = await bench.got(`${bench.origin.origin}/status/500`, { throwHttpErrors: false })
    assert.equal(quiet.statusCode, 500)
  })

  test(`${name}: got retries statuses it knows, and nothing else`, async () => {
    let calls = 0
    await using bench = await open(start, {
      '/flaky'(_call, answer) {
        calls++
        answer.head(calls < 3 ? 503 : 200)
        answer.end(`call ${calls}`)
      },
    })
    const response = await bench.got(`${bench.origin.origin}/flaky`, { retry: QUICK })
    assert.equal(response.body, 'call 3')
    assert.equal(response.retryCount, 2)
    calls = 0
    const post = await failure(bench.got.post(`${bench.origin.origin}/flaky`, { retry: QUICK }))
    assert.equal(post.response?.statusCode, 503)
    assert.equal(calls, 1)
  })

  test(`${name}: a connection lost before the headers is ECONNRESET, which got retries`, async () => {
    let calls = 0
    await using bench = await open(start, {
      '/flaky'(call, answer) {
        call.body.resume()
        calls++
        // The pool itself sends again what is safe to, once.
        if (calls < 3) return answer.cut()
        answer.head(200)
        answer.end(`call ${calls}`)
      },
    })
    const error = await failure(bench.got.post(`${bench.origin.origin}/flaky`, { json: {} }))
    assert.equal(error.code, 'ECONNRESET')
    calls = 0
    const response = await bench.got(`${bench.origin.origin}/flaky`, { retry: QUICK })
    assert.equal(response.body, 'call 3')
  })

  test(`${name}: a connection lost within the body is a ReadError: of a wrong length where there is one, else ECONNRESET`, async () => {
    await using bench = await open(start, {
      '/cut-open'(_call, answer) {
        answer.head(200)
        answer.write('only this')
        setTimeout(() => answer.cut(), 30)
      },
    })
    for (const [path, code] of [
      ['/cut', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'],
      ['/cut-open', 'ECONNRESET'],
    ] as const) {
      const error = await failure(bench.got(`${bench.origin.origin}${path}`))
      assert.ok(error instanceof ReadError)
      assert.equal(error.code, code)
      const stream = bench.got.stream(`${bench.origin.origin}${path}`)
      stream.resume()
      const [streamError] = (await once(stream, 'error', {})) as [RequestError]
      assert.equal(streamError.code, code)
    }
  })

  test(`${name}: a POST that is answered before its body is read gets its answer, whatever comes between head and end`, async () => {
    await using bench = await open(start, {
      '/early'(_call, answer) {
        answer.head(200)
        setTimeout(() => answer.end('answered'), 5)
      },
    })
    const url = `${bench.origin.origin}/early`
    for (const length of [2600, 200_000]) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => bench.got.post(url, { body: 'x'.repeat(length) }).text()),
      )
      assert.deepEqual(new Set(answers), new Set(['answered']))
    }
  })

  test(`${name}: a body that has arrived and is not read runs into the timeouts, as got's own does`, async () => {
    await using bench = await open(start)
    const stream = bench.got.stream(`${bench.origin.origin}/bytes/10`, { timeout: { read: 30 } })
    const [error] = (await once(stream, 'error')) as [Error]
    assert.ok(error instanceof TimeoutError)
    assert.equal(error.event, 'read')
  })

  test(`${name}: a truncated body is an error, coded or not`, async () => {
    await using bench = await open(start, {
      '/coded'(_call, answer) {
        answer.head(200, { 'content-encoding': 'gzip' })
        answer.write(Buffer.from('1f8b0800000000000003', 'hex'))
        setImmediate(() => answer.cut())
      },
    })
    assert.ok((await failure(bench.got(`${bench.origin.origin}/short`))) instanceof ReadError)
    assert.ok((await failure(bench.got(`${bench.origin.origin}/coded`))) instanceof ReadError)
  })

  test(`${name}: timeouts are got's TimeoutErrors and say which`, async () => {
    await using bench = await open(start)
    const { origin } = bench.origin
    for (const [phase, path] of [
      ['response', '/slow'],
      ['request', '/slow'],
      ['socket', '/slow'],
      ['read', '/slow-body'],
      ['socket', '/slow-body'],
      ['request', '/slow-body'],
    ] as const) {
      const error = await failure(bench.got(`${origin}${path}`, { timeout: { [phase]: 30 } }))
      assert.ok(error instanceof TimeoutError, `${phase}: ${error.name} ${error.message}`)
      assert.equal(error.event, phase)
      assert.equal(error.code, 'ETIMEDOUT')
      assert.equal(typeof error.timings.start, 'number')
    }
    const fine = await bench.got(`${origin}/json`, {
      timeout: {
        lookup: 10_000,
        connect: 10_000,
        secureConnect: 10_000,
        socket: 10_000,
        send: 10_000,
        response: 10_000,
      },
    })
    assert.equal(fine.statusCode, 200)
  })

  test(`${name}: an abort signal, before, while waiting and within the body`, async () => {
    await using bench = await open(start)
    const early = await failure(bench.got(`${bench.origin.origin}/json`, { signal: AbortSignal.abort() }))
    assert.ok(early instanceof AbortError)
    for (const path of ['/slow', '/slow-body']) {
      const controller = new AbortController()
      const pending = failure(bench.got(`${bench.origin.origin}${path}`, { signal: controller.signal }))
      setTimeout(() => controller.abort(), 20)
      assert.ok((await pending) instanceof AbortError, path)
    }
    const timed = await failure(bench.got(`${bench.origin.origin}/slow`, { signal: AbortSignal.timeout(20) }))
    assert.ok(timed instanceof TimeoutError)
    assert.deepEqual(await bench.got(`${bench.origin.origin}/json`).json(), jsonBody)
  })

  test(`${name}: destroying a stream ends its exchange and no other`, async () => {
    const { resolve, closed } = signal()
    await using bench = await open(start, {
      '/endless'(call, answer) {
        call.body.resume()
        answer.head(200)
        answer.write('begin')
        answer.stream.on('close', resolve)
      },
    })
    const stream = bench.got.stream(`${bench.origin.origin}/endless`)
    await once(stream, 'data')
    stream.destroy()
    await closed
    assert.equal((await bench.got(`${bench.origin.origin}/json`)).statusCode, 200)
  })

  test(`${name}: the body's own failure is an UploadError`, async () => {
    await using bench = await open(start)
    async function* broken(): AsyncGenerator<string> {
      yield 'begin'
      throw new Error('no more')
    }
    const error = await failure(bench.got.post(`${bench.origin.origin}/echo-length`, { body: broken() }))
    assert.equal(error.name, 'UploadError')
    assert.equal(error.message, 'no more')
  })

  test(`${name}: maxHeaderSize is kept`, async () => {
    await using bench = await open(start, {
      '/large'(_call, answer) {
        answer.head(200, { 'x-large': 'x'.repeat(4000) })
        answer.end()
      },
    })
    const error = await failure(bench.got(`${bench.origin.origin}/large`, { maxHeaderSize: 2000 }))
    assert.equal(error.code, 'HPE_HEADER_OVERFLOW')
    assert.equal((await bench.got(`${bench.origin.origin}/large`, { maxHeaderSize: 8000 })).statusCode, 200)
  })
}

function signal(): { resolve: () => void; closed: Promise<void> } {
  let resolve = (): void => {}
  const closed = new Promise<void>((done) => {
    resolve = done
  })
  return { resolve, closed }
}

test('a stream reset before the headers is ECONNRESET; its cause names the HTTP/2 code', async () => {
  await using bench = await open(startH2Origin)
  const error = await failure(bench.got(`${bench.origin.origin}/reset/2`))
  assert.equal(error.code, 'ECONNRESET')
  const { cause } = error.cause as Error
  assert.ok(cause instanceof HyperError)
  assert.equal(cause.code, 'ERR_HYPER_STREAM_RESET')
})

test('a refused stream is sent again by the pool, even a POST', async () => {
  let calls = 0
  await using bench = await open(startH2Origin, {
    '/refuse'(call, answer) {
      calls++
      if (calls === 1) return answer.reset(7)
      answer.head(200)
      call.body.pipe(answer.stream)
    },
  })
  assert.equal((await bench.got.post(`${bench.origin.origin}/refuse`, { json: [1] })).body, '[1]')
  assert.equal(calls, 2)
})

test('a port without a server is ECONNREFUSED, and an unknown name ENOTFOUND', async () => {
  const pool = new Pool()
  const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  assert.equal((await failure(client(`https://127.0.0.1:${port}/`))).code, 'ECONNREFUSED')
  assert.equal((await failure(client('https://nobody.invalid/', { dnsLookup: notFound }))).code, 'ENOTFOUND')
  await pool.destroy()
})

function notFound(_hostname: string, ...rest: unknown[]): void {
  const callback = rest.at(-1) as (error: Error) => void
  callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }))
}

test("the pool's own timeouts are ETIMEDOUT", async () => {
  await using hasty = await open(startH2Origin, {}, { headersTimeout: 30 })
  assert.equal((await failure(hasty.got(`${hasty.origin.origin}/slow`))).code, 'ETIMEDOUT')
  await using bench = await open(startH2Origin, {}, { bodyTimeout: 30 })
  const body = await failure(bench.got(`${bench.origin.origin}/slow-body`))
  assert.ok(body instanceof ReadError)
  assert.match(body.message, /no part of the body arrived from \S+ for 30 ms/)
})

test('a request that waits for its turn on a busy connection is not connecting', async () => {
  await using bench = await open(
    (routes) => startH2Origin(routes, { server: { settings: { maxConcurrentStreams: 1 } } }),
    {
      '/later'(_call, answer) {
        setTimeout(() => {
          answer.head(200)
          answer.end('later')
        }, 150)
      },
    },
  )
  await bench.got(`${bench.origin.origin}/json`)
  const get = (): Promise<{ body: string }> =>
    bench.got(`${bench.origin.origin}/later`, { timeout: { lookup: 100, connect: 100, secureConnect: 100 } })
  const both = await Promise.all([get(), get()])
  assert.deepEqual(
    both.map(({ body }) => body),
    ['later', 'later'],
  )
  assert.equal(bench.origin.connections, 1)
})
