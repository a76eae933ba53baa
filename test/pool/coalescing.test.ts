/** Coalescing (RFC 9113 section 9.1.1, RFC 8336): several hosts on one connection, over real TLS. */
import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { describe, test } from 'node:test'
import { Pool, type PoolOptions, TimeoutError } from '../../src/index.ts'
import { MAX_COALESCED } from '../../src/limits.ts'
import { certificateFor } from '../support/certificate.ts'
import { rejection, send } from '../support/exchange.ts'
import { type Routes, startH2Origin } from '../support/origin.ts'

/** All names lead to loopback, each to the address given for it. */
function names(addresses: Readonly<Record<string, string>>): LookupFunction {
  return (host, options, callback) => {
    const address = addresses[host] ?? '127.0.0.1'
    if (options.all === true) callback(null, [{ address, family: 4 }])
    else callback(null, address, 4)
  }
}

const echo: Routes = {
  '/host': (call, answer) => {
    answer.head(200)
    answer.end(String(call.headers[':authority']))
  },
}

async function start(...hosts: string[]) {
  const { ca, cert, key } = await certificateFor(...hosts)
  const server = await startH2Origin(echo, { host: '0.0.0.0', server: { cert, key } })
  const pool = (options: PoolOptions = {}): Pool =>
    new Pool({ tls: { ca }, coalesce: true, lookup: names({}), ...options })
  return { server, pool, origin: (host: string) => `https://${host}:${server.port}` }
}

