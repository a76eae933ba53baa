import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Dispatcher, errors, interceptors, FormData as UndiciFormData } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startDualOrigin, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { patternBytes } from '../../support/routes.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

/** A handler of the newer form that writes down what it hears. */
class Recorder implements Dispatcher.DispatchHandler {
  readonly heard: string[] = []
  readonly done: Promise<void>
  controller: Dispatcher.DispatchController | null = null
  status = 0
  statusText: string | undefined
  headers: Record<string, string | string[] | undefined> = {}
  trailers: Record<string, string | string[] | undefined> = {}
  body = ''
  error: (Error & { code?: string }) | undefined
  private settle: () => void = () => {}

  constructor() {
    this.done = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.heard.push('start')
    this.controller = controller
  }

  onResponseStarted(): void {
    this.heard.push('started')
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText?: string,
  ): void {
    this.heard.push(`head ${status}`)
    this.status = status
    this.headers = headers
    this.statusText = statusText
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.heard.at(-1) !== 'data') this.heard.push('data')
    this.body += chunk.toString('latin1')
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: Record<string, string>): void {
    this.heard.push('end')
    this.trailers = trailers
    this.settle()
  }

  onResponseError(controller: Dispatcher.DispatchController | null, error: Error): void {
    this.heard.push(controller === null ? 'refused' : 'error')
    this.error = error
    this.settle()
  }
}

test('a handler hears start, headers, data, end in this order, with trailers', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  assert.equal(dispatcher.dispatch({ origin: origin.origin, path: '/trailers', method: 'GET' }, recorder), true)
  await recorder.done
  assert.deepEqual(recorder.heard, ['start', 'started', 'head 200', 'data', 'end'])
  assert.equal(recorder.body, 'hello')
  assert.deepEqual(recorder.trailers, { 'x-checksum': 'abc', 'x-second': '2' })
})

test('an informational response comes before the final one', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  dispatcher.dispatch({ origin: origin.origin, path: '/103', method: 'GET' }, recorder)
  await recorder.done
  assert.deepEqual(recorder.heard, ['start', 'started', 'head 103', 'head 200', 'data', 'end'])
})

test('a handler of the older form hears the same by its own names, with raw headers as Buffers', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const heard: unknown[] = []
  await new Promise<void>((resolve, reject) => {
    const handler = {
      onConnect: (abort: () => void) => heard.push(['connect', typeof abort]),
      onHeaders: (status: number, raw: Buffer[], resume: () => void) => {
        assert.ok(raw.every((part) => Buffer.isBuffer(part)))
        heard.push(['headers', status, raw.map(String).indexOf('x-twice') % 2, typeof resume])
        return true
      },
      onData: (chunk: Buffer) => {
        heard.push(['data', String(chunk)])
        return true
      },
      onComplete: (trailers: Buffer[]) => {
        heard.push(['complete', trailers.length])
        resolve()
      },
      onError: reject,
    }
    dispatcher.dispatch({ origin: origin.origin, path: '/set-cookie', method: 'GET' }, handler as object)
  })
  assert.deepEqual(heard, [
    ['connect', 'function'],
    ['headers', 200, 0, 'function'],
    ['data', 'cookies'],
    ['complete', 0],
  ])
})

test('onData of the older form pauses by returning false, and the resume function goes on', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  let octets = 0
  let pauses = 0
  await new Promise<void>((resolve, reject) => {
    let go: () => void = () => {}
    const handler = {
      onConnect() {},
      onHeaders(_status: number, _raw: Buffer[], resume: () => void) {
        go = resume
        return true
      },
      onData(chunk: Buffer) {
        octets += chunk.length
        pauses++
        setImmediate(() => go())
        return false
      },
      onComplete: () => resolve(),
      onError: reject,
    }
    dispatcher.dispatch({ origin: origin.origin, path: '/bytes/200000', method: 'GET' }, handler as object)
  })
  assert.equal(octets, 200_000)
  assert.ok(pauses > 1)
})

