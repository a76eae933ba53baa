/** Wrong calls: each is refused with a typed error, and nothing is sent or changed for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from '../../src/errors.ts'
import type { H2Connection, H2Stream } from '../../src/h2/index.ts'
import { Pair } from '../support/pair.ts'
import { POST } from '../support/peer.ts'

interface Place {
  readonly client: H2Connection
  readonly server: H2Connection
  readonly ours: H2Stream
  readonly theirs: H2Stream
}

const numbers = [-1, 1.5, Number.NaN, 2 ** 33, 'x']
const notOctets = ['text', 5, [1], new ArrayBuffer(3), new Uint16Array(2), null, undefined]
const notSections = [5, 'x', {}, [':method'], [...POST, 'a', 5], [...POST, 'a', undefined]]
const settings = [
  null,
  { initialWindowsize: 1 },
  { initialWindowSize: 2 ** 31 },
  { initialWindowSize: -1 },
  { maxFrameSize: 16_383 },
  { maxFrameSize: 2 ** 24 },
  { headerTableSize: 'x' },
  { maxConcurrentStreams: 1.5 },
  { enablePush: 5 },
]

const calls: readonly (readonly [
  name: string,
  values: readonly unknown[],
  call: (place: Place, value: never) => void,
])[] = [
  [
    'consume',
    [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 'x'],
    ({ client, ours }, value) => client.consume(ours, value),
  ],
  ['reset', numbers, ({ client, ours }, value) => client.reset(ours, value)],
  ['goaway', numbers, ({ client }, value) => client.goaway(value)],
  ['updateSettings', settings, ({ client }, value) => client.updateSettings(value)],
  ['updateSettings of a server', [{ enablePush: true }], ({ server }, value) => server.updateSettings(value)],
  ['write', notOctets, ({ client, ours }, value) => client.write(ours, value)],
  ['request', [null, undefined, ...notSections], ({ client }, value) => client.request(value, true, {} as never)],
  ['request without a listener', [null, undefined], ({ client }, value) => client.request(POST, true, value)],
  ['respond', [null, undefined, ...notSections], ({ server, theirs }, value) => server.respond(theirs, value, true)],
  ['inform', [null, undefined, ...notSections], ({ server, theirs }, value) => server.inform(theirs, value)],
  ['end', notSections, ({ client, ours }, value) => client.end(ours, value)],
]

for (const [name, values, call] of calls) {
  test(`${name}: what makes no sense is refused, and nothing is sent or changed for it`, () => {
    const pair = new Pair()
    const { stream: ours, at, seen } = pair.request(POST, false)
    const place = { client: pair.client.connection, server: pair.server.connection, ours, theirs: at.stream }
    for (const value of values) {
      assert.throws(() => call(place, value as never), InvalidArgumentError, `${name} of ${String(value)}`)
      assert.deepEqual([place.client.hasOutput, place.server.hasOutput], [false, false])
    }
    // Everything goes on.
    place.client.write(ours, Buffer.from('abc'))
    place.client.end(ours)
    pair.flow()
    place.server.respond(at.stream, [':status', '200'], true)
    pair.flow()
    assert.deepEqual([at.seen.body, seen.status, seen.ends], ['abc', 200, 1])
    assert.equal(pair.request(POST).stream.id, ours.id + 2)
  })
}

test('no limit is a setting that a side begins with, and is not sent', () => {
  const { client, server } = new Pair()
  client.connection.updateSettings({ maxConcurrentStreams: Number.POSITIVE_INFINITY, enablePush: false })
  const [sent] = client.connection.takeOutput(100)
  assert.deepEqual([...(sent ?? [])], [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
  assert.equal(server.failure, undefined)
})
