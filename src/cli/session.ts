/**
 * Sessions: cookies, credentials and header fields that outlive a run, in a file for each host and name, or in any file. And
 * the cookies of a run without a session, which are forgotten with it. Files of HTTPie stay files of HTTPie.
 *
 * Rules
 * - Cookies are a jar's own business (tough-cookie): a server sets them for itself, never for another host.
 * - A file that is not understood, or that is no session, is an error, and stays as it is. A session is written whole, beside the
 *   old one, and put in its place.
 * - Fields that speak of one body or one state of a resource (`content-*`, `if-*`, `range`) are not kept.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CookieJar } from 'tough-cookie'
import { HTTPHeaderMap } from '../client/header-map.ts'
import { dateNow } from '../clock.ts'
import { systemCodeOf, toError } from '../errors.ts'
import { configFolder, type Environment, homeFolder } from './config.ts'
import { UsageError } from './failures.ts'
import { HttpieSession, type KeptAuth, type PlainCookie } from './httpie-session.ts'
import { checkJson } from './items.ts'
import type { Target } from './target.ts'

export type { KeptAuth }

/** The version of the file. */
const FORMAT = 1

const NOT_KEPT = /^(?:content-|if-|range$|cookie$|authorization$|host$|user-agent$|accept-encoding$)/

export class Session {
  /** Undefined: there is none yet. Its library is loaded for the first cookie. */
  private jar: CookieJar | undefined
  /** Fields that go with each request. */
  readonly headers: HTTPHeaderMap
  auth: KeptAuth | undefined
  /** Undefined: it is not written. */
  private readonly path: string | undefined
  /** The file is HTTPie's, and stays so. */
  private readonly httpie: HttpieSession | undefined

  private constructor(path?: string, { jar, headers, auth, httpie }: Partial<Kept> = {}) {
    this.path = path
    this.jar = jar
    this.headers = headers ?? new HTTPHeaderMap()
    this.auth = auth
    this.httpie = httpie
  }

  /** One that is forgotten. */
  static fleeting(): Session {
    return new Session()
  }

  /**
   * The session of this name for a host; a new one when there is none yet.
   * @param name what has a slash in it is the path of a file.
   * @param readOnly nothing of it is written.
   * @throws {UsageError} when its file cannot be read, or is no session.
   */
  static async open(name: string, target: Target, env: Environment, readOnly: boolean): Promise<Session> {
    const path = pathOf(name, target, env)
    const kept = readOnly ? undefined : path
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') {
        throw new UsageError(`the session ${JSON.stringify(path)} cannot be read: ${toError(error).message}`)
      }
      return new Session(kept)
    }
    const what = `the session ${JSON.stringify(path)}`
    checkJson(text, what)
    return new Session(kept, await restore(JSON.parse(text), target.url.hostname, what))
  }

  /** The value of `cookie` for a URL, its octets as characters; undefined when there are none. @param own what the user gave goes first. */
  cookiesFor(url: string, own: string | undefined): string | undefined {
    if (this.jar === undefined) return own
    const given = new Set((own ?? '').split(';').map((one) => one.split('=')[0].trim()))
    const kept = this.jar
      .getCookiesSync(url)
      .filter(({ key }) => !given.has(key))
      .map((cookie) => Buffer.from(cookie.cookieString()).toString('latin1'))
    const all = own === undefined || own === '' ? kept : [own, ...kept]
    return all.length === 0 ? undefined : all.join('; ')
  }

  /** Takes what a response sets. What is for another host, or cannot be understood, is passed over. */
  async take(url: string, fields: readonly string[]): Promise<void> {
    if (fields.length === 0) return
    this.jar ??= await newJar()
    for (const field of fields) {
      // Octets stand for characters.
      const text = Buffer.from(field, 'latin1').toString()
      try {
        const cookie = this.jar.setCookieSync(text, url, { ignoreError: true })
        // Counted from now on, and not from when it was last used.
        if (cookie !== undefined && typeof cookie.maxAge === 'number' && cookie.maxAge > 0) {
          cookie.expires = new Date(dateNow() + cookie.maxAge * 1000)
          cookie.maxAge = null
        }
      } catch {
        // It has no name, or no valid date.
      }
    }
  }

  /** Keeps what the user gave: fields, and cookies, which become those of the host. */
  async keep(url: string, given: Iterable<readonly [string, string]>): Promise<void> {
    if (this.path === undefined) return
    const seen = new Set<string>()
    for (const [name, value] of given) {
      const lower = name.toLowerCase()
      if (lower === 'cookie')
        await this.take(
          url,
          value.split(';').map((one) => `${one.trim()}; Path=/`),
        )
      else if (!NOT_KEPT.test(lower)) {
        if (seen.has(lower)) this.headers.append(lower, value)
        else this.headers.replace(lower, value)
        seen.add(lower)
      }
    }
  }

  /** Writes it. @throws {Error} when it cannot be written. */
  save(): void {
    const { path, jar, headers, auth } = this
    if (path === undefined) return
    const cookies = jar?.serializeSync()?.cookies ?? []
    const content = this.httpie?.write({ headers: [...headers.raw()], cookies: cookies.map(plain), auth }) ?? {
      __meta__: { about: 'a session of hyper', format: FORMAT },
      headers: [...headers.raw()].map(([name, value]) => ({ name, value })),
      auth: auth ?? null,
      cookies,
    }
    const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      writeFileSync(beside, `${JSON.stringify(content, undefined, 4)}\n`, { mode: 0o600, flag: 'wx' })
      renameSync(beside, path)
    } catch (error) {
      rmSync(beside, { force: true })
      throw new Error(`the session ${JSON.stringify(path)} cannot be written: ${toError(error).message}`, {
        cause: error,
      })
    }
  }
}

