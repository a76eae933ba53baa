/** Options that one library has. */
import type { Case } from './cases.ts'

const standard = ['fetch', 'installed', 'undici.fetch']

function standardOptions(options: Readonly<Record<string, unknown>>): Case['options'] {
  return { fetch: options, installed: options, undici: options }
}

function axios(name: string, url: string, options: Readonly<Record<string, unknown>>, more: Partial<Case> = {}): Case {
  return { name: `axios: ${name}`, url, only: ['axios'], options: { axios: options }, ...more }
}

function got(name: string, url: string, options: Readonly<Record<string, unknown>>, more: Partial<Case> = {}): Case {
  return { name: `got: ${name}`, url, only: ['got'], options: { got: options }, ...more }
}

function undici(name: string, url: string, options: Readonly<Record<string, unknown>>, more: Partial<Case> = {}): Case {
  return {
    name: `undici: ${name}`,
    url,
    only: ['undici.request', 'undici.stream'],
    options: { undici: options },
    ...more,
  }
}

const redirect = '/redirect/302?to=/echo'
const post = { method: 'POST' }

const elsewhere = '/redirect/302?to=other:/echo'
const thereAndBack = `/redirect/302?to=${encodeURIComponent('other:/redirect/302?to=main:/echo')}`

export const optionCases: readonly Case[] = [
  ...['manual', 'error', 'follow', 'other'].map((mode) => ({
    name: `redirect: ${mode}`,
    url: redirect,
    only: standard,
    options: standardOptions({ redirect: mode }),
  })),
  ...['omit', 'include', 'same-origin'].map((mode) => ({
    name: `credentials: ${mode}`,
    url: '/headers/cookies',
    headers: { cookie: 'a=1' },
    only: standard,
    options: standardOptions({ credentials: mode }),
  })),
  ...['no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached', 'default'].map((mode) => ({
    name: `cache: ${mode}`,
    url: '/etag',
    only: standard,
    options: standardOptions({ cache: mode }),
  })),
  ...['cors', 'no-cors', 'same-origin', 'navigate'].map((mode) => ({
    name: `mode: ${mode}`,
    url: '/echo',
    only: standard,
    options: standardOptions({ mode }),
  })),
  ...['about:client', 'no-referrer', 'https://a.example/x', ''].map((referrer) => ({
    name: `referrer: ${referrer}`,
    url: '/echo',
    only: standard,
    options: standardOptions({ referrer }),
  })),
  ...['cors', 'no-cors', 'same-origin'].flatMap((mode) => [
    { name: `mode: ${mode}, redirected elsewhere`, url: elsewhere, only: standard, options: standardOptions({ mode }) },
    {
      name: `mode: ${mode}, redirected and back`,
      url: thereAndBack,
      only: standard,
      options: standardOptions({ mode }),
    },
    { name: `mode: ${mode}, not redirected`, url: redirect, only: standard, options: standardOptions({ mode }) },
  ]),
  {
    name: 'mode: no-cors, a redirect that is an error',
    url: elsewhere,
    only: standard,
    options: standardOptions({ mode: 'no-cors', redirect: 'error' }),
  },
  { name: 'mode: no-cors, 421', url: '/status/421', only: standard, options: standardOptions({ mode: 'no-cors' }) },
  ...[
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ].flatMap((referrerPolicy) =>
    ['/echo', elsewhere, '/redirect/302?to=plain:/echo'].map((url) => ({
      name: `referrerPolicy: "${referrerPolicy}", ${url}`,
      url,
      only: standard,
      options: standardOptions({ referrer: 'https://user:secret@a.example/x?y#z', referrerPolicy }),
    })),
  ),
  {
    name: 'a referrer that is long',
    url: '/echo',
    only: standard,
    options: standardOptions({ referrer: `https://a.example/${'x'.repeat(5000)}`, referrerPolicy: 'unsafe-url' }),
  },
  {
    name: 'a policy that is none',
    url: '/echo',
    only: standard,
    options: standardOptions({ referrerPolicy: 'never' }),
  },
  ...['if-modified-since', 'if-unmodified-since', 'if-match', 'if-range'].flatMap((name) =>
    ['default', 'no-cache', 'force-cache'].map((cache) => ({
      name: `${name} with cache: ${cache}`,
      url: '/echo',
      headers: { [name]: 'Wed, 21 Oct 2020 07:28:00 GMT' },
      only: standard,
      options: standardOptions({ cache }),
    })),
  ),
  {
    name: 'integrity that fits',
    url: '/body/json',
    only: standard,
    options: standardOptions({ integrity: 'sha256-AAAA' }),
  },
  { name: 'keepalive', url: '/echo', only: standard, options: standardOptions({ keepalive: true }) },
  { name: 'window', url: '/echo', only: standard, options: standardOptions({ window: 'x' }) },
  { name: 'priority', url: '/echo', only: standard, options: standardOptions({ priority: 'high' }) },
  { name: 'a signal that is none', url: '/echo', only: standard, options: standardOptions({ signal: 'x' }) },
  {
    name: 'headers that are none',
    url: '/echo',
    only: standard,
    options: standardOptions({ headers: 'x' }),
    seen: false,
  },
  { name: 'a bad port', url: 'http://localhost:22/', only: standard },
  { name: 'data: URL', url: 'data:text/plain;charset=utf-8,hello', only: [...standard, 'axios'] },
  { name: 'about: URL', url: 'about:blank', only: standard },
  { name: 'file: URL', url: 'file:///etc/hostname' },
  { name: 'an empty string for a method of DELETE', url: '/echo', method: 'DELETE', body: () => '' },

  axios('json', '/body/json', { responseType: 'json' }),
  axios('json that is bad', '/body/bad-json', { responseType: 'json' }),
  axios('json that is bad, by default', '/body/bad-json', { responseType: undefined }),
  axios('json by default', '/body/json', { responseType: undefined }),
  axios('json with a BOM', '/body/bom-json', { responseType: undefined }),
  axios('text', '/body/utf8', { responseType: 'text' }),
  axios('text in latin1', '/body/latin1', { responseType: 'text', responseEncoding: 'latin1' }),
  axios('document', '/body/utf8', { responseType: 'document' }),
  axios('blob', '/body/utf8', { responseType: 'blob' }),
  axios('stream', '/body/1048576', { responseType: 'stream' }),
  axios('stream of gzip', '/coding/gzip', { responseType: 'stream' }),
  axios('stream of bad gzip', '/coding/corrupt-gzip', { responseType: 'stream' }),
  axios('stream, error status', '/status/404', { responseType: 'stream' }),
  axios('stream, 204', '/status/204', { responseType: 'stream' }),
  axios('json error', '/status/404', { responseType: 'json' }),
  axios('no redirects', redirect, { maxRedirects: 0 }),
  axios('few redirects', '/hops/3', { maxRedirects: 2 }),
  axios('as many redirects', '/hops/3', { maxRedirects: 3 }),
  axios('beforeRedirect throws', redirect, {
    beforeRedirect: () => {
      throw new RangeError('no further')
    },
  }),
  axios('beforeRedirect changes', redirect, {
    beforeRedirect: (options: { headers: Record<string, string> }) => {
      options.headers['x-added'] = 'yes'
    },
  }),
  axios(
    'sensitiveHeaders',
    '/redirect/302?to=other:/echo',
    { sensitiveHeaders: ['X-Secret'] },
    { headers: { 'x-secret': 's', 'x-other': 'o' } },
  ),
  axios('sensitiveHeaders that are none', '/echo', { sensitiveHeaders: 'x' }),
  axios('auth', '/echo', { auth: { username: 'ü', password: 'p:w' } }),
  axios(
    'auth over authorization',
    '/echo',
    { auth: { username: 'u', password: 'p' } },
    { headers: { authorization: 'x' } },
  ),
  axios('auth, redirected', redirect, { auth: { username: 'u', password: 'p' } }),
  axios('auth, redirected to another origin', '/redirect/302?to=other:/echo', {
    auth: { username: 'u', password: 'p' },
  }),
  axios('auth, redirected elsewhere and back', thereAndBack, { auth: { username: 'u', password: 'p' } }),
  axios(
    'a header left out before a redirect',
    redirect,
    {
      beforeRedirect: (options: { headers: Record<string, string> }) => {
        delete options.headers['X-Gone']
        delete options.headers['User-Agent']
        options.headers['X-Seen'] = Object.keys(options.headers).sort().join()
      },
    },
    { headers: { 'X-Gone': '1', 'x-Odd': '2' } },
  ),
  axios('what beforeRedirect is told of the request', redirect, {
    beforeRedirect: (
      options: { headers: Record<string, string> },
      _response: unknown,
      request: { method: string; headers: Record<string, string> },
    ) => {
      options.headers['X-Seen'] = `${request.method} ${Object.keys(request.headers).sort().join()}`
    },
  }),
  axios('auth set before a redirect', redirect, {
    beforeRedirect: (options: { auth?: string }) => {
      options.auth = 'other:secret'
    },
  }),
  axios('another target set before a redirect', redirect, {
    beforeRedirect: (options: { path: string }) => {
      options.path = '/echo?changed'
    },
  }),
  axios(
    'sensitiveHeaders, redirected and back',
    thereAndBack,
    { sensitiveHeaders: ['X-Secret'] },
    {
      headers: { 'x-secret': 's' },
    },
  ),
  axios('auth without a password', '/echo', { auth: { username: 'u' } }),
  axios('params', '/echo?a=1', {
    params: { b: [1, 2], c: { d: 'ü' }, e: null, f: undefined, g: new Date(0), h: 'a b' },
  }),
  axios('params with a fragment', '/echo#x', { params: { b: 1 } }),
  axios('params, indexes', '/echo', { params: { b: [1, 2] }, paramsSerializer: { indexes: null } }),
  axios('paramsSerializer', '/echo', { params: { b: 1 }, paramsSerializer: { serialize: () => 'own=1' } }),
  axios('paramsSerializer throws', '/echo', {
    params: { b: 1 },
    paramsSerializer: {
      serialize: () => {
        throw new RangeError('x')
      },
    },
  }),
  axios('URLSearchParams as params', '/echo', { params: new URLSearchParams('a=1&a=2') }),
  axios('maxContentLength', '/body/1000', { maxContentLength: 100 }),
  axios('maxContentLength with a length', '/body/1000?length', { maxContentLength: 100 }),
  axios('maxContentLength, gzip', '/coding/gzip', { maxContentLength: 100 }),
  axios('maxContentLength, just', '/body/1000', { maxContentLength: 1000 }),
  axios('maxContentLength, stream', '/body/1000', { maxContentLength: 100, responseType: 'stream' }),
  axios('maxBodyLength', '/echo', { maxBodyLength: 3 }, { ...post, body: () => 'four' }),
  axios('maxBodyLength, just', '/echo', { maxBodyLength: 4 }, { ...post, body: () => 'four' }),
  axios('maxBodyLength, redirected', '/redirect/307?to=/echo', { maxBodyLength: 4 }, { ...post, body: () => 'four' }),
  axios('validateStatus', '/status/201', { validateStatus: (status: number) => status === 200 }),
  axios('validateStatus, 302', '/status/302', { validateStatus: () => true }),
  axios('no user agent', '/echo', { headers: { 'User-Agent': false } }, { seen: false }),
  axios('json sent', '/echo', { data: { a: 1 } }, post),
  axios(
    'a form sent',
    '/echo',
    { data: { a: 1, b: [1, 2] } },
    { ...post, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
  ),
  axios(
    'multipart sent',
    '/echo',
    { data: { a: 1, b: 'ü' } },
    { ...post, headers: { 'content-type': 'multipart/form-data' } },
  ),
  axios(
    'formDataHeaderPolicy',
    '/echo',
    { data: { a: 1 }, formDataHeaderPolicy: 'content-only' },
    { ...post, headers: { 'content-type': 'multipart/form-data' } },
  ),
  axios(
    'text/plain with an object',
    '/echo',
    { data: { a: 1 } },
    { ...post, headers: { 'content-type': 'text/plain' } },
  ),
  axios('a base URL', '/echo', { baseURL: 'https://example.invalid/v1' }),
  axios('a base URL, relative only', '/echo', { baseURL: 'https://localhost:1/v1', allowAbsoluteUrls: false }),
  axios('zstd advertised', '/coding/zstd', { transitional: { advertiseZstdAcceptEncoding: true } }),
  axios('socketPath that is none', '/echo', { socketPath: 5 }),
  axios('socketPath not allowed', '/echo', { socketPath: '/tmp/none.sock', allowedSocketPaths: ['/tmp/other.sock'] }),
  axios('socketPath of nobody', '/echo', { socketPath: '/tmp/hyper-differential-none.sock' }),
  axios('an httpVersion of no sense', '/echo', { httpVersion: 3 }),
  axios('upload progress', '/echo', { onUploadProgress: () => {} }, { ...post, body: () => Buffer.alloc(100_000) }),
  axios('a lookup that fails', '/echo', {
    lookup: (_host: string, _options: object, done: (error: Error) => void) =>
      done(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
  }),
  axios('family 4', '/echo', { family: 4 }),
  axios('family IPv4', '/echo', { family: 'IPv4' }),
  axios('a family that there is not', '/echo', { family: 5 }),
  axios('an option that axios does not know', '/echo', { conections: 2 }),
  axios('withCredentials and xsrf', '/echo', { withCredentials: true, withXSRFToken: true, xsrfCookieName: 'x' }),
  axios('a cancelled signal with a reason', '/echo', { signal: AbortSignal.abort('because') }),

  got('json', '/body/json', { responseType: 'json' }),
  got('json that is bad', '/body/bad-json', { responseType: 'json' }),
  got('a buffer', '/body/1000', { responseType: 'buffer' }),
  got('latin1', '/body/latin1', { encoding: 'latin1' }),
  got('json sent', '/echo', { json: { a: 'ü' } }, post),
  got('a form sent', '/echo', { form: { a: 'ü', b: 1 } }, post),
  got('json with GET', '/echo', { json: { a: 1 } }),
  got('json with GET, allowed', '/echo', { json: { a: 1 }, allowGetBody: true }, { method: 'GET' }),
  got('searchParams', '/echo?a=1', { searchParams: { b: 'ü', c: '', d: null } }),
  got('no redirects', redirect, { followRedirect: false }),
  got('few redirects', '/hops/3', { maxRedirects: 2 }),
  got('methodRewriting off', '/redirect/302?to=/echo', { methodRewriting: false }, { ...post, body: () => 'x' }),
  got('no error for a status', '/status/404', { throwHttpErrors: false }),
  got('username and password', '/echo', { username: 'ü', password: 'p:w' }),
  got('username, redirected', '/redirect/302?to=other:/echo', { username: 'u', password: 'p' }),
  got('a length that is not strict', '/fail/short', { strictContentLength: false }),
  got('dnsLookup that fails', '/echo', {
    dnsLookup: (_host: string, _options: object, done: (error: Error) => void) =>
      done(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
  }),
  got('dnsLookupIpVersion 4', '/echo', { dnsLookupIpVersion: 4 }),
  got('resolveBodyOnly off', '/body/json', { resolveBodyOnly: false }),
  got('maxResponseSize', '/body/100000', { maxResponseSize: 100 }),
  got('cookies', '/headers/cookies', {
    cookieJar: { getCookieString: async () => 'jar=1', setCookie: async () => {} },
  }),
  got('ignoreInvalidCookies', '/headers/cookies', { ignoreInvalidCookies: true }),
  got('a hook before the request', '/echo', {
    hooks: {
      beforeRequest: [
        (options: { headers: Record<string, string> }) => {
          options.headers['x-hook'] = 'yes'
        },
      ],
    },
  }),
  got('a hook before a redirect', redirect, {
    hooks: {
      beforeRedirect: [
        (options: { headers: Record<string, string> }) => {
          options.headers['x-hook'] = 'yes'
        },
      ],
    },
  }),
  got('maxHeaderSize', '/headers/long', { maxHeaderSize: 1000 }),
  got('an agent that is none', '/echo', { agent: { https: 5 } }),
  got('copyPipedHeaders', '/echo', { copyPipedHeaders: true }),
  got('a socket of nobody', 'http://unix:/tmp/hyper-differential-none.sock:/echo', { enableUnixSockets: true }),

  undici('query', '/echo', { query: { a: 1, b: ['x', 'y'], c: 'ü' } }),
  undici('query and a query', '/echo?a=1', { query: { a: 1 } }),
  undici('opaque', '/echo', { opaque: 'mine' }),
  undici('headers as a flat list', '/echo', { headers: ['x-a', '1', 'X-B', '2'] }, { seen: false }),
  undici('headers as a list of odd length', '/echo', { headers: ['x-a'] }),
  undici('headers as pairs', '/echo', { headers: new Map([['x-a', '1']]) }, { seen: false }),
  undici('headers of the standard', '/echo', { headers: new Headers({ 'x-a': '1' }) }, { seen: false }),
  undici('headers: a number', '/echo', { headers: 5 }),
  undici('a value that is null', '/echo', { headers: { 'x-null': null } }, { seen: false }),
  undici('a value that is undefined', '/echo', { headers: { 'x-undefined': undefined } }, { seen: false }),
  undici('a value that is an object', '/echo', { headers: { 'x-object': {} } }),
  undici('a value that is a number', '/echo', { headers: { 'x-number': 5 } }, { seen: false }),
  undici('headersTimeout: -1', '/echo', { headersTimeout: -1 }),
  undici('bodyTimeout: x', '/echo', { bodyTimeout: 'x' }),
  undici('reset', '/echo', { reset: true }),
  undici('reset: x', '/echo', { reset: 'x' }),
  undici('blocking', '/echo', { blocking: true }),
  undici('idempotent', '/echo', { idempotent: false }),
  undici('expectContinue', '/echo', { expectContinue: true }, { ...post, body: () => 'x', seen: false }),
  undici('expectContinue: 5', '/echo', { expectContinue: 5 }),
  undici('upgrade: 5', '/echo', { upgrade: 5 }),
  undici('maxRedirections', '/echo', { maxRedirections: 5 }),
  undici('throwOnError', '/echo', { throwOnError: true }),
  undici('a signal that is none', '/echo', { signal: {} }),
  undici('onInfo', '/hints', { onInfo: () => {} }),
  undici('onInfo: 5', '/hints', { onInfo: 5 }),
  undici('path', '/echo', { path: '/echo?own' }),
  undici('path without a slash', '/echo', { path: 'echo' }),
  undici('path with a space', '/echo', { path: '/echo a' }),
  undici('maxResponseSize', '/body/1000', { maxResponseSize: 100 }),
  undici('highWaterMark', '/body/100000', { highWaterMark: 10 }),
]
