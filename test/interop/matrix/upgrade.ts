/** HTTP/2 over cleartext by `Upgrade: h2c` (RFC 7540 section 3.2), and what follows when the server does not know it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { SMALL } from '../../support/programs.ts'
import type { Behaviour } from './behaviours.ts'
import { ask, WatchedPool } from './support.ts'

export const upgrades: readonly Behaviour[] = [
  {
    title: 'Upgrade: h2c',
    needs: 'upgrade',
    async run({ kind, backend }) {
      await using server = await kind.start({ plain: true, backend })
      assert.ok(server)
      await using pool = new WatchedPool({ h2c: 'upgrade' })
      // All at once: the first asks, the others wait for what comes of it.
      const all = Array.from({ length: 50 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      for (const received of await Promise.all(all)) {
        assert.equal(received.status, 200)
        assert.equal(received.body.toString(), SMALL)
        // One that leaves right after each upgrade is spoken to by HTTP/1.1 in the end.
        if (!kind.leavesUpgraded) assert.equal(received.connection?.protocol, 'h2')
        assert.equal(received.connection?.encrypted, false)
      }
      if (!kind.leavesUpgraded) assert.equal(pool.made, 1)
      const bytes = randomBytes(1 << 20)
      const { upload } = kind
      const method = upload.by === 'file' ? 'PUT' : 'POST'
      const stored = await ask(pool, { origin: server.origin, path: upload.path, method, body: bytes })
      assert.ok(stored.status >= 200 && stored.status < 300, `status ${stored.status}`)
      if (upload.by === 'echo') assert.ok(stored.body.equals(bytes))
      if (!kind.leavesUpgraded) assert.equal(pool.made, 1)
    },
  },
  {
    title: 'Upgrade: h2c by a request with a body',
    needs: 'upgrade with a body',
    async run({ kind, backend }) {
      await using server = await kind.start({ plain: true, backend })
      assert.ok(server)
      await using pool = new WatchedPool({ h2c: 'upgrade' })
      const posted = await ask(pool, { origin: server.origin, path: kind.post, method: 'POST', body: 'some body' })
      assert.ok(posted.status >= 200 && posted.status < 300, `status ${posted.status}`)
      // Whatever came of that one, HTTP/2 is there for the next.
      const received = await ask(pool, { origin: server.origin, path: '/small' })
      assert.equal(received.body.toString(), SMALL)
    },
  },
  {
    title: 'where Upgrade: h2c is not supported, the request goes on over HTTP/1.1',
    needs: 'no upgrade',
    async run({ kind, backend }) {
      await using server = await kind.startHttp1?.({ backend })
      assert.ok(server)
      await using pool = new WatchedPool({ h2c: 'upgrade' })
      const all = Array.from({ length: 20 }, () => ask(pool, { origin: server.origin, path: '/small' }))
      for (const received of await Promise.all(all)) {
        assert.equal(received.body.toString(), SMALL)
        assert.equal(received.connection?.protocol, 'http/1.1')
      }
    },
  },
]
