/**
 * What a peer said before a write to it failed. The peer lives in a thread of its own, so that it can speak and be gone while our
 * event loop reads nothing: the write fails then before a single octet of the words was read.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Pool } from '../../src/index.ts'
import { testCertificate } from '../support/certificate.ts'
import { rejection, send } from '../support/exchange.ts'

/** Connections in turn get these words, in base64; then they are cut, if more than `cutAfter` octets came, with some unread. */
const PEER = `
const { parentPort, workerData } = require('node:worker_threads')
const { gone, replies, tls } = workerData
let count = 0
const server = require(tls ? 'node:tls' : 'node:net').createServer({ ...tls, ALPNProtocols: ['h2'] }, (socket) => {
  const reply = replies[Math.min(count++, replies.length - 1)]
  let octets = 0
  socket.on('error', () => {})
  if (reply.greeting) socket.write(Buffer.from(reply.greeting, 'base64'))
  socket.on('data', (chunk) => {
    octets += chunk.length
    if (!chunk.includes(reply.at)) return
    socket.write(Buffer.from(reply.words, 'base64'), () => {
      if (!reply.cut) return
      tls ? socket.destroy() : socket.resetAndDestroy()
      setTimeout(() => {
        Atomics.store(new Int32Array(gone), 0, 1)
        Atomics.notify(new Int32Array(gone), 0)
      }, 20)
    })
  })
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

interface Reply {
  greeting?: string
  /** Is said once this was read. */
  at: string
  words: string
  cut: boolean
}

class Peer implements AsyncDisposable {
  readonly gone = new SharedArrayBuffer(4)
  private readonly worker: Worker

  constructor(replies: Reply[], tls?: { key: string; cert: string }) {
    this.worker = new Worker(PEER, { eval: true, workerData: { gone: this.gone, replies, tls } })
  }

  async origin(): Promise<string> {
    const port = await new Promise<number>((resolve) => this.worker.once('message', resolve))
    return `http://127.0.0.1:${port}`
  }

  /** A body whose second part is made when the peer has spoken and gone, and nothing of it was read. */
  async *body(): AsyncGenerator<Buffer> {
    yield Buffer.from('first')
    // Not before the first part was written.
    await new Promise((resolve) => setImmediate(resolve))
    Atomics.wait(new Int32Array(this.gone), 0, 0, 5000)
    yield Buffer.from('second')
    yield Buffer.from('third')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate()
  }
}

const text = (words: string): string => Buffer.from(words).toString('base64')
const octets = (hex: string): string => Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('base64')
const SETTINGS = octets('000000 04 00 00000000')

describe('after a write has failed', () => {
  test('an answer over HTTP/1.1 that came before is given', async () => {
    const words = text('HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\n\r\ntoo much')
    await using peer = new Peer([{ at: 'first', words, cut: true }])
    await using pool = new Pool()
    const request = { origin: await peer.origin(), path: '/', method: 'POST', body: peer.body() }
    const { status, body } = await send(pool, request)
    assert.deepEqual([status, body.toString()], [413, 'too much'])
    assert.equal(pool.stats().origins[0]?.connections ?? 0, 0)
  })

  test('a connection that said nothing is lost', async () => {
    await using peer = new Peer([{ at: 'first', words: '', cut: true }])
    await using pool = new Pool()
    const request = { origin: await peer.origin(), path: '/', method: 'POST', body: peer.body() }
    assert.equal((await rejection(send(pool, request))).code, 'ERR_HYPER_CONNECTION_LOST')
  })

  test('GOAWAY that came before says that the request was not processed: a POST is sent again', async () => {
    const goaway = octets('000008 07 00 00000000 00000000 00000000')
    const answer = octets('000001 01 05 00000001 88')
    await using peer = new Peer([
      { greeting: SETTINGS, at: 'first', words: goaway, cut: true },
      { greeting: SETTINGS, at: 'third', words: answer, cut: false },
    ])
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    const request = { origin: await peer.origin(), path: '/', method: 'POST', body: peer.body() }
    assert.equal((await send(pool, request)).status, 200)
  })

  for (const secure of [false, true]) {
    test(`an answer over HTTP/2 ${secure ? 'with' : 'without'} TLS that came before is given`, async () => {
      const { ca, cert, key } = await testCertificate()
      const words = octets('000001 01 05 00000001 88 000004 03 00 00000001 00000000')
      await using peer = new Peer(
        [{ greeting: SETTINGS, at: 'first', words, cut: true }],
        secure ? { cert, key } : undefined,
      )
      await using pool = new Pool(secure ? { tls: { ca } } : { h2c: 'prior-knowledge' })
      const origin = await peer.origin()
      const request = {
        origin: secure ? origin.replace('http:', 'https:') : origin,
        path: '/',
        method: 'POST',
        body: peer.body(),
      }
      assert.equal((await send(pool, request)).status, 200)
    })
  }
})
