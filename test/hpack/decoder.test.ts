import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BlockCache, StringCache } from '../../src/hpack/caches.ts'
import { Decoder, HeaderListTooLargeError, HpackDecodingError, HpackError } from '../../src/hpack/index.ts'
import { bitsOf, block, huffmanBits, indexed, integer, literal, octetsOf, sizeUpdate, string } from './reference.ts'

const INVALID = { name: 'HpackDecodingError', code: 'ERR_HPACK_DECODING' }

function refuses(wire: Uint8Array, message: RegExp, decoder = new Decoder()): void {
  assert.throws(() => decoder.decode(wire), { ...INVALID, message })
}

describe('representations (section 6)', () => {
  test('indexed, with and without incremental indexing, never indexed', () => {
    const decoder = new Decoder()
    const wire = block(
      indexed(2),
      literal('indexing', 'x-a', '1'),
      literal('without', 'x-b', '2'),
      literal('never', 'x-c', '3'),
      indexed(62),
    )
    assert.deepEqual(decoder.decode(wire), [':method', 'GET', 'x-a', '1', 'x-b', '2', 'x-c', '3', 'x-a', '1'])
    assert.deepEqual(decoder.tableEntries(), ['x-a', '1'])
    assert.equal(decoder.tableSize, 36)
  })

  test('names are decoded by static and dynamic index, in prefixes of 4 and 6 bits and beyond', () => {
    const decoder = new Decoder()
    for (let i = 0; i < 70; i++) decoder.decode(block(literal('indexing', `x-${i}`, 'v')))
    for (const index of [1, 14, 15, 16, 61, 62, 63, 64, 70, 126, 127, 128]) {
      const name = decoder.decode(block(literal('without', index, 'v')))[0]
      assert.equal(decoder.decode(block(literal('never', index, 'w')))[0], name)
      assert.equal(decoder.decode(block(indexed(index)))[0], name)
      if (index > 61) assert.equal(name, `x-${69 - (index - 62)}`)
    }
  })

  test('Huffman-coded and plain strings of every length around the cache limits, seen up to four times', () => {
    const decoder = new Decoder()
    for (let length = 0; length < 140; length++) {
      for (const huffman of [false, true]) {
        for (let time = 0; time < 4; time++) {
          const value = `${time < 2 ? 'a' : 'b'}`.repeat(length)
          const wire = block(literal('without', `n${length}`, value, huffman), literal('without', 4, value, huffman))
          assert.deepEqual(decoder.decode(wire), [`n${length}`, value, ':path', value])
        }
      }
    }
  })

  test('all 256 octets come through as characters U+0000 to U+00FF', () => {
    const value = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i))
    for (const huffman of [false, true]) {
      assert.deepEqual(new Decoder().decode(block(literal('without', 'x', value, huffman))), ['x', value])
    }
  })

  test('a Huffman-coded string longer than the scratch buffer', () => {
    const value = '0'.repeat(100_000)
    const decoder = new Decoder({ maxListSize: 1_000_000 })
    assert.deepEqual(decoder.decode(block(literal('without', 'x', value, true))), ['x', value])
  })

  test('the same octets, plain and Huffman-coded, are different strings', () => {
    const decoder = new Decoder()
    const octets = octetsOf(huffmanBits('www.example.com'))
    const text = String.fromCharCode(...octets)
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(decoder.decode(block([0x04], integer(octets.length, 7), octets)), [':path', text])
      assert.deepEqual(decoder.decode(block([0x04], integer(octets.length, 7, 0x80), octets)), [
        ':path',
        'www.example.com',
      ])
    }
  })

  test('an empty block is an empty list', () => {
    assert.deepEqual(new Decoder().decode(block()), [])
  })

  test('a part of a buffer, and a plain Uint8Array, can be decoded', () => {
    const wire = block(literal('without', 'x-name', 'a plain value'), literal('without', 'x', 'coded value', true))
    const around = Uint8Array.from([0xff, ...wire, 0xff])
    const list = ['x-name', 'a plain value', 'x', 'coded value']
    assert.deepEqual(new Decoder().decode(around, 1, around.length - 1), list)
    assert.deepEqual(new Decoder().decode(Buffer.from(around), 1, around.length - 1), list)
  })

  test('bounds outside the block are a mistake of the caller, not of the peer', () => {
    const decoder = new Decoder()
    const wire = block(indexed(2))
    for (const [start, end] of [
      [-1, 1],
      [0, 2],
      [1, 0],
      [Number.NaN, 1],
    ]) {
      assert.throws(() => decoder.decode(wire, start, end), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
    }
    assert.deepEqual(decoder.decode(wire), [':method', 'GET'])
  })
})