test('pause() holds the data back and resume() lets it go on', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  recorder.onResponseStart = (controller) => {
    recorder.heard.push('head')
    controller.pause()
    assert.equal(controller.paused, true)
    setTimeout(() => {
      recorder.heard.push('resume')
      controller.resume()
      assert.equal(controller.paused, false)
    }, 30)
  }
  dispatcher.dispatch({ origin: origin.origin, path: '/bytes/100000', method: 'GET' }, recorder)
  await recorder.done
  assert.deepEqual(recorder.heard, ['start', 'started', 'head', 'resume', 'data', 'end'])
  assert.equal(recorder.body.length, 100_000)
})

test('abort() in onRequestStart sends nothing and tells the handler at once', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  const reason = new Error('not now')
  recorder.onRequestStart = (controller) => controller.abort(reason)
  dispatcher.dispatch({ origin: origin.origin, path: '/json', method: 'GET' }, recorder)
  assert.deepEqual(recorder.heard, ['error'])
  assert.equal(recorder.error, reason)
  assert.equal(origin.requests.length, 0)
})

test('abort() without a reason gives RequestAbortedError, once, and nothing after it', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  recorder.onResponseData = (controller) => {
    Reflect.apply(controller.abort, controller, [])
    controller.abort(new Error('second'))
    assert.equal(controller.aborted, true)
  }
  dispatcher.dispatch({ origin: origin.origin, path: '/bytes/500000', method: 'GET' }, recorder)
  await recorder.done
  assert.deepEqual(recorder.heard, ['start', 'started', 'head 200', 'error'])
  assert.ok(recorder.error instanceof errors.RequestAbortedError)
  assert.equal(recorder.error.code, 'UND_ERR_ABORTED')
  const next = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
  assert.equal(next.statusCode, 200)
  await next.body.dump()
  assert.equal(origin.connections, 1)
})

test('what onResponseStart throws aborts the request with it', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  const thrown = new Error('handler failed')
  recorder.onResponseStart = () => {
    throw thrown
  }
  dispatcher.dispatch({ origin: origin.origin, path: '/json', method: 'GET' }, recorder)
  await recorder.done
  assert.deepEqual(recorder.heard, ['start', 'started', 'error'])
  assert.equal(recorder.error, thrown)
})

test('what onResponseEnd throws goes to onResponseError', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const recorder = new Recorder()
  const thrown = new Error('end failed')
  recorder.onResponseEnd = () => {
    throw thrown
  }
  dispatcher.dispatch({ origin: origin.origin, path: '/json', method: 'GET' }, recorder)
  await recorder.done
  assert.equal(recorder.error, thrown)
})

test('raw headers are a list that belongs to the handler', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const lists: unknown[] = []
  for (let i = 0; i < 2; i++) {
    const recorder = new Recorder()
    recorder.onResponseStart = (controller) => {
      const raw = controller.rawHeaders as string[]
      assert.equal(controller.rawHeaders, raw)
      lists.push([...raw].filter((part) => part !== 'date').includes('content-type'))
      raw.length = 0
    }
    dispatcher.dispatch({ origin: origin.origin, path: '/json', method: 'GET' }, recorder)
    await recorder.done
  }
  assert.deepEqual(lists, [true, true])
})

test('repeated fields become lists, a single set-cookie text', async () => {
  await using origin = await startH2Origin({
    '/one-cookie'(_call, answer) {
      answer.head(200, { 'set-cookie': 'only=1' })
      answer.end()
    },
  })
  await using dispatcher = dispatcherFor(origin)
  const two = await dispatcher.request({ origin: origin.origin, path: '/set-cookie', method: 'GET' })
  await two.body.dump()
  assert.deepEqual(two.headers['set-cookie'], ['a=1; Path=/', 'b=2; Path=/'])
  const one = await dispatcher.request({ origin: origin.origin, path: '/one-cookie', method: 'GET' })
  await one.body.dump()
  assert.equal(one.headers['set-cookie'], 'only=1')
})

