import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { type Dispatcher, WebSocket } from 'undici'
import { HyperDispatcher, HyperPool } from '../../../adapters/undici.ts'
import { Pool } from '../../../src/index.ts'
import { testCertificate } from '../../support/certificate.ts'
import { runModule } from '../../support/child.ts'
import { startProxy } from '../../support/proxy.ts'
import { Recorder } from '../../support/recorder.ts'
import { startEchoOrigin } from './echo-origin.ts'

type UpgradeOrigin = AsyncDisposable & { origin: string; port: number; ca: string; heads: http.IncomingHttpHeaders[] }

/**
 * A server that upgrades to an echo, to WebSocket with one message, and that tunnels CONNECT.
 * @param kind of server: without TLS, or HTTP/1.1 beside HTTP/2 by ALPN, which has no extended CONNECT
 */
async function startUpgradeOrigin(kind: 'plain' | 'http/1.1' | 'h2' = 'plain'): Promise<UpgradeOrigin> {
  const sockets = new Set<Socket>()
  const heads: http.IncomingHttpHeaders[] = []
  const { ca, cert, key } = await testCertificate()
  const server = (
    kind === 'plain'
      ? http.createServer((_request, response) => response.end('plain'))
      : kind === 'http/1.1'
        ? https.createServer({ cert, key }, (_request, response) => response.end('plain'))
        : http2.createSecureServer({ cert, key, allowHTTP1: true })
  ) as http.Server
  if (kind === 'h2') server.on('session', (session: http2.ServerHttp2Session) => session.on('error', () => {}))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.on('upgrade', (request, socket) => {
    heads.push(request.headers)
    if (request.url === '/forbidden') {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      return
    }
    if (request.headers.upgrade !== 'websocket') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
      socket.pipe(socket)
      return
    }
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    )
    socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]))
  })
  server.on('connect', (request, socket) => {
    const [host, port] = String(request.url).split(':')
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => {})
    sockets.add(target)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `${kind === 'plain' ? 'http' : 'https'}://localhost:${port}`,
    port,
    ca,
    heads,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('upgrade() gives the socket of the new protocol', async () => {
  await using origin = await startUpgradeOrigin()
  const dispatcher = new HyperDispatcher()
  const { socket, headers } = await dispatcher.upgrade({
    ...{ origin: origin.origin },
    path: '/',
    protocol: 'echo',
  })
  assert.equal(headers['upgrade'], 'echo')
  socket.write('back')
  const [chunk] = (await socket.take(1).toArray()) as Buffer[]
  assert.equal(String(chunk), 'back')
  socket.destroy()
  await dispatcher.destroy()
})

test('connect() gives the socket of a tunnel', async () => {
  await using origin = await startUpgradeOrigin()
  const dispatcher = new HyperDispatcher()
  const { socket, statusCode } = await dispatcher.connect({ origin: origin.origin, path: `127.0.0.1:${origin.port}` })
  assert.equal(statusCode, 200)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const text = Buffer.concat((await socket.toArray()) as Buffer[]).toString()
  assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*plain/)
  await dispatcher.destroy()
})

test('an upgrade that fails calls the handler with the error', async () => {
  const dispatcher = new HyperDispatcher()
  const upgrade = dispatcher.upgrade({ ...{ origin: 'http://localhost:1' }, path: '/', protocol: 'echo' })
  await assert.rejects(upgrade, { code: 'ECONNREFUSED' })
  await dispatcher.close()
})

test("Node's own WebSocket works on after install()", async () => {
  await using origin = await startUpgradeOrigin()
  const found = await runModule(
    `
    const { install } = await import(root + 'adapters/undici.ts')
    const dispatcher = install()
    const socket = new WebSocket(process.env.ORIGIN.replace('http', 'ws'))
    const message = await new Promise((resolve, reject) => {
      socket.onmessage = (event) => resolve(event.data)
      socket.onerror = (event) => reject(event.error)
    })
    console.log(JSON.stringify(message))
    process.exit()
  `,
    { ORIGIN: origin.origin },
  )
  assert.equal(found, 'hello')
})

for (const kind of ['http/1.1', 'h2'] as const) {
  const server = kind === 'h2' ? 'a server whose HTTP/2 has no extended CONNECT' : 'a server of HTTP/1.1'

  test(`WebSocket to ${server} goes over HTTP/1.1`, async () => {
    await using origin = await startUpgradeOrigin(kind)
    const dispatcher = new HyperDispatcher({ connect: { ca: origin.ca } })
    const socket = new WebSocket(origin.origin.replace('http', 'ws'), { dispatcher })
    const message = await new Promise((resolve, reject) => {
      socket.addEventListener('message', ({ data }) => resolve(data))
      socket.addEventListener('error', ({ error }) => reject(error))
    })
    assert.equal(message, 'hello')
    assert.equal(origin.heads[0]?.['upgrade'], 'websocket')
    await dispatcher.destroy()
  })

  test(`upgrade() to ${server} goes over HTTP/1.1`, async () => {
    await using origin = await startUpgradeOrigin(kind)
    const dispatcher = new HyperPool(origin.origin, { connect: { ca: origin.ca } })
    const { socket } = await dispatcher.upgrade({ path: '/', protocol: 'echo', headers: { 'x-own': 'kept' } })
    socket.write('back')
    const [chunk] = (await socket.take(1).toArray()) as Buffer[]
    assert.equal(String(chunk), 'back')
    assert.equal(origin.heads[0]?.['x-own'], 'kept')
    socket.destroy()
    await dispatcher.close()
  })
}

