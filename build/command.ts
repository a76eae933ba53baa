/**
 * The command: a starter that any Node can run, and one file with all that it needs, `socks` too, so that whoever installs the
 * library installs nothing else.
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
  import('./command.js')
}
`

export async function writeCommand(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outfile: join(dist, 'command.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
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
    // Libraries that are CommonJS ask for Node's modules with `require`.
    banner: {
      js: `import { createRequire as requireOfTheBundle } from 'node:module'\nconst require = requireOfTheBundle(import.meta.url)`,
    },
  })
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'hyper.cjs'), STARTER)
  chmodSync(join(dist, 'hyper.cjs'), 0o755)
  writeFileSync(join(dist, 'command.LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)))
}
