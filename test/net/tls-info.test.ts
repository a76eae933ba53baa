import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { TlsInfo } from '../../src/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'
import { Dialler, until } from './dialler.ts'

const { ca, cert, clientCert, clientKey } = await testCertificate()
const fingerprint = new X509Certificate(cert).fingerprint256
const authority = new X509Certificate(ca).fingerprint256

/** Fingerprints from the peer up to its authority. */
function chain(tls: TlsInfo): string[] {
  const found: string[] = []
  let at = tls.getPeerCertificate(true)
  while (at !== undefined && !found.includes(at.fingerprint256)) {
    found.push(at.fingerprint256)
    at = at.issuerCertificate
  }
  return found
}

describe('what is known of TLS with the peer', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`TLS information is what node:tls says of the socket (${version}), also after that is closed`, async () => {
      const server = { minVersion: version, maxVersion: version, cert: `${cert}\n${ca}` }
      await using origin = await startH2Origin({}, { server })
      using dialler = new Dialler()
      const { info, socket } = await dialler.dial(origin.origin, { tls: { ca } })
      const { tls } = info
      const live = socket as TLSSocket
      assert.ok(tls !== undefined)
      assert.equal(tls.protocol, version)
      assert.deepEqual(tls.cipher, live.getCipher())
      assert.deepEqual(tls.ephemeralKey, live.getEphemeralKeyInfo())
      assert.deepEqual(
        [tls.sessionReused, tls.authorized, tls.authorizationError, tls.alpnProtocol, tls.servername],
        [false, true, undefined, 'h2', 'localhost'],
      )
      const brief = tls.getPeerCertificate()
      assert.deepEqual(brief, live.getPeerCertificate())
      const whole = chain(tls)
      assert.deepEqual(whole, [fingerprint, authority])
      const { peerX509Certificate } = tls
      assert.equal(peerX509Certificate?.fingerprint256, fingerprint)
      assert.equal(peerX509Certificate.issuerCertificate?.fingerprint256, authority)
      assert.equal(tls.peerX509Certificate, peerX509Certificate)
      assert.deepEqual(chain(tls), whole)
      socket.destroy()
      await until(() => socket.closed)
      assert.deepEqual(tls.getPeerCertificate(), brief)
      assert.deepEqual(chain(tls), whole)
    })

    test(`what is known of TLS with the peer shows the certificate of the handshake that a resumed session goes back to (${version})`, async () => {
      const server = { minVersion: version, maxVersion: version, cert: `${cert}\n${ca}` }
      await using origin = await startH2Origin({}, { server })
      using dialler = new Dialler()
      const first = await dialler.dial(origin.origin, { tls: { ca } })
      let sessions = 0
      first.socket.on('session', () => sessions++)
      first.socket.resume()
      if (version === 'TLSv1.3') await until(() => sessions > 0)
      const { tls } = (await dialler.dial(origin.origin, { tls: { ca } })).info
      assert.ok(tls?.sessionReused)
      assert.equal(tls.peerX509Certificate?.fingerprint256, fingerprint)
      assert.equal(tls.getPeerCertificate().fingerprint256, fingerprint)
      assert.equal(chain(tls)[0], fingerprint)
    })
  }

  test('what is known of TLS with the peer tells why a peer was not verified, and which certificate we showed', async () => {
    await using origin = await startH1Origin({}, { server: { requestCert: true, rejectUnauthorized: false } })
    using dialler = new Dialler()
    const own = { cert: clientCert, key: clientKey, rejectUnauthorized: false }
    const { tls } = (await dialler.dial(origin.origin, { tls: own })).info
    assert.equal(tls?.authorized, false)
    assert.match(String(tls.authorizationError), /UNABLE_TO|SELF_SIGNED/)
    const shown = tls.getCertificate()
    assert.ok(shown !== null && 'fingerprint256' in shown)
    assert.equal(shown.fingerprint256, new X509Certificate(clientCert).fingerprint256)
  })

  test('there is no TLS information without TLS', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    using dialler = new Dialler()
    assert.equal((await dialler.dial(origin.origin)).info.tls, undefined)
  })
})
