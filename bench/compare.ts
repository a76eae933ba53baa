/**
 * `npm run bench`: our transport against what each library does by itself.
 *
 * Method: the server is a process of its own (nghttpd and nginx where installed, else node:http2's), every client is a
 * process of its own, on one TLS connection each where its library can; clients take turns (A B A B ...), and a
 * comparison is the median of the ratios of neighbouring turns. Absolute figures change with the machine and the hour;
 * ratios are what to quote. Where ours comes near h2load's figure the server is the limit, and ratios show less than
 * there is.
 *
 * Options: `--quick` (short turns), `--server=nghttpd|nginx|node`, `--only=TEXT` (comparisons whose names contain it).
 */
import { fork } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startNghttpd, startNginx } from '../test/support/programs.ts'
import { type Pair, pairs } from './clients/index.ts'
import type { Result, Turn } from './contract.ts'
import { h2load, playRounds, type Target } from './player.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, server: { type: 'string' }, only: { type: 'string' } },
})
const seconds = values.quick ? 0.3 : 1
const rounds = values.quick ? 2 : 5

interface Row {
  readonly server: string
  readonly body: 'small' | 'large'
  readonly client: string
  readonly perSecond: number
  readonly cpu: number
  readonly p50: number
  readonly p99: number
  readonly memory: number
  readonly errors: number
}

interface Ratio {
  readonly server: string
  readonly body: 'small' | 'large'
  readonly ours: string
  readonly other: string
  readonly ratio: number
  readonly cpuRatio: number
  readonly floor: number | undefined
}

const rows: Row[] = []
const ratios: Ratio[] = []

async function* targets(): AsyncGenerator<Target> {
  const small = { path: '/small', octets: 12 }
  const large = { path: '/megabyte', octets: 1 << 20 }
  let found = false
  for (const start of [startNghttpd, startNginx]) {
    if (values.server !== undefined && !start.name.toLowerCase().endsWith(values.server)) continue
    const program = await start()
    if (program === undefined) continue
    found = true
    try {
      // nghttpd speaks HTTP/2 only.
      yield {
        name: program.version,
        http1: program.name !== 'nghttpd',
        origin: program.origin,
        caFile: join(program.folder, 'ca.pem'),
        small,
        large,
      }
    } finally {
      await program.close()
    }
  }
  if (found || (values.server !== undefined && values.server !== 'node')) return
  const child = fork(fileURLToPath(new URL('./node-server.ts', import.meta.url)))
  const ready = await new Promise<{ origin: string; caFile: string }>((resolve) => child.once('message', resolve))
  try {
    yield { name: 'node:http2', http1: true, ...ready, small, large }
  } finally {
    child.kill()
  }
}

const wanted = pairs.filter(({ ours, other }) => `${ours} ${other}`.includes(values.only ?? ''))
for await (const target of targets()) {
  console.log(`\n${target.name}, TLS, Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown processor'}`)
  await compare(target, 'small', { ...target.small, inFlight: 100, seconds })
  await compare(target, 'large', { ...target.large, inFlight: 10, seconds })
}

const folder = fileURLToPath(new URL('./results/', import.meta.url))
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'latest.json'), `${JSON.stringify({ node: process.version, rows, ratios }, null, 2)}\n`)
console.log(`\nWritten to bench/results/latest.json`)
// A server that is itself the limit hides a client's speed: a floor is missed when no server shows it.
const missed = ratios.filter(({ ours, other, body, floor }) => {
  const best = Math.max(
    ...ratios.filter((one) => one.ours === ours && one.other === other && one.body === body).map((one) => one.ratio),
  )
  return floor !== undefined && best < floor
})
if (missed.length > 0) {
  const names = new Set(missed.map(({ ours, other, body }) => `${ours} / ${other} (${body} bodies)`))
  console.log(`Below their floors on every server: ${[...names].join('; ')}`)
}

