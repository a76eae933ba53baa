import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConnectTimings, type ExchangeHandler, Pool } from '../../src/index.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

type Steps = (keyof ConnectTimings)[]

/** A handler that notes what it is told of connecting, and what it was told when it got a connection. */
function noting(steps: Steps): { handler: ExchangeHandler; ended: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const known: ReadonlySet<string> = new Set(['start', 'lookup', 'connect', 'secureConnect'])
  const handler: ExchangeHandler = {
    onConnecting(timings) {
      for (const [name, at] of Object.entries(timings)) {
        const step = name as keyof ConnectTimings
        if (at !== undefined && known.has(name) && !steps.includes(step)) steps.push(step)
      }
    },
    onHeaders: () => {},
    onData: () => {},
    onEnd: () => resolve(),
    onError: reject,
  }
  return { handler, ended: promise }
}

for (const [name, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${name}: an exchange that waits for a connection hears each step, one that finds it made hears none`, async () => {
    await using origin = await start()
    await using pool = new Pool({ tls: { ca: origin.ca } })
    const request = { origin: origin.origin, method: 'GET', path: '/json' }
    const waiting: Steps = []
    const first = noting(waiting)
    pool.dispatch(request, first.handler)
    assert.deepEqual(waiting, [])
    await first.ended
    assert.deepEqual(waiting, ['start', 'lookup', 'connect', 'secureConnect'])
    const found: Steps = []
    const second = noting(found)
    pool.dispatch(request, second.handler)
    await second.ended
    assert.deepEqual(found, [])
  })
}

test('an exchange that joins those who wait hears how far the connection is', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const request = { origin: origin.origin, method: 'GET', path: '/json' }
  const joined: Steps = []
  const second = noting(joined)
  const first = noting([])
  let atOnce: Steps | undefined
  first.handler.onConnecting = ({ connect }) => {
    if (connect === undefined || atOnce !== undefined) return
    atOnce = []
    pool.dispatch(request, second.handler)
    process.nextTick(() => {
      atOnce = [...joined]
    })
  }
  pool.dispatch(request, first.handler)
  await Promise.all([first.ended, second.ended])
  assert.deepEqual(atOnce, ['start', 'lookup', 'connect'])
  assert.equal(joined.at(-1), 'secureConnect')
})

test('what onConnecting throws ends its exchange and no other', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const request = { origin: origin.origin, method: 'GET', path: '/json' }
  const bad = noting([])
  const good = noting([])
  bad.handler.onConnecting = () => {
    throw new RangeError('not today')
  }
  pool.dispatch(request, bad.handler)
  pool.dispatch(request, good.handler)
  await assert.rejects(bad.ended, new RangeError('not today'))
  await good.ended
})
