/**
 * Real servers from other projects, started on ephemeral ports of the loopback interface out of a temporary folder,
 * which holds their documents: `/small` (12 octets of text), `/megabyte` and `/ten-megabytes` (random octets).
 *
 * Rules: a program that is not installed gives `undefined`, and the caller says so; a started one is killed by
 * `close()`, and its folder removed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testCertificate } from './certificate.ts'

export const SMALL = 'hello, world'

export interface Program extends AsyncDisposable {
  readonly name: string
  readonly version: string
  readonly origin: string
  readonly ca: string
  /** Holds the documents. */
  readonly folder: string
  readonly process: ChildProcess
  /** What it wrote to its standard output and error so far. */
  readonly output: () => string
  close(): Promise<void>
}

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
    writeFile(join(folder, 'ca.pem'), ca),
    writeFile(join(folder, 'small'), SMALL),
    writeFile(join(folder, 'text'), 'compress me, please. '.repeat(1000)),
    writeFile(join(folder, 'megabyte'), randomBytes(1 << 20)),
    writeFile(join(folder, 'ten-megabytes'), randomBytes(10 << 20)),
  ])
  return { folder, ca }
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
  scheme?: 'http' | 'https'
}): Promise<Program> {
  const child = spawn(options.command, options.args, { env: programEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (chunk: Buffer): void => {
    if (output.length < 1_000_000) output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    const forced = setTimeout(() => child.kill('SIGKILL'), 3000)
    await exited
    clearTimeout(forced)
    await rm(options.folder, { recursive: true, force: true })
  }
  for (let tries = 0; !(await accepts(options.port)); tries++) {
    if (child.exitCode !== null || tries > 200) {
      await close()
      throw new Error(`${options.name} did not start: ${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return {
    name: options.name,
    version: options.version,
    origin: `${options.scheme ?? 'https'}://localhost:${options.port}`,
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

/** nghttp2's server; with TLS unless `plain`. */
export async function startNghttpd(options: { plain?: boolean; args?: string[] } = {}): Promise<Program | undefined> {
  const version = versionOf('nghttpd')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const keys = options.plain ? [] : [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  return startProgram({
    name: 'nghttpd',
    version,
    command: 'nghttpd',
    args: [
      '--address=127.0.0.1',
      '--workers=1',
      `--htdocs=${folder}`,
      ...(options.plain ? ['--no-tls'] : []),
      ...(options.args ?? []),
      String(port),
      ...keys,
    ],
    port,
    folder,
    ca,
    scheme: options.plain ? 'http' : 'https',
  })
}

/** nginx with HTTP/2 over TLS; `/upload` takes a body and answers with its length. */
export async function startNginx(options: { directives?: string } = {}): Promise<Program | undefined> {
  const version = versionOf('nginx', '-v')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const sink = await freePort()
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error; ${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 1024; }
http {
  access_log off; sendfile on; default_type application/octet-stream; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  client_max_body_size 64m; 
  server { listen 127.0.0.1:${sink}; location / { return 204; } }
  server {
    listen 127.0.0.1:${port} ssl http2; server_name localhost;
    ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
    ${options.directives ?? ''}
    location / { root ${folder}; }
    location = /text { root ${folder}; gzip on; gzip_types *; gzip_min_length 1000; }
    location /upload { add_header x-length $http_content_length always; client_body_in_file_only clean; proxy_pass http://127.0.0.1:${sink}; }
    location /dav { root ${folder}; dav_methods PUT; create_full_put_path on; }
  }
}
`,
  )
  return startProgram({
    name: 'nginx',
    version,
    command: 'nginx',
    args: ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')],
    port,
    folder,
    ca,
  })
}
