import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalProtocolError, type WebSocketEvent } from '../../src/websocket/index.ts'
import { after, closeCode, events, failed, hex, opened } from './pair.ts'

const closed = (code: number, reason = ''): WebSocketEvent[] => [{ type: 'close', code, reason }]

describe('the close handshake', () => {
  it('the close handshake is answered with the same code', () => {
    const server = opened('server')
    const client = opened('client')
    const octets = client.send({ type: 'close', code: 1001, reason: 'gehe weg: ü' })
    assert.equal(client.state, 'localClosing')
    assert.deepEqual(after(server, octets), closed(1001, 'gehe weg: ü'))
    assert.equal(server.state, 'closed')
    const answer = server.takeOutgoing()
    assert.deepEqual(answer, hex('88 02 03 e9'))
    assert.deepEqual(after(client, answer), closed(1001))
    assert.equal(client.state, 'closed')
    assert.equal(client.hasOutgoing, false)
  })

  it('the close handshake may lack a code, which is then 1005 on neither wire', () => {
    const server = opened('server')
    assert.deepEqual(server.send({ type: 'close' }), hex('88 00'))
    assert.deepEqual(opened('server').send({ type: 'close', code: 1005 }), hex('88 00'))
    const client = opened('client', { random: (octets) => octets.fill(0) })
    assert.deepEqual(after(client, hex('88 00')), closed(1005))
    assert.deepEqual(client.takeOutgoing(), hex('88 80 00 00 00 00'))
  })

  it('the close frames of both sides may cross', () => {
    const client = opened('client')
    client.send({ type: 'close', code: 1000 })
    assert.deepEqual(after(client, hex('81 01 41'), hex('88 02 03 e8')).at(-1), closed(1000)[0])
    assert.equal(client.takeOutgoing().length, 0)
  })

  it('the close handshake ends all sending, and pongs with it', () => {
    const server = opened('server')
    server.send({ type: 'close' })
    assert.throws(() => server.send({ type: 'text', data: '' }), LocalProtocolError)
    assert.throws(() => server.send({ type: 'close' }), /state localClosing/)
    after(server, hex('89 80 00 00 00 00'))
    assert.equal(server.hasOutgoing, false)
  })

  it('the close handshake comes after the pongs that were not written before it', () => {
    const client = opened('client', { random: (octets) => octets.fill(0) })
    after(client, hex('89 00 89 01 31'))
    assert.deepEqual(client.send({ type: 'close' }), hex('8a 80 00 00 00 00 8a 81 00 00 00 00 31 88 80 00 00 00 00'))
    assert.equal(client.hasOutgoing, false)
  })

  it('the close handshake lets a message that came before it in one segment be answered', () => {
    const server = opened('server')
    server.receive(hex('81 81 00 00 00 00 41 88 80 00 00 00 00'))
    assert.equal(server.state, 'open')
    for (const event of server.events()) {
      if (event.type === 'text') assert.deepEqual(server.send({ type: 'text', data: 'B' }), hex('81 01 42'))
    }
    assert.equal(server.state, 'closed')
    assert.deepEqual(server.takeOutgoing(), hex('88 00'))
  })

  it('the close handshake lets a message that came before a fault in one segment be answered', () => {
    const server = opened('server')
    server.receive(hex('81 81 00 00 00 00 41 83 80 00 00 00 00 81 80 00 00 00 00'))
    const types: string[] = []
    for (const event of server.events()) {
      types.push(event.type)
      if (event.type === 'text') assert.deepEqual(server.send({ type: 'text', data: 'B' }), hex('81 01 42'))
    }
    assert.deepEqual(types, ['text', 'error'])
    assert.equal(server.state, 'closed')
    assert.equal(closeCode(server.takeOutgoing()), 1002)
  })

  it('the close handshake lets a message that came before the end of the transport be answered', () => {
    const server = opened('server')
    server.receive(hex('81 81 00 00 00 00 41'))
    server.receive(null)
    server.receive(null)
    for (const event of server.events()) if (event.type === 'text') server.send({ type: 'text', data: 'B' })
    assert.equal(server.state, 'closed')
  })

  it('the close handshake is over once it was read, when the transport ended after it', () => {
    const server = opened('server', { autoReply: false })
    server.receive(hex('88 80 00 00 00 00'))
    server.receive(null)
    assert.equal(server.state, 'open')
    assert.deepEqual(events(server), closed(1005))
    assert.equal(server.state, 'closed')
  })

  it('the close handshake follows what a handshake leads to in the same segment', () => {
    const client = opened('client')
    client.receive(hex('88 02 03 f5'))
    client.send({ type: 'text', data: 'Hello' })
    assert.deepEqual(events(client), closed(1013))
    assert.equal(client.state, 'closed')
  })

  it('the close handshake comes after the pong that is due', () => {
    const server = opened('server')
    after(server, hex('89 81 00 00 00 00 31'), hex('88 80 00 00 00 00'))
    assert.deepEqual(server.takeOutgoing(), hex('8a 01 31 88 00'))
  })

  it('the close handshake can be answered by hand, after what was still to say', () => {
    const client = opened('client', { autoReply: false })
    assert.deepEqual(after(client, hex('89 00')), [{ type: 'ping', payload: new Uint8Array(0) }])
    assert.deepEqual(after(client, hex('88 02 03 e8 81 00')), closed(1000))
    assert.equal(client.state, 'remoteClosing')
    assert.equal(client.hasOutgoing, false)
    client.send({ type: 'text', data: 'last' })
    client.receive(hex('81 00'))
    client.send({ type: 'close', code: 1000 })
    assert.equal(client.state, 'closed')
    assert.deepEqual(events(client), [])
  })

  it('allows the codes that there are', () => {
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
      const octets = opened('server').send({ type: 'close', code })
      assert.equal(closeCode(octets), code)
      assert.deepEqual(after(opened('client'), octets), closed(code))
    }
  })

  it('the close handshake refuses codes and reasons that cannot be sent', () => {
    const server = opened('server')
    for (const code of [0, 999, 1004, 1006, 1015, 2999, 5000, 1000.5, Number.NaN]) {
      assert.throws(() => server.send({ type: 'close', code }), LocalProtocolError)
    }
    assert.throws(() => server.send({ type: 'close', reason: 'why' }), /needs a code/)
    assert.throws(() => server.send({ type: 'close', code: 1000, reason: 'ü'.repeat(62) }), /123 octets, not 124/)
    assert.equal(server.state, 'open')
    server.send({ type: 'close', code: 1000, reason: `${'ü'.repeat(61)}x` })
  })

  it('the close handshake answers each ping, in order, before what is sent later', () => {
    const server = opened('server')
    after(server, hex('89 81 00 00 00 00 31 89 81 00 00 00 00 32'))
    assert.deepEqual(server.send({ type: 'text', data: 'A' }), hex('8a 01 31 8a 01 32 81 01 41'))
    assert.equal(server.hasOutgoing, false)
  })
})

