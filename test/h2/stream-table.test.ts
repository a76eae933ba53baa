import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StreamState } from '../../src/h2/states.ts'
import { H2Stream, NO_LISTENER } from '../../src/h2/stream.ts'
import { StreamTable } from '../../src/h2/stream-table.ts'

const streamOf = (id: number): H2Stream => new H2Stream(id, NO_LISTENER, StreamState.OPEN, true, 0, 0, false)
const ids = (table: StreamTable): number[] => table.all().map(({ id }) => id)

describe('stream table', () => {
  test('finds each stream by its identifier, also those that share a slot, in whatever order they end', () => {
    // 1, 33 and 65 share a slot of sixteen; 2 and 3 share one of any size.
    const all = [1, 33, 65, 2, 3].map(streamOf)
    for (const gone of all) {
      const table = new StreamTable()
      for (const stream of all) table.add(stream)
      for (const stream of all) assert.equal(table.get(stream.id), stream)
      table.delete(gone)
      for (const stream of all) assert.equal(table.get(stream.id), stream === gone ? undefined : stream)
      assert.equal(table.size, all.length - 1)
      for (const stream of all) table.delete(stream)
      assert.equal(table.size, 0)
    }
  })

  test('does nothing when a stream that it has not is deleted, or asked for', () => {
    const table = new StreamTable()
    table.add(streamOf(1))
    table.delete(streamOf(33))
    table.delete(streamOf(3))
    assert.deepEqual(ids(table), [1])
    assert.equal(table.get(33), undefined)
    assert.equal(table.get(5), undefined)
  })

  test('gives its streams in the order of their identifiers, while ten thousand come and go', () => {
    const table = new StreamTable()
    const streams = Array.from({ length: 10_000 }, (_, i) => streamOf(2 * i + 1))
    for (const stream of streams) table.add(stream)
    assert.equal(table.size, 10_000)
    assert.deepEqual(
      ids(table),
      streams.map(({ id }) => id),
    )
    for (const stream of streams.slice(3)) table.delete(stream)
    assert.deepEqual(ids(table), [1, 3, 5])
    assert.equal(table.get(5), streams[2])
    assert.equal(table.get(19_999), undefined)
  })
})
