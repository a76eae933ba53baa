import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { AxiosHeaders, type AxiosResponse } from 'axios'
import { codedText, jsonBody, patternBytes } from '../../support/routes.ts'
import { failure, open, openTwin, protocols } from './support.ts'

type WithTrailers = AxiosResponse & { trailers: AxiosHeaders }

async function textOf(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

for (const [name, start] of protocols) {
  test(`${name}: a response has data, status, statusText, AxiosHeaders, config and request`, async () => {
    await using bench = await open(start)
    const response = await bench.axios.get('/json')
    assert.deepEqual(response.data, jsonBody)
    assert.equal(response.status, 200)
    assert.equal(response.statusText, 'OK')
    assert.ok(response.headers instanceof AxiosHeaders)
    assert.equal(response.headers.getContentType(), 'application/json')
    assert.equal(response.request.host, 'localhost')
    assert.equal(response.request.path, '/json')
    assert.equal(response.request.protocol, 'https:')
    assert.equal(response.request.socket.remoteAddress, '127.0.0.1')
    const { res } = response.request
    assert.equal(res.httpVersion, name === 'HTTP/2' ? '2.0' : '1.1')
    assert.equal(res.responseUrl, `${bench.origin.origin}/json`)
    assert.equal(res.complete, true)
    assert.ok(Array.isArray(res.rawHeaders))
  })

  test(`${name}: repeated headers: set-cookie a list, others joined`, async () => {
    await using bench = await open(start)
    const { headers } = await bench.axios.get('/set-cookie')
    assert.deepEqual(headers['set-cookie'], ['a=1; Path=/', 'b=2; Path=/'])
    assert.equal(headers['x-twice'], 'one, two')
  })

  test(`${name}: each responseType, responseEncoding, and a byte order mark`, async () => {
    await using bench = await open(start, {
      '/bom'(_call, answer) {
        answer.head(200)
        answer.end('\ufefftext')
      },
    })
    const bytes = await bench.axios.get('/bytes/100', { responseType: 'arraybuffer' })
    assert.deepEqual(bytes.data, patternBytes(100))
    assert.deepEqual((await bench.axios.get('/json', { responseType: 'json' })).data, jsonBody)
    const text = await bench.axios.get('/json', { responseType: 'text' })
    assert.equal(text.data, JSON.stringify(jsonBody))
    assert.equal((await bench.axios.get('/bom')).data, 'text')
    const latin = await bench.axios.get('/json', { responseEncoding: 'latin1', transformResponse: [] })
    assert.equal(latin.data, Buffer.from(JSON.stringify(jsonBody)).toString('latin1'))
    const hex = await bench.axios.get('/trailers', { responseEncoding: 'hex', transformResponse: [] })
    assert.equal(hex.data, '68656c6c6f')
  })

  test(`${name}: a stream comes at the headers, with backpressure`, async () => {
    await using bench = await open(start)
    const { data } = await bench.axios.get<Readable>('/bytes/1000000', { responseType: 'stream' })
    const chunks: Buffer[] = []
    for await (const chunk of data) {
      chunks.push(chunk as Buffer)
      await new Promise(setImmediate)
    }
    assert.deepEqual(Buffer.concat(chunks), patternBytes(1_000_000))
    const early = await bench.axios.get<Readable>('/slow-body', { responseType: 'stream' })
    assert.equal(early.status, 200)
    early.data.destroy()
    assert.equal((await bench.axios.get('/json')).status, 200)
  })

  test(`${name}: trailers on responses, on errors' responses and on streams`, async () => {
    await using bench = await open(start, {
      '/bad'(_call, answer) {
        answer.head(500, { trailer: 'x-sum' }, { trailers: true })
        answer.end('bad', { 'x-sum': '1' })
      },
    })
    const plain = (await bench.axios.get('/trailers')) as WithTrailers
    assert.ok(plain.trailers instanceof AxiosHeaders)
    assert.equal(plain.trailers.get('X-Checksum'), 'abc')
    assert.deepEqual(plain.request.res.rawTrailers, ['x-checksum', 'abc', 'x-second', '2'])
    assert.equal(plain.request.res.trailers['x-second'], '2')
    const none = (await bench.axios.get('/json')) as WithTrailers
    assert.deepEqual(Object.keys(none.trailers), [])
    const error = await failure(bench.axios.get('/bad'))
    assert.equal((error.response as WithTrailers).trailers.get('x-sum'), '1')
    const streamed = (await bench.axios.get('/trailers', { responseType: 'stream' })) as WithTrailers
    assert.equal(await textOf(streamed.data), 'hello')
    assert.equal(streamed.trailers.get('x-checksum'), 'abc')
    assert.equal(streamed.data.trailers.get('x-checksum'), 'abc')
  })

  test(`${name}: decompression of each coding, streams as well, and decompress: false`, async () => {
    await using bench = await open(start)
    for (const path of ['/gzip', '/br', '/deflate', '/raw-deflate', '/zstd', '/chain']) {
      const { data, headers } = await bench.axios.get(path)
      assert.equal(data, codedText, path)
      assert.equal(headers['content-encoding'], undefined, path)
      const streamed = await bench.axios.get<Readable>(path, { responseType: 'stream' })
      assert.equal(await textOf(streamed.data), codedText, path)
    }
    const raw = await bench.axios.get('/gzip', { decompress: false, responseType: 'arraybuffer' })
    assert.equal(raw.headers['content-encoding'], 'gzip')
    assert.notEqual(raw.data.length, codedText.length)
    const head = await bench.axios.head('/gzip')
    assert.equal(head.status, 200)
    assert.equal(head.headers['content-encoding'], undefined)
  })

  test(`${name}: maxContentLength counts decoded octets, streams as well`, async () => {
    await using bench = await open(start)
    for (const [path, limit] of [
      ['/bytes/1001', 1000],
      ['/bytes/1001?length', 1000],
      ['/gzip', codedText.length - 1],
    ] as const) {
      const error = await failure(bench.axios.get(path, { maxContentLength: limit }))
      assert.equal(error.code, 'ERR_BAD_RESPONSE')
      assert.equal(error.message, `maxContentLength size of ${limit} exceeded`)
      const { data } = await bench.axios.get<Readable>(path, { maxContentLength: limit, responseType: 'stream' })
      data.resume()
      const [streamError] = (await once(data, 'error', {})) as [Error]
      assert.equal(streamError.message, `maxContentLength size of ${limit} exceeded`)
    }
    assert.equal((await bench.axios.get('/gzip', { maxContentLength: codedText.length })).data, codedText)
  })

  test(`${name}: HEAD, 204 and 304 have no body`, async () => {
    await using bench = await open(start)
    assert.equal((await bench.axios.head('/json')).data, '')
    assert.equal((await bench.axios.get('/status/204')).data, '')
    const notModified = await bench.axios.get('/status/304', { validateStatus: null })
    assert.equal(notModified.status, 304)
    assert.equal(notModified.statusText, 'Not Modified')
  })

  test(`${name}: validateStatus decides; a refused status is an AxiosError with the response`, async () => {
    await using bench = await open(start)
    const client = await failure(bench.axios.get('/status/404'))
    assert.equal(client.code, 'ERR_BAD_REQUEST')
    assert.equal(client.status, 404)
    assert.equal(client.response?.data, 'status 404')
    const server = await failure(bench.axios.get('/status/503'))
    assert.equal(server.code, 'ERR_BAD_RESPONSE')
    assert.equal((await bench.axios.get('/status/404', { validateStatus: () => true })).status, 404)
    const stream = await failure(bench.axios.get('/status/404', { responseType: 'stream' }))
    assert.equal(await textOf(stream.response?.data as Readable), 'status 404')
  })
}

test('both adapters give the same responses', async () => {
  await using twin = await openTwin()
  for (const config of [
    { url: '/json' },
    { url: '/json', method: 'head' },
    { url: '/gzip' },
    { url: '/bytes/10', responseType: 'arraybuffer' },
    { url: '/status/204' },
    { url: '/set-cookie' },
    { url: '/redirect' },
    { url: '/redirect?to=/echo&status=307', method: 'post', data: 'x' },
    { url: '/redirect?to=/echo&status=301', method: 'post', data: 'x' },
    { url: '/redirect?to=/echo&status=303', method: 'put', data: 'x' },
    { url: '/redirect?to=/echo&status=302', method: 'put', data: 'x' },
    { url: '/redirect?to=/echo&status=302', method: 'head' },
  ] as const) {
    const [plain, ours] = await Promise.all(
      [twin.plain, twin.axios].map(async (client) => {
        const { data, status, statusText, headers, request } = await client.request(config)
        const rest: Record<string, unknown> = { ...headers }
        for (const name of [
          'date',
          'connection',
          'keep-alive',
          'transfer-encoding',
          'x-connection',
          'x-transfer-encoding',
        ]) {
          delete rest[name]
        }
        return { data, status, statusText, headers: rest, to: request.res.responseUrl, method: request.method }
      }),
    )
    assert.deepEqual(ours, plain, JSON.stringify(config))
  }
})
