/** What real servers do, and the bounds of what they may do without end: the kinds of docs/field.md. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HeadersTooLargeError, StreamResetError } from '../../src/errors.ts'
import { ErrorCode, Setting } from '../../src/frame/codes.ts'
import type { Frame } from '../../src/frame/index.ts'
import {
  GOAWAYS_BURST,
  LATE_FRAMES_BURST,
  MAX_HEADER_LIST_SIZE,
  PONGS_BURST,
  REFUSED_PUSHES_BURST,
} from '../../src/limits.ts'
import { GET, POST, Recorder, ScriptedServer } from '../support/peer.ts'

/** Some of what a budget allows comes back while it is spent. */
const BEYOND = 2

function endsCalmly(server: ScriptedServer, times: number, frame: (n: number) => Frame): void {
  for (let n = 0; n < times && server.failure === undefined; n++) server.send(frame(n))
  assert.equal(server.goawayCode(), ErrorCode.ENHANCE_YOUR_CALM)
}

describe('frames on streams that are over', () => {
  test('frames on streams that are over are read past when the server reset the stream itself', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    const sibling = server.open()
    server.headers(1, [':status', '200'])
    server.send({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.INTERNAL_ERROR })
    server.data(1, 'late')
    server.headers(1, ['x-late', 'trailers'], true)
    assert.ok(seen.error instanceof StreamResetError)
    server.respond(3, 'fine')
    assert.equal(sibling.seen.body, 'fine')
    assert.equal(server.failure, undefined)
  })

  test('frames on streams that are over are read past when GOAWAY left the stream out', () => {
    const server = new ScriptedServer()
    const first = server.open()
    const second = server.open()
    server.send({ type: 'GOAWAY', streamId: 0, lastStreamId: 1, errorCode: 0, debugData: Buffer.alloc(0) })
    server.headers(3, [':status', '200'])
    server.data(3, 'late', true)
    assert.ok(second.seen.error !== undefined)
    server.respond(1, 'fine')
    assert.equal(first.seen.body, 'fine')
    assert.equal(server.failure, undefined)
  })

  test('frames on streams that are over have a budget', () => {
    const server = new ScriptedServer()
    server.open()
    server.send({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.CANCEL })
    const update = (): Frame => ({ type: 'WINDOW_UPDATE', streamId: 1, increment: 60_000 })
    endsCalmly(server, LATE_FRAMES_BURST * BEYOND, update)
  })
})

describe('what comes again and again', () => {
  test('GOAWAY has a budget', () => {
    const goaway = (): Frame => ({
      type: 'GOAWAY',
      streamId: 0,
      lastStreamId: 1,
      errorCode: 0,
      debugData: Buffer.alloc(0),
    })
    endsCalmly(new ScriptedServer(), GOAWAYS_BURST * BEYOND, goaway)
  })

  test('answers to PINGs that were never sent have a budget', () => {
    const pong = (): Frame => ({ type: 'PING', streamId: 0, ack: true, payload: Buffer.alloc(8) })
    endsCalmly(new ScriptedServer(), PONGS_BURST * BEYOND, pong)
  })

  test('pushes that are refused have a budget', () => {
    const server = new ScriptedServer({ enablePush: true })
    server.open()
    endsCalmly(server, REFUSED_PUSHES_BURST * BEYOND, (n) => {
      server.frames()
      return {
        type: 'PUSH_PROMISE',
        streamId: 1,
        promisedStreamId: 2 + n * 2,
        endHeaders: true,
        block: server.block(GET),
      }
    })
  })
})

test('a push that is promised on a pushed stream ends the connection (RFC 9113 section 6.6)', () => {
  const server = new ScriptedServer({ enablePush: true })
  server.open()
  const pushed = new Recorder()
  Object.assign(server, { onPush: () => pushed })
  server.send({ type: 'PUSH_PROMISE', streamId: 1, promisedStreamId: 2, endHeaders: true, block: server.block(GET) })
  server.send({ type: 'PUSH_PROMISE', streamId: 2, promisedStreamId: 4, endHeaders: true, block: server.block(GET) })
  assert.equal(server.goawayCode(), ErrorCode.PROTOCOL_ERROR)
})

describe('the limit of the server for header sections', () => {
  test('the limit of the server for header sections is respected: a larger one is not sent, and the error has both sizes', () => {
    const server = new ScriptedServer()
    server.settings([[Setting.MAX_HEADER_LIST_SIZE, 300]])
    const large = [...GET, 'x-large', 'v'.repeat(300)]
    const refused = (error: unknown): boolean =>
      error instanceof HeadersTooLargeError && /has \d{3} octets.*takes 300/.test(error.message)
    assert.throws(() => server.open(large), refused)
    server.open()
    server.respond(1, 'fine')
    assert.equal(server.failure, undefined)
  })

  test('the error names no origin when none is known', () => {
    const server = new ScriptedServer({ origin: undefined })
    server.settings([[Setting.MAX_HEADER_LIST_SIZE, 10]])
    assert.throws(() => server.open(), /and the server takes 10/)
  })
})

test('a response whose header section is far too large ends its stream alone', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  const sibling = server.open()
  const block = server.block([':status', '200', 'x-giant', 'v'.repeat(MAX_HEADER_LIST_SIZE * 4)])
  const size = 16_384
  server.send({ type: 'HEADERS', streamId: 1, endStream: false, endHeaders: false, block: block.subarray(0, size) })
  for (let at = size; at < block.length; at += size) {
    const endHeaders = at + size >= block.length
    server.send({ type: 'CONTINUATION', streamId: 1, endHeaders, block: block.subarray(at, at + size) })
  }
  assert.ok(seen.error instanceof StreamResetError)
  server.respond(3, 'fine')
  assert.equal(sibling.seen.body, 'fine')
})

test('white space around the values of a response is trimmed, in trailers too', () => {
  const server = new ScriptedServer()
  const { seen } = server.open()
  server.headers(1, [':status', '200', 'x-a', ' b\t', 'content-length', ' 2 '])
  server.data(1, 'ok')
  server.headers(1, ['x-sum', '\t1 '], true)
  assert.deepEqual(seen.fields, ['x-a', 'b', 'content-length', '2'])
  assert.deepEqual(seen.trailers, ['x-sum', '1'])
})

test('an empty frame that ends a stream is allowed into a window that a lowered setting made negative', () => {
  const server = new ScriptedServer({ streamWindow: 100_000 })
  const { seen } = server.open(POST, false)
  server.headers(1, [':status', '200'])
  server.data(1, 'v'.repeat(16_000))
  server.client.updateSettings({ initialWindowSize: 1000 })
  server.frames()
  server.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
  server.data(1, '', true)
  assert.equal(seen.error, undefined)
  assert.equal(seen.body.length, 16_000)
})

test('what was dealt with before a lowered window counts is returned when it does', () => {
  const server = new ScriptedServer({ streamWindow: 100_000 })
  const { stream, seen } = server.open()
  server.headers(1, [':status', '200'])
  server.data(1, 'v'.repeat(16_000))
  server.client.consume(stream, 16_000)
  server.client.updateSettings({ initialWindowSize: 17_000 })
  server.frames()
  server.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
  const updates = server.frames().filter((frame) => frame.type === 'WINDOW_UPDATE' && frame.streamId === 1)
  assert.ok(updates.length > 0, 'the server waits for it')
  assert.equal(seen.error, undefined)
})
