/** What axios's own adapter is relied on for, over both protocols: connections, proxies, forms, times, small print. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { Agent } from 'node:https'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import axios, { type AxiosError, type AxiosProgressEvent } from 'axios'
import FormDataPackage from 'form-data'
import { createHyperAdapter, hyperAdapter } from '../../../adapters/axios.ts'
import { Pool } from '../../../src/index.ts'
import { certificateFor, testCertificate } from '../../support/certificate.ts'
import { runModule } from '../../support/child.ts'
import { type Call, startDualOrigin, startH1Origin } from '../../support/origin.ts'
import { startProxy } from '../../support/proxy.ts'
import { failure, open, protocols } from './support.ts'

/** The TLS connection that a call came by. */
function socketOf(call: Call): TLSSocket {
  return (
    call.protocol === 'h2'
      ? (call.body as ServerHttp2Stream).session?.socket
      : (call.body as unknown as IncomingMessage).socket
  ) as TLSSocket
}

for (const [name, start] of protocols) {
  test(`${name}: the TLS options of an agent, and of http2Options, are those of the connection`, async () => {
    const { ca, clientCert, clientKey } = await testCertificate()
    const named = await certificateFor('named.test')
    const seen: unknown[] = []
    const routes = {
      '/who'(call: Call, answer: { head(status: number): void; end(): void }): void {
        const socket = socketOf(call)
        seen.push([socket.servername, socket.getPeerCertificate().subject?.CN])
        answer.head(200)
        answer.end()
      },
    }
    const server = { cert: named.cert, key: named.key, requestCert: true, rejectUnauthorized: false, ca }
    await using origin = await start(routes, { server })
    await using pool = new Pool()
    const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false, baseURL: origin.origin })
    const client = { ca: named.ca, cert: clientCert, key: clientKey }
    const httpsAgent = new Agent({ ...client, servername: 'named.test' })
    for (let i = 0; i < 2; i++) await instance.get('/who', { httpsAgent })
    assert.equal(origin.connections, 1)
    await instance.get('/who', { http2Options: { ...client, checkServerIdentity: () => undefined } } as object)
    await instance.get('/who', { httpsAgent: new Agent({ rejectUnauthorized: false }) })
    assert.deepEqual(seen, [
      ['named.test', 'test client'],
      ['named.test', 'test client'],
      ['localhost', 'test client'],
      ['localhost', undefined],
    ])
    const untrusted = await failure(instance.get('/who', { httpsAgent: new Agent() }))
    assert.match(String(untrusted.code), /CERT|SIGNATURE|VERIFY/)
    const other = await failure(instance.get('/who', { httpsAgent: new Agent({ ca: named.ca }) }))
    assert.equal(other.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
  })

  test(`${name}: lookup by callback and by promise, and family`, async () => {
    await using bench = await open(start)
    const asked: unknown[] = []
    const lookups = [
      (host: string, options: object, done: (...found: unknown[]) => void) => {
        asked.push([host, typeof options])
        done(null, '127.0.0.1', 4)
      },
      async () => ['127.0.0.1', 4],
      async () => ({ address: '127.0.0.1', family: 4 }),
    ]
    const httpsAgent = new Agent({ ca: bench.origin.ca, servername: 'localhost' })
    for (const lookup of lookups) {
      const url = `https://looked-up.test:${bench.origin.port}/json`
      const { request } = await bench.axios.get(url, { lookup, httpsAgent, family: 4 } as object)
      assert.equal(request.socket.remoteFamily, 'IPv4')
    }
    assert.deepEqual(asked, [['looked-up.test', 'object']])
    const fails = { lookup: async () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' })) }
    assert.equal((await failure(bench.axios.get('https://nobody.test/', fails as object))).code, 'ENOTFOUND')
  })

  test(`${name}: an address of IPv6 is asked by its own name`, async (t) => {
    const origin = await start({}, { host: '::1' }).catch(() => undefined)
    if (origin === undefined) {
      t.skip('no IPv6 here')
      return
    }
    await using pool = new Pool({ tls: { ca: origin.ca, rejectUnauthorized: false } })
    const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false })
    const { request } = await instance.get(`https://[::1]:${origin.port}/json`)
    assert.equal(request.res.httpVersion, name === 'HTTP/2' ? '2.0' : '1.1')
    const [{ headers }] = origin.requests
    assert.equal(headers[':authority'] ?? headers['host'], `[::1]:${origin.port}`)
    await origin.close()
  })

  test(`${name}: a port without a server is ECONNREFUSED, and an untrusted certificate has its own code`, async () => {
    await using bench = await open(start)
    const gone = await start()
    await gone.close()
    assert.equal((await failure(bench.axios.get(`${gone.origin}/json`))).code, 'ECONNREFUSED')
    const strange = axios.create({ adapter: hyperAdapter, proxy: false })
    assert.match(String((await failure(strange.get(bench.origin.origin))).code), /CERT|SIGNATURE|VERIFY/)
  })

  test(`${name}: set-cookie is a list even of one`, async () => {
    await using bench = await open(start, {
      '/one'(_call, answer) {
        answer.head(404, { 'set-cookie': 'a=1' })
        answer.end()
      },
    })
    const error = await failure(bench.axios.get('/one'))
    assert.deepEqual(error.response?.headers['set-cookie'], ['a=1'])
    assert.equal(error.response?.statusText, 'Not Found')
  })

  test(`${name}: timeout goes on counting while a stream is read, with redirects and without`, async () => {
    await using bench = await open(start)
    /** The stream of a body that takes longer than the time there is. On a slow machine more time is needed for the head. */
    const begun = async (config: object, timeout = 40): Promise<Readable> => {
      const options = { ...config, responseType: 'stream', timeout, timeoutErrorMessage: 'too slow' } as const
      try {
        return (await bench.axios.get<Readable>('/slow-body', options)).data
      } catch (error) {
        if (timeout > 10_000) throw error
        return begun(config, timeout * 4)
      }
    }
    for (const config of [{}, { maxRedirects: 0 }]) {
      const data = await begun(config)
      data.resume()
      const [error] = (await once(data, 'error', {})) as [AxiosError]
      assert.deepEqual([error.code, error.message], ['ECONNABORTED', 'too slow'])
    }
    const slow = { maxRedirects: 0, timeout: 20 }
    assert.equal((await failure(bench.axios.get('/slow', slow))).message, 'timeout of 20ms exceeded')
    assert.equal((await failure(bench.axios.get('/redirect?to=/slow', { timeout: 20 }))).code, 'ECONNABORTED')
  })

  test(`${name}: the cause of a failure is there, and neither enumerated nor part of toJSON()`, async () => {
    await using bench = await open(start)
    const error = await failure(bench.axios.post('/cut?before', 'x'))
    assert.ok(error.cause instanceof Error)
    assert.ok(!Object.keys(error).includes('cause'))
    const json = error.toJSON() as Record<string, unknown>
    assert.deepEqual([json['code'], 'cause' in json], ['ECONNRESET', false])
  })

  test(`${name}: formDataHeaderPolicy: the headers of a form, or those of its content`, async () => {
    await using bench = await open(start)
    const send = async (policy: string): Promise<readonly unknown[]> => {
      const form = new FormDataPackage()
      form.append('a', 'b')
      const own = form.getHeaders.bind(form)
      form.getHeaders = (given) => ({ ...own(given), 'x-form': 'yes' })
      const { headers } = await bench.axios.post('/echo', form, { formDataHeaderPolicy: policy } as object)
      return [headers['x-x-form'], /^multipart\/form-data; ?boundary=/.test(headers['x-content-type'])]
    }
    assert.deepEqual(await send('legacy'), ['yes', true])
    assert.deepEqual(await send('content-only'), [undefined, true])
  })

  test(`${name}: what progress tells of piece by piece adds up, and comes while it happens`, async () => {
    await using bench = await open(start)
    const events: AxiosProgressEvent[] = []
    const listen = (event: AxiosProgressEvent): void => void events.push(event)
    await bench.axios.post('/echo', 'x'.repeat(400_000), { onUploadProgress: listen, onDownloadProgress: listen })
    await new Promise(setImmediate)
    for (const direction of ['upload', 'download'] as const) {
      const those = events.filter((event) => event[direction] === true)
      assert.equal(
        those.reduce((sum, { bytes }) => sum + bytes, 0),
        400_000,
      )
      for (const event of those) assert.ok('rate' in event && 'estimated' in event && 'event' in event)
      const loaded = those.map((event) => event.loaded)
      assert.deepEqual(
        loaded,
        loaded.toSorted((a, b) => a - b),
      )
    }
  })

  test(`${name}: a token is let go of, a stream's when it has ended`, async () => {
    await using bench = await open(start)
    const { token } = axios.CancelToken.source()
    let held = 0
    const own = token as unknown as Record<'subscribe' | 'unsubscribe', (listener: unknown) => void>
    const subscribe = own.subscribe.bind(token)
    const unsubscribe = own.unsubscribe.bind(token)
    own.subscribe = (listener) => {
      held++
      subscribe(listener)
    }
    own.unsubscribe = (listener) => {
      held--
      unsubscribe(listener)
    }
    await bench.axios.get('/json', { cancelToken: token })
    await bench.axios.get('/status/404', { cancelToken: token }).catch(() => {})
    assert.equal(held, 0)
    const { data } = await bench.axios.get<Readable>('/json', { cancelToken: token, responseType: 'stream' })
    assert.equal(held, 1)
    data.resume()
    await once(data, 'close')
    assert.equal(held, 0)
  })

  test(`${name}: a token cancels a stream that is being read`, async () => {
    await using bench = await open(start)
    const source = axios.CancelToken.source()
    const { data } = await bench.axios.get<Readable>('/slow-body', {
      ...{ cancelToken: source.token, responseType: 'stream' },
    })
    const failed = once(data, 'error', {})
    data.resume()
    source.cancel('enough')
    const [error] = (await failed) as [Error]
    assert.ok(axios.isCancel(error))
    assert.equal(error.message, 'enough')
  })

  test(`${name}: properties of Object.prototype are not taken for options`, async () => {
    await using bench = await open(start)
    const polluted = Object.prototype as Record<string, unknown>
    const names = ['auth', 'transport', 'maxRate', 'httpVersion', 'http2Options', 'sensitiveHeaders', 'socketPath']
    names.push('formDataHeaderPolicy', 'x-polluted', 'beforeRedirect', 'timeoutErrorMessage')
    for (const one of names) polluted[one] = 'polluted'
    try {
      const { headers, request } = await bench.axios.get('/redirect?to=/echo')
      assert.ok(!Object.hasOwn(headers, 'x-authorization') && !Object.hasOwn(headers, 'x-x-polluted'))
      assert.equal(request.res.httpVersion, name === 'HTTP/2' ? '2.0' : '1.1')
    } finally {
      for (const one of names) delete polluted[one]
    }
  })

  test(`${name}: an idle connection keeps no process alive`, async () => {
    await using origin = await start()
    const script = `
      const { default: axios } = await import('axios')
      const { createHyperAdapter } = await import(root + 'adapters/axios.ts')
      const adapter = createHyperAdapter({ tls: { ca: process.env.CA } })
      const { data } = await axios.get(process.env.ORIGIN + '/redirect', { adapter, proxy: false, timeout: 60_000 })
      console.log(JSON.stringify(data.hello))`
    assert.equal(await runModule(script, { ORIGIN: origin.origin, CA: origin.ca }), 'world')
  })
}

