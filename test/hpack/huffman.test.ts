import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodedBound, decodeHuffman, encodedLength, encodeHuffman } from '../../src/hpack/huffman.ts'
import { HUFFMAN_CODES, HUFFMAN_LENGTHS } from '../../src/hpack/huffman-table.ts'
import { APPENDIX_B, bitsOf, huffmanBits, octetsOf } from './reference.ts'

const EOS = 256
const ALL_OCTETS = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet))

function encode(text: string): Buffer {
  const target = Buffer.alloc(encodedLength(text))
  assert.equal(encodeHuffman(text, target, 0, target.length), target.length)
  return target
}

function decode(octets: readonly number[] | Uint8Array): string | undefined {
  const source = Buffer.from(octets)
  const target = Buffer.alloc(decodedBound(source.length))
  const written = decodeHuffman(source, 0, source.length, target)
  return written < 0 ? undefined : target.toString('latin1', 0, written)
}

test('codes and lengths, computed from the lengths alone, are those of appendix B', () => {
  assert.deepEqual(
    APPENDIX_B.map((entry) => entry.length),
    [...HUFFMAN_LENGTHS],
  )
  assert.deepEqual(
    APPENDIX_B.map((entry) => entry.code),
    [...HUFFMAN_CODES],
  )
})

describe('coding', () => {
  test('every octet alone, every pair, and every octet at every bit offset', () => {
    for (const a of ALL_OCTETS) {
      assert.deepEqual([...encode(a)], octetsOf(huffmanBits(a)))
      assert.equal(decode(encode(a)), a)
      for (let shift = 0; shift < 8; shift++) {
        // '0' has 5 bits, so the runs of it put the octet at every offset.
        const text = '0'.repeat(shift) + a + '0'.repeat(shift)
        assert.deepEqual([...encode(text)], octetsOf(huffmanBits(text)))
        assert.equal(decode(encode(text)), text)
      }
      for (const b of ALL_OCTETS) assert.equal(decode(encode(a + b)), a + b)
    }
  })

  test('the empty string has no octets', () => {
    assert.equal(encode('').length, 0)
    assert.equal(decode([]), '')
  })

  test('a character above U+00FF cannot be coded', () => {
    assert.equal(encodedLength('aĀ'), -1)
    assert.equal(encodeHuffman('aĀ', Buffer.alloc(16), 0, 16), -1)
  })

  test('coding gives up where the limit is crossed, in the middle or in the last octet', () => {
    const text = 'www.example.com'
    const length = encodedLength(text)
    for (let limit = 0; limit < length; limit++) {
      const target = Buffer.alloc(length, 0xee)
      assert.equal(encodeHuffman(text, target, 0, limit), -1, `${limit}`)
      assert.deepEqual(target.subarray(limit), Buffer.alloc(length - limit, 0xee), 'nothing is written beyond it')
    }
    assert.equal(encodeHuffman(text, Buffer.alloc(length), 0, length), length)
  })
})

describe('RFC 7541 section 5.2: what must be refused', () => {
  test('padding of up to 7 ones is accepted, 8 and more are not', () => {
    for (let ones = 0; ones <= 40; ones++) {
      // Text whose code ends 'ones' bits before an octet boundary.
      const text = ['', '0', '00', '000', '0000', '00000', '000000', '0000000'].find(
        (zeros) => (zeros.length * 5 + ones) % 8 === 0,
      )
      assert.ok(text !== undefined)
      const octets = octetsOf(huffmanBits(text) + '1'.repeat(ones))
      assert.equal(decode(octets), ones < 8 ? text : undefined, `${ones}`)
    }
  })

  test('padding with any zero in it is refused', () => {
    for (let length = 1; length <= 7; length++) {
      const text = ['0', '00', '000', '0000', '00000', '000000', '0000000'].find(
        (zeros) => (zeros.length * 5 + length) % 8 === 0,
      )
      assert.ok(text !== undefined)
      for (let padding = 0; padding < 2 ** length - 1; padding++) {
        const bits = padding.toString(2).padStart(length, '0')
        // Five bits and more can be symbols of their own.
        if (length >= 5 && [...APPENDIX_B.keys()].some((symbol) => bits.startsWith(bitsOf(symbol)))) continue
        assert.equal(decode(octetsOf(huffmanBits(text) + bits)), undefined, bits)
      }
    }
  })

  test('EOS is refused at every bit offset', () => {
    for (let zeros = 0; zeros < 8; zeros++) {
      assert.equal(decode(octetsOf('00000'.repeat(zeros) + bitsOf(EOS))), undefined)
      assert.equal(decode(octetsOf('00000'.repeat(zeros) + bitsOf(EOS) + bitsOf(0x61))), undefined)
    }
  })

  test('a string that ends inside a code is refused, wherever it is cut', () => {
    for (const octet of ALL_OCTETS) {
      for (let zeros = 0; zeros < 8; zeros++) {
        const whole = octetsOf('00000'.repeat(zeros) + huffmanBits(octet))
        for (let cut = 1; cut < whole.length; cut++) {
          const bits = cut * 8 - zeros * 5
          if (bits <= 0) break
          const rest = huffmanBits(octet).slice(0, bits)
          const asPadding = bits < 8 && !rest.includes('0')
          assert.equal(decode(whole.slice(0, cut)), asPadding ? '0'.repeat(zeros) : undefined)
        }
      }
    }
  })

  test('octets after the end of the string are not read', () => {
    for (const octet of ALL_OCTETS) {
      const whole = octetsOf(huffmanBits(`00${octet}`))
      const source = Buffer.from(whole)
      const target = Buffer.alloc(64)
      for (let end = 2; end < whole.length; end++) {
        assert.equal(decodeHuffman(source, 0, end, target), decodeHuffman(source.subarray(0, end), 0, end, target))
      }
      assert.equal(decodeHuffman(Buffer.from([0, ...whole, 0]), 1, whole.length + 1, target), 3)
    }
  })
})
