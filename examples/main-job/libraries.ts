/** Five libraries, called as their users call them, all over one pool. */
import { Readable } from 'node:stream'
import axios from 'axios'
import got, { type Got } from 'got'
import type { Pool } from 'hyper-transport'
import { createHyperAdapter } from 'hyper-transport/axios'
import { createFetch } from 'hyper-transport/fetch'
import { hyperGot } from 'hyper-transport/got'
import { HyperDispatcher, install } from 'hyper-transport/undici'
import { request } from 'undici'

export interface Reply {
  readonly status: number
  readonly protocol: string
  readonly body: Buffer
  /** The x-checksum trailer: undefined when there was none, null when the library cannot show trailers. */
  readonly trailer: string | null | undefined
}

export interface Library {
  readonly name: string
  get(url: string, signal?: AbortSignal): Promise<Reply>
  /** Sends JSON, returns what JSON came back. */
  postJson(url: string, value: unknown): Promise<unknown>
  upload(url: string, source: Readable): Promise<Reply>
  /** Reads the body as a stream, chunk by chunk. */
  download(url: string, onChunk: (chunk: Uint8Array) => void): Promise<number>
  /** Is this the error with which the library ends an aborted request? */
  isAbort(error: unknown): boolean
}

export function libraries(pool: Pool): Library[] {
  const dispatcher = new HyperDispatcher({ pool })
  install(dispatcher)
  return [
    axiosLibrary(pool),
    undiciLibrary(dispatcher),
    fetchLibrary("Node's fetch", globalThis.fetch, null),
    gotLibrary(got.extend(hyperGot({ pool }))),
    fetchLibrary('our fetch', createFetch({ pool }), undefined),
  ]
}

function axiosLibrary(pool: Pool): Library {
  const client = axios.create({ adapter: createHyperAdapter({ pool }) })
  return {
    name: 'axios',
    async get(url, signal) {
      const response = await client.get<Buffer>(url, { responseType: 'arraybuffer', ...(signal && { signal }) })
      const trailers = 'trailers' in response ? (response.trailers as Record<string, string>) : {}
      return {
        status: response.status,
        protocol: String(response.headers['x-protocol'] ?? '-'),
        body: response.data,
        trailer: trailers['x-checksum'],
      }
    },
    postJson: async (url, value) => (await client.post<unknown>(url, value)).data,
    async upload(url, source) {
      const { status, headers, data } = await client.post<Buffer>(url, source, { responseType: 'arraybuffer' })
      return { status, protocol: String(headers['x-protocol']), body: data, trailer: undefined }
    },
    async download(url, onChunk) {
      const { status, data } = await client.get<Readable>(url, { responseType: 'stream' })
      for await (const chunk of data) onChunk(chunk)
      return status
    },
    isAbort: (error) => axios.isCancel(error),
  }
}

function undiciLibrary(dispatcher: HyperDispatcher): Library {
  return {
    name: 'undici.request',
    async get(url, signal) {
      const { statusCode, headers, body, trailers } = await request(url, { dispatcher, signal: signal ?? null })
      let octets = Buffer.from(await body.arrayBuffer())
      // undici.request hands a body on as it came; its users decode it themselves.
      if (headers['content-encoding'] === 'gzip') octets = Buffer.from((await import('node:zlib')).gunzipSync(octets))
      return {
        status: statusCode,
        protocol: String(headers['x-protocol'] ?? '-'),
        body: octets,
        trailer: trailers['x-checksum'],
      }
    },
    async postJson(url, value) {
      const { body } = await request(url, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(value),
      })
      return body.json()
    },
    async upload(url, source) {
      const { statusCode, headers, body } = await request(url, { dispatcher, method: 'POST', body: source })
      const octets = Buffer.from(await body.arrayBuffer())
      return { status: statusCode, protocol: String(headers['x-protocol']), body: octets, trailer: undefined }
    },
    async download(url, onChunk) {
      const { statusCode, body } = await request(url, { dispatcher })
      for await (const chunk of body) onChunk(chunk)
      return statusCode
    },
    isAbort: (error) => error instanceof Error && error.name === 'AbortError',
  }
}

function fetchLibrary(name: string, fetch: typeof globalThis.fetch, noTrailers: null | undefined): Library {
  return {
    name,
    async get(url, signal) {
      const response = await fetch(url, { signal: signal ?? null })
      const body = Buffer.from(await response.arrayBuffer())
      const trailers = 'trailers' in response ? await (response.trailers as Promise<Headers>) : undefined
      return {
        status: response.status,
        protocol: response.headers.get('x-protocol') ?? '-',
        body,
        trailer: trailers === undefined ? noTrailers : (trailers.get('x-checksum') ?? undefined),
      }
    },
    async postJson(url, value) {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(value) })).json()
    },
    async upload(url, source) {
      // `duplex` is what fetch demands of a streamed body; not every version of the types knows it.
      const init = { method: 'POST', body: Readable.toWeb(source), duplex: 'half' } as RequestInit
      const response = await fetch(url, init)
      return {
        status: response.status,
        protocol: response.headers.get('x-protocol') ?? '-',
        body: Buffer.from(await response.arrayBuffer()),
        trailer: undefined,
      }
    },
    async download(url, onChunk) {
      const { status, body } = await fetch(url)
      if (body !== null) for await (const chunk of body) onChunk(chunk)
      return status
    },
    isAbort: (error) => error instanceof DOMException && error.name === 'AbortError',
  }
}

function gotLibrary(client: Got): Library {
  return {
    name: 'got',
    async get(url, signal) {
      const response = await client.get(url, { responseType: 'buffer', ...(signal && { signal }) })
      return {
        status: response.statusCode,
        protocol: String(response.headers['x-protocol'] ?? '-'),
        body: Buffer.from(response.body),
        trailer: response.trailers['x-checksum'],
      }
    },
    postJson: (url, value) => client.post(url, { json: value }).json(),
    async upload(url, source) {
      const response = await client.post(url, { body: source, responseType: 'buffer' })
      return {
        status: response.statusCode,
        protocol: String(response.headers['x-protocol']),
        body: Buffer.from(response.body),
        trailer: undefined,
      }
    },
    async download(url, onChunk) {
      const stream = client.stream(url)
      let status = 0
      stream.on('response', (response: { statusCode: number }) => {
        status = response.statusCode
      })
      for await (const chunk of stream) onChunk(chunk)
      return status
    },
    isAbort: (error) => error instanceof Error && error.name === 'AbortError',
  }
}
