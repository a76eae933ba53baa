/**
 * -n, -c, --compare: the same request many times, and how long they took. A small and honest look, no benchmark: one process
 * sends, and it has the same processor as the server when that is on this machine.
 */
import { HTTPConnection } from '../client/http-connection.ts'
import { performanceNow } from '../clock.ts'
import { toError } from '../errors.ts'
import type { CommandLine } from './arguments.ts'
import { connectionOptions } from './connect.ts'
import { UsageError } from './failures.ts'
import { isLoopback } from './probe.ts'
import type { CommandRequest } from './request.ts'
import type { KeptAuth } from './session.ts'
import { histogram, mean, percentile } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'

const MAX_REQUESTS = 100_000
const MAX_AT_ONCE = 1000

/** Bars of the histogram, and the characters of the longest. */
const BARS = 10
const WIDTH = 40

interface Result {
  /** As it was spoken. */
  readonly protocol: string
  /** Milliseconds of those that had a response. */
  readonly times: number[]
  readonly statuses: Map<string, number>
  elapsed: number
  octets: number
}

/** @returns did each have a response? */
export async function load(
  line: CommandLine,
  request: CommandRequest,
  auth: KeptAuth | undefined,
  around: Surroundings,
): Promise<boolean> {
  const { options } = line
  const total = options.count ?? 1
  const atOnce = Math.min(options.concurrency ?? 1, total)
  if (total < 1 || total > MAX_REQUESTS) throw new UsageError(`--count takes 1 to ${MAX_REQUESTS}`)
  if (atOnce < 1 || atOnce > MAX_AT_ONCE) throw new UsageError(`--concurrency takes 1 to ${MAX_AT_ONCE}`)
  if (request.content?.repeatable === false) {
    throw new UsageError(`--count sends the body many times, but ${request.content.source} can be read only once`)
  }
  if (auth?.type === 'digest')
    throw new UsageError('--count cannot be used with digest authentication: each request would be two')
  const { hostname } = request.target.url
  if (!isLoopback(hostname) && !options.yes) {
    throw new UsageError(
      `--count sends ${total} requests to ${hostname}, which is not this machine: add --yes if you are allowed to`,
    )
  }
  const protocols = options.compare ? (['h2', 'http/1.1'] as const) : ([line.protocol] as const)
  const results: Result[] = []
  for (const protocol of protocols) results.push(await measure(line, request, around, protocol, total, atOnce))
  const width = 44
  const columns = results.map((result) => report(result, total, atOnce))
  const rows = Math.max(...columns.map((lines) => lines.length))
  for (let i = 0; i < rows; i++) {
    const cells = columns.map((lines) => lines[i] ?? '')
    await around.sink.write(
      `${cells.map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(width))).join('')}\n`,
    )
  }
  for (const result of results) {
    if (results.length > 1) await around.sink.write(`\n${result.protocol}\n`)
    for (const bar of bars(result.times)) await around.sink.write(`${bar}\n`)
  }
  return results.every(({ times }) => times.length === total)
}

async function measure(
  line: CommandLine,
  request: CommandRequest,
  { env, signal }: Surroundings,
  protocol: CommandLine['protocol'],
  total: number,
  atOnce: number,
): Promise<Result> {
  const { target } = request
  const options = { ...connectionOptions(line, env)(target.origin), forceProtocol: protocol, connections: undefined }
  const connection = new HTTPConnection(target.origin, options)
  try {
    // Connecting is no part of any of them, and says why nothing can be.
    await connection.connect()
    return await many(connection, request, signal, total, atOnce)
  } finally {
    await connection.close()
  }
}

async function many(
  connection: HTTPConnection,
  { method, target, headers, overrides, content }: CommandRequest,
  signal: AbortSignal,
  total: number,
  atOnce: number,
): Promise<Result> {
  const times: number[] = []
  const statuses = new Map<string, number>()
  const result: Result = { protocol: connection.version ?? 'HTTP/2', times, statuses, elapsed: 0, octets: 0 }
  let begun = 0
  const worker = async (): Promise<void> => {
    while (begun++ < total) {
      signal.throwIfAborted()
      const start = performanceNow()
      let outcome: string
      try {
        const response = await connection.roundTrip(method, target.path, {
          headers: [...overrides.raw(), ...headers.raw()],
          body: content?.body,
          signal,
        })
        for await (const chunk of response.readChunked({ decodeContent: false })) result.octets += chunk.length
        times.push(performanceNow() - start)
        outcome = String(response.status)
      } catch (error) {
        signal.throwIfAborted()
        const { code } = Object(error)
        outcome = typeof code === 'string' ? code : toError(error).message
      }
      statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1)
    }
  }
  const start = performanceNow()
  await Promise.all(Array.from({ length: atOnce }, worker))
  result.elapsed = performanceNow() - start
  return result
}

function report({ protocol, times, statuses, elapsed, octets }: Result, total: number, atOnce: number): string[] {
  const sorted = times.toSorted((a, b) => a - b)
  const shares = [0.5, 0.9, 0.99].map((share) => `p${share * 100} ${percentile(sorted, share).toFixed(2)}`)
  return [
    `${protocol}: ${total} requests, ${atOnce} at once`,
    `  time        ${(elapsed / 1000).toFixed(3)} s`,
    `  a second    ${(times.length / Math.max(elapsed / 1000, 0.000_001)).toFixed(0)}`,
    `  octets      ${octets}`,
    `  outcome     ${[...statuses].map(([outcome, count]) => `${outcome}: ${count}`).join(', ')}`,
    ...(sorted.length === 0
      ? []
      : [
          `  mean        ${mean(sorted).toFixed(2)} ms`,
          `  least       ${percentile(sorted, 0).toFixed(2)} ms`,
          `  greatest    ${percentile(sorted, 1).toFixed(2)} ms`,
          `  ${shares.join(', ')} ms`,
        ]),
  ]
}

function bars(times: readonly number[]): string[] {
  if (times.length === 0) return []
  const all = histogram(times, BARS)
  const most = Math.max(...all.map(({ count }) => count))
  return all.map(({ to, count }) => {
    const bar = '#'.repeat(Math.ceil((count / most) * WIDTH))
    return `  to ${to.toFixed(2).padStart(9)} ms ${String(count).padStart(7)} |${bar}`
  })
}
