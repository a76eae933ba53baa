import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseOrigin } from '../../src/net/origin.ts'
import { isExempt, proxyFromEnvironment } from '../../src/net/proxy-env.ts'

function proxy(origin: string, env: Record<string, string>): string | undefined {
  return proxyFromEnvironment(parseOrigin(origin), env)?.url
}

describe('which variable counts', () => {
  test('the one of the origin’s scheme, and then the one for all', () => {
    const env = { http_proxy: 'h', https_proxy: 's', all_proxy: 'a' }
    assert.equal(proxy('http://a.test', env), 'h')
    assert.equal(proxy('https://a.test', env), 's')
    assert.equal(proxy('https://a.test', { http_proxy: 'h', ALL_PROXY: 'a' }), 'a')
    assert.equal(proxy('https://a.test', { http_proxy: 'h' }), undefined)
  })

  test('a variable in lower case goes before one in upper case, and an empty one means no proxy', () => {
    assert.equal(proxy('https://a.test', { https_proxy: 'lower', HTTPS_PROXY: 'upper' }), 'lower')
    assert.equal(proxy('https://a.test', { https_proxy: ' ', HTTPS_PROXY: 'upper' }), 'upper')
  })

  test('HTTP_PROXY does not count in a CGI program, where it is a header of the client’s', () => {
    assert.equal(proxy('http://a.test', { HTTP_PROXY: 'p' }), 'p')
    assert.equal(proxy('http://a.test', { HTTP_PROXY: 'p', REQUEST_METHOD: 'GET' }), undefined)
    assert.equal(proxy('http://a.test', { http_proxy: 'p', REQUEST_METHOD: 'GET' }), 'p')
    assert.equal(proxy('https://a.test', { HTTPS_PROXY: 'p', REQUEST_METHOD: 'GET' }), 'p')
  })

  test('the result names the variable that it comes from', () => {
    const named = proxyFromEnvironment(parseOrigin('https://a.test'), { HTTPS_PROXY: 'p' })
    assert.equal(named?.variable, 'HTTPS_PROXY')
  })

  test('no_proxy takes the origin out', () => {
    assert.equal(proxy('https://a.test', { https_proxy: 'p', NO_PROXY: 'a.test' }), undefined)
    assert.equal(proxy('https://a.test', { https_proxy: 'p', no_proxy: 'b.test', NO_PROXY: 'a.test' }), 'p')
  })
})

describe('what no_proxy means', () => {
  const cases: [origin: string, list: string, exempt: boolean][] = [
    ['https://a.test', '*', true],
    ['https://a.test', '', false],
    ['https://a.test', 'a.test', true],
    ['https://A.Test', 'a.TEST', true],
    ['https://www.a.test', 'a.test', true],
    ['https://www.a.test', '.a.test', true],
    ['https://a.test', '.a.test', true],
    ['https://www.a.test', '*.a.test', true],
    ['https://nota.test', 'a.test', false],
    ['https://a.test.', 'a.test', true],
    ['https://a.test', 'a.test.', true],
    ['https://a.test', 'b.test, c.test', false],
    ['https://c.test', 'b.test, c.test', true],
    ['https://c.test', 'b.test c.test', true],
    ['https://a.test:8443', 'a.test:8443', true],
    ['https://a.test', 'a.test:8443', false],
    ['https://a.test', 'a.test:443', true],
    ['http://127.0.0.1', '127.0.0.1', true],
    ['http://127.0.0.1:81', '127.0.0.1:80', false],
    ['http://10.1.2.3', '10.0.0.0/8', true],
    ['http://11.1.2.3', '10.0.0.0/8', false],
    ['http://10.1.2.3', '10.0.0.0/33', false],
    ['http://10.1.2.3', '10.0.0.0/x', false],
    ['http://[::1]', '::1', true],
    ['http://[::1]', '[::1]', true],
    ['http://[::1]:8080', '[::1]:8080', true],
    ['http://[::1]:8080', '[::1]:80', false],
    ['http://[::1]', '0:0:0:0:0:0:0:1', true],
    ['http://[fd00::5]', 'fd00::/8', true],
    ['http://[fe80::5]', 'fd00::/8', false],
    ['http://10.1.2.3', 'fd00::/8', false],
    ['http://1.2.3.4', '3.4', false],
    ['https://a.test', '10.0.0.0/8', false],
    ['https://a.test', '.', false],
  ]
  for (const [origin, list, exempt] of cases) {
    test(`${JSON.stringify(list)} ${exempt ? 'exempts' : 'does not exempt'} ${origin}`, () => {
      assert.equal(isExempt(parseOrigin(origin), list), exempt)
    })
  }
})
