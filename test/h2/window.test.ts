/** The policies of receive windows: the engine's own, and the two managers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InvalidArgumentError, ProtocolError, StreamResetError } from '../../src/errors.ts'
import { ErrorCode } from '../../src/frame/index.ts'
import {
  AdaptiveFlowControlManager,
  BaseFlowControlManager,
  FlowControlManager,
  firstWindow,
  type H2Stream,
  managerFactory,
  type WindowContext,
} from '../../src/h2/index.ts'
import { MAX_STREAM_WINDOW, STREAM_WINDOW } from '../../src/limits.ts'
import { Pair, Side } from '../support/pair.ts'
import { GET, Recorder, ScriptedServer } from '../support/peer.ts'

const MIB = 1024 * 1024

/** Sends so many octets on stream 1 at one time of the clock, and sums the stream's updates. */
function flow(server: ScriptedServer, octets: number, streamId = 1): number {
  let granted = 0
  for (let left = octets; left > 0; left -= 16_384) {
    server.data(streamId, Buffer.alloc(Math.min(left, 16_384)))
    for (const frame of server.frames()) {
      if (frame.type === 'WINDOW_UPDATE' && frame.streamId === streamId) granted += frame.increment
    }
  }
  return granted
}

const FlowControlManagers = (size: number): FlowControlManager => new FlowControlManager(size)

function start(options: ConstructorParameters<typeof ScriptedServer>[0] = {}): {
  server: ScriptedServer
  clock: { at: number }
} {
  const clock = { at: 0 }
  const server = new ScriptedServer({ clock: () => clock.at, ...options })
  server.client.rtt = 100
  server.open()
  server.headers(1, [':status', '200'])
  return { server, clock }
}

describe('the window of a stream', () => {
  test('a window is enlarged to its full size once half of it was used, a large one once an eighth was', () => {
    const { server } = start()
    assert.equal(flow(server, STREAM_WINDOW / 2 - 16_384), 0)
    assert.equal(flow(server, 16_384), STREAM_WINDOW / 2)
    const large = start({ streamWindow: 8 * MIB })
    assert.equal(flow(large.server, MIB - 16_384), 0)
    assert.equal(flow(large.server, 16_384), MIB)
  })

  test('the window of a stream is not refilled when it takes all that content-length leaves to come', () => {
    const { server } = start()
    server.open()
    server.headers(3, [':status', '200', 'content-length', String(STREAM_WINDOW + MIB)])
    // Half of it used: more will be needed, and is granted once.
    assert.equal(flow(server, STREAM_WINDOW / 2, 3), STREAM_WINDOW / 2)
    assert.equal(flow(server, STREAM_WINDOW / 2 + MIB - 16_384, 3), 0)
    server.open()
    server.headers(5, [':status', '200', 'content-length', String(STREAM_WINDOW - 1)])
    assert.equal(flow(server, STREAM_WINDOW - 1, 5), 0)
  })

  test('a window that a body uses up exactly is enlarged: the peer may need one more octet to end the body', () => {
    const { server } = start()
    server.open()
    server.headers(3, [':status', '200', 'content-length', String(STREAM_WINDOW)])
    assert.ok(flow(server, STREAM_WINDOW, 3) > 0)
  })

  test('a window of which half is used within a round trip is doubled, up to the limit', () => {
    const { server, clock } = start()
    flow(server, STREAM_WINDOW / 2)
    clock.at += 100
    // What was used, and as much again as the window had.
    assert.equal(flow(server, STREAM_WINDOW / 2), STREAM_WINDOW / 2 + STREAM_WINDOW)
    clock.at += 50
    assert.equal(flow(server, STREAM_WINDOW), 3 * STREAM_WINDOW)
    for (let i = 0; i < 5; i++) {
      clock.at += 1
      assert.equal(flow(server, MAX_STREAM_WINDOW / 2), MAX_STREAM_WINDOW / 2)
    }
  })

  test('the window of a stream stays as it is when the network, not the window, is what limits', () => {
    const { server, clock } = start()
    for (let i = 0; i < 10; i++) {
      clock.at += 101
      assert.equal(flow(server, STREAM_WINDOW / 2), STREAM_WINDOW / 2)
    }
  })

  test('the window of a stream stays as it is while no round trip was measured', () => {
    const { server } = start()
    server.client.rtt = 0
    for (let i = 0; i < 3; i++) assert.equal(flow(server, STREAM_WINDOW / 2), STREAM_WINDOW / 2)
  })

  test('the first window of another stream is as large as one that had to grow', () => {
    const { server, clock } = start()
    flow(server, STREAM_WINDOW / 2)
    clock.at += 10
    flow(server, STREAM_WINDOW / 2)
    server.open()
    server.headers(3, [':status', '200'])
    clock.at += 1000
    assert.equal(flow(server, STREAM_WINDOW / 2, 3), STREAM_WINDOW / 2 + STREAM_WINDOW)
  })

  test('the window of a stream does not grow when its size was given, unless a limit is given too', () => {
    const fixed = start({ streamWindow: MIB })
    for (let i = 0; i < 4; i++) assert.equal(flow(fixed.server, MIB / 2), MIB / 2)
    const growing = start({ streamWindow: MIB, maxStreamWindow: 3 * MIB })
    flow(growing.server, MIB / 2)
    assert.equal(flow(growing.server, MIB / 2), MIB / 2 + MIB)
    assert.equal(flow(growing.server, MIB), MIB + MIB)
    assert.equal(flow(growing.server, 1.5 * MIB), 1.5 * MIB)
  })

  test('the window of a stream follows a change of our own settings when the peer has acknowledged it', () => {
    const { server } = start({ streamWindow: MIB })
    server.client.updateSettings({ initialWindowSize: 2 * MIB })
    server.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
    server.frames()
    assert.equal(flow(server, MIB - 16_384), 0)
    assert.equal(flow(server, 16_384), MIB)
  })
})

