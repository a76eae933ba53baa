import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { LocalProtocolError, type WSConnectionOptions } from '../../src/websocket/index.ts'
import { after, closeCode, DEFLATE, failed, frame, hex, messages, opened } from './pair.ts'

const compressing = (role: 'client' | 'server', options: Partial<WSConnectionOptions> = {}) =>
  opened(role, { agreement: DEFLATE, deflate: { threshold: 0 }, ...options })

const without = (part: object) =>
  ({ subprotocol: undefined, deflate: { ...DEFLATE.deflate, ...part } }) as typeof DEFLATE

describe('the examples of RFC 7692 section 7.2.3', () => {
  const hello = 'f2 48 cd c9 c9 07 00'

  it('a message in one frame and in two', () => {
    assert.deepEqual(messages(after(compressing('client'), hex(`c1 07 ${hello}`))), ['Hello'])
    assert.deepEqual(messages(after(compressing('client'), hex('41 03 f2 48 cd 80 04 c9 c9 07 00'))), ['Hello'])
    assert.deepEqual(compressing('server').send({ type: 'text', data: 'Hello' }), hex(`c1 07 ${hello}`))
  })

  it('two messages that share a window', () => {
    const octets = hex(`c1 07 ${hello} c1 05 f2 00 11 00 00`)
    assert.deepEqual(messages(after(compressing('client'), octets)), ['Hello', 'Hello'])
    const server = compressing('server')
    const sent = [1, 2].map(() => server.send({ type: 'text', data: 'Hello' }))
    assert.deepEqual(Buffer.concat(sent), octets)
  })

  it('two messages that do not', () => {
    const agreement = without({ serverNoContextTakeover: true })
    const server = compressing('server', { agreement })
    for (let i = 0; i < 2; i++) assert.deepEqual(server.send({ type: 'text', data: 'Hello' }), hex(`c1 07 ${hello}`))
    const client = compressing('client', { agreement })
    assert.deepEqual(messages(after(client, hex(`c1 07 ${hello} c1 07 ${hello}`))), ['Hello', 'Hello'])
    client.receive(hex('c1 05 f2 00 11 00 00'))
    failed(client, 1007)
  })

  it('an uncompressed block is inflated', () => {
    assert.deepEqual(messages(after(compressing('client'), hex('c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00'))), ['Hello'])
  })

  it('a message with a final block is inflated', () => {
    const client = compressing('client')
    const octets = hex('c1 08 f3 48 cd c9 c9 07 00 00')
    assert.deepEqual(messages(after(client, octets, octets)), ['Hello', 'Hello'])
    // The window goes on over it.
    assert.deepEqual(messages(after(client, hex('c1 05 f2 00 11 00 00'))), ['Hello'])
  })

  it('a message of two blocks is inflated', () => {
    const octets = hex('c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00')
    assert.deepEqual(messages(after(compressing('client'), octets)), ['Hello'])
  })

  it('an empty message is one octet when compressed', () => {
    assert.deepEqual(messages(after(compressing('client'), hex('c1 01 00'))), [''])
    assert.deepEqual(compressing('server').send({ type: 'text', data: '' }), hex('c1 01 00'))
  })
})

