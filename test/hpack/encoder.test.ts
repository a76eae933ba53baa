import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_SENSITIVE_NAMES, Decoder, Encoder, HpackEncodingError } from '../../src/hpack/index.ts'
import { block, indexed, literal, sizeUpdate } from './reference.ts'

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')

/** The kind of the first representation of a block. */
function kind(octets: Uint8Array): 'indexed' | 'indexing' | 'size update' | 'never' | 'without' {
  const first = octets[0]
  if (first >= 0x80) return 'indexed'
  if (first >= 0x40) return 'indexing'
  if (first >= 0x20) return 'size update'
  return first >= 0x10 ? 'never' : 'without'
}

/** How one field goes out, `times` times in a row. */
function kinds(encoder: Encoder, name: string, value: string, times: number): string[] {
  return Array.from({ length: times }, () => kind(encoder.encode([name, value])))
}

describe('representations', () => {
  const plain = new Encoder({ indexing: 'never', huffman: 'never' })

  test('a pair in the static table is one octet', () => {
    assert.deepEqual(
      [...plain.encode([':method', 'GET', ':scheme', 'https', 'accept-encoding', 'gzip, deflate'])],
      [0x82, 0x87, 0x90],
    )
  })

  test('an empty value that the static table has is sent as an index, too', () => {
    assert.deepEqual([...plain.encode(['accept', ''])], [0x93])
  })

  test('names are encoded by the lowest static index, and values as literals', () => {
    assert.equal(hex(plain.encode([':status', '201'])), hex(block(literal('without', 8, '201'))))
    assert.equal(hex(plain.encode(['www-authenticate', 'x'])), hex(block(literal('without', 61, 'x'))))
  })

  test('names are encoded by dynamic index where the table has them', () => {
    const encoder = new Encoder({ huffman: 'never' })
    assert.equal(hex(encoder.encode(['x-a', '1'])), hex(block(literal('indexing', 'x-a', '1'))))
    assert.equal(hex(encoder.encode(['x-a', '2'])), hex(block(literal('indexing', 62, '2'))))
    assert.equal(hex(encoder.encode(['x-a', '1'])), hex(block(indexed(63))))
    assert.equal(hex(encoder.encode(['x-a', '3'], new Set(['x-a']))), hex(block(literal('never', 62, '3'))))
  })

  test('strings are Huffman-coded only where that is strictly shorter', () => {
    const encoder = new Encoder({ indexing: 'never' })
    const form = (value: string): string => hex(encoder.encode([':path', value]))
    assert.equal(form('www.example.com'), hex(block(literal('without', 4, 'www.example.com', true))))
    // 24 bits for three octets: no gain.
    assert.equal(form('307'), hex(block(literal('without', 4, '307'))))
    assert.equal(form(''), hex(block(literal('without', 4, ''))))
    assert.equal(form('~~~'), hex(block(literal('without', 4, '~~~'))))
    for (const length of [126, 127, 128, 129, 300]) {
      const coded = 'a'.repeat(length)
      assert.equal(form(coded), hex(block(literal('without', 4, coded, true))))
      const raw = '~'.repeat(length)
      assert.equal(form(raw), hex(block(literal('without', 4, raw))))
    }
  })

  test("'always' and 'never' decide the coding of every string", () => {
    const always = new Encoder({ indexing: 'never', huffman: 'always' })
    const never = new Encoder({ indexing: 'never', huffman: 'never' })
    for (const value of ['', '307', 'abc', 'a'.repeat(300), '\u0000\u0001\u00ff'.repeat(400)]) {
      assert.equal(hex(always.encode(['x', value])), hex(block(literal('without', 'x', value, true))))
      assert.equal(hex(never.encode(['x', value])), hex(block(literal('without', 'x', value))))
    }
  })

  test('indices and lengths beyond their prefixes', () => {
    const encoder = new Encoder({ huffman: 'never', indexing: 'always' })
    const decoder = new Decoder()
    for (let i = 0; i < 100; i++) decoder.decode(encoder.encode([`x-${i}`, 'v']))
    for (let i = 0; i < 100; i++) {
      assert.equal(hex(encoder.encode([`x-${i}`, 'v'])), hex(block(indexed(161 - i))))
    }
  })

  test('write leaves the block in scratch and returns its length; encode gives a copy', () => {
    const encoder = new Encoder()
    const copy = encoder.encode([':method', 'GET'])
    assert.equal(encoder.write([':method', 'POST', ':scheme', 'https']), 2)
    assert.deepEqual([...encoder.scratch.subarray(0, 2)], [0x83, 0x87])
    assert.deepEqual([...copy], [0x82])
    assert.equal(encoder.write([]), 0)
  })
})

