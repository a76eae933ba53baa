/**
 * Session files of HTTPie 3, and of those before it: they are read, and written back in the form in which they were.
 *
 *     headers   [{ name, value }], before 3.2 { name: value }
 *     cookies   [{ name, value, path, domain, secure, expires }], before 3.1 { name: { value, path, ... } }
 *     auth      { type, raw_auth }, or { type, username, password }; type null: none
 *
 * Rules
 * - A host has ".local" behind it there when it has no dot (Python's http.cookiejar); a domain with a dot before it is for the
 *   hosts below it, too.
 * - A cookie without a domain is for any host there. Here it goes to the host of the URL, and never where a redirect leads.
 * - What is not understood, such as the credentials of a plugin, is an error. What nothing has changed is written as it was.
 */
import { dateNow } from '../clock.ts'

/** Credentials that are kept. */
export interface KeptAuth {
  readonly type: 'basic' | 'digest' | 'bearer'
  readonly raw: string
}

/** A cookie as the jar writes it down. */
export interface PlainCookie {
  readonly key: string
  readonly value: string
  readonly domain: string
  readonly path: string
  readonly secure: boolean
  readonly hostOnly: boolean
  /** An ISO date; undefined: it ends with the session of a browser. */
  readonly expires: string | undefined
}

/** What a session holds. */
export interface SessionData {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly cookies: readonly PlainCookie[]
  readonly auth: KeptAuth | undefined
}

type Json = Readonly<Record<string, unknown>>

export class HttpieSession {
  readonly data: SessionData
  private readonly file: Json
  /** How each cookie's domain was spelt. */
  private readonly domains = new Map<string, unknown>()
  private readonly spelling: ReadonlyMap<string, string>

  /**
   * @param file what `JSON.parse` made of it.
   * @param host of the URL: what has no domain is for it.
   * @param wrong makes the error for what cannot be understood.
   */
  constructor(file: Json, host: string, wrong: (why: string) => Error) {
    this.file = file
    const headers = entriesOf(file['headers'], 'headers', wrong).map(({ name, value }): [string, string] => {
      if (typeof value !== 'string') throw wrong(`the value of the header ${JSON.stringify(name)} is not text`)
      return [name, value]
    })
    this.spelling = new Map(headers.map(([name]) => [name.toLowerCase(), name]))
    const cookies = entriesOf(file['cookies'], 'cookies', wrong).map((one): PlainCookie => {
      const cookie = readCookie(one, host, wrong)
      this.domains.set(keyOf(cookie), one['domain'])
      return cookie
    })
    this.data = { headers, cookies, auth: readAuth(file['auth'], wrong) }
  }

  /** Is it such a file? One that was written by hand may say no more than what it holds. */
  static is(file: Json): boolean {
    const meta: Json = Object(file['__meta__'])
    if (typeof meta['httpie'] === 'string') return true
    const names = Object.keys(file)
    return names.length > 0 && names.every((name) => ['headers', 'cookies', 'auth'].includes(name))
  }

  /** The file with what the session holds now. */
  write({ headers, cookies, auth }: SessionData): object {
    const now = dateNow()
    const named = headers.map(([name, value]) => ({ name: this.spelling.get(name.toLowerCase()) ?? name, value }))
    const kept = cookies
      .filter(({ expires }) => expires === undefined || Date.parse(expires) > now)
      .map((cookie) => {
        const key = keyOf(cookie)
        const { key: name, value, path, secure, expires } = cookie
        return {
          domain: this.domains.has(key) ? this.domains.get(key) : domainOf(cookie),
          expires: expires === undefined ? null : Math.floor(Date.parse(expires) / 1000),
          name,
          path,
          secure,
          value,
        }
      })
    const before = this.data.auth
    const unchanged = auth?.type === before?.type && auth?.raw === before?.raw
    return {
      ...this.file,
      auth: unchanged
        ? (this.file['auth'] ?? NO_AUTH)
        : auth === undefined
          ? NO_AUTH
          : { raw_auth: auth.raw, type: auth.type },
      cookies: inForm(this.file['cookies'], kept, ({ name, ...rest }) => [name, rest]),
      headers: inForm(this.file['headers'], named, ({ name, value }) => [name, value]),
    }
  }
}

