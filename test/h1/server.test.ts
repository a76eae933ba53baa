import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ContentLengthError, InvalidArgumentError } from '../../src/errors.ts'
import { type H1Options, type H1ResponseInit, H1ServerConnection } from '../../src/h1/index.ts'
import { asked, octetsOf, Server, textOf } from './support.ts'

const host = 'Host: example.com\r\n'
const get = `GET / HTTP/1.1\r\n${host}\r\n`
const post = `POST / HTTP/1.1\r\n${host}`
const EMPTY: H1ResponseInit = { status: 200, reason: 'OK', fields: [], bodyLength: 0 }

describe('a request', () => {
  test('a request is reported with its head, its body and its end', () => {
    const server = asked(`PUT /a?b HTTP/1.1\r\n${host}X-A: \t1 \r\ncontent-length: 5\r\n\r\nhello`)
    assert.deepEqual(server.head, {
      method: 'PUT',
      target: '/a?b',
      version: '1.1',
      fields: ['host', 'example.com', 'x-a', '1', 'content-length', '5'],
      raw: ['Host', 'example.com', 'X-A', '1', 'content-length', '5'],
      contentLength: 5,
      framing: 'length',
      keepAlive: true,
      expectContinue: false,
      upgrade: undefined,
    })
    assert.deepEqual(server.told.slice(1), [
      ['data', 'hello'],
      ['end', [], []],
    ])
  })

  test('a request in chunks is reported with its trailers', () => {
    const server = asked(`${post}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n`)
    assert.equal(server.body, 'hello')
    assert.deepEqual(server.told.at(-1), ['end', ['x-a', 'b'], ['X-A', 'b']])
  })

  test('a request may have a target in any of the four forms', () => {
    for (const [method, target] of [
      ['GET', '/\xe4?"'],
      ['GET', 'http://example.com/a'],
      ['OPTIONS', '*'],
      ['CONNECT', 'example.com:443'],
    ]) {
      const { head } = asked(`${method} ${target} HTTP/1.1\r\n${host}\r\n`)
      assert.deepEqual([head.method, head.target], [method, target])
    }
  })

  test('a request may be of HTTP/1.0, which needs no host, and closes unless it says keep-alive', () => {
    assert.equal(asked('GET / HTTP/1.0\r\n\r\n').head.keepAlive, false)
    assert.equal(asked('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n').head.keepAlive, true)
    assert.equal(asked(`GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`).head.keepAlive, false)
  })

  test('a request may come behind a few empty lines, as old clients send behind a body', () => {
    assert.equal(asked(`\r\n\r\n${get}`).names, 'request end')
    const server = asked('\r').receive('\n').receive(get)
    assert.equal(server.names, 'request end')
  })

  test('a request expects 100 when it has the field, a body, and HTTP/1.1', () => {
    const expect = 'Expect: 100-Continue\r\n'
    assert.equal(asked(`${post}${expect}Content-Length: 1\r\n\r\n`).head.expectContinue, true)
    assert.equal(asked(`${post}${expect}Content-Length: 0\r\n\r\n`).head.expectContinue, false)
    assert.equal(asked(`POST / HTTP/1.0\r\n${expect}Content-Length: 1\r\n\r\n`).head.expectContinue, false)
    assert.equal(asked(`${post}Expect: x\r\nContent-Length: 1\r\n\r\n`).head.expectContinue, false)
  })

  test('a request asks for an upgrade when it has both fields and HTTP/1.1', () => {
    const upgrade = 'Upgrade: a\r\nUpgrade: b/1\r\n'
    assert.equal(asked(`GET / HTTP/1.1\r\n${host}Connection: x, Upgrade\r\n${upgrade}\r\n`).head.upgrade, 'a, b/1')
    assert.equal(asked(`GET / HTTP/1.1\r\n${host}${upgrade}\r\n`).head.upgrade, undefined)
    assert.equal(asked(`GET / HTTP/1.1\r\n${host}Connection: upgrade\r\n\r\n`).head.upgrade, undefined)
    assert.equal(asked(`GET / HTTP/1.0\r\nConnection: upgrade\r\n${upgrade}\r\n`).head.upgrade, undefined)
  })
})

