/** Attacks on header compression: each must end in a typed error or in bounded work, and nothing may be kept. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Decoder, Encoder, HeaderListTooLargeError, HpackDecodingError } from '../../src/hpack/index.ts'
import { block, indexed, integer, literal, sizeUpdate } from './reference.ts'

const MEGABYTE = 1_000_000

test('HPACK bomb (CVE-2016-6581): 16,000 references to one value of 4 kB', () => {
  const decoder = new Decoder()
  const bomb = block(literal('indexing', 'a', 'v'.repeat(4060)), ...Array.from({ length: 16_000 }, () => indexed(62)))
  for (let i = 0; i < 3; i++) {
    assert.throws(
      () => decoder.decode(bomb),
      (error) =>
        error instanceof HeaderListTooLargeError &&
        error.exceeded === 'bytes' &&
        error.listSize === 16_001 * 4093 &&
        error.fieldCount === 16_001,
    )
    assert.deepEqual(decoder.decode(block(indexed(2))), [':method', 'GET'], 'the decoder is still in step')
  }
})

test('field-count bomb (CVE-2026-49975): thousands of one-octet references to tiny fields', () => {
  const decoder = new Decoder({ maxListSize: 16 * MEGABYTE })
  const bomb = block(literal('indexing', 'a', ''), ...Array.from({ length: 16_000 }, () => indexed(62)))
  assert.throws(() => decoder.decode(bomb), { exceeded: 'fields', limit: 256, fieldCount: 16_001 })
})

test('cookie crumbs count one by one', () => {
  const decoder = new Decoder()
  const crumbs = block(...Array.from({ length: 300 }, (_, i) => literal('without', 32, `c=${i}`)))
  assert.throws(() => decoder.decode(crumbs), { exceeded: 'fields' })
})

test('empty names and values are charged 32 octets each (CVE-2019-9516)', () => {
  const decoder = new Decoder({ maxFields: MEGABYTE })
  const empty = block(...Array.from({ length: 3000 }, () => literal('without', '', '')))
  assert.throws(() => decoder.decode(empty), { exceeded: 'bytes', listSize: 96_000 })
})

test('an integer that never ends (CVE-2022-41723) is refused after five octets', () => {
  for (const first of [0xff, 0x7f, 0x3f, 0x0f]) {
    for (const octet of [0x80, 0xff]) {
      const endless = Buffer.alloc(MEGABYTE, octet)
      endless[0] = first
      assert.throws(() => new Decoder().decode(endless), /integer too large/)
    }
  }
})

describe('a megabyte of', () => {
  const decode = (wire: Uint8Array): readonly string[] => {
    return new Decoder({ maxListSize: 2 ** 31 - 1, maxFields: 2 ** 31 - 1 }).decode(wire)
  }

  test('the shortest and the longest Huffman codes is decoded in one pass (CVE-2022-41723)', () => {
    const coded = (octet: number): Buffer =>
      Buffer.concat([block([0x44], integer(MEGABYTE, 7, 0x80)), Buffer.alloc(MEGABYTE, octet)])
    assert.equal(decode(coded(0x00))[1].length, (MEGABYTE * 8) / 5)
    assert.throws(() => decode(coded(0xff)), HpackDecodingError)
    // Four codes of 30 bits are 15 octets.
    const longest = '\n\r\n\r'.repeat(MEGABYTE / 15)
    assert.equal(decode(block(literal('without', 4, longest, true)))[1].length, longest.length)
  })

  test('insertions that each evict another', () => {
    const one = literal('indexing', 60, 'v'.repeat(10))
    const count = Math.floor(MEGABYTE / one.length)
    assert.equal(decode(Buffer.from(Array.from({ length: count }, () => one).flat())).length, count * 2)
  })

  test('insertions that empty the table', () => {
    const small = literal('indexing', 60, '')
    const large = literal('indexing', 'x'.repeat(4064), 'v')
    const wire = block(...Array.from({ length: 200 }, () => [...small, ...small, ...small, ...large]))
    assert.equal(decode(wire).length, 200 * 8)
  })

  test('size updates, up and down', () => {
    const wire = Buffer.alloc(MEGABYTE, Buffer.from(block(sizeUpdate(0), sizeUpdate(30))))
    assert.deepEqual(decode(wire), [])
  })

  test('references to names of 4 kB', () => {
    const decoder = new Decoder()
    decoder.decode(block(literal('indexing', 'n'.repeat(4000), '')))
    const wire = block(...Array.from({ length: 100_000 }, () => literal('without', 62, 'v')))
    assert.throws(() => decoder.decode(wire), { exceeded: 'bytes', listSize: 100_000 * 4033 })
  })
})

test('a string that claims more octets than the block has allocates nothing', () => {
  for (const flag of [0, 0x80]) {
    assert.throws(() => new Decoder().decode(block([0x44], integer(2 ** 31 - 1, 7, flag), [0x61])), /truncated string/)
  }
})

test('strings chosen to collide in the caches are still told apart', () => {
  const decoder = new Decoder()
  // The fingerprint sees the length and three octets; only others differ here.
  const values = Array.from(
    { length: 200 },
    (_, i) => `${String.fromCharCode(33 + (i % 90), 33 + i / 90)}aaaaaaaaaaaaaaaa`,
  )
  for (let round = 0; round < 4; round++) {
    for (const value of values) {
      assert.deepEqual(decoder.decode(block(literal('without', 4, value))), [':path', value])
      assert.deepEqual(decoder.decode(block(literal('without', value, value), indexed(2))).slice(0, 2), [value, value])
    }
  }
})

test('a peer that offers a table of 4 GiB does not make the encoder use it', () => {
  const encoder = new Encoder()
  encoder.setMaxTableSize(2 ** 32 - 1)
  for (let i = 0; i < 5000; i++) encoder.write([`x-${i}`, 'v'.repeat(50)])
  assert.ok(encoder.tableSize <= 4096)
})

test('guessing at a secret does not show in the size of blocks (CRIME, section 7.1)', () => {
  const encoder = new Encoder()
  encoder.write(['authorization', 'Bearer 12345678', 'cookie', 'sid=1234', 'set-cookie', 'sid=1234'])
  const size = (...fields: string[]): number => encoder.write(fields)
  for (const name of ['authorization', 'cookie', 'set-cookie']) {
    for (let i = 0; i < 4; i++) assert.equal(size(name, 'sid=1234'), size(name, 'sid=4321'))
  }
})
