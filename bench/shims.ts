/**
 * `npm run bench -- shims`: what the shims cost. CPU time a request of each library over our transport, beside that of the
 * same library on a transport that answers from memory while the request goes out raw by our dispatch (clients/memory.ts).
 * The difference is the shim's; it may be 15 % where bodies are small. Where they are large, the second is the least that the
 * library can take: whoever wants more must take another library.
 */
import { join } from 'node:path'
import { startNghttpd } from '../test/support/programs.ts'
import type { Result } from './contract.ts'
import { playRounds, type Target } from './player.ts'

const LIBRARIES = ['undici.request', 'undici.fetch', 'our fetch', 'axios', 'got']
const ROUNDS = 7
const ALLOWED = 1.15

export async function run(only?: string): Promise<void> {
  const program = await startNghttpd()
  if (program === undefined) {
    console.log('nghttpd is not installed: its answers are what the libraries are given')
    return
  }
  const small = { path: '/small', octets: 12 }
  const large = { path: '/megabyte', octets: 1 << 20 }
  const { origin, version, folder } = program
  const target: Target = {
    name: version,
    http1: false,
    origin,
    caFile: join(folder, 'ca.pem'),
    small,
    large,
  }
  try {
    for (const [body, inFlight] of [
      [small, 100],
      [large, 10],
    ] as const) {
      console.log(`\nCPU, microseconds a request: ${version}, ${body.octets} octets, ${inFlight} in flight\n`)
      console.log(['', 'on ours', 'bare', 'ratio'].map((text) => text.padStart(16)).join(''))
      for (const library of LIBRARIES.filter((name) => name.includes(only ?? ''))) {
        const ours = library === 'our fetch' ? library : `${library}, ours`
        const names = [ours, `${library}, bare`]
        const done = await playRounds(names, target, { ...body, inFlight, seconds: 0.7 }, ROUNDS)
        const [all, bare] = names.map((name) => (done.get(name) ?? []).map(cpuOf))
        const figures = [median(all), median(bare)].map((value) => value.toFixed(1).padStart(16))
        const ratio = median(all.map((cpu, i) => cpu / bare[i]))
        const verdict = body === small && ratio > ALLOWED ? `  above the ${ALLOWED} allowed` : ''
        console.log(`${library.padStart(16)}${figures.join('')}${`${ratio.toFixed(2)}x`.padStart(16)}${verdict}`)
      }
    }
  } finally {
    await program.close()
  }
}

function cpuOf({ cpu, errors, firstError }: Result): number {
  if (errors > 0) throw new Error(`${errors} requests failed: ${firstError}`)
  return cpu
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
