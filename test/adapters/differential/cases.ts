/** The requests that every library makes, by its own transport and by ours. One line, or a few, a case. */

import { bodyCases } from './cases-bodies.ts'
import { abortCases } from './cases-failures.ts'
import { optionCases } from './cases-options.ts'

export const libraries = [
  'fetch',
  'installed',
  'undici.request',
  'undici.composed',
  'undici.stream',
  'undici.fetch',
  'axios',
  'got',
  'got.stream',
] as const

export type Library = (typeof libraries)[number]

export type Family = 'fetch' | 'installed' | 'undici' | 'axios' | 'got'

export interface Case {
  readonly name: string
  /** A path on the main origin; `other/...`, `plain/...` on another one; `user@main/...` with credentials. */
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: () => unknown
  readonly options?: Partial<Record<Family, Readonly<Record<string, unknown>>>>
  /** Abort before the call, when the request has arrived, or when the response's head has. */
  readonly abort?: 'before' | 'waiting' | 'headers'
  /** These libraries alone, or all but these; a name before a dot stands for all that begin with it. */
  readonly only?: readonly string[]
  readonly except?: readonly string[]
  /** False: what the server saw is a matter of chance. */
  readonly seen?: false
}

const methods: Case[] = [
  ...['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH'].map((method) => ({
    name: `${method} without a body`,
    url: '/echo',
    method,
  })),
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => ({
    name: `${method} with a body`,
    url: '/echo',
    method,
    body: () => 'some text',
    except: method === 'OPTIONS' ? ['got'] : [],
  })),
  ...['get', 'head', 'post', 'Put'].map((method) => ({
    only: ['fetch', 'installed', 'undici.fetch', 'axios', 'got'],
    name: `method in other letters: ${method}`,
    url: '/echo',
    method,
  })),
  ...['PROPFIND', 'QUERY', 'PURGE', 'M-SEARCH', 'REPORT', 'TRACE', 'CONNECT'].map((method) => ({
    name: `method ${method}`,
    url: '/echo',
    method,
  })),
  ...['', 'BAD METHOD', 'GET\r\nX: y', 'ü'].map((method) => ({
    name: `no method: ${JSON.stringify(method)}`,
    url: '/echo',
    method,
  })),
  { name: 'GET with a body', url: '/echo', method: 'GET', body: () => 'some text' },
  { name: 'HEAD with a body', url: '/echo', method: 'HEAD', body: () => 'some text' },
  { name: 'no method at all, with a body', url: '/echo', body: () => 'some text' },
]

const numbers = [
  200, 201, 202, 203, 204, 205, 206, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 403, 404, 405, 408, 409,
  410, 413, 418, 421, 422, 425, 429, 451, 500, 501, 502, 503, 504, 599, 299,
]

const statuses: Case[] = [
  ...numbers.map((status) => ({ name: `status ${status}`, url: `/status/${status}` })),
  ...[200, 204, 301, 304, 404, 500].map((status) => ({
    name: `HEAD, status ${status}`,
    url: `/status/${status}`,
    method: 'HEAD',
  })),
  ...[200, 204, 404, 503].map((status) => ({
    name: `POST, status ${status}`,
    url: `/status/${status}`,
    method: 'POST',
    body: () => 'x',
  })),
  { name: 'a status text of the server', url: '/reason' },
  ...[200, 206, 404, 500, 204, 304].map((status) => ({
    name: `coded body, status ${status}`,
    url: `/coded-status/${status}`,
  })),
  {
    name: 'no status throws',
    url: '/status/500',
    options: { axios: { validateStatus: null }, got: { throwHttpErrors: false }, undici: {} },
  },
]

