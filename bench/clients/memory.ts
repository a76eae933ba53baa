/**
 * The libraries on transports that answer from memory: what they cost by themselves. Each answer is what the benchmark's
 * servers give: a few fields, and the body in the pieces that came.
 *
 * Each request goes out raw, by our dispatch, and the library is answered when the raw answer has come. So both costs are
 * there, at the pace and in the portions that they have in earnest, and nothing of a shim's.
 */
import { EventEmitter } from 'node:events'
import { Readable, Writable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Exchange, ExchangeHandler, FieldList, Transport } from '../../src/index.ts'
import { built } from '../built.ts'
import { type BenchClient, promiseLoop } from '../contract.ts'

const FIELDS: FieldList = [
  'server',
  'memory',
  'date',
  'Sun, 22 Nov 2026 12:00:00 GMT',
  'content-type',
  'application/octet-stream',
]
const HEADERS: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from({ length: FIELDS.length / 2 }, (_, i) => [FIELDS[2 * i], FIELDS[2 * i + 1]]),
)
const RAW = FIELDS.map((text) => Buffer.from(text))

/** Sends a request raw; `run` is called with the body when its answer is complete. */
type Raw = (path: string, run: (pieces: readonly Buffer[]) => void) => void

async function rawDispatch(origin: string, ca: string): Promise<{ send: Raw; close: () => Promise<void> }> {
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  const pool = new Pool({ tls: { ca } })
  const headers = ['user-agent', 'bench', 'accept', '*/*']
  class Handler {
    readonly dataUse = 'kept'
    private readonly pieces: Buffer[] = []
    private readonly run: (pieces: readonly Buffer[]) => void
    constructor(run: (pieces: readonly Buffer[]) => void) {
      this.run = run
    }
    onHeaders(status: number): void {
      if (status !== 200) throw new Error(`status ${status}`)
    }
    onData(chunk: Buffer): void {
      this.pieces.push(chunk)
    }
    onEnd(): void {
      this.run(this.pieces)
    }
    onError(error: Error): void {
      throw error
    }
  }
  return {
    send: (path, run) => {
      pool.dispatch({ origin, method: 'GET', path, headers }, new Handler(run))
    },
    close: () => pool.close(),
  }
}

function client(get: (path: string) => Promise<number>, close: () => Promise<void>): BenchClient {
  return { run: (turn, meter) => promiseLoop(turn, meter, get), close }
}

/** A dispatcher as undici's own are, but for the net. */
async function memoryDispatcher(send: Raw): Promise<Dispatcher> {
  const { Dispatcher: Base } = await import('undici')
  class Memory extends Base {
    override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      const controller = {
        rawHeaders: RAW,
        rawTrailers: [],
        aborted: false,
        paused: false,
        reason: null,
        abort() {},
        pause() {},
        resume() {},
      } as unknown as Dispatcher.DispatchController
      handler.onRequestStart?.(controller, {})
      send(options.path, (pieces) => {
        handler.onResponseStart?.(controller, 200, { ...HEADERS }, 'OK')
        for (const piece of pieces) handler.onResponseData?.(controller, piece)
        handler.onResponseEnd?.(controller, {})
      })
      return true
    }
  }
  return new Memory()
}

export async function undiciRequest(origin: string, ca: string): Promise<BenchClient> {
  const { send, close } = await rawDispatch(origin, ca)
  const { request } = await import('undici')
  const dispatcher = await memoryDispatcher(send)
  return client(async (path) => {
    const { body } = await request(`${origin}${path}`, { dispatcher })
    return (await body.arrayBuffer()).byteLength
  }, close)
}

export async function undiciFetch(origin: string, ca: string): Promise<BenchClient> {
  const { send, close } = await rawDispatch(origin, ca)
  const { fetch } = await import('undici')
  const dispatcher = await memoryDispatcher(send)
  return client(
    async (path) => (await (await fetch(`${origin}${path}`, { dispatcher })).arrayBuffer()).byteLength,
    close,
  )
}

/** Our fetch is a library of its own: it stands on a transport, not on a shim. */
export async function ourFetch(origin: string, ca: string): Promise<BenchClient> {
  const { send, close } = await rawDispatch(origin, ca)
  const { createFetch } = await built<typeof import('../../adapters/fetch.ts')>('adapters/fetch')
  const timings = { created: 0, started: 0, headers: 0, end: 0, attempts: 1 }
  const exchange: Exchange = { connection: undefined, timings, abort() {}, pause() {}, resume() {} }
  const tell = (handler: ExchangeHandler, pieces: readonly Buffer[]): void => {
    handler.onHeaders(200, FIELDS, '')
    for (const piece of pieces) handler.onData(piece)
    handler.onEnd([])
  }
  const memory: Transport = {
    dispatch(request, handler) {
      send(request.path, (pieces) => tell(handler, pieces))
      return exchange
    },
  }
  const fetch = createFetch({ pool: memory })
  return client(async (path) => (await (await fetch(`${origin}${path}`)).arrayBuffer()).byteLength, close)
}

export async function axiosClient(origin: string, ca: string): Promise<BenchClient> {
  const { send, close } = await rawDispatch(origin, ca)
  const { default: axios } = await import('axios')
  const instance = axios.create({
    responseType: 'arraybuffer',
    adapter: (config) =>
      new Promise((resolve) => {
        send(new URL(config.url ?? '').pathname, (pieces) =>
          resolve({
            data: pieces.length === 1 ? pieces[0] : Buffer.concat(pieces),
            status: 200,
            statusText: 'OK',
            headers: new axios.AxiosHeaders({ ...HEADERS }),
            config,
            request: {},
          }),
        )
      }),
  })
  return client(async (path) => (await instance.get<Buffer>(`${origin}${path}`)).data.byteLength, close)
}

/** What got takes for a ClientRequest. */
class MemoryRequest extends Writable {
  readonly aborted = false
  readonly reusedSocket = true
  res: Readable | undefined
  readonly socket = Object.assign(new EventEmitter(), { connecting: false })
  private readonly url: string
  private readonly send: Raw

  constructor(url: string, send: Raw) {
    // It lives until its response has come.
    super({ autoDestroy: false })
    this.url = url
    this.send = send
    process.nextTick(() => this.emit('socket', this.socket))
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, callback: () => void): void {
    callback()
  }

  override _final(callback: () => void): void {
    callback()
    this.send(new URL(this.url).pathname, (pieces) => this.respond(pieces))
  }

  private respond(pieces: readonly Buffer[]): void {
    const response = Object.assign(new Readable({ read() {} }), {
      statusCode: 200,
      statusMessage: 'OK',
      headers: { ...HEADERS },
      rawHeaders: [...FIELDS],
      httpVersion: '1.1',
      complete: true,
      aborted: false,
      url: this.url,
      socket: this.socket,
      req: this,
      setTimeout() {},
    })
    for (const piece of pieces) response.push(piece)
    response.push(null)
    this.res = response
    this.emit('response', response)
  }

  setTimeout(): this {
    return this
  }
}

export async function gotClient(origin: string, ca: string): Promise<BenchClient> {
  const { send, close } = await rawDispatch(origin, ca)
  const { default: got } = await import('got')
  const instance = got.extend({ request: ((url: URL) => new MemoryRequest(url.href, send)) as never })
  return client(async (path) => {
    const options = { responseType: 'buffer', resolveBodyOnly: false, retry: { limit: 0 } } as const
    return (await instance.get(`${origin}${path}`, options)).body.length
  }, close)
}
