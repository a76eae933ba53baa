import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentFolder, freePort, type Program, type ServerOptions, startProgram, versionOf } from './program.ts'

/**
 * HAProxy before the backend, which answers everything: over TLS, or cleartext with prior knowledge (`http1`: cleartext
 * HTTP/1.1). A master with one worker, which SIGUSR2 reloads.
 */
export async function startHaproxy(
  options: ServerOptions & { http1?: boolean; backend: string },
): Promise<Program | undefined> {
  const version = versionOf('haproxy', '-v')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const bind = options.plain ? 'proto h2' : options.http1 ? '' : `ssl crt ${folder}/both.pem alpn h2,http/1.1`
  await writeFile(
    join(folder, 'haproxy.cfg'),
    `global
  nbthread 1
  maxconn 500
  hard-stop-after 5s
  stats socket ${folder}/run/haproxy.sock mode 600 level admin expose-fd listeners
  tune.h2.max-concurrent-streams ${options.streams ?? 256}
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout server 60s
  timeout client ${options.impatient ? '300ms' : '60s'}
  timeout http-keep-alive ${options.impatient ? '300ms' : '60s'}
frontend in
  bind 127.0.0.1:${port} ${bind}
  default_backend out
backend out
  server origin ${options.backend.replace('http://', '').replace('localhost', '127.0.0.1')}
`,
  )
  return startProgram({
    name: 'haproxy',
    version,
    command: 'haproxy',
    args: ['-W', '-db', '-f', join(folder, 'haproxy.cfg')],
    port,
    folder,
    ca,
    scheme: options.plain || options.http1 ? 'http' : 'https',
  })
}
