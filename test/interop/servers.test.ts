/**
 * Against real servers of other projects on the loopback interface. A server that is not installed shows as skipped.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Pool } from '../../src/index.ts'
import { Collecting, send } from '../support/exchange.ts'
import { type Program, SMALL, startNghttpd, startNginx, versionOf } from '../support/programs.ts'

const servers = [
  { name: 'nghttpd', start: startNghttpd, installed: versionOf('nghttpd') !== undefined },
  { name: 'nginx', start: startNginx, installed: versionOf('nginx', '-v') !== undefined },
] as const

for (const { name, start, installed } of servers) {
  describe(name, { skip: installed ? false : `${name} is not installed` }, () => {
    let server: Program
    let pool: Pool

    before(async () => {
      const started = await start()
      assert.ok(started)
      server = started
      pool = new Pool({ tls: { ca: server.ca } })
    })

    after(async () => {
      await pool?.destroy()
      await server?.close()
    })

    test('a small GET', async () => {
      const received = await send(pool, { origin: server.origin, path: '/small' })
      assert.equal(received.status, 200)
      assert.equal(received.body.toString(), SMALL)
      assert.equal(received.connection?.protocol, 'h2')
    })

    test('a download of 10 MB, octet for octet', async () => {
      const received = await send(pool, { origin: server.origin, path: '/ten-megabytes' })
      assert.ok(received.body.equals(await readFile(join(server.folder, 'ten-megabytes'))))
    })

    test('100 at once over one connection', async () => {
      const all = Array.from({ length: 100 }, () => send(pool, { origin: server.origin, path: '/small' }))
      for (const received of await Promise.all(all)) assert.equal(received.body.toString(), SMALL)
      assert.equal(pool.stats().connections, 1)
    })

    test('10 downloads of 1 MB at once, each whole', async () => {
      const expected = await readFile(join(server.folder, 'megabyte'))
      const all = Array.from({ length: 10 }, () => send(pool, { origin: server.origin, path: '/megabyte' }))
      for (const received of await Promise.all(all)) assert.ok(received.body.equals(expected))
    })

    test('HEAD has a length and no body', async () => {
      const received = await send(pool, { origin: server.origin, path: '/megabyte', method: 'HEAD' })
      assert.equal(received.status, 200)
      assert.equal(received.headers['content-length'], String(1 << 20))
      assert.equal(received.body.length, 0)
    })

    test('404', async () => {
      assert.equal((await send(pool, { origin: server.origin, path: '/nothing' })).status, 404)
    })

    test('a paused download delays no other request and arrives whole', async () => {
      const handler = new Collecting()
      const exchange = pool.dispatch({ origin: server.origin, method: 'GET', path: '/ten-megabytes' }, handler)
      exchange.pause()
      for (let i = 0; i < 20; i++) {
        assert.equal((await send(pool, { origin: server.origin, path: '/megabyte' })).body.length, 1 << 20)
      }
      assert.equal(handler.chunks.length, 0)
      exchange.resume()
      assert.ok((await handler.result).body.equals(await readFile(join(server.folder, 'ten-megabytes'))))
    })

    test('aborted downloads leave the connection usable', async () => {
      for (let i = 0; i < 20; i++) {
        const handler = new Collecting()
        const exchange = pool.dispatch({ origin: server.origin, method: 'GET', path: '/ten-megabytes' }, handler)
        handler.onData = () => exchange.abort(new Error('enough'))
        await assert.rejects(handler.result, /enough/)
      }
      assert.equal((await send(pool, { origin: server.origin, path: '/small' })).body.toString(), SMALL)
      assert.equal(pool.stats().connections, 1)
    })
  })
}

describe('nghttpd', { skip: servers[0].installed ? false : 'nghttpd is not installed' }, () => {
  test('an upload of 10 MB comes back octet for octet', async () => {
    await using server = await startNghttpd({ args: ['--echo-upload'] })
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    const body = randomBytes(10 << 20)
    const whole = await send(pool, { origin: server.origin, path: '/small', method: 'POST', body })
    assert.ok(whole.body.equals(body))
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < body.length; at += 50_000) yield body.subarray(at, at + 50_000)
    }
    const streamed = await send(pool, { origin: server.origin, path: '/small', method: 'POST', body: pieces() })
    assert.ok(streamed.body.equals(body))
  })

  test('response trailers arrive', async () => {
    await using server = await startNghttpd({ args: ['--trailer', 'x-sum: abc'] })
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    assert.deepEqual((await send(pool, { origin: server.origin, path: '/small' })).trailers, ['x-sum', 'abc'])
  })

  test('prior knowledge over cleartext', async () => {
    await using server = await startNghttpd({ plain: true })
    assert.ok(server)
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const received = await send(pool, { origin: server.origin, path: '/small' })
    assert.equal(received.body.toString(), SMALL)
    assert.equal(received.connection?.protocol, 'h2')
  })

  test('a header table of another size, and padded frames', async () => {
    await using server = await startNghttpd({ args: ['--header-table-size=0', '--padding=200'] })
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    for (let i = 0; i < 5; i++) {
      const received = await send(pool, { origin: server.origin, path: '/megabyte', headers: { 'x-a': String(i) } })
      assert.equal(received.body.length, 1 << 20)
    }
  })

  test('a limit of streams is kept in a cold burst', async () => {
    await using server = await startNghttpd({ args: ['--max-concurrent-streams=7'] })
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    const all = Array.from({ length: 200 }, () => send(pool, { origin: server.origin, path: '/small' }))
    for (const { status } of await Promise.all(all)) assert.equal(status, 200)
  })
})

describe('nginx', { skip: servers[1].installed ? false : 'nginx is not installed' }, () => {
  test('an upload of 10 MB is stored octet for octet', async () => {
    await using server = await startNginx()
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    const body = randomBytes(10 << 20)
    const received = await send(pool, { origin: server.origin, path: '/dav/stored', method: 'PUT', body })
    assert.equal(received.status, 201)
    const stored = await readFile(join(server.folder, 'dav', 'stored'))
    assert.equal(createHash('sha256').update(stored).digest('hex'), createHash('sha256').update(body).digest('hex'))
  })

  test('gzip when it is asked for', async () => {
    await using server = await startNginx()
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    const request = { origin: server.origin, path: '/text', headers: { 'accept-encoding': 'gzip' } }
    const received = await send(pool, request)
    assert.equal(received.headers['content-encoding'], 'gzip')
    assert.deepEqual(gunzipSync(received.body), await readFile(join(server.folder, 'text')))
  })

  test('a reload in mid-traffic loses no request', async () => {
    await using server = await startNginx()
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    let requests = 0
    let reloads = 0
    let running = true
    const lane = async (): Promise<void> => {
      while (running) {
        const post = requests % 3 === 0
        const received = await send(pool, {
          origin: server.origin,
          path: post ? '/upload' : '/small',
          method: post ? 'POST' : 'GET',
          body: post ? 'some body' : null,
        })
        assert.equal(received.status, post ? 204 : 200)
        requests++
      }
    }
    const reload = async (): Promise<void> => {
      while (reloads < 5) {
        const seen = requests
        server.process.kill('SIGHUP')
        reloads++
        // Traffic goes on between two reloads: by its amount, not by the clock.
        while (requests < seen + 500) await new Promise((resolve) => setImmediate(resolve))
      }
      running = false
    }
    await Promise.all([...Array.from({ length: 20 }, lane), reload()])
    assert.ok(requests >= 2500)
  })

  test('a limit of requests a connection moves on to the next connection', async () => {
    await using server = await startNginx({ directives: 'keepalive_requests 50;' })
    assert.ok(server)
    await using pool = new Pool({ tls: { ca: server.ca } })
    const all = Array.from({ length: 1000 }, () => send(pool, { origin: server.origin, path: '/small' }))
    for (const received of await Promise.all(all)) assert.equal(received.body.toString(), SMALL)
  })

  test('a connection closed by the server while idle is not used again', async () => {
    await using server = await startNginx({ directives: 'keepalive_timeout 1s;' })
    assert.ok(server)
    let disconnected: () => void = () => {}
    const disconnect = new Promise<void>((resolve) => {
      disconnected = resolve
    })
    await using pool = new Pool({ tls: { ca: server.ca }, events: { disconnect: () => disconnected() } })
    await send(pool, { origin: server.origin, path: '/small' })
    await disconnect
    assert.equal((await send(pool, { origin: server.origin, path: '/small', method: 'POST' })).status, 405)
  })
})
