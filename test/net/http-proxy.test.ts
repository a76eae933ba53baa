import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { AbortedError, type ConnectOptions, Pool, ProxyError, TimeoutError } from '../../src/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { send } from '../support/exchange.ts'
import { startDualOrigin, startH1Origin, startH2Origin } from '../support/origin.ts'
import { type ProxySettings, startProxy, type TestProxy } from '../support/proxy.ts'
import { ask, Dialler, errorOf, until } from './dialler.ts'

const { ca } = await testCertificate()

/** The options for a proxy of the test's. */
function through(proxy: TestProxy, more: object = {}): ConnectOptions {
  return { tls: { ca }, proxy: { url: proxy.url, tls: { ca }, ...more } }
}

for (const kind of ['http', 'https'] as const) {
  describe(`a tunnel through an ${kind}: proxy`, () => {
    test(`a tunnel through an ${kind}: proxy carries HTTP/2 end to end, verified for the origin’s name`, async () => {
      await using origin = await startH2Origin()
      await using proxy = await startProxy({ kind })
      using dialler = new Dialler()
      const attempt = dialler.begin(origin.origin, through(proxy))
      const { info, covers, absoluteForm } = await attempt.result
      assert.deepEqual(
        [info.protocol, info.authorized, info.servername, info.proxy, info.remotePort],
        ['h2', true, 'localhost', proxy.url, proxy.port],
      )
      assert.deepEqual([covers('localhost'), absoluteForm], [true, undefined])
      assert.deepEqual([proxy.asked[0].method, proxy.asked[0].target], ['CONNECT', `localhost:${origin.port}`])
      assert.equal(proxy.asked[0].headers['host'], `localhost:${origin.port}`)
      const { connect, proxy: opened, secureConnect } = info.timings
      assert.ok(connect !== undefined && opened !== undefined && secureConnect !== undefined)
      assert.ok(connect <= opened && opened <= secureConnect)
      assert.deepEqual(
        attempt.steps.map((step) => (step.step === 'secure' ? `secure ${step.peer}` : step.step)),
        ['lookup', 'attempt', 'connected', ...(kind === 'https' ? ['secure proxy'] : []), 'proxy', 'secure origin'],
      )
    })

    test(`a tunnel through an ${kind}: proxy carries HTTP/1.1, and requests of a pool`, async () => {
      await using origin = await startH1Origin()
      await using proxy = await startProxy({ kind })
      using dialler = new Dialler()
      assert.equal(await ask(await dialler.dial(origin.origin, through(proxy)), 'localhost'), 'HTTP/1.1 200 OK')
      await using both = await startDualOrigin()
      await using pool = new Pool(through(proxy))
      for (const { origin: url } of [origin, both]) {
        const { status, connection } = await send(pool, { origin: url, path: '/json' })
        assert.deepEqual([status, connection?.proxy], [200, proxy.url])
      }
    })

    test(`a tunnel through an ${kind}: proxy carries http: origins when it is to`, async () => {
      await using origin = await startH1Origin({}, { plain: true })
      await using proxy = await startProxy({ kind })
      using dialler = new Dialler()
      const dialled = await dialler.dial(origin.origin, through(proxy, { tunnel: true }))
      assert.equal(dialled.absoluteForm, undefined)
      assert.equal(await ask(dialled, 'localhost'), 'HTTP/1.1 200 OK')
      assert.equal(proxy.asked[0].method, 'CONNECT')
    })

    test(`a tunnel through an ${kind}: proxy carries HTTP/2 without TLS`, async () => {
      await using origin = await startH2Origin({}, { plain: true })
      await using proxy = await startProxy({ kind })
      await using pool = new Pool({ ...through(proxy), h2c: 'prior-knowledge' })
      const { status, connection } = await send(pool, { origin: origin.origin, path: '/json' })
      assert.deepEqual([status, connection?.protocol, proxy.asked[0].method], [200, 'h2', 'CONNECT'])
    })

    test(`a tunnel through an ${kind}: proxy does not verify the proxy’s name in the origin’s place`, async () => {
      await using origin = await startH2Origin()
      await using proxy = await startProxy({ kind })
      using dialler = new Dialler()
      const options = through(proxy)
      const error = await dialler.failure(origin.origin, { ...options, tls: { ca, servername: 'other.test' } })
      assert.deepEqual([error.phase, error.origin], ['tls', origin.origin])
      assert.ok(error.message.includes(`through ${proxy.url}`))
      await until(() => proxy.open === 0 && origin.open === 0)
      assert.equal(dialler.open, 0)
    })

    test(`a tunnel through an ${kind}: proxy closes with the connection in it, both ways`, async () => {
      await using origin = await startH2Origin()
      await using proxy = await startProxy({ kind })
      using dialler = new Dialler()
      const first = await dialler.dial(origin.origin, through(proxy))
      first.socket.destroy()
      await until(() => proxy.open === 0 && origin.open === 0 && dialler.open === 0)
      const second = await dialler.dial(origin.origin, through(proxy))
      origin.cutAll()
      second.socket.resume()
      await until(() => second.socket.destroyed && dialler.open === 0)
    })
  })

  describe(`an http: origin through an ${kind}: proxy`, () => {
    test(`an http: origin through an ${kind}: proxy is asked for in absolute form`, async () => {
      await using origin = await startH1Origin({}, { plain: true })
      await using proxy = await startProxy({ kind, authorization: `Basic ${btoa('u:p')}` })
      const url = proxy.url.replace('//', '//u:p@')
      await using pool = new Pool(through(proxy, { url, headers: { 'x-proxy': 'yes' } }))
      const first = await send(pool, { origin: origin.origin, path: '/json?a=1' })
      assert.equal(first.status, 200)
      assert.deepEqual([first.connection?.proxy, first.connection?.protocol], [proxy.url, 'http/1.1'])
      const echo = await send(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: 'hello' })
      assert.equal(String(echo.body), 'hello')
      assert.deepEqual(
        proxy.asked.map((one) => `${one.method} ${one.target} ${one.headers['host']}`),
        [
          `GET ${origin.origin}/json?a=1 localhost:${origin.port}`,
          `POST ${origin.origin}/echo localhost:${origin.port}`,
        ],
      )
      assert.equal(proxy.asked[0].headers['x-proxy'], 'yes')
      assert.equal(proxy.connections, 1)
    })

    test('of all of the server is asked for with an empty path', async () => {
      await using proxy = await startProxy({ kind })
      await using pool = new Pool(through(proxy))
      await send(pool, { origin: 'http://127.0.0.1:1', path: '*', method: 'OPTIONS' })
      assert.equal(proxy.asked[0].target, 'http://127.0.0.1:1')
    })

    test(`an http: origin through an ${kind}: proxy that wants other credentials with a request gets those`, async () => {
      await using origin = await startH1Origin({}, { plain: true })
      await using proxy = await startProxy({ kind })
      await using pool = new Pool(through(proxy, { url: proxy.url.replace('//', '//u:p@') }))
      const headers = { 'Proxy-Authorization': 'Bearer x' }
      await send(pool, { origin: origin.origin, path: '/json', headers })
      assert.equal(proxy.asked[0].headers['proxy-authorization'], 'Bearer x')
    })
  })
}

