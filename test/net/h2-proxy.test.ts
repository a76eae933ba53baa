import '../support/virtual-time.ts'

import assert from 'node:assert/strict'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { createServer } from 'node:tls'
import { ErrorCode } from '../../src/frame/index.ts'
import { AbortedError, type ConnectOptions, Pool, ProxyError, TimeoutError } from '../../src/index.ts'
import { IDLE_TIMEOUT, MAX_REMEMBERED_PROXIES } from '../../src/limits.ts'
import type { Wire } from '../../src/net/connector.ts'
import { testCertificate } from '../support/certificate.ts'
import { send } from '../support/exchange.ts'
import { HostileServer } from '../support/hostile-server.ts'
import { startDualOrigin, startH1Origin, startH2Origin } from '../support/origin.ts'
import { startProxy, type TestProxy } from '../support/proxy.ts'
import { patternBytes } from '../support/routes.ts'
import { startSocks } from '../support/socks.ts'
import { ask, Dialler, errorOf, until } from './dialler.ts'

const { ca } = await testCertificate()

function through(proxy: TestProxy, more: object = {}): ConnectOptions {
  return { tls: { ca }, proxy: { url: proxy.url, tls: { ca }, ...more } }
}

/** A tunnel to nowhere: the proxy's own stream is the other end. */
async function pair(): Promise<{ wire: Wire; stream: http2.ServerHttp2Stream; dialler: Dialler; proxy: TestProxy }> {
  let stream: http2.ServerHttp2Stream | undefined
  const proxy = await startProxy({
    kind: 'h2',
    onStream: (one) => {
      stream = one
      one.respond({ ':status': 200 })
    },
  })
  const dialler = new Dialler()
  const { socket } = await dialler.dial('http://localhost:1', through(proxy, { tunnel: true }))
  assert.ok(stream)
  return { wire: socket, stream, dialler, proxy }
}

async function finish({ dialler, proxy }: { dialler: Dialler; proxy: TestProxy }): Promise<void> {
  dialler[Symbol.dispose]()
  await proxy.close()
}

