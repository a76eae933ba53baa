/** `import` and `require` share everything, importing changes nothing in the process, and installing brings nothing else. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ENTRIES, specifierOf } from '../../build/entries.ts'
import type { Table } from './table.ts'
import { run, type Workshop } from './workshop.ts'

/** Entry points that do something when they are imported are not for this. */
const quiet = ENTRIES.filter(({ sideEffects }) => sideEffects !== true).map(specifierOf)

const SAME = `
  import { createRequire } from 'node:module'
  const require = createRequire(import.meta.url)
  const slots = () => [1, 2].map((n) => globalThis[Symbol.for('undici.globalDispatcher.' + n)])
  const before = slots()
  for (const entry of ${JSON.stringify(quiet)}) {
    const imported = await import(entry)
    const required = require(entry)
    const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports')
    if (names.length === 0) throw new Error(entry + ' exports nothing')
    if (names.join() !== Object.keys(required).sort().join()) throw new Error(entry + ' has other names when it is required')
    for (const name of names) {
      if (imported[name] !== required[name]) throw new Error(entry + ': ' + name + ' is another when it is required')
    }
  }
  if (slots().some((one, index) => one !== before[index])) throw new Error('importing claimed the global dispatcher')`

const POOL = `
  import { createRequire } from 'node:module'
  import tls from 'node:tls'
  const require = createRequire(import.meta.url)
  let sockets = 0
  const { connect } = tls
  tls.connect = (...args) => { sockets++; return connect(...args) }
  const { fetch } = await import('hyper-transport/fetch')
  const { hyperAgent } = require('hyper-transport/agent')
  await (await fetch(process.env.ORIGIN + '/hello')).text()
  await new Promise((resolve, reject) => {
    require('node:https').get(process.env.ORIGIN + '/hello', { agent: hyperAgent.https }, (response) => {
      response.resume().on('end', resolve)
    }).on('error', reject)
  })
  if (sockets !== 1) throw new Error(sockets + ' sockets')`

export async function oneState(
  table: Table,
  shop: Workshop,
  alone: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  await table.row('installing it installs nothing else', 'npm', '', async () => {
    const brought = readdirSync(join(alone, 'node_modules')).filter((name) => !name.startsWith('.'))
    if (brought.join() !== 'hyper-transport') throw new Error(brought.join())
    return undefined
  })
  const script = (name: string, source: string) => async (): Promise<undefined> => {
    await run(process.execPath, [shop.write(`alone/${name}.mjs`, source)], { cwd: alone, env })
  }
  await table.row('require and import give the same', 'node', process.versions.node, script('same', SAME))
  await table.row('require and import share one pool', 'node', process.versions.node, script('pool', POOL))
}
