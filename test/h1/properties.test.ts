/** Whatever the messages and however their octets are cut. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HyperError } from '../../src/errors.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { fc, runs } from '../support/property.ts'
import { cut, cuts, mutate, mutation, request, response } from './corpus.ts'
import { Client, GET, octetsOf, Server, type Told, textOf } from './support.ts'

const mutations = fc.array(mutation, { maxLength: 3 })
const codes = /^ERR_HYPER_(?:PROTOCOL|HEADERS_TOO_LARGE|NOT_SUPPORTED|CONNECTION_LOST)$/

/** A client that has asked, and hears these octets. */
function heardBy(client: Client, octets: readonly Buffer[]): readonly Told[] {
  client.h1.request(GET)
  for (const piece of octets) client.h1.receive(piece)
  client.h1.receiveEnd()
  return client.told
}

/** A server that answers each request at once, and hears these octets. */
function servedBy(server: Server, octets: readonly Buffer[]): readonly Told[] {
  server.after = ([what]) => {
    if (what !== 'end') return
    server.h1.respond({ status: 200, fields: [], bodyLength: 0 })
    server.h1.next()
  }
  for (const piece of octets) server.h1.receive(piece)
  server.h1.receiveEnd()
  return server.told
}

/**
 * What must be the same however the octets are cut. A fault may be found before all of the head is there, and then says
 * something else.
 */
function settled(told: readonly Told[]): readonly Told[] {
  return told.map((one) => (one[0] === 'failed' ? ['failed', one[1], ''] : one))
}

test('a response, valid or not, leads to the same callbacks however it is cut, and never makes the client throw', () => {
  fc.assert(
    fc.property(response, mutations, cuts, (whole, changes, lengths) => {
      const text = mutate(whole, changes)
      const client = new Client()
      const told = heardBy(client, [octetsOf(text)])
      assert.deepEqual(settled(heardBy(new Client(), cut(text, lengths))), settled(told))
      assert.deepEqual(settled(heardBy(new Client(), cut(text, [1]))), settled(told))
      assert.ok(client.error === undefined || (client.error instanceof HyperError && codes.test(client.error.code)))
      assert.ok(told.filter(([what]) => what === 'end' || what === 'failed').length > 0)
    }),
    runs(500),
  )
})

test('requests, valid or not, lead to the same callbacks however they are cut, and never make the server throw', () => {
  const requests = fc.array(request, { minLength: 1, maxLength: 4 }).map((several) => several.join(''))
  fc.assert(
    fc.property(requests, mutations, cuts, (whole, changes, lengths) => {
      const text = mutate(whole, changes)
      const server = new Server()
      const told = servedBy(server, [octetsOf(text)])
      assert.deepEqual(settled(servedBy(new Server(), cut(text, lengths))), settled(told))
      assert.deepEqual(settled(servedBy(new Server(), cut(text, [1]))), settled(told))
      assert.ok(server.error === undefined || (server.error instanceof HyperError && codes.test(server.error.code)))
    }),
    runs(300),
  )
})

test('random octets lead to the same callbacks however they are cut', () => {
  const anything = fc.string({ unit: fc.constantFrom(...'HTTP/1. 20\r\n:;aF\0\xff'), maxLength: 60 })
  fc.assert(
    fc.property(
      anything,
      fc.constantFrom('', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
      cuts,
      (rest, start, lengths) => {
        const told = heardBy(new Client(), [octetsOf(start + rest)])
        assert.deepEqual(settled(heardBy(new Client(), cut(start + rest, lengths))), settled(told))
      },
    ),
    runs(500),
  )
})

test('pauses at random do not change the callbacks', () => {
  fc.assert(
    fc.property(response, cuts, fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), (text, lengths, pauses) => {
      const told = heardBy(new Client(), [octetsOf(text)])
      const client = new Client()
      let turn = 0
      client.after = () => {
        if (pauses[turn++ % pauses.length]) client.h1.pause()
      }
      heardBy(client, cut(text, lengths))
      for (let i = 0; client.h1.paused && i < 10_000; i++) client.h1.resume()
      assert.deepEqual(client.told, told)
      assert.equal(client.h1.unread, 0)
    }),
    runs(200),
  )
})

test('memory that is lent is overwritten after each read, and what is told is the same, with pauses at random', () => {
  fc.assert(
    fc.property(
      response,
      mutations,
      cuts,
      fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
      (whole, changes, lengths, pauses) => {
        const text = mutate(whole, changes)
        const told = heardBy(new Client(), [octetsOf(text)])
        const client = new Client()
        let turn = 0
        client.after = () => {
          if (pauses[turn++ % pauses.length]) client.h1.pause()
        }
        client.h1.request(GET)
        const memory = Buffer.alloc(Math.max(1, text.length))
        for (const piece of cut(text, lengths)) {
          piece.copy(memory)
          client.h1.receive(memory.subarray(0, piece.length), true)
          memory.fill('~')
        }
        client.h1.receiveEnd()
        for (let i = 0; client.h1.paused && i < 10_000; i++) client.h1.resume()
        assert.deepEqual(settled(client.told), settled(told))
      },
    ),
    runs(500),
  )
})

