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
  UNPRIVILEGED,
  versionOf,
} from './program.ts'

const MODULES = '/usr/lib/apache2/modules'

/**
 * Apache httpd with mod_http2: over TLS, or cleartext with prior knowledge and `Upgrade`. `PUT /dav/NAME` stores a body;
 * `/echo`, `/trailers` and `/103` come from the backend; `/hints` is a file that 103 (Early Hints) announces.
 */
export async function startApache(options: ServerOptions = {}): Promise<Program | undefined> {
  const version = versionOf('apache2', '-v')
  if (version === undefined || !existsSync(join(MODULES, 'mod_http2.so'))) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const modules = [
    'mpm_event',
    'authz_core',
    'http2',
    'ssl',
    'socache_shmcb',
    'dav',
    'dav_fs',
    'dav_lock',
    'headers',
    'alias',
    'proxy',
    'proxy_http',
  ]
  const backend = (path: string): string =>
    options.backend === undefined ? '' : `ProxyPass ${path} ${options.backend}${path}`
  await writeFile(
    join(folder, 'apache.conf'),
    `${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}/run
Mutex pthread
ErrorLog ${folder}/run/error.log
LogLevel error
${isRoot ? `User ${UNPRIVILEGED}\nGroup nogroup` : ''}
Listen 127.0.0.1:${port}
StartServers 1
ServerLimit 4
ThreadsPerChild 32
MinSpareThreads 1
MaxSpareThreads 128
MaxRequestWorkers 128
GracefulShutdownTimeout 1
Timeout 60
KeepAliveTimeout ${options.impatient ? '300ms' : '60'}
H2MaxSessionStreams ${options.streams ?? 256}
Protocols ${options.plain ? 'h2c' : 'h2'} http/1.1
${options.plain ? 'H2Direct on' : `SSLEngine on\nSSLCertificateFile ${folder}/cert.pem\nSSLCertificateKeyFile ${folder}/key.pem`}
H2Upgrade on
H2EarlyHints on
DocumentRoot ${folder}
DavLockDB ${folder}/run/locks
Alias /hints ${folder}/small
<Directory ${folder}>
  Require all granted
</Directory>
<Location /dav>
  DAV on
</Location>
<Location /text>
  H2PushResource /small
</Location>
<Location /hints>
  H2PushResource /text
</Location>
ProxyRequests off
${backend('/echo')}
${backend('/trailers')}
${backend('/103')}
`,
  )
  return startProgram({
    name: 'apache2',
    version,
    command: 'apache2',
    args: ['-d', folder, '-f', join(folder, 'apache.conf'), '-DFOREGROUND'],
    port,
    folder,
    ca,
    scheme: options.plain ? 'http' : 'https',
  })
}