const codings: Case[] = [
  'gzip',
  'x-gzip',
  'upper',
  'deflate',
  'raw-deflate',
  'br',
  'zstd',
  'compress',
  'identity',
  'empty',
  'chain',
  'chain-2',
  'gzip-gzip',
  'members-gzip',
  'trailing-gzip',
  'corrupt-gzip',
  'corrupt-crc',
  'not-gzip',
  'not-br',
  'not-zstd',
  'not-deflate',
  'cut-gzip',
  'cut-br',
  'cut-deflate',
  'no-gzip',
  'no-br',
  'no-deflate',
  'x-compress',
  'gzip-of-zlib',
  'deflate-of-gzip',
  'frames-zstd',
  'trailing-zstd',
  'trailing-br',
  'trailing-deflate',
  'cut-zstd',
  'no-zstd',
  'long-br',
  'unknown',
  'unknown-chain',
  'big',
].flatMap((coding) => [
  { name: `coding ${coding}`, url: `/coding/${coding}` },
  ...(['gzip', 'br', 'deflate', 'zstd', 'unknown'].includes(coding)
    ? [
        { name: `HEAD, coding ${coding}`, url: `/coding/${coding}`, method: 'HEAD' },
        { name: `coding ${coding} without a length`, url: `/coding/${coding}?chunked` },
        {
          name: `coding ${coding}, not to be decoded`,
          url: `/coding/${coding}`,
          only: ['axios', 'got'],
          options: { axios: { decompress: false }, got: { decompress: false } },
        },
        {
          name: `coding ${coding}, another accept-encoding`,
          url: `/coding/${coding}`,
          headers: { 'accept-encoding': coding },
        },
      ]
    : []),
])

const received: Case[] = [
  ...[
    'repeated',
    'cookies',
    'cookie',
    'latin1',
    'long',
    'many',
    'empty',
    'caps',
    'comma',
    'quoted',
    'proto',
    'numeric',
    'content-type-twice',
    'vary-etag',
    'link',
    'auth',
    'date',
    'disposition',
  ].map((name) => ({ name: `response fields: ${name}`, url: `/headers/${name}` })),
  ...[
    'empty',
    'empty-length',
    'chunks',
    'json',
    'bad-json',
    'bom-json',
    'utf8',
    'latin1',
    'untyped',
    '1',
    '16384',
    '65536',
    '1048576',
    '10?length',
    '1048576?length',
  ].map((kind) => ({ name: `response body: ${kind}`, url: `/body/${kind}` })),
  { name: 'trailers', url: '/trailers' },
  { name: '103 before the response', url: '/hints' },
]

const targets: Case[] = [
  '?a=1&b=2',
  '?a=b c',
  '?q=ü',
  '?q=%C3%BC',
  '?q=\'"<>`{}|^\\',
  '?q=[1]&a[]=2',
  '?a=%zz',
  '?a=1?b=2',
  '?',
  '?=',
  '?&&a',
  '?q=+%20',
  '#fragment',
  '?a=1#fragment',
  '#',
  '?a=😀',
  '/a%2Fb/c',
  '/a/../b',
  '/./a',
  '//double',
  '/ü/世',
  '/a b',
  '/%7Euser',
  "/:@!$&'()*+,;=",
  '/{a}',
  '/a;b=c',
  '?a=\ttab',
  '?a=\nnew',
  '?x=%00',
  '/%',
  '/a|b',
  '?redirect=http://example.com/',
].map((rest) => ({ name: `target ${JSON.stringify(rest)}`, url: `/echo${rest}` }))

