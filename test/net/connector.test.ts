import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type LookupFunction, type Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AbortedError, type ConnectOptions, TimeoutError } from '../../src/index.ts'
import type { Address } from '../../src/net/connector.ts'
import { testCertificate } from '../support/certificate.ts'
import { startDualOrigin, startH1Origin, startH2Origin } from '../support/origin.ts'
import { ask, Dialler, errorOf, until } from './dialler.ts'

const { ca } = await testCertificate()

/** Accepts and says nothing. */
async function startSilent(): Promise<Server & AsyncDisposable & { port: number; open: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.defineProperties(server as Server & AsyncDisposable & { port: number; open: number }, {
    port: { value: (server.address() as AddressInfo).port },
    open: { get: () => sockets.size },
    [Symbol.asyncDispose]: {
      value: async () => {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      },
    },
  })
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('a direct dial', () => {
  test('a direct dial over TLS agrees on HTTP/2 where both can, and says what was agreed', async () => {
    await using origin = await startDualOrigin()
    using dialler = new Dialler()
    const attempt = dialler.begin(origin.origin, { tls: { ca } })
    const { info, absoluteForm, covers } = await attempt.result
    assert.deepEqual(
      [info.protocol, info.encrypted, info.authorized, info.servername, info.proxy, info.resumed],
      ['h2', true, true, 'localhost', undefined, false],
    )
    assert.deepEqual([info.remoteAddress, info.remotePort, info.remoteFamily], ['127.0.0.1', origin.port, 'IPv4'])
    assert.ok(info.localPort !== undefined && info.localAddress === '127.0.0.1')
    const { start, lookup, connect, proxy, secureConnect } = info.timings
    assert.ok(lookup !== undefined && connect !== undefined && secureConnect !== undefined)
    assert.ok(start <= lookup && lookup <= connect && connect <= secureConnect)
    assert.equal(proxy, undefined)
    assert.equal(absoluteForm, undefined)
    assert.deepEqual([covers('localhost'), covers('other.test')], [true, false])
    assert.deepEqual(
      attempt.steps.map((step) => step.step),
      ['lookup', 'attempt', 'connected', 'secure'],
    )
    const last = attempt.steps.at(-1)
    assert.ok(last?.step === 'secure')
    assert.deepEqual([last.peer, last.protocol, last.version, last.resumed], ['origin', 'h2', 'TLSv1.3', false])
  })

  test('a direct dial agrees on HTTP/1.1 where the server, or the caller, has nothing else', async () => {
    await using old = await startH1Origin()
    await using both = await startDualOrigin()
    using dialler = new Dialler()
    const dialled = await dialler.dial(old.origin, { tls: { ca } })
    assert.equal(dialled.info.protocol, 'http/1.1')
    assert.equal(await ask(dialled, 'localhost'), 'HTTP/1.1 200 OK')
    const second = await dialler.dial(both.origin, { tls: { ca }, allowH2: false })
    assert.equal(second.info.protocol, 'http/1.1')
  })

  test('a direct dial of an http: origin has no TLS, and HTTP/2 by prior knowledge alone', async () => {
    await using origin = await startH2Origin({}, { plain: true })
    using dialler = new Dialler()
    const plain = await dialler.dial(origin.origin)
    assert.deepEqual([plain.info.protocol, plain.info.encrypted, plain.covers('localhost')], ['http/1.1', false, false])
    const h2c = await dialler.dial(origin.origin, { h2c: 'prior-knowledge' })
    assert.equal(h2c.info.protocol, 'h2')
    assert.equal((await dialler.dial(origin.origin, { h2c: 'upgrade' })).info.protocol, 'http/1.1')
  })

  test('a direct dial goes to a unix domain socket, TLS for the origin’s name included; a proxy does not count then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hyper-'))
    const path = join(folder, 's')
    const { cert, key } = await testCertificate()
    const server = createHttpsServer({ cert, key }, (_request, response) => response.end('{}'))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    try {
      using dialler = new Dialler()
      const options = { socketPath: path, proxy: 'http://localhost:1', tls: { ca } }
      const attempt = dialler.begin('https://localhost', options)
      const dialled = await attempt.result
      assert.deepEqual([dialled.info.remoteAddress, dialled.info.proxy], [undefined, undefined])
      assert.equal(dialled.info.servername, 'localhost')
      assert.deepEqual(attempt.steps[0], { step: 'connected', path, ends: {} })
      assert.equal(await ask(dialled, 'localhost'), 'HTTP/1.1 200 OK')
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true })
    }
  })

  test('a direct dial takes lookup, family and local address from its options', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    using dialler = new Dialler()
    const asked: [string, unknown][] = []
    const lookup: LookupFunction = (host, options, callback) => {
      asked.push([host, options.family])
      callback(null, [{ address: '127.0.0.1', family: 4 }])
    }
    const options: ConnectOptions = { lookup, family: 4, localAddress: '127.0.0.1' }
    const { info } = await dialler.dial(`http://somewhere.test:${origin.port}`, options)
    assert.deepEqual(asked, [['somewhere.test', 4]])
    assert.equal(info.localAddress, '127.0.0.1')
  })

  test('a direct dial tries the next address when one does not answer', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    const lookup: LookupFunction = (_host, _options, callback) =>
      callback(null, [
        { address: '127.0.0.2', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])
    // The server listens on 127.0.0.1 alone.
    using dialler = new Dialler()
    const attempt = dialler.begin(`http://two.test:${origin.port}`, { lookup })
    assert.equal((await attempt.result).info.remoteAddress, '127.0.0.1')
    const failed = attempt.steps.find((step) => step.step === 'attempt-failed')
    assert.ok(failed?.step === 'attempt-failed' && failed.address === '127.0.0.2')
    assert.equal(dialler.open, 1)
  })
})

