/** The servers of the matrix: how each is started, where it does what, and what it does not offer. */

import { hypercornVersion } from '../../support/programs/hypercorn.ts'
import {
  type Program,
  type ServerOptions,
  startApache,
  startCaddy,
  startH2o,
  startHaproxy,
  startHypercorn,
  startNghttpd,
  startNginx,
  versionOf,
} from '../../support/programs.ts'
import { until } from './support.ts'

/** What a server may not offer; the reason stands beside it. */
export type Offer =
  | 'trailers'
  | 'informational'
  | 'reload'
  | 'streams'
  | 'cold burst'
  | 'requests'
  | 'idle'
  | 'upgrade'
  | 'upgrade with a body'
  | 'no upgrade'
  | 'push'

export interface ServerKind {
  readonly name: string
  readonly version: string | undefined
  /** `backend` is the origin of the in-process server that stands behind those that are proxies. */
  start(options: ServerOptions & { backend: string }): Promise<Program | undefined>
  /** Starts one that can be reloaded, and says how. */
  reloadable?(options: { backend: string }): Promise<{ program: Program; reload: () => Promise<void> } | undefined>
  /** Cleartext HTTP/1.1 that does not know `Upgrade: h2c`. */
  startHttp1?(options: { backend: string }): Promise<Program | undefined>
  /** Where a POST with a small body gets a good answer. */
  readonly post: string
  /** It may leave an upgraded connection that has nothing to do yet. */
  readonly leavesUpgraded?: boolean
  /** Most streams that it can be told to take; default 256. */
  readonly mostStreams?: number
  /** Where an upload goes: given back, or stored in the folder under the same path. */
  readonly upload: { readonly path: string; readonly by: 'echo' | 'file' }
  /** Where trailers come from, and one of them. */
  readonly trailers?: { readonly path: string; readonly name: string; readonly value: string }
  /** What makes it send an informational response, and which. */
  readonly informational?: { readonly path: string; readonly status: number; readonly expect?: boolean }
  /** What it pushes `/small` with; default `/text`. */
  readonly pushes?: string
  /** What it has not, and why. */
  readonly without: Readonly<Partial<Record<Offer, string>>>
}

const signalled = (
  program: Program | undefined,
  signal: NodeJS.Signals,
): { program: Program; reload: () => Promise<void> } | undefined => {
  if (program === undefined) return undefined
  return {
    program,
    reload: async () => {
      program.process.kill(signal)
    },
  }
}

const KNOWS_UPGRADE = 'supports `Upgrade: h2c`'
const NO_REQUEST_LIMIT = 'no limit of requests for HTTP/2 connections'

const nginx: ServerKind = {
  name: 'nginx',
  version: versionOf('nginx', '-v'),
  start: startNginx,
  reloadable: async () => signalled(await startNginx(), 'SIGHUP'),
  startHttp1: () => startNginx({ http1: true }),
  post: '/upload',
  upload: { path: '/dav/stored', by: 'file' },
  trailers: { path: '/sum', name: 'x-sum', value: 'abc' },
  without: {
    informational: 'sends no 1xx over HTTP/2 and, before 1.29, passes none on',
    upgrade: 'prior knowledge only',
    'upgrade with a body': 'prior knowledge only',
  },
}

const apache: ServerKind = {
  name: 'apache2',
  version: versionOf('apache2', '-v'),
  start: startApache,
  leavesUpgraded: true,
  reloadable: async () => signalled(await startApache(), 'SIGUSR1'),
  post: '/small',
  upload: { path: '/dav/stored', by: 'file' },
  trailers: { path: '/trailers', name: 'x-checksum', value: 'abc' },
  informational: { path: '/hints', status: 103 },
  without: { requests: NO_REQUEST_LIMIT, 'no upgrade': KNOWS_UPGRADE },
}

