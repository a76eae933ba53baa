import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, serializeFrame } from '../../src/frame/index.ts'
import { GET, HEAD, POST, ScriptedServer } from '../support/peer.ts'

test('the client preface is the magic, SETTINGS without push, and a larger connection window', () => {
  const server = new ScriptedServer({ connectionWindow: 1_000_000, streamWindow: 100_000 }, false)
  assert.equal(server.prefaceSeen, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const [settings, update] = server.firstFrames
  assert.equal(settings.type, 'SETTINGS')
  assert.deepEqual(new Map(settings.type === 'SETTINGS' ? settings.settings : []).get(0x2), 0)
  assert.deepEqual(new Map(settings.type === 'SETTINGS' ? settings.settings : []).get(0x4), 100_000)
  assert.deepEqual(update, { type: 'WINDOW_UPDATE', streamId: 0, increment: 1_000_000 - 65_535 })
})

test('a request without a body is one HEADERS frame that ends the stream', () => {
  const server = new ScriptedServer()
  const { stream } = server.open()
  assert.equal(stream.id, 1)
  const next = server.client.request([...GET, 'x-a', '1'], true, server.open().seen)
  const [frame] = server.frames()
  assert.equal(frame.type === 'HEADERS' && frame.endStream && frame.endHeaders && frame.streamId, next.id)
  assert.deepEqual(server.decode(frame), [...GET, 'x-a', '1'])
})

test('a response arrives as status, fields, body and end', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  server.headers(1, [':status', '200', 'content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2'])
  server.data(1, 'hello ')
  server.data(1, 'world', true)
  assert.equal(seen.status, 200)
  assert.deepEqual(seen.fields, ['content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2'])
  assert.equal(seen.body, 'hello world')
  assert.deepEqual(seen.trailers, [])
  assert.equal(seen.ends, 1)
  assert.deepEqual(server.closedStreams, [1])
})

test('trailers arrive apart from headers', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  server.headers(1, [':status', '200'])
  server.data(1, 'body')
  server.headers(1, ['x-checksum', 'abc'], true)
  assert.deepEqual(seen.trailers, ['x-checksum', 'abc'])
  assert.deepEqual(seen.fields, [])
})

test('several informational responses may come before the final one', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  server.headers(1, [':status', '100'])
  server.headers(1, [':status', '103', 'link', '</a.css>'])
  server.headers(1, [':status', '204'], true)
  assert.deepEqual(
    seen.informational.map(({ status }) => status),
    [100, 103],
  )
  assert.equal(seen.status, 204)
  assert.equal(seen.ends, 1)
})

test('a header block cut into CONTINUATION frames is one block', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  const block = server.block([':status', '200', 'x-long', 'v'.repeat(100)])
  server.send(
    { type: 'HEADERS', streamId: 1, endStream: true, endHeaders: false, block: block.subarray(0, 3) },
    { type: 'CONTINUATION', streamId: 1, endHeaders: false, block: block.subarray(3, 3) },
    { type: 'CONTINUATION', streamId: 1, endHeaders: true, block: block.subarray(3) },
  )
  assert.deepEqual(seen.fields, ['x-long', 'v'.repeat(100)])
  assert.equal(seen.ends, 1)
})

test('our own header block longer than a frame is cut into CONTINUATION frames', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  server.client.request([...GET, 'x-long', '\u00ff'.repeat(40_000)], true, seen)
  const frames = server.frames()
  assert.deepEqual(
    frames.map(({ type }) => type),
    ['HEADERS', 'CONTINUATION', 'CONTINUATION', 'CONTINUATION', 'CONTINUATION', 'CONTINUATION', 'CONTINUATION'].slice(
      0,
      frames.length,
    ),
  )
  assert.ok(frames.length > 2)
  assert.deepEqual(
    frames.map((frame) => 'endHeaders' in frame && frame.endHeaders),
    frames.map((_, index) => index === frames.length - 1),
  )
})