test('the target of CONNECT has brackets around an IPv6 address', async () => {
  await using proxy = await startProxy({ answer: (socket) => socket.end('HTTP/1.1 503 No\r\n\r\n') })
  using dialler = new Dialler()
  await dialler.failure('https://[::1]:8443', through(proxy))
  assert.equal(proxy.asked[0].target, '[::1]:8443')
})

describe('credentials', () => {
  const settings: ProxySettings = { authorization: `Basic ${btoa('us@er:p:ss')}` }

  test('credentials of the URL are sent with CONNECT', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy(settings)
    using dialler = new Dialler()
    const url = proxy.url.replace('//', '//us%40er:p%3Ass@')
    const { info } = await dialler.dial(origin.origin, through(proxy, { url, headers: { 'x-a': '1' } }))
    assert.equal(info.proxy, proxy.url)
    assert.equal(proxy.asked[0].headers['x-a'], '1')
  })

  test('credentials that are missing are asked for by name, with the proxy’s answer', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy(settings)
    using dialler = new Dialler()
    const error = await dialler.failure(origin.origin, through(proxy))
    assert.ok(error instanceof ProxyError)
    assert.match(error.message, /^The proxy http:\/\/localhost:\d+ refused to connect to https:\/\/localhost:\d+: 407/)
    assert.match(error.message, /credentials/)
    assert.deepEqual([error.status, error.phase, error.origin], [407, 'proxy', origin.origin])
    assert.ok(error.headers.includes('proxy-authenticate'))
    await until(() => proxy.open === 0)
    assert.equal(dialler.open, 0)
  })
})