describe('what enters the table', () => {
  test('an ordinary field at first sight, an index from then on', () => {
    assert.deepEqual(kinds(new Encoder(), 'user-agent', 'hyper', 4), ['indexing', 'indexed', 'indexed', 'indexed'])
  })

  test('a path only when it is asked for again', () => {
    const encoder = new Encoder()
    for (let i = 0; i < 50; i++) assert.deepEqual(kinds(encoder, ':path', `/item/${i}`, 1), ['without'])
    assert.deepEqual(encoder.tableEntries(), [])
    assert.deepEqual(kinds(encoder, ':path', '/polled', 4), ['without', 'indexing', 'indexed', 'indexed'])
    assert.deepEqual(kinds(encoder, ':path', '/', 1), ['indexed'])
  })

  test('several paths in turn are all recognised', () => {
    const encoder = new Encoder()
    const paths = ['/one/and', '/two/and', '/three/and', '/four/and']
    for (const form of ['without', 'indexing', 'indexed']) {
      for (const path of paths) assert.deepEqual(kinds(encoder, ':path', path, 1), [form])
    }
  })

  test('content-length and age never: an index would save too little', () => {
    for (const name of ['content-length', 'age']) {
      assert.deepEqual(kinds(new Encoder(), name, '12345', 4), ['without', 'without', 'without', 'without'])
    }
  })

  test('a name stops being indexed after two insertions of no use', () => {
    const encoder = new Encoder()
    const forms = Array.from({ length: 6 }, (_, i) => kind(encoder.encode(['x-nonce', `value-${i}`])))
    assert.deepEqual(forms, ['indexing', 'indexing', 'without', 'without', 'without', 'without'])
    assert.equal(encoder.tableEntries().length, 4)
  })

  test('and is indexed again once a value came back', () => {
    const encoder = new Encoder()
    for (let i = 0; i < 6; i++) encoder.write(['x-nonce', `value-${i}`])
    assert.deepEqual(kinds(encoder, 'x-nonce', 'settled', 3), ['without', 'indexing', 'indexed'])
    assert.deepEqual(kinds(encoder, 'x-nonce', 'another', 2), ['indexing', 'indexed'])
  })

  test('a volatile name without static index counts as saved octets', () => {
    const encoder = new Encoder()
    for (let i = 0; i < 4; i++) encoder.write(['x-counter', `${i}`])
    assert.deepEqual(kinds(encoder, 'x-counter', '7', 3), ['without', 'indexing', 'indexed'])
  })

  test('a volatile value of three octets or less is not worth an entry', () => {
    assert.deepEqual(kinds(new Encoder(), ':path', '/ab', 4), ['without', 'without', 'without', 'without'])
    assert.deepEqual(kinds(new Encoder(), ':path', '/abc', 3), ['without', 'indexing', 'indexed'])
  })

  test('an empty value of a volatile name', () => {
    const encoder = new Encoder()
    for (let i = 0; i < 4; i++) encoder.write(['x-counter', `${i}`])
    assert.deepEqual(kinds(encoder, 'x-counter', '', 3), ['without', 'indexing', 'indexed'])
  })

  test('not what would fill most of the table', () => {
    assert.deepEqual(kinds(new Encoder(), 'x', 'v'.repeat(3039), 1), ['indexing'])
    assert.deepEqual(kinds(new Encoder(), 'x', 'v'.repeat(3040), 3), ['without', 'without', 'without'])
  })

  test("'always' takes all that fits, 'never' nothing", () => {
    const always = new Encoder({ indexing: 'always' })
    for (let i = 0; i < 5; i++) assert.deepEqual(kinds(always, ':path', `/${i}`, 1), ['indexing'])
    assert.deepEqual(kinds(always, 'x', 'v'.repeat(4063), 2), ['indexing', 'indexed'])
    assert.deepEqual(kinds(always, 'x', 'v'.repeat(4064), 2), ['without', 'without'])
    assert.deepEqual(kinds(new Encoder({ indexing: 'never' }), 'accept', '*/*', 3), ['without', 'without', 'without'])
  })

  test('an evicted pair is inserted again, not referred to', () => {
    const encoder = new Encoder({ maxTableSize: 100, huffman: 'never' })
    const decoder = new Decoder()
    const send = (name: string, value: string): string => {
      const octets = encoder.encode([name, value])
      assert.deepEqual(decoder.decode(octets), [name, value])
      assert.deepEqual(decoder.tableEntries(), encoder.tableEntries())
      return kind(octets)
    }
    send('a', '1')
    for (let round = 0; round < 3; round++) {
      assert.equal(send('b', '1'), 'indexing')
      assert.equal(send('b', '1'), 'indexed')
      assert.equal(send('b', '1'), 'indexed')
      assert.equal(send('c', '1'), 'indexing')
      assert.equal(send('c', '1'), 'indexed')
      assert.equal(send('a', '1'), 'indexing')
      assert.equal(send('a', '1'), 'indexed')
    }
  })

  test('a name whose insertion evicts its own source', () => {
    const encoder = new Encoder({ maxTableSize: 60, huffman: 'never', indexing: 'always' })
    const decoder = new Decoder()
    encoder.write([])
    decoder.decode(block(sizeUpdate(60)))
    decoder.decode(encoder.encode(['name', '12345678']))
    const second = encoder.encode(['name', '87654321'])
    assert.equal(hex(second), hex(block(literal('indexing', 62, '87654321'))))
    assert.deepEqual(decoder.decode(second), ['name', '87654321'])
    assert.deepEqual(decoder.tableEntries(), ['name', '87654321'])
  })

  test('thousands of different names are forgotten, those in the table are not', () => {
    const encoder = new Encoder()
    const decoder = new Decoder()
    for (let i = 0; i < 3000; i++) {
      const list = [`x-${i}`, 'v', 'user-agent', 'hyper', 'authorization', `token ${i % 7}`]
      assert.deepEqual(decoder.decode(encoder.encode(list)), list)
      assert.deepEqual(decoder.tableEntries(), encoder.tableEntries())
    }
  })
})