test('a refused upgrade is the error that undici gives', async () => {
  await using origin = await startUpgradeOrigin()
  const dispatcher = new HyperPool(origin.origin)
  await assert.rejects(dispatcher.upgrade({ path: '/forbidden', protocol: 'echo' }), {
    code: 'UND_ERR_SOCKET',
    message: 'bad upgrade',
  })
  await dispatcher.destroy()
})

for (const kind of ['plain', 'http/1.1'] as const) {
  test(`an upgrade to a ${kind === 'plain' ? 'ws:' : 'wss:'} origin goes through the proxy`, async () => {
    await using origin = await startUpgradeOrigin(kind)
    await using proxy = await startProxy()
    const dispatcher = new HyperDispatcher({ connect: { ca: origin.ca }, proxy: `http://localhost:${proxy.port}` })
    const { socket } = await dispatcher.upgrade({ ...{ origin: origin.origin }, path: '/', protocol: 'echo' })
    socket.write('back')
    const [chunk] = (await socket.take(1).toArray()) as Buffer[]
    assert.equal(String(chunk), 'back')
    assert.deepEqual(
      proxy.asked.map(({ method }) => method),
      ['CONNECT'],
    )
    socket.destroy()
    await dispatcher.destroy()
  })
}

test('abort() while an upgrade is dialled ends it with the reason', async () => {
  const dispatcher = new HyperDispatcher({ connect: { lookup: () => {} } })
  const controller = new AbortController()
  const upgrade = dispatcher.upgrade({
    ...{ origin: 'http://nowhere.example' },
    path: '/',
    protocol: 'echo',
    signal: controller.signal,
  })
  setImmediate(() => controller.abort())
  await assert.rejects(upgrade, { name: 'AbortError' })
  await dispatcher.close()
})

test("what ends in a socket is tunnelled through the environment's proxy, to the origin that was named", async () => {
  await using origin = await startUpgradeOrigin()
  await using proxy = await startProxy()
  const kept = process.env['http_proxy']
  process.env['http_proxy'] = `http://user:pass@localhost:${proxy.port}`
  try {
    const dispatcher = new HyperDispatcher({ proxy: 'env' })
    const upgraded = await dispatcher.upgrade({ ...{ origin: origin.origin }, path: '/', protocol: 'echo' })
    const connected = await dispatcher.connect({ origin: origin.origin, path: `127.0.0.1:${origin.port}` })
    for (const { socket } of [upgraded, connected]) socket.destroy()
    const target = `localhost:${origin.port}`
    assert.deepEqual(
      proxy.asked.map((asked) => [asked.method, asked.target]),
      [
        ['CONNECT', target],
        ['CONNECT', target],
      ],
    )
    assert.equal(origin.heads[0]?.['proxy-authorization'], undefined)
    await dispatcher.destroy()
  } finally {
    if (kept === undefined) delete process.env['http_proxy']
    else process.env['http_proxy'] = kept
  }
})

test('a pool that is to speak HTTP/2 only makes no connection of HTTP/1.1 for an upgrade either', async () => {
  await using origin = await startUpgradeOrigin('h2')
  await using pool = new Pool({ tls: { ca: origin.ca }, allowH1: false })
  const dispatcher = new HyperDispatcher({ pool })
  for (const protocol of ['websocket', 'echo']) {
    const upgrade = dispatcher.upgrade({ ...{ origin: origin.origin }, path: '/', protocol })
    await assert.rejects(upgrade, { code: 'UND_ERR_NOT_SUPPORTED' })
  }
  assert.equal(origin.heads.length, 0)
  await dispatcher.close()
})

for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
  test(`what onRequestUpgrade throws is the error of the request, and the socket is destroyed, over ${protocol}`, async () => {
    await using origin = await (protocol === 'HTTP/2' ? startEchoOrigin() : startUpgradeOrigin())
    await using pool = new HyperPool(origin.origin, { connect: { ca: origin.ca } })
    for (const thrown of [new Error('handler failed'), 'no error']) {
      const closed = Promise.withResolvers<void>()
      const recorder = Object.assign(new Recorder(), {
        onRequestUpgrade(_controller: unknown, status: number, _headers: unknown, socket: Duplex) {
          recorder.heard.push(`upgrade ${status}`)
          socket.once('close', closed.resolve)
          throw thrown
        },
      })
      const headers = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
      const options = { path: '/', method: 'GET' as const, upgrade: 'websocket', headers }
      pool.dispatch(options as Dispatcher.DispatchOptions, recorder)
      await recorder.done
      assert.deepEqual(recorder.heard, ['start', 'started', 'upgrade 101', 'error'])
      assert.equal(recorder.error, thrown)
      await closed.promise
    }
  })
}