describe('invalid blocks', () => {
  test('index 0 (section 6.1)', () => refuses(block(indexed(0)), /index 0/))

  test('an index beyond both tables, in each representation', () => {
    refuses(block(indexed(62)), /62 is beyond/)
    refuses(block(literal('indexing', 62, 'v')), /62 is beyond/)
    refuses(block(literal('without', 100, 'v')), /100 is beyond/)
    refuses(block(literal('never', 2 ** 31 - 1, 'v')), /beyond/)
    refuses(block(literal('indexing', 'x', 'v'), indexed(63)), /63 is beyond/)
  })

  test('anything truncated: every prefix of a block is either a shorter list or refused', () => {
    const fields = [literal('indexing', 'x-name', 'value'), literal('never', 'n', 'v'.repeat(200), true), indexed(62)]
    const wire = block(...fields)
    const ends = fields.map((_, i) => block(...fields.slice(0, i + 1)).length)
    for (let length = 1; length < wire.length; length++) {
      const prefix = wire.subarray(0, length)
      if (ends.includes(length)) assert.equal(new Decoder().decode(prefix).length, (ends.indexOf(length) + 1) * 2)
      else refuses(prefix, /truncated/)
    }
  })

  test('a truncated integer is refused in each place that has one', () => {
    for (const first of [0xff, 0x7f, 0x3f, 0x1f, 0x0f]) {
      refuses(Buffer.of(first), /truncated integer/)
      refuses(Buffer.of(first, 0x80), /truncated integer/)
    }
    refuses(Buffer.of(0x40, 0x7f), /truncated integer/)
  })

  test('an integer of more than five continuation octets, or above 2^31-1 (section 7.4)', () => {
    refuses(Buffer.of(0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), /integer too large/)
    refuses(Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /integer too large/)
    refuses(Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), /integer too large/)
    refuses(block(sizeUpdate(2 ** 31)), /integer too large/)
    refuses(block(integer(2 ** 32, 7, 0x80)), /integer too large/)
    const decoder = new Decoder({ maxTableSize: 2 ** 31 - 1 })
    assert.deepEqual(decoder.decode(block(sizeUpdate(2 ** 31 - 1))), [])
  })

  test('an integer padded with zeros within five octets is legal', () => {
    const decoder = new Decoder()
    for (let i = 0; i < 70; i++) decoder.decode(block(literal('indexing', `x-${i}`, 'v')))
    assert.deepEqual(decoder.decode(Buffer.of(0xff, 0x80, 0x80, 0x80, 0x80, 0x00)), ['x-4', 'v'])
  })

  test('a string longer than the block', () => {
    refuses(block([0x40], integer(1000, 7), [0x61]), /truncated string/)
    refuses(block([0x40], string('a'), integer(2 ** 31 - 1, 7, 0x80)), /truncated string/)
  })

  test('Huffman: EOS, padding of 8 bits, padding with a zero, a truncated code (section 5.2)', () => {
    const coded = (bits: string): Buffer => {
      const octets = octetsOf(bits)
      return block([0x44], integer(octets.length, 7, 0x80), octets)
    }
    refuses(coded(bitsOf(256)), /Huffman/)
    refuses(coded(`${huffmanBits('//////////')}${bitsOf(256)}`), /Huffman/)
    refuses(coded(`${huffmanBits('aaaaaaaa')}11111111`), /Huffman/)
    refuses(coded(`${huffmanBits('a')}110`), /Huffman/)
    refuses(coded(huffmanBits('\u0001').slice(0, 16)), /Huffman/)
    refuses(block([0x40, 0x81, 0xff]), /Huffman/)
  })

  test('after an invalid block the decoder refuses every other, remembered or not', () => {
    const decoder = new Decoder()
    const good = block(indexed(2))
    for (let i = 0; i < 4; i++) decoder.decode(good)
    refuses(block(indexed(0)), /index 0/, decoder)
    refuses(good, /earlier/, decoder)
    refuses(block(), /earlier/, decoder)
  })

  test('an invalid block throws an HpackDecodingError', () => {
    try {
      new Decoder().decode(block(indexed(0)))
      assert.fail()
    } catch (error) {
      assert.ok(error instanceof HpackDecodingError && error instanceof HpackError && error instanceof Error)
      assert.equal(error.code, 'ERR_HPACK_DECODING')
    }
  })
})

