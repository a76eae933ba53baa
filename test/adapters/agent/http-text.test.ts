import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HttpText } from '../../../adapters/agent/http-text.ts'

interface Heard {
  head: string[]
  body: string
  trailers: string[] | undefined
}

/** Feeds the text in pieces of a size; each piece of body is taken before the next comes. */
function read(text: string, size: number): Heard {
  const heard: Heard = { head: [], body: '', trailers: undefined }
  const reader = new HttpText({
    onRequestHead: ({ method, target, raw }) => {
      heard.head = [method, target, ...raw]
    },
    onRequestBody: (chunk, taken) => {
      heard.body += Buffer.from(chunk).toString('latin1')
      taken()
    },
    onRequestEnd: (trailers) => {
      assert.equal(heard.trailers, undefined)
      heard.trailers = [...trailers]
    },
  })
  const octets = Buffer.from(text, 'latin1')
  for (let at = 0; at < octets.length; at += size) {
    let taken = 0
    reader.write(octets.subarray(at, at + size), () => taken++)
    assert.equal(taken, 1)
  }
  return heard
}

const cases: [string, string, Heard][] = [
  [
    'no body',
    'GET /a?b=1 HTTP/1.1\r\nHost: x\r\nX-Empty:\r\n\r\n',
    { head: ['GET', '/a?b=1', 'Host', 'x', 'X-Empty', ''], body: '', trailers: [] },
  ],
  [
    'a length',
    'POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello',
    { head: ['POST', '/', 'Content-Length', '5'], body: 'hello', trailers: [] },
  ],
  [
    'chunks and trailers',
    'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nc\r\n, \r\n0\r\nworld\r\n0\r\nX-Sum: a: b\r\n\r\n',
    { head: ['PUT', '/', 'Transfer-Encoding', 'chunked'], body: 'hello, \r\n0\r\nworld', trailers: ['X-Sum', 'a: b'] },
  ],
  [
    'chunks among other codings, and a length',
    'POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 9\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
    {
      head: ['POST', '/', 'Transfer-Encoding', 'gzip, Chunked', 'Content-Length', '9'],
      body: 'hi',
      trailers: [],
    },
  ],
  [
    'whatever target, method and host, however long',
    `FOO a:b#[${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a/b\r\nHost: c\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    {
      head: ['FOO', `a:b#[${'x'.repeat(20_000)}`, 'Host', 'a/b', 'Host', 'c', 'X', 'y'.repeat(20_000)],
      body: '',
      trailers: [],
    },
  ],
]

describe('the text of a request', () => {
  for (const [what, text, expected] of cases) {
    test(`the text of a request with ${what}, cut anywhere`, () => {
      for (const size of [1, 2, 3, 7, text.length]) assert.deepEqual(read(text, size), expected)
    })
  }

  test('the text of a request waits until a piece of the body was taken', () => {
    let take: (error?: Error | null) => void = () => {}
    const bodies: string[] = []
    const reader = new HttpText({
      onRequestHead: () => {},
      onRequestBody: (chunk, taken) => {
        bodies.push(Buffer.from(chunk).toString())
        take = taken
      },
      onRequestEnd: () => bodies.push('end'),
    })
    let finished: unknown
    reader.write(
      Buffer.from('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n'),
      (error) => {
        finished = error ?? true
      },
    )
    assert.deepEqual([bodies, finished], [['a'], undefined])
    take()
    assert.deepEqual(bodies, ['a', 'b'])
    take()
    assert.deepEqual([bodies, finished], [['a', 'b', 'end'], true])
  })

  test('an error of the reader of the body is reported to its writer', () => {
    const reader = new HttpText({
      onRequestHead: () => {},
      onRequestBody: (_chunk, taken) => taken(new Error('enough')),
      onRequestEnd: () => {},
    })
    let failed: Error | null | undefined
    reader.write(Buffer.from('POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhello'), (error) => {
      failed = error
    })
    assert.equal(failed?.message, 'enough')
  })

  test('the text of a request that is no request is the caller’s fault', () => {
    const text = new HttpText({ onRequestHead: () => {}, onRequestBody: () => {}, onRequestEnd: () => {} })
    for (let i = 0; i < 2; i++) {
      let failed: Error | null | undefined
      text.write(Buffer.from('POST / HTTP/1.1\r\nContent-Length: abc\r\n\r\n'), (error) => {
        failed = error
      })
      assert.match(String(failed), /InvalidArgumentError: The request is malformed: content-length is "abc"/)
    }
  })

  test('an error that comes later is reported too, once', () => {
    const taking: ((error?: Error | null) => void)[] = []
    const text = new HttpText({
      onRequestHead: () => {},
      onRequestBody: (_chunk, taken) => {
        taking.push(taken)
        if (taking.length === 2) taken(new Error('enough'))
      },
      onRequestEnd: () => assert.fail(),
    })
    const told: unknown[] = []
    const body = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n'
    text.write(Buffer.from(body), (error) => told.push(error?.message))
    taking[0]()
    assert.deepEqual(told, ['enough'])
  })

  test('what is written after the end of the request is dropped', () => {
    const text = new HttpText({ onRequestHead: () => {}, onRequestBody: () => {}, onRequestEnd: () => {} })
    let taken = 0
    for (const octets of ['GET / HTTP/1.1\r\n\r\n', 'more']) text.write(Buffer.from(octets), () => taken++)
    assert.deepEqual([taken, text.done], [2, true])
  })
})