const name = fc
  .string({ unit: fc.constantFrom(..."abcXYZ019!#$%&'*+-.^_`|~"), minLength: 1, maxLength: 12 })
  .map((text) => `x${text}`)
const value = fc
  .string({ unit: fc.constantFrom(...'abc XYZ 019 \t!"(),/:;=@{}\xa0\xff'), maxLength: 30 })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 }).map((pairs) => pairs.flat())
const pieces = fc.array(fc.string({ unit: fc.constantFrom(...'abc\r\n\0\xff'), maxLength: 300 }), { maxLength: 5 })

interface Message {
  readonly fields: FieldList
  readonly pieces: readonly string[]
  readonly trailers: FieldList
  /** Is the length of the body told beforehand? */
  readonly told: boolean
}
const message: fc.Arbitrary<Message> = fc.record({
  fields,
  pieces,
  trailers: fc.oneof({ weight: 2, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: fields }),
  told: fc.boolean(),
})
const exchange = fc.record({
  method: fc.constantFrom('GET', 'POST', 'HEAD', 'DELETE', 'x-own'),
  target: fc.constantFrom('/', '/a?b=\xff', 'http://example.com/x', '/"'),
  up: message,
  down: message,
  status: fc.constantFrom(200, 204, 304, 404, 599, 999),
  reason: value,
  informational: fc.array(fields, { maxLength: 2 }),
})

function lower(list: FieldList): FieldList {
  return list.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text))
}

function bodyOf({ pieces: texts, told, trailers }: Message): { body: string; bodyLength: number; trailers: boolean } {
  const body = texts.join('')
  return { body, bodyLength: told ? body.length : -1, trailers: trailers.length > 0 }
}

test('a client and a server understand one another, exchange after exchange, however the octets are cut', () => {
  fc.assert(
    fc.property(fc.array(exchange, { minLength: 1, maxLength: 5 }), cuts, (exchanges, lengths) => {
      const client = new Client()
      const server = new Server()
      const up = (text: string): void => {
        for (const octets of cut(text, lengths)) server.h1.receive(octets)
      }
      const down = (text: string): void => {
        for (const octets of cut(text, lengths)) client.h1.receive(octets)
      }
      for (const { method, target, status, reason, informational, ...plan } of exchanges) {
        client.told = []
        server.told = []
        assert.ok(client.h1.reusable)
        const sent = bodyOf(plan.up)
        up(client.h1.request({ method, target, authority: 'example.com', fields: plan.up.fields, ...sent }))
        if (client.h1.ourState === 'sending') {
          for (const piece of plan.up.pieces) up(textOf(client.h1.data(octetsOf(piece))))
          up(client.h1.end(plan.up.trailers))
        }
        assert.deepEqual([server.head.method, server.head.target], [method, target])
        const received = server.head.raw.slice(2, 2 + plan.up.fields.length)
        assert.deepEqual(received, plan.up.fields)
        assert.equal(server.body, sent.body)
        assert.deepEqual(server.trailers, lower(plan.up.trailers))

        for (const early of informational) down(server.h1.inform(103, early))
        const answer = bodyOf(plan.down)
        const bodiless = method === 'HEAD' || status === 204 || status === 304
        down(server.h1.respond({ status, reason, fields: plan.down.fields, ...answer }))
        if (server.h1.ourState === 'sending') {
          for (const piece of plan.down.pieces) down(textOf(server.h1.data(octetsOf(piece))))
          down(server.h1.end(plan.down.trailers))
        }
        server.h1.next()
        assert.deepEqual(
          client.told.slice(0, informational.length),
          informational.map((early) => ['informational', 103, lower(early)]),
        )
        assert.deepEqual([client.head.status, client.head.reason], [status, reason])
        assert.deepEqual(client.head.raw.slice(0, plan.down.fields.length), plan.down.fields)
        assert.equal(client.body, bodiless ? '' : answer.body)
        assert.deepEqual(client.trailers, bodiless ? [] : lower(plan.down.trailers))
      }
      assert.deepEqual([server.h1.theirState, server.h1.ourState], ['waiting', 'idle'])
      assert.deepEqual([client.error, server.error], [undefined, undefined])
    }),
    runs(200),
  )
})
