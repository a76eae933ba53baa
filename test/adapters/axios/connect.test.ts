import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, Agent as HttpAgent } from 'node:http'
import https, { Agent as HttpsAgent } from 'node:https'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import axios, { type AxiosStatic } from 'axios'
import { createHyperAdapter, hyperAdapter } from '../../../adapters/axios.ts'
import { Pool } from '../../../src/index.ts'
import { certificateFor, testCertificate } from '../../support/certificate.ts'
import { startDualOrigin, startH1Origin, startH2Origin } from '../../support/origin.ts'
import { failure } from './support.ts'

test("the httpsAgent's TLS options are honoured, and the same agent shares a connection", async () => {
  const { ca, clientCert, clientKey } = await testCertificate()
  const seen: unknown[] = []
  await using origin = await startH2Origin(
    {
      '/who'(_call, answer) {
        const stream = answer.stream as unknown as { session: { socket: TLSSocket } }
        seen.push(stream.session.socket.getPeerCertificate().subject?.CN)
        answer.head(200)
        answer.end()
      },
    },
    { server: { requestCert: true, rejectUnauthorized: false, ca } },
  )
  await using pool = new Pool()
  const httpsAgent = new HttpsAgent({ ca, cert: clientCert, key: clientKey })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), httpsAgent, proxy: false })
  for (let i = 0; i < 3; i++) await instance.get(`${origin.origin}/who`)
  assert.deepEqual(seen, ['test client', 'test client', 'test client'])
  assert.equal(origin.connections, 1)
})

test('servername, checkServerIdentity and rejectUnauthorized of an agent', async () => {
  const named = await certificateFor('named.test')
  await using origin = await startH2Origin({}, { server: { cert: named.cert, key: named.key } })
  await using pool = new Pool({ tls: { ca: named.ca } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false, baseURL: origin.origin })
  assert.equal((await failure(instance.get('/json'))).code, 'ERR_TLS_CERT_ALTNAME_INVALID')
  for (const options of [
    { servername: 'named.test' },
    { checkServerIdentity: () => undefined },
    { rejectUnauthorized: false },
  ]) {
    assert.equal((await instance.get('/json', { httpsAgent: new HttpsAgent(options) })).status, 200)
  }
})

test('httpVersion and http2Options choose the protocol and the TLS options', async () => {
  await using origin = await startDualOrigin()
  await using pool = new Pool()
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false, baseURL: origin.origin })
  const get = async (config: object): Promise<string> => {
    const { request } = await instance.get('/json', { http2Options: { ca: origin.ca }, ...config } as object)
    return request.res.httpVersion
  }
  assert.equal(await get({}), '2.0')
  assert.equal(await get({ httpVersion: 2 }), '2.0')
  assert.equal(await get({ httpVersion: 1 }), '1.1')
  const before = origin.connections
  await get({ httpVersion: 1 })
  assert.equal(origin.connections, before)
  const wrong = await failure(instance.get('/json', { httpVersion: 3 } as object))
  assert.equal(wrong.code, 'ERR_BAD_OPTION_VALUE')
})

test('lookup by callback and by promise, in each form of answer, and family', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca, servername: 'localhost' } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false })
  const asked: string[] = []
  const forms: object[] = [
    {
      lookup: (host: string, _o: object, done: (...a: unknown[]) => void) => {
        asked.push(host)
        done(null, '127.0.0.1', 4)
      },
    },
    { lookup: async () => '127.0.0.1' },
    { lookup: async () => ['127.0.0.1', 4] },
    { lookup: async () => ({ address: '127.0.0.1', family: 4 }) },
    {
      lookup: (_h: string, _o: object, done: (...a: unknown[]) => void) =>
        done(null, [{ address: '127.0.0.1', family: 4 }]),
    },
  ]
  for (const form of forms) {
    assert.equal((await instance.get(`https://looked-up.test:${origin.port}/json`, form)).status, 200)
  }
  assert.deepEqual(asked, ['looked-up.test'])
  const fails = { lookup: async () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' })) }
  assert.equal((await failure(instance.get('https://nobody.test/', fails as object))).code, 'ENOTFOUND')
  const family = await instance.get(`${origin.origin}/json`, { family: 4 } as object)
  assert.equal(family.request.socket.remoteFamily, 'IPv4')
})

test('socketPath with a path alone, and allowedSocketPaths', {
  skip: process.platform === 'win32' && 'no unix sockets',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'axios-'))
  const socketPath = join(folder, 's')
  const server = createServer((request, response) => response.end(`at ${request.url ?? ''}`)).listen(socketPath)
  await once(server, 'listening')
  await using pool = new Pool()
  const instance = axios.create({ adapter: createHyperAdapter({ pool }) })
  for (let i = 0; i < 2; i++) assert.equal((await instance.get('/path?q=1', { socketPath })).data, 'at /path?q=1')
  assert.equal(pool.stats().connections, 1)
  assert.equal((await instance.get('/', { socketPath, allowedSocketPaths: [socketPath] } as object)).status, 200)
  for (const bad of [{ socketPath, allowedSocketPaths: ['/other'] }, { socketPath: 7 }]) {
    assert.equal((await failure(instance.get('/', bad as object))).code, 'ERR_BAD_OPTION_VALUE')
  }
  await pool.destroy()
  server.close()
  await rm(folder, { recursive: true })
})

