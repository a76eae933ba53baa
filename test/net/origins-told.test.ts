/** What a server says of origins (RFC 8336), and what our messages say of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Pool } from '../../src/index.ts'
import { MAX_ORIGINS } from '../../src/limits.ts'
import { parseOrigin } from '../../src/net/origin.ts'
import { certificateFor } from '../support/certificate.ts'
import { send } from '../support/exchange.ts'
import { FrameServer } from '../support/frame-server.ts'
import { startH2Origin } from '../support/origin.ts'

/** An ORIGIN frame. */
function originFrame(origins: readonly string[]): Buffer {
  const entries = origins.map((origin) => {
    const entry = Buffer.alloc(2 + origin.length)
    entry.writeUInt16BE(origin.length)
    entry.write(origin, 2, 'latin1')
    return entry
  })
  const payload = Buffer.concat(entries)
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = 0xc
  return Buffer.concat([head, payload])
}

describe('ORIGIN frames', () => {
  test('a connection with ORIGIN frames without end is closed', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'ok') })
    let heard = 0
    let ended = (_: Error | undefined): void => {}
    const end = new Promise<Error | undefined>((resolve) => {
      ended = resolve
    })
    await using pool = new Pool({
      h2c: 'prior-knowledge',
      events: {
        origins: () => {
          heard++
        },
        disconnect: (_origin, error) => ended(error),
      },
    })
    await send(pool, { origin: server.origin, path: '/' })
    const [connection] = server.connections
    const flood = 5000
    connection.octets(Buffer.concat(Array.from({ length: flood }, (_, i) => originFrame([`https://${i}.example`]))))
    assert.match(String((await end)?.message), /ORIGIN/)
    assert.ok(heard < flood / 2, `${heard} of ${flood} were told`)
    assert.equal((await send(pool, { origin: server.origin, path: '/' })).status, 200)
    assert.equal(server.connections.length, 2)
  })

  for (const [more, connections] of [
    [0, 1],
    [MAX_ORIGINS, 2],
  ]) {
    test(`${more} others said before it: another origin takes ${connections} connection(s)`, async () => {
      const { ca, cert, key } = await certificateFor('a.example', 'b.example')
      await using server = await startH2Origin({}, { server: { cert, key } })
      const { port } = server
      const others = Array.from({ length: more }, (_, i) => `https://${i}.test`)
      server.server.on('session', (session) => {
        for (let at = 0; at < others.length; at += 500) session.origin(...others.slice(at, at + 500))
        session.origin(`https://b.example:${port}`)
      })
      let told = 0
      let all = (): void => {}
      const said = new Promise<void>((resolve) => {
        all = resolve
      })
      await using pool = new Pool({
        tls: { ca },
        coalesce: true,
        lookup: (_host, options, callback) => {
          if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
          else callback(null, '127.0.0.1', 4)
        },
        events: {
          origins: (_origin, list) => {
            told += list.length
            if (told === more + 1) all()
          },
        },
      })
      assert.equal((await send(pool, { origin: `https://a.example:${port}`, path: '/json' })).status, 200)
      await said
      assert.equal((await send(pool, { origin: `https://b.example:${port}`, path: '/json' })).status, 200)
      assert.equal(server.connections, connections)
    })
  }
})

describe('credentials in an origin', () => {
  for (const text of [
    'https://user:secret@example.com',
    'https://secret@example.com',
    'ftp://user:secret@example.com',
    'https://user:secret@example.com:99999',
    'https://user:secret@exa mple.com',
    'https://user:sec@ret@example.com:99999',
    'https://user:secret@',
    'https:user:secret@h:99999',
    'https:\\\\user:secret@h:99999',
    'https://user:sec/ret@h:99999',
    'https://user:sec#ret@h:99999',
  ]) {
    test(`credentials in an origin do not stand in the message: ${text.replace(/sec.?ret/, '…')}`, () => {
      assert.throws(
        () => parseOrigin(text),
        (error: Error & { code?: unknown }) => {
          assert.equal(error.code, 'ERR_HYPER_INVALID_ARGUMENT')
          assert.doesNotMatch(error.message, /sec|ret/)
          return true
        },
      )
    })
  }
})