describe('table size updates (sections 4.2 and 6.3)', () => {
  test('several at the beginning of a block take effect in order', () => {
    const decoder = new Decoder()
    decoder.decode(block(literal('indexing', 'x', 'v')))
    assert.deepEqual(decoder.decode(block(sizeUpdate(0), sizeUpdate(100), indexed(2))), [':method', 'GET'])
    assert.deepEqual(decoder.tableEntries(), [])
    decoder.decode(block(literal('indexing', 'y'.repeat(40), 'v'.repeat(28))))
    assert.equal(decoder.tableSize, 100)
    decoder.decode(block(literal('indexing', 'z', 'v'.repeat(68))))
    assert.equal(decoder.tableSize, 0, 'an entry of 101 octets empties a table of 100')
  })

  test('a table size update after a field is refused', () => {
    refuses(block(indexed(2), sizeUpdate(0)), /size update after a field/)
  })

  test('a table size update above the acknowledged maximum is refused, and one equal to it is not', () => {
    refuses(block(sizeUpdate(4097)), /4097 is above the 4096/)
    assert.deepEqual(new Decoder().decode(block(sizeUpdate(4096))), [])
    const decoder = new Decoder()
    decoder.setMaxTableSize(8192)
    assert.deepEqual(decoder.decode(block(sizeUpdate(8192))), [])
  })

  test('a lowered maximum must be met by the next block', () => {
    const wire = block(literal('indexing', 'x', 'v'))
    const silent = new Decoder()
    silent.decode(wire)
    silent.setMaxTableSize(100)
    refuses(wire, /no table size update/, silent)

    const tooLarge = new Decoder()
    tooLarge.setMaxTableSize(100)
    refuses(block(sizeUpdate(101), indexed(2)), /101 is above the 100/, tooLarge)

    const obedient = new Decoder()
    obedient.setMaxTableSize(100)
    assert.deepEqual(obedient.decode(block(sizeUpdate(100), indexed(2))), [':method', 'GET'])
    assert.deepEqual(obedient.decode(block(indexed(2))), [':method', 'GET'])
  })

  test('lowered, then raised: the smallest must have been announced', () => {
    const after = (...parts: number[][]): readonly string[] => {
      const decoder = new Decoder()
      decoder.setMaxTableSize(100)
      decoder.setMaxTableSize(50)
      decoder.setMaxTableSize(2000)
      return decoder.decode(block(...parts))
    }
    assert.deepEqual(after(sizeUpdate(50), sizeUpdate(2000), indexed(2)), [':method', 'GET'])
    assert.deepEqual(after(sizeUpdate(0), indexed(2)), [':method', 'GET'])
    assert.throws(() => after(sizeUpdate(2000), indexed(2)), INVALID)
    assert.throws(() => after(sizeUpdate(51), sizeUpdate(2000), indexed(2)), INVALID)
  })

  test('a lowered maximum is asked for even of a block that is remembered', () => {
    const decoder = new Decoder()
    const wire = block(indexed(2))
    for (let i = 0; i < 4; i++) decoder.decode(wire)
    decoder.setMaxTableSize(100)
    refuses(wire, /no table size update/, decoder)
  })

  test('no update is asked for when the size in use is below the new maximum already', () => {
    const decoder = new Decoder()
    decoder.decode(block(sizeUpdate(100)))
    decoder.setMaxTableSize(200)
    assert.deepEqual(decoder.decode(block(indexed(2))), [':method', 'GET'])
  })

  test('an empty block leaves the demand open', () => {
    const decoder = new Decoder()
    decoder.setMaxTableSize(100)
    assert.deepEqual(decoder.decode(block()), [])
    refuses(block(indexed(2)), /no table size update/, decoder)
  })
})

