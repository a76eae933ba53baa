/** The server's role, by a client of ours on the other side. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GoawayError, StreamResetError } from '../../src/errors.ts'
import { ErrorCode, type Frame, PREFACE, serializeFrame } from '../../src/frame/index.ts'
import { Encoder } from '../../src/hpack/index.ts'
import { RESETS_BURST } from '../../src/limits.ts'
import { Pair, Side } from '../support/pair.ts'
import { GET, POST, Recorder } from '../support/peer.ts'

const wrong = { code: 'ERR_HYPER_INVALID_ARGUMENT' }

describe('messages', () => {
  test('a request and its response, with bodies and trailers both ways', () => {
    const pair = new Pair()
    const { client, server } = pair
    const { stream, seen, at } = pair.request(POST, false)
    client.connection.write(stream, Buffer.from('question'))
    client.connection.end(stream, ['x-asked', '1'])
    pair.flow()
    assert.deepEqual([at.head.method, at.head.path, at.head.authority], ['POST', '/', 'example.com'])
    assert.deepEqual([at.seen.body, at.seen.trailers, at.seen.ends], ['question', ['x-asked', '1'], 1])
    server.connection.inform(at.stream, [':status', '103', 'link', '</a>'])
    server.connection.respond(at.stream, [':status', '200', 'x-a', 'b'], false)
    server.connection.write(at.stream, Buffer.from('answer'))
    server.connection.end(at.stream, ['x-answered', '2'])
    pair.flow()
    assert.deepEqual(seen.informational, [{ status: 103, fields: ['link', '</a>'] }])
    assert.deepEqual(
      [seen.status, seen.fields, seen.body, seen.trailers],
      [200, ['x-a', 'b'], 'answer', ['x-answered', '2']],
    )
    assert.equal(client.connection.openStreams + server.connection.openStreams, 0)
  })

  test('cookie crumbs are joined, set-cookie is not', () => {
    const pair = new Pair()
    const { seen, at } = pair.request([...GET, 'cookie', 'a=1', 'x-b', 'c', 'cookie', 'd=2'])
    assert.deepEqual(at.head.fields, ['cookie', 'a=1; d=2', 'x-b', 'c'])
    pair.server.connection.respond(at.stream, [':status', '200', 'set-cookie', 'a', 'set-cookie', 'b'], true)
    pair.flow()
    assert.deepEqual(seen.fields, ['set-cookie', 'a', 'set-cookie', 'b'])
  })

  test('CONNECT is a tunnel: octets flow both ways, and each side ends by itself', () => {
    const pair = new Pair()
    const { stream, seen, at } = pair.request([':method', 'CONNECT', ':authority', 'example.com:443'], false)
    assert.deepEqual([at.head.method, at.head.authority, at.head.path], ['CONNECT', 'example.com:443', undefined])
    pair.server.connection.respond(at.stream, [':status', '200'], false)
    pair.server.connection.write(at.stream, Buffer.from('down'))
    pair.server.connection.end(at.stream)
    pair.flow()
    assert.deepEqual([seen.body, seen.ends], ['down', 1])
    pair.client.connection.write(stream, Buffer.from('up after its end'))
    pair.client.connection.end(stream)
    pair.flow()
    assert.deepEqual([at.seen.body, at.seen.ends], ['up after its end', 1])
    assert.equal(pair.client.connection.openStreams + pair.server.connection.openStreams, 0)
  })

  test('extended CONNECT needs the setting of the server', () => {
    const head = [
      ':method',
      'CONNECT',
      ':protocol',
      'websocket',
      ':scheme',
      'https',
      ':authority',
      'a',
      ':path',
      '/chat',
    ]
    const without = new Pair()
    assert.throws(() => without.client.connection.request(head, false, new Recorder()), wrong)
    const pair = new Pair({}, { enableConnectProtocol: true })
    assert.equal(pair.client.connection.remoteSettings.enableConnectProtocol, true)
    const { at } = pair.request(head, false)
    assert.equal(at.head.protocol, 'websocket')
  })

  test('a request without a listener is refused', () => {
    const pair = new Pair()
    pair.server.taking = false
    const seen = new Recorder()
    pair.client.connection.request(GET, true, seen)
    pair.flow()
    assert.ok(seen.error instanceof StreamResetError && seen.error.retryable)
    assert.equal(seen.error.http2ErrorCode, ErrorCode.REFUSED_STREAM)
  })

  test('a stream beyond the limit is refused, the others go on', () => {
    const pair = new Pair({}, { maxConcurrentStreams: 2 })
    const first = pair.request(GET)
    pair.request(GET)
    assert.equal(pair.client.connection.obstacle, 'limit')
    assert.throws(() => pair.client.connection.request(GET, true, new Recorder()), wrong)
    pair.server.connection.respond(first.at.stream, [':status', '204'], true)
    pair.flow()
    assert.equal(pair.client.connection.obstacle, undefined)
  })
})

describe('wrong calls throw at the call and leave the connection usable', () => {
  const calls: [string, (pair: Pair, at: Side['requests'][number]) => unknown][] = [
    ['a response without :status', (pair, at) => pair.server.connection.respond(at.stream, ['x-a', 'b'], true)],
    [
      'an upper-case field name',
      (pair, at) => pair.server.connection.respond(at.stream, [':status', '200', 'X-A', 'b'], true),
    ],
    [
      'a value with a line feed',
      (pair, at) => pair.server.connection.respond(at.stream, [':status', '200', 'x-a', 'b\nc'], true),
    ],
    ['a final status as informational', (pair, at) => pair.server.connection.inform(at.stream, [':status', '200'])],
    ['status 101', (pair, at) => pair.server.connection.inform(at.stream, [':status', '101'])],
    [
      'an informational status as final',
      (pair, at) => pair.server.connection.respond(at.stream, [':status', '103'], true),
    ],
    ['data before the response', (pair, at) => pair.server.connection.write(at.stream, Buffer.from('x'))],
    ['an end before the response', (pair, at) => pair.server.connection.end(at.stream)],
    ['a request by a server', (pair) => pair.server.connection.request(GET, true, new Recorder())],
    ['a response by a client', (pair, at) => pair.client.connection.respond(at.stream, [':status', '200'], true)],
    ['a request without :path', (pair) => pair.client.connection.request(GET.slice(0, 6), true, new Recorder())],
    [
      'a request that does not begin with :method',
      (pair) => pair.client.connection.request([...GET.slice(2), ...GET.slice(0, 2)], true, new Recorder()),
    ],
    [
      'a request with a header injected',
      (pair) => pair.client.connection.request([...GET, 'x-a', 'b\r\nx-c: d'], true, new Recorder()),
    ],
    [
      'a request with a connection-specific field',
      (pair) => pair.client.connection.request([...GET, 'connection', 'close'], true, new Recorder()),
    ],
    ['a push by a client', (pair, at) => pair.client.connection.push(at.stream, GET, new Recorder())],
    ['a push that the client does not take', (pair, at) => pair.server.connection.push(at.stream, GET, new Recorder())],
    ['a PING of 7 octets', (pair) => pair.client.connection.ping(Buffer.alloc(7))],
    ['an urgency of 8', (pair, at) => pair.client.connection.prioritize(at.stream, 8, false)],
    ['an upgrade after the first stream', (pair) => pair.client.connection.upgraded('GET', new Recorder())],
    ['an accepted upgrade after the first stream', (pair) => pair.server.connection.acceptUpgrade('', GET)],
  ]
  for (const [name, call] of calls) {
    test(name, () => {
      const pair = new Pair()
      const { seen, at } = pair.request(GET)
      assert.throws(() => call(pair, at), wrong)
      pair.server.connection.respond(at.stream, [':status', '200'], false)
      assert.throws(() => pair.server.connection.respond(at.stream, [':status', '200'], true), wrong)
      pair.server.connection.end(at.stream)
      assert.throws(() => pair.server.connection.end(at.stream), wrong)
      assert.throws(() => pair.server.connection.write(at.stream, Buffer.from('x')), wrong)
      pair.flow()
      assert.deepEqual([seen.status, seen.ends, seen.error], [200, 1, undefined])
    })
  }
})

describe('push', () => {
  test('a promised response comes with its request', () => {
    const pair = new Pair({ enablePush: true })
    const { seen, at } = pair.request(GET)
    const promised = pair.server.connection.push(at.stream, [...GET.slice(0, 6), ':path', '/style.css'], new Recorder())
    pair.server.connection.respond(at.stream, [':status', '200'], true)
    pair.server.connection.respond(promised, [':status', '200', 'content-length', '3'], false)
    pair.server.connection.write(promised, Buffer.from('css'))
    pair.server.connection.end(promised)
    pair.flow()
    assert.equal(seen.ends, 1)
    const [push] = pair.client.pushes
    assert.deepEqual([push.stream.id, push.parent.id, push.head.path], [2, 1, '/style.css'])
    assert.deepEqual([push.seen.status, push.seen.body, push.seen.ends], [200, 'css', 1])
    assert.equal(pair.client.connection.openStreams + pair.server.connection.openStreams, 0)
  })

  test('a promise whose block does not fit a frame is continued', () => {
    const pair = new Pair({ enablePush: true })
    const { at } = pair.request(GET)
    pair.server.connection.push(at.stream, [...GET, 'x-long', '\u00ff'.repeat(30_000)], new Recorder())
    pair.flow()
    assert.equal(pair.client.pushes[0].head.fields[1].length, 30_000)
  })

  test('a promise without a listener is cancelled', () => {
    const pair = new Pair({ enablePush: true })
    pair.client.taking = false
    const { at } = pair.request(GET)
    const seen = new Recorder()
    pair.server.connection.push(at.stream, GET, seen)
    pair.flow()
    assert.ok(seen.error instanceof StreamResetError)
    assert.equal(seen.error.http2ErrorCode, ErrorCode.CANCEL)
  })

  test('more promises than allowed are refused', () => {
    const pair = new Pair({ enablePush: true, maxConcurrentStreams: 1 })
    const { at } = pair.request(GET)
    pair.server.connection.push(at.stream, GET, new Recorder())
    pair.flow()
    assert.throws(() => pair.server.connection.push(at.stream, GET, new Recorder()), wrong)
  })

  test('push only a GET or HEAD without a body, on a stream that is still open, can be promised', () => {
    const pair = new Pair({ enablePush: true })
    const { at } = pair.request(GET)
    assert.throws(() => pair.server.connection.push(at.stream, POST, new Recorder()), wrong)
    assert.throws(() => pair.server.connection.push(at.stream, [...GET, 'content-length', '1'], new Recorder()), wrong)
    pair.server.connection.respond(at.stream, [':status', '200'], true)
    assert.throws(() => pair.server.connection.push(at.stream, GET, new Recorder()), wrong)
  })
})

describe('going away', () => {
  test('a server that closes sends GOAWAY twice, and the second names the last stream that it accepted', () => {
    const pair = new Pair()
    const first = pair.request(GET)
    pair.server.connection.shutdown()
    pair.server.connection.shutdown()
    // On its way before the first GOAWAY was read.
    const late = new Recorder()
    const lateStream = pair.client.connection.request(GET, true, late)
    pair.flow()
    assert.deepEqual(
      pair.client.goaways.map(({ code, lastStreamId }) => [code, lastStreamId]),
      [
        [0, 0x7fffffff],
        [0, lateStream.id],
      ],
    )
    assert.equal(pair.client.connection.obstacle, 'goaway')
    for (const { stream } of pair.server.requests) pair.server.connection.respond(stream, [':status', '200'], true)
    pair.flow()
    assert.deepEqual([first.seen.status, late.status], [200, 200])
  })

  test('a stream above the last one ends with an error that may be retried', () => {
    const pair = new Pair()
    pair.request(GET)
    pair.server.connection.goaway()
    const late = new Recorder()
    pair.client.connection.request(GET, true, late)
    pair.flow()
    assert.ok(late.error instanceof GoawayError && late.error.retryable)
    assert.equal(pair.server.requests.length, 1)
  })

  test('a server that has named its last stream does not raise it when it shuts down', () => {
    const pair = new Pair()
    pair.request(GET)
    pair.flow()
    pair.server.connection.goaway()
    pair.server.connection.shutdown()
    pair.flow()
    assert.deepEqual(
      pair.client.goaways.map(({ lastStreamId }) => lastStreamId),
      [1],
    )
    assert.equal(pair.client.failure, undefined)
  })

  test('a client that closes sends GOAWAY at once', () => {
    const pair = new Pair()
    pair.client.connection.shutdown()
    pair.flow()
    assert.equal(pair.server.goaways.length, 1)
  })
})

describe('h2c upgrade', () => {
  test('the request of HTTP/1.1 becomes stream 1', () => {
    const client = new Side({ role: 'client', streamWindow: 100_000 })
    const settings = client.connection.upgradeSettings()
    assert.match(settings, /^[\w-]+$/)
    const server = new Side({ role: 'server' })
    const seen = new Recorder()
    seen.connection = client.connection
    client.connection.upgraded('GET', seen)
    const stream = server.connection.acceptUpgrade(settings, GET)
    assert.equal(server.connection.remoteSettings.initialWindowSize, 100_000)
    assert.equal(server.requests[0].seen.ends, 1)
    server.connection.respond(stream, [':status', '200'], false)
    server.connection.write(stream, Buffer.from('upgraded'))
    server.connection.end(stream)
    const pair = Object.assign(Object.create(Pair.prototype), {
      client,
      server,
      sent: { client: 0, server: 0 },
    }) as Pair
    pair.flow()
    assert.deepEqual([seen.status, seen.body, seen.ends], [200, 'upgraded', 1])
    assert.equal(pair.request(GET).stream.id, 3)
  })

  test('settings that cannot be read are refused', () => {
    const server = new Side({ role: 'server' })
    assert.throws(() => server.connection.acceptUpgrade('AAA', GET), wrong)
  })

  test('an upgrade without a listener is refused', () => {
    const server = new Side({ role: 'server' })
    server.taking = false
    server.connection.acceptUpgrade('', GET)
    assert.equal(server.connection.openStreams, 0)
  })
})

describe('extensions', () => {
  test('ALTSVC for an origin and for a stream, ORIGIN', () => {
    const pair = new Pair()
    const { at } = pair.request(GET)
    pair.server.connection.advertiseAltSvc('h2=":8443"', 'https://other.example')
    pair.server.connection.advertiseAltSvc('clear', at.stream)
    pair.server.connection.advertiseOrigins(['https://a.example', 'https://b.example'])
    pair.flow()
    assert.deepEqual(pair.client.altSvcs, [
      { origin: 'https://other.example', value: 'h2=":8443"', stream: undefined },
      { origin: '', value: 'clear', stream: 1 },
    ])
    assert.deepEqual(pair.client.origins, ['https://a.example', 'https://b.example'])
  })

  test('the priority field and PRIORITY_UPDATE order what the server sends', () => {
    const pair = new Pair()
    const low = pair.request([...GET, 'priority', 'u=6'])
    const high = pair.request([...GET, 'priority', 'u=1'])
    const later = pair.request(GET)
    pair.client.connection.prioritize(later.stream, 0, false)
    pair.flow()
    assert.deepEqual(
      [low, high, later].map(({ at }) => at.stream.urgency),
      [6, 1, 0],
    )
    for (const { at } of [low, high, later]) {
      pair.server.connection.respond(at.stream, [':status', '200'], false)
      pair.server.connection.write(at.stream, Buffer.alloc(20_000))
      pair.server.connection.end(at.stream)
    }
    const order: number[] = []
    for (const { seen, stream } of [low, high, later]) {
      const onEnd = seen.onEnd.bind(seen)
      seen.onEnd = (...args) => {
        order.push(stream.id)
        onEnd(...args)
      }
    }
    pair.flow()
    assert.deepEqual(order, [later.stream.id, high.stream.id, low.stream.id])
  })

  test('PRIORITY_UPDATE may come before its request', () => {
    const { server, send, headers } = rawClient()
    send({ type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 1, value: 'u=0, i' })
    headers(1, GET)
    assert.deepEqual([server.requests[0].stream.urgency, server.requests[0].stream.incremental], [0, true])
  })

  test('settings count when they are acknowledged, one frame at a time', () => {
    const pair = new Pair()
    const before = pair.server.acknowledged
    pair.server.connection.updateSettings({ initialWindowSize: 1000 })
    pair.server.connection.updateSettings({ maxFrameSize: 20_000 })
    assert.equal(pair.server.connection.localSettings.initialWindowSize, 4 * 1024 * 1024)
    pair.flow()
    assert.equal(pair.server.acknowledged, before + 2)
    assert.equal(pair.server.connection.localSettings.initialWindowSize, 1000)
    assert.equal(pair.client.connection.remoteSettings.maxFrameSize, 20_000)
  })
})

/** A client by hand, for what ours would never send. */
function rawClient(): {
  server: Side
  send: (frame: Frame) => void
  headers: (streamId: number, fields: string[], endStream?: boolean) => void
  octets: (octets: Uint8Array) => void
} {
  const server = new Side({ role: 'server', clock: () => 0 })
  const encoder = new Encoder()
  const octets = (chunk: Uint8Array): void => server.connection.receive(Buffer.from(chunk))
  const send = (frame: Frame): void => octets(serializeFrame(frame))
  octets(Buffer.from(PREFACE))
  send({ type: 'SETTINGS', streamId: 0, ack: false, settings: [] })
  server.connection.takeOutput(1 << 16)
  return {
    server,
    send,
    octets,
    headers: (streamId, fields, endStream = true) =>
      send({ type: 'HEADERS', streamId, endStream, endHeaders: true, block: encoder.encode(fields) }),
  }
}

