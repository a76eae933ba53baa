/**
 * The declarations. What is true of the code is true of them: they are written once, for CommonJS, and the ES modules hand them
 * on, so that a class is one type however it was imported.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { isExternal } from './code.ts'
import { ENTRIES, stemOf } from './entries.ts'
import { dist, root } from './paths.ts'

/** ES modules only: CommonJS gets their types when it says how they are to be looked up (TypeScript 5.3). */
const ES_MODULES = /^import (\{.*\} from 'got');$/gm

export async function writeDeclarations(): Promise<void> {
  const bundle = await rollup({
    input: Object.fromEntries(ENTRIES.map((entry) => [stemOf(entry), join(root, entry.source)])),
    external: isExternal,
    plugins: [dts({ tsconfig: join(root, 'tsconfig.build.json') })],
    onwarn({ message }) {
      // Types that no entry point exports are left unexported by intent; typedoc.json lists them.
      if (message.includes('private shared type exports')) return
      throw new Error(message)
    },
  })
  await bundle.write({
    dir: dist,
    format: 'es',
    entryFileNames: '[name].d.cts',
    chunkFileNames: 'types/[name].d.cts',
    minifyInternalExports: false,
    hoistTransitiveImports: false,
  })
  await bundle.close()
  for (const entry of ENTRIES) {
    const stem = stemOf(entry)
    const path = join(dist, `${stem}.d.cts`)
    const text = readFileSync(path, 'utf8')
    const handedOn = `export * from './${stem}.cjs'\n`
    writeFileSync(join(dist, `${stem}.d.ts`), entry.twoTypes === true ? text : handedOn)
    if (ES_MODULES.test(text))
      writeFileSync(path, text.replace(ES_MODULES, `import type $1 with { 'resolution-mode': 'import' };`))
  }
}