describe('coalescing', () => {
  test('another host that the certificate names, at the same address, shares the connection', async () => {
    const { server, pool: make, origin } = await start('a.example', 'b.example')
    await using _ = server
    await using pool = make()
    assert.equal(
      (await send(pool, { origin: origin('a.example'), path: '/host' })).body.toString(),
      `a.example:${server.port}`,
    )
    const both = await Promise.all(
      ['b.example', 'b.example', 'a.example'].map((host) => send(pool, { origin: origin(host), path: '/host' })),
    )
    assert.deepEqual(
      both.map(({ body }) => body.toString().split(':')[0]),
      ['b.example', 'b.example', 'a.example'],
    )
    assert.equal(server.connections, 1)
    const stats = pool.stats()
    assert.equal(stats.connections, 1)
    assert.deepEqual(
      stats.origins.map(({ connections, borrowed }) => [connections, borrowed]),
      [
        [1, 0],
        [0, 1],
      ],
    )
  })

  test('coalescing is off unless asked for', async () => {
    const { server, pool: make, origin } = await start('a.example', 'b.example')
    await using _ = server
    await using pool = make({ coalesce: false })
    for (const host of ['a.example', 'b.example']) await send(pool, { origin: origin(host), path: '/host' })
    assert.equal(server.connections, 2)
  })

  test('coalescing is not done when the certificate does not name the host', async () => {
    const { server, pool: make, origin } = await start('a.example', 'c.example')
    await using _ = server
    await using pool = make({ tls: { rejectUnauthorized: false } })
    for (const host of ['a.example', 'b.example']) await send(pool, { origin: origin(host), path: '/host' })
    assert.equal(server.connections, 2)
  })

  test('coalescing is not done when the host has another address', async () => {
    const { server, pool: make, origin } = await start('a.example', 'b.example')
    await using _ = server
    await using pool = make({ lookup: names({ 'b.example': '127.0.0.2' }) })
    for (const host of ['a.example', 'b.example']) await send(pool, { origin: origin(host), path: '/host' })
    assert.equal(server.connections, 2)
  })

  test('coalescing is not done between requests with other connection options', async () => {
    const { server, pool: make, origin } = await start('a.example', 'b.example')
    await using _ = server
    await using pool = make()
    await send(pool, { origin: origin('a.example'), path: '/host' })
    await send(pool, { origin: origin('b.example'), path: '/host', connect: { tls: { ciphers: 'HIGH' } } })
    assert.equal(server.connections, 2)
  })

  test('421 is not the answer: the request, body and all, goes to a connection of its own, as does all after it', async () => {
    const { ca, cert, key } = await certificateFor('a.example', 'b.example')
    let first = true
    await using server = await startH2Origin(
      (stream, headers) => {
        const misdirected = first && String(headers[':authority']).startsWith('b.')
        if (misdirected) first = false
        stream.respond({ ':status': misdirected ? 421 : 200 })
        stream.pipe(stream)
      },
      { host: '0.0.0.0', server: { cert, key } },
    )
    await using pool = new Pool({ tls: { ca }, coalesce: true, lookup: names({}) })
    const port = server.port
    await send(pool, { origin: `https://a.example:${port}`, path: '/' })
    const post = await send(pool, { origin: `https://b.example:${port}`, path: '/', method: 'POST', body: 'all of it' })
    assert.equal(post.status, 200)
    assert.equal(post.body.toString(), 'all of it')
    assert.equal(server.connections, 2)
    await send(pool, { origin: `https://b.example:${port}`, path: '/' })
    assert.equal(server.connections, 2)
  })

  test('421 from a connection of its own is an answer like any other', async () => {
    await using server = await startH2Origin((stream) => {
      stream.respond({ ':status': 421 }, { endStream: true })
    })
    await using pool = new Pool({ tls: { ca: server.ca }, coalesce: true })
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).status, 421)
  })

  test('an ORIGIN frame allows a host wherever its name leads, and forbids those that it leaves out', async () => {
    const { ca, cert, key } = await certificateFor('a.example', 'b.example', 'c.example')
    let port = 0
    await using server = await startH2Origin(echo, {
      host: '0.0.0.0',
      server: { cert, key },
    })
    port = server.port
    server.server.on('session', (session) => session.origin(`https://b.example:${port}`))
    const heard: string[][] = []
    let told = (): void => {}
    const said = new Promise<void>((resolve) => {
      told = resolve
    })
    await using pool = new Pool({
      tls: { ca },
      coalesce: true,
      lookup: names({ 'b.example': '127.0.0.3' }),
      events: {
        origins: (_origin, list) => {
          heard.push([...list])
          told()
        },
      },
    })
    await send(pool, { origin: `https://a.example:${port}`, path: '/host' })
    await said
    assert.deepEqual(heard, [[`https://b.example:${port}`]])
    assert.equal((await send(pool, { origin: `https://b.example:${port}`, path: '/host' })).status, 200)
    assert.equal(server.connections, 1)
    assert.equal((await send(pool, { origin: `https://c.example:${port}`, path: '/host' })).status, 200)
    assert.equal(server.connections, 2)
  })

  test('when a shared connection goes away, the origins that borrowed it make their own, and nothing is lost', async () => {
    const { server, pool: make, origin } = await start('a.example', 'b.example')
    await using _ = server
    await using pool = make()
    await send(pool, { origin: origin('a.example'), path: '/host' })
    await send(pool, { origin: origin('b.example'), path: '/host' })
    server.cutAll()
    const after = await Promise.all(
      ['b.example', 'a.example', 'b.example'].map((host) => send(pool, { origin: origin(host), path: '/host' })),
    )
    for (const { status } of after) assert.equal(status, 200)
  })

  test('a name that is looked up without end is an error after the time for it', async () => {
    const { server, pool: make, origin } = await start('a.example', 'b.example')
    await using _ = server
    const answer = names({})
    const lookup: LookupFunction = (host, options, callback) => {
      if (host === 'a.example') answer(host, options, callback)
    }
    await using pool = make({ lookup, lookupTimeout: 50 })
    await send(pool, { origin: origin('a.example'), path: '/host' })
    const error = await rejection(send(pool, { origin: origin('b.example'), path: '/host', queueTimeout: 2000 }))
    assert.ok(error instanceof TimeoutError)
    assert.deepEqual([error.kind, error.phase, error.origin], ['connect', 'dns', origin('b.example')])
  })

  test('the number of hosts that share a connection is limited', async () => {
    const { server, pool: make, origin } = await start('a.example', '*.b.example')
    await using _ = server
    await using pool = make()
    await send(pool, { origin: origin('a.example'), path: '/host' })
    for (let i = 0; i < MAX_COALESCED; i++) await send(pool, { origin: origin(`h${i}.b.example`), path: '/host' })
    assert.equal(server.connections, 1)
    await send(pool, { origin: origin('more.b.example'), path: '/host' })
    assert.equal(server.connections, 2)
  })

  test('an advertised alternative service is reported by an event', async () => {
    await using server = await startH2Origin(echo)
    server.server.on('session', (session) => session.altsvc('h3=":443"', `https://localhost:${server.port}`))
    let told: (value: string[]) => void = () => {}
    const said = new Promise<string[]>((resolve) => {
      told = resolve
    })
    await using pool = new Pool({ tls: { ca: server.ca }, events: { altSvc: (...args) => told(args) } })
    await send(pool, { origin: server.origin, path: '/host' })
    assert.deepEqual(await said, [server.origin, 'h3=":443"'])
  })
})
