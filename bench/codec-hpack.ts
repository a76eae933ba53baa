/**
 * HPACK alone, without a socket: the corpus of real messages, decoded and encoded, against the npm package hpack.js; and the
 * time for one block of a connection in its steady state.
 *
 * Method: both libraries take turns in one process on the same blocks; the figure of each is its fastest turn, which is the
 * one least disturbed by the machine's other work. The corpus (http2jp's hpack-test-case) lies beside the repository; where
 * it is absent, lists made up in its likeness stand in.
 *
 * Run alone: `npx node bench/codec-hpack.ts`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Decoder, Encoder } from '../src/hpack/index.ts'

/** What is used of hpack.js, which has no types. */
interface HpackJs {
  readonly compressor: { create(options: HpackJsOptions): HpackJsStream }
  readonly decompressor: { create(options: HpackJsOptions): HpackJsStream & { execute(): void } }
}
interface HpackJsOptions {
  readonly table: { readonly maxSize: number }
}
interface HpackJsStream {
  write(input: unknown): void
  read(): unknown
}

const hpackJs: HpackJs = createRequire(import.meta.url)('hpack.js')
const TABLE = { table: { maxSize: 4096 } }

/** The messages of one connection. */
interface Story {
  readonly lists: readonly (readonly string[])[]
  readonly blocks: readonly Buffer[]
}

export interface HpackResult {
  /** Million fields a second, and wire megabytes a second. */
  readonly decode: Rate
  readonly encode: Rate
  /** How many times as fast as hpack.js. */
  readonly decodeRatio: number
  readonly encodeRatio: number
  /** Nanoseconds for one block, by case. */
  readonly blocks: Readonly<Record<string, number>>
}

interface Rate {
  readonly fields: number
  readonly octets: number
}

/** Decoding must be at least this many times as fast as hpack.js. */
export const DECODE_FLOOR = 5

const TURNS = 7
/** Milliseconds of one turn. */
const TURN = 60

function corpus(): { source: string; stories: Story[] } {
  const root = new URL('../../shared/data/hpack-test-case/nghttp2/', import.meta.url)
  if (!existsSync(root)) return { source: 'made-up lists', stories: [madeUp()] }
  const stories = readdirSync(root).map((name) => {
    const story: { cases: { wire: string; headers: Record<string, string>[] }[] } = JSON.parse(
      readFileSync(new URL(name, root), 'utf8'),
    )
    return {
      lists: story.cases.map(({ headers }) => headers.flatMap((header) => Object.entries(header).flat())),
      blocks: story.cases.map(({ wire }) => Buffer.from(wire, 'hex')),
    }
  })
  return { source: 'http2jp hpack-test-case, nghttp2', stories }
}

function madeUp(): Story {
  const lists = Array.from({ length: 200 }, (_, i) => response(`Mon, 21 Oct 2013 20:${10 + (i % 40)}:21 GMT`, i * 37))
  const encoder = new Encoder({ indexing: 'always' })
  return { lists, blocks: lists.map((list) => Buffer.from(encoder.encode(list))) }
}

function request(path: string, token?: string): string[] {
  const list = [':method', 'GET', ':scheme', 'https', ':authority', 'api.example.com', ':path', path]
  list.push('accept', 'application/json', 'accept-encoding', 'gzip, deflate, br', 'user-agent', 'client/1.0 (node)')
  return token === undefined ? [...list, 'x-client', 'abc-def'] : [...list, 'authorization', `Bearer ${token}`]
}

function response(date: string, length: number): string[] {
  const list = [':status', '200', 'server', 'nginx/1.25', 'date', date, 'content-type', 'application/json']
  return [
    ...list,
    'cache-control',
    'no-cache',
    'vary',
    'accept-encoding',
    'content-length',
    `${length}`,
    'x-frame',
    'DENY',
  ]
}

/** Nanoseconds that one call of each takes, in turns, the fastest turn of each. */
function compare(...actions: (() => void)[]): number[] {
  const best = actions.map(() => Number.POSITIVE_INFINITY)
  for (let turn = 0; turn < TURNS; turn++) {
    actions.forEach((action, i) => {
      const start = performance.now()
      let calls = 0
      let elapsed = 0
      do {
        for (let k = 0; k < 8; k++) action()
        calls += 8
        elapsed = performance.now() - start
      } while (elapsed < TURN)
      best[i] = Math.min(best[i], (elapsed * 1e6) / calls)
    })
  }
  return best
}

/** Nanoseconds for one of many blocks, taken in turn. */
function perBlock(count: number, one: (i: number) => void): number {
  const [nanoseconds] = compare(() => {
    for (let i = 0; i < count; i++) one(i)
  })
  return nanoseconds / count
}

