import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  documentFolder,
  freePort,
  isRoot,
  type Program,
  type ServerOptions,
  startProgram,
  versionOf,
} from './program.ts'

/**
 * h2o: over TLS, or cleartext with prior knowledge and `Upgrade`. `/echo`, `/trailers`, `/103` and `/page` come from the backend.
 * With `master` it runs under its own supervisor, which reloads at SIGHUP.
 */
export async function startH2o(options: ServerOptions & { master?: boolean } = {}): Promise<Program | undefined> {
  const version = versionOf('h2o')
  if (version === undefined) return undefined
  if (options.master && !existsSync('/usr/share/h2o/start_server')) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const backend = (path: string): string =>
    options.backend === undefined ? '' : `      ${path}:\n        proxy.reverse.url: "${options.backend}${path}"`
  await writeFile(
    join(folder, 'h2o.yaml'),
    `${isRoot ? 'user: root' : ''}
listen:
  host: 127.0.0.1
  port: ${port}
${options.plain ? '' : `  ssl:\n    certificate-file: ${folder}/cert.pem\n    key-file: ${folder}/key.pem\n    ocsp-update-interval: 0`}
num-threads: 1
pid-file: ${folder}/h2o.pid
http2-max-concurrent-requests-per-connection: ${options.streams ?? 256}
http2-idle-timeout: ${options.impatient ? 1 : 60}
http1-upgrade-to-http2: ON
hosts:
  default:
    paths:
${backend('/echo')}
${backend('/trailers')}
${backend('/103')}
${backend('/page')}
      /:
        file.dir: ${folder}
`,
  )
  return startProgram({
    name: 'h2o',
    version,
    command: 'h2o',
    args: ['-m', options.master ? 'master' : 'worker', '-c', join(folder, 'h2o.yaml')],
    port,
    folder,
    ca,
    scheme: options.plain ? 'http' : 'https',
    env: { TMPDIR: folder },
  })
}
