import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { errors, interceptors } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { Recorder } from '../../support/recorder.ts'
import { patternBytes } from '../../support/routes.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
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

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  test(`a handler that aborts in onResponseStarted hears of no headers over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const recorder = new Recorder()
    const reason = new Error('not this one')
    recorder.onResponseStarted = () => recorder.controller?.abort(reason)
    dispatcher.dispatch({ origin: origin.origin, path: '/json', method: 'GET' }, recorder)
    await recorder.done
    // Whatever else it were told, it would be by now.
    await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
    assert.deepEqual(recorder.heard, ['start', 'error'])
    assert.equal(recorder.error, reason)
  })

  for (const name of [
    'onRequestStart',
    'onResponseStarted',
    'onResponseStart',
    'onResponseData',
    'onResponseEnd',
  ] as const) {
    test(`what ${name} throws reaches the handler unchanged, also when it is not an Error, over ${protocol}`, async () => {
      await using origin = await start()
      await using dispatcher = dispatcherFor(origin)
      const recorder = new Recorder()
      recorder[name] = () => {
        throw 'no error'
      }
      dispatcher.dispatch({ origin: origin.origin, path: '/json', method: 'GET' }, recorder)
      await recorder.done
      assert.equal(recorder.error, 'no error')
    })
  }

  test(`what a body throws reaches the handler unchanged, also when it is not an Error, over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const body = async function* () {
      yield 'some text'
      throw 'no error'
    }
    const options = { origin: origin.origin, path: '/echo', method: 'POST' as const }
    await assert.rejects(
      // undici's types leave out the iterables that it takes.
      dispatcher.request({ ...options, body: body() as unknown as Readable }),
      (error) => error === 'no error',
    )
  })
}

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
