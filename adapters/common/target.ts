/** Parts of an http or https URL, cut out of its text: a URL's own `search` and `origin` cost more than all the rest of it. */

/** The first slash behind a host stands here or later: `http://h/`. */
const FIRST_SLASH = 8

/** @returns with the question mark of an empty query, which `pathname` and `search` do not tell of. */
export function targetOf({ href }: URL): string {
  const from = href.indexOf('/', FIRST_SLASH)
  const fragment = href.indexOf('#', from)
  return fragment === -1 ? href.slice(from) : href.slice(from, fragment)
}

export function originOf(url: URL): string {
  const origin = url.href.slice(0, url.href.indexOf('/', FIRST_SLASH))
  // Credentials are no part of it.
  return origin.includes('@') ? url.origin : origin
}
