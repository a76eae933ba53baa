import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { LocalProtocolError, type WebSocketEvent, type WebSocketMessage } from '../../src/websocket/index.ts'
import { after, closeCode, events, failed, frame, hex, opened } from './pair.ts'

const text = (data: string): WebSocketEvent => ({ type: 'text', data, frameFinished: true, messageFinished: true })
const ofOctets = (list: WebSocketEvent[]) => list.map((event) => ('payload' in event ? `${event.payload}` : event.type))

describe('the examples of RFC 6455 section 5.7', () => {
  const key = (octets: Uint8Array) => octets.set(hex('37fa213d'))

  it('a text message in one frame, unmasked and masked', () => {
    assert.deepEqual(after(opened('client'), hex('81 05 48 65 6c 6c 6f')), [text('Hello')])
    const masked = hex('81 85 37 fa 21 3d 7f 9f 4d 51 58')
    assert.deepEqual(after(opened('server'), masked), [text('Hello')])
    assert.deepEqual(opened('client', { random: key }).send({ type: 'text', data: 'Hello' }), masked)
  })

  it('a fragmented text message is put together', () => {
    assert.deepEqual(after(opened('client'), hex('01 03 48 65 6c'), hex('80 02 6c 6f')), [text('Hello')])
    const server = opened('server')
    assert.deepEqual(server.send({ type: 'text', data: 'Hel', messageFinished: false }), hex('01 03 48 65 6c'))
    assert.deepEqual(server.send({ type: 'text', data: 'lo' }), hex('80 02 6c 6f'))
  })

  it('a ping and its pong', () => {
    const payload = new Uint8Array(Buffer.from('Hello'))
    const server = opened('server', { random: key })
    assert.deepEqual(server.send({ type: 'ping', payload }), hex('89 05 48 65 6c 6c 6f'))
    const client = opened('client', { random: key })
    assert.deepEqual(after(client, hex('89 05 48 65 6c 6c 6f')), [{ type: 'ping', payload }])
    assert.equal(client.hasOutgoing, true)
    const pong = client.takeOutgoing()
    assert.deepEqual(pong, hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58'))
    assert.equal(client.hasOutgoing, false)
    assert.deepEqual(after(server, pong), [{ type: 'pong', payload }])
  })

  it('256 octets and 64 KiB of binary data', () => {
    for (const [size, header] of [
      [256, '82 7e 01 00'],
      [65_536, '82 7f 00 00 00 00 00 01 00 00'],
    ] as const) {
      const data = Buffer.alloc(size, 7)
      const octets = Buffer.concat([hex(header), data])
      assert.deepEqual(opened('server').send({ type: 'bytes', data }), octets)
      const [event] = after(opened('client'), octets)
      assert.ok(event.type === 'bytes' && data.equals(event.data))
    }
  })
})

describe('framing', () => {
  const wrong: Record<string, [Uint8Array, number]> = {
    'a reserved bit': [hex('a1 00'), 1002],
    'another reserved bit': [hex('91 00'), 1002],
    'compression that was not agreed on': [hex('c1 00'), 1002],
    'a reserved opcode for data': [hex('83 00'), 1002],
    'a reserved opcode for control': [hex('8b 00'), 1002],
    'a fragmented control frame': [hex('09 00'), 1002],
    'a control frame of 126 octets': [hex('89 7e'), 1002],
    'a compressed control frame': [hex('c9 00'), 1002],
    'a masked frame of a server': [hex('81 80'), 1002],
    'a length of 125 in two octets': [hex('82 7e 00 7d'), 1002],
    'a length of 65535 in eight octets': [hex('82 7f 00 00 00 00 00 00 ff ff'), 1002],
    'a length with its highest bit set': [hex('82 7f 80 00 00 00 00 01 00 00'), 1002],
    'a length above 2^53': [hex('82 7f 00 20 00 00 00 00 00 01'), 1009],
    'a length just above the limit': [hex('82 7f 00 00 00 00 01 00 00 01'), 1009],
    'a continuation of nothing': [hex('80 00'), 1002],
    'a message within another': [hex('01 00 81 00'), 1002],
    'a close frame of one octet': [hex('88 01 03'), 1002],
    'a close code that may not be sent': [hex('88 02 03 ed'), 1002],
    'a close code below 1000': [hex('88 02 03 e7'), 1002],
    'a close code of nobody': [hex('88 02 07 d0'), 1002],
    'a close code above 4999': [hex('88 02 13 88'), 1002],
    'a close reason that is not UTF-8': [hex('88 04 03 e8 c3 28'), 1007],
    'text that is not UTF-8': [hex('81 02 c3 28'), 1007],
    'text that ends within a character': [hex('81 01 c3'), 1007],
    'fragments of text that end within a character': [hex('01 01 41 80 01 c3'), 1007],
    'a fragment of text that is not UTF-8': [hex('01 02 c3 28'), 1007],
  }
  for (const [name, [octets, code]] of Object.entries(wrong)) {
    it(`framing fails for ${name}, whole and octet by octet`, () => {
      for (const size of [octets.length, 1]) {
        for (const mode of ['whole', 'pieces'] as const) {
          const client = opened('client', { messages: mode })
          for (let at = 0; at < octets.length; at += size) client.receive(octets.subarray(at, at + size))
          failed(client, code)
          assert.equal(client.takeOutgoing().length, 8)
          client.receive(hex('81 00'))
          client.receive(null)
          assert.deepEqual(events(client), [])
        }
      }
    })
  }

  it('framing fails for a frame of a client that is not masked', () => {
    const server = opened('server')
    server.receive(hex('81 00'))
    failed(server, 1002)
    assert.equal(closeCode(server.takeOutgoing()), 1002)
  })

  it('framing fails as soon as it can be seen', () => {
    const client = opened('client')
    client.receive(hex('7f'))
    client.receive(hex('7f'))
    failed(client, 1002)
    const invalid = opened('client')
    invalid.receive(hex('81 05 41 f5'))
    failed(invalid, 1007)
  })

  it('framing takes control frames between fragments, in the order of the wire', () => {
    const list = after(opened('client', { messages: 'pieces' }), hex('01 01 41 89 01 31 00 01 42 8a 01 32 80 01 43'))
    assert.deepEqual(ofOctets(list), ['text', '49', 'text', '50', 'text'])
    assert.deepEqual(ofOctets(after(opened('client'), hex('01 01 41 89 00 80 01 42'))), ['', 'text'])
  })

  it('framing takes control frames cut anywhere', () => {
    const client = opened('client')
    for (const octet of hex('89 03 31 32 33')) client.receive(Uint8Array.of(octet))
    assert.deepEqual(events(client), [{ type: 'ping', payload: Uint8Array.of(0x31, 0x32, 0x33) }])
  })

  it('hands on pieces as they come, characters whole', () => {
    const client = opened('client', { messages: 'pieces' })
    const piece = (data: string, frameFinished: boolean, messageFinished: boolean) => [
      { type: 'text', data, frameFinished, messageFinished },
    ]
    assert.deepEqual(after(client, hex('01 03 41 c3')), piece('A', false, false))
    assert.deepEqual(after(client, hex('bc')), piece('ü', true, false))
    assert.deepEqual(after(client, hex('80 00')), piece('', true, true))
    const [bytes] = after(client, hex('82 05 01 02'))
    assert.deepEqual({ ...bytes, data: 0 }, { type: 'bytes', data: 0, frameFinished: false, messageFinished: false })
  })

  it('framing reads a message of many frames, some of them empty', () => {
    const pieces = Array.from({ length: 3000 }, (_, i) => frame(i === 0 ? 0x02 : 0x00, i % 2 === 0 ? 'x' : ''))
    const [event] = after(opened('client'), Buffer.concat([...pieces, frame(0x80)]))
    assert.ok(event.type === 'bytes')
    assert.equal(event.data.length, 1500)
  })
})

describe('sending', () => {
  it('what is no text, or no octets, is refused, and nothing has changed then', () => {
    const [server, client] = [opened('server'), opened('client')]
    const wrong: object[] = [
      ...[undefined, null, 5, ['x'], Buffer.from('x')].map((data) => ({ type: 'text', data })),
      ...[undefined, null, 5, 'x', [1], new ArrayBuffer(1)].map((data) => ({ type: 'bytes', data })),
      ...[null, 'x', [1]].flatMap((payload) => [
        { type: 'ping', payload },
        { type: 'pong', payload },
      ]),
      { type: 'close', code: 1000, reason: 5 },
    ]
    for (const message of wrong) assert.throws(() => server.send(message as WebSocketMessage), LocalProtocolError)
    const octets = server.send({ type: 'text', data: 'a', messageFinished: false })
    for (const message of wrong) assert.throws(() => server.send(message as WebSocketMessage), LocalProtocolError)
    assert.deepEqual(after(client, octets, server.send({ type: 'text', data: 'b' })), [text('ab')])
    assert.equal(server.state, 'open')
  })

  it('sending keeps a pair of surrogates together that is cut in two', () => {
    const server = opened('server')
    const pieces = ['a\ud83d', '', '\ude00b\ud83d'].map((data, i) =>
      server.send({ type: 'text', data, messageFinished: i === 2 }),
    )
    const [event] = after(opened('client'), ...pieces)
    // The lone one at the end becomes U+FFFD.
    assert.deepEqual(event, text('a😀b\ufffd'))
  })

  it('sending refuses a message of the other type before the first is finished', () => {
    const server = opened('server')
    server.send({ type: 'text', data: 'a', messageFinished: false })
    const refused = { code: 'ERR_HYPER_WEBSOCKET_LOCAL' }
    assert.throws(() => server.send({ type: 'bytes', data: new Uint8Array(1) }), refused)
    server.send({ type: 'ping' })
    server.send({ type: 'text', data: 'b' })
    server.send({ type: 'bytes', data: new Uint8Array(1), messageFinished: false })
    assert.throws(() => server.send({ type: 'text', data: 'a' }), refused)
  })

  it('sending refuses control frames of more than 125 octets', () => {
    const server = opened('server')
    assert.throws(() => server.send({ type: 'ping', payload: new Uint8Array(126) }), /125 octets, not 126/)
    assert.throws(() => server.send({ type: 'pong', payload: new Uint8Array(126) }), /125/)
    assert.equal(server.send({ type: 'pong', payload: new Uint8Array(125) }).length, 127)
    assert.deepEqual(server.send({ type: 'pong' }), hex('8a 00'))
  })

  it('masks every frame of a client with a key of its own', () => {
    const client = opened('client')
    const [a, b] = [1, 2].map(() => Buffer.from(client.send({ type: 'bytes', data: new Uint8Array(100) })))
    assert.notDeepEqual(a.subarray(2, 6), b.subarray(2, 6))
    assert.equal(messagesOf(a, b), 2)
  })

  function messagesOf(...octets: Uint8Array[]): number {
    return after(opened('server'), ...octets).filter((event) => event.type === 'bytes').length
  }
})
