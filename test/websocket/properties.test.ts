import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { type Agreement, WSConnection } from '../../src/websocket/index.ts'
import { fc, runs } from '../support/property.ts'
import { events, messages, opened, PLAIN } from './pair.ts'

const bits = fc.integer({ min: 8, max: 15 })
const agreement: fc.Arbitrary<Agreement> = fc
  .option(
    fc.record({
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
      serverMaxWindowBits: bits,
      clientMaxWindowBits: bits,
    }),
  )
  .map((deflate) => ({ subprotocol: undefined, deflate }))

const repetitive = fc
  .tuple(fc.uint8Array({ maxLength: 20 }), fc.nat(60))
  .map(([octets, n]) => Buffer.concat(Array(n).fill(octets)))
const message = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
  repetitive,
)
const setup = fc.record({
  agreement,
  clientSends: fc.boolean(),
  threshold: fc.constantFrom(0, 64),
  mode: fc.constantFrom('whole' as const, 'pieces' as const),
})
const job = fc.record({ message, cuts: fc.array(fc.nat(400), { maxLength: 4 }), ping: fc.boolean() })

/** Cuts into pieces at places that lie within. */
function cut<T extends string | Buffer>(whole: T, cuts: readonly number[]): T[] {
  const places = [0, ...cuts.map((place) => place % (whole.length + 1)).sort((a, b) => a - b), whole.length]
  return places.slice(1).map((place, i) => whole.slice(places[i], place) as T)
}

