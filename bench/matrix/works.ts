/** The work of the matrix: what is asked for, how, and how many times at once. Server and clients both go by these. */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'

/** One request, made anew each time. */
export interface Shot {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
  /** In place of `body`: made anew for each request. */
  readonly stream: (() => Readable) | undefined
  /** The response is read as a stream and dropped, not collected. */
  readonly drain: boolean
}

export interface Work {
  readonly name: string
  readonly inFlight: number
  /** Octets of the response's body, decoded. */
  readonly octets: number
  /** Its length as it travels, where that is another: what those give who decode nothing. */
  readonly coded?: number
  readonly shot: () => Shot
}

const MIB = 1 << 20

/** Octets of a streamed upload. */
export const STREAMED = 16 * MIB

/** Two KB of JSON. nginx takes it in its configuration: neither `'` nor `$`. */
export const JSON_TEXT = JSON.stringify({
  items: Array.from({ length: 20 }, (_, id) => ({
    id,
    name: `item ${id}`,
    price: id * 1.25,
    tags: ['red', 'large'],
    stock: 100 + id,
  })),
  next: '/items?page=2',
})
const JSON_OCTETS = Buffer.from(JSON_TEXT)

/** 100 KB of JSON, which compresses as a list of records does. */
export const LONG_JSON = Buffer.from(
  JSON.stringify(
    Array.from({ length: 1000 }, (_, id) => ({
      id,
      name: `user ${id}`,
      mail: `user-${id}@example.com`,
      score: (id * 7919) % 1000,
      active: id % 3 === 0,
    })),
  ),
)
export const LONG_JSON_GZIP = gzipSync(LONG_JSON)

const plain = { accept: '*/*', 'user-agent': 'bench' }

/** Fourteen fields, of which four are others in each request. */
function changing(): Record<string, string> {
  const id = randomUUID()
  return {
    accept: 'application/json',
    'accept-language': 'en-GB,en;q=0.8',
    'user-agent': 'bench/1.0 (matrix)',
    authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P',
    'cache-control': 'no-cache',
    cookie: 'session=0123456789abcdef0123456789abcdef; theme=dark',
    'x-client': 'web',
    'x-client-version': '4.18.2',
    'x-region': 'eu-central',
    'x-tenant': 'tenant-0042',
    'x-request-id': id,
    traceparent: `00-${id.replaceAll('-', '')}-00f067aa0ba902b7-01`,
    'x-time': String(performance.now()),
    'x-key': id.slice(0, 8),
  }
}

const CHUNK = Buffer.alloc(64 * 1024, 'a')

/** So many octets, as fast as they are taken. */
class Octets extends Readable {
  private left: number
  constructor(octets: number) {
    super()
    this.left = octets
  }
  override _read(): void {
    if (this.left <= 0) {
      this.push(null)
      return
    }
    this.left -= CHUNK.length
    this.push(CHUNK)
  }
}

function get(path: string, drain = false): () => Shot {
  return () => ({ method: 'GET', path, headers: { ...plain }, body: undefined, stream: undefined, drain })
}

function getJson(): Shot {
  return { method: 'GET', path: '/json', headers: changing(), body: undefined, stream: undefined, drain: false }
}

const binary = { ...plain, 'content-type': 'application/octet-stream' }
const megabyte = Buffer.alloc(MIB, 'b')

export const works: readonly Work[] = [
  { name: 'GET 12 octets', inFlight: 50, octets: 12, shot: get('/small') },
  { name: 'GET JSON 2 KB', inFlight: 50, octets: JSON_OCTETS.length, shot: getJson },
  {
    name: 'POST JSON 2 KB',
    inFlight: 50,
    octets: 0,
    shot: () => ({
      method: 'POST',
      path: '/take',
      headers: { ...changing(), 'content-type': 'application/json' },
      body: JSON_OCTETS,
      stream: undefined,
      drain: false,
    }),
  },
  {
    name: 'upload 1 MiB buffer',
    inFlight: 10,
    octets: 0,
    shot: () => ({
      method: 'POST',
      path: '/take-large',
      headers: { ...binary },
      body: megabyte,
      stream: undefined,
      drain: false,
    }),
  },
  {
    name: 'upload 16 MiB stream',
    inFlight: 2,
    octets: 0,
    shot: () => ({
      method: 'POST',
      path: '/take-large',
      headers: { ...binary },
      body: undefined,
      stream: () => new Octets(STREAMED),
      drain: false,
    }),
  },
  { name: 'download 1 MiB', inFlight: 10, octets: MIB, shot: get('/megabyte') },
  { name: 'download 64 MiB stream', inFlight: 2, octets: 64 * MIB, shot: get('/long', true) },
  {
    name: 'gzip JSON 100 KB',
    inFlight: 20,
    octets: LONG_JSON.length,
    coded: LONG_JSON_GZIP.length,
    shot: () => ({
      method: 'GET',
      path: '/coded',
      headers: { ...plain, 'accept-encoding': 'gzip' },
      body: undefined,
      stream: undefined,
      drain: false,
    }),
  },
  { name: 'one at a time', inFlight: 1, octets: JSON_OCTETS.length, shot: getJson },
]
