/** Proxies: squid and tinyproxy (HTTP), dante (SOCKS5). `origin` is the URL of the proxy, without credentials. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentFolder, freePort, isRoot, type Program, startProgram, UNPRIVILEGED, versionOf } from './program.ts'

export interface ProxyProgramOptions {
  /** The only user, where the proxy can have users of its own. Default: everybody may. */
  readonly user?: { readonly name: string; readonly password: string }
  /** TLS between client and proxy. */
  readonly tls?: boolean
}

/** squid, which takes CONNECT to every port and requests in absolute form. */
export async function startSquid(options: ProxyProgramOptions = {}): Promise<Program | undefined> {
  const version = versionOf('squid', '-v')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  // Two with one name would share memory.
  const service = `hyper${port}`
  // squid asks a program of ours, one line a question.
  const helper = join(folder, 'run', 'check.sh')
  const { name, password } = options.user ?? { name: '', password: '' }
  await writeFile(
    helper,
    `#!/bin/sh\nwhile read -r user password; do\n  if [ "$user $password" = "${name} ${password}" ]; then echo OK; else echo ERR; fi\ndone\n`,
  )
  await chmod(helper, 0o755)
  await writeFile(
    join(folder, 'squid.conf'),
    `${options.tls ? `https_port 127.0.0.1:${port} tls-cert=${folder}/both.pem` : `http_port 127.0.0.1:${port}`}
${
  options.user
    ? `auth_param basic program ${helper}
auth_param basic realm test
auth_param basic children 1 startup=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all`
    : 'http_access allow all'
}
visible_hostname localhost
pid_filename none
access_log none
cache_log ${folder}/run/cache.log
cache_store_log none
cache deny all
cache_mem 8 MB
coredump_dir ${folder}/run
shutdown_lifetime 0 seconds
netdb_filename none
pinger_enable off
icp_port 0
htcp_port 0
snmp_port 0
`,
  )
  return startProgram({
    name: 'squid',
    version,
    command: 'squid',
    args: ['-N', '-n', service, '-f', join(folder, 'squid.conf')],
    port,
    folder,
    ca,
    scheme: options.tls ? 'https' : 'http',
    // Its orderly end takes seconds; without it, its shared memory stays.
    stop: 'SIGKILL',
    leftovers: ['metadata', 'queues', 'readers'].map((part) => `/dev/shm/${service}-cf__${part}.shm`),
  })
}

/** tinyproxy, which takes CONNECT and requests in absolute form. */
export async function startTinyproxy(options: ProxyProgramOptions = {}): Promise<Program | undefined> {
  const version = versionOf('tinyproxy', '-v')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  await writeFile(
    join(folder, 'tinyproxy.conf'),
    `${isRoot ? `User ${UNPRIVILEGED}\nGroup nogroup` : ''}
Port ${port}
Listen 127.0.0.1
Timeout 60
LogLevel Error
MaxClients 50
Allow 127.0.0.1
${options.user ? `BasicAuth ${options.user.name} ${options.user.password}` : ''}
`,
  )
  return startProgram({
    name: 'tinyproxy',
    version,
    command: 'tinyproxy',
    args: ['-d', '-c', join(folder, 'tinyproxy.conf')],
    port,
    folder,
    ca,
    scheme: 'http',
  })
}

/** dante's SOCKS server. It knows no users but the system's, so anybody may. */
export async function startDante(): Promise<Program | undefined> {
  const version = versionOf('danted', '-v')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  await writeFile(
    join(folder, 'danted.conf'),
    `logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: lo
${isRoot ? `user.privileged: root\nuser.unprivileged: ${UNPRIVILEGED}` : ''}
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.1/32 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.1/32 to: 0.0.0.0/0 protocol: tcp }
`,
  )
  return startProgram({
    name: 'dante',
    version,
    command: 'danted',
    args: ['-f', join(folder, 'danted.conf'), '-p', join(folder, 'run', 'danted.pid'), '-N', '1'],
    port,
    folder,
    ca,
    scheme: 'socks5',
  })
}
