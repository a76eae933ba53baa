import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import zlib from 'node:zlib'
import {
  type Coding,
  ContentDecodingError,
  createDecoder,
  Decoder,
  type DecoderOptions,
  decodeSmall,
  smallInput,
  smallOutput,
} from '../../src/content/index.ts'
import { fc, runs } from '../support/property.ts'

const encoders: Readonly<Record<Coding, (bytes: Uint8Array) => Buffer>> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
}
const codings = Object.keys(encoders) as Coding[]

function encode(chain: readonly Coding[], bytes: Uint8Array): Buffer {
  return chain.reduce<Buffer>((coded, coding) => encoders[coding](coded), Buffer.from(bytes))
}

/** Feeds chunks to a Decoder, minding its backpressure. */
async function decode(
  chain: readonly Coding[],
  chunks: Iterable<Uint8Array>,
  options?: DecoderOptions,
): Promise<Buffer> {
  const out: Buffer[] = []
  let drained: () => void = () => {}
  let decoder: Decoder | undefined
  const done = new Promise<Buffer>((resolve, reject) => {
    decoder = new Decoder(
      chain,
      {
        onDecoded: (chunk) => void out.push(chunk),
        onDecodedEnd: () => resolve(Buffer.concat(out)),
        onDecodeError: reject,
        onDecoderDrain: () => drained(),
      },
      options,
    )
  })
  done.catch(() => {})
  for (const chunk of chunks) {
    if (decoder?.write(chunk) === false) {
      const ready = new Promise<void>((resolve) => {
        drained = resolve
      })
      await Promise.race([ready, done.then(() => {})])
    }
  }
  decoder?.end()
  return done
}

const text = Buffer.from('some text that repeats, some text that repeats; '.repeat(50))

for (const coding of codings) {
  test(`${coding} is undone, whole and in single octets`, async () => {
    const coded = encode([coding], text)
    assert.deepEqual(await decode([coding], [coded]), text)
    const single = Array.from(coded, (_, i) => coded.subarray(i, i + 1))
    assert.deepEqual(await decode([coding], single), text)
    assert.deepEqual(decodeSmall([coding], coded), text)
  })

  test(`${coding} that ends too early is an error, and what there is when tolerant`, async () => {
    const coded = encode([coding], text)
    const short = coded.subarray(0, coded.length - 6)
    await assert.rejects(decode([coding], [short]), { code: 'ERR_HYPER_CONTENT_DECODING', message: /ends too early/ })
    assert.throws(() => decodeSmall([coding], short), { code: 'ERR_HYPER_CONTENT_DECODING', message: /ends too early/ })
    const some = await decode([coding], [short], { tolerant: true })
    assert.deepEqual(some, text.subarray(0, some.length))
    const same = decodeSmall([coding], short, { tolerant: true })
    assert.deepEqual(same, text.subarray(0, same?.length))
  })

  test(`a body that is not valid ${coding} is an error with zlib's own as cause`, async () => {
    const garbage = Buffer.from('this is not coded at all, whatever the header says')
    await assert.rejects(decode([coding], [garbage]), (error) => {
      assert.ok(error instanceof ContentDecodingError)
      assert.ok(error.cause instanceof Error)
      assert.equal(typeof error.systemCode, 'string')
      return true
    })
    assert.throws(() => decodeSmall([coding], garbage), ContentDecodingError)
  })

  test(`an empty ${coding} body is empty`, async () => {
    assert.equal((await decode([coding], [])).length, 0)
    assert.equal(decodeSmall([coding], Buffer.alloc(0))?.length, 0)
  })

  test(`${coding} stops as soon as its output exceeds the limit`, async () => {
    const bomb = encode([coding], Buffer.alloc(50_000_000))
    let seen = 0
    const failed = new Promise<Error>((resolve, reject) => {
      const decoder = new Decoder(
        [coding],
        {
          onDecoded: (chunk) => {
            seen += chunk.length
          },
          onDecodedEnd: () => reject(new Error('it did not stop')),
          onDecodeError: resolve,
        },
        { maxOutput: 1_000_000 },
      )
      decoder.write(bomb)
      decoder.end()
    })
    assert.equal(((await failed) as Error & { code: string }).code, 'ERR_HYPER_CONTENT_LIMIT')
    assert.ok(seen <= 1_000_000)
  })
}

test('a limit on the ratio stops a bomb, and lets short bodies be', async () => {
  const bomb = encode(['gzip'], Buffer.alloc(20_000_000))
  await assert.rejects(decode(['gzip'], [bomb], { maxRatio: 100 }), { code: 'ERR_HYPER_CONTENT_LIMIT' })
  const small = encode(['gzip'], Buffer.alloc(100_000))
  assert.equal((await decode(['gzip'], [small], { maxRatio: 2 })).length, 100_000)
})

test('deflate is undone with its zlib wrapper and without', async () => {
  const raw = zlib.deflateRawSync(text)
  assert.deepEqual(await decode(['deflate'], [raw]), text)
  assert.deepEqual(decodeSmall(['deflate'], raw), text)
})

test('gzip in several members is one body', async () => {
  const two = Buffer.concat([zlib.gzipSync('first '), zlib.gzipSync('second')])
  assert.equal(String(await decode(['gzip'], [two])), 'first second')
  assert.equal(String(decodeSmall(['gzip'], two)), 'first second')
})

