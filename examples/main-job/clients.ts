/** Each library in three modes: as it is, with its own HTTP/2 switched on, and on ours. */
import https from 'node:https'
import axios, { type AxiosInstance } from 'axios'
import got, { type Got } from 'got'
import { Pool } from 'hyper-transport'
import { createHyperAdapter } from 'hyper-transport/axios'
import { createFetch } from 'hyper-transport/fetch'
import { hyperGot } from 'hyper-transport/got'
import { HyperDispatcher } from 'hyper-transport/undici'
import { Agent, type Dispatcher, request, fetch as undiciFetch } from 'undici'

export const MODES = ['as it is', 'its own HTTP/2', 'on ours'] as const
export type Mode = (typeof MODES)[number]

/** The authority that signed the server's certificate. */
export interface Trust {
  readonly ca: string
}

/** One library in one mode: sends a request, and gives the trailer `x-checksum` where it shows one. */
export interface Client {
  send(url: string, method: 'GET' | 'POST'): Promise<string | undefined>
  close(): Promise<void> | void
}

/** The body that the origin sends: any other counts as a lost request. */
export const ANSWER = 'here'

/** A connection that was idle for 1 s is checked by a PING. The default is 10 s, too long for a demonstration. */
const LIVENESS = { verifyAfter: 1000, pingTimeout: 500 }

const ourPool = ({ ca }: Trust): Pool => new Pool({ tls: { ca }, ...LIVENESS })

export const clientMakers: Readonly<Record<string, (mode: Mode, trust: Trust) => Client>> = {
  axios(mode, trust) {
    const pool = ourPool(trust)
    const httpsAgent = new https.Agent({ ...trust, keepAlive: true })
    const options = {
      'as it is': { httpsAgent },
      // Its types do not know these options yet.
      'its own HTTP/2': { httpVersion: 2, http2Options: { ...trust, sessionTimeout: 60_000 } } as object,
      'on ours': { adapter: createHyperAdapter({ pool }) },
    }
    return axiosClient(axios.create({ ...options[mode], responseType: 'text' }), () => {
      httpsAgent.destroy()
      return pool.destroy()
    })
  },
  'undici.request': (mode, trust) => requestClient(dispatcherFor(mode, trust)),
  fetch(mode, trust) {
    if (mode === 'on ours') {
      const pool = ourPool(trust)
      return fetchClient(createFetch({ pool }), () => pool.destroy())
    }
    const dispatcher = dispatcherFor(mode, trust)
    const fetch = (url: string, init: object): Promise<Response> =>
      undiciFetch(url, { ...init, dispatcher }) as unknown as Promise<Response>
    return fetchClient(fetch, () => dispatcher.destroy())
  },
  got(mode, trust) {
    const pool = ourPool(trust)
    const agent = new https.Agent({ keepAlive: true })
    const own = { https: { certificateAuthority: trust.ca } }
    const clients: Record<Mode, () => Got> = {
      'as it is': () => got.extend({ ...own, agent: { https: agent } }),
      'its own HTTP/2': () => got.extend({ ...own, http2: true }),
      'on ours': () => got.extend(hyperGot({ pool })),
    }
    return gotClient(clients[mode](), () => {
      agent.destroy()
      return pool.destroy()
    })
  },
}

function dispatcherFor(mode: Mode, trust: Trust): Dispatcher {
  if (mode === 'on ours') return new HyperDispatcher({ connect: { ...trust }, ...LIVENESS })
  return new Agent({ connect: { ...trust }, allowH2: mode === 'its own HTTP/2' })
}

/** @throws {Error} unless the response is complete and successful. */
function check(status: number, body: string): void {
  if (status !== 200 || body !== ANSWER) throw new Error(`status ${status}, ${body.length} octets`)
}

function axiosClient(client: AxiosInstance, close: Client['close']): Client {
  return {
    async send(url, method) {
      const response = await client.request<string>({ url, method, ...(method === 'POST' && { data: 'x' }) })
      check(response.status, response.data)
      return 'trailers' in response ? (response.trailers as Record<string, string>)['x-checksum'] : undefined
    },
    close,
  }
}

function requestClient(dispatcher: Dispatcher): Client {
  return {
    async send(url, method) {
      const { statusCode, body, trailers } = await request(url, {
        dispatcher,
        method,
        ...(method === 'POST' && { body: 'x' }),
      })
      check(statusCode, await body.text())
      return trailers['x-checksum']
    },
    close: () => dispatcher.destroy(),
  }
}

function fetchClient(fetch: (url: string, init: object) => Promise<Response>, close: Client['close']): Client {
  return {
    async send(url, method) {
      const response = await fetch(url, { method, ...(method === 'POST' && { body: 'x' }) })
      check(response.status, await response.text())
      const trailers = 'trailers' in response ? await (response.trailers as Promise<Headers>) : undefined
      return trailers?.get('x-checksum') ?? undefined
    },
    close,
  }
}

function gotClient(client: Got, close: Client['close']): Client {
  return {
    async send(url, method) {
      const response = await client(url, { method, ...(method === 'POST' && { body: 'x' }) })
      check(response.statusCode, response.body)
      return response.trailers['x-checksum']
    },
    close,
  }
}
