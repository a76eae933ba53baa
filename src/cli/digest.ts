/**
 * Digest authentication (RFC 7616): MD5, SHA-256 and SHA-512/256, each with `-sess`; `auth` and `auth-int`; user names that are
 * hashed or not ASCII. The libraries for it know less.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type Challenge, quoted } from './challenge.ts'

/** As OpenSSL calls them. */
const HASHES: Readonly<Record<string, string>> = { md5: 'md5', 'sha-256': 'sha256', 'sha-512-256': 'sha512-256' }

/** What is asked for. */
export interface DigestRequest {
  readonly method: string
  /** Path and query. */
  readonly uri: string
  /** Undefined: it cannot be looked at before it is sent. */
  readonly body: Uint8Array | undefined
}

export class DigestAuth {
  private readonly user: string
  private readonly password: string
  private challenge: Challenge | undefined
  private uses = 0

  /** @param credentials `user:password` */
  constructor(credentials: string) {
    const colon = credentials.indexOf(':')
    this.user = colon < 0 ? credentials : credentials.slice(0, colon)
    this.password = colon < 0 ? '' : credentials.slice(colon + 1)
  }

  /**
   * Takes the first challenge of these that can be answered.
   * @returns is it worth another try? Not when the same challenge refused our answer.
   */
  take(challenges: readonly Challenge[]): boolean {
    const found = challenges.find(({ scheme, parameters }) => {
      if (scheme !== 'digest' || parameters.get('nonce') === undefined || parameters.get('realm') === undefined)
        return false
      return hashOf(parameters) !== undefined && qopOf(parameters, true) !== undefined
    })
    if (found === undefined) return false
    const stale = /^true$/i.test(found.parameters.get('stale') ?? '')
    const again = this.challenge === undefined || stale
    this.challenge = found
    this.uses = 0
    return again
  }

  /** The value of `authorization`; undefined before there was a challenge. @param cnonce for tests alone. */
  authorize({ method, uri, body }: DigestRequest, cnonce = randomBytes(16).toString('hex')): string | undefined {
    const { challenge } = this
    if (challenge === undefined) return undefined
    const { parameters } = challenge
    const name = parameters.get('algorithm') ?? 'MD5'
    const algorithm = hashOf(parameters) ?? 'md5'
    const hash = (data: string | Uint8Array): string => createHash(algorithm).update(data).digest('hex')
    const [realm = '', nonce = ''] = [parameters.get('realm'), parameters.get('nonce')]
    const qop = qopOf(parameters, body !== undefined)
    if (qop === undefined) throw new Error('the server wants a digest of the body (auth-int), which is not at hand')
    const nc = (++this.uses).toString(16).padStart(8, '0')
    let a1 = hash(`${this.user}:${realm}:${this.password}`)
    if (/-sess$/i.test(name)) a1 = hash(`${a1}:${nonce}:${cnonce}`)
    const a2 = hash(`${method}:${uri}${qop === 'auth-int' ? `:${hash(body ?? '')}` : ''}`)
    const response = hash(qop === '' ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`)
    const opaque = parameters.get('opaque')
    const hashed = /^true$/i.test(parameters.get('userhash') ?? '')
    return [
      `Digest ${this.nameField(realm, hashed, hash)}`,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `uri=${quoted(uri)}`,
      `response="${response}"`,
      parameters.has('algorithm') ? `algorithm=${name}` : '',
      opaque === undefined ? '' : `opaque=${quoted(opaque)}`,
      qop === '' ? '' : `qop=${qop}, nc=${nc}, cnonce="${cnonce}"`,
      hashed ? 'userhash=true' : '',
    ]
      .filter((part) => part !== '')
      .join(', ')
  }

  private nameField(realm: string, hashed: boolean, hash: (data: string) => string): string {
    if (hashed) return `username="${hash(`${this.user}:${realm}`)}"`
    if (/^[\x20-\x7e]*$/.test(this.user)) return `username=${quoted(this.user)}`
    return `username*=UTF-8''${encodeURIComponent(this.user)}`
  }
}

function hashOf(parameters: ReadonlyMap<string, string>): string | undefined {
  const name = (parameters.get('algorithm') ?? 'md5').toLowerCase().replace(/-sess$/, '')
  return Object.hasOwn(HASHES, name) ? HASHES[name] : undefined
}

/** @returns '' for servers of RFC 2069; undefined when there is none that can be given. */
function qopOf(parameters: ReadonlyMap<string, string>, hasBody: boolean): 'auth' | 'auth-int' | '' | undefined {
  const offered = parameters.get('qop')
  if (offered === undefined) return ''
  const all = offered.split(',').map((one) => one.trim().toLowerCase())
  if (all.includes('auth')) return 'auth'
  return all.includes('auth-int') && hasBody ? 'auth-int' : undefined
}
