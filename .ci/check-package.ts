/**
 * The package as its users get it: packed, installed into an empty project, every entry point imported and required, with
 * undici and without, its types checked there, and Node's own fetch left as it was by all of it.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest: { exports: Record<string, unknown>; devDependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const entries = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace(/^\./, 'hyper-transport'))
const folder = mkdtempSync(join(tmpdir(), 'hyper-transport-package-'))
const run = (command: string, args: string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

try {
  const packed: { filename: string; files: { path: string }[] }[] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  )
  const paths = packed[0].files.map(({ path }) => path)
  for (const path of paths) {
    assert.match(path, /^(?:dist\/|docs\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/, `${path} is packed`)
  }
  for (const { types, default: code } of Object.values(manifest.exports).filter(isEntry)) {
    for (const path of [types, code]) assert.ok(paths.includes(path.slice(2)), `${path} is missing`)
  }

  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  const { axios, got, typescript, undici } = manifest.devDependencies
  run(
    'npm',
    [
      'install',
      '--no-audit',
      '--no-fund',
      '--silent',
      join(folder, packed[0].filename),
      `axios@${axios}`,
      `got@${got}`,
      `typescript@${typescript}`,
      `@types/node@${manifest.devDependencies['@types/node']}`,
    ],
    folder,
  )

  const slots = `[1, 2].map((n) => globalThis[Symbol.for('undici.globalDispatcher.' + n)])`
  const script = `
    const before = ${slots}
    for (const entry of ${JSON.stringify(entries)}) {
      const imported = await import(entry)
      const { createRequire } = await import('node:module')
      const required = createRequire(process.cwd() + '/x.cjs')(entry)
      if (Object.keys(imported).length === 0) throw new Error(entry + ' exports nothing')
      for (const name of Object.keys(imported)) {
        if (imported[name] !== required[name]) throw new Error(entry + ': ' + name + ' differs between import and require')
      }
      console.log(entry + ': ' + Object.keys(imported).join(', '))
    }
    const after = ${slots}
    if (before.some((one, index) => one !== after[index])) throw new Error('importing claimed the global dispatcher')`
  process.stdout.write(run(process.execPath, ['--input-type=module', '-e', script], folder))
  assert.ok(!existsSync(join(folder, 'node_modules', 'undici')), 'something brings undici')
  run('npm', ['install', '--no-audit', '--no-fund', '--silent', `undici@${undici}`], folder)
  const withUndici = `${script}
    const { Dispatcher } = await import('undici')
    const { HyperDispatcher } = await import('hyper-transport/undici')
    if (!(new HyperDispatcher() instanceof Dispatcher)) throw new Error('undici is installed, and was not found')`
  run(process.execPath, ['--input-type=module', '-e', withUndici], folder)

  const command = join(folder, 'node_modules', '.bin', 'hyper')
  const version: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.equal(run(process.execPath, [command, '--version'], folder), `${version.version}\n`)
  console.log(`hyper --version: ${version.version}`)

  const names = entries.map((entry, index) => `import * as entry${index} from '${entry}'`)
  writeFileSync(
    join(folder, 'use.ts'),
    `${names.join('\n')}\nexport const all = [${names.map((_, i) => `entry${i}`)}]\n`,
  )
  for (const extra of [[], ['--exactOptionalPropertyTypes']]) {
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node', ...extra]
    run(process.execPath, ['node_modules/typescript/bin/tsc', ...options, '--skipLibCheck', 'false', 'use.ts'], folder)
  }
  console.log(`${paths.length} files, ${entries.length} entry points: each can be imported and required, with types`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function isEntry(value: unknown): value is { types: string; default: string } {
  return typeof value === 'object' && value !== null && 'types' in value
}
