import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { TlsOptions } from '../../src/index.ts'
import { MAX_TLS_SESSION_PEERS, MAX_TLS_TICKETS } from '../../src/limits.ts'
import { agreedProtocol } from '../../src/net/secure.ts'
import { type PeerSession, SessionCache } from '../../src/net/sessions.ts'
import { checkTlsOptions, publicKeyHash } from '../../src/net/tls-options.ts'
import { certificateFor, testCertificate } from '../support/certificate.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'
import { Dialler, until } from './dialler.ts'

const { ca, cert, key, clientCert, clientKey } = await testCertificate()
const pin = publicKeyHash(new X509Certificate(cert))
const otherPin = publicKeyHash(new X509Certificate(clientCert))

/** What was warned of while the test ran. */
async function warnings(action: () => Promise<void>): Promise<string[]> {
  const said: string[] = []
  const hear = (warning: Error): void => {
    if (warning.name === 'HyperSecurityWarning') said.push(warning.message)
  }
  process.on('warning', hear)
  await action()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', hear)
  return said
}

describe('the protocol that ALPN chose', () => {
  test('the protocol that ALPN chose is HTTP/2, or HTTP/1.1 when the server chooses it or does not know ALPN', () => {
    assert.equal(agreedProtocol('h2', ['h2', 'http/1.1']), 'h2')
    assert.equal(agreedProtocol('http/1.1', ['h2', 'http/1.1']), 'http/1.1')
    for (const nothing of [false, null, undefined]) {
      assert.equal(agreedProtocol(nothing, ['h2', 'http/1.1']), 'http/1.1')
    }
  })

  test('the protocol that ALPN chose is an error when it was not offered', () => {
    assert.match(String(agreedProtocol('h2', ['http/1.1'])), /chose the protocol "h2", but was offered http\/1\.1/)
    assert.match(String(agreedProtocol('spdy/3', ['h2', 'http/1.1'])), /"spdy\/3"/)
    assert.match(String(agreedProtocol(false, ['h2'])), /chose no protocol, but was offered h2/)
  })
})

describe('pinned public keys', () => {
  test('pinned public keys let the pinned peer pass, with the prefix or without, one of several', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    for (const pins of [[pin], [`sha256/${pin}`], [otherPin, pin]]) {
      await dialler.dial(origin.origin, { tls: { ca, pinnedPublicKeys: pins } })
    }
  })

  test('pinned public keys stop any other, and say what it has', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const error = await dialler.failure(origin.origin, { tls: { ca, pinnedPublicKeys: [otherPin] } })
    assert.equal(error.phase, 'tls')
    assert.ok(error.message.includes(`sha256/${pin}`) && error.message.includes(`sha256/${otherPin}`))
    assert.equal('systemCode' in error && error.systemCode, 'ERR_TLS_PINNED_PUBLIC_KEY')
    await until(() => origin.open === 0)
  })

  test('pinned public keys are no substitute for verification', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const error = await dialler.failure(origin.origin, { tls: { pinnedPublicKeys: [pin] } })
    assert.equal('systemCode' in error && error.systemCode !== 'ERR_TLS_PINNED_PUBLIC_KEY', true)
  })

  test('pinned public keys are checked on resumed sessions too, and sessions are not carried over to them', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    await resumable(dialler, origin.origin, { ca })
    const error = await dialler.failure(origin.origin, { tls: { ca, pinnedPublicKeys: [otherPin] } })
    assert.equal(error.phase, 'tls')
    await resumable(dialler, origin.origin, { ca, pinnedPublicKeys: [pin] })
    const { info } = await dialler.dial(origin.origin, { tls: { ca, pinnedPublicKeys: [pin] } })
    assert.equal(info.resumed, true)
  })
})

/** Dials, and waits until the server's sessions have come. */
async function resumable(dialler: Dialler, origin: string, tls: TlsOptions): Promise<boolean> {
  const { socket, info } = await dialler.dial(origin, { tls })
  let sessions = 0
  socket.on('session', () => sessions++)
  socket.resume()
  // Those of TLS 1.2 came with the handshake.
  if (!info.resumed && (socket as TLSSocket).getProtocol() === 'TLSv1.3') await until(() => sessions >= 2)
  return info.resumed
}