test('names in the table are remembered, however many others come', () => {
  const encoder = new Encoder()
  encoder.write(['user-agent', 'hyper'])
  for (let i = 0; i < 1000; i++) encoder.write([`x-${i}`, 'v'], new Set([`x-${i}`]))
  assert.deepEqual([...encoder.encode([':method', 'GET', 'user-agent', 'hyper'])], [...indexed(2), ...indexed(62)])
})

describe('sensitive fields (section 7.1.3)', () => {
  test('credentials, set-cookie and short cookies are never-indexed by default', () => {
    assert.deepEqual([...DEFAULT_SENSITIVE_NAMES], ['authorization', 'proxy-authorization', 'set-cookie'])
    const encoder = new Encoder()
    for (const name of DEFAULT_SENSITIVE_NAMES) {
      assert.deepEqual(kinds(encoder, name, 'a secret of some length', 4), ['never', 'never', 'never', 'never'])
    }
    assert.deepEqual(kinds(encoder, 'cookie', 'x'.repeat(19), 4), ['never', 'never', 'never', 'never'])
    assert.deepEqual(encoder.tableEntries(), [])
    assert.deepEqual(kinds(encoder, 'cookie', 'x'.repeat(20), 2), ['indexing', 'indexed'])
  })

  test('an empty credential is not taken from the static table', () => {
    assert.deepEqual(kinds(new Encoder(), 'authorization', '', 2), ['never', 'never'])
  })

  test('other names can be chosen', () => {
    const encoder = new Encoder({ sensitiveNames: new Set(['x-api-key']) })
    assert.deepEqual(kinds(encoder, 'x-api-key', 'a secret', 2), ['never', 'never'])
    assert.deepEqual(kinds(encoder, 'authorization', 'public', 2), ['indexing', 'indexed'])
  })

  test('a pair that is already in a table is sent as a literal all the same', () => {
    const encoder = new Encoder({ huffman: 'never' })
    const decoder = new Decoder()
    const list = ['x-token', 'secret value', ':method', 'GET']
    for (let i = 0; i < 3; i++) decoder.decode(encoder.encode(list))
    const never = new Set(['x-token', ':method'])
    for (let i = 0; i < 3; i++) {
      const octets = encoder.encode(list, never)
      assert.equal(hex(octets), hex(block(literal('never', 62, 'secret value'), literal('never', 2, 'GET'))))
      assert.deepEqual(decoder.decode(octets), list)
      assert.deepEqual(decoder.neverIndexed, never)
    }
    assert.deepEqual(kinds(encoder, 'x-token', 'secret value', 1), ['indexed'])
  })

  test('what was received never-indexed is forwarded so', () => {
    const decoder = new Decoder()
    const list = decoder.decode(block(literal('never', 'x-token', 'secret'), literal('without', 'x', 'y')))
    const next = new Decoder()
    assert.deepEqual(next.decode(new Encoder().encode(list, decoder.neverIndexed)), list)
    assert.deepEqual([...next.neverIndexed], ['x-token'])
  })

  test('an empty set of names changes nothing', () => {
    assert.equal(kind(new Encoder().encode(['x', 'y'], new Set())), 'indexing')
  })
})

