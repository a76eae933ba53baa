import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { MAX_HEADER_FIELDS, MAX_INFORMATIONAL, MAX_TRAILERS } from '../../src/limits.ts'
import {
  type DeflateOptions,
  LocalProtocolError,
  type Request,
  type WebSocketMessage,
  WSConnection,
} from '../../src/websocket/index.ts'
import { after, events, failed } from './pair.ts'

/** The nonce of RFC 6455 section 1.3. */
const sample = (octets: Uint8Array) => octets.set(Buffer.from('the sample nonce').subarray(0, octets.length))
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const REQUEST = {
  line: 'GET /chat HTTP/1.1',
  host: 'server.example.com',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
}
const ANSWER = {
  line: 'HTTP/1.1 101 Switching Protocols',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': ACCEPT,
}

/** A head; a value may be missing, or come several times. */
function head(base: Record<string, string>, change: Record<string, string | string[] | undefined> = {}): string {
  const { line, ...fields } = { ...base, ...change }
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  )
  return `${line}\r\n${lines.join('')}\r\n`
}

function asking(options: { deflate?: boolean | DeflateOptions } = {}, request: Partial<Request> = {}): WSConnection {
  const client = new WSConnection({ role: 'client', random: sample, ...options })
  client.send({ type: 'request', host: 'server.example.com', ...request })
  return client
}

function asked(change: Parameters<typeof head>[1] = {}, deflate: boolean | DeflateOptions = false): WSConnection {
  const server = new WSConnection({ role: 'server', deflate })
  const [event] = after(server, head(REQUEST, change))
  assert.equal(event.type, 'request', JSON.stringify(event))
  return server
}

const text = (octets: Uint8Array) => Buffer.from(octets).toString('latin1')

describe('the upgrade', () => {
  it('the upgrade is that of RFC 6455 section 1.3', () => {
    const client = new WSConnection({ role: 'client', random: sample })
    assert.equal(client.state, 'connecting')
    const request = client.send({
      type: 'request',
      host: 'server.example.com',
      target: '/chat',
      origin: 'http://example.com',
      subprotocols: ['chat', 'superchat'],
      headers: ['Authorization', 'Bearer x'],
    })
    assert.equal(
      text(request),
      'GET /chat HTTP/1.1\r\nhost: server.example.com\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
        `sec-websocket-key: ${KEY}\r\nsec-websocket-version: 13\r\norigin: http://example.com\r\n` +
        'sec-websocket-protocol: chat, superchat\r\nauthorization: Bearer x\r\n\r\n',
    )
    const server = new WSConnection({ role: 'server' })
    const [event] = after(server, request)
    assert.ok(event.type === 'request')
    const { headers, ...rest } = event
    assert.deepEqual(rest, {
      type: 'request',
      host: 'server.example.com',
      target: '/chat',
      origin: 'http://example.com',
      subprotocols: ['chat', 'superchat'],
      extensions: '',
    })
    assert.deepEqual(headers.slice(-2), ['authorization', 'Bearer x'])
    const answer = server.send({ type: 'accept', subprotocol: 'chat', headers: ['x-a', 'b'] })
    assert.equal(
      text(answer),
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
        `sec-websocket-accept: ${ACCEPT}\r\nsec-websocket-protocol: chat\r\nx-a: b\r\n\r\n`,
    )
    assert.equal(server.state, 'open')
    const [accept] = after(client, answer)
    assert.ok(accept.type === 'accept')
    assert.deepEqual(accept.agreement, { subprotocol: 'chat', deflate: null })
    assert.equal(client.agreement, accept.agreement)
    assert.deepEqual(server.agreement, client.agreement)
    assert.equal(client.state, 'open')
    assert.equal(server.hasOutgoing, false)
    assert.throws(() => client.send({ type: 'request', host: 'a' }), /over/)
  })

  it('the upgrade may come octet by octet, with frames right behind the answer', () => {
    const client = asking()
    const server = asked()
    const octets = Buffer.concat([server.send({ type: 'accept' }), server.send({ type: 'text', data: 'first' })])
    for (const octet of octets) client.receive(Uint8Array.of(octet))
    assert.deepEqual(
      events(client).map((event) => event.type),
      ['accept', 'text'],
    )
    const whole = asking()
    assert.deepEqual(
      after(whole, octets).map((event) => event.type),
      ['accept', 'text'],
    )
  })

  it('the upgrade takes lists, other cases and other white space as RFC 9110 allows', () => {
    asked({ connection: 'keep-alive,\tUPGRADE', upgrade: 'h2c, WebSocket', host: '  a\t' })
    asked({ connection: ['keep-alive', 'upgrade'] })
    const [event] = after(asking(), head(ANSWER, { connection: 'UPGRADE', upgrade: 'WEBSOCKET' }))
    assert.equal(event.type, 'accept')
  })

  it('the upgrade reads past informational responses, but not many', () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'
    assert.equal(after(asking(), `HTTP/1.1 100\r\n\r\n${early}${head(ANSWER)}`)[0].type, 'accept')
    const client = asking()
    client.receive(Buffer.from(early.repeat(MAX_INFORMATIONAL + 1)))
    failed(client, 1002)
  })
})

