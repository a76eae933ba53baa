/** What happens to connections in real networks, reproduced here. Each library goes through it in each of its three modes. */
import { connect, createServer, type Socket } from 'node:net'
import { TestOrigin } from 'hyper-transport/testing'
import { ANSWER, type Client } from './clients.ts'

/** What became of the requests of one trial. */
export interface Fate {
  /** TLS connections that the origin saw. */
  readonly connections: number
  readonly milliseconds: number
  readonly lost: number
  /** In the trailers trial: the trailer as the library showed it. */
  readonly trailer?: string | undefined
}

export interface Trial {
  readonly name: string
  /** One sentence that says what is done. */
  readonly what: string
  /** Most of its time is waiting: all libraries may do it at once. */
  readonly waits?: boolean
  run(make: (ca: string) => Client): Promise<Fate>
}

/** Milliseconds after which a request counts as lost. Most libraries would wait for ever. */
const PATIENCE = 3000

/** Sends `count` requests at once. Returns how many were lost. */
async function burst(client: Client, count: number, url: string, method: 'GET' | 'POST'): Promise<number> {
  const one = async (): Promise<boolean> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('late')), PATIENCE)
    })
    try {
      await Promise.race([client.send(url, method), late])
      return true
    } catch {
      return false
    } finally {
      clearTimeout(timer)
    }
  }
  const answered = await Promise.all(Array.from({ length: count }, one))
  return answered.filter((good) => !good).length
}

async function measured(origin: TestOrigin, work: () => Promise<number>): Promise<Fate> {
  const start = performance.now()
  const lost = await work()
  return { connections: origin.connections.total, milliseconds: performance.now() - start, lost }
}

/**
 * A TCP relay to an origin. `silence()` stops all octets on the connections that are open, as when a load balancer forgets
 * them; connections made later work.
 */
async function startRelay(port: number): Promise<{ port: number; silence(): void; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    silence() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

export const trials: readonly Trial[] = [
  {
    name: 'a cold burst',
    what: '100 GETs at once, nothing connected yet',
    async run(make) {
      await using origin = await TestOrigin.start()
      origin.answer('/', { body: ANSWER })
      const client = make(origin.ca ?? '')
      try {
        return await measured(origin, () => burst(client, 100, origin.url(), 'GET'))
      } finally {
        await client.close()
      }
    },
  },
  {
    name: 'a redeploy',
    what: '100 POSTs at once; the server closes each connection after its 30th request (GOAWAY, or connection: close)',
    async run(make) {
      await using origin = await TestOrigin.start({ goawayAfter: 30 })
      origin.answer('/', { body: ANSWER, delay: 20 })
      const client = make(origin.ca ?? '')
      try {
        return await measured(origin, () => burst(client, 100, origin.url(), 'POST'))
      } finally {
        await client.close()
      }
    },
  },
  {
    name: 'silent connections',
    what: `10 GETs after the open connections stopped answering; a request without an answer after ${PATIENCE / 1000} s is lost`,
    waits: true,
    async run(make) {
      await using origin = await TestOrigin.start()
      origin.answer('/', { body: ANSWER })
      const relay = await startRelay(origin.port)
      const client = make(origin.ca ?? '')
      try {
        const url = `https://localhost:${relay.port}/`
        await burst(client, 10, url, 'GET')
        await new Promise((resolve) => setTimeout(resolve, 1500))
        relay.silence()
        return await measured(origin, () => burst(client, 10, url, 'GET'))
      } finally {
        await client.close()
        relay.close()
      }
    },
  },
  {
    name: 'trailers',
    what: 'a GET whose checksum comes after its body',
    async run(make) {
      await using origin = await TestOrigin.start()
      origin.answer('/', { body: ANSWER, trailers: { 'x-checksum': 'f00d' } })
      const client = make(origin.ca ?? '')
      let trailer: string | undefined
      try {
        const fate = await measured(origin, async () => {
          trailer = await client.send(origin.url(), 'GET').catch(() => undefined)
          return 0
        })
        return { ...fate, trailer: trailer ?? 'not shown' }
      } finally {
        await client.close()
      }
    },
  },
]