describe('table size (sections 4.2 and 6.3)', () => {
  const method = indexed(2)
  const next = (encoder: Encoder): string => hex(encoder.encode([':method', 'GET']))

  test('a change is announced once, at the head of the next block', () => {
    const encoder = new Encoder()
    encoder.setMaxTableSize(1000)
    assert.equal(next(encoder), hex(block(sizeUpdate(1000), method)))
    assert.equal(next(encoder), hex(block(method)))
  })

  test('of several changes of the table size the smallest and the last are announced', () => {
    const encoder = new Encoder()
    for (const size of [2000, 100, 50, 70, 3000]) encoder.setMaxTableSize(size)
    assert.equal(next(encoder), hex(block(sizeUpdate(50), sizeUpdate(3000), method)))
    for (const size of [100, 50]) encoder.setMaxTableSize(size)
    assert.equal(next(encoder), hex(block(sizeUpdate(50), method)))
  })

  test('lowered and raised to where it was: both are announced, because entries are gone', () => {
    const encoder = new Encoder()
    const decoder = new Decoder()
    decoder.decode(encoder.encode(['x', 'y']))
    for (const end of [encoder, decoder]) for (const size of [0, 4096]) end.setMaxTableSize(size)
    const octets = encoder.encode(['x', 'y'])
    assert.equal(hex(octets.subarray(0, 4)), hex(block(sizeUpdate(0), sizeUpdate(4096))))
    assert.deepEqual(decoder.decode(octets), ['x', 'y'])
    assert.deepEqual(decoder.tableEntries(), ['x', 'y'])
  })

  test('the same size again is no change', () => {
    const encoder = new Encoder()
    encoder.setMaxTableSize(4096)
    assert.equal(next(encoder), hex(block(method)))
  })

  test('the own maximum is a cap: the peer cannot make the table grow', () => {
    const encoder = new Encoder()
    encoder.setMaxTableSize(2 ** 32 - 1)
    assert.equal(next(encoder), hex(block(method)))
    const small = new Encoder({ maxTableSize: 1024 })
    small.setMaxTableSize(8192)
    assert.equal(next(small), hex(block(sizeUpdate(1024), method)))
  })

  test('a larger own maximum is used when the peer allows it', () => {
    const encoder = new Encoder({ maxTableSize: 2 ** 32 - 1 })
    assert.equal(next(encoder), hex(block(method)))
    encoder.setMaxTableSize(65_536)
    assert.equal(next(encoder), hex(block(sizeUpdate(65_536), method)))
    encoder.setMaxTableSize(2 ** 32 - 1)
    assert.equal(next(encoder), hex(block(sizeUpdate(2 ** 32 - 1), method)))
  })

  test('a table of 0 is not used', () => {
    const encoder = new Encoder({ maxTableSize: 0 })
    assert.equal(kind(encoder.encode(['x', 'y'])), 'size update')
    assert.deepEqual(kinds(encoder, 'x', 'y', 3), ['without', 'without', 'without'])
  })

  test('sizes must be integers from 0 to 2^32-1', () => {
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 32]) {
      assert.throws(() => new Encoder({ maxTableSize: wrong }), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
      assert.throws(() => new Encoder().setMaxTableSize(wrong), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
    }
  })
})