const refusals: readonly [string, object, string][] = [
  ['a path without a slash', { path: 'x' }, 'path must be an absolute URL or start with a slash'],
  ['a path with a space', { path: '/a b' }, 'invalid request path'],
  ['a path that is no text', { path: 1 }, 'path must be a string'],
  ['a method that is no token', { method: 'G T' }, 'invalid request method'],
  ['a method that is no text', { method: 7 }, 'method must be a string'],
  ['a negative headersTimeout', { headersTimeout: -1 }, 'invalid headersTimeout'],
  ['a bodyTimeout that is no number', { bodyTimeout: Number.NaN }, 'invalid bodyTimeout'],
  ['maxRedirections', { maxRedirections: 3 }, 'maxRedirections is not supported, use the redirect interceptor'],
  ['throwOnError', { throwOnError: true }, 'invalid throwOnError'],
  ['a header name with a space', { headers: { 'a b': 'c' } }, 'invalid header key'],
  ['a header value with a line break', { headers: { foo: 'a\r\nb: c' } }, 'invalid foo header'],
  ['a header value that is an object', { headers: { foo: {} } }, 'invalid foo header'],
  ['an odd header list', { headers: ['a'] }, 'headers array must be even'],
  ['headers that are text', { headers: 'a: b' }, 'headers must be an object or an array'],
  ['transfer-encoding', { headers: { 'Transfer-Encoding': 'chunked' } }, 'invalid transfer-encoding header'],
  ['content-length that is no number', { headers: { 'content-length': 'x' } }, 'invalid content-length header'],
  [
    'two different content-lengths',
    { headers: ['content-length', '1', 'content-length', '2'] },
    'duplicate content-length header',
  ],
  [
    'a body of a wrong kind',
    { method: 'POST', body: 5 },
    'body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable',
  ],
  ['an origin that is missing', { origin: undefined }, 'opts.origin must be a non-empty string or URL.'],
  [
    'a dispatcher option',
    { dispatcher: {} },
    'opts.dispatcher is not supported by instance methods. Pass opts.dispatcher to the top-level undici functions or call the dispatcher instance method directly.',
  ],
]

for (const [what, options, message] of refusals) {
  test(`${what} is refused with UND_ERR_INVALID_ARG before anything is sent`, async () => {
    await using dispatcher = new HyperDispatcher()
    const recorder = new Recorder()
    const full = { origin: 'https://localhost:1', path: '/', method: 'GET', ...options }
    assert.equal(dispatcher.dispatch(full as Dispatcher.DispatchOptions, recorder), false)
    assert.deepEqual(recorder.heard, ['refused'])
    assert.ok(recorder.error instanceof errors.InvalidArgumentError)
    assert.equal(recorder.error.code, 'UND_ERR_INVALID_ARG')
    assert.equal(recorder.error.message, message)
  })
}

test('an expect header is refused with UND_ERR_NOT_SUPPORTED', async () => {
  await using dispatcher = new HyperDispatcher()
  const request = dispatcher.request({
    origin: 'https://localhost:1',
    path: '/',
    method: 'GET',
    headers: { expect: 'x' },
  })
  await assert.rejects(request, { code: 'UND_ERR_NOT_SUPPORTED' })
})

test('a handler that cannot be told of errors makes dispatch throw', async () => {
  await using dispatcher = new HyperDispatcher()
  const options = { origin: 'https://localhost:1', path: '/', method: 'GET' as const }
  assert.throws(() => dispatcher.dispatch(options, null as unknown as object), { code: 'UND_ERR_INVALID_ARG' })
  assert.throws(() => dispatcher.dispatch(options, {}), { code: 'UND_ERR_INVALID_ARG' })
})

