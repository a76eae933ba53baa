import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ContentLengthError, InvalidArgumentError, ProtocolError } from '../../src/errors.ts'
import { H1ClientConnection, type H1RequestInit } from '../../src/h1/index.ts'
import { answered, Client, CONNECT, GET, HEAD, OK, octetsOf, POST, textOf } from './support.ts'

const head = 'HTTP/1.1 200 OK\r\n'
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`

describe('a request', () => {
  const text = (init: Partial<H1RequestInit>): string => new Client().h1.request({ ...GET, ...init })

  test('a request is written in the spelling that its owner gives', () => {
    assert.equal(
      text({ target: '/a?b', fields: ['HOST', 'x', 'X-a', '\xe4'] }),
      'GET /a?b HTTP/1.1\r\nHOST: x\r\nX-a: \xe4\r\n\r\n',
    )
  })

  test('a request has the host that its authority says, before all fields', () => {
    assert.equal(
      text({ authority: '[::1]:80', fields: ['a', 'b'] }),
      'GET / HTTP/1.1\r\nhost: [::1]:80\r\na: b\r\n\r\n',
    )
  })

  test('a request may have any of the forms of a target', () => {
    for (const [method, target] of [
      ['OPTIONS', '*'],
      ['GET', 'http://a/b?c'],
      ['CONNECT', 'a:1'],
      ['CONNECT', '[::1]:443'],
    ]) {
      assert.ok(text({ method, target }).startsWith(`${method} ${target} HTTP/1.1\r\n`))
    }
  })

  test('a request gives the length of its body, and length 0 only for methods that usually have a body', () => {
    assert.match(text({ method: 'PUT', bodyLength: 3 }), /\r\ncontent-length: 3\r\n/)
    assert.match(text({ method: 'POST' }), /\r\ncontent-length: 0\r\n/)
    assert.doesNotMatch(text({ method: 'DELETE' }), /content-length/)
  })

  test('a request says no length twice, whatever the spelling', () => {
    const fields = ['Host', 'a', 'Content-LENGTH', '3']
    assert.equal(text({ fields, bodyLength: 3 }).match(/content-length/gi)?.length, 1)
    assert.equal(text({ fields, bodyLength: -1 }).match(/content-length|chunked/gi)?.length, 1)
    assert.throws(() => text({ fields, bodyLength: 4 }), ContentLengthError)
  })

  test('a request with a body of unknown length, or trailers, goes in chunks', () => {
    assert.match(text({ bodyLength: -1 }), /\r\ntransfer-encoding: chunked\r\n/)
    const announced = text({ bodyLength: 3, trailers: true, fields: ['host', 'a', 'content-length', '3'] })
    assert.equal(announced, 'GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n')
    const said = text({ bodyLength: -1, fields: ['host', 'a', 'Transfer-Encoding', 'Chunked'] })
    assert.equal(said, 'GET / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n')
  })

  test('a request says close, and asks for an upgrade', () => {
    assert.match(text({ close: true }), /\r\nconnection: close\r\n/)
    assert.match(text({ upgrade: 'x/1' }), /\r\nconnection: upgrade\r\nupgrade: x\/1\r\n/)
    const fields = ['host', 'a', 'Connection', 'TE, close']
    assert.equal(text({ fields, close: true }).match(/close/g)?.length, 1)
  })

  test('a request that would inject or mislead is refused by name, and nothing changes', () => {
    const bad: [Partial<H1RequestInit>, RegExp][] = [
      [{ method: 'GET /x' }, /method/],
      [{ method: '' }, /method/],
      [{ target: '/a b' }, /target/],
      [{ target: '/a\r\n' }, /target/],
      [{ target: '/a#b' }, /target/],
      [{ target: '/\u0100' }, /target/],
      [{ target: 'a' }, /target/],
      [{ target: '*' }, /target/],
      [{ method: 'CONNECT', target: '/' }, /target/],
      [{ method: 'CONNECT', target: 'a' }, /target/],
      [{ fields: ['host', 'a', 'x y', '1'] }, /header name: "x y"/],
      [{ fields: ['host', 'a', '', '1'] }, /header name: ""/],
      [{ fields: ['host', 'a', ':path', '1'] }, /header name: ":path"/],
      [{ fields: ['host', 'a', 'x', '1\r\ny: 2'] }, /value of header "x"/],
      [{ fields: ['host', 'a', 'x', '\0'] }, /value of header "x"/],
      [{ fields: ['host', 'a', 'x', '\u0100'] }, /value of header "x"/],
      [{ fields: [] }, /host/],
      [{ fields: ['host', 'a', 'Host', 'a'] }, /two host/],
      [{ fields: ['host', 'a/b'] }, /host: "a\/b"/],
      [{ authority: 'a b', fields: [] }, /host: "a b"/],
      [{ fields: ['host', 'a', 'content-length', '1, 1'] }, /content-length: "1, 1"/],
      [{ fields: ['host', 'a', 'content-length', '1', 'content-length', '1'], bodyLength: 1 }, /two content-length/],
      [{ fields: ['host', 'a', 'transfer-encoding', 'gzip'], bodyLength: -1 }, /only be "chunked"/],
      [{ fields: ['host', 'a', 'transfer-encoding', 'chunked', 'transfer-encoding', 'chunked'] }, /"chunked", once/],
      [{ fields: ['host', 'a', 'transfer-encoding', 'chunked', 'content-length', '1'] }, /either content-length/],
      [{ upgrade: 'a\n' }, /"upgrade"/],
    ]
    const { h1 } = new Client()
    for (const [init, message] of bad) {
      assert.throws(() => h1.request({ ...GET, bodyLength: -1, ...init }), { name: 'InvalidArgumentError', message })
      assert.equal(h1.reusable, true)
    }
    for (const value of [undefined, 3]) {
      const fields = ['host', 'a', 'x', value] as string[]
      assert.throws(() => h1.request({ ...GET, fields }), /value of header "x"/)
    }
    h1.request(GET)
  })

  test('a request is not checked where its owner has a serialiser of its own, but for what frames it', () => {
    const { h1 } = new Client({ validateOutbound: false })
    assert.match(h1.request({ ...POST, fields: ['host', 'a/b', 'x y', '\0'], trailers: true }), /x y: \0/)
    assert.equal(h1.end(['x y', '1']), '0\r\nx y: 1\r\n\r\n')
  })
})

describe('requests on one connection', () => {
  const base = ['host', 'a', 'a', '1', 'b', '2', 'Content-Length', '3', 'c', '4']

  /** Sends the base until it is remembered, and then this, which must be said as a new connection would say it. */
  const after = (init: Partial<H1RequestInit>): string | Error => {
    const say = (client: Client, one: Partial<H1RequestInit>): string | Error => {
      let text: string | Error
      try {
        text = client.h1.request({ ...POST, ...one })
      } catch (thrown) {
        assert.ok(thrown instanceof Error)
        return thrown
      }
      if (client.h1.ourState === 'sending') {
        client.h1.data(octetsOf('abc'))
        client.h1.end()
      }
      client.receive(`${head}Content-Length: 0\r\n\r\n`)
      return text
    }
    const client = new Client()
    for (let i = 0; i < 3; i++) assert.equal(typeof say(client, { fields: base }), 'string')
    const said = say(client, init)
    assert.deepEqual(said, say(new Client(), init))
    assert.deepEqual(say(client, { fields: base }), say(new Client(), { fields: base }))
    return said
  }

  test('requests on one connection may differ in any field, at any place', () => {
    for (let place = 1; place < base.length; place += 2) {
      for (const value of ['3', 'x']) after({ fields: base.with(place, value) })
      after({ fields: base.with(place - 1, 'x') })
      after({ fields: base.toSpliced(place - 1, 2) })
      after({ fields: base.toSpliced(place - 1, 0, 'x', 'y') })
      after({ fields: base.slice(0, place + 1) })
      after({ fields: base.slice(place - 1) })
    }
    for (const fields of [base, [...base, ...base], [], ['x', 'y'], base.toReversed()]) after({ fields })
    for (const name of ['hint', 'updated', 'connecting', 'content-digest', 'test-environment!'])
      after({ fields: base.with(2, name) })
    for (const fields of [base, base.slice(2)]) after({ fields, authority: 'z', trailers: true })
  })

  test('requests on one connection are checked where they differ, and framed as all of their fields say', () => {
    assert.match(String(after({ fields: base.with(3, 'a\r\nb: c') })), /value of header "a"/)
    assert.match(String(after({ fields: base.with(2, 'a b') })), /header name: "a b"/)
    assert.match(String(after({ fields: base.with(2, 'Host') })), /two host fields/)
    assert.match(String(after({ fields: base.with(2, 'content-length') })), /two content-length fields/)
    assert.match(String(after({ fields: base.toSpliced(0, 2) })), /needs a host field/)
    assert.match(String(after({ fields: base, bodyLength: 4 })), /content-length says 3/)
    assert.match(String(after({ fields: base.toSpliced(6, 2) })), /chunked/)
    assert.match(String(after({ fields: base, authority: 'a' })), /two host fields/)
  })
})

describe('the body of a request', () => {
  test('a request body of a known length is sent as it is, neither more nor less', () => {
    const { h1 } = new Client()
    h1.request({ ...POST, bodyLength: 5 })
    assert.equal(h1.ourState, 'sending')
    const octets = octetsOf('hel')
    assert.equal(h1.data(octets)[0], octets)
    assert.throws(() => h1.end(), ContentLengthError)
    assert.throws(() => h1.data(octets), ContentLengthError)
    assert.throws(() => h1.end(['a', 'b']), ContentLengthError)
    assert.deepEqual(h1.data(octetsOf('')), [])
    assert.equal(textOf(h1.data(octetsOf('lo'))), 'lo')
    assert.throws(() => h1.end(['a', 'b']), /Trailers need a chunked body/)
    assert.equal(h1.end(), '')
    assert.equal(h1.ourState, 'done')
    assert.throws(() => h1.end(), InvalidArgumentError)
    assert.throws(() => h1.data(octets), InvalidArgumentError)
  })

  test('a request body of an unknown length is sent in chunks, of which only the last is empty', () => {
    const { h1 } = new Client()
    h1.request(POST)
    assert.equal(textOf(h1.data(octetsOf('x'.repeat(26)))), `1a\r\n${'x'.repeat(26)}\r\n`)
    assert.deepEqual(h1.data(Buffer.alloc(0)), [])
    assert.equal(h1.end(), '0\r\n\r\n')
  })

  test('a request body ends with trailers, which are checked as fields are', () => {
    const { h1 } = new Client()
    h1.request({ ...POST, trailers: true, bodyLength: 0 })
    for (const trailers of [
      ['a b', ''],
      ['a', '\r\n'],
      ['Content-Length', '1'],
      ['transfer-encoding', 'chunked'],
    ]) {
      assert.throws(() => h1.end(trailers), InvalidArgumentError)
    }
    assert.equal(h1.end(['X-Sum', '1']), '0\r\nX-Sum: 1\r\n\r\n')
  })

  test('a body in chunks must have the length that its content-length announced', () => {
    const { h1 } = new Client()
    h1.request({ ...POST, trailers: true, bodyLength: 1 })
    assert.throws(() => h1.end([]), ContentLengthError)
    h1.data(octetsOf('x'))
    assert.equal(h1.end(null), '0\r\n\r\n')
  })
})

describe('a response', () => {
  test('a response gives its header section, its body and its end', () => {
    const client = answered('HTTP/1.1 404 Not  Found\r\nX-A: \t b c \t\r\nx-d:\r\nContent-Length: 5\r\n\r\nhello')
    assert.deepEqual(client.head, {
      status: 404,
      reason: 'Not  Found',
      version: '1.1',
      fields: ['x-a', 'b c', 'x-d', '', 'content-length', '5'],
      raw: ['X-A', 'b c', 'x-d', '', 'Content-Length', '5'],
      contentLength: 5,
      framing: 'length',
      keepAlive: true,
      keepAliveTimeout: undefined,
      keepAliveMax: undefined,
    })
    assert.deepEqual(client.told.slice(1), [
      ['data', 'hello'],
      ['end', [], []],
    ])
    assert.equal(client.h1.reusable, true)
  })

  test('a response whose names are in lower case has one list for both', () => {
    const { fields, raw } = answered(`${head}a: 1\r\ncontent-length: 0\r\n\r\n`).head
    assert.equal(fields, raw)
  })

  test('a response may have no reason, and no space before it', () => {
    for (const line of ['HTTP/1.1 299', 'HTTP/1.1 299 ']) {
      const { status, reason } = answered(`${line}\r\ncontent-length: 0\r\n\r\n`).head
      assert.deepEqual([status, reason], [299, ''])
    }
  })

  test('a response may have octets beyond ASCII in reason and values, which are latin1', () => {
    const { reason, fields } = answered('HTTP/1.1 200 \xe4\r\na: \xff\x80\r\ncontent-length: 0\r\n\r\n').head
    assert.deepEqual([reason, fields[1]], ['\xe4', '\xff\x80'])
  })

  test('a response in chunks gives each chunk, skips its extensions, and ends with its trailers', () => {
    const text = `${chunked}5\r\nhello\r\n00A;a;b="c;d"\r\n, my world\r\n0;e\r\nX-Sum: 1\r\nx: y\r\n\r\n`
    const client = answered(text)
    assert.equal(client.body, 'hello, my world')
    assert.deepEqual(client.told.at(-1), ['end', ['x-sum', '1', 'x', 'y'], ['X-Sum', '1', 'x', 'y']])
    assert.equal(client.h1.reusable, true)
  })

  test('responses to HEAD, 204 and 304 have no body, whatever length they announce', () => {
    for (const init of [HEAD, GET]) {
      const client = answered(`HTTP/1.1 ${init === HEAD ? 200 : 304} x\r\nContent-Length: 5\r\n\r\n`, init)
      assert.equal(client.names, 'headers end')
      assert.deepEqual([client.head.framing, client.head.contentLength], ['none', 5])
      assert.equal(client.h1.reusable, true)
    }
    assert.equal(answered('HTTP/1.1 204 x\r\n\r\n').names, 'headers end')
    assert.equal(answered(`${head}Transfer-Encoding: gzip\r\n\r\n`, HEAD).names, 'headers end')
  })

  test('a response without a length goes on to the end of the connection', () => {
    const client = answered(`${head}\r\nhel`)
    client.receive('lo')
    assert.equal(client.names, 'headers data')
    assert.equal(client.head.framing, 'close')
    client.h1.receiveEnd()
    assert.equal(client.names, 'headers data end')
    assert.equal(client.h1.reusable, false)
    assert.deepEqual([client.h1.ourState, client.h1.theirState], ['closed', 'closed'])
  })

  test('a response of HTTP/1.0 ends with the connection unless it says keep-alive', () => {
    for (const [version, connection, live] of [
      ['1.0', '', false],
      ['1.0', 'Connection: Keep-Alive\r\n', true],
      ['1.0', 'Connection: keep-alive, close\r\n', false],
      ['1.1', '', true],
      ['1.1', 'Connection: CLOSE\r\n', false],
      ['1.1', 'Connection: x , Close\r\n', false],
      ['1.1', 'Connection: x\r\nConnection: keep-alive\r\n', true],
    ] as const) {
      const client = answered(`HTTP/${version} 200 OK\r\n${connection}Content-Length: 2\r\n\r\nok`)
      assert.equal(client.names, 'headers data end')
      assert.equal(client.head.keepAlive, live, connection)
      assert.equal(client.h1.reusable, live)
      assert.equal(client.h1.theirState, live ? 'idle' : 'closed')
    }
  })

  test('a response tells what it hints of how long the connection lives', () => {
    const hints = (value: string): unknown[] => {
      const { keepAliveTimeout, keepAliveMax } = answered(
        `${head}Keep-Alive: ${value}\r\nContent-Length: 0\r\n\r\n`,
      ).head
      return [keepAliveTimeout, keepAliveMax]
    }
    assert.deepEqual(hints('timeout=5, max=100'), [5, 100])
    assert.deepEqual(hints('MAX = "7"'), [undefined, 7])
    assert.deepEqual(hints('xtimeout=5; timeout=12345678901'), [undefined, undefined])
  })

  test('a response may repeat its length, if it is the same', () => {
    for (const field of ['Content-Length: 2\r\nContent-Length: 2', 'Content-Length: 2, 2', 'Content-Length: 002']) {
      assert.equal(answered(`${head}${field}\r\n\r\nok`).body, 'ok')
    }
  })

  test('a response that comes before the request is complete can be finished, and so can the request', () => {
    const client = answered(OK, POST)
    assert.equal(client.names, 'headers data end')
    assert.deepEqual([client.h1.ourState, client.h1.theirState, client.h1.reusable], ['sending', 'done', false])
    client.h1.end()
    assert.equal(client.h1.reusable, true)
  })

  test('a response that closes before the request is whole lets the request go on', () => {
    const client = answered(`${head}Connection: close\r\nContent-Length: 0\r\n\r\nrest`, POST, true)
    assert.equal(client.names, 'headers end')
    client.h1.data(octetsOf('x'))
    client.h1.end()
    assert.deepEqual([client.h1.ourState, client.h1.reusable], ['closed', false])
  })

  test('a response to a request that said close is the last, whatever it says', () => {
    const client = answered(OK + OK, { ...GET, close: true })
    assert.equal(client.names, 'headers data end')
    assert.equal(client.h1.theirState, 'closed')
    assert.throws(() => client.h1.request(GET), InvalidArgumentError)
  })
})

describe('informational responses', () => {
  test('informational responses come before the response, each with its fields', () => {
    const client = answered(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n${OK}`)
    assert.deepEqual(client.told.slice(0, 2), [
      ['informational', 100, []],
      ['informational', 103, ['link', 'x']],
    ])
    assert.equal(client.names, 'informational informational headers data end')
  })

  test('informational responses have no body, whatever they say, and close nothing', () => {
    const client = answered(`HTTP/1.1 102 x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n${OK}`)
    assert.equal(client.names, 'informational headers data end')
    assert.equal(client.h1.reusable, true)
  })
})

