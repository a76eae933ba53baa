/**
 * `npm run stranger`: the package as somebody gets it who has none of our tools. It is packed, installed into empty folders
 * outside the repository, and bundled, tested, type-checked and run there as people do. Prints a table and exits with 1 when
 * something fails; what cannot be installed shows as skipped. About three minutes on two cores.
 *
 * `npm run stranger -- bundlers types`: these parts alone.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startH2Origin } from '../support/origin.ts'
import { BUNDLERS, bundlers } from './bundlers.ts'
import { command } from './command.ts'
import { figures } from './figures.ts'
import { oneState } from './one-state.ts'
import { RUNNERS, runners } from './runners.ts'
import { Table } from './table.ts'
import { CHECKERS, types } from './types.ts'
import { root, Workshop } from './workshop.ts'

const manifest: { readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const wanted = process.argv.slice(2)
const table = new Table()
using shop = new Workshop()
await using origin = await startH2Origin({
  '/hello': (_call, answer) => {
    answer.head(200, { 'content-type': 'text/plain' })
    answer.end('hello')
  },
})
const env = { ORIGIN: origin.origin, NODE_EXTRA_CA_CERTS: shop.write('ca.pem', origin.ca) }
const packed = await shop.pack()
const own = (name: string): string => `${name}@${manifest.devDependencies[name]}`

/** Installs, and shows how long it takes. @returns nothing when it cannot be installed: then it shows as skipped, by name. */
async function installed(name: string, packages: readonly string[]): Promise<string | undefined> {
  let folder: string | undefined
  const names = packages.filter((one) => one !== packed.filename).map((one) => one.replace(/(?<=.)@.*/, ''))
  await table.row(`installed: ${names.join(', ') || 'the package alone'}`, 'npm', '', async () => {
    folder = await shop.install(name, packages)
    return undefined
  })
  return folder
}

// It needs nothing else: where npm cannot install it, it is unpacked.
const alone = (await installed('alone', [packed.filename])) ?? (await shop.unpack('alone', packed.filename))
const together = await installed('together', [packed.filename, own('axios'), own('got'), own('undici')])
if (together === undefined) {
  table.end()
  console.log('The libraries cannot be installed here: the rest is skipped.')
  shop[Symbol.dispose]()
  process.exit(table.failed ? 1 : 0)
}
const places = { alone, together }

/** A part, and the tools that it needs. */
async function part(name: string, tools: readonly string[], work: (folder: string) => Promise<void>): Promise<void> {
  if (wanted.length > 0 && !wanted.includes(name)) return
  if (tools.length === 0) return work(shop.folder)
  const folder = await installed(`tools-${name}`, tools)
  if (folder !== undefined) await work(folder)
}

await part('state', [], () => oneState(table, shop, alone, env))
await part('figures', [], () => figures(table, packed, alone, together))
await part('command', [], () => command(table, shop, packed))
await part('types', CHECKERS, (tools) => types(table, shop, tools, packed, places, own('@types/node')))
await part('runners', RUNNERS, (tools) =>
  runners(table, shop, tools, places, env, [packed.filename, own('selfsigned')]),
)
await part('bundlers', BUNDLERS, (tools) => bundlers(table, shop, tools, places, env))
table.end()
process.exitCode = table.failed ? 1 : 0
