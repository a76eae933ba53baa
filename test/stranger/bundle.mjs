/** Bundles programs with one tool: `node bundle.mjs TOOL FORMAT FOLDER OUT NAME...`. It is copied to where the tools are installed. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const [tool, format, folder, out, ...names] = process.argv.slice(2)
const extension = format === 'esm' ? 'mjs' : 'cjs'
const input = Object.fromEntries(names.map((name) => [name, join(folder, `${name}.mjs`)]))
rmSync(out, { recursive: true, force: true })

/** A warning is a failure: a user would look into it. */
const refuse = (message) => {
  throw new Error(`a warning: ${message}`)
}

const TOOLS = {
  async esbuild() {
    const { build } = await import('esbuild')
    const { warnings } = await build({
      absWorkingDir: folder,
      entryPoints: Object.values(input),
      outdir: out,
      outExtension: { '.js': `.${extension}` },
      bundle: true,
      platform: 'node',
      format,
      logLevel: 'error',
      // undici asks for Node's modules with `require`, which an ES module has only if one gives it: this package needs none.
      ...(format === 'esm' && names.includes('undici') && names.includes('axios')
        ? {
            banner: {
              js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`,
            },
          }
        : {}),
    })
    for (const { text } of warnings) refuse(text)
  },

  async rollup() {
    const { rollup } = await import('rollup')
    const { default: resolve } = await import('@rollup/plugin-node-resolve')
    const { default: commonjs } = await import('@rollup/plugin-commonjs')
    const { default: json } = await import('@rollup/plugin-json')
    const bundle = await rollup({
      input,
      plugins: [resolve({ preferBuiltins: true }), commonjs(), json()],
      onwarn: ({ message, ids = [] }) => {
        // What is wrong with other packages is not ours to tell.
        if (message.includes('hyper-transport') || ids.some((id) => id.includes('hyper-transport'))) refuse(message)
      },
    })
    await bundle.write({ dir: out, format, entryFileNames: `[name].${extension}` })
  },

  async webpack() {
    const { default: webpack } = await import('webpack')
    const esm = format === 'esm'
    const compiler = webpack({
      mode: 'production',
      target: 'node22',
      context: folder,
      // What it makes shorter is not what is tried here, and takes most of the time.
      optimization: { minimize: false },
      entry: input,
      output: {
        path: out,
        filename: `[name].${extension}`,
        chunkFilename: `chunk-[id].${extension}`,
        ...(esm ? { module: true, chunkFormat: 'module', library: { type: 'module' } } : {}),
      },
      ...(esm ? { experiments: { outputModule: true } } : {}),
    })
    await new Promise((done, fail) => {
      compiler.run((error, stats) => {
        if (error) return fail(error)
        if (stats.hasErrors()) return fail(new Error(stats.toString({ all: false, errors: true })))
        const { warnings } = stats.toJson({ all: false, warnings: true })
        const ours = warnings.filter((warning) => warning.moduleName?.includes('node_modules/hyper-transport/'))
        if (ours.length > 0) return fail(new Error(`a warning: ${ours[0].message}`))
        compiler.close(done)
      })
    })
  },

  async vite() {
    const { build } = await import('vite')
    await build({
      root: folder,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: { ssr: true, outDir: out, rolldownOptions: { input, output: { entryFileNames: `[name].${extension}` } } },
    })
  },
}

await TOOLS[tool]()