describe('an upgrade', () => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'

  test('an upgrade that was asked for ends HTTP/1.1, and gives the octets that came after it', () => {
    for (const init of [
      { ...GET, upgrade: 'x' },
      { ...GET, fields: ['host', 'a', 'Connection', 'Upgrade', 'Upgrade', 'x'] },
    ]) {
      const client = answered(`HTTP/1.1 103 x\r\n\r\n${switching}\x81\x00`, init)
      assert.deepEqual(client.told.at(-1), ['upgraded', 101, '\x81\x00'])
      assert.deepEqual([client.h1.ourState, client.h1.theirState], ['upgraded', 'upgraded'])
      client.receive('more')
      client.h1.receiveEnd()
      assert.equal(client.names, 'informational upgraded')
      assert.throws(() => client.h1.request(GET), InvalidArgumentError)
    }
  })

  test('an upgrade may come before all of the request was sent, whose rest then is not', () => {
    const client = answered(switching, { ...POST, upgrade: 'x' })
    assert.equal(client.names, 'upgraded')
    assert.throws(() => client.h1.end(), InvalidArgumentError)
  })

  test('an upgrade that was not asked for is an error, and one that the server ignores is not', () => {
    assert.equal(answered(switching).names, 'failed')
    assert.equal(answered(OK, { ...GET, upgrade: 'x' }).names, 'headers data end')
    const client = answered(OK, { ...GET, upgrade: 'x' })
    client.h1.request(GET)
    client.receive(switching)
    assert.equal(client.names, 'headers data end failed')
  })

  test('an upgrade by CONNECT is any 2xx, with whatever length it says; another answer is a response', () => {
    const both = 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n'
    for (const fields of ['', 'Content-Length: 5\r\n', 'Transfer-Encoding: gzip\r\n', both]) {
      const client = answered(`HTTP/1.1 200 x\r\n${fields}\r\nrest`, CONNECT)
      assert.deepEqual(client.told, [['upgraded', 200, 'rest']])
    }
    const client = answered('HTTP/1.1 407 x\r\nContent-Length: 2\r\n\r\nno', CONNECT)
    assert.equal(client.names, 'headers data end')
    assert.equal(client.h1.reusable, true)
  })

  test('an upgrade gives what was kept while it was paused, too', () => {
    const client = new Client()
    client.h1.request(CONNECT)
    client.h1.pause()
    client.receive('HTTP/1.1 200 x\r\n\r\na')
    client.receive('bc')
    assert.equal(client.h1.unread, 21)
    client.h1.resume()
    assert.deepEqual(client.told, [['upgraded', 200, 'abc']])
  })
})

