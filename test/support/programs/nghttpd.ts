import { join } from 'node:path'
import { documentFolder, freePort, type Program, type ServerOptions, startProgram, versionOf } from './program.ts'

/** nghttp2's server; with TLS unless `plain`. `POST` is answered with what was sent when `args` has `--echo-upload`. */
export async function startNghttpd(options: ServerOptions & { args?: string[] } = {}): Promise<Program | undefined> {
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
      ...(options.streams === undefined ? [] : [`--max-concurrent-streams=${options.streams}`]),
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
