/** Peers that speak another protocol than was agreed, or none; and pushes that the client has not enabled. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { ErrorCode, Setting, serializeFrame } from '../../src/frame/index.ts'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { type Entry, Ledger, leavesNothing, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer, type HostileServerOptions } from '../support/hostile-server.ts'

watchProcess()

const HTTP1 = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const SETTINGS = serializeFrame({ type: 'SETTINGS', streamId: 0, ack: false, settings: [] })

describe('a peer that speaks something else', () => {
  /** Says its piece to the first connection, at once or when it has heard something; the others are cut. */
  const says =
    (octets: string | Uint8Array, heard: boolean): HostileServerOptions['onSocket'] =>
    (socket: Socket) => {
      socket.resume()
      if (heard) socket.once('data', () => socket.write(octets))
      else socket.write(octets)
    }

  const plain: PoolOptions = { h2c: 'prior-knowledge' }
  const cases: readonly [string, string | Uint8Array, readonly string[] | undefined, PoolOptions, string[]][] = [
    ['HTTP/1.1 to a client of HTTP/2', HTTP1, undefined, plain, ['ERR_HYPER_PROTOCOL']],
    [
      '400 of HTTP/1.1 to a client of HTTP/2',
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      undefined,
      plain,
      ['ERR_HYPER_PROTOCOL'],
    ],
    ['SMTP', '220 mail.example ESMTP\r\n', undefined, plain, ['ERR_HYPER_PROTOCOL']],
    ['nothing but zeros', Buffer.alloc(1000), undefined, plain, ['ERR_HYPER_PROTOCOL']],
    ['the preface of a client', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', undefined, plain, ['ERR_HYPER_PROTOCOL']],
    [
      'an alert of TLS',
      Buffer.from([0x15, 3, 1, 0, 2, 2, 40]),
      undefined,
      plain,
      ['ERR_HYPER_HEADERS_TIMEOUT', 'ERR_HYPER_PROTOCOL'],
    ],
    ['HTTP/1.1 although h2 was agreed on', HTTP1, ['h2'], {}, ['ERR_HYPER_PROTOCOL']],
    ['HTTP/2 although http/1.1 was agreed on', SETTINGS, ['http/1.1'], {}, ['ERR_HYPER_PROTOCOL']],
    ['HTTP/2 to a client of HTTP/1.1', SETTINGS, undefined, {}, ['ERR_HYPER_PROTOCOL']],
    ['HTTP/0.9', '<html></html>', undefined, {}, ['ERR_HYPER_PROTOCOL']],
    ['SMTP to a client of HTTP/1.1', '220 mail.example ESMTP\r\n', undefined, {}, ['ERR_HYPER_PROTOCOL']],
    [
      '101 to who did not ask',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      undefined,
      {},
      ['ERR_HYPER_PROTOCOL', 'ERR_HYPER_CONNECTION_LOST'],
    ],
  ]
  for (const [name, octets, alpn, options, allowed] of cases) {
    for (const heard of [false, true]) {
      test(`${name}, ${heard ? 'when asked' : 'at once'}: the request ends with an error that gives the reason`, async () => {
        await using server = await HostileServer.start({
          ...(alpn === undefined ? {} : { alpn }),
          onSocket: says(octets, heard),
        })
        // Only what is less than a frame's header must be waited for.
        const headersTimeout = octets.length < 9 ? 300 : 10_000
        const pool = new Pool({ ...options, tls: { ca: server.ca }, headersTimeout })
        const ledger = new Ledger()
        const all = await Promise.all(
          ['GET', 'POST'].map((method) => ledger.send(pool, { origin: server.origin, path: '/', method })),
        )
        for (const { code, error } of all) assert.ok(allowed.includes(code), `${code}: ${error?.message}`)
        await leavesNothing(pool, server, ledger)
        assert.ok(server.sockets.length <= 4, `${server.sockets.length} connections`)
      })
    }
  }

  test('noise: whatever it is, everything ends', async () => {
    for (const options of [plain, {}]) {
      for (let i = 0; i < 40; i++) {
        const noise = randomBytes(1 + i * 20)
        await using server = await HostileServer.start({
          onSocket(socket) {
            socket.resume()
            socket.once('data', () => socket.end(i % 2 === 0 ? noise : Buffer.concat([SETTINGS, noise])))
          },
        })
        const pool = new Pool({ ...options, headersTimeout: 1000 })
        const ledger = new Ledger()
        const { code } = await ledger.send(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
        assert.match(code, /^ERR_HYPER_(PROTOCOL|CONNECTION_LOST|HEADERS_TIMEOUT|GOAWAY)$/, noise.toString('hex'))
        await leavesNothing(pool, server, ledger)
      }
    }
  })

  test('TLS that agrees on no protocol is spoken to by HTTP/1.1', async () => {
    await using server = await HostileServer.start({ alpn: [], onSocket: says(HTTP1, true) })
    const pool = new Pool({ tls: { ca: server.ca } })
    const ledger = new Ledger()
    const { code, body } = await ledger.send(pool, { origin: server.origin, path: '/' })
    assert.deepEqual([code, body], ['ok', 'ok'])
    await leavesNothing(pool, server, ledger)
  })

  test('a client that takes HTTP/1.1 only, and a server that agrees on h2 only: an error of the handshake', async () => {
    await using server = await HostileServer.start({ alpn: ['h2'] })
    const pool = new Pool({ tls: { ca: server.ca }, allowH2: false })
    const ledger = new Ledger()
    const { code } = await ledger.send(pool, { origin: server.origin, path: '/' })
    assert.equal(code, 'ERR_HYPER_CONNECT')
    await leavesNothing(pool, server, ledger)
  })
})

