/** An event loop that was blocked for longer than a deadline: what has come meanwhile is read before anything is ended. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Pool } from '../../src/index.ts'
import { LATE_TIMER } from '../../src/limits.ts'
import { DeadlineTimer, now } from '../../src/session/deadline.ts'
import { begin, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'

/** Nothing runs in this thread. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

test('a late timer reads what has already arrived in the socket before it decides that a deadline has passed', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const accepted = once(server, 'connection')
  const client = connect(address.port, '127.0.0.1')
  const [socket] = (await accepted) as [Socket]
  try {
    const heard: string[] = []
    const read = once(
      client.on('data', () => heard.push('data')),
      'data',
    )
    await new Promise<void>((resolve) => {
      const timer = new DeadlineTimer(() => {
        heard.push('due')
        resolve()
        return Number.POSITIVE_INFINITY
      })
      // The timer does not keep the process alive by itself; the sockets do.
      timer.request(now() + 10)
      socket.write('x')
      block(10 + 3 * LATE_TIMER)
    })
    await read
    assert.deepEqual(heard, ['data', 'due'])
  } finally {
    client.destroy()
    socket.destroy()
    server.close()
  }
})

test('a late timer that is stopped before unread octets were read makes no call', async () => {
  let asked = 0
  const timer = new DeadlineTimer(() => {
    asked++
    return Number.POSITIVE_INFINITY
  })
  timer.request(now() + 5)
  // Both are overdue after that, and fire in their order before anything unread is looked for.
  const stopped = delay(20).then(() => timer.stop())
  block(20 + 3 * LATE_TIMER)
  await stopped
  await delay(20)
  assert.equal(asked, 0)
})

/**
 * A server in a thread of its own. It says when it waits for something to be blocked: when a PING comes, or the request
 * `/held`. `release` lets it answer that, and waits, with this thread blocked, until the answer is written.
 */
async function startServer() {
  const state = new Int32Array(new SharedArrayBuffer(8))
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(async ({ FrameServer }) => {
      const { state } = workerData
      const held = []
      const hold = (answer) => {
        parentPort.postMessage('held')
        // This thread must go on: it reads and writes.
        const look = () => {
          if (Atomics.load(state, 0) === 0) return setTimeout(look, 1)
          answer()
          setImmediate(() => {
            Atomics.store(state, 1, 1)
            Atomics.notify(state, 1)
          })
        }
        look()
      }
      const server = await FrameServer.start({
        pong: false,
        onFrame(connection, frame) {
          if (frame.type !== 'PING' || frame.ack) return
          hold(() => {
            connection.send({ type: 'PING', streamId: 0, ack: true, payload: frame.payload })
            for (const id of held.splice(0)) connection.respond(id, 'late')
          })
        },
        onRequest(connection, id, fields) {
          if (fields.includes('/held')) hold(() => connection.respond(id, 'late'))
          else if (fields.includes('/slow')) held.push(id)
          else connection.respond(id, 'ok')
        },
      })
      parentPort.postMessage(server.origin)
    })`
  const module = new URL('../support/frame-server.ts', import.meta.url).href
  const worker = new Worker(script, { eval: true, workerData: { module, state } })
  const [origin] = (await once(worker, 'message')) as [string]
  return {
    origin,
    held: () => once(worker, 'message'),
    release(atLeast: number): void {
      const end = now() + atLeast
      Atomics.store(state, 0, 1)
      while (Atomics.load(state, 1) === 0) Atomics.wait(state, 1, 0, 100)
      block(Math.max(1, end - now()))
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate()
    },
  }
}

describe('does not end', () => {
  const timeout = 400
  const blocked = timeout + 3 * LATE_TIMER

  test('a dial, whatever it was at', async () => {
    await using server = await startServer()
    // Before it has begun, while the name is looked up, and while it connects.
    for (let turns = 0; turns < 4; turns++) {
      await using pool = new Pool({
        h2c: 'prior-knowledge',
        connectTimeout: timeout,
        lookupTimeout: timeout,
        tcpTimeout: timeout,
      })
      const { handler } = begin(pool, { origin: server.origin, path: '/' })
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
      block(blocked)
      assert.equal((await handler.result).body.toString(), 'ok')
    }
  })

  test('a connection whose PING was answered meanwhile, nor the POST that waits on it', async () => {
    await using server = await startServer()
    const ends: (Error | undefined)[] = []
    const events = { disconnect: (_origin: string, error: Error | undefined) => ends.push(error) }
    const pool = new Pool({ h2c: 'prior-knowledge', pingInterval: 50, pingTimeout: timeout, events })
    const request = { origin: server.origin, method: 'POST', path: '/slow', body: 'x' }
    const held = server.held()
    const { handler } = begin(pool, request)
    await held
    server.release(blocked)
    assert.equal((await handler.result).body.toString(), 'late')
    await pool.close()
    assert.deepEqual(ends, [undefined])
  })

  test('a connection that is asked for a sign of life, nor the POST that waits for that', async () => {
    await using server = await startServer()
    const ends: (Error | undefined)[] = []
    const events = { disconnect: (_origin: string, error: Error | undefined) => ends.push(error) }
    const pool = new Pool({ h2c: 'prior-knowledge', verifyAfter: 20, pingTimeout: timeout, events })
    await send(pool, { origin: server.origin, path: '/' })
    await delay(40)
    const held = server.held()
    const { handler } = begin(pool, { origin: server.origin, method: 'POST', path: '/', body: 'x' })
    await held
    server.release(blocked)
    assert.equal((await handler.result).body.toString(), 'ok')
    await pool.close()
    assert.deepEqual(ends, [undefined])
  })

  test('an exchange whose headers have come meanwhile', async () => {
    await using server = await startServer()
    await using pool = new Pool({ h2c: 'prior-knowledge', headersTimeout: timeout })
    const held = server.held()
    const { handler } = begin(pool, { origin: server.origin, path: '/held' })
    await held
    server.release(blocked)
    assert.equal((await handler.result).body.toString(), 'late')
  })
})

test('with a pingTimeout of 0 a PING may be answered whenever it pleases', async () => {
  await using server = await FrameServer.start({
    pong: false,
    onRequest: (connection, id) => connection.respond(id, 'ok'),
  })
  await using pool = new Pool({ h2c: 'prior-knowledge', pingTimeout: 0, verifyAfter: 50 })
  const request = { origin: server.origin, path: '/' }
  await send(pool, request)
  await delay(70)
  const { handler } = begin(pool, request)
  const [connection] = server.connections
  await server.until(() => connection.count('PING') === 1)
  await delay(50)
  // It may be asked again when this takes long.
  connection.pong = true
  for (const frame of connection.frames) if (frame.type === 'PING') connection.send({ ...frame, ack: true })
  assert.equal((await handler.result).body.toString(), 'ok')
  assert.equal(server.connections.length, 1)
})
