/** The entry points and the chunks that they share, as CommonJS, and the ES modules that hand them on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { type Plugin, rollup } from 'rollup'
import { ENTRIES, stemOf } from './entries.ts'
import { NEEDED, TOO_OLD } from './node-version.ts'
import { dist, root } from './paths.ts'

/** What esbuild keeps of comments: docstrings of members, each on lines of its own. Types have them for editors. */
const DOCSTRING = /^[ \t]*\/\*\*(?:[^*]|\*(?!\/))*\*\/[ \t]*\n/gm

/** Types are taken away, and comments with them. */
export const typescript: Plugin = {
  name: 'typescript',
  async load(id) {
    if (!id.endsWith('.ts')) return undefined
    const { code } = await transform(readFileSync(id, 'utf8'), { loader: 'ts', target: 'node22', sourcefile: id })
    return code.replace(DOCSTRING, '')
  },
  /** A bundler that makes an ES module of this leaves no file name. */
  resolveImportMeta(property) {
    const url = `(typeof __filename === 'string' ? process.getBuiltinModule('node:url').pathToFileURL(__filename).href : undefined)`
    if (property === null) return `({ url: ${url} })`
    return property === 'url' ? url : undefined
  },
}

/**
 * Node's modules are not asked for with `require`: a bundler that makes an ES module of this has none (esbuild leaves a
 * function that throws), nor need a bundler be told then that they are Node's.
 *
 * Those that take Node long to load wait until something of them is used: together they are a third of what importing the
 * package would take.
 */
const builtins: Plugin = {
  name: 'builtins',
  renderChunk(code) {
    const late = /^const (\w+) = require\(('node:(?:crypto|dns|net|tls|zlib)')\);$/gm
    let text = code
    for (const [line, name, id] of code.matchAll(late)) {
      text = text
        .replace(line, '')
        // `new a().B()` would make an `a`.
        .replace(new RegExp(`\\bnew ${name}\\.(\\w+)`, 'g'), `new (${name}().$1)`)
        // Not in strings, and not the end of a longer name.
        .replace(new RegExp(`(?<![\\w$.'"\`/])${name}\\.(?=\\w)`, 'g'), `${name}().`)
      if (new RegExp(`new ${name}\\(\\)\\.`).test(text)) this.error(`${name} is made, not a class of it`)
      if (new RegExp(`^\\S.*\\b${name}\\(\\)`, 'm').test(text)) this.error(`${name} is used at once`)
      text = text.replace(
        /^'use strict';$/m,
        `$&\n\nlet ${name}_;\nconst ${name} = () => (${name}_ ??= process.getBuiltinModule(${id}));`,
      )
    }
    return text.replace(/\brequire\(('node:[^']+')\)/g, 'process.getBuiltinModule($1)')
  },
}

/** The words that every floor speaks, and what they are made of. */
const BASE =
  /^(?:(?:bag|errors|clock|diagnostics|ignore|limits|option-checks|option-names|rethrow-async|warn)|frame\/codes)\.ts$/

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
    plugins: [typescript, builtins],
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
    interop: (id) => (id?.startsWith('node:') ? 'default' : 'auto'),
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
