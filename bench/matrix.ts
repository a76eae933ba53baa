/**
 * `npm run bench -- matrix`: each way to use us, over each protocol, at each kind of work, against that library's own best
 * over the same protocol (and the raw dispatch against undici's and Node's own).
 *
 * Method: nginx is the server, and takes the uploads as well. Each client is a process of its own; the two take short turns
 * A B A B, after a longer one each that is not counted, in which V8 compiles what is hot. A machine that many share changes its
 * speed within a second, so short turns beside each other say more than long ones. Processes of one program differ too, for as long
 * as they live, by where their memory lies: so each cell has several sittings, with processes made anew. Of each pair of
 * neighbouring turns the ratio counts, in requests a second and in CPU time a request. Every response's length is checked, and the
 * server refuses whoever does not speak the cell's protocol.
 *
 * How it is decided: over the ratios of a cell, those of all sittings together, stands an interval in which the true median lies in
 * at least 95 of 100 cases (decide.ts; of 21 pairs the sixth from either end bounds it). A cell whose interval, of requests or of
 * CPU, lies wholly below 1.0 is a loss; wholly above in both, a win; else it is even. The run ends with 1 while there is a loss, or
 * a cell in which requests failed. Among some hundred even cells a few would be losses by chance: a loss is measured again,
 * with as many pairs anew, and counts when it is one again. `--quick` has three short pairs: they show that all runs, and
 * decide nothing, so its cells are `undecided`.
 *
 * Where the server is the limit, requests a second say less than CPU. Memory is that of the whole process, its peak.
 *
 * Options: `--quick`; `--only=TEXT` (cells whose words, `protocol, work, ours / other`, have it; more than once: all of them);
 * `--sittings=N` (default 3); `--rounds=N` (pairs of each sitting; default 7); `--seconds=N` (of a turn; default 0.2);
 * `--warm=N` (seconds of the turn that is not counted; default 2: a client that makes few requests a second compiles for so long);
 * `--minutes=N` (then it ends with the cells that ran); `--json=FILE`; `--write` (table and charts in docs/, of the cells that ran).
 */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Program } from '../test/support/programs.ts'
import type { Result } from './contract.ts'
import { nameOf, type Rival, rows } from './matrix/clients.ts'
import { type Verdict, verdictOf, type Word, wordOf } from './matrix/decide.ts'
import { type Cell, type Figures, otherName, ratio, writeDocs } from './matrix/report.ts'
import { type Protocol, protocols, startServer } from './matrix/servers.ts'
import { type Work, works } from './matrix/works.ts'
import { type Place, playRounds } from './player.ts'

interface Plan {
  readonly protocol: Protocol
  readonly work: Work
  readonly ours: string
  readonly rival: Rival
}

/** Servers by protocol, started when the first cell needs one. */
class Servers {
  private readonly programs = new Map<Protocol, Program>()
  version = ''

  async place(protocol: Protocol): Promise<Place | undefined> {
    let program = this.programs.get(protocol)
    if (program === undefined) {
      program = await startServer(protocol)
      if (program === undefined) return undefined
      this.programs.set(protocol, program)
      this.version = program.version
    }
    return { origin: program.origin, caFile: join(program.folder, 'ca.pem') }
  }

  async close(): Promise<void> {
    for (const program of this.programs.values()) await program.close()
  }
}

function plansFor(only: readonly string[]): Plan[] {
  const plans: Plan[] = []
  for (const protocol of protocols) {
    for (const work of works) {
      for (const { ours, rivals } of rows) {
        for (const rival of rivals(protocol)) {
          const words = `${protocol}, ${work.name}, ${ours} / ${rival.name}`
          if (only.every((text) => words.includes(text))) plans.push({ protocol, work, ours, rival })
        }
      }
    }
  }
  return plans
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean' },
      only: { type: 'string', multiple: true, default: [] },
      sittings: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warm: { type: 'string' },
      minutes: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean' },
    },
  })
  const pairs: Pairs = {
    sittings: Number(values.sittings ?? (values.quick ? 1 : 3)),
    rounds: Number(values.rounds ?? (values.quick ? 3 : 7)),
    seconds: Number(values.seconds ?? 0.2),
    warmUp: Number(values.warm ?? (values.quick ? 0.3 : 2)),
  }
  const plans = plansFor(values.only)
  if (plans.length === 0) throw new Error('no cell has these words')
  const until = performance.now() + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000
  const servers = new Servers()
  const cells: Cell[] = []
  try {
    for (const plan of plans) {
      if (performance.now() > until) {
        console.log(`${plans.length - cells.length} cells were not reached`)
        break
      }
      let cell = await measure(plan, servers, pairs)
      if (cell === undefined) {
        console.log('nginx is not installed: skipped')
        return
      }
      if (cell.word === 'loss') cell = (await measure(plan, servers, pairs)) ?? cell
      cells.push(cell)
      say(cell)
    }
  } finally {
    await servers.close()
  }
  const bad = cells.filter((cell) => cell.word === 'loss' || cell.word === 'failed')
  console.log(`\n${cells.length} cells, ${bad.length} lost or failed`)
  for (const cell of bad) say(cell)
  if (bad.length > 0) process.exitCode = 1
  const machine = `${servers.version}, Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ machine, ...pairs, cells }, undefined, 2)}\n`)
  }
  if (values.write) {
    const { sittings, rounds, seconds } = pairs
    await writeDocs(cells, `${machine}; ${sittings} sittings of ${rounds} pairs of turns of ${seconds} s.`)
  }
}