describe('the first window of a stream', () => {
  test('the first window of a stream is what 1 Gbit/s carries in a round trip and a quarter, within limits', () => {
    assert.equal(firstWindow(0), STREAM_WINDOW)
    assert.equal(firstWindow(5), STREAM_WINDOW)
    assert.equal(firstWindow(80), 12_500_000)
    assert.equal(firstWindow(1000), MAX_STREAM_WINDOW)
  })
})

describe('FlowControlManager', () => {
  test('FlowControlManager fills the window when less than a quarter, or than 1000 octets, will be left', () => {
    const manager = new FlowControlManager(100_000)
    assert.equal(manager.increaseWindowSize(75_000), 0)
    assert.equal(manager.increaseWindowSize(75_001), 75_001)
    manager.windowSize = 30_000
    assert.equal(manager.increaseWindowSize(5001), 75_001)
    const small = new FlowControlManager(2000)
    assert.equal(small.increaseWindowSize(1000), 0)
    assert.equal(small.increaseWindowSize(1001), 1001)
  })

  test('FlowControlManager grants only what was consumed: an unread response buffers no more than its window', () => {
    const server = new ScriptedServer({ streamWindow: 65_536, windowManager: FlowControlManagers })
    const { stream, seen } = server.open()
    seen.consuming = false
    server.headers(1, [':status', '200'])
    assert.equal(flow(server, 65_536), 0)
    server.client.consume(stream, 40_000)
    assert.deepEqual(server.frames(), [])
    server.client.consume(stream, 10_000)
    assert.deepEqual(server.frames(), [{ type: 'WINDOW_UPDATE', streamId: 1, increment: 50_000 }])
  })

  test('FlowControlManager fills the window that our settings announce, for a stream older than their acknowledgement', () => {
    const server = new ScriptedServer({ streamWindow: MIB, windowManager: FlowControlManagers }, false)
    server.settings([])
    server.open()
    server.headers(1, [':status', '200'])
    assert.equal(flow(server, 32_768), 0)
    server.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
    server.frames()
    assert.equal(flow(server, MIB - 32_768), 49 * 16_384)
  })

  test('FlowControlManager runs a connection and its streams', () => {
    const server = new ScriptedServer({ streamWindow: 65_536, windowManager: (size) => new FlowControlManager(size) })
    server.open()
    server.headers(1, [':status', '200'])
    assert.equal(flow(server, 65_536 - 16_384), 0)
    assert.equal(flow(server, 16_384), 65_536)
  })
})

