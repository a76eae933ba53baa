/** Every client under test by name, and which are compared with which. */
import type { BenchClient } from '../contract.ts'

type Make = (origin: string, ca: string) => BenchClient | Promise<BenchClient>

async function libraries(): Promise<typeof import('./libraries.ts')> {
  return import('./libraries.ts')
}

async function memory(): Promise<typeof import('./memory.ts')> {
  return import('./memory.ts')
}

async function raw(): Promise<typeof import('./raw.ts')> {
  return import('./raw.ts')
}

async function http1(): Promise<typeof import('./http1.ts')> {
  return import('./http1.ts')
}

export const clients: Readonly<Record<string, Make>> = {
  'Pool.dispatch': async (origin, ca) => (await raw()).poolDispatch(origin, ca),
  'node:http2': async (origin, ca) => (await raw()).nodeHttp2(origin, ca),
  'undici.request, ours': async (origin, ca) => (await libraries()).undiciRequest(origin, ca, true),
  'undici.request, its h2': async (origin, ca) => (await libraries()).undiciRequest(origin, ca, false),
  'undici.fetch, ours': async (origin, ca) => (await libraries()).undiciFetch(origin, ca, true),
  'undici.fetch, its h2': async (origin, ca) => (await libraries()).undiciFetch(origin, ca, false),
  'our fetch': async (origin, ca) => (await libraries()).ourFetch(origin, ca),
  'axios, ours': async (origin, ca) => (await libraries()).axiosClient(origin, ca, 'ours'),
  'axios, its HTTP/2': async (origin, ca) => (await libraries()).axiosClient(origin, ca, 'http2'),
  'axios, its HTTP/1.1': async (origin, ca) => (await libraries()).axiosClient(origin, ca, 'http1'),
  'got, ours': async (origin, ca) => (await libraries()).gotClient(origin, ca, true),
  'got, its http2': async (origin, ca) => (await libraries()).gotClient(origin, ca, false),
  'undici.request, bare': async (origin, ca) => (await memory()).undiciRequest(origin, ca),
  'undici.fetch, bare': async (origin, ca) => (await memory()).undiciFetch(origin, ca),
  'our fetch, bare': async (origin, ca) => (await memory()).ourFetch(origin, ca),
  'axios, bare': async (origin, ca) => (await memory()).axiosClient(origin, ca),
  'got, bare': async (origin, ca) => (await memory()).gotClient(origin, ca),
  'Pool.dispatch, 1.1': async (origin, ca) => (await http1()).poolHttp1(origin, ca),
  'undici dispatch, 1.1': async (origin, ca) => (await http1()).undiciDispatch(origin, ca),
  'undici.request on ours, 1.1': async (origin, ca) => (await http1()).undiciRequest1(origin, ca, true),
  'undici.request, 1.1': async (origin, ca) => (await http1()).undiciRequest1(origin, ca, false),
  'undici.fetch on ours, 1.1': async (origin, ca) => (await http1()).undiciFetch1(origin, ca, true),
  'undici.fetch, 1.1': async (origin, ca) => (await http1()).undiciFetch1(origin, ca, false),
  'our fetch, 1.1': async (origin, ca) => (await http1()).ourFetch1(origin, ca),
  'axios on ours, 1.1': async (origin, ca) => (await http1()).axios1(origin, ca, true),
  'axios, 1.1': async (origin, ca) => (await http1()).axios1(origin, ca, false),
  'got on ours, 1.1': async (origin, ca) => (await http1()).got1(origin, ca, true),
  'got, 1.1': async (origin, ca) => (await http1()).got1(origin, ca, false),
}

/** A comparison: ours, the other, and the ratio that must be reached for small bodies. */
export interface Pair {
  readonly ours: string
  readonly other: string
  readonly floor: number
}

export const pairs: readonly Pair[] = [
  { ours: 'Pool.dispatch', other: 'node:http2', floor: 4 },
  { ours: 'undici.request, ours', other: 'undici.request, its h2', floor: 2.5 },
  { ours: 'undici.fetch, ours', other: 'undici.fetch, its h2', floor: 1.8 },
  { ours: 'our fetch', other: 'undici.fetch, its h2', floor: 4 },
  { ours: 'axios, ours', other: 'axios, its HTTP/2', floor: 2 },
  { ours: 'axios, ours', other: 'axios, its HTTP/1.1', floor: 3 },
  { ours: 'got, ours', other: 'got, its http2', floor: 1.5 },
]
