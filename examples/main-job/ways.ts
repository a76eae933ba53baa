/** Each library three ways: as it is, with its own HTTP/2 switched on, and on ours. */
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

/** How a server with this certificate is asked. */
export interface Trust {
  readonly ca: string
}

/** One library in one mode: sends a request, and gives the trailer `x-checksum` where it shows one. */
export interface Way {
  send(url: string, method: 'GET' | 'POST'): Promise<string | undefined>
  close(): Promise<void> | void
}

/** Bodies are looked at: an answer counts only when it is this one. */
export const ANSWER = 'here'

/** A connection that was idle for a second is asked whether it is there; the default is ten, too long for a demonstration. */
const DEAD_AFTER = { verifyAfter: 1000, pingTimeout: 500 }

const ourPool = ({ ca }: Trust): Pool => new Pool({ tls: { ca }, ...DEAD_AFTER })

export const libraryWays: Readonly<Record<string, (mode: Mode, trust: Trust) => Way>> = {
  axios(mode, trust) {
    const pool = ourPool(trust)
    const httpsAgent = new https.Agent({ ...trust, keepAlive: true })
    const options = {
      'as it is': { httpsAgent },
      // Its types do not know these options yet.
      'its own HTTP/2': { httpVersion: 2, http2Options: { ...trust, sessionTimeout: 60_000 } } as object,
      'on ours': { adapter: createHyperAdapter({ pool }) },
    }
    return axiosWay(axios.create({ ...options[mode], responseType: 'text' }), () => {
      httpsAgent.destroy()
      return pool.destroy()
    })
  },
  'undici.request': (mode, trust) => requestWay(dispatcherFor(mode, trust)),
  fetch(mode, trust) {
    if (mode === 'on ours') {
      const pool = ourPool(trust)
      return fetchWay(createFetch({ pool }), () => pool.destroy())
    }
    const dispatcher = dispatcherFor(mode, trust)
    const fetch = (url: string, init: object): Promise<Response> =>
      undiciFetch(url, { ...init, dispatcher }) as unknown as Promise<Response>
    return fetchWay(fetch, () => dispatcher.destroy())
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
    return gotWay(clients[mode](), () => {
      agent.destroy()
      return pool.destroy()
    })
  },
}

function dispatcherFor(mode: Mode, trust: Trust): Dispatcher {
  if (mode === 'on ours') return new HyperDispatcher({ connect: { ...trust }, ...DEAD_AFTER })
  return new Agent({ connect: { ...trust }, allowH2: mode === 'its own HTTP/2' })
}

/** @throws {Error} when it is not the whole answer. */
function check(status: number, body: string): void {
  if (status !== 200 || body !== ANSWER) throw new Error(`status ${status}, ${body.length} octets`)
}

function axiosWay(client: AxiosInstance, close: Way['close']): Way {
  return {
    async send(url, method) {
      const response = await client.request<string>({ url, method, ...(method === 'POST' && { data: 'x' }) })
      check(response.status, response.data)
      return 'trailers' in response ? (response.trailers as Record<string, string>)['x-checksum'] : undefined
    },
    close,
  }
}

function requestWay(dispatcher: Dispatcher): Way {
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

function fetchWay(fetch: (url: string, init: object) => Promise<Response>, close: Way['close']): Way {
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

function gotWay(client: Got, close: Way['close']): Way {
  return {
    async send(url, method) {
      const response = await client(url, { method, ...(method === 'POST' && { body: 'x' }) })
      check(response.statusCode, response.body)
      return response.trailers['x-checksum']
    },
    close,
  }
}