const text = 'body of the request: ü'
const octets = Buffer.from(text)
const bodies: readonly [string, () => unknown][] = [
  ['text', () => text],
  ['a Buffer', () => octets],
  ['a Uint16Array', () => new Uint16Array(new Uint8Array([...octets, 0x21]).buffer)],
  ['an ArrayBuffer', () => new Uint8Array(octets).buffer],
  ['a Blob', () => new Blob([octets])],
  ['a Readable', () => Readable.from([octets.subarray(0, 5), octets.subarray(5)])],
  ['an iterable', () => [octets.subarray(0, 5), octets.subarray(5)].values()],
  [
    'an async generator',
    async function* () {
      yield octets.subarray(0, 5)
      yield text.slice(5)
    },
  ],
  ['a web stream', () => new Blob([octets]).stream()],
]

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'
  for (const [what, make] of bodies) {
    test(`${what} is a body over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const response = await dispatcher.request({
        origin: origin.origin,
        path: '/echo',
        method: 'POST',
        body: make() as string,
      })
      assert.equal((await response.body.text()).replace(/!$/, ''), text)
    })
  }

  for (const [whose, Form] of [
    ["undici's", UndiciFormData],
    ["Node's", FormData],
  ] as const) {
    test(`${whose} FormData is a body over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const form = new Form()
      form.append('field', 'one\ntwo')
      form.append('file', new Blob(['content'], { type: 'text/x-test' }), 'na"me.txt')
      const response = await dispatcher.request({
        origin: origin.origin,
        path: '/echo',
        method: 'POST',
        body: form as UndiciFormData,
      })
      const type = response.headers['content-type']
      assert.equal(typeof type, 'string')
      const bytes = await response.body.arrayBuffer()
      assert.equal(response.headers['x-content-length'], String(bytes.byteLength))
      const read = await new Response(bytes, { headers: { 'content-type': String(type) } }).formData()
      assert.equal(read.get('field'), 'one\r\ntwo')
      const file = read.get('file')
      assert.ok(file instanceof File)
      assert.deepEqual([file.name, file.type, await file.text()], ['na"me.txt', 'text/x-test', 'content'])
    })
  }

  test(`a body of no octets is no body over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const response = await dispatcher.request({ origin: origin.origin, path: '/echo', method: 'POST', body: '' })
    assert.equal(await response.body.text(), '')
    assert.equal(response.headers['x-content-length'], '0')
  })

  test(`a request body that fails aborts the request with its error over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const broken = new Error('source broke')
    const body = Readable.from(
      (async function* () {
        yield 'begin'
        throw broken
      })(),
    )
    const request = dispatcher.request({ origin: origin.origin, path: '/echo-length', method: 'POST', body })
    await assert.rejects(request, broken)
  })

  test(`headers in each shape arrive in lower case over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const shapes = [
      { 'X-One': '1', 'x-two': ['2', '3'], 'x-none': undefined, 'x-null': null },
      ['X-One', '1', 'x-two', '2', 'x-two', '3', 'x-null', ''],
      new Map<string, string | string[]>([
        ['X-One', '1'],
        ['x-two', ['2', '3']],
        ['x-null', ''],
      ]),
    ]
    for (const headers of shapes) {
      const { body } = await dispatcher.request({
        origin: origin.origin,
        path: '/headers',
        method: 'GET',
        headers: headers as string[],
      })
      const raw = (await body.json()) as string[]
      const own = raw.map((part, i) => [part, raw[i + 1]]).filter(([name], i) => i % 2 === 0 && /^x-/i.test(name))
      assert.deepEqual(own, [
        ['x-one', '1'],
        ['x-two', '2'],
        ['x-two', '3'],
        ['x-null', ''],
      ])
    }
  })
}

test('a stream that fails before the request is sent fails the request, and nothing else', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const body = createReadStream('/nonexistent/file')
  const recorder = new Recorder()
  dispatcher.dispatch({ origin: origin.origin, path: '/echo', method: 'POST', body }, recorder)
  await recorder.done
  assert.equal(recorder.error?.code, 'ENOENT')
})

test('a stream is destroyed when its request fails', async () => {
  await using dispatcher = new HyperDispatcher()
  const body = new Readable({ read() {} })
  const recorder = new Recorder()
  dispatcher.dispatch({ origin: 'http://localhost:1', path: '/', method: 'POST', body }, recorder)
  await recorder.done
  assert.equal(recorder.error?.code, 'ECONNREFUSED')
  assert.equal(body.destroyed, true)
})

test('query is appended to the path', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const { body } = await dispatcher.request({
    origin: origin.origin,
    path: '/json',
    method: 'GET',
    query: { a: 'x y', b: [1, 2] },
  })
  await body.dump()
  assert.equal(String(origin.requests[0]?.query), 'a=x+y&b=1&b=2')
})

test('a content-length that a fetch repeated ("4, 4") counts once', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const { body, headers } = await dispatcher.request({
    origin: origin.origin,
    path: '/echo',
    method: 'POST',
    headers: { 'content-length': '4, 4' },
    body: Readable.from([Buffer.from('text')]),
  })
  assert.equal(await body.text(), 'text')
  assert.equal(headers['x-content-length'], '4')
})

test('a host header becomes :authority, and the certificate is checked against its name', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const request = (host: string) =>
    dispatcher.request({
      origin: `https://127.0.0.1:${origin.port}`,
      path: '/headers',
      method: 'GET',
      headers: { host },
    })
  const { body } = await request('localhost')
  const raw = (await body.json()) as string[]
  assert.equal(raw[raw.indexOf(':authority') + 1], 'localhost')
  await assert.rejects(request('other.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('servername names who must be verified', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: `https://127.0.0.1:${origin.port}`, path: '/json', method: 'GET' as const }
  const fine = await dispatcher.request({ ...options, servername: 'localhost' } as Dispatcher.RequestOptions)
  assert.equal(fine.statusCode, 200)
  await fine.body.dump()
  const wrong = dispatcher.request({ ...options, servername: 'other.example' } as Dispatcher.RequestOptions)
  await assert.rejects(wrong, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('allowH2: false of a request is honoured', async () => {
  await using origin = await startDualOrigin()
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: origin.origin, path: '/json', method: 'GET' as const }
  await (await dispatcher.request(options)).body.dump()
  await (await dispatcher.request({ ...options, allowH2: false } as Dispatcher.RequestOptions)).body.dump()
  assert.deepEqual(
    origin.requests.map((call) => call.protocol),
    ['h2', 'http/1.1'],
  )
})

test('allowH2: false of the dispatcher is honoured', async () => {
  await using origin = await startDualOrigin()
  await using dispatcher = dispatcherFor(origin, { allowH2: false })
  await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  assert.equal(origin.requests[0]?.protocol, 'http/1.1')
})

test('onBodySent tells of each piece and onRequestSent of the end', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  for (const body of ['text', new Blob(['text']), Readable.from([Buffer.from('te'), Buffer.from('xt')])]) {
    const recorder = new Recorder()
    const sent: string[] = []
    const handler = Object.assign(recorder, {
      onBodySent: (chunk: Buffer) => void sent.push(String(chunk)),
      onRequestSent: () => void sent.push('.'),
    })
    dispatcher.dispatch({ origin: origin.origin, path: '/echo', method: 'POST', body: body as Readable }, handler)
    await recorder.done
    assert.equal(recorder.body, 'text')
    assert.equal(sent.join(''), 'text.')
  }
})

test('the methods stream and pipeline work', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const chunks: Buffer[] = []
  const { Writable } = await import('node:stream')
  await dispatcher.stream({ origin: origin.origin, path: '/bytes/70000', method: 'GET' }, () => {
    return new Writable({
      write(chunk: Buffer, _encoding, callback) {
        chunks.push(chunk)
        setImmediate(callback)
      },
    })
  })
  assert.deepEqual(Buffer.concat(chunks), patternBytes(70_000))
  const duplex = dispatcher.pipeline({ origin: origin.origin, path: '/echo', method: 'POST' }, ({ body }) => body)
  duplex.end('through the pipe')
  const parts: Buffer[] = []
  for await (const chunk of duplex) parts.push(chunk as Buffer)
  assert.equal(Buffer.concat(parts).toString(), 'through the pipe')
})

