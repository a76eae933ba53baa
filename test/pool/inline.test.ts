/** Functions of a request's own, which may be written inline and so be another for each request. */
import assert from 'node:assert/strict'
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { checkServerIdentity } from 'node:tls'
import { type ConnectOptions, Pool } from '../../src/index.ts'
import { until } from '../net/dialler.ts'
import { testCertificate } from '../support/certificate.ts'
import { send } from '../support/exchange.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'

const { ca } = await testCertificate()

const inline: Readonly<Record<string, () => ConnectOptions>> = {
  lookup: () => ({ lookup: ((host, options, callback) => lookup(host, options, callback)) as LookupFunction }),
  checkServerIdentity: () => ({
    tls: { checkServerIdentity: (host, certificate) => checkServerIdentity(host, certificate) },
  }),
}

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  for (const [name, make] of Object.entries(inline)) {
    test(`a ${name} of each request’s own leaves no connection open, over ${protocol}`, async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca } })
      for (let i = 0; i < 5; i++) await send(pool, { origin: origin.origin, path: '/', connect: make() })
      await until(() => origin.open === 0)
      // TCP connections are not counted: on a slow machine one may be tried twice.
      assert.equal(origin.requests.length, 5)
    })

    test(`a ${name} that comes again has its connection kept, over ${protocol}`, async () => {
      await using origin = await start()
      await using pool = new Pool({ tls: { ca } })
      const { lookup: look, tls } = make()
      const request = (): ReturnType<typeof send> =>
        send(pool, { origin: origin.origin, path: '/', connect: { lookup: look, tls } })
      await request()
      await until(() => origin.open === 0)
      const ports = new Set<number | undefined>()
      for (let i = 0; i < 3; i++) ports.add((await request()).connection?.localPort)
      assert.ok(ports.size === 1 && !ports.has(undefined), [...ports].join())
    })
  }
}

test('a function of the pool’s own has its connection kept', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ ...inline['lookup']?.(), tls: { ca } })
  for (let i = 0; i < 3; i++) await send(pool, { origin: origin.origin, path: '/' })
  assert.deepEqual([origin.connections, origin.open], [1, 1])
})
