import assert from 'node:assert/strict'
import { lookup as dnsLookup } from 'node:dns'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import got, { type RequestError } from 'got'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { certificateFor, testCertificate } from '../../support/certificate.ts'
import { startDualOrigin, startH2Origin } from '../../support/origin.ts'

test('https.certificateAuthority is honoured, and equal options share a connection', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool()
  const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
  await assert.rejects(client(`${origin.origin}/json`), (error: RequestError) =>
    /CERT|VERIFY|SIGNATURE/.test(error.code),
  )
  const before = origin.connections
  for (let i = 0; i < 3; i++) {
    await client(`${origin.origin}/json`, { https: { certificateAuthority: [origin.ca] } })
  }
  assert.equal(origin.connections - before, 1)
})

test('a client certificate is sent, and has a connection of its own', async () => {
  const { ca, clientCert, clientKey } = await testCertificate()
  const seen: (string | undefined)[] = []
  await using origin = await startH2Origin(
    {
      '/who'(_call, answer) {
        const stream = answer.stream as unknown as { session: { socket: TLSSocket } }
        const { subject } = stream.session.socket.getPeerCertificate()
        seen.push(subject === undefined ? undefined : String(subject.CN))
        answer.head(200)
        answer.end()
      },
    },
    { server: { requestCert: true, rejectUnauthorized: false, ca } },
  )
  await using pool = new Pool({ tls: { ca } })
  const client = got.extend(hyperGot({ pool }))
  await client(`${origin.origin}/who`)
  await client(`${origin.origin}/who`, { https: { certificate: clientCert, key: clientKey } })
  assert.deepEqual(seen, [undefined, 'test client'])
  assert.equal(origin.connections, 2)
})

test('https.serverName, checkServerIdentity and rejectUnauthorized mean what they mean in got', async () => {
  const named = await certificateFor('named.test')
  await using origin = await startH2Origin({}, { server: { cert: named.cert, key: named.key } })
  await using pool = new Pool({ tls: { ca: named.ca } })
  const client = got.extend(hyperGot({ pool }), { retry: { limit: 0 } })
  await assert.rejects(client(`${origin.origin}/json`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  assert.equal((await client(`${origin.origin}/json`, { https: { serverName: 'named.test' } })).statusCode, 200)
  const asked: string[] = []
  const checkServerIdentity = (host: string): undefined => {
    asked.push(host)
    return undefined
  }
  assert.equal((await client(`${origin.origin}/json`, { https: { checkServerIdentity } })).statusCode, 200)
  assert.deepEqual(asked, ['localhost'])
  const lax = await client(`${origin.origin}/json`, { https: { rejectUnauthorized: false } })
  assert.equal(lax.statusCode, 200)
})

test('https.alpnProtocols without h2 means HTTP/1.1', async () => {
  await using origin = await startDualOrigin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const client = got.extend(hyperGot({ pool }))
  assert.equal((await client(`${origin.origin}/json`)).httpVersion, '2.0')
  const old = await client(`${origin.origin}/json`, { https: { alpnProtocols: ['http/1.1'] } })
  assert.equal(old.httpVersion, '1.1')
})

test('dnsLookup, dnsLookupIpVersion and localAddress mean what they mean in got', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const client = got.extend(hyperGot({ pool }))
  const asked: string[] = []
  const lookup: typeof dnsLookup = Object.assign(
    ((host: string, options: object, callback: (...found: unknown[]) => void) => {
      asked.push(host)
      dnsLookup(host, options, callback as never)
    }) as unknown as typeof dnsLookup,
    { __promisify__: dnsLookup.__promisify__ },
  )
  for (let i = 0; i < 2; i++) await client(`${origin.origin}/json`, { dnsLookup: lookup as never })
  assert.deepEqual(asked, ['localhost'])
  assert.equal((await client(`${origin.origin}/json`, { dnsLookupIpVersion: 4 })).ip, '127.0.0.1')
  assert.equal((await client(`${origin.origin}/json`, { localAddress: '127.0.0.1' })).statusCode, 200)
})

test('got sends requests to a unix domain socket', {
  skip: process.platform === 'win32' && 'no unix sockets',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'got-'))
  const path = join(folder, 's')
  const server = createServer((request, response) => response.end(`at ${request.url ?? ''}`)).listen(path)
  await once(server, 'listening')
  await using pool = new Pool()
  const client = got.extend(hyperGot({ pool }), { enableUnixSockets: true })
  assert.equal((await client(`unix:${path}:/one?q=2`)).body, 'at /one?q=2')
  assert.equal((await client(`http://unix${path}:/two`)).body, 'at /two')
  assert.equal(pool.stats().connections, 1)
  await pool.destroy()
  server.close()
  await rm(folder, { recursive: true })
})
