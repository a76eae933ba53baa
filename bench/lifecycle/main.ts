/**
 * `npm run bench -- pool`: what connections, open streams, waiting and paused requests cost, and how a pool behaves in a
 * burst; beside it what undici, got and node:http2 do where they can.
 *
 * Method: one node:http2 origin on loopback, made anew for each measurement and in a process of its own, as is each
 * client. Times are of a machine that does other things too; sizes and numbers of connections are not.
 */
import { fork } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { message } from './message.ts'

interface Scenario {
  readonly name: string
  readonly title: string
  /** Streams that the server allows at once. */
  readonly streams: number
  readonly clients: readonly string[]
}

const ALL = ['ours', 'undici, its h2', 'got, its http2', 'node:http2']
const HOLDERS = ['ours', 'undici, its h2', 'node:http2']

const scenarios: readonly Scenario[] = [
  { name: 'flight', title: 'One origin, 1000 requests in flight', streams: 100, clients: ALL },
  { name: 'origins', title: '1000 origins, 10 requests to each', streams: 100, clients: ALL },
  { name: 'burst', title: 'A cold burst of 1000 requests', streams: 100, clients: ALL },
  { name: 'waiting', title: '10,000 requests wait while all streams are taken', streams: 100, clients: HOLDERS },
  { name: 'idle', title: 'An idle connection (200 of them)', streams: 100, clients: HOLDERS },
  { name: 'streams', title: 'An open stream (1000 of them)', streams: 2000, clients: HOLDERS },
  { name: 'paused', title: 'A paused response without end (10 of them)', streams: 100, clients: HOLDERS },
]

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

async function measure(scenario: Scenario, client: string): Promise<Record<string, number> | string> {
  const server = fork(here('server.ts'), [String(scenario.streams)])
  try {
    const { port, ca } = await message<{ port: number; ca: string }>(server)
    const worker = fork(here('worker.ts'), [scenario.name, client, String(port)], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, BENCH_CA: ca, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
    })
    try {
      return await message<Record<string, number>>(worker)
    } catch (error) {
      return `does not finish: ${error instanceof Error ? error.message : String(error)}`
    } finally {
      worker.kill('SIGKILL')
    }
  } finally {
    server.kill()
  }
}

function show(value: number): string {
  if (Number.isNaN(value)) return 'never'
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1)
}

export async function run(only: string | undefined): Promise<void> {
  const results: Record<string, Record<string, unknown>> = {}
  for (const scenario of scenarios) {
    if (only !== undefined && scenario.name !== only) continue
    console.log(`\n${scenario.title}`)
    const byClient: Record<string, unknown> = {}
    results[scenario.name] = byClient
    for (const client of scenario.clients) {
      const result = await measure(scenario, client)
      byClient[client] = result
      const text =
        typeof result === 'string'
          ? result
          : Object.entries(result)
              .map(([what, value]) => `${what} ${show(value)}`)
              .join(', ')
      console.log(`  ${client.padEnd(16)} ${text}`)
    }
  }
  const folder = new URL('../results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  await writeFile(new URL('pool.json', folder), `${JSON.stringify(results, null, 2)}\n`)
}