/** How much is measured of a cell. */
interface Pairs {
  readonly sittings: number
  /** Of each sitting. */
  readonly rounds: number
  /** Of a turn, and of the one before those that count. */
  readonly seconds: number
  readonly warmUp: number
}

async function measure(plan: Plan, servers: Servers, pairs: Pairs): Promise<Cell | undefined> {
  const { protocol, work, ours, rival } = plan
  const otherProtocol = rival.protocol ?? protocol
  const [place, otherPlace] = [await servers.place(protocol), await servers.place(otherProtocol)]
  if (place === undefined || otherPlace === undefined) return undefined
  const [mine, theirs] = [nameOf(protocol, ours), nameOf(otherProtocol, rival.name)]
  const turn = { path: '', octets: work.octets, inFlight: work.inFlight, seconds: pairs.seconds, work: work.name }
  const common = { protocol, work: work.name, ours, other: rival.name, otherProtocol }
  const none = verdictOf([])
  const failed = (failure: string): Cell => {
    return { ...common, throughput: none, cpu: none, word: 'failed', figures: undefined, failure }
  }
  const a: Result[] = []
  const b: Result[] = []
  const placeOf = (name: string): Place => (name === mine ? place : otherPlace)
  try {
    for (let sitting = 0; sitting < pairs.sittings; sitting++) {
      const results = await playRounds([mine, theirs], placeOf, turn, pairs.rounds, pairs.warmUp)
      a.push(...(results.get(mine) ?? []))
      b.push(...(results.get(theirs) ?? []))
    }
  } catch (error) {
    return failed(String(error))
  }
  for (const [name, turns] of [[ours, a] as const, [rival.name, b] as const]) {
    const wrong = turns.find((one) => one.errors > 0)
    if (wrong !== undefined) return failed(`${name}: ${wrong.firstError ?? 'no reason'}`)
  }
  const throughput = verdictOf(a.map((one, i) => rate(one) / rate(b[i])))
  const cpu = verdictOf(a.map((one, i) => b[i].cpu / one.cpu))
  return {
    ...common,
    throughput,
    cpu,
    word: both(throughput, cpu),
    figures: [figures(a), figures(b)],
    failure: undefined,
  }
}

/** A loss in either is a loss; a win must be one in both. */
function both(throughput: Verdict, cpu: Verdict): Word {
  const words = [wordOf(throughput), wordOf(cpu)]
  return (['undecided', 'loss', 'even', 'win'] as const).find((word) => words.includes(word)) ?? 'undecided'
}

const rate = (one: Result): number => one.requests / one.seconds

function figures(turns: readonly Result[]): Figures {
  const median = (pick: (one: Result) => number): number => verdictOf(turns.map(pick)).median
  return {
    perSecond: median(rate),
    cpu: median((one) => one.cpu),
    p99: median((one) => one.p99),
    memory: Math.max(...turns.map((one) => one.memory)) / (1 << 20),
  }
}

function say(cell: Cell): void {
  const head = `${cell.protocol}, ${cell.work}, ${cell.ours} / ${otherName(cell)}`
  if (cell.figures === undefined) {
    console.log(`${head}: FAILED: ${cell.failure}`)
    return
  }
  const [ours, other] = cell.figures
  const pair = (name: string, pick: (one: Figures) => number, digits: number): string =>
    `${name} ${pick(ours).toFixed(digits)} / ${pick(other).toFixed(digits)}`
  const word = cell.word === 'loss' ? 'LOSS' : cell.word
  console.log(
    `${head}: ${word}\n    requests ${ratio(cell.throughput)}, CPU ${ratio(cell.cpu)}; ` +
      `${pair('requests/s', (one) => one.perSecond, 1)}, ${pair('us', (one) => one.cpu, 1)}, ` +
      `${pair('p99 ms', (one) => one.p99, 1)}, ${pair('peak MiB', (one) => one.memory, 0)}`,
  )
}
