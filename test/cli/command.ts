/** Runs the command: in this process with streams of its own, or as a process. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/cli/run.ts'
import { testCertificate } from '../support/certificate.ts'

export const mainPath = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** What came of a command. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Standard output, octet by octet. */
  readonly octets: Buffer
}

export interface Circumstances {
  /** Standard output and standard error are terminals. Default: neither. */
  readonly terminal?: boolean | { readonly stdout?: boolean; readonly stderr?: boolean }
  /** What stands on standard input. Default: it is a terminal. */
  readonly stdin?: string | Readable
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A writable that keeps everything. */
export class Collected extends Writable {
  readonly chunks: Buffer[] = []
  readonly isTTY: boolean

  constructor(isTTY: boolean) {
    super({
      write: (chunk: Buffer, _encoding, done) => {
        this.chunks.push(chunk)
        done()
      },
    })
    this.isTTY = isTTY
  }

  get octets(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** In this process. */
export async function hyper(argv: readonly string[], circumstances: Circumstances = {}): Promise<Outcome> {
  const { terminal = false, stdin, env = {}, signal } = circumstances
  const is = typeof terminal === 'boolean' ? { stdout: terminal, stderr: terminal } : terminal
  const stdout = new Collected(is.stdout === true)
  const stderr = new Collected(is.stderr === true)
  const input = stdin === undefined ? Object.assign(new PassThrough(), { isTTY: true }) : readable(stdin)
  const code = await run(argv, { stdin: input, stdout, stderr, env, signal })
  input.destroy()
  return { code, stdout: stdout.octets.toString(), stderr: stderr.octets.toString(), octets: stdout.octets }
}

function readable(stdin: string | Readable): Readable {
  return typeof stdin === 'string' ? Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]) : stdin
}

/** A process of its own. */
export interface Running {
  readonly child: ReturnType<typeof spawn>
  readonly outcome: Promise<Outcome>
}

/** @param stdin written to it; null: it stays open and silent; undefined: there is none. */
export function spawnHyper(
  argv: readonly string[],
  stdin?: string | null,
  env: NodeJS.ProcessEnv = {},
  cwd?: string,
  output: 'pipe' | 'ignore' = 'pipe',
): Running {
  const child = spawn(process.execPath, [mainPath, ...argv], {
    stdio: [stdin === undefined ? 'ignore' : 'pipe', output, 'pipe'],
    // The user's own folder is not theirs to touch.
    env: { ...withoutProxies(), HOME: join(tmpdir(), 'hyper-no-home'), XDG_CONFIG_HOME: '', NETRC: '', ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin?.on('error', () => {})
  if (typeof stdin === 'string') child.stdin?.end(stdin)
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const octets = Buffer.concat(stdout)
      resolve({ code, stdout: octets.toString(), stderr: Buffer.concat(stderr).toString(), octets })
    })
  })
  return { child, outcome }
}

function withoutProxies(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$|^NODE_|_COLOR$/i.test(name)))
}

/** A folder that is gone afterwards, with the authority of the test origins in `ca.pem`. */
export interface Folder extends AsyncDisposable {
  readonly ca: string
  path(name: string): string
  write(name: string, content: string | Uint8Array): Promise<string>
}

export async function folder(): Promise<Folder> {
  const root = await mkdtemp(join(tmpdir(), 'hyper-command-'))
  const path = (name: string): string => join(root, name)
  const write = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(path(name), content)
    return path(name)
  }
  return {
    ca: await write('ca.pem', (await testCertificate()).ca),
    path,
    write,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
