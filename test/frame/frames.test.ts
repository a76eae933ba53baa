import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  ErrorCode,
  errorCodeName,
  errorCodeText,
  explain,
  type Frame,
  FrameError,
  FrameParser,
  parseFrame,
  serializeFrame,
} from '../../src/frame/index.ts'
import { fc, runs } from '../support/property.ts'

const octets = (text: string): Uint8Array => Buffer.from(text)

const samples: [frame: Frame, line: string][] = [
  [
    { type: 'DATA', streamId: 1, endStream: true, padding: undefined, data: octets('abc') },
    'DATA stream 1: 3 octets, END_STREAM',
  ],
  [
    { type: 'DATA', streamId: 3, endStream: false, padding: 4, data: octets('abc') },
    'DATA stream 3: 3 octets, 4 of padding',
  ],
  [
    { type: 'HEADERS', streamId: 1, endStream: true, endHeaders: true, padding: undefined, block: octets('x') },
    'HEADERS stream 1: 1 octets, END_STREAM, END_HEADERS',
  ],
  [
    {
      type: 'HEADERS',
      streamId: 1,
      endStream: false,
      endHeaders: false,
      padding: 0,
      priority: { dependsOn: 3, weight: 256, exclusive: true },
      block: octets('x'),
    },
    'HEADERS stream 1: 1 octets, 0 of padding, depends on 3, weight 256',
  ],
  [
    { type: 'PRIORITY', streamId: 5, dependsOn: 1, weight: 1, exclusive: true },
    'PRIORITY stream 5: depends on 1, weight 1, exclusive',
  ],
  [{ type: 'RST_STREAM', streamId: 7, errorCode: 8 }, 'RST_STREAM stream 7: CANCEL'],
  [{ type: 'RST_STREAM', streamId: 7, errorCode: 0xbeef }, 'RST_STREAM stream 7: error code 0xbeef'],
  [
    {
      type: 'SETTINGS',
      streamId: 0,
      ack: false,
      settings: [
        [0x4, 65_535],
        [0xabcd, 0xffffffff],
      ],
    },
    'SETTINGS: INITIAL_WINDOW_SIZE=65535, 0xabcd=4294967295',
  ],
  [{ type: 'SETTINGS', streamId: 0, ack: true, settings: [] }, 'SETTINGS: ACK'],
  [
    { type: 'PUSH_PROMISE', streamId: 1, endHeaders: true, promisedStreamId: 2, padding: 1, block: octets('xy') },
    'PUSH_PROMISE stream 1: promises stream 2, 2 octets, 1 of padding, END_HEADERS',
  ],
  [{ type: 'PING', streamId: 0, ack: true, payload: octets('12345678') }, 'PING: 3132333435363738, ACK'],
  [
    { type: 'GOAWAY', streamId: 0, lastStreamId: 0x7fffffff, errorCode: 11, debugData: octets('calm') },
    'GOAWAY: ENHANCE_YOUR_CALM, last stream 2147483647, "calm"',
  ],
  [
    { type: 'GOAWAY', streamId: 0, lastStreamId: 0, errorCode: 0, debugData: octets('') },
    'GOAWAY: NO_ERROR, last stream 0',
  ],
  [{ type: 'WINDOW_UPDATE', streamId: 0, increment: 0x7fffffff }, 'WINDOW_UPDATE: +2147483647'],
  [
    { type: 'CONTINUATION', streamId: 1, endHeaders: true, block: octets('') },
    'CONTINUATION stream 1: 0 octets, END_HEADERS',
  ],
  [{ type: 'ALTSVC', streamId: 0, origin: 'https://a', value: 'h2=":1"' }, 'ALTSVC: https://a, h2=":1"'],
  [{ type: 'ALTSVC', streamId: 1, origin: '', value: 'clear' }, 'ALTSVC stream 1: clear'],
  [{ type: 'ORIGIN', streamId: 0, origins: ['https://a', 'https://b'] }, 'ORIGIN: https://a, https://b'],
  [{ type: 'ORIGIN', streamId: 0, origins: [] }, 'ORIGIN'],
  [
    { type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 3, value: 'u=1' },
    'PRIORITY_UPDATE: of stream 3, "u=1"',
  ],
  [
    { type: 'UNKNOWN', streamId: 9, typeCode: 0x77, flags: 0xff, payload: octets('?') },
    'type 0x77 stream 9: 1 octets, flags 0xff',
  ],
]

