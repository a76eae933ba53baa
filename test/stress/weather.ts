/**
 * Bad weather: a random mix of what real networks, balancers and servers do, under load through every shim. Each request that can
 * be saved must be answered, once, with its own answer.
 *
 *     npm run stress -- --weather [--seconds=15] [--seed=N]
 *
 * Theory of operation
 * - The origin is a scripted server of frames on the loopback interface (HTTP/2 by prior knowledge), so that it can do anything:
 *   it decides on each request whether it answers, and what else happens. It is asked by name, and the lookup is slow at times and
 *   gives an address first at which nobody listens.
 * - A request can be saved unless it is a POST that was written when its connection ended, and that the server did not leave out:
 *   those are counted apart, and must fail with an error, not hang.
 * - A request is sent again a bounded number of times, so the weather may strike each one `MAX_STRIKES_OF_ONE` times. What lies unread
 *   in a socket is struck too when its connection ends, and the server cannot know of it: each request that has not settled counts.
 * - The server counts PINGs as gRPC's do: more than two without DATA or HEADERS between are a violation of ours.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import axios from 'axios'
import got from 'got'
import { request, fetch as undiciFetch } from 'undici'
import { createHyperAdapter } from '../../adapters/axios.ts'
import { createFetch } from '../../adapters/fetch.ts'
import { hyperGot } from '../../adapters/got.ts'
import { HyperDispatcher } from '../../adapters/undici.ts'
import { ErrorCode, Setting } from '../../src/frame/index.ts'
import { Pool } from '../../src/index.ts'
import { MAX_LOST_REPLAYS } from '../../src/limits.ts'
import { type FrameConnection, FrameServer } from '../support/frame-server.ts'

const WORKERS = 40
/** Milliseconds after the end in which what is open must settle. */
const PATIENCE = 30_000
/** Milliseconds between two events of the weather. */
const PACE = 60
/** PINGs without DATA or HEADERS between that gRPC allows. */
const MAX_PING_STRIKES = 2
/** How often a request may be refused, or lose its connection: as often as it is replayed after that. */
const MAX_STRIKES_OF_ONE = MAX_LOST_REPLAYS

type Send = (url: string, method: 'GET' | 'POST', body: string | undefined) => Promise<string>

/** One way in a shim; each gives the body of a good response and throws otherwise. */
function ways(pool: Pool): Readonly<Record<string, Send>> {
  const dispatcher = new HyperDispatcher({ pool })
  const ours = createFetch({ pool })
  const client = axios.create({ adapter: createHyperAdapter({ pool }) })
  const through = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
  return {
    async 'undici.request'(url, method, body) {
      const response = await request(url, { dispatcher, method, body: body ?? null })
      return response.body.text()
    },
    async 'undici.fetch'(url, method, body) {
      return (await undiciFetch(url, { dispatcher, method, body: body ?? null })).text()
    },
    async fetch(url, method, body) {
      return (await ours(url, { method, body: body ?? null })).text()
    },
    async axios(url, method, body) {
      return String((await client.request({ url, method, data: body, responseType: 'text' })).data)
    },
    got: (url, method, body) => through(url, { method, ...(body === undefined ? {} : { body }) }).text(),
  }
}

/** An error and its causes, on one line. */
function reasons(error: unknown): string {
  return error instanceof Error ? `${error.message} <- ${reasons(error.cause)}` : String(error)
}

/**
 * Did its connection end after the request was written? The server may have read it, for all that a client can know. Shims give
 * their library's own errors for it, which say so in their texts.
 */
function mayBeProcessed(error: unknown): boolean {
  return /was lost: |broke HTTP\/2: |GOAWAY/.test(reasons(error))
}

class Sky {
  readonly injected = new Map<string, number>()
  /** How often each request was answered, by its identifier. */
  readonly answered = new Map<string, number>()
  /** POSTs that may have been worked on when their connection ended. */
  readonly doomed = new Set<string>()
  readonly violations: string[] = []
  /** Requests that have not settled. */
  readonly pending = new Set<string>()
  server!: FrameServer
  private readonly random: () => number
  /** Requests that a connection has taken and not answered: identifiers by stream. */
  private readonly open = new Map<FrameConnection, Map<number, string>>()
  /** How often the weather has struck a request, at most. */
  private readonly struck = new Map<string, number>()
  private readonly strikes = new Map<FrameConnection, number>()
  /** The last stream that a connection takes, after GOAWAY. */
  private readonly last = new Map<FrameConnection, number>()
  private paused = false
  private refuse = 0

