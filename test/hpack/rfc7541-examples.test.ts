/** Every example of RFC 7541 appendix C, in both directions, with the table after each. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Decoder, Encoder, type EncoderOptions } from '../../src/hpack/index.ts'
import { writeInteger } from '../../src/hpack/integer.ts'
import { ReferenceDecoder } from './reference.ts'

interface Example {
  readonly section: string
  /** Hexadecimal. */
  readonly wire: string
  readonly fields: readonly string[]
  /** The dynamic table afterwards, newest entry first. */
  readonly table: readonly string[]
  readonly size: number
}

const EXAMPLES: readonly Example[] = [
  {
    section: 'C.2.1',
    wire: '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
    fields: ['custom-key', 'custom-header'],
    table: ['custom-key', 'custom-header'],
    size: 55,
  },
  {
    section: 'C.2.2',
    wire: '040c2f73616d706c652f70617468',
    fields: [':path', '/sample/path'],
    table: [],
    size: 0,
  },
  {
    section: 'C.2.3',
    wire: '100870617373776f726406736563726574',
    fields: ['password', 'secret'],
    table: [],
    size: 0,
  },
  {
    section: 'C.2.4',
    wire: '82',
    fields: [':method', 'GET'],
    table: [],
    size: 0,
  },
  {
    section: 'C.3.1',
    wire: '828684410f7777772e6578616d706c652e636f6d',
    fields: [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
    table: [':authority', 'www.example.com'],
    size: 57,
  },
  {
    section: 'C.3.2',
    wire: '828684be58086e6f2d6361636865',
    fields: [
      ':method',
      'GET',
      ':scheme',
      'http',
      ':path',
      '/',
      ':authority',
      'www.example.com',
      'cache-control',
      'no-cache',
    ],
    table: ['cache-control', 'no-cache', ':authority', 'www.example.com'],
    size: 110,
  },
  {
    section: 'C.3.3',
    wire: '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    fields: [
      ':method',
      'GET',
      ':scheme',
      'https',
      ':path',
      '/index.html',
      ':authority',
      'www.example.com',
      'custom-key',
      'custom-value',
    ],
    table: ['custom-key', 'custom-value', 'cache-control', 'no-cache', ':authority', 'www.example.com'],
    size: 164,
  },
  {
    section: 'C.4.1',
    wire: '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    fields: [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
    table: [':authority', 'www.example.com'],
    size: 57,
  },
  {
    section: 'C.4.2',
    wire: '828684be5886a8eb10649cbf',
    fields: [
      ':method',
      'GET',
      ':scheme',
      'http',
      ':path',
      '/',
      ':authority',
      'www.example.com',
      'cache-control',
      'no-cache',
    ],
    table: ['cache-control', 'no-cache', ':authority', 'www.example.com'],
    size: 110,
  },
  {
    section: 'C.4.3',
    wire: '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    fields: [
      ':method',
      'GET',
      ':scheme',
      'https',
      ':path',
      '/index.html',
      ':authority',
      'www.example.com',
      'custom-key',
      'custom-value',
    ],
    table: ['custom-key', 'custom-value', 'cache-control', 'no-cache', ':authority', 'www.example.com'],
    size: 164,
  },
  {
    section: 'C.5.1',
    wire: '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
    fields: [
      ':status',
      '302',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'location',
      'https://www.example.com',
    ],
    table: [
      'location',
      'https://www.example.com',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'cache-control',
      'private',
      ':status',
      '302',
    ],
    size: 222,
  },
  {
    section: 'C.5.2',
    wire: '4803333037c1c0bf',
    fields: [
      ':status',
      '307',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'location',
      'https://www.example.com',
    ],
    table: [
      ':status',
      '307',
      'location',
      'https://www.example.com',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'cache-control',
      'private',
    ],
    size: 222,
  },
  {
    section: 'C.5.3',
    wire: '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
    fields: [
      ':status',
      '200',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:22 GMT',
      'location',
      'https://www.example.com',
      'content-encoding',
      'gzip',
      'set-cookie',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
    table: [
      'set-cookie',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      'content-encoding',
      'gzip',
      'date',
      'Mon, 21 Oct 2013 20:13:22 GMT',
    ],
    size: 215,
  },
  {
    section: 'C.6.1',
    wire: '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
    fields: [
      ':status',
      '302',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'location',
      'https://www.example.com',
    ],
    table: [
      'location',
      'https://www.example.com',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'cache-control',
      'private',
      ':status',
      '302',
    ],
    size: 222,
  },
  {
    section: 'C.6.2',
    wire: '4883640effc1c0bf',
    fields: [
      ':status',
      '307',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'location',
      'https://www.example.com',
    ],
    table: [
      ':status',
      '307',
      'location',
      'https://www.example.com',
      'date',
      'Mon, 21 Oct 2013 20:13:21 GMT',
      'cache-control',
      'private',
    ],
    size: 222,
  },
  {
    section: 'C.6.3',
    wire: '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    fields: [
      ':status',
      '200',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:22 GMT',
      'location',
      'https://www.example.com',
      'content-encoding',
      'gzip',
      'set-cookie',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
    table: [
      'set-cookie',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      'content-encoding',
      'gzip',
      'date',
      'Mon, 21 Oct 2013 20:13:22 GMT',
    ],
    size: 215,
  },
]

