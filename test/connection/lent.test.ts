/** Connections in clear text read into one buffer of the thread: what handlers are given is theirs all the same. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import type { Writable } from 'node:stream'
import { after, before, test } from 'node:test'
import { joined } from '../../src/exchange/joined.ts'
import type { DataUse, Exchange, ExchangeHandler } from '../../src/index.ts'
import { Pool } from '../../src/index.ts'

const SIZE = 300_000

/** The body at this path: no two paths have the same octets at the same place. */
function bodyOf(id: number): Buffer {
  const body = Buffer.alloc(SIZE)
  for (let i = 0; i + 4 <= SIZE; i += 4) body.writeUInt32LE((i * 2654435761 + id * 40503) >>> 0, i)
  return body
}

type Request = IncomingMessage | http2.Http2ServerRequest
type Response = ServerResponse | http2.Http2ServerResponse

function answer(request: Request, response: Response): void {
  const [, kind, id] = (request.url ?? '').split('/')
  const body = bodyOf(Number(id))
  if (kind === 'announced') response.setHeader('content-length', SIZE)
  // Both are streams, whose types differ.
  const stream: Writable = response
  for (let at = 0; at < SIZE; at += 30_001) stream.write(body.subarray(at, at + 30_001))
  stream.end()
}

let server: Server
let h2server: http2.Http2Server
const origins = { 'HTTP/1.1': '', h2c: '' }
const originOf = (one: Server | http2.Http2Server): string => {
  const address = one.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
before(async () => {
  server = createServer(answer).listen(0, '127.0.0.1')
  h2server = http2.createServer(answer).listen(0, '127.0.0.1')
  await Promise.all([once(server, 'listening'), once(h2server, 'listening')])
  origins['HTTP/1.1'] = originOf(server)
  origins.h2c = originOf(h2server)
})
after(async () => {
  server.closeAllConnections()
  server.close()
  h2server.close()
  await Promise.all([once(server, 'close'), once(h2server, 'close')])
})

/** Keeps all pieces; pauses at each third of them. */
class Keeper implements ExchangeHandler {
  exchange: Exchange | undefined
  readonly whole = Promise.withResolvers<Buffer>()
  readonly pieces: Buffer[] = []
  readonly dataUse: DataUse
  private readonly pauses: boolean

  constructor(dataUse: DataUse, pauses: boolean) {
    this.dataUse = dataUse
    this.pauses = pauses
  }
  onHeaders(): void {}
  onData(chunk: Buffer): void {
    this.pieces.push(chunk)
    if (!this.pauses || this.pieces.length % 3 !== 0) return
    this.exchange?.pause()
    setImmediate(() => this.exchange?.resume())
  }
  onEnd(): void {
    this.whole.resolve(joined(this.pieces, SIZE))
  }
  onError(error: Error): void {
    this.whole.reject(error)
  }
}

for (const [protocol, kind] of [
  ['HTTP/1.1', 'announced'],
  ['HTTP/1.1', 'chunked'],
  ['h2c', 'announced'],
  ['h2c', 'unannounced'],
] as const) {
  for (const use of ['passed on', 'kept', 'joined'] as const) {
    test(`${protocol}: sixteen ${kind} bodies at once, whose data is ${use}, keep their octets, paused or not`, async () => {
      await using pool = new Pool(protocol === 'h2c' ? { h2c: 'prior-knowledge' } : { connections: 16 })
      const keepers = Array.from({ length: 16 }, (_, id) => {
        const keeper = new Keeper(use, id % 2 === 0)
        keeper.exchange = pool.dispatch({ origin: origins[protocol], method: 'GET', path: `/${kind}/${id}` }, keeper)
        return keeper
      })
      const bodies = await Promise.all(keepers.map(({ whole }) => whole.promise))
      for (const [id, body] of bodies.entries()) assert.ok(body.equals(bodyOf(id)), `body ${id}`)
      if (kind === 'announced' && use === 'joined' && protocol === 'HTTP/1.1') {
        // Those that were never paused lie in their place: nothing of them was copied to be joined.
        for (const { pieces } of keepers.filter((_, id) => id % 2 === 1)) {
          assert.ok(pieces.every(({ buffer }) => buffer === pieces[0].buffer))
        }
      }
    })
  }
}