describe('a malformed response fails, by a typed error and nothing else', () => {
  const malformed: readonly [string, string][] = [
    ['a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
    ['bare line feeds alone', 'HTTP/1.1 200 OK\n\n'],
    ['a bare line feed behind a field', `${head}a: b\nc: d\r\n\r\n`],
    ['a bare line feed first', '\nHTTP/1.1 200 OK\r\n\r\n'],
    ['a bare carriage return in a value', `${head}a: b\rc\r\n\r\n`],
    ['a bare carriage return in the status line', 'HTTP/1.1 200 O\rK\r\n\r\n'],
    ['a carriage return before the end of a line', `${head}a: b\r\r\n\r\n`],
    ['an empty line before it', `\r\n${OK}`],
    ['NUL in a value', `${head}a: b\0\r\n\r\n`],
    ['a control character in a value', `${head}a: b\x01\r\n\r\n`],
    ['DEL in a value', `${head}a: b\x7f\r\n\r\n`],
    ['a control character in the reason', 'HTTP/1.1 200 \x01\r\n\r\n'],
    ['white space before a colon', `${head}a : b\r\n\r\n`],
    ['no colon', `${head}ab\r\n\r\n`],
    ['an empty name', `${head}: b\r\n\r\n`],
    ['a name that is no token', `${head}a(: b\r\n\r\n`],
    ['a folded line', `${head}a: b\r\n c\r\n\r\n`],
    ['a line folded by a tab', `${head}a: b\r\n\tc: d\r\n\r\n`],
    ['white space before the first field', `${head} a: b\r\n\r\n`],
    ['another protocol', 'HTTPS/1.1 200 OK\r\n\r\n'],
    ['another protocol, cut off', 'SSH-2.0'],
    ['another version', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['nothing but an empty line', '\r\n\r\n'],
    ['two lengths', `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
    ['two lengths in one field', `${head}Content-Length: 1, 2\r\n\r\n`],
    ['a length that is none', `${head}Content-Length: x\r\n\r\n`],
    ['an empty length', `${head}Content-Length:\r\n\r\n`],
    ['a signed length', `${head}Content-Length: +1\r\n\r\n`],
    ['a length in hexadecimal', `${head}Content-Length: 0x1\r\n\r\n`],
    ['a length beyond counting', `${head}Content-Length: ${'9'.repeat(16)}\r\n\r\n`],
    ['length and chunks', `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ['chunks and length', `${head}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`],
    ['length and an empty transfer-encoding', `${head}Transfer-Encoding:\r\nContent-Length: 1\r\n\r\n`],
    ['transfer-encoding in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a chunk size that is none', `${chunked}zz\r\n`],
    ['no chunk size', `${chunked}\r\nhello`],
    ['a chunk size that begins with an extension', `${chunked};a\r\n`],
    ['a signed chunk size', `${chunked}-1\r\n`],
    ['a chunk size in C', `${chunked}0x1\r\nx\r\n`],
    ['white space behind a chunk size', `${chunked}1 \r\nx\r\n`],
    ['white space before a chunk size', `${chunked} 1\r\nx\r\n`],
    ['a chunk size beyond 2^53', `${chunked}20000000000000\r\n`],
    ['a bare line feed behind a chunk size', `${chunked}1\nx\r\n`],
    ['a bare carriage return behind a chunk size', `${chunked}1\rx\r\n`],
    ['a bare line feed in an extension', `${chunked}1;a\nx\r\n`],
    ['a bare carriage return in an extension', `${chunked}1;a\rb\r\nx\r\n`],
    ['a chunk longer than its size', `${chunked}1\r\nxy\r\n`],
    ['a chunk that ends in a line feed', `${chunked}1\r\nx\n`],
    ['a chunk that ends in a carriage return', `${chunked}1\r\nx\ry`],
    ['a trailer section that is malformed', `${chunked}0\r\na b: c\r\n\r\n`],
    ['a folded trailer section', `${chunked}0\r\na: c\r\n d\r\n\r\n`],
    ['a bare line feed in a trailer section', `${chunked}0\r\na: c\nb: d\r\n\r\n`],
    ['a bare carriage return behind the last chunk', `${chunked}0\r\n\rx`],
  ]
  for (const [name, text] of malformed) {
    test(`${name}: ERR_HYPER_PROTOCOL`, () => {
      const client = answered(text, GET, false)
      assert.deepEqual([client.told.at(-1)?.[0], client.error?.code], ['failed', 'ERR_HYPER_PROTOCOL'])
      assert.deepEqual([client.error?.origin, client.h1.theirState], ['http://example.com', 'failed'])
      assert.equal(client.h1.reusable, false)
      client.receive(OK)
      client.h1.receiveEnd()
      assert.equal(client.told.filter(([what]) => what === 'failed').length, 1)
    })
  }

  test('a transfer-encoding of identity is none: the body ends with the connection, which is of no further use', () => {
    const client = answered(`${head}Transfer-Encoding: Identity\r\n\r\nhello`)
    client.h1.receiveEnd()
    assert.equal(client.error, undefined)
    assert.deepEqual(client.told.map(([what]) => what).at(-1), 'end')
    assert.equal(client.h1.reusable, false)
    const both = answered(`${head}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi`)
    assert.equal(both.error?.code, 'ERR_HYPER_PROTOCOL')
  })

  test('a transfer-encoding that is not chunks alone: ERR_HYPER_NOT_SUPPORTED', () => {
    for (const value of [
      'gzip',
      'gzip, chunked',
      'chunked, chunked',
      'chunked, gzip',
      'identity, gzip',
      '',
      'xchunked',
    ]) {
      const client = answered(`${head}Transfer-Encoding: ${value}\r\n\r\n`)
      assert.equal(client.error?.code, 'ERR_HYPER_NOT_SUPPORTED', value)
    }
    const twice = answered(`${head}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`)
    assert.match(twice.error?.message ?? '', /transfer-encoding is "gzip,chunked"/)
  })
})

describe('the end of the connection', () => {
  test('the end of the connection within a message is a lost connection that says where', () => {
    for (const [text, where] of [
      ['', /ended before the response/],
      ['HTTP/1.1 100 x\r\n\r\n', /ended before the response/],
      ['HTTP/1.1 2', /within the head of the response/],
      [`${head}Content-Length: 3\r\n\r\nok`, /within the body of the response/],
      [`${chunked}5\r\nhel`, /within the body/],
      [`${chunked}5\r\nhello\r\n`, /within the body/],
      [`${chunked}5;a`, /within the body/],
      [`${chunked}0\r\n`, /behind the last chunk of the response/],
      [`${chunked}0\r\na: b\r\n`, /behind the last chunk/],
    ] as const) {
      const client = answered(text, GET, true)
      assert.equal(client.error?.code, 'ERR_HYPER_CONNECTION_LOST')
      assert.match(client.error?.message ?? '', where)
      assert.equal(client.h1.theirState, 'failed')
    }
  })

  test('between messages is no failure, but nothing can be asked any more', () => {
    const unused = new Client()
    unused.h1.receiveEnd()
    const used = answered(OK, GET, true)
    for (const { h1, error } of [unused, used]) {
      assert.equal(error, undefined)
      assert.deepEqual([h1.ourState, h1.theirState, h1.reusable], ['closed', 'closed', false])
      h1.receiveEnd()
      h1.receive(octetsOf('x'))
    }
  })

  test('a connection that ends after a response lets its request be finished', () => {
    const { h1 } = answered(OK, POST, true)
    assert.deepEqual([h1.ourState, h1.theirState], ['sending', 'closed'])
    h1.end()
    assert.equal(h1.ourState, 'closed')
  })
})

describe('octets without a request', () => {
  test('octets without a request are a failure, and never a response', () => {
    const early = new Client().receive(OK)
    assert.equal(early.names, 'failed')
    const late = answered(OK)
    late.receive(OK)
    assert.equal(late.names, 'headers data end failed')
    const beside = answered(OK + OK)
    assert.equal(beside.names, 'headers data end failed')
    const body = answered(OK, HEAD)
    assert.equal(body.names, 'headers end failed')
    for (const { h1, error } of [early, late, beside, body]) {
      assert.match(error?.message ?? '', /octets came without a request/)
      assert.equal(h1.reusable, false)
    }
  })

  test('octets without a request make the connection unusable before they are read', () => {
    const client = new Client()
    client.h1.request(GET)
    let reusable: boolean | undefined
    client.after = ([what]) => {
      if (what === 'end') reusable = client.h1.reusable
    }
    client.receive(OK + OK)
    assert.equal(reusable, false)
    const alone = answered('')
    alone.after = ([what]) => {
      if (what === 'end') reusable = alone.h1.reusable
    }
    alone.receive(OK)
    assert.equal(reusable, true)
  })
})

describe('a callback of the client', () => {
  test('a callback may send the next request at once', () => {
    const client = new Client()
    client.h1.request(GET)
    client.after = ([what]) => {
      if (what === 'end' && client.told.length < 6) client.h1.request(GET)
    }
    client.receive(OK).receive(OK)
    assert.equal(client.names, 'headers data end headers data end')
  })

  test('a callback of the client may pause at any point, and what came meanwhile follows in order, the end of the connection too', () => {
    const client = new Client()
    client.h1.request(GET)
    client.after = () => client.h1.pause()
    client.receive(`HTTP/1.1 103 x\r\n\r\n${head}\r\nhello`)
    client.receive('more')
    client.h1.receiveEnd()
    const heard = [client.names]
    while (client.h1.paused && heard.length < 10) {
      client.h1.resume()
      heard.push(client.names)
    }
    assert.deepEqual(heard.slice(0, 5), [
      'informational',
      'informational headers',
      'informational headers data',
      'informational headers data',
      'informational headers data end',
    ])
    assert.equal(client.body, 'hellomore')
    assert.equal(client.h1.unread, 0)
  })

  test('a callback of the client hears no end while paused by the last octets', () => {
    const client = new Client()
    client.h1.request(GET)
    client.after = ([what]) => {
      if (what === 'data') client.h1.pause()
    }
    client.receive(OK)
    assert.equal(client.names, 'headers data')
    client.h1.resume()
    assert.equal(client.names, 'headers data end')
    assert.equal(client.h1.reusable, true)
  })

  test('a callback of the client may give octets within a callback, which come after those that are read', () => {
    const client = new Client()
    client.h1.request(GET)
    let given = false
    client.after = () => {
      if (!given) client.receive('cd')
      given = true
    }
    client.receive(`${head}Content-Length: 4\r\n\r\nab`)
    assert.equal(client.body, 'abcd')
    assert.equal(client.h1.reusable, true)
  })

  test('a callback of the client that pauses gets later what came meanwhile, in the order in which it came', () => {
    const client = answered(`${head}Content-Length: 8\r\n\r\n`)
    client.h1.pause()
    client.receive('ab').receive('cd')
    client.after = ([what]) => {
      if (what === 'data') client.h1.pause()
    }
    client.h1.resume()
    client.receive('ef').receive('gh')
    assert.equal(client.h1.unread, 6)
    while (client.h1.paused) client.h1.resume()
    assert.equal(client.body, 'abcdefgh')
  })

  test('a callback of the client that throws loses nothing of what was read or comes later', () => {
    const client = new Client()
    client.h1.request(GET)
    client.after = ([what]) => {
      if (what !== 'failed') throw new Error(what)
    }
    const text = `HTTP/1.1 103 x\r\n\r\n${chunked}2\r\nab\r\n0\r\na: b\r\n\r\n`
    assert.throws(() => client.receive(text), /informational/)
    assert.throws(() => client.h1.receive(Buffer.alloc(0)), /headers/)
    assert.throws(() => client.h1.resume(), /data/)
    assert.throws(() => client.h1.resume(), /end/)
    assert.equal(client.names, 'informational headers data end')
    assert.equal(client.h1.reusable, true)
  })

  test('a callback of the client gets the octets of a body uncopied', () => {
    const octets = octetsOf(OK)
    const got: Buffer[] = []
    const h1 = new H1ClientConnection({
      onInformational() {},
      onHeaders() {},
      onData: (buffer) => got.push(buffer),
      onEnd() {},
      onUpgraded() {},
      onFailed() {},
    })
    h1.request(GET)
    h1.receive(octets)
    assert.equal(got[0], octets)
  })
})

for (const [speaks, octets] of [
  ['tls', '\x15\x03\x01\0\x02\x02\x28'],
  ['h2', '\0\0\x12\x04\0\0\0\0\0'],
  [undefined, 'SSH-2.0-OpenSSH'],
] as const) {
  test(`an error about first octets that are no response says that the peer speaks ${speaks ?? 'nothing that is known'}`, () => {
    const client = new Client()
    client.h1.request(GET)
    client.h1.receive(octetsOf(octets))
    assert.ok(client.error instanceof ProtocolError)
    assert.equal(client.error.speaks, speaks)
  })
}
