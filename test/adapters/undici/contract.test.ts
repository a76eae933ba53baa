/** What a handler, and whoever holds the dispatcher, may rely on: the same over both protocols. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type Dispatcher, errors } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { runModule } from '../../support/child.ts'
import { type Call, type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { Recorder } from '../../support/recorder.ts'
import { patternBytes } from '../../support/routes.ts'

type Start = (routes?: Routes) => Promise<TestOrigin>
type Controller = Dispatcher.DispatchController

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

/** The TLS connection that a call came by. */
function socketOf(call: Call): TLSSocket {
  return (
    call.protocol === 'h2'
      ? (call.body as ServerHttp2Stream).session?.socket
      : (call.body as unknown as IncomingMessage).socket
  ) as TLSSocket
}

/** A handler of the older form that writes down what it hears; `onData` in place of its own. */
function older(onData?: (chunk: Buffer, told: Told) => boolean): Told & { handler: object } {
  const told: Told = { heard: [], done: Promise.resolve(), resume: () => {}, abort: () => {}, error: undefined }
  const handler: Record<string, unknown> = {
    onConnect: (abort: Told['abort']) => {
      told.abort = abort
      told.heard.push('connect')
    },
    onResponseStarted: () => void told.heard.push('started'),
    onHeaders: (status: number, _raw: Buffer[], resume: () => void) => {
      told.resume = resume
      told.heard.push(status)
      // As the fetch of undici 7 answers to an informational response.
      return status >= 200
    },
    onData: (chunk: Buffer) => onData?.(chunk, told) ?? told.heard.push(String(chunk)) > 0,
  }
  told.done = new Promise((resolve) => {
    handler['onComplete'] = (trailers: Buffer[]) => resolve(void told.heard.push(trailers.map(String)))
    handler['onError'] = (error: Error) => {
      told.error = error
      resolve(void told.heard.push('error'))
    }
  })
  return Object.assign(told, { handler })
}

interface Told {
  readonly heard: unknown[]
  done: Promise<void>
  resume: () => void
  abort: (reason?: Error) => void
  error: Error | undefined
}

