/**
 * `npm run bench -- start`: a script that makes one request. Milliseconds from the start of its process to the first octets of
 * the response's body (Node's own start, import, dial, TLS, request), and of a second request on a new connection, for which the
 * server was known and its TLS session could be resumed. Then the `hyper` command beside HTTPie and curl, where they are installed: from the
 * start of the process to the first octets on its standard output.
 *
 * Method: a process for each measurement, all scripts in turn, nine rounds; the median of each, and the ratio to that library's
 * own. The server is nginx over TLS, which closes a connection after one request. Options: `--quick`, `--json=FILE`.
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startNginx, versionOf } from '../test/support/programs.ts'
import { message } from './lifecycle/message.ts'
import type { FirstOctets } from './start/script.ts'

/** Ours, and what it is compared with. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['our fetch', 'undici.fetch'],
  ['our fetch', "Node's fetch"],
  ['HTTPConnection', 'node:https'],
  ['undici.request on ours', 'undici.request'],
  ['axios on ours', 'axios'],
  ['got on ours', 'got'],
]

const script = fileURLToPath(new URL('start/script.ts', import.meta.url))

async function measure(name: string, origin: string, caFile: string): Promise<FirstOctets> {
  const child = fork(script, [name, origin], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  try {
    return await message<FirstOctets>(child)
  } finally {
    child.kill('SIGKILL')
  }
}

/** The command, as it is published, and its neighbours: what fetches the URL, given the file of the server's authority. */
const COMMANDS: Readonly<Record<string, (ca: string) => readonly string[]>> = {
  hyper: (ca) => [process.execPath, built, '--ignore-stdin', '--verify', ca],
  HTTPie: (ca) => ['http', '--ignore-stdin', '--verify', ca],
  curl: (ca) => ['curl', '--silent', '--cacert', ca],
}

const built = fileURLToPath(new URL('../dist/hyper.cjs', import.meta.url))

/** Milliseconds until the process writes. */
async function firstOctets(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  const taken = performance.now() - start
  child.stdout.resume()
  await closed
  return taken
}

async function commands(origin: string, ca: string, rounds: number): Promise<Readonly<Record<string, number>>> {
  const there = Object.entries(COMMANDS).filter(
    ([name]) => name === 'hyper' || versionOf(name === 'HTTPie' ? 'http' : name) !== undefined,
  )
  const results = new Map<string, number[]>(there.map(([name]) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, words] of there) {
      const [command = '', ...args] = words(ca)
      const taken = await firstOctets(command, [...args, origin])
      // The first of each fills its caches: that of V8's code, and Python's.
      if (round > 0) results.get(name)?.push(taken)
    }
  }
  return Object.fromEntries([...results].map(([name, values]) => [name, median(values)]))
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean' }, json: { type: 'string' } } })
  await using server = await startNginx({ directives: 'keepalive_requests 1;' })
  if (server === undefined) {
    console.log('nginx is not installed: skipped')
    return
  }
  const names = [...new Set(PAIRS.flat())]
  const results = new Map<string, FirstOctets[]>(names.map((name) => [name, []]))
  const rounds = values.quick ? 2 : 9
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      results.get(name)?.push(await measure(name, server.origin, join(server.folder, 'ca.pem')))
    }
  }
  const of = (name: string, what: keyof FirstOctets): number =>
    median((results.get(name) ?? []).map((one) => one[what]))
  console.log(`A script that makes one request: ${server.version} over TLS; milliseconds, medians\n`)
  for (const [ours, other] of PAIRS) {
    const part = (what: keyof FirstOctets): string => {
      const [mine, theirs] = [of(ours, what), of(other, what)]
      return `${mine.toFixed(1)} / ${theirs.toFixed(1)} (${(theirs / mine).toFixed(2)}x)`
    }
    console.log(
      `  ${`${ours} / ${other}`.padEnd(40)} first octets ${part('first')}, CPU until then ${part('cpu')}, second request ${part('second')}`,
    )
  }
  const ofCommands = await commands(server.origin, join(server.folder, 'ca.pem'), rounds)
  const { hyper = Number.NaN } = ofCommands
  for (const [name, taken] of Object.entries(ofCommands)) {
    if (name === 'hyper') continue
    console.log(
      `  ${`hyper / ${name}`.padEnd(40)} first octets ${hyper.toFixed(0)} / ${taken.toFixed(0)}: ${(hyper / taken).toFixed(2)} of its time`,
    )
  }
  if (values.json !== undefined) {
    const all = {
      ...Object.fromEntries(
        names.map((name) => [name, { first: of(name, 'first'), cpu: of(name, 'cpu'), second: of(name, 'second') }]),
      ),
      ...Object.fromEntries(Object.entries(ofCommands).map(([name, first]) => [`command ${name}`, { first }])),
    }
    await writeFile(values.json, `${JSON.stringify(all, undefined, 2)}\n`)
  }
}
