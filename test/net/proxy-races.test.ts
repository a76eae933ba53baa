/** A proxy over HTTP/2 that is just going, or full: what it did not take is asked for again. */
import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Pool } from '../../src/index.ts'
import { rejection, send } from '../support/exchange.ts'
import { type Routes, startH1Origin } from '../support/origin.ts'
import { startProxy } from '../support/proxy.ts'

function closing(ready: () => Promise<void> | void = () => {}): Routes {
  return {
    '/': async (_call, answer) => {
      await ready()
      answer.head(200, { connection: 'close' })
      answer.end('ok')
    },
  }
}

function join(stream: ServerHttp2Stream, authority: unknown): void {
  const socket = connect(Number(String(authority).split(':')[1]), '127.0.0.1', () => {
    if (stream.destroyed) {
      socket.destroy()
      return
    }
    stream.respond({ ':status': 200 })
    stream.pipe(socket).pipe(stream)
  })
  socket.on('error', () => {})
  stream.on('close', () => socket.destroy())
}

test('a tunnel that a GOAWAY leaves out is opened on another connection', async () => {
  let tunnels = 0
  await using a = await startH1Origin(closing())
  await using b = await startH1Origin(closing())
  await using proxy = await startProxy({
    kind: 'h2',
    onStream(stream, headers) {
      // It goes in peace: what came after stream 1 was not taken.
      if (++tunnels === 2) stream.session?.goaway(0, 1)
      else join(stream, headers[':authority'])
    },
  })
  await using pool = new Pool({ tls: { ca: a.ca }, proxy: { url: proxy.url, tls: { ca: proxy.ca } } })
  for (const { origin } of [a, b]) {
    const { body } = await send(pool, { origin, path: '/', method: 'POST', body: 'x' })
    assert.equal(body.toString(), 'ok')
  }
  assert.deepEqual([tunnels, proxy.connections], [3, 2])
})

test('more tunnels at once than the proxy turns out to take are all opened', async () => {
  const count = 5
  let arrived = 0
  let all = (): void => {}
  const together = new Promise<void>((resolve) => {
    all = resolve
  })
  // Nobody is answered before all are there: no tunnel ends early.
  const route = closing(() => {
    if (++arrived === count) all()
    return together
  })
  const origins = await Promise.all(Array.from({ length: count }, () => startH1Origin(route)))
  await using proxy = await startProxy({ kind: 'h2', settings: { maxConcurrentStreams: 2 } })
  try {
    await using pool = new Pool({ tls: { ca: proxy.ca }, proxy: { url: proxy.url, tls: { ca: proxy.ca } } })
    const results = await Promise.all(origins.map(({ origin }) => send(pool, { origin, path: '/' })))
    for (const { body } of results) assert.equal(body.toString(), 'ok')
    assert.equal(proxy.connections, 3)
  } finally {
    for (const origin of origins) await origin.close()
  }
})

test('a proxy that refuses every tunnel is not asked for ever', async () => {
  let tunnels = 0
  await using proxy = await startProxy({
    kind: 'h2',
    onStream(stream) {
      tunnels++
      // REFUSED_STREAM
      stream.close(7)
    },
  })
  await using pool = new Pool({ proxy: { url: proxy.url, tls: { ca: proxy.ca } } })
  const error = await rejection(send(pool, { origin: 'https://localhost:1', path: '/' }))
  assert.equal(error.code, 'ERR_HYPER_CONNECT')
  assert.ok(tunnels >= 2 && tunnels <= 10, `${tunnels} times`)
})