async function collect(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('tunnels through an HTTP/2 proxy', () => {
  test('tunnels through an HTTP/2 proxy share one connection, and carry HTTP/2 and HTTP/1.1 end to end', async () => {
    await using h2 = await startH2Origin()
    await using h1 = await startH1Origin()
    await using proxy = await startProxy({ kind: 'h2' })
    using dialler = new Dialler()
    const all = [1, 2, 3].map(() => dialler.begin(h2.origin, through(proxy)))
    for (const [index, attempt] of all.entries()) {
      const { info, covers } = await attempt.result
      assert.deepEqual([info.protocol, info.authorized, info.proxy], ['h2', true, proxy.url])
      assert.deepEqual([info.remotePort, covers('localhost')], [proxy.port, true])
      const step = attempt.steps.find((one) => one.step === 'proxy')
      assert.deepEqual(step, { step: 'proxy', proxy: proxy.url, protocol: 'h2', shared: index > 0 })
    }
    const later = dialler.begin(h1.origin, through(proxy))
    const old = await later.result
    assert.equal(await ask(old, 'localhost'), 'HTTP/1.1 200 OK')
    assert.deepEqual([old.info.timings.connect, old.info.protocol], [undefined, 'http/1.1'])
    assert.deepEqual(
      later.steps.map((step) => step.step),
      ['proxy', 'secure'],
    )
    assert.deepEqual([proxy.connections, dialler.sockets.length], [1, 1])
    assert.ok(proxy.asked.every((one) => one.protocol === 'h2' && one.method === 'CONNECT'))
    assert.equal(proxy.asked[3].target, `localhost:${h1.port}`)
  })

  test('tunnels through an HTTP/2 proxy carry the requests of pools', async () => {
    await using origin = await startDualOrigin()
    await using other = await startH2Origin()
    await using plain = await startH1Origin({}, { plain: true })
    await using proxy = await startProxy({ kind: 'h2' })
    await using pool = new Pool(through(proxy, { tunnel: true }))
    const body = patternBytes(1_000_000)
    for (const { origin: url } of [origin, other, plain]) {
      const echo = await send(pool, { origin: url, path: '/echo', method: 'POST', body })
      assert.ok(echo.body.equals(body))
    }
    assert.equal(proxy.connections, 1)
  })

  test('tunnels through an HTTP/2 proxy carry the proxy’s own fields', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'h2', authorization: `Basic ${btoa('u:p')}` })
    using dialler = new Dialler()
    const url = proxy.url.replace('//', '//u:p@')
    await dialler.dial(origin.origin, through(proxy, { url, headers: { 'X-A': '1' } }))
    assert.equal(proxy.asked[0].headers['x-a'], '1')
    const error = await dialler.failure(origin.origin, through(proxy))
    assert.ok(error instanceof ProxyError)
    assert.deepEqual([error.status, error.headers.includes('proxy-authenticate')], [407, true])
    // Other credentials are another proxy.
    assert.equal(proxy.connections, 2)
  })

  test('tunnels through an HTTP/2 proxy are not for http: origins in absolute form: those speak HTTP/1.1 to the proxy', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    await using proxy = await startProxy({ kind: 'both' })
    await using pool = new Pool(through(proxy))
    assert.equal((await send(pool, { origin: origin.origin, path: '/json' })).status, 200)
    assert.deepEqual([proxy.asked[0].protocol, proxy.asked[0].target], ['http/1.1', `${origin.origin}/json`])
  })

  test('a proxy without HTTP/2 is found out once; each tunnel then has its own connection', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'https' })
    using dialler = new Dialler()
    const all = await Promise.all([1, 2, 3].map(() => dialler.dial(origin.origin, through(proxy))))
    assert.deepEqual([all.length, proxy.connections, dialler.sockets.length], [3, 3, 3])
  })
})

