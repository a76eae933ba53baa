/** What weakens a connection works when it is asked for, and is warned of once. */
import assert from 'node:assert/strict'
import { constants } from 'node:crypto'
import { describe, test } from 'node:test'
import { createSecureContext, type PeerCertificate } from 'node:tls'
import { H1ClientConnection } from '../../src/h1/index.ts'
import { H2Connection } from '../../src/h2/index.ts'
import { HTTPConnection, Pool, type TlsOptions } from '../../src/index.ts'
import { effectiveTls, nodeTlsOptions } from '../../src/net/tls-options.ts'

/** What was warned of by this. */
async function warnings(action: () => unknown): Promise<number> {
  let count = 0
  const hear = (warning: Error): void => {
    if (Reflect.get(warning, 'code') === 'HYPER_WEAK_OPTION') count++
  }
  process.on('warning', hear)
  await action()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', hear)
  return count
}

describe('is warned of once', () => {
  const weak: Readonly<Record<string, TlsOptions>> = {
    'no verification': { rejectUnauthorized: false },
    minVersion: { minVersion: 'TLSv1.1' },
    secureProtocol: { secureProtocol: 'TLS_method' },
    'a context that allows TLS 1.0': { secureContext: createSecureContext({ minVersion: 'TLSv1' }) },
    '@SECLEVEL=0': { ciphers: 'DEFAULT:@SECLEVEL=0' },
    'ciphers without a key': { ciphers: 'ALL:eNULL' },
    'legacy servers': { secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT },
  }
  for (const [name, tls] of Object.entries(weak)) {
    test(name, async () => {
      assert.deepEqual([await warnings(() => effectiveTls(tls)), await warnings(() => effectiveTls(tls))], [1, 0])
    })
  }

  const certificate = { subject: { CN: 'a.test' }, subjectaltname: 'DNS:a.test' } as unknown as PeerCertificate

  test('checkServerIdentity that lets any name pass', async () => {
    const options = nodeTlsOptions({ checkServerIdentity: () => undefined })
    assert.equal(await warnings(() => options.checkServerIdentity?.('a.test', certificate)), 1)
  })

  test('unchecked output of the codecs, which their owner may say is checked elsewhere', async () => {
    const h2 = { onOutput() {} } as never
    assert.equal(await warnings(() => new H2Connection(h2, { validateOutbound: 'elsewhere' })), 0)
    assert.equal(await warnings(() => new H2Connection(h2, { validateOutbound: false })), 1)
    assert.equal(await warnings(() => new H1ClientConnection(h2, { validateOutbound: false })), 0, 'it was said')
  })

  test('decoding without a limit, and limits that are infinite', async () => {
    assert.equal(
      await warnings(() => new HTTPConnection('localhost', { maxDecodingRatio: Number.POSITIVE_INFINITY })),
      1,
    )
    assert.equal(await warnings(() => new Pool({ maxHeaderListSize: 2 ** 30, maxStreamWindow: 2 ** 30 })), 2)
  })
})

test('what is as strong as the defaults is not warned of', async () => {
  const strong: readonly TlsOptions[] = [
    {},
    { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256:HIGH:!aNULL:!eNULL:!RC4' },
    { secureProtocol: 'TLSv1_2_method', secureOptions: constants.SSL_OP_NO_TLSv1_3 },
    { secureContext: createSecureContext({ minVersion: 'TLSv1.2' }), rejectUnauthorized: true },
  ]
  assert.equal(await warnings(() => strong.map(effectiveTls)), 0)
  const certificate = { subject: { CN: 'a.test' }, subjectaltname: 'DNS:a.test' } as unknown as PeerCertificate
  const check = (host: string): Error | undefined => (host === 'a.test' ? undefined : new Error('another'))
  const options = nodeTlsOptions({ checkServerIdentity: check })
  assert.equal(await warnings(() => options.checkServerIdentity?.('a.test', certificate)), 0)
})
