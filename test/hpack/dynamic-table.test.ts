import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkSize, DynamicTable } from '../../src/hpack/dynamic-table.ts'

/** Room for `entries` entries of one-character names and values. */
const room = (entries: number): number => entries * 34

describe('the dynamic table', () => {
  test('lists its entries newest first and counts 32 octets on top of each (section 4.1)', () => {
    const table = new DynamicTable(4096)
    table.add('a', '1')
    table.add('bc', '23')
    assert.deepEqual(table.entries(), ['bc', '23', 'a', '1'])
    assert.equal(table.size, 34 + 36)
  })

  test('evicts the oldest entries to make room (section 4.4)', () => {
    const table = new DynamicTable(room(2))
    for (const name of ['a', 'b', 'c']) table.add(name, '1')
    assert.deepEqual(table.entries(), ['c', '1', 'b', '1'])
    assert.equal(table.size, room(2))
  })

  test('an entry larger than the table empties it and is not inserted (section 4.4)', () => {
    const table = new DynamicTable(room(2))
    table.add('a', '1')
    const generation = table.generation
    table.add('b', 'x'.repeat(100))
    assert.deepEqual(table.entries(), [])
    assert.equal(table.size, 0)
    assert.notEqual(table.generation, generation)
  })

  test('an entry of exactly the size of the table is inserted', () => {
    const table = new DynamicTable(34)
    table.add('a', '1')
    assert.deepEqual(table.entries(), ['a', '1'])
  })

  test('a smaller maximum evicts, 0 empties, a larger one changes nothing (section 4.3)', () => {
    const table = new DynamicTable(room(3))
    for (const name of ['a', 'b', 'c']) table.add(name, '1')
    table.resize(room(2) + 1)
    assert.deepEqual(table.entries(), ['c', '1', 'b', '1'])
    table.resize(room(9))
    assert.deepEqual(table.entries(), ['c', '1', 'b', '1'])
    table.resize(0)
    assert.deepEqual(table.entries(), [])
    assert.equal(table.size, 0)
  })

  test('duplicates are two entries (section 2.3.2)', () => {
    const table = new DynamicTable(4096)
    table.add('a', '1')
    table.add('a', '1')
    assert.deepEqual(table.entries(), ['a', '1', 'a', '1'])
  })

  test('the dynamic table grows beyond its first capacity and keeps order, wrapped or not', () => {
    for (const before of [0, 5, 31, 32, 33]) {
      const table = new DynamicTable(room(200))
      const names: string[] = []
      for (let i = 0; i < before; i++) table.add('x', 'y')
      table.resize(0)
      table.resize(room(200))
      for (let i = 0; i < 150; i++) {
        names.unshift(String.fromCharCode(i + 33), 'v')
        table.add(String.fromCharCode(i + 33), 'v')
      }
      assert.deepEqual(table.entries(), names)
    }
  })

  test('the dynamic table keeps no evicted string alive', () => {
    const table = new DynamicTable(room(2))
    for (let i = 0; i < 100; i++) table.add('a', String(i % 10))
    table.resize(0)
    assert.ok(table.names.every((name) => name === ''))
    assert.ok(table.values.every((value) => value === ''))
  })
})

test('sizes are integers within bounds', () => {
  assert.equal(checkSize('size', 5, 5), 5)
  for (const wrong of [-1, 6, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => checkSize('size', wrong, 5), {
      code: 'ERR_HYPER_INVALID_ARGUMENT',
      message: /size must be an integer from 0 to 5/,
    })
  }
})