const sent: Case[] = [
  { name: 'fields with capitals', url: '/echo', headers: { 'X-Some-Field': 'Yes', ACCEPT: 'text/plain' } },
  { name: 'a repeated field', url: '/echo', headers: { 'x-twice': ['one', 'two'] } },
  { name: 'an empty value', url: '/echo', headers: { 'x-empty': '' } },
  { name: 'spaces around a value', url: '/echo', headers: { 'x-space': '  padded\t' } },
  { name: 'a latin1 value', url: '/echo', headers: { 'x-latin1': 'grüße' } },
  { name: 'a value beyond latin1', url: '/echo', headers: { 'x-unicode': '世界' } },
  { name: 'a long value', url: '/echo', headers: { 'x-long': 'v'.repeat(8000) } },
  {
    name: 'many fields',
    url: '/echo',
    headers: Object.fromEntries(Array.from({ length: 140 }, (_, i) => [`x-field-${i}`, `v${i}`])),
  },
  { name: 'a line break in a value', url: '/echo', headers: { 'x-bad': 'a\r\nb: c' } },
  { name: 'a line feed in a value', url: '/echo', headers: { 'x-bad': 'a\nb' } },
  { name: 'a NUL in a value', url: '/echo', headers: { 'x-bad': 'a\0b' } },
  { name: 'a control character in a value', url: '/echo', headers: { 'x-bad': 'a\x01b' } },
  { name: 'DEL in a value', url: '/echo', headers: { 'x-bad': 'a\x7fb' } },
  { name: 'a tab in a value', url: '/echo', headers: { 'x-tab': 'a\tb' } },
  { name: 'a space in a name', url: '/echo', headers: { 'x bad': 'a' } },
  { name: 'a colon in a name', url: '/echo', headers: { 'x:bad': 'a' } },
  { name: 'a pseudo-header name', url: '/echo', headers: { ':path': '/other' } },
  { name: 'an empty name', url: '/echo', headers: { '': 'a' } },
  { name: 'a name with umlauts', url: '/echo', headers: { 'x-ü': 'a' } },
  { name: 'cookies', url: '/echo', headers: { cookie: 'a=1; b=2; c=3' } },
  { name: 'authorization', url: '/echo', headers: { authorization: 'Bearer token' } },
  { name: 'a user agent', url: '/echo', headers: { 'user-agent': 'mine/1.0' } },
  { name: 'an accept-encoding', url: '/echo', headers: { 'accept-encoding': 'identity' } },
  { name: 'an accept-language', url: '/echo', headers: { 'accept-language': 'de', accept: '*/*' } },
  { name: 'a content-type without a body', url: '/echo', headers: { 'content-type': 'text/x' } },
  {
    name: 'a content-type for a body',
    url: '/echo',
    method: 'POST',
    headers: { 'content-type': 'text/x' },
    body: () => 'x',
  },
  {
    name: 'a content-length that is right',
    url: '/echo',
    method: 'POST',
    headers: { 'content-length': '4' },
    body: () => 'four',
  },
  {
    name: 'a content-length that is wrong',
    url: '/echo',
    method: 'POST',
    headers: { 'content-length': '3' },
    body: () => 'four',
    seen: false,
    only: ['undici.request', 'undici.stream', 'axios', 'got'],
  },
  {
    name: 'a content-length that is too long',
    url: '/echo',
    method: 'POST',
    headers: { 'content-length': '9' },
    body: () => 'four',
    seen: false,
    only: ['undici', 'fetch', 'installed'],
  },
  {
    name: 'a content-length that is no number',
    url: '/echo',
    method: 'POST',
    headers: { 'content-length': 'x' },
    body: () => 'four',
    seen: false,
  },
  { name: 'a content-length of 0 for GET', url: '/echo', headers: { 'content-length': '0' } },
  { name: 'connection: close', url: '/echo', headers: { connection: 'close' } },
  { name: 'connection: keep-alive', url: '/echo', headers: { connection: 'keep-alive' } },
  { name: 'connection names a field', url: '/echo', headers: { connection: 'x-gone', 'x-gone': 'a' } },
  { name: 'keep-alive', url: '/echo', headers: { 'keep-alive': 'timeout=5' } },
  {
    name: 'transfer-encoding: chunked',
    url: '/echo',
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked' },
    body: () => 'x',
  },
  { name: 'te: trailers', url: '/echo', headers: { te: 'trailers' } },
  { name: 'te: gzip', url: '/echo', headers: { te: 'gzip' } },
  { name: 'proxy-connection', url: '/echo', headers: { 'proxy-connection': 'keep-alive' } },
  { name: 'upgrade-insecure-requests', url: '/echo', headers: { 'upgrade-insecure-requests': '1' } },
  { name: 'a host of its own', url: '/echo', headers: { host: 'example.com' }, except: ['axios', 'got'] },
  { name: 'range', url: '/range', headers: { range: 'bytes=2-5' } },
  { name: 'a range that cannot be', url: '/range', headers: { range: 'bytes=90-95' } },
  { name: 'if-none-match, fresh', url: '/etag', headers: { 'if-none-match': '"v1"' } },
  { name: 'if-none-match, stale', url: '/etag', headers: { 'if-none-match': '"v0"' } },
  {
    name: 'origin and referer',
    url: '/echo',
    headers: { origin: 'https://a.example', referer: 'https://a.example/x' },
  },
  { name: 'sec-fetch-mode of the caller', url: '/echo', headers: { 'sec-fetch-mode': 'navigate' } },
  { name: 'expect: 100-continue', url: '/echo', method: 'POST', headers: { expect: '100-continue' }, body: () => 'x' },
  { name: 'date of the caller', url: '/echo', headers: { date: 'Wed, 21 Oct 2015 07:28:00 GMT' } },
  { name: 'userinfo in the URL', url: 'user@main/echo' },
  { name: 'userinfo with an encoded name', url: 'us%40er@main/echo' },
  { name: 'userinfo and authorization', url: 'user@main/echo', headers: { authorization: 'Bearer token' } },
]

