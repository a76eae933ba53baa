/** The request that the command line means: method, target, header section and body. */

import { HTTPHeaderMap } from '../client/header-map.ts'
import type { CommandLine } from './arguments.ts'
import { type Content, FORM_TYPE, JSON_TYPE } from './body.ts'
import { UsageError } from './failures.ts'
import type { Item } from './items.ts'
import { parseTarget, type Target } from './target.ts'

/** A request, ready to be sent, and to be sent again to where a redirect leads. */
export interface CommandRequest {
  readonly method: string
  readonly target: Target
  /** Without `host`, unless it was given. */
  readonly headers: HTTPHeaderMap
  /** `:authority` and `:path` that were given. */
  readonly overrides: HTTPHeaderMap
  readonly content: Content | undefined
}

/** Methods that have no body unless the command line gives one: standard input is not read for them. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'])

/** May standard input be the body of this? */
export function mayReadStdin({ method, ignoreStdin }: CommandLine): boolean {
  return !ignoreStdin && (method === undefined || !WITHOUT_BODY.has(method))
}

/** The content type of a body that comes by standard input: what the fields would have had. */
export function stdinType({ body }: CommandLine): string | undefined {
  return body === 'json' ? JSON_TYPE : body === 'form' ? FORM_TYPE : undefined
}

/**
 * Puts the request together.
 * @param credentials `user:password`, if there are any.
 * @throws {UsageError} when the URL or the method cannot be used.
 */
export function buildRequest(
  line: CommandLine,
  target: Target,
  content: Content | undefined,
  credentials: string | undefined,
  version: string,
): CommandRequest {
  let method = line.method ?? (content === undefined ? 'GET' : 'POST')
  const headers = new HTTPHeaderMap([
    ['user-agent', `hyper/${version}`],
    ['accept', content?.type === JSON_TYPE ? `${JSON_TYPE}, */*;q=0.5` : '*/*'],
    ['accept-encoding', 'gzip, deflate, br, zstd'],
  ])
  if (content?.type !== undefined) headers.append('content-type', content.type)
  if (content?.length !== undefined) headers.append('content-length', content.length)
  if (credentials !== undefined) {
    headers.append('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
  const overrides = new HTTPHeaderMap()
  const given = new Set<string>()
  for (const item of line.items) {
    if (item.kind === 'unset') {
      headers.delete(item.name)
    } else if (item.kind === 'pseudo' && item.name === ':method') {
      method = item.value
    } else if (item.kind === 'pseudo') {
      overrides.replace(item.name, octets(item.value))
    } else if (item.kind === 'header') {
      const name = item.name.toLowerCase()
      // The first of a name stands in the place of the default, further ones beside it.
      if (given.has(name)) headers.append(name, octets(item.value))
      else headers.replace(name, octets(item.value))
      given.add(name)
    }
  }
  if (method === 'CONNECT') throw new UsageError('CONNECT opens a tunnel, which this command cannot use')
  return { method, target, headers, overrides, content }
}

/** The URL of the command line with its query items. @throws {UsageError} when it cannot be used. */
export function targetFor({ url, items }: { readonly url: string; readonly items: readonly Item[] }): Target {
  return parseTarget(url, items)
}

/** A header value goes as UTF-8, of which each octet is a character (latin1). */
function octets(value: string): string {
  return Buffer.from(value).toString('latin1')
}
