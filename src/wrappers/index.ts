/**
 * Wrappers of a transport: cookies, redirects and digest authentication, for whoever speaks the one contract
 * (exchange/contract.ts).
 *
 *     const transport = compose(pool, cookies(jar), redirects(), digest('user', 'password'))
 *     const fetch = createFetch({ pool: transport })
 *
 * Rules
 * - Each wraps what stands before it: what follows a redirect, or answers a challenge, goes through the cookies again.
 * - To its caller it is one exchange, however many are made of it beneath (rounds.ts): it settles once, `abort()` ends whatever is
 *   under way, and `timeout` is that of all of them together.
 * - Credentials stay with their origin: a redirect to another one takes `authorization`, `proxy-authorization`, `cookie` and
 *   `host` off; digest answers the origin that it was made for, or the first that asks.
 * - A body is sent again only when it is there to be sent again: text, octets, a Blob, or a function that makes one.
 */

export { compose, type Wrapper } from './compose.ts'
export { type CookieJar, cookies } from './cookies.ts'
export { type DigestOptions, digest } from './digest-wrapper.ts'
export { type RedirectOptions, redirects } from './redirects.ts'
