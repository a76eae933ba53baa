import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExchangeRequest } from '../../src/exchange/contract.ts'
import type { FieldsInit } from '../../src/headers/fields.ts'
import { serialiseRequest, serialiseRequest1, serialiseTrailers } from '../../src/headers/request.ts'

const origin = 'https://example.com'
const serialise = (request: Partial<ExchangeRequest>, bodyLength = 0): string[] =>
  serialiseRequest({ origin, method: 'GET', path: '/', ...request }, 'https', 'example.com', bodyLength)
const fields = (headers: FieldsInit, bodyLength = 0): string[] =>
  serialise({ headers, body: bodyLength === 0 ? null : 'x' }, bodyLength).slice(8)
const invalid = { code: 'ERR_HYPER_INVALID_ARGUMENT' }

test('pseudo-header fields come first, in one order', () => {
  assert.deepEqual(serialise({ headers: { 'X-A': 'b' } }), [
    ':method',
    'GET',
    ':scheme',
    'https',
    ':authority',
    'example.com',
    ':path',
    '/',
    'x-a',
    'b',
  ])
})

test('headers are taken as an object, a flat list, pairs, Headers and a Map', () => {
  const expected = ['x-a', '1', 'x-b', '2']
  assert.deepEqual(fields({ 'X-A': '1', 'x-b': 2, 'x-c': undefined, 'x-d': null }), expected)
  assert.deepEqual(fields(['x-a', '1', 'x-b', '2']), expected)
  assert.deepEqual(
    fields([
      ['x-a', '1'],
      ['x-b', '2'],
    ]),
    expected,
  )
  assert.deepEqual(fields(new Headers({ 'x-a': '1', 'x-b': '2' })), expected)
  assert.deepEqual(fields(new Map(Object.entries({ 'x-a': '1', 'x-b': '2' }))), expected)
  assert.deepEqual(fields({ 'x-a': ['1', '2'] }), ['x-a', '1', 'x-a', '2'])
})

test('headers of a polluted Object.prototype are not sent', () => {
  Reflect.set(Object.prototype, 'x-polluted', 'yes')
  try {
    assert.deepEqual(fields({ 'x-a': '1' }), ['x-a', '1'])
  } finally {
    Reflect.deleteProperty(Object.prototype, 'x-polluted')
  }
})

test('host becomes :authority', () => {
  const head = serialise({ headers: { Host: 'other.example:8443' } })
  assert.equal(head[5], 'other.example:8443')
  assert.equal(head.includes('host'), false)
  for (const host of ['[::1]:80', 'localhost', '127.0.0.1']) assert.equal(serialise({ headers: { host } })[5], host)
})

test('connection-specific fields are left out, with all that connection names', () => {
  assert.deepEqual(
    fields({
      connection: 'keep-alive, X-Hop',
      'keep-alive': 'timeout=5',
      'proxy-connection': 'close',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'http2-settings': 'AAA',
      'x-hop': 'gone',
      'x-kept': 'yes',
    }),
    ['x-kept', 'yes'],
  )
})

test('of te only trailers stays', () => {
  assert.deepEqual(fields({ te: 'gzip' }), [])
  assert.deepEqual(fields({ te: 'gzip, trailers;q=0.5' }), ['te', 'trailers'])
  assert.deepEqual(fields({ te: 'trailers' }), ['te', 'trailers'])
})

test('outer white space of values is cut', () => {
  assert.deepEqual(fields({ 'x-a': ' \t b c\t ' }), ['x-a', 'b c'])
})

test('latin1 values are sent, others refused', () => {
  assert.deepEqual(fields({ 'x-a': 'grüße' }), ['x-a', 'grüße'])
  assert.throws(() => fields({ 'x-a': '日本' }), invalid)
})

test('content-length is sent for a body of known length, and as 0 without a body where the method usually has one', () => {
  assert.deepEqual(fields({}, 5), ['content-length', '5'])
  assert.deepEqual(fields({}, 0), [])
  assert.deepEqual(fields({}, -1), [])
  assert.deepEqual(serialise({ method: 'POST' }).slice(8), ['content-length', '0'])
})

test('equal repeats of content-length are one, different ones are refused', () => {
  assert.deepEqual(fields({ 'content-length': '5, 5' }, 5), ['content-length', '5'])
  assert.deepEqual(fields({ 'content-length': ['5', '5'] }, -1), ['content-length', '5'])
  assert.throws(() => fields({ 'content-length': '5, 6' }, -1), invalid)
  assert.throws(() => fields({ 'content-length': ['5', '6'] }, -1), invalid)
  assert.throws(() => fields({ 'content-length': '5' }, 4), { code: 'ERR_HYPER_REQUEST_CONTENT_LENGTH' })
})

