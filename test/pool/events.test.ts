/** The option `events`: what a pool tells of its connections. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pool, type PoolEvents } from '../../src/index.ts'
import { rejection, send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

function listening(): { heard: unknown[][]; events: PoolEvents; closed: Promise<void> } {
  const heard: unknown[][] = []
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const events: PoolEvents = {
    connecting: (origin) => heard.push(['connecting', origin]),
    connect: (origin, info) => heard.push(['connect', origin, info.protocol]),
    disconnect: (origin, error) => {
      heard.push(['disconnect', origin, error])
      resolve()
    },
    connectionError: (origin, error) => heard.push(['connectionError', origin, error.code]),
  }
  return { heard, events, closed }
}

for (const [protocol, start] of [
  ['h2', startH2Origin],
  ['http/1.1', startH1Origin],
] as const) {
  test(`events come before a connection is made, when it is made and when it has ended, over ${protocol}`, async () => {
    await using origin = await start()
    const { heard, events, closed } = listening()
    const pool = new Pool({ tls: { ca: origin.ca }, events })
    await send(pool, { origin: origin.origin, path: '/json' })
    await send(pool, { origin: origin.origin, path: '/json' })
    await pool.close()
    await closed
    assert.deepEqual(heard, [
      ['connecting', origin.origin],
      ['connect', origin.origin, protocol],
      ['disconnect', origin.origin, undefined],
    ])
  })
}

for (const how of ['close', 'destroy'] as const) {
  test(`${how}() within the event connecting leaves nothing open, and no callback comes too early`, async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id) })
    const heard: string[] = []
    const gone = Promise.withResolvers<void>()
    const pool: Pool = new Pool({
      h2c: 'prior-knowledge',
      events: {
        connecting: () => void pool[how]().then(gone.resolve),
        connect: () => heard.push('connect'),
      },
    })
    pool.dispatch(
      { origin: server.origin, method: 'GET', path: '/' },
      {
        onHeaders: () => {},
        onData: () => {},
        onEnd: () => heard.push('end'),
        onError: (error) => heard.push(error.message),
      },
    )
    heard.push('returned')
    await gone.promise
    // What it had begun, or would begin in spite of all, would be told now.
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(heard, how === 'close' ? ['returned', 'connect', 'end'] : ['returned', 'The pool was destroyed'])
  })
}

test('what an event throws surfaces, and the pool goes on', async () => {
  await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id) })
  const surfaced: string[] = []
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => surfaced.push(error.message))
  try {
    const broken = (name: string) => (): never => {
      throw new Error(name)
    }
    const events = { connecting: broken('connecting'), connect: broken('connect'), disconnect: broken('disconnect') }
    const pool = new Pool({ h2c: 'prior-knowledge', events })
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).status, 200)
    await pool.close()
    assert.deepEqual(surfaced, ['connecting', 'connect', 'disconnect'])
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  }
})

test('a connection that cannot be made emits connectionError', async () => {
  const origin = await startH2Origin()
  await origin.close()
  const { heard, events } = listening()
  await using pool = new Pool({ events })
  await rejection(send(pool, { origin: origin.origin, path: '/' }))
  assert.deepEqual(heard, [
    ['connecting', origin.origin],
    ['connectionError', origin.origin, 'ERR_HYPER_CONNECT'],
  ])
})