async function compare(target: Target, body: 'small' | 'large', turn: Turn): Promise<void> {
  console.log(`\n  ${turn.octets} octets, ${turn.inFlight} in flight`)
  console.log(
    `  ${'client'.padEnd(26)}${'req/s'.padStart(9)}${'us CPU/req'.padStart(12)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'peak MB'.padStart(9)}`,
  )
  const done = new Map<string, Result[]>()
  const played = wanted.filter(({ other }) => target.http1 || !other.endsWith('HTTP/1.1'))
  // Comparisons that share a client are played together, so that each client runs once.
  for (const group of groups(played)) {
    const names = [...new Set(group.flatMap(({ ours, other }) => [ours, other]))]
    for (const [name, results] of await playRounds(names, target, turn, rounds)) {
      done.set(name, results)
      report(target.name, body, name, results)
    }
  }
  const load = await h2load(target, turn, body === 'small' ? 200_000 : 1000)
  if (load !== undefined) console.log(`  ${'h2load (C)'.padEnd(26)}${figure(load).padStart(9)}`)
  console.log()
  for (const pair of played) reportRatio(target.name, body, pair, done)
  const dispatch = done.get('Pool.dispatch')
  if (load !== undefined && dispatch !== undefined) {
    const ratio = median(dispatch.map(perSecond)) / load
    addRatio({
      server: target.name,
      body,
      ours: 'Pool.dispatch',
      other: 'h2load',
      ratio,
      cpuRatio: Number.NaN,
      floor: body === 'small' ? 0.45 : 0.6,
    })
  }
}

function groups(all: readonly Pair[]): Pair[][] {
  const found: Pair[][] = []
  for (const pair of all) {
    const group = found.find((one) =>
      one.some(({ ours, other }) => [pair.ours, pair.other].some((name) => name === ours || name === other)),
    )
    if (group === undefined) found.push([pair])
    else group.push(pair)
  }
  return found
}

function report(server: string, body: 'small' | 'large', client: string, results: Result[]): void {
  const row: Row = {
    server,
    body,
    client,
    perSecond: median(results.map(perSecond)),
    cpu: median(results.map((one) => one.cpu)),
    p50: median(results.map((one) => one.p50)),
    p99: median(results.map((one) => one.p99)),
    memory: Math.max(...results.map((one) => one.memory)),
    errors: results.reduce((sum, one) => sum + one.errors, 0),
  }
  rows.push(row)
  const columns = [
    figure(row.perSecond).padStart(9),
    figure(row.cpu).padStart(12),
    row.p50.toFixed(2).padStart(9),
    row.p99.toFixed(2).padStart(9),
    figure(row.memory / 2 ** 20).padStart(9),
  ]
  const trouble =
    row.errors === 0 ? '' : `  ${row.errors} failed: ${results.find((one) => one.firstError !== undefined)?.firstError}`
  console.log(`  ${client.padEnd(26)}${columns.join('')}${trouble}`)
}

function reportRatio(server: string, body: 'small' | 'large', pair: Pair, done: Map<string, Result[]>): void {
  const ours = done.get(pair.ours) ?? []
  const other = done.get(pair.other) ?? []
  const ratio = median(ours.map((one, round) => perSecond(one) / perSecond(other[round])))
  const cpuRatio = median(ours.map((one, round) => other[round].cpu / one.cpu))
  const floor = body === 'small' ? pair.floor : pair.ours === 'Pool.dispatch' ? 1 : undefined
  addRatio({ server, body, ours: pair.ours, other: pair.other, ratio, cpuRatio, floor })
}

function addRatio(ratio: Ratio): void {
  ratios.push(ratio)
  const floor =
    ratio.floor === undefined ? '' : ` (at least ${ratio.floor}${ratio.ratio < ratio.floor ? ': below' : ''})`
  const cpu = Number.isNaN(ratio.cpuRatio) ? '' : `, ${ratio.cpuRatio.toFixed(2)}x less CPU a request`
  console.log(`  ${ratio.ours} is ${ratio.ratio.toFixed(2)}x ${ratio.other}${floor}${cpu}`)
}

function perSecond(result: Result): number {
  return result.requests / result.seconds
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function figure(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
