/**
 * The libraries of the matrix, on ours and by themselves: each is a function that makes one request and gives the octets of
 * its response, as the library's users take them. Each is loaded only in the process that runs it.
 */
import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Pool as HyperPool } from '../../src/index.ts'
import { built } from '../built.ts'
import type { Protocol } from './servers.ts'
import type { Shot } from './works.ts'

/** Where a client goes, and by what. */
export interface Place {
  readonly origin: string
  readonly ca: string
  readonly protocol: Protocol
}

export interface Sender {
  send(shot: Shot): Promise<number>
  close(): Promise<void> | void
}

/** HTTP/1.1: as many connections as requests in flight at most. */
export const CONNECTIONS = 50

export const overHttp2 = (protocol: Protocol): boolean => protocol === 'HTTP/2 TLS' || protocol === 'h2c'

export async function makePool({ ca, protocol }: Place): Promise<HyperPool> {
  const { Pool } = await built<typeof import('../../src/index.ts')>('src/index')
  return new Pool({
    tls: { ca },
    ...(overHttp2(protocol) ? {} : { allowH2: false, connections: CONNECTIONS }),
    ...(protocol === 'h2c' ? { h2c: 'prior-knowledge' as const } : {}),
  })
}

/** The server answers uploads with 204. */
export function expectGood(status: number): void {
  if (status !== 200 && status !== 204) throw new Error(`status ${status}`)
}

export async function drained(body: AsyncIterable<unknown> | null): Promise<number> {
  let octets = 0
  if (body !== null) for await (const chunk of body) octets += (chunk as Uint8Array).byteLength
  return octets
}

/** By events: what costs least of a Node stream. */
export function drainedByEvents(stream: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let octets = 0
    stream.on('data', (chunk: Buffer) => {
      octets += chunk.length
    })
    stream.once('end', () => resolve(octets))
    stream.once('error', reject)
  })
}

/** undici's own dispatcher for a protocol, or ours. */
export async function dispatcherFor(place: Place, ours: boolean): Promise<Dispatcher> {
  if (ours) {
    const { HyperDispatcher } = await built<typeof import('../../adapters/undici.ts')>('adapters/undici')
    return new HyperDispatcher({ pool: await makePool(place) })
  }
  const { Agent, H2CClient } = await import('undici')
  if (place.protocol === 'h2c') return new H2CClient(place.origin, { pipelining: 100, maxConcurrentStreams: 100 })
  return new Agent({
    connect: { ca: place.ca },
    ...(overHttp2(place.protocol) ? { allowH2: true } : { allowH2: false, connections: CONNECTIONS }),
  })
}

export async function undiciRequest(place: Place, ours: boolean): Promise<Sender> {
  const { request } = await import('undici')
  const dispatcher = await dispatcherFor(place, ours)
  return {
    send: async ({ path, method, headers, body, stream, drain }) => {
      const response = await request(`${place.origin}${path}`, {
        dispatcher,
        method,
        headers,
        body: body ?? stream?.() ?? null,
      })
      expectGood(response.statusCode)
      return drain ? drainedByEvents(response.body) : (await response.body.arrayBuffer()).byteLength
    },
    close: () => dispatcher.close(),
  }
}

/** What both kinds of fetch take: undici's, and ours by the same name. */
type AnyFetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body: Buffer | Readable | null; duplex?: 'half' },
) => Promise<{ status: number; body: AsyncIterable<unknown> | null; arrayBuffer(): Promise<ArrayBuffer> }>

function fetchSender(fetch: AnyFetch, origin: string, close: () => Promise<void>): Sender {
  return {
    send: async ({ path, method, headers, body, stream, drain }) => {
      const init = { method, headers, body: body ?? stream?.() ?? null }
      const response = await fetch(`${origin}${path}`, stream === undefined ? init : { ...init, duplex: 'half' })
      expectGood(response.status)
      return drain ? drained(response.body) : (await response.arrayBuffer()).byteLength
    },
    close,
  }
}

export async function undiciFetch(place: Place, ours: boolean): Promise<Sender> {
  const { fetch } = await import('undici')
  const dispatcher = await dispatcherFor(place, ours)
  const send: AnyFetch = (url, init) => fetch(url, { ...init, dispatcher })
  return fetchSender(send, place.origin, () => dispatcher.close())
}

export async function ourFetch(place: Place): Promise<Sender> {
  const { createFetch } = await built<typeof import('../../adapters/fetch.ts')>('adapters/fetch')
  const pool = await makePool(place)
  const fetch = createFetch({ pool })
  // Its type is the global fetch's, which does not name the Node streams that it takes.
  const send: AnyFetch = (url, { body, ...init }) => fetch(url, { ...init, body: body as RequestInit['body'] })
  return fetchSender(send, place.origin, () => pool.close())
}