describe('permessage-deflate', () => {
  it('permessage-deflate takes several DEFLATE streams in one message, and a last one without padding', () => {
    const final = hex('f3 48 cd c9 c9 07 00')
    const data = Buffer.concat([final, final, final])
    for (const agreement of [DEFLATE, without({ serverNoContextTakeover: true })]) {
      const client = compressing('client', { agreement })
      assert.deepEqual(messages(after(client, frame(0xc1, data))), ['HelloHelloHello'])
    }
  })

  it('permessage-deflate does not let a message begin streams without end', () => {
    const message = (count: number) => frame(0xc1, Buffer.concat([...Array(count).fill(hex('03 00')), hex('00')]))
    assert.deepEqual(messages(after(compressing('client'), message(16))), [''])
    const client = compressing('client')
    client.receive(message(17))
    failed(client, 1009)
  })

  it('permessage-deflate fails for data that is not DEFLATE, or is cut off', () => {
    for (const octets of ['c1 02 ff ff', 'c1 02 f2 48', 'c1 03 f2 48 cd', 'c1 05 f2 00 11 00 00', 'c1 00']) {
      const client = compressing('client')
      client.receive(hex(octets))
      failed(client, 1007)
      assert.equal(client.takeOutgoing().length, 8)
    }
  })

  it('permessage-deflate fails for text that is not UTF-8 when inflated', () => {
    const client = compressing('client')
    client.receive(frame(0xc1, deflateRawSync(Uint8Array.of(0xc3, 0x28))))
    failed(client, 1007)
  })

  it('permessage-deflate fails for a compressed continuation', () => {
    const client = compressing('client')
    client.receive(hex('41 00 c0 00'))
    failed(client, 1002)
  })

  it('inflates no further than the limit', () => {
    const bomb = frame(0xc2, deflateRawSync(Buffer.alloc(64 * 1024 * 1024)))
    const client = compressing('client', { maxMessageSize: 100_000 })
    const before = process.memoryUsage().arrayBuffers
    client.receive(bomb)
    assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024)
    failed(client, 1009)
    const server = compressing('server')
    server.receive(frame(0xc2, ''))
    failed(server, 1002)
    assert.equal(closeCode(server.takeOutgoing()), 1002)
  })

  it('permessage-deflate counts what several streams of a message inflate to', () => {
    const part = deflateRawSync(Buffer.alloc(60))
    const octets = frame(0xc2, Buffer.concat([part, part]))
    assert.equal(after(compressing('client', { maxMessageSize: 120 }), octets).length, 1)
    for (const limit of [119, 60, 61]) {
      const client = compressing('client', { maxMessageSize: limit })
      client.receive(octets)
      failed(client, 1009)
    }
  })

  it('permessage-deflate counts to the octet over several streams', () => {
    const octets = frame(0xc2, Buffer.concat([deflateRawSync(Buffer.alloc(60)), deflateRawSync(Buffer.alloc(1))]))
    assert.equal(after(compressing('client', { maxMessageSize: 61 }), octets).length, 1)
    const client = compressing('client', { maxMessageSize: 60 })
    client.receive(octets)
    failed(client, 1009)
  })

  it('permessage-deflate takes a message that inflates to exactly the limit, and none longer', () => {
    const message = Buffer.alloc(5000, 'ab')
    const octets = frame(0xc2, deflateRawSync(message))
    assert.deepEqual(messages(after(compressing('client', { maxMessageSize: 5000 }), octets)), [message])
    const client = compressing('client', { maxMessageSize: 4999 })
    client.receive(octets)
    failed(client, 1009)
  })

  it('permessage-deflate leaves short messages as they are', () => {
    const server = opened('server', { agreement: DEFLATE })
    assert.deepEqual(server.send({ type: 'text', data: 'Hello' }), hex('81 05 48 65 6c 6c 6f'))
    assert.deepEqual(server.send({ type: 'bytes', data: hex('01') }), hex('82 01 01'))
    assert.equal(server.send({ type: 'bytes', data: new Uint8Array(64) })[0], 0xc2)
    assert.equal(server.send({ type: 'text', data: 'a'.repeat(64) })[0], 0xc1)
    // How long a message in pieces will be is not known.
    assert.equal(server.send({ type: 'text', data: 'a', messageFinished: false })[0], 0x41)
    assert.equal(server.send({ type: 'text', data: 'a' })[0], 0x80)
  })

  it('never reaches further back than the window agreed on', () => {
    const sentence = Buffer.from('The quick brown fox jumps over the lazy dog, and the dog does not mind at all. ')
    for (const bits of [8, 9, 12, 15]) {
      const agreement = without({ clientMaxWindowBits: bits, serverMaxWindowBits: bits })
      const client = compressing('client', { agreement })
      const server = compressing('server', { agreement })
      const octets: Uint8Array[] = []
      const expected: Buffer[] = []
      for (let i = 0; i < 60; i++) {
        const data = Buffer.concat(Array(1 + (i % 40)).fill(sentence), (i * 997) % 3000)
        expected.push(data)
        octets.push(server.send({ type: 'bytes', data, messageFinished: true }))
      }
      assert.deepEqual(messages(after(client, ...octets)), expected)
    }
  })

  it('permessage-deflate fails when the peer uses a larger window than agreed on', () => {
    const far = Buffer.concat([
      Buffer.from('unrepeated beginning'),
      Buffer.alloc(2000),
      Buffer.from('unrepeated beginning'),
    ])
    const client = compressing('client', { agreement: without({ serverMaxWindowBits: 9 }) })
    client.receive(frame(0xc2, deflateRawSync(far)))
    failed(client, 1007)
  })

  it('permessage-deflate refuses options out of range', () => {
    for (const deflate of [
      { serverMaxWindowBits: 7 },
      { clientMaxWindowBits: 16 },
      { level: 10 },
      { memLevel: 0 },
      { threshold: -1 },
      { threshold: 1.5 },
    ]) {
      assert.throws(() => opened('client', { deflate }), LocalProtocolError)
    }
  })
})
