/** Bombs, and the limits of each of those who decode. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import axios from 'axios'
import { createHyperAdapter } from '../../adapters/axios.ts'
import { createFetch } from '../../adapters/fetch.ts'
import { type Coding, Decoder, type DecoderOptions, maxCodings, parseCodings } from '../../src/content/index.ts'
import { DECODING_RATIO_FLOOR, LENIENT_DECODING_RATIO_FLOOR, MAX_DECODING_RATIO } from '../../src/limits.ts'
import { type Routes, startH1Origin, startH2Origin } from '../support/origin.ts'

/** Octets decoded until it ended, and how. */
function decodedOf(chain: readonly Coding[], coded: Uint8Array, options: DecoderOptions): Promise<[number, string]> {
  return new Promise((resolve) => {
    const decoder: Decoder = new Decoder(
      chain,
      {
        onDecoded: () => {},
        onDecodedEnd: () => resolve([decoder.octetsOut, 'end']),
        onDecodeError: (error) => resolve([decoder.octetsOut, String(Reflect.get(error, 'code'))]),
      },
      options,
    )
    decoder.write(coded)
    decoder.end()
  })
}

const megabyte = 1024 * 1024

test('maxOutput is absolute: as much passes, an octet more does not', async () => {
  const coded = zlib.gzipSync(Buffer.alloc(megabyte))
  assert.deepEqual(await decodedOf(['gzip'], coded, { maxOutput: megabyte }), [megabyte, 'end'])
  const [, outcome] = await decodedOf(['gzip'], coded, { maxOutput: megabyte - 1 })
  assert.equal(outcome, 'ERR_HYPER_CONTENT_LIMIT')
})

test('MAX_DECODING_RATIO lets whatever one gzip can make pass, and stops what br, zstd and chains make of nothing', async () => {
  const zeros = Buffer.alloc(4 * DECODING_RATIO_FLOOR)
  const limits = { maxRatio: MAX_DECODING_RATIO }
  const gzip = zlib.gzipSync(zeros, { level: 9 })
  assert.deepEqual(await decodedOf(['gzip'], gzip, limits), [zeros.length, 'end'])
  for (const [chain, coded] of [
    [['br'], zlib.brotliCompressSync(zeros)],
    [['zstd'], zlib.zstdCompressSync(zeros)],
    [['gzip', 'gzip'], zlib.gzipSync(gzip, { level: 9 })],
  ] as const) {
    const [octets, outcome] = await decodedOf(chain, coded, limits)
    assert.equal(outcome, 'ERR_HYPER_CONTENT_LIMIT', String(chain))
    assert.ok(octets < zeros.length, `${chain}: ${octets}`)
  }
})

test('the ratio is not looked at below DECODING_RATIO_FLOOR', async () => {
  const zeros = Buffer.alloc(DECODING_RATIO_FLOOR)
  assert.deepEqual(await decodedOf(['br'], zlib.brotliCompressSync(zeros), { maxRatio: 2 }), [zeros.length, 'end'])
})

test('maxCodings in a row are undone, one more is an error', () => {
  assert.equal(parseCodings(Array(maxCodings).fill('gzip').join(','))?.length, maxCodings)
  assert.throws(
    () =>
      parseCodings(
        Array(maxCodings + 1)
          .fill('gzip')
          .join(','),
      ),
    { code: 'ERR_HYPER_CONTENT_LIMIT' },
  )
})

/** Twice what is let through of almost nothing; honest is just below. */
const bomb = zlib.brotliCompressSync(Buffer.alloc(2 * LENIENT_DECODING_RATIO_FLOOR))
const honest = zlib.brotliCompressSync(Buffer.alloc(8 * megabyte))
const routes: Routes = {
  '/bomb'(_call, answer) {
    answer.head(200, { 'content-encoding': 'br' })
    answer.end(bomb)
  },
  '/honest'(_call, answer) {
    answer.head(200, { 'content-encoding': 'br' })
    answer.end(honest)
  },
  '/long'(_call, answer) {
    answer.head(200, {
      'content-encoding': Array(maxCodings + 1)
        .fill('gzip')
        .join(', '),
    })
    answer.end('x')
  },
}

for (const [name, start] of [
  ['HTTP/2', startH2Origin],
  ['HTTP/1.1', startH1Origin],
] as const) {
  test(`${name}: fetch stops at a bomb, and takes what only compresses well`, async () => {
    await using origin = await start(routes)
    await using fetch = createFetch({ tls: { ca: origin.ca } })
    assert.equal((await (await fetch(`${origin.origin}/honest`)).bytes()).length, 8 * megabyte)
    const response = await fetch(`${origin.origin}/bomb`)
    await assert.rejects(response.bytes(), (error: Error) => {
      assert.equal(error.constructor, TypeError)
      assert.match(String(error.cause), /more than 1100 times as long/)
      return true
    })
    await assert.rejects(fetch(`${origin.origin}/long`), (error: Error) =>
      /6 content codings/.test(String(error.cause)),
    )
  })

  test(`${name}: axios stops at a bomb, collected and streamed, and takes what only compresses well`, async () => {
    await using origin = await start(routes)
    const adapter = createHyperAdapter({ tls: { ca: origin.ca } })
    const instance = axios.create({ adapter, baseURL: origin.origin, proxy: false, responseType: 'arraybuffer' })
    const { data } = await instance.get<Buffer>('/honest')
    assert.equal(data.length, 8 * megabyte)
    await assert.rejects(instance.get('/bomb'), { name: 'AxiosError', message: /more than 1100 times as long/ })
    const stream = await instance.get('/bomb', { responseType: 'stream' })
    await assert.rejects(stream.data.resume().toArray(), /more than 1100 times as long/)
    await assert.rejects(instance.get('/long'), { name: 'AxiosError', message: /6 content codings/ })
    await adapter.close()
  })

  test(`${name}: axios's maxContentLength ends a coded body long before its end`, async () => {
    let sent = 0
    await using origin = await start({
      async '/endless'(_call, answer) {
        answer.head(200, { 'content-encoding': 'gzip' })
        const gzip = zlib.createGzip({ level: 0 })
        gzip.on('data', (chunk: Buffer) => {
          sent += chunk.length
          answer.write(chunk)
        })
        for (let i = 0; i < 64; i++) {
          await new Promise<void>((resolve) => gzip.write(Buffer.alloc(megabyte), () => resolve()))
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      },
    })
    const adapter = createHyperAdapter({ tls: { ca: origin.ca } })
    const instance = axios.create({ adapter, baseURL: origin.origin, proxy: false, maxContentLength: megabyte })
    await assert.rejects(instance.get('/endless'), {
      code: 'ERR_BAD_RESPONSE',
      message: /maxContentLength size of 1048576/,
    })
    assert.ok(sent < 64 * megabyte, String(sent))
    await adapter.close()
  })
}
