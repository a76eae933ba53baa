/** Properties over random input, against the plain decoder of reference.ts. A failure prints the seed that repeats it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodedBound, decodeHuffman, encodedLength, encodeHuffman } from '../../src/hpack/huffman.ts'
import { Decoder, Encoder, HeaderListTooLargeError, HpackDecodingError } from '../../src/hpack/index.ts'
import { fc, runs } from '../support/property.ts'
import { block, indexed, literal, octetsOf, ReferenceDecoder, sizeUpdate } from './reference.ts'

const UNLIMITED = { maxListSize: 2 ** 31 - 1, maxFields: 2 ** 31 - 1 }

const latin1 = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength }).map((octets) => String.fromCharCode(...octets))

/** Few enough names and values for them to meet again. */
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(':path', ':status', 'cookie', 'authorization', 'x-a', 'x-b', 'etag', 'age') },
  { weight: 1, arbitrary: latin1(12) },
)
const value = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('', '/', '200', 'a value of some length', 'no-cache', '~~~~~', 'x'.repeat(90)),
  },
  { weight: 1, arbitrary: latin1(200) },
)
const list = fc.array(fc.tuple(name, value), { maxLength: 40 }).map((fields) => fields.flat())
const tableSize = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(0, 100, 1000, 4096, 8192, 65_536))

const encoderOptions = fc.record({
  maxTableSize: tableSize,
  indexing: fc.constantFrom('adaptive', 'always', 'never'),
  huffman: fc.constantFrom('shorter', 'always', 'never'),
})

describe('encoding and decoding', () => {
  test('gives the same lists and the same tables on both ends, whatever happens in between', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: list.map((fields) => ({ fields, never: undefined })) },
      { weight: 1, arbitrary: fc.tuple(list, fc.uniqueArray(name)).map(([fields, never]) => ({ fields, never })) },
      { weight: 1, arbitrary: tableSize },
    )
    fc.assert(
      fc.property(encoderOptions, fc.array(step, { maxLength: 30 }), (options, steps) => {
        const encoder = new Encoder(options)
        const decoder = new Decoder(UNLIMITED)
        const reference = new ReferenceDecoder()
        for (const each of steps) {
          if (typeof each === 'number') {
            for (const end of [encoder, decoder, reference]) end.setMaxTableSize(each)
            continue
          }
          const never = each.never && new Set(each.never)
          // Twice and thrice, because what repeats takes other paths.
          for (let time = 0; time < 3; time++) {
            const octets = encoder.encode(each.fields, never)
            assert.deepEqual(reference.decode(octets), each.fields)
            assert.deepEqual(decoder.decode(octets), each.fields)
            assert.deepEqual(decoder.tableEntries(), reference.table.flat())
            assert.deepEqual(decoder.neverIndexed, reference.neverIndexed)
            assert.ok(decoder.tableSize <= options.maxTableSize)
            if (encoder.tableSize !== decoder.tableSize) assert.fail('the ends differ')
            for (let i = 0; i < each.fields.length; i += 2) {
              if (never?.has(each.fields[i])) assert.ok(reference.neverIndexed.has(each.fields[i]))
            }
          }
        }
      }),
      runs(150),
    )
  })

  test('an encoder that refused a list goes on as one that never saw it', () => {
    const bad = fc
      .tuple(list, list, fc.constantFrom('Ā', '☃', '\ud83d\ude00'))
      .map(([a, b, c]) => [...a, 'bad', c, ...b])
    fc.assert(
      fc.property(encoderOptions, fc.array(fc.tuple(list, bad), { maxLength: 10 }), (options, steps) => {
        const encoder = new Encoder(options)
        const decoder = new Decoder(UNLIMITED)
        for (const [good, refused] of steps) {
          assert.throws(() => encoder.encode(refused), { code: 'ERR_HPACK_ENCODING' })
          assert.deepEqual(decoder.decode(encoder.encode(good)), good)
          assert.deepEqual(decoder.tableEntries(), encoder.tableEntries())
        }
      }),
      runs(100),
    )
  })
})

