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
}

/**
 * Reads a URL: https unless it says http, localhost when it begins with a colon. The fragment is dropped.
 * @param items those of the query are appended.
 * @throws {UsageError} when it is none that a request can go to.
 */
export function parseTarget(text: string, items: readonly Item[]): Target {
  let spelt = /^:(?:\d|\/|$)/.test(text) ? `localhost${text.replace(/^:(?!\d)/, '')}` : text
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(spelt)) spelt = `https://${spelt}`
  const shown = JSON.stringify(withoutCredentials(text))
  if (!URL.canParse(spelt)) throw new UsageError(`${shown} is no URL`)
  const url = new URL(spelt)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new UsageError(`${shown}: the scheme must be http or https`)
  }
  const added = items.flatMap((item) => (item.kind === 'query' ? [`${encode(item.name)}=${encode(item.value)}`] : []))
  if (added.length > 0) url.search = [url.search.slice(1), ...added].filter((part) => part !== '').join('&')
  return targetOf(url)
}

/** The same for a URL that was read already. */
export function targetOf(url: URL): Target {
  const { username, password, origin, host, pathname, search } = url
  const credentials = username === '' && password === '' ? undefined : `${decode(username)}:${decode(password)}`
  return { origin, authority: host, path: `${pathname}${search}`, url, credentials }
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
