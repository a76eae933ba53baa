/** Clients over HTTP/1.1, clear or TLS: each library on ours, and by itself. Each is loaded only in the process that runs it. */
import http from 'node:http'
import https from 'node:https'
import type { FieldList } from '../../src/index.ts'
import { built } from '../built.ts'
import type { BenchClient, Meter, Turn } from '../contract.ts'
import { client, expect200, lengthOf } from './libraries.ts'

/** Connections at once: as many as requests in flight. */
const CONNECTIONS = 50
const headers = { accept: 'application/json', 'user-agent': 'bench' }

async function makePool(ca: string): Promise<import('../../src/index.ts').Pool> {
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  return new Pool({ tls: { ca }, allowH2: false, connections: CONNECTIONS })
}

/** Keeps requests in flight for a client of callbacks. */
function loop(turn: Turn, meter: Meter, begin: (next: (good: boolean, error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let open = 0
    const start = (): void => {
      open++
      const at = performance.now()
      begin((good, error) => {
        meter.done(at, good, error)
        open--
        if (meter.more && meter.errors < 1000) start()
        else if (open === 0) resolve()
      })
    }
    for (let i = 0; i < turn.inFlight; i++) start()
  })
}

export async function poolHttp1(origin: string, ca: string): Promise<BenchClient> {
  const pool = await makePool(ca)
  class Handler {
    private good = false
    private octets = 0
    private readonly next: (good: boolean, error?: Error) => void
    private readonly turn: Turn
    constructor(turn: Turn, next: (good: boolean, error?: Error) => void) {
      this.turn = turn
      this.next = next
    }
    onHeaders(status: number, _fields: FieldList): void {
      this.good = status === 200
    }
    onData(chunk: Buffer): void {
      this.octets += chunk.length
    }
    onEnd(): void {
      this.next(this.good && this.octets === this.turn.octets)
    }
    onError(error: Error): void {
      this.next(false, error)
    }
  }
  return {
    run: (turn, meter) =>
      loop(turn, meter, (next) => {
        pool.dispatch({ origin, method: 'GET', path: turn.path, headers }, new Handler(turn, next))
      }),
    close: () => pool.close(),
  }
}

/** undici's own dispatch, over its Agent. */
export async function undiciDispatch(origin: string, ca: string): Promise<BenchClient> {
  const { Agent } = await import('undici')
  const agent = new Agent({ connect: { ca }, connections: CONNECTIONS, allowH2: false })
  class Handler {
    private good = false
    private octets = 0
    private readonly next: (good: boolean, error?: Error) => void
    private readonly turn: Turn
    constructor(turn: Turn, next: (good: boolean, error?: Error) => void) {
      this.turn = turn
      this.next = next
    }
    onRequestStart(): void {}
    onResponseStart(_controller: unknown, status: number): void {
      this.good = status === 200
    }
    onResponseData(_controller: unknown, chunk: Buffer): void {
      this.octets += chunk.length
    }
    onResponseEnd(): void {
      this.next(this.good && this.octets === this.turn.octets)
    }
    onResponseError(_controller: unknown, error: Error): void {
      this.next(false, error)
    }
  }
  return {
    run: (turn, meter) =>
      loop(turn, meter, (next) => {
        agent.dispatch({ origin, method: 'GET', path: turn.path, headers }, new Handler(turn, next))
      }),
    close: () => agent.close(),
  }
}

export async function undiciRequest1(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { request, Agent } = await import('undici')
  const { HyperDispatcher } = await built<typeof import('../../adapters/undici.ts')>('adapters/undici')
  const options = { connect: { ca }, connections: CONNECTIONS, allowH2: false }
  const dispatcher = ours ? new HyperDispatcher(options) : new Agent(options)
  return client(
    async (path) => {
      const { statusCode, body } = await request(`${origin}${path}`, { dispatcher, headers })
      expect200(statusCode)
      return (await body.arrayBuffer()).byteLength
    },
    () => dispatcher.close(),
  )
}

export async function undiciFetch1(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { fetch, Agent } = await import('undici')
  const { HyperDispatcher } = await built<typeof import('../../adapters/undici.ts')>('adapters/undici')
  const options = { connect: { ca }, connections: CONNECTIONS, allowH2: false }
  const dispatcher = ours ? new HyperDispatcher(options) : new Agent(options)
  return client(
    async (path) => lengthOf(await fetch(`${origin}${path}`, { dispatcher, headers })),
    () => dispatcher.close(),
  )
}

export async function ourFetch1(origin: string, ca: string): Promise<BenchClient> {
  const { createFetch } = await built<typeof import('../../adapters/fetch.ts')>('adapters/fetch')
  const pool = await makePool(ca)
  const fetch = createFetch({ pool })
  return client(
    async (path) => lengthOf(await fetch(`${origin}${path}`, { headers })),
    () => pool.close(),
  )
}

export async function axios1(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { default: axios } = await import('axios')
  const { createHyperAdapter } = await built<typeof import('../../adapters/axios.ts')>('adapters/axios')
  const pool = await makePool(ca)
  const agents = {
    httpAgent: new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS }),
    httpsAgent: new https.Agent({ ca, keepAlive: true, maxSockets: CONNECTIONS }),
  }
  const instance = axios.create({
    ...(ours ? { adapter: createHyperAdapter({ pool }) } : agents),
    responseType: 'arraybuffer',
    headers,
  })
  return client(
    async (path) => {
      const { status, data } = await instance.get<Buffer>(`${origin}${path}`)
      expect200(status)
      return data.byteLength
    },
    async () => {
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
      await pool.close()
    },
  )
}

export async function got1(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { default: got } = await import('got')
  const { hyperGot } = await built<typeof import('../../adapters/got.ts')>('adapters/got')
  const pool = await makePool(ca)
  const agent = {
    http: new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS }),
    https: new https.Agent({ keepAlive: true, maxSockets: CONNECTIONS }),
  }
  const instance = ours ? got.extend(hyperGot({ pool })) : got.extend({ agent, https: { certificateAuthority: ca } })
  return client(
    async (path) => {
      const options = { responseType: 'buffer', resolveBodyOnly: false, retry: { limit: 0 }, headers } as const
      const { statusCode, body } = await instance.get(`${origin}${path}`, options)
      expect200(statusCode)
      return body.length
    },
    async () => {
      agent.http.destroy()
      agent.https.destroy()
      await pool.close()
    },
  )
}
