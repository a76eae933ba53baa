/** Folders outside the repository, with what a user would have in them, and programs that run there. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Skipped } from './table.ts'

export const root: string = fileURLToPath(new URL('../../', import.meta.url))

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly timeout?: number
}

/** What a program printed. @throws with what it wrote when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !/proxy|^NODE_|^npm_/i.test(name))
  const env = { ...Object.fromEntries(inherited), NO_COLOR: '1', CI: 'true', ...options.env }
  const { cwd, timeout = 60_000 } = options
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { cwd, env, timeout, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else if (error.killed) reject(new Error(`it was not done within ${timeout} ms\n${stdout}${stderr}`))
      else reject(new Error(`${stderr.trim() || stdout.trim() || error.message}\n${stdout}`))
    })
    child.stdin?.end()
  })
}

/** How the registry is reached from here, which `run` leaves out for programs: npm needs it. */
const network: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    /^(?:(?:https?|all|no)_proxy|NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA)$/i.test(name) && value !== undefined
      ? [[name, value]]
      : [],
  ),
)

/** `npm install` in a folder. @throws with what npm wrote. */
export async function npmInstall(cwd: string, args: readonly string[], timeout: number): Promise<void> {
  const all = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', ...args]
  await run('npm', all, { cwd, env: network, timeout })
}

export interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

export class Workshop implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'stranger-'))

  async pack(): Promise<Packed> {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', this.folder]
    const [packed]: Packed[] = JSON.parse(await run('npm', args, { cwd: root }))
    if (packed === undefined) throw new Error('npm packed nothing')
    return { ...packed, filename: join(this.folder, packed.filename) }
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  write(path: string, content: string): string {
    const file = this.path(path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    return file
  }

  /** A folder of this name with these packages and nothing else. */
  async install(name: string, packages: readonly string[], { timeout = 45_000, times = 2 } = {}): Promise<string> {
    this.write(`${name}/package.json`, '{"private":true}')
    const cwd = this.path(name)
    const install = (): Promise<void> => npmInstall(cwd, ['--silent', ...packages], timeout)
    try {
      if (packages.length > 0) await (times === 1 ? install() : twice(install))
    } catch (error) {
      throw new Skipped(`${packages.join(' ')} cannot be installed: ${error instanceof Error ? error.message : error}`)
    }
    return cwd
  }

  /** A folder of this name with a packed package, which needs no other. */
  async unpack(name: string, packed: string): Promise<string> {
    const folder = this.path(name, 'node_modules', 'hyper-transport')
    mkdirSync(folder, { recursive: true })
    await run('tar', ['-xzf', packed, '--strip-components=1', '-C', folder])
    return this.path(name)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Once more when it fails: networks do. */
export async function twice<T>(work: () => Promise<T>): Promise<T> {
  return work().catch(work)
}

/** The version of a package that is installed in a folder; nothing where it is not. */
export function versionOf(folder: string, name: string): string {
  try {
    const { version }: { version: string } = JSON.parse(
      readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'),
    )
    return version
  } catch {
    return ''
  }
}

/** Runs all of them, two at a time. */
export async function twoAtATime(work: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...work]
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await next()
  }
  await Promise.all([lane(), lane()])
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
