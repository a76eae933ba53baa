/** Every story of the http2jp corpus, which lies beside the repository in development and is not part of it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Decoder, Encoder } from '../../src/hpack/index.ts'

const CORPUS = new URL('../../../shared/data/hpack-test-case/', import.meta.url)
const skip = existsSync(CORPUS) ? false : 'the corpus ../shared/data/hpack-test-case is not here'

interface Case {
  readonly header_table_size?: number
  /** Absent in raw-data, which is input for encoders only. */
  readonly wire?: string
  readonly headers: readonly Record<string, string>[]
}

function* stories(encoder: string): Generator<{ name: string; cases: readonly Case[] }> {
  for (const name of readdirSync(new URL(`${encoder}/`, CORPUS))) {
    const story: { cases: readonly Case[] } = JSON.parse(readFileSync(new URL(`${encoder}/${name}`, CORPUS), 'utf8'))
    yield { name: `${encoder}/${name}`, cases: story.cases }
  }
}

for (const encoder of ['haskell-http2-linear-huffman', 'nghttp2', 'nghttp2-change-table-size', 'raw-data']) {
  test(`${encoder}: every block decodes, and our own coding of every list does`, { skip }, () => {
    let blocks = 0
    for (const { name, cases } of stories(encoder)) {
      const theirs = new Decoder()
      const ours = new Encoder()
      const back = new Decoder()
      for (const { header_table_size: size, wire, headers } of cases) {
        const list = headers.flatMap((header) => Object.entries(header).flat())
        if (size !== undefined) {
          theirs.setMaxTableSize(size)
          ours.setMaxTableSize(size)
          back.setMaxTableSize(size)
        }
        if (wire !== undefined) assert.deepEqual(theirs.decode(Buffer.from(wire, 'hex')), list, name)
        assert.deepEqual(back.decode(ours.encode(list)), list, name)
        assert.deepEqual(back.tableEntries(), ours.tableEntries(), name)
        blocks++
      }
    }
    assert.ok(blocks > 100)
  })
}

test('adaptive indexing is on the whole no larger than indexing everything', { skip }, () => {
  let adaptive = 0
  let always = 0
  for (const { cases } of stories('raw-data')) {
    const encoders = [new Encoder(), new Encoder({ indexing: 'always' })]
    for (const { headers } of cases) {
      const list = headers.flatMap((header) => Object.entries(header).flat())
      adaptive += encoders[0].write(list)
      always += encoders[1].write(list)
    }
  }
  assert.ok(adaptive <= always, `${adaptive} octets against ${always}`)
})
