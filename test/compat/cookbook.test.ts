/**
 * docs/cookbook.md, done: each client in a process of its own, made by the page's own block, sends three requests at once to an
 * HTTP/2 origin that goes by its service's name. The page's table is made of what that origin saw: UPDATE_COOKBOOK=1 writes it
 * anew.
 *
 * The clients are no devDependencies: they are installed into a folder that is removed afterwards. Where the registry cannot be
 * reached they show as skipped. Part of `npm run compat`; a minute on two cores.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TestOrigin } from '../../src/testing/index.ts'
import { blocksOf } from '../docs/blocks.ts'
import { npmInstall, root, run, versionOf, Workshop } from '../stranger/workshop.ts'
import { certificateFor } from '../support/certificate.ts'
import { RECIPES, type Recipe } from './cookbook/recipes.ts'

const PAGE = join(root, 'docs/cookbook.md')
const TABLE = /(?<=<!-- What the run saw: .*-->\n)[\s\S]*?(?=<!-- The end of it -->)/
const offline = fileURLToPath(new URL('../docs/offline.ts', import.meta.url))
const page = readFileSync(PAGE, 'utf8')

/** The block of each section, by its heading. */
const blocks = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [
      section.slice(0, section.indexOf('\n')),
      blocksOf('docs/cookbook.md', section).map(({ lines }) => lines.join('\n')),
    ]),
)

const shop = new Workshop()
after(() => shop[Symbol.dispose]())
const missing = await install()
const folder = shop.path('cookbook')
const certificate = await certificateFor('localhost', ...new Set(RECIPES.map(({ host }) => host)))
const ca = shop.write('ca.pem', certificate.ca)

/** The package and the clients. @returns why they cannot be installed: there is no network. What is wrong with us throws. */
async function install(): Promise<string | undefined> {
  const packed = await shop.pack()
  shop.write('cookbook/package.json', readFileSync(new URL('cookbook/package.json', import.meta.url), 'utf8'))
  try {
    await npmInstall(shop.path('cookbook'), ['--loglevel=error'], 240_000)
  } catch (error) {
    if (/\b(?:E404|ETARGET|ERESOLVE|EJSONPARSE)\b/.test(String(error))) throw error
    return `the clients cannot be installed: ${String(error).split('\n')[0]}`
  }
  await shop.unpack('cookbook', packed.filename)
  return undefined
}

function programOf({ title, line, use, package: name, alias }: Recipe): string {
  const [block = ''] = blocks.get(title) ?? []
  assert.ok(block.includes(line), `the section ${title} of docs/cookbook.md has no block with: ${line}`)
  const named = alias === undefined ? block : block.replaceAll(`'${name}'`, `'${alias}'`)
  return `${named}\n${use}\nexport {}\n`
}

interface Ran {
  readonly output: string
  readonly requests: readonly string[]
  readonly protocols: ReadonlySet<string>
  readonly hosts: ReadonlySet<string>
  readonly connections: number
}

/** A program in a process for which every name is that of an origin of its own. */
async function runProgram(file: string, { script, env: own = {} }: Recipe): Promise<Ran> {
  await using origin = await TestOrigin.start({ certificate })
  for (const [route, answer] of Object.entries(script)) origin.answer(route, answer)
  const env = { ...own, DOCS_PORTS: JSON.stringify({ 443: origin.port }), NODE_EXTRA_CA_CERTS: ca }
  const args = ['--no-warnings', '--require', offline, file]
  const output = await run(process.execPath, args, { cwd: folder, env, timeout: 30_000 })
  return {
    output: output.trim(),
    // socket.io's query has the time in it.
    requests: origin.requests.map(({ method, path }) => `${method} ${path.replace(/\?EIO=.*/, '')}`).sort(),
    protocols: new Set(origin.requests.map(({ protocol }) => protocol)),
    hosts: new Set(origin.requests.map(({ headers }) => headers['host'] ?? '')),
    connections: origin.connections.total,
  }
}

const seen = new Map<string, Ran>()
const stemOf = ({ title }: Recipe): string => title.toLowerCase().replaceAll(' ', '-')

test('the programs of the page are correctly typed beside the clients', async (context) => {
  if (missing !== undefined) return context.skip(missing)
  for (const recipe of RECIPES) shop.write(`cookbook/${stemOf(recipe)}.ts`, programOf(recipe))
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
  const { paths: _, ...strict } = compilerOptions
  shop.write('cookbook/tsconfig.json', JSON.stringify({ compilerOptions: strict, include: ['*.ts'] }))
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'])
})

describe('over the pool', { concurrency: 2 }, () => {
  for (const recipe of RECIPES) {
    const { title, protocol = 'h2', host, sees, writes } = recipe
    test(`${title} sends its requests over ${protocol}`, async (context) => {
      if (missing !== undefined) return context.skip(missing)
      const ran = await runProgram(shop.write(`cookbook/${stemOf(recipe)}.ts`, programOf(recipe)), recipe)
      assert.equal(ran.output, writes)
      assert.deepEqual(ran.requests, sees)
      assert.deepEqual(ran.protocols, new Set([protocol]))
      assert.deepEqual(ran.hosts, new Set([host]))
      if (protocol === 'h2') assert.equal(ran.connections, 1)
      seen.set(title, ran)
    })
  }
})

test('a client without its line goes over HTTP/1.1: the protocol tells who carried it', async (context) => {
  if (missing !== undefined) return context.skip(missing)
  const [recipe] = RECIPES
  assert.ok(recipe !== undefined)
  const file = shop.write('cookbook/without.ts', programOf(recipe).replace(', fetch })', ' })'))
  assert.deepEqual((await runProgram(file, recipe)).protocols, new Set(['http/1.1']))
})

function table(): string {
  const rows = RECIPES.map((recipe) => {
    const { title, line, protocol = 'h2' } = recipe
    const anchor = title.toLowerCase().replaceAll(' ', '-').replaceAll('.', '')
    const version = versionOf(folder, recipe.alias ?? recipe.package)
    return `| [${title}](#${anchor}) | ${recipe.package} ${version} | \`${line}\` | ${protocol} | ${seen.get(title)?.connections} |`
  })
  return `
| client | tried with | line | protocol | connections |
|---|---|---|---|---|
${rows.join('\n')}

`
}

test('the table of docs/cookbook.md is what the run saw, and has every section', (context) => {
  if (missing !== undefined) return context.skip(missing)
  assert.deepEqual(
    [...blocks].filter(([, { length }]) => length > 0).map(([title]) => title),
    RECIPES.map(({ title }) => title),
  )
  assert.equal(seen.size, RECIPES.length, 'each has to have gone well')
  assert.match(page, TABLE)
  const written = page.replace(TABLE, () => table())
  if (process.env['UPDATE_COOKBOOK'] === '1') writeFileSync(PAGE, written)
  assert.equal(readFileSync(PAGE, 'utf8'), written)
})
