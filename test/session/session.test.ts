/** A session over a wire in memory: its states, and the ways in which it ends. */
import '../support/virtual-time.ts'

import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { ConnectError, ConnectionLostError, GoawayError, ProtocolError } from '../../src/errors.ts'
import { ErrorCode, type Frame, FrameParser, PREFACE, serializeFrame } from '../../src/frame/index.ts'
import { type H2Stream, StreamState } from '../../src/h2/index.ts'
import { NO_LISTENER } from '../../src/h2/stream.ts'
import { FAULT_PATIENCE } from '../../src/limits.ts'
import type { SessionOwner } from '../../src/session/owner.ts'
import { Session, type SessionState } from '../../src/session/session.ts'
import type { SessionSettings } from '../../src/session/times.ts'
import type { Wire } from '../../src/session/wire.ts'

const HEAD = [':method', 'GET', ':scheme', 'https', ':authority', 'a.test', ':path', '/']
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The peer's end: what it says is read by the session at once. */
class MemoryWire extends Duplex implements Wire {
  readonly bytesRead = 0
  readonly bytesWritten = 0
  referenced = true
  /** It takes nothing of what is written. */
  full = false
  readonly written: Buffer[] = []

  constructor() {
    super({ writableHighWaterMark: 16_384 })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.written.push(chunk)
    if (!this.full) callback()
  }

  ref(): this {
    this.referenced = true
    return this
  }

  unref(): this {
    this.referenced = false
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }
}

class Bench implements SessionOwner {
  readonly wire = new MemoryWire()
  readonly session: Session
  /** What the session said, in order. */
  readonly heard: string[] = []
  reason: Error | undefined

  constructor(settings: SessionSettings = {}) {
    this.session = new Session(this.wire, { href: 'https://a.test', kind: 'server' }, this, settings, {})
  }

  /** A session whose peer has sent its SETTINGS. */
  static async begin(settings?: SessionSettings): Promise<Bench> {
    const bench = new Bench(settings)
    await bench.say({ type: 'SETTINGS', streamId: 0, ack: false, settings: [] })
    return bench
  }

  async say(...frames: Frame[]): Promise<void> {
    for (const frame of frames) this.wire.push(Buffer.from(serializeFrame(frame)))
    await turn()
    await turn()
  }

  get frames(): Frame[] {
    return new FrameParser().receive(Buffer.concat(this.wire.written).subarray(PREFACE.length))
  }

  request(): H2Stream {
    this.session.reserve()
    const stream = this.session.h2.request(HEAD, true, NO_LISTENER)
    this.session.release()
    return stream
  }

  get state(): SessionState {
    return this.session.state
  }

  holdsProcess(busy: boolean): boolean {
    return busy
  }

  onSettings(): void {
    this.heard.push('settings')
  }

  onRoom(): void {
    this.heard.push('room')
  }

  onDraining(): void {
    this.heard.push('draining')
  }

  onClosed(error: Error | undefined): void {
    this.heard.push('closed')
    this.reason = error
  }
}

const goaway = (lastStreamId: number, errorCode: number): Frame => ({
  type: 'GOAWAY',
  streamId: 0,
  lastStreamId,
  errorCode,
  debugData: Buffer.alloc(0),
})

/** A clock and timers that stand still until they are told. */
function stillTime(t: TestContext): (milliseconds: number) => void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let time = 1000
  t.mock.method(performance, 'now', () => time)
  return (milliseconds) => {
    // Step by step, so that no timer is late.
    for (let i = 0; i < milliseconds; i++) {
      time++
      t.mock.timers.tick(1)
    }
  }
}

describe('the state of a session', () => {
  test('a session is active from its first reserved stream until the last has ended, and keeps the process alive meanwhile', async () => {
    const bench = await Bench.begin()
    assert.deepEqual([bench.state, bench.wire.referenced], ['idle', false])
    bench.session.reserve()
    assert.deepEqual([bench.state, bench.wire.referenced], ['active', true])
    const stream = bench.session.h2.request(HEAD, true, NO_LISTENER)
    bench.session.release()
    assert.equal(bench.state, 'active')
    bench.session.reset(stream)
    assert.deepEqual([bench.state, bench.wire.referenced], ['idle', false])
    assert.equal(bench.heard.at(-1), 'room')
    bench.session.destroy(new Error('over'))
  })

  test('a session is draining after close() while streams are open, and never becomes active again', async () => {
    const bench = await Bench.begin()
    const stream = bench.request()
    bench.session.close()
    assert.deepEqual([bench.state, bench.session.room], ['draining', 0])
    bench.session.verify()
    assert.equal(bench.state, 'draining')
    bench.session.reset(stream)
    assert.equal(bench.state, 'closed')
    assert.equal(stream.state, StreamState.CLOSED)
    assert.deepEqual(bench.heard.slice(-2), ['draining', 'closed'])
    assert.equal(bench.frames.at(-1)?.type, 'GOAWAY')
  })

  test('a session is verifying until a PING is answered, also with a stream on it', async () => {
    const bench = await Bench.begin()
    bench.session.verify()
    assert.deepEqual([bench.state, bench.session.stale, bench.wire.referenced], ['verifying', true, true])
    await turn()
    const ping = bench.frames.find((frame) => frame.type === 'PING')
    assert.ok(ping?.type === 'PING')
    await bench.say({ ...ping, ack: true })
    assert.deepEqual([bench.state, bench.session.stale, bench.wire.referenced], ['idle', false, false])
    const stream = bench.request()
    bench.session.verify()
    assert.deepEqual([bench.state, bench.session.stale], ['verifying', true])
    await turn()
    const second = bench.frames.findLast((frame) => frame.type === 'PING')
    assert.ok(second?.type === 'PING')
    await bench.say({ ...second, ack: true })
    assert.deepEqual([bench.state, bench.session.stale], ['active', false])
    bench.session.reset(stream)
    bench.session.destroy(new Error('over'))
    assert.equal(bench.state, 'closed')
  })
})

