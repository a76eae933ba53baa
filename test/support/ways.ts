/** Every way into a pool, as a caller of each library writes it: the same call, the same outcome in one shape. */
import http from 'node:http'
import { text } from 'node:stream/consumers'
import axios from 'axios'
import got from 'got'
import { fetch as undiciFetch, request as undiciRequest } from 'undici'
import { createHyperAgent } from '../../adapters/agent.ts'
import { HyperRequestHandler } from '../../adapters/aws.ts'
import { createHyperAdapter } from '../../adapters/axios.ts'
import { createFetch } from '../../adapters/fetch.ts'
import { hyperGot } from '../../adapters/got.ts'
import { HyperDispatcher } from '../../adapters/undici.ts'
import type { Pool } from '../../src/index.ts'

export interface WayCall {
  readonly method: string
  /** `http:` */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
}

export interface WayAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** @throws what the library throws. */
export type Way = (call: WayCall) => Promise<WayAnswer>

/** By name: each library's own retries are off, so that what is sent again is sent again by the pool. */
export function waysOver(pool: Pool): Readonly<Record<string, Way>> {
  const adapter = createHyperAdapter({ pool })
  const dispatcher = new HyperDispatcher({ pool })
  const fetch = createFetch({ pool })
  const agent = createHyperAgent({ pool }).http
  const handler = new HyperRequestHandler({ pool })
  return {
    async axios({ method, url, headers, body }) {
      const options = { adapter, responseType: 'text', validateStatus: () => true, maxRedirects: 0 } as const
      const response = await axios.request<string>({ ...options, method, url, headers: { ...headers }, data: body })
      return { status: response.status, headers: response.headers, body: response.data }
    },
    async got({ method, url, headers, body }) {
      const response = await got(url, {
        ...hyperGot({ pool }),
        method: method as 'GET',
        headers: { ...headers },
        ...(body === undefined ? {} : { body }),
        retry: { limit: 0 },
        throwHttpErrors: false,
      })
      return { status: response.statusCode, headers: response.headers, body: response.body }
    },
    async fetch({ method, url, headers, body }) {
      const response = await fetch(url, { method, headers: { ...headers }, body: body ?? null })
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
    },
    async 'undici.request'({ method, url, headers, body }) {
      const given = { dispatcher, method, headers: { ...headers }, body: body ?? null }
      const response = await undiciRequest(url, given)
      return { status: response.statusCode, headers: response.headers, body: await response.body.text() }
    },
    async 'undici.fetch'({ method, url, headers, body }) {
      const given = { dispatcher, method, headers: { ...headers }, body: body ?? null }
      const response = await undiciFetch(url, given)
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
    },
    agent({ method, url, headers, body }) {
      return new Promise((resolve, reject) => {
        const request = http.request(url, { agent, method, headers: { ...headers } })
        request.on('error', reject)
        request.on('response', (message) => {
          text(message).then(
            (read) => resolve({ status: message.statusCode ?? 0, headers: message.headers, body: read }),
            reject,
          )
        })
        request.end(body)
      })
    },
    async aws({ method, url, headers, body }) {
      const { protocol, hostname, port, pathname } = new URL(url)
      const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(body.length) }
      const target = {
        method,
        protocol,
        hostname,
        port: Number(port),
        path: pathname,
        headers: { ...headers, ...length },
        body,
      }
      const { response } = await handler.handle(target)
      return { status: response.statusCode, headers: response.headers, body: await text(response.body) }
    },
  }
}

/** All that an error and its causes say. */
export function saidBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code: unknown = Reflect.get(error, 'code')
  return `${String(code)} ${error.message}${error.cause === undefined ? '' : ` <- ${saidBy(error.cause)}`}`
}