function nodeAgents(ca: string): { http: http.Agent; https: https.Agent; close: () => void } {
  const options = { keepAlive: true, maxSockets: CONNECTIONS }
  const agents = { http: new http.Agent(options), https: new https.Agent({ ...options, ca }) }
  return {
    ...agents,
    close: () => {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

export async function axiosClient(place: Place, ours: boolean): Promise<Sender> {
  const { default: axios } = await import('axios')
  const { createHyperAdapter } = await built<typeof import('../../adapters/axios.ts')>('adapters/axios')
  const pool = await makePool(place)
  const agents = nodeAgents(place.ca)
  // Its option type does not list those of HTTP/2 yet.
  const http2: object = { httpVersion: 2, http2Options: { ca: place.ca, sessionTimeout: 60_000 } }
  const http1 = { httpAgent: agents.http, httpsAgent: agents.https }
  const instance = axios.create({
    ...(ours ? { adapter: createHyperAdapter({ pool }) } : overHttp2(place.protocol) ? http2 : http1),
    // The stream is made anew for each request, but axios would keep all of it to follow a redirect.
    maxRedirects: 0,
  })
  return {
    send: async ({ path, method, headers, body, stream, drain }) => {
      const { status, data } = await instance.request<Buffer | Readable>({
        url: `${place.origin}${path}`,
        method,
        headers,
        data: body ?? stream?.(),
        responseType: drain ? 'stream' : 'arraybuffer',
        maxBodyLength: Number.POSITIVE_INFINITY,
      })
      expectGood(status)
      return 'byteLength' in data ? data.byteLength : drainedByEvents(data)
    },
    close: async () => {
      agents.close()
      await pool.close()
    },
  }
}

export async function gotClient(place: Place, ours: boolean): Promise<Sender> {
  const { default: got } = await import('got')
  const { hyperGot } = await built<typeof import('../../adapters/got.ts')>('adapters/got')
  const pool = await makePool(place)
  const agents = nodeAgents(place.ca)
  const https = { certificateAuthority: place.ca }
  const own = overHttp2(place.protocol)
    ? { http2: true, https }
    : { agent: { http: agents.http, https: agents.https }, https }
  const instance = ours ? got.extend(hyperGot({ pool })) : got.extend(own)
  const common = { retry: { limit: 0 } }
  return {
    send: async ({ path, method, headers, body, stream, drain }) => {
      const url = `${place.origin}${path}`
      if (drain) return drainedByEvents(instance.stream(url, { ...common, method, headers }))
      const sent = body ?? stream?.()
      const { statusCode, body: received } = await instance(url, {
        ...common,
        method,
        headers,
        ...(sent === undefined ? {} : { body: sent }),
        responseType: 'buffer',
        resolveBodyOnly: false,
      })
      expectGood(statusCode)
      return received.length
    },
    close: async () => {
      agents.close()
      await pool.close()
    },
  }
}

/** node-fetch, which takes an agent and has no shim. */
export async function nodeFetchClient(place: Place, ours: boolean): Promise<Sender> {
  const { default: nodeFetch } = await import('node-fetch')
  const { createHyperAgent } = await built<typeof import('../../adapters/agent.ts')>('adapters/agent')
  const pool = await makePool(place)
  const own = nodeAgents(place.ca)
  const made = ours ? createHyperAgent({ pool }) : own
  const agent = place.origin.startsWith('https:') ? made.https : made.http
  return {
    send: async ({ path, method, headers, body, stream, drain }) => {
      const response = await nodeFetch(`${place.origin}${path}`, {
        agent,
        method,
        headers,
        body: body ?? stream?.() ?? null,
      })
      expectGood(response.status)
      if (drain) return drained(response.body)
      return (await response.arrayBuffer()).byteLength
    },
    close: async () => {
      own.close()
      await pool.close()
    },
  }
}

export async function httpConnection(place: Place): Promise<Sender> {
  const { HTTPConnection } = await built<typeof import('../../src/index.ts')>('src/index')
  const http2 = overHttp2(place.protocol)
  const connection = new HTTPConnection(place.origin, {
    tls: { ca: place.ca },
    forceProtocol: http2 ? 'h2' : 'http/1.1',
    ...(http2 ? {} : { connections: CONNECTIONS }),
  })
  return {
    send: async ({ path, method, headers, body, stream, drain }) => {
      const response = await connection.roundTrip(method, path, { headers, body: body ?? stream?.() })
      expectGood(response.status)
      return drain ? drained(response.readChunked()) : (await response.read()).length
    },
    close: () => connection.close(),
  }
}
