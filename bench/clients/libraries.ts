/** The libraries, each over our transport and over its own best. Each client is loaded only in the process that runs it. */
import https from 'node:https'
import { built } from '../built.ts'
import { type BenchClient, promiseLoop } from '../contract.ts'

type Get = (path: string) => Promise<number>

export function client(get: Get, close: () => Promise<void> | void): BenchClient {
  return { run: (turn, meter) => promiseLoop(turn, meter, get), close }
}

export function expect200(status: number): void {
  if (status !== 200) throw new Error(`status ${status}`)
}

/** The bytes of a response, as each library's users take them. */
export async function lengthOf(response: Response): Promise<number> {
  expect200(response.status)
  return (await response.arrayBuffer()).byteLength
}

export async function undiciRequest(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { request, Agent } = await import('undici')
  const { HyperDispatcher } = await built<typeof import('../../adapters/undici.ts')>('adapters/undici')
  const dispatcher = ours ? new HyperDispatcher({ connect: { ca } }) : new Agent({ allowH2: true, connect: { ca } })
  return client(
    async (path) => {
      const { statusCode, body } = await request(`${origin}${path}`, { dispatcher })
      expect200(statusCode)
      return (await body.arrayBuffer()).byteLength
    },
    () => dispatcher.close(),
  )
}

export async function undiciFetch(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { fetch, Agent } = await import('undici')
  const { HyperDispatcher } = await built<typeof import('../../adapters/undici.ts')>('adapters/undici')
  const dispatcher = ours ? new HyperDispatcher({ connect: { ca } }) : new Agent({ allowH2: true, connect: { ca } })
  return client(
    async (path) => {
      const response = await fetch(`${origin}${path}`, { dispatcher })
      expect200(response.status)
      return (await response.arrayBuffer()).byteLength
    },
    () => dispatcher.close(),
  )
}

export async function ourFetch(origin: string, ca: string): Promise<BenchClient> {
  const { createFetch } = await built<typeof import('../../adapters/fetch.ts')>('adapters/fetch')
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  const pool = new Pool({ tls: { ca } })
  const fetch = createFetch({ pool })
  return client(
    async (path) => lengthOf(await fetch(`${origin}${path}`)),
    () => pool.close(),
  )
}

export async function axiosClient(origin: string, ca: string, kind: 'ours' | 'http2' | 'http1'): Promise<BenchClient> {
  const { default: axios } = await import('axios')
  const { createHyperAdapter } = await built<typeof import('../../adapters/axios.ts')>('adapters/axios')
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  const pool = new Pool({ tls: { ca } })
  const agent = new https.Agent({ ca, keepAlive: true })
  const options = {
    ours: { adapter: createHyperAdapter({ pool }) },
    // Its option type does not list them yet.
    http2: { httpVersion: 2, http2Options: { ca, sessionTimeout: 60_000 } } as object,
    http1: { httpsAgent: agent },
  }[kind]
  const instance = axios.create({ ...options, responseType: 'arraybuffer' })
  return client(
    async (path) => {
      const { status, data } = await instance.get<Buffer>(`${origin}${path}`)
      expect200(status)
      return data.byteLength
    },
    async () => {
      agent.destroy()
      await pool.close()
    },
  )
}

export async function gotClient(origin: string, ca: string, ours: boolean): Promise<BenchClient> {
  const { default: got } = await import('got')
  const { hyperGot } = await built<typeof import('../../adapters/got.ts')>('adapters/got')
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  const pool = new Pool({ tls: { ca } })
  const instance = ours
    ? got.extend(hyperGot({ pool }))
    : got.extend({ http2: true, https: { certificateAuthority: ca } })
  return client(
    async (path) => {
      const { statusCode, body } = await instance.get(`${origin}${path}`, {
        responseType: 'buffer',
        resolveBodyOnly: false,
        retry: { limit: 0 },
      })
      expect200(statusCode)
      return body.length
    },
    () => pool.close(),
  )
}