describe('broken requests end their stream with PROTOCOL_ERROR', () => {
  const broken: [string, string[]][] = [
    ['no :method', GET.slice(2)],
    ['no :scheme', [...GET.slice(0, 2), ...GET.slice(4)]],
    ['no :path', GET.slice(0, 6)],
    ['an empty :path', [...GET.slice(0, 6), ':path', '']],
    ['a :path that begins with no slash', [...GET.slice(0, 6), ':path', 'x']],
    ['* for another method than OPTIONS', [...GET.slice(0, 6), ':path', '*']],
    ['a method that is no token', [':method', 'G T', ...GET.slice(2)]],
    ['an unknown pseudo-header field', [...GET, ':x', 'y']],
    ['a pseudo-header field twice', [':method', 'GET', ...GET]],
    ['a pseudo-header field after a regular one', [...GET.slice(0, 6), 'x-a', 'b', ':path', '/']],
    [':status in a request', [...GET, ':status', '200']],
    ['userinfo in :authority', [...GET.slice(0, 4), ':authority', 'me@a', ':path', '/']],
    ['host that differs from :authority', [...GET, 'host', 'other']],
    ['two host fields', [...GET, 'host', 'example.com', 'host', 'example.com']],
    ['CONNECT with a path', [':method', 'CONNECT', ':authority', 'a:1', ':path', '/']],
    ['CONNECT without :authority', [':method', 'CONNECT']],
    [':protocol without the setting', [':method', 'CONNECT', ':protocol', 'x', ...GET.slice(2)]],
    ['a content-length and no body', [...GET, 'content-length', '5']],
    ['a line feed in a value', [...GET, 'x-a', 'b\nc']],
    ['a line feed in :path', [...GET.slice(0, 6), ':path', '/\n']],
    ['transfer-encoding', [...GET, 'transfer-encoding', 'chunked']],
  ]
  for (const [name, fields] of broken) {
    test(name, () => {
      const { server, headers } = rawClient()
      headers(1, fields)
      assert.equal(server.failure, undefined)
      assert.equal(server.connection.openStreams, 0)
      const output = Buffer.concat(server.connection.takeOutput(1 << 16))
      const reset = serializeFrame({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.PROTOCOL_ERROR })
      assert.ok(output.includes(reset))
      headers(3, [...GET, 'host', 'EXAMPLE.com'])
      assert.equal(server.requests.at(-1)?.stream.id, 3)
    })
  }
})

