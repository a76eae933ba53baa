/** The command from an empty folder, and what a Node that is too old is told. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Skipped, type Table } from './table.ts'
import { type Packed, root, run, twice, type Workshop } from './workshop.ts'

const { version, engines }: { version: string; engines: { node: string } } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)

/** The last of each line that is too old. */
const TOO_OLD = ['18.20.8', '20.19.5']

export async function command(table: Table, shop: Workshop, packed: Packed): Promise<void> {
  await table.row('npx hyper-transport, from an empty folder', 'npm', '', async () => {
    const cwd = await shop.install('empty', [])
    const args = ['--yes', `--package=${packed.filename}`, 'hyper-transport', '--version']
    const said = await twice(() =>
      run('npx', args, { cwd, timeout: 30_000, env: { npm_config_prefer_offline: 'true' } }),
    )
    if (said !== `${version}\n`) throw new Error(`it printed: ${said}`)
    return undefined
  })
  const [, needed = ''] = /^>=(\d+\.\d+)/.exec(engines.node) ?? []
  for (const node of TOO_OLD) {
    await table.row('a Node that is too old is told so', 'node', node, async () => {
      if (process.platform !== 'linux') throw new Skipped('only tried on Linux')
      const name = `node-linux-${process.arch}`
      const cwd = await shop.install(`node-${node}`, [`${name}@${node}`, packed.filename])
      const binary = join(cwd, 'node_modules', name, 'bin', 'node')
      const programs = {
        command: [join(cwd, 'node_modules', 'hyper-transport', 'dist', 'hyper.cjs'), '--version'],
        require: ['-e', `require('hyper-transport/fetch')`],
        import: ['--input-type=module', '-e', `import 'hyper-transport/fetch'`],
      }
      for (const [way, args] of Object.entries(programs)) {
        const said = await run(binary, args, { cwd }).then(
          () => '',
          (error: unknown) => String(error),
        )
        const sentence = new RegExp(`hyper(?:-transport)? needs Node\\.js ${needed} or later; this is v${node}\\.`)
        if (!sentence.test(said)) throw new Error(`${way}: ${said === '' ? 'it worked' : said}`)
      }
      return undefined
    })
  }
}
