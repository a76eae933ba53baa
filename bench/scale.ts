/**
 * `npm run bench -- scale`: what a request costs as there are more of them, of origins, and of threads.
 *
 * - in flight: 1 to 10,000 at once to one origin (nghttpd, 12 octets): CPU time a request of `Pool.dispatch`. From ten on it is
 *   to stay within 1.5 times the least; one alone has no other to share its writes with.
 * - origins: 1 to 1,000, a hundred requests in flight over all of them; connections are there already.
 * - threads: 1 and 2 worker threads with a pool each, to one nghttpd each. On two processors two threads and two servers share
 *   them: CPU a request tells more than requests a second.
 *
 * Method: each measurement in a process of its own, three rounds in turn; the median. Options: `--quick`, `--json=FILE`.
 */
import { fork } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startNghttpd } from '../test/support/programs.ts'
import { message } from './lifecycle/message.ts'
import type { Job, Scaled } from './scale/worker.ts'

const IN_FLIGHT = [1, 10, 100, 1000, 10_000]
const ORIGINS = [1, 10, 100, 1000]
const THREADS = [1, 2]

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]

async function measure(job: Job): Promise<Scaled> {
  const child = fork(here('scale/worker.ts'), [JSON.stringify(job)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    return await message<Scaled>(child)
  } finally {
    child.kill('SIGKILL')
  }
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean' }, json: { type: 'string' } } })
  await using first = await startNghttpd()
  await using second = await startNghttpd()
  if (first === undefined || second === undefined) {
    console.log('nghttpd is not installed: skipped')
    return
  }
  const ca = join(first.folder, 'ca.pem')
  const rounds = values.quick ? 1 : 3
  const seconds = values.quick ? 0.4 : 1.5
  const local = { origins: [first.origin], ca, seconds, threads: 1 }
  const results: Record<string, Record<number, Scaled>> = {}
  const row = async (title: string, numbers: readonly number[], jobOf: (number: number) => Job): Promise<void> => {
    const all = new Map<number, Scaled[]>(numbers.map((number) => [number, []]))
    for (let round = 0; round < rounds; round++) {
      for (const number of numbers) all.get(number)?.push(await measure(jobOf(number)))
    }
    console.log(`\n${title}`)
    results[title] = {}
    for (const number of numbers) {
      const turns = all.get(number) ?? []
      const cpu = median(turns.map((one) => one.cpu))
      const perSecond = median(turns.map((one) => one.perSecond))
      results[title][number] = { cpu, perSecond }
      console.log(
        `  ${String(number).padStart(6)}  ${cpu.toFixed(1).padStart(7)} us CPU a request, ${perSecond.toFixed(0)} requests/s`,
      )
    }
  }
  await row('In flight to one origin', IN_FLIGHT, (inFlight) => ({ ...local, inFlight }))
  const server = fork(here('lifecycle/server.ts'), ['100'])
  try {
    const { port, ca: text } = await message<{ port: number; ca: string }>(server)
    const folder = fileURLToPath(new URL('results/', import.meta.url))
    await mkdir(folder, { recursive: true })
    const own = join(folder, 'scale-ca.pem')
    await writeFile(own, text)
    await row('Origins, 100 in flight over all of them', ORIGINS, (count) => ({
      origins: Array.from({ length: count }, (_, i) => `https://h${i}.bench.example:${port}`),
      ca: own,
      seconds,
      threads: 1,
      inFlight: 100,
    }))
  } finally {
    server.kill()
  }
  await row('Threads, 100 in flight in each', THREADS, (threads) => ({
    ...local,
    origins: [first.origin, second.origin].slice(0, threads),
    // Each server has a certificate of its own.
    ca: [first, second].map(({ folder }) => join(folder, 'ca.pem')).join(':'),
    inFlight: 100,
    threads,
  }))
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`)
}
