/** A request's identity and trust through the shims, and the pool's by its side doors. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import axios from 'axios'
import got from 'got'
import { request } from 'undici'
import { createHyperAgent } from '../../../adapters/agent.ts'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { hyperGot } from '../../../adapters/got.ts'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { createTlsContext, type TlsOptions } from '../../../src/index.ts'
import { publicKeyHash } from '../../../src/net/tls-options.ts'
import { certificateFor, testCertificate } from '../../support/certificate.ts'
import { runModule } from '../../support/child.ts'
import { type OriginOptions, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { startProxy } from '../../support/proxy.ts'

const { ca, clientCert, clientKey } = await testCertificate()
const other = await certificateFor('other client')
const A = { cert: other.cert, key: other.key }
const B = { cert: clientCert, key: clientKey }
const pinnedPublicKeys = [publicKeyHash(new X509Certificate(clientCert))]

/** Says whose certificate it is shown. */
function who(start: typeof startH1Origin | typeof startH2Origin): Promise<TestOrigin> {
  const server: OriginOptions['server'] = { requestCert: true, rejectUnauthorized: false, ca }
  const route = {
    '/who'(_call: unknown, answer: { stream: unknown; head(status: number): void; end(text: string): void }): void {
      const { stream } = answer
      const held = stream as { session?: { socket: TLSSocket }; socket?: TLSSocket }
      const socket = held.session?.socket ?? held.socket
      answer.head(200)
      answer.end(String(socket?.getPeerCertificate().subject?.CN))
    },
  }
  return start(route, { server })
}

