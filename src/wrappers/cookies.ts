/** Cookies (RFC 6265), kept by a jar of the caller's: tough-cookie's CookieJar, or whatever has its two methods. */
import { InvalidArgumentError } from '../errors.ts'
import type { ExchangeHandler, ExchangeRequest, Transport } from '../exchange/contract.ts'
import { type FieldList, flattenFields } from '../headers/fields.ts'
import { ignore } from '../ignore.ts'
import type { Wrapper } from './compose.ts'
import { urlOf, without } from './request.ts'
import { Rounds } from './rounds.ts'

/** The part of tough-cookie's CookieJar that is used. */
export interface CookieJar {
  /** The value of `cookie` for a URL; empty for none. */
  getCookieString(url: string): Promise<string>
  /** Keeps what one `set-cookie` says. What it refuses is not kept. */
  setCookie(cookie: string, url: string, options: { readonly ignoreError: boolean }): Promise<unknown>
}

const COOKIE: ReadonlySet<string> = new Set(['cookie'])

/**
 * Sends the jar's cookies, after those that a request has of its own, and keeps what responses set. A cookie that the jar
 * refuses, of another host for example, is not kept; a jar that fails, fails the request.
 * @throws {InvalidArgumentError} when it is no jar.
 */
export function cookies(jar: CookieJar): Wrapper {
  if (typeof jar?.getCookieString !== 'function' || typeof jar.setCookie !== 'function') {
    throw new InvalidArgumentError(
      'cookies() needs a jar with getCookieString() and setCookie(), as tough-cookie has them',
    )
  }
  return (inner) => ({ dispatch: (request, handler) => new WithCookies(inner, request, handler, jar) })
}

class WithCookies extends Rounds {
  private readonly jar: CookieJar
  private readonly url: string

  constructor(inner: Transport, request: ExchangeRequest, handler: ExchangeHandler, jar: CookieJar) {
    super(inner, request, handler)
    this.jar = jar
    this.url = urlOf(request)
    void this.begin(request)
  }

  private async begin(request: ExchangeRequest): Promise<void> {
    try {
      const kept = await this.jar.getCookieString(this.url)
      this.send(kept === '' ? request : { ...request, headers: withCookies(flattenFields(request.headers), kept) })
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  protected override follow(_status: number, headers: FieldList): undefined {
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === 'set-cookie') this.keep(headers[i + 1])
    }
  }

  private keep(cookie: string): void {
    // The response is not held up for it; a jar that cannot keep it refuses the next request.
    this.jar.setCookie(cookie, this.url, { ignoreError: true }).catch(ignore)
  }
}

function withCookies(fields: FieldList, kept: string): FieldList {
  const own: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i].toLowerCase() === 'cookie') own.push(fields[i + 1])
  return [...without(fields, COOKIE), 'cookie', [...own, kept].join('; ')]
}
