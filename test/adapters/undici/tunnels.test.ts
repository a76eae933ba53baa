/** CONNECT and WebSocket over HTTP/2, and over HTTP/1.1 where HTTP/2 cannot. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect as undiciConnect, WebSocket as WebSocket8 } from 'undici'
import { WebSocket as WebSocket6 } from 'undici6'
import { WebSocket as WebSocket7 } from 'undici7'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { Pool } from '../../../src/index.ts'
import { runModule } from '../../support/child.ts'
import { FrameServer } from '../../support/frame-server.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { startEchoOrigin } from './echo-origin.ts'

function dispatcherFor(origin: TestOrigin, options = {}): HyperDispatcher {
  return new HyperDispatcher({ connect: { ca: origin.ca }, ...options })
}

const url = (origin: TestOrigin, path = '/'): string => origin.origin.replace('http', 'ws') + path

type SocketClass = new (url: string, options: { dispatcher: object; protocols?: string[] }) => WebSocket

/** What comes back for these messages, and how the socket ended. */
async function talk(socket: WebSocket, messages: readonly (string | Buffer)[]): Promise<unknown> {
  const heard: unknown[] = []
  socket.binaryType = 'arraybuffer'
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve))
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('error', (event) => reject((event as unknown as { error: Error }).error))
    socket.addEventListener('open', () => {
      for (const message of messages) socket.send(message as string)
    })
    socket.addEventListener('message', ({ data }) => {
      heard.push(typeof data === 'string' ? data : Buffer.from(data))
      if (heard.length === messages.length) resolve()
    })
  })
  socket.close(1000, 'done')
  const { code, wasClean } = await closed
  return { heard, code, wasClean, protocol: socket.protocol }
}

const messages = ['hello', 'ü'.repeat(70_000), Buffer.alloc(200_000, 7)]

for (const [version, Class] of [
  [6, WebSocket6],
  [7, WebSocket7],
  [8, WebSocket8],
] as unknown as [number, SocketClass][]) {
  test(`WebSocket of undici ${version} goes over HTTP/2 where extended CONNECT is offered`, async () => {
    await using origin = await startEchoOrigin()
    const dispatcher = dispatcherFor(origin)
    const socket = new Class(url(origin, '/room?a=b'), { dispatcher, protocols: ['chat'] })
    assert.deepEqual(await talk(socket, messages), { heard: messages, code: 1000, wasClean: true, protocol: 'chat' })
    const [head] = origin.connects
    assert.deepEqual(
      [head?.[':protocol'], head?.[':path'], head?.['sec-websocket-version'], head?.['sec-websocket-key']],
      ['websocket', '/room?a=b', '13', undefined],
    )
    assert.equal(origin.connections, 1)
    await dispatcher.destroy()
  })

  test(`WebSocket of undici ${version} fails where the server refuses it over HTTP/2`, async () => {
    await using origin = await startEchoOrigin()
    const dispatcher = dispatcherFor(origin)
    const socket = new Class(url(origin, '/forbidden'), { dispatcher })
    await new Promise((resolve) => socket.addEventListener('error', resolve))
    assert.notEqual(socket.readyState, WebSocket.OPEN)
    await dispatcher.destroy()
  })
}

for (const [how, setUp] of [
  ['install()', 'install(dispatcher)'],
  ["undici's setGlobalDispatcher()", "const undici = await import('undici'); undici.setGlobalDispatcher(dispatcher)"],
  [
    'setGlobalDispatcher() of what compose() made',
    "const undici = await import('undici'); undici.setGlobalDispatcher(dispatcher.compose(undici.interceptors.retry()))",
  ],
] as const) {
  test(`Node's own WebSocket goes over HTTP/2 after ${how}`, async () => {
    await using origin = await startEchoOrigin()
    const found = await runModule(
      `
      const { HyperDispatcher, install } = await import(root + 'adapters/undici.ts')
      const dispatcher = new HyperDispatcher({ connect: { ca: process.env.CA } })
      ${setUp}
      const socket = new WebSocket(process.env.ORIGIN.replace('http', 'ws'))
      const message = await new Promise((resolve, reject) => {
        socket.onopen = () => socket.send('hello')
        socket.onmessage = (event) => resolve(event.data)
        socket.onerror = (event) => reject(event.error)
      })
      console.log(JSON.stringify(message))
      process.exit()
    `,
      { ORIGIN: origin.origin, CA: origin.ca },
    )
    assert.equal(found, 'hello')
    assert.equal(origin.connects.length, 1)
  })
}

test('several WebSockets and requests share one connection', async () => {
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin)
  await Promise.all(
    [1, 2, 3].map(async (i) => {
      const Class = WebSocket8 as unknown as SocketClass
      await talk(new Class(url(origin), { dispatcher }), [`message ${i}`])
      const { body } = await dispatcher.request({ origin: origin.origin, path: '/', method: 'GET' })
      assert.equal(await body.text(), 'plain')
    }),
  )
  assert.equal(origin.connections, 1)
  await dispatcher.destroy()
})

test('a WebSocket closes when its connection is lost', async () => {
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin)
  const socket = new WebSocket8(url(origin), { dispatcher })
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const closed = new Promise<{ code: number; wasClean: boolean }>((resolve) => {
    socket.addEventListener('close', resolve as () => void)
  })
  origin.cutAll()
  const { code, wasClean } = await closed
  assert.deepEqual([code, wasClean], [1006, false])
  await dispatcher.destroy()
})