const NO_AUTH = { password: null, type: null, username: null }

/** Lists as they are; of an object its members, named. */
function entriesOf(value: unknown, what: string, wrong: (why: string) => Error): (Json & { readonly name: string })[] {
  if (value === undefined || value === null) return []
  if (typeof value !== 'object') throw wrong(`${what} is neither a list nor an object`)
  const all: unknown[] = Array.isArray(value)
    ? value
    : Object.entries(value).map(([name, one]) => (what === 'headers' ? { name, value: one } : { ...Object(one), name }))
  return all.map((one) => {
    const entry: Json = Object(one)
    const { name } = entry
    if (typeof name !== 'string' || name === '') throw wrong(`a ${what.slice(0, -1)} has no name`)
    return { ...entry, name }
  })
}

/** An object again where it was one, unless two have the same name. */
function inForm<T extends { readonly name: string }>(
  before: unknown,
  all: readonly T[],
  member: (one: T) => readonly [string, unknown],
): unknown {
  const wasObject = typeof before === 'object' && before !== null && !Array.isArray(before)
  const isUnique = new Set(all.map(({ name }) => name)).size === all.length
  return wasObject && isUnique ? Object.fromEntries(all.map(member)) : all
}

function readCookie(one: Json & { readonly name: string }, host: string, wrong: (why: string) => Error): PlainCookie {
  const { name, value, path, domain, secure, expires } = one
  const said = `the cookie ${JSON.stringify(name)}`
  if (typeof value !== 'string' && value !== null && value !== undefined)
    throw wrong(`${said} has a value that is not text`)
  if (typeof domain !== 'string' && domain !== null && domain !== undefined) throw wrong(`${said} has a wrong domain`)
  if (typeof path !== 'string' && path !== null && path !== undefined) throw wrong(`${said} has a wrong path`)
  if (typeof expires !== 'number' && expires !== null && expires !== undefined) throw wrong(`${said} has a wrong date`)
  // What is not a date ends with the session, as a date that is too late does.
  const end =
    typeof expires === 'number' && Math.abs(expires) < 8.64e12 ? new Date(expires * 1000).toISOString() : undefined
  return {
    key: name,
    value: value ?? '',
    path: path || '/',
    secure: secure === true,
    expires: end,
    ...(domain ? readDomain(domain.toLowerCase(), host) : { domain: host, hostOnly: true }),
  }
}

function readDomain(domain: string, host: string): Pick<PlainCookie, 'domain' | 'hostOnly'> {
  if (domain.startsWith('.')) return { domain: domain.slice(1), hostOnly: false }
  // A machine may be called so.
  if (domain === host) return { domain, hostOnly: true }
  return { domain: domain.replace(/^([^.]*)\.local$/, '$1'), hostOnly: true }
}

function domainOf({ domain, hostOnly }: PlainCookie): string {
  if (!hostOnly) return `.${domain}`
  return domain.includes('.') ? domain : `${domain}.local`
}

/** A cookie that a server has set anew since then has another value, and a domain of its own. */
function keyOf({ domain, path, key, value }: PlainCookie): string {
  return JSON.stringify([domain, path, key, value])
}

function readAuth(auth: unknown, wrong: (why: string) => Error): KeptAuth | undefined {
  const { type, raw_auth: raw, username, password }: Json = Object(auth)
  if (type === undefined || type === null) return undefined
  if (type !== 'basic' && type !== 'digest' && type !== 'bearer') {
    throw wrong(`auth has the type ${JSON.stringify(type)}, which is none of basic, digest and bearer`)
  }
  if (typeof raw === 'string') return { type, raw: type === 'bearer' || raw.includes(':') ? raw : `${raw}:` }
  if (type === 'bearer' || typeof username !== 'string') throw wrong('auth has no credentials')
  return { type, raw: `${username}:${typeof password === 'string' ? password : ''}` }
}