const routes: Routes = {
  '/early'(_call, answer) {
    answer.head(200)
    answer.end('early')
  },
  '/deaf': () => {},
}

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as readonly [string, Start][]) {
  const get = (origin: TestOrigin, path: string) => ({ origin: origin.origin, path, method: 'GET' as const })
  type Run = (origin: TestOrigin, dispatcher: HyperDispatcher) => Promise<void>
  const checkWith = (name: string, options: object, run: Run): void => {
    test(`${name} (${protocol})`, async () => {
      await using origin = await start(routes)
      await using dispatcher = dispatcherFor(origin, options)
      await run(origin, dispatcher)
    })
  }
  const check = (name: string, run: Run): void => checkWith(name, {}, run)

  check('callbacks come in order, and the trailers both ways', async (origin, dispatcher) => {
    const recorder = new Recorder()
    assert.equal(dispatcher.dispatch(get(origin, '/trailers'), recorder), true)
    await recorder.done
    assert.deepEqual(recorder.heard, ['start', 'started', 'head 200', 'data', 'end'])
    assert.deepEqual({ ...recorder.trailers }, { 'x-checksum': 'abc', 'x-second': '2' })
    const raw = recorder.controller?.rawTrailers as Buffer[]
    assert.deepEqual(raw.map(String), ['x-checksum', 'abc', 'x-second', '2'])
  })

  check('an informational response is told before the final one', async (origin, dispatcher) => {
    const recorder = new Recorder()
    dispatcher.dispatch(get(origin, '/103'), recorder)
    await recorder.done
    assert.deepEqual(recorder.heard, ['start', 'started', 'head 103', 'head 200', 'data', 'end'])
    const informed: unknown[] = []
    const onInfo = ({ statusCode, headers }: { statusCode: number; headers: object }): void => {
      informed.push([statusCode, { ...headers }])
    }
    const { body } = await dispatcher.request({ ...get(origin, '/103'), onInfo } as Dispatcher.RequestOptions)
    assert.equal(await body.text(), 'after hints')
    assert.deepEqual(informed, [[103, { link: '</style.css>; rel=preload' }]])
  })

  check('an older handler may pause at a 1xx, and hears trailers as Buffers', async (origin, dispatcher) => {
    const [hinted, trailed] = [older(), older()]
    dispatcher.dispatch(get(origin, '/103'), hinted.handler)
    dispatcher.dispatch(get(origin, '/trailers'), trailed.handler)
    await Promise.all([hinted.done, trailed.done])
    assert.deepEqual(hinted.heard, ['connect', 'started', 103, 200, 'after hints', []])
    assert.deepEqual(trailed.heard.at(-1), ['x-checksum', 'abc', 'x-second', '2'])
  })

  check('an older handler aborts by what it was given, and pauses by false', async (origin, dispatcher) => {
    const reason = new Error('enough')
    const aborting = older((_chunk, { abort }) => {
      abort(reason)
      return true
    })
    dispatcher.dispatch(get(origin, '/slow-body'), aborting.handler)
    await aborting.done
    assert.deepEqual([aborting.heard, aborting.error], [['connect', 'started', 200, 'error'], reason])
    let octets = 0
    let paused = false
    const pausing = older((chunk, { resume }) => {
      assert.equal(paused, false)
      octets += chunk.length
      paused = true
      setImmediate(() => {
        paused = false
        resume()
      })
      return false
    })
    dispatcher.dispatch(get(origin, '/bytes/400000'), pausing.handler)
    await pausing.done
    assert.equal(octets, 400_000)
  })

  checkWith('bodyTimeout does not count while paused', { bodyTimeout: 20 }, async (origin, dispatcher) => {
    const recorder = new Recorder()
    recorder.onResponseData = (controller) => controller.pause()
    dispatcher.dispatch(get(origin, '/slow-body'), recorder)
    await new Promise((resolve) => setTimeout(resolve, 150))
    assert.deepEqual(recorder.heard.at(-1), 'head 200')
    recorder.controller?.resume()
    await recorder.done
    assert.ok(recorder.error instanceof errors.BodyTimeoutError)
  })

  check('abort() in onRequestStart sends nothing and fails at once', async (origin, dispatcher) => {
    await (await dispatcher.request(get(origin, '/json'))).body.dump()
    const recorder = new Recorder()
    const reason = new Error('not now')
    let controller: Controller | undefined
    recorder.onRequestStart = (given) => {
      controller = given
      given.abort(reason)
    }
    dispatcher.dispatch(get(origin, '/json'), recorder)
    assert.deepEqual([recorder.heard, recorder.error], [['error'], reason])
    assert.deepEqual([controller?.aborted, controller?.reason], [true, reason])
    await (await dispatcher.request(get(origin, '/json'))).body.dump()
    assert.equal(origin.requests.length, 2)
  })

  check('abort() without a reason is RequestAbortedError, and after the end nothing', async (origin, dispatcher) => {
    const aborted = new Recorder()
    aborted.onResponseData = (controller) => {
      Reflect.apply(controller.abort, controller, [])
      controller.abort(new Error('second'))
    }
    dispatcher.dispatch(get(origin, '/bytes/500000'), aborted)
    await aborted.done
    assert.deepEqual(aborted.heard, ['start', 'started', 'head 200', 'error'])
    assert.ok(aborted.error instanceof errors.RequestAbortedError)
    const ended = new Recorder()
    dispatcher.dispatch(get(origin, '/json'), ended)
    await ended.done
    ended.controller?.abort(new Error('too late'))
    ended.controller?.resume()
    await new Promise(setImmediate)
    assert.deepEqual(ended.heard, ['start', 'started', 'head 200', 'data', 'end'])
  })

  for (const callback of ['onResponseStart', 'onResponseData', 'onResponseEnd'] as const) {
    check(`what ${callback} throws is the error of the request`, async (origin, dispatcher) => {
      const recorder = new Recorder()
      const thrown = new Error('handler failed')
      recorder[callback] = () => {
        throw thrown
      }
      dispatcher.dispatch(get(origin, '/json'), recorder)
      await recorder.done
      assert.equal(recorder.error, thrown)
      assert.equal(recorder.heard.filter((word) => word === 'error' || word === 'end').length, 1)
    })
  }

  check("raw headers are a list of the handler's own", async (origin, dispatcher) => {
    for (let i = 0; i < 2; i++) {
      const recorder = new Recorder()
      let names: string[] = []
      recorder.onResponseStart = ({ rawHeaders }) => {
        assert.ok(Array.isArray(rawHeaders))
        names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => String(name).toLowerCase())
        rawHeaders.length = 0
      }
      dispatcher.dispatch(get(origin, '/json'), recorder)
      await recorder.done
      assert.ok(names.includes('content-type'), String(names))
    }
  })

  check('onBodySent and onRequestSent tell of the body', async (origin, dispatcher) => {
    for (const body of ['text', Readable.from([Buffer.from('te'), Buffer.from('xt')])]) {
      const sent: string[] = []
      const handler = Object.assign(new Recorder(), {
        onBodySent: (chunk: Buffer) => void sent.push(String(chunk)),
        onRequestSent: () => void sent.push('.'),
      })
      dispatcher.dispatch({ ...get(origin, '/echo'), method: 'POST', body }, handler)
      await handler.done
      assert.deepEqual([sent.join(''), handler.body], ['text.', 'text'])
    }
  })

  check('an AbortSignal and an EventEmitter abort while waiting', async (origin, dispatcher) => {
    const reason = new Error('mine')
    const controller = new AbortController()
    const first = dispatcher.request({ ...get(origin, '/slow'), signal: controller.signal })
    setTimeout(() => controller.abort(reason), 20)
    await assert.rejects(first, reason)
    const emitter = new EventEmitter()
    const second = dispatcher.request({ ...get(origin, '/slow'), signal: emitter })
    setTimeout(() => emitter.emit('abort'), 20)
    await assert.rejects(second, { code: 'UND_ERR_ABORTED' })
    await (await dispatcher.request(get(origin, '/json'))).body.dump()
  })

  check('pipeline() carries a body both ways', async (origin, dispatcher) => {
    const duplex = dispatcher.pipeline({ ...get(origin, '/echo'), method: 'POST' }, ({ body }) => body)
    const content = patternBytes(200_000)
    Readable.from([content.subarray(0, 70_000), content.subarray(70_000)]).pipe(duplex)
    assert.deepEqual(Buffer.concat((await duplex.toArray()) as Buffer[]), content)
  })

  check('connect and disconnect events name the origin', async (origin, dispatcher) => {
    const connected = once(dispatcher, 'connect')
    const disconnected = once(dispatcher, 'disconnect')
    await (await dispatcher.request(get(origin, '/json'))).body.dump()
    assert.equal(((await connected)[0] as URL).origin, origin.origin)
    origin.cutAll()
    const [from, targets, error] = await disconnected
    assert.equal((from as URL).origin, origin.origin)
    assert.deepEqual(targets, [dispatcher])
    assert.equal((error as { code: string }).code, 'UND_ERR_SOCKET')
  })

  test(`close() waits for what is open, destroy() ends it, over ${protocol}`, async () => {
    await using origin = await start()
    const closing = dispatcherFor(origin)
    const request = closing.request(get(origin, '/bytes/300000'))
    const closed = closing.close()
    await assert.rejects(closing.request(get(origin, '/json')), errors.ClientClosedError)
    assert.equal((await (await request).body.arrayBuffer()).byteLength, 300_000)
    await closed
    for (const reason of [undefined, new Error('enough')]) {
      const destroying = dispatcherFor(origin)
      const { body } = await destroying.request(get(origin, '/slow-body'))
      const failed = body.text().catch((error: unknown) => error)
      await destroying.destroy(reason ?? null)
      const error = await failed
      if (reason === undefined) assert.ok(error instanceof errors.ClientDestroyedError)
      else assert.equal(error, reason)
    }
  })

  checkWith(
    'a connection that is idle for keepAliveTimeout is closed',
    { keepAliveTimeout: 50 },
    async (origin, dispatcher) => {
      const disconnected = once(dispatcher, 'disconnect')
      await (await dispatcher.request(get(origin, '/json'))).body.dump()
      await disconnected
      await (await dispatcher.request(get(origin, '/json'))).body.dump()
      assert.equal(origin.connections, 2)
    },
  )

  test(`a host header names the server to TLS and is checked against its certificate over ${protocol}`, async () => {
    const names: unknown[] = []
    await using origin = await start({
      '/who'(call, answer) {
        names.push([socketOf(call).servername, call.headers[':authority'] ?? call.headers['host']])
        answer.head(200)
        answer.end()
      },
    })
    await using dispatcher = dispatcherFor(origin)
    const who = { ...get(origin, '/who'), origin: `https://127.0.0.1:${origin.port}` }
    const ask = (headers: object, more = {}) => dispatcher.request({ ...who, headers, ...more } as typeof who)
    await (await ask({ host: 'localhost:1' })).body.dump()
    await (await ask({}, { servername: 'localhost' })).body.dump()
    assert.deepEqual(names, [
      ['localhost', 'localhost:1'],
      ['localhost', `127.0.0.1:${origin.port}`],
    ])
    await assert.rejects(ask({ host: 'other.example' }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await assert.rejects(ask({}, { servername: 'other.example' }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  check('a path may be a URL, and the length that a fetch repeats counts once', async (origin, dispatcher) => {
    const { body, headers } = await dispatcher.request({
      ...{ ...get(origin, `${origin.origin}/echo`), method: 'POST', body: Readable.from([Buffer.from('text')]) },
      ...{ headers: { 'content-length': '4, 4' }, __mockAgentBodyForDispatch: 'not this' },
    } as Dispatcher.RequestOptions)
    assert.deepEqual([await body.text(), headers['x-content-length']], ['text', '4'])
  })

  check('an answer that comes while the body is sent is given at once', async (origin, dispatcher) => {
    const upload = new Readable({ read() {} })
    upload.push('begin')
    const options = { ...get(origin, '/early'), method: 'POST' as const, body: upload }
    const { statusCode, body } = await dispatcher.request(options)
    assert.equal(statusCode, 200)
    upload.push(null)
    assert.equal(await body.text(), 'early')
  })

  check('a body is read no faster than the peer takes it', async (origin, dispatcher) => {
    let read = 0
    async function* flood(): AsyncGenerator<Buffer> {
      while (read < 256) {
        read++
        yield Buffer.alloc(1024 * 1024)
        await new Promise(setImmediate)
      }
    }
    const controller = new AbortController()
    const body = Readable.from(flood(), { objectMode: false })
    const options = { ...get(origin, '/deaf'), method: 'POST' as const, body, signal: controller.signal }
    const request = dispatcher.request(options)
    let before = -1
    while (before !== read || read === 0) {
      before = read
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    controller.abort()
    await assert.rejects(request, { name: 'AbortError' })
    assert.ok(read < 256, `${read} MiB were read`)
    assert.equal(body.destroyed, true)
  })

  check('an idle connection keeps no process alive', async ({ origin, ca }) => {
    const script = `
      const { HyperClient } = await import(root + 'adapters/undici.ts')
      const client = new HyperClient(process.env.ORIGIN, { connect: { ca: process.env.CA } })
      const { body } = await client.request({ path: '/json', method: 'GET' })
      console.log(JSON.stringify((await body.json()).hello))`
    assert.equal(await runModule(script, { ORIGIN: origin, CA: ca }), 'world')
  })
}

test('webSocketOptions and eventSourceOptions are those given, over the defaults of undici', async () => {
  await using plain = new HyperDispatcher()
  const options: object = { webSocket: { maxFragments: 7 }, eventSource: { maxEventSize: 9 } }
  await using given = new HyperDispatcher(options)
  assert.equal(given.webSocketOptions.maxFragments, 7)
  assert.equal(given.webSocketOptions.maxPayloadSize, plain.webSocketOptions.maxPayloadSize)
  assert.equal(given.eventSourceOptions.maxEventSize, 9)
})

test('a lost connection is SocketError that says which over HTTP/1.1', async () => {
  await using origin = await startH1Origin()
  await using dispatcher = dispatcherFor(origin)
  for (const path of ['/slow', '/slow-body']) {
    const asked = dispatcher.request({ origin: origin.origin, path, method: 'POST' })
    const failed = asked.then(({ body }) => body.text())
    if (path === '/slow') await once(origin.server, 'request')
    else await asked
    origin.cutAll()
    await assert.rejects(failed, (error: Error) => {
      assert.ok(error instanceof errors.SocketError)
      assert.equal(error.socket?.remotePort, origin.port)
      return true
    })
  }
})
