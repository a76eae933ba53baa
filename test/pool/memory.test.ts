import '../support/virtual-time.ts'

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_REMEMBERED_PROTOCOLS, PROTOCOL_MEMORY } from '../../src/limits.ts'
import { ProtocolMemory } from '../../src/pool/memory.ts'

describe('which origins speak only HTTP/1.1', () => {
  test('an origin that speaks only HTTP/1.1 is remembered for a while, from the last time it said so', (t) => {
    let at = 1000
    t.mock.method(performance, 'now', () => at)
    const memory = new ProtocolMemory()
    assert.equal(memory.http1('a'), false)
    memory.remember('a')
    at += PROTOCOL_MEMORY - 1
    assert.equal(memory.http1('a'), true)
    memory.remember('a')
    at += PROTOCOL_MEMORY - 1
    assert.equal(memory.http1('a'), true)
    at += 1
    assert.equal(memory.http1('a'), false)
  })

  test('of the origins remembered to speak only HTTP/1.1 the oldest is forgotten first', () => {
    const memory = new ProtocolMemory()
    for (let i = 0; i < MAX_REMEMBERED_PROTOCOLS; i++) memory.remember(`${i}`)
    memory.remember('0')
    memory.remember('one more')
    assert.deepEqual(
      ['0', '1', '2', 'one more'].map((key) => memory.http1(key)),
      [true, false, true, true],
    )
  })
})
