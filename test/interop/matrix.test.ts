/**
 * The matrix: real servers and proxies of other projects against behaviours, through the public `Pool`.
 *
 * Rules
 * - Each cell is a test, `SERVER: BEHAVIOUR`. What a server cannot do is a cell too, that says why.
 * - A server that is not installed shows as skipped.
 * - One process, one server after the other, so that one table comes of it: printed at the end, and written to
 *   `docs/interop.md` when all of it is there.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { TestOrigin } from '../support/origin.ts'
import type { Program } from '../support/programs.ts'
import { behaviours } from './matrix/behaviours.ts'
import { proxies, proxyBehaviours } from './matrix/proxies.ts'
import { servers } from './matrix/servers.ts'
import { PATIENCE, startBackend } from './matrix/support.ts'
import { Table, writePage } from './matrix/table.ts'
import { upgrades } from './matrix/upgrade.ts'

const serverTable = new Table('Servers', servers)
const proxyTable = new Table('Proxies', proxies)

/** One cell: it runs, or it says why the server has no such thing. */
function cell(
  table: Table,
  behaviour: string,
  name: string,
  reason: string | undefined,
  run: () => Promise<void>,
): void {
  table.expect(behaviour, name)
  const title = `${name}: ${behaviour}${reason === undefined ? '' : ` (not offered: ${reason})`}`
  test(title, { timeout: PATIENCE }, async () => {
    if (reason !== undefined) {
      table.notOffered(behaviour, name, reason)
      return
    }
    await run()
    table.works(behaviour, name)
  })
}

for (const kind of servers) {
  const installed = kind.version !== undefined
  describe(kind.name, { skip: installed ? false : `${kind.name} is not installed` }, () => {
    let server: Program
    let backend: TestOrigin

    before(async () => {
      backend = await startBackend()
      const started = await kind.start({ streams: 256, backend: backend.origin })
      assert.ok(started)
      server = started
    })

    after(async () => {
      await server?.close()
      await backend?.close()
    })

    for (const { title, needs, run } of [...behaviours, ...upgrades]) {
      const reason = needs === undefined ? undefined : kind.without[needs]
      cell(serverTable, title, kind.name, reason, () => run({ kind, server, backend: backend.origin }))
    }
  })
}

for (const kind of proxies) {
  const installed = kind.version !== undefined
  describe(kind.name, { skip: installed ? false : `${kind.name} is not installed` }, () => {
    let proxy: Program

    before(async () => {
      const started = await kind.start()
      assert.ok(started)
      proxy = started
    })

    after(async () => {
      await proxy?.close()
    })

    for (const { title, needs, run } of proxyBehaviours) {
      const reason = needs === undefined ? undefined : kind.without[needs]
      cell(proxyTable, title, kind.name, reason, () => run(kind, proxy))
    }
  })
}

after(async () => {
  const tables = [serverTable, proxyTable]
  for (const table of tables) console.log(`\n${table}`)
  console.log(`\n${await writePage(new URL('../../docs/interop.md', import.meta.url), tables)}`)
})
