/** One measurement of one client in one process: `node --expose-gc worker.ts SCENARIO CLIENT PORT`, CA on the environment. */
import { lifecycleClients } from './clients.ts'

const [scenario, name, port] = process.argv.slice(2)
const ca = process.env['BENCH_CA'] ?? ''
const client = await lifecycleClients[name](ca)
const origin = (host = 'localhost'): string => `https://${host}:${port}`
const host = (i: number): string => `h${i}.bench.example`

interface Memory {
  readonly heap: number
  readonly outside: number
}

/** Octets in use: on the heap, and in buffers outside of it. */
async function memory(): Promise<Memory> {
  for (let i = 0; i < 3; i++) {
    global.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed, outside: external }
}

const cpu = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

async function connections(): Promise<number> {
  const { request } = await import('node:http2').then((http2) => ({ request: http2.connect(origin(), { ca }) }))
  const stream = request.request({ ':path': '/connections' })
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  request.close()
  return Number(text) - 1
}

/** `inFlight` requests at a time to each origin in turn, until `total` are done. */
async function run(total: number, inFlight: number, originOf: (i: number) => string): Promise<number> {
  let next = 0
  let failed = 0
  const loop = async (): Promise<void> => {
    while (next < total) {
      const i = next++
      try {
        if ((await client.get(originOf(i), '/small')) !== 12) failed++
      } catch {
        failed++
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return failed
}

const scenarios: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  async flight() {
    await run(2000, 1000, () => origin())
    const start = performance.now()
    const before = process.cpuUsage()
    const total = 20_000
    const failed = await run(total, 1000, () => origin())
    return {
      'req/s': (total / (performance.now() - start)) * 1000,
      'us CPU/req': cpu(before) / total,
      failed,
      connections: await connections(),
    }
  },

  async origins() {
    const count = 1000
    const start = performance.now()
    const failed = await run(count * 10, 100, (i) => origin(host(i % count)))
    return { seconds: (performance.now() - start) / 1000, failed, connections: await connections() }
  },

  async burst() {
    const start = performance.now()
    const failed = await run(1000, 1000, () => origin())
    return { ms: performance.now() - start, failed, connections: await connections() }
  },

  async waiting() {
    const count = 10_000
    // All slots are taken by requests that are never answered.
    for (let i = 0; i < 100; i++) client.hold?.(origin(), '/hold')
    await new Promise((resolve) => setTimeout(resolve, 500))
    const before = await memory()
    const started = process.cpuUsage()
    const cancels = Array.from({ length: count }, () => client.hold?.(origin(), '/hold'))
    const spent = cpu(started)
    const { heap } = await memory()
    const ending = process.cpuUsage()
    for (const cancel of cancels) cancel?.()
    return {
      'us to join': spent / count,
      'us to leave': cpu(ending) / count,
      'octets each': (heap - before.heap) / count,
    }
  },

  async idle() {
    const count = 200
    await client.get(origin('warm.bench.example'), '/small')
    const before = await memory()
    await run(count, 20, (i) => origin(host(i)))
    const after = await memory()
    return {
      'heap each': (after.heap - before.heap) / count,
      'outside each': (after.outside - before.outside) / count,
      connections: await connections(),
    }
  },

  async streams() {
    const count = 1000
    await client.get(origin(), '/small')
    const before = await memory()
    for (let i = 0; i < count; i++) client.hold?.(origin(), '/hold')
    await new Promise((resolve) => setTimeout(resolve, 500))
    const after = await memory()
    return { 'heap each': (after.heap - before.heap) / count, 'outside each': (after.outside - before.outside) / count }
  },

  async paused() {
    const count = 10
    await client.get(origin(), '/small')
    const before = await memory()
    let begun = 0
    for (let i = 0; i < count; i++) client.hold?.(origin(), '/endless', () => begun++)
    for (let i = 0; i < 100 && begun < count; i++) await new Promise((resolve) => setTimeout(resolve, 50))
    // Until the windows are full.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const after = await memory()
    const sibling = performance.now()
    const octets = await client.get(origin(), '/small')
    return {
      'MiB each': (after.outside + after.heap - before.outside - before.heap) / count / 1024 / 1024,
      'ms of a sibling': octets === 12 ? performance.now() - sibling : Number.NaN,
    }
  },
}

const result = await scenarios[scenario]()
process.send?.(result)
await client.close()
process.exit(0)
