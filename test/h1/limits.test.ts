import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LineMemory } from '../../src/h1/line-memory.ts'
import { knownName, rememberedNames } from '../../src/h1/names.ts'
import { SectionMemory } from '../../src/h1/section-memory.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import {
  LONGEST_REMEMBERED_HEAD,
  LONGEST_REMEMBERED_LINE,
  LONGEST_REMEMBERED_NAME,
  MAX_CHUNK_EXTENSIONS,
  MAX_CHUNK_SIZE_DIGITS,
  MAX_EMPTY_LINES,
  MAX_HEADER_FIELDS,
  MAX_HTTP1_HEAD,
  MAX_INFORMATIONAL,
  MAX_INFORMATIONAL_OCTETS,
  MAX_REMEMBERED_LINES,
  MAX_REMEMBERED_NAMES,
  MAX_START_LINE,
  MAX_TRAILERS,
} from '../../src/limits.ts'
import { answered, asked, Client, GET, OK, octetsOf } from './support.ts'

const line = 'HTTP/1.1 200 OK\r\n'
const get = 'GET / HTTP/1.1\r\nHost: a\r\n'
/** A head of exactly so many octets, in all. */
const headOf = (start: string, size: number, name = 'x'): string =>
  `${start}${name}: ${'y'.repeat(size - start.length - name.length - 6)}\r\n\r\n`
const chunked = `${line}Transfer-Encoding: chunked\r\n\r\n`
const TOO_LARGE = 'ERR_HYPER_HEADERS_TOO_LARGE'

