/**
 * `npm run bench -- limits`: how near `Pool.dispatch` comes to what stands below it. Bulk: sockets of Node that write the octets
 * of a request and drop those of the response, without looking at them, against the same server. Small requests: h2load, which
 * is written in C.
 *
 * Method: as the matrix (matrix.ts): a process for each client, turns A B A B, the median of the ratios of neighbouring turns. A
 * share of 1.00 means that ours costs what bare sockets cost; `CPU` compares CPU time a request. Bare sockets speak HTTP/1.1,
 * each request on a socket of its own, since that asks least of them. Options: `--quick`, `--rounds=N`, `--json=FILE`.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startNghttpd } from '../test/support/programs.ts'
import type { Result } from './contract.ts'
import { BARE, nameOf } from './matrix/clients.ts'
import { verdictOf } from './matrix/decide.ts'
import { ratio } from './matrix/report.ts'
import { type Protocol, startServer } from './matrix/servers.ts'
import { works } from './matrix/works.ts'
import { h2load, playRounds } from './player.ts'

/** What moves many octets, one or many at a time. */
const BULK = ['upload 1 MiB buffer', 'upload 16 MiB stream', 'download 1 MiB', 'download 64 MiB stream']

/** Ours, and the protocol of the bare sockets beside it. */
const SIDES: readonly (readonly [Protocol, Protocol])[] = [
  ['HTTP/2 TLS', 'HTTP/1.1 TLS'],
  ['HTTP/1.1 TLS', 'HTTP/1.1 TLS'],
  ['h2c', 'HTTP/1.1 clear'],
  ['HTTP/1.1 clear', 'HTTP/1.1 clear'],
]

interface Share {
  readonly protocol: string
  readonly work: string
  readonly limit: string
  readonly throughput: number
  readonly cpu: number
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { quick: { type: 'boolean' }, rounds: { type: 'string' }, json: { type: 'string' } },
  })
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 11))
  const seconds = values.quick ? 0.3 : 1
  const shares: Share[] = []
  for (const [protocol, below] of SIDES) {
    await using server = await startServer(protocol)
    await using other = await startServer(below)
    if (server === undefined || other === undefined) {
      console.log('nginx is not installed: skipped')
      return
    }
    console.log(`\n${protocol}, ${server.version}: Pool.dispatch, share of ${BARE} (${below})`)
    const [ours, bare] = [nameOf(protocol, 'Pool.dispatch'), nameOf(below, BARE)]
    const places = [server, other].map(({ origin, folder }) => ({ origin, caFile: join(folder, 'ca.pem') }))
    for (const work of works.filter(({ name }) => BULK.includes(name))) {
      const turn = { path: '', octets: work.octets, inFlight: work.inFlight, seconds, work: work.name }
      const results = await playRounds([ours, bare], (name) => places[name === ours ? 0 : 1], turn, rounds)
      const [mine, theirs] = [results.get(ours) ?? [], results.get(bare) ?? []]
      for (const one of [...mine, ...theirs]) {
        if (one.errors > 0) throw new Error(`${work.name}: ${one.firstError}`)
      }
      const throughput = verdictOf(mine.map((one, i) => rate(one) / rate(theirs[i])))
      const cpu = verdictOf(mine.map((one, i) => theirs[i].cpu / one.cpu))
      shares.push({ protocol, work: work.name, limit: BARE, throughput: throughput.median, cpu: cpu.median })
      console.log(`  ${work.name.padEnd(24)} requests ${ratio(throughput)}, CPU ${ratio(cpu)}`)
    }
  }
  await small(shares, values.quick === true)
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(shares, undefined, 2)}\n`)
}

/** Small bodies and h2load: it runs for itself, between the turns of ours. */
async function small(shares: Share[], quick: boolean): Promise<void> {
  await using server = await startNghttpd()
  if (server === undefined) return
  const target = {
    name: server.version,
    origin: server.origin,
    caFile: join(server.folder, 'ca.pem'),
    http1: false,
    small: { path: '/small', octets: 12 },
    large: { path: '/megabyte', octets: 1 << 20 },
  }
  console.log(`\nHTTP/2 TLS, ${server.version}: Pool.dispatch, share of h2load's requests a second`)
  for (const [what, size, inFlight, requests] of [
    ['GET 12 octets', target.small, 100, quick ? 20_000 : 100_000],
    ['download 1 MiB', target.large, 10, quick ? 100 : 1000],
  ] as const) {
    const turn = { ...size, inFlight, seconds: quick ? 0.3 : 1 }
    const ratios: number[] = []
    for (let round = 0; round < (quick ? 2 : 5); round++) {
      const theirs = await h2load(target, turn, requests)
      if (theirs === undefined) {
        console.log('  h2load is not installed: skipped')
        return
      }
      const [mine] = (await playRounds(['Pool.dispatch'], target, turn, 1)).get('Pool.dispatch') ?? []
      ratios.push(rate(mine) / theirs)
    }
    const share = verdictOf(ratios)
    shares.push({ protocol: 'HTTP/2 TLS', work: what, limit: 'h2load', throughput: share.median, cpu: Number.NaN })
    console.log(`  ${what.padEnd(24)} requests ${ratio(share)}`)
  }
}

const rate = (one: Result): number => one.requests / one.seconds