test('an upload is framed within the windows and goes on after updates', () => {
  const server = new ScriptedServer()
  server.settings([[0x4, 10]])
  server.frames()
  const { stream, seen } = server.open(POST, false)
  server.client.write(stream, Buffer.from('0123456789abcdef'))
  server.client.end(stream)
  const sent = (): string =>
    server
      .frames()
      .map((frame) => (frame.type === 'DATA' ? `${Buffer.from(frame.data)}${frame.endStream ? '.' : ''}` : ''))
      .join('')
  assert.equal(sent(), '0123456789')
  server.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 3 })
  assert.equal(sent(), 'abc')
  server.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 100 })
  assert.equal(sent(), 'def.')
  assert.equal(seen.sent, 16)
  assert.equal(seen.localEnds, 1)
})

test('a writer blocked on the connection window wakes by the update of the connection', () => {
  const server = new ScriptedServer()
  const first = server.open(POST, false)
  const second = server.open(POST, false)
  server.client.write(first.stream, Buffer.alloc(65_535))
  server.client.write(second.stream, Buffer.from('waiting'))
  server.frames()
  assert.equal(first.seen.sent + second.seen.sent, 65_535)
  server.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 65_535 })
  server.frames()
  assert.equal(first.seen.sent + second.seen.sent, 65_535 + 7)
})

test('uploads on one connection take turns', () => {
  const server = new ScriptedServer()
  const first = server.open(POST, false)
  const second = server.open(POST, false)
  server.client.write(first.stream, Buffer.alloc(40_000))
  server.client.write(second.stream, Buffer.alloc(40_000))
  const order = server.frames().map(({ streamId }) => streamId)
  assert.deepEqual(order.slice(0, 4), [1, 3, 1, 3])
})

test('END_STREAM without data may be sent while the window is closed', () => {
  const server = new ScriptedServer()
  server.settings([[0x4, 0]])
  server.frames()
  const { stream } = server.open(POST, false)
  server.client.end(stream)
  const [frame] = server.frames()
  assert.deepEqual(
    [frame.type, frame.type === 'DATA' && frame.data.length, frame.type === 'DATA' && frame.endStream],
    ['DATA', 0, true],
  )
})

test('trailers of a request follow its body and end the stream', () => {
  const server = new ScriptedServer()
  const { stream, seen } = server.open(POST, false)
  server.client.write(stream, Buffer.from('body'))
  server.client.end(stream, ['x-sum', '1'])
  const [data, trailers] = server.frames()
  assert.equal(data.type === 'DATA' && data.endStream, false)
  assert.equal(trailers.type === 'HEADERS' && trailers.endStream, true)
  assert.deepEqual(server.decode(trailers), ['x-sum', '1'])
  assert.equal(seen.localEnds, 1)
})

test('writing beyond the high-water mark asks to wait, and the drain is announced once', () => {
  const server = new ScriptedServer()
  const { stream, seen } = server.open(POST, false)
  assert.equal(server.client.write(stream, Buffer.alloc(60_000)), true)
  assert.equal(server.client.write(stream, Buffer.alloc(60_000)), false)
  server.frames()
  assert.equal(seen.drains, 0)
  server.send(
    { type: 'WINDOW_UPDATE', streamId: 0, increment: 1 << 20 },
    { type: 'WINDOW_UPDATE', streamId: 1, increment: 1 << 20 },
  )
  server.frames()
  assert.equal(seen.drains, 1)
})

test('HEAD, 204 and 304 may announce a length without a body', () => {
  const server = new ScriptedServer()
  for (const [head, status] of [
    [HEAD, '200'],
    [GET, '204'],
    [GET, '304'],
  ] as const) {
    const { stream, seen } = server.open([...head])
    server.headers(stream.id, [':status', status, 'content-length', '5'], true)
    assert.equal(seen.error, undefined)
    assert.equal(seen.ends, 1)
  }
})

