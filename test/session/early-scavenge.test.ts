/** What a large read brings along, so that V8 frees read buffers in time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EarlyScavenge } from '../../src/session/early-scavenge.ts'

test('a large read brings an array of half its size, a small one nothing, and an idle connection keeps none', () => {
  const scavenge = new EarlyScavenge()
  scavenge.read(8191)
  assert.equal(scavenge.array.length, 0)
  scavenge.read(8192)
  assert.equal(scavenge.array.length * 8, 4096)
  const first = scavenge.array
  scavenge.read(16_384)
  assert.notEqual(scavenge.array, first)
  assert.equal(scavenge.array.length * 8, 8192)
  scavenge.drop()
  assert.equal(scavenge.array.length, 0)
})