describe('a tunnel', () => {
  test('a tunnel carries octets in both directions, and ends each direction by itself', async () => {
    const both = await pair()
    const { wire, stream } = both
    const there = collect(stream)
    const body = patternBytes(300_000)
    wire.end(body)
    assert.ok((await there).equals(body))
    const back = collect(wire)
    stream.end(body)
    assert.ok((await back).equals(body))
    assert.deepEqual([wire.bytesWritten, wire.bytesRead], [300_000, 300_000])
    await until(() => wire.closed)
    await finish(both)
  })

  test('a tunnel ends our side when the peer ends, as a socket does', async () => {
    const both = await pair()
    const rest = collect(both.stream)
    both.stream.end('bye')
    assert.equal(String(await collect(both.wire)), 'bye')
    assert.equal((await rest).length, 0)
    await until(() => both.wire.closed && both.stream.closed)
    await finish(both)
  })

  test('a tunnel is not written to beyond the peer’s window', async () => {
    const both = await pair()
    const { wire, stream } = both
    const chunk = Buffer.alloc(64 * 1024)
    let written = 0
    let stalled = false
    for (let i = 0; i < 200 && !stalled; i++) {
      stalled = !wire.write(chunk)
      written += chunk.length
      if (stalled) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        stalled = wire.writableNeedDrain
      }
    }
    // The peer's window of 64 KiB and the buffers on the way hold far less than all.
    assert.ok(stalled && written < 200 * chunk.length)
    stream.resume()
    await until(() => !wire.writableNeedDrain)
    await finish(both)
  })

  test('a tunnel returns the window for what is read, and for nothing else', async () => {
    const both = await pair()
    const { wire, stream } = both
    const body = patternBytes(12 * 1024 * 1024)
    let sent = 0
    const pump = (): void => {
      let room = true
      while (sent < body.length && room) {
        room = stream.write(body.subarray(sent, sent + 256 * 1024))
        sent += 256 * 1024
      }
      if (sent >= body.length) stream.end()
      else stream.once('drain', pump)
    }
    pump()
    let before = -1
    // Nobody reads: the flow comes to rest.
    await until(() => {
      const rested = before === wire.bytesRead && wire.bytesRead > 0
      before = wire.bytesRead
      return rested
    })
    assert.ok(wire.bytesRead < body.length)
    assert.ok((await collect(wire)).equals(body))
    await finish(both)
  })

  test('a tunnel that is reset by the proxy fails, and the others live', async () => {
    const streams: http2.ServerHttp2Stream[] = []
    await using proxy = await startProxy({
      kind: 'h2',
      onStream: (stream) => {
        streams.push(stream)
        stream.respond({ ':status': 200 })
      },
    })
    using dialler = new Dialler()
    const options = through(proxy, { tunnel: true })
    const [one, two] = await Promise.all([1, 2].map(() => dialler.dial('http://localhost:1', options)))
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => one.socket.once('error', resolve))
    streams[0].close(http2.constants.NGHTTP2_CONNECT_ERROR)
    const error = await failed
    assert.equal(error.code, 'ECONNRESET')
    assert.match(error.message, /CONNECT_ERROR/)
    two.socket.write('x')
    const chunk: unknown = await new Promise((resolve) => streams[1].once('data', resolve))
    assert.equal(String(chunk), 'x')
  })

  test('a tunnel that the proxy resets with NO_ERROR has ended: what came before is read, as is that of one with END_STREAM', async () => {
    await using proxy = await HostileServer.start({
      alpn: ['h2'],
      onRequest(connection, id) {
        connection.headers(id, [':status', '200'])
        connection.data(id, 'all there is')
        connection.reset(id, ErrorCode.NO_ERROR)
      },
    })
    using dialler = new Dialler()
    const { socket } = await dialler.dial('http://localhost:1', {
      proxy: { url: proxy.origin, tls: { ca: proxy.ca }, tunnel: true },
    })
    assert.equal((await collect(socket)).toString(), 'all there is')
    await until(() => socket.closed)
    assert.equal(socket.errored, null)
  })

  test('a tunnel that is destroyed resets its stream alone', async () => {
    const both = await pair()
    const reset = new Promise((resolve) => both.stream.once('close', () => resolve(both.stream.rstCode)))
    both.wire.destroy()
    assert.equal(await reset, http2.constants.NGHTTP2_CANCEL)
    assert.equal(both.proxy.sessions.length, 1)
    assert.equal(both.dialler.open, 1)
    await finish(both)
  })

  test('a tunnel fails with the connection that carries it, and with what was not written', async () => {
    const both = await pair()
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => both.wire.once('error', resolve))
    both.wire.write(Buffer.alloc(1_000_000))
    both.proxy.sessions[0].destroy()
    assert.equal((await failed).code, 'ECONNRESET')
    await until(() => both.dialler.open === 0)
    await finish(both)
  })

  test('a tunnel gives both its addresses, and accepts the calls that a socket does', async () => {
    const both = await pair()
    const { wire } = both
    assert.deepEqual([wire.remoteAddress, wire.remotePort], ['127.0.0.1', both.proxy.port])
    assert.ok(wire.localAddress === '127.0.0.1' && typeof wire.localPort === 'number' && wire.remoteFamily === 'IPv4')
    assert.equal(wire.setNoDelay(true).setKeepAlive(true, 1).unref().ref(), wire)
    await finish(both)
  })
})

