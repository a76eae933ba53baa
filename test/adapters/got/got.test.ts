import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Agent } from 'node:https'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import got, { type Got, type RequestError } from 'got'
import { hyperGot } from '../../../adapters/got.ts'
import { Pool } from '../../../src/index.ts'
import { type Routes, startH1Origin, startH2Origin, type TestOrigin } from '../../support/origin.ts'
import { codedText, jsonBody, patternBytes } from '../../support/routes.ts'

interface Bench extends AsyncDisposable {
  readonly origin: TestOrigin
  readonly got: Got
  readonly pool: Pool
}

async function open(start: (routes: Routes) => Promise<TestOrigin>, routes: Routes = {}): Promise<Bench> {
  const origin = await start(routes)
  const pool = new Pool({ tls: { ca: origin.ca } })
  return {
    origin,
    pool,
    got: got.extend(hyperGot({ pool })),
    async [Symbol.asyncDispose]() {
      await pool.destroy()
      await origin.close()
    },
  }
}

for (const [name, start, version] of [
  ['HTTP/2', startH2Origin, '2.0'],
  ['HTTP/1.1', startH1Origin, '1.1'],
] as const) {
  test(`${name}: a JSON answer with status, headers, version and address`, async () => {
    await using bench = await open(start)
    const response = await bench.got(`${bench.origin.origin}/json`, { responseType: 'json' })
    assert.deepEqual(response.body, jsonBody)
    assert.equal(response.statusCode, 200)
    assert.equal(response.statusMessage, 'OK')
    assert.equal(response.httpVersion, version)
    assert.equal(response.headers['content-type'], 'application/json')
    assert.equal(response.ip, '127.0.0.1')
    assert.equal(response.complete, true)
    assert.equal(response.ok, true)
    const at = response.rawHeaders.findIndex((field) => field.toLowerCase() === 'content-type')
    assert.equal(response.rawHeaders[at + 1], 'application/json')
  })

  test(`${name}: every timing phase, and the connection's own for a request that finds it made`, async () => {
    await using bench = await open(start)
    const first = await bench.got(`${bench.origin.origin}/json`)
    const second = await bench.got(`${bench.origin.origin}/json`)
    for (const timings of [first.timings, second.timings]) {
      assert.ok(timings)
      for (const phase of ['wait', 'dns', 'tcp', 'tls', 'request', 'firstByte', 'download', 'total'] as const) {
        const value = timings.phases[phase]
        assert.ok(typeof value === 'number' && value >= 0, `${phase} is ${String(value)}`)
      }
    }
    assert.equal(second.timings?.phases.tls, first.timings?.phases.tls)
    assert.equal(second.request.reusedSocket, true)
    assert.equal(bench.origin.connections, 1)
  })

  test(`${name}: bodies: text, JSON, form, bytes, generator, Node stream, web stream, FormData`, async () => {
    await using bench = await open(start)
    const url = `${bench.origin.origin}/echo`
    assert.equal((await bench.got.post(url, { body: 'text' })).body, 'text')
    assert.deepEqual(await bench.got.post(url, { json: { a: 1 } }).json(), { a: 1 })
    const form = await bench.got.post(url, { form: { a: '1', b: 'ü' } })
    assert.equal(form.body, 'a=1&b=%C3%BC')
    const long = await bench.got.put(`${bench.origin.origin}/echo-length`, { body: patternBytes(300_000) })
    assert.equal(long.body, '300000')
    async function* generate(): AsyncGenerator<string> {
      yield 'one '
      await delay(1)
      yield 'two'
    }
    assert.equal((await bench.got.post(url, { body: generate() })).body, 'one two')
    assert.equal((await bench.got.post(url, { body: Readable.from(['a', 'b']) })).body, 'ab')
    assert.equal((await bench.got.post(url, { body: new Blob(['web']).stream() })).body, 'web')
    const data = new FormData()
    data.set('field', 'value')
    const sent = await bench.got.post(url, { body: data })
    assert.match(sent.body, /name="field"\r\n\r\nvalue/)
    const empty = await bench.got.post(`${bench.origin.origin}/echo-length`)
    assert.equal(empty.body, '0')
  })

  test(`${name}: trailers, raw and distinct, with and without decompression`, async () => {
    const { gzipSync } = await import('node:zlib')
    await using bench = await open(start, {
      '/coded'(_call, answer) {
        answer.head(200, { 'content-encoding': 'gzip', trailer: 'x-sum' }, { trailers: true })
        answer.end(gzipSync('plain'), { 'x-sum': '7' })
      },
    })
    const plain = await bench.got(`${bench.origin.origin}/trailers`)
    assert.deepEqual({ ...plain.trailers }, { 'x-checksum': 'abc', 'x-second': '2' })
    assert.deepEqual(plain.trailersDistinct, { 'x-checksum': ['abc'], 'x-second': ['2'] })
    assert.deepEqual(plain.rawTrailers, ['x-checksum', 'abc', 'x-second', '2'])
    const coded = await bench.got(`${bench.origin.origin}/coded`)
    assert.equal(coded.body, 'plain')
    assert.deepEqual({ ...coded.trailers }, { 'x-sum': '7' })
    assert.deepEqual(coded.trailersDistinct, { 'x-sum': ['7'] })
    const none = await bench.got(`${bench.origin.origin}/json`)
    assert.deepEqual({ ...none.trailers }, {})
    const stream = bench.got.stream(`${bench.origin.origin}/trailers`)
    const [response] = (await once(stream, 'response')) as [{ trailers: object }]
    stream.resume()
    await once(stream, 'end')
    assert.deepEqual({ ...response.trailers }, { 'x-checksum': 'abc', 'x-second': '2' })
  })

  test(`${name}: decompression, each coding`, async () => {
    await using bench = await open(start)
    for (const path of ['/gzip', '/br', '/deflate', '/zstd', '/chain']) {
      assert.equal((await bench.got(`${bench.origin.origin}${path}`)).body, codedText, path)
    }
    const raw = await bench.got(`${bench.origin.origin}/gzip`, { decompress: false, responseType: 'buffer' })
    assert.equal(raw.headers['content-encoding'], 'gzip')
  })

  test(`${name}: redirects keep the connection, and strip what another origin must not see`, async () => {
    await using bench = await open(start)
    await using other = await startH2Origin({}, {})
    const first = await bench.got(`${bench.origin.origin}/redirect`)
    assert.deepEqual(JSON.parse(first.body), jsonBody)
    assert.equal(first.redirectUrls.length, 1)
    assert.equal(bench.origin.connections, 1)
    const away = encodeURIComponent(`${other.origin}/headers`)
    const pool = new Pool({ tls: { ca: [bench.origin.ca, other.ca] } })
    const both = got.extend(hyperGot({ pool }))
    const headers = await both(`${bench.origin.origin}/redirect?to=${away}`, {
      headers: { authorization: 'Bearer secret', cookie: 'a=1', 'x-kept': 'yes' },
    }).json<string[]>()
    await pool.destroy()
    assert.ok(!headers.includes('authorization') && !headers.includes('cookie'))
    assert.ok(headers.includes('x-kept'))
    const post = await bench.got.post(`${bench.origin.origin}/redirect?to=/echo&status=307`, { body: 'again' })
    assert.equal(post.body, 'again')
    assert.equal(post.headers['x-method'], 'POST')
    const seeOther = await bench.got.post(`${bench.origin.origin}/redirect?to=/echo&status=303`, { body: 'x' })
    assert.equal(seeOther.headers['x-method'], 'GET')
    const loop = `${bench.origin.origin}/redirect?to=${encodeURIComponent('/redirect?to=/redirect')}`
    await assert.rejects(bench.got(loop, { maxRedirects: 1 }), { code: 'ERR_TOO_MANY_REDIRECTS' })
  })

  test(`${name}: 103 as 'information'`, async () => {
    await using bench = await open(start)
    const seen: number[] = []
    const stream = bench.got.stream(`${bench.origin.origin}/103`)
    stream.on('information', (info: { statusCode: number; headers: Record<string, string> }) => {
      seen.push(info.statusCode)
      assert.match(String(info.headers['link']), /preload/)
    })
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    assert.equal(text, 'after hints')
    assert.deepEqual(seen, [103])
  })

  test(`${name}: streams: download with backpressure, upload by pipe, progress both ways`, async () => {
    await using bench = await open(start)
    const download = bench.got.stream(`${bench.origin.origin}/bytes/1000000?length`)
    const progress: number[] = []
    download.on('downloadProgress', ({ transferred }) => progress.push(transferred))
    const chunks: Buffer[] = []
    for await (const chunk of download) {
      chunks.push(chunk as Buffer)
      if (chunks.length % 8 === 0) await delay(1)
    }
    assert.deepEqual(Buffer.concat(chunks), patternBytes(1_000_000))
    assert.equal(progress.at(-1), 1_000_000)

    const upload = bench.got.stream.post(`${bench.origin.origin}/echo-length`)
    const sent: number[] = []
    upload.on('uploadProgress', ({ transferred }) => sent.push(transferred))
    const { size } = await import('node:fs').then(({ statSync }) => statSync(import.meta.filename))
    createReadStream(import.meta.filename).pipe(upload)
    let answer = ''
    for await (const chunk of upload) answer += String(chunk)
    assert.equal(Number(answer), size)
    assert.equal(sent.at(-1), size)

    const steps: number[] = []
    await bench.got
      .post(`${bench.origin.origin}/echo-length`, { body: patternBytes(200_000) })
      .on('uploadProgress', ({ transferred }: { transferred: number }) => steps.push(transferred))
    assert.ok(steps.length >= 4, `${steps.length} steps`)
    assert.equal(steps.at(-1), 200_000)
    assert.deepEqual(
      steps,
      steps.toSorted((a, b) => a - b),
    )
  })

  test(`${name}: cookies, HEAD, 204, repeated headers, and a header that HTTP/2 has no place for`, async () => {
    await using bench = await open(start)
    const jar: string[] = []
    const response = await bench.got(`${bench.origin.origin}/set-cookie`, {
      cookieJar: {
        getCookieString: async () => 'known=1',
        setCookie: async (cookie: string) => jar.push(cookie),
      },
      headers: { connection: 'keep-alive' },
    })
    assert.deepEqual(response.headers['set-cookie'], ['a=1; Path=/', 'b=2; Path=/'])
    assert.equal(response.headers['x-twice'], 'one, two')
    assert.deepEqual(jar, ['a=1; Path=/', 'b=2; Path=/'])
    assert.equal(bench.origin.requests[0].headers['cookie'], 'known=1')
    const head = await bench.got.head(`${bench.origin.origin}/json`)
    assert.equal(head.body, '')
    assert.equal((await bench.got(`${bench.origin.origin}/status/204`)).statusCode, 204)
  })

  test(`${name}: the cache: stored, served, revalidated`, async () => {
    let served = 0
    await using bench = await open(start, {
      '/fresh'(_call, answer) {
        served++
        answer.head(200, { 'cache-control': 'max-age=60', 'content-type': 'text/plain' })
        answer.end('cached')
      },
      '/tagged'(call, answer) {
        served++
        const known = call.headers['if-none-match'] === '"1"'
        answer.head(known ? 304 : 200, { 'cache-control': 'no-cache', etag: '"1"' })
        answer.end(known ? undefined : 'tagged')
      },
    })
    const cache = new Map()
    for (const path of ['/fresh', '/tagged']) {
      const first = await bench.got(`${bench.origin.origin}${path}?q=1`, { cache })
      const second = await bench.got(`${bench.origin.origin}${path}?q=1`, { cache })
      assert.equal(first.isFromCache, false)
      assert.equal(second.isFromCache, true)
      assert.equal(second.body, first.body)
    }
    assert.equal(served, 3)
    assert.deepEqual(
      bench.origin.requests.map((call) => call.query.get('q')),
      ['1', '1', '1'],
    )
    const credentials = bench.origin.origin.replace('://', '://user:pa%20ss@')
    await bench.got(`${credentials}/json`, { cache })
    const { authorization } = bench.origin.requests.at(-1)?.headers ?? {}
    assert.equal(authorization, `Basic ${Buffer.from('user:pa ss').toString('base64')}`)
  })

  test(`${name}: pagination and hooks go on working`, async () => {
    await using bench = await open(start, {
      '/page'(call, answer) {
        const page = Number(call.query.get('page') ?? 1)
        const next: Record<string, string> = page < 3 ? { link: `</page?page=${page + 1}>; rel="next"` } : {}
        answer.head(200, { 'content-type': 'application/json', ...next })
        answer.end(JSON.stringify([page]))
      },
    })
    const seen = await bench.got.paginate.all<number>(`${bench.origin.origin}/page`, { responseType: 'json' })
    assert.deepEqual(seen, [1, 2, 3])
    const signed = bench.got.extend({
      hooks: { beforeRequest: [(options) => void Object.assign(options.headers, { 'x-signed': 'yes' })] },
    })
    assert.equal((await signed(`${bench.origin.origin}/echo`)).headers['x-x-signed'], 'yes')
  })
}

