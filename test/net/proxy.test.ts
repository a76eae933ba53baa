import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConnectOptions } from '../../src/index.ts'
import { parseOrigin } from '../../src/net/origin.ts'
import {
  type CanonicalProxy,
  checkProxyOption,
  normaliseProxy,
  proxyKey,
  targetAuthority,
} from '../../src/net/proxy.ts'

const origin = parseOrigin('https://example.com')

function read(option: ConnectOptions['proxy'], env = {}): CanonicalProxy {
  const proxy = normaliseProxy(option, origin, env)
  assert.ok(proxy)
  return proxy
}

test('undefined, false, and an environment without a proxy mean no proxy', () => {
  for (const option of [undefined, false, 'env'] as const) assert.equal(normaliseProxy(option, origin, {}), undefined)
})

test('a URL is read into its parts, with the default port of its scheme', () => {
  const cases: [string, CanonicalProxy['kind'], number, boolean][] = [
    ['http://proxy.test', 'http', 80, true],
    ['https://proxy.test', 'https', 443, true],
    ['socks://proxy.test', 'socks5', 1080, true],
    ['socks5://proxy.test', 'socks5', 1080, false],
    ['socks5h://proxy.test', 'socks5', 1080, true],
    ['socks4://proxy.test', 'socks4', 1080, false],
    ['socks4a://PROXY.test', 'socks4', 1080, true],
  ]
  for (const [url, kind, port, remoteNames] of cases) {
    const proxy = read(url)
    assert.deepEqual([proxy.kind, proxy.host, proxy.port, proxy.remoteNames], [kind, 'proxy.test', port, remoteNames])
    assert.equal(proxy.href, `${url.toLowerCase()}:${port}`)
  }
})

test('text, URL and object say the same; a host without a scheme is an http: proxy', () => {
  const key = proxyKey(read('http://proxy.test:3128'))
  for (const one of [new URL('http://proxy.test:3128/'), { url: 'http://proxy.test:3128' }, 'proxy.test:3128']) {
    assert.equal(proxyKey(read(one)), key)
  }
})

test('an IPv6 address keeps its brackets where they belong', () => {
  const proxy = read('http://[::1]:3128')
  assert.deepEqual([proxy.host, proxy.href], ['::1', 'http://[::1]:3128'])
  assert.equal(targetAuthority('::1', 443), '[::1]:443')
  assert.equal(targetAuthority('a.test', 443), 'a.test:443')
})

test('credentials are decoded, sent as Basic, and shown nowhere', () => {
  const proxy = read('http://us%40er:p%3Ass@proxy.test:3128')
  assert.deepEqual([proxy.username, proxy.password], ['us@er', 'p:ss'])
  const basic = `Basic ${Buffer.from('us@er:p:ss').toString('base64')}`
  assert.deepEqual(proxy.headers, ['proxy-authorization', basic])
  assert.equal(proxy.href, 'http://proxy.test:3128')
  assert.doesNotMatch(proxyKey(proxy), /us@er|p:ss|us%40er/)
})

test('the caller’s own authorization goes before the URL’s', () => {
  const proxy = read({ url: 'http://u:p@proxy.test', headers: { 'Proxy-Authorization': 'Bearer x', 'X-A': ' 1 ' } })
  assert.deepEqual(proxy.headers, ['proxy-authorization', 'Bearer x', 'x-a', '1'])
})

test('fields that govern the connection are left out', () => {
  const proxy = read({ url: 'http://proxy.test', headers: { 'proxy-connection': 'keep-alive', connection: 'close' } })
  assert.deepEqual(proxy.headers, [])
})

test('SOCKS proxies keep the credentials to themselves', () => {
  assert.deepEqual(read('socks5://u:p@proxy.test').headers, [])
})

describe('the key', () => {
  const base = proxyKey(read('http://proxy.test'))
  test('no proxy has no key', () => assert.equal(proxyKey(undefined), ''))
  const others: Record<string, ConnectOptions['proxy']> = {
    'another host': 'http://other.test',
    'another port': 'http://proxy.test:81',
    'another scheme': 'https://proxy.test',
    credentials: 'http://u:p@proxy.test',
    headers: { url: 'http://proxy.test', headers: { a: '1' } },
    tunnel: { url: 'http://proxy.test', tunnel: true },
    TLS: { url: 'http://proxy.test', tls: { rejectUnauthorized: false } },
  }
  for (const [what, option] of Object.entries(others)) {
    test(`${what} makes another`, () => assert.notEqual(proxyKey(read(option)), base))
  }
  test('defaults spelt out do not', () => {
    const option = { url: 'http://proxy.test', tunnel: false, headers: {}, tls: { rejectUnauthorized: true } }
    assert.equal(proxyKey(read(option)), base)
  })
  test('names resolved here or there make two', () => {
    assert.notEqual(proxyKey(read('socks5://proxy.test')), proxyKey(read('socks5h://proxy.test')))
  })
})

describe('an invalid proxy option is refused by name', () => {
  const bad: [string, unknown, RegExp][] = [
    ['an empty text', '', /^proxy must be the URL of an http:/],
    ['another scheme', 'ftp://u:secret@proxy.test', /^proxy must be .* not a URL of the scheme "ftp:"/],
    ['a scheme that every object has', 'constructor://proxy.test', /^proxy must be/],
    ['no host', 'socks5://', /^proxy must be/],
    ['a number', 3128, /^proxy must be .* not 3128/],
    ['an object without url', {}, /^proxy\.url must be .* not undefined/],
    ['credentials that are not encoded', 'http://100%:x@proxy.test', /^proxy contains credentials/],
    ['a user with a colon', 'http://a%3Ab:x@proxy.test', /may not contain a colon/],
    ['a tunnel that is no boolean', { url: 'http://proxy.test', tunnel: 'yes' }, /^proxy\.tunnel must be/],
    ['a host header', { url: 'http://proxy.test', headers: { host: 'x' } }, /^proxy\.headers may not contain "host"/],
    ['a line break', { url: 'http://proxy.test', headers: { a: 'x\r\ny: z' } }, /^Invalid character in the value/],
    ['TLS that is none', { url: 'https://proxy.test', tls: 1 }, /^proxy\.tls must be an object/],
  ]
  for (const [what, option, message] of bad) {
    test(what, () => {
      const call = (): void => checkProxyOption(option as ConnectOptions['proxy'])
      assert.throws(call, { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
      assert.throws(call, (error: Error) => !error.message.includes('secret'))
    })
  }
  test('the environment’s by the name of its variable', () => {
    const call = (): unknown => normaliseProxy('env', origin, { HTTPS_PROXY: 'ftp://proxy.test' })
    assert.throws(call, { code: 'ERR_HYPER_INVALID_ARGUMENT', message: /^HTTPS_PROXY must be/ })
    checkProxyOption('env')
  })
})