describe('eviction', () => {
  test('a literal may name the entry that its own insertion evicts (section 4.4)', () => {
    const decoder = new Decoder({ maxTableSize: 40 })
    decoder.decode(block(literal('indexing', 'name', '1234')))
    assert.deepEqual(decoder.decode(block(literal('indexing', 62, '5678'))), ['name', '5678'])
    assert.deepEqual(decoder.tableEntries(), ['name', '5678'])
  })

  test('an entry larger than the table empties it, and the field is in the list all the same', () => {
    const decoder = new Decoder({ maxTableSize: 40 })
    decoder.decode(block(literal('indexing', 'name', '1234')))
    assert.deepEqual(decoder.decode(block(literal('indexing', 62, 'x'.repeat(50)))), ['name', 'x'.repeat(50)])
    assert.deepEqual(decoder.tableEntries(), [])
  })

  test('a table of size 0 takes nothing', () => {
    const decoder = new Decoder({ maxTableSize: 0 })
    assert.deepEqual(decoder.decode(block(literal('indexing', 'a', 'b'))), ['a', 'b'])
    refuses(block(indexed(62)), /beyond/, decoder)
  })
})

describe('never-indexed fields (section 6.2.3)', () => {
  test('never-indexed fields are reported by name, for the last block only', () => {
    const decoder = new Decoder()
    decoder.decode(block(literal('never', 'x-secret', 's'), literal('never', 23, 'token'), indexed(2)))
    assert.deepEqual([...decoder.neverIndexed], ['x-secret', 'authorization'])
    decoder.decode(block(indexed(2)))
    assert.deepEqual([...decoder.neverIndexed], [])
  })

  test('never-indexed fields are reported anew each time the same block comes', () => {
    const decoder = new Decoder()
    const wire = block(literal('never', 'x-secret', 'long enough to be remembered'))
    for (let i = 0; i < 5; i++) {
      decoder.decode(wire)
      assert.deepEqual([...decoder.neverIndexed], ['x-secret'])
      decoder.decode(block(indexed(2)))
      assert.equal(decoder.neverIndexed.size, 0)
    }
  })
})

test('never-indexed values enter no cache', (context) => {
  const strings = context.mock.method(StringCache.prototype, 'keep')
  const blocks = context.mock.method(BlockCache.prototype, 'keep')
  const decoder = new Decoder()
  for (let i = 0; i < 4; i++) decoder.decode(block(literal('never', 23, 'a secret')))
  assert.equal(strings.mock.callCount(), 0)
  assert.equal(blocks.mock.callCount(), 0)
  decoder.decode(block(literal('without', 23, 'a secret')))
  assert.equal(strings.mock.callCount(), 1)
  assert.equal(blocks.mock.callCount(), 1)
})

