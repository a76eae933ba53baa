/** Dials of every kind that are given up at every point: each settles once, and nothing is left open. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AbortedError, type ConnectOptions } from '../../src/index.ts'
import { Connector } from '../../src/net/connector.ts'
import { parseOrigin } from '../../src/net/origin.ts'
import { testCertificate } from '../support/certificate.ts'
import { startH2Origin } from '../support/origin.ts'
import { startProxy } from '../support/proxy.ts'
import { startSocks } from '../support/socks.ts'
import { Dialler, until } from './dialler.ts'

const { ca } = await testCertificate()

/** A proxy of the test's: its URL, and the sockets that are open at it. */
interface Way extends AsyncDisposable {
  readonly options: ConnectOptions
  readonly open: number
}

const ways: Record<string, () => Promise<Way>> = {
  directly: async () => ({ options: {}, open: 0, [Symbol.asyncDispose]: async () => {} }),
  'through an http: proxy': () => httpWay('http'),
  'through an https: proxy': () => httpWay('https'),
  'through an HTTP/2 proxy': () => httpWay('h2'),
  'through a SOCKS proxy': async () => {
    const socks = await startSocks()
    return way({ proxy: `socks5h://127.0.0.1:${socks.port}` }, socks)
  },
}

async function httpWay(kind: 'http' | 'https' | 'h2'): Promise<Way> {
  const proxy = await startProxy({ kind })
  return way({ proxy: { url: proxy.url, tls: { ca } } }, proxy)
}

function way(options: ConnectOptions, server: AsyncDisposable & { readonly open: number }): Way {
  return {
    options,
    get open() {
      return server.open
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Numbers from 0 to 1, the same in each run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

for (const [name, start] of Object.entries(ways)) {
  describe(name, () => {
    test('a dial can be given up at any moment', async () => {
      await using origin = await startH2Origin()
      await using route = await start()
      using dialler = new Dialler()
      const next = random(name.length)
      const options = { ...route.options, tls: { ca } }
      const outcomes = Array.from({ length: 60 }, async () => {
        const attempt = dialler.begin(origin.origin, options)
        const turns = Math.floor(next() * 40)
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
        attempt.dial.cancel(new AbortedError())
        const dialled = await attempt.result.catch(() => undefined)
        dialled?.socket.destroy()
      })
      await Promise.all(outcomes)
      dialler.connector.close()
      await until(() => dialler.open === 0 && origin.open === 0 && route.open === 0)
    })

    test('by the observer, at each step', async () => {
      await using origin = await startH2Origin()
      await using route = await start()
      const options = { ...route.options, tls: { ca } }
      let reached = true
      for (let at = 1; reached; at++) {
        const connector = new Connector()
        let seen = 0
        const reason = new AbortedError()
        const error = await new Promise<Error | null>((resolve) => {
          const dial = connector.dial(
            parseOrigin(origin.origin),
            options,
            (failure, dialled) => {
              dialled?.socket.destroy()
              resolve(failure)
            },
            {
              onStep: () => {
                if (++seen === at) dial.cancel(reason)
              },
            },
          )
        })
        reached = seen >= at
        assert.equal(error, reached ? reason : null)
        // An HTTP/2 connection to the proxy outlives its first tunnel.
        await new Promise((resolve) => setImmediate(resolve))
        connector.close()
        await until(() => origin.open === 0 && route.open === 0)
      }
    })
  })
}
