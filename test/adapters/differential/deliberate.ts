/** Where we differ from a library's own transport on purpose. */
import type { Library } from './cases.ts'

export interface Difference {
  /** What differs, and why. */
  readonly name: string
  readonly libraries: readonly Library[]
  readonly cases: RegExp
  /** On this way alone. Default: on both. */
  readonly way?: 'h2' | 'h1'
  /** Which parts of the outcome are not compared. */
  readonly paths: readonly string[]
}

const standard: readonly Library[] = ['fetch', 'installed', 'undici.fetch']
const apis: readonly Library[] = ['undici.request', 'undici.composed', 'undici.stream']
const dispatched: readonly Library[] = ['installed', 'undici.fetch', ...apis]
const gots: readonly Library[] = ['got', 'got.stream']
const every: readonly Library[] = ['fetch', ...dispatched, 'axios', ...gots]
const all = /^/

/** The whole outcome is another one: what was refused succeeds, or the other way round. */
const whole = [
  'status',
  'statusText',
  'ok',
  'redirected',
  'type',
  'url',
  'headers',
  'cookies',
  'hasBody',
  'body',
  'raw',
  'data',
  'trailers',
  'path',
  'method',
  'axiosHeaders',
  'redirects',
  'requestUrl',
  'retryCount',
  'complete',
  'aborted',
  'rawNames',
  'progress',
  'hints',
  'got',
  'error',
  'bodyError',
  'errorStatus',
  'response',
  'retries',
  'seen',
]

const cause = ['error.cause', 'bodyError.cause']
const causeClass = ['error.cause.class', 'error.cause.name', 'bodyError.cause.class', 'bodyError.cause.name']
const failure = ['error', 'bodyError', 'streamError', 'response', 'errorStatus', 'retries', 'body', 'got']

