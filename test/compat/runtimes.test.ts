/**
 * Bun and Deno: each library by `probe.ts`, as `main.ts` does on each Node, and the whole process by `register`. The table of
 * docs/runtimes.md is made of what went well: UPDATE_RUNTIMES=1 writes it anew.
 *
 * Their binaries come from npm, into a folder that is removed; where they cannot be installed it shows as skipped. Part of
 * `npm run compat`; a minute on two cores.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Skipped } from '../stranger/table.ts'
import { root, run, Workshop } from '../stranger/workshop.ts'
import { LIBRARIES, probe, startOrigins } from './probing.ts'

const RUNTIMES = [
  { name: 'Bun', version: '1.4.5', binary: '@oven/bun-*/bin/bun', args: ['run'] },
  {
    name: 'Deno',
    version: '2.9.6',
    binary: '@deno/*/deno',
    args: ['run', '--allow-all', '--quiet', '--no-lock', '--node-modules-dir=manual'],
  },
] as const

const PAGE = join(root, 'docs/runtimes.md')
const TABLE = /(?<=<!-- What the run saw: .*-->\n)[\s\S]*?(?=<!-- The end of it -->)/

const shop = new Workshop()
const world = await startOrigins()
after(async () => {
  shop[Symbol.dispose]()
  await world[Symbol.asyncDispose]()
})

/** What goes otherwise, and why; the rest has to work. */
function exception(runtime: string, library: string, module: string): string | undefined {
  if (library === 'node') return 'its own fetch, which asks no dispatcher'
  if (runtime === 'Bun' && module === 'undici') return 'a module of its own in its place'
  return undefined
}

/** A process that does nothing but register, and asks an origin that speaks HTTP/2 alone. */
const REGISTERED = `
import https from 'node:https'
import { register } from '${new URL('../../dist/register.js', import.meta.url).href}'
register({ tls: { ca: process.env.PROBE_CA } })
const url = process.argv[2] + '/arrived'
const get = (options) => new Promise((resolve, reject) => {
  https.get(url, options, (response) => response.on('data', (data) => resolve(String(data)))).on('error', reject)
})
console.log(await (await fetch(url)).text(), await get({}), await get({ agent: new https.Agent({ keepAlive: true }) }))
process.exit()
`

const rows: string[] = []

for (const { name, version, binary, args } of RUNTIMES) {
  const packages = [`${name.toLowerCase()}@${version}`]
  const folder = await shop.install(name, packages, { timeout: 120_000 }).catch((error: unknown) => {
    if (error instanceof Skipped) return undefined
    throw error
  })
  // Deno keeps compiled code by path, and takes what it kept of a file that has changed since: each run has a cache of its own.
  if (folder !== undefined) process.env['DENO_DIR'] = join(folder, 'cache')
  const program = folder && globSync(join(folder, 'node_modules', binary))[0]
  const skip = program === undefined && `${name} ${version} cannot be installed`
  const command = [program ?? '', ...args] as const

  describe(`${name} ${version}`, { skip }, () => {
    for (const [library, module, title] of LIBRARIES) {
      const other = exception(name, library, module)
      if (other !== undefined) {
        if (library !== 'node') rows.push(`| ${title} | ${name} ${version} | no: ${other} |`)
        continue
      }
      test(`${title}: what works in Node works here`, async () => {
        const results = await probe(command, library, module, world)
        assert.deepEqual(
          Object.entries(results).filter(([, result]) => result !== 'yes'),
          [],
        )
        rows.push(`| ${title} | ${name} ${version} | ${Object.keys(results).join(', ')} |`)
      })
    }

    test('register puts fetch and node:https, by agents of both kinds, over the pool', async () => {
      const file = shop.write(`${name}/registered.mjs`, REGISTERED)
      const [origin = ''] = world.origins
      const env = { PROBE_CA: world.ca }
      const said = await run(command[0], [...args, file, origin], { env, timeout: 30_000 })
      assert.equal(said.trim(), 'arrived arrived arrived')
      rows.push(`| \`hyper-transport/register\` | ${name} ${version} | fetch, node:https, agents of its class |`)
    })
  })
}

test('the table of docs/runtimes.md is what the run saw', (context) => {
  const expected = RUNTIMES.length * LIBRARIES.length
  // A row for each library but Node's fetch, and one for register.
  if (rows.length < expected) return context.skip('not every runtime was tried')
  const page = readFileSync(PAGE, 'utf8')
  assert.match(page, TABLE)
  const table = `\n| what | in | works |\n|---|---|---|\n${rows.join('\n')}\n\n`
  const written = page.replace(TABLE, () => table)
  if (process.env['UPDATE_RUNTIMES'] === '1') writeFileSync(PAGE, written)
  assert.equal(readFileSync(PAGE, 'utf8'), written)
})
