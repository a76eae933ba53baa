/** undici's diagnostics messages: what a tracer hears, over both protocols. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Duplex, Readable } from 'node:stream'
import { test } from 'node:test'
import { Agent, WebSocket } from 'undici'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { startProxy } from '../../support/proxy.ts'
import { startEchoOrigin } from './echo-origin.ts'

interface Observed {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: string[]
  readonly completed: boolean
  addHeader(name: string, value: unknown): void
}

interface Message {
  readonly request: Observed
  readonly response?: { statusCode: number; statusText: string; headers: Buffer[] }
  readonly error?: Error & { code?: string }
  readonly trailers?: Buffer[]
  readonly chunk?: Buffer
  readonly socket?: { remoteAddress?: string; remotePort?: number }
  readonly headers?: string
  readonly connectParams?: { host: string; port: string; version: string | undefined }
}

/** Of a connection, or of a tunnel of a proxy. */
interface ProxyMessage {
  readonly connectParams: { readonly host?: string; readonly path?: string; readonly origin?: string }
  readonly socket?: { readonly alpnProtocol: string }
}

/** Listens to one origin until it is disposed of: other tests of this process are none of its business. */
function listen(names: readonly string[], origin: string, hear: (name: string, message: Message) => void): Disposable {
  const listeners = names.map((name) => {
    const listener = (message: unknown): void => {
      const { request, connectParams } = message as Message
      const about = request?.origin ?? `https://${connectParams?.host}`
      if (about === origin) hear(name.replace('undici:', ''), message as Message)
    }
    subscribe(name, listener)
    return { name, listener }
  })
  return {
    [Symbol.dispose]: () => {
      for (const { name, listener } of listeners) unsubscribe(name, listener)
    },
  }
}

const requestChannels = ['create', 'bodyChunkSent', 'bodySent', 'headers', 'bodyChunkReceived', 'trailers', 'error']
const all = [...requestChannels.map((name) => `undici:request:${name}`), 'undici:client:sendHeaders']

/** A span as @opentelemetry/instrumentation-undici makes one. */
interface Span {
  readonly url: string
  readonly method: string
  parent: unknown
  peer?: string
  status?: number
  contentType?: string
  ended: number
  error?: string
}

