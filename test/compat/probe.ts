/**
 * One library in one version on one Node, over the built package: which features work? Run by `main.ts` with each Node
 * binary: `node probe.ts LIBRARY MODULE H2-ORIGIN H1-ORIGIN H2-GREETER H1-GREETER`, the authority in `PROBE_CA`. Prints a line
 * of JSON.
 *
 * Plain erasable TypeScript without imports of sources: it must run on every Node that the package supports.
 */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

type Check = (origin: string) => Promise<void>
type Checks = Record<string, Check>

/** What of HTTPConnection is used: the built one has types of its own. */
interface Client {
  roundTrip(
    method: string,
    path: string,
    options?: object,
  ): Promise<{
    status: number
    text(): Promise<string>
    trailers: Promise<Iterable<unknown>>
    body: NodeJS.ReadableStream
  }>
  close(): Promise<void>
}

const [library = '', module = '', h2 = '', h1 = '', h2Greeter = '', h1Greeter = ''] = process.argv.slice(2)
const ca = process.env['PROBE_CA'] ?? ''
const dist = (path: string): string => new URL(`../../dist/${path}.js`, import.meta.url).href
const { Pool } = await import(dist('index'))
const pool = new Pool({ tls: { ca } })

function equal(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
}

async function fails(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  const { name, code, message } = (error ?? {}) as Record<string, unknown>
  if (!pattern.test(`${String(name)} ${String(code)} ${String(message)}`))
    throw new Error(`failed with ${String(error)}`)
}

/** The origin with WebSockets that speaks what this one does. */
function greeter(origin: string): string {
  return (origin === h2 ? h2Greeter : h1Greeter).replace('https:', 'wss:')
}

/** Is greeted, says good-bye. */
async function greeted(socket: WebSocket): Promise<void> {
  const message = await new Promise<unknown>((resolve, reject) => {
    socket.addEventListener('message', ({ data }) => resolve(data))
    socket.addEventListener('error', () => reject(new Error('the WebSocket failed')))
  })
  equal(message, 'hello')
  socket.close()
}