describe('Huffman', () => {
  test('Huffman decoding gives what was encoded', () => {
    fc.assert(
      fc.property(latin1(300), (text) => {
        const coded = Buffer.alloc(encodedLength(text))
        assert.equal(encodeHuffman(text, coded, 0, coded.length), coded.length)
        const target = Buffer.alloc(decodedBound(coded.length))
        const written = decodeHuffman(coded, 0, coded.length, target)
        assert.equal(target.toString('latin1', 0, written), text)
      }),
    )
  })

  test('accepts and refuses exactly what the bits say', () => {
    const bits = fc.array(fc.constantFrom('0', '1', '11111', '1'.repeat(19), '00101', '111111110'), { maxLength: 60 })
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      bits.map((parts) => Uint8Array.from(octetsOf(parts.join('')))),
    )
    fc.assert(
      fc.property(octets, (coded) => {
        const wire = Buffer.from([0x44, ...(coded.length < 127 ? [0x80 | coded.length] : [0xff, coded.length - 127])])
        agree([Buffer.concat([wire, coded])])
      }),
      runs(500),
    )
  })
})

describe('decoding random blocks', () => {
  const index = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 62, max: 66 }) },
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 61 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 200 }) },
  )
  const part = fc.oneof(
    index.map(indexed),
    fc
      .tuple(fc.constantFrom('indexing', 'without', 'never'), fc.oneof(index, name), value, fc.boolean())
      .map(([kind, by, text, huffman]) => literal(kind, by, text, huffman)),
  )
  const wellFormed = fc
    .tuple(
      fc.array(fc.integer({ min: 0, max: 4096 }).map(sizeUpdate), { maxLength: 1 }),
      fc.array(part, { maxLength: 8 }),
    )
    .map(([updates, parts]) => block(...updates, ...parts))
  const mutated = fc
    .tuple(wellFormed, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }), fc.nat())
    .map(([wire, changes, cut]) => {
      const copy = Buffer.from(wire.subarray(0, wire.length - (cut % 4 === 0 ? cut % 7 : 0)))
      for (const [at, octet] of changes) if (copy.length > 0) copy[at % copy.length] = octet
      return copy
    })

  test('agrees with the reference on lists, tables and refusals, for octets at random', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (blocks) => agree(blocks)),
      runs(500),
    )
  })

  test('... and for well-formed blocks, damaged or not, each of them several times', () => {
    const blocks = fc.array(fc.oneof({ weight: 5, arbitrary: wellFormed }, { weight: 1, arbitrary: mutated }), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(blocks, (each) => agree(each.flatMap((wire) => [wire, wire, wire, wire]))),
      runs(500),
    )
  })

  test('... and for blocks of our own encoder with an octet changed', () => {
    fc.assert(
      fc.property(
        encoderOptions,
        fc.array(list, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        fc.nat(),
        (o, lists, at, bit) => {
          const encoder = new Encoder({ ...o, maxTableSize: Math.min(o.maxTableSize, 4096) })
          const blocks = lists.map((fields) => encoder.encode(fields))
          const changed = blocks[at % blocks.length]
          if (changed.length > 0) changed[at % changed.length] ^= 1 << (bit % 8)
          agree(blocks)
        },
      ),
      runs(300),
    )
  })

  test('limits change what is returned, never what is in the table', () => {
    fc.assert(
      fc.property(fc.array(wellFormed, { maxLength: 6 }), fc.nat(400), fc.nat(5), (blocks, maxListSize, maxFields) => {
        const decoder = new Decoder({ maxListSize, maxFields })
        const reference = new ReferenceDecoder()
        for (const wire of blocks) {
          const expected = attempt(() => reference.decode(wire))
          if (expected === undefined) {
            assert.throws(() => decoder.decode(wire), HpackDecodingError)
            return
          }
          const size = expected.reduce((sum, text) => sum + text.length + 16, 0)
          if (size <= maxListSize && expected.length <= maxFields * 2) {
            assert.deepEqual(decoder.decode(wire), expected)
          } else {
            assert.throws(
              () => decoder.decode(wire),
              (error) =>
                error instanceof HeaderListTooLargeError &&
                error.listSize === size &&
                error.fieldCount === expected.length / 2,
            )
          }
          assert.deepEqual(decoder.tableEntries(), reference.table.flat())
        }
      }),
      runs(300),
    )
  })
})

/** One connection's blocks: both decoders must give the same, or both refuse and it is over. */
function agree(blocks: readonly Uint8Array[]): void {
  const decoder = new Decoder(UNLIMITED)
  const reference = new ReferenceDecoder()
  for (const wire of blocks) {
    const expected = attempt(() => reference.decode(wire))
    if (expected === undefined) {
      assert.throws(() => decoder.decode(wire), HpackDecodingError)
      return
    }
    assert.deepEqual(decoder.decode(wire), expected)
    assert.deepEqual(decoder.tableEntries(), reference.table.flat())
    assert.equal(decoder.tableSize, reference.tableSize)
    assert.deepEqual(decoder.neverIndexed, reference.neverIndexed)
  }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