export const deliberate: readonly Difference[] = [
  // What is sent.
  {
    name: 'our fetch decodes zstd as well, and says so',
    libraries: ['fetch'],
    cases: all,
    paths: ['seen.*.headers.accept-encoding'],
  },
  {
    name: 'content-length: 0 is only sent where a server expects a body, or where the caller set it',
    libraries: every,
    cases: /PROPFIND|QUERY|PURGE|M-SEARCH|REPORT|empty Readable|empty Blob|empty string for|content-length of 0/,
    paths: ['seen.*.headers.content-length'],
  },
  {
    name: 'a field that connection names is left out (RFC 9110, 7.6.1)',
    libraries: every,
    cases: /^connection names/,
    paths: ['seen.0.headers.x-gone'],
  },
  {
    name: 'proxy-connection is left out (RFC 9113, 8.2.2)',
    libraries: every,
    cases: /^proxy-connection/,
    paths: ['seen.0.headers.proxy-connection'],
  },
  {
    name: 'our fetch sends a repeated field as two lines, which mean the same',
    libraries: ['fetch'],
    cases: /^a repeated field/,
    paths: ['seen.0.headers.x-twice'],
  },
  {
    name: 'fields of one connection are left out, where undici refuses the request',
    libraries: ['fetch', 'axios'],
    cases: /^(keep-alive|transfer-encoding)/,
    paths: whole,
  },
  { name: 'expect goes through', libraries: ['fetch'], cases: /^expect: /, paths: whole },
  {
    name: 'expect is not sent over HTTP/1.1, whose client would not wait for the answer',
    libraries: ['axios', 'got', 'got.stream'],
    cases: /^expect: /,
    way: 'h1',
    paths: ['seen.*.headers.expect'],
  },
  {
    name: "a FormData of the process's own is taken by undici's api too",
    libraries: apis,
    cases: /FormData|^a form that/,
    paths: whole,
  },
  {
    name: 'DELETE may have a stream as its body',
    libraries: ['axios', ...gots],
    cases: /^DELETE with a Readable/,
    paths: whole,
  },
  // What is tried again.
  {
    name: 'the pool repeats an idempotent request whose connection was lost before the response began',
    libraries: every,
    cases: /^failure: (cut|reset)$|repeats after a reset/,
    paths: whole,
  },
  {
    name: "undici's retry does not know stream resets by default",
    libraries: ['undici.composed'],
    cases: /^undici retries a reset|^failure: (short|reset|overlong)/,
    paths: whole,
  },
  // How failures are called.
  {
    name: "the causes of our fetch's errors have undici's codes, not its classes",
    libraries: ['fetch'],
    cases: all,
    paths: causeClass,
  },
  { name: "undici's errors have the transport's own as their cause", libraries: apis, cases: all, paths: cause },
  {
    name: 'a reset stream is ERR_HTTP2_STREAM_ERROR, as with HTTP/2 everywhere; a wrong content-length is noticed',
    libraries: every,
    cases: /^failure.*: (reset|short|overlong)/,
    way: 'h2',
    paths: whole,
  },
  {
    name: "HTTP/1.1 ends a response at its content-length; what follows is the next one's",
    libraries: ['axios', ...gots],
    cases: /^failure: overlong/,
    way: 'h1',
    paths: whole,
  },
  {
    name: "got's code for a body cut off is ECONNRESET, which it tries again",
    libraries: gots,
    cases: /^failure: (short|cut-body|reset-body)|not strict/,
    paths: failure,
  },
  {
    name: 'a content-length that is wrong is noticed before anything is sent',
    libraries: ['axios', ...gots, ...standard],
    cases: /^a content-length that is (wrong|too|no)/,
    paths: failure,
  },
  {
    name: "axios's errors are all called AxiosError",
    libraries: ['axios'],
    cases: all,
    paths: ['error.name', 'streamError.name'],
  },
  {
    name: 'axios rejects with an AxiosError where Node throws something else',
    libraries: ['axios'],
    cases:
      /^no method|in a name|pseudo-header|name with|no URL|empty URL|no host|port beyond|encoded name|file: URL|CONNECT/,
    paths: ['error.class', 'error.code'],
  },
  {
    name: "a response of axios's that breaks off is ERR_BAD_RESPONSE, however it broke",
    libraries: ['axios'],
    cases: /^failure/,
    paths: [...failure],
  },
  {
    name: "axios's timeout within the body says that it is one",
    libraries: ['axios'],
    cases: /^no body in time/,
    paths: failure,
  },
  {
    name: 'a query given twice is refused by a class of undici',
    libraries: apis,
    cases: /^undici: query and/,
    paths: ['error'],
  },
  {
    name: 'bodies that nothing can be made of are refused before they are asked for anything',
    libraries: apis,
    cases: /^body: (an array|URLSearchParams)/,
    paths: ['error'],
  },
  {
    name: 'our fetch refuses control characters as it refuses line breaks: at once, with a bare TypeError',
    libraries: ['fetch'],
    cases: /^(a control character|DEL) in/,
    paths: ['error.cause'],
  },
  // What is received.
  {
    name: 'a coded body that is cut off is an error, where Node gives half of it',
    libraries: ['fetch'],
    cases: /^coding cut-/,
    paths: ['body', 'bodyError'],
  },
  {
    name: 'a zstd body of several frames (RFC 8878, 3) is read whole, where Node stops after the first',
    libraries: ['axios', 'fetch'],
    cases: /^coding frames-zstd/,
    paths: ['body', 'data'],
  },
  {
    name: 'a coded body of no octets is an empty body, with zstd as with the others',
    libraries: ['fetch'],
    cases: /^coding no-zstd/,
    paths: ['body', 'bodyError'],
  },
  {
    name: 'axios here undoes several codings',
    libraries: ['axios'],
    cases: /^coding (chain|gzip-gzip|unknown-chain)/,
    paths: ['data', 'headers'],
  },
  {
    name: "axios's responseUrl is where the request went, also when beforeRedirect sent it elsewhere",
    libraries: ['axios'],
    cases: /another target set/,
    paths: ['url'],
  },
  {
    name: "no credentials in axios's responseUrl",
    libraries: ['axios'],
    cases: /userinfo|auth/,
    paths: ['url', 'redirects.*.1', 'response.url'],
  },
  {
    name: "axios's responseUrl has a value without redirects, too, and its fragment",
    libraries: ['axios'],
    cases: /#|"\?"|no redirects|fragment/,
    paths: ['url', 'response.url'],
  },
]
