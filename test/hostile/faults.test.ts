/**
 * A peer that breaks one rule, against the whole pool over real sockets. A rule of the stream ends that stream and its
 * siblings live on; a rule of the connection ends it with the right GOAWAY, and the next request works. What the rules are
 * is in `test/h2/rules.test.ts`; here is what becomes of everybody else.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, errorCodeName, Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { EMPTY_DATA_BURST, INFORMATIONAL_OCTETS_BURST, MAX_CONTINUATIONS, MAX_HEADER_FIELDS } from '../../src/limits.ts'
import type { FrameConnection } from '../support/frame-server.ts'
import { Ledger, leavesNothing, watchProcess } from '../support/hostile-ledger.ts'
import { HostileServer } from '../support/hostile-server.ts'

watchProcess()

type Attack = (connection: FrameConnection, streamId: number) => void

interface Fate {
  victim: string
  /** Default `ok`. */
  sibling?: string
  connections: number
  /** Error code of the client's RST_STREAM on the victim's stream, or of its GOAWAY. */
  told?: number | undefined
}

/** A sibling waits, a victim is attacked; then the sibling is answered, if it can be, and a third request is made. */
async function attacked(attack: Attack, fate: Fate, method = 'GET'): Promise<void> {
  let sibling = 0
  await using server = await HostileServer.start({
    onRequest(connection, streamId, fields) {
      if (fields.includes('/sibling') && connection.index > 0) connection.respond(streamId, 'sibling')
      else if (fields.includes('/sibling')) sibling = streamId
      else if (fields.includes('/victim')) {
        attack(connection, streamId)
        connection.respond(sibling, 'sibling')
      } else connection.respond(streamId, 'next')
    },
  })
  const pool = new Pool({ h2c: 'prior-knowledge' })
  const ledger = new Ledger()
  const beside = ledger.send(pool, { origin: server.origin, path: '/sibling' })
  const victim = await ledger.send(pool, { origin: server.origin, path: '/victim', method })
  assert.equal(victim.code, fate.victim, `victim: ${victim.error?.message}`)
  const { code, body } = await beside
  assert.equal(code, fate.sibling ?? 'ok', 'sibling')
  if (code === 'ok') assert.equal(body, 'sibling')
  const next = await ledger.send(pool, { origin: server.origin, path: '/next', method: 'POST', body: 'x' })
  assert.equal(next.code, 'ok', `next: ${next.error?.message}`)
  assert.equal(next.body, 'next')
  await leavesNothing(pool, server, ledger)
  assert.equal(server.connections.length, fate.connections, 'connections')
  const { frames } = server.connections[0]
  const resets = frames.flatMap((frame) =>
    frame.type === 'RST_STREAM' && frame.streamId === 3 ? [frame.errorCode] : [],
  )
  const goaways = frames.flatMap((frame) => (frame.type === 'GOAWAY' ? [frame.errorCode] : []))
  if (fate.told !== undefined) {
    const told = fate.connections > 1 ? goaways : resets
    assert.deepEqual(told.map(errorCodeName), [errorCodeName(fate.told)], 'what the peer was told')
  }
}

/** One octet each: a field that is in the static table, whole. */
const indexed = (index: number, count: number): Uint8Array => Buffer.alloc(count, 0x80 | index)
const OK = Buffer.from([0x88])

const block =
  (octets: Uint8Array, endStream = true): Attack =>
  (connection, streamId) =>
    connection.send({ type: 'HEADERS', streamId, endStream, endHeaders: true, block: octets })

const section =
  (...fields: string[]): Attack =>
  (connection, streamId) =>
    connection.headers(streamId, fields, true)