describe('the peer may not exceed', () => {
  test('the octets of a head, whether it comes whole or not', () => {
    const most = headOf(`${line}Content-Length: 0\r\n`, MAX_HTTP1_HEAD)
    const more = headOf(`${line}Content-Length: 0\r\n`, MAX_HTTP1_HEAD + 1)
    assert.equal(answered(most).names, 'headers end')
    assert.equal(answered(more).error?.code, TOO_LARGE)
    const split = (text: string): Client => answered(text.slice(0, 100)).receive(text.slice(100))
    assert.equal(split(most).names, 'headers end')
    assert.equal(split(more).error?.code, TOO_LARGE)
    assert.equal(answered(more.slice(0, MAX_HTTP1_HEAD - 1)).error, undefined)
    assert.equal(answered(more.slice(0, MAX_HTTP1_HEAD)).error?.code, TOO_LARGE)
    const options = { maxHeaderSize: MAX_HTTP1_HEAD + 1 }
    assert.equal(answered(more, GET, false, options).names, 'headers end')
  })

  test('the octets of a head, which a server answers with 431, or 414 if it is the target', () => {
    for (const cut of [0, 100]) {
      const status = (text: string): number => asked(text.slice(0, cut)).receive(text.slice(cut)).status
      assert.equal(status(headOf(get, MAX_HTTP1_HEAD + 1)), 431)
      assert.equal(status(`GET /${'x'.repeat(MAX_HTTP1_HEAD)} HTTP/1.1\r\nHost: a\r\n\r\n`), 414)
    }
  })

  test('the octets of a request line, or a status line', () => {
    const request = (size: number): string => `GET /${'x'.repeat(size - 14)} HTTP/1.1\r\nHost: a\r\n\r\n`
    assert.equal(asked(request(MAX_START_LINE)).names, 'request end')
    const { status, error } = asked(request(MAX_START_LINE + 1))
    assert.deepEqual([status, error?.code], [414, TOO_LARGE])
    const response = (size: number): string => `HTTP/1.1 200 ${'x'.repeat(size - 13)}\r\nContent-Length: 0\r\n\r\n`
    assert.equal(answered(response(MAX_START_LINE)).names, 'headers end')
    assert.equal(answered(response(MAX_START_LINE + 1)).error?.code, TOO_LARGE)
    const options = { maxStartLine: 50 }
    for (let i = 0; i < 3; i++) {
      for (const [size, limits] of [
        [50, options],
        [51, {}],
      ] as const) {
        assert.equal(asked(request(size), limits).names, 'request end')
        assert.equal(answered(response(size), GET, false, limits).names, 'headers end')
      }
      assert.equal(asked(request(51), options).status, 414)
      assert.equal(answered(response(51), GET, false, options).error?.code, TOO_LARGE)
    }
  })

  test('the fields of a head', () => {
    const fields = (count: number): string => `${line}${'a: b\r\n'.repeat(count - 1)}Content-Length: 0\r\n\r\n`
    for (const times of [1, 2, 3]) {
      assert.equal(answered(fields(MAX_HEADER_FIELDS)).names, 'headers end', `${times}`)
      assert.equal(answered(fields(MAX_HEADER_FIELDS + 1)).error?.code, TOO_LARGE)
    }
    const request = (count: number): string => `${get}${'a: b\r\n'.repeat(count - 1)}\r\n`
    for (const text of [request(10), request(10), request(10)]) {
      assert.equal(asked(text, { maxHeaderFields: 10 }).names, 'request end')
      assert.equal(asked(text, { maxHeaderFields: 9 }).status, 431)
    }
    for (const text of [fields(10), fields(10), fields(10)]) {
      assert.equal(answered(text, GET, false, { maxHeaderFields: 10 }).names, 'headers end')
      assert.equal(answered(text, GET, false, { maxHeaderFields: 9 }).error?.code, TOO_LARGE)
    }
  })

  test('the octets of a trailer section, or its fields', () => {
    const trailers = (size: number): string => `${chunked}0\r\n${headOf('', size)}`
    assert.equal(answered(trailers(MAX_TRAILERS)).names, 'headers end')
    assert.equal(answered(trailers(MAX_TRAILERS + 1)).error?.code, TOO_LARGE)
    assert.equal(answered(`${chunked}0\r\n${'a: b\r\n'.repeat(MAX_HEADER_FIELDS)}\r\n`).names, 'headers end')
    const many = answered(`${chunked}0\r\n${'a: b\r\n'.repeat(MAX_HEADER_FIELDS + 1)}\r\n`)
    assert.equal(many.error?.code, TOO_LARGE)
  })

  test('the octets of all chunk extensions of a message', () => {
    const half = 'x'.repeat(MAX_CHUNK_EXTENSIONS / 2)
    assert.equal(answered(`${chunked}1;${half}\r\nx\r\n0;${half}\r\n\r\n`).names, 'headers data end')
    const client = answered(`${chunked}1;${half}\r\nx\r\n0;${half}x\r\n\r\n`)
    assert.equal(client.error?.code, TOO_LARGE)
    const server = asked(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;${half}${half}x`)
    assert.equal(server.status, 413)
    const next = answered(`${chunked}0;${half}\r\n\r\n`)
    next.h1.request(GET)
    next.receive(`${chunked}0;${half}${half}\r\n\r\n`)
    assert.equal(next.names, 'headers end headers end')
  })

  test("the digits of a chunk's size, or what can be counted", () => {
    const size = (digits: string): string => `${chunked}${digits}\r\nx`
    assert.equal(answered(size('1'.padStart(MAX_CHUNK_SIZE_DIGITS, '0'))).names, 'headers data')
    assert.equal(answered(size('1'.padStart(MAX_CHUNK_SIZE_DIGITS + 1, '0'))).names, 'headers failed')
    assert.equal(answered(size('1fffffffffffff')).names, 'headers data')
    assert.equal(answered(size('20000000000000')).names, 'headers failed')
  })

  test('the empty lines before a request', () => {
    assert.equal(asked(`${'\r\n'.repeat(MAX_EMPTY_LINES)}${get}\r\n`).names, 'request end')
    assert.equal(asked(`${'\r\n'.repeat(MAX_EMPTY_LINES + 1)}`).status, 400)
    const server = asked(`${'\r\n'.repeat(MAX_EMPTY_LINES)}${get}\r\n`)
    server.h1.respond({ status: 200, fields: [], bodyLength: 0 })
    server.h1.next()
    server.receive(`${'\r\n'.repeat(MAX_EMPTY_LINES)}${get}\r\n`)
    assert.equal(server.names, 'request end request end')
  })

  test('the informational responses to one request, or their octets', () => {
    const informational = 'HTTP/1.1 103 x\r\n\r\n'
    const client = answered(informational.repeat(MAX_INFORMATIONAL) + OK)
    client.h1.request(GET)
    client.receive(informational.repeat(MAX_INFORMATIONAL))
    assert.equal(client.told.at(-1)?.[0], 'informational')
    client.receive(informational)
    assert.equal(client.error?.code, TOO_LARGE)
    const large = headOf('HTTP/1.1 103 x\r\n', 16_384)
    assert.equal(answered(large.repeat(MAX_INFORMATIONAL_OCTETS / 16_384)).error, undefined)
    assert.equal(answered(large.repeat(MAX_INFORMATIONAL_OCTETS / 16_384 + 1)).error?.code, TOO_LARGE)
    assert.equal(answered(informational, GET, false, { maxInformational: 10 }).error?.code, TOO_LARGE)
  })
})

describe('what is remembered', () => {
  test('what is remembered of names is bounded by their count and by their length', () => {
    const long = 'X'.repeat(LONGEST_REMEMBERED_NAME + 1)
    assert.equal(knownName(long).name, long.toLowerCase())
    assert.equal(rememberedNames().has(long), false)
    assert.equal(knownName(long.slice(1)), knownName(long.slice(1)))
    for (let i = 0; i < MAX_REMEMBERED_NAMES * 2; i++) knownName(`x-${i}`)
    assert.ok(rememberedNames().size <= MAX_REMEMBERED_NAMES)
    let octets = 0
    for (const name of rememberedNames().keys()) octets += name.length
    assert.ok(octets <= MAX_REMEMBERED_NAMES * LONGEST_REMEMBERED_NAME)
  })

  test('a head that is remembered is given again as the same, frozen object', () => {
    const text = `${line}X-Remembered: yes\r\nContent-Length: 0\r\n\r\n`
    const heads = [1, 2, 3, 4].map(() => answered(text).head)
    assert.equal(heads[2], heads[3])
    assert.ok(Object.isFrozen(heads[3]) && Object.isFrozen(heads[3].fields) && Object.isFrozen(heads[3].raw))
    assert.deepEqual(heads[0], heads[3])
  })

  test('what is remembered of heads depends on what was asked', () => {
    const text = `${line}X-Asked: yes\r\nContent-Length: 0\r\n\r\n`
    for (let i = 0; i < 4; i++) {
      assert.equal(answered(text).head.framing, 'length')
      assert.equal(answered(text, { ...GET, method: 'HEAD' }).head.framing, 'none')
    }
  })

  test('what is remembered of heads is bounded by their length', () => {
    const text = headOf(`${line}Content-Length: 0\r\n`, LONGEST_REMEMBERED_HEAD + 10)
    const heads = [1, 2, 3, 4].map(() => answered(text).head)
    assert.notEqual(heads[2], heads[3])
  })

  test('what is remembered of lines is bounded by their count and by their length', () => {
    const client = new Client()
    for (const filler of ['a: b\r\n', `${'c'.repeat(60)}: ${'d'.repeat(LONGEST_REMEMBERED_LINE)}\r\n`, 'e: f\r\n']) {
      client.h1.request(GET)
      const length = Math.min(MAX_REMEMBERED_LINES + 10, Math.floor(16_000 / filler.length))
      client.receive(`${line}${filler.repeat(length)}Content-Length: 0\r\n\r\n`)
      assert.equal(client.told.at(-1)?.[0], 'end')
      const memory: unknown = Reflect.get(client.h1, 'lines')
      assert.ok(memory instanceof LineMemory)
      const kept: unknown = Reflect.get(memory, 'lines')
      assert.ok(Array.isArray(kept) && kept.length <= MAX_REMEMBERED_LINES)
      for (const { octets } of kept) assert.ok(octets.length <= LONGEST_REMEMBERED_LINE)
    }
  })
})

describe('what is remembered of what was sent', () => {
  const kept = (client: Client): FieldList => {
    const memory: unknown = Reflect.get(Reflect.get(client.h1, 'head'), 'memory')
    assert.ok(memory instanceof SectionMemory)
    return memory.fields
  }
  const send = (client: Client, fields: FieldList): string => {
    const text = client.h1.request({ ...GET, fields })
    client.receive('HTTP/1.1 204 No\r\n\r\n')
    return text
  }
  const many = (count: number, size: number): string[] =>
    Array.from({ length: count }, (_, i) => [i === 0 ? 'host' : `x-${i}`, 'y'.repeat(size)]).flat()

  test('what is remembered of the fields sent is limited in number and length, and was sent twice', () => {
    for (const [fields, remembered] of [
      [many(MAX_REMEMBERED_LINES, 1), true],
      [many(MAX_REMEMBERED_LINES + 1, 1), false],
      [many(2, LONGEST_REMEMBERED_HEAD / 2 - 10), true],
      [many(2, LONGEST_REMEMBERED_HEAD / 2), false],
    ] as const) {
      const client = new Client()
      const texts = [1, 2, 3].map((time) => {
        const text = send(client, fields)
        assert.deepEqual(kept(client), time > 1 && remembered ? fields : [])
        return text
      })
      assert.equal(new Set(texts).size, 1)
    }
  })

  test('of the fields sent, one section is remembered, and another replaces it when it comes twice', () => {
    const client = new Client()
    const [first, second] = [many(10, 1), ['host', 'b', 'c', 'd']]
    for (const fields of [first, first, second, first, second, first]) send(client, fields)
    assert.deepEqual(kept(client), first)
    for (const fields of [second, second]) send(client, fields)
    assert.deepEqual(kept(client), second)
  })
})

describe('on one connection', () => {
  /** Heads in turn, as one client hears them. */
  const heard = (...sections: string[]): unknown[] => {
    const client = new Client()
    return sections.map((section) => {
      client.told = []
      client.h1.request(GET)
      client.receive(`${line}${section}Content-Length: 0\r\n\r\n`)
      return client.head.raw.slice(0, -2)
    })
  }

  test('fields may change, come, go and move from one head to the next', () => {
    const sections = [
      'A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n',
      'A: 1\r\nB: 9\r\nC: 3\r\nD: 4\r\n',
      'A: 1\r\nC: 3\r\nD: 4\r\n',
      'A: 1\r\nX: 0\r\nB: 22\r\nC: 3\r\n',
      'D: 4\r\nC: 3\r\nB: 2\r\nA: 1\r\n',
      'a: 1\r\nb: 2\r\n',
      'a: 12\r\nb: 2\r\nab: 3\r\n',
      `a: ${'y'.repeat(LONGEST_REMEMBERED_LINE)}\r\nb: 2\r\n`,
      `a: ${'y'.repeat(LONGEST_REMEMBERED_LINE - 5)}\r\nb: 2\r\n`,
      'a:1\r\nb: \t2 \r\n',
      'Q: 1\r\nR: 1\r\nS: 1\r\nT: 1\r\nU: 1\r\n',
      'Q: 1\r\nR: 1\r\nS: 1\r\nT: 2\r\nU: 1\r\n',
    ]
    const expected = sections.map((section) =>
      section
        .split('\r\n')
        .slice(0, -1)
        .flatMap((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1).trim()]),
    )
    assert.deepEqual(heard(...sections), expected)
  })

  test('a line that begins as one before it did is read as strictly', () => {
    for (const second of ['A: 1\n', 'A: 1\r', 'A: 1\0\r\n', 'A : 1\r\n', 'A: 1\r\n 2\r\n', 'A\r\n']) {
      const client = answered(`${line}A: 1\r\nContent-Length: 0\r\n\r\n`)
      client.h1.request(GET)
      client.receive(`${line}${second}Content-Length: 0\r\n\r\n`)
      assert.equal(client.names, 'headers end failed')
    }
  })
})

describe('the work is linear', () => {
  /** Octets that the engine had searched, moved or made text of, by Buffer's own methods. */
  function workOf(action: () => void): number {
    let work = 0
    const { indexOf, copy, toString: text } = Buffer.prototype
    const restore = { indexOf, copy, toString: text }
    Object.assign(Buffer.prototype, {
      indexOf(this: Buffer, value: Uint8Array, from = 0) {
        const found = indexOf.call(this, value, from)
        work += (found === -1 ? this.length : found) - Number(from)
        return found
      },
      copy(this: Buffer, ...args: Parameters<Buffer['copy']>) {
        const copied = copy.apply(this, args)
        work += copied
        return copied
      },
      toString(this: Buffer, ...args: Parameters<Buffer['toString']>) {
        const made = text.apply(this, args)
        work += made.length
        return made
      },
    })
    try {
      action()
    } finally {
      Object.assign(Buffer.prototype, restore)
    }
    return work
  }

  const size = 1 << 20
  const options = { maxHeaderSize: size * 2, maxHeaderFields: size }
  const section = `${`x-name: ${'y'.repeat(100)}\r\n`.repeat(size / 110)}\r\n`

  test('the work for a head of 1 MiB that comes octet by octet is linear', () => {
    const client = answered('', GET, false, options)
    const octets = octetsOf(`${line}Content-Length: 0\r\n${section}`)
    const work = workOf(() => {
      for (let i = 0; i < octets.length; i++) client.h1.receive(octets.subarray(i, i + 1))
    })
    assert.equal(client.names, 'headers end')
    assert.ok(work < octets.length * 20, `${work / octets.length} times`)
  })

  test('the work for chunks, extensions and trailers that come octet by octet is linear', () => {
    const client = answered('')
    const body = `5;${'e'.repeat(20)}\r\nhello\r\n`.repeat(700)
    const octets = octetsOf(`${chunked}${body}0\r\nx: ${'y'.repeat(10_000)}\r\n\r\n`)
    const work = workOf(() => {
      for (let i = 0; i < octets.length; i++) client.h1.receive(octets.subarray(i, i + 1))
    })
    assert.equal(client.names, 'headers data end')
    // The recorder makes text of each octet of the body, too.
    assert.ok(work < octets.length * 20, `${work / octets.length} times`)
  })

  test('the work for requests that are sent ahead is linear', () => {
    const server = asked('')
    const octets = octetsOf(`${get}\r\n`.repeat(10_000))
    const work = workOf(() => {
      server.h1.receive(octets)
      for (let i = 0; i < 9999; i++) {
        server.h1.respond({ status: 200, fields: [], bodyLength: 0 })
        server.h1.next()
      }
    })
    assert.equal(server.told.length, 20_000)
    assert.ok(work < octets.length * 10, `${work / octets.length} times`)
  })
})
