import assert from 'node:assert/strict'
import { Buffer, isUtf8 } from 'node:buffer'
import { describe, it } from 'node:test'
import { decodeUtf8, Utf8Reader } from '../../src/websocket/utf8.ts'
import { fc, runs } from '../support/property.ts'

/** The text of pieces; null when one of them, or the end, is wrong. */
function read(pieces: readonly Uint8Array[]): string | null {
  const reader = new Utf8Reader()
  let text = ''
  for (const piece of pieces) {
    const more = reader.push(piece, true)
    if (more === null) return null
    text += more
  }
  return reader.complete ? text : null
}

function cut(octets: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (octets.length + 1)), octets.length].sort((a, b) => a - b)
  return places.slice(1).map((place, i) => octets.subarray(places[i], place))
}

const cuts = fc.array(fc.nat(1000), { maxLength: 8 })

describe('Utf8Reader', () => {
  it('Utf8Reader reads text cut anywhere', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), cuts, (text, at) => {
        const octets = Buffer.from(text)
        assert.equal(read(cut(octets, at)), Buffer.from(text).toString())
      }),
    )
  })

  it('Utf8Reader accepts what is UTF-8 and nothing else', () => {
    const octet = fc.oneof(
      fc.nat(255),
      fc.constantFrom(0xe0, 0xed, 0xf0, 0xf4, 0xc2, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf),
    )
    fc.assert(
      fc.property(fc.array(octet, { maxLength: 8 }), cuts, (list, at) => {
        const octets = Uint8Array.from(list)
        assert.equal(read(cut(octets, at)), isUtf8(octets) ? decodeUtf8(octets) : null)
      }),
      runs(2000),
    )
  })

  it('Utf8Reader fails at the first octet that can be no part of a text', () => {
    const hopeless = [[0xc0], [0xc1], [0xf5], [0xff], [0x80], [0xe0, 0x9f], [0xed, 0xa0], [0xf0, 0x8f], [0xf4, 0x90]]
    hopeless.push([0xe1, 0x40], [0xf1, 0x80, 0xc0], [0xf1, 0x80, 0x80, 0x00], [0x41, 0xf8], [0x41, 0xf0, 0x80])
    for (const octets of hopeless) {
      const reader = new Utf8Reader()
      octets.forEach((octet, i) => {
        const last = i === octets.length - 1
        assert.equal(reader.push(Uint8Array.of(octet), false), last && octet !== 0x41 ? null : '', `${octets} ${i}`)
      })
      assert.equal(new Utf8Reader().push(Uint8Array.from(octets), false), null)
    }
  })

  it('Utf8Reader keeps a byte order mark', () => {
    assert.equal(read([Uint8Array.of(0xef, 0xbb, 0xbf, 0x41)]), '\ufeffA')
  })

  it('Utf8Reader says whether a character is cut', () => {
    const reader = new Utf8Reader()
    assert.equal(reader.complete, true)
    assert.equal(reader.push(Uint8Array.of(0x41, 0xc3), true), 'A')
    assert.equal(reader.complete, false)
    assert.equal(reader.push(Uint8Array.of(0xbc), true), 'ü')
    assert.equal(reader.complete, true)
  })
})
