/**
 * A client against a server, both ours, with random traffic, windows, settings and resets, the octets cut at random: both
 * ends see the same messages, nothing is lost, and the windows add up at the end.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { H2Stream } from '../../src/h2/index.ts'
import { Pair } from '../support/pair.ts'
import { GET, POST, Recorder } from '../support/peer.ts'
import { fc, runs } from '../support/property.ts'

interface Exchange {
  readonly up: number[]
  readonly down: number[]
  readonly upTrailers: boolean
  readonly downTrailers: boolean
  readonly informational: number
  readonly large: boolean
  /** Who resets it in the middle, if anybody. */
  readonly reset: 'client' | 'server' | undefined
  readonly urgency: number
}

const sizes = fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 4 })
const exchange: fc.Arbitrary<Exchange> = fc.record({
  up: sizes,
  down: sizes,
  upTrailers: fc.boolean(),
  downTrailers: fc.boolean(),
  informational: fc.integer({ min: 0, max: 3 }),
  large: fc.boolean(),
  reset: fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('client' as const, 'server' as const) },
  ),
  urgency: fc.integer({ min: 0, max: 7 }),
})
const options = fc.record({
  // Smaller ones lead to WINDOW_UPDATE frames so tiny that they are rationed.
  streamWindow: fc.integer({ min: 200, max: 100_000 }),
  connectionWindow: fc.integer({ min: 65_535, max: 200_000 }),
})
const settings = fc.record({
  initialWindowSize: fc.oneof(fc.constant(0), fc.integer({ min: 200, max: 100_000 })),
  maxFrameSize: fc.integer({ min: 16_384, max: 30_000 }),
  headerTableSize: fc.integer({ min: 0, max: 8192 }),
})

/** What was asked for, as both ends must see it. */
const text = (length: number, seed: number): string => String.fromCharCode(97 + (seed % 26)).repeat(length)

test('both ends see the same messages, whatever the windows, settings, resets and cuts', () => {
  fc.assert(
    fc.property(
      fc.array(exchange, { minLength: 1, maxLength: 12 }),
      options,
      options,
      fc.array(settings, { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 30 }),
      (exchanges, clientOptions, serverOptions, changes, cuts) => {
        const pair = new Pair(clientOptions, serverOptions)
        let turn = 0
        const cut = (): number => cuts[turn++ % cuts.length]
        const { client, server } = pair
        const opened = exchanges.map((plan, index) => {
          const seen = new Recorder()
          seen.connection = client.connection
          const head = plan.up.length === 0 && !plan.upTrailers ? GET : POST
          const fields = plan.large ? ['x-large', '\u00e4'.repeat(20_000)] : ['x-index', String(index)]
          const stream = client.connection.request([...head, ...fields], head === GET, seen)
          if (head === POST) {
            for (const [at, size] of plan.up.entries()) {
              client.connection.write(stream, Buffer.from(text(size, index + at)))
            }
            client.connection.end(stream, plan.upTrailers ? ['x-up', String(index)] : null)
          }
          client.connection.prioritize(stream, plan.urgency, index % 2 === 0)
          return { plan, index, stream, seen }
        })
        pair.flow(cut, 5000)
        for (const [at, change] of changes.entries()) {
          const side = at % 2 === 0 ? client : server
          side.connection.updateSettings(change)
        }
        const answered = new Map<number, H2Stream>()
        for (const { plan, index, stream } of opened) {
          if (plan.reset === 'client') {
            client.connection.reset(stream)
            continue
          }
          const request = server.requests.find((one) => one.stream.id === stream.id)
          assert.ok(request, `the server has stream ${stream.id}`)
          if (plan.reset === 'server') {
            server.connection.reset(request.stream)
            continue
          }
          for (let i = 0; i < plan.informational; i++) server.connection.inform(request.stream, [':status', '103'])
          server.connection.respond(request.stream, [':status', '200', 'x-index', String(index)], false)
          for (const [at, size] of plan.down.entries()) {
            server.connection.write(request.stream, Buffer.from(text(size, index + at + 7)))
          }
          answered.set(stream.id, request.stream)
        }
        // A window of 0 opens again, so that what waits can go.
        for (const side of [client, server]) side.connection.updateSettings({ initialWindowSize: 50_000 })
        pair.flow(cut, 5000)
        for (const { plan, index, stream } of opened) {
          const response = answered.get(stream.id)
          if (response !== undefined)
            server.connection.end(response, plan.downTrailers ? ['x-down', String(index)] : null)
        }
        pair.flow(cut, 5000)

        assert.equal(client.failure, undefined)
        assert.equal(server.failure, undefined)
        for (const { plan, index, stream, seen } of opened) {
          const request = server.requests.find((one) => one.stream.id === stream.id)
          if (plan.reset === 'client') {
            assert.ok(request?.seen.error ?? seen.error === undefined)
            continue
          }
          assert.equal(seen.ends, 1)
          if (plan.reset === 'server') {
            assert.ok(seen.error)
            continue
          }
          assert.ok(request)
          assert.equal(seen.error, undefined)
          assert.equal(request.seen.body, plan.up.map((size, at) => text(size, index + at)).join(''))
          assert.deepEqual(request.seen.trailers, plan.upTrailers ? ['x-up', String(index)] : [])
          assert.equal(seen.informational.length, plan.informational)
          assert.deepEqual(seen.fields, ['x-index', String(index)])
          assert.equal(seen.body, plan.down.map((size, at) => text(size, index + at + 7)).join(''))
          assert.deepEqual(seen.trailers, plan.downTrailers ? ['x-down', String(index)] : [])
        }
        assert.equal(client.connection.openStreams, 0)
        assert.equal(server.connection.openStreams, 0)
        assert.deepEqual(client.connection.windows(), {
          send: server.connection.windows().receive,
          receive: server.connection.windows().send,
        })
        // The connection still works.
        const { seen, at } = pair.request(GET)
        server.connection.respond(at.stream, [':status', '204'], true)
        pair.flow(cut)
        assert.equal(seen.status, 204)
      },
    ),
    runs(200),
  )
})

test('random and mutated octets end in our own errors only, whatever the state', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 80 }),
          // Frames with a plausible header get further.
          fc
            .tuple(
              fc.integer({ min: 0, max: 0x11 }),
              fc.integer({ min: 0, max: 0xff }),
              fc.integer({ min: 0, max: 5 }),
              fc.uint8Array({ maxLength: 40 }),
            )
            .map(([type, flags, stream, payload]) =>
              Uint8Array.of(0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload),
            ),
        ),
        { maxLength: 30 },
      ),
      fc.boolean(),
      fc.boolean(),
      (chunks, toServer, enablePush) => {
        const pair = new Pair({ enablePush }, {})
        const { seen } = pair.request(POST, false)
        const target = toServer ? pair.server : pair.client
        for (const chunk of chunks) target.connection.receive(chunk)
        target.connection.takeOutput(1 << 20)
        if (target.failure !== undefined) {
          assert.equal(target.failure.code, 'ERR_HYPER_PROTOCOL')
          assert.equal(target.connection.openStreams, 0)
        }
        assert.ok(seen.ends <= 1)
      },
    ),
    runs(3000),
  )
})
