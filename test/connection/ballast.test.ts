/** What a large read brings along, so that V8 frees read buffers in time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ballast } from '../../src/connection/ballast.ts'

test('a large read brings an array of half its size, a small one nothing, and an idle connection keeps none', () => {
  const ballast = new Ballast()
  ballast.add(8191)
  assert.equal(ballast.array.length, 0)
  ballast.add(8192)
  assert.equal(ballast.array.length * 8, 4096)
  const first = ballast.array
  ballast.add(16_384)
  assert.notEqual(ballast.array, first)
  assert.equal(ballast.array.length * 8, 8192)
  ballast.drop()
  assert.equal(ballast.array.length, 0)
})
