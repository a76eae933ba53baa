/** The options of a native request, as got makes them: where it goes, and whether this transport can carry it. */
import type { NativeOptions } from '../common/node-options.ts'

/** A URL, or the options with the URL's parts among them. */
export type NativeTarget = URL | NativeOptions

/** Where a request goes. */
export interface Target {
  readonly protocol: string
  readonly host: string
  readonly origin: string
  readonly path: string
  /** `user:password`, to be sent unless there is an authorization header. */
  readonly auth: string | undefined
}

/** What only got's own transport can do. */
export function needsGotsOwn(options: NativeOptions): boolean {
  const { agent, createConnection, h2session, setHost, method, headers } = options
  return (
    (agent !== undefined && agent !== null) ||
    createConnection !== undefined ||
    h2session !== undefined ||
    setHost === false ||
    method === 'CONNECT' ||
    headers?.['upgrade'] !== undefined
  )
}

export function readTarget(target: NativeTarget, options: NativeOptions): Target {
  if (target instanceof URL) {
    const { username, password } = target
    return {
      protocol: target.protocol,
      host: target.hostname,
      origin: target.origin,
      // For a unix socket the path of the URL names the socket as well.
      path: options.path ?? target.pathname + target.search,
      auth: username === '' && password === '' ? undefined : `${decoded(username)}:${decoded(password)}`,
    }
  }
  const { protocol = 'http:', port, path = '/', auth } = target
  const host = target.hostname || target.host || 'localhost'
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const credentials = auth?.split(':').map(decoded).join(':')
  return {
    protocol,
    host,
    origin: port === undefined || port === '' ? `${protocol}//${name}` : `${protocol}//${name}:${port}`,
    path,
    auth: credentials,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
