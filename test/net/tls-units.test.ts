import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSecureContext, DEFAULT_MIN_VERSION } from 'node:tls'
import { createTlsContext, type TlsOptions } from '../../src/index.ts'
import { agentTlsOptions, nodeTlsOptions } from '../../src/net/tls-options.ts'
import { leastVersion, mergeTls } from '../../src/net/tls-units.ts'
import { testCertificate } from '../support/certificate.ts'

const { ca, cert, key, clientCert, clientKey } = await testCertificate()
const A = { cert, key }
const B = { cert: clientCert, key: clientKey }
const pfx = Buffer.from('pfx')

function merged(base: TlsOptions | undefined, over: TlsOptions | undefined): object {
  return { ...mergeTls(base, over) }
}

describe('a request’s TLS options over its pool’s', () => {
  test('an identity replaces the whole identity, whatever form either has', () => {
    const session = Buffer.from('of another')
    assert.deepEqual(merged({ ca, pfx, passphrase: 'x', session }, B), { ca, ...B })
    assert.deepEqual(merged({ ca, ...A, passphrase: 'x' }, { pfx }), { ca, pfx })
    assert.deepEqual(merged({ ca, ...A }, { ca: undefined, minVersion: 'TLSv1.3' }), {
      ca,
      ...A,
      minVersion: 'TLSv1.3',
    })
  })

  test('authorities replace the whole trust, and a check alone the same check', () => {
    const checkServerIdentity = (): undefined => undefined
    const base = { ca, crl: 'c', rejectUnauthorized: false, checkServerIdentity, pinnedPublicKeys: ['p'], ...A }
    assert.deepEqual(merged(base, { ca: 'other' }), { ca: 'other', ...A })
    assert.deepEqual(merged({ ca, pinnedPublicKeys: ['p'] }, { checkServerIdentity }), {
      ca,
      pinnedPublicKeys: ['p'],
      checkServerIdentity,
    })
  })

  test('a context replaces every option that a context contains, and the trust options beside it', () => {
    const secureContext = createSecureContext()
    const base = { ca, ...A, ciphers: 'x', minVersion: 'TLSv1.3', pinnedPublicKeys: ['p'], servername: 'n' } as const
    assert.deepEqual(merged(base, { secureContext }), { servername: 'n', secureContext })
  })

  test('a part of a context made by createTlsContext() can be replaced', () => {
    const secureContext = createTlsContext({ ca, ...A })
    assert.deepEqual(merged({ secureContext }, B), { ca: [ca.trim()], ...B })
    assert.deepEqual(merged({ secureContext }, { ca: 'other' }), { ca: 'other', cert: [cert], key: [key] })
    assert.deepEqual(merged({ secureContext }, { servername: 'n' }), { secureContext, servername: 'n' })
  })

  test('of any other context a part alone cannot, identity and trust together can', () => {
    const secureContext = createSecureContext()
    for (const [part, name] of [
      [B, 'identity'],
      [{ ca }, 'trust'],
      [{ ciphers: 'x' }, 'parameters'],
    ] as const) {
      const message = new RegExp(`The ${name} of tls.secureContext cannot be replaced alone`)
      assert.throws(() => mergeTls({ secureContext }, part), { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
    }
    assert.deepEqual(merged({ secureContext }, { ca, ...B }), { ca, ...B })
  })

  test('properties of Object.prototype are not taken for TLS options', () => {
    const result = mergeTls({ ca }, {})
    assert.equal(Object.getPrototypeOf(result), null)
    assert.equal(mergeTls(undefined, undefined), undefined)
  })
})

test('the least version is 1.2, or what the process wants beyond', () => {
  assert.equal(leastVersion(), DEFAULT_MIN_VERSION === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2')
  assert.equal(nodeTlsOptions({}).minVersion, leastVersion())
  assert.equal('minVersion' in nodeTlsOptions({ secureProtocol: 'TLSv1_2_method' }), false)
})

test('Node’s own agents get neither options that Node does not know, nor pinned keys that would not be checked', () => {
  const pinnedPublicKeys = ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']
  const options = agentTlsOptions({ ca, pinnedPublicKeys, resume: false, keyLog: () => {} })
  assert.deepEqual(Object.keys(options).sort(), ['ca', 'checkServerIdentity', 'minVersion'])
  assert.throws(() => agentTlsOptions({ pinnedPublicKeys, rejectUnauthorized: false }), /cannot be checked/)
})