function redirect(status: number, to: string, path = '/redirect'): string {
  return `${path}/${status}?to=${encodeURIComponent(to)}`
}

const redirectCodes = [300, 301, 302, 303, 304, 305, 307, 308]
const credentials = {
  authorization: 'Bearer token',
  cookie: 'a=1',
  'proxy-authorization': 'Basic eA==',
  'x-custom': 'kept',
}

const redirects: Case[] = [
  ...redirectCodes.flatMap((status) => [
    { name: `GET redirected, ${status}`, url: redirect(status, '/echo') },
    { name: `HEAD redirected, ${status}`, url: redirect(status, '/echo'), method: 'HEAD' },
    {
      name: `POST redirected, ${status}`,
      url: redirect(status, '/echo?to'),
      method: 'POST',
      body: (): unknown => 'text',
      headers: { 'content-type': 'text/x', 'content-language': 'de', 'content-md5': 'x' },
    },
    {
      name: `PUT redirected, ${status}`,
      url: redirect(status, '/echo'),
      method: 'PUT',
      body: () => Buffer.from('octets'),
    },
    { name: `DELETE redirected, ${status}`, url: redirect(status, '/echo'), method: 'DELETE' },
  ]),
  ...[301, 303, 307].flatMap((status) => [
    { name: `credentials to another origin, ${status}`, url: redirect(status, 'other:/echo'), headers: credentials },
    { name: `credentials to the same origin, ${status}`, url: redirect(status, 'main:/echo'), headers: credentials },
    { name: `credentials without TLS, ${status}`, url: redirect(status, 'plain:/echo'), headers: credentials },
    {
      name: `PATCH to another origin, ${status}`,
      url: redirect(status, 'other:/echo'),
      method: 'PATCH',
      body: () => 'text',
      headers: credentials,
    },
  ]),
  ...[
    '?only=query',
    '../up',
    'sibling',
    '',
    '#part',
    '/echo#part',
    '/echo?a=ü',
    '/echo?a=b c',
    '//localhost:1/',
    'http://',
    'https://:0/',
    'file:///etc/hostname',
    'data:text/plain,x',
    'ftp://localhost/',
    'mailto:x',
    '/echo?x=%zz',
    'main:/echo/ü',
    '\\echo',
  ].map((to) => ({ name: `redirected to ${JSON.stringify(to)}`, url: redirect(302, to) })),
  { name: 'a fragment is kept over a redirect', url: `${redirect(302, '/echo')}#part` },
  { name: 'without a location', url: '/redirect/302' },
  { name: 'a location in UTF-8', url: '/raw-location' },
  { name: 'three hops', url: '/hops/3' },
  { name: 'ten hops', url: '/hops/10' },
  { name: 'twenty hops', url: '/hops/20' },
  { name: 'twenty-one hops', url: '/hops/21' },
  { name: 'twenty-two hops', url: '/hops/22' },
  { name: 'a loop', url: '/loop' },
  { name: 'credentials in a location', url: redirect(302, 'main:/echo').replace('main', 'main') },
  { name: 'userinfo, redirected', url: `user@main${redirect(302, '/echo')}` },
  { name: 'userinfo, redirected to another origin', url: `user@main${redirect(302, 'other:/echo')}` },
  {
    name: 'a stream redirected, 303',
    url: redirect(303, '/echo'),
    method: 'POST',
    body: () => new Blob(['blob']).stream(),
    only: ['fetch', 'installed', 'undici.fetch'],
  },
  {
    name: 'a stream redirected, 307',
    url: redirect(307, '/echo'),
    method: 'POST',
    body: () => new Blob(['blob']).stream(),
    only: ['fetch', 'installed', 'undici.fetch'],
    seen: false,
  },
  { name: 'a redirect by a proxy of no use', url: redirect(305, '/echo') },
  { name: 'redirect with a coded body', url: '/coded-status/302' },
]

/** What the two faces of one library cannot but treat alike is tried on one of them. */
function once(given: readonly Case[], ...others: Library[]): Case[] {
  return given.map((one) => ({ ...one, except: [...(one.except ?? []), 'undici.stream', 'got.stream', ...others] }))
}

export const cases: readonly Case[] = [
  ...methods,
  ...statuses,
  ...once(codings),
  ...received,
  ...once(targets, 'undici.composed', 'installed'),
  ...once(sent, 'undici.composed'),
  ...once(redirects),
  ...bodyCases,
  ...abortCases,
  ...optionCases,
]