describe('fields that cannot be encoded', () => {
  const refused = (message: RegExp) => (error: unknown) =>
    error instanceof HpackEncodingError && error.code === 'ERR_HPACK_ENCODING' && message.test(error.message)

  test('a character above U+00FF is refused, naming the field', () => {
    for (const encoder of [new Encoder(), new Encoder({ huffman: 'never' }), new Encoder({ huffman: 'always' })]) {
      for (const long of ['', 'a'.repeat(200)]) {
        assert.throws(() => encoder.write(['x-good', 'v', 'x-bad', `${long}Ā`]), refused(/"x-bad"/))
        assert.throws(() => encoder.write(['x-good', 'v', `x-${long}€`, 'v']), refused(/"x-a*€"/))
        assert.throws(() => encoder.write([':path', `${long}Ā`]), refused(/":path"/))
        assert.throws(() => encoder.write(['authorization', `${long}Ā`]), refused(/"authorization"/))
        assert.deepEqual(encoder.tableEntries(), [])
      }
    }
  })

  test('a name or value that is not a string, and a name without a value, cannot be encoded', () => {
    const encoder = new Encoder()
    const wrong: unknown = [
      ['x', 1],
      ['x', undefined],
      [null, 'x'],
      ['x', 'y', 'content-length', 5],
    ]
    for (const fields of wrong as string[][]) assert.throws(() => encoder.write(fields), refused(/not a string/))
    assert.throws(() => encoder.write(['x', 'y', 'z']), refused(/"z" has no value/))
  })

  test('fields that cannot be encoded change neither the table, nor pending size updates, nor what is sent next', () => {
    const encoder = new Encoder()
    const twin = new Encoder()
    for (const each of [encoder, twin]) {
      each.write(['accept', '*/*'])
      each.setMaxTableSize(2000)
    }
    for (let i = 0; i < 3; i++) {
      const fields = [
        'x-first',
        'v',
        ':method',
        'GET',
        'accept',
        '*/*',
        'authorization',
        'token',
        ':path',
        '/somewhere',
      ]
      assert.throws(() => encoder.write([...fields, 'x-last', '☃']), HpackEncodingError)
      assert.throws(() => encoder.write([':method', 'GET', 'accept', '*/*', ':path', '☃']), HpackEncodingError)
    }
    // A bad name beside the value that its place had before.
    const start = [':method', 'GET', ':scheme', 'https']
    assert.equal(hex(encoder.encode(start)), hex(twin.encode(start)))
    assert.throws(() => encoder.write(['x-second', 'v', '☃', 'https']), HpackEncodingError)
    assert.deepEqual(encoder.tableEntries(), twin.tableEntries())
    const list = ['x-first', 'v', 'accept', '*/*']
    assert.equal(hex(encoder.encode(list)), hex(twin.encode(list)))
  })
})