describe('the connection to the proxy', () => {
  test('the connection to the proxy keeps the process alive as long as a tunnel does', async () => {
    const both = await pair()
    const [socket] = both.dialler.sockets
    // node:net tells nobody whether a socket is referenced; its handle does.
    const referenced = (): boolean =>
      Reflect.get(Reflect.get(socket, '_handle'), 'hasRef').call(Reflect.get(socket, '_handle'))
    assert.equal(referenced(), true)
    both.wire.unref()
    assert.equal(referenced(), false)
    both.wire.ref()
    assert.equal(referenced(), true)
    both.wire.destroy()
    await until(() => !referenced())
    await finish(both)
  })

  test('the connection to the proxy is unreferenced by the TLS within a tunnel, too', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'h2' })
    using dialler = new Dialler()
    const { socket } = await dialler.dial(origin.origin, through(proxy))
    const handle: unknown = Reflect.get(dialler.sockets[0], '_handle')
    assert.ok(typeof handle === 'object' && handle !== null)
    const referenced = (): boolean => Reflect.get(handle, 'hasRef').call(handle)
    socket.unref()
    assert.equal(referenced(), false)
    socket.ref()
    assert.equal(referenced(), true)
  })

  test('a connection to the proxy that was lost, or goes away, is replaced', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'h2' })
    using dialler = new Dialler()
    await dialler.dial(origin.origin, through(proxy))
    proxy.sessions[0].destroy()
    await until(() => dialler.open === 0)
    const kept = await dialler.dial(origin.origin, through(proxy))
    proxy.sessions[0].goaway(http2.constants.NGHTTP2_NO_ERROR)
    await until(() => proxy.sessions.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    // What was open goes on.
    assert.equal(kept.socket.destroyed, false)
    await dialler.dial(origin.origin, through(proxy))
    assert.equal(proxy.connections, 3)
  })

  test('the connection to the proxy is joined by another when its streams are used up', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'h2', settings: { maxConcurrentStreams: 2 } })
    using dialler = new Dialler()
    await dialler.dial(origin.origin, through(proxy))
    for (let i = 0; i < 3; i++) await dialler.dial(origin.origin, through(proxy))
    assert.equal(proxy.connections, 2)
  })

  test('the connection to the proxy is made once for all who want it, and for those who are left when one gives up', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'h2' })
    using dialler = new Dialler()
    const first = dialler.begin(origin.origin, through(proxy))
    const second = dialler.begin(origin.origin, through(proxy))
    await until(() => second.steps.length > 0)
    const reason = new AbortedError()
    first.dial.cancel(reason)
    assert.equal(await errorOf(first), reason)
    await second.result
    assert.equal(proxy.connections, 1)
  })

  test('the connection to the proxy is given up when the last has left', async () => {
    await using silent = await startSocks({ silent: true })
    using dialler = new Dialler()
    const options = { proxy: `https://127.0.0.1:${silent.port}` }
    const all = [1, 2].map(() => dialler.begin('https://localhost:1', options))
    await until(() => all[0].steps.some((step) => step.step === 'connected'))
    for (const one of all) one.dial.cancel(new AbortedError())
    assert.equal(dialler.open, 0)
    await until(() => silent.open === 0)
  })

  test('a connection to the proxy that cannot be made is an error for all who wait, each for its own origin', async () => {
    using dialler = new Dialler()
    const options: ConnectOptions = { proxy: 'https://127.0.0.1:1' }
    const errors = await Promise.all(['https://a.test', 'https://b.test'].map((one) => dialler.failure(one, options)))
    assert.deepEqual(
      errors.map((error) => [error.origin, error.phase]),
      [
        ['https://a.test', 'tcp'],
        ['https://b.test', 'tcp'],
      ],
    )
    assert.equal(dialler.sockets.length, 1)
  })

  test('a proxy that is silent fails its tunnel by the deadline, and is not asked again', async () => {
    let silent = true
    await using proxy = await startProxy({
      kind: 'h2',
      onStream: (stream) => {
        if (!silent) stream.respond({ ':status': 200 })
      },
    })
    using dialler = new Dialler({ proxyTimeout: 60 })
    const options = through(proxy, { tunnel: true })
    const error = await dialler.failure('http://localhost:1', options)
    assert.ok(error instanceof TimeoutError)
    assert.equal(error.phase, 'proxy')
    silent = false
    await dialler.dial('http://localhost:1', options)
    assert.ok(proxy.asked.length >= 2)
  })

  test('the connection to the proxy closes with the connector: at once when idle, else with its last tunnel', async () => {
    const both = await pair()
    both.dialler.connector.close()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(both.wire.destroyed, false)
    both.wire.destroy()
    await until(() => both.dialler.open === 0 && both.proxy.open === 0)
    await finish(both)
    const idle = await pair()
    idle.wire.destroy()
    await until(() => idle.stream.destroyed)
    idle.dialler.connector.close()
    await until(() => idle.dialler.open === 0 && idle.proxy.open === 0)
    await finish(idle)
  })

  test('the connection to the proxy closes when it has carried no tunnel for a while', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let time = performance.now()
    t.mock.method(performance, 'now', () => time)
    const both = await pair()
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const pass = (milliseconds: number): void => {
      time += milliseconds
      t.mock.timers.tick(milliseconds)
    }
    pass(IDLE_TIMEOUT * 2)
    await turn()
    assert.equal(both.dialler.open, 1)
    both.wire.destroy()
    while (!both.stream.destroyed) await turn()
    pass(IDLE_TIMEOUT - 10)
    await turn()
    assert.equal(both.dialler.open, 1)
    pass(10)
    while (both.dialler.open > 0) await turn()
    await finish(both)
  })

  test('the connection to the proxy is remembered for so many proxies, and for those in use', async () => {
    const both = await pair()
    const { connector } = both.dialler
    for (let i = 0; i <= MAX_REMEMBERED_PROXIES; i++) {
      await both.dialler.failure('https://a.test', { proxy: `https://u${i}:p@127.0.0.1:1` })
    }
    const known: unknown = Reflect.get(connector, 'proxies')
    assert.ok(known instanceof Map)
    assert.equal(known.size, MAX_REMEMBERED_PROXIES)
    await both.dialler.dial('http://localhost:1', through(both.proxy, { tunnel: true }))
    assert.equal(both.proxy.connections, 1)
    await finish(both)
  })

  test('the connection to the proxy is another for another local address', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy({ kind: 'h2' })
    using dialler = new Dialler()
    await dialler.dial(origin.origin, through(proxy))
    await dialler.dial(origin.origin, { ...through(proxy), localAddress: '127.0.0.1' })
    assert.equal(proxy.connections, 2)
  })
})