describe('sessions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`sessions are resumed with a peer met before (${version}), and it is as authorized as before`, async () => {
      await using origin = await startH2Origin({}, { server: { minVersion: version, maxVersion: version } })
      using dialler = new Dialler()
      assert.equal(await resumable(dialler, origin.origin, { ca }), false)
      const attempt = dialler.begin(origin.origin, { tls: { ca } })
      const { info, covers } = await attempt.result
      assert.deepEqual([info.resumed, info.authorized, covers('localhost')], [true, true, true])
      const last = attempt.steps.at(-1)
      assert.ok(last?.step === 'secure' && last.resumed && last.version === version)
    })
  }

  test('sessions are not resumed when that is turned off, nor kept', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    await resumable(dialler, origin.origin, { ca, resume: false })
    assert.equal(await resumable(dialler, origin.origin, { ca }), false)
    assert.equal(await resumable(dialler, origin.origin, { ca, resume: false }), false)
  })

  test('sessions of an unverified handshake are never offered where verification is on', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    await warnings(async () => {
      await resumable(dialler, origin.origin, { rejectUnauthorized: false })
      assert.equal(await resumable(dialler, origin.origin, { rejectUnauthorized: false }), true)
    })
    const error = await dialler.failure(origin.origin, { tls: {} })
    assert.equal(error.phase, 'tls')
  })

  test('sessions of other options, names or connectors are not offered', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    await resumable(dialler, origin.origin, { ca })
    for (const tls of [
      { ca, cert: clientCert, key: clientKey },
      { ca, servername: '127.0.0.1' },
      { ca, maxVersion: 'TLSv1.3' as const },
    ]) {
      assert.equal((await dialler.dial(origin.origin, { tls })).info.resumed, false)
    }
    assert.equal((await dialler.dial(`https://127.0.0.1:${origin.port}`, { tls: { ca } })).info.resumed, false)
    using other = new Dialler()
    assert.equal((await other.dial(origin.origin, { tls: { ca } })).info.resumed, false)
  })

  test('close() of a connector forgets its TLS sessions', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    await resumable(dialler, origin.origin, { ca })
    dialler.connector.close()
    assert.equal(await resumable(dialler, origin.origin, { ca }), false)
  })

  test('sessions of the caller’s own are taken', async () => {
    await using origin = await startH2Origin({}, { server: { maxVersion: 'TLSv1.2' } })
    using dialler = new Dialler()
    const { socket } = await dialler.dial(origin.origin, { tls: { ca, resume: false } })
    const session = (socket as TLSSocket).getSession()
    assert.ok(session)
    const { info, covers } = await dialler.dial(origin.origin, { tls: { ca, resume: false, session } })
    assert.deepEqual([info.resumed, covers('localhost')], [true, false])
    const pinned = { ca, resume: false, session, pinnedPublicKeys: [pin] }
    assert.equal((await dialler.dial(origin.origin, { tls: pinned })).info.resumed, false)
  })

  test('a ticket of TLS 1.3 is offered once, the last session of TLS 1.2 again and again', () => {
    const cache = new SessionCache()
    cache.add('a', kept('1'), true)
    cache.add('a', kept('2'), true)
    assert.deepEqual([taken(cache, 'a'), taken(cache, 'a'), taken(cache, 'a')], ['2', '1', undefined])
    cache.add('b', kept('1'), false)
    cache.add('b', kept('2'), false)
    assert.deepEqual([taken(cache, 'b'), taken(cache, 'b')], ['2', '2'])
  })

  test('sessions are kept for so many peers, and so many of each', () => {
    const cache = new SessionCache()
    for (let i = 0; i <= MAX_TLS_SESSION_PEERS; i++) cache.add(`p${i}`, kept('x'), true)
    assert.equal(cache.size, MAX_TLS_SESSION_PEERS)
    assert.equal(taken(cache, 'p0'), undefined)
    for (let i = 0; i <= MAX_TLS_TICKETS; i++) cache.add('q', kept(String(i)), true)
    for (let i = MAX_TLS_TICKETS; i > 0; i--) assert.equal(taken(cache, 'q'), String(i))
    assert.equal(taken(cache, 'q'), undefined)
    cache.clear()
    assert.equal(cache.size, 0)
  })
})

function kept(text: string): PeerSession {
  return { session: Buffer.from(text), certificate: undefined }
}

function taken(cache: SessionCache, key: string): string | undefined {
  return cache.take(key)?.session.toString()
}