test('upgrade() to WebSocket gives the socket of a stream of HTTP/2', async () => {
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin)
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  const { headers, socket } = await dispatcher.upgrade({
    ...{ origin: origin.origin },
    path: '/',
    protocol: 'websocket',
    headers: { 'sec-websocket-key': key, 'sec-websocket-version': '13' },
  })
  assert.equal(headers['upgrade'], 'websocket')
  // The accept of RFC 6455 section 1.3 for this very key.
  assert.equal(headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  // An unmasked frame is a broken rule: the server says so and closes.
  socket.end(Buffer.from([0x81, 0]))
  const [frame] = (await socket.toArray()) as Buffer[]
  assert.equal(frame?.[0], 0x88)
  await dispatcher.destroy()
})

for (const extended of [true, false]) {
  test(`connect() is a stream of HTTP/2${extended ? '' : ', extended CONNECT or not'}`, async () => {
    await using target = await startH1Origin({}, { plain: true })
    await using origin = await startEchoOrigin(extended)
    const dispatcher = dispatcherFor(origin)
    const path = `localhost:${target.port}`
    const { statusCode, socket } = await undiciConnect(`${origin.origin}/${path}`, { dispatcher })
    assert.equal(statusCode, 200)
    socket.write('GET /json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    assert.match(Buffer.concat((await socket.toArray()) as Buffer[]).toString(), /^HTTP\/1\.1 200 OK/)
    assert.deepEqual(
      [origin.connects[0]?.[':authority'], origin.connects[0]?.[':path'], origin.connects[0]?.[':scheme']],
      [path, undefined, undefined],
    )
    await dispatcher.destroy()
  })
}

test('connect() gives the answer of a proxy that refuses, as over HTTP/1.1', async () => {
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin)
  const { statusCode, headers, socket } = await dispatcher.connect({ origin: origin.origin, path: 'localhost:1' })
  assert.equal(statusCode, 403)
  assert.equal(headers['x-why'], 'not there')
  assert.equal(Buffer.concat((await socket.toArray()) as Buffer[]).toString(), 'no way')
  await dispatcher.destroy()
})

test('a tunnel without traffic has no deadline, and close() does not wait for it', async () => {
  await using target = await startH1Origin({}, { plain: true })
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin, { bodyTimeout: 20, headersTimeout: 2000 })
  const { socket } = await dispatcher.connect({ origin: origin.origin, path: `localhost:${target.port}` })
  await dispatcher.close()
  await new Promise((resolve) => setTimeout(resolve, 80))
  socket.write('GET /json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
  assert.match(Buffer.concat((await socket.toArray()) as Buffer[]).toString(), /^HTTP\/1\.1 200 OK/)
})

test('abort() while a tunnel is opened ends it with the reason', async () => {
  await using origin = await startEchoOrigin()
  const dispatcher = dispatcherFor(origin)
  const controller = new AbortController()
  const connecting = dispatcher.connect({
    origin: origin.origin,
    path: 'localhost:9',
    signal: controller.signal,
  })
  controller.abort()
  await assert.rejects(connecting, { name: 'AbortError' })
  await dispatcher.destroy()
})

test('CONNECT over HTTP/2 goes by a pool of the caller, too', async () => {
  await using target = await startH1Origin({}, { plain: true })
  await using origin = await startEchoOrigin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const dispatcher = new HyperDispatcher({ pool })
  const { socket } = await dispatcher.connect({ origin: origin.origin, path: `localhost:${target.port}` })
  socket.end('GET /json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
  assert.match(Buffer.concat((await socket.toArray()) as Buffer[]).toString(), /^HTTP\/1\.1 200 OK/)
  await dispatcher.close()
})

for (const protocol of [undefined, 'websocket']) {
  test(`a ${protocol ?? 'CONNECT'} that is not answered ends after headersTimeout`, async () => {
    await using origin = await startH2Origin(() => {}, { server: { settings: { enableConnectProtocol: true } } })
    const dispatcher = dispatcherFor(origin, { headersTimeout: 20 })
    const options = { origin: origin.origin, path: protocol === undefined ? 'localhost:1' : '/' }
    const opening = protocol === undefined ? dispatcher.connect(options) : dispatcher.upgrade({ ...options, protocol })
    await assert.rejects(opening, { code: 'UND_ERR_HEADERS_TIMEOUT' })
    await dispatcher.destroy()
  })
}

test('a WebSocket over HTTP/2 opens although a gateway passed on a sec-websocket-accept for another key', async () => {
  await using origin = await startH2Origin(
    (stream) => {
      stream.respond({ ':status': 200, 'sec-websocket-accept': 'of another key' })
      stream.write(Buffer.from([0x81, 2, ...Buffer.from('hi')]))
    },
    { server: { settings: { enableConnectProtocol: true } } },
  )
  const dispatcher = dispatcherFor(origin)
  const socket = new WebSocket8(url(origin), { dispatcher })
  const message = await new Promise((resolve, reject) => {
    socket.addEventListener('message', ({ data }) => resolve(data))
    socket.addEventListener('error', () => reject(new Error('it failed')))
  })
  assert.equal(message, 'hi')
  await dispatcher.destroy()
})

test('a tunnel that is reset, or whose connection is lost, fails with the error that undici gives', async () => {
  await using server = await FrameServer.start({
    onRequest: (connection, streamId) => connection.headers(streamId, [':status', '200']),
  })
  const dispatcher = new HyperDispatcher({ h2Options: { useH2c: true } })
  for (const [end, code] of [
    [() => server.connections.at(-1)?.reset(1, 2), 'ERR_HTTP2_STREAM_ERROR'],
    [() => server.connections.at(-1)?.cut(), 'UND_ERR_SOCKET'],
  ] as const) {
    const { socket } = await dispatcher.connect({ origin: server.origin, path: 'localhost:9' })
    const failed = once(socket, 'error')
    end()
    const [error] = (await failed) as [{ code: string }]
    assert.equal(error.code, code)
  }
  await dispatcher.destroy()
})
