/** Test runners and the ways to run TypeScript, as they are without any configuration. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocksOf, programsOf } from '../docs/blocks.ts'
import { saysHello } from './bundlers.ts'
import { programs } from './programs.ts'
import type { Table } from './table.ts'
import { root, run, versionOf, type Workshop } from './workshop.ts'

export const RUNNERS: readonly string[] = ['jest', 'vitest', 'tsx', 'ts-node', 'typescript@5.9.3']

export async function runners(
  table: Table,
  shop: Workshop,
  tools: string,
  { alone, together }: { readonly alone: string; readonly together: string },
  env: Readonly<Record<string, string>>,
  packages: readonly string[],
): Promise<void> {
  const bin = (name: string, ...parts: readonly string[]): string => join(tools, 'node_modules', name, ...parts)
  const places = { alone, together }
  for (const place of ['alone', 'together'] as const) {
    const beside = place === 'together' ? ', beside their libraries' : ''
    // Jest cannot require an ES module, and got is nothing else. The global object of its tests is not that in which Node's fetch
    // looks for its dispatcher, so that install() is of no use there.
    const without = place === 'alone' ? 'undici' : 'got'
    const tried = programs('require', place === 'together').filter(({ stem }) => stem !== without)
    await table.row(`${tried.length} entry points in tests${beside}`, 'jest', versionOf(tools, 'jest'), async () => {
      for (const { stem, source } of tried) shop.write(`${place}/jest/${stem}.test.js`, testOf(source))
      const args = [
        bin('jest', 'bin', 'jest.js'),
        '--rootDir',
        join(places[place], 'jest'),
        '--silent',
        '--watchman=false',
      ]
      await run(process.execPath, args, { cwd: places[place], env })
      return undefined
    })
    const modules = programs('import', place === 'together')
    await table.row(
      `${modules.length} entry points in tests${beside}`,
      'vitest',
      versionOf(tools, 'vitest'),
      async () => {
        for (const { stem, source } of modules) shop.write(`${place}/vitest/${stem}.test.mjs`, testOf(source))
        const args = [bin('vitest', 'vitest.mjs'), 'run', '--globals', '--root', join(places[place], 'vitest')]
        await run(process.execPath, args, { cwd: tools, env })
        return undefined
      },
    )
  }
  await table.row("docs/testing.md's tests", 'vitest', versionOf(tools, 'vitest'), async () => {
    const cwd = await shop.install('vitest', [...packages, `vitest@${versionOf(tools, 'vitest')}`])
    const page = 'docs/testing.md'
    const tests = programsOf(blocksOf(page, readFileSync(join(root, page), 'utf8'))).filter(({ source }) =>
      source.includes("from 'vitest'"),
    )
    if (tests.length === 0) throw new Error(`${page} has no test for Vitest`)
    for (const { line, source } of tests) shop.write(`vitest/line-${line}.test.ts`, source)
    await run(process.execPath, [join(cwd, 'node_modules', 'vitest', 'vitest.mjs'), 'run'], { cwd })
    return `${tests.length} of them`
  })
  const scripts = programs('import', false).filter(({ stem }) => stem === 'fetch' || stem === 'index')
  for (const { stem, source } of scripts) {
    // Both give CommonJS here: the folder does not say that it has ES modules.
    const file = shop.write(
      `alone/scripts/${stem}.ts`,
      source.replace('const { ORIGIN }', 'const { ORIGIN = "" }').replace(/\bchunk\b(?=\))/, 'chunk: Buffer'),
    )
    await table.row(`${stem}, from TypeScript`, 'tsx', versionOf(tools, 'tsx'), async () => {
      await saysHello(stem, run(process.execPath, [bin('tsx', 'dist', 'cli.mjs'), file], { cwd: alone, env }))
      return undefined
    })
    await table.row(`${stem}, from TypeScript`, 'ts-node', versionOf(tools, 'ts-node'), async () => {
      const args = [
        bin('ts-node', 'dist', 'bin.js'),
        '--compiler',
        bin('typescript'),
        '--transpile-only',
        '--compilerOptions',
        JSON.stringify({ module: 'commonjs', target: 'es2023' }),
        file,
      ]
      await saysHello(stem, run(process.execPath, args, { cwd: alone, env }))
      return undefined
    })
  }
}

/** The program as a test. */
function testOf(source: string): string {
  return `${source.replace(/\bmain\(\)\.then[\s\S]*/, '')}
test('it says hello', async () => {
  expect(await main()).toBe('hello')
})
`
}
