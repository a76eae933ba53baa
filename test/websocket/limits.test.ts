import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { WEBSOCKET_MAX_FRAME_SIZE, WEBSOCKET_MAX_HANDSHAKE_SIZE, WEBSOCKET_MAX_MESSAGE_SIZE } from '../../src/limits.ts'
import { acceptConnect, connectRequest, LocalProtocolError, WSConnection } from '../../src/websocket/index.ts'
import { after, DEFLATE, failed, frame, opened } from './pair.ts'

describe('limits', () => {
  it('a frame: refused by its header', () => {
    const options = { maxFrameSize: 1000 }
    assert.equal(after(opened('client', options), frame(0x82, Buffer.alloc(1000))).length, 1)
    const client = opened('client', options)
    client.receive(frame(0x82, Buffer.alloc(1001)).subarray(0, 4))
    failed(client, 1009)
  })

  it('a message: refused by the header of the frame that is too much', () => {
    for (const options of [{ maxMessageSize: 1000 }, { maxMessageSize: 1000, agreement: DEFLATE }]) {
      const first = options.agreement === undefined ? 0x02 : 0x42
      const client = opened('client', options)
      client.receive(frame(first, Buffer.alloc(600)))
      client.receive(frame(0x80, Buffer.alloc(401)).subarray(0, 4))
      failed(client, 1009)
    }
    const half = Buffer.alloc(500)
    const list = after(
      opened('client', { maxMessageSize: 1000 }),
      frame(0x02, half),
      frame(0x80, half),
      frame(0x82, half),
    )
    assert.equal(list.length, 2)
  })

  it('limits are 16 MiB by default', () => {
    assert.equal(WEBSOCKET_MAX_FRAME_SIZE, 2 ** 24)
    assert.equal(WEBSOCKET_MAX_MESSAGE_SIZE, 2 ** 24)
    assert.equal(after(opened('client'), frame(0x82, Buffer.alloc(2 ** 24))).length, 1)
    const client = opened('client')
    client.receive(frame(0x02, Buffer.alloc(2 ** 24)))
    client.receive(frame(0x80, 'x'))
    failed(client, 1009)
  })

  it('the head of a handshake', () => {
    const request = (filler: number) => `GET / HTTP/1.1\r\nx: ${'y'.repeat(filler)}`
    const server = new WSConnection({ role: 'server' })
    server.receive(Buffer.from(request(WEBSOCKET_MAX_HANDSHAKE_SIZE)))
    assert.equal(failed(server, 1002).status, 431)
    assert.match(Buffer.from(server.takeOutgoing()).toString(), /^HTTP\/1\.1 431 \r\n/)
    const client = new WSConnection({ role: 'client', maxHandshakeSize: 64 })
    client.send({ type: 'request', host: 'a' })
    client.receive(Buffer.from(`HTTP/1.1 101 ${'x'.repeat(50)}`))
    client.receive(Buffer.from('x'))
    failed(client, 1002)
  })

  it('the fields of a handshake', () => {
    const server = new WSConnection({ role: 'server' })
    server.receive(Buffer.from(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(257)}\r\n`))
    assert.equal(failed(server, 1002).status, 431)
  })

  it('memory grows with what came, not with what was announced', () => {
    const start = Buffer.from(frame(0x02, Buffer.alloc(2 ** 24)).subarray(0, 20))
    const before = process.memoryUsage().arrayBuffers
    const connections = Array.from({ length: 50 }, () => {
      const client = opened('client')
      client.receive(start)
      return client
    })
    assert.ok(connections.every(({ state }) => state === 'open'))
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 24)
  })

  it('limits that make no sense are refused', () => {
    for (const options of [
      { maxFrameSize: 0 },
      { maxMessageSize: -1 },
      { maxMessageSize: Number.NaN },
      { maxHandshakeSize: 63 },
      { role: 'proxy' as 'client' },
    ]) {
      assert.throws(() => opened('client', options), LocalProtocolError)
    }
  })
})

describe('options', () => {
  /** As somebody writes them who has no types. */
  const untyped = (options: object): object => options
  const refused = (make: () => unknown, message: RegExp): void => {
    assert.throws(make, { name: 'LocalProtocolError', code: 'ERR_HYPER_WEBSOCKET_LOCAL', message })
  }

  it('an unknown option is refused by name, with the one that was probably meant', () => {
    refused(() => new WSConnection({ role: 'client', ...untyped({ maxFramesize: 1 }) }), /mean maxFrameSize\?/)
    refused(
      () => new WSConnection({ role: 'client', deflate: untyped({ treshold: 1 }) }),
      /no option deflate\.treshold: did you mean deflate\.threshold\?/,
    )
    refused(() => connectRequest({ authority: 'a', ...untyped({ subprotocol: 'x' }) }), /mean subprotocols\?/)
    const request = { type: 'request', host: 'a', target: '/', origin: undefined, extensions: '' } as const
    refused(
      () => acceptConnect({ ...request, subprotocols: [], headers: [] }, untyped({ subprotocols: 'x' })),
      /mean subprotocol\?/,
    )
  })

  it('a value of `messages` that is neither whole nor pieces is refused', () => {
    refused(() => new WSConnection({ role: 'client', ...untyped({ messages: 'parts' }) }), /must be whole or pieces/)
  })
})
