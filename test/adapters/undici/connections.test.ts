/** What a dispatcher says of the making and the ending of its connections, and sockets of the file system. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Dispatcher, errors } from 'undici'
import { HyperDispatcher, HyperPool } from '../../../adapters/undici.ts'
import { testCertificate } from '../../support/certificate.ts'
import { FrameServer } from '../../support/frame-server.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'

/** A server that accepts connections and never says a word, so that no TLS handshake ends. */
async function startSilentServer(): Promise<AsyncDisposable & { readonly origin: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

for (const options of [{ connectTimeout: 30 }, { connect: { timeout: 30 } }]) {
  const what = JSON.stringify(options)

  test(`a handshake that never ends gives ConnectTimeoutError, UND_ERR_CONNECT_TIMEOUT: ${what}`, async () => {
    await using silent = await startSilentServer()
    await using dispatcher = new HyperDispatcher(options)
    const told = once(dispatcher, 'connectionError') as Promise<[URL, Dispatcher[], Error]>
    const failure = await dispatcher
      .request({ origin: silent.origin, path: '/', method: 'GET' })
      .catch((error) => error)
    assert.ok(failure instanceof errors.ConnectTimeoutError)
    assert.equal(failure.name, 'ConnectTimeoutError')
    assert.equal(failure.code, 'UND_ERR_CONNECT_TIMEOUT')
    const [origin, targets, error] = await told
    assert.equal(origin.origin, silent.origin)
    assert.deepEqual(targets, [dispatcher])
    assert.ok(error instanceof errors.ConnectTimeoutError)
  })
}

test('a handshake that never ends gives ConnectTimeoutError to upgrade() and connect() too', async () => {
  await using silent = await startSilentServer()
  await using pool = new HyperPool(silent.origin, { connectTimeout: 30 })
  await assert.rejects(pool.upgrade({ path: '/', protocol: 'echo' }), errors.ConnectTimeoutError)
  await assert.rejects(pool.connect({ origin: silent.origin, path: 'localhost:1' }), errors.ConnectTimeoutError)
})

const answer = (request: { url?: string | undefined; httpVersion: string }, response: http.ServerResponse): void => {
  response.end(`${request.url} by ${request.httpVersion}`)
}

const onSocket: Readonly<Record<string, (tls: { cert: string; key: string }) => Server>> = {
  'https://unix.test/HTTP/2': (tls) =>
    http2.createSecureServer(tls, (request, response) => answer(request, response as unknown as http.ServerResponse)),
  'https://unix.test/HTTP/1.1': (tls) => https.createServer(tls, answer),
  'http://unix.test/HTTP/1.1': () => http.createServer(answer),
}

for (const [name, create] of Object.entries(onSocket)) {
  const origin = new URL(name).origin
  const version = name.slice(origin.length + 6)

  for (const where of ['socketPath', 'connect.socketPath']) {
    test(`${where} leads ${origin} to a socket of the file system over HTTP/${version}`, async () => {
      const { ca, cert, key } = await testCertificate()
      const directory = await mkdtemp(join(tmpdir(), 'hyper-'))
      const socketPath = join(directory, 's')
      const server = create({ cert, key })
      server.listen(socketPath)
      try {
        await once(server, 'listening')
        const connect = { ca, servername: 'localhost', ...(where === 'socketPath' ? {} : { socketPath }) }
        await using dispatcher = new HyperPool(origin, { connect, ...(where === 'socketPath' ? { socketPath } : {}) })
        for (const path of ['/one', '/two']) {
          const { statusCode, body } = await dispatcher.request({ path, method: 'GET' })
          assert.equal(statusCode, 200)
          assert.equal(await body.text(), `${path} by ${version === '2' ? '2.0' : version}`)
        }
      } finally {
        server.close()
        await rm(directory, { recursive: true, force: true })
      }
    })
  }
}

test("GOAWAY that ends a connection in use emits 'disconnect' with UND_ERR_INFO", async () => {
  await using server = await FrameServer.start({
    onRequest: (connection, streamId) => {
      // It is taken, and answered no more: an error code, and the connection ends.
      connection.headers(streamId, [':status', '200'])
      connection.goaway(streamId, 11)
      connection.socket.end()
    },
  })
  await using dispatcher = new HyperDispatcher({ h2Options: { useH2c: true } })
  const told = once(dispatcher, 'disconnect') as Promise<[URL, Dispatcher[], Error & { code: string }]>
  const { body } = await dispatcher.request({ origin: server.origin, path: '/', method: 'GET' })
  await assert.rejects(body.text(), { code: 'UND_ERR_INFO' })
  const [url, targets, error] = await told
  assert.ok(url instanceof URL)
  assert.equal(url.origin, server.origin)
  assert.deepEqual(targets, [dispatcher])
  assert.ok(error instanceof errors.InformationalError)
  assert.equal(error.code, 'UND_ERR_INFO')
  assert.equal(error.message, 'HTTP/2: "GOAWAY" frame received with code 11')
})

for (const start of [startH2Origin, startH1Origin]) {
  const protocol = start === startH2Origin ? 'HTTP/2' : 'HTTP/1.1'

  test(`a connection that close() ends was not ended by the other side: 'disconnect' over ${protocol}`, async () => {
    await using origin = await start()
    const dispatcher = new HyperDispatcher({ connect: { ca: origin.ca } })
    await (await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })).body.dump()
    const told = once(dispatcher, 'disconnect') as Promise<[URL, Dispatcher[], Error & { code: string }]>
    await dispatcher.close()
    const [url, targets, error] = await told
    assert.equal(url.origin, origin.origin)
    assert.deepEqual(targets, [dispatcher])
    assert.ok(error instanceof errors.ClientDestroyedError)
    assert.equal(error.code, 'UND_ERR_DESTROYED')
  })
}

for (const code of [0, 11]) {
  test(`GOAWAY with code ${code} emits 'disconnect' with UND_ERR_INFO`, async () => {
    await using origin = await startH2Origin()
    await using dispatcher = new HyperDispatcher({ connect: { ca: origin.ca } })
    const told = once(dispatcher, 'disconnect') as Promise<[URL, Dispatcher[], Error & { code: string }]>
    const { body } = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
    await body.dump()
    origin.sessions[0]?.goaway(code)
    const [url, targets, error] = await told
    assert.ok(url instanceof URL)
    assert.equal(url.origin, origin.origin)
    assert.deepEqual(targets, [dispatcher])
    assert.ok(error instanceof errors.InformationalError)
    assert.equal(error.code, 'UND_ERR_INFO')
    assert.equal(error.message, `HTTP/2: "GOAWAY" frame received with code ${code}`)
    // The next request finds another connection.
    const again = await dispatcher.request({ origin: origin.origin, path: '/json', method: 'GET' })
    assert.equal(again.statusCode, 200)
    await again.body.dump()
    assert.equal(origin.connections, 2)
  })
}