describe('a session ends', () => {
  test('a session ends once, however often it is ended, and a pending ping is answered with null', async () => {
    const bench = await Bench.begin()
    const rtt = new Promise((resolve) => bench.session.ping(resolve))
    const reason = new Error('enough')
    bench.session.destroy(reason)
    bench.session.destroy(new Error('again'))
    bench.session.close()
    assert.equal(await rtt, null)
    assert.equal(bench.reason, reason)
    assert.deepEqual(
      bench.heard.filter((one) => one === 'closed'),
      ['closed'],
    )
    assert.equal(bench.wire.destroyed, true)
  })

  test('a session ends with the GOAWAY that has an error code, even if one with NO_ERROR follows', async () => {
    const bench = await Bench.begin()
    bench.request()
    await bench.say(goaway(1, ErrorCode.ENHANCE_YOUR_CALM), goaway(1, ErrorCode.NO_ERROR))
    assert.equal(bench.state, 'draining')
    bench.wire.destroy()
    await turn()
    assert.ok(bench.reason instanceof GoawayError)
    assert.equal(bench.reason.http2ErrorCode, ErrorCode.ENHANCE_YOUR_CALM)
  })

  test('a session ends when the peer does not close after GOAWAY for a fault and sends no DATA or HEADERS any more', async (t) => {
    const pass = stillTime(t)
    const bench = await Bench.begin()
    bench.request()
    await bench.say(goaway(1, ErrorCode.INTERNAL_ERROR))
    pass(FAULT_PATIENCE - 1)
    await bench.say({ type: 'HEADERS', streamId: 1, block: Buffer.from([0x88]), endStream: false, endHeaders: true })
    pass(FAULT_PATIENCE)
    assert.equal(bench.state, 'draining')
    await bench.say({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
    pass(FAULT_PATIENCE)
    assert.equal(bench.state, 'closed')
    assert.ok(bench.reason instanceof GoawayError)
    assert.equal(bench.reason.http2ErrorCode, ErrorCode.INTERNAL_ERROR)
  })

  test('a session ends as lost when the connection closes after a GOAWAY with NO_ERROR, but with that GOAWAY when all streams are done', async () => {
    const cut = await Bench.begin()
    cut.request()
    await cut.say(goaway(1, ErrorCode.NO_ERROR))
    cut.wire.destroy()
    await turn()
    assert.ok(cut.reason instanceof ConnectionLostError)
    const done = await Bench.begin()
    const stream = done.request()
    await done.say(goaway(1, ErrorCode.NO_ERROR))
    done.session.reset(stream)
    assert.ok(done.reason instanceof GoawayError)
  })

  test('a session ends with the rule that the peer broke', async () => {
    const bench = await Bench.begin()
    await bench.say({ type: 'DATA', streamId: 0, endStream: false, data: Buffer.alloc(1) })
    assert.equal(bench.state, 'closed')
    assert.ok(bench.reason instanceof ProtocolError)
  })

  test('a session ends when the peer sends no SETTINGS in time', (t) => {
    const pass = stillTime(t)
    const bench = new Bench({ connectTimeout: 500 })
    pass(499)
    assert.equal(bench.state, 'idle')
    pass(1)
    assert.ok(bench.reason instanceof ConnectError)
    assert.match(bench.reason.message, /the server sent no SETTINGS in time/)
  })

  test('a session ends when the peer does not answer a PING, but not while other frames arrive', async (t) => {
    const pass = stillTime(t)
    // No round trip is measured yet: the peer has as long as a connection may take to be made.
    const bench = await Bench.begin({ pingTimeout: 200, connectTimeout: 300 })
    bench.session.verify()
    pass(299)
    await bench.say({ type: 'WINDOW_UPDATE', streamId: 0, increment: 1000 })
    pass(299)
    assert.equal(bench.state, 'verifying')
    pass(1)
    assert.ok(bench.reason instanceof ConnectionLostError)
    assert.match(bench.reason.message, /did not answer a PING/)
  })

  test('a session ends when a full socket accepts nothing of what waits', async (t) => {
    const pass = stillTime(t)
    const bench = await Bench.begin({ writeTimeout: 300 })
    await bench.say({ type: 'SETTINGS', streamId: 0, ack: false, settings: [[0x4, 1_000_000]] })
    bench.wire.full = true
    const head = [...HEAD]
    head[1] = 'POST'
    bench.session.reserve()
    const stream = bench.session.h2.request(head, false, NO_LISTENER)
    bench.session.h2.write(stream, Buffer.alloc(60_000))
    bench.session.release()
    await turn()
    assert.equal(bench.session.output.blocked, true)
    pass(299)
    assert.equal(bench.state, 'active')
    pass(1)
    assert.ok(bench.reason instanceof ConnectionLostError)
    assert.equal(bench.state, 'closed')
  })

  test('a session ends when it was idle for too long, and sends GOAWAY', async (t) => {
    const pass = stillTime(t)
    const bench = await Bench.begin({ idleTimeout: 300 })
    pass(300)
    assert.deepEqual([bench.state, bench.reason], ['closed', undefined])
    assert.equal(bench.wire.writableEnded, true)
  })
})
