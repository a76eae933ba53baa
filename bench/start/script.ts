/** One cold script: `node script.ts CLIENT ORIGIN`. It imports the client, makes two requests, and says how long each took. */

/** Milliseconds. */
export interface FirstOctets {
  /** From the start of the process to the first octets of the body. */
  readonly first: number
  /** CPU time of the process until then. */
  readonly cpu: number
  /** From the second call to its first octets: over a new connection. */
  readonly second: number
}

const [name, origin] = process.argv.slice(2)
const dist = (entry: string): string => new URL(`../../dist/${entry}.js`, import.meta.url).href

type Get = (url: string) => Promise<void>

/** The first octets of a body are enough. */
async function begun(body: AsyncIterable<unknown> | null): Promise<void> {
  if (body === null) throw new Error('no body')
  for await (const _ of body) return
}

async function ours<T>(entry: string): Promise<T> {
  return (await import(dist(entry))) as T
}

const clients: Readonly<Record<string, () => Promise<Get>>> = {
  'our fetch': async () => {
    const { fetch } = await ours<typeof import('../../adapters/fetch.ts')>('fetch')
    return async (url) => begun((await fetch(url)).body)
  },
  'undici.fetch': async () => {
    const { fetch } = await import('undici')
    return async (url) => begun((await fetch(url)).body)
  },
  "Node's fetch": async () => async (url) => begun((await fetch(url)).body),
  HTTPConnection: async () => {
    const { HTTPConnection } = await ours<typeof import('../../src/index.ts')>('index')
    return async (url) => {
      const connection = new HTTPConnection(origin)
      const response = await connection.getResponse(await connection.request('GET', new URL(url).pathname))
      await response.read(1)
      await connection.close()
    }
  },
  'node:https': async () => {
    const https = await import('node:https')
    return (url) =>
      new Promise((resolve, reject) => {
        https.get(url, (response) => response.once('data', () => resolve()).once('error', reject)).once('error', reject)
      })
  },
  'undici.request on ours': async () => {
    const { request } = await import('undici')
    const { HyperDispatcher } = await ours<typeof import('../../adapters/undici.ts')>('undici')
    const dispatcher = new HyperDispatcher()
    return async (url) => begun((await request(url, { dispatcher })).body)
  },
  'undici.request': async () => {
    const { request } = await import('undici')
    return async (url) => begun((await request(url)).body)
  },
  'axios on ours': async () => {
    const { default: axios } = await import('axios')
    const { hyperAdapter } = await ours<typeof import('../../adapters/axios.ts')>('axios')
    const instance = axios.create({ adapter: hyperAdapter })
    return async (url) => void (await instance.get(url))
  },
  axios: async () => {
    const { default: axios } = await import('axios')
    return async (url) => void (await axios.get(url))
  },
  'got on ours': async () => {
    const { default: got } = await import('got')
    const { hyperGot } = await ours<typeof import('../../adapters/got.ts')>('got')
    const instance = got.extend(hyperGot())
    return async (url) => void (await instance.get(url))
  },
  got: async () => {
    const { default: got } = await import('got')
    return async (url) => void (await got.get(url))
  },
}

const get = await clients[name]()
await get(`${origin}/small`)
const first = performance.now()
const { user, system } = process.cpuUsage()
// The session's ticket comes after the handshake, and the server's end after the response.
await new Promise((resolve) => setTimeout(resolve, 50))
const again = performance.now()
await get(`${origin}/small`)
const result: FirstOctets = { first, cpu: (user + system) / 1000, second: performance.now() - again }
process.send?.(result)