test('an early response ends the exchange and stops the upload', () => {
  const server = new ScriptedServer()
  const { stream, seen } = server.open(POST, false)
  server.client.write(stream, Buffer.alloc(1000))
  server.headers(1, [':status', '413'], true)
  assert.equal(seen.status, 413)
  assert.equal(seen.ends, 1)
  assert.equal(server.resetCode(1), ErrorCode.NO_ERROR)
  assert.equal(server.client.openStreams, 0)
  server.send({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.NO_ERROR })
  assert.equal(seen.error, undefined)
})

test('the answer is the same however the octets are cut', () => {
  const whole = new ScriptedServer()
  const octets: Buffer[] = []
  const original = whole.octets.bind(whole)
  whole.octets = (chunk) => {
    octets.push(Buffer.from(chunk))
    original(chunk)
  }
  whole.open()
  whole.headers(1, [':status', '200', 'x-a', 'b'])
  whole.data(1, 'some octets of data')
  whole.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
  whole.headers(1, ['x-t', '1'], true)
  const stream = Buffer.concat(octets)
  for (let size = 1; size < 12; size++) {
    const server = new ScriptedServer()
    const { seen } = server.open()
    for (let at = 0; at < stream.length; at += size) server.octets(stream.subarray(at, at + size))
    assert.deepEqual(
      [seen.status, seen.fields, seen.body, seen.trailers, seen.ends],
      [200, ['x-a', 'b'], 'some octets of data', ['x-t', '1'], 1],
    )
  }
})

test('a repeated response gives the same fields, and a changed one its own', () => {
  const server = new ScriptedServer()
  const fields: (readonly string[])[] = []
  for (const value of ['one', 'one', 'two', 'one', 'two', 'two']) {
    const { stream, seen } = server.open()
    server.headers(stream.id, [':status', '200', 'x-value', value], true)
    fields.push(seen.fields)
  }
  assert.deepEqual(
    fields.map((list) => list[1]),
    ['one', 'one', 'two', 'one', 'two', 'two'],
  )
})

for (const allowNoErrorCut of [false, true]) {
  const rule = allowNoErrorCut
    ? 'ends a body without content-length when that is allowed'
    : 'ends no body but one whose content-length is reached'
  test(`a reset with NO_ERROR in place of END_STREAM ${rule}`, () => {
    const server = new ScriptedServer({ allowNoErrorCut })
    const outcomes = [
      [':status', '200'],
      [':status', '200', 'content-length', '4'],
      [':status', '200', 'content-length', '5'],
    ].map((fields) => {
      const { stream, seen } = server.open()
      server.headers(stream.id, fields)
      server.data(stream.id, 'body')
      server.send({ type: 'RST_STREAM', streamId: stream.id, errorCode: ErrorCode.NO_ERROR })
      assert.equal(seen.ends, 1)
      return seen.error?.message
    })
    assert.deepEqual(outcomes.slice(1), [
      undefined,
      'The response from https://example.com announced 5 octets and had 4',
    ])
    if (allowNoErrorCut) assert.equal(outcomes[0], undefined)
    else assert.match(outcomes[0] ?? '', /the body ends without its end having been said/)
  })
}

test('a reset with NO_ERROR before the response is an error', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  server.send({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.NO_ERROR })
  assert.ok(seen.error)
})

test('padded DATA cut by the transport stays what it was, for those who keep it', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  const kept: Buffer[] = []
  seen.onData = (_stream, buffer, start, end) => {
    kept.push(buffer.subarray(start, end))
  }
  server.headers(1, [':status', '200'])
  for (const letter of 'abc') {
    const frame = serializeFrame({
      type: 'DATA',
      streamId: 1,
      endStream: false,
      padding: 9,
      data: Buffer.from(letter.repeat(20)),
    })
    server.octets(frame.subarray(0, 15))
    server.octets(frame.subarray(15))
  }
  assert.equal(Buffer.concat(kept).toString(), `${'a'.repeat(20)}${'b'.repeat(20)}${'c'.repeat(20)}`)
})
