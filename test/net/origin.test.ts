import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOrigin } from '../../src/net/origin.ts'

test('an origin is read into its parts', () => {
  assert.deepEqual(parseOrigin('https://Example.com'), {
    href: 'https://example.com',
    scheme: 'https',
    host: 'example.com',
    port: 443,
    authority: 'example.com',
  })
})

test('a port that is not the scheme’s own stays in the authority', () => {
  assert.equal(parseOrigin('https://a:8443').authority, 'a:8443')
  assert.equal(parseOrigin('http://a:80').authority, 'a')
})

test('an IPv6 address stands in brackets in the authority, and without as host', () => {
  const { host, authority, port } = parseOrigin('http://[::1]:3000/')
  assert.deepEqual([host, authority, port], ['::1', '[::1]:3000', 3000])
})

test('an origin that is neither http nor https is refused by name', () => {
  for (const text of ['', 'example.com', 'ftp://a', 'https://', 'https://u:p@a']) {
    assert.throws(() => parseOrigin(text), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  }
})