test('a signal aborts a request: an AbortSignal, and an EventEmitter', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: origin.origin, path: '/slow', method: 'GET' as const }
  const controller = new AbortController()
  const first = dispatcher.request({ ...options, signal: controller.signal })
  controller.abort()
  await assert.rejects(first, { name: 'AbortError' })
  const emitter = new EventEmitter()
  const second = dispatcher.request({ ...options, signal: emitter })
  setImmediate(() => emitter.emit('abort'))
  await assert.rejects(second, { code: 'UND_ERR_ABORTED' })
})

test('interceptors compose: redirect, decompress, dump, retry', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const options = { origin: origin.origin, method: 'GET' as const }
  const redirecting = dispatcher.compose(interceptors.redirect({ maxRedirections: 2 }))
  const redirected = await redirecting.request({ ...options, path: '/redirect' })
  assert.equal(((await redirected.body.json()) as { hello: string }).hello, 'world')
  const decompressing = dispatcher.compose([interceptors.decompress()])
  const decoded = await decompressing.request({ ...options, path: '/gzip' })
  assert.equal((await decoded.body.text()).length, 1984)
  assert.equal(decoded.headers['content-encoding'], undefined)
  const dumping = dispatcher.compose(interceptors.dump())
  assert.equal((await dumping.request({ ...options, path: '/json' })).statusCode, 200)
})

