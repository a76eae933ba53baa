import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { describe, test } from 'node:test'
import { AbortedError, Pool, ProxyError, TimeoutError } from '../../src/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { send } from '../support/exchange.ts'
import { startH1Origin, startH2Origin } from '../support/origin.ts'
import { startSocks } from '../support/socks.ts'
import { ask, Dialler, errorOf, until } from './dialler.ts'

const { ca } = await testCertificate()

const here: LookupFunction = (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }])

describe('who resolves the name', () => {
  const cases: [scheme: string, version: number, host: string][] = [
    ['socks', 5, 'localhost'],
    ['socks5h', 5, 'localhost'],
    ['socks5', 5, '127.0.0.1'],
    ['socks4a', 4, 'localhost'],
    ['socks4', 4, '127.0.0.1'],
  ]
  for (const [scheme, version, host] of cases) {
    test(`${scheme}: asks for ${host}`, async () => {
      await using origin = await startH2Origin()
      await using socks = await startSocks()
      using dialler = new Dialler({}, { lookup: here })
      const url = `${scheme}://127.0.0.1:${socks.port}`
      const attempt = dialler.begin(origin.origin, { tls: { ca }, proxy: url })
      const { info } = await attempt.result
      assert.deepEqual([info.protocol, info.authorized, info.servername, info.proxy], ['h2', true, 'localhost', url])
      assert.deepEqual(socks.asked, [{ version, host, port: origin.port, user: version === 4 ? '' : undefined }])
      const step = attempt.steps.find((one) => one.step === 'proxy')
      assert.ok(step?.step === 'proxy' && step.protocol === `socks${version}`)
      assert.ok(info.timings.proxy !== undefined)
    })
  }

  test('an IPv6 address is asked for as such', async () => {
    await using socks = await startSocks({ refuseWith: 4 })
    using dialler = new Dialler()
    await dialler.failure('https://[2001:db8::1]', { proxy: `socks5h://127.0.0.1:${socks.port}` })
    assert.equal(socks.asked[0].host, '2001:0db8:0000:0000:0000:0000:0000:0001')
  })
})

test('plain origins and pools go through, HTTP/1.1 and HTTP/2', async () => {
  await using plain = await startH1Origin({}, { plain: true })
  await using secure = await startH2Origin()
  await using socks = await startSocks()
  const proxy = `socks5h://127.0.0.1:${socks.port}`
  using dialler = new Dialler()
  assert.equal(await ask(await dialler.dial(plain.origin, { proxy }), 'localhost'), 'HTTP/1.1 200 OK')
  await using pool = new Pool({ proxy, tls: { ca } })
  for (const { origin } of [plain, secure]) {
    assert.equal((await send(pool, { origin, path: '/json' })).status, 200)
  }
})

test('what the origin says together with the proxy’s reply is not lost', async () => {
  await using origin = await startH1Origin({}, { plain: true })
  await using socks = await startSocks({ eager: 'early words' })
  using dialler = new Dialler()
  const { socket } = await dialler.dial(origin.origin, { proxy: `socks5h://127.0.0.1:${socks.port}` })
  await new Promise((resolve) => setImmediate(resolve))
  const [chunk] = await new Promise<Buffer[]>((resolve) => socket.once('data', (one: Buffer) => resolve([one])))
  assert.equal(String(chunk), 'early words')
})

describe('credentials', () => {
  test('credentials are shown to the proxy', async () => {
    await using origin = await startH2Origin()
    await using socks = await startSocks({ credentials: 'us@er:secret' })
    using dialler = new Dialler()
    const proxy = `socks5h://us%40er:secret@127.0.0.1:${socks.port}`
    await dialler.dial(origin.origin, { tls: { ca }, proxy })
    assert.equal(socks.asked[0].user, 'us@er')
  })

  test('credentials that are wrong or missing are an error that does not show them', async () => {
    await using socks = await startSocks({ credentials: 'user:secret' })
    using dialler = new Dialler()
    for (const userinfo of ['user:other-secret@', '']) {
      const proxy = `socks5h://${userinfo}127.0.0.1:${socks.port}`
      const error = await dialler.failure('https://localhost:1', { proxy })
      assert.ok(error instanceof ProxyError)
      assert.match(
        error.message,
        /^The proxy socks5h:\/\/127\.0\.0\.1:\d+ did not connect to https:\/\/localhost:1: .*[Aa]uth/,
      )
      const { inspect } = await import('node:util')
      assert.doesNotMatch(inspect(error), /other-secret/)
    }
    await until(() => socks.open === 0)
    assert.equal(dialler.open, 0)
  })
})

