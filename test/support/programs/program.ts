/**
 * Real programs from other projects, started on ephemeral ports of the loopback interface out of a temporary folder,
 * which holds their documents: `/small` (12 octets of text), `/text`, `/megabyte` and `/ten-megabytes` (random octets).
 *
 * Rules
 * - A program that is not installed gives `undefined`, and the caller says so.
 * - Each runs in the foreground, in a process group of its own. `close()` ends the whole group, which catches the workers
 *   of those that fork, and removes the folder. What still runs when this process ends goes with it.
 * - They run as whoever runs the tests. Those that refuse to be root are given another user, and the folder is readable.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testCertificate } from '../certificate.ts'

export const SMALL = 'hello, world'

export interface Program extends AsyncDisposable {
  readonly name: string
  readonly version: string
  readonly origin: string
  readonly port: number
  readonly ca: string
  /** Holds the documents. */
  readonly folder: string
  readonly process: ChildProcess
  /** What it wrote to its standard output and error so far. */
  readonly output: () => string
  close(): Promise<void>
}

/** What a server of the interop matrix can be asked for. Each says what it understands. */
export interface ServerOptions {
  /** HTTP/2 without TLS: prior knowledge, and `Upgrade` where the server has it. Default: TLS. */
  readonly plain?: boolean
  /** Most streams at a time. Default 256 where it can be set. */
  readonly streams?: number
  /** Most requests on one connection. Default: none. */
  readonly requests?: number
  /** Closes idle connections after the shortest time that it can be set to. Default: a minute. */
  readonly impatient?: boolean
  /** Origin, `http:`, that answers `/echo`, `/trailers` and `/103` (and everything, where the server has no files). */
  readonly backend?: string
}

/** Servers run without rights of their own under this user when root runs the tests. */
export const UNPRIVILEGED = 'nobody'

/** Whether root runs the tests. */
export const isRoot = process.getuid?.() === 0

/** The version line of an installed program; undefined when it is not installed. */
export function versionOf(program: string, flag = '--version'): string | undefined {
  try {
    // nginx says its version on standard error.
    return execFileSync('sh', ['-c', `${program} ${flag} 2>&1`], { encoding: 'utf8', env: programEnv() })
      .split('\n')[0]
      .trim()
  } catch {
    return undefined
  }
}

/** Servers live in sbin, which is not on every user's path. */
function programEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A temporary folder with certificate and documents. */
export async function documentFolder(): Promise<{ folder: string; ca: string }> {
  const { ca, cert, key } = await testCertificate()
  const folder = await mkdtemp(join(tmpdir(), 'hyper-transport-'))
  await Promise.all([
    writeFile(join(folder, 'cert.pem'), cert),
    writeFile(join(folder, 'key.pem'), key),
    writeFile(join(folder, 'both.pem'), `${cert.trim()}\n${key.trim()}\n`),
    writeFile(join(folder, 'ca.pem'), ca),
    writeFile(join(folder, 'small'), SMALL),
    writeFile(join(folder, 'text'), 'compress me, please. '.repeat(1000)),
    writeFile(join(folder, 'megabyte'), randomBytes(1 << 20)),
    writeFile(join(folder, 'ten-megabytes'), randomBytes(10 << 20)),
    mkdir(join(folder, 'dav')),
    mkdir(join(folder, 'run')),
    chmod(folder, 0o755),
  ])
  // Only those that drop root's rights need more; the folder lives for one test.
  if (isRoot) await Promise.all([chmod(join(folder, 'dav'), 0o777), chmod(join(folder, 'run'), 0o777)])
  return { folder, ca }
}

/** Each with the paths that go with it. */
const running = new Map<ChildProcess, readonly string[]>()

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group is gone.
  }
}

/** The programs are in groups of their own, so nobody but this process ends them when it is ended. */
function watchOwnEnd(): void {
  if (running.size > 0) return
  process.on('exit', endAll)
  process.on('SIGTERM', endSelf)
  process.on('SIGINT', endSelf)
}

function unwatchOwnEnd(): void {
  if (running.size > 0) return
  process.off('exit', endAll)
  process.off('SIGTERM', endSelf)
  process.off('SIGINT', endSelf)
}

function endAll(): void {
  for (const [child, paths] of running) {
    killGroup(child, 'SIGKILL')
    for (const path of paths) rmSync(path, { recursive: true, force: true })
  }
}

function endSelf(): void {
  process.exit(1)
}

/** Starts a program and waits until it accepts connections. */
export async function startProgram(options: {
  name: string
  version: string
  command: string
  args: string[]
  port: number
  folder: string
  ca: string
  scheme?: 'http' | 'https' | 'socks5'
  env?: Readonly<Record<string, string>>
  /** The signal that ends it. Default SIGTERM. */
  stop?: NodeJS.Signals
  /** What it leaves behind outside its folder. */
  leftovers?: readonly string[]
}): Promise<Program> {
  watchOwnEnd()
  const child = spawn(options.command, options.args, {
    env: { ...programEnv(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const paths = [options.folder, ...(options.leftovers ?? [])]
  running.set(child, paths)
  let output = ''
  const collect = (chunk: Buffer): void => {
    if (output.length < 1_000_000) output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  child.on('error', (error) => {
    output += error.message
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(options.stop ?? 'SIGTERM')
    const forced = setTimeout(() => killGroup(child, 'SIGKILL'), 1000)
    await exited
    clearTimeout(forced)
    killGroup(child, 'SIGKILL')
    running.delete(child)
    unwatchOwnEnd()
    for (const path of paths) await rm(path, { recursive: true, force: true, maxRetries: 3 })
  }
  for (let tries = 0; !(await accepts(options.port)); tries++) {
    if (child.exitCode !== null || child.pid === undefined || tries > 400) {
      await close()
      throw new Error(`${options.name} did not start: ${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return {
    name: options.name,
    version: options.version,
    origin: `${options.scheme ?? 'https'}://localhost:${options.port}`,
    port: options.port,
    ca: options.ca,
    folder: options.folder,
    process: child,
    output: () => output,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
