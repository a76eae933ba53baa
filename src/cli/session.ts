/**
 * Sessions: cookies, credentials and header fields that outlive a run, in a file for each host and name, or in any file. And
 * the cookies of a run without a session, which are forgotten with it.
 *
 * Rules
 * - Cookies are a jar's own business (tough-cookie): a server sets them for itself, never for another host.
 * - A file that is not understood is an error, and stays as it is. It is written whole, beside the old one, and put in its place.
 * - Fields that speak of one body or one state of a resource (`content-*`, `if-*`, `range`) are not kept.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CookieJar } from 'tough-cookie'
import { HTTPHeaderMap } from '../client/header-map.ts'
import { systemCodeOf, toError } from '../errors.ts'
import { configFolder, type Environment } from './config.ts'
import { UsageError } from './failures.ts'
import { checkJson } from './items.ts'
import type { Target } from './target.ts'

/** Credentials that are kept. */
export interface KeptAuth {
  readonly type: 'basic' | 'digest' | 'bearer'
  readonly raw: string
}

/** The version of the file. */
const FORMAT = 1

const NOT_KEPT = /^(?:content-|if-|range$|cookie$|authorization$|host$|user-agent$|accept-encoding$)/

export class Session {
  /** Undefined: there is none yet. Its library is loaded for the first cookie. */
  private jar: CookieJar | undefined
  /** Fields that go with each request. */
  readonly headers: HTTPHeaderMap
  auth: KeptAuth | undefined
  private readonly path: string | undefined

  private constructor(
    path: string | undefined,
    jar: CookieJar | undefined,
    headers: HTTPHeaderMap,
    auth: KeptAuth | undefined,
  ) {
    this.path = path
    this.jar = jar
    this.headers = headers
    this.auth = auth
  }

  /** One that is forgotten. */
  static fleeting(): Session {
    return new Session(undefined, undefined, new HTTPHeaderMap(), undefined)
  }

  /**
   * The session of this name for a host; a new one when there is none yet.
   * @param name what has a slash in it is the path of a file.
   * @param readOnly nothing of it is written.
   * @throws {UsageError} when its file cannot be read, or is none.
   */
  static async open(name: string, target: Target, env: Environment, readOnly: boolean): Promise<Session> {
    const path = pathOf(name, target, env)
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') {
        throw new UsageError(`the session ${JSON.stringify(path)} cannot be read: ${toError(error).message}`)
      }
      return new Session(readOnly ? undefined : path, undefined, new HTTPHeaderMap(), undefined)
    }
    const what = `the session ${JSON.stringify(path)}`
    checkJson(text, what)
    const { jar, headers, auth } = await restore(JSON.parse(text), what)
    return new Session(readOnly ? undefined : path, jar, headers, auth)
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
        this.jar.setCookieSync(text, url, { ignoreError: true })
      } catch {
        // A name or a date that is none.
      }
    }
  }

  /** Keeps what the user gave: fields, and cookies, which become those of the host. */
  async keep(url: string, given: Iterable<readonly [string, string]>): Promise<void> {
    if (this.path === undefined) return
    for (const [name, value] of given) {
      const lower = name.toLowerCase()
      if (lower === 'cookie')
        await this.take(
          url,
          value.split(';').map((one) => `${one.trim()}; Path=/`),
        )
      else if (!NOT_KEPT.test(lower)) this.headers.replace(lower, value)
    }
  }

  /** Writes it. @throws {Error} when it cannot be written. */
  save(): void {
    const { path, jar, headers, auth } = this
    if (path === undefined) return
    const content = {
      __meta__: { about: 'a session of hyper', format: FORMAT },
      headers: [...headers.raw()].map(([name, value]) => ({ name, value })),
      auth: auth ?? null,
      cookies: jar?.serializeSync()?.cookies ?? [],
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
  if (/[/\\]/.test(name)) return name
  if (name === '' || name === '.' || name === '..' || /[\0-\x1f]/.test(name)) {
    throw new UsageError(`--session takes a name or the path of a file, not ${JSON.stringify(name)}`)
  }
  const folder = configFolder(env)
  if (folder === undefined) throw new UsageError('--session needs HOME or HYPER_CONFIG_DIR, or the path of a file')
  return join(folder, 'sessions', url.host.replace(/[^\w.-]/g, '_'), `${name}.json`)
}

interface Kept {
  readonly jar: CookieJar
  readonly headers: HTTPHeaderMap
  readonly auth: KeptAuth | undefined
}

async function newJar(): Promise<CookieJar> {
  const { CookieJar } = await import('tough-cookie')
  return new CookieJar(undefined, { looseMode: true })
}

async function restore(data: unknown, what: string): Promise<Kept> {
  const { Cookie, CookieJar } = await import('tough-cookie')
  const wrong = (why: string): UsageError => new UsageError(`${what} is not a session: ${why}`)
  if (typeof data !== 'object' || data === null) throw wrong('it is not an object')
  const { headers = [], cookies = [], auth }: { headers?: unknown; cookies?: unknown; auth?: unknown } = data
  if (!Array.isArray(headers)) throw wrong('headers is not a list')
  if (!Array.isArray(cookies)) throw wrong('cookies is no list')
  const map = new HTTPHeaderMap()
  for (const header of headers) {
    const { name, value } = Object(header)
    if (typeof name !== 'string' || typeof value !== 'string') throw wrong('a header has no name or no value')
    map.append(name.toLowerCase(), value)
  }
  for (const one of cookies) {
    const cookie = Cookie.fromJSON(one)
    if (cookie?.domain == null || cookie.domain === '') throw wrong('a cookie has no name or no domain')
  }
  const jar = CookieJar.deserializeSync({
    version: 'tough-cookie',
    storeType: 'MemoryCookieStore',
    rejectPublicSuffixes: true,
    enableLooseMode: true,
    cookies,
  })
  return { jar, headers: map, auth: restoreAuth(auth, wrong) }
}

function restoreAuth(auth: unknown, wrong: (why: string) => UsageError): KeptAuth | undefined {
  if (auth === undefined || auth === null) return undefined
  const { type, raw } = Object(auth)
  if ((type === 'basic' || type === 'digest' || type === 'bearer') && typeof raw === 'string') return { type, raw }
  throw wrong('auth has no type or no credentials')
}