  constructor(random: () => number) {
    this.random = random
  }

  async start(): Promise<void> {
    this.server = await FrameServer.start({
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 50]],
      onFrame: (connection, frame) => {
        if (frame.type === 'DATA' || frame.type === 'HEADERS') this.strikes.set(connection, 0)
        if (frame.type !== 'PING' || frame.ack) return
        const strikes = (this.strikes.get(connection) ?? 0) + 1
        this.strikes.set(connection, strikes)
        if (strikes > MAX_PING_STRIKES) this.violations.push(`${strikes} PINGs without DATA or HEADERS between`)
      },
      onRequest: (connection, streamId, fields) => {
        void this.serve(connection, streamId, fields)
      },
    })
  }

  private inject(what: string): void {
    this.injected.set(what, (this.injected.get(what) ?? 0) + 1)
  }

  private async serve(connection: FrameConnection, streamId: number, fields: readonly string[]): Promise<void> {
    const id = fields[fields.indexOf(':path') + 1].slice(1)
    if (streamId > (this.last.get(connection) ?? streamId)) return
    if (this.refuse > 0 && this.maySuffer(id)) {
      this.refuse--
      this.strike(id)
      connection.reset(streamId, ErrorCode.REFUSED_STREAM)
      return
    }
    let streams = this.open.get(connection)
    if (streams === undefined) {
      streams = new Map()
      this.open.set(connection, streams)
    }
    streams.set(streamId, id)
    await sleep(this.random() * 20)
    while (this.paused) await sleep(5)
    if (!streams.has(streamId) || connection.socket.destroyed) return
    streams.delete(streamId)
    this.answered.set(id, (this.answered.get(id) ?? 0) + 1)
    connection.respond(streamId, id)
  }

  private maySuffer(id: string): boolean {
    return (this.struck.get(id) ?? 0) < MAX_STRIKES_OF_ONE
  }

  private strike(id: string): void {
    this.struck.set(id, (this.struck.get(id) ?? 0) + 1)
  }

  /** May a connection end? Any request that has not settled may be on it. */
  private mayEnd(): boolean {
    return [...this.pending].every((id) => this.maySuffer(id))
  }

  /** What is open on it will not be answered. */
  private end(connection: FrameConnection): void {
    for (const id of this.pending) this.strike(id)
    for (const id of this.open.get(connection)?.values() ?? []) if (id.startsWith('POST')) this.doomed.add(id)
    this.open.delete(connection)
  }

  private live(): FrameConnection | undefined {
    const all = this.server.connections.filter(({ socket }) => !socket.destroyed)
    return all[Math.floor(this.random() * all.length)]
  }

  /** One event. */
  async change(): Promise<void> {
    const connection = this.live()
    if (connection === undefined) return
    const streams = this.open.get(connection) ?? new Map<number, string>()
    const last = Math.min(this.last.get(connection) ?? Number.POSITIVE_INFINITY, connection.streams.at(-1) ?? 0)
    switch (Math.floor(this.random() * 8)) {
      case 0:
        this.inject('pause of the server')
        this.paused = true
        for (const { socket } of this.server.connections) socket.pause()
        await sleep(this.random() * 250)
        for (const { socket } of this.server.connections) socket.resume()
        this.paused = false
        break
      case 1:
        if (!this.mayEnd()) break
        this.inject('cut')
        this.end(connection)
        connection.cut()
        break
      case 2:
        this.inject('refusals')
        this.refuse = 1 + Math.floor(this.random() * 3)
        break
      case 3:
        // One that took nothing, and goes, is no progress: it counts as a failure for what it leaves out.
        if (last === 0) break
        this.inject('GOAWAY in peace')
        this.last.set(connection, last)
        connection.goaway(last)
        break
      case 4:
        if (!this.mayEnd() || this.random() < 0.5) break
        this.inject('GOAWAY for a fault, left open')
        this.last.set(connection, last)
        connection.goaway(last, ErrorCode.INTERNAL_ERROR)
        this.end(connection)
        break
      case 5: {
        this.inject('limit lowered, and raised')
        connection.settings([[Setting.MAX_CONCURRENT_STREAMS, 1 + Math.floor(this.random() * 3)]])
        await sleep(this.random() * 100)
        connection.settings([[Setting.MAX_CONCURRENT_STREAMS, 50]])
        break
      }
      case 6: {
        const guilty = Math.max(0, ...streams.keys())
        if (!this.mayEnd() || guilty === 0) break
        this.inject('one stream breaks the connection')
        this.doomed.add(streams.get(guilty) ?? '')
        this.end(connection)
        const block = Buffer.from([0xff, 0xff, 0xff])
        connection.send({ type: 'HEADERS', streamId: guilty, endStream: false, endHeaders: true, block })
        break
      }
      default:
        if (streams.size === 0) break
        this.inject('empty frames, PINGs and windows')
        connection.send({ type: 'PING', streamId: 0, ack: false, payload: Buffer.alloc(8) })
        connection.send({ type: 'WINDOW_UPDATE', streamId: 0, increment: 1 })
    }
  }
}