describe('a malformed response ends its stream with PROTOCOL_ERROR, and nothing else', () => {
  const sections: Readonly<Record<string, Attack>> = {
    'without fields': section(),
    'without :status': section('x-a', 'b'),
    'with :status twice': section(':status', '200', ':status', '200'),
    'with :status after a field': section('x-a', 'b', ':status', '200'),
    'with a pseudo-header field of requests': section(':status', '200', ':path', '/'),
    'with an unknown pseudo-header field': section(':status', '200', ':other', '1'),
    'with :status of two digits': section(':status', '20'),
    'with :status of four digits': section(':status', '2000'),
    'with :status 000': section(':status', '000'),
    'with :status +20': section(':status', '+20'),
    'with an empty :status': section(':status', ''),
    'with :status and a space': section(':status', '200 '),
    'with an upper-case name': section(':status', '200', 'X-A', 'b'),
    'with an empty name': section(':status', '200', '', 'b'),
    'with a colon in a name': section(':status', '200', 'x:a', 'b'),
    'with a space in a name': section(':status', '200', 'x a', 'b'),
    'with CR in a name': section(':status', '200', 'x\ra', 'b'),
    'with an octet above 0x7f in a name': section(':status', '200', 'x\u00e9', 'b'),
    'with NUL in a value': section(':status', '200', 'x-a', 'b\u0000'),
    'with CR LF in a value': section(':status', '200', 'x-a', 'b\r\nset-cookie: c'),
    'with LF in a value': section(':status', '200', 'x-a', 'b\nc'),
    'with connection': section(':status', '200', 'connection', 'close'),
    'with keep-alive': section(':status', '200', 'keep-alive', 'timeout=1'),
    'with proxy-connection': section(':status', '200', 'proxy-connection', 'close'),
    'with transfer-encoding': section(':status', '200', 'transfer-encoding', 'chunked'),
    'with upgrade': section(':status', '200', 'upgrade', 'h2c'),
    'with two content-lengths': section(':status', '200', 'content-length', '0', 'content-length', '1'),
    'with content-length +0': section(':status', '200', 'content-length', '+0'),
    'with content-length 0x0': section(':status', '200', 'content-length', '0x0'),
    'with content-length -1': section(':status', '200', 'content-length', '-1'),
    'with content-length of nothing': section(':status', '200', 'content-length', ''),
    'with content-length beyond counting': section(':status', '200', 'content-length', '9'.repeat(30)),
    'that is 101': section(':status', '101'),
    'that is informational and ends the stream': section(':status', '103'),
    'with DATA before HEADERS': (connection, id) => connection.data(id, 'early'),
    'with a pseudo-header field in trailers': (connection, id) => {
      connection.headers(id, [':status', '200'])
      connection.headers(id, [':status', '200'], true)
    },
    'with trailers that do not end the stream': (connection, id) => {
      connection.headers(id, [':status', '200'])
      connection.headers(id, ['x-a', 'b'])
      connection.headers(id, ['x-a', 'b'], true)
    },
    'with connection-specific trailers': (connection, id) => {
      connection.headers(id, [':status', '200'])
      connection.headers(id, ['connection', 'close'], true)
    },
    'with an informational response after the final one': (connection, id) => {
      connection.headers(id, [':status', '200'])
      connection.headers(id, [':status', '103'])
    },
    'with a body where 204 allows none': (connection, id) => {
      connection.headers(id, [':status', '204'])
      connection.data(id, 'body', true)
    },
    'with a body where 304 allows none': (connection, id) => {
      connection.headers(id, [':status', '304'])
      connection.data(id, 'body', true)
    },
  }
  for (const [name, attack] of Object.entries(sections)) {
    test(name, () =>
      attacked(attack, { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.PROTOCOL_ERROR }),
    )
  }

  test('a malformed response ends its stream with PROTOCOL_ERROR, and nothing else with a body, to HEAD', () =>
    attacked(
      (connection, id) => {
        connection.headers(id, [':status', '200', 'content-length', '4'])
        connection.data(id, 'body', true)
      },
      { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.PROTOCOL_ERROR },
      'HEAD',
    ))
})