for (const [name, start, version] of [
  ['a server of both protocols', startDualOrigin, '2.0'],
  ['a server of HTTP/1.1', startH1Origin, '1.1'],
] as const) {
  test(`an https: target by a proxy: CONNECT, with its credentials: ${name}`, async () => {
    await using bench = await open(start)
    await using proxy = await startProxy()
    const httpsAgent = new Agent({ ca: bench.origin.ca })
    const auth = { username: 'u', password: 'p' }
    const config = { host: 'localhost', port: proxy.port, protocol: 'http', auth }
    const { status, request } = await bench.axios.get('/redirect', { httpsAgent, proxy: config })
    assert.equal(status, 200)
    assert.equal(request.res.responseUrl, `${bench.origin.origin}/json`)
    for (const { method, target, headers } of proxy.asked) {
      assert.deepEqual(
        [method, target, headers['proxy-authorization']],
        ['CONNECT', `localhost:${bench.origin.port}`, `Basic ${btoa('u:p')}`],
      )
    }
    assert.ok(bench.origin.requests.every(({ headers }) => headers['proxy-authorization'] === undefined))
    const wrong = bench.axios.get('/json', { httpsAgent, proxy: { ...config, auth: {} } } as object)
    assert.equal((await failure(wrong)).code, 'ERR_BAD_OPTION')
    httpsAgent.destroy()
  })

  test(`the proxy of the environment is asked, but for what no_proxy names and proxy: false: ${name}`, async () => {
    await using bench = await open(start, {}, { proxy: undefined as never })
    await using proxy = await startProxy()
    const httpsAgent = new Agent({ ca: bench.origin.ca })
    const names = ['https_proxy', 'no_proxy'] as const
    const kept = names.map((one) => process.env[one])
    const get = async (config = {}): Promise<unknown> => {
      const before = proxy.asked.length
      const { request } = await bench.axios.get('/json', { httpsAgent, ...config })
      return [proxy.asked.length - before, request.res.httpVersion]
    }
    try {
      process.env['https_proxy'] = proxy.url
      process.env['no_proxy'] = ''
      assert.deepEqual(await get(), [1, '1.1'])
      assert.deepEqual(await get({ proxy: false }), [0, version])
      process.env['no_proxy'] = 'other.example,localhost'
      assert.deepEqual(await get(), [0, version])
    } finally {
      for (const [i, one] of names.entries()) {
        if (kept[i] === undefined) delete process.env[one]
        else process.env[one] = kept[i]
      }
      httpsAgent.destroy()
    }
  })

  test(`insecureHTTPParser is for HTTP/1.1, which is then spoken: ${name}`, async () => {
    await using bench = await open(start)
    const httpsAgent = new Agent({ ca: bench.origin.ca })
    const { status, request } = await bench.axios.get('/json', { insecureHTTPParser: true, httpsAgent } as object)
    assert.deepEqual([status, request.res.httpVersion], [200, '1.1'])
    httpsAgent.destroy()
  })
}

test('data: URLs: GET alone, as a blob, within maxContentLength', async () => {
  const instance = axios.create({ adapter: hyperAdapter })
  const { data } = await instance.get('data:text/x,abc', { responseType: 'blob' })
  assert.deepEqual([data.type, await data.text()], ['text/x', 'abc'])
  assert.equal((await failure(instance.post('data:,x', 'y'))).response?.status, 405)
  const long = await failure(instance.get('data:text/x,abcdef', { maxContentLength: 3 }))
  assert.equal(long.message, 'maxContentLength size of 3 exceeded')
})
