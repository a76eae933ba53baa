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
export function mayReadStdin({ method, options }: CommandLine): boolean {
  return !options['ignore-stdin'] && (method === undefined || !WITHOUT_BODY.has(method))
}

/** The content type of a body that comes by standard input: what the fields would have had. */
export function stdinType({ body }: CommandLine): string | undefined {
  return body === 'json' ? JSON_TYPE : body === 'form' ? FORM_TYPE : undefined
}

/** What goes into a request beside the items. */
export interface Ingredients {
  readonly target: Target
  readonly content: Content | undefined
  /** Fields of the session. */
  readonly kept: HTTPHeaderMap
  /** The value of `authorization`. */
  readonly authorization: string | undefined
  readonly version: string
}

/**
 * Puts the request together. Fields of items go before those of the session, those before the command's own.
 * @throws {UsageError} when the method cannot be used.
 */
export function buildRequest(line: CommandLine, ingredients: Ingredients): CommandRequest {
  const { target, content, kept, authorization, version } = ingredients
  const { options } = line
  let method = line.method ?? (content === undefined ? 'GET' : 'POST')
  const wantsJson = options.json || content?.type === JSON_TYPE
  const headers = new HTTPHeaderMap([
    ['user-agent', `hyper/${version}`],
    ['accept', wantsJson ? `${JSON_TYPE}, */*;q=0.5` : '*/*'],
    ['accept-encoding', line.download ? 'identity' : 'gzip, deflate, br, zstd'],
  ])
  if (options.json && content === undefined) headers.append('content-type', JSON_TYPE)
  if (content?.type !== undefined) headers.append('content-type', content.type)
  if (content?.coding !== undefined) headers.append('content-encoding', content.coding)
  if (content?.length !== undefined) headers.append('content-length', content.length)
  if (options.priority !== undefined) headers.append('priority', priorityOf(options.priority))
  headers.update(kept)
  if (authorization !== undefined) headers.replace('authorization', authorization)
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

/** The fields that items give, for a session to keep. */
export function* givenFields(items: readonly Item[]): Generator<[string, string], void, undefined> {
  for (const item of items) if (item.kind === 'header') yield [item.name, octets(item.value)]
}

/** The URL of the command line with its query items. @throws {UsageError} when it cannot be used. */
export function targetFor({ url, items, options }: CommandLine): Target {
  return parseTarget(url, items, { scheme: options['default-scheme'], pathAsIs: options['path-as-is'] })
}

/** @throws {UsageError} when it is no priority of RFC 9218. */
function priorityOf(text: string): string {
  if (!/^(?:u=[0-7](?:\s*,\s*i(?:=\?[01])?)?|i(?:=\?[01])?(?:\s*,\s*u=[0-7])?)$/.test(text.trim())) {
    throw new UsageError(
      `--priority takes u=0 to u=7, and i for a response that is useful in parts, not ${JSON.stringify(text)}`,
    )
  }
  return text.trim()
}

/** A header value goes as UTF-8, of which each octet is a character (latin1). */
function octets(value: string): string {
  return Buffer.from(value).toString('latin1')
}
