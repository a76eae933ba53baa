/** How the benchmark's matrix decides: by intervals that assume no shape of the noise. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdictOf, wordOf } from '../../bench/matrix/decide.ts'

test('eleven ratios: the second from either end bounds the median, as the tables of the sign test have it', () => {
  const verdict = verdictOf([11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6])
  assert.deepEqual([verdict.low, verdict.median, verdict.high], [2, 6, 10])
  assert.ok(Math.abs(verdict.confidence - (1 - 24 / 2048)) < 1e-12)
})

test('the interval is the narrowest that is right in 95 of 100 cases', () => {
  // For 20 values the sixth from either end bounds it: 95.9 %; the seventh would: 88.5 %.
  const verdict = verdictOf(Array.from({ length: 20 }, (_, i) => i + 1))
  assert.deepEqual([verdict.low, verdict.median, verdict.high], [6, 10.5, 15])
  assert.equal(verdict.confidence.toFixed(3), '0.959')
})

test('a loss is an interval wholly below 1, a win one wholly above', () => {
  const nine = (first: number, rest: number): number[] => [first, ...Array.from({ length: 8 }, () => rest)]
  assert.equal(wordOf(verdictOf(nine(0.9, 0.9))), 'loss')
  assert.equal(wordOf(verdictOf(nine(5, 0.9))), 'loss', 'one lucky turn does not save it')
  assert.equal(wordOf(verdictOf(nine(0.1, 1.2))), 'win')
  assert.equal(wordOf(verdictOf([0.9, 0.9, 0.9, 1.1, 1.1, 1.1, 1.1, 1, 1])), 'even')
})

test('too few pairs decide nothing', () => {
  assert.equal(wordOf(verdictOf([0.5, 0.5, 0.5, 0.5, 0.5])), 'undecided')
  assert.equal(wordOf(verdictOf([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])), 'loss')
  assert.equal(wordOf(verdictOf([])), 'undecided')
})
