import assert from 'node:assert/strict'
import { Socket, type TcpNetConnectOpts } from 'node:net'
import { describe, test } from 'node:test'
import { CONNECTION_ATTEMPT_DELAY } from '../../src/limits.ts'
import type { Address, ConnectStep } from '../../src/net/link.ts'
import { interleave, race } from '../../src/net/race.ts'

const v4 = (n: number): Address => ({ address: `192.0.2.${n}`, family: 4 })
const v6 = (n: number): Address => ({ address: `2001:db8::${n}`, family: 6 })

/** A race on no network: attempts end as the test says, and time passes when it says so. */
class Track {
  readonly sockets: Socket[] = []
  readonly tried: string[] = []
  readonly steps: ConnectStep[] = []
  readonly timers: { callback: () => void; delay: number }[] = []
  readonly cancel: () => void
  winner: Socket | undefined
  error: Error | undefined
  outcomes = 0
  options: TcpNetConnectOpts[] = []

  constructor(addresses: readonly Address[], localAddress?: string, throws?: Error) {
    this.cancel = race(
      addresses,
      {
        port: 443,
        localAddress,
        connect: (options) => {
          this.tried.push(options.host ?? '')
          this.options.push(options)
          if (throws !== undefined) throw throws
          const socket = new Socket()
          this.sockets.push(socket)
          return socket
        },
        startTimer: (callback, delay) => {
          const timer = { callback, delay }
          this.timers.push(timer)
          return () => {
            const index = this.timers.indexOf(timer)
            if (index >= 0) this.timers.splice(index, 1)
          }
        },
      },
      { enter: () => {}, step: (step) => this.steps.push(step) },
      {
        done: (socket) => {
          this.outcomes++
          this.winner = socket
        },
        fail: (error) => {
          this.outcomes++
          this.error = error
        },
      },
    )
  }

  /** 250 ms later. */
  pass(): void {
    const [timer] = this.timers.splice(0, 1)
    assert.equal(timer.delay, CONNECTION_ATTEMPT_DELAY)
    timer.callback()
  }

  fail(index: number, code = 'ECONNREFUSED'): void {
    this.sockets[index].emit('error', Object.assign(new Error(`connect ${code} ${this.tried[index]}`), { code }))
  }

  connect(index: number): void {
    this.sockets[index].emit('connect')
  }

  get alive(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length
  }
}

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

describe('the order of attempts', () => {
  test('the order of attempts takes turns between the families, beginning with the resolver’s first', () => {
    assert.deepEqual(interleave([v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)])
    assert.deepEqual(interleave([v4(1), v4(2), v6(1), v6(2)]), [v4(1), v6(1), v4(2), v6(2)])
    assert.deepEqual(interleave([v4(1)]), [v4(1)])
  })

  test('the order of attempts leaves out what cannot be reached from the local address', async () => {
    const track = new Track([v6(1), v4(1), v4(2)], '192.0.2.200')
    await tick()
    track.fail(0)
    track.fail(1)
    assert.deepEqual(track.tried, ['192.0.2.1', '192.0.2.2'])
    assert.equal(track.options[0].localAddress, '192.0.2.200')
    assert.equal(track.outcomes, 1)
  })
})

test('a race begins no attempt within the call that starts it', async () => {
  const track = new Track([v4(1)])
  assert.equal(track.sockets.length, 0)
  await tick()
  assert.equal(track.sockets.length, 1)
  track.cancel()
})

test('a further address is tried after 250 ms beside the first; the first to connect wins and the others are destroyed', async () => {
  const track = new Track([v6(1), v4(1), v6(2)])
  await tick()
  assert.deepEqual(track.tried, ['2001:db8::1'])
  track.pass()
  assert.deepEqual(track.tried, ['2001:db8::1', '192.0.2.1'])
  track.connect(1)
  assert.equal(track.winner, track.sockets[1])
  assert.deepEqual([track.alive, track.timers.length, track.outcomes], [1, 0, 1])
  track.winner?.destroy()
})

test('the first may still win when the second has begun', async () => {
  const track = new Track([v6(1), v4(1)])
  await tick()
  track.pass()
  track.connect(0)
  assert.equal(track.winner, track.sockets[0])
  assert.equal(track.alive, 1)
  track.winner?.destroy()
})

test('when an attempt fails the next begins at once', async () => {
  const track = new Track([v6(1), v4(1)])
  await tick()
  track.fail(0, 'ENETUNREACH')
  assert.deepEqual(track.tried, ['2001:db8::1', '192.0.2.1'])
  assert.equal(track.timers.length, 0)
  track.connect(1)
  assert.equal(track.winner, track.sockets[1])
  track.winner?.destroy()
})

test('a failure while others run waits for them', async () => {
  const track = new Track([v6(1), v4(1)])
  await tick()
  track.pass()
  track.fail(0)
  assert.equal(track.outcomes, 0)
  track.connect(1)
  assert.equal(track.outcomes, 1)
  track.winner?.destroy()
})

test('when all attempts fail the error has each failure, under the code of the first', async () => {
  const track = new Track([v6(1), v4(1)])
  await tick()
  track.fail(0, 'ENETUNREACH')
  track.fail(1, 'ECONNREFUSED')
  const { error } = track
  assert.ok(error instanceof AggregateError)
  assert.deepEqual(
    error.errors.map((one: Error) => one.message),
    ['connect ENETUNREACH 2001:db8::1', 'connect ECONNREFUSED 192.0.2.1'],
  )
  assert.equal('code' in error && error.code, 'ENETUNREACH')
  assert.match(error.message, /ENETUNREACH.*; .*ECONNREFUSED/)
  assert.deepEqual([track.outcomes, track.alive], [1, 0])
})

test('the failure of the only address is the error itself', async () => {
  const track = new Track([v4(1)])
  await tick()
  track.fail(0)
  assert.equal(track.error?.message, 'connect ECONNREFUSED 192.0.2.1')
})

test('a socket that closes without a word has failed', async () => {
  const track = new Track([v4(1)])
  await tick()
  track.sockets[0].emit('close')
  assert.equal(track.error?.message, 'the socket closed')
})

test('what connect() throws is a failure of its address', async () => {
  const track = new Track([v4(1), v4(2)], undefined, new Error('bad port'))
  await tick()
  assert.deepEqual(track.tried, ['192.0.2.1', '192.0.2.2'])
  assert.ok(track.error instanceof AggregateError)
  assert.equal(track.outcomes, 1)
})

test('cancelled, it destroys all its sockets and says nothing more', async () => {
  const track = new Track([v6(1), v4(1), v6(2)])
  await tick()
  track.pass()
  const [first] = track.sockets
  track.cancel()
  assert.deepEqual([track.alive, track.timers.length], [0, 0])
  first.emit('connect')
  first.emit('error', new Error('late'))
  assert.equal(track.outcomes, 0)
  const early = new Track([v4(1)])
  early.cancel()
  await tick()
  assert.equal(early.sockets.length, 0)
})

test('each attempt and its failure are reported', async () => {
  const track = new Track([v6(1), v4(1)])
  await tick()
  track.fail(0)
  track.connect(1)
  assert.deepEqual(
    track.steps.map((step) => step.step),
    ['attempt', 'attempt-failed', 'attempt', 'connected'],
  )
  track.winner?.destroy()
})
