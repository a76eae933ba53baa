/** What is tried against every server: each behaviour one row. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HTTPConnection } from '../../../src/index.ts'
import { hyper } from '../../cli/command.ts'
import { Collecting, type Received } from '../../support/exchange.ts'
import { type Program, SMALL } from '../../support/programs.ts'
import { patternBytes } from '../../support/routes.ts'
import type { Offer, ServerKind } from './servers.ts'
import { ask, PATIENCE, TEN_MIB, WatchedPool } from './support.ts'

/** What a behaviour has to work with. */
export interface Scene {
  readonly kind: ServerKind
  /** A server with nothing special, shared by the behaviours that need nothing special. */
  readonly server: Program
  /** Origin of the backend. */
  readonly backend: string
}

export interface Behaviour {
  readonly title: string
  /** What the server must offer for it. */
  readonly needs?: Offer
  run(scene: Scene): Promise<void>
}

const small = (received: Received): void => {
  assert.equal(received.status, 200)
  assert.equal(received.body.toString(), SMALL)
}

/** A server of its own for one behaviour. */
async function started(program: Promise<Program | undefined>): Promise<Program> {
  const server = await program
  assert.ok(server, 'it was there a moment ago')
  return server
}

export const behaviours: readonly Behaviour[] = [
  {
    title: 'a small GET',
    async run({ server }) {
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const received = await ask(pool, { origin: server.origin, path: '/small' })
      small(received)
      assert.equal(received.connection?.protocol, 'h2')
      assert.equal(received.connection?.authorized, true)
    },
  },
  {
    title: 'a download of 10 MiB',
    async run({ server, kind }) {
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const received = await ask(pool, { origin: server.origin, path: '/ten-megabytes' })
      const expected =
        kind.name === 'haproxy' ? patternBytes(TEN_MIB) : await readFile(join(server.folder, 'ten-megabytes'))
      assert.ok(received.body.equals(expected))
    },
  },
  {
    title: 'an upload of 10 MiB, at once and as a stream',
    async run({ server, kind: { upload } }) {
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const bytes = randomBytes(TEN_MIB)
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000)
      }
      for (const body of [bytes, pieces()]) {
        const method = upload.by === 'file' ? 'PUT' : 'POST'
        const received = await ask(pool, { origin: server.origin, path: upload.path, method, body })
        assert.ok(received.status >= 200 && received.status < 300, `status ${received.status}`)
        const arrived = upload.by === 'file' ? await readFile(join(server.folder, upload.path)) : received.body
        assert.ok(arrived.equals(bytes))
      }
    },
  },
  {
    title: 'response trailers',
    needs: 'trailers',
    async run({ server, kind: { trailers } }) {
      assert.ok(trailers)
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const received = await ask(pool, { origin: server.origin, path: trailers.path })
      const at = received.trailers.indexOf(trailers.name)
      assert.ok(at >= 0, `trailers: ${received.trailers.join(' ')}`)
      assert.equal(received.trailers[at + 1], trailers.value)
    },
  },
  {
    title: 'an informational response',
    needs: 'informational',
    async run({ server, kind: { informational } }) {
      assert.ok(informational)
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const { path, expect } = informational
      const received = await ask(
        pool,
        expect
          ? { origin: server.origin, path, method: 'POST', headers: { expect: '100-continue' }, body: 'go on' }
          : { origin: server.origin, path },
      )
      assert.equal(received.status, 200)
      assert.deepEqual(received.informational, [informational.status])
    },
  },
  {
    title: '200 requests at once on one connection',
    async run({ server, kind }) {
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      const all = Array.from({ length: 200 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      const most = kind.mostStreams ?? 256
      assert.equal(pool.stats().active, Math.min(200, most))
      assert.equal(pool.stats().waiting, Math.max(0, 200 - most))
      for (const received of await Promise.all(all)) small(received)
      assert.equal(pool.made, 1)
    },
  },
  {
    title: 'aborted downloads leave the connection usable',
    async run({ server }) {
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      for (let i = 0; i < 10; i++) {
        const handler = new Collecting()
        const exchange = pool.dispatch({ origin: server.origin, method: 'GET', path: '/ten-megabytes' }, handler)
        handler.onData = () => exchange.abort(new Error('enough'))
        await assert.rejects(handler.result, /enough/)
      }
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      assert.equal(pool.made, 1)
    },
  },
  {
    title: 'a limit of 5 concurrent streams is respected',
    needs: 'streams',
    async run({ kind, backend }) {
      await using server = await started(kind.start({ streams: 5, backend }))
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      const all = Array.from({ length: 200 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      assert.equal(pool.stats().active, 5)
      for (const received of await Promise.all(all)) small(received)
      assert.equal(pool.made, 1)
    },
  },
  {
    title: '200 requests sent before the limit of 5 streams is known all succeed',
    needs: 'cold burst',
    async run({ kind, backend }) {
      await using server = await started(kind.start({ streams: 5, backend }))
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const all = Array.from({ length: 200 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      for (const received of await Promise.all(all)) small(received)
    },
  },
  {
    title: 'after a limit of 10 requests per connection, requests go on over another',
    needs: 'requests',
    async run({ kind, backend }) {
      await using server = await started(kind.start({ requests: 10, backend }))
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      const all = Array.from({ length: 200 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      for (const received of await Promise.all(all)) small(received)
      assert.ok(pool.made >= 20)
    },
  },
  {
    title: 'request headers that are too large for the server do not affect later requests',
    async run({ server }) {
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      let refusals = 0
      for (const [fields, length] of [
        [1, 15_000],
        [40, 3000],
        [500, 3000],
      ] as const) {
        const headers = Array.from({ length: fields }, (_, at) => [`x-${at}`, 'y'.repeat(length)]).flat()
        const status = await ask(pool, { origin: server.origin, path: '/small', headers }).then(
          (received) => received.status,
          () => 0,
        )
        assert.ok([0, 200, 400, 431, 413].includes(status), `status ${status}`)
        if (status !== 200) refusals++
        small(await ask(pool, { origin: server.origin, path: '/small' }))
      }
      assert.ok(refusals > 0, 'no header section was too large')
    },
  },
  {
    title: 'a connection that the server closed while idle is not used again',
    needs: 'idle',
    async run({ kind, backend }) {
      await using server = await started(kind.start({ impatient: true, backend }))
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      await pool.disconnects(1)
      const posted = await ask(pool, { origin: server.origin, path: kind.post, method: 'POST', body: 'once' })
      assert.ok(posted.status >= 200 && posted.status < 300, `status ${posted.status}`)
      await pool.disconnects(2)
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      assert.equal(pool.made, 3)
    },
  },
  {
    title: 'a reload of the server under load loses no request',
    needs: 'reload',
    async run({ kind, backend }) {
      const startedOne = await kind.reloadable?.({ backend })
      assert.ok(startedOne)
      await using server = startedOne.program
      await using pool = new WatchedPool({ tls: { ca: server.ca } })
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      await reloadInTraffic(pool, server.origin, kind.post, startedOne.reload)
    },
  },
  {
    title: 'HTTP/2 without TLS, by prior knowledge',
    async run({ kind, backend }) {
      await using server = await started(kind.start({ plain: true, backend }))
      await using pool = new WatchedPool({ h2c: 'prior-knowledge' })
      const received = await ask(pool, { origin: server.origin, path: '/small' })
      small(received)
      assert.equal(received.connection?.protocol, 'h2')
      assert.equal(received.connection?.encrypted, false)
      const all = Array.from({ length: 50 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      for (const each of await Promise.all(all)) small(each)
      assert.equal(pool.made, 1)
    },
  },
  {
    title: 'server push',
    needs: 'push',
    async run({ kind, backend }) {
      await using server = await kind.start({ backend })
      assert.ok(server)
      await using pool = new WatchedPool({ tls: { ca: server.ca }, enablePush: true })
      const pushed = new Collecting()
      const paths: string[] = []
      const main = new Collecting()
      pool.dispatch(
        { origin: server.origin, method: 'GET', path: kind.pushes ?? '/text' },
        {
          onHeaders: (status, fields, text) => main.onHeaders(status, fields, text),
          onData: (chunk) => main.onData(chunk),
          onEnd: (trailers) => main.onEnd(trailers),
          onError: (error) => main.onError(error),
          onPush: (promise) => {
            paths.push(`${promise.method} ${promise.authority} ${promise.path}`)
            return pushed
          },
        },
      )
      assert.equal((await main.result).status, 200)
      small(await pushed.result)
      assert.deepEqual(paths, [`GET ${new URL(server.origin).host} /small`])
      // Without somebody to hear it, it is cancelled, and the connection goes on.
      assert.equal((await ask(pool, { origin: server.origin, path: '/text' })).status, 200)
      small(await ask(pool, { origin: server.origin, path: '/small' }))
      assert.equal(pool.made, 1)
    },
  },
  {
    title: 'HTTPConnection: pushes are accepted and cancelled',
    needs: 'push',
    async run({ kind, backend }) {
      await using server = await started(kind.start({ backend }))
      await using connection = new HTTPConnection(server.origin, { tls: { ca: server.ca }, enablePush: true })
      for (const wanted of [true, false]) {
        const id = await connection.request('GET', kind.pushes ?? '/text')
        const page = await connection.getResponse(id)
        const paths: string[] = []
        for await (const push of connection.getPushes(id, { captureAll: true })) {
          paths.push(`${push.method} ${push.scheme} ${push.path}`)
          if (wanted) assert.equal(await (await push.getResponse()).text(), SMALL)
          else push.cancel()
        }
        // h2o pushes to one connection nothing twice.
        if (wanted) assert.deepEqual(paths, ['GET https /small'])
        assert.equal(page.status, 200)
        await page.read()
      }
      assert.equal(await (await connection.roundTrip('GET', '/small')).text(), SMALL)
    },
  },
  {
    title: 'HTTPConnection: responses are read in any order, and in parts',
    async run({ kind, server }) {
      await using connection = new HTTPConnection(server.origin, { tls: { ca: server.ca } })
      const first = await connection.request('GET', '/ten-megabytes')
      const second = await connection.request('GET', '/small')
      assert.equal(await (await connection.getResponse(second)).text(), SMALL)
      const large = await connection.getResponse(first)
      const parts: Buffer[] = []
      for (;;) {
        const part = await large.read(1_000_000)
        if (part.length === 0) break
        parts.push(part)
      }
      const whole =
        kind.name === 'haproxy' ? patternBytes(TEN_MIB) : await readFile(join(server.folder, 'ten-megabytes'))
      assert.ok(Buffer.concat(parts).equals(whole))
      assert.ok((await connection.ping()) > 0)
    },
  },
  {
    title: 'the hyper command, in a pipe',
    async run({ server }) {
      const ca = join(server.folder, 'ca.pem')
      const body = await hyper(['--verify', ca, `${server.origin}/small`])
      assert.deepEqual([body.code, body.stdout, body.stderr], [0, SMALL, ''])
      const head = await hyper(['--verify', ca, '-H', `${server.origin}/small`])
      assert.match(head.stdout, /^HTTP\/2 200\n/)
    },
  },
]

/** Twenty lanes of GET and POST, three reloads among them; the next comes when the one before was felt. */
async function reloadInTraffic(
  pool: WatchedPool,
  origin: string,
  post: string,
  reload: () => Promise<void>,
): Promise<void> {
  let requests = 0
  let running = true
  const lane = async (): Promise<void> => {
    while (running) {
      requests++
      if (requests % 3 === 0) {
        const received = await ask(pool, { origin, path: post, method: 'POST', body: 'some body' })
        assert.ok(received.status >= 200 && received.status < 300, `status ${received.status}`)
      } else {
        small(await ask(pool, { origin, path: '/small' }))
      }
    }
  }
  const reloads = async (): Promise<void> => {
    const deadline = Date.now() + PATIENCE / 2
    try {
      for (let at = 0; at < 3 && running; at++) {
        const seen = requests
        const made = pool.made
        await reload()
        // By the amount of traffic and a new connection, not by the clock.
        while (running && (requests < seen + 300 || pool.made === made)) {
          assert.ok(Date.now() < deadline, `reload ${at + 1} was not felt`)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    } finally {
      running = false
    }
  }
  const lanes = Array.from({ length: 20 }, lane)
  const outcomes = await Promise.allSettled([
    ...lanes.map((one) =>
      one.catch((error: unknown) => {
        running = false
        throw error
      }),
    ),
    reloads(),
  ])
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
