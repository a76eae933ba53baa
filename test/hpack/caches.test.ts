import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ANY_GENERATION, BlockCache, LONGEST_STRING, SHORTEST_STRING, StringCache } from '../../src/hpack/caches.ts'

/** Many octets, and beginnings of them, so that some share a place. */
function* beginnings(): Generator<{ whole: Uint8Array; length: number }> {
  for (let seed = 0; seed < 500; seed++) {
    const whole = Uint8Array.from({ length: 60 }, (_, i) => ((seed + 1) * (i + 7) * 2_654_435) >>> 13)
    for (let length = 4; length < 60; length += 5) yield { whole, length }
  }
}

describe('the string cache', () => {
  /** As the decoder does: what is not found is worked out and kept. */
  const look = (cache: StringCache, source: Uint8Array, length: number, coded: boolean, text: string): boolean => {
    const known = cache.find(source, 0, length, coded)
    if (known === undefined) cache.keep(source, 0, length, coded, text)
    else assert.equal(known, text)
    return known !== undefined
  }

  test('the string cache knows a string from the third time on, in each length and form', () => {
    for (let length = SHORTEST_STRING; length <= LONGEST_STRING; length++) {
      for (const coded of [false, true]) {
        const cache = new StringCache()
        const octets = Buffer.alloc(length, 'octets')
        const seen = [1, 2, 3, 4].map(() => look(cache, octets, length, coded, 'text'))
        assert.deepEqual(seen, [false, false, true, true])
        assert.equal(look(cache, octets, length, !coded, 'other'), false)
      }
    }
  })

  test('never takes the beginning of a string for the string that had the place before', () => {
    for (const { whole, length } of beginnings()) {
      const cache = new StringCache()
      for (let i = 0; i < 3; i++) look(cache, whole, whole.length, false, 'whole')
      for (let i = 0; i < 3; i++) look(cache, whole, length, false, 'beginning')
    }
  })
})

describe('the block cache', () => {
  const LIST = ['name', 'value']

  test('the block cache knows a block from the third time on, in its generation or in any', () => {
    for (const stored of [7, ANY_GENERATION]) {
      const cache = new BlockCache()
      const octets = Buffer.from('octets')
      for (let i = 0; i < 2; i++) {
        assert.equal(cache.find(octets, 0, 6, 7), -1)
        cache.keep(octets, 0, 6, stored, LIST, 5)
      }
      const at = cache.find(octets, 0, 6, 7)
      assert.equal(cache.lists[at], LIST)
      assert.equal(cache.insertions[at], 5)
      assert.equal(cache.find(octets, 0, 6, 8), stored === 7 ? -1 : at)
      assert.equal(cache.find(octets, 0, 5, 7), -1)
      cache.clear()
      assert.equal(cache.find(octets, 0, 6, 7), -1)
    }
  })

  test('never takes the beginning of a block for the block that had the place before', () => {
    const look = (cache: BlockCache, source: Uint8Array, length: number, list: readonly string[]): void => {
      const at = cache.find(source, 0, length, 1)
      if (at < 0) cache.keep(source, 0, length, 1, list, 0)
      else assert.equal(cache.lists[at], list)
    }
    for (const { whole, length } of beginnings()) {
      const cache = new BlockCache()
      const other = ['beginning', '']
      for (let i = 0; i < 3; i++) look(cache, whole, whole.length, LIST)
      for (let i = 0; i < 3; i++) look(cache, whole, length, other)
    }
  })

  test('the block cache is not for blocks of no octets or of more than 255', () => {
    const octets = new Uint8Array(600)
    for (const [length, known] of [
      [0, false],
      [1, true],
      [255, true],
      [256, false],
      [600, false],
    ] as const) {
      const cache = new BlockCache()
      for (let i = 0; i < 2; i++) {
        assert.equal(cache.find(octets, 0, length, 1), -1)
        cache.keep(octets, 0, length, 1, LIST, 0)
      }
      assert.equal(cache.find(octets, 0, length, 1) >= 0, known)
    }
  })
})
