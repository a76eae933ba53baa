import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxCodings, parseCodings } from '../../src/content/index.ts'

test('codings come in the order in which they were applied', () => {
  assert.deepEqual(parseCodings('gzip'), ['gzip'])
  assert.deepEqual(parseCodings('x-gzip'), ['gzip'])
  assert.deepEqual(parseCodings('br, GZIP'), ['br', 'gzip'])
  assert.deepEqual(parseCodings('deflate,\tzstd'), ['deflate', 'zstd'])
})

test('nothing is decoded without a header, for identity, and for an unknown coding', () => {
  for (const header of [undefined, '', 'identity', ' identity , identity', ',', 'compress', 'gzip, aes128gcm']) {
    assert.equal(parseCodings(header), undefined)
  }
})

test('identity between other codings does nothing', () => {
  assert.deepEqual(parseCodings('gzip, identity, br'), ['gzip', 'br'])
})

test('a chain longer than the limit is an error', () => {
  const chain = (length: number): string => Array.from({ length }, () => 'gzip').join(', ')
  assert.equal(parseCodings(chain(maxCodings))?.length, maxCodings)
  assert.throws(() => parseCodings(chain(maxCodings + 1)), { code: 'ERR_HYPER_CONTENT_LIMIT' })
})

test('a very long header costs no more than reading it', () => {
  assert.throws(() => parseCodings('br,'.repeat(100_000)), { code: 'ERR_HYPER_CONTENT_LIMIT' })
})