const libraries: Record<string, () => Promise<Checks>> = {
  async undici() {
    const undici = await import(module)
    const { HyperDispatcher } = await import(dist('undici'))
    const dispatcher = new HyperDispatcher({ pool })
    const { request, fetch } = undici
    return {
      request: async (origin) => {
        const { statusCode, body } = await request(`${origin}/echo`, { dispatcher, method: 'POST', body: 'hello' })
        equal([statusCode, await body.text()], [200, 'hello'])
      },
      trailers: async (origin) => {
        const { body, trailers } = await request(`${origin}/trailers`, { dispatcher })
        await body.text()
        equal(Object.keys(trailers).length > 0, true)
      },
      'stream and pipeline': async (origin) => {
        const piped = undici.pipeline(`${origin}/echo`, { dispatcher, method: 'POST' }, ({ body }: never) => body)
        piped.end('through')
        equal(await text(piped), 'through')
      },
      fetch: async (origin) => {
        const response = await fetch(`${origin}/echo`, { dispatcher, method: 'POST', body: 'hello' })
        equal([response.status, await response.text()], [200, 'hello'])
      },
      abort: async (origin) => {
        const controller = new AbortController()
        const pending = request(`${origin}/never`, { dispatcher, signal: controller.signal })
        setTimeout(() => controller.abort(), 20)
        await fails(pending, /Abort/)
      },
      'redirects of fetch': async (origin) => {
        const response = await fetch(`${origin}/redirect`, { dispatcher })
        equal([response.redirected, await response.text()], [true, 'arrived'])
      },
      errors: async () => {
        await fails(request('https://localhost:1', { dispatcher }), /ECONNREFUSED/)
      },
      WebSocket: async (origin) => {
        await greeted(new undici.WebSocket(greeter(origin), { dispatcher }))
      },
      EventSource: async (origin) => {
        const source = new undici.EventSource(`${origin}/events`, { dispatcher })
        const [{ data }] = await once(source, 'message')
        source.close()
        equal(data, 'one')
      },
      interceptors: async (origin) => {
        const composed = dispatcher.compose(
          undici.interceptors.retry(),
          undici.interceptors.redirect({ maxRedirections: 3 }),
        )
        const { statusCode, body } = await request(`${origin}/redirect`, { dispatcher: composed })
        equal([statusCode, await body.text()], [200, 'arrived'])
      },
    }
  },

  async node() {
    const { install } = await import(dist('undici'))
    const { HyperDispatcher } = await import(dist('undici'))
    install(new HyperDispatcher({ pool }))
    return {
      fetch: async (origin) => {
        const response = await fetch(`${origin}/echo`, { method: 'POST', body: 'hello' })
        equal([response.status, await response.text()], [200, 'hello'])
      },
      'streamed bodies': async (origin) => {
        const body = new ReadableStream({
          start(controller) {
            for (const part of ['a', 'b', 'c']) controller.enqueue(new TextEncoder().encode(part))
            controller.close()
          },
        })
        const response = await fetch(`${origin}/echo`, { method: 'POST', body, duplex: 'half' } as RequestInit)
        equal(await response.text(), 'abc')
      },
      abort: async (origin) => {
        await fails(fetch(`${origin}/never`, { signal: AbortSignal.timeout(30) }), /Timeout/)
      },
      'redirects of fetch': async (origin) => {
        const response = await fetch(`${origin}/redirect`)
        equal([response.redirected, await response.text()], [true, 'arrived'])
      },
      errors: async () => {
        await fails(
          fetch('https://localhost:2').catch((error) => Promise.reject(error.cause)),
          /ECONNREFUSED/,
        )
      },
      WebSocket: async (origin) => {
        await greeted(new WebSocket(greeter(origin)))
      },
    }
  },

  async axios() {
    const { default: axios } = await import(module)
    const { createHyperAdapter } = await import(dist('axios'))
    const client = axios.create({ adapter: createHyperAdapter({ pool, axios }) })
    return {
      request: async (origin) => {
        const { status, data } = await client.post(`${origin}/echo`, { a: 1 })
        equal([status, data], [200, { a: 1 }])
      },
      trailers: async (origin) => {
        const { trailers } = await client.get(`${origin}/trailers`)
        equal(Object.keys(trailers).length > 0, true)
      },
      'stream and pipeline': async (origin) => {
        const { data } = await client.get(`${origin}/bytes/5000`, { responseType: 'stream' })
        equal((await text(data)).length, 5000)
      },
      abort: async (origin) => {
        await fails(client.get(`${origin}/never`, { signal: AbortSignal.timeout(30) }), /Cancel/)
      },
      redirects: async (origin) => {
        const { data, request } = await client.get(`${origin}/redirect`)
        equal([data, request.res.responseUrl.endsWith('/arrived')], ['arrived', true])
      },
      errors: async (origin) => {
        await fails(client.get(`${origin}/status/404`), /AxiosError ERR_BAD_REQUEST/)
        await fails(client.get('https://localhost:1'), /ECONNREFUSED/)
      },
    }
  },

  async got() {
    const { default: got } = await import(module)
    const { hyperGot } = await import(dist('got'))
    const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
    return {
      request: async (origin) => {
        const { statusCode, body } = await client.post(`${origin}/echo`, { body: 'hello' })
        equal([statusCode, body], [200, 'hello'])
      },
      trailers: async (origin) => {
        const { trailers } = await client.get(`${origin}/trailers`)
        equal(Object.keys(trailers).length > 0, true)
      },
      'stream and pipeline': async (origin) => {
        const stream = client.stream.post(`${origin}/echo`)
        stream.end('through')
        equal(await text(stream), 'through')
      },
      abort: async (origin) => {
        const controller = new AbortController()
        setTimeout(() => controller.abort(), 30)
        await fails(client.get(`${origin}/never`, { signal: controller.signal }), /Abort/)
      },
      timeouts: async (origin) => {
        await fails(client.get(`${origin}/never`, { timeout: { response: 30 } }), /TimeoutError ETIMEDOUT/)
      },
      retries: async (origin) => {
        const retry = {
          limit: 2,
          calculateDelay: ({ computedValue }: { computedValue: number }) => (computedValue > 0 ? 1 : 0),
        }
        const { body } = await client.get(`${origin}/flaky?${library}${module}${origin}`, { retry })
        equal(body, 'at last')
      },
      redirects: async (origin) => {
        const { body, redirectUrls } = await client.get(`${origin}/redirect`)
        equal([body, redirectUrls.length], ['arrived', 1])
      },
      timings: async (origin) => {
        const { timings } = await client.get(`${origin}/bytes/3`)
        equal(typeof timings.phases.total, 'number')
      },
      errors: async (origin) => {
        await fails(client.get(`${origin}/status/404`), /HTTPError/)
        await fails(client.get('https://localhost:1'), /RequestError ECONNREFUSED/)
      },
    }
  },

  async fetch() {
    const { createFetch } = await import(dist('fetch'))
    const fetch = createFetch({ pool })
    return {
      fetch: async (origin) => {
        const response = await fetch(`${origin}/echo`, { method: 'POST', body: 'hello' })
        equal([response.status, await response.text()], [200, 'hello'])
      },
      trailers: async (origin) => {
        const response = await fetch(`${origin}/trailers`)
        await response.text()
        equal([...(await response.trailers).keys()].length > 0, true)
      },
      abort: async (origin) => {
        await fails(fetch(`${origin}/never`, { signal: AbortSignal.timeout(30) }), /Timeout/)
      },
      'redirects of fetch': async (origin) => {
        const response = await fetch(`${origin}/redirect`)
        equal([response.redirected, await response.text()], [true, 'arrived'])
      },
    }
  },

  async agent() {
    const { createHyperAgent } = await import(dist('agent'))
    const { https: agent } = createHyperAgent({ pool })
    const https = process.getBuiltinModule('node:https')
    return {
      request: async (origin) => {
        const request = https.request(`${origin}/echo`, { agent, method: 'POST' })
        request.end('hello')
        const [response] = await once(request, 'response')
        equal([response.statusCode, await text(response)], [200, 'hello'])
      },
      trailers: async (origin) => {
        const request = https.get(`${origin}/trailers`, { agent })
        const [response] = await once(request, 'response')
        await text(response)
        equal(Object.keys(response.trailers).length > 0, true)
      },
      errors: async () => {
        const [error] = await once(https.get('https://localhost:1', { agent }), 'error')
        equal(error.code, 'ECONNREFUSED')
      },
    }
  },
}

