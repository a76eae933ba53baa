/**
 * Cases in which we differ from a library's own transport and should not. They are left out of the tests until they are
 * mended; `node --test test/adapters/differential/run-pending.ts` runs them alone.
 */
import type { Library } from './cases.ts'

export interface Pending {
  /** What is wrong. */
  readonly what: string
  readonly libraries: readonly Library[]
  readonly cases: RegExp
}

const gots: readonly Library[] = ['got', 'got.stream']

export const pending: readonly Pending[] = [
  {
    what: "codes of node:http's own refusals (ERR_INVALID_CHAR, ERR_INVALID_HTTP_TOKEN) become ours",
    libraries: gots,
    cases:
      /^no method: "[^"]|in a name|empty name|name with umlauts|^a value beyond latin1|^(a line|a NUL|a control|DEL).*in a value$/,
  },
  {
    what: 'a redirect that cannot be followed is not ERR_FR_REDIRECTION_FAILURE',
    libraries: ['axios'],
    cases: /^redirected to "(http:\/\/"|https:\/\/:0|file:|data:|ftp:|mailto:)|beforeRedirect throws/,
  },
  {
    what: "a decoder's own code is lost, and a stream fails with an error of our own",
    libraries: ['axios'],
    cases: /^coding (trailing|corrupt|not-)|stream of bad gzip/,
  },
  {
    what: 'a field called constructor hides that of AxiosHeaders',
    libraries: ['axios'],
    cases: /^response fields: proto/,
  },
  { what: 'conditional requests are sent without no-cache', libraries: ['fetch'], cases: /^if-none-match/ },
  { what: '421 is not tried once more', libraries: ['fetch'], cases: /^status 421/ },
  { what: 'a query that is empty loses its question mark', libraries: ['fetch'], cases: /^target "\?"/ },
  {
    what: 'mode and referrer do not become sec-fetch-mode and referer',
    libraries: ['fetch'],
    cases: /^mode: (no-cors|same-origin)|^referrer: https|^sec-fetch-mode/,
  },
  {
    what: 'the type of a response of another origin is not cors',
    libraries: ['fetch'],
    cases: /^(credentials|PATCH) (to another origin|without TLS), 30|^a Blob that is redirected/,
  },
  {
    what: 'a stream that was destroyed is not an abort',
    libraries: ['fetch', 'undici.request', 'undici.composed', 'undici.stream'],
    cases: /was destroyed/,
  },
  {
    what: 'a response that the caller ended counts as aborted',
    libraries: gots,
    cases: /^abort after the head|^no answer in time, got read|^no body in time/,
  },
]
