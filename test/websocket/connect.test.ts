import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import type { RequestHead } from '../../src/headers/section.ts'
import {
  acceptConnect,
  type ConnectRequest,
  connectRequest,
  LocalProtocolError,
  readConnectRequest,
  readConnectResponse,
  rejectConnect,
  WSConnection,
} from '../../src/websocket/index.ts'
import { Pair } from '../support/pair.ts'
import { after, messages } from './pair.ts'

/** What an HTTP/2 server makes of a section. */
function headOf(section: readonly string[], change: Partial<RequestHead> = {}): RequestHead {
  const pseudo = new Map<string, string>()
  const fields: string[] = []
  for (let i = 0; i < section.length; i += 2) {
    if (section[i].startsWith(':')) pseudo.set(section[i], section[i + 1])
    else fields.push(section[i], section[i + 1])
  }
  return {
    method: pseudo.get(':method') ?? '',
    scheme: pseudo.get(':scheme'),
    authority: pseudo.get(':authority'),
    path: pseudo.get(':path'),
    protocol: pseudo.get(':protocol'),
    fields,
    contentLength: -1,
    ...change,
  }
}

describe('extended CONNECT', () => {
  it('extended CONNECT is the handshake of RFC 8441 section 5.1', () => {
    const { section, offer } = connectRequest({
      authority: 'server.example.com',
      path: '/chat',
      origin: 'http://www.example.com',
      subprotocols: ['chat', 'superchat'],
      deflate: true,
      headers: ['Cookie', 'a=b'],
    })
    assert.deepEqual(section, [
      ...[':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'https', ':path', '/chat'],
      ...[':authority', 'server.example.com', 'sec-websocket-version', '13', 'origin', 'http://www.example.com'],
      ...['sec-websocket-protocol', 'chat, superchat'],
      ...['sec-websocket-extensions', 'permessage-deflate; client_max_window_bits', 'cookie', 'a=b'],
    ])
    const request = readConnectRequest(headOf(section))
    assert.ok(request.type === 'request')
    assert.equal(request.host, 'server.example.com')
    assert.equal(request.target, '/chat')
    assert.equal(request.origin, 'http://www.example.com')
    const accepted = acceptConnect(request, { subprotocol: 'chat', deflate: true, headers: ['x-a', 'b'] })
    assert.deepEqual(accepted.section, [
      ...[':status', '200', 'sec-websocket-protocol', 'chat', 'sec-websocket-extensions', 'permessage-deflate'],
      ...['x-a', 'b'],
    ])
    const event = readConnectResponse(offer, 200, accepted.section.slice(2))
    assert.ok(event.type === 'accept')
    assert.deepEqual(event.agreement, accepted.agreement)

    const client = new WSConnection({ role: 'client', agreement: event.agreement })
    const server = new WSConnection({ role: 'server', agreement: accepted.agreement })
    assert.equal(client.state, 'open')
    const octets = client.send({ type: 'text', data: 'Hello '.repeat(20) })
    assert.ok(octets.length < 60)
    assert.deepEqual(messages(after(server, octets)), ['Hello '.repeat(20)])
  })

  it('extended CONNECT has defaults for scheme and path', () => {
    const { section, offer } = connectRequest({ authority: 'a', scheme: 'http' })
    assert.deepEqual(section.slice(4), [
      ...[':scheme', 'http', ':path', '/', ':authority', 'a', 'sec-websocket-version', '13'],
    ])
    assert.deepEqual(offer, { subprotocols: [], extensions: [] })
    const request = readConnectRequest(headOf(section))
    assert.ok(request.type === 'request')
    assert.deepEqual(acceptConnect(request), {
      section: [':status', '200'],
      agreement: { subprotocol: undefined, deflate: null },
    })
    assert.throws(() => acceptConnect(request, { subprotocol: 'x' }), LocalProtocolError)
  })

  it('extended CONNECT refuses what cannot be sent', () => {
    const bad: Partial<ConnectRequest>[] = [{ authority: '' }, { path: '/ ' }, { origin: 'ü' }, { subprotocols: [''] }]
    bad.push({ headers: ['sec-websocket-version', '8'] }, { headers: [':path', '/'] }, { deflate: { level: 99 } })
    for (const part of bad) assert.throws(() => connectRequest({ authority: 'a', ...part }), LocalProtocolError)
  })

  it('extended CONNECT is rejected by any other status', () => {
    const { offer } = connectRequest({ authority: 'a' })
    const headers = ['content-length', '3']
    assert.deepEqual(rejectConnect(404, headers), [':status', '404', ...headers])
    assert.deepEqual(rejectConnect(503), [':status', '503'])
    for (const status of [101, 301, 404]) {
      assert.deepEqual(readConnectResponse(offer, status, headers), { type: 'reject', status, headers, hasBody: true })
    }
    for (const status of [200, 299, 600, 404.5]) assert.throws(() => rejectConnect(status), LocalProtocolError)
  })

  it('extended CONNECT fails when the server agrees to what was not offered', () => {
    const { offer } = connectRequest({ authority: 'a' })
    for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions']) {
      const event = readConnectResponse(offer, 200, [name, 'x'])
      assert.ok(event.type === 'error')
      assert.equal(event.error.code, 'ERR_HYPER_WEBSOCKET_REMOTE')
    }
  })

  it('extended CONNECT is an error when it asks for something else', () => {
    const { section } = connectRequest({ authority: 'a' })
    const wrong: [Partial<RequestHead>, number][] = [
      [{ method: 'GET' }, 501],
      [{ protocol: 'connect-udp' }, 501],
      [{ authority: undefined }, 400],
      [{ path: undefined }, 400],
      [{ fields: [] }, 426],
    ]
    for (const [change, status] of wrong) {
      const event = readConnectRequest(headOf(section, change))
      assert.ok(event.type === 'error')
      assert.equal(event.error.status, status)
    }
  })

  it('extended CONNECT leaves bugs of the caller as they are', () => {
    const fields = null as unknown as string[]
    assert.throws(() => readConnectResponse({ subprotocols: [], extensions: [] }, 200, fields), TypeError)
  })
})

describe('over a stream of HTTP/2', () => {
  it('a WebSocket over a stream of HTTP/2 carries messages both ways, and the close', () => {
    const pair = new Pair({}, { enableConnectProtocol: true })
    const { section, offer } = connectRequest({ authority: 'a', path: '/chat', deflate: true })
    const { stream, seen, at } = pair.request(section, false)
    const request = readConnectRequest(at.head)
    assert.ok(request.type === 'request')
    const accepted = acceptConnect(request, { deflate: true })
    pair.server.connection.respond(at.stream, accepted.section, false)
    pair.flow()
    const answer = readConnectResponse(offer, seen.status ?? 0, seen.fields)
    assert.ok(answer.type === 'accept')
    const client = new WSConnection({ role: 'client', agreement: answer.agreement })
    const server = new WSConnection({ role: 'server', agreement: accepted.agreement })

    const text = 'again and again '.repeat(40)
    pair.client.connection.write(stream, Buffer.from(client.send({ type: 'text', data: text })))
    pair.client.connection.write(stream, Buffer.from(client.send({ type: 'close', code: 1000 })))
    pair.flow()
    assert.deepEqual(messages(after(server, at.seen.body)), [text])
    pair.server.connection.write(at.stream, Buffer.from(server.takeOutgoing()))
    pair.server.connection.end(at.stream)
    pair.flow()
    assert.deepEqual(after(client, seen.body), [{ type: 'close', code: 1000, reason: '' }])
    assert.equal(client.state, 'closed')
    assert.equal(seen.ends, 1)
  })
})
