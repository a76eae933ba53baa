/** The option `events`: what a pool tells of its connections. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pool, type PoolEvents } from '../../src/index.ts'
import { rejection, send } from '../support/exchange.ts'
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
  test(`a connection is told of before it is made, when it is made and when it is gone, over ${protocol}`, async () => {
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

test('one that cannot be made ends with an error', async () => {
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