function pathOf(name: string, { url }: Target, env: Environment): string {
  if (/[/\\]/.test(name)) return inPlace(/^~[/\\]/.test(name) ? join(homeFolder(env) ?? '~', name.slice(2)) : name)
  if (name === '' || name === '.' || name === '..' || /[\0-\x1f]/.test(name)) {
    throw new UsageError(`--session takes a name or the path of a file, not ${JSON.stringify(name)}`)
  }
  const folder = configFolder(env)
  if (folder === undefined) throw new UsageError('--session needs HOME or HYPER_CONFIG_DIR, or the path of a file')
  const own = join(folder, 'sessions', url.host.replace(/[^\w.-]/g, '_'), `${name}.json`)
  if (existsSync(own)) return inPlace(own)
  // One that HTTPie has is gone on with, where it is.
  const others = httpieFolder(env)
  const other = others && join(others, 'sessions', url.host.replaceAll(':', '_'), `${name}.json`)
  return other !== undefined && existsSync(other) ? inPlace(other) : own
}

/** Where a link leads: the file is replaced there, and the link stays. */
function inPlace(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** The folder of HTTPie's configuration. */
function httpieFolder(env: Environment): string | undefined {
  if (env['HTTPIE_CONFIG_DIR']) return env['HTTPIE_CONFIG_DIR']
  const home = homeFolder(env)
  if (home !== undefined && existsSync(join(home, '.httpie'))) return join(home, '.httpie')
  const config = env['XDG_CONFIG_HOME'] || (home && join(home, '.config'))
  return config && join(config, 'httpie')
}

interface Kept {
  readonly jar: CookieJar
  readonly headers: HTTPHeaderMap
  readonly auth: KeptAuth | undefined
  readonly httpie: HttpieSession | undefined
}

async function newJar(): Promise<CookieJar> {
  const { CookieJar } = await import('tough-cookie')
  return new CookieJar(undefined, { looseMode: true })
}

async function restore(data: unknown, host: string, what: string): Promise<Kept> {
  const { Cookie, CookieJar } = await import('tough-cookie')
  const wrong = (why: string): UsageError => new UsageError(`${what} is not a session: ${why}`)
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw wrong('it is not an object')
  const file: Readonly<Record<string, unknown>> = { ...data }
  const { format }: { format?: unknown } = Object(file['__meta__'])
  let fields: readonly unknown[]
  let cookies: readonly unknown[]
  let auth: KeptAuth | undefined
  let httpie: HttpieSession | undefined
  if (format === undefined && HttpieSession.is(file)) {
    httpie = new HttpieSession(file, host, wrong)
    fields = httpie.data.headers.map(([name, value]) => ({ name, value }))
    cookies = httpie.data.cookies.map((cookie) => ({ ...cookie, expires: cookie.expires ?? 'Infinity' }))
    auth = httpie.data.auth
  } else {
    if (format !== FORMAT) throw wrong(format === undefined ? 'it is of another kind' : 'it is of a later version')
    fields = listIn(file, 'headers', wrong)
    cookies = listIn(file, 'cookies', wrong)
    auth = restoreAuth(file['auth'], wrong)
  }
  const headers = new HTTPHeaderMap()
  for (const field of fields) {
    const { name, value } = Object(field)
    if (typeof name !== 'string' || typeof value !== 'string') throw wrong('a header has no name or no value')
    headers.append(name.toLowerCase(), value)
  }
  const readable = cookies.map((one) => {
    const cookie = Cookie.fromJSON(one)
    if (cookie?.domain == null || cookie.domain === '') throw wrong('a cookie has no name or no domain')
    return cookie.toJSON()
  })
  const jar = CookieJar.deserializeSync({
    version: 'tough-cookie',
    storeType: 'MemoryCookieStore',
    rejectPublicSuffixes: true,
    enableLooseMode: true,
    cookies: readable,
  })
  return { jar, headers, auth, httpie }
}

function listIn(
  file: Readonly<Record<string, unknown>>,
  name: string,
  wrong: (why: string) => UsageError,
): readonly unknown[] {
  const value = file[name] ?? []
  if (!Array.isArray(value)) throw wrong(`${name} is not a list`)
  return value
}

/** What HTTPie knows of a cookie. */
function plain(cookie: Readonly<Record<string, unknown>>): PlainCookie {
  const { key, value, domain, path, secure, hostOnly, expires } = cookie
  return {
    key: String(key ?? ''),
    value: String(value ?? ''),
    domain: String(domain ?? ''),
    path: String(path ?? '/'),
    secure: secure === true,
    hostOnly: hostOnly !== false,
    expires: typeof expires === 'string' && expires !== 'Infinity' ? expires : undefined,
  }
}

function restoreAuth(auth: unknown, wrong: (why: string) => UsageError): KeptAuth | undefined {
  if (auth === undefined || auth === null) return undefined
  const { type, raw } = Object(auth)
  if ((type === 'basic' || type === 'digest' || type === 'bearer') && typeof raw === 'string') return { type, raw }
  throw wrong('auth has no type or no credentials')
}
