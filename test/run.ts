/**
 * Runs the tests: `npm test`, `npm run test:rest`, `npm run test:all`.
 *
 *     node test/run.ts [quick|rest|all] [--list] [TEXT ...]
 *
 * Without more, `quick`: what a change is tried with. `rest` is everything else; each file is in exactly one of the two.
 * TEXT takes only the files whose path has it. `--list` says what would run.
 *
 * Rules
 * - A new file is in `quick` by itself. It goes on the list below only when it costs seconds, because it starts processes
 *   or repeats a table, and when something faster on the same code stays in `quick`.
 * - The files of some folders share one process: starting one, and importing what it needs, costs more than most of
 *   their tests. All others have a process each, so that none sees what another left behind.
 * - A batch says one line when all went well, and everything when not.
 * - What type stripping gives is kept in node_modules/.cache, for the processes of the tests as well.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, matchesGlob } from 'node:path'
import { parseArgs } from 'node:util'

/** Run by scripts of their own: they need other programs, the built package or minutes. */
const ELSEWHERE = ['interop', 'stress', 'compat', 'examples', 'docs', 'stranger', 'site'].map(
  (folder) => `test/${folder}/**`,
)

/** Not in `npm test`; beside each what stays there for the same code. */
const REST: readonly string[] = [
  // The whole table of calls through each face, by the library itself, over HTTP/2 and over HTTP/1.1; each adapter's own
  // folder stays, with its contract and parity tests.
  'test/adapters/differential/*',
  // A process for each row or test; run, request, output and the others call the command in their own process.
  'test/cli/{httpie-session,microscope,parity,process,terminal,trust}.test.ts',
  // Processes that register, or that replace or lack a library.
  'test/adapters/register.test.ts',
  'test/adapters/*/process.test.ts',
  'test/adapters/undici/{globals,optional}.test.ts',
  'test/adapters/fetch/node.test.ts',
  // A fault at each point of an exchange, of all kinds; faults.test.ts and the other hostile peers stay.
  'test/hostile/torture.test.ts',
  // Bodies that decode to 64 MiB and more; decoder.test.ts stays.
  'test/content/limits.test.ts',
  // A loop that is really blocked, for seconds; http2.test.ts stays.
  'test/connection/blocked-loop.test.ts',
]

/** Folders whose files share a process each in `quick`: starting one costs more than most of what a file has to do. */
const SHARED: readonly string[] = [
  ...['frame', 'hpack', 'h1', 'h2', 'headers', 'priority', 'websocket', 'content'],
  ...['exchange', 'session', 'client', 'connection', 'wrappers', 'bench', 'net', 'pool', 'hostile', 'cli'],
  // Importing a library costs most of what a file of its adapter takes. Tests of globals are elsewhere: they are in `rest`.
  ...['axios', 'got', 'fetch', 'undici', 'agent', 'common'].map((folder) => `adapters/${folder}`),
]

/** Of these folders, files that need a process of their own: a clock that they mock, or what is said once a process. */
const ALONE: readonly string[] = ['test/net/{h2-proxy,mocked,tls,weak}.test.ts', 'test/pool/memory.test.ts']

const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: 'boolean' } } })
const named = positionals[0] === 'quick' || positionals[0] === 'rest' || positionals[0] === 'all'
const part = named ? positionals[0] : 'quick'
const texts = named ? positionals.slice(1) : positionals

const root = dirname(import.meta.dirname)
const fits = (file: string, patterns: readonly string[]): boolean =>
  patterns.some((pattern) => matchesGlob(file, pattern))

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((file) => file.endsWith('.test.ts') && !fits(file, ELSEWHERE))
  .filter((file) => part === 'all' || fits(file, REST) === (part === 'rest'))
  .filter((file) => texts.every((text) => file.includes(text)))
  .sort()

/** Files that share a process: one batch. The longest batches go first, so that none is alone at the end. */
const shared = new Map<string, string[]>()
const batches: string[][] = []
for (const file of files) {
  const folder = fits(file, [...REST, ...ALONE]) ? undefined : SHARED.find((one) => file.startsWith(`test/${one}/`))
  if (folder === undefined) batches.push([file])
  else shared.set(folder, [...(shared.get(folder) ?? []), file])
}
batches.unshift(...[...shared.values()].sort((a, b) => b.length - a.length))

const env = { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/hyper-transport'), ...process.env }

/** Milliseconds after which a test is given up: a wait that nothing ends must not hold the others up for ever. */
const LONGEST = 120_000

/** Milliseconds after which a process of tests is interrupted: something keeps it alive. It then says how far it came. */
const LONGEST_BATCH = 300_000

/** What a process of tests says at its end, summed over all of them. */
const counts = { tests: 0, pass: 0, fail: 0, skipped: 0, todo: 0 }

/** Says little when all went well, and everything when not. */
async function runBatch(members: readonly string[]): Promise<void> {
  const began = performance.now()
  const args = ['--test', '--test-isolation=none', `--test-timeout=${LONGEST}`, '--test-reporter=spec', ...members]
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const parts: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part))
  const late = setTimeout(() => child.kill('SIGINT'), LONGEST_BATCH)
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(late)
  const output = Buffer.concat(parts).toString()
  let told = false
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) {
    const found = [...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, 'gm'))].at(-1)
    told ||= name === 'tests' && found !== undefined && Number(found[1]) > 0
    counts[name] += Number(found?.[1] ?? 0)
  }
  // A process that ended before its tests did, with no error, has proved nothing.
  const good = status === 0 && told
  if (!good) process.exitCode = 1
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const name = members.length === 1 ? members[0] : `${dirname(members[0])}/ and below: ${members.length} files`
  if (!good) process.stdout.write(output)
  console.log(`${good ? 'ok' : 'FAILED'} ${seconds.padStart(6)} s  ${name}`)
}

if (values.list === true) {
  console.log(files.join('\n'))
} else {
  const began = performance.now()
  const lane = async (): Promise<void> => {
    for (let next = batches.shift(); next !== undefined; next = batches.shift()) await runBatch(next)
  }
  // Many tests wait more than they work: one lane more than there are cores.
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, lane))
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  const words = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
  console.log(`${files.length} files in ${seconds} s: ${words.join(', ')}${process.exitCode ? ' - FAILED' : ''}`)
}
if (files.length === 0) {
  console.error('no test file fits')
  process.exitCode = 1
}
