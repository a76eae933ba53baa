import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { prepareBody } from '../../src/exchange/body.ts'
import type { Body } from '../../src/exchange/contract.ts'
import { chunkBytes, destroySource } from '../../src/exchange/source.ts'

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

test('text and bytes are there whole, with their length in octets', () => {
  for (const body of ['grüße', Buffer.from('grüße'), new TextEncoder().encode('grüße').buffer, () => 'grüße']) {
    const prepared = prepareBody(body)
    assert.deepEqual([text(prepared.bytes), prepared.source, prepared.length], ['grüße', null, 7])
  }
})

test('nothing, and an empty body, are no body', () => {
  for (const body of [null, undefined, '', new Uint8Array(0), new ArrayBuffer(0), new Blob([]), () => null]) {
    assert.deepEqual(prepareBody(body), { bytes: null, source: null, length: 0 })
  }
})

test('a Blob is a source of known length, an iterable one of unknown length', () => {
  assert.equal(prepareBody(new Blob(['abc'])).length, 3)
  for (const body of [['abc'], Readable.from(['abc']), (async function* () {})()]) {
    assert.equal(prepareBody(body).length, -1)
  }
})

test('a value that cannot be a body is refused, and its type is named', () => {
  for (const body of [7, true, {}, Symbol.iterator]) {
    assert.throws(() => prepareBody(body as unknown as Body), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  }
})

test('pieces are text or any kind of bytes', () => {
  const bytes = Buffer.from('ab')
  for (const piece of ['ab', bytes, new Uint8Array(bytes).buffer, new DataView(new Uint8Array(bytes).buffer)]) {
    assert.equal(text(chunkBytes(piece)), 'ab')
  }
  for (const piece of [1, null, undefined, {}]) {
    assert.throws(() => chunkBytes(piece), { code: 'ERR_HYPER_INVALID_ARGUMENT' })
  }
})

test('a source that will not be read to its end is destroyed where it can be', async () => {
  const stream = Readable.from(['a'])
  const closed = new Promise((resolve) => stream.once('error', resolve))
  destroySource(stream, new Error('enough'))
  assert.ok((await closed) instanceof Error)
  destroySource(['a'], new Error('enough'))
})