for (const [protocol, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  describe(`over ${protocol}`, () => {
    const forms: Readonly<Record<string, TlsOptions>> = {
      'certificate and key': { ca, ...A },
      'a context': { secureContext: createTlsContext({ ca, ...A }) },
    }
    for (const [form, tls] of Object.entries(forms)) {
      test(`a request’s certificate is shown in the place of the pool’s: ${form}`, async () => {
        await using origin = await who(start)
        const url = `${origin.origin}/who`
        const adapter = createHyperAdapter({ tls })
        const agents = createHyperAgent({ tls })
        const through = hyperGot({ tls })
        assert.equal((await axios.get(url, { adapter })).data, 'other client')
        assert.equal((await axios.get(url, { adapter, httpsAgent: new https.Agent(B) })).data, 'test client')
        assert.equal(await got(url, { ...through, https: { certificate: B.cert, key: B.key } }).text(), 'test client')
        assert.equal(await byNode(url, { agent: agents.https, ...B }), 'test client')
        await Promise.all([adapter.close(), through.close()])
        agents.https.destroy()
      })
    }

    test('a certificate renewed in the options of an agent is shown by the next connection', async () => {
      await using origin = await who(start)
      const adapter = createHyperAdapter({ tls: { ca } })
      const httpsAgent = new https.Agent(A)
      const ask = async (): Promise<unknown> => (await axios.get(`${origin.origin}/who`, { adapter, httpsAgent })).data
      assert.equal(await ask(), 'other client')
      Object.assign(httpsAgent.options, B)
      assert.equal(await ask(), 'test client')
      await adapter.close()
    })

    test('pinned keys are checked on every path out of the pool', async () => {
      await using origin = await start()
      await using proxy = await startProxy()
      const url = `${origin.origin}/json`
      const tls = { ca, pinnedPublicKeys }
      const refused = async (attempt: () => Promise<unknown>): Promise<void> => {
        await assert.rejects(attempt, (error: Error) =>
          /not pinned|pins public keys/.test(`${error.message}${String(error.cause)}`),
        )
      }
      const adapter = createHyperAdapter({ tls })
      const agents = createHyperAgent({ tls })
      for (const dispatcher of [
        new HyperDispatcher({ tls }),
        new HyperDispatcher({ connect: { ca, pinnedPublicKeys } }),
      ]) {
        await refused(() => request(url, { dispatcher }))
        await dispatcher.close()
      }
      await refused(() => axios.get(url, { adapter }))
      await refused(() => axios.get(url, { adapter, maxRate: 1e9, httpsAgent: new https.Agent({ ca: undefined }) }))
      class Another extends https.Agent {}
      await refused(() => axios.get(url, { adapter, httpsAgent: new Another() }))
      await refused(() => byNode(url, { agent: agents.https, headers: { connection: 'upgrade', upgrade: 'x' } }))
      if (protocol === 'HTTP/1.1') {
        await refused(() => axios.get(url, { adapter, maxRate: 1e9 }))
        const way = { protocol: 'http', host: '127.0.0.1', port: Number(new URL(proxy.url).port) }
        await refused(() => axios.get(url, { adapter, proxy: way }))
      }
      await adapter.close()
      agents.https.destroy()
    })
  })
}

function byNode(url: string, options: https.RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = https.get(url, options, (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.on('upgrade', (_response, socket) => {
      socket.destroy()
      resolve('upgraded')
    })
  })
}

test('an agent’s host and port, which lead elsewhere, and its socketPath are not lost', async () => {
  await using origin = await startH1Origin({}, { plain: true })
  const adapter = createHyperAdapter({ idleTimeout: 1000 })
  const httpAgent = new http.Agent(Object.assign({}, { host: '127.0.0.1', port: origin.port }))
  const { status } = await axios.get('http://elsewhere.invalid:81/json', { adapter, httpAgent, proxy: false })
  assert.equal(status, 200)
  await adapter.close()
})

describe('the operator’s word', () => {
  /** What a request by each of two ways came to, and which warnings were heard. */
  const script = (url: string, options = '{}'): string => `
    const { createFetch } = await import(root + 'adapters/fetch.ts')
    const { hyperAdapter } = await import(root + 'adapters/axios.ts')
    const { default: axios } = await import('axios')
    const warned = []
    process.on('warning', (warning) => { if (warning.code === 'HYPER_WEAK_OPTION') warned.push(warning.message) })
    const outcome = async (f) => { try { return await f() } catch (error) { return error.cause?.code ?? error.code } }
    const first = await outcome(async () => (await createFetch(${options})(${JSON.stringify(url)})).status)
    const second = await outcome(async () => (await axios.get(${JSON.stringify(url)}, { adapter: hyperAdapter })).status)
    await new Promise((resolve) => setTimeout(resolve, 10))
    console.log(JSON.stringify([first, second, warned.length]))
    process.exit()`

  test('NODE_TLS_REJECT_UNAUTHORIZED=0 counts where no option says otherwise, and a warning is printed once', async () => {
    await using origin = await startH2Origin()
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    assert.deepEqual(await runModule(script(`${origin.origin}/json`), env), [200, 200, 1])
    const verified = script(`${origin.origin}/json`, '{ tls: { rejectUnauthorized: true } }')
    assert.deepEqual(await runModule(verified, env), ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 200, 1])
  })

  test('NODE_USE_ENV_PROXY=1 sends what names no proxy by that of the environment', async () => {
    await using origin = await startH2Origin({}, { plain: true })
    await using proxy = await startProxy()
    const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url, NO_PROXY: '' }
    const url = `http://127.0.0.1:${origin.port}/json`
    const source = `
      const { Pool } = await import(root + 'src/index.ts')
      for (const options of [{}, { proxy: false }]) {
        await new Promise((onEnd) => new Pool(options).dispatch(
          { origin: ${JSON.stringify(new URL(url).origin)}, method: 'GET', path: '/json' },
          { onHeaders() {}, onData() {}, onEnd, onError: onEnd }))
      }
      console.log('[]')
      process.exit()`
    await runModule(source, env)
    assert.equal(proxy.asked.length, 1)
  })

  test('--tls-min-v1.3 counts: a server that has only TLS 1.2 is refused', async () => {
    await using origin = await startH1Origin({}, { server: { maxVersion: 'TLSv1.2' } })
    const env = { NODE_OPTIONS: '--tls-min-v1.3', NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const [first, second] = (await runModule(script(`${origin.origin}/json`), env)) as unknown[]
    assert.deepEqual([typeof first, typeof second], ['string', 'string'], 'both are told a code, and no status')
  })

  test('https.globalAgent.options are heard by axios on the process-wide pool', async () => {
    await using origin = await startH2Origin()
    const source = `
      import https from 'node:https'
      const { hyperAdapter } = await import(root + 'adapters/axios.ts')
      const { default: axios } = await import('axios')
      https.globalAgent.options.ca = ${JSON.stringify(ca)}
      console.log((await axios.get(${JSON.stringify(`${origin.origin}/json`)}, { adapter: hyperAdapter })).status)
      process.exit()`
    assert.equal(await runModule(source), 200)
  })
})
