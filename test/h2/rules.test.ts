/** Rules of RFC 9113 that a peer may break, and what follows: a stream ends, or the connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentLengthError, ProtocolError, StreamResetError } from '../../src/errors.ts'
import { ErrorCode, errorCodeName, type Frame } from '../../src/frame/index.ts'
import {
  EMPTY_DATA_BURST,
  INFORMATIONAL_OCTETS_BURST,
  MAX_CONTINUATIONS,
  MAX_HEADER_BLOCK,
  MAX_QUEUED_REPLIES,
} from '../../src/limits.ts'
import { GET, HEAD, POST, ScriptedServer } from '../support/peer.ts'

/** The connection ends with this code, and every open stream for the same reason. */
function failsConnection(name: string, code: number, play: (server: ScriptedServer) => void): void {
  test(`${name}: the connection ends with ${errorCodeName(code)}`, () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    const sibling = server.open()
    play(server)
    assert.equal(server.goawayCode(), code)
    assert.ok(server.failure instanceof ProtocolError)
    assert.equal(server.failure.http2ErrorCode, code)
    for (const one of [seen, sibling.seen]) {
      assert.equal(one.ends, 1)
      assert.ok(one.error instanceof ProtocolError)
      assert.equal(one.error.message, server.failure.message)
    }
    assert.equal(server.client.openStreams, 0)
    // Whatever comes afterwards is ignored.
    server.headers(1, [':status', '200'], true)
    assert.equal(seen.ends, 1)
    assert.deepEqual(server.frames(), [])
  })
}

/** Stream 1 ends with this code; its sibling does not notice. */
function failsStream(name: string, code: number, play: (server: ScriptedServer) => void, head: string[] = GET): void {
  test(`${name}: the stream ends with ${errorCodeName(code)}`, () => {
    const server = new ScriptedServer()
    const { seen } = server.open(head, head !== POST)
    const sibling = server.open()
    play(server)
    assert.equal(server.resetCode(1), code)
    if (seen.error instanceof StreamResetError) {
      assert.equal(seen.error.http2ErrorCode, code)
      assert.equal(seen.error.remote, false)
    } else {
      assert.ok(seen.error instanceof ContentLengthError)
      assert.match(seen.error.message, /https:\/\/example\.com announced 5 octets and had/)
    }
    assert.equal(seen.ends, 1)
    assert.equal(server.failure, undefined)
    server.respond(3, 'fine')
    assert.equal(sibling.seen.body, 'fine')
    assert.equal(sibling.seen.ends, 1)
  })
}

const frame = (one: Frame) => (server: ScriptedServer) => server.send(one)
const raw =
  (...octets: number[]) =>
  (server: ScriptedServer) =>
    server.octets(Uint8Array.from(octets))
const headers =
  (...fields: string[]) =>
  (server: ScriptedServer) =>
    server.headers(1, fields, true)

const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, COMPRESSION_ERROR, ENHANCE_YOUR_CALM } =
  ErrorCode