describe('pushes', () => {
  const REQUEST = [':method', 'GET', ':scheme', 'http', ':authority', '', ':path', '/pushed']

  function promise(origin: string, path = '/pushed', scheme = 'http'): string[] {
    const fields = [...REQUEST]
    fields[3] = scheme
    fields[5] = origin.replace('http://', '')
    fields[7] = path
    return fields
  }

  test('a flood of them: those beyond the limit are refused, each that was taken settles, the parent goes on', async () => {
    const count = 500
    await using server = await HostileServer.start({
      onRequest(connection, streamId) {
        for (let i = 1; i <= count; i++) {
          const block = connection.block(promise(server.origin, `/pushed/${i}`))
          connection.send({ type: 'PUSH_PROMISE', streamId, endHeaders: true, promisedStreamId: 2 * i, block })
        }
        connection.respond(streamId, 'parent')
        for (let i = 1; i <= 5; i++) connection.respond(2 * i, `pushed ${i}`)
        connection.goaway(0x7fffffff)
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge', enablePush: true, maxPushes: 5 })
    const ledger = new Ledger()
    const pushes: Entry[] = []
    const entry = ledger.begin(pool, { origin: server.origin, path: '/' }, (promised) => {
      const push = ledger.open(`push ${promised.path}`)
      push.exchange = promised.exchange
      pushes.push(push)
      return push
    })
    const { code, body } = await entry.outcome
    assert.deepEqual([code, body], ['ok', 'parent'])
    const outcomes = await Promise.all(pushes.map((push) => push.outcome))
    assert.deepEqual(
      outcomes.map((one) => [one.code, one.body]),
      [1, 2, 3, 4, 5].map((i) => ['ok', `pushed ${i}`]),
    )
    await leavesNothing(pool, server, ledger)
    const refused = server.connections[0].frames.filter(
      (frame) => frame.type === 'RST_STREAM' && frame.errorCode === ErrorCode.REFUSED_STREAM,
    )
    assert.equal(refused.length, count - 5)
  })

  test('of other origins and schemes, without authority, unsafe, malformed: none is taken, and the parent goes on', async () => {
    await using server = await HostileServer.start({
      onRequest(connection, streamId) {
        const bad: string[][] = [
          promise('http://other.example'),
          promise(server.origin, '/', 'https'),
          promise(server.origin, 'no-slash'),
          [':method', 'GET', ':scheme', 'http', ':path', '/'],
          promise(server.origin).with(1, 'POST'),
          [...promise(server.origin), 'content-length', '5'],
          [...promise(server.origin), 'connection', 'close'],
          [...promise(server.origin), 'host', 'other.example'],
          promise(server.origin).slice(0, 4),
          promise('http://user@localhost'),
        ]
        bad.forEach((fields, i) => {
          const block = connection.block(fields)
          connection.send({ type: 'PUSH_PROMISE', streamId, endHeaders: true, promisedStreamId: 2 * i + 2, block })
        })
        connection.respond(streamId, 'parent')
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge', enablePush: true })
    const ledger = new Ledger()
    const offered: string[] = []
    const entry = ledger.begin(pool, { origin: server.origin, path: '/' }, ({ authority, path }) => {
      offered.push(`${authority}${path}`)
      return null
    })
    assert.equal((await entry.outcome).body, 'parent')
    await leavesNothing(pool, server, ledger)
    assert.deepEqual(offered, [])
    assert.equal(server.connections[0].count('RST_STREAM'), 10)
  })

  test('that never come, or are cut: they end with their connection', async () => {
    await using server = await HostileServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 10]],
      onRequest(connection, streamId) {
        for (const promisedStreamId of [2, 4, 6]) {
          const block = connection.block(promise(server.origin))
          connection.send({ type: 'PUSH_PROMISE', streamId, endHeaders: true, promisedStreamId, block })
        }
        connection.respond(streamId, 'parent')
        connection.headers(4, [':status', '200'])
        connection.reset(6, ErrorCode.CANCEL)
        setImmediate(() => connection.cut())
      },
    })
    const pool = new Pool({ h2c: 'prior-knowledge', enablePush: true })
    const ledger = new Ledger()
    const entry = ledger.begin(pool, { origin: server.origin, path: '/' }, (promised) => {
      const push = ledger.open(`push ${promised.path}`)
      push.exchange = promised.exchange
      return push
    })
    assert.equal((await entry.outcome).body, 'parent')
    await leavesNothing(pool, server, ledger)
    const codes = await Promise.all(ledger.entries.slice(1).map(async ({ outcome }) => (await outcome).code))
    assert.deepEqual(codes, ['ERR_HYPER_CONNECTION_LOST', 'ERR_HYPER_CONNECTION_LOST', 'ERR_HYPER_STREAM_RESET'])
  })
})