describe('limits', () => {
  const fields = (count: number): number[][] => Array.from({ length: count }, () => literal('without', 'x', 'v'))

  test('a list of exactly the limits is accepted, one octet or field more is not', () => {
    const decoder = new Decoder({ maxListSize: 34 * 3, maxFields: 3 })
    assert.equal(decoder.decode(block(...fields(3))).length, 6)
    assert.throws(
      () => decoder.decode(block(...fields(2), literal('without', 'x', 'vv'))),
      (error) =>
        error instanceof HeaderListTooLargeError &&
        error.code === 'ERR_HPACK_HEADER_LIST_TOO_LARGE' &&
        error.exceeded === 'bytes' &&
        error.limit === 102 &&
        error.listSize === 103 &&
        error.fieldCount === 3 &&
        /103 octets.*102/.test(error.message),
    )
    decoder.setMaxListSize(1000)
    assert.throws(
      () => decoder.decode(block(...fields(5))),
      (error) =>
        error instanceof HeaderListTooLargeError &&
        error.exceeded === 'fields' &&
        error.limit === 3 &&
        error.listSize === 170 &&
        error.fieldCount === 5 &&
        /5 fields.*3/.test(error.message),
    )
    decoder.setMaxFields(5)
    assert.equal(decoder.decode(block(...fields(5))).length, 10)
  })

  test('after a list that was too large the decoder goes on, in step with its peer', () => {
    const decoder = new Decoder({ maxFields: 2 })
    const wire = block(
      indexed(2),
      indexed(2),
      literal('never', 'n', 'v'),
      literal('indexing', 'x-late', 'inserted behind the limit'),
      literal('never', 'n2', 'v'),
    )
    decoder.decode(block(literal('never', 'n', 'v')))
    assert.throws(() => decoder.decode(wire), HeaderListTooLargeError)
    assert.equal(decoder.neverIndexed.size, 0)
    assert.deepEqual(decoder.decode(block(indexed(62))), ['x-late', 'inserted behind the limit'])
  })

  test('an invalid field behind the limit is still a decoding error', () => {
    const decoder = new Decoder({ maxFields: 1 })
    refuses(block(indexed(2), indexed(2), indexed(0)), /index 0/, decoder)
  })

  test('a lowered limit counts for remembered blocks too', () => {
    const decoder = new Decoder()
    const wire = block(indexed(2), indexed(4))
    for (let i = 0; i < 4; i++) decoder.decode(wire)
    decoder.setMaxFields(1)
    assert.throws(() => decoder.decode(wire), { exceeded: 'fields' })
    decoder.setMaxFields(2)
    for (let i = 0; i < 4; i++) decoder.decode(wire)
    decoder.setMaxListSize(50)
    assert.throws(() => decoder.decode(wire), { exceeded: 'bytes' })
  })

  test('the defaults are 65,536 octets and 256 fields', () => {
    assert.throws(() => new Decoder().decode(block(...fields(257))), { exceeded: 'fields', limit: 256 })
    const long = block(literal('without', 'x', 'v'.repeat(65_536 - 32)))
    assert.throws(() => new Decoder().decode(long), { exceeded: 'bytes', limit: 65_536 })
  })

  test('options and settings must be integers from 0 to 2^31-1', () => {
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 31]) {
      assert.throws(() => new Decoder({ maxTableSize: wrong }), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
      assert.throws(() => new Decoder({ maxListSize: wrong }), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
      assert.throws(() => new Decoder({ maxFields: wrong }), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
      assert.throws(() => new Decoder().setMaxTableSize(wrong), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
      assert.throws(() => new Decoder().setMaxListSize(wrong), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
      assert.throws(() => new Decoder().setMaxFields(wrong), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
    }
  })
})

describe('repeated blocks', () => {
  const repeat = (decoder: Decoder, wire: Uint8Array, times: number): (readonly string[])[] =>
    Array.from({ length: times }, () => decoder.decode(wire))

  test('repeated blocks give the same array, once seen twice', () => {
    const lists = repeat(new Decoder(), block(indexed(8), literal('without', 'server', 'nginx')), 4)
    assert.deepEqual(lists[3], [':status', '200', 'server', 'nginx'])
    assert.equal(lists[2], lists[1])
    assert.equal(lists[3], lists[1])
  })

  test('repeated blocks with dynamic entries give it only while the table is unchanged', () => {
    const decoder = new Decoder()
    const wire = block(indexed(62))
    decoder.decode(block(literal('indexing', 'a', '1')))
    assert.deepEqual(repeat(decoder, wire, 4)[3], ['a', '1'])
    decoder.decode(block(literal('indexing', 'b', '2')))
    assert.deepEqual(repeat(decoder, wire, 4)[3], ['b', '2'])
    decoder.decode(block(sizeUpdate(0)))
    refuses(wire, /beyond/, decoder)
  })

  test('repeated blocks that insert do insert each time', () => {
    const decoder = new Decoder()
    const wire = block(literal('indexing', 'a', '1'), indexed(2), literal('indexing', 'b', '2'))
    const lists = repeat(decoder, wire, 5)
    assert.deepEqual(lists[4], ['a', '1', ':method', 'GET', 'b', '2'])
    assert.equal(lists[4], lists[1])
    assert.deepEqual(decoder.tableEntries(), Array.from({ length: 5 }, () => ['b', '2', 'a', '1']).flat())
  })

  test('repeated blocks that insert by a dynamic name are decoded each time, as the index means another name each time', () => {
    const decoder = new Decoder()
    decoder.decode(block(literal('indexing', 'a', '1'), literal('indexing', 'b', '1')))
    const wire = block(literal('indexing', 63, '2'))
    for (const name of ['a', 'b', 'a', 'b', 'a']) assert.deepEqual(decoder.decode(wire), [name, '2'])
  })

  test('repeated blocks that insert more fields than a remembered block can tell are decoded each time', () => {
    const decoder = new Decoder({ maxTableSize: 8192 })
    const many = Array.from({ length: 35 }, (_, i) => literal('indexing', 60, String.fromCharCode(i + 48)))
    for (const times of [1, 2, 3, 4]) {
      assert.equal(decoder.decode(block(...many)).length, 70)
      assert.equal(decoder.tableEntries().length, times * 70)
    }
  })

  test('repeated blocks with a size update apply it each time', () => {
    const decoder = new Decoder()
    const wire = block(sizeUpdate(0), sizeUpdate(4096), literal('indexing', 'a', '1'))
    for (let i = 0; i < 5; i++) {
      decoder.decode(wire)
      assert.deepEqual(decoder.tableEntries(), ['a', '1'])
    }
  })

  test('repeated blocks of more than 255 octets, or of lists of more than 8 kB, are decoded each time', () => {
    const long = block(literal('without', 'x', 'v'.repeat(300)))
    const lists = repeat(new Decoder(), long, 4)
    assert.deepEqual(lists[3], lists[0])
    assert.notEqual(lists[3], lists[2])
    const decoder = new Decoder()
    decoder.decode(block(literal('indexing', 'x', 'v'.repeat(3000))))
    const large = repeat(decoder, block(indexed(62), indexed(62), indexed(62)), 4)
    assert.deepEqual(large[3], large[0])
    assert.notEqual(large[3], large[2])
  })

  test('blocks that only look alike are not mistaken for repeated ones', () => {
    const decoder = new Decoder()
    const text = 'abcdefghijklmnopqrstuvwxyz'
    for (let changed = 0; changed < text.length; changed++) {
      const other = `${text.slice(0, changed)}#${text.slice(changed + 1)}`
      for (let i = 0; i < 4; i++) {
        for (const value of [text, other]) {
          assert.deepEqual(decoder.decode(block(literal('without', 60, value))), ['via', value])
          // Behind the block cache, the same for single strings.
          const wire = block(literal('without', 60, value), literal('without', 4, `/${i}/${changed}`))
          assert.deepEqual(decoder.decode(wire), ['via', value, ':path', `/${i}/${changed}`])
        }
      }
    }
  })
})