describe('the text of a response', () => {
  const answered = (method: string, status: number, fields: string[], body = '', trailers: string[] = []): string => {
    const text = new HttpText({ onRequestHead: () => {}, onRequestBody: () => {}, onRequestEnd: () => {} })
    text.write(Buffer.from(`${method} / HTTP/1.1\r\nConnection: close\r\n\r\n`), () => {})
    let all = text.respond(status, 'Yes', fields)
    for (const piece of text.data(Buffer.from(body))) all += String(piece)
    return all + text.end(trailers)
  }

  test('the text of a response is framed by its length, or in chunks', () => {
    const length = ['content-length', '2']
    assert.equal(answered('GET', 200, length, 'hi', ['a', 'b']), 'HTTP/1.1 200 Yes\r\ncontent-length: 2\r\n\r\nhi')
    assert.equal(answered('GET', 200, ['content-length', '0']), 'HTTP/1.1 200 Yes\r\ncontent-length: 0\r\n\r\n')
    const chunked = 'HTTP/1.1 200 Yes\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\na: b\r\n\r\n'
    assert.equal(answered('GET', 200, [], 'hi', ['a', 'b']), chunked)
    assert.equal(
      answered('GET', 200, [...length, 'trailer', 'a'], 'hi', ['a', 'b']),
      chunked.replace('transfer', 'trailer: a\r\ntransfer'),
    )
    assert.throws(() => answered('GET', 200, length, 'h'), /1 octets shorter/)
  })

  test('a length that a response says several times is said once', () => {
    const once = 'HTTP/1.1 200 Yes\r\ncontent-length: 2\r\n\r\nhi'
    for (const said of [
      ['content-length', '2', 'Content-Length', '2'],
      ['content-length', '2 , 2'],
    ]) {
      assert.equal(answered('GET', 200, said, 'hi').replace('Content-Length', 'content-length'), once)
    }
  })

  test('a response that cannot have a body has none, whatever its header fields say', () => {
    const fields = ['content-length', '2', 'trailer', 'a']
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const head = `HTTP/1.1 ${status} Yes\r\ncontent-length: 2\r\ntrailer: a\r\n\r\n`
      assert.equal(answered(method, status, fields, 'hi', ['a', 'b']), head)
    }
  })

  test('the text of a response says nothing of a connection, which is not there', () => {
    const fields = ['connection', 'close', 'keep-alive', 'timeout=5', 'upgrade', 'h2c', 'transfer-encoding', 'gzip']
    const text = answered('GET', 200, [...fields, 'proxy-connection', 'a', 'x', 'y'])
    assert.equal(text, 'HTTP/1.1 200 Yes\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')
  })
})