failsConnection('DATA on stream 0', PROTOCOL_ERROR, raw(0, 0, 1, 0, 0, 0, 0, 0, 0, 1))
failsConnection('HEADERS on stream 0', PROTOCOL_ERROR, raw(0, 0, 1, 1, 4, 0, 0, 0, 0, 0x88))
failsConnection('HEADERS on an idle stream', PROTOCOL_ERROR, (server) => server.headers(99, [':status', '200']))
failsConnection('HEADERS on a stream of the server', PROTOCOL_ERROR, (server) => server.headers(2, [':status', '200']))
failsConnection(
  'RST_STREAM on an idle stream',
  PROTOCOL_ERROR,
  frame({ type: 'RST_STREAM', streamId: 99, errorCode: 8 }),
)
failsConnection('RST_STREAM of 3 octets', FRAME_SIZE_ERROR, raw(0, 0, 3, 3, 0, 0, 0, 0, 1, 0, 0, 0))
failsConnection(
  'WINDOW_UPDATE on an idle stream',
  PROTOCOL_ERROR,
  frame({ type: 'WINDOW_UPDATE', streamId: 99, increment: 1 }),
)
failsConnection(
  'WINDOW_UPDATE of 0 on the connection',
  PROTOCOL_ERROR,
  frame({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 }),
)
failsConnection('WINDOW_UPDATE of 5 octets', FRAME_SIZE_ERROR, raw(0, 0, 5, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0))
failsConnection(
  'an overflow of the connection window',
  FLOW_CONTROL_ERROR,
  frame({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0x7fffffff }),
)
failsConnection('an overflow of a stream window by SETTINGS', FLOW_CONTROL_ERROR, (server) => {
  server.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1_000_000 })
  server.settings([[0x4, 0x7fffffff]])
})
failsConnection('PING of 7 octets', FRAME_SIZE_ERROR, raw(0, 0, 7, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7))
failsConnection('PING on a stream', PROTOCOL_ERROR, raw(0, 0, 8, 6, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8))
failsConnection('PRIORITY on stream 0', PROTOCOL_ERROR, raw(0, 0, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
failsConnection('SETTINGS on a stream', PROTOCOL_ERROR, raw(0, 0, 0, 4, 0, 0, 0, 0, 1))
failsConnection('SETTINGS of 5 octets', FRAME_SIZE_ERROR, raw(0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
failsConnection(
  'a SETTINGS acknowledgement with a payload',
  FRAME_SIZE_ERROR,
  raw(0, 0, 6, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
)
failsConnection(
  'an acknowledgement of settings never sent',
  PROTOCOL_ERROR,
  frame({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] }),
)
failsConnection('a server that enables push', PROTOCOL_ERROR, (server) => server.settings([[0x2, 1]]))
failsConnection('SETTINGS_ENABLE_PUSH of 2', PROTOCOL_ERROR, (server) => server.settings([[0x2, 2]]))
failsConnection('SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1', FLOW_CONTROL_ERROR, (server) =>
  server.settings([[0x4, 0x80000000]]),
)
failsConnection('SETTINGS_MAX_FRAME_SIZE below 16,384', PROTOCOL_ERROR, (server) => server.settings([[0x5, 16_383]]))
failsConnection('SETTINGS_MAX_FRAME_SIZE above 2^24-1', PROTOCOL_ERROR, (server) => server.settings([[0x5, 0x1000000]]))
failsConnection('SETTINGS of 33 entries', ENHANCE_YOUR_CALM, (server) =>
  server.settings(Array.from({ length: 33 }, (_, index): [number, number] => [0x1000 + index, 1])),
)
failsConnection('GOAWAY on a stream', PROTOCOL_ERROR, raw(0, 0, 8, 7, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0))
failsConnection('GOAWAY of 7 octets', FRAME_SIZE_ERROR, raw(0, 0, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
failsConnection('a second GOAWAY that raises the last stream', PROTOCOL_ERROR, (server) => {
  server.send({ type: 'GOAWAY', streamId: 0, lastStreamId: 3, errorCode: 0, debugData: Buffer.alloc(0) })
  server.send({ type: 'GOAWAY', streamId: 0, lastStreamId: 5, errorCode: 0, debugData: Buffer.alloc(0) })
})
failsConnection('PUSH_PROMISE although push is off', PROTOCOL_ERROR, (server) =>
  server.send({ type: 'PUSH_PROMISE', streamId: 1, endHeaders: true, promisedStreamId: 2, block: server.block(GET) }),
)
failsConnection(
  'CONTINUATION without a header block',
  PROTOCOL_ERROR,
  frame({ type: 'CONTINUATION', streamId: 1, endHeaders: true, block: Buffer.alloc(0) }),
)
failsConnection('a frame within a header block', PROTOCOL_ERROR, (server) => {
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: Buffer.from([0x88]) })
  server.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
})
failsConnection('an unknown frame within a header block', PROTOCOL_ERROR, (server) => {
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: Buffer.from([0x88]) })
  server.send({ type: 'UNKNOWN', typeCode: 0x77, flags: 0, streamId: 1, payload: Buffer.alloc(0) })
})
failsConnection('DATA within a header block', PROTOCOL_ERROR, (server) => {
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: Buffer.from([0x88]) })
  server.data(1, 'x')
})
failsConnection('CONTINUATION of another stream', PROTOCOL_ERROR, (server) => {
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: Buffer.from([0x88]) })
  server.send({ type: 'CONTINUATION', streamId: 3, endHeaders: true, block: Buffer.alloc(0) })
})
failsConnection('a flood of CONTINUATION frames', ENHANCE_YOUR_CALM, (server) => {
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: Buffer.from([0x88]) })
  for (let i = 0; i <= MAX_CONTINUATIONS; i++) {
    server.send({ type: 'CONTINUATION', streamId: 1, endHeaders: false, block: Buffer.alloc(0) })
  }
})
failsConnection('a header block beyond what is read of one', ENHANCE_YOUR_CALM, (server) => {
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: Buffer.alloc(16_384) })
  for (let i = 0; i < MAX_HEADER_BLOCK / 16_384; i++) {
    server.send({ type: 'CONTINUATION', streamId: 1, endHeaders: false, block: Buffer.alloc(16_384) })
  }
})
failsConnection(
  'a broken header block',
  COMPRESSION_ERROR,
  frame({
    type: 'HEADERS',
    streamId: 1,
    endStream: true,
    endHeaders: true,
    block: Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  }),
)
failsConnection('HEADERS with more padding than payload', PROTOCOL_ERROR, raw(0, 0, 2, 1, 0xc, 0, 0, 0, 1, 5, 0x88))
failsConnection('DATA with more padding than payload', PROTOCOL_ERROR, raw(0, 0, 1, 0, 8, 0, 0, 0, 1, 1))
failsConnection('an oversized frame, on its header alone', FRAME_SIZE_ERROR, raw(0, 0x40, 1, 0, 0, 0, 0, 0, 1))
failsConnection('DATA after the end of a stream', STREAM_CLOSED, (server) => {
  const { stream } = server.open()
  server.respond(stream.id)
  server.data(stream.id, 'late')
})
failsConnection('HEADERS after the end of a stream', STREAM_CLOSED, (server) => {
  const { stream } = server.open()
  server.respond(stream.id)
  server.headers(stream.id, [':status', '200'])
})
failsConnection('a flood of empty DATA', ENHANCE_YOUR_CALM, (server) => {
  server.headers(1, [':status', '200'])
  // Some come back while they are sent.
  for (let i = 0; i <= EMPTY_DATA_BURST * 2; i++) server.data(1, '')
})
failsConnection('a flood of PING while nothing is read', ENHANCE_YOUR_CALM, (server) => {
  for (let i = 0; i <= MAX_QUEUED_REPLIES; i++) {
    server.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
  }
})
failsConnection('a flood of SETTINGS while nothing is read', ENHANCE_YOUR_CALM, (server) => {
  for (let i = 0; i <= MAX_QUEUED_REPLIES; i++) server.settings([])
})

