/** Bodies that are put together in the end, with and without a place that was made for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joined, placeFor } from '../../src/exchange/joined.ts'

function placed(octets: number): Buffer {
  const place = placeFor(octets)
  assert.ok(place !== null)
  return place
}

test('pieces that lie side by side in the place of their body are joined without a copy', () => {
  const place = placed(6)
  place.write('abcdef')
  const whole = joined([place.subarray(0, 2), place.subarray(2, 6)], 6)
  assert.equal(whole.toString(), 'abcdef')
  assert.equal(whole.buffer, place.buffer)
})

test('what came before the place was made is copied into the room that was left for it', () => {
  const place = placed(6)
  place.write('cdef', 2)
  const whole = joined([Buffer.from('ab'), place.subarray(2, 4), place.subarray(4, 6)], 6)
  assert.equal(whole.toString(), 'abcdef')
  assert.equal(whole.buffer, place.buffer)
})

test('pieces from elsewhere within the place are copied to where they belong', () => {
  const place = placed(6)
  place.write('ab..ef')
  const whole = joined([place.subarray(0, 2), Buffer.from('cd'), place.subarray(4, 6)], 6)
  assert.equal(whole.toString(), 'abcdef')
})

test('a body that ended before its place was full is joined by a copy', () => {
  const place = placed(6)
  place.write('abcd')
  const whole = joined([place.subarray(0, 2), place.subarray(2, 4)], 4)
  assert.equal(whole.toString(), 'abcd')
  assert.notEqual(whole.buffer, place.buffer)
})

test('memory of as many octets that is no place is left as it is', () => {
  const read = Buffer.from('..cdef')
  const exact = Buffer.allocUnsafeSlow(6)
  read.copy(exact)
  assert.equal(joined([Buffer.from('ab'), exact.subarray(2)], 6).toString(), 'abcdef')
  assert.equal(exact.toString(), '..cdef')
})

test('one piece is the whole, and none is nothing', () => {
  const one = Buffer.from('abc')
  assert.equal(joined([one], 3), one)
  assert.equal(joined([], 0).length, 0)
})

test('there is no place for a body of more than 16 MiB, or of nothing', () => {
  assert.equal(placeFor(16 * 1024 * 1024)?.length, 16 * 1024 * 1024)
  assert.equal(placeFor(16 * 1024 * 1024 + 1), null)
  assert.equal(placeFor(0), null)
})
