/** `HTTPConnection` against node:http2 and node:https: one origin, without the caller having to know the protocol. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { describe, test } from 'node:test'
import {
  createTlsContext,
  HTTP11Connection,
  HTTP20Connection,
  HTTPConnection,
  type HTTPConnectionOptions,
} from '../../src/index.ts'
import { rejection } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'
import { codedText, jsonBody } from '../support/routes.ts'

const protocols = [
  { name: 'HTTP/2', start: startH2Origin },
  { name: 'HTTP/1.1', start: startH1Origin },
] as const

function connectionTo(origin: TestOrigin, options: HTTPConnectionOptions = {}): HTTPConnection {
  return new HTTPConnection(`localhost:${origin.port}`, { secure: true, tls: { ca: origin.ca }, ...options })
}

for (const { name, start } of protocols) {
  describe(`over ${name}`, () => {
    const isH2 = name === 'HTTP/2'

    test('a request and its response', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      assert.equal(connection.version, undefined)
      const id = await connection.request('GET', '/json')
      assert.equal(id, isH2 ? 1 : null)
      assert.equal(connection.version, name)
      const response = await connection.getResponse(id)
      assert.equal(response.status, 200)
      assert.equal(response.reason, isH2 ? '' : 'OK')
      assert.equal(response.version, name)
      assert.deepEqual(response.headers.get('content-type'), ['application/json'])
      assert.deepEqual(await response.json(), jsonBody)
      assert.equal((await response.trailers).size, 0)
      assert.equal(response.connection?.servername, 'localhost')
    })

    test('getResponse() without an identifier gives the oldest response that was not taken yet', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      for (const n of [1, 2, 3]) await connection.request('GET', `/bytes/${n}`)
      for (const n of [1, 2, 3]) assert.equal((await (await connection.getResponse()).read()).length, n)
      const error = await rejection(connection.getResponse())
      assert.match(error.message, /No response is outstanding/)
    })

    test('the request need not be awaited: its failure is told by getResponse()', async () => {
      await using connection = new HTTPConnection('localhost:1', { secure: true })
      void connection.request('GET', '/')
      const error = await rejection(connection.getResponse())
      assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_CONNECT')
    })

    test('many callers at once, each its own response', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const lengths = await Promise.all(
        Array.from({ length: 50 }, async (_, n) => {
          const response = await connection.roundTrip('GET', `/bytes/${n}`)
          return (await response.bytes()).length
        }),
      )
      assert.deepEqual(
        lengths,
        Array.from({ length: 50 }, (_, n) => n),
      )
      if (isH2) assert.equal(origin.connections, 1)
    })

    test('connect() connects once, and says to what', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const [first, second] = await Promise.all([connection.connect(), connection.connect()])
      assert.equal(first, second)
      assert.equal(first.protocol, isH2 ? 'h2' : 'http/1.1')
      assert.equal(connection.version, name)
      await connection.roundTrip('GET', '/json').then((response) => response.bytes())
      assert.equal(origin.connections, 1)
    })

    test('a request after close() connects again', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const first = await connection.roundTrip('GET', '/json')
      await first.bytes()
      await connection.close()
      const id = await connection.request('GET', '/json')
      // Identifiers go on, so that none stands for two requests.
      assert.equal(id, isH2 ? 3 : null)
      assert.deepEqual(await (await connection.getResponse(id)).json(), jsonBody)
      assert.equal(origin.connections, 2)
    })

    test('ping() tells the protocol, too', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const error = await connection.ping().catch((thrown: unknown) => thrown)
      assert.equal(Reflect.get(Object(error), 'code'), isH2 ? undefined : 'ERR_HYPER_NOT_SUPPORTED')
      assert.equal(connection.version, name)
    })

    test('close() ends what is open, and leaves readable what has arrived', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const whole = await connection.roundTrip('GET', '/json')
      await whole.trailers
      await connection.request('GET', '/slow')
      const waiting = rejection(connection.getResponse())
      await connection.close()
      assert.equal(Reflect.get(await waiting, 'code'), 'ERR_HYPER_ABORTED')
      assert.deepEqual(await whole.json(), jsonBody)
      assert.match((await rejection(connection.getResponse())).message, /outstanding/)
    })

    test('a stream that fails before there is a connection fails its request, and nothing else', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const body = createReadStream('/no/such/file')
      const error = await rejection(connection.roundTrip('POST', '/echo', { body }))
      assert.equal(Reflect.get(error, 'code'), 'ENOENT')
      assert.equal((await (await connection.roundTrip('GET', '/bytes/1')).bytes()).length, 1)
    })

    test('close() leaves readable what has arrived whole, however long', async () => {
      await using origin = await start()
      const connection = connectionTo(origin)
      const response = await connection.roundTrip('GET', '/bytes/400000')
      assert.equal((await response.read(1)).length, 1)
      // All of it is there when the answer to what was asked later is.
      if (isH2) await connection.ping()
      if (isH2) await (await connection.roundTrip('GET', '/bytes/1')).bytes()
      await connection.close()
      if (isH2) assert.equal((await response.read()).length, 399_999)
    })

    test('a body of any kind arrives, with its content-type and the length that is known', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const form = new FormData()
      form.append('field', 'value')
      form.append('file', new Blob(['content']), 'name.txt')
      const cases: [string, Parameters<HTTPConnection['request']>[2], RegExp | string, string | undefined][] = [
        ['text', { body: 'grüße' }, 'grüße', undefined],
        ['bytes', { body: new Uint8Array([104, 105]) }, 'hi', undefined],
        ['ArrayBuffer', { body: new Uint8Array([104, 105]).buffer }, 'hi', undefined],
        ['another view', { body: new Uint16Array([0x6868, 0x6969]) }, 'hhii', undefined],
        ['DataView', { body: () => new DataView(new Uint8Array([104, 105]).buffer, 1) }, 'i', undefined],
        [
          'parameters',
          { body: new URLSearchParams({ a: '1 2' }) },
          'a=1+2',
          'application/x-www-form-urlencoded;charset=UTF-8',
        ],
        ['Blob', { body: new Blob(['blob'], { type: 'text/x' }) }, 'blob', 'text/x'],
        ['form', { body: form }, /name="field".*value.*filename="name\.txt".*content/s, 'multipart/form-data'],
        ['generator', { body: letters() }, 'abc', undefined],
        ['Web stream', { body: new Blob(['web']).stream() }, 'web', undefined],
        ['function', { body: () => letters() }, 'abc', undefined],
        [
          'function of parameters',
          { body: () => new URLSearchParams('b=2') },
          'b=2',
          'application/x-www-form-urlencoded;charset=UTF-8',
        ],
        ['function of a form', { body: () => form }, /name="field"/, 'multipart/form-data'],
        ['empty text', { body: '' }, '', undefined],
        ['own type', { body: new URLSearchParams('a=1'), headers: { 'Content-Type': 'text/own' } }, 'a=1', 'text/own'],
      ]
      for (const [what, options, expected, type] of cases) {
        const response = await connection.roundTrip('POST', '/echo', options)
        const text = await response.text()
        if (typeof expected === 'string') assert.equal(text, expected, what)
        else assert.match(text, expected, what)
        assert.equal(response.headers.text('content-type')?.split('; boundary')[0], type, what)
        if (what === 'text') assert.equal(response.headers.text('x-content-length'), '7')
        if (what === 'form') assert.equal(response.headers.text('x-content-length'), String(Buffer.byteLength(text)))
      }
    })

    test('a value that cannot be a body, and a function that returns no body, are refused by name', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      for (const body of [7, {}, Symbol('x')]) {
        assert.throws(() => connection.request('POST', '/echo', { body: body as never }), {
          code: 'ERR_HYPER_INVALID_ARGUMENT',
          message: /A request body cannot be made from/,
        })
      }
      const error = await rejection(connection.request('POST', '/echo', { body: () => () => 'x' }))
      assert.match(error.message, /must return a body, not another function/)
      assert.match((await rejection(connection.getResponse())).message, /outstanding/)
    })

    test(':authority, :path and :method can be given among the headers', async () => {
      await using origin = await start({
        '*': (call, answer) => {
          answer.head(200)
          answer.end(`${call.method} ${call.path} ${String(call.headers[':authority'] ?? call.headers.host)}`)
        },
      })
      await using connection = connectionTo(origin)
      const headers = { ':authority': 'example.com', ':path': '/other', ':method': 'PUT' }
      assert.equal(await (await connection.roundTrip('GET', '/', { headers })).text(), 'PUT /other example.com')
      const list = { ':path': '/a,b', ':authority': 'example.com' }
      assert.equal(
        await (await connection.roundTrip('GET', '/', { headers: list })).text(),
        'GET /a,b example.com',
        'a comma separates nothing in a path',
      )
      assert.throws(() => connection.request('GET', '/', { headers: { ':scheme': 'http' } }), {
        message: /Invalid header name: ":scheme"/,
      })
    })

    test('a wrong call throws at once, names the argument, and leaves other streams alone', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const before = connection.roundTrip('GET', '/json')
      const wrong: [unknown, unknown, unknown, RegExp][] = [
        [7, '/', {}, /Invalid method: 7/],
        ['GET /x', '/', {}, /Invalid method: "GET \/x"/],
        ['GET', 'no-slash', {}, /path/i],
        ['GET', '/a b', {}, /path/i],
        ['GET', undefined, {}, /path/i],
        ['GET', '/', null, /options of a request/],
        ['GET', '/', { headers: { 'bad name': 'x' } }, /"bad name"/],
        ['GET', '/', { headers: { x: 'a\r\nb' } }, /value of header "x"/],
        ['GET', '/', { headers: 7 }, /Headers cannot be made from a number/],
        ['GET', '/', { timeout: 'soon' }, /timeout must be/],
        ['GET', '/', { signal: 7 }, /signal must be an AbortSignal/],
        ['GET', '/', { onInformational: 7 }, /onInformational must be a function/],
        ['POST', '/', { body: 'abc', headers: { 'content-length': '4' } }, /content-length says 4, but the body has 3/],
      ]
      for (const [method, path, options, message] of wrong) {
        assert.throws(() => connection.request(method as string, path as string, options as object), { message })
        assert.throws(() => void connection.roundTrip(method as string, path as string, options as object), { message })
      }
      assert.deepEqual(await (await before).json(), jsonBody)
      assert.match((await rejection(connection.getResponse())).message, /outstanding/)
    })

    test('the authority has the port', async () => {
      await using origin = await start({
        '*': (call, answer) => {
          answer.head(200)
          answer.end(String(call.headers[':authority'] ?? call.headers.host))
        },
      })
      await using connection = connectionTo(origin)
      assert.equal(await (await connection.roundTrip('GET', '/')).text(), `localhost:${origin.port}`)
    })

    test('informational responses reach onInformational', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const seen: [number, string | undefined][] = []
      const response = await connection.roundTrip('GET', '/103', {
        onInformational: (status, headers) => seen.push([status, headers.text('link')]),
      })
      assert.equal(await response.text(), 'after hints')
      assert.deepEqual(seen, [[103, '</style.css>; rel=preload']])
    })

    test('a signal and a deadline end a request, and its siblings live on', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      const controller = new AbortController()
      await connection.request('GET', '/slow', { signal: controller.signal })
      controller.abort(new Error('enough'))
      assert.match((await rejection(connection.getResponse())).message, /enough/)
      const late = await rejection(connection.roundTrip('GET', '/slow', { timeout: 20 }))
      assert.equal(Reflect.get(late, 'code'), 'ERR_HYPER_REQUEST_TIMEOUT')
      assert.deepEqual(await (await connection.roundTrip('GET', '/json')).json(), jsonBody)
    })

    test('gzip, deflate, br, zstd and chains of them are decoded on reading, unless told otherwise', async () => {
      await using origin = await start()
      await using connection = connectionTo(origin)
      for (const path of ['/gzip', '/br', '/deflate', '/raw-deflate', '/zstd', '/chain']) {
        assert.equal(await (await connection.roundTrip('GET', path)).text(), codedText, path)
      }
      const raw = await connection.roundTrip('GET', '/gzip')
      const coded = await raw.read(null, { decodeContent: false })
      assert.equal(coded.readUInt16BE(0), 0x1f8b)
      assert.equal(String(coded.length), raw.headers.text('content-length'))
    })
  })
}

describe('HTTP/2', () => {
  test('responses can be asked for in any order', async () => {
    await using origin = await startH2Origin()
    await using connection = connectionTo(origin)
    const first = await connection.request('GET', '/bytes/1')
    const second = await connection.request('POST', '/echo', { body: 'hello' })
    const third = await connection.request('GET', '/bytes/3')
    assert.deepEqual([first, second, third], [1, 3, 5])
    assert.equal(await (await connection.getResponse(second)).text(), 'hello')
    assert.equal((await (await connection.getResponse(first)).read()).length, 1)
    assert.equal((await (await connection.getResponse(third)).read()).length, 3)
    assert.match((await rejection(connection.getResponse(second))).message, /No response on stream 3 is outstanding/)
  })

  test('a stream that was reset says so when its response is asked for', async () => {
    await using origin = await startH2Origin()
    await using connection = connectionTo(origin)
    const id = await connection.request('POST', '/reset/8', { body: 'x' })
    const error = await rejection(connection.getResponse(id))
    assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_STREAM_RESET')
    assert.equal(Reflect.get(error, 'http2ErrorCode'), 8)
    assert.equal(Reflect.get(error, 'origin'), connection.origin)
    assert.match(error.message, /CANCEL: the stream is no longer wanted/)
  })

  test('trailers are sent and received', async () => {
    await using origin = await startH2Origin((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('trailers', (trailers) => {
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-seen': String(trailers['x-sum']) }))
        stream.end('body')
      })
      stream.resume()
    })
    await using connection = connectionTo(origin)
    for (const trailers of [{ 'X-Sum': '42' }, () => ['X-Sum', '42']]) {
      const response = await connection.roundTrip('POST', '/', { body: 'x', trailers })
      assert.equal(await response.text(), 'body')
      assert.equal((await response.trailers).text('x-seen'), '42')
    }
  })

  test('trailers that are a promise are refused, not left out', async () => {
    await using origin = await startH2Origin()
    await using connection = connectionTo(origin)
    const trailers = async () => ({ 'x-checksum': 'abc' })
    const error = await rejection(connection.roundTrip('POST', '/echo', { body: 'x', trailers: trailers as never }))
    assert.match(error.message, /from a promise/)
  })

  test('a server that answers what it has not seen yet is understood', async () => {
    await using server = await FrameServer.start({
      settings: [[3, 1]],
      onRequest: (peer, streamId) => {
        if (streamId !== 1) return
        const block = peer.block([':status', '200'])
        const answer = { type: 'HEADERS', endStream: true, endHeaders: true, block } as const
        peer.send({ ...answer, streamId: 1 }, { ...answer, streamId: 3 })
      },
    })
    await using connection = new HTTP20Connection(server.origin)
    await connection.connect()
    await connection.ping()
    const ids = await Promise.all([connection.request('GET', '/one'), connection.request('GET', '/two')])
    assert.deepEqual(ids, [1, 3])
    for (const id of ids) assert.equal((await connection.getResponse(id)).status, 200)
  })

  test('ping() measures the round trip, and connects if need be', async () => {
    await using origin = await startH2Origin()
    await using connection = connectionTo(origin)
    assert.ok((await connection.ping()) > 0)
    assert.equal(origin.connections, 1)
  })

  test('ping() fails when the connection ends before the answer', async () => {
    await using server = await FrameServer.start({
      pong: false,
      onFrame: (peer, frame) => {
        if (frame.type === 'PING') peer.socket.destroy()
      },
    })
    await using connection = new HTTP20Connection(server.origin)
    const error = await rejection(connection.ping())
    assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_CONNECTION_LOST')
  })

  test('close(code) resets what is open with that code, and says GOAWAY', async () => {
    const frames: string[] = []
    const gone = Promise.withResolvers<void>()
    await using server = await FrameServer.start({
      onFrame: (_peer, frame) => {
        if (frame.type === 'RST_STREAM') frames.push(`RST_STREAM ${frame.streamId} ${frame.errorCode}`)
        if (frame.type === 'GOAWAY') frames.push(`GOAWAY ${frame.errorCode}`)
      },
      onConnection: (peer) => peer.socket.on('close', () => gone.resolve()),
    })
    await using connection = new HTTP20Connection(server.origin)
    await connection.request('GET', '/a')
    await connection.request('GET', '/b')
    await connection.close(0xb)
    await gone.promise
    assert.deepEqual(frames, ['RST_STREAM 1 11', 'RST_STREAM 3 11', 'GOAWAY 0'])
    assert.match((await rejection(connection.close(-1))).message, /error code/)
  })

  test('after a GOAWAY a request that it did not take goes to another connection, under the name it had', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => {
        if (peer.index === 0) {
          peer.goaway(0)
        } else {
          peer.respond(streamId, 'again')
        }
      },
    })
    await using connection = new HTTP20Connection(server.origin)
    const id = await connection.request('POST', '/', { body: 'x' })
    assert.equal(id, 1)
    assert.equal(await (await connection.getResponse(id)).text(), 'again')
    assert.equal(await connection.request('GET', '/'), 3)
  })
})

describe('the protocol', () => {
  test('HTTP20Connection refuses a server that does not choose HTTP/2', async () => {
    await using origin = await startH1Origin()
    await using connection = new HTTP20Connection(`localhost:${origin.port}`, { secure: true, tls: { ca: origin.ca } })
    const error = await rejection(connection.request('GET', '/json'))
    assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_CONNECT')
    assert.match(error.message, /ALPN|was offered h2|no application protocol/i)
    assert.equal(origin.requests.length, 0)
  })

  test('HTTP20Connection speaks it without TLS by prior knowledge', async () => {
    await using origin = await startH2Origin({}, { plain: true })
    await using connection = new HTTP20Connection(`localhost:${origin.port}`)
    assert.equal(await connection.request('GET', '/json'), 1)
    assert.equal((await connection.getResponse()).version, 'HTTP/2')
  })

  test('HTTP20Connection does not fall back when the server asks for HTTP/1.1', async () => {
    await using server = await FrameServer.start({
      onRequest: (peer, streamId) => peer.reset(streamId, 0xd),
    })
    await using connection = new HTTP20Connection(server.origin)
    const error = await rejection(connection.roundTrip('GET', '/'))
    assert.equal(Reflect.get(error, 'http2ErrorCode'), 0xd)
    assert.match(error.message, /HTTP_1_1_REQUIRED: HTTP\/1\.1 is to be used instead/)
  })

  test('HTTP11Connection offers nothing else', async () => {
    await using origin = await startH2Origin({}, { server: { allowHTTP1: true } })
    await using connection = new HTTP11Connection(`localhost:${origin.port}`, { secure: true, tls: { ca: origin.ca } })
    assert.equal(await connection.request('GET', '/json'), null)
    assert.equal((await connection.getResponse()).version, 'HTTP/1.1')
    const error = await rejection(connection.ping())
    assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_NOT_SUPPORTED')
  })

  test('without TLS it is HTTP/1.1, or what an upgrade gives', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    await using plain = new HTTPConnection(`127.0.0.1:${origin.port}`)
    assert.equal(plain.secure, false)
    assert.equal(await plain.request('GET', '/json'), null)
    assert.deepEqual(await (await plain.getResponse()).json(), jsonBody)
    await using upgraded = new HTTPConnection(`127.0.0.1:${origin.port}`, { h2c: 'upgrade' })
    assert.deepEqual(await (await upgraded.roundTrip('GET', '/json')).json(), jsonBody)
  })
})

describe('the host', () => {
  const cases: [string, HTTPConnectionOptions, string][] = [
    ['http2bin.org:443', {}, 'https://http2bin.org'],
    ['http2bin.org', {}, 'https://http2bin.org'],
    ['http2bin.org', { secure: false }, 'http://http2bin.org'],
    ['http2bin.org:80', {}, 'http://http2bin.org'],
    ['http2bin.org:80', { secure: true }, 'https://http2bin.org:80'],
    ['http2bin.org:80/', {}, 'http://http2bin.org'],
    ['http2bin.org:080', {}, 'http://http2bin.org'],
    ['https://http2bin.org:80/', {}, 'https://http2bin.org:80'],
    ['[::1]:80/', {}, 'http://[::1]'],
    ['http2bin.org:8080', {}, 'http://http2bin.org:8080'],
    ['http2bin.org:8443', { secure: true }, 'https://http2bin.org:8443'],
    ['http2bin.org', { port: 443 }, 'https://http2bin.org'],
    ['http2bin.org', { port: 8080 }, 'http://http2bin.org:8080'],
    ['127.0.0.1', { port: 80 }, 'http://127.0.0.1'],
    ['[::1]:8080', {}, 'http://[::1]:8080'],
    ['::1', { port: 443 }, 'https://[::1]'],
    ['https://http2bin.org', {}, 'https://http2bin.org'],
    ['https://http2bin.org:8443/', {}, 'https://http2bin.org:8443'],
    ['http://http2bin.org', {}, 'http://http2bin.org'],
  ]
  for (const [host, options, origin] of cases) {
    test(`${host} ${JSON.stringify(options)} is ${origin}`, () => {
      const connection = new HTTPConnection(host, options)
      assert.equal(connection.origin, origin)
      assert.equal(connection.secure, origin.startsWith('https:'))
      assert.equal(connection.port, Number(new URL(origin).port) || (connection.secure ? 443 : 80))
    })
  }

  const refused: [unknown, HTTPConnectionOptions, RegExp][] = [
    ['', {}, /needs a host/],
    [undefined, {}, /needs a host/],
    ['http2bin.org/path', {}, /is not a host/],
    ['https://http2bin.org/?q', {}, /is not a host/],
    ['user@http2bin.org', {}, /is not a host/],
    ['http2bin.org:99999', {}, /is not a host/],
    ['http2bin.org:0', {}, /an invalid port/],
    ['a b', {}, /is not a host/],
    ['http2bin\t.org', {}, /is not a host/],
    ['http2bin.org\n', {}, /is not a host/],
    ['ftp://http2bin.org', {}, /is not a host/],
    ['http2bin.org:443', { port: 80 }, /port is 80, but "http2bin\.org:443" says 443/],
    ['http2bin.org:80', { port: 81 }, /port is 81, but .* says 80/],
    ['https://http2bin.org', { secure: false }, /says otherwise/],
    ['http2bin.org', { port: 0 }, /port must be/],
    ['http2bin.org', { secure: 1 as never }, /secure must be/],
    ['http2bin.org', { timeouts: { header: 1 } as never }, /no option timeouts\.header/],
    ['http2bin.org', { timeouts: { headers: -1 } }, /timeouts\.headers/],
    ['http2bin.org', { timeouts: 'soon' as never }, /timeouts must be/],
    ['http2bin.org', { timeouts: -1 }, /timeouts must be/],
    ['http2bin.org', { forceProtocol: 'h3' as never }, /forceProtocol/],
    ['http2bin.org', { forceProtocol: 'h2', h2c: 'upgrade' }, /h2c: 'upgrade' begins with HTTP\/1\.1/],
    ['http2bin.org', { maxDecodedSize: 0 }, /maxDecodedSize/],
    ['http2bin.org', { maxDecodedSize: '9' as never }, /maxDecodedSize/],
    ['http2bin.org', { proxyHeaders: { a: 'b' } }, /proxyHeaders need the option proxy/],
    ['http2bin.org', { idleTimeout: -1 }, /idleTimeout/],
    ['http2bin.org', null as never, /Options must be an object/],
  ]
  for (const [host, options, message] of refused) {
    test(`${String(host)} ${JSON.stringify(options)} is refused`, () => {
      assert.throws(() => new HTTPConnection(host as string, options), { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
    })
  }
})

describe('TLS', () => {
  test('servers are verified', async () => {
    await using origin = await startH2Origin()
    await using connection = new HTTPConnection(`localhost:${origin.port}`, { secure: true })
    const error = await rejection(connection.request('GET', '/json'))
    assert.equal(Reflect.get(error, 'code'), 'ERR_HYPER_CONNECT')
    assert.equal(Reflect.get(error, 'phase'), 'tls')
  })

  test('a context of createTlsContext() can be given as it is', async () => {
    await using origin = await startH2Origin()
    await using connection = connectionTo(origin, { tls: createTlsContext({ ca: origin.ca }) })
    assert.deepEqual(await (await connection.roundTrip('GET', '/json')).json(), jsonBody)
  })
})

describe('timeouts', () => {
  test('headers, body and request, each by its own name, or one number for all', async () => {
    await using origin = await startH2Origin()
    for (const [timeouts, path, code] of [
      [{ headers: 20 }, '/slow', 'ERR_HYPER_HEADERS_TIMEOUT'],
      [30, '/slow', 'ERR_HYPER_HEADERS_TIMEOUT'],
      [{ request: 30 }, '/slow', 'ERR_HYPER_REQUEST_TIMEOUT'],
      [{ body: 20 }, '/slow-body', 'ERR_HYPER_BODY_TIMEOUT'],
    ] as const) {
      // Connecting has all the time that it wants.
      const times = typeof timeouts === 'number' ? { headers: timeouts, body: timeouts } : timeouts
      await using connection = connectionTo(origin, { timeouts: times })
      const error = await rejection(connection.roundTrip('GET', path).then((response) => response.text()))
      assert.equal(Reflect.get(error, 'code'), code)
    }
  })
})

async function* letters(): AsyncGenerator<string> {
  yield 'a'
  yield 'bc'
}
