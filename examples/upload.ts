/**
 * Uploads with progress: by axios, and by an HTTPConnection that sends piece by piece. `node examples/upload.ts`
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import axios from 'axios'
import { HTTPConnection } from 'hyper-transport'
import { createHyperAdapter } from 'hyper-transport/axios'
import { json, startServer } from './support/server.ts'

const MIB = 1024 * 1024

// Tells what it got by its hash.
await using server = await startServer(async (request, response) => {
  const hash = createHash('sha256')
  for await (const chunk of request) hash.update(chunk)
  json(response, { sha256: hash.digest('hex') })
})

const file = randomBytes(8 * MIB)
const sha256 = createHash('sha256').update(file).digest('hex')

/** Prints each quarter once. */
function progressBar(title: string): { show(sent: number): void; readonly shown: number } {
  let quarters = 0
  return {
    show(sent) {
      const now = Math.floor((sent / file.length) * 4)
      if (now === quarters) return
      quarters = now
      console.log(`  ${title} ${'#'.repeat(now * 5).padEnd(20, '.')} ${(sent / MIB).toFixed(1)} MiB`)
    },
    get shown() {
      return quarters
    },
  }
}

// axios tells no more than three times a second, and of the end.
console.log('axios, a stream:')
const adapter = createHyperAdapter({ tls: { ca: server.ca } })
const byAxios = progressBar('axios')
const { data } = await axios.post<{ sha256: string }>(`${server.origin}/upload`, Readable.from(pieces()), {
  adapter,
  headers: { 'content-length': file.length },
  onUploadProgress: ({ loaded }) => byAxios.show(loaded),
})
assert.equal(data.sha256, sha256)
assert.equal(byAxios.shown, 4)
await adapter.close()

console.log('HTTPConnection, piece by piece:')
await using connection = new HTTPConnection(server.origin, { tls: { ca: server.ca } })
const byHand = progressBar('hand ')
const draft = connection.putRequest('PUT', '/upload')
draft.putHeader('content-length', file.length)
await draft.endHeaders()
let sent = 0
for (const piece of pieces()) {
  // Settles when the piece was taken: a server that reads slowly slows this loop down.
  await draft.send(piece, { final: sent + piece.length === file.length })
  sent += piece.length
  byHand.show(sent)
}
const response = await draft.getResponse()
assert.deepEqual(await response.json(), { sha256 })
assert.equal(byHand.shown, 4)

console.log(`Both arrived whole: sha256 ${sha256.slice(0, 16)}...`)

function* pieces(): Generator<Buffer> {
  for (let at = 0; at < file.length; at += 64 * 1024) yield file.subarray(at, at + 64 * 1024)
}
