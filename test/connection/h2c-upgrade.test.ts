/** `Upgrade: h2c` (RFC 7540 section 3.2) over real sockets. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type Server, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { serializeFrame } from '../../src/frame/index.ts'
import { H2Connection, type StreamListener } from '../../src/h2/index.ts'
import { type FrameMessage, Pool } from '../../src/index.ts'
import { MAX_HTTP1_HEAD, MAX_UPGRADES_LOST } from '../../src/limits.ts'
import { rejection, send } from '../support/exchange.ts'
import { startH1Origin } from '../support/origin.ts'

type Answer = (socket: Socket, head: string) => void

async function listen(
  answer: Answer,
): Promise<{ origin: string; heads: string[]; open: () => number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const heads: string[] = []
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', (chunk: Buffer) => {
      heads.push(chunk.toString('latin1'))
      answer(socket, chunk.toString('latin1'))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    origin: `http://localhost:${address.port}`,
    heads,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Switches to our own engine in the server's role, which answers each request that it is to answer with its path. */
function upgrade(socket: Socket, head: string, answered: (method: string) => boolean = () => true): void {
  const settings = /^http2-settings: (.*)$/im.exec(head)?.[1] ?? ''
  const ignored = (): void => {}
  const silent: StreamListener = {
    onInformational: ignored,
    onHeaders: ignored,
    onData: ignored,
    onEnd: ignored,
    onError: ignored,
    onSent: ignored,
    onLocalEnd: ignored,
    onDrain: ignored,
  }
  const flush = (): void => {
    for (const segment of engine.takeOutput(1 << 20)) socket.write(segment)
  }
  const engine: H2Connection = new H2Connection(
    {
      onOutput: () => queueMicrotask(flush),
      onSettings: ignored,
      onPong: ignored,
      onGoaway: ignored,
      onStreamClosed: ignored,
      onFailed: ignored,
      onRequest: (stream, request) => {
        if (!answered(request.method)) return silent
        queueMicrotask(() => {
          engine.respond(stream, [':status', '200'], false)
          engine.write(stream, Buffer.from(`${request.method} ${request.path} on ${stream.id}`))
          engine.end(stream)
        })
        return silent
      },
    },
    { role: 'server' },
  )
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
  engine.acceptUpgrade(settings, [':method', 'OPTIONS', ':scheme', 'http', ':authority', 'localhost', ':path', '/'])
  flush()
  socket.on('data', (chunk: Buffer) => {
    engine.receive(chunk)
  })
}