test('streams beyond the limit are refused, one by one', () => {
  const { server, headers } = rawClient()
  for (let i = 0; i < 105; i++) headers(1 + 2 * i, GET)
  assert.equal(server.requests.length, 100)
  assert.equal(server.failure, undefined)
  const output = Buffer.concat(server.connection.takeOutput(1 << 16))
  const refusal = serializeFrame({ type: 'RST_STREAM', streamId: 209, errorCode: ErrorCode.REFUSED_STREAM })
  assert.ok(output.includes(refusal))
})

test('a server that ends everything within a callback hears of no further request', () => {
  const { server, octets } = rawClient()
  const onRequest = server.onRequest.bind(server)
  server.onRequest = (stream, head) => {
    const listener = onRequest(stream, head)
    server.connection.terminate(() => new Error('enough'))
    return listener
  }
  const encoder = new Encoder()
  const request = (streamId: number): Buffer =>
    serializeFrame({ type: 'HEADERS', streamId, endStream: true, endHeaders: true, block: encoder.encode(GET) })
  octets(Buffer.concat([request(1), request(3), request(5)]))
  assert.equal(server.requests.length, 1)
})

test('PRIORITY_UPDATE of one stream to come leaves the others alone', () => {
  const { server, send, headers } = rawClient()
  send({ type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 5, value: 'u=0' })
  headers(1, GET)
  headers(5, GET)
  assert.deepEqual(
    server.requests.map(({ stream }) => stream.urgency),
    [3, 0],
  )
})