libraries['client'] = async () => {
  const { HTTPConnection } = await import(dist('index'))
  const connect = (origin: string): Client => new HTTPConnection(origin, { tls: { ca } })
  const within = async (origin: string, use: (connection: Client) => Promise<void>): Promise<void> => {
    const connection = connect(origin)
    await use(connection).finally(() => connection.close())
  }
  return {
    request: (origin) =>
      within(origin, async (connection) => {
        const response = await connection.roundTrip('POST', '/echo', { body: 'hello' })
        equal([response.status, await response.text()], [200, 'hello'])
      }),
    trailers: (origin) =>
      within(origin, async (connection) => {
        const response = await connection.roundTrip('GET', '/trailers')
        await response.text()
        equal([...(await response.trailers)].length > 0, true)
      }),
    'stream and pipeline': (origin) =>
      within(origin, async (connection) => {
        const { body } = await connection.roundTrip('GET', '/bytes/5000')
        equal((await text(body)).length, 5000)
      }),
    abort: (origin) =>
      within(origin, async (connection) => {
        await fails(connection.roundTrip('GET', '/never', { signal: AbortSignal.timeout(30) }), /Timeout/)
      }),
    errors: () => fails(connect('https://localhost:1').roundTrip('GET', '/'), /ECONNREFUSED/),
  }
}

const checks = await libraries[library]?.()
const results: Record<string, string> = {}
for (const [feature, check] of Object.entries(checks ?? {})) {
  results[feature] = 'yes'
  for (const origin of [h2, h1]) {
    try {
      await check(origin)
    } catch (error) {
      results[feature] = `${origin === h2 ? 'HTTP/2' : 'HTTP/1.1'}: ${String(error)}`
    }
  }
}
console.log(JSON.stringify(results))
await pool.destroy()
process.exit(0)
