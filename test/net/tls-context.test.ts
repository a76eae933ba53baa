import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createTlsContext, type TlsContextOptions } from '../../src/net/tls-context.ts'
import { certificateFor, testCertificate } from '../support/certificate.ts'
import { startH1Origin } from '../support/origin.ts'
import { Dialler } from './dialler.ts'

const { ca, cert, key, clientCert, clientKey } = await testCertificate()
const folder = await mkdtemp(join(tmpdir(), 'hyper-'))
after(() => rm(folder, { recursive: true }))

/** Does a server that wants a client certificate of the test authority take this context? */
async function works(options: TlsContextOptions): Promise<boolean> {
  // TLS 1.2, so that the server's verdict on us is part of the handshake.
  const server = { ca, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' } as const
  await using origin = await startH1Origin({}, { server })
  using dialler = new Dialler()
  const secureContext = createTlsContext(options)
  return await dialler.dial(origin.origin, { tls: { secureContext } }).then(
    ({ info }) => info.authorized,
    () => false,
  )
}

const identity = { cert: clientCert, key: clientKey }

test('trusts the authorities given as text, bytes, or a list', async () => {
  for (const one of [ca, Buffer.from(ca), [ca, Buffer.from(cert)]]) assert.ok(await works({ ...identity, ca: one }))
})

test('a context trusts the authorities in a file or a folder, whatever else the folder contains, as well as those given', async () => {
  const file = join(folder, 'ca.pem')
  await writeFile(file, `some words\n${ca}`)
  assert.ok(await works({ ...identity, caPath: file }))
  const other = await certificateFor('other.test')
  const place = join(folder, 'certs')
  await mkdir(join(place, 'inner'), { recursive: true })
  await writeFile(join(place, 'README'), 'no certificate')
  await writeFile(join(place, '0a1b2c3d.0'), ca)
  assert.ok(await works({ ...identity, caPath: place, ca: other.cert }))
})

test('a context trusts only the authorities given, and without any those that Node trusts', async () => {
  assert.equal(await works({ ...identity, ca: clientCert }), false)
  assert.equal(await works(identity), false)
})

test('a context without a certificate sends none', async () => {
  assert.equal(await works({ ca }), false)
})

test('decrypts its key with a passphrase, or with what a function says', async () => {
  const encrypted = createPrivateKey(clientKey)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
    .toString()
  let calls = 0
  const passphrase = (): string => {
    calls++
    return 'secret'
  }
  assert.ok(await works({ ca, cert: clientCert, key: encrypted, passphrase }))
  assert.ok(await works({ ca, cert: clientCert, key: encrypted, passphrase: 'secret' }))
  assert.equal(calls, 1)
  for (const wrong of ['other', undefined]) {
    assert.throws(() => createTlsContext({ cert: clientCert, key: encrypted, passphrase: wrong }), {
      code: 'ERR_HYPER_INVALID_ARGUMENT',
      message: /^key cannot be read: /,
    })
  }
})

describe('what cannot be read is named', () => {
  const broken = ca.replace(/^[A-Za-z0-9+/]{20}/m, 'AAAAAAAAAAAAAAAAAAAA')
  const bad: [RegExp, unknown][] = [
    [/^ca contains no PEM certificate/, { ca: 'nothing' }],
    [/^ca cannot be read/, { ca: `${ca}\n${broken}` }],
    [/^ca must be PEM text or bytes/, { ca: 5 }],
    [/^caPath "\/nowhere" cannot be read: ENOENT/, { caPath: '/nowhere' }],
    [/^caPath ".*" contains no PEM certificate/, { caPath: import.meta.dirname }],
    [/^cert contains no PEM certificate/, { cert: 'x', key }],
    [/^cert needs its private key/, { cert }],
    [/^key needs its certificate/, { key }],
    [/^key cannot be read/, { cert, key: 'x' }],
    [/^cert and key cannot be read: .*mismatch/, { cert, key: clientKey }],
    [/^passphrase must be text/, { cert, key, passphrase: 5 }],
  ]
  for (const [message, options] of bad) {
    test(String(message), () => {
      const call = (): unknown => createTlsContext(options as TlsContextOptions)
      assert.throws(call, { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
    })
  }
})

describe('a key as ssl.load_cert_chain takes it', () => {
  const plain = (): string => {
    throw new Error('asked for nothing')
  }
  const encrypted = createPrivateKey(clientKey)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'sécret' })
    .toString()

  test('a key as ssl.load_cert_chain takes it does not ask for a passphrase when it is not encrypted', async () => {
    assert.ok(await works({ ca, ...identity, passphrase: plain }))
    assert.throws(() => createTlsContext({ cert: clientCert, key: encrypted, passphrase: plain }), /asked for nothing/)
  })

  test('a key as ssl.load_cert_chain takes it is decrypted by a passphrase in bytes', async () => {
    const passphrase = Buffer.from('sécret')
    assert.ok(await works({ ca, cert: clientCert, key: encrypted, passphrase }))
    assert.ok(await works({ ca, cert: clientCert, key: encrypted, passphrase: () => passphrase }))
    assert.throws(() => createTlsContext({ ...identity, passphrase: Buffer.from('sécret', 'latin1') }), {
      code: 'ERR_HYPER_INVALID_ARGUMENT',
      message: 'the bytes of passphrase must be UTF-8',
    })
  })

  test('a key as ssl.load_cert_chain takes it may stand in one file with its certificate', async () => {
    assert.ok(await works({ ca, cert: `${clientCert}\n${clientKey}` }))
    assert.ok(await works({ ca, cert: Buffer.from(`${encrypted}${clientCert}`), passphrase: 'sécret' }))
  })
})