describe('failures name origin, phase and cause', () => {
  test('a name that cannot be resolved is an error of the phase dns', async () => {
    const lookup: LookupFunction = (host, _options, callback) =>
      callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }), [])
    using dialler = new Dialler({}, { lookup })
    const error = await dialler.failure('https://nowhere.test')
    assert.equal(error.message, 'Cannot connect to https://nowhere.test: getaddrinfo ENOTFOUND nowhere.test')
    assert.deepEqual([error.code, error.origin, error.phase], ['ERR_HYPER_CONNECT', 'https://nowhere.test', 'dns'])
    assert.equal('systemCode' in error && error.systemCode, 'ENOTFOUND')
    assert.ok(error.cause instanceof Error)
  })

  test('a TCP failure names the phase tcp, and the name is looked up again afterwards', async () => {
    const port = await closedPort()
    let lookups = 0
    const lookup: LookupFunction = (_host, _options, callback) => {
      lookups++
      callback(null, [{ address: '127.0.0.1', family: 4 }])
    }
    using dialler = new Dialler({}, { lookup })
    for (let i = 0; i < 2; i++) {
      const error = await dialler.failure(`https://a.test:${port}`)
      assert.match(error.message, /^Cannot connect to https:\/\/a\.test:\d+: connect ECONNREFUSED/)
      assert.equal(error.phase, 'tcp')
    }
    assert.deepEqual([lookups, dialler.open], [2, 0])
  })

  test('a missing unix domain socket is an error of the phase tcp', async () => {
    using dialler = new Dialler()
    const error = await dialler.failure('http://localhost', { socketPath: '/nowhere/s' })
    assert.match(error.message, /through \/nowhere\/s: connect ENOENT/)
    assert.equal(error.phase, 'tcp')
  })

  test('an untrusted certificate, or one for another name, is an error of the phase tls', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const untrusted = await dialler.failure(origin.origin)
    assert.deepEqual([untrusted.phase, untrusted.code], ['tls', 'ERR_HYPER_CONNECT'])
    const other = await dialler.failure(origin.origin, { tls: { ca, servername: 'other.test' } })
    assert.equal('systemCode' in other && other.systemCode, 'ERR_TLS_CERT_ALTNAME_INVALID')
    await until(() => origin.open === 0)
    assert.equal(dialler.open, 0)
  })

  test('a key that cannot be read is an error of the phase tls', async () => {
    await using origin = await startH2Origin()
    using dialler = new Dialler()
    const error = await dialler.failure(origin.origin, { tls: { ca, key: 'no key', cert: 'none' } })
    assert.deepEqual([error.phase, error.code], ['tls', 'ERR_HYPER_CONNECT'])
    await until(() => origin.open === 0)
    assert.equal(dialler.open, 0)
  })

  test('a peer that closes during the handshake is an error of the phase tls', async () => {
    await using server = await startSilent()
    using dialler = new Dialler()
    server.on('connection', (socket) => socket.end())
    const error = await dialler.failure(`https://127.0.0.1:${server.port}`)
    assert.equal(error.phase, 'tls')
    await until(() => server.open === 0)
    assert.equal(dialler.open, 0)
  })

  test('unknown options are refused by name', async () => {
    using dialler = new Dialler()
    const bad: ConnectOptions[] = [
      { proxy: 'ftp://x' },
      { tls: { pinnedPublicKeys: ['x'] } },
      { tls: { keyLog: true } },
    ]
    delete process.env.SSLKEYLOGFILE
    for (const options of bad) {
      assert.equal((await dialler.failure('https://a.test', options)).code, 'ERR_HYPER_INVALID_ARGUMENT')
    }
    assert.equal(dialler.sockets.length, 0)
  })
})