describe('a proxy that does not connect to the origin', () => {
  test('a proxy that gets no answer from the origin is named in the error', async () => {
    await using proxy = await startProxy()
    using dialler = new Dialler()
    const error = await dialler.failure('https://localhost:1', through(proxy))
    assert.ok(error instanceof ProxyError)
    assert.deepEqual([error.status, error.headers], [502, ['x-proxy', 'test']])
  })

  const answers: [string, string, RegExp][] = [
    ['answers with something else', 'SSH-2.0-OpenSSH\r\n', /its answer is not HTTP\/1\.1/],
    ['answers with a broken head', 'HTTP/1.1 200 OK\r\na : b\r\n\r\n', /no header field/],
    ['answers too much', `HTTP/1.1 200 OK\r\na: ${'x'.repeat(20_000)}`, /longer than/],
    ['closes without an answer', '', /closed the connection without an answer/],
    ['closes within its answer', 'HTTP/1.1 200', /closed the connection without an answer/],
  ]
  for (const [what, text, message] of answers) {
    test(what, async () => {
      await using proxy = await startProxy({ answer: (socket) => socket.end(text, 'latin1') })
      using dialler = new Dialler()
      const error = await dialler.failure('https://localhost:1', through(proxy))
      assert.ok(error instanceof ProxyError)
      assert.match(error.message, message)
      assert.equal(error.status, undefined)
      await until(() => proxy.open === 0)
      assert.equal(dialler.open, 0)
    })
  }

  test('a proxy that is not there, or is not trusted, is named in the error', async () => {
    using dialler = new Dialler()
    const absent = await dialler.failure('https://a.test', { proxy: 'http://127.0.0.1:1' })
    assert.match(absent.message, /^Cannot connect to https:\/\/a\.test through http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/)
    assert.equal(absent.phase, 'tcp')
    await using proxy = await startProxy({ kind: 'https' })
    const untrusted = await dialler.failure('https://a.test', { tls: { ca }, proxy: proxy.url })
    assert.equal(untrusted.phase, 'tls')
    await until(() => proxy.open === 0)
  })

  test('a silent proxy runs into the deadline of its phase, or of the whole dial', async () => {
    await using proxy = await startProxy({ answer: (socket) => socket.resume() })
    for (const settings of [{ proxyTimeout: 30, connectTimeout: 0 }, { connectTimeout: 100 }]) {
      using dialler = new Dialler(settings)
      const error = await dialler.failure('https://localhost:1', through(proxy))
      assert.ok(error instanceof TimeoutError)
      assert.equal(error.phase, 'proxy')
      assert.equal(dialler.open, 0)
    }
    await until(() => proxy.open === 0)
  })

  test('a proxy that does not connect to the origin is given up without a trace', async () => {
    let answering: Duplex | undefined
    await using proxy = await startProxy({
      answer: (socket) => {
        answering = socket.resume()
      },
    })
    using dialler = new Dialler()
    const attempt = dialler.begin('https://localhost:1', through(proxy))
    await until(() => answering !== undefined)
    const reason = new AbortedError()
    attempt.dial.cancel(reason)
    assert.equal(await errorOf(attempt), reason)
    assert.equal(dialler.open, 0)
    await until(() => proxy.open === 0)
  })
})

test('what the origin says together with the proxy’s answer is not lost', async () => {
  await using proxy = await startProxy({
    answer: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly')
      socket.write(' words')
      socket.end()
    },
  })
  using dialler = new Dialler()
  const { socket } = await dialler.dial('http://localhost:1', through(proxy, { tunnel: true }))
  // Whoever listens later hears it all the same.
  await new Promise((resolve) => setImmediate(resolve))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.equal(text, 'early words')
})

test('an answer octet by octet leaves the handshake whole', async () => {
  await using origin = await startH2Origin()
  await using proxy = await startProxy({
    answer: (socket) => {
      const upstream = connect(origin.port, '127.0.0.1')
      upstream.on('error', () => {})
      socket.on('close', () => upstream.destroy())
      for (const octet of Buffer.from('HTTP/1.1 200 OK\r\n\r\n')) socket.write(Buffer.from([octet]))
      socket.pipe(upstream).pipe(socket)
    },
  })
  using dialler = new Dialler()
  assert.equal((await dialler.dial(origin.origin, through(proxy))).info.protocol, 'h2')
})

describe('the environment', () => {
  test('the environment counts when it is asked for', async () => {
    await using origin = await startH2Origin()
    await using proxy = await startProxy()
    using dialler = new Dialler()
    const before = { ...process.env }
    process.env['https_proxy'] = proxy.url
    delete process.env['no_proxy']
    delete process.env['NO_PROXY']
    try {
      assert.equal((await dialler.dial(origin.origin, { tls: { ca } })).info.proxy, undefined)
      assert.equal((await dialler.dial(origin.origin, { tls: { ca }, proxy: 'env' })).info.proxy, proxy.url)
      process.env['no_proxy'] = 'localhost'
      assert.equal((await dialler.dial(origin.origin, { tls: { ca }, proxy: 'env' })).info.proxy, undefined)
    } finally {
      for (const name of ['https_proxy', 'no_proxy', 'NO_PROXY']) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
  })
})

test('sessions are not carried from one route to another', async () => {
  await using origin = await startH2Origin({}, { server: { maxVersion: 'TLSv1.2' } })
  await using proxy = await startProxy()
  using dialler = new Dialler()
  await dialler.dial(origin.origin, { tls: { ca } })
  assert.equal((await dialler.dial(origin.origin, through(proxy))).info.resumed, false)
  assert.equal((await dialler.dial(origin.origin, through(proxy))).info.resumed, true)
})