describe('upgrade to h2c', () => {
  test('a server that knows it speaks HTTP/2 from then on, on the same connection', async () => {
    await using server = await listen(upgrade)
    await using pool = new Pool({ h2c: 'upgrade' })
    const answers = await Promise.all(
      ['/a', '/b'].map((path) => send(pool, { origin: server.origin, path, method: 'POST', body: 'x' })),
    )
    assert.deepEqual(
      answers.map(({ body }) => body.toString()),
      ['POST /a on 3', 'POST /b on 5'],
    )
    assert.equal(answers[0].connection?.protocol, 'h2')
    assert.equal(server.heads.length, 1)
  })

  test('the question carries no body and nothing of a caller, and names what connection-specific fields it has', async () => {
    await using server = await listen(upgrade)
    await using pool = new Pool({ h2c: 'upgrade' })
    await send(pool, { origin: server.origin, path: '/secret', headers: { authorization: 'secret' } })
    const [head] = server.heads
    assert.match(head, /^OPTIONS \/ HTTP\/1\.1\r\nHost: localhost:\d+\r\n/)
    assert.match(head, /\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: [\w-]+\r\n\r\n$/)
    assert.doesNotMatch(head, /secret/)
  })

  test('a server that does not know it is spoken to by HTTP/1.1, and asked no more for a while', async () => {
    await using origin = await startH1Origin({}, { plain: true })
    await using pool = new Pool({ h2c: 'upgrade' })
    const answers = await Promise.all([1, 2].map(() => send(pool, { origin: origin.origin, path: '/bytes/5' })))
    for (const { status, connection } of answers) {
      assert.equal(status, 200)
      assert.equal(connection?.protocol, 'http/1.1')
    }
    await send(pool, { origin: origin.origin, path: '/bytes/5' })
    assert.equal(origin.requests.filter(({ method }) => method === 'OPTIONS').length, 1)
  })

  for (const [what, answer] of Object.entries<Answer>({
    'closes the connection': (socket) => socket.destroy(),
    'upgrades to something else': (socket) => socket.write('HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n'),
    'sends no HTTP': (socket) => socket.write('SSH-2.0-x\r\n\r\n'),
    'sends a head without end': (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(MAX_HTTP1_HEAD)}`),
  })) {
    test(`a server that ${what} is an error that gives that reason`, async () => {
      await using server = await listen(answer)
      await using pool = new Pool({ h2c: 'upgrade' })
      const error = await rejection(send(pool, { origin: server.origin, path: '/' }))
      assert.equal(error.code, 'ERR_HYPER_CONNECT')
      assert.match(error.message, /upgrade to h2c/)
    })
  }

  test('a server that never answers ends with the deadline of connecting', async () => {
    await using server = await listen(() => {})
    await using pool = new Pool({ h2c: 'upgrade', connectTimeout: 60 })
    assert.equal((await rejection(send(pool, { origin: server.origin, path: '/' }))).code, 'ERR_HYPER_CONNECT')
  })

  test('a server that leaves right after each upgrade, before it took a request, is spoken to by HTTP/1.1 in the end', async () => {
    let upgrades = 0
    await using server = await listen((socket, head) => {
      if (head.startsWith('OPTIONS')) {
        upgrades++
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
        for (const frame of [
          { type: 'SETTINGS', streamId: 0, ack: false, settings: [] },
          { type: 'GOAWAY', streamId: 0, lastStreamId: 1, errorCode: 0, debugData: Buffer.from('timeout') },
        ] as const) {
          socket.write(serializeFrame(frame))
        }
        return
      }
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain')
    })
    await using pool = new Pool({ h2c: 'upgrade' })
    const post = await send(pool, { origin: server.origin, path: '/', method: 'POST', body: 'x' })
    assert.equal(post.body.toString(), 'plain')
    assert.equal(upgrades, MAX_UPGRADES_LOST)
  })

  test('the request of the upgrade belongs to no caller: it is not waited for, not counted, and not reset, after which Apache closes the connection', async () => {
    const frames: string[] = []
    const listener = (message: unknown): void => {
      const { direction, text } = message as FrameMessage
      if (direction === 'sent' && !text.startsWith(' ')) frames.push(text.split(':')[0])
    }
    await using server = await listen((socket, head) => upgrade(socket, head, (method) => method !== 'OPTIONS'))
    subscribe('hyper:connection:frame', listener)
    try {
      const pool = new Pool({ h2c: 'upgrade' })
      const posted = await send(pool, { origin: server.origin, path: '/a', method: 'POST', body: 'x' })
      assert.equal(posted.body.toString(), 'POST /a on 3')
      // Closing in peace waits for exchanges, of which none is left.
      await pool.close()
    } finally {
      unsubscribe('hyper:connection:frame', listener)
    }
    assert.deepEqual(
      frames.filter((frame) => frame.startsWith('RST_STREAM')),
      [],
    )
    assert.ok(frames.includes('HEADERS stream 3'))
  })

  test('destroying the pool during the upgrade leaves no socket or timer open', async () => {
    let asked = (): void => {}
    const question = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using server = await listen(() => asked())
    const pool = new Pool({ h2c: 'upgrade' })
    const request = send(pool, { origin: server.origin, path: '/' })
    await question
    await pool.destroy()
    assert.equal((await rejection(request)).code, 'ERR_HYPER_POOL_DESTROYED')
  })
})