test('request trailers, added before the body or announced', async () => {
  let received: Record<string, unknown> = {}
  await using bench = await open(() =>
    startH2Origin((stream) => {
      stream.on('trailers', (trailers) => {
        received = { ...trailers }
      })
      stream.resume()
      stream.on('end', () => {
        stream.respond({ ':status': 200 })
        stream.end()
      })
    }),
  )
  const stream = bench.got.stream.post(bench.origin.origin)
  stream.once('request', (request: { addTrailers(trailers: object): void }) => request.addTrailers({ 'x-sum': '42' }))
  stream.end('body')
  stream.resume()
  await once(stream, 'end')
  assert.equal(received['x-sum'], '42')
})

test('a hundred requests at once on a cold connection share it', async () => {
  await using bench = await open(startH2Origin)
  const all = await Promise.all(Array.from({ length: 100 }, () => bench.got(`${bench.origin.origin}/json`)))
  assert.ok(all.every((response) => response.statusCode === 200))
  assert.equal(bench.origin.connections, 1)
})

test("http2: true of the caller's is no obstacle", async () => {
  await using bench = await open(startH2Origin)
  const response = await bench.got(`${bench.origin.origin}/json`, { http2: true })
  assert.equal(response.httpVersion, '2.0')
  assert.equal(bench.pool.stats().connections, 1)
})

test('got-only transports: an agent, setHost false and upgrades are left to got', async () => {
  await using bench = await open(startH1Origin)
  const agent = new Agent({ ca: bench.origin.ca })
  const viaAgent = await bench.got(`${bench.origin.origin}/json`, { agent: { https: agent } })
  assert.equal(viaAgent.statusCode, 200)
  const unnamed = bench.got(`${bench.origin.origin}/json`, {
    setHost: false,
    https: { certificateAuthority: bench.origin.ca },
    retry: { limit: 0 },
  })
  // A request without a host: HTTP/1.1 servers refuse it, which shows that it was sent so.
  await assert.rejects(unnamed, (error: RequestError) => error.response?.statusCode === 400)
  assert.equal(bench.pool.stats().connections, 0)
  agent.destroy()
})

test('options without a pool of its own close nothing; those with one close it', async () => {
  await using origin = await startH2Origin()
  const options = hyperGot({ tls: { ca: origin.ca } })
  const client = got.extend(options)
  assert.equal((await client(`${origin.origin}/json`)).statusCode, 200)
  await options.close()
  await assert.rejects(client(`${origin.origin}/json`, { retry: { limit: 0 } }), { code: 'ERR_HYPER_POOL_CLOSED' })
  await hyperGot().close()
})
