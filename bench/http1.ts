/**
 * `npm run bench -- http1`: each library on ours against its own HTTP/1.1, and `Pool.dispatch` against undici's own dispatch:
 * in clear text and over TLS, a small JSON body and one of 1 MiB, 50 in flight. nginx is the server.
 *
 * Method: as in compare.ts: a process for each client, turns A B A B, the median of the ratios of neighbouring turns.
 * Options: `--quick`, `--only=TEXT`, `--clear`, `--tls`.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startNginx } from '../test/support/programs.ts'
import type { Result, Turn } from './contract.ts'
import { playRounds, type Target } from './player.ts'

interface Pair {
  readonly ours: string
  readonly other: string
  /** Least ratio in requests and in CPU, for small bodies. */
  readonly floor: number
}

/** What a small response says. */
const JSON_BODY = JSON.stringify({ id: 1, name: 'a name', tags: ['a', 'b', 'c'] })

const PAIRS: readonly Pair[] = [
  { ours: 'Pool.dispatch, 1.1', other: 'undici dispatch, 1.1', floor: 1 },
  { ours: 'undici.request on ours, 1.1', other: 'undici.request, 1.1', floor: 1 },
  { ours: 'undici.fetch on ours, 1.1', other: 'undici.fetch, 1.1', floor: 1 },
  { ours: 'our fetch, 1.1', other: 'undici.fetch, 1.1', floor: 1 },
  { ours: 'axios on ours, 1.1', other: 'axios, 1.1', floor: 1.5 },
  { ours: 'got on ours, 1.1', other: 'got, 1.1', floor: 1.5 },
]

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean' },
      only: { type: 'string' },
      clear: { type: 'boolean' },
      tls: { type: 'boolean' },
    },
  })
  const rounds = values.quick ? 3 : 7
  const seconds = values.quick ? 0.4 : 1
  const both = values.clear !== true && values.tls !== true
  for (const http1 of [true, false]) {
    if (!both && (http1 ? values.clear : values.tls) !== true) continue
    const directives = `location = /json { default_type application/json; return 200 '${JSON_BODY}'; }`
    const program = await startNginx(http1 ? { http1, directives } : { directives })
    if (program === undefined) {
      console.log('nginx is not installed: skipped')
      return
    }
    const target: Target = {
      name: program.version,
      origin: program.origin,
      caFile: join(program.folder, 'ca.pem'),
      http1: true,
      small: { path: '/json', octets: JSON_BODY.length },
      large: { path: '/megabyte', octets: 1 << 20 },
    }
    try {
      for (const size of ['small', 'large'] as const) {
        console.log(`\nHTTP/1.1 ${http1 ? 'in clear text' : 'over TLS'}, ${target[size].octets} octets, 50 in flight`)
        for (const pair of PAIRS) {
          if (!`${pair.ours} ${pair.other}`.includes(values.only ?? '')) continue
          const turn = { ...target[size], inFlight: size === 'small' ? 50 : 10, seconds }
          await compare(target, turn, pair, rounds, size === 'small')
        }
      }
    } finally {
      await program.close()
    }
  }
}

async function compare(target: Target, turn: Turn, pair: Pair, rounds: number, floors: boolean): Promise<void> {
  const results = await playRounds([pair.ours, pair.other], target, turn, rounds)
  const ours = results.get(pair.ours) ?? []
  const other = results.get(pair.other) ?? []
  const speed = median(ours.map((one, i) => one.requests / one.seconds / (other[i].requests / other[i].seconds)))
  const cpu = median(ours.map((one, i) => other[i].cpu / one.cpu))
  const below = floors && (speed < pair.floor || cpu < pair.floor) ? `  below ${pair.floor}` : ''
  const errors = [...ours, ...other].find((one) => one.errors > 0)
  const trouble = errors === undefined ? '' : `  failed: ${errors.firstError}`
  console.log(
    `  ${pair.ours.padEnd(30)}${speed.toFixed(2).padStart(6)}x ${pair.other.padEnd(24)} ${cpu.toFixed(2).padStart(6)}x less CPU  ` +
      `(${cost(ours)} / ${cost(other)} us a request)${below}${trouble}`,
  )
}

function cost(results: readonly Result[]): string {
  return median(results.map((one) => one.cpu)).toFixed(1)
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