/** @returns what was wrong. */
export async function weather(seconds: number, random: () => number): Promise<string[]> {
  const sky = new Sky(random)
  await sky.start()
  const { port } = new URL(sky.server.origin)
  const pool = new Pool({
    h2c: 'prior-knowledge',
    lookup: (_host, _options, callback) => {
      const addresses = [{ address: '127.0.0.1', family: 4 }]
      if (random() < 0.3) {
        sky.injected.set('dead address first', (sky.injected.get('dead address first') ?? 0) + 1)
        addresses.unshift({ address: '127.0.0.2', family: 4 })
      }
      setTimeout(() => callback(null, addresses), random() < 0.3 ? random() * 200 : 0)
    },
  })
  const all = Object.entries(ways(pool))
  const results = new Map<string, { sent: number; saved: number; lost: number; hopeless: number }>()
  let ids = 0
  const until = performance.now() + seconds * 1000
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const [name, send] = all[Math.floor(random() * all.length)]
      const method = random() < 0.3 ? 'POST' : 'GET'
      const id = `${method}-${++ids}`
      const row = results.get(name) ?? { sent: 0, saved: 0, lost: 0, hopeless: 0 }
      results.set(name, row)
      row.sent++
      sky.pending.add(id)
      try {
        const body = await send(`http://origin.test:${port}/${id}`, method, method === 'POST' ? id : undefined)
        if (body !== id) sky.violations.push(`${name} ${id} got the answer of ${body}`)
        row.saved++
      } catch (error) {
        if (sky.doomed.has(id) || (method === 'POST' && mayBeProcessed(error))) row.hopeless++
        else {
          row.lost++
          sky.violations.push(`${name} ${id}: ${reasons(error)}`)
        }
      }
      sky.pending.delete(id)
    }
  }
  const workers = Promise.all(Array.from({ length: WORKERS }, worker))
  while (performance.now() < until) {
    await sleep(random() * 2 * PACE)
    await sky.change()
  }
  const late = setTimeout(() => {
    sky.violations.push(`never settled: ${[...sky.pending].slice(0, 10).join(', ')}`)
    void pool.destroy()
  }, PATIENCE)
  await workers
  clearTimeout(late)
  await pool.destroy()
  await sky.server.close()
  for (const [id, times] of sky.answered) {
    if (id.startsWith('POST') && times > 1) sky.violations.push(`${id} was answered ${times} times`)
  }
  console.log('weather: what was injected')
  for (const [what, times] of [...sky.injected].sort()) console.log(`${String(times).padStart(8)}  ${what}`)
  console.log('   sent  answered   lost  could not be saved (a POST that was written when its connection ended)')
  for (const [name, { sent, saved, lost, hopeless }] of results) {
    console.log(
      `${String(sent).padStart(7)} ${String(saved).padStart(9)} ${String(lost).padStart(6)} ${String(hopeless).padStart(6)}  ${name}`,
    )
  }
  return sky.violations
}
