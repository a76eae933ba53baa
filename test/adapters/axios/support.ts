/** What the tests of the axios adapter share: an origin, and the same instance over both adapters. */
import assert from 'node:assert/strict'
import { Agent as HttpsAgent } from 'node:https'
import axios, { AxiosError, type AxiosInstance, type CreateAxiosDefaults } from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { Pool, type PoolOptions } from '../../../src/index.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'

export const protocols = [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const

export interface Bench extends AsyncDisposable {
  readonly origin: TestOrigin
  readonly pool: Pool
  /** Over the adapter. */
  readonly axios: AxiosInstance
}

/** An origin and an instance whose requests go there. */
export async function open(
  start: (routes: Routes) => Promise<TestOrigin>,
  routes: Routes = {},
  config: CreateAxiosDefaults = {},
  options: PoolOptions = {},
): Promise<Bench> {
  const origin = await start(routes)
  const pool = new Pool({ tls: { ca: origin.ca }, ...options })
  return {
    origin,
    pool,
    axios: axios.create({ adapter: createHyperAdapter({ pool }), baseURL: origin.origin, proxy: false, ...config }),
    async [Symbol.asyncDispose]() {
      await pool.destroy()
      await origin.close()
    },
  }
}

export interface Twin extends Bench {
  /** Over axios's own adapter, to the same HTTP/1.1 origin. */
  readonly plain: AxiosInstance
}

/** The same instance twice, to compare what they do. */
export async function openTwin(routes: Routes = {}, config: CreateAxiosDefaults = {}): Promise<Twin> {
  const bench = await open(startH1Origin, routes, config)
  const httpsAgent = new HttpsAgent({ ca: bench.origin.ca })
  return {
    ...bench,
    plain: axios.create({ baseURL: bench.origin.origin, proxy: false, httpsAgent, ...config }),
    async [Symbol.asyncDispose]() {
      httpsAgent.destroy()
      await bench[Symbol.asyncDispose]()
    },
  }
}

/** The AxiosError that a request is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<AxiosError> {
  const outcome: unknown = await promise.then(
    (value) => ({ value }),
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof AxiosError, `not an AxiosError: ${String(outcome)}`)
  return outcome
}
