/**
 * `npm run bench -- delay`: one download over a link of 1 Gbit/s with a round trip of 20 and of 100 ms: ours, undici's h2,
 * node:http2 and curl, in turns, against nghttpd. Small receive windows are what such a link punishes: the clients that
 * have them get a smaller file, so that they end at all.
 */
import { execFile, fork } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startNghttpd } from '../../test/support/programs.ts'
import { message } from './message.ts'

const MIB = 1024 * 1024
const LARGE = 128 * MIB
const SMALL = 8 * MIB
const ROUNDS = 3
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** MiB a second. */
async function download(client: string, origin: string, ca: string): Promise<number> {
  const [path, size] = client === 'ours' ? ['/large', LARGE] : ['/some', SMALL]
  const args = [client, origin, path, String(size)]
  const child = fork(here('download.ts'), args, {
    env: { ...process.env, BENCH_CA: ca, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  try {
    return size / MIB / (await message<{ seconds: number }>(child)).seconds
  } finally {
    child.kill('SIGKILL')
  }
}

async function curl(origin: string, caFile: string): Promise<number> {
  const urls = [`${origin}/small`, `${origin}/large`]
  const format = '%{time_total} %{size_download}\n'
  const args = ['-s', '--http2', '--cacert', caFile, '-w', format, '-o', '/dev/null', '-o', '/dev/null', ...urls]
  const { stdout } = await promisify(execFile)('curl', args)
  const [seconds, octets] = (stdout.trim().split('\n')[1] ?? '').split(' ').map(Number)
  if (octets !== LARGE) throw new Error(`curl received ${octets} octets`)
  return LARGE / MIB / seconds
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

export async function run(): Promise<void> {
  await using server = await startNghttpd()
  if (server === undefined) throw new Error('nghttpd is needed for this benchmark')
  await writeFile(join(server.folder, 'large'), Buffer.alloc(LARGE, 'octets '))
  await writeFile(join(server.folder, 'some'), Buffer.alloc(SMALL, 'octets '))
  const results: Record<string, Record<string, number>> = {}
  for (const roundTrip of [20, 100]) {
    const port = new URL(server.origin).port
    const proxy = fork(here('delay-proxy.ts'), [port, String(roundTrip / 2)])
    try {
      const origin = `https://localhost:${(await message<{ port: number }>(proxy)).port}`
      const measured = new Map<string, number[]>()
      for (let round = 0; round < ROUNDS; round++) {
        for (const client of ['ours', 'curl', 'undici, its h2', 'node:http2']) {
          const speed =
            client === 'curl'
              ? await curl(origin, join(server.folder, 'ca.pem'))
              : await download(client, origin, server.ca)
          measured.set(client, [...(measured.get(client) ?? []), speed])
        }
      }
      console.log(`\nOne download over 1 Gbit/s with a round trip of ${roundTrip} ms`)
      const speeds: Record<string, number> = {}
      results[`${roundTrip} ms`] = speeds
      for (const [client, values] of measured) {
        speeds[client] = median(values)
        console.log(`  ${client.padEnd(16)} ${speeds[client].toFixed(1).padStart(7)} MiB/s`)
      }
      console.log(`  ours is ${(speeds['ours'] / speeds['curl']).toFixed(2)}x curl (at least 1)`)
    } finally {
      proxy.kill()
    }
  }
  const folder = new URL('../results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  await writeFile(new URL('delay.json', folder), `${JSON.stringify(results, null, 2)}\n`)
}