describe('AdaptiveFlowControlManager', () => {
  const context = (rtt: number): WindowContext & { at: number } => ({
    at: 0,
    rtt,
    now() {
      return this.at
    },
  })

  test('AdaptiveFlowControlManager does what the engine does by itself', () => {
    const clock = context(100)
    const manager = new AdaptiveFlowControlManager(MIB, 'stream', clock)
    assert.equal(manager.increaseWindowSize(MIB / 2 - 1), 0)
    assert.equal(manager.increaseWindowSize(1), MIB / 2)
    clock.at = 100
    assert.equal(manager.increaseWindowSize(MIB / 2), MIB / 2 + MIB)
    assert.equal(manager.target, 2 * MIB)
    clock.at = 300
    assert.equal(manager.increaseWindowSize(MIB), MIB)
    assert.equal(manager.target, 2 * MIB)
  })

  test('a connection window does not grow by itself, and any may be given a limit', () => {
    const clock = context(100)
    const connection = new AdaptiveFlowControlManager(MIB, 'connection', clock)
    connection.increaseWindowSize(MIB / 2)
    assert.equal(connection.increaseWindowSize(MIB / 2), MIB / 2)
    const limited = new AdaptiveFlowControlManager(MIB, 'connection', clock, 1.5 * MIB)
    limited.increaseWindowSize(MIB / 2)
    assert.equal(limited.increaseWindowSize(MIB / 2), MIB)
  })

  test('AdaptiveFlowControlManager as the manager of a connection uses the round trip that the connection measured', () => {
    let at = 0
    const server = new ScriptedServer({
      streamWindow: MIB,
      clock: () => at,
      windowManager: (size, scope, connection) => new AdaptiveFlowControlManager(size, scope, connection),
    })
    server.client.rtt = 20
    server.open()
    server.headers(1, [':status', '200'])
    flow(server, MIB / 2)
    at = 20
    assert.equal(flow(server, MIB / 2), MIB / 2 + MIB)
  })
})

describe('a class of managers', () => {
  class Eager extends BaseFlowControlManager {
    increaseWindowSize(frameSize: number): number {
      return frameSize
    }
  }

  test('a class of managers is made into a function that makes them, as a function is', () => {
    const context: WindowContext = { rtt: 0, now: () => 0 }
    const manager = managerFactory(Eager)?.(1000, 'stream', context)
    assert.ok(manager instanceof Eager)
    assert.deepEqual([manager.initialWindowSize, manager.windowSize, manager.documentSize], [1000, 1000, undefined])
    const make = (size: number): Eager => new Eager(size)
    assert.ok(managerFactory(make)?.(1000, 'stream', context) instanceof Eager)
    assert.equal(managerFactory(undefined), undefined)
    for (const own of [AdaptiveFlowControlManager, FlowControlManager]) {
      assert.ok(managerFactory(own)?.(1000, 'connection', context) instanceof own)
    }
  })

  test('a class of managers is asked once more when the window is used up and was not enlarged', () => {
    const calls: string[] = []
    class Last extends BaseFlowControlManager {
      increaseWindowSize(): number {
        calls.push(`increase ${this.windowSize}`)
        return 0
      }

      override blocked(): number {
        calls.push(`blocked ${this.windowSize}`)
        return 30_000
      }
    }
    const { server } = start({
      streamWindow: 32_768,
      windowManager: (size, scope) => (scope === 'stream' ? new Last(size) : new Eager(size)),
    })
    assert.equal(flow(server, 32_768), 30_000)
    assert.deepEqual(calls, ['increase 32768', 'increase 16384', 'blocked 0'])
  })

  test('a window manager without blocked() leaves a window that is used up as it is', () => {
    class Never extends BaseFlowControlManager {
      increaseWindowSize(): number {
        return 0
      }
    }
    const { server } = start({
      streamWindow: 16_384,
      windowManager: (size, scope) => (scope === 'stream' ? new Never(size) : new Eager(size)),
    })
    assert.equal(flow(server, 16_384), 0)
  })
})

