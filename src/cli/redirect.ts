/**
 * Redirects, as fetch follows them (section HTTP-redirect fetch of the Fetch standard): 303 is asked for by GET, and so are
 * 301 and 302 after POST; 307 and 308 send the same again. Credentials stay with the origin that they were given for.
 */
import { HTTPHeaderMap } from '../client/header-map.ts'
import type { HTTPResponse } from '../client/response.ts'
import { becomesGet, FIELDS_OF_BODY, FIELDS_OF_ORIGIN, isRedirect } from '../exchange/semantics.ts'
import type { CommandRequest } from './request.ts'
import { targetOf } from './target.ts'
import { withoutCredentials } from './text.ts'

/**
 * The request that a response leads to; undefined when it leads nowhere.
 * @throws {Error} when it leads to where it cannot be followed.
 */
export function redirected(request: CommandRequest, response: HTTPResponse): CommandRequest | undefined {
  const location = response.headers.text('location')
  if (!isRedirect(response.status) || location === undefined) return undefined
  const { url: from } = request.target
  // Octets above ASCII, which stand for UTF-8.
  const text = Buffer.from(location, 'latin1').toString()
  const shown = JSON.stringify(withoutCredentials(text))
  if (!URL.canParse(text, from.href)) throw new Error(`the server redirects to ${shown}, which is not a URL`)
  const url = new URL(text, from)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Error(`the server redirects to ${shown}, which is neither http nor https`)
  }
  const headers = new HTTPHeaderMap(request.headers)
  let { method, content } = request
  if (becomesGet(response.status, method)) {
    method = 'GET'
    content = undefined
    for (const name of FIELDS_OF_BODY) headers.delete(name)
  }
  if (content !== undefined && !content.repeatable) {
    throw new Error(`the server redirects (${response.status}), and the body, ${content.source}, cannot be read again`)
  }
  const overrides = new HTTPHeaderMap()
  const authority = request.overrides.text(':authority')
  if (url.origin !== from.origin) for (const name of FIELDS_OF_ORIGIN) headers.delete(name)
  else if (authority !== undefined) overrides.append(':authority', authority)
  const target = targetOf(url)
  if (target.credentials !== undefined) {
    headers.replace('authorization', `Basic ${Buffer.from(target.credentials).toString('base64')}`)
  }
  return { method, target, headers, overrides, content }
}
