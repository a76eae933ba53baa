/** Digest authentication (RFC 7616) as a wrapper; digest.ts computes. */
import { InvalidArgumentError } from '../errors.ts'
import type { ExchangeHandler, ExchangeRequest, Transport } from '../exchange/contract.ts'
import { bytesOf } from '../exchange/source.ts'
import { type FieldList, flattenFields } from '../headers/fields.ts'
import { parseChallenges } from './challenge.ts'
import type { Wrapper } from './compose.ts'
import { DigestAuth } from './digest.ts'
import { isRepeatable, without } from './request.ts'
import { Rounds } from './rounds.ts'

/** Options of {@link digest}. */
export interface DigestOptions {
  /** The user name, without a colon (RFC 7616 section 3.4). */
  readonly username: string
  /** Its password. It is never sent, only a hash. */
  readonly password: string
  /** `scheme://host[:port]`: who is answered. Default: the origin of the first request. */
  readonly origin?: string | undefined
}

const AUTHORIZATION: ReadonlySet<string> = new Set(['authorization'])

/**
 * Answers 401 with a digest challenge, and sends the answer along from then on. A request with an `authorization` of its own, or
 * to another origin, is left alone; so is a 401 to a body that cannot be sent again, and a second one to the same answer.
 * @throws {InvalidArgumentError} naming the option that is not text, or no origin.
 */
export function digest({ username, password, origin }: DigestOptions): Wrapper {
  if (typeof username !== 'string') throw new InvalidArgumentError('username must be text')
  if (username.includes(':')) throw new InvalidArgumentError('username must have no colon')
  if (typeof password !== 'string') throw new InvalidArgumentError('password must be text')
  if (origin !== undefined && !URL.canParse(origin)) throw new InvalidArgumentError(`Invalid origin: ${origin}`)
  const login: Login = { auth: new DigestAuth(`${username}:${password}`), origin: origin && new URL(origin).origin }
  return (inner) => ({ dispatch: (request, handler) => new Authenticated(inner, request, handler, login) })
}

interface Login {
  readonly auth: DigestAuth
  /** Who is answered, once that is known. */
  origin: string | undefined
}

class Authenticated extends Rounds {
  private readonly request: ExchangeRequest
  /** Challenges answered for this request. */
  private answers = 0
  /** Undefined: it is left alone. */
  private readonly auth: DigestAuth | undefined

  constructor(inner: Transport, request: ExchangeRequest, handler: ExchangeHandler, login: Login) {
    super(inner, request, handler)
    this.request = request
    const origin = URL.canParse(request.origin) ? new URL(request.origin).origin : request.origin
    login.origin ??= origin
    const own = flattenFields(request.headers).some((name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization')
    this.auth = own || origin !== login.origin ? undefined : login.auth
    this.send(this.authorized() ?? request)
  }

  protected override follow(status: number, headers: FieldList): ExchangeRequest | undefined {
    const { auth, request } = this
    if (auth === undefined || status !== 401 || !isRepeatable(request.body)) return undefined
    const challenges: ReturnType<typeof parseChallenges> = []
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === 'www-authenticate') challenges.push(...parseChallenges(headers[i + 1]))
    }
    const taken = auth.accept(challenges)
    // An answer to this very challenge was refused: it is wrong, unless it came too late.
    if (taken === undefined || this.answers > 1 || (this.answers === 1 && taken !== 'stale')) return undefined
    this.answers++
    return this.authorized()
  }

  private authorized(): ExchangeRequest | undefined {
    const { auth, request } = this
    const { method, path, body } = request
    const octets = typeof body === 'string' ? Buffer.from(body) : (bytesOf(body) ?? undefined)
    const value = auth?.authorize({ method, uri: path, body: body === null || body === undefined ? NO_OCTETS : octets })
    if (value === undefined) return undefined
    return { ...request, headers: [...without(flattenFields(request.headers), AUTHORIZATION), 'authorization', value] }
  }
}

const NO_OCTETS = new Uint8Array(0)