describe('a body of another length than announced ends its stream', () => {
  const bodies: Readonly<Record<string, Attack>> = {
    longer: (connection, id) => {
      connection.headers(id, [':status', '200', 'content-length', '3'])
      connection.data(id, 'four', true)
    },
    shorter: (connection, id) => {
      connection.headers(id, [':status', '200', 'content-length', '5'])
      connection.data(id, 'four', true)
    },
    none: (connection, id) => connection.headers(id, [':status', '200', 'content-length', '5'], true),
    'shorter, by trailers': (connection, id) => {
      connection.headers(id, [':status', '200', 'content-length', '5'])
      connection.data(id, 'four')
      connection.headers(id, ['x-a', 'b'], true)
    },
    'shorter, by an empty DATA frame': (connection, id) => {
      connection.headers(id, [':status', '200', 'content-length', '5'])
      connection.data(id, 'four')
      connection.data(id, '', true)
    },
  }
  for (const [name, attack] of Object.entries(bodies)) {
    test(name, () =>
      attacked(attack, {
        victim: 'ERR_HYPER_RESPONSE_CONTENT_LENGTH',
        connections: 1,
        told: ErrorCode.PROTOCOL_ERROR,
      }),
    )
  }
})

describe('what a stream may not do ends that stream', () => {
  test('WINDOW_UPDATE of 0 ends its stream', () =>
    attacked((connection, streamId) => connection.send({ type: 'WINDOW_UPDATE', streamId, increment: 0 }), {
      victim: 'ERR_HYPER_STREAM_RESET',
      connections: 1,
    }))

  test('a stream window that overflows ends its stream', () =>
    attacked((connection, streamId) => connection.send({ type: 'WINDOW_UPDATE', streamId, increment: 0x7fffffff }), {
      victim: 'ERR_HYPER_STREAM_RESET',
      connections: 1,
      told: ErrorCode.FLOW_CONTROL_ERROR,
    }))

  test('a stream that depends on itself', () =>
    attacked(
      (connection, streamId) =>
        connection.send({ type: 'PRIORITY', streamId, dependsOn: streamId, weight: 16, exclusive: false }),
      { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.PROTOCOL_ERROR },
    ))

  test('informational responses without end end their stream', () =>
    attacked(
      (connection, id) => {
        for (let i = 0; i < INFORMATIONAL_OCTETS_BURST / 40; i++) {
          connection.headers(id, [':status', '103', 'link', '</a>'])
        }
      },
      { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.ENHANCE_YOUR_CALM },
    ))

  test('few informational responses that are large', () =>
    attacked(
      (connection, id) => {
        for (let i = 0; i < INFORMATIONAL_OCTETS_BURST / 5000; i++) {
          connection.headers(id, [':status', '103', 'link', `${i}`.padEnd(10_000, 'x')])
        }
      },
      { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.ENHANCE_YOUR_CALM },
    ))

  test('10,000 cookie crumbs, an octet each', () =>
    attacked(block(Buffer.concat([OK, indexed(32, 10_000)])), {
      victim: 'ERR_HYPER_STREAM_RESET',
      connections: 1,
      told: ErrorCode.ENHANCE_YOUR_CALM,
    }))

  test('more fields than allowed, in trailers', () =>
    attacked(
      (connection, id) => {
        connection.headers(id, [':status', '200'])
        block(indexed(32, MAX_HEADER_FIELDS + 1))(connection, id)
      },
      { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.ENHANCE_YOUR_CALM },
    ))

  test('the HPACK bomb: one field of 4,000 octets put into the table, then 60 references to it', () =>
    attacked(
      (connection, id) => {
        const literal = Buffer.concat([Buffer.from([0x40, 0x01, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x62)])
        block(Buffer.concat([OK, literal, indexed(62, 60)]))(connection, id)
      },
      { victim: 'ERR_HYPER_STREAM_RESET', connections: 1, told: ErrorCode.ENHANCE_YOUR_CALM },
    ))
})

describe('late frames', () => {
  const complete: Attack = (connection, id) => connection.respond(id, 'done')
  const harmless: Readonly<Record<string, Attack>> = {
    RST_STREAM: (connection, id) => connection.reset(id, ErrorCode.CANCEL),
    'three RST_STREAM': (connection, id) => {
      for (let i = 0; i < 3; i++) connection.reset(id, i)
    },
    WINDOW_UPDATE: (connection, streamId) => connection.send({ type: 'WINDOW_UPDATE', streamId, increment: 10 }),
    'WINDOW_UPDATE of 0': (connection, streamId) => connection.send({ type: 'WINDOW_UPDATE', streamId, increment: 0 }),
    PRIORITY: (connection, streamId) =>
      connection.send({ type: 'PRIORITY', streamId, dependsOn: 0, weight: 16, exclusive: false }),
    'a frame of an unknown type': (connection, streamId) =>
      connection.send({ type: 'UNKNOWN', streamId, typeCode: 0xee, flags: 0xff, payload: Buffer.alloc(100) }),
  }
  for (const [name, late] of Object.entries(harmless)) {
    test(`${name} on a stream that has ended changes nothing`, () =>
      attacked(
        (connection, id) => {
          complete(connection, id)
          late(connection, id)
        },
        { victim: 'ok', connections: 1 },
      ))
  }

  const harmful: Readonly<Record<string, Attack>> = {
    DATA: (connection, id) => connection.data(id, 'more'),
    'empty DATA that ends it again': (connection, id) => connection.data(id, '', true),
    'HEADERS (trailers twice)': (connection, id) => connection.headers(id, ['x-a', 'b'], true),
  }
  for (const [name, late] of Object.entries(harmful)) {
    test(`${name} on a stream that has ended ends the connection, not the response`, () =>
      attacked(
        (connection, id) => {
          complete(connection, id)
          late(connection, id)
        },
        { victim: 'ok', connections: 2, told: ErrorCode.STREAM_CLOSED },
      ))
  }
})

/** Rules broken on no stream of ours: whatever shares the connection fails with it. All others are the fault of one stream. */
const OF_NO_STREAM: ReadonlySet<string> = new Set([
  'a frame too large by far, of an unknown type',
  'HEADERS on stream 0',
  'HEADERS on a stream that we have not opened',
  'HEADERS on a stream of the server',
  'DATA on stream 0',
  'DATA on a stream that we have not opened',
  'RST_STREAM on stream 0',
  'RST_STREAM on a stream that we have not opened',
  'WINDOW_UPDATE of 0 on the connection',
  'WINDOW_UPDATE on a stream that we have not opened',
  'WINDOW_UPDATE of 5 octets',
  'a connection window that overflows',
  'SETTINGS of 5 octets',
  'SETTINGS that acknowledge with a payload',
  'SETTINGS that acknowledge what was not sent',
  'SETTINGS_ENABLE_PUSH 1 from a server',
  'SETTINGS_ENABLE_PUSH 2',
  'SETTINGS_INITIAL_WINDOW_SIZE above the largest',
  'SETTINGS_MAX_FRAME_SIZE below the smallest',
  'PING of 7 octets',
  'GOAWAY of 7 octets',
  'PRIORITY on stream 0',
  'PRIORITY_UPDATE from a server',
  'PING without end',
  'SETTINGS without end',
  'SETTINGS with 2,400 entries',
  'WINDOW_UPDATE of 1 without end',
  'HTTP/1.1 in the middle',
])

describe('a rule of the connection broken ends all on it, says why, and what only shared it is sent again', () => {
  const raw =
    (hex: string): Attack =>
    (connection) =>
      connection.octets(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  const { PROTOCOL_ERROR, COMPRESSION_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, ENHANCE_YOUR_CALM } = ErrorCode
  const rules: readonly [string, number, Attack][] = [
    ['HPACK: index 0', COMPRESSION_ERROR, block(Buffer.from([0x80]))],
    ['HPACK: an index beyond the tables', COMPRESSION_ERROR, block(Buffer.from([0xbe]))],
    ['HPACK: an integer that ends too early', COMPRESSION_ERROR, block(Buffer.from([0xff]))],
    ['HPACK: an integer without end', COMPRESSION_ERROR, block(Buffer.alloc(100, 0xff))],
    ['HPACK: a string that ends too early', COMPRESSION_ERROR, block(Buffer.from([0x88, 0x40, 0x05, 0x61]))],
    ['HPACK: EOS in a string', COMPRESSION_ERROR, block(Buffer.from([0x88, 0x40, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]))],
    ['HPACK: wrong padding of a string', COMPRESSION_ERROR, block(Buffer.from([0x88, 0x40, 0x81, 0x00, 0x00]))],
    ['HPACK: a table larger than we allow', COMPRESSION_ERROR, block(Buffer.from([0x3f, 0xe2, 0x1f, 0x88]))],
    ['HPACK: a table size after a field', COMPRESSION_ERROR, block(Buffer.from([0x88, 0x20]))],
    ['a frame too large, by its header alone', FRAME_SIZE_ERROR, raw('004001 00 00 00000003')],
    ['a frame too large by far, of an unknown type', FRAME_SIZE_ERROR, raw('ffffff ee 00 00000000')],
    ['CONTINUATION without a header block', PROTOCOL_ERROR, raw('000001 09 04 00000003 88')],
    [
      'PING within a header block',
      PROTOCOL_ERROR,
      raw('000001 01 00 00000003 88 000008 06 00 00000000 0000000000000000'),
    ],
    ['CONTINUATION on another stream', PROTOCOL_ERROR, raw('000001 01 00 00000003 88 000001 09 04 00000001 88')],
    ['HEADERS on stream 0', PROTOCOL_ERROR, raw('000001 01 05 00000000 88')],
    ['HEADERS on a stream that we have not opened', PROTOCOL_ERROR, raw('000001 01 05 00000063 88')],
    ['HEADERS on a stream of the server', PROTOCOL_ERROR, raw('000001 01 05 00000002 88')],
    ['HEADERS with more padding than payload', PROTOCOL_ERROR, raw('000002 01 0d 00000003 05 88')],
    ['DATA on stream 0', PROTOCOL_ERROR, raw('000001 00 00 00000000 61')],
    ['DATA on a stream that we have not opened', PROTOCOL_ERROR, raw('000001 00 00 00000063 61')],
    ['DATA with more padding than payload', PROTOCOL_ERROR, raw('000001 01 04 00000003 88 000001 00 08 00000003 05')],
    ['RST_STREAM on stream 0', PROTOCOL_ERROR, raw('000004 03 00 00000000 00000008')],
    ['RST_STREAM on a stream that we have not opened', PROTOCOL_ERROR, raw('000004 03 00 00000063 00000008')],
    ['RST_STREAM of 3 octets', FRAME_SIZE_ERROR, raw('000003 03 00 00000003 000008')],
    ['WINDOW_UPDATE of 0 on the connection', PROTOCOL_ERROR, raw('000004 08 00 00000000 00000000')],
    ['WINDOW_UPDATE on a stream that we have not opened', PROTOCOL_ERROR, raw('000004 08 00 00000063 00000001')],
    ['WINDOW_UPDATE of 5 octets', FRAME_SIZE_ERROR, raw('000005 08 00 00000000 0000000100')],
    ['a connection window that overflows', FLOW_CONTROL_ERROR, raw('000004 08 00 00000000 7fffffff')],
    ['SETTINGS on a stream', PROTOCOL_ERROR, raw('000000 04 00 00000003')],
    ['SETTINGS of 5 octets', FRAME_SIZE_ERROR, raw('000005 04 00 00000000 0000000000')],
    ['SETTINGS that acknowledge with a payload', FRAME_SIZE_ERROR, raw('000006 04 01 00000000 000100000000')],
    ['SETTINGS that acknowledge what was not sent', PROTOCOL_ERROR, raw('000000 04 01 00000000 000000 04 01 00000000')],
    [
      'SETTINGS_ENABLE_PUSH 1 from a server',
      PROTOCOL_ERROR,
      (connection) => connection.settings([[Setting.ENABLE_PUSH, 1]]),
    ],
    ['SETTINGS_ENABLE_PUSH 2', PROTOCOL_ERROR, (connection) => connection.settings([[Setting.ENABLE_PUSH, 2]])],
    [
      'SETTINGS_INITIAL_WINDOW_SIZE above the largest',
      FLOW_CONTROL_ERROR,
      (connection) => connection.settings([[Setting.INITIAL_WINDOW_SIZE, 0x80000000]]),
    ],
    [
      'SETTINGS_MAX_FRAME_SIZE below the smallest',
      PROTOCOL_ERROR,
      (connection) => connection.settings([[Setting.MAX_FRAME_SIZE, 16_383]]),
    ],
    ['PING of 7 octets', FRAME_SIZE_ERROR, raw('000007 06 00 00000000 00000000000000')],
    ['PING on a stream', PROTOCOL_ERROR, raw('000008 06 00 00000003 0000000000000000')],
    ['GOAWAY on a stream', PROTOCOL_ERROR, raw('000008 07 00 00000003 0000000000000000')],
    ['GOAWAY of 7 octets', FRAME_SIZE_ERROR, raw('000007 07 00 00000000 00000000000000')],
    ['PUSH_PROMISE although push is off', PROTOCOL_ERROR, raw('000005 05 04 00000003 00000002 82')],
    ['PRIORITY on stream 0', PROTOCOL_ERROR, raw('000005 02 00 00000000 0000000010')],
    ['PRIORITY_UPDATE from a server', PROTOCOL_ERROR, raw('000004 10 00 00000000 00000003')],
    [
      'more CONTINUATION frames than allowed, a header block that never ends',
      ENHANCE_YOUR_CALM,
      (connection, streamId) => {
        const empty = Buffer.alloc(0)
        connection.send({ type: 'HEADERS', streamId, endStream: true, endHeaders: false, block: OK })
        for (let i = 0; i < 1000; i++)
          connection.send({ type: 'CONTINUATION', streamId, endHeaders: false, block: empty })
      },
    ],
    [
      'a header block too large, before it has ended',
      ENHANCE_YOUR_CALM,
      (connection, streamId) => {
        const piece = Buffer.alloc(16_000, 0x88)
        connection.send({ type: 'HEADERS', streamId, endStream: true, endHeaders: false, block: piece })
        for (let i = 0; i <= MAX_CONTINUATIONS; i++) {
          connection.send({ type: 'CONTINUATION', streamId, endHeaders: false, block: piece })
        }
      },
    ],
    [
      'empty DATA without end',
      ENHANCE_YOUR_CALM,
      (connection, id) => {
        connection.headers(id, [':status', '200'])
        for (let i = 0; i < EMPTY_DATA_BURST * 2; i++) connection.data(id, '')
      },
    ],
    [
      'PING without end',
      ENHANCE_YOUR_CALM,
      (connection) => connection.octets(Buffer.from('0000080600000000000000000000000000'.repeat(30_000), 'hex')),
    ],
    [
      'SETTINGS without end',
      ENHANCE_YOUR_CALM,
      (connection) => connection.octets(Buffer.from('000000040000000000'.repeat(30_000), 'hex')),
    ],
    [
      'SETTINGS with 2,400 entries',
      ENHANCE_YOUR_CALM,
      (connection) => connection.settings(Array.from({ length: 2400 }, () => [0xff, 1])),
    ],
    [
      'PRIORITY without end',
      ENHANCE_YOUR_CALM,
      (connection) => connection.octets(Buffer.from('0000050200000000030000000010'.repeat(20_000), 'hex')),
    ],
    [
      'WINDOW_UPDATE of 1 without end',
      ENHANCE_YOUR_CALM,
      (connection) => connection.octets(Buffer.from('00000408000000000000000001'.repeat(40_000), 'hex')),
    ],
    [
      'HTTP/1.1 in the middle',
      FRAME_SIZE_ERROR,
      (connection) => connection.octets(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
  ]
  for (const [name, told, attack] of rules) {
    const sibling = OF_NO_STREAM.has(name) ? 'ERR_HYPER_PROTOCOL' : 'ok'
    test(name, () => attacked(attack, { victim: 'ERR_HYPER_PROTOCOL', sibling, connections: 2, told }))
  }
})
