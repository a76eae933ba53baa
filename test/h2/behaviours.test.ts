/** What implementations of HTTP/2 forget: one test each, named after it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GoawayError, ProtocolError, StreamResetError } from '../../src/errors.ts'
import { ErrorCode, type Frame, MAX_WINDOW_SIZE, serializeFrame } from '../../src/frame/index.ts'
import { type H2Stream, StreamState, type WindowManager } from '../../src/h2/index.ts'
import {
  INFORMATIONAL_OCTETS_BURST,
  MAX_REMEMBERED_RESETS,
  PEER_FAULTS_BURST,
  RESETS_BURST,
  SETTINGS_BURST,
  SMALL_WINDOW_UPDATES_BURST,
} from '../../src/limits.ts'
import { Pair } from '../support/pair.ts'
import { GET, HEAD, POST, Recorder, ScriptedServer } from '../support/peer.ts'

const goaway = (lastStreamId: number, errorCode = 0): Frame => ({
  type: 'GOAWAY',
  streamId: 0,
  lastStreamId,
  errorCode,
  debugData: Buffer.from('why'),
})

test('a connection gives its state before and after its streams', () => {
  let time = 0
  const server = new ScriptedServer({ clock: () => time }, false)
  const { client } = server
  assert.deepEqual([client.settingsReceived, client.goawayReceived, client.openLocal, client.rtt], [false, false, 0, 0])
  server.settings([])
  server.open()
  client.rtt = 12
  time = 7
  assert.deepEqual([client.settingsReceived, client.openLocal, client.openRemote], [true, 1, 0])
  assert.deepEqual([client.rtt, client.now()], [12, 7])
  server.send(goaway(1))
  assert.equal(client.messageFrames, 0)
  assert.equal(client.goawayReceived, true)
})

describe('streams that are over', () => {
  test('DATA on a stream that we reset still gives its octets back to the connection', () => {
    const server = new ScriptedServer({ connectionWindow: 65_535 })
    const { stream } = server.open()
    server.headers(1, [':status', '200'])
    server.client.reset(stream)
    server.frames()
    for (let i = 0; i < 4; i++) server.data(1, Buffer.alloc(16_000))
    const returned = server.frames().filter((frame) => frame.type === 'WINDOW_UPDATE' && frame.streamId === 0)
    assert.ok(returned.length > 0)
    assert.equal(server.failure, undefined)
    assert.deepEqual(server.client.windows().receive > 30_000, true)
  })

  test('the padding of DATA on a stream that we reset gives its octets back to the connection as well', () => {
    const server = new ScriptedServer({ connectionWindow: 65_535 })
    const { stream } = server.open()
    server.headers(1, [':status', '200'])
    server.client.reset(stream)
    server.frames()
    const before = server.client.windows().receive
    server.send({ type: 'DATA', streamId: 1, endStream: false, padding: 255, data: Buffer.alloc(10) })
    assert.equal(server.client.windows().receive, before - 266)
  })

  test('HEADERS on a stream that we reset are still decoded, so the table stays in step', () => {
    const server = new ScriptedServer()
    const { stream } = server.open()
    server.client.reset(stream)
    server.headers(1, [':status', '200', 'x-entered', 'the table'])
    const { stream: next, seen } = server.open()
    server.headers(next.id, [':status', '200', 'x-entered', 'the table'], true)
    assert.deepEqual(seen.fields, ['x-entered', 'the table'])
  })

  test('late frames on a stream that we reset are ignored, with no RST_STREAM each', () => {
    const server = new ScriptedServer()
    const { stream } = server.open()
    server.client.reset(stream)
    server.frames()
    for (let i = 0; i < 100; i++) server.data(1, 'late')
    server.send({ type: 'RST_STREAM', streamId: 1, errorCode: 0 }, { type: 'RST_STREAM', streamId: 1, errorCode: 8 })
    server.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 10 })
    assert.deepEqual(server.frames(), [])
    assert.equal(server.failure, undefined)
  })

  test('the number of remembered resets is limited, and late frames on a forgotten stream are ignored too', () => {
    const server = new ScriptedServer()
    for (let i = 0; i < MAX_REMEMBERED_RESETS + 100; i++) server.client.reset(server.open().stream)
    for (const streamId of [1, 3, 199, 201, 2001]) server.data(streamId, 'late')
    server.headers(1, [':status', '200'])
    assert.equal(server.client.dead, false)
    const remembered: unknown = Reflect.get(Reflect.get(Reflect.get(server.client, 'streams'), 'late'), 'resets')
    assert.ok(remembered instanceof Set && remembered.size === MAX_REMEMBERED_RESETS)
    server.data(0x7fffffff, 'idle')
    assert.ok(server.failure instanceof ProtocolError)
  })

  test('RST_STREAM and WINDOW_UPDATE on a closed stream are ignored', () => {
    const server = new ScriptedServer()
    server.open()
    server.respond(1)
    server.send({ type: 'RST_STREAM', streamId: 1, errorCode: 0 }, { type: 'WINDOW_UPDATE', streamId: 1, increment: 1 })
    assert.equal(server.failure, undefined)
  })

  test('an owner that ends everything within a callback hears no more, whatever follows in the same octets', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    seen.onHeaders = () => server.client.terminate(() => new Error('enough'))
    const frames = Buffer.concat([
      serializeFrame({
        type: 'HEADERS',
        streamId: 1,
        endStream: false,
        endHeaders: true,
        block: server.block([':status', '200']),
      }),
      serializeFrame({ type: 'DATA', streamId: 1, endStream: true, data: Buffer.from('x') }),
    ])
    server.octets(frames)
    assert.equal(seen.error?.message, 'enough')
    assert.equal(seen.ends, 1)
    assert.equal(server.failure, undefined)
  })

  test('octets given back after the end of a stream write nothing', () => {
    const server = new ScriptedServer({ streamWindow: 1000 })
    const { stream, seen } = server.open()
    seen.consuming = false
    server.headers(1, [':status', '200'])
    server.data(1, Buffer.alloc(900), true)
    server.frames()
    server.client.consume(stream, 900)
    assert.deepEqual(server.frames(), [])
  })

  test('resetting twice, or after the end, writes nothing', () => {
    const server = new ScriptedServer()
    const { stream } = server.open()
    server.client.reset(stream)
    server.frames()
    server.client.reset(stream)
    assert.deepEqual(server.frames(), [])
  })

  test('a stream is known while it is open', () => {
    const server = new ScriptedServer()
    const { stream } = server.open()
    assert.equal(server.client.stream(1), stream)
    server.respond(1)
    assert.equal(server.client.stream(1), undefined)
  })

  test('a listener that resets its stream within a callback gets no further callback', () => {
    const server = new ScriptedServer()
    for (const step of ['onHeaders', 'onData', 'onInformational'] as const) {
      const { stream, seen } = server.open()
      seen[step] = () => server.client.reset(stream)
      server.headers(stream.id, [':status', '103'])
      server.headers(stream.id, [':status', '200'])
      server.data(stream.id, 'x', true)
      assert.equal(seen.ends, 0, step)
    }
    assert.equal(server.failure, undefined)
  })

  test('a listener that resets its upload while it is framed stops it', () => {
    const server = new ScriptedServer()
    const { stream, seen } = server.open(POST, false)
    seen.onSent = () => server.client.reset(stream)
    server.client.write(stream, Buffer.alloc(100))
    server.client.end(stream)
    server.frames()
    assert.equal(seen.localEnds, 0)
    assert.equal(server.client.openStreams, 0)
  })
})

describe('GOAWAY', () => {
  test('streams up to the last one finish, the others may be sent again', () => {
    const server = new ScriptedServer()
    const first = server.open()
    const second = server.open(POST, false)
    server.send(goaway(1, ErrorCode.ENHANCE_YOUR_CALM))
    assert.ok(second.seen.error instanceof GoawayError && second.seen.error.retryable)
    assert.deepEqual(server.goaways, [{ code: ErrorCode.ENHANCE_YOUR_CALM, lastStreamId: 1, debug: 'why' }])
    server.respond(1, 'finished')
    assert.equal(first.seen.body, 'finished')
    assert.equal(server.client.obstacle, 'goaway')
  })

  test('2^31-1 first and the real one afterwards is the normal shutdown', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    server.send(goaway(0x7fffffff))
    assert.equal(seen.ends, 0)
    server.send(goaway(1))
    server.respond(1)
    assert.equal(seen.status, 200)
  })

  test('streams of a client after the GOAWAY of a server are ignored, frame by frame', () => {
    const pair = new Pair()
    pair.request(GET)
    pair.server.connection.goaway()
    const late = new Recorder()
    const stream = pair.client.connection.request(POST, false, late)
    pair.client.connection.write(stream, Buffer.from('body'))
    pair.client.connection.reset(stream)
    pair.flow()
    assert.equal(pair.server.failure, undefined)
    assert.equal(pair.server.requests.length, 1)
  })

  test('after the end of a connection nothing is sent any more', () => {
    const server = new ScriptedServer()
    server.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 })
    server.frames()
    server.client.ping(Buffer.alloc(8))
    server.client.goaway()
    server.client.shutdown()
    server.client.updateSettings({ maxFrameSize: 20_000 })
    assert.deepEqual(server.frames(), [])
    assert.equal(server.client.obstacle, 'dead')
  })
})

describe('messages', () => {
  test('REFUSED_STREAM may be sent again, and other resets may not', () => {
    const server = new ScriptedServer()
    const outcomes = [ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL].map((errorCode) => {
      const { stream, seen } = server.open()
      server.send({ type: 'RST_STREAM', streamId: stream.id, errorCode })
      return seen.error instanceof StreamResetError && [seen.error.retryable, seen.error.remote]
    })
    assert.deepEqual(outcomes, [
      [true, true],
      [false, true],
    ])
  })

  test('two equal content-length fields are one', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    server.headers(1, [':status', '200', 'content-length', '4', 'content-length', '4'])
    server.data(1, 'body', true)
    assert.equal(seen.error, undefined)
    assert.equal(seen.ends, 1)
  })

  test('padding, with its length octet, counts for the windows and not for content-length', () => {
    const server = new ScriptedServer({ streamWindow: 1000 })
    const { stream, seen } = server.open()
    seen.consuming = false
    server.headers(1, [':status', '200', 'content-length', '4'])
    const before = [server.client.windows().receive, stream.receiveWindow]
    server.send({ type: 'DATA', streamId: 1, endStream: true, padding: 10, data: Buffer.from('body') })
    assert.deepEqual(
      [server.client.windows().receive, stream.receiveWindow].map((now, index) => before[index] - now),
      [15, 15],
    )
    assert.equal(seen.body, 'body')
    assert.equal(seen.error, undefined)
  })

  test('HEADERS may be padded and carry priority fields', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    server.send({
      type: 'HEADERS',
      streamId: 1,
      endStream: true,
      endHeaders: true,
      padding: 7,
      priority: { dependsOn: 0, weight: 16, exclusive: false },
      block: server.block([':status', '200', 'x-a', 'b']),
    })
    assert.deepEqual(seen.fields, ['x-a', 'b'])
  })

  test('informational responses too large in all, and too fast, end their stream', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    const value = 'v'.repeat(16_000)
    const enough = Math.ceil(INFORMATIONAL_OCTETS_BURST / value.length) + 2
    for (let i = 0; i < enough; i++) server.headers(1, [':status', '103', 'link', value])
    assert.equal(server.resetCode(1), ErrorCode.ENHANCE_YOUR_CALM)
    assert.ok(seen.informational.length >= enough - 4, `${seen.informational.length} were told`)
  })

  test('CONNECT that is refused has a body like any other response', () => {
    const pair = new Pair()
    const { seen, at } = pair.request([':method', 'CONNECT', ':authority', 'a:1'], false)
    pair.server.connection.respond(at.stream, [':status', '403', 'content-length', '2'], false)
    pair.server.connection.write(at.stream, Buffer.from('no'))
    pair.server.connection.end(at.stream)
    pair.flow()
    assert.deepEqual([seen.status, seen.body, seen.ends, seen.error], [403, 'no', 1, undefined])
  })

  test('OPTIONS * is a request', () => {
    const pair = new Pair()
    const { at } = pair.request([':method', 'OPTIONS', ':scheme', 'https', ':authority', 'a', ':path', '*'])
    assert.equal(at.head.path, '*')
  })

  test('te: trailers passes, in both directions', () => {
    const pair = new Pair()
    const { at } = pair.request([...GET, 'te', 'trailers'])
    assert.deepEqual(at.head.fields, ['te', 'trailers'])
  })

  test('frame types, flags, settings and error codes that are not known are ignored', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    server.send({ type: 'UNKNOWN', typeCode: 0x99, flags: 0xff, streamId: 1, payload: Buffer.from('?') })
    server.settings([[0x999, 7]])
    server.send({ type: 'RST_STREAM', streamId: 1, errorCode: 0x12345678 })
    assert.equal(server.failure, undefined)
    assert.match(seen.error?.message ?? '', /error code 0x12345678/)
  })

  test('a PING is answered with its own payload, before DATA that waits', () => {
    const server = new ScriptedServer()
    const { stream } = server.open(POST, false)
    server.client.write(stream, Buffer.from('data'))
    server.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.from('12345678') })
    const frames = server.frames()
    assert.deepEqual(
      frames.map(({ type }) => type),
      ['PING', 'DATA'],
    )
    assert.equal(frames[0].type === 'PING' && frames[0].ack && Buffer.from(frames[0].payload).toString(), '12345678')
  })

  test('the answer to our PING is reported with its payload', () => {
    const pair = new Pair()
    pair.client.connection.ping(Buffer.from('question'))
    pair.flow()
    assert.deepEqual(pair.client.pongs, ['question'])
  })

  test('chunks that fill the queue exactly end the stream with their last frame', () => {
    const server = new ScriptedServer()
    const { stream } = server.open(POST, false)
    server.client.write(stream, Buffer.alloc(16_384))
    server.client.write(stream, Buffer.alloc(0))
    server.client.write(stream, Buffer.alloc(16_384))
    server.client.end(stream)
    assert.deepEqual(
      server.frames().map((frame) => frame.type === 'DATA' && [frame.data.length, frame.endStream]),
      [
        [16_384, false],
        [16_384, true],
      ],
    )
  })

  test('small chunks share a frame', () => {
    const server = new ScriptedServer()
    const { stream } = server.open(POST, false)
    for (const piece of ['a', 'b', 'c'.repeat(2000), 'd']) server.client.write(stream, Buffer.from(piece))
    server.client.end(stream)
    const frames = server.frames()
    assert.equal(frames.length, 1)
    assert.equal(frames[0].type === 'DATA' && Buffer.from(frames[0].data).toString(), `ab${'c'.repeat(2000)}d`)
  })

  test('a chunk whose memory was detached resets its stream, and no octet of the chunk is sent', () => {
    const server = new ScriptedServer()
    const { stream, seen } = server.open(POST, false)
    const sibling = server.open(POST, false)
    const chunk = new Uint8Array(100)
    server.client.write(stream, chunk)
    server.client.write(sibling.stream, Buffer.from('fine'))
    structuredClone(chunk.buffer, { transfer: [chunk.buffer] })
    assert.deepEqual(
      server.frames().map(({ type, streamId }) => [type, streamId]),
      [
        ['RST_STREAM', 1],
        ['DATA', 3],
      ],
    )
    assert.equal(seen.ends, 1)
  })

  test('data that cannot be framed yet announces nothing, and the window that opens does', () => {
    const server = new ScriptedServer()
    let announced = 0
    server.onOutput = () => {
      announced++
    }
    server.settings([[0x4, 0]])
    server.frames()
    const { stream, seen } = server.open(POST, false)
    announced = 0
    server.client.write(stream, Buffer.from('x'))
    assert.equal(announced, 0)
    server.send({ type: 'WINDOW_UPDATE', streamId: 1, increment: 10 })
    assert.equal(announced, 1)
    server.frames()
    assert.equal(seen.sent, 1)
  })

  test('the budget ends a batch of DATA, and the rest follows', () => {
    const server = new ScriptedServer()
    const { stream } = server.open(POST, false)
    server.client.write(stream, Buffer.alloc(60_000))
    assert.ok(server.frames(16_384).length < 4)
    assert.equal(server.client.hasOutput, true)
    server.frames()
    assert.equal(server.client.hasOutput, false)
  })
})

describe('windows', () => {
  test('SETTINGS_INITIAL_WINDOW_SIZE moves open streams, below zero too, and leaves the connection alone', () => {
    const server = new ScriptedServer()
    const { stream, seen } = server.open(POST, false)
    server.client.write(stream, Buffer.alloc(60_000))
    server.frames()
    const { send } = server.client.windows()
    server.settings([[0x4, 1000]])
    assert.equal(stream.sendWindow, 1000 - 60_000)
    assert.equal(server.client.windows().send, send)
    server.client.write(stream, Buffer.from('later'))
    server.frames()
    assert.equal(seen.sent, 60_000)
    server.settings([[0x4, 70_000]])
    server.frames()
    assert.equal(seen.sent, 60_005)
  })

  test('queued data waits when the window closes before it was framed', () => {
    const server = new ScriptedServer()
    const { stream, seen } = server.open(POST, false)
    server.client.write(stream, Buffer.from('queued'))
    server.settings([[0x4, 0]])
    server.frames()
    assert.equal(seen.sent, 0)
    server.settings([[0x4, 100]])
    server.frames()
    assert.equal(seen.sent, 6)
  })

  test('our own smaller window counts once it is acknowledged', () => {
    const server = new ScriptedServer({ streamWindow: 50_000 })
    const { stream } = server.open()
    server.client.updateSettings({ initialWindowSize: 1000 })
    assert.equal(stream.receiveWindow, 50_000)
    server.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
    assert.equal(stream.receiveWindow, 1000)
  })

  test('our own larger frame size and table size count once they are acknowledged', () => {
    const pair = new Pair()
    pair.client.connection.updateSettings({ maxFrameSize: 40_000, headerTableSize: 0 })
    pair.flow()
    const { seen, at } = pair.request(GET)
    pair.server.connection.respond(at.stream, [':status', '200', 'x-a', 'b'.repeat(30_000)], true)
    pair.flow()
    assert.equal(seen.fields[1].length, 30_000)
  })

  test('a window manager decides for the connection and for each stream', () => {
    const made: [string, Manager][] = []
    class Manager implements WindowManager {
      windowSize = 0
      documentSize: number | undefined
      readonly frames: number[] = []
      answer = 0
      increaseWindowSize(frameSize: number): number {
        this.frames.push(frameSize)
        return this.answer
      }
    }
    const server = new ScriptedServer({
      streamWindow: 100_000,
      windowManager: (initial, scope) => {
        const manager = new Manager()
        made.push([`${scope} ${initial}`, manager])
        return manager
      },
    })
    server.open()
    server.headers(1, [':status', '200', 'content-length', '9'])
    const [[connectionName, connection], [streamName, stream]] = made
    assert.deepEqual([connectionName, streamName], [`connection ${32 * 1024 * 1024}`, 'stream 100000'])
    assert.equal(stream.documentSize, 9)
    server.data(1, 'abc')
    assert.deepEqual([connection.frames, stream.frames, stream.windowSize], [[3], [3], 99_997])
    assert.deepEqual(server.frames(), [])
    connection.answer = 10
    stream.answer = 20
    server.data(1, 'def')
    assert.deepEqual(server.frames(), [
      { type: 'WINDOW_UPDATE', streamId: 0, increment: 10 },
      { type: 'WINDOW_UPDATE', streamId: 1, increment: 20 },
    ])
    // Nonsense is no update, and too much is cut to what a window can be.
    for (const answer of [-1, 0.5, Number.NaN]) {
      connection.answer = answer
      stream.answer = answer
      server.data(1, 'g')
      assert.deepEqual(server.frames(), [])
    }
  })

  test('a server that returns the window of every small body at once, as many do, is no attacker', () => {
    const server = new ScriptedServer()
    for (let i = 0; i < 2 * SMALL_WINDOW_UPDATES_BURST; i++) {
      const { stream } = server.open(POST, false)
      server.client.write(stream, Buffer.from('small'))
      server.client.end(stream)
      server.frames()
      server.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 5 })
      server.send({ type: 'WINDOW_UPDATE', streamId: stream.id, increment: 5 })
      server.headers(stream.id, [':status', '200'], true)
    }
    assert.equal(server.failure, undefined)
  })

  test('a flood of ORIGIN and ALTSVC frames ends the connection', () => {
    const server = new ScriptedServer()
    for (let i = 0; i <= SETTINGS_BURST; i++) {
      server.send({ type: 'ORIGIN', streamId: 0, origins: [`https://${i}.example`] })
    }
    assert.equal(server.goawayCode(), ErrorCode.ENHANCE_YOUR_CALM)
  })

  test('the manager of a stream begins with the window that SETTINGS announce, acknowledged or not', () => {
    const sizes: number[] = []
    // Without the greeting nothing is acknowledged.
    const server = new ScriptedServer(
      {
        streamWindow: 1_000_000,
        windowManager: (size, scope) => {
          if (scope === 'stream') sizes.push(size)
          return { windowSize: 0, documentSize: undefined, increaseWindowSize: () => 0 }
        },
      },
      false,
    )
    server.open()
    assert.deepEqual(sizes, [1_000_000])
  })

  test('a window manager that asks for more than a window can be gets the most', () => {
    const server = new ScriptedServer({
      windowManager: () => ({ windowSize: 0, documentSize: undefined, increaseWindowSize: () => MAX_WINDOW_SIZE }),
    })
    server.open()
    server.headers(1, [':status', '200'])
    server.data(1, 'x')
    assert.equal(server.client.windows().receive, MAX_WINDOW_SIZE)
    server.frames()
    server.send({ type: 'DATA', streamId: 1, endStream: false, data: Buffer.alloc(0) })
    assert.deepEqual(server.frames(), [])
  })

  test('more DATA than the connection window, where its manager gives nothing back, ends the connection', () => {
    const server = new ScriptedServer({
      connectionWindow: 65_535,
      windowManager: () => ({ windowSize: 0, documentSize: undefined, increaseWindowSize: () => 0 }),
    })
    server.open()
    server.headers(1, [':status', '200'])
    for (let i = 0; i < 5; i++) server.data(1, Buffer.alloc(16_384))
    assert.equal(server.goawayCode(), ErrorCode.FLOW_CONTROL_ERROR)
  })

  test('the default connection window announces nothing', () => {
    const server = new ScriptedServer({ connectionWindow: 65_535 }, false)
    assert.deepEqual(
      server.firstFrames.map(({ type }) => type),
      ['SETTINGS'],
    )
  })
})

describe('streams', () => {
  test('before the settings of the peer a limit of 100 streams is assumed, afterwards its own limit counts', () => {
    const server = new ScriptedServer({}, false)
    assert.equal(server.client.streamLimit, 100)
    server.settings([])
    assert.equal(server.client.streamLimit, Number.POSITIVE_INFINITY)
    server.settings([[0x3, 0]])
    assert.equal(server.client.obstacle, 'limit')
  })

  test('the limit may fall below what is open', () => {
    const server = new ScriptedServer()
    const { seen } = server.open()
    server.open()
    server.settings([[0x3, 1]])
    assert.equal(server.client.obstacle, 'limit')
    server.respond(1)
    assert.equal(seen.status, 200)
    assert.equal(server.client.obstacle, 'limit')
    server.respond(3)
    assert.equal(server.client.obstacle, undefined)
  })

  test('a connection whose stream identifiers are used up reports it', () => {
    const server = new ScriptedServer()
    Reflect.set(Reflect.get(server.client, 'core'), 'nextLocalId', 0x7fffffff)
    const { stream } = server.open()
    assert.equal(stream.id, 0x7fffffff)
    assert.equal(server.client.exhausted, true)
    assert.equal(server.client.obstacle, 'stream-ids')
  })

  test('extended CONNECT cannot be taken back', () => {
    const server = new ScriptedServer()
    server.settings([[0x8, 1]])
    assert.equal(server.client.remoteSettings.enableConnectProtocol, true)
    server.settings([[0x8, 0]])
    assert.equal(server.goawayCode(), ErrorCode.PROTOCOL_ERROR)
  })

  test('a peer that breaks rules on too many streams loses the connection, and the count decreases with time', () => {
    let time = 0
    const server = new ScriptedServer({ clock: () => time })
    const offend = (): void => {
      const { stream } = server.open()
      server.data(stream.id, 'before headers')
      server.frames()
    }
    for (let i = 0; i < PEER_FAULTS_BURST; i++) offend()
    time += 1000
    offend()
    assert.equal(server.failure, undefined)
    for (let i = 0; i < PEER_FAULTS_BURST && server.failure === undefined; i++) offend()
    assert.ok(server.failure)
  })

  test('an owner that ends the connection when a stream closes gets no later events', () => {
    const server = new ScriptedServer({ clock: () => 0 })
    for (let i = 0; i <= PEER_FAULTS_BURST; i++) {
      const { stream } = server.open()
      if (i === PEER_FAULTS_BURST) server.onStreamClosed = () => server.client.terminate(() => new Error('enough'))
      server.data(stream.id, 'before headers')
      server.frames()
    }
    assert.equal(server.client.dead, true)
    assert.equal(server.failure, undefined)
  })

  test('a server may reset as many streams as we open: after an early answer it should', () => {
    const server = new ScriptedServer({ clock: () => 0 })
    for (let i = 0; i <= RESETS_BURST; i++) {
      const { stream, seen } = server.open(POST, false)
      server.headers(stream.id, [':status', '401'], true)
      server.send({ type: 'RST_STREAM', streamId: stream.id, errorCode: ErrorCode.NO_ERROR })
      assert.equal(seen.status, 401)
      server.frames()
    }
    assert.equal(server.failure, undefined)
  })

  test('the clock of the machine is the default', () => {
    const server = new ScriptedServer()
    for (let i = 0; i < PEER_FAULTS_BURST * 5 && server.failure === undefined; i++) {
      const { stream } = server.open()
      server.data(stream.id, 'before headers')
      server.frames()
    }
    assert.ok(server.failure)
  })
})

describe('priorities of RFC 7540', () => {
  test('PRIORITY is read past, on idle and closed streams too', () => {
    const server = new ScriptedServer()
    server.open()
    for (const streamId of [1, 99])
      server.send({ type: 'PRIORITY', streamId, dependsOn: 0, weight: 1, exclusive: false })
    assert.equal(server.failure, undefined)
    assert.equal(server.client.openStreams, 1)
  })

  test('PRIORITY of a wrong length, or of a stream that depends on itself, ends the stream', () => {
    const server = new ScriptedServer()
    server.open()
    server.octets(Uint8Array.of(0, 0, 4, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0))
    assert.equal(server.resetCode(1), ErrorCode.FRAME_SIZE_ERROR)
    server.open()
    server.send({ type: 'PRIORITY', streamId: 3, dependsOn: 3, weight: 1, exclusive: false })
    assert.equal(server.resetCode(3), ErrorCode.PROTOCOL_ERROR)
  })
})

describe('push', () => {
  const promise = (server: ScriptedServer, promisedStreamId: number, fields: string[] = GET, streamId = 1): void =>
    server.send({ type: 'PUSH_PROMISE', streamId, endHeaders: true, promisedStreamId, block: server.block(fields) })

  const breaks: [string, (server: ScriptedServer) => void][] = [
    ['on stream 0', (server) => server.octets(Uint8Array.of(0, 0, 4, 5, 4, 0, 0, 0, 0, 0, 0, 0, 2))],
    ['of an odd stream', (server) => server.octets(Uint8Array.of(0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 3))],
    ['of 3 octets', (server) => server.octets(Uint8Array.of(0, 0, 3, 5, 4, 0, 0, 0, 1, 0, 0, 0))],
    [
      'of a stream that was promised before',
      (server) => {
        promise(server, 4)
        promise(server, 2)
      },
    ],
    ['on an idle stream', (server) => promise(server, 2, GET, 99)],
    [
      'after the end of its stream',
      (server) => {
        const { stream } = server.open(POST, false)
        Reflect.set(stream, 'state', StreamState.HALF_CLOSED_REMOTE)
        promise(server, 2, GET, stream.id)
      },
    ],
  ]
  for (const [name, play] of breaks) {
    test(`a promise ${name} ends the connection`, () => {
      const server = new ScriptedServer({ enablePush: true })
      server.open()
      play(server)
      assert.ok(server.failure)
    })
  }

  test('a padded promise is a promise', () => {
    const server = new ScriptedServer({ enablePush: true })
    server.open()
    server.send({
      type: 'PUSH_PROMISE',
      streamId: 1,
      endHeaders: true,
      promisedStreamId: 2,
      padding: 3,
      block: server.block(GET),
    })
    assert.equal(server.resetCode(2), ErrorCode.CANCEL)
    server.octets(Uint8Array.of(0, 0, 0, 5, 0xc, 0, 0, 0, 1))
    assert.ok(server.failure)
  })

  test('a promise on a stream that we reset is refused, its fields are decoded', () => {
    const server = new ScriptedServer({ enablePush: true })
    const { stream } = server.open()
    server.client.reset(stream)
    server.frames()
    promise(server, 2, [...GET, 'x-in', 'table'])
    assert.equal(server.resetCode(2), ErrorCode.REFUSED_STREAM)
    assert.equal(server.failure, undefined)
  })

  test('a promise whose fields are too large is refused', () => {
    const server = new ScriptedServer({ enablePush: true, maxHeaderFields: 8 })
    server.open()
    promise(server, 2, [...GET, ...Array.from({ length: 20 }, () => 'x')])
    assert.equal(server.resetCode(2), ErrorCode.REFUSED_STREAM)
  })

  test('a promised request that is broken, or unsafe, ends its stream', () => {
    const server = new ScriptedServer({ enablePush: true })
    server.open()
    for (const [id, fields] of [
      [2, POST],
      [4, GET.slice(2)],
      [6, [...GET, 'content-length', '3']],
    ] as const) {
      promise(server, id, [...fields])
      assert.equal(server.resetCode(id), ErrorCode.PROTOCOL_ERROR)
    }
    assert.equal(server.failure, undefined)
  })

  test('the response to a promised HEAD has no body', () => {
    const pair = new Pair({ enablePush: true })
    const { at } = pair.request(GET)
    const stream = pair.server.connection.push(at.stream, HEAD, new Recorder())
    pair.server.connection.respond(stream, [':status', '200', 'content-length', '5'], true)
    pair.flow()
    assert.deepEqual([pair.client.pushes[0].seen.status, pair.client.pushes[0].seen.error], [200, undefined])
  })
})

describe('extensions in the wrong place', () => {
  test('ALTSVC without an origin on the connection, with one on a stream, or on a closed stream, is ignored', () => {
    const pair = new Pair()
    const { stream, at } = pair.request(GET)
    pair.server.connection.advertiseAltSvc('clear', '')
    pair.flow()
    const raw = new ScriptedServer()
    raw.open()
    raw.send({ type: 'ALTSVC', streamId: 1, origin: 'https://a', value: 'clear' })
    raw.send({ type: 'ALTSVC', streamId: 9, origin: '', value: 'clear' })
    raw.octets(Uint8Array.of(0, 0, 1, 0xa, 0, 0, 0, 0, 0, 9))
    raw.send({ type: 'ORIGIN', streamId: 1, origins: ['https://a'] })
    assert.deepEqual(pair.client.altSvcs, [])
    assert.equal(raw.failure, undefined)
    assert.equal(stream.id, at.stream.id)
  })

  test('a server ignores ALTSVC and ORIGIN', () => {
    const pair = new Pair()
    pair.client.connection.advertiseAltSvc('clear', 'https://a')
    pair.client.connection.advertiseOrigins(['https://a'])
    pair.flow()
    assert.deepEqual([pair.server.altSvcs, pair.server.origins, pair.server.failure], [[], [], undefined])
  })

  test('PRIORITY_UPDATE from a server ends the connection', () => {
    const server = new ScriptedServer()
    server.send({ type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 1, value: 'u=1' })
    assert.equal(server.goawayCode(), ErrorCode.PROTOCOL_ERROR)
  })

  test('PRIORITY_UPDATE of 3 octets ends the connection, of a closed stream it is ignored', () => {
    const pair = new Pair()
    const { stream, at } = pair.request(GET)
    pair.server.connection.respond(at.stream, [':status', '204'], true)
    pair.client.connection.prioritize(stream, 1, true)
    pair.flow()
    assert.equal(pair.server.connection.dead, false)
    pair.server.connection.receive(Uint8Array.of(0, 0, 3, 0x10, 0, 0, 0, 0, 0, 0, 0, 1))
    assert.equal(pair.server.failure?.http2ErrorCode, ErrorCode.FRAME_SIZE_ERROR)
  })

  test('the number of remembered PRIORITY_UPDATE frames for future streams is limited', () => {
    const pair = new Pair()
    for (let i = 0; i < 150; i++) {
      const octets = Buffer.from([0, 0, 7, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x75, 0x3d, 0x30])
      octets.writeUInt32BE(1 + 2 * i, 9)
      pair.server.connection.receive(octets)
    }
    assert.equal(pair.server.failure, undefined)
    assert.equal(pair.request(GET).at.stream.urgency, 0)
  })
})

describe('an owner that calls back from within an event', () => {
  /** What a request's stream carries when its first octet has been framed and `onSent` does something. */
  function answer(onSent: (server: ScriptedServer, stream: H2Stream) => void): { text: string; stream: H2Stream } {
    const server = new ScriptedServer()
    const { stream, seen } = server.open(POST, false)
    let told = false
    seen.onSent = () => {
      if (told) return
      told = true
      onSent(server, stream)
    }
    server.client.write(stream, Buffer.from('a'))
    let text = ''
    for (const frame of server.frames()) {
      if (frame.type === 'DATA') text += `${Buffer.from(frame.data).toString()}${frame.endStream ? '.' : ''}`
      if (frame.type === 'HEADERS') text += frame.endStream ? '+.' : '+'
    }
    return { text, stream }
  }

  test('an owner that calls back from within an event may end the stream when it hears that all was sent: it ends once', () => {
    const { text, stream } = answer((server, stream) => server.client.end(stream))
    assert.equal(text, 'a.')
    assert.equal(stream.state, StreamState.HALF_CLOSED_LOCAL)
  })

  test('an owner that calls back from within an event may end it with trailers', () => {
    const { text, stream } = answer((server, stream) => server.client.end(stream, ['x-sum', '1']))
    assert.equal(text, 'a+.')
    assert.equal(stream.state, StreamState.HALF_CLOSED_LOCAL)
  })

  test('an owner that calls back from within an event may write more and end: the end comes last', () => {
    const { text, stream } = answer((server, stream) => {
      server.client.write(stream, Buffer.from('b'))
      server.client.end(stream)
    })
    assert.equal(text, 'ab.')
    assert.equal(stream.state, StreamState.HALF_CLOSED_LOCAL)
  })

  for (const [what, end] of [
    ['a GOAWAY leaves out', (server: ScriptedServer) => server.send(goaway(0))],
    ['end with the connection', (server: ScriptedServer) => server.client.terminate(() => new Error('lost'))],
  ] as const) {
    test(`an owner that calls back from within an event may reset another of the streams that ${what}: it is over once, and hears nothing`, () => {
      const server = new ScriptedServer()
      const [first, second] = [server.open(), server.open()]
      first.seen.onError = () => server.client.reset(second.stream)
      end(server)
      assert.equal(second.seen.ends, 0)
      assert.equal(server.client.openLocal, 0)
      assert.deepEqual(server.closedStreams, [1, 3])
    })
  }
})