describe('a server', () => {
  const wrong: Record<string, [Parameters<typeof head>[1], number?]> = {
    'another method': [{ line: 'POST / HTTP/1.1' }],
    'another version of HTTP': [{ line: 'GET / HTTP/1.0' }],
    'a malformed request line': [{ line: 'GET  / HTTP/1.1' }],
    'a target that is not of ASCII': [{ line: 'GET /\xe4 HTTP/1.1' }],
    'no host': [{ host: undefined }],
    'two hosts': [{ host: ['a', 'b'] }],
    'no upgrade': [{ upgrade: undefined }, 426],
    'another upgrade': [{ upgrade: 'h2c' }, 426],
    'a connection that is not upgraded': [{ connection: 'keep-alive' }],
    'no key': [{ 'sec-websocket-key': undefined }],
    'two keys': [{ 'sec-websocket-key': [KEY, KEY] }],
    'a key of 15 octets': [{ 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAA' }],
    'a key with stray bits': [{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZR==' }],
    'no version': [{ 'sec-websocket-version': undefined }, 426],
    'another version': [{ 'sec-websocket-version': '8' }, 426],
    'a body': [{ 'content-length': '1' }],
    'a chunked body': [{ 'transfer-encoding': 'chunked' }],
    'a subprotocol that is no token': [{ 'sec-websocket-protocol': 'a b' }],
    'an empty subprotocol': [{ 'sec-websocket-protocol': 'a,,b' }],
    'a subprotocol twice': [{ 'sec-websocket-protocol': ['a', 'b, a'] }],
    'two origins': [{ origin: ['a', 'b'] }],
    'malformed extensions': [{ 'sec-websocket-extensions': 'a;;b' }],
    'a field without a name': [{ '': 'x' }],
    'a field name with a space': [{ 'x ': 'x' }],
    'a folded field': [{ x: 'a\r\n b' }],
    'a bare line feed': [{ x: 'a\nb: c' }],
    'a bare carriage return': [{ x: 'a\rb' }],
    'a NUL': [{ x: 'a\0b' }],
  }
  for (const [name, [change, status = 400]] of Object.entries(wrong)) {
    it(`a server answers ${status} to ${name}`, () => {
      const server = new WSConnection({ role: 'server' })
      server.receive(Buffer.from(head(REQUEST, change), 'latin1'))
      assert.equal(failed(server, 1002).status, status)
      const answer = text(server.takeOutgoing())
      assert.ok(answer.startsWith(`HTTP/1.1 ${status} \r\nconnection: close\r\ncontent-length: 0\r\n`))
      assert.equal(answer.includes('sec-websocket-version: 13'), status === 426)
      assert.throws(() => server.send({ type: 'accept' }), /state closed/)
    })
  }

  it('a server fails when the client does not wait for the answer', () => {
    const eager = new WSConnection({ role: 'server' })
    eager.receive(Buffer.from(`${head(REQUEST)}x`))
    failed(eager, 1002)
    const later = asked()
    later.receive(new Uint8Array(0))
    later.receive(Buffer.from('x'))
    failed(later, 1002)
    assert.match(text(later.takeOutgoing()), /^HTTP\/1\.1 400/)
  })

  it('a server fails when the client goes before the answer', () => {
    const cut = new WSConnection({ role: 'server' })
    cut.receive(Buffer.from('GET / HT'))
    for (const server of [new WSConnection({ role: 'server' }), cut, asked()]) {
      server.receive(null)
      assert.match(failed(server, 1002).message, /the client closed the connection/)
    }
    assert.match(text(cut.takeOutgoing()), /^HTTP\/1\.1 400/)
  })

  it('a server says nothing but an answer, and that once', () => {
    const refused: WebSocketMessage[] = [
      { type: 'text', data: 'x' },
      { type: 'close' },
      { type: 'request', host: 'a' },
      { type: 'rejectData', data: new Uint8Array(1) },
    ]
    for (const message of refused) assert.throws(() => asked().send(message), LocalProtocolError)
    const early = new WSConnection({ role: 'server' })
    assert.throws(() => early.send({ type: 'accept' }), /cannot send accept now/)
    const server = asked()
    server.send({ type: 'reject', hasBody: true })
    assert.throws(() => server.send({ type: 'accept' }), LocalProtocolError)
    assert.throws(() => server.send({ type: 'reject' }), LocalProtocolError)
  })

  it('a server accepts only a subprotocol that was asked for', () => {
    const server = asked({ 'sec-websocket-protocol': 'a, b' })
    assert.throws(() => server.send({ type: 'accept', subprotocol: 'c' }), /did not ask for the subprotocol "c"/)
    assert.match(text(server.send({ type: 'accept', subprotocol: 'b' })), /sec-websocket-protocol: b\r\n/)
  })

  it('a server refuses fields of its own that would break the head', () => {
    const bad = [
      ['x'],
      ['x y', 'a'],
      ['x', 'a\r\nb: c'],
      ['x', ' a'],
      ['x', 'ā'],
      ['Upgrade', 'x'],
      ['connection', 'x'],
    ]
    bad.push(['sec-websocket-accept', 'x'], ['content-length', '1'], ['transfer-encoding', 'chunked'], [':status', '1'])
    for (const headers of bad) {
      const server = asked()
      assert.throws(() => server.send({ type: 'accept', headers }), LocalProtocolError, `${headers}`)
      server.send({ type: 'accept' })
    }
  })
})

describe('a client', () => {
  const wrong: Record<string, Parameters<typeof head>[1] | string> = {
    'a malformed status line': { line: 'HTTP/1.1 abc' },
    'another version of HTTP': { line: 'HTTP/1.0 101 x' },
    'a status of no class': { line: 'HTTP/1.1 600 x' },
    'a connection that is not upgraded': { connection: undefined },
    'an upgrade to something else': { upgrade: 'h2c' },
    'no upgrade': { upgrade: undefined },
    'a wrong proof': { 'sec-websocket-accept': 'AAAA' },
    'no proof': { 'sec-websocket-accept': undefined },
    'a subprotocol that was not offered': { 'sec-websocket-protocol': 'b' },
    'two subprotocols': { 'sec-websocket-protocol': ['a', 'a'] },
    'an extension that was not offered': { 'sec-websocket-extensions': 'permessage-deflate' },
    'malformed extensions': { 'sec-websocket-extensions': '=' },
    'a rejection of two lengths': { line: 'HTTP/1.1 404 x', 'content-length': ['1', '1'] },
    'a rejection of a length that is none': { line: 'HTTP/1.1 404 x', 'content-length': '-1' },
    'a rejection with both kinds of length': {
      line: 'HTTP/1.1 404 x',
      'content-length': '1',
      'transfer-encoding': 'chunked',
    },
    'a rejection with another coding': { line: 'HTTP/1.1 404 x', 'transfer-encoding': 'gzip, chunked' },
  }
  for (const [name, change] of Object.entries(wrong)) {
    it(`a client fails for ${name}`, () => {
      const client = asking({}, { subprotocols: ['a'] })
      client.receive(Buffer.from(head(ANSWER, change as Record<string, string>)))
      failed(client, 1002)
      assert.equal(client.takeOutgoing().length, 0)
    })
  }

  it('a client fails when the server speaks first, or goes', () => {
    const early = new WSConnection({ role: 'client' })
    early.receive(Buffer.from('x'))
    failed(early, 1002)
    for (const left of [new WSConnection({ role: 'client' }), asking()]) {
      left.receive(null)
      assert.match(failed(left, 1002).message, /the server closed the connection/)
    }
  })

  it('a client says nothing but one request', () => {
    const client = asking()
    assert.throws(() => client.send({ type: 'request', host: 'a' }), LocalProtocolError)
    assert.throws(() => client.send({ type: 'text', data: 'a' }), /cannot send text now/)
  })

  it('a client refuses what would break the head', () => {
    const bad: Partial<Request>[] = [{ host: '' }, { host: 'a b' }, { target: '/a b' }, { target: '/ü' }]
    bad.push({ target: '/\r\n' }, { origin: 'a\n' }, { subprotocols: ['a b'] }, { subprotocols: ['a', 'a'] })
    bad.push({ headers: ['host', 'b'] }, { headers: ['Sec-WebSocket-Key', 'b'] }, { headers: ['origin', 'b'] })
    for (const request of bad) {
      const client = new WSConnection({ role: 'client' })
      assert.throws(() => client.send({ type: 'request', host: 'a', ...request }), LocalProtocolError)
      client.send({ type: 'request', host: 'a' })
    }
  })
})

describe('a rejection', () => {
  const body = (list: ReturnType<typeof events>) =>
    list.map((event) =>
      event.type === 'rejectData' ? `${text(event.data)}${event.bodyFinished ? '.' : ''}` : event.type,
    )

  it('a rejection goes without a body', () => {
    const server = asked()
    const octets = server.send({ type: 'reject' })
    assert.equal(text(octets), 'HTTP/1.1 400 \r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    assert.equal(server.state, 'closed')
    const client = asking()
    const headers = ['connection', 'close', 'content-length', '0']
    assert.deepEqual(after(client, octets), [{ type: 'reject', status: 400, headers, hasBody: false }])
    assert.equal(client.state, 'closed')
    client.receive(null)
    assert.deepEqual(events(client), [])
  })

  it('a rejection goes with a body in chunks', () => {
    const server = asked()
    const pieces = [
      server.send({ type: 'reject', status: 403, headers: ['content-type', 'text/plain'], hasBody: true }),
      server.send({ type: 'rejectData', data: Buffer.from('Hello'), bodyFinished: false }),
      server.send({ type: 'rejectData', data: new Uint8Array(0), bodyFinished: false }),
    ]
    server.receive(Buffer.from('late'))
    assert.equal(server.state, 'connecting')
    pieces.push(server.send({ type: 'rejectData', data: Buffer.from('World'.repeat(4)) }))
    assert.equal(server.state, 'closed')
    const octets = Buffer.concat(pieces)
    assert.match(text(octets), /\r\n\r\n5\r\nHello\r\n14\r\nWorldWorldWorldWorld\r\n0\r\n\r\n$/)
    const client = asking()
    assert.deepEqual(body(after(client, octets)), ['reject', 'Hello', 'WorldWorldWorldWorld', '.'])
    assert.equal(client.state, 'closed')
    const slow = asking()
    for (const octet of octets) slow.receive(Uint8Array.of(octet))
    assert.equal(body(events(slow)).join(''), 'rejectHelloWorldWorldWorldWorld.')
  })

  it('a rejection goes with a body of a given length', () => {
    const server = asked()
    const octets = [server.send({ type: 'reject', headers: ['Content-Length', '5'], hasBody: true })]
    octets.push(server.send({ type: 'rejectData', data: Buffer.from('Hel'), bodyFinished: false }))
    const wrong = [Buffer.from('lo!'), Buffer.from('l')]
    for (const data of wrong) assert.throws(() => server.send({ type: 'rejectData', data }), /content-length/)
    octets.push(server.send({ type: 'rejectData', data: Buffer.from('lo') }))
    const client = asking()
    assert.deepEqual(body(after(client, ...octets)), ['reject', 'Hel', 'lo.'])
  })

  it('a rejection may have an empty body with content-length 0', () => {
    const server = asked()
    const octets = [server.send({ type: 'reject', headers: ['Content-Length', '0'], hasBody: true })]
    assert.equal(server.state, 'connecting')
    octets.push(server.send({ type: 'rejectData', data: new Uint8Array(0) }))
    assert.equal(server.state, 'closed')
    assert.deepEqual(body(after(asking(), ...octets)), ['reject'])
  })

  it('octets after the end of a rejection are ignored', () => {
    const client = asking()
    const list = after(client, 'HTTP/1.1 404 \r\ncontent-length: 2\r\n\r\nnoHTTP/1.1 101 \r\n')
    assert.deepEqual(body(list), ['reject', 'no.'])
    assert.equal(client.state, 'closed')
  })

  it('a rejection may end with the transport', () => {
    const client = asking()
    const list = after(client, 'HTTP/1.1 500 \r\n\r\nHello')
    client.receive(null)
    assert.deepEqual(body([...list, ...events(client)]), ['reject', 'Hello', '.'])
    assert.equal(client.state, 'closed')
  })

  it('a rejection has no body with some statuses', () => {
    for (const status of [204, 304]) {
      const server = asked()
      assert.throws(() => server.send({ type: 'reject', status, hasBody: true }), LocalProtocolError)
      const octets = server.send({ type: 'reject', status })
      assert.equal(text(octets), `HTTP/1.1 ${status} \r\nconnection: close\r\n\r\n`)
      const client = asking()
      assert.equal(after(client, octets).length, 1)
      assert.equal(client.state, 'closed')
    }
  })

  it('a rejection with an invalid status, header or length is refused', () => {
    const server = asked()
    for (const status of [199, 600, 404.5]) {
      assert.throws(() => server.send({ type: 'reject', status }), LocalProtocolError)
    }
    for (const length of ['x', '1']) {
      assert.throws(() => server.send({ type: 'reject', headers: ['content-length', length] }), LocalProtocolError)
    }
    const twice = ['content-length', '1', 'content-length', '1']
    assert.throws(() => server.send({ type: 'reject', headers: twice, hasBody: true }), LocalProtocolError)
    server.send({ type: 'reject', headers: ['content-length', '0'] })
  })

  it('a rejection that breaks off in its body is an error for the client, and a server sends nothing more', () => {
    const chunked = 'HTTP/1.1 404 \r\ntransfer-encoding: chunked\r\n\r\n'
    const lines = 'a: b\r\n'.repeat(MAX_HEADER_FIELDS + 1)
    for (const rest of [
      'x\r\n',
      '\n',
      '5\r\nHello!\r\n',
      '5;\x01\r\n',
      `0\r\n${lines}\r\n`,
      `0\r\n${'x'.repeat(MAX_TRAILERS)}`,
      `${'f'.repeat(14)}\r\n`,
    ]) {
      const client = asking()
      client.receive(Buffer.from(chunked + rest))
      failed(client, 1002)
    }
    for (const cut of [`${chunked}5\r\nHel`, `${chunked}5`, 'HTTP/1.1 404 \r\ncontent-length: 2\r\n\r\nx']) {
      const client = asking()
      client.receive(Buffer.from(cut))
      client.receive(null)
      failed(client, 1002)
    }
    const server = asked()
    server.send({ type: 'reject', hasBody: true })
    server.receive(null)
    failed(server, 1002)
    assert.equal(server.hasOutgoing, false)
    assert.equal(server.takeOutgoing().length, 0)
  })
})

describe('a request that somebody else has read', () => {
  const fields = (change: Record<string, string> = {}) => {
    const { line, ...rest } = { ...REQUEST, ...change }
    return Object.entries(rest).flat()
  }

  it('a request that somebody else has read is accepted as one from a socket is, and what came behind it is read after the answer', () => {
    const server = new WSConnection({ role: 'server' })
    server.receiveRequest({ target: '/chat', headers: fields({ 'Content-Length': '0', Origin: 'https://a.test' }) })
    const [event] = events(server)
    assert.ok(event.type === 'request')
    assert.deepEqual([event.host, event.target, event.origin], ['server.example.com', '/chat', 'https://a.test'])
    assert.match(text(server.send({ type: 'accept' })), new RegExp(`sec-websocket-accept: ${ACCEPT.replace('+', '.')}`))
    const client = new WSConnection({ role: 'client', agreement: { subprotocol: undefined, deflate: null } })
    assert.deepEqual(after(server, client.send({ type: 'text', data: 'hello' })), [
      { type: 'text', data: 'hello', frameFinished: true, messageFinished: true },
    ])
  })

  it('a request that somebody else has read is answered with a status when it is wrong', () => {
    const wrong: [Parameters<WSConnection['receiveRequest']>[0], number][] = [
      [{ target: '/', method: 'POST', headers: fields() }, 400],
      [{ target: '/', method: 'G T', headers: fields() }, 400],
      [{ target: '/ HTTP/1.1\r\nx: y', headers: fields() }, 400],
      [{ target: '/', headers: fields({ 'x\r\ny': 'z' }) }, 400],
      [{ target: '/', headers: fields({ x: 'a\r\nb: c' }) }, 400],
      [{ target: '/', headers: fields({ 'sec-websocket-version': '8' }) }, 426],
    ]
    for (const [request, status] of wrong) {
      const server = new WSConnection({ role: 'server' })
      server.receiveRequest(request)
      assert.equal(failed(server, 1002).status, status)
      assert.ok(text(server.takeOutgoing()).startsWith(`HTTP/1.1 ${status} `))
    }
  })

  it('a request that somebody else has read comes once, to a server that has read nothing', () => {
    const request = { target: '/', headers: fields() }
    const server = new WSConnection({ role: 'server' })
    assert.throws(() => server.receiveRequest({ target: '/', headers: ['x'] }), LocalProtocolError)
    server.receiveRequest(request)
    const begun = new WSConnection({ role: 'server' })
    begun.receive(Buffer.from('GET'))
    for (const late of [server, begun, new WSConnection({ role: 'client' })]) {
      assert.throws(() => late.receiveRequest(request), LocalProtocolError)
    }
  })
})