test('a first frame that is not SETTINGS ends the connection with PROTOCOL_ERROR', () => {
  for (const play of [
    frame({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) }),
    raw(0, 0, 1, 0, 0, 0, 0, 0, 1, 1),
    (server: ScriptedServer) => server.octets(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  ]) {
    const server = new ScriptedServer({}, false)
    play(server)
    assert.ok(server.failure instanceof ProtocolError)
  }
})

test('a body that is not read never uses up the connection window', () => {
  const server = new ScriptedServer({ connectionWindow: 65_535, streamWindow: 1 << 20 })
  const { seen } = server.open()
  seen.consuming = false
  server.headers(1, [':status', '200'])
  for (let i = 0; i < 10; i++) server.data(1, Buffer.alloc(16_384))
  assert.equal(server.failure, undefined)
  assert.equal(seen.body.length, 10 * 16_384)
  const returned = server
    .frames()
    .map((one) => (one.type === 'WINDOW_UPDATE' && one.streamId === 0 ? one.increment : 0))
  assert.ok(returned.reduce((sum, one) => sum + one, 0) >= 8 * 16_384)
})

failsStream('DATA before the response headers', PROTOCOL_ERROR, (server) => server.data(1, 'x'))
failsStream('a body shorter than its content-length', PROTOCOL_ERROR, (server) => {
  server.headers(1, [':status', '200', 'content-length', '5'])
  server.data(1, '1234', true)
})
failsStream('a body longer than its content-length', PROTOCOL_ERROR, (server) => {
  server.headers(1, [':status', '200', 'content-length', '5'])
  server.data(1, '123456')
})
failsStream('a content-length and no body at all', PROTOCOL_ERROR, headers(':status', '200', 'content-length', '5'))
failsStream('trailers after too short a body', PROTOCOL_ERROR, (server) => {
  server.headers(1, [':status', '200', 'content-length', '5'])
  server.headers(1, ['x-a', 'b'], true)
})
failsStream(
  'a body in answer to HEAD',
  PROTOCOL_ERROR,
  (server) => {
    server.headers(1, [':status', '200'])
    server.data(1, 'body')
  },
  HEAD,
)
failsStream(
  'two content-lengths that differ',
  PROTOCOL_ERROR,
  headers(':status', '200', 'content-length', '5', 'content-length', '6'),
)
failsStream('a content-length that is no number', PROTOCOL_ERROR, headers(':status', '200', 'content-length', '+5'))
failsStream('an empty content-length', PROTOCOL_ERROR, headers(':status', '200', 'content-length', ''))
failsStream('a response without :status', PROTOCOL_ERROR, headers('x-a', 'b'))
failsStream('an empty header section', PROTOCOL_ERROR, headers())
failsStream('a :status that is no number', PROTOCOL_ERROR, headers(':status', 'ok'))
failsStream('a :status after another field', PROTOCOL_ERROR, headers('x-a', 'b', ':status', '200'))
failsStream('two :status fields', PROTOCOL_ERROR, headers(':status', '200', ':status', '200'))
failsStream('a pseudo-header field of requests', PROTOCOL_ERROR, headers(':status', '200', ':path', '/'))
failsStream('an unknown pseudo-header field', PROTOCOL_ERROR, headers(':status', '200', ':x', '/'))
failsStream('status 101', PROTOCOL_ERROR, (server) => server.headers(1, [':status', '101']))
failsStream('an informational response that ends the stream', PROTOCOL_ERROR, headers(':status', '103'))
failsStream('an upper-case field name', PROTOCOL_ERROR, headers(':status', '200', 'X-A', 'b'))
failsStream('an empty field name', PROTOCOL_ERROR, headers(':status', '200', '', 'b'))
failsStream('a field name with a space', PROTOCOL_ERROR, headers(':status', '200', 'x a', 'b'))
failsStream('a field name with a colon', PROTOCOL_ERROR, headers(':status', '200', 'x:a', 'b'))
failsStream('a value with a line feed', PROTOCOL_ERROR, headers(':status', '200', 'x-a', 'b\nc'))
failsStream('a value with a carriage return', PROTOCOL_ERROR, headers(':status', '200', 'x-a', 'b\rc'))
failsStream('a value with a NUL', PROTOCOL_ERROR, headers(':status', '200', 'x-a', 'b\0c'))
for (const name of ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']) {
  failsStream(`the field ${name}`, PROTOCOL_ERROR, headers(':status', '200', name, 'x'))
}
failsStream('te other than trailers', PROTOCOL_ERROR, headers(':status', '200', 'te', 'gzip'))
failsStream('a pseudo-header field in trailers', PROTOCOL_ERROR, (server) => {
  server.headers(1, [':status', '200'])
  server.headers(1, [':status', '200'], true)
})
failsStream('trailers that do not end the stream', PROTOCOL_ERROR, (server) => {
  server.headers(1, [':status', '200'])
  server.headers(1, ['x-a', 'b'])
})
failsStream('too many informational responses', ENHANCE_YOUR_CALM, (server) => {
  for (let i = 0; i <= INFORMATIONAL_OCTETS_BURST / 21; i++) server.headers(1, [':status', '103'])
})
failsStream('too large a header list', ENHANCE_YOUR_CALM, (server) => {
  const fields = [':status', '200']
  for (let i = 0; i < 300; i++) fields.push(`x-${i}`, 'v')
  server.headers(1, fields, true)
})
failsStream(
  'WINDOW_UPDATE of 0 on a stream',
  PROTOCOL_ERROR,
  frame({ type: 'WINDOW_UPDATE', streamId: 1, increment: 0 }),
  POST,
)
failsStream(
  'an overflow of the stream window',
  FLOW_CONTROL_ERROR,
  frame({ type: 'WINDOW_UPDATE', streamId: 1, increment: 0x7fffffff }),
  POST,
)

test('more DATA than the stream window ends the stream with FLOW_CONTROL_ERROR', () => {
  const server = new ScriptedServer({ streamWindow: 20_000 })
  const { seen } = server.open()
  seen.consuming = false
  server.headers(1, [':status', '200'])
  server.data(1, Buffer.alloc(16_384))
  server.data(1, Buffer.alloc(4000))
  assert.equal(server.resetCode(1), ErrorCode.FLOW_CONTROL_ERROR)
  assert.equal(seen.ends, 1)
})