test('content-length without a body is set right: headers of another request may be passed on', () => {
  const headers = { 'content-length': '5' }
  assert.deepEqual(serialise({ headers }).slice(-2), ['content-length', '0'])
  const head = serialiseRequest1({ origin, method: 'DELETE', path: '/', headers, body: null }, 'example.com', 0)
  assert.deepEqual(head.fields.slice(-2), ['content-length', '0'])
})

test('a path keeps its query and loses its fragment', () => {
  assert.equal(serialise({ path: '/a?b=c#d' })[7], '/a?b=c')
  assert.equal(serialise({ path: '?b=c' })[7], '/?b=c')
  assert.equal(serialise({ path: '' })[7], '/')
  assert.equal(serialise({ method: 'OPTIONS', path: '*' })[7], '*')
  assert.throws(() => serialise({ path: '*' }), invalid)
})

test('header injection is refused at every place', () => {
  const breaks: Partial<ExchangeRequest>[] = [
    { method: 'GET / HTTP/1.1\r\nx: y' },
    { path: '/\r\nx: y' },
    { path: '/\0' },
    { headers: { 'x\r\ny': 'z' } },
    { headers: { 'x-a': 'b\r\nx-c: d' } },
    { headers: { 'x-a': 'b\n' + 'c' } },
    { headers: { 'x-a': 'b\0c' } },
    { headers: { host: 'a\r\nx: y' } },
    { headers: { 'content-length': '1\r\nx: y' } },
  ]
  for (const request of breaks) {
    assert.throws(() => serialise(request), invalid)
    assert.throws(() => serialiseRequest1({ origin, method: 'GET', path: '/', ...request }, 'example.com', 0), invalid)
  }
})

test('trailers are checked as headers are, and may not frame the message', () => {
  assert.deepEqual(serialiseTrailers({ 'X-Sum': ' 1 ' }, origin), ['x-sum', '1'])
  for (const name of ['content-length', 'transfer-encoding', 'host', 'te', 'connection', ':path', 'x a']) {
    assert.throws(() => serialiseTrailers({ [name]: '1' }, origin), invalid)
  }
})

test('for HTTP/1.1 what governs the connection is left to the connection, and names keep their spelling', () => {
  const request: ExchangeRequest = {
    origin,
    method: 'GET',
    path: '/a#b',
    body: '12345',
    headers: {
      Host: 'other.example',
      Connection: 'close, x-hop',
      'X-Hop': '1',
      'transfer-encoding': 'chunked',
      te: 'gzip',
      'Content-Length': '5',
      'X-Kept': 'a',
    },
  }
  const head = serialiseRequest1(request, 'example.com', -1)
  assert.equal(head.target, '/a')
  assert.deepEqual(head.fields, [
    ...['Host', 'other.example', 'connection', 'close'],
    ...['te', 'gzip', 'Content-Length', '5', 'X-Kept', 'a'],
  ])
  assert.deepEqual([head.last, head.length], [true, 5])
  const trailed = serialiseRequest1({ ...request, trailers: {} }, 'example.com', -1)
  assert.ok(!trailed.fields.includes('Content-Length'), 'a trailer section needs chunks')
})

test('CONNECT names its target and nothing else, whatever host says', () => {
  assert.deepEqual(serialise({ method: 'CONNECT', path: 'example.com:443', headers: { host: 'other', 'x-a': '1' } }), [
    ':method',
    'CONNECT',
    ':authority',
    'example.com:443',
    'x-a',
    '1',
  ])
  for (const path of ['/', 'example.com', 'user@example.com:443', 'a b:1']) {
    assert.throws(() => serialise({ method: 'CONNECT', path }), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  }
})

test('extended CONNECT has all pseudo-header fields, and its protocol is a token', () => {
  const head = serialise({ method: 'CONNECT', protocol: 'websocket', path: '/chat', headers: { host: 'other:1' } })
  assert.deepEqual(head.slice(0, 4), [':method', 'CONNECT', ':protocol', 'websocket'])
  assert.equal(head[head.indexOf(':authority') + 1], 'other:1')
  assert.equal(head[head.indexOf(':path') + 1], '/chat')
  for (const request of [
    { method: 'GET', protocol: 'websocket', path: '/' },
    { method: 'CONNECT', protocol: 'a b', path: '/' },
  ]) {
    assert.throws(() => serialise(request), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  }
})
