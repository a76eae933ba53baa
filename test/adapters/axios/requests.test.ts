import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import axios, { type AxiosProgressEvent, type AxiosRequestConfig } from 'axios'
import FormDataPackage from 'form-data'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { Pool } from '../../../src/index.ts'
import { startH2Origin } from '../../support/origin.ts'
import { patternBytes } from '../../support/routes.ts'
import { failure, open, openTwin, protocols } from './support.ts'

for (const [name, start] of protocols) {
  test(`${name}: method, path, params and headers`, async () => {
    await using bench = await open(start)
    const { data, headers, request } = await bench.axios.request({
      method: 'patch',
      url: '/echo',
      params: { a: 1, b: ['x', 'y'], c: 'ü' },
      data: 'body',
      headers: { 'X-Own': 'yes', 'X-Gone': null, Connection: 'keep-alive' },
    })
    assert.equal(data, 'body')
    assert.equal(headers['x-method'], 'PATCH')
    assert.equal(headers['x-x-own'], 'yes')
    assert.equal(headers['x-x-gone'], undefined)
    assert.match(String(headers['x-user-agent']), /^axios\//)
    assert.equal(headers['x-accept-encoding'], 'gzip, compress, deflate, br')
    assert.equal(bench.origin.requests[0].query.get('c'), 'ü')
    assert.deepEqual(bench.origin.requests[0].query.getAll('b[]'), ['x', 'y'])
    assert.equal(request.method, 'PATCH')
    assert.equal(request.getHeader('X-Own'), 'yes')
  })

  test(`${name}: baseURL, paramsSerializer and absolute URLs`, async () => {
    await using bench = await open(start)
    const { headers } = await bench.axios.get('echo', {
      params: { a: 1 },
      paramsSerializer: { serialize: () => 'own=1' },
    })
    assert.equal(headers['x-path'], '/echo')
    assert.equal(bench.origin.requests[0].query.get('own'), '1')
    const absolute = await bench.axios.get(`${bench.origin.origin}/json`, { baseURL: 'https://nobody.invalid' })
    assert.equal(absolute.status, 200)
    const thrown = await failure(
      bench.axios.get('/json', {
        params: { a: 1 },
        paramsSerializer: {
          serialize: () => {
            throw new Error('no')
          },
        },
      }),
    )
    assert.equal(thrown.code, 'ERR_BAD_REQUEST')
    const relative = await failure(bench.axios.get('/json', { baseURL: '' }))
    assert.equal(relative.code, 'ERR_INVALID_URL')
    const scheme = await failure(bench.axios.get('ftp://localhost/'))
    assert.equal(scheme.code, 'ERR_BAD_REQUEST')
    assert.match(scheme.message, /Unsupported protocol/)
  })

  test(`${name}: the headers axios sets can be replaced and switched off`, async () => {
    await using bench = await open(start)
    const own = await bench.axios.get('/echo', { headers: { 'User-Agent': 'own', 'Accept-Encoding': 'identity' } })
    assert.equal(own.headers['x-user-agent'], 'own')
    assert.equal(own.headers['x-accept-encoding'], 'identity')
    const none = await bench.axios.get('/echo', { headers: { 'User-Agent': false } })
    assert.equal(none.headers['x-user-agent'], undefined)
    const zstd = await bench.axios.get('/echo', {
      transitional: { advertiseZstdAcceptEncoding: true } as object,
    })
    assert.match(String(zstd.headers['x-accept-encoding']), /zstd/)
  })

  test(`${name}: bodies: text, JSON, form, bytes, streams, Blob and both kinds of FormData`, async () => {
    await using bench = await open(start)
    const post = async (data: unknown, headers = {}): Promise<string> =>
      (await bench.axios.post<string>('/echo', data, { headers, responseType: 'text', transformResponse: [] })).data
    assert.equal(await post('text'), 'text')
    assert.equal(await post({ a: [1] }), '{"a":[1]}')
    assert.equal(await post(new URLSearchParams({ a: 'b' })), 'a=b')
    assert.equal(await post({ a: 'b' }, { 'Content-Type': 'application/x-www-form-urlencoded' }), 'a=b')
    assert.equal(await post(Buffer.from('bytes')), 'bytes')
    assert.equal(await post(new TextEncoder().encode('array').buffer), 'array')
    assert.equal(await post(Readable.from(['a', 'b'])), 'ab')
    assert.equal(await post(new Blob(['blob']).stream()), 'blob')
    assert.equal(await post(new Blob(['blob'])), 'blob')
    const form = new FormData()
    form.set('field', 'value')
    form.set('file', new File(['content'], 'name.txt', { type: 'text/plain' }))
    const sent = await post(form)
    assert.match(sent, /name="field"\r\n\r\nvalue\r\n/)
    assert.match(sent, /filename="name.txt"\r\ncontent-type: text\/plain\r\n\r\ncontent/i)
    const old = new FormDataPackage()
    old.append('field', 'value')
    old.append('file', Buffer.from('content'), { filename: 'name.txt' })
    assert.match(await post(old), /name="field"\r\n\r\nvalue\r\n/)
    const { size } = await stat(import.meta.filename)
    const { data } = await bench.axios.post('/echo-length', createReadStream(import.meta.filename))
    assert.equal(data, size)
    const refused = await failure(bench.axios.post('/echo', 1n, { transformRequest: [(value: unknown) => value] }))
    assert.equal(refused.code, 'ERR_BAD_REQUEST')
  })

  test(`${name}: lengths and types of bodies are sent`, async () => {
    await using bench = await open(start)
    await bench.axios.post('/echo', 'grün')
    await bench.axios.post('/echo', new Blob(['x'], { type: 'text/x' }))
    const form = new FormDataPackage()
    form.append('a', 'b')
    await bench.axios.post('/echo', form)
    const policy = { formDataHeaderPolicy: 'content-only' } as object
    await bench.axios.post('/echo', form.getBuffer(), { ...policy, headers: { 'Content-Type': 'x/y' } })
    const [text, blob, multipart, bytes] = bench.origin.requests.map(({ headers }) => headers)
    assert.equal(text['content-length'], '5')
    assert.equal(blob['content-type'], 'text/x')
    assert.equal(blob['content-length'], '1')
    assert.match(String(multipart['content-type']), /^multipart\/form-data; ?boundary=/)
    assert.ok(Number(multipart['content-length']) > 0)
    assert.equal(bytes['content-type'], 'x/y')
  })

  test(`${name}: authentication: auth, credentials of the URL, and which wins`, async () => {
    await using bench = await open(start)
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
    const headers = { Authorization: 'Bearer x' }
    const auth = { username: 'ü', password: 'p' }
    const withAuth = await bench.axios.get('/echo', { auth, headers })
    assert.equal(withAuth.headers['x-authorization'], basic('ü:p'))
    const withUrl = bench.origin.origin.replace('//', '//us%40er:pa%3Ass@')
    assert.equal((await bench.axios.get(`${withUrl}/echo`)).headers['x-authorization'], basic('us@er:pa:ss'))
    assert.equal((await bench.axios.get(`${withUrl}/echo`, { auth })).headers['x-authorization'], basic('ü:p'))
    assert.equal((await bench.axios.get('/echo', { headers })).headers['x-authorization'], 'Bearer x')
  })

  test(`${name}: upload and download progress`, async () => {
    await using bench = await open(start)
    const up: AxiosProgressEvent[] = []
    const down: AxiosProgressEvent[] = []
    const { data } = await bench.axios.post<ArrayBuffer>('/echo', patternBytes(300_000), {
      responseType: 'arraybuffer',
      onUploadProgress: (event) => up.push(event),
      onDownloadProgress: (event) => down.push(event),
    })
    await new Promise(setImmediate)
    assert.equal(data.byteLength, 300_000)
    assert.equal(up.at(-1)?.loaded, 300_000)
    assert.equal(up.at(-1)?.total, 300_000)
    assert.equal(up.at(-1)?.upload, true)
    assert.equal(down.at(-1)?.loaded, 300_000)
    assert.equal(down.at(-1)?.download, true)
    const total: AxiosProgressEvent[] = []
    await bench.axios.get('/bytes/1000?length', { onDownloadProgress: (event) => total.push(event) })
    await new Promise(setImmediate)
    assert.equal(total.at(-1)?.progress, 1)
    assert.equal(total.at(-1)?.lengthComputable, true)
  })

  test(`${name}: maxBodyLength for bytes and for streams`, async () => {
    await using bench = await open(start)
    const message = 'Request body larger than maxBodyLength limit'
    const bytes = await failure(bench.axios.post('/echo-length', 'x'.repeat(101), { maxBodyLength: 100 }))
    assert.equal(bytes.code, 'ERR_BAD_REQUEST')
    assert.equal(bytes.message, message)
    assert.equal(bench.origin.requests.length, 0)
    const fits = await bench.axios.post('/echo-length', Readable.from(['x'.repeat(100)]), { maxBodyLength: 100 })
    assert.equal(fits.data, 100)
    const body = Readable.from(['x'.repeat(60), 'x'.repeat(60)])
    const stream = await failure(bench.axios.post('/echo-length', body, { maxBodyLength: 100, maxRedirects: 0 }))
    assert.equal(stream.message, message)
  })

  test(`${name}: a stream that fails, or ends early, fails the request`, async () => {
    await using bench = await open(start)
    async function* broken(): AsyncGenerator<string> {
      yield 'begin'
      throw new Error('no more')
    }
    const failed = await failure(bench.axios.post('/echo-length', Readable.from(broken())))
    assert.equal(failed.message, 'no more')
    const short = new Readable({ read() {} })
    short.push('begin')
    setTimeout(() => short.destroy(), 10)
    await assert.rejects(bench.axios.post('/echo-length', short))
  })
}

test('both adapters send the same headers', async () => {
  await using twin = await openTwin()
  const configs: AxiosRequestConfig[] = [
    { method: 'get' },
    { method: 'post', data: { a: 1 } },
    { method: 'put', data: 'text', headers: { 'X-Bad': 'a\r\nb\u0100', 'x-list': ['1', '2'] } },
    { method: 'delete', auth: { username: 'a', password: 'b' } },
    { method: 'post', data: new Blob(['x']) },
    { method: 'head' },
  ]
  for (const config of configs) {
    await twin.plain.request({ ...config, url: '/json' })
    await twin.axios.request({ ...config, url: '/json' })
    const [plain, ours] = twin.origin.requests.slice(-2).map(({ headers }) => {
      const { connection, 'transfer-encoding': _coding, ...rest } = headers
      assert.ok(connection === undefined || typeof connection === 'string')
      return rest
    })
    assert.deepEqual(ours, plain, JSON.stringify(config))
  }
})

test('parameters are sent in the spelling of their serializer, and only those of the request, as by axios itself', async () => {
  const targets: (string | undefined)[] = []
  const server = http.createServer((request, response) => {
    targets.push(request.url)
    response.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await using pool = new Pool()
  const theirs = axios.create({ baseURL, proxy: false })
  const ours = axios.create({ baseURL, proxy: false, adapter: createHyperAdapter({ pool }) })
  const configs: AxiosRequestConfig[] = [
    { params: { q: "it's (a)!*~" } },
    { params: { q: 1 }, url: '/where?' },
    { params: { q: 1 }, url: '/where?a=1#fragment?no' },
    { params: { q: 1 }, url: '/where?a=b c' },
    { params: { q: 1 }, paramsSerializer: { serialize: () => "filter=name%20eq%20'x'" } },
    { params: { q: 1 }, paramsSerializer: { serialize: () => 'tuple="<a|b>"' } },
    { params: new URLSearchParams({ q: "'" }) },
  ]
  axios.defaults.params = { stray: 1 }
  try {
    for (const config of configs) {
      const { request } = await ours.request({ url: '/where', ...config })
      const expected = (await theirs.request({ url: '/where', ...config })).request
      const [target, wanted] = targets.splice(0)
      assert.equal(target, wanted)
      assert.equal(request.path, target)
      assert.equal(new URL(request.res.responseUrl).search, new URL(expected.res.responseUrl).search)
    }
  } finally {
    delete axios.defaults.params
    server.close()
    server.closeAllConnections()
  }
})

test('parameters that cannot be sent as they are written are escaped', async () => {
  await using bench = await open(startH2Origin)
  await bench.axios.get('/echo', { params: { q: 1 }, paramsSerializer: { serialize: () => 'q=é ü' } })
  assert.equal(bench.origin.requests[0].query.get('q'), 'é ü')
})