describe('messages', () => {
  it('messages come through whole, however they are fragmented, compressed and cut', () => {
    fc.assert(
      fc.property(
        setup,
        fc.array(job, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        ({ agreement, clientSends, threshold, mode }, jobs, sizes) => {
          const options = { agreement, deflate: { threshold }, messages: mode }
          const sender = opened(clientSends ? 'client' : 'server', options)
          const receiver = opened(clientSends ? 'server' : 'client', options)
          const octets: Uint8Array[] = []
          for (const { message, cuts, ping } of jobs) {
            const pieces: (string | Buffer)[] = cut(message, cuts)
            pieces.forEach((data, i) => {
              const messageFinished = i === pieces.length - 1
              const event =
                typeof data === 'string'
                  ? { type: 'text' as const, data, messageFinished }
                  : { type: 'bytes' as const, data, messageFinished }
              octets.push(sender.send(event))
              if (ping) octets.push(sender.send({ type: 'ping', payload: Uint8Array.of(i) }))
            })
          }
          octets.push(sender.send({ type: 'close', code: 1000, reason: 'done' }))
          const wire = Buffer.concat(octets)
          for (let at = 0, i = 0; at < wire.length; i++) {
            const size = sizes[i % sizes.length]
            receiver.receive(wire.subarray(at, at + size))
            at += size
          }
          const list = events(receiver)
          const expected = jobs.map(({ message }) =>
            typeof message === 'string' ? Buffer.from(message).toString() : message,
          )
          assert.deepEqual(messages(list), expected)
          assert.deepEqual(list.at(-1), { type: 'close', code: 1000, reason: 'done' })
          sender.receive(receiver.takeOutgoing())
          assert.deepEqual(events(sender).at(-1), { type: 'close', code: 1000, reason: '' })
          assert.equal(sender.state, 'closed')
          assert.equal(receiver.state, 'closed')
        },
      ),
      runs(200),
    )
  })
})

describe('the handshake', () => {
  const side = fc.option(
    fc.record(
      {
        serverNoContextTakeover: fc.boolean(),
        clientNoContextTakeover: fc.boolean(),
        serverMaxWindowBits: bits,
        clientMaxWindowBits: bits,
      },
      { requiredKeys: [] },
    ),
  )

  it('leads both ends to one agreement that both can keep, whatever their options', () => {
    fc.assert(
      fc.property(side, side, fc.array(message, { maxLength: 4 }), (ours, theirs, list) => {
        const client = new WSConnection({ role: 'client', deflate: ours === null ? false : { ...ours, threshold: 0 } })
        const server = new WSConnection({
          role: 'server',
          deflate: theirs === null ? false : { ...theirs, threshold: 0 },
        })
        server.receive(client.send({ type: 'request', host: 'a' }))
        client.receive(server.send({ type: 'accept' }))
        assert.equal(client.state, 'open')
        const { clientNoContextTakeover: _, ...agreed } = client.agreement?.deflate ?? {}
        const { clientNoContextTakeover: __, ...other } = server.agreement?.deflate ?? {}
        assert.deepEqual(agreed, other)
        assert.equal(client.agreement?.deflate !== null, ours !== null && theirs !== null)
        for (const [from, to] of [
          [client, server],
          [server, client],
        ]) {
          events(to)
          for (const data of [...list, ...list]) {
            to.receive(from.send(typeof data === 'string' ? { type: 'text', data } : { type: 'bytes', data }))
          }
          const expected = list.map((data) => (typeof data === 'string' ? Buffer.from(data).toString() : data))
          assert.deepEqual(messages(events(to)), [...expected, ...expected])
        }
      }),
      runs(150),
    )
  })
})

describe('whatever the peer sends', () => {
  const valid = (() => {
    const server = opened('server', { agreement: PLAIN })
    const list = [server.send({ type: 'text', data: 'some text: ü' }), server.send({ type: 'ping' })]
    list.push(server.send({ type: 'bytes', data: new Uint8Array(300), messageFinished: false }))
    list.push(server.send({ type: 'bytes', data: new Uint8Array(9) }), server.send({ type: 'close', code: 1001 }))
    return Buffer.concat(list)
  })()
  const head =
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n'
  const request =
    'GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n' +
    'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n'
  const rejection = 'HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nHello\r\n0\r\nt: x\r\n\r\n'
  const seeds = [valid, ...[head, request, rejection].map((text) => Buffer.from(text))]
  const change = fc.tuple(fc.nat(500), fc.nat(255), fc.nat(3))
  const mutated = fc.tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 5 })).map(([seed, changes]) => {
    let octets = Buffer.from(seed)
    for (const [place, octet, kind] of changes) {
      const at = place % (octets.length + 1)
      if (kind === 0) octets = Buffer.concat([octets.subarray(0, at), Uint8Array.of(octet), octets.subarray(at)])
      else if (kind === 1) octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1)])
      else if (at < octets.length) octets[at] = octet
    }
    return octets
  })
  const input = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
  )

  it('whatever the peer sends ends in typed errors at the most, however it is cut', () => {
    const connections = [
      () => new WSConnection({ role: 'server', deflate: true }),
      () => {
        const client = new WSConnection({ role: 'client', deflate: true })
        client.send({ type: 'request', host: 'a' })
        return client
      },
      () => opened('client'),
      () => opened('client', { messages: 'pieces', autoReply: false }),
      () => opened('server', { agreement: { subprotocol: undefined, deflate: null } }),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...connections), input, fc.integer({ min: 1, max: 300 }), (make, octets, size) => {
        const run = (step: number) => {
          const connection = make()
          for (let at = 0; at < octets.length; at += step) connection.receive(octets.subarray(at, at + step))
          connection.receive(null)
          const list = events(connection)
          // One error at the most, and nothing behind it.
          const error = list.findIndex((event) => event.type === 'error')
          assert.ok(error === -1 || error === list.length - 1)
          assert.ok(connection.takeOutgoing().length < 300 + octets.length)
          return list
        }
        // How the octets are cut changes nothing but the pieces.
        assert.deepEqual(
          run(size).map(kind).filter(isWhole),
          run(octets.length + 1)
            .map(kind)
            .filter(isWhole),
        )
      }),
      runs(3000),
    )
  })
})

function kind(event: { type: string }): string {
  return event.type
}

function isWhole(type: string): boolean {
  return type !== 'text' && type !== 'bytes' && type !== 'rejectData'
}
