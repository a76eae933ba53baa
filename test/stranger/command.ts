/** The command from an empty folder, and what a Node that is too old is told. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Skipped, type Table } from './table.ts'
import { type Packed, root, run, twice, type Workshop } from './workshop.ts'

const { version: ours, engines }: { version: string; engines: { node: string } } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)

/** The last of a line that is too old. */
const TOO_OLD = '18.20.8'

export async function command(table: Table, shop: Workshop, packed: Packed): Promise<void> {
  await table.row('npx hyper-transport, from an empty folder', 'npm', '', async () => {
    const cwd = await shop.install('empty', [])
    const args = ['--yes', `--package=${packed.filename}`, 'hyper-transport', '--version']
    const said = await twice(() =>
      run('npx', args, { cwd, timeout: 30_000, env: { npm_config_prefer_offline: 'true', XDG_CACHE_HOME: cwd } }),
    )
    if (said !== `${ours}\n`) throw new Error(`it printed: ${said}`)
    return undefined
  })
  await table.row(
    'the command keeps what Node compiled, and works where it cannot',
    'node',
    process.version.slice(1),
    async () => {
      const cwd = await shop.install('kept', [packed.filename])
      const program = join(cwd, 'node_modules', 'hyper-transport', 'dist', 'hyper.cjs')
      writeFileSync(join(cwd, 'file'), '')
      for (const caches of ['caches', 'file']) {
        const env = { XDG_CACHE_HOME: join(cwd, caches) }
        const said = await run(process.execPath, [program, '--version'], { cwd, env })
        if (said !== `${ours}\n`) throw new Error(`it printed: ${said}`)
      }
      if (!existsSync(join(cwd, 'caches', 'hyper'))) throw new Error('nothing was kept')
      return undefined
    },
  )
  const [, needed = ''] = /^>=(\d+\.\d+)/.exec(engines.node) ?? []
  const say = 'a Node that is too old is told so'
  // What a distribution brings is often too old, and costs nothing to try.
  const system = '/usr/bin/node'
  const version = existsSync(system) ? (await run(system, ['--version'])).trim().slice(1) : needed
  if (isBelow(version, needed)) {
    await table.row(say, 'node', version, async () => {
      await tellsSo(system, await shop.install('node-system', [packed.filename]), needed)
      return undefined
    })
    return
  }
  await table.row(say, 'node', TOO_OLD, async () => {
    if (process.platform !== 'linux') throw new Skipped('only tried on Linux')
    const name = `node-linux-${process.arch}`
    const packages = [packed.filename, `${name}@${TOO_OLD}`]
    const cwd = await shop.install(`node-${TOO_OLD}`, packages, { timeout: 30_000, times: 1 })
    await tellsSo(join(cwd, 'node_modules', name, 'bin', 'node'), cwd, needed)
    return undefined
  })
}

function isBelow(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [least = 0, leastMinor = 0] = needed.split('.').map(Number)
  return major < least || (major === least && minor < leastMinor)
}

async function tellsSo(binary: string, cwd: string, needed: string): Promise<void> {
  const programs = {
    command: [join(cwd, 'node_modules', 'hyper-transport', 'dist', 'hyper.cjs'), '--version'],
    require: ['-e', `require('hyper-transport/fetch')`],
    import: ['--input-type=module', '-e', `import 'hyper-transport/fetch'`],
  }
  const sentence = new RegExp(`hyper(?:-transport)? needs Node\\.js ${needed} or later; this is v\\d`)
  for (const [way, args] of Object.entries(programs)) {
    const said = await run(binary, args, { cwd }).then(
      () => '',
      (error: unknown) => String(error),
    )
    if (!sentence.test(said)) throw new Error(`${way}: ${said === '' ? 'it worked' : said}`)
  }
}
