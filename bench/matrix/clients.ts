/** The clients of the matrix by name, and which are compared with which. */
import { type BenchClient, promiseLoop } from '../contract.ts'
import type { Place, Sender } from './libraries.ts'
import type { Protocol } from './servers.ts'
import { works } from './works.ts'

type Make = (place: Place) => Promise<Sender>

const raw = (): Promise<typeof import('./raw.ts')> => import('./raw.ts')
const libraries = (): Promise<typeof import('./libraries.ts')> => import('./libraries.ts')

/** The name of the client that only moves octets. */
export const BARE = 'bare sockets'

const makers: Readonly<Record<string, Make>> = {
  'Pool.dispatch': async (place) => (await raw()).poolDispatch(place),
  "undici's dispatch": async (place) => (await raw()).undiciDispatch(place),
  "Node's own": async (place) => (await raw()).nodeOwn(place),
  "Node's own, read whole": async (place) => (await raw()).nodeOwn(place, true),
  [BARE]: async (place) => (await raw()).bareSockets(place),
  'undici.request on ours': async (place) => (await libraries()).undiciRequest(place, true),
  'undici.request': async (place) => (await libraries()).undiciRequest(place, false),
  'undici.fetch on ours': async (place) => (await libraries()).undiciFetch(place, true),
  'undici.fetch': async (place) => (await libraries()).undiciFetch(place, false),
  'our fetch': async (place) => (await libraries()).ourFetch(place),
  'axios on ours': async (place) => (await libraries()).axiosClient(place, true),
  axios: async (place) => (await libraries()).axiosClient(place, false),
  'got on ours': async (place) => (await libraries()).gotClient(place, true),
  got: async (place) => (await libraries()).gotClient(place, false),
  'node-fetch on ours': async (place) => (await libraries()).nodeFetchClient(place, true),
  'node-fetch': async (place) => (await libraries()).nodeFetchClient(place, false),
  HTTPConnection: async (place) => (await libraries()).httpConnection(place),
}

/** `matrix|PROTOCOL|NAME`, as the worker is told. */
export function nameOf(protocol: Protocol, name: string): string {
  return `matrix|${protocol}|${name}`
}

/** The client behind such a name; undefined when it is none of the matrix. */
export function matrixClient(name: string): ((origin: string, ca: string) => Promise<BenchClient>) | undefined {
  const [word, protocol, client] = name.split('|')
  const make = makers[client]
  if (word !== 'matrix' || make === undefined) return undefined
  return async (origin, ca) => {
    const sender = await make({ origin, ca, protocol: protocol as Protocol })
    return {
      run: (turn, meter) => {
        const work = works.find((one) => one.name === turn.work)
        if (work === undefined) throw new Error(`no work ${turn.work}`)
        return promiseLoop(turn, meter, async () => {
          const octets = await sender.send(work.shot())
          return octets === work.coded ? work.octets : octets
        })
      },
      close: () => sender.close(),
    }
  }
}

export interface Rival {
  readonly name: string
  /** Its best is over another protocol: it has not this one. */
  readonly protocol?: Protocol
}

export interface Row {
  readonly ours: string
  readonly rivals: (protocol: Protocol) => readonly Rival[]
}

/** got and node-fetch have no HTTP/2 without TLS, node-fetch none with it: their best is then HTTP/1.1 to the same server. */
function withoutHttp2(name: string): (protocol: Protocol) => readonly Rival[] {
  return (protocol) => {
    if (protocol === 'HTTP/2 TLS') return [{ name, protocol: 'HTTP/1.1 TLS' }]
    return protocol === 'h2c' ? [{ name, protocol: 'HTTP/1.1 clear' }] : [{ name }]
  }
}

const same =
  (...names: string[]) =>
  (): readonly Rival[] =>
    names.map((name) => ({ name }))

export const rows: readonly Row[] = [
  { ours: 'Pool.dispatch', rivals: same("undici's dispatch", "Node's own") },
  { ours: 'undici.request on ours', rivals: same('undici.request') },
  { ours: 'undici.fetch on ours', rivals: same('undici.fetch') },
  { ours: 'our fetch', rivals: same('undici.fetch') },
  { ours: 'axios on ours', rivals: same('axios') },
  {
    ours: 'got on ours',
    rivals: (protocol) => (protocol === 'h2c' ? withoutHttp2('got')(protocol) : [{ name: 'got' }]),
  },
  { ours: 'node-fetch on ours', rivals: withoutHttp2('node-fetch') },
  // It decodes, and gives a body whole; so does what stands beside it.
  { ours: 'HTTPConnection', rivals: same("Node's own, read whole") },
]