test("what only axios's own adapter can do is handed to it", async () => {
  await using origin = await startH1Origin()
  await using pool = new Pool()
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), baseURL: origin.origin, proxy: false })
  class OwnAgent extends HttpsAgent {}
  const httpsAgent = new HttpsAgent({ ca: origin.ca })
  let transported = 0
  const transport = {
    request: (...args: Parameters<typeof https.request>) => {
      transported++
      return https.request(...args)
    },
  }
  assert.equal((await instance.get('/json', { httpsAgent: new OwnAgent({ ca: origin.ca }) })).status, 200)
  assert.equal((await instance.get('/json', { transport, httpsAgent } as object)).status, 200)
  assert.equal(transported, 1)
  assert.equal((await instance.get('/json', { maxRate: 1_000_000, httpsAgent })).status, 200)
  assert.equal((await instance.get('data:,hello', { baseURL: '', responseType: 'text' })).data, 'hello')
  await using proxy = await startH1Origin(
    {
      '*'(_call, answer) {
        answer.head(200)
        answer.end('by proxy')
      },
    },
    { plain: true },
  )
  const target = 'http://nobody.invalid/path'
  const byProxy = await instance.get(target, { proxy: { host: 'localhost', port: proxy.port, protocol: 'http' } })
  assert.equal(byProxy.data, 'by proxy')
  assert.equal(pool.stats().connections, 0)
  const agent = new HttpAgent()
  await using plain = await startH1Origin({}, { plain: true })
  assert.equal((await instance.get(`${plain.origin}/json`, { httpAgent: agent })).status, 200)
  assert.equal(pool.stats().connections, 1)
})

test('import and require: each build of axios gets its own classes', async () => {
  const required = createRequire(import.meta.url)('axios') as AxiosStatic
  assert.notEqual(required.AxiosError, axios.AxiosError)
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const adapter = createHyperAdapter({ pool })
  for (const build of [axios, required]) {
    const instance = build.create({ adapter, proxy: false, baseURL: origin.origin })
    const response = await instance.get('/trailers')
    assert.ok(response.headers instanceof build.AxiosHeaders)
    assert.ok(Reflect.get(response, 'trailers') instanceof build.AxiosHeaders)
    await assert.rejects(instance.get('/status/404'), (error: unknown) => error instanceof build.AxiosError)
    const cancelled = instance.get('/json', { signal: AbortSignal.timeout(0) })
    await cancelled.catch((error: unknown) => assert.ok(error instanceof build.CanceledError))
  }
  const given = axios.create({ adapter: createHyperAdapter({ pool, axios: required }), proxy: false })
  await assert.rejects(
    given.get(`${origin.origin}/status/404`),
    (error: unknown) => error instanceof required.AxiosError,
  )
})

test("options without a pool of one's own share the process-wide pool; close() closes only one's own", async () => {
  await using origin = await startH2Origin()
  const own = createHyperAdapter({ tls: { ca: origin.ca } })
  const instance = axios.create({ adapter: own, proxy: false })
  assert.equal((await instance.get(`${origin.origin}/json`)).status, 200)
  await own.close()
  await failure(instance.get(`${origin.origin}/json`))
  await hyperAdapter.close()
})

test('properties of Object.prototype are no options', async () => {
  await using origin = await startH2Origin()
  await using pool = new Pool({ tls: { ca: origin.ca } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false })
  const polluted = Object.prototype as Record<string, unknown>
  const names = ['auth', 'transport', 'maxRate', 'httpVersion', 'http2Options', 'sensitiveHeaders', 'x-polluted']
  for (const name of names) polluted[name] = 'polluted'
  try {
    const { headers } = await instance.get(`${origin.origin}/echo`)
    assert.ok(!Object.hasOwn(headers, 'x-authorization') && !Object.hasOwn(headers, 'x-x-polluted'))
  } finally {
    for (const name of names) delete polluted[name]
  }
})

test("what is handed to axios's own adapter goes with the pool's TLS options", async () => {
  await using origin = await startH1Origin()
  const adapter = createHyperAdapter({ tls: { ca: origin.ca } })
  const client = axios.create({ adapter })
  for (const config of [{ insecureHTTPParser: true }, { maxRate: 1_000_000 }]) {
    assert.equal((await client.get(`${origin.origin}/json`, config)).status, 200)
  }
  const by = (httpsAgent: https.Agent): Promise<unknown> =>
    client.get(`${origin.origin}/json`, { maxRate: 1_000_000, httpsAgent }).then(
      ({ status }) => status,
      (error: unknown) => Reflect.get(Object(error), 'code'),
    )
  // As where it is not handed over: an agent's own options go before the pool's, and what it does not say the pool says.
  assert.equal(await by(new https.Agent()), 200)
  const other = (await certificateFor('other.test')).cert
  assert.equal(await by(new https.Agent({ ca: other })), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  await adapter.close()
})

test('a lookup that is not a function, or returns no address, is refused', async () => {
  await using origin = await startH2Origin()
  const adapter = createHyperAdapter({ tls: { ca: origin.ca } })
  const code = (lookup: unknown): Promise<unknown> =>
    axios.get(`${origin.origin}/json`, { adapter, lookup: lookup as never }).then(
      ({ status }) => status,
      (error: unknown) => Reflect.get(Object(error), 'code'),
    )
  assert.equal(await code(5), 'ERR_INVALID_ARG_TYPE')
  for (const answer of [5, undefined, [], { address: 5 }])
    assert.equal(await code(async () => answer), 'ERR_BAD_OPTION_VALUE')
  assert.equal(await code(async () => '127.0.0.1'), 200)
  await adapter.close()
})
