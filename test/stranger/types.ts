/**
 * The declarations, as compilers read them: with and without the libraries that they speak of, for each way to find modules, with
 * `skipLibCheck: false`. Errors in the declarations of other packages are not counted.
 */

import { join } from 'node:path'
import { ENTRIES, specifierOf, stemOf } from '../../build/entries.ts'
import { Skipped, type Table } from './table.ts'
import { type Packed, root, run, twoAtATime, versionOf, type Workshop } from './workshop.ts'

/** The oldest that works, what is widely used, and the newest of each line. docs/typescript.md names the first. */
const COMPILERS = ['5.3.3', '5.6.3', '6.0.3']

export const CHECKERS: readonly string[] = [
  '@arethetypeswrong/cli',
  'publint',
  ...COMPILERS.map((version) => `typescript-${version.slice(0, 3)}@npm:typescript@${version}`),
]

/** Options of the compiler, and what the file with the program is called. */
const MODES: Readonly<Record<string, readonly [file: string, ...options: string[]]>> = {
  'node16, CommonJS': ['use.cts', '--module', 'node16', '--moduleResolution', 'node16'],
  'node16, ES module': ['use.mts', '--module', 'node16', '--moduleResolution', 'node16'],
  bundler: ['use.mts', '--module', 'esnext', '--moduleResolution', 'bundler'],
  node10: ['use.ts', '--module', 'commonjs', '--moduleResolution', 'node10'],
}

const PEERS = ['axios', 'got', 'undici']

export async function types(
  table: Table,
  shop: Workshop,
  tools: string,
  packed: Packed,
  places: Readonly<Record<'alone' | 'together', string>>,
  nodeTypes: string,
): Promise<void> {
  // Tools are run from theirs, so that the folders stay as a user's are; Node's types everybody has.
  await Promise.all(
    (['alone', 'together'] as const).map(async (place) => {
      const typed = await shop.install(`${place}-typed`, [
        packed.filename,
        nodeTypes,
        ...(place === 'together' ? PEERS.map((name) => `${name}@${versionOf(places[place], name)}`) : []),
      ])
      for (const { stem, source } of uses(place === 'together')) shop.write(join(`${place}-typed`, stem), source)
      return typed
    }),
  )
  const rows: (() => Promise<void>)[] = []
  for (const version of COMPILERS) {
    for (const place of ['alone', 'together'] as const) {
      for (const [mode, [file, ...options]] of Object.entries(MODES)) {
        // Where modules are found as node16 finds them, nothing depends on the libraries that is not seen there.
        if (place === 'alone' && !mode.startsWith('node16')) continue
        if (mode === 'node10' && version.startsWith('6')) options.push('--ignoreDeprecations', '6.0')
        const beside = place === 'together' ? ', beside the libraries' : ''
        rows.push(() =>
          table.row(`types, ${mode}${beside}`, 'typescript', version, async () => {
            const tsc = join(tools, 'node_modules', `typescript-${version.slice(0, 3)}`, 'lib', 'tsc.js')
            const strict = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node', '--skipLibCheck', 'false']
            const args = [tsc, ...strict, ...options, '--pretty', 'false', file]
            const said = await run(process.execPath, args, { cwd: shop.path(`${place}-typed`) }).catch(String)
            const ours = said
              .split('\n')
              .filter((line) =>
                /^(?:Error: )?(?:it was not done|use\.|error TS|node_modules.hyper-transport)/.test(line),
              )
            if (ours.length > 0) throw new Error(ours.slice(0, 5).join('\n'))
            return undefined
          }),
        )
      }
    }
  }
  await twoAtATime(rows)
  const bin = (name: string, ...parts: readonly string[]): string => join(tools, 'node_modules', name, ...parts)
  await table.row('types of each entry point', 'attw', versionOf(tools, '@arethetypeswrong/cli'), async () => {
    if (versionOf(tools, '@arethetypeswrong/cli') === '') throw new Skipped('it cannot be installed')
    const args = [bin('@arethetypeswrong/cli', 'dist', 'index.js'), packed.filename, '--format', 'ascii']
    await run(process.execPath, args, { cwd: shop.folder })
    return undefined
  })
  await table.row('package.json', 'publint', versionOf(tools, 'publint'), async () => {
    const said = await run(process.execPath, [bin('publint', 'src', 'cli.js'), packed.filename, '--strict'], {
      cwd: root,
    })
    if (!said.includes('All good')) throw new Error(said)
    return undefined
  })
}

/** A program that imports every entry point, and passes what it got by one to another. */
function uses(libraries: boolean): { readonly stem: string; readonly source: string }[] {
  const entries = ENTRIES.filter((entry) => libraries || !PEERS.includes(stemOf(entry)))
  const lines = entries.map((entry, index) => `import * as entry${index} from '${specifierOf(entry)}'`)
  const all = `export const all: object[] = [${entries.map((_, index) => `entry${index}`).join(', ')}]`
  const shared = `import { Pool } from 'hyper-transport'
import { createFetch } from 'hyper-transport/fetch'
export const fetch = createFetch({ pool: new Pool({ tls: { rejectUnauthorized: true } }) })
export const sent = fetch('https://localhost', { method: 'POST', body: new ReadableStream(), duplex: 'half' })
export const standard: typeof globalThis.fetch = fetch
// @ts-expect-error: an option that is none, so that the types are known to be there
createFetch({ nonsense: true })`
  const beside = `import axios from 'axios'
import { hyperAdapter } from 'hyper-transport/axios'
import { request } from 'undici'
import { HyperDispatcher } from 'hyper-transport/undici'
export const client = axios.create({ adapter: hyperAdapter })
export const answer = request('https://localhost', { dispatcher: new HyperDispatcher() })`
  const got = `import got from 'got'
import { hyperGot } from 'hyper-transport/got'
export const extended = got.extend(hyperGot())`
  return ['use.cts', 'use.mts', 'use.ts'].map((stem) => ({
    stem,
    source: [
      ...lines,
      shared,
      ...(libraries ? [beside] : []),
      ...(libraries && stem === 'use.mts' ? [got] : []),
      all,
      '',
    ].join('\n'),
  }))
}
