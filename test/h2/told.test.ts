/** What a connection tells of frames that change little, and what its owner may say beyond requests and answers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GoawayError, InvalidArgumentError } from '../../src/errors.ts'
import { ErrorCode, serializeFrame } from '../../src/frame/index.ts'
import type { H2ConnectionOptions } from '../../src/h2/index.ts'
import { Pair, Side } from '../support/pair.ts'
import { GET, POST } from '../support/peer.ts'

class Curious extends Side {
  readonly told: unknown[] = []
  onPing(payload: Uint8Array): void {
    this.told.push(['PING', Buffer.from(payload).toString('latin1')])
  }
  onPriority(...what: unknown[]): void {
    this.told.push(['PRIORITY', ...what])
  }
  onPriorityUpdate(streamId: number, { urgency, incremental }: { urgency: number; incremental: boolean }): void {
    this.told.push(['PRIORITY_UPDATE', streamId, urgency, incremental])
  }
  onUnknownFrame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.told.push([type, flags, streamId, Buffer.from(payload).toString('latin1')])
  }
}

function curious(): { pair: Pair; server: Curious } {
  const server = new Curious({ role: 'server' })
  return { pair: new Pair({}, {}, { client: new Side({ role: 'client' }), server }), server }
}

describe('the listener of a connection is called for', () => {
  test('each PING of the peer, which is answered without it', () => {
    const { pair, server } = curious()
    pair.client.connection.ping(Buffer.from('12345678'))
    pair.flow()
    assert.deepEqual(server.told, [['PING', '12345678']])
    assert.deepEqual(pair.client.pongs, ['12345678'])
  })

  test('the priorities of RFC 7540, in a frame of their own and in HEADERS', () => {
    const { pair, server } = curious()
    const priority = { exclusive: true, dependsOn: 5, weight: 16 }
    server.connection.receive(serializeFrame({ type: 'PRIORITY', streamId: 3, ...priority }))
    server.connection.receive(serializeFrame({ type: 'PRIORITY', streamId: 3, ...priority, dependsOn: 3 }))
    assert.deepEqual(server.told, [['PRIORITY', 3, 5, 16, true]])
    const block = Buffer.from('828684410f7777772e6578616d706c652e636f6d', 'hex')
    const frame = { type: 'HEADERS' as const, streamId: 1, endStream: true, endHeaders: true, block }
    server.connection.receive(serializeFrame({ ...frame, priority: { exclusive: false, dependsOn: 0, weight: 256 } }))
    assert.deepEqual(server.told.at(-1), ['PRIORITY', 1, 0, 256, false])
    assert.equal(server.requests.length, 1)
    pair.flow()
  })

  test('PRIORITY_UPDATE, also of a stream that has not begun', () => {
    const { pair, server } = curious()
    const value = 'u=1, i'
    server.connection.receive(serializeFrame({ type: 'PRIORITY_UPDATE', streamId: 0, prioritizedStreamId: 9, value }))
    assert.deepEqual(server.told, [['PRIORITY_UPDATE', 9, 1, true]])
    pair.flow()
  })

  test('frames of types that are not ours', () => {
    const { pair, server } = curious()
    server.connection.receive(Buffer.from('0000030b42000000056162630000000b0000000000', 'hex'))
    assert.deepEqual(server.told, [
      [0x0b, 0x42, 5, 'abc'],
      [0x0b, 0, 0, ''],
    ])
    assert.equal(pair.server.failure, undefined)
  })
})

describe('padding', () => {
  /** A POST of which the server sees the octets and the DATA frames as they come. */
  function upload(padding: number | undefined, body: string, server: H2ConnectionOptions = {}) {
    const pair = new Pair({}, server)
    const { stream, at } = pair.request(POST, false)
    pair.client.connection.pad(stream, padding)
    pair.client.connection.write(stream, Buffer.from(body))
    pair.client.connection.end(stream)
    const before = pair.sent.client
    pair.flow()
    return { pair, at, octets: pair.sent.client - before }
  }

  test('padding is added to each DATA frame of the stream, and the body stays as it is', () => {
    const plain = upload(undefined, 'hello')
    for (const padding of [0, 1, 255]) {
      const { at, octets } = upload(padding, 'hello')
      assert.equal(octets, plain.octets + padding + 1)
      assert.equal(at.seen.body, 'hello')
      assert.deepEqual(at.seen.trailers, [])
    }
  })

  test('padding counts in the windows, and is left out where they have no room for it', () => {
    const { pair, at } = upload(100, 'x'.repeat(150), { streamWindow: 101 })
    assert.equal(at.seen.body, 'x'.repeat(150))
    assert.equal(pair.server.failure, undefined)
  })

  test('padding of more than an octet can say is refused', () => {
    const { client } = new Pair()
    const stream = client.connection.request(POST, false, new (class extends Object {})() as never)
    for (const wrong of [-1, 256, 1.5, Number.NaN]) {
      assert.throws(() => client.connection.pad(stream, wrong), InvalidArgumentError)
    }
  })
})

describe('GOAWAY with a last stream of one’s own choice', () => {
  test('GOAWAY with a last stream of one’s own choice says of those above it that nothing was done for them', () => {
    const pair = new Pair()
    const first = pair.request(GET)
    const second = pair.request(GET)
    const { connection } = pair.server
    assert.equal(connection.lastStreamId, 3)
    connection.goaway(ErrorCode.NO_ERROR, 'enough', 1)
    assert.equal(connection.lastStreamId, 1)
    assert.ok(second.at.seen.error instanceof GoawayError)
    pair.flow()
    assert.deepEqual(pair.client.goaways, [{ code: 0, lastStreamId: 1, debug: 'enough' }])
    assert.ok(second.seen.error instanceof GoawayError && second.seen.error.retryable)
    connection.respond(first.at.stream, [':status', '204'], true)
    pair.flow()
    assert.equal(first.seen.status, 204)
  })

  test('GOAWAY with a last stream of one’s own choice is refused above the last that came', () => {
    const { server } = new Pair()
    for (const wrong of [1, -1, 0.5]) {
      assert.throws(() => server.connection.goaway(0, '', wrong), /GOAWAY may name a stream from 0 to 0/)
    }
  })
})
