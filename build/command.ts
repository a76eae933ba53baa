/**
 * The command: a starter that any Node can run, and one file with all that it needs, `socks` too, so that whoever installs the
 * library installs nothing else. What V8 made of that file is kept in the user's folder of caches, for the next start.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { licencesOf } from './licences.ts'
import { NEEDED, TOO_OLD } from './node-version.ts'
import { dist, root } from './paths.ts'

const STARTER = `#!/usr/bin/env node
'use strict'
if (${TOO_OLD}) {
  console.error('hyper' + ${NEEDED})
  process.exitCode = 1
} else {
  const { XDG_CACHE_HOME, HOME } = process.env
  const caches = XDG_CACHE_HOME || (HOME && HOME + '/.cache')
  // Node's own folder for this is shared by all users of a machine. Where it cannot be written, nothing is kept.
  if (caches) require('node:module').enableCompileCache(caches + '/hyper')
  require('./command.cjs')
}
`

export async function writeCommand(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outfile: join(dist, 'command.cjs'),
    bundle: true,
    platform: 'node',
    // An ES module would have Node load its second loader, and all of each of its own modules that is imported.
    format: 'cjs',
    target: 'node22',
    legalComments: 'none',
    // Half the octets of the package. Names go with it: what the command says of an error is its message.
    minify: true,
    metafile: true,
    logLevel: 'error',
    plugins: [
      {
        name: 'socks',
        setup({ onLoad }) {
          // The library looks for the package when it runs; the command brings it.
          onLoad({ filter: /[\\/]src[\\/]net[\\/]socks-package\.ts$/ }, () => ({
            contents: `export const loadSocks = () => import('socks')`,
            resolveDir: root,
          }))
        },
      },
    ],
    define: { 'import.meta.url': 'urlOfTheBundle' },
    banner: { js: `const urlOfTheBundle = require('node:url').pathToFileURL(__filename).href` },
  })
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'hyper.cjs'), STARTER)
  chmodSync(join(dist, 'hyper.cjs'), 0o755)
  writeFileSync(join(dist, 'command.LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)))
}