/** Does what that instrumentation does with the messages. */
function trace(origin: string, context: AsyncLocalStorage<string>): { spans: Span[] } & Disposable {
  const spans: Span[] = []
  const byRequest = new WeakMap<object, Span>()
  const names = ['create', 'headers', 'trailers', 'error'].map((name) => `undici:request:${name}`)
  const listener = listen([...names, 'undici:client:sendHeaders'], origin, (name, message) => {
    const { request, response, socket, error } = message
    if (name === 'request:create') {
      const span = { url: request.origin + request.path, method: request.method, parent: context.getStore(), ended: 0 }
      spans.push(span)
      byRequest.set(request, span)
      request.addHeader('traceparent', `00-${spans.length}`)
      return
    }
    const span = byRequest.get(request)
    if (span === undefined) return
    if (name === 'client:sendHeaders') span.peer = `${socket?.remoteAddress}:${socket?.remotePort}`
    if (name === 'request:headers' && response !== undefined) {
      span.status = response.statusCode
      for (let i = 0; i < response.headers.length; i += 2) {
        const field = String(response.headers[i]).toLowerCase()
        if (field === 'content-type') span.contentType = String(response.headers[i + 1])
      }
    }
    if (name === 'request:trailers') span.ended++
    if (name === 'request:error') {
      span.ended++
      span.error = String(error?.name)
    }
  })
  return Object.assign(listener, { spans })
}

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher & AsyncDisposable {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  test(`a tracer gives each request one span, and its header, over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin, { connections: 1 })
    const context = new AsyncLocalStorage<string>()
    using tracer = trace(origin.origin, context)
    // More at once than HTTP/1.1 can carry: those that wait keep their callers' context all the same.
    await Promise.all(
      ['a', 'b', 'c'].map((caller) =>
        context.run(caller, async () => {
          const { body } = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
          await body.dump()
        }),
      ),
    )
    assert.deepEqual(
      tracer.spans.map(({ url, method, parent, status, ended }) => [url, method, parent, status, ended]),
      ['a', 'b', 'c'].map((caller) => [`${origin.origin}/json`, 'GET', caller, 200, 1]),
    )
    for (const span of tracer.spans) {
      assert.equal(span.peer, `127.0.0.1:${origin.port}`)
      assert.equal(span.contentType, 'application/json')
    }
    const injected = origin.requests.map(({ headers }) => headers['traceparent'])
    assert.deepEqual(injected.sort(), ['00-1', '00-2', '00-3'])
  })

  test(`each message comes in order with what undici says in it over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const heard: string[] = []
    const requests = new Set<Observed>()
    using _ = listen(all, origin.origin, (name, { request, response, chunk, trailers }) => {
      requests.add(request)
      const { statusCode } = response ?? {}
      const detail = statusCode ?? chunk ?? (trailers === undefined ? '' : trailers.map(String).join())
      heard.push(`${name} ${detail}`.trim())
      if (response !== undefined) assert.ok(response.headers.every((part) => Buffer.isBuffer(part)))
    })
    const { body } = await dispatcher.request({
      origin: origin.origin,
      path: '/echo?q',
      method: 'POST',
      headers: { 'X-Own': '1' },
      body: Readable.from([Buffer.from('text')]),
    })
    await body.text()
    const [request, ...others] = requests
    assert.equal(others.length, 0)
    assert.ok(request !== undefined)
    assert.deepEqual(
      [request.origin, request.path, request.method, request.completed, request.headers.slice(0, 2)],
      [origin.origin, '/echo?q', 'POST', true, ['X-Own', '1']],
    )
    const inOrder = heard.filter((message) => !/SendHeaders|sendHeaders|bodySent|bodyChunkSent/.test(message))
    assert.equal(inOrder[0], 'request:create')
    assert.equal(inOrder[1], 'request:headers 200')
    assert.equal(inOrder[2], 'request:bodyChunkReceived text')
    assert.match(inOrder.at(-1) ?? '', /^request:trailers/)
    for (const message of ['client:sendHeaders', 'request:bodyChunkSent text', 'request:bodySent']) {
      assert.equal(heard.filter((one) => one === message).length, 1, `${message}: ${heard}`)
    }
  })

  test(`the message for sent headers comes before the one for the sent request, once, over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const heard: string[] = []
    using _ = listen(all, origin.origin, (name) => heard.push(name))
    // On a new connection and on one that is there, with a body and without.
    for (const body of [null, null, 'text']) {
      const options = { origin: origin.origin, path: '/echo', method: 'POST' as const, body }
      await (await dispatcher.request(options)).body.dump()
      const sent = heard.splice(0).filter((name) => name === 'client:sendHeaders' || name === 'request:bodySent')
      assert.deepEqual(sent, ['client:sendHeaders', 'request:bodySent'])
    }
  })

  test(`a request that fails is an error message, once, over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const context = new AsyncLocalStorage<string>()
    using tracer = trace(origin.origin, context)
    const slow = { origin: origin.origin, path: '/slow', method: 'GET' as const }
    await assert.rejects(dispatcher.request({ ...slow, headersTimeout: 30 }))
    await assert.rejects(dispatcher.request({ ...slow, signal: AbortSignal.timeout(30) }))
    assert.deepEqual(
      tracer.spans.map(({ error, ended }) => [error, ended]),
      [
        ['HeadersTimeoutError', 1],
        ['TimeoutError', 1],
      ],
    )
  })

  test(`connections are announced once over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const heard: unknown[] = []
    const names = ['undici:client:beforeConnect', 'undici:client:connected', 'undici:client:connectError']
    using _ = listen(names, origin.origin, (name, message) => {
      heard.push([name, message.connectParams?.version, message.socket?.remotePort])
    })
    await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
    assert.deepEqual(heard, [
      ['client:beforeConnect', undefined, undefined],
      ['client:connected', protocol === 'HTTP/2' ? 'h2' : 'h1', origin.port],
    ])
  })

  test(`other clients of undici still publish their messages beside ours over ${protocol}`, async () => {
    await using origin = await start()
    await using dispatcher = dispatcherFor(origin)
    const agent = new Agent({ connect: { ca: origin.ca } })
    const heard: string[] = []
    using _ = listen(all, origin.origin, (name) => heard.push(name))
    const options = { origin: origin.origin, path: '/json', method: 'GET' as const }
    await (await dispatcher.request(options)).body.dump()
    const ours = heard.splice(0)
    await (await agent.request(options)).body.dump()
    assert.deepEqual(heard.sort(), ours.sort())
    await agent.close()
  })
}

test('a tracer sees a WebSocket once, with its header, over HTTP/2', async () => {
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin)
  using tracer = trace(origin.origin, new AsyncLocalStorage())
  const socket = new WebSocket(origin.origin.replace('http', 'ws'), { dispatcher })
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  assert.deepEqual(
    tracer.spans.map(({ status, ended }) => [status, ended]),
    [[101, 1]],
  )
  assert.equal(origin.connects[0]?.['traceparent'], '00-1')
  await dispatcher.destroy()
})

test('a request that is sent twice is announced once', async () => {
  let calls = 0
  await using origin = await startH2Origin({
    '/refused-once'(_call, answer) {
      if (++calls === 1) answer.reset(7)
      else {
        answer.head(200)
        answer.end('second')
      }
    },
  })
  await using dispatcher = dispatcherFor(origin)
  using tracer = trace(origin.origin, new AsyncLocalStorage())
  const { body } = await dispatcher.request({ origin: origin.origin, path: '/refused-once', method: 'GET' })
  assert.equal(await body.text(), 'second')
  assert.deepEqual(
    tracer.spans.map(({ status, ended }) => [status, ended]),
    [[200, 1]],
  )
  assert.equal(origin.requests.at(-1)?.headers['traceparent'], '00-1')
})

test('a subscriber cannot add a field that cannot be sent', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  const thrown: unknown[] = []
  using _ = listen(['undici:request:create'], origin.origin, (_name, { request }) => {
    for (const [name, value] of [
      ['a b', 'x'],
      ['x-a', 'line\nbreak'],
      ['content-length', '5'],
      ['expect', '100-continue'],
    ]) {
      try {
        request.addHeader(String(name), String(value))
      } catch (error) {
        thrown.push((error as { code: string }).code)
      }
    }
  })
  await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  const invalid = 'UND_ERR_INVALID_ARG'
  assert.deepEqual(thrown, [invalid, invalid, invalid, 'UND_ERR_NOT_SUPPORTED'])
})

test('a subscriber adds fields of each kind of value that undici takes', async () => {
  await using origin = await startH2Origin()
  await using dispatcher = dispatcherFor(origin)
  using _ = listen(['undici:request:create'], origin.origin, (_name, { request }) => {
    request.addHeader('x-list', ['a', 'b'])
    request.addHeader('x-number', 5)
    request.addHeader('x-null', null)
    request.addHeader('x-undefined', undefined)
  })
  await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
  const raw = origin.requests[0]?.rawHeaders ?? []
  assert.deepEqual(raw.slice(raw.indexOf('x-list')), ['x-list', 'a', 'x-list', 'b', 'x-number', '5', 'x-null', ''])
})

for (const refused of [false, true]) {
  test(`the connection of an upgrade over HTTP/1.1 is announced${refused ? ' when it cannot be made' : ''}`, async () => {
    await using origin = await startH1Origin()
    origin.server.on('upgrade', (_request, socket: Duplex) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
    })
    if (refused) await origin.close()
    await using dispatcher = dispatcherFor(origin)
    const heard: string[] = []
    const ofClient = ['beforeConnect', 'connected', 'connectError'].map((name) => `undici:client:${name}`)
    const names = [...ofClient, 'undici:request:bodySent', ...all]
    using _ = listen(names, origin.origin, (name) => heard.push(name))
    const options = { ...{ origin: origin.origin }, path: '/', protocol: 'echo' }
    const outcome = await dispatcher.upgrade(options).then(
      ({ socket }) => socket.destroy(),
      (error: Error) => error,
    )
    assert.equal(outcome instanceof Error, refused)
    const wanted = refused ? ['connectError', 'error'] : ['connected', 'sendHeaders', 'bodySent', 'headers', 'trailers']
    const found = heard.map((name) => name.replace(/.*:/, '')).filter((name, i, every) => every.indexOf(name) === i)
    assert.deepEqual(found, ['create', 'beforeConnect', ...wanted])
  })
}

test('a tunnel through a proxy is announced before the connection that goes through it', async () => {
  await using origin = await startH2Origin()
  await using proxy = await startProxy()
  await using dispatcher = new HyperDispatcher({ connect: { ca: origin.ca }, proxy: proxy.url })
  const heard: unknown[] = []
  const names = ['undici:client:beforeConnect', 'undici:proxy:connected', 'undici:client:connected']
  const listeners = names.map((name) => {
    const listener = (message: unknown): void => {
      const { connectParams, socket } = message as ProxyMessage
      const about = `localhost:${origin.port}`
      if (connectParams.host === about || connectParams.path === about) {
        heard.push([name, connectParams.origin, socket?.alpnProtocol])
      }
    }
    subscribe(name, listener)
    return listener
  })
  const { body } = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
  await body.dump()
  for (const [i, name] of names.entries()) unsubscribe(name, listeners[i] ?? assert.fail())
  assert.deepEqual(heard, [
    ['undici:client:beforeConnect', undefined, undefined],
    ['undici:proxy:connected', new URL(proxy.url).origin, 'h2'],
    ['undici:client:connected', undefined, 'h2'],
  ])
})
