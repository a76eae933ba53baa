import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyMask, KeySource } from '../../src/websocket/mask.ts'
import { fc, runs } from '../support/property.ts'

describe('applyMask', () => {
  it('applyMask does as octet by octet, at any place in memory and from any phase', () => {
    const octets = fc.uint8Array({ maxLength: 200 })
    const key = fc.uint8Array({ minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(octets, key, fc.nat(9), fc.nat(3), (payload, mask, offset, phase) => {
        const memory = new Uint8Array(offset + payload.length + 3).fill(0xaa)
        memory.set(payload, offset)
        applyMask(memory, offset, offset + payload.length, mask, phase)
        const expected = payload.map((octet, i) => octet ^ mask[(i + phase) % 4])
        assert.deepEqual(memory.slice(offset, offset + payload.length), expected)
        assert.ok(memory.subarray(0, offset).every((octet) => octet === 0xaa))
        assert.ok(memory.subarray(offset + payload.length).every((octet) => octet === 0xaa))
      }),
      runs(500),
    )
  })

  it('applyMask begins with the first octet of the key', () => {
    const octets = new Uint8Array(64)
    applyMask(octets, 0, 64, Uint8Array.of(1, 2, 3, 4))
    assert.deepEqual([...octets.subarray(0, 5), octets[63]], [1, 2, 3, 4, 1, 4])
  })
})

describe('KeySource', () => {
  it('KeySource uses every octet of randomness once', () => {
    let filled = 0
    const keys = new KeySource((octets) => {
      for (let i = 0; i < octets.length; i += 4)
        new DataView(octets.buffer, octets.byteOffset + i).setUint32(0, filled++)
    })
    for (let i = 0; i < 3000; i++) {
      const key = keys.next()
      assert.equal(new DataView(key.buffer, key.byteOffset).getUint32(0), i)
    }
  })

  it('KeySource is random by default', () => {
    const keys = new KeySource()
    assert.notDeepEqual(keys.next().slice(), keys.next().slice())
    assert.equal(keys.take(16).length, 16)
  })
})