test('extended CONNECT without :authority is broken', () => {
  const pair = new Pair({ validateOutbound: false }, { enableConnectProtocol: true })
  const seen = new Recorder()
  const head = [':method', 'CONNECT', ':protocol', 'x', ':scheme', 'https', ':path', '/']
  pair.client.connection.request(head, true, seen)
  pair.flow()
  assert.ok(seen.error instanceof StreamResetError)
})

describe('what comes after the end of a request ends the connection', () => {
  for (const name of ['DATA', 'HEADERS'] as const) {
    test(name, () => {
      const { server, send, headers } = rawClient()
      headers(1, GET)
      if (name === 'DATA') send({ type: 'DATA', streamId: 1, endStream: false, data: Buffer.from('x') })
      else headers(1, ['x-a', 'b'])
      assert.equal(server.failure?.http2ErrorCode, ErrorCode.STREAM_CLOSED)
    })
  }
})

describe('what a client may not do ends the connection', () => {
  const cases: [string, number, (raw: ReturnType<typeof rawClient>) => void][] = [
    ['HEADERS on a stream of the server', ErrorCode.PROTOCOL_ERROR, ({ headers }) => headers(2, GET)],
    [
      'a stream identifier that goes back',
      ErrorCode.STREAM_CLOSED,
      ({ headers, server }) => {
        headers(5, GET)
        server.connection.respond(server.requests[0].stream, [':status', '200'], true)
        headers(3, GET)
      },
    ],
    [
      'a PUSH_PROMISE from a client',
      ErrorCode.PROTOCOL_ERROR,
      ({ send, headers }) => {
        headers(1, GET)
        send({ type: 'PUSH_PROMISE', streamId: 1, endHeaders: true, promisedStreamId: 2, block: Buffer.alloc(0) })
      },
    ],
    [
      'rapid reset (CVE-2023-44487)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ send, headers }) => {
        for (let i = 0; i <= RESETS_BURST; i++) {
          headers(1 + 2 * i, GET)
          send({ type: 'RST_STREAM', streamId: 1 + 2 * i, errorCode: 8 })
        }
      },
    ],
    [
      'resets provoked from us (CVE-2025-8671)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ send, headers }) => {
        for (let i = 0; i < 200; i++) {
          headers(1 + 2 * i, GET)
          send({ type: 'WINDOW_UPDATE', streamId: 1 + 2 * i, increment: 0 })
        }
      },
    ],
    [
      'a flood of PRIORITY (CVE-2019-9513)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ send }) => {
        for (let i = 0; i < 2000; i++)
          send({ type: 'PRIORITY', streamId: 1 + 2 * i, dependsOn: 0, weight: 1, exclusive: false })
      },
    ],
    [
      'a flood of tiny WINDOW_UPDATE (CVE-2019-9511)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ send }) => {
        for (let i = 0; i < 20_000; i++) send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 1 })
      },
    ],
    [
      'a flood of SETTINGS (CVE-2019-9515)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ send, server }) => {
        for (let i = 0; i < 200; i++) {
          send({ type: 'SETTINGS', streamId: 0, ack: false, settings: [] })
          server.connection.takeOutput(1 << 16)
        }
      },
    ],
    [
      'a flood of PING that are read (CVE-2019-9512)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ send, server }) => {
        for (let i = 0; i < 20_000; i++) {
          send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
          server.connection.takeOutput(1 << 16)
        }
      },
    ],
    [
      'a flood of tiny DATA (CVE-2019-9511)',
      ErrorCode.ENHANCE_YOUR_CALM,
      ({ octets, headers }) => {
        headers(1, POST, false)
        const frames = Buffer.concat(
          Array.from({ length: 1000 }, () =>
            serializeFrame({ type: 'DATA', streamId: 1, endStream: false, data: Buffer.from('x') }),
          ),
        )
        for (let i = 0; i < 300; i++) octets(frames)
      },
    ],
    [
      'PRIORITY_UPDATE on a stream',
      ErrorCode.PROTOCOL_ERROR,
      ({ octets }) => octets(Uint8Array.of(0, 0, 4, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 1)),
    ],
    [
      'PRIORITY_UPDATE of stream 0',
      ErrorCode.PROTOCOL_ERROR,
      ({ send }) => send({ type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 0, value: '' }),
    ],
  ]
  for (const [name, code, play] of cases) {
    test(name, () => {
      const raw = rawClient()
      play(raw)
      assert.equal(raw.server.failure?.http2ErrorCode, code)
    })
  }

  test('a wrong preface, at whichever octet', () => {
    for (let at = 0; at < PREFACE.length; at++) {
      const server = new Side({ role: 'server' })
      for (const octet of Buffer.from(PREFACE.slice(0, at))) server.connection.receive(Uint8Array.of(octet))
      assert.equal(server.connection.dead, false)
      server.connection.receive(Uint8Array.of(1))
      assert.equal(server.failure?.http2ErrorCode, ErrorCode.PROTOCOL_ERROR)
    }
  })
})