test('zstd in several frames is one body', async () => {
  const two = Buffer.concat([zlib.zstdCompressSync('first '), zlib.zstdCompressSync('second')])
  assert.equal(String(await decode(['zstd'], [two])), 'first second')
  const single = Array.from(two, (_, i) => two.subarray(i, i + 1))
  assert.equal(String(await decode(['zstd'], single)), 'first second')
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9])
  assert.equal(String(await decode(['zstd'], [Buffer.concat([two, skippable, two])])), 'first secondfirst second')
  assert.equal(String(decodeSmall(['zstd'], Buffer.concat([two, skippable, two]))), 'first secondfirst second')
})

test('zstd in several long frames is one body', async () => {
  const long = Buffer.alloc(700_000, 'zstandard ')
  const frames = Buffer.concat([zlib.zstdCompressSync(long), zlib.zstdCompressSync(long)])
  assert.deepEqual(await decode(['zstd'], [frames]), Buffer.concat([long, long]))
})

test('what follows the end of a zstd body and is no frame is ignored', async () => {
  const followed = Buffer.concat([zlib.zstdCompressSync(text), Buffer.alloc(64)])
  assert.deepEqual(await decode(['zstd'], [followed, Buffer.alloc(10)]), text)
  assert.deepEqual(decodeSmall(['zstd'], followed), text)
})

test('what follows the end of a gzip body is ignored', async () => {
  const followed = Buffer.concat([zlib.gzipSync(text), Buffer.alloc(64)])
  assert.deepEqual(await decode(['gzip'], [followed]), text)
})

test('any chain of codings, cut anywhere, gives back what was coded', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...codings), { minLength: 1, maxLength: 5 }),
      fc.uint8Array({ maxLength: 2000 }),
      fc.integer({ min: 1, max: 500 }),
      async (chain, bytes, step) => {
        const coded = encode(chain, bytes)
        const chunks: Buffer[] = []
        for (let at = 0; at < coded.length; at += step) chunks.push(coded.subarray(at, at + step))
        assert.deepEqual(await decode(chain, chunks), Buffer.from(bytes))
        assert.deepEqual(decodeSmall(chain, coded), Buffer.from(bytes))
      },
    ),
    runs(60),
  )
})

test('a body too long to be decoded at once is left to the Decoder', () => {
  assert.equal(decodeSmall(['gzip'], Buffer.alloc(smallInput + 1)), undefined)
  assert.equal(decodeSmall(['gzip'], zlib.gzipSync(Buffer.alloc(smallOutput + 1))), undefined)
  assert.equal(decodeSmall(['gzip'], zlib.gzipSync(Buffer.alloc(smallOutput)))?.length, smallOutput)
  assert.throws(() => decodeSmall(['gzip'], zlib.gzipSync(Buffer.alloc(100)), { maxOutput: 99 }), {
    code: 'ERR_HYPER_CONTENT_LIMIT',
  })
})

test('pause() holds decoded data back until resume()', async () => {
  const source = Buffer.alloc(4_000_000, 'abcdefgh')
  const coded = zlib.gzipSync(source)
  let octets = 0
  let decoder: Decoder | undefined
  const ended = new Promise<void>((resolve, reject) => {
    decoder = new Decoder(['gzip'], {
      onDecoded: (chunk) => {
        octets += chunk.length
      },
      onDecodedEnd: resolve,
      onDecodeError: reject,
    })
  })
  decoder?.pause()
  let accepted = true
  for (let at = 0; at < coded.length; at += 1000)
    accepted = decoder?.write(coded.subarray(at, at + 1000)) === true && accepted
  decoder?.end()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(octets, 0)
  decoder?.resume()
  await ended
  assert.equal(octets, source.length)
})

test('a destroyed decoder says nothing more', async () => {
  const fail = (): void => assert.fail('it said something')
  const decoder = new Decoder(['gzip'], { onDecoded: fail, onDecodedEnd: fail, onDecodeError: fail })
  decoder.write(Buffer.from('not gzip'))
  decoder.destroy()
  decoder.write(Buffer.from('more'))
  decoder.end()
  await new Promise((resolve) => setTimeout(resolve, 20))
})

test('createDecoder gives a stream, or nothing where nothing is to be undone', async () => {
  assert.equal(createDecoder('identity'), undefined)
  assert.equal(createDecoder(undefined), undefined)
  const source = Buffer.alloc(3_000_000, 'stream ')
  const stream = createDecoder('br, gzip')
  assert.ok(stream)
  const coded = encode(['br', 'gzip'], source)
  const chunks = Array.from({ length: Math.ceil(coded.length / 100) }, (_, i) => coded.subarray(i * 100, i * 100 + 100))
  assert.deepEqual(await buffer(Readable.from(chunks).pipe(stream)), source)
})

test('a stream that cannot be decoded is destroyed with a ContentDecodingError', async () => {
  const stream = createDecoder('gzip')
  assert.ok(stream)
  const failed = once(stream, 'error')
  stream.resume()
  stream.end('not gzip')
  const [error] = await failed
  assert.ok(error instanceof ContentDecodingError)
  assert.equal(stream.destroyed, true)
})