test('async context is kept from the call to its result', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const storage = new AsyncLocalStorage<number>()
  const found = await Promise.all(
    [1, 2, 3].map((id) =>
      storage.run(id, async () => {
        const { body } = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
        const seen = storage.getStore()
        await body.dump()
        return [id, seen, storage.getStore()]
      }),
    ),
  )
  for (const [id, ...seen] of found) assert.deepEqual(seen, [id, id])
})

test('connect and disconnect events name the origin and the dispatcher', async () => {
  await using origin = await startH2Origin()
  const dispatcher = dispatcherFor(origin)
  const connected = once(dispatcher, 'connect')
  await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  const [url, targets] = await connected
  assert.ok(url instanceof URL)
  assert.equal(url.origin, origin.origin)
  assert.deepEqual(targets, [dispatcher])
  const disconnected = once(dispatcher, 'disconnect')
  origin.cutAll()
  const [from, , error] = await disconnected
  assert.equal((from as URL).origin, origin.origin)
  assert.ok(error instanceof Error)
  await dispatcher.close()
})

test('a dispatcher on the process-wide pool hears of its connections once somebody listens', async () => {
  await using origin = await startH1Origin({}, { plain: true })
  await using dispatcher = new HyperDispatcher()
  const connected = once(dispatcher, 'connect')
  await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  const [url] = await connected
  assert.equal((url as URL).origin, origin.origin)
})

test('a connectionError event tells of a connection that could not be made', async () => {
  await using dispatcher = new HyperDispatcher({ connectTimeout: 1000 })
  const failed = once(dispatcher, 'connectionError')
  await assert.rejects(dispatcher.request({ origin: 'http://localhost:1', path: '/', method: 'GET' }), {
    code: 'ECONNREFUSED',
  })
  const [url, targets, error] = await failed
  assert.equal((url as URL).origin, 'http://localhost:1')
  assert.deepEqual(targets, [dispatcher])
  assert.equal((error as { code: string }).code, 'ECONNREFUSED')
})