describe('the end of the transport', () => {
  it('the end of the transport is 1006 without a close frame', () => {
    const client = opened('client')
    client.receive(null)
    assert.deepEqual(events(client), closed(1006))
    assert.equal(client.state, 'closed')
    assert.throws(() => client.send({ type: 'text', data: '' }), /state closed/)
    const closing = opened('server')
    closing.send({ type: 'close' })
    closing.receive(null)
    assert.deepEqual(events(closing), closed(1006))
  })

  it('the end of the transport after a close frame is no further event', () => {
    const client = opened('client', { autoReply: false })
    after(client, hex('88 00'))
    client.receive(null)
    assert.deepEqual(events(client), [])
    assert.equal(client.state, 'closed')
  })

  it('a failure after our own close sends no second close frame', () => {
    const client = opened('client')
    client.send({ type: 'close' })
    client.receive(hex('83 00'))
    failed(client, 1002)
    assert.equal(client.takeOutgoing().length, 0)
  })
})

describe('events()', () => {
  it('events() gives each event once, also to a loop that is left early', () => {
    const client = opened('client')
    client.receive(hex('81 01 31 81 01 32'))
    for (const event of client.events()) {
      assert.ok(event.type === 'text' && event.data === '1')
      break
    }
    client.receive(hex('81 01 33'))
    assert.deepEqual(
      events(client).map((event) => event.type === 'text' && event.data),
      ['2', '3'],
    )
    assert.deepEqual(events(client), [])
  })
})

describe('a bug of the caller', () => {
  it('a bug of the caller is no error of the peer', () => {
    const octets = hex('81 01 31')
    octets.subarray = () => {
      throw new TypeError('broken')
    }
    assert.throws(() => opened('client').receive(octets), TypeError)
  })
})