const section = (prefix: string): readonly Example[] => EXAMPLES.filter((example) => example.section.startsWith(prefix))

describe('RFC 7541 C.1: integers', () => {
  const write = (value: number, prefixBits: number): number[] => {
    const target = new Uint8Array(8)
    return [...target.subarray(0, writeInteger(target, 0, 0, 2 ** prefixBits - 1, value))]
  }

  test('C.1.1: 10 in a 5-bit prefix', () => assert.deepEqual(write(10, 5), [0b01010]))
  test('C.1.2: 1337 in a 5-bit prefix', () => assert.deepEqual(write(1337, 5), [0b11111, 0b10011010, 0b00001010]))
  test('C.1.3: 42 from an octet boundary', () => assert.deepEqual(write(42, 8), [42]))

  test('C.1.1 and C.1.2 are read back from table size updates', () => {
    for (const size of [10, 1337]) {
      const target = new Uint8Array(8)
      const decoder = new Decoder({ maxTableSize: size })
      assert.deepEqual(decoder.decode(target, 0, writeInteger(target, 0, 0x20, 0x1f, size)), [])
      const smaller = new Decoder({ maxTableSize: size - 1 })
      assert.throws(() => smaller.decode(target, 0, writeInteger(target, 0, 0x20, 0x1f, size)), new RegExp(`${size}`))
    }
  })
})

describe('RFC 7541 C.2: representations', () => {
  const options: Record<string, { options: EncoderOptions; never?: ReadonlySet<string> }> = {
    'C.2.1': { options: { huffman: 'never' } },
    'C.2.2': { options: { huffman: 'never', indexing: 'never' } },
    'C.2.3': { options: { huffman: 'never' }, never: new Set(['password']) },
    'C.2.4': { options: {} },
  }
  for (const example of section('C.2')) {
    test(`${example.section} decodes`, () => decodes(new Decoder(), example))
    test(`${example.section} is encoded octet by octet`, () => {
      const { options: encoderOptions, never } = options[example.section]
      encodes(new Encoder(encoderOptions), example, never)
    })
  }

  test('C.2.3 tells that the field was never to be indexed', () => {
    const decoder = new Decoder()
    decoder.decode(Buffer.from(section('C.2.3')[0].wire, 'hex'))
    assert.deepEqual([...decoder.neverIndexed], ['password'])
  })
})

const SEQUENCES = [
  { prefix: 'C.3', title: 'requests, plain', huffman: 'never', tableSize: 4096 },
  { prefix: 'C.4', title: 'requests, Huffman-coded', huffman: 'always', tableSize: 4096 },
  { prefix: 'C.5', title: 'responses, plain, in a table of 256 octets', huffman: 'never', tableSize: 256 },
  { prefix: 'C.6', title: 'responses, Huffman-coded, in a table of 256 octets', huffman: 'always', tableSize: 256 },
] as const

for (const { prefix, title, huffman, tableSize } of SEQUENCES) {
  describe(`RFC 7541 ${prefix}: ${title}`, () => {
    test('three blocks decode in one context', () => {
      const decoder = new Decoder({ maxTableSize: tableSize })
      for (const example of section(prefix)) decodes(decoder, example)
    })

    test('three lists are encoded octet by octet in one context', () => {
      const encoder = new Encoder({
        huffman,
        indexing: 'always',
        sensitiveNames: new Set(),
        maxTableSize: tableSize,
      })
      // In HTTP/2 a smaller table is announced; the examples take it as agreed.
      encoder.write([])
      for (const example of section(prefix)) encodes(encoder, example)
    })
  })
}

test('the reference decoder of these tests agrees with every example', () => {
  for (const prefix of ['C.2.1', 'C.2.2', 'C.2.3', 'C.2.4', 'C.3', 'C.4', 'C.5', 'C.6']) {
    const reference = new ReferenceDecoder(prefix === 'C.5' || prefix === 'C.6' ? 256 : 4096)
    for (const example of section(prefix)) {
      assert.deepEqual(reference.decode(Buffer.from(example.wire, 'hex')), example.fields)
      assert.deepEqual(reference.table.flat(), example.table)
      assert.equal(reference.tableSize, example.size)
    }
  }
})

function decodes(decoder: Decoder, example: Example): void {
  assert.deepEqual(decoder.decode(Buffer.from(example.wire, 'hex')), example.fields, example.section)
  assert.deepEqual(decoder.tableEntries(), example.table, example.section)
  assert.equal(decoder.tableSize, example.size, example.section)
}

function encodes(encoder: Encoder, example: Example, never?: ReadonlySet<string>): void {
  assert.equal(Buffer.from(encoder.encode(example.fields, never)).toString('hex'), example.wire, example.section)
  assert.deepEqual(encoder.tableEntries(), example.table, example.section)
  assert.equal(encoder.tableSize, example.size, example.section)
}
