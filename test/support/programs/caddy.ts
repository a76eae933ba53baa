import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { documentFolder, freePort, type Program, type ServerOptions, startProgram, versionOf } from './program.ts'

/** A caddy that can be told to read its configuration again. */
export interface Caddy extends Program {
  reload(): Promise<void>
}

/**
 * caddy: over TLS, or cleartext with prior knowledge and `Upgrade`. `/echo`, `/trailers` and `/103` come from the backend.
 * Its administration is another port of the loopback interface.
 */
export async function startCaddy(options: ServerOptions = {}): Promise<Caddy | undefined> {
  const version = versionOf('caddy', 'version')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const admin = await freePort()
  const backend = {
    match: [{ path: ['/echo', '/trailers', '/103'] }],
    handle: [{ handler: 'reverse_proxy', upstreams: [{ dial: options.backend?.replace('http://', '') }] }],
  }
  const config = JSON.stringify({
    admin: { listen: `127.0.0.1:${admin}`, config: { persist: false } },
    logging: { logs: { default: { level: 'ERROR' } } },
    storage: { module: 'file_system', root: join(folder, 'run') },
    apps: {
      http: {
        grace_period: '1s',
        servers: {
          main: {
            listen: [`127.0.0.1:${port}`],
            protocols: options.plain ? ['h1', 'h2', 'h2c'] : ['h1', 'h2'],
            idle_timeout: options.impatient ? '300ms' : '60s',
            automatic_https: { disable: true },
            ...(options.plain ? {} : { tls_connection_policies: [{}] }),
            routes: [
              ...(options.backend === undefined ? [] : [backend]),
              { match: [{ path: ['/text'] }], handle: [{ handler: 'push', resources: [{ target: '/small' }] }] },
              { handle: [{ handler: 'file_server', root: folder }] },
            ],
          },
        },
      },
      ...(options.plain
        ? {}
        : {
            tls: {
              certificates: {
                load_files: [{ certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }],
              },
            },
          }),
    },
  })
  await writeFile(join(folder, 'caddy.json'), config)
  const program = await startProgram({
    name: 'caddy',
    version,
    command: 'caddy',
    args: ['run', '--config', join(folder, 'caddy.json')],
    port,
    folder,
    ca,
    scheme: options.plain ? 'http' : 'https',
    env: { HOME: join(folder, 'run'), XDG_DATA_HOME: join(folder, 'run'), XDG_CONFIG_HOME: join(folder, 'run') },
  })
  return { ...program, reload: () => load(admin, config) }
}

/** `Cache-Control: must-revalidate` reloads a configuration that has not changed. */
function load(admin: number, config: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'cache-control': 'must-revalidate' }
    const call = request({ host: '127.0.0.1', port: admin, path: '/load', method: 'POST', headers, agent: false })
    call.on('error', reject)
    call.on('response', (response) => {
      response.resume()
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`caddy answered ${response.statusCode} to a reload`))
      })
    })
    call.end(config)
  })
}
