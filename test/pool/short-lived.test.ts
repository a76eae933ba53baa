/** Requests that are over leave the young generation with the next collection of it, and are not kept by those after them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runModule } from '../support/child.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

const origins = [
  ['HTTP/2', () => startH2Origin()],
  ['HTTP/1.1', () => startH1Origin({}, { plain: true })],
] as const

/**
 * What is sampled are allocations that outlived a collection of the young generation. Of twenty requests at a time a few do so by chance;
 * nearly each one did while tables of a `Set` or a `Map` that were done with led from one to the next.
 */
const survivors = `
  const v8 = process.getBuiltinModule('node:v8')
  const vm = process.getBuiltinModule('node:vm')
  const { Session } = process.getBuiltinModule('node:inspector/promises')
  const session = new Session()
  session.connect()
  const sampled = { samplingInterval: 256, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: false }
  const octetsOf = (node) =>
    (node.callFrame.url.includes('/src/') ? node.selfSize : 0) + node.children.reduce((sum, one) => sum + octetsOf(one), 0)
  const survived = async (work) => {
    await work()
    await session.post('HeapProfiler.startSampling', sampled)
    await work()
    const { profile } = await session.post('HeapProfiler.stopSampling')
    return octetsOf(profile.head) / requests
  }
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  const requests = 10_000
  let done = 0
  const lane = async (one) => {
    for (let i = 0; i < requests / 20; i++) {
      await one()
      if (++done % 500 === 0) gc({ type: 'minor' })
    }
  }
  const lanes = (one) => Promise.all(Array.from({ length: 20 }, () => lane(one)))
`

for (const [name, start] of origins) {
  test(`${name}: requests that follow each other do not grow old in the pool`, async () => {
    await using origin = await start()
    const script = `${survivors}
      const { CA: ca, ORIGIN: url } = process.env
      const { Pool } = await import(root + 'src/index.ts')
      const pool = new Pool({ tls: { ca } })
      const get = () =>
        new Promise((resolve, reject) => {
          const handler = { onHeaders() {}, onData() {}, onEnd: () => resolve(), onError: reject }
          pool.dispatch({ origin: url, method: 'GET', path: '/json' }, handler)
        })
      const octets = await survived(() => lanes(get))
      console.log(JSON.stringify(octets))
      process.exit(0)
    `
    const octets = Number(await runModule(script, { ORIGIN: origin.origin, CA: origin.ca }))
    assert.ok(octets < 60, `${octets} octets of each request grow old`)
  })
}
