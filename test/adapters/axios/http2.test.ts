/** What axios's own HTTP/2 gets wrong, and what a program must be able to rely on over it. */
import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { Agent } from 'node:https'
import { test } from 'node:test'
import axios from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { Pool } from '../../../src/index.ts'
import { type StreamHandler, startH1Origin, startH2Origin } from '../../support/origin.ts'
import { failure, open, protocols } from './support.ts'

async function withStreams(handler: StreamHandler, run: (instance: typeof axios) => Promise<void>): Promise<void> {
  await using origin = await startH2Origin(handler)
  const pool = new Pool({ tls: { ca: origin.ca } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), baseURL: origin.origin, proxy: false })
  await run(instance as typeof axios)
  await pool.destroy()
}

for (const [word, code] of [
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ['CANCEL', constants.NGHTTP2_CANCEL],
] as const) {
  test(`a stream reset by ${word} before the headers settles`, async () => {
    await withStreams(
      (stream) => stream.on('error', () => {}).close(code),
      async (instance) => {
        const error = await failure(instance.post('/'))
        assert.equal(error.response, undefined)
        assert.equal(typeof error.code, 'string')
      },
    )
  })
}

test('a body cut off by a reset is an error, never a short success', async () => {
  await withStreams(
    (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, 'content-length': '10' })
      stream.write('abc', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
    },
    async (instance) => {
      const error = await failure(instance.get('/'))
      assert.equal(error.code, 'ERR_BAD_RESPONSE')
      assert.equal(error.response?.status, 200)
    },
  )
})

test('a body shorter than its content-length is an error', async () => {
  await withStreams(
    (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, 'content-length': '10' })
      stream.end('abc')
    },
    async (instance) => assert.equal((await failure(instance.get('/'))).code, 'ERR_BAD_RESPONSE'),
  )
})

test('an address of IPv6 is asked', async (t) => {
  const origin = await startH2Origin({}, { host: '::1' }).catch(() => undefined)
  if (origin === undefined) {
    t.skip('no IPv6 here')
    return
  }
  await using pool = new Pool({ tls: { ca: origin.ca, rejectUnauthorized: false } })
  const instance = axios.create({ adapter: createHyperAdapter({ pool }), proxy: false })
  const { status, request } = await instance.get(`https://[::1]:${origin.port}/json`)
  assert.equal(status, 200)
  assert.equal(request.res.httpVersion, '2.0')
  await origin.close()
})

test('headers of one connection are no obstacle, and Host is the authority', async () => {
  await using bench = await open(startH2Origin)
  const headers = { Connection: 'keep-alive', 'Keep-Alive': 'timeout=5', Host: 'other.example' }
  // Without a name for TLS of its own, the certificate would have to be that of the Host, as with node:https.
  const httpsAgent = new Agent({ servername: 'localhost' })
  assert.equal((await bench.axios.get('/echo', { headers, httpsAgent })).status, 200)
  const [{ headers: seen }] = bench.origin.requests
  assert.equal(seen[':authority'], 'other.example')
  assert.deepEqual([seen['host'], seen['connection'], seen['keep-alive']], [undefined, undefined, undefined])
})

test('httpVersion 2 and a server of HTTP/1.1: what ALPN gives', async () => {
  await using bench = await open(startH1Origin)
  const { status, request } = await bench.axios.get('/json', { httpVersion: 2 } as object)
  assert.equal(status, 200)
  assert.equal(request.res.httpVersion, '1.1')
})

for (const [name, start] of protocols) {
  test(`${name}: responseUrl, path, host, protocol and method of the last request`, async () => {
    await using bench = await open(start)
    const { request, statusText } = await bench.axios.post('/redirect?to=/echo?a=1', 'x')
    assert.equal(statusText, 'OK')
    assert.equal(request.res.responseUrl, `${bench.origin.origin}/echo?a=1`)
    assert.deepEqual(
      [request.path, request.host, request.protocol, request.method],
      ['/echo?a=1', 'localhost', 'https:', 'GET'],
    )
    assert.equal(request.getHeader('User-Agent'), `axios/${axios.VERSION}`)
    assert.equal(request.socket.remoteAddress, '127.0.0.1')
  })

  test(`${name}: forms: axios's own toFormData, postForm, and objects`, async () => {
    await using bench = await open(start)
    const sent = async (promise: Promise<{ data: string }>): Promise<string> => (await promise).data
    const text = { responseType: 'text' as const, transformResponse: [] }
    const part = /name="a"\r\n\r\n1\r\n[\s\S]*name="b\[c\]"\r\n\r\n2\r\n/
    assert.match(await sent(bench.axios.postForm('/echo', { a: 1, b: { c: 2 } }, text)), part)
    assert.match(await sent(bench.axios.post('/echo', axios.toFormData({ a: 1, b: { c: 2 } }), text)), part)
    const headers = { 'Content-Type': 'multipart/form-data' }
    assert.match(await sent(bench.axios.post('/echo', { a: 1, b: { c: 2 } }, { ...text, headers })), part)
    const form = new FormData()
    form.set('a', '1')
    const { data } = await bench.axios.post<string>('/echo', form, {
      ...text,
      headers: { 'Content-Type': 'multipart/form-data; boundary=chosen-by-caller' },
    })
    assert.match(data, /^--chosen-by-caller\r\n/)
  })

  test(`${name}: cancellation while connecting and while uploading`, async () => {
    await using bench = await open(start, { '/deaf': () => {} })
    const controllers = [new AbortController(), new AbortController()] as const
    const connecting = bench.axios.get('/json', { signal: controllers[0].signal })
    process.nextTick(() => controllers[0].abort())
    await assert.rejects(connecting, (error: unknown) => axios.isCancel(error))
    assert.equal(bench.origin.requests.length, 0)
    let uploaded = 0
    const uploading = bench.axios.post('/deaf', Buffer.alloc(32 * 1024 * 1024), {
      signal: controllers[1].signal,
      maxRedirects: 0,
      onUploadProgress: ({ loaded }) => {
        uploaded = loaded
        controllers[1].abort()
      },
    })
    await assert.rejects(uploading, (error: unknown) => axios.isCancel(error))
    assert.ok(uploaded > 0 && uploaded < 32 * 1024 * 1024, String(uploaded))
    assert.equal((await bench.axios.get('/json')).status, 200)
  })
}

test("maxRate is left to axios's own adapter, both ways, and works", async () => {
  await using bench = await open(startH1Origin)
  const httpsAgent = new Agent({ ca: bench.origin.ca })
  const { data } = await bench.axios.post<ArrayBuffer>('/echo', Buffer.alloc(40_000), {
    maxRate: [100_000, 100_000],
    httpsAgent,
    responseType: 'arraybuffer',
  })
  assert.equal(data.byteLength, 40_000)
  assert.equal(bench.pool.stats().connections, 0)
  httpsAgent.destroy()
})
