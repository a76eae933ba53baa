/**
 * `npm run build`: what is published, into `dist/`.
 *
 * - `NAME.cjs` and `chunks/`: the code, once, as CommonJS, which every Node, Jest and bundler can load without flags. What
 *   entry points share is in chunks, so that each is loaded once, and importing `hyper-transport/frame` loads little.
 * - `NAME.js`: for `import`; hands on what `NAME.cjs` has. So `import` and `require` get the same objects and the same pool.
 * - `NAME.d.cts`, `NAME.d.ts`, `types/`: the declarations, in the same way.
 * - `hyper.cjs`, `command.cjs`: the command, bundled with the libraries that it alone needs, and their licences beside it.
 *
 * It is not minified: that saves no time at import (V8 spends it on scopes, not on characters), and stack traces stay readable.
 * Comments are left out, and so are source maps.
 *
 * `--manifest` writes the configuration that follows from the table of entry points (manifest.ts) first.
 */
import { rmSync } from 'node:fs'
import { writeCode } from './code.ts'
import { writeCommand } from './command.ts'
import { writeDeclarations } from './declarations.ts'
import { checkManifest, writeManifest } from './manifest.ts'
import { dist } from './paths.ts'

if (process.argv.includes('--manifest')) writeManifest()
checkManifest()
rmSync(dist, { recursive: true, force: true })
await Promise.all([writeCode(), writeDeclarations(), writeCommand()])