/** Octets as text, so that views of different buffers compare. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  // A property that is undefined equals one that is absent.
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one)]))
}

test('every type round-trips, whole and cut at any octet', () => {
  const whole = Buffer.concat(samples.map(([frame]) => serializeFrame(frame)))
  for (const size of [1, 2, 3, 5, 8, 9, 10, 17, 1000]) {
    const parser = new FrameParser()
    const frames: Frame[] = []
    for (let at = 0; at < whole.length; at += size) frames.push(...parser.receive(whole.subarray(at, at + size)))
    assert.deepEqual(
      frames.map(plain),
      samples.map(([frame]) => plain(frame)),
    )
  }
})

for (const [frame, line] of samples) {
  test(`explained in one line: ${line}`, () => assert.equal(explain(frame), line))
}

test('what a peer wrote as text cannot act on the terminal that an explanation is shown on', () => {
  const acting = '\x1b[2J\x07\x7f\x9b'
  for (const frame of [
    { type: 'ALTSVC', streamId: 0, origin: `https://a${acting}`, value: `h2=":1"${acting}` },
    { type: 'ORIGIN', streamId: 0, origins: [`https://a${acting}`] },
    { type: 'GOAWAY', streamId: 0, lastStreamId: 1, errorCode: 0, debugData: Buffer.from(acting, 'latin1') },
    { type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 1, value: acting },
  ] as const) {
    const line = explain(frame)
    assert.doesNotMatch(line, /\p{Cc}/u, frame.type)
    assert.match(line, /\\(?:x|u00)1b\[2J/, frame.type)
  }
})

test('parseFrame gives the frame in front, and null while it is incomplete', () => {
  const ping = serializeFrame({ type: 'PING', streamId: 0, ack: false, payload: octets('12345678') })
  for (let length = 0; length < ping.length; length++) assert.equal(parseFrame(ping.subarray(0, length)), null)
  assert.deepEqual(parseFrame(Buffer.concat([ping, ping]))?.size, ping.length)
})

test('the reserved bit is ignored wherever an identifier stands', () => {
  const frame = serializeFrame({ type: 'GOAWAY', streamId: 0, lastStreamId: 3, errorCode: 0, debugData: octets('') })
  frame[5] |= 0x80
  frame[9] |= 0x80
  assert.deepEqual(
    plain(parseFrame(frame)?.frame),
    plain({ type: 'GOAWAY', streamId: 0, lastStreamId: 3, errorCode: 0, debugData: octets('') }),
  )
})

test('a frame longer than allowed is refused on its header alone', () => {
  const header = Uint8Array.of(0, 0x40, 1, 0, 0, 0, 0, 0, 1)
  const refusal = { code: 'ERR_HYPER_FRAME', http2ErrorCode: ErrorCode.FRAME_SIZE_ERROR }
  assert.throws(() => parseFrame(header), refusal)
  assert.throws(() => new FrameParser().receive(header), refusal)
  assert.equal(parseFrame(header, 0x4001), null)
})

describe('what is not allowed', () => {
  const wrong: [string, number, number[]][] = [
    ['DATA on stream 0', 1, [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['HEADERS on stream 0', 1, [0, 0, 0, 1, 4, 0, 0, 0, 0]],
    ['PRIORITY on stream 0', 1, [0, 0, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['RST_STREAM on stream 0', 1, [0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['PUSH_PROMISE on stream 0', 1, [0, 0, 4, 5, 4, 0, 0, 0, 0, 0, 0, 0, 2]],
    ['CONTINUATION on stream 0', 1, [0, 0, 0, 9, 4, 0, 0, 0, 0]],
    ['SETTINGS on a stream', 1, [0, 0, 0, 4, 0, 0, 0, 0, 1]],
    ['PING on a stream', 1, [0, 0, 8, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['GOAWAY on a stream', 1, [0, 0, 8, 7, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['PRIORITY_UPDATE on a stream', 1, [0, 0, 4, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 1]],
    ['padding as long as the payload', 1, [0, 0, 1, 0, 8, 0, 0, 0, 1, 1]],
    ['padding without its length octet', 6, [0, 0, 0, 0, 8, 0, 0, 0, 1]],
    ['HEADERS too short for its priority', 6, [0, 0, 4, 1, 0x24, 0, 0, 0, 1, 0, 0, 0, 0]],
    ['PRIORITY of 4 octets', 6, [0, 0, 4, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0]],
    ['RST_STREAM of 5 octets', 6, [0, 0, 5, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]],
    ['SETTINGS of 5 octets', 6, [0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a SETTINGS acknowledgement with a payload', 6, [0, 0, 6, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['PUSH_PROMISE of 3 octets', 6, [0, 0, 3, 5, 4, 0, 0, 0, 1, 0, 0, 0]],
    ['PING of 7 octets', 6, [0, 0, 7, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['GOAWAY of 7 octets', 6, [0, 0, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['WINDOW_UPDATE of 3 octets', 6, [0, 0, 3, 8, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['ALTSVC of 1 octet', 6, [0, 0, 1, 10, 0, 0, 0, 0, 0, 0]],
    ['ALTSVC whose origin is cut', 6, [0, 0, 3, 10, 0, 0, 0, 0, 0, 0, 9, 0]],
    ['ORIGIN whose entry is cut', 6, [0, 0, 3, 12, 0, 0, 0, 0, 0, 0, 9, 0]],
    ['ORIGIN with half a length', 6, [0, 0, 1, 12, 0, 0, 0, 0, 0, 0]],
    ['WINDOW_UPDATE of 0', 1, [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['PUSH_PROMISE of an odd stream', 1, [0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 3]],
    ['PUSH_PROMISE of stream 0', 1, [0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 0]],
    ['PRIORITY_UPDATE of 3 octets', 6, [0, 0, 3, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]],
  ]
  for (const [name, code, frame] of wrong) {
    test(`${name}: ${errorCodeName(code)}`, () => {
      assert.throws(() => parseFrame(Uint8Array.from(frame)), { code: 'ERR_HYPER_FRAME', http2ErrorCode: code })
    })
  }

  const unfit: [string, Frame][] = [
    ['a stream identifier above 2^31-1', { type: 'DATA', streamId: 2 ** 31, endStream: true, data: octets('') }],
    ['a stream identifier below 0', { type: 'DATA', streamId: -1, endStream: true, data: octets('') }],
    ['a setting identifier of 17 bits', { type: 'SETTINGS', streamId: 0, ack: false, settings: [[0x10000, 1]] }],
    ['a setting value of 33 bits', { type: 'SETTINGS', streamId: 0, ack: false, settings: [[1, 2 ** 32]] }],
    ['a PING of 9 octets', { type: 'PING', streamId: 0, ack: false, payload: octets('123456789') }],
    ['a weight of 257', { type: 'PRIORITY', streamId: 1, dependsOn: 0, weight: 257, exclusive: false }],
    ['a padding of 256', { type: 'DATA', streamId: 1, endStream: true, padding: 256, data: octets('') }],
    ['a frame of 2^24 octets', { type: 'DATA', streamId: 1, endStream: true, data: new Uint8Array(2 ** 24) }],
    ['an error code that is no number', { type: 'RST_STREAM', streamId: 1, errorCode: Number.NaN }],
  ]
  for (const [name, frame] of unfit) {
    test(`${name} cannot be written`, () => assert.throws(() => serializeFrame(frame), FrameError))
  }
})

test('any frame of random parts round-trips', () => {
  const id = fc.integer({ min: 1, max: 0x7fffffff })
  const data = fc.uint8Array({ maxLength: 300 })
  const padding = fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined })
  const frame = fc.oneof(
    fc.record({ type: fc.constant('DATA' as const), streamId: id, endStream: fc.boolean(), padding, data }),
    fc.record({
      type: fc.constant('HEADERS' as const),
      streamId: id,
      endStream: fc.boolean(),
      endHeaders: fc.boolean(),
      padding,
      priority: fc.option(
        fc.record({ dependsOn: id, weight: fc.integer({ min: 1, max: 256 }), exclusive: fc.boolean() }),
        { nil: undefined },
      ),
      block: data,
    }),
    fc.record({
      type: fc.constant('SETTINGS' as const),
      streamId: fc.constant(0),
      ack: fc.constant(false),
      settings: fc.array(fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffffffff }))),
    }),
    fc.record({
      type: fc.constant('UNKNOWN' as const),
      streamId: id,
      typeCode: fc.integer({ min: 0x11, max: 0xff }),
      flags: fc.integer({ min: 0, max: 0xff }),
      payload: data,
    }),
  )
  fc.assert(
    fc.property(frame, (one) => {
      const parsed = parseFrame(serializeFrame(one))
      assert.ok(parsed)
      assert.deepEqual(plain(parsed.frame), plain(one))
    }),
  )
})

test('random octets give frames or a FrameError, nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 }), (chunks) => {
      const parser = new FrameParser(100)
      try {
        for (const chunk of chunks) for (const frame of parser.receive(chunk)) assert.ok(explain(frame).length > 0)
      } catch (error) {
        assert.ok(error instanceof FrameError)
      }
    }),
    runs(2000),
  )
})

const corpus = fileURLToPath(new URL('../../../shared/data/http2-frame-test-case/', import.meta.url))

describe('the http2-frame-test-case corpus', { skip: existsSync(corpus) ? false : 'the corpus is not here' }, () => {
  interface Case {
    error: number[] | null
    wire: string
    frame: {
      length: number
      type: number
      flags: number
      stream_identifier: number
      frame_payload: Record<string, unknown>
    } | null
  }
  const folders = existsSync(corpus)
    ? readdirSync(corpus, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : []
  for (const { name: folder } of folders) {
    for (const file of readdirSync(`${corpus}${folder}`).filter((name) => name.endsWith('.json'))) {
      test(`${folder}/${file}`, () => {
        const { error, wire, frame }: Case = JSON.parse(readFileSync(`${corpus}${folder}/${file}`, 'utf8'))
        const bytes = Buffer.from(wire, 'hex')
        if (error !== null) {
          assert.throws(
            () => new FrameParser().receive(bytes),
            (thrown) => thrown instanceof FrameError && error.includes(thrown.http2ErrorCode),
          )
          return
        }
        assert.ok(frame)
        const parsed = parseFrame(bytes)
        assert.ok(parsed)
        assert.equal(parsed.frame.streamId, frame.stream_identifier)
        assert.equal(parsed.size, 9 + frame.length)
        // Padding octets are not kept: what was sent as padding comes back as zeros.
        const padded = (frame.flags & 0x8) !== 0 && [0, 1, 5].includes(frame.type)
        const again = serializeFrame(parsed.frame)
        if (padded) assert.equal(again.length, bytes.length)
        else assert.equal(again.toString('hex'), wire.toLowerCase())
        checkPayload(parsed.frame, frame.frame_payload)
      })
    }
  }

  function checkPayload(frame: Frame, payload: Record<string, unknown>): void {
    const names: Record<string, string> = {
      error_code: 'errorCode',
      last_stream_id: 'lastStreamId',
      window_size_increment: 'increment',
      promised_stream_id: 'promisedStreamId',
      stream_dependency: 'dependsOn',
      weight: 'weight',
      exclusive: 'exclusive',
      padding_length: 'padding',
    }
    const priority = 'priority' in frame ? frame.priority : undefined
    for (const [name, own] of Object.entries(names)) {
      const expected = payload[name]
      if (expected === undefined || expected === null) continue
      const found: unknown = Reflect.get(frame, own) ?? (priority && Reflect.get(priority, own))
      assert.equal(found, expected, name)
    }
    const text =
      payload['data'] ?? payload['header_block_fragment'] ?? payload['additional_debug_data'] ?? payload['opaque_data']
    if (typeof text !== 'string') return
    const found: unknown =
      Reflect.get(frame, 'data') ??
      Reflect.get(frame, 'block') ??
      Reflect.get(frame, 'debugData') ??
      Reflect.get(frame, 'payload')
    assert.ok(found instanceof Uint8Array)
    assert.equal(Buffer.from(found).toString('latin1'), text)
  }
})

describe('error codes', () => {
  test('each error code has a name and an explanation', () => {
    const texts = Object.values(ErrorCode).map((code) => errorCodeText(code))
    assert.equal(new Set(texts).size, 14)
    assert.equal(errorCodeText(ErrorCode.CANCEL), 'the stream is no longer wanted')
    assert.equal(errorCodeText(0xff), 'the code is not registered')
    assert.equal(errorCodeName(0xff), 'error code 0xff')
  })
})