describe('the key log', () => {
  test('the key log gives its lines to a function, and warns once', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const lines: string[] = []
    const said = await warnings(async () => {
      for (let i = 0; i < 2; i++) {
        await dialler.dial(origin.origin, { tls: { ca, keyLog: (line) => lines.push(String(line)) } })
      }
    })
    assert.ok(lines.some((line) => line.startsWith('CLIENT_HANDSHAKE_TRAFFIC_SECRET ')))
    assert.equal(said.filter((one) => one.includes('keyLog')).length, 1)
  })

  test('the key log goes to the file that SSLKEYLOGFILE names when it is asked for, and only then', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const folder = await mkdtemp(join(tmpdir(), 'hyper-'))
    const file = join(folder, 'keys')
    process.env.SSLKEYLOGFILE = file
    try {
      await dialler.dial(origin.origin, { tls: { ca } })
      await assert.rejects(readFile(file), { code: 'ENOENT' })
      await dialler.dial(origin.origin, { tls: { ca, keyLog: true } })
      assert.match(await readFile(file, 'utf8'), /^SERVER_HANDSHAKE_TRAFFIC_SECRET /m)
    } finally {
      delete process.env.SSLKEYLOGFILE
      await rm(folder, { recursive: true })
    }
  })

  test('a key log whose function throws, or whose file cannot be written, fails no connection', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const said = await warnings(async () => {
      const keyLog = (): void => {
        throw new Error('disk full')
      }
      await dialler.dial(origin.origin, { tls: { ca, keyLog } })
    })
    assert.ok(said.some((one) => one.includes('disk full')))
  })
})

describe('identity and trust', () => {
  test('a client certificate is shown', async () => {
    let seen = ''
    const server = { ca, requestCert: true, rejectUnauthorized: true }
    await using origin = await startH1Origin({}, { server })
    origin.server.on('secureConnection', (socket: TLSSocket) => {
      seen = String(socket.getPeerCertificate().subject.CN)
    })
    using dialler = new Dialler()
    await dialler.dial(origin.origin, { tls: { ca, cert: clientCert, key: clientKey } })
    await until(() => seen !== '')
    assert.equal(seen, 'test client')
  })

  test('the name of SNI is the host’s, or the caller’s, and none for an address', async () => {
    const names: unknown[] = []
    const two = await certificateFor('localhost', '127.0.0.1', 'other.test')
    await using origin = await startH2Origin({}, { server: { cert: two.cert, key: two.key } })
    origin.server.on('secureConnection', (socket: TLSSocket) => names.push(socket.servername))
    using dialler = new Dialler()
    await dialler.dial(origin.origin, { tls: { ca } })
    const other = await dialler.dial(origin.origin, { tls: { ca, servername: 'other.test' } })
    const address = await dialler.dial(`https://127.0.0.1:${origin.port}`, { tls: { ca } })
    await until(() => names.length === 3)
    assert.deepEqual(names, ['localhost', 'other.test', false])
    assert.deepEqual([other.info.servername, address.info.servername], ['other.test', undefined])
    assert.equal(address.covers('other.test'), true)
  })

  test('TLS below 1.2 is refused, unless asked for, which warns', async () => {
    const server = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await using origin = await startH1Origin({}, { server })
    using dialler = new Dialler()
    assert.equal((await dialler.failure(origin.origin, { tls: { ca } })).phase, 'tls')
    const said = await warnings(async () => {
      await dialler.dial(origin.origin, { tls: { ca, minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } })
    })
    assert.ok(said.some((one) => one.includes('minVersion: TLSv1.1')))
  })

  test('a connection that was not verified by the ordinary rules covers no other host', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const own = { ca, checkServerIdentity: () => undefined }
    const unverified = { rejectUnauthorized: false }
    for (const tls of [own, unverified]) {
      const { covers } = await dialler.dial(origin.origin, { tls })
      assert.equal(covers('localhost'), false)
    }
  })

  test('what a certificate covers is known when the socket is gone, too', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const { socket, covers } = await dialler.dial(origin.origin, { tls: { ca } })
    socket.destroy()
    await until(() => socket.closed)
    assert.equal(covers('localhost'), true)
  })
})

describe('options are refused by name', () => {
  const bad: [RegExp, unknown][] = [
    [/^tls must be an object/, null],
    [/^tls\.resume must be true or false, not 1/, { resume: 1 }],
    [/^tls\.session must be/, { session: 'x' }],
    [/^tls\.pinnedPublicKeys must be .* not string/, { pinnedPublicKeys: pin }],
    [/^tls\.pinnedPublicKeys must be .* not empty/, { pinnedPublicKeys: [] }],
    [/^tls\.pinnedPublicKeys must be .* not "sha1\/x"/, { pinnedPublicKeys: ['sha1/x'] }],
    [/^tls\.keyLog must be/, { keyLog: 'file' }],
    [/SSLKEYLOGFILE/, { keyLog: true }],
  ]
  for (const [message, tls] of bad) {
    test(String(message), () => {
      delete process.env.SSLKEYLOGFILE
      assert.throws(() => checkTlsOptions(tls as TlsOptions), { code: 'ERR_HYPER_INVALID_ARGUMENT', message })
    })
  }
})

test('the certificate of the tests and its key belong together', () => {
  assert.ok(cert.includes('BEGIN CERTIFICATE') && key.includes('PRIVATE KEY'))
})
