/** What the stress run asks for: each job is one exchange, and knows what may become of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { BodyChunk, Exchange, ExchangeHandler, ExchangeRequest, FieldList, Pool } from '../../src/index.ts'
import { getField } from '../../src/index.ts'
import { pattern } from './pattern.ts'

/** The caller changed its mind. */
export class ChangedMind extends Error {}

/** Everything that one exchange heard. */
class Heard implements ExchangeHandler {
  readonly done: Promise<void>
  exchange: Exchange | undefined
  status = 0
  fields: FieldList = []
  trailers: FieldList = []
  chunks: Buffer[] = []
  error: Error | undefined
  settlements = 0
  onFirstData: () => void = () => {}
  private settle: () => void = () => {}

  constructor() {
    this.done = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  onHeaders(status: number, fields: FieldList): void {
    this.status = status
    this.fields = fields
  }
  onData(chunk: Buffer): void {
    this.chunks.push(chunk)
    if (this.chunks.length === 1) this.onFirstData()
  }
  onEnd(trailers: FieldList): void {
    this.trailers = trailers
    this.settlements++
    this.settle()
  }
  onError(error: Error): void {
    this.error = error
    this.settlements++
    this.settle()
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** What a job says it did, for the table; it throws when something is wrong. */
export type Job = (world: World) => Promise<void>

export interface World {
  readonly pool: Pool
  readonly origin: string
  readonly id: string
  readonly random: () => number
  /** Exchanges that have not settled. */
  readonly open: Set<string>
}

async function run(
  world: World,
  request: Omit<ExchangeRequest, 'origin'>,
  during: (heard: Heard) => void | Promise<void> = () => {},
): Promise<Heard> {
  const { pool, origin, open } = world
  const name = `${request.method} ${request.path}`
  const heard = new Heard()
  open.add(name)
  heard.exchange = pool.dispatch({ origin, ...request }, heard)
  await during(heard)
  await heard.done
  open.delete(name)
  if (heard.settlements !== 1) throw new Error(`${name} settled ${heard.settlements} times`)
  return heard
}

function whole(heard: Heard, world: World, body: Buffer): void {
  if (heard.error !== undefined) throw heard.error
  const { id } = world
  if (heard.status !== 200) throw new Error(`status ${heard.status}`)
  if (getField(heard.fields, 'x-id') !== id)
    throw new Error(`headers of ${getField(heard.fields, 'x-id')}, not of ${id}`)
  if (getField(heard.trailers, 'x-id') !== id)
    throw new Error(`trailers of ${getField(heard.trailers, 'x-id')}, not of ${id}`)
  if (getField(heard.trailers, 'x-sum') !== String(crc32(body))) throw new Error('another checksum at the server')
  if (!heard.body.equals(body)) throw new Error(`${heard.body.length} octets that are not the ${body.length} expected`)
}

/** It ended as it was told to, or it was complete before. */
function broken(heard: Heard, isWhole: () => void): void {
  if (heard.error === undefined) isWhole()
  else if (!(heard.error instanceof ChangedMind)) throw heard.error
}

const sizeOf = (random: () => number): number => Math.floor(random() ** 4 * 400_000)

async function* pieces(body: Buffer, random: () => number, slow: boolean): AsyncGenerator<BodyChunk> {
  let at = 0
  while (at < body.length) {
    const size = 1 + Math.floor(random() * 30_000)
    if (slow) await sleep(random() * 5)
    yield body.subarray(at, at + size)
    at += size
  }
}

/** The jobs against our own origin. */
export const JOBS: Readonly<Record<string, Job>> = {
  async get(world) {
    const body = pattern(world.id, sizeOf(world.random))
    whole(await run(world, { method: 'GET', path: `/get/${world.id}/${body.length}` }), world, body)
  },

  async 'get, left at the first data'(world) {
    const body = pattern(world.id, 100_000)
    const heard = await run(world, { method: 'GET', path: `/get/${world.id}/${body.length}` }, (one) => {
      one.onFirstData = () => one.exchange?.abort(new ChangedMind())
    })
    broken(heard, () => whole(heard, world, body))
    if (!body.subarray(0, heard.body.length).equals(heard.body)) throw new Error('octets of another')
  },

  async 'get, paused'(world) {
    const body = pattern(world.id, 100_000 + sizeOf(world.random))
    const heard = await run(world, { method: 'GET', path: `/get/${world.id}/${body.length}` }, async (one) => {
      for (let i = 0; i < 3; i++) {
        one.exchange?.pause()
        await sleep(world.random() * 5)
        const before = one.chunks.length
        await sleep(world.random() * 5)
        if (one.chunks.length !== before) throw new Error('data while paused')
        one.exchange?.resume()
      }
    })
    whole(heard, world, body)
  },

  async 'slow response'(world) {
    const body = pattern(world.id, 1000)
    whole(await run(world, { method: 'GET', path: `/slow/${world.id}/${body.length}` }), world, body)
  },

  async 'echo, whole'(world) {
    const body = pattern(world.id, sizeOf(world.random))
    whole(await run(world, { method: 'POST', path: `/echo/${world.id}`, body }), world, body)
  },

  async 'echo, streamed, with trailers'(world) {
    const body = pattern(world.id, sizeOf(world.random))
    const heard = await run(world, {
      method: 'POST',
      path: `/echo/${world.id}`,
      body: pieces(body, world.random, false),
      trailers: () => ({ 'x-mine': world.id }),
    })
    whole(heard, world, body)
    if (getField(heard.trailers, 'x-echo') !== world.id) throw new Error('our trailers did not arrive')
  },

  async 'echo, streamed slowly'(world) {
    const body = pattern(world.id, Math.floor(world.random() * 60_000))
    const request = { method: 'POST', path: `/echo/${world.id}`, body: pieces(body, world.random, true) }
    whole(await run(world, request), world, body)
  },

  async headers(world) {
    const headers: Record<string, string> = { 'x-id': world.id }
    for (let i = 0; i < world.random() * 20; i++)
      headers[`x-${i}`] = `${'v'.repeat(world.random() * 100)} ${world.id}`.trim()
    const heard = await run(world, { method: 'GET', path: `/headers/${world.id}`, headers })
    whole(heard, world, heard.body)
    const echoed: unknown = JSON.parse(heard.body.toString())
    if (JSON.stringify(echoed) !== JSON.stringify(headers))
      throw new Error(`headers of another: ${heard.body.toString()}`)
  },

  async 'abort after 0 to 60 ms'(world) {
    const kinds = ['get', 'slow', 'echo'] as const
    const kind = kinds[Math.floor(world.random() * kinds.length)]
    const body = pattern(world.id, 50_000)
    const request =
      kind === 'echo'
        ? { method: 'POST', path: `/echo/${world.id}`, body: pieces(body, world.random, true) }
        : { method: 'GET', path: `/${kind}/${world.id}/${body.length}` }
    const heard = await run(world, request, async (one) => {
      await sleep(world.random() * 60)
      one.exchange?.abort(new ChangedMind())
    })
    broken(heard, () => whole(heard, world, body))
  },

  async 'abort by signal'(world) {
    const controller = new AbortController()
    const body = pattern(world.id, 50_000)
    const request = { method: 'GET', path: `/slow/${world.id}/${body.length}`, signal: controller.signal }
    const heard = await run(world, request, async () => {
      await sleep(world.random() * 20)
      controller.abort(new ChangedMind())
    })
    broken(heard, () => whole(heard, world, body))
  },
}

/** One request whose connection ends with it: by GOAWAY, cut, or afterwards by its idle time. */
export async function lastOne(world: World, then: 'goaway' | 'cut' | 'idle'): Promise<void> {
  const body = pattern(world.id, 1000)
  const heard = await run(world, { method: 'GET', path: `/get/${world.id}/${body.length}?then=${then}` })
  const code = heard.error !== undefined && 'code' in heard.error ? heard.error.code : undefined
  // What is cut may be lost.
  if (then === 'cut' && code === 'ERR_HYPER_CONNECTION_LOST') return
  whole(heard, world, body)
}

/** The jobs against nginx. */
export function nginxJobs(documents: Readonly<Record<string, Buffer>>): Readonly<Record<string, Job>> {
  return {
    async 'nginx: get'(world) {
      const names = Object.keys(documents)
      const path = names[Math.floor(world.random() * names.length)]
      const heard = await run(world, { method: 'GET', path })
      if (heard.error !== undefined) throw heard.error
      if (!heard.body.equals(documents[path])) throw new Error(`${path}: ${heard.body.length} octets`)
    },
    async 'nginx: get, left at the first data'(world) {
      const heard = await run(world, { method: 'GET', path: '/megabyte' }, (one) => {
        one.onFirstData = () => one.exchange?.abort(new ChangedMind())
      })
      broken(heard, () => {})
    },
    async 'nginx: upload'(world) {
      const body = pattern(world.id, 1 + sizeOf(world.random))
      const heard = await run(world, { method: 'POST', path: '/upload', body, idempotent: true })
      if (heard.error !== undefined) throw heard.error
      const length = getField(heard.fields, 'x-length')
      if (length !== String(body.length)) throw new Error(`it took ${length} octets of ${body.length}`)
    },
  }
}
