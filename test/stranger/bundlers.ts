/** Each entry point through each bundler, and what came out run against an origin. */
import { chmodSync, copyFileSync, cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { programs } from './programs.ts'
import type { Table } from './table.ts'
import { run, twoAtATime, versionOf, type Workshop } from './workshop.ts'

export const BUNDLERS: readonly string[] = [
  'esbuild',
  'rollup',
  '@rollup/plugin-node-resolve',
  '@rollup/plugin-commonjs',
  '@rollup/plugin-json',
  'webpack',
  'vite',
  'postject',
]

const TRIED: readonly (readonly [tool: string, format: 'esm' | 'cjs'])[] = [
  ['esbuild', 'esm'],
  ['esbuild', 'cjs'],
  ['rollup', 'esm'],
  ['rollup', 'cjs'],
  ['webpack', 'cjs'],
  ['webpack', 'esm'],
  ['vite', 'esm'],
]

/** @param folders where only the package is installed, and where the libraries are beside it */
export async function bundlers(
  table: Table,
  shop: Workshop,
  tools: string,
  folders: { readonly alone: string; readonly together: string },
  env: Readonly<Record<string, string>>,
): Promise<void> {
  copyFileSync(new URL('bundle.mjs', import.meta.url), join(tools, 'bundle.mjs'))
  const rows = (['alone', 'together'] as const).flatMap((place) => {
    const folder = folders[place]
    const tried = programs('import', place === 'together')
    for (const { stem, source } of tried) shop.write(`${place}/${stem}.mjs`, source)
    const stems = tried.map(({ stem }) => stem)
    return TRIED.map(([tool, format]) => async () => {
      const what = `${stems.length} entry points${place === 'together' ? ', beside their libraries' : ''}: ${format}`
      await table.row(what, tool, versionOf(tools, tool), async () => {
        // Away from any node_modules: a bundle is all that is deployed.
        const out = shop.path('bundles', `${place}-${tool}-${format}`)
        const args = [join(tools, 'bundle.mjs'), tool, format, folder, out, ...stems]
        await run(process.execPath, args, { cwd: tools })
        for (const stem of stems) {
          const file = join(out, `${stem}.${format === 'esm' ? 'mjs' : 'cjs'}`)
          await saysHello(stem, run(process.execPath, [file], { cwd: out, env, timeout: 20_000 }))
        }
        return undefined
      })
    })
  })
  await twoAtATime(rows)
  await table.row('fetch as a single executable', 'node', process.versions.node, async () => {
    const out = shop.path('sea')
    cpSync(shop.path('bundles', 'alone-esbuild-cjs', 'fetch.cjs'), join(out, 'main.cjs'))
    const config = { main: 'main.cjs', output: 'blob', disableExperimentalSEAWarning: true }
    shop.write('sea/sea.json', JSON.stringify(config))
    await run(process.execPath, ['--experimental-sea-config', 'sea.json'], { cwd: out })
    const program = join(out, 'program')
    copyFileSync(process.execPath, program)
    chmodSync(program, 0o755)
    // Node's name for where it looks for a program in itself.
    const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
    const postject = join(tools, 'node_modules', 'postject', 'dist', 'cli.js')
    const args = [postject, program, 'NODE_SEA_BLOB', join(out, 'blob'), '--sentinel-fuse', fuse]
    await run(process.execPath, args, { cwd: out })
    await saysHello('fetch', run(program, [], { cwd: out, env, timeout: 20_000 }))
    rmSync(out, { recursive: true })
    return undefined
  })
}

export async function saysHello(name: string, output: Promise<string>): Promise<void> {
  const text = await output.catch((error: unknown) => {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`)
  })
  if (text.trim() !== 'hello') throw new Error(`${name} printed: ${text}`)
}
