import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ANY_GENERATION, BlockCache, StringCache } from '../../src/hpack/caches.ts'

/** Many octets, and beginnings of them, so that some share a place. */
function* beginnings(): Generator<{ whole: Uint8Array; length: number }> {
  for (let seed = 0; seed < 500; seed++) {
    const whole = Uint8Array.from({ length: 60 }, (_, i) => ((seed + 1) * (i + 7) * 2_654_435) >>> 13)
    for (let length = 4; length < 60; length += 5) yield { whole, length }
  }
}

describe('the string cache', () => {
  test('knows a string from the second offer on', () => {
    const cache = new StringCache()
    const octets = Buffer.from('octets')
    for (const known of [undefined, undefined, 'text']) {
      assert.equal(cache.find(octets, 0, 6, false), known)
      cache.offer(octets, 0, 6, false, 'text')
    }
    assert.equal(cache.find(octets, 0, 6, true), undefined)
    assert.equal(cache.find(octets, 0, 5, false), undefined)
  })

  test('never takes the beginning of a string for the string that had the place before', () => {
    for (const { whole, length } of beginnings()) {
      const cache = new StringCache()
      for (let i = 0; i < 2; i++) cache.offer(whole, 0, whole.length, false, 'whole')
      cache.offer(whole, 0, length, false, 'beginning')
      assert.equal(cache.find(whole, 0, length, false), undefined)
      cache.offer(whole, 0, length, false, 'beginning')
      assert.equal(cache.find(whole, 0, length, false), 'beginning')
    }
  })
})

describe('the block cache', () => {
  const WHOLE = ['whole', '']
  const BEGINNING = ['beginning', '']

  test('knows a block from the second offer on, in its generation or in any', () => {
    for (const stored of [7, ANY_GENERATION]) {
      const cache = new BlockCache()
      const octets = Buffer.from('octets')
      assert.equal(cache.find(octets, 0, 6, 7), -1)
      for (let i = 0; i < 2; i++) {
        assert.equal(cache.find(octets, 0, 6, 7), -1)
        cache.offer(octets, 0, 6, stored, WHOLE, 5)
      }
      const at = cache.find(octets, 0, 6, 7)
      assert.equal(cache.lists[at], WHOLE)
      assert.equal(cache.insertions[at], 5)
      assert.equal(cache.find(octets, 0, 6, 8), stored === 7 ? -1 : at)
      assert.equal(cache.find(octets, 0, 5, 7), -1)
      cache.clear()
      assert.equal(cache.find(octets, 0, 6, 7), -1)
    }
  })

  test('never takes the beginning of a block for the block that had the place before', () => {
    for (const { whole, length } of beginnings()) {
      const cache = new BlockCache()
      for (let i = 0; i < 2; i++) cache.offer(whole, 0, whole.length, 1, WHOLE, 0)
      cache.offer(whole, 0, length, 1, BEGINNING, 0)
      assert.equal(cache.find(whole, 0, length, 1), -1)
      cache.offer(whole, 0, length, 1, BEGINNING, 0)
      assert.equal(cache.lists[cache.find(whole, 0, length, 1)], BEGINNING)
    }
  })

  test('is not for blocks of no octets or of more than 255', () => {
    const cache = new BlockCache()
    const octets = new Uint8Array(600)
    for (const length of [0, 256, 257, 511, 600]) {
      for (let i = 0; i < 3; i++) {
        cache.offer(octets, 0, length, 1, WHOLE, 0)
        assert.equal(cache.find(octets, 0, length, 1), -1)
      }
    }
    for (let i = 0; i < 2; i++) cache.offer(octets, 0, 255, 1, WHOLE, 0)
    assert.notEqual(cache.find(octets, 0, 255, 1), -1)
  })
})