describe('lists that repeat', () => {
  const both = (encoder = new Encoder(), decoder = new Decoder()) => {
    return (list: readonly string[]): Uint8Array => {
      const octets = encoder.encode(list)
      assert.deepEqual(decoder.decode(octets), list)
      assert.deepEqual(decoder.tableEntries(), encoder.tableEntries())
      return octets
    }
  }

  test('lists that repeat become all indices', () => {
    const send = both()
    const list = [':method', 'GET', ':path', '/polled/path', ':authority', 'example.com', 'accept', '*/*']
    for (let i = 0; i < 3; i++) send(list)
    for (let i = 0; i < 3; i++) assert.equal(send(list).length, 4)
  })

  test('lists that repeat keep the octets of literals that cannot be indexed', () => {
    const send = both()
    const token = `Bearer ${'x'.repeat(500)}`
    const first = send([':method', 'GET', 'authorization', token, 'content-length', '5'])
    for (let i = 0; i < 4; i++) {
      assert.equal(hex(send([':method', 'GET', 'authorization', token, 'content-length', '5'])), hex(first))
    }
    assert.deepEqual(send(['a', 'b', 'authorization', 'other']).length > 0, true)
    assert.equal(hex(send([':method', 'GET', 'authorization', token, 'content-length', '5'])), hex(first))
  })

  test('lists that repeat with literals too long to keep, or named by a dynamic index', () => {
    const encoder = new Encoder()
    const send = both(encoder)
    const long = '~'.repeat(5000)
    for (let i = 0; i < 4; i++) send(['authorization', long])
    encoder.write([])
    const named = both(new Encoder({ sensitiveNames: new Set() }))
    named(['x-name', 'v'])
    for (let i = 0; i < 4; i++) {
      named(['x-name', '~'.repeat(4000)])
      named(['x-other', `changing ${i}`])
    }
  })

  test('survive a shift of positions, and the eviction of what a position remembers', () => {
    const send = both(new Encoder({ maxTableSize: 200 }))
    const list = ['a', '1', 'b', '2', 'c', '3']
    for (let i = 0; i < 40; i++) {
      send(i % 3 === 0 ? ['x', 'y', ...list] : list)
      if (i % 5 === 0) send(['n', String(i), 'm', String(i)])
    }
  })

  test('lists that repeat may be longer than the positions remembered', () => {
    const send = both(new Encoder({ maxTableSize: 16_384 }))
    const list = Array.from({ length: 100 }, (_, i) => [`x-${i}`, `v${i}`]).flat()
    for (let i = 0; i < 4; i++) send(list)
  })
})

describe('scratch', () => {
  test('scratch grows as needed, for one long field and for many short ones', () => {
    const encoder = new Encoder({ huffman: 'never' })
    const decoder = new Decoder({ maxListSize: 10_000_000, maxFields: 10_000 })
    const list = Array.from({ length: 3000 }, () => [':method', 'GET']).flat()
    for (const fields of [list, ['x', 'v'.repeat(100_000)], [...list, 'x', 'v'.repeat(5000), ...list], ['a', 'b']]) {
      assert.deepEqual(decoder.decode(encoder.encode(fields)), fields)
    }
  })

  test('scratch does not stay large after one large block', () => {
    const encoder = new Encoder()
    encoder.write(['x', 'v'.repeat(200_000)])
    assert.ok(encoder.scratch.length > 100_000)
    encoder.write(['x', 'v'])
    assert.ok(encoder.scratch.length <= 65_536)
  })
})

describe('what the caller says of the encoder', () => {
  test('single fields are never indexed by their place, and the decoder tells which came so', () => {
    const encoder = new Encoder()
    const decoder = new Decoder()
    const list = ['x-token', 'public', 'x-token', 'secret', 'accept', '*/*']
    const decoded = decoder.decode(encoder.encode(list, new Set([1])))
    assert.deepEqual(decoded, list)
    assert.deepEqual([...decoder.neverIndexedFields], [1])
    assert.deepEqual(encoder.tableEntries(), ['accept', '*/*', 'x-token', 'public'])
    // Whoever forwards the block gives the places on.
    decoder.decode(encoder.encode(list, decoder.neverIndexedFields))
    assert.deepEqual([...decoder.neverIndexedFields], [1])
    decoder.decode(encoder.encode(list.slice(4)))
    assert.equal(decoder.neverIndexedFields.size, 0)
  })

  test('options that it does not know, or with values that they cannot have, are refused by name', () => {
    const wrong: [RegExp, object][] = [
      [/^There is no option indexng: did you mean indexing/, { indexng: 'never' }],
      [/^indexing must be one of 'adaptive', 'always', 'never'/, { indexing: 'sometimes' }],
      [/^huffman must be one of 'shorter', 'always', 'never'/, { huffman: true }],
      [/^sensitiveNames must be a Set/, { sensitiveNames: ['cookie'] }],
      [/maxTableSize/, { maxTableSize: -1 }],
    ]
    for (const [message, options] of wrong)
      assert.throws(() => new Encoder(options), { name: 'InvalidArgumentError', message })
  })
})