describe('a malformed request fails with the status to answer with', () => {
  const malformed: readonly [string, string, number][] = [
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two hosts', `GET / HTTP/1.1\r\n${host}${host}\r\n`, 400],
    ['a host that is none', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['a bare line feed', `GET / HTTP/1.1\n${host}\r\n`, 400],
    ['a bare carriage return behind an empty line', '\r\n\rGET', 400],
    ['a bare line feed before it', '\nGET', 400],
    ['white space before the method', ` ${get}`, 400],
    ['a method that is no token', `G(T / HTTP/1.1\r\n${host}\r\n`, 400],
    ['no target', `GET HTTP/1.1\r\n${host}\r\n`, 400],
    ['an empty target', `GET  HTTP/1.1\r\n${host}\r\n`, 400],
    ['white space in the target', `GET /a b HTTP/1.1\r\n${host}\r\n`, 400],
    ['a tab before the version', `GET /a\tHTTP/1.1\r\n${host}\r\n`, 400],
    ['a control character in the target', `GET /\x01 HTTP/1.1\r\n${host}\r\n`, 400],
    ['a fragment', `GET /a#b HTTP/1.1\r\n${host}\r\n`, 400],
    ['a relative target', `GET a HTTP/1.1\r\n${host}\r\n`, 400],
    ['an asterisk in other methods', `GET * HTTP/1.1\r\n${host}\r\n`, 400],
    ['CONNECT to a path', `CONNECT / HTTP/1.1\r\n${host}\r\n`, 400],
    ['CONNECT without a port', `CONNECT a HTTP/1.1\r\n${host}\r\n`, 400],
    ['no version', `GET /\r\n${host}\r\n`, 400],
    ['a version in lower case', `GET / http/1.1\r\n${host}\r\n`, 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['HTTP/1.2', `GET / HTTP/1.2\r\n${host}\r\n`, 505],
    ['a folded line', `${post}a: b\r\n c\r\n\r\n`, 400],
    ['white space before a colon', `${post}a : b\r\n\r\n`, 400],
    ['two lengths', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    ['length and chunks', `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['chunks that do not come last', `${post}Transfer-Encoding: chunked, gzip\r\n\r\n`, 400],
    ['chunks twice', `${post}Transfer-Encoding: chunked, chunked\r\n\r\n`, 400],
    ['a coding without chunks', `${post}Transfer-Encoding: gzip\r\n\r\n`, 400],
    ['an empty transfer-encoding', `${post}Transfer-Encoding:\r\n\r\n`, 400],
    ['a coding within chunks', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
    ['a chunk size that is none', `${post}Transfer-Encoding: chunked\r\n\r\nx\r\n`, 400],
    ['a chunk beyond counting', `${post}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(15)}\r\n`, 413],
  ]
  for (const [name, text, status] of malformed) {
    test(`${name}: ${status}`, () => {
      const server = asked(text)
      assert.equal(server.told.at(-1)?.[0], 'failed')
      assert.equal(server.status, status, server.error?.message)
      assert.equal(server.h1.theirState, 'failed')
      const answer = server.h1.respond({ status, fields: [], bodyLength: 0 })
      assert.match(answer, /\r\nconnection: close\r\n/)
      assert.equal(server.h1.ourState, 'done')
      server.h1.next()
      server.receive(get)
      server.h1.receiveEnd()
      assert.equal(server.told.at(-1)?.[0], 'failed')
    })
  }
})

describe('the end of the connection', () => {
  test('the end of the connection within a request is a lost connection that says where', () => {
    for (const [text, where] of [
      ['\r', /within the head of the request/],
      ['GET /', /within the head/],
      [`${post}Content-Length: 2\r\n\r\nx`, /within the body/],
    ] as const) {
      const server = asked(text)
      server.h1.receiveEnd()
      assert.match(server.error?.message ?? '', where)
      assert.deepEqual([server.error?.code, server.status], ['ERR_HYPER_CONNECTION_LOST', 400])
    }
  })

  test('the end of the connection between requests calls `onClosed`, if there is one, and no response can be sent', () => {
    const server = asked('\r\n')
    server.h1.receiveEnd()
    assert.deepEqual(server.told, [['closed']])
    assert.equal(server.h1.ourState, 'closed')
    const deaf = new H1ServerConnection({ onRequest() {}, onData() {}, onEnd() {}, onFailed() {} })
    deaf.receiveEnd()
    assert.equal(deaf.theirState, 'closed')
  })

  test('behind a request lets it be answered, and those that came with it', () => {
    const server = asked(get + get)
    server.h1.receiveEnd()
    assert.equal(server.names, 'request end')
    server.h1.respond(EMPTY)
    server.h1.next()
    assert.equal(server.names, 'request end request end')
    server.h1.respond(EMPTY)
    server.h1.next()
    assert.equal(server.names, 'request end request end closed')
  })
})

describe('requests that were sent ahead', () => {
  test('requests that were sent ahead are kept until the one before was answered and the next is asked for', () => {
    const server = asked(`${get}${post}Content-Length: 2\r\n\r\nhi${get}`)
    assert.equal(server.names, 'request end')
    server.h1.next()
    assert.equal(server.names, 'request end')
    server.h1.respond({ ...EMPTY, bodyLength: 1 })
    server.h1.data(octetsOf('x'))
    server.h1.next()
    assert.equal(server.h1.end(), '')
    assert.equal(server.names, 'request end')
    server.h1.next()
    assert.equal(server.names, 'request end request data end')
    assert.equal(server.h1.unread, get.length)
    server.h1.respond(EMPTY)
    server.h1.next()
    assert.equal(server.names, 'request end request data end request end')
  })

  test('requests that were sent ahead are not read behind one that says close', () => {
    const server = asked(`GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n${get}`)
    server.h1.respond(EMPTY)
    server.h1.next()
    assert.equal(server.names, 'request end')
    assert.deepEqual([server.h1.ourState, server.h1.theirState, server.h1.unread], ['closed', 'closed', 0])
  })

  test('requests that were sent ahead are read on from within a callback', () => {
    const server = new Server()
    server.after = ([what]) => {
      if (what !== 'end') return
      server.h1.respond(EMPTY)
      server.h1.next()
    }
    server.receive(get.repeat(3))
    assert.equal(server.names, 'request end request end request end')
  })

  test('requests that were sent ahead wait for the end of a request that was answered early', () => {
    const server = asked(`${post}Content-Length: 2\r\n\r\nx`)
    server.h1.respond(EMPTY)
    server.h1.next()
    assert.deepEqual([server.h1.ourState, server.h1.theirState], ['done', 'body'])
    server.receive(`y${get}`)
    assert.equal(server.names, 'request data end')
    server.h1.next()
    assert.equal(server.names, 'request data end request end')
  })
})

describe('a response', () => {
  const answer = (request: string, init: Partial<H1ResponseInit>): { server: Server; text: string } => {
    const server = asked(request)
    return { server, text: server.h1.respond({ ...EMPTY, ...init }) }
  }
  const old = 'GET / HTTP/1.0\r\n\r\n'
  const oldAlive = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'

  test('a response says its length, which may be nothing', () => {
    assert.equal(answer(get, {}).text, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    assert.equal(answer(get, { reason: undefined }).text, 'HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n')
    const { server, text } = answer(get, { fields: ['X-Y', 'z'], bodyLength: 2 })
    assert.equal(text, 'HTTP/1.1 200 OK\r\nX-Y: z\r\ncontent-length: 2\r\n\r\n')
    assert.equal(textOf(server.h1.data(octetsOf('ok'))), 'ok')
    assert.equal(server.h1.end(), '')
  })

  test('a response goes in chunks when its length is not known, or trailers follow', () => {
    const { server, text } = answer(get, { bodyLength: -1 })
    assert.match(text, /\r\ntransfer-encoding: chunked\r\n/)
    assert.equal(textOf(server.h1.data(octetsOf('ok'))), '2\r\nok\r\n')
    assert.equal(server.h1.end(['a', 'b']), '0\r\na: b\r\n\r\n')
    assert.match(answer(get, { bodyLength: 0, trailers: true }).text, /chunked/)
  })

  test('a response to HTTP/1.0 of unknown length ends with the connection', () => {
    for (const request of [old, oldAlive]) {
      const { server, text } = answer(request, { bodyLength: -1, trailers: true })
      assert.equal(text, 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n')
      assert.equal(textOf(server.h1.data(octetsOf('ok'))), 'ok')
      assert.equal(server.h1.end(), '')
      assert.equal(server.h1.ourState, 'closed')
    }
    assert.throws(() => answer(old, { fields: ['transfer-encoding', 'chunked'], bodyLength: -1 }), /HTTP\/1\.0/)
  })

  test('a response to HTTP/1.0 says whether the connection lives on', () => {
    assert.match(answer(oldAlive, {}).text, /\r\nconnection: keep-alive\r\n/)
    assert.match(answer(old, {}).text, /\r\nconnection: close\r\n/)
  })

  test('a response says close when its owner does, and then closes', () => {
    for (const init of [{ close: true }, { fields: ['Connection', 'close'] }]) {
      const { server, text } = answer(get, init)
      assert.equal(text.match(/close/g)?.length, 1)
      assert.equal(server.h1.theirState, 'closed')
    }
  })

  test('a response of 204 says a length only for an owner who checks what he sends', () => {
    const said = (options: H1Options): string =>
      asked(get, options).h1.respond({ status: 204, fields: ['content-length', '0'], bodyLength: 0 })
    assert.doesNotMatch(said({}), /content-length/)
    assert.match(said({ validateOutbound: false }), /content-length: 0/)
  })

  test('a response to HEAD, 204 and 304 is whole with its head', () => {
    const head = `HEAD / HTTP/1.1\r\n${host}\r\n`
    const cases: [string, Partial<H1ResponseInit>, string][] = [
      [head, { bodyLength: 5 }, 'content-length: 5\r\n'],
      [head, { bodyLength: 0 }, ''],
      [head, { bodyLength: -1, trailers: true }, ''],
      [head, { bodyLength: 0, fields: ['content-length', '5'] }, 'content-length: 5\r\n'],
      [head, { bodyLength: 5, fields: ['transfer-encoding', 'chunked'] }, 'transfer-encoding: chunked\r\n'],
      [get, { status: 304, bodyLength: 5 }, 'content-length: 5\r\n'],
      [get, { status: 204, bodyLength: 5, fields: ['content-length', '5'] }, ''],
    ]
    for (const [request, init, fields] of cases) {
      const { server, text } = answer(request, init)
      assert.equal(text, `HTTP/1.1 ${init.status ?? 200} OK\r\n${fields}\r\n`)
      assert.throws(() => server.h1.data(octetsOf('x')), InvalidArgumentError)
      server.h1.next()
      assert.equal(server.h1.theirState, 'waiting')
    }
  })

  test('a response that would inject or mislead is refused, and another may come', () => {
    const server = asked(get)
    const bad: [Partial<H1ResponseInit>, RegExp][] = [
      [{ status: 199 }, /199 is not final/],
      [{ status: Number.NaN }, /not final/],
      [{ status: 1000 }, /status line/],
      [{ status: 200.5 }, /status line/],
      [{ reason: 'a\r\nb' }, /status line/],
      [{ fields: ['a b', ''] }, /header name/],
      [{ fields: ['a', '\n'] }, /value of header/],
    ]
    for (const [init, message] of bad) {
      assert.throws(() => server.h1.respond({ ...EMPTY, ...init }), { name: 'InvalidArgumentError', message })
    }
    assert.throws(() => server.h1.respond({ ...EMPTY, fields: ['content-length', '1'] }), ContentLengthError)
    server.h1.respond(EMPTY)
  })

  test('a response is refused where no request waits for one', () => {
    assert.throws(() => new Server().h1.respond(EMPTY), InvalidArgumentError)
    const { server } = answer(get, { bodyLength: -1 })
    assert.throws(() => server.h1.respond(EMPTY), InvalidArgumentError)
    assert.throws(() => server.h1.inform(103, []), InvalidArgumentError)
    server.h1.end()
    server.h1.next()
    assert.throws(() => server.h1.respond(EMPTY), InvalidArgumentError)
  })
})

describe('an informational response', () => {
  test('an informational response goes before the response', () => {
    const server = asked(`${post}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`)
    assert.equal(server.h1.inform(100, [], 'Continue'), 'HTTP/1.1 100 Continue\r\n\r\n')
    assert.equal(server.h1.inform(103, ['link', 'x']), 'HTTP/1.1 103 \r\nlink: x\r\n\r\n')
  })

  test('an informational response is refused with a final status, with 101, and where no request waits', () => {
    const server = asked(get)
    for (const status of [99, 101, 200, 100.5]) {
      assert.throws(() => server.h1.inform(status, []), InvalidArgumentError)
    }
    assert.throws(() => new Server().h1.inform(100, []), InvalidArgumentError)
  })

  test('an informational response is not sent to HTTP/1.0', () => {
    assert.equal(asked('GET / HTTP/1.0\r\n\r\n').h1.inform(103, []), '')
  })
})

describe('an upgrade', () => {
  const upgrade = `GET / HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: x\r\n\r\n`

  test('an upgrade is taken with 101, and gives what came behind the request', () => {
    const server = asked(`${upgrade}rest`)
    server.receive(' more')
    const { head, rest } = server.h1.accept({ protocol: 'x', reason: 'Yes', fields: ['A', 'b'] })
    assert.equal(head, 'HTTP/1.1 101 Yes\r\nA: b\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
    assert.equal(rest.toString(), 'rest more')
    assert.deepEqual([server.h1.ourState, server.h1.theirState], ['upgraded', 'upgraded'])
    server.receive('x')
    server.h1.receiveEnd()
    server.h1.next()
    assert.equal(server.names, 'request end')
  })

  test('an upgrade is said as the fields say it, if they do', () => {
    const fields = ['Upgrade', 'x', 'Connection', 'Upgrade']
    const { head } = asked(upgrade).h1.accept({ protocol: 'x', fields })
    assert.equal(head, 'HTTP/1.1 101 \r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
  })

  test('an upgrade opens a tunnel with 200, of HTTP/1.0, too', () => {
    for (const version of ['1.0', '1.1']) {
      const server = asked(`CONNECT a:1 HTTP/${version}\r\n${host}\r\nrest`)
      const { head, rest } = server.h1.accept()
      assert.equal(head, 'HTTP/1.1 200 \r\n\r\n')
      assert.equal(rest.toString(), 'rest')
    }
  })

  test('an upgrade says no length, which it does not have', () => {
    const { head } = asked(`CONNECT a:1 HTTP/1.1\r\n${host}\r\n`).h1.accept({ fields: ['content-length', '0'] })
    assert.doesNotMatch(head, /length/)
  })

  test('an upgrade is accepted only where it was asked for, by a request that is complete', () => {
    const refused = (text: string, protocol?: string): void =>
      assert.throws(() => asked(text).h1.accept({ protocol }), InvalidArgumentError)
    refused(get)
    refused(get, 'x')
    refused(upgrade)
    refused(upgrade, 'a\r\n')
    refused('', 'x')
    refused(`POST / HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n`, 'x')
  })

  test('an upgrade need not be taken', () => {
    const server = asked(upgrade + get)
    server.h1.respond(EMPTY)
    server.h1.next()
    assert.equal(server.names, 'request end request end')
  })
})

describe('requests that come from within the process, when they are trusted', () => {
  const trusted = { trustInbound: true }

  test('requests that come from within the process, when they are trusted, may have any target, and any number of hosts', () => {
    for (const target of ['a', '/a#b', '*', '/\xe4', '[']) {
      assert.equal(asked(`GET ${target} HTTP/1.1\r\n\r\n`, trusted).head.target, target)
      assert.equal(asked(`GET ${target} HTTP/1.1\r\n\r\n`).status, 400)
    }
    const hosts = 'GET / HTTP/1.1\r\nHost: a/b\r\nHost: c\r\n\r\n'
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(asked(hosts, trusted).head.fields, ['host', 'a/b', 'host', 'c'])
      assert.equal(asked(hosts).status, 400)
    }
  })

  test('requests that come from within the process, when they are trusted, are framed by chunked among the codings, else by content-length', () => {
    const framed = (fields: string, body: string): Server => asked(`POST / HTTP/1.1\r\n${fields}\r\n${body}`, trusted)
    for (const fields of [
      'Transfer-Encoding: gzip, Chunked\r\n',
      'Transfer-Encoding: chunked, gzip\r\n',
      'Transfer-Encoding: chunked\r\nContent-Length: 9\r\n',
    ]) {
      const server = framed(fields, '2\r\nhi\r\n0\r\nA: b\r\n\r\n')
      assert.deepEqual([server.head.framing, server.body, server.trailers], ['chunked', 'hi', ['a', 'b']])
    }
    const length = framed('Transfer-Encoding: identity\r\nContent-Length: 2\r\n', 'hi')
    assert.deepEqual([length.head.framing, length.body, length.names], ['length', 'hi', 'request data end'])
    assert.equal(framed('Transfer-Encoding: gzip\r\n', '').names, 'request end')
  })

  test('requests that come from within the process, when they are trusted, have no limit of length', () => {
    const line = `${'x'.repeat(100)}: y\r\n`
    const server = asked(`POST /${'x'.repeat(100_000)} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n`, trusted)
    server.receive(`${line.repeat(1000)}\r\n0\r\n${line.repeat(1000)}\r\n`)
    assert.equal(server.names, 'request end')
    assert.deepEqual([server.head.fields.length, server.trailers?.length], [2002, 2000])
  })

  test('requests that come from within the process, when they are trusted, do not decide whether the connection closes', () => {
    const server = asked('GET / HTTP/1.1\r\nConnection: close\r\n\r\n', trusted)
    assert.equal(server.h1.respond({ status: 304, fields: [], bodyLength: 0 }), 'HTTP/1.1 304 \r\n\r\n')
    assert.equal(server.h1.theirState, 'idle')
  })

  test('requests that come from within the process, when they are trusted, still have to be well-formed', () => {
    for (const text of ['GET /\r\n\r\n', 'GET / HTTP/1.1\r\nA : b\r\n\r\n', 'GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n']) {
      assert.equal(asked(text, trusted).status, 400)
    }
  })
})
