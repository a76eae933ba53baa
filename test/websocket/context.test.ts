/** Context takeover against engines of node:zlib that do live on from message to message, as other implementations have them. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { Deflater, Inflater } from '../../src/websocket/deflate.ts'

const TAIL = Buffer.from('0000ffff', 'hex')

/** Messages with much in common, also over long distances. */
const list = Array.from({ length: 80 }, (_, i) => {
  const words = Array.from({ length: (i * 37) % 900 }, (_, k) => `word${(k * k + i * 7) % 211}`)
  return Buffer.from(words.join(' '))
})

describe('context takeover', () => {
  for (const bits of [8, 9, 11, 15]) {
    it(`what is deflated is read by an engine that lives on, with a window of ${bits} bits`, async () => {
      const deflater = new Deflater(bits, false, -1, 8)
      const inflate = createInflateRaw({ windowBits: bits })
      const parts: Buffer[] = []
      inflate.on('data', (part: Buffer) => parts.push(part))
      for (const data of list) {
        const half = data.length >> 1
        const first = deflater.deflate(data.subarray(0, half), false)
        inflate.write(Buffer.concat([first, deflater.deflate(data.subarray(half), true), TAIL]))
      }
      inflate.write(Buffer.from('0300', 'hex'))
      inflate.end()
      await once(inflate, 'end')
      assert.ok(Buffer.concat(parts).equals(Buffer.concat(list)))
    })

    it(`what an engine that lives on deflates is read, with a window of ${bits} bits`, async () => {
      // node:zlib takes 9 bits for 8.
      const deflate = createDeflateRaw({ windowBits: Math.max(9, bits), memLevel: 8 })
      const inflater = new Inflater(bits, false)
      for (const data of list) {
        deflate.write(data)
        const flushed = new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve))
        const parts: Buffer[] = []
        const take = (part: Buffer) => parts.push(part)
        deflate.on('data', take)
        await flushed
        deflate.off('data', take)
        const payload = Buffer.concat(parts).subarray(0, -TAIL.length)
        assert.ok(data.equals(inflater.inflate(payload, 1 << 20)))
      }
      deflate.close()
    })
  }
})