describe('deadlines', () => {
  const never: LookupFunction = () => {}
  const blackHole = (): Socket => new Socket()

  test('connectTimeout covers the whole connection, and names the phase that was under way', async () => {
    await using server = await startSilent()
    const url = `https://127.0.0.1:${server.port}`
    const cases: [string, Dialler, string][] = [
      ['dns', new Dialler({ connectTimeout: 20 }, { lookup: never }), 'https://a.test'],
      ['tcp', new Dialler({ connectTimeout: 20 }, { connect: blackHole }), url],
      ['tls', new Dialler({ connectTimeout: 50 }), url],
    ]
    for (const [phase, dialler, origin] of cases) {
      using held = dialler
      const error = await held.failure(origin)
      assert.ok(error instanceof TimeoutError)
      assert.deepEqual([error.kind, error.phase, error.origin], ['connect', phase, origin])
      assert.equal(held.open, 0)
    }
    await until(() => server.open === 0)
  })

  test('a limit longer than a timer can count does not end a dial', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    using dialler = new Dialler({ connectTimeout: 1e12, tcpTimeout: 1e12 })
    await dialler.dial(origin.origin)
  })

  test('each phase has a limit of its own, and the others do not count then', async () => {
    await using server = await startSilent()
    const url = `https://127.0.0.1:${server.port}`
    const cases: [string, Dialler, string][] = [
      ['dns', new Dialler({ lookupTimeout: 20, connectTimeout: 0 }, { lookup: never }), 'https://a.test'],
      ['tcp', new Dialler({ tcpTimeout: 20, connectTimeout: 0 }, { connect: blackHole }), url],
      ['tls', new Dialler({ tlsTimeout: 20, tcpTimeout: 5000, connectTimeout: 0 }), url],
    ]
    for (const [phase, dialler, origin] of cases) {
      using held = dialler
      const error = await held.failure(origin)
      assert.ok(error instanceof TimeoutError)
      assert.deepEqual([error.timeout, error.phase], [20, phase])
      assert.equal(held.open, 0)
    }
  })
})

describe('a dial that is given up', () => {
  const reason = new AbortedError()

  test('a dial that is given up calls back with the reason, once, and leaves nothing open, whatever it was at', async () => {
    await using server = await startSilent()
    const url = `https://127.0.0.1:${server.port}`
    const stopAt = ['lookup', 'attempt', 'connected'] as const
    for (const step of stopAt) {
      using dialler = new Dialler()
      const attempt = dialler.begin(url)
      await until(() => attempt.steps.some((one) => one.step === step))
      attempt.dial.cancel(reason)
      attempt.dial.cancel(new AbortedError('again'))
      assert.equal(await errorOf(attempt), reason)
      assert.equal(dialler.open, 0, step)
    }
    await until(() => server.open === 0)
  })

  test('a dial that is given up before it has begun begins nothing', async () => {
    using dialler = new Dialler()
    const attempt = dialler.begin('https://127.0.0.1:1')
    attempt.dial.cancel(reason)
    assert.equal(await errorOf(attempt), reason)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([attempt.steps.length, dialler.sockets.length], [0, 0])
  })

  test('a dial that is given up by its own observer, at any step, leaves nothing open', async () => {
    await using origin = await startH2Origin()
    const { Connector } = await import('../../src/net/connector.ts')
    const { parseOrigin } = await import('../../src/net/origin.ts')
    for (const at of ['lookup', 'attempt', 'connected', 'secure']) {
      const connector = new Connector()
      const error = await new Promise<Error | null>((resolve) => {
        const dial = connector.dial(parseOrigin(origin.origin), { tls: { ca } }, resolve, {
          onStep: ({ step }) => {
            if (step === at) dial.cancel(reason)
          },
        })
      })
      assert.equal(error, reason)
      await until(() => origin.open === 0)
      connector.close()
    }
  })

  test('giving up a dial after its end changes nothing', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    using dialler = new Dialler()
    const attempt = dialler.begin(origin.origin)
    const { socket } = await attempt.result
    attempt.dial.cancel(reason)
    assert.equal(socket.destroyed, false)
  })
})

test('lookup() gives what a dial would try, and fails as one would', async () => {
  const lookup: LookupFunction = (host, _options, callback) => {
    if (host === 'a.test') callback(null, [{ address: '192.0.2.1', family: 4 }])
    else callback(new Error('no such name'), [])
  }
  using dialler = new Dialler({}, { lookup })
  const find = (host: string): Promise<readonly Address[]> =>
    new Promise((resolve, reject) => {
      dialler.connector.lookup(host, {}, (error, addresses) => (error === null ? resolve(addresses) : reject(error)))
    })
  assert.deepEqual(await find('a.test'), [{ address: '192.0.2.1', family: 4 }])
  assert.deepEqual(await find('::1'), [{ address: '::1', family: 6 }])
  await assert.rejects(find('b.test'), {
    code: 'ERR_HYPER_CONNECT',
    phase: 'dns',
  })
})

test('close() of a connector forgets DNS answers', async () => {
  await using origin = await startH1Origin({}, { plain: true })
  let lookups = 0
  const lookup: LookupFunction = (_host, _options, callback) => {
    lookups++
    callback(null, [{ address: '127.0.0.1', family: 4 }])
  }
  using dialler = new Dialler({}, { lookup })
  await dialler.dial(`http://a.test:${origin.port}`)
  await dialler.dial(`http://a.test:${origin.port}`)
  assert.equal(lookups, 1)
  dialler.connector.close()
  await dialler.dial(`http://a.test:${origin.port}`)
  assert.equal(lookups, 2)
})