describe('a proxy that does not connect to the origin', () => {
  test('a proxy that does not connect to the origin says why in the error', async () => {
    await using socks = await startSocks({ refuseWith: 5 })
    using dialler = new Dialler()
    const error = await dialler.failure('https://localhost:1', { proxy: `socks://127.0.0.1:${socks.port}` })
    assert.ok(error instanceof ProxyError)
    assert.match(error.message, /ConnectionRefused/)
    assert.deepEqual([error.status, error.phase, error.origin], [undefined, 'proxy', 'https://localhost:1'])
    await until(() => socks.open === 0)
  })

  test('a proxy that is silent runs into the deadline, or is given up, and leaves nothing open', async () => {
    await using socks = await startSocks({ silent: true })
    using hasty = new Dialler({ proxyTimeout: 30 })
    const proxy = `socks://127.0.0.1:${socks.port}`
    const error = await hasty.failure('https://localhost:1', { proxy })
    assert.ok(error instanceof TimeoutError)
    assert.equal(error.phase, 'proxy')
    using dialler = new Dialler()
    const attempt = dialler.begin('https://localhost:1', { proxy })
    await until(() => attempt.steps.some((step) => step.step === 'connected'))
    const reason = new AbortedError()
    attempt.dial.cancel(reason)
    assert.equal(await errorOf(attempt), reason)
    assert.deepEqual([hasty.open, dialler.open], [0, 0])
    await until(() => socks.open === 0)
  })

  test('a name that cannot be resolved here fails the dial before the proxy is connected to', async () => {
    await using socks = await startSocks()
    const lookup: LookupFunction = (_host, _options, callback) => callback(new Error('no such name'), [])
    using dialler = new Dialler({}, { lookup })
    const error = await dialler.failure('https://a.test', { proxy: `socks5://127.0.0.1:${socks.port}` })
    assert.deepEqual([error.phase, socks.connections], ['dns', 0])
  })
})

describe('the package', () => {
  test('an error names the missing package socks, and the command that installs it', async () => {
    await using socks = await startSocks({ silent: true })
    const missing = Object.assign(new Error('Cannot find package'), { code: 'MODULE_NOT_FOUND' })
    for (const [thrown, message] of [
      [missing, /npm install socks$/],
      [new Error('broken'), /the package "socks" cannot be loaded: broken$/],
    ] as const) {
      using dialler = new Dialler({}, { loadSocks: () => Promise.reject(thrown) })
      const error = await dialler.failure('https://localhost:1', { proxy: `socks://127.0.0.1:${socks.port}` })
      assert.deepEqual([error.code, error.phase], ['ERR_HYPER_CONNECT', 'proxy'])
      assert.match(error.message, message)
      assert.equal(dialler.open, 0)
    }
  })

  test('the package socks does nothing when it is loaded after the dial was given up', async () => {
    await using socks = await startSocks()
    let resolve: (module: typeof import('socks')) => void = () => {}
    const promise = new Promise<typeof import('socks')>((loaded) => {
      resolve = loaded
    })
    let asked = false
    using dialler = new Dialler(
      {},
      {
        loadSocks: () => {
          asked = true
          return promise
        },
      },
    )
    const attempt = dialler.begin('https://localhost:1', { proxy: `socks://127.0.0.1:${socks.port}` })
    await until(() => asked)
    attempt.dial.cancel(new AbortedError())
    resolve(await import('socks'))
    await errorOf(attempt)
    await until(() => socks.open === 0)
    assert.equal(dialler.open, 0)
  })
})
