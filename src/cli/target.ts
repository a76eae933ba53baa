/** The URL, as people write it: what it means, and what of it is sent. */
import { UsageError } from './failures.ts'
import type { Item } from './items.ts'
import { withoutCredentials } from './text.ts'

/** Where a request goes. */
export interface Target {
  /** `scheme://host[:port]` */
  readonly origin: string
  /** `host[:port]` */
  readonly authority: string
  /** Path and query. */
  readonly path: string
  readonly url: URL
  /** `user:password` that stood in the URL. */
  readonly credentials: string | undefined
  /** The URL did not say its scheme. */
  readonly guessed: boolean
}

/** How a URL is read. */
export interface TargetOptions {
  /** Of a URL without one. Default: https. */
  readonly scheme?: string | undefined
  /** Dots in the path stay. */
  readonly pathAsIs?: boolean | undefined
}

/**
 * Reads a URL: https unless it says http, localhost when it begins with a colon. The fragment is dropped.
 * @param items those of the query are appended.
 * @throws {UsageError} when it is none that a request can go to.
 */
export function parseTarget(text: string, items: readonly Item[], options: TargetOptions = {}): Target {
  let spelt = /^:(?:\d|\/|$)/.test(text) ? `localhost${text.replace(/^:(?!\d)/, '')}` : text
  // As it stands in what was copied: `://example.org`.
  spelt = spelt.replace(/^:\/\//, '')
  const guessed = !hasScheme(spelt)
  if (guessed) spelt = `${options.scheme ?? 'https'}://${spelt}`
  const shown = JSON.stringify(withoutCredentials(text))
  if (!URL.canParse(spelt)) throw new UsageError(`${shown} is not a URL`)
  const url = new URL(spelt)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new UsageError(`${shown}: the scheme must be http or https`)
  }
  const added = items.flatMap((item) => (item.kind === 'query' ? [`${encode(item.name)}=${encode(item.value)}`] : []))
  if (added.length > 0) url.search = [url.search.slice(1), ...added].filter((part) => part !== '').join('&')
  const target = targetOf(url)
  const path = options.pathAsIs ? /^[a-z]+:\/\/[^/?#]*(\/[^?#]*)/i.exec(spelt)?.[1] : undefined
  // What else must be encoded is encoded as URL does it, one segment at a time.
  if (path === undefined) return { ...target, guessed }
  return { ...target, guessed, path: `${path.split('/').map(segment).join('/')}${url.search}` }
}

/** Does the URL say which scheme it has? */
function hasScheme(text: string): boolean {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(text)
}

function segment(text: string): string {
  return /^(?:\.|%2e){1,2}$/i.test(text) ? text : new URL(`http://x/${text.replaceAll('\\', '%5C')}`).pathname.slice(1)
}

/** The same for a URL that was read already. */
export function targetOf(url: URL): Target {
  const { username, password, origin, host, pathname, search } = url
  const credentials = username === '' && password === '' ? undefined : `${decode(username)}:${decode(password)}`
  return { origin, authority: host, path: `${pathname}${search}`, url, credentials, guessed: false }
}

/** The same by plain HTTP. */
export function withoutTls(target: Target): Target {
  const url = new URL(target.url)
  // A port of its own stays. 443 is left out of a URL of https:, and becomes that of http:.
  if (url.port === '') url.port = '80'
  url.protocol = 'http:'
  return { ...target, origin: url.origin, authority: url.host, url, guessed: false }
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A percent sign that encodes nothing stands for itself.
    return text
  }
}
