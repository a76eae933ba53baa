import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RequestReader } from '../../../adapters/agent/request-reader.ts'

interface Heard {
  head: string[]
  body: string
  trailers: string[] | undefined
}

/** Feeds the text in pieces of a size; each piece of body is taken before the next comes. */
function read(text: string, size: number): Heard {
  const heard: Heard = { head: [], body: '', trailers: undefined }
  const reader = new RequestReader({
    onRequestHead: (method, target, headers) => {
      heard.head = [method, target, ...headers]
    },
    onRequestBody: (chunk, taken) => {
      heard.body += Buffer.from(chunk).toString('latin1')
      taken()
    },
    onRequestEnd: (trailers) => {
      assert.equal(heard.trailers, undefined)
      heard.trailers = trailers
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
]

describe('the text of a request', () => {
  for (const [what, text, expected] of cases) {
    test(`with ${what}, cut anywhere`, () => {
      for (const size of [1, 2, 3, 7, text.length]) assert.deepEqual(read(text, size), expected)
    })
  }

  test('waits until a piece of the body was taken', () => {
    let take: (error?: Error | null) => void = () => {}
    const bodies: string[] = []
    const reader = new RequestReader({
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

  test('an error of whoever takes the body is told to whoever writes it', () => {
    const reader = new RequestReader({
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
})
