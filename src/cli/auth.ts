/** Who asks: the credentials of the command line, of the URL, of a session and of ~/.netrc, and what is sent of them. */
import { isUint8Array } from 'node:util/types'
import { HTTPHeaderMap } from '../client/header-map.ts'
import type { HTTPResponse } from '../client/response.ts'
import { type Challenge, parseChallenges } from '../wrappers/challenge.ts'
import { DigestAuth } from '../wrappers/digest.ts'
import type { CommandLine } from './arguments.ts'
import type { Environment } from './config.ts'
import { UsageError } from './failures.ts'
import { netrcCredentials } from './netrc.ts'
import { completeCredentials } from './prompt.ts'
import type { CommandRequest } from './request.ts'
import type { KeptAuth, Session } from './session.ts'
import type { Stream } from './sink.ts'
import type { Input } from './stdin.ts'
import type { Target } from './target.ts'

/** What is needed to find them. */
export interface AuthSurroundings {
  readonly stdin: Input
  readonly stderr: Stream
  readonly env: Environment
  readonly signal: AbortSignal
  warn(message: string): void
}

/**
 * The credentials for the first request: of --auth, of the URL, of the session, of ~/.netrc, in this order.
 * @throws {UsageError} when there is nobody to ask for a password.
 */
export async function credentialsFor(
  line: CommandLine,
  target: Target,
  session: Session,
  around: AuthSurroundings,
): Promise<KeptAuth | undefined> {
  const { authType: type, options } = line
  if (options.auth !== undefined) {
    if (type === 'bearer') return { type, raw: tokenOf(options.auth) }
    return { type, raw: await completeCredentials(options.auth, around.stdin, around.stderr, around.signal) }
  }
  if (type === 'bearer') throw new UsageError('--auth-type bearer needs --auth TOKEN')
  if (target.credentials !== undefined) return { type, raw: target.credentials }
  if (session.auth !== undefined) return session.auth
  const raw = fromNetrc(line, target, around)
  if (raw === undefined && options['auth-type'] !== undefined) throw new UsageError(`--auth-type ${type} needs --auth`)
  return raw === undefined ? undefined : { type, raw }
}

/**
 * The credentials of ~/.netrc.
 * @param named for where a redirect leads, which a server chose: only an entry that names the host counts.
 */
export function fromNetrc(
  line: CommandLine,
  { url }: Target,
  { env, warn }: Pick<AuthSurroundings, 'env' | 'warn'>,
  named = false,
): string | undefined {
  if (line.options['ignore-netrc']) return undefined
  return netrcCredentials(url.hostname.replace(/^\[|\]$/g, ''), env, warn, named)
}

function tokenOf(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new UsageError('--auth-type bearer takes a token without spaces')
}

/** What goes at once; digest waits for its challenge. */
export function authorizationOf(auth: KeptAuth | undefined): string | undefined {
  if (auth === undefined || auth.type === 'digest') return undefined
  return auth.type === 'bearer' ? `Bearer ${auth.raw}` : basic(auth.raw)
}

export function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/** Answers challenges of one origin. */
export class Responder {
  private readonly origin: string
  private readonly digest: DigestAuth | undefined

  constructor(auth: KeptAuth | undefined, origin: string) {
    this.origin = origin
    this.digest = auth?.type === 'digest' ? new DigestAuth(auth.raw) : undefined
  }

  /** The request with what its origin is known to ask for. */
  prepare(request: CommandRequest): CommandRequest {
    const { digest } = this
    if (digest === undefined || request.target.origin !== this.origin) return request
    const { method, target, overrides, content } = request
    const body = content === undefined ? new Uint8Array() : content.body
    const authorization = digest.authorize({
      method,
      uri: overrides.text(':path') ?? target.path,
      body: isUint8Array(body) ? body : undefined,
    })
    if (authorization === undefined) return request
    const headers = new HTTPHeaderMap(request.headers)
    headers.replace('authorization', authorization)
    return { ...request, headers }
  }

  /** @returns is the same request to be sent again, with an answer? */
  isChallenged({ target }: CommandRequest, { status, headers }: HTTPResponse): boolean {
    if (this.digest === undefined || status !== 401 || target.origin !== this.origin) return false
    return this.digest.take(challengesIn(headers.raw()))
  }
}

function challengesIn(fields: Iterable<readonly [string, string]>): Challenge[] {
  return [...fields].flatMap(([name, value]) =>
    name.toLowerCase() === 'www-authenticate' ? parseChallenges(value) : [],
  )
}
