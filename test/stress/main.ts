/**
 * The stress run: a random mix of requests against node:http2 in a process of its own and against nginx, then 1,000
 * connections made and ended. Nothing may be lost, mixed up or left.
 *
 *     node test/stress/main.ts [--seconds=20] [--seed=N] [--weather]
 *
 * Theory of operation: workers take job after job until their time is over. A job throws when its answer is not its own, not
 * whole, or another failure than what was done to it. Jobs are drawn by a seeded generator; the order of what happens on the
 * network is the machine's, so a seed repeats the requests and not the run. Ends with 1 when anything was wrong. `--weather` runs
 * `weather.ts` alone.
 */
import { fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Pool, type PoolOptions } from '../../src/index.ts'
import { startNginx } from '../support/programs.ts'
import { JOBS, type Job, lastOne, nginxJobs } from './jobs.ts'
import { random as seeded } from './pattern.ts'
import { weather } from './weather.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, seed: { type: 'string' }, weather: { type: 'boolean' } },
})
const seconds = Number(values.seconds ?? 20)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const random = seeded(seed)

const WORKERS = 48
const TURNOVER = 1000
const TURNOVER_WORKERS = 20
/** Milliseconds after the end of a phase in which what is open must settle. */
const PATIENCE = 15_000
/** What the heap may grow by between a quarter of the turnover and its end: noise of the collector, not of connections. */
const HEAP_FACTOR = 1.2
const HEAP_MARGIN = 4 * 1024 * 1024

const violations: string[] = []
const table = new Map<string, number>()
const open = new Set<string>()
let ids = 0
let connections = 0

function wrong(where: string, what: unknown): void {
  if (violations.length < 50)
    violations.push(`${where}: ${what instanceof Error ? (what.stack ?? what.message) : String(what)}`)
}

/** @param good what is true when nothing was wrong. */
function report(good: string): void {
  for (const violation of violations) console.error(`VIOLATION ${violation}`)
  console.log(violations.length === 0 ? good : `${violations.length} violations`)
  process.exitCode = violations.length === 0 ? 0 : 1
}

process.on('uncaughtException', (error) => wrong('uncaught', error))
process.on('unhandledRejection', (error) => wrong('unhandled', error))

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
  return process.memoryUsage().heapUsed
}

function newPool(ca: string, options: PoolOptions = {}): Pool {
  return new Pool({ tls: { ca }, ...options, events: { connect: () => connections++ } })
}

async function closed(pool: Pool, where: string): Promise<void> {
  const late = setTimeout(() => {
    wrong(where, `the pool did not close: ${JSON.stringify(pool.stats())}; open: ${[...open].slice(0, 5).join(', ')}`)
    void pool.destroy()
  }, PATIENCE)
  await pool.close()
  clearTimeout(late)
  const { connections: left, active, waiting } = pool.stats()
  if (left + active + waiting > 0) wrong(where, `left: ${JSON.stringify(pool.stats())}`)
}

async function mix(origin: string, ca: string, jobs: Readonly<Record<string, Job>>, until: number): Promise<void> {
  const names = Object.keys(jobs)
  const pools = [
    newPool(ca),
    newPool(ca, { connections: 3, maxConcurrentStreams: 10 }),
    newPool(ca, { maxRequests: 200 }),
  ]
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const name = names[Math.floor(random() * names.length)]
      const pool = pools[Math.floor(random() * pools.length)]
      try {
        await jobs[name]({ pool, origin, id: `${seed}-${++ids}`, random, open })
      } catch (error) {
        wrong(name, error)
      }
      table.set(name, (table.get(name) ?? 0) + 1)
    }
  }
  const all = Promise.all(Array.from({ length: WORKERS }, worker))
  const late = setTimeout(
    () => {
      wrong('mix', `never settled: ${[...open].slice(0, 10).join(', ')}`)
      for (const pool of pools) void pool.destroy()
    },
    until - performance.now() + PATIENCE,
  )
  await all
  clearTimeout(late)
  for (const pool of pools) await closed(pool, 'mix')
}

async function turnover(origin: string, ca: string): Promise<void> {
  const kinds = ['goaway', 'cut', 'idle'] as const
  const before = connections
  let quarter = 0
  let made = 0
  const worker = async (): Promise<void> => {
    const lasting = newPool(ca)
    const hasty = newPool(ca, { idleTimeout: 1 })
    while (made < TURNOVER) {
      made++
      const then = kinds[Math.floor(random() * kinds.length)]
      const pool = then === 'idle' ? hasty : lasting
      try {
        await lastOne({ pool, origin, id: `${seed}-${++ids}`, random, open }, then)
        while (pool.stats().connections > 0) await new Promise((resolve) => setTimeout(resolve, 1))
      } catch (error) {
        wrong(`then ${then}`, error)
      }
      table.set(`connection, ended by ${then}`, (table.get(`connection, ended by ${then}`) ?? 0) + 1)
      if (made === TURNOVER / 4) quarter = await heap()
    }
    await closed(lasting, 'turnover')
    await closed(hasty, 'turnover')
  }
  await Promise.all(Array.from({ length: TURNOVER_WORKERS }, worker))
  const end = await heap()
  const mebibytes = (octets: number): string => `${(octets / 1048576).toFixed(1)} MiB`
  console.log(`turnover: ${connections - before} connections, heap ${mebibytes(quarter)} -> ${mebibytes(end)}`)
  if (connections - before < TURNOVER) wrong('turnover', `only ${connections - before} connections`)
  if (end > quarter * HEAP_FACTOR + HEAP_MARGIN) wrong('turnover', `the heap grew from ${quarter} to ${end} octets`)
}

if (values.weather) {
  console.log(`seed ${seed}, ${seconds} s of bad weather`)
  violations.push(...(await weather(seconds, random)).slice(0, 50))
  report('nothing lost that could be saved')
  process.exit()
}

const child = fork(new URL('./origin.ts', import.meta.url), { execArgv: [] })
const { port, ca } = await new Promise<{ port: number; ca: string }>((resolve) => {
  child.once('message', (message) => resolve(message as { port: number; ca: string }))
})
const origin = `https://localhost:${port}`
const nginx = await startNginx({ requests: 500 })
console.log(`seed ${seed}, ${seconds} s, ${nginx === undefined ? 'nginx is not installed' : nginx.version}`)

const share = nginx === undefined ? 0.8 : 0.5
await mix(origin, ca, JOBS, performance.now() + seconds * 1000 * share)
if (nginx !== undefined) {
  const documents: Record<string, Buffer> = {}
  for (const name of ['/small', '/text', '/megabyte']) documents[name] = await readFile(join(nginx.folder, name))
  await mix(nginx.origin, nginx.ca, nginxJobs(documents), performance.now() + seconds * 1000 * 0.3)
  await nginx.close()
}
await turnover(origin, ca)
if (child.connected) child.disconnect()
else wrong('end', 'the origin died')

if (open.size > 0) wrong('end', `never settled: ${[...open].join(', ')}`)
for (const [name, count] of [...table].sort()) console.log(`${String(count).padStart(8)}  ${name}`)
console.log(`${String(connections).padStart(8)}  connections in all`)
report('nothing lost, nothing mixed up, nothing left')
