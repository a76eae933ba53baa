import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConnectOptions } from '../../src/index.ts'
import { parseOrigin } from '../../src/net/origin.ts'
import { mergeConnectOptions, poolKey } from '../../src/pool/key.ts'

const key = (origin: string, options: ConnectOptions = {}): string => poolKey(parseOrigin(origin), options)
const PEM = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(200)}\n-----END CERTIFICATE-----\n`

test('the port of the scheme equals no port, and the case of the host does not matter', () => {
  assert.equal(key('https://Example.com:443'), key('https://example.com'))
  assert.equal(key('http://example.com:80/'), key('http://example.com'))
})

test('scheme, host and port tell origins apart', () => {
  const keys = ['https://a', 'http://a', 'https://b', 'https://a:8443', 'http://a:443'].map((origin) => key(origin))
  assert.equal(new Set(keys).size, keys.length)
})

test('an option that is undefined, or its default, equals one that is absent', () => {
  assert.equal(key('https://a', { socketPath: undefined, tls: { ca: undefined } }), key('https://a'))
  assert.equal(key('https://a', { allowH2: true, family: 0, tls: { rejectUnauthorized: true } }), key('https://a'))
})

test('the order of options does not matter', () => {
  assert.equal(
    key('https://a', { family: 4, localAddress: '1.1.1.1' }),
    key('https://a', { localAddress: '1.1.1.1', family: 4 }),
  )
})

test('a certificate as text equals the same one as bytes, alone or in a list', () => {
  const text = key('https://a', { tls: { ca: PEM } })
  assert.equal(key('https://a', { tls: { ca: Buffer.from(PEM) } }), text)
  assert.equal(key('https://a', { tls: { ca: [PEM] } }), text)
  assert.notEqual(key('https://a', { tls: { ca: [PEM, PEM] } }), text)
})

test('everything that changes the peer or the route changes the key', () => {
  const lookup = (): void => {}
  const options: ConnectOptions[] = [
    {},
    { tls: { ca: PEM } },
    { tls: { cert: PEM } },
    { tls: { key: PEM } },
    { tls: { rejectUnauthorized: false } },
    { tls: { servername: 'b' } },
    { tls: { checkServerIdentity: () => undefined } },
    { tls: { checkServerIdentity: () => undefined } },
    { socketPath: '/tmp/a' },
    { localAddress: '127.0.0.2' },
    { family: 6 },
    { lookup },
    { allowH2: false },
    { h2c: 'prior-knowledge' },
  ]
  const keys = options.map((one) => key('https://a', one))
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(key('https://a', { lookup }), keys[11])
})

test('a polluted Object.prototype leads no connection elsewhere', () => {
  Reflect.set(Object.prototype, 'socketPath', '/tmp/elsewhere')
  try {
    assert.equal(mergeConnectOptions({}, { family: 4 }).socketPath, undefined)
    assert.equal(mergeConnectOptions({}).socketPath, undefined)
  } finally {
    Reflect.deleteProperty(Object.prototype, 'socketPath')
  }
})

test('options of a request go before those of the pool, one by one', () => {
  const merged = mergeConnectOptions(
    { family: 4, localAddress: '1.1.1.1', tls: { ca: 'a', servername: 's' } },
    { family: 6, tls: { ca: 'b', cert: undefined } },
  )
  assert.deepEqual(
    [merged.family, merged.localAddress, { ...merged.tls }],
    [6, '1.1.1.1', { ca: 'b', servername: 's' }],
  )
})