const h2o: ServerKind = {
  name: 'h2o',
  version: versionOf('h2o'),
  start: startH2o,
  reloadable: async ({ backend }) => signalled(await startH2o({ master: true, backend }), 'SIGHUP'),
  post: '/echo',
  mostStreams: 100,
  pushes: '/page',
  upload: { path: '/echo', by: 'echo' },
  without: {
    trailers: 'removes the trailers that its backend sends',
    informational: 'sends no 1xx before 2.3',
    streams: 'announces a limit of 100 streams, whatever its configuration says',
    'cold burst': 'announces a limit of 100 streams, whatever its configuration says',
    requests: NO_REQUEST_LIMIT,
    'no upgrade': KNOWS_UPGRADE,
  },
}

const caddy: ServerKind = {
  name: 'caddy',
  version: versionOf('caddy', 'version'),
  start: startCaddy,
  reloadable: async (options) => {
    const program = await startCaddy(options)
    return program && { program, reload: () => program.reload() }
  },
  post: '/echo',
  upload: { path: '/echo', by: 'echo' },
  trailers: { path: '/trailers', name: 'x-checksum', value: 'abc' },
  informational: { path: '/103', status: 103 },
  without: {
    streams: 'no setting for it',
    'cold burst': 'no setting for it',
    requests: NO_REQUEST_LIMIT,
    'no upgrade': KNOWS_UPGRADE,
  },
}

/** So long a signal may take to be felt, in milliseconds, before it is sent again. */
const SIGNAL_AGAIN = 1_000

const haproxy: ServerKind = {
  name: 'haproxy',
  version: versionOf('haproxy', '-v'),
  start: startHaproxy,
  reloadable: async (options) => {
    const program = await startHaproxy(options)
    if (program === undefined) return undefined
    const said = (what: string): number => program.output().split(what).length - 1
    await until(() => said('Loading success') === 1)
    const reload = async (): Promise<void> => {
      const before = said('Loading success')
      await until(() => said('Former worker') >= before - 1)
      // The master loses a signal that comes while it is still at the last one, and no output tells when it is done:
      // the signal is sent again until it is felt. One reload more does no harm.
      let sent = 0
      await until(() => {
        if (said('Loading success') > before) return true
        if (Date.now() - sent > SIGNAL_AGAIN) {
          sent = Date.now()
          program.process.kill('SIGUSR2')
        }
        return false
      })
    }
    return { program, reload }
  },
  startHttp1: (options) => startHaproxy({ ...options, http1: true }),
  post: '/echo',
  upload: { path: '/echo', by: 'echo' },
  trailers: { path: '/trailers', name: 'x-checksum', value: 'abc' },
  informational: { path: '/103', status: 103 },
  without: {
    push: 'pushes nothing',
    requests: `${NO_REQUEST_LIMIT} before 3.0`,
    upgrade: 'prior knowledge only',
    'upgrade with a body': 'prior knowledge only',
  },
}

const nghttpd: ServerKind = {
  name: 'nghttpd',
  version: versionOf('nghttpd'),
  start: (options) =>
    startNghttpd({ ...options, args: ['--echo-upload', '--trailer', 'x-sum: abc', '--push=/text=/small'] }),
  post: '/small',
  upload: { path: '/small', by: 'echo' },
  trailers: { path: '/small', name: 'x-sum', value: 'abc' },
  informational: { path: '/small', status: 100, expect: true },
  without: {
    reload: 'cannot be reloaded',
    requests: NO_REQUEST_LIMIT,
    idle: 'no setting for it',
    upgrade: 'prior knowledge only',
    'upgrade with a body': 'prior knowledge only',
    'no upgrade': 'HTTP/2 only',
  },
}

const hypercorn: ServerKind = {
  name: 'hypercorn',
  version: hypercornVersion(),
  start: startHypercorn,
  post: '/echo',
  upload: { path: '/echo', by: 'echo' },
  without: {
    push: 'pushes only through an ASGI extension of its own',
    trailers: 'the ASGI extension for trailers comes with 0.15',
    informational: 'the ASGI extension for early hints comes with 0.15',
    reload: 'cannot be reloaded without closing its port',
    idle: 'version 0.13 does not count the idle time of a connection that was used',
    requests: NO_REQUEST_LIMIT,
    'no upgrade': KNOWS_UPGRADE,
  },
}

export const servers: readonly ServerKind[] = [nginx, apache, h2o, caddy, haproxy, nghttpd, hypercorn]
