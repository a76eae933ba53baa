/** Runs programs and commands of the docs, each in a process of its own, in a folder that is removed afterwards. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { testCertificate } from '../support/certificate.ts'
import type { World } from './world.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))
const offline = fileURLToPath(new URL('offline.ts', import.meta.url))
/** `--import` would not reach worker threads that are made of a string. */
const preload = ['--require', offline]

export interface Outcome {
  /** Exit status; null when it had to be stopped. */
  readonly status: number | null
  readonly output: string
  /** What it wrote to stderr, but for the warnings of Node's `process.emitWarning`. */
  readonly complaints: string
}

const TIME = 15_000

export class Workshop implements Disposable {
  /** Below the package's root, so that the package and what it is developed with can be imported by name. */
  readonly folder: string
  private readonly env: Readonly<Record<string, string | undefined>>

  constructor(folder: string, world: World) {
    this.folder = folder
    const path = `${join(folder, 'bin')}:${process.env['PATH']}`
    const inherited = Object.entries(process.env).filter(([name]) => !/proxy|^NODE_|^SSLKEYLOGFILE$/i.test(name))
    this.env = {
      ...Object.fromEntries(inherited),
      PATH: path,
      // What the command keeps, and reads, in a home of its own.
      HOME: folder,
      HYPER_CONFIG_DIR: join(folder, 'config'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_CACHE_HOME: join(folder, 'caches'),
      NETRC: join(folder, 'netrc'),
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
      DOCS_PORTS: JSON.stringify(world.ports),
    }
  }

  /** The files that the docs speak of, and the commands. */
  static async open(world: World): Promise<Workshop> {
    const folder = mkdtempSync(join(root, '.docs-blocks-'))
    const { clientCert, clientKey } = await testCertificate()
    const files = {
      'ca.pem': world.ca,
      'client.pem': clientCert,
      'client.key': clientKey,
      'cert.pem': clientCert,
      'key.pem': clientKey,
      'photo.jpg': 'no photo',
      'data.json': '{"data":true}',
      'README.md': '# Read me\n',
    }
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    mkdirSync(join(folder, 'bin'))
    const main = join(root, 'dist/hyper.cjs')
    const scripts = {
      hyper: `exec "${process.execPath}" --require "${offline}" "${main}" "$@"`,
      npx: `[ "$1" = hyper-transport ] || { echo "npx $1?" >&2; exit 127; }\nshift\nexec hyper "$@"`,
    }
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(folder, 'bin', name), 0o755)
    }
    return new Workshop(folder, world)
  }

  write(name: string, source: string): string {
    const file = join(this.folder, name)
    writeFileSync(file, source)
    return file
  }

  program(file: string): Promise<Outcome> {
    return this.run(process.execPath, ['--no-warnings=ExperimentalWarning', ...preload, file])
  }

  /** A line for the shell, in which `hyper` and `npx hyper-transport` are this package's command. */
  command(line: string): Promise<Outcome> {
    return this.run('/bin/sh', ['-c', line])
  }

  /** All programs at once, with the package's types as its users get them. @returns a line for each error. */
  async check(): Promise<string[]> {
    const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
    // A page that shows how something is made need not go on to use it.
    const shown = { noUnusedLocals: false, noUnusedParameters: false }
    const { paths: _, ...strict } = compilerOptions
    this.write('tsconfig.json', JSON.stringify({ compilerOptions: { ...strict, ...shown }, include: ['*.mts'] }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { output } = await this.run(process.execPath, [tsc, '-p', this.folder, '--pretty', 'false'], 60_000)
    return output.split('\n').filter((line) => line !== '')
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private run(command: string, args: readonly string[], timeout = TIME): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { cwd: this.folder, env: this.env, timeout, maxBuffer: 16 * 1024 * 1024 }
      const child = execFile(command, args, options, (error, output, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : null
        const complaints = stderr.replace(/^\(node:\d+\) .*\n|^\(Use `node .*\n/gm, '')
        resolve({ status, output, complaints })
      })
      child.stdin?.end()
    })
  }
}
