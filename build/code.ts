/** The entry points and the chunks that they share, as CommonJS, and the ES modules that hand them on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { type Plugin, rollup } from 'rollup'
import { ENTRIES, stemOf } from './entries.ts'
import { NEEDED, TOO_OLD } from './node-version.ts'
import { dist, root } from './paths.ts'

/** Types are taken away, and comments with them. */
export const typescript: Plugin = {
  name: 'typescript',
  async load(id) {
    if (!id.endsWith('.ts')) return undefined
    return (await transform(readFileSync(id, 'utf8'), { loader: 'ts', target: 'node22', sourcefile: id })).code
  },
  /** A bundler that makes an ES module of this has neither. */
  resolveImportMeta(property) {
    return property === 'url'
      ? `(typeof __filename === 'string' ? require('node:url').pathToFileURL(__filename).href : undefined)`
      : null
  },
}

/** The words that every floor speaks, and what they are made of. */
const BASE = /^(?:(?:errors|clock|limits|option-names|surface)|frame\/codes)\.ts$/

/**
 * A chunk for each folder that several entry points share. Larger ones would take V8 longer: what it spends on a function,
 * and to it a file is one, grows faster than the function.
 */
function chunkOf(id: string): string | undefined {
  const path = id.slice(root.length).replaceAll('\\', '/')
  if (path.startsWith('adapters/common/')) return 'shims'
  if (!path.startsWith('src/')) return undefined
  const inner = path.slice('src/'.length)
  if (BASE.test(inner)) return 'base'
  const folder = /^([^/]+)\//.exec(inner)?.[1]
  return folder === 'client' ? undefined : folder
}

export function isExternal(id: string): boolean {
  return !id.startsWith('.') && !id.startsWith(root)
}

export async function writeCode(): Promise<void> {
  const bundle = await rollup({
    input: Object.fromEntries(ENTRIES.map((entry) => [stemOf(entry), join(root, entry.source)])),
    external: isExternal,
    plugins: [typescript],
    // Nothing is done at import but by entry points that say so.
    treeshake: {
      moduleSideEffects: (id) => ENTRIES.some((entry) => entry.sideEffects && id === join(root, entry.source)),
    },
    onwarn({ message }) {
      throw new Error(message)
    },
  })
  const { output } = await bundle.write({
    dir: dist,
    format: 'cjs',
    exports: 'named',
    esModule: true,
    entryFileNames: '[name].cjs',
    chunkFileNames: 'chunks/[name].cjs',
    manualChunks: chunkOf,
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    generatedCode: 'es2015',
    // Packages that are CommonJS or not there are taken as they are.
    interop: 'auto',
    externalLiveBindings: false,
    intro: ({ isEntry }) => (isEntry ? `if (${TOO_OLD}) throw new Error('hyper-transport' + ${NEEDED});` : ''),
  })
  await bundle.close()
  for (const chunk of output) {
    if (chunk.type !== 'chunk') continue
    for (const id of [...chunk.imports, ...chunk.dynamicImports]) {
      if (id.endsWith('.cjs') || id.startsWith('node:')) continue
      if (builtinModules.includes(id)) throw new Error(`${chunk.fileName}: write node:${id}`)
      // An optional package that were imported at once would break whoever has not installed it.
      if (chunk.imports.includes(id)) throw new Error(`${chunk.fileName} imports ${id} at once`)
    }
    if (!chunk.isEntry) continue
    const names = chunk.exports.toSorted().join(', ')
    writeFileSync(join(dist, `${chunk.name}.js`), `export { ${names} } from './${chunk.fileName}'\n`)
  }
}