describe('what is given as window manager', () => {
  const context: WindowContext = { rtt: 0, now: () => 0 }

  test('what is given as window manager may be a class whose methods are fields', () => {
    class OfFields extends BaseFlowControlManager {
      override increaseWindowSize = (frameSize: number): number => frameSize
    }
    assert.equal(managerFactory(OfFields)?.(10, 'stream', context).increaseWindowSize(3), 3)
  })

  test('what is given as window manager may be a function meant as a class', () => {
    function Old(this: { windowSize: number }, size: number): void {
      this.windowSize = size
    }
    Old.prototype.increaseWindowSize = (frameSize: number): number => frameSize
    const make = managerFactory(Old as unknown as typeof FlowControlManager)
    assert.equal(make?.(10, 'stream', context).increaseWindowSize(3), 3)
  })

  test('what is given as window manager must make managers', () => {
    for (const made of [undefined, null, {}]) {
      const make = managerFactory(() => made as unknown as FlowControlManager)
      assert.throws(() => make?.(10, 'stream', context), /increaseWindowSize\(\)/)
    }
  })

  test('what is given as window manager knows the window of before the frame, and of after it between the calls', () => {
    const managers: Steps[] = []
    class Steps extends BaseFlowControlManager {
      readonly seen: number[] = []
      constructor(size: number) {
        super(size)
        managers.push(this)
      }
      increaseWindowSize(frameSize: number): number {
        this.seen.push(this.windowSize)
        return frameSize === 10 ? 0 : 5
      }
    }
    const server = new ScriptedServer({
      streamWindow: 100_000,
      connectionWindow: 200_000,
      windowManager: managerFactory(Steps),
    })
    server.open()
    server.headers(1, [':status', '200'])
    server.data(1, Buffer.alloc(10))
    server.data(1, Buffer.alloc(20))
    const [connection, stream] = managers
    assert.deepEqual([connection.seen, connection.windowSize], [[200_000, 199_990], 199_975])
    assert.deepEqual([stream.seen, stream.windowSize], [[100_000, 99_990], 99_975])
    // A changed setting is told with a frame of nothing, once it counts.
    server.client.updateSettings({ initialWindowSize: 150_000 })
    server.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
    assert.deepEqual([stream.seen.at(-1), stream.windowSize], [149_975, 149_980])
    server.client.updateSettings({ initialWindowSize: 150_000 })
    assert.equal(stream.windowSize, 149_980)
  })

  test('a window manager that throws ends its own stream with an error that names it, and the others go on', () => {
    const thrown = new Error('broken')
    let made = 0
    class Broken extends BaseFlowControlManager {
      private readonly broken = made++ === 0
      increaseWindowSize(frameSize: number): number {
        if (this.broken) throw thrown
        return frameSize
      }
    }
    const server = new ScriptedServer({
      windowManager: (size, scope) => (scope === 'stream' ? new Broken(size) : new FlowControlManager(size)),
    })
    const { seen } = server.open()
    const other = server.open()
    server.headers(1, [':status', '200'])
    server.data(1, 'a', true)
    assert.ok(seen.error instanceof StreamResetError)
    assert.match(seen.error.message, /INTERNAL_ERROR: its window manager threw: broken/)
    assert.deepEqual([seen.error.cause, seen.error.remote, seen.error.retryable, seen.ends], [thrown, false, false, 1])
    assert.equal(server.resetCode(1), ErrorCode.INTERNAL_ERROR)
    server.respond(3, 'whole')
    assert.equal(other.seen.body, 'whole')
  })

  test('a window manager of the connection that throws ends the connection', () => {
    const server = new ScriptedServer({
      windowManager: (size, scope) => {
        const manager = new FlowControlManager(size)
        if (scope === 'stream') return manager
        return Object.assign(manager, {
          increaseWindowSize() {
            throw 'broken'
          },
        })
      },
    })
    const { seen } = server.open()
    server.headers(1, [':status', '200'])
    server.data(1, 'a')
    assert.match(String(server.failure), /its window manager threw: broken/)
    assert.ok(seen.error instanceof ProtocolError)
    assert.equal(server.goawayCode(), ErrorCode.INTERNAL_ERROR)
  })

  test('a window manager that cannot be created is an InvalidArgumentError that gives the reason', () => {
    const cause = new Error('no manager')
    const make = managerFactory(() => {
      throw cause
    })
    assert.throws(() => make?.(10, 'stream', context), { code: 'ERR_HYPER_INVALID_ARGUMENT', cause })
  })

  test('a window manager that cannot be created leaves no stream open', () => {
    const server = new ScriptedServer({
      windowManager: (size, scope) => {
        if (scope === 'stream') throw new Error('no manager')
        return new FlowControlManager(size)
      },
    })
    assert.throws(() => server.open(), /no manager/)
    assert.equal(server.client.openStreams, 0)
  })

  test('a window manager that cannot be created leaves HPACK in step, and the peer understands the next request', () => {
    let made = 0
    const server = new ScriptedServer({
      windowManager: (size, scope) => {
        if (scope === 'stream' && made++ === 0) throw new Error('no manager')
        return new FlowControlManager(size)
      },
    })
    const head = [...GET, 'x-name', 'a value for the table']
    assert.throws(() => server.client.request(head, true, new Recorder()), /no manager/)
    server.client.request(head, true, new Recorder())
    const [frame] = server.frames()
    assert.equal(frame.streamId, 1)
    assert.deepEqual(server.decode(frame), head)
  })

  const firstFails = managerFactory((size, scope) => {
    if (scope === 'stream' && failures-- > 0) throw new Error('no manager')
    return new FlowControlManager(size)
  })
  let failures = 0

  test('a window manager that cannot be created for a pushed stream costs that stream only, and its owner gets the error', () => {
    const pair = new Pair({ enablePush: true, windowManager: firstFails })
    const { seen, at } = pair.request(GET)
    failures = 1
    const { connection } = pair.server
    const lost = new Recorder()
    connection.push(at.stream, [...GET.slice(0, -1), '/pushed'], lost)
    connection.respond(at.stream, [':status', '204'], true)
    pair.flow()
    assert.ok(pair.client.pushes[0].seen.error instanceof InvalidArgumentError)
    assert.match(String(lost.error), /INTERNAL_ERROR/)
    assert.equal(seen.status, 204)
  })

  test('a window manager that cannot be created for a request ends that request only, and its owner gets the error', () => {
    failures = 1
    const pair = new Pair({}, { windowManager: firstFails })
    const { seen, at } = pair.request(GET)
    assert.ok(at.seen.error instanceof InvalidArgumentError)
    assert.ok(seen.error instanceof StreamResetError)
    assert.equal(seen.error.http2ErrorCode, ErrorCode.INTERNAL_ERROR)
    const next = pair.request(GET).at
    assert.equal(next.stream.id, 3)
    assert.ok(next.stream.windowManager instanceof FlowControlManager)
  })

  test('no window manager is created for a request that its owner ends at once', () => {
    let made = 0
    class Ending extends Side {
      override onRequest(stream: H2Stream): Recorder {
        this.connection.reset(stream)
        return new Recorder()
      }
    }
    const sides = {
      client: new Side({ role: 'client' }),
      server: new Ending({
        role: 'server',
        windowManager: (size) => {
          made++
          return new FlowControlManager(size)
        },
      }),
    }
    const pair = new Pair({}, {}, sides)
    pair.client.connection.request(GET, true, new Recorder())
    pair.flow()
    assert.equal(made, 1)
  })

  test('a window manager that throws when its documentSize is set ends its stream', () => {
    const deaf = {
      set(): void {
        throw new Error('no length')
      },
    }
    const server = new ScriptedServer({
      windowManager: (size) => Object.defineProperty(new FlowControlManager(size), 'documentSize', deaf),
    })
    const { seen } = server.open()
    server.headers(1, [':status', '200', 'content-length', '5'])
    assert.ok(seen.error instanceof StreamResetError)
    assert.deepEqual([seen.status, seen.ends], [undefined, 1])
  })
})