function steadyState(): Record<string, number> {
  const blocks: Record<string, number> = {}
  const many = 512
  const date = 'Mon, 21 Oct 2013 20:13:21 GMT'

  const same = request('/v1/items')
  const paths = Array.from({ length: many }, (_, i) => request(`/v1/users/${(i * 7919) % 100_003}/orders?limit=20`))
  const tokens = Array.from({ length: many }, (_, i) => request(`/v1/users/${i}`, 'eyJhbGciOiJIUzI1NiJ9'.repeat(20)))
  for (const [name, lists] of Object.entries({
    'same request': [same],
    'new path': paths,
    'new path, bearer': tokens,
  })) {
    const encoder = new Encoder()
    blocks[`encode, ${name}`] = perBlock(many, (i) => encoder.write(lists[i % lists.length]))
  }

  const decode = (name: string, lists: readonly (readonly string[])[], encoder: Encoder): void => {
    const decoder = new Decoder()
    let wires: Buffer[] = []
    // Until the peer's table has settled, as on a connection in use.
    for (let round = 0; round < 4; round++) wires = lists.map((list) => Buffer.from(encoder.encode(list)))
    const before = new Encoder()
    for (let round = 0; round < 3; round++) for (const list of lists) decoder.decode(before.encode(list))
    blocks[`decode, ${name}`] = perBlock(many, (i) => decoder.decode(wires[i % wires.length]))
  }
  decode('same response, all indexed', [response(date, 1234).filter((_, i) => i < 12 || i > 13)], new Encoder())
  decode(
    'content-length changes',
    Array.from({ length: 64 }, (_, i) => response(date, 1000 + i * 37)),
    new Encoder(),
  )
  decode('same response, all literal', [response(date, 1234)], new Encoder({ indexing: 'never' }))
  const dates = Array.from({ length: many }, (_, i) => response(`Mon, 21 Oct 2013 20:${10 + (i % 50)}:21 GMT`, i * 7))
  decode('all literal, date and length change', dates, new Encoder({ indexing: 'never' }))
  return blocks
}

export async function run(): Promise<HpackResult> {
  const { source, stories } = corpus()
  const fields = stories.flatMap((story) => story.lists).reduce((sum, list) => sum + list.length / 2, 0)
  const octets = stories.flatMap((story) => story.blocks).reduce((sum, block) => sum + block.length, 0)

  const [decode, decodeTheirs] = compare(
    () => {
      for (const { blocks } of stories) {
        const decoder = new Decoder()
        for (const block of blocks) decoder.decode(block)
      }
    },
    () => {
      for (const { blocks } of stories) {
        const decoder = hpackJs.decompressor.create(TABLE)
        for (const block of blocks) {
          decoder.write(block)
          decoder.execute()
          while (decoder.read() !== null);
        }
      }
    },
  )
  const pairs = stories.map(({ lists }) =>
    lists.map((list) =>
      Array.from({ length: list.length / 2 }, (_, i) => ({ name: list[2 * i], value: list[2 * i + 1] })),
    ),
  )
  const [encode, encodeTheirs] = compare(
    () => {
      for (const { lists } of stories) {
        const encoder = new Encoder()
        for (const list of lists) encoder.write(list)
      }
    },
    () => {
      for (const story of pairs) {
        const encoder = hpackJs.compressor.create(TABLE)
        for (const list of story) {
          encoder.write(list)
          while (encoder.read() !== null);
        }
      }
    },
  )

  const rate = (nanoseconds: number): Rate => ({
    fields: (fields * 1000) / nanoseconds,
    octets: (octets * 1000) / nanoseconds,
  })
  const result: HpackResult = {
    decode: rate(decode),
    encode: rate(encode),
    decodeRatio: decodeTheirs / decode,
    encodeRatio: encodeTheirs / encode,
    blocks: steadyState(),
  }
  print(source, result)
  return result
}

function print(source: string, result: HpackResult): void {
  const line = (what: string, { fields, octets }: Rate, ratio: number): void =>
    console.log(
      `  ${what}  ${fields.toFixed(1)} million fields/s  ${octets.toFixed(0)} MB/s on the wire  ${ratio.toFixed(1)} x hpack.js`,
    )
  console.log(`HPACK (${source}; connections of a few dozen messages, from their first)`)
  line('decode', result.decode, result.decodeRatio)
  line('encode', result.encode, result.encodeRatio)
  const floor = result.decodeRatio >= DECODE_FLOOR ? 'kept' : 'MISSED'
  console.log(`  floor: decode at least ${DECODE_FLOOR} x hpack.js: ${floor}`)
  console.log('HPACK, one block of 8 fields in the steady state')
  for (const [name, nanoseconds] of Object.entries(result.blocks)) {
    console.log(`  ${nanoseconds.toFixed(0).padStart(5)} ns  ${name}`)
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await run()
