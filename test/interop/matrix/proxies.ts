/** Proxies: squid and tinyproxy (CONNECT and absolute form), dante (SOCKS5). The origins behind them are in-process. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { ConnectError } from '../../../src/index.ts'
import { rejection } from '../../support/exchange.ts'
import { startH1Origin, startH2Origin } from '../../support/origin.ts'
import type { ProxyProgramOptions } from '../../support/programs/proxies.ts'
import { freePort, type Program, startDante, startSquid, startTinyproxy, versionOf } from '../../support/programs.ts'
import { patternBytes } from '../../support/routes.ts'
import { ask, TEN_MIB, WatchedPool } from './support.ts'

export type ProxyOffer = 'absolute form' | 'users' | 'tls'

export interface ProxyKind {
  readonly name: string
  readonly version: string | undefined
  start(options?: ProxyProgramOptions): Promise<Program | undefined>
  readonly without: Readonly<Partial<Record<ProxyOffer, string>>>
}

export const proxies: readonly ProxyKind[] = [
  { name: 'squid', version: versionOf('squid', '-v'), start: startSquid, without: {} },
  {
    name: 'tinyproxy',
    version: versionOf('tinyproxy', '-v'),
    start: startTinyproxy,
    without: { tls: 'no TLS between client and proxy' },
  },
  {
    name: 'dante',
    version: versionOf('danted', '-v'),
    start: startDante,
    without: {
      'absolute form': 'SOCKS has tunnels only',
      users: "knows the system's users only",
      tls: 'SOCKS has no TLS of its own',
    },
  },
]

export interface ProxyBehaviour {
  readonly title: string
  readonly needs?: ProxyOffer
  run(kind: ProxyKind, proxy: Program): Promise<void>
}

const USER = { name: 'user', password: 'secret' }

async function startedWith(kind: ProxyKind, options: ProxyProgramOptions): Promise<Program> {
  const proxy = await kind.start(options)
  assert.ok(proxy, 'it was there a moment ago')
  return proxy
}

export const proxyBehaviours: readonly ProxyBehaviour[] = [
  {
    title: '100 requests to an https: origin over HTTP/2 through one tunnel',
    async run(_kind, proxy) {
      await using origin = await startH2Origin()
      await using pool = new WatchedPool({ tls: { ca: origin.ca }, proxy: proxy.origin })
      const all = Array.from({ length: 100 }, () => ask(pool, { origin: origin.origin, path: '/json' }))
      for (const received of await Promise.all(all)) {
        assert.equal(received.status, 200)
        assert.equal(received.connection?.protocol, 'h2')
        assert.equal(received.connection?.encrypted, true)
        assert.equal(received.connection?.authorized, true)
        assert.equal(received.connection?.proxy, proxy.origin)
      }
      assert.equal(pool.made, 1)
      assert.equal(origin.connections, 1)
    },
  },
  {
    title: '10 MiB down and 1 MiB up through a tunnel',
    async run(_kind, proxy) {
      await using origin = await startH2Origin()
      await using pool = new WatchedPool({ tls: { ca: origin.ca }, proxy: proxy.origin })
      const got = await ask(pool, { origin: origin.origin, path: `/bytes/${TEN_MIB}` })
      assert.equal(got.connection?.proxy, proxy.origin)
      assert.ok(got.body.equals(patternBytes(TEN_MIB)))
      // tinyproxy takes some 40 ms for each 64 KiB of an upload.
      const body = randomBytes(1 << 20)
      const posted = await ask(pool, { origin: origin.origin, path: '/echo', method: 'POST', body })
      assert.ok(posted.body.equals(body))
    },
  },
  {
    title: 'an http: origin with prior knowledge through a tunnel',
    async run(_kind, proxy) {
      await using origin = await startH2Origin({}, { plain: true })
      await using pool = new WatchedPool({ h2c: 'prior-knowledge', proxy: { url: proxy.origin, tunnel: true } })
      const received = await ask(pool, { origin: origin.origin, path: '/json' })
      assert.equal(received.status, 200)
      assert.equal(received.connection?.protocol, 'h2')
      assert.equal(received.connection?.proxy, proxy.origin)
    },
  },
  {
    title: 'an http: origin without HTTP/2',
    async run(_kind, proxy) {
      await using origin = await startH1Origin({}, { plain: true })
      await using pool = new WatchedPool({ proxy: proxy.origin })
      const received = await ask(pool, { origin: origin.origin, path: '/echo', method: 'POST', body: 'some body' })
      assert.equal(received.body.toString(), 'some body')
      assert.equal(received.connection?.protocol, 'http/1.1')
      assert.equal(received.connection?.proxy, proxy.origin)
      assert.equal(received.headers['x-host'], origin.origin.replace('http://', ''))
    },
  },
  {
    title: 'a request to an http: origin has its target in absolute form',
    needs: 'absolute form',
    async run(_kind, proxy) {
      await using origin = await startH1Origin({}, { plain: true })
      await using pool = new WatchedPool({ proxy: proxy.origin })
      const received = await ask(pool, { origin: origin.origin, path: '/echo' })
      // Only a proxy that read the request could add this.
      assert.ok(received.headers['x-via'])
    },
  },
  {
    title: 'user and password',
    needs: 'users',
    async run(kind) {
      await using proxy = await startedWith(kind, { user: USER })
      await using secure = await startH2Origin()
      await using plain = await startH1Origin({}, { plain: true })
      const url = proxy.origin.replace('://', `://${USER.name}:${USER.password}@`)
      await using pool = new WatchedPool({ tls: { ca: secure.ca }, proxy: url })
      const received = await ask(pool, { origin: secure.origin, path: '/json' })
      assert.equal(received.status, 200)
      assert.equal(received.connection?.proxy, proxy.origin)
      const absolute = await ask(pool, { origin: plain.origin, path: '/echo' })
      assert.equal(absolute.status, 200)
      assert.equal(absolute.headers['x-proxy-authorization'], undefined)
    },
  },
  {
    title: "a wrong password: CONNECT fails with an error; with a target in absolute form, the response is the proxy's",
    needs: 'users',
    async run(kind) {
      await using proxy = await startedWith(kind, { user: USER })
      await using secure = await startH2Origin()
      await using plain = await startH1Origin({}, { plain: true })
      await using pool = new WatchedPool({
        tls: { ca: secure.ca },
        proxy: proxy.origin.replace('://', '://user:wrong@'),
      })
      assert.ok((await rejection(ask(pool, { origin: secure.origin, path: '/json' }))) instanceof ConnectError)
      assert.ok([401, 407].includes((await ask(pool, { origin: plain.origin, path: '/echo' })).status))
      assert.equal(secure.connections + plain.connections, 0)
    },
  },
  {
    title: 'TLS to the proxy',
    needs: 'tls',
    async run(kind) {
      await using proxy = await startedWith(kind, { tls: true })
      await using origin = await startH2Origin()
      await using pool = new WatchedPool({
        tls: { ca: origin.ca },
        proxy: { url: proxy.origin, tls: { ca: proxy.ca } },
      })
      const received = await ask(pool, { origin: origin.origin, path: '/json' })
      assert.equal(received.status, 200)
      assert.equal(received.connection?.protocol, 'h2')
      assert.equal(received.connection?.proxy, proxy.origin)
    },
  },
  {
    title: 'an origin that cannot be reached is an error',
    async run(_kind, proxy) {
      await using pool = new WatchedPool({ proxy: proxy.origin })
      const port = await freePort()
      const error = await rejection(ask(pool, { origin: `https://localhost:${port}`, path: '/' }))
      assert.ok(error instanceof ConnectError, String(error))
      assert.doesNotMatch(String(error), /ECONNREFUSED/, 'it went past the proxy')
    },
  },
]
