/**
 * `npm run compat`: each library in each of its versions on each Node that the package supports, over HTTP/2 and over
 * HTTP/1.1. Prints the table, writes it to `docs/compatibility.md`, and exits with 1 when something that is offered fails.
 *
 * The Node binaries come from npm's packages `node-PLATFORM-ARCH`, into a temporary folder that is removed. `--node=VERSION` tries one.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { LIBRARIES, probe, startOrigins } from './probing.ts'
import { triedVersions } from './versions.ts'

const run = promisify(execFile)
const NODES = ['22.23.3', '24.21.0', '26.10.0']

async function nodeBinary(version: string, folder: string): Promise<string> {
  if (process.versions.node === version) return process.execPath
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  const prefix = join(folder, version)
  await mkdir(prefix)
  await writeFile(join(prefix, 'package.json'), '{}')
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${version}`], { cwd: prefix })
  return join(prefix, 'node_modules', name, 'bin', 'node')
}

const { values } = parseArgs({ options: { node: { type: 'string' } } })
const nodes = values.node === undefined ? NODES : [values.node]
const folder = await mkdtemp(join(tmpdir(), 'hyper-transport-'))
const failures: string[] = []
const table: string[] = []
const features = new Set<string>()
const rows: { title: string; node: string; results: Record<string, string> }[] = []
try {
  await using world = await startOrigins()
  for (const version of nodes) {
    const node = await nodeBinary(version, folder)
    for (const [library, module, title] of LIBRARIES) {
      const results = await probe([node], library, module, world)
      rows.push({ title, node: version, results })
      for (const [feature, result] of Object.entries(results)) {
        features.add(feature)
        if (result !== 'yes') failures.push(`Node ${version}, ${title}, ${feature}: ${result}`)
      }
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}

const columns = [...features]
table.push(`| library | Node | ${columns.join(' | ')} |`, `|---|---|${columns.map(() => '---').join('|')}|`)
for (const { title, node, results } of rows) {
  const cells = columns.map((feature) =>
    results[feature] === undefined ? '' : results[feature] === 'yes' ? 'yes' : 'no',
  )
  table.push(`| ${title} | ${node} | ${cells.join(' | ')} |`)
}
console.log(table.join('\n'))
for (const failure of failures) console.error(failure)
if (failures.length === 0 && values.node === undefined) {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const versions = triedVersions({ ...manifest.devDependencies, ...manifest.dependencies })
  await writeFile(
    new URL('../../docs/compatibility.md', import.meta.url),
    `# Compatibility

\`npm run compat\` runs each version of each library on each version of Node, through this package, against an HTTP/2 origin and an
HTTP/1.1 origin, and writes this page. "yes": it works with both. Empty: the library does not have the feature.

Tried with ${versions.join(', ')}.

${table.join('\n')}
`,
  )
}
process.exitCode = failures.length > 0 ? 1 : 0