test('a proxy that breaks HTTP/2 fails its tunnels, and nothing stays open', async () => {
  const { cert, key } = await testCertificate()
  const server = createServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 200 this is no frame\r\n\r\n')
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  using dialler = new Dialler()
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  const error = await dialler.failure('https://localhost:1', { proxy: { url, tls: { ca } } })
  assert.ok(error instanceof ProxyError)
  assert.match(error.message, /broke HTTP\/2/)
  await until(() => dialler.open === 0)
  await new Promise((resolve) => server.close(resolve))
})

test('a stream that the proxy refuses, ends or answers with an error is a ProxyError', async () => {
  const answers: [(stream: http2.ServerHttp2Stream) => void, RegExp, number | undefined][] = [
    [(stream) => stream.close(http2.constants.NGHTTP2_CONNECT_ERROR), /CONNECT_ERROR/, undefined],
    [(stream) => stream.respond({ ':status': 503 }, { endStream: true }), /refused to connect to .*: 503/, 503],
  ]
  for (const [onStream, message, status] of answers) {
    await using proxy = await startProxy({ kind: 'h2', onStream })
    using dialler = new Dialler()
    const error = await dialler.failure('https://localhost:1', through(proxy))
    assert.ok(error instanceof ProxyError)
    assert.match(error.message, message)
    assert.deepEqual([error.status, error.origin, error.phase], [status, 'https://localhost:1', 'proxy'])
  }
})
