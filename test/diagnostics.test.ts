/** What diagnostics_channel tells, and what NODE_DEBUG=hyper prints. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { channels } from '../src/diagnostics.ts'
import { ErrorCode, PREFACE, serializeFrame } from '../src/frame/index.ts'
import { Encoder } from '../src/hpack/index.ts'
import { Pool } from '../src/index.ts'
import { FrameLog } from '../src/session/frame-log.ts'
import { describeFrame, type FrameMessage } from '../src/session/frame-message.ts'
import { begin, rejection, send } from './support/exchange.ts'
import { FrameServer } from './support/frame-server.ts'
import { startH2Origin } from './support/origin.ts'

type Message = Record<string, unknown>

/** Listens to all channels while `run` runs; the messages of others (tests run beside each other) are left out by origin. */
async function listen(origin: string, run: () => Promise<unknown>): Promise<[string, Message][]> {
  const heard: [string, Message][] = []
  // Frames have a test of their own.
  const names = Object.values(channels)
    .filter((channel) => channel !== channels.frame)
    .map((channel) => String(channel.name))
  const take = (message: unknown, name: string | symbol): void => {
    const fields = message as Message
    const { request } = fields as { request?: { origin: string } }
    if ((request?.origin ?? fields['origin']) === origin) heard.push([String(name), fields])
  }
  for (const name of names) subscribe(name, take)
  try {
    await run()
  } finally {
    for (const name of names) unsubscribe(name, take)
  }
  return heard
}

/** A program that asks for `/` and prints the body. */
function requestProgram(origin: string): string {
  return `
    import { Pool } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
    const pool = new Pool({ h2c: 'prior-knowledge' })
    await new Promise((resolve, reject) => {
      pool.dispatch({ origin: ${JSON.stringify(origin)}, method: 'GET', path: '/' }, {
        onHeaders() {}, onData: (chunk) => console.log('body', String(chunk)), onEnd: resolve, onError: reject,
      })
    })
    await pool.close()`
}

function runProgram(program: string, env: Record<string, string> = {}): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, NODE_DEBUG: '', ...env },
  })
}

const steps = (heard: readonly [string, Message][]): string[] => heard.map(([name]) => name)

describe('diagnostics channels', () => {
  test('every step of a request and of its connection, in order', async () => {
    await using origin = await startH2Origin()
    const heard = await listen(origin.origin, async () => {
      const pool = new Pool({ tls: { ca: origin.ca } })
      await send(pool, { origin: origin.origin, path: '/bytes/5' })
      await pool.close()
    })
    assert.deepEqual(
      steps(heard).filter((name) => name !== 'hyper:connection:step'),
      [
        'hyper:request:create',
        'hyper:request:queue',
        'hyper:connection:connecting',
        'hyper:connection:connected',
        'hyper:request:start',
        'hyper:request:sent',
        'hyper:request:headers',
        'hyper:request:end',
        'hyper:connection:closed',
      ],
    )
    const taken = heard.flatMap(([, { step }]) => (step === undefined ? [] : [(step as { step: string }).step]))
    assert.deepEqual(taken, ['lookup', 'attempt', 'connected', 'secure'])
    const exchanges = new Set(heard.flatMap(([, { exchange }]) => (exchange === undefined ? [] : [exchange])))
    assert.equal(exchanges.size, 1)
    const headers = heard.find(([name]) => name === 'hyper:request:headers')?.[1]
    assert.equal(headers?.['status'], 200)
  })

  test('a connection is told of from its beginning to its end over HTTP/1.1 as well', async () => {
    const server = createHttpServer((_, response) => response.end())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const origin = `http://127.0.0.1:${address.port}`
    const heard = await listen(origin, async () => {
      const pool = new Pool()
      await send(pool, { origin, path: '/' })
      await pool.close()
    })
    server.close()
    const names = steps(heard).filter((name) => name.startsWith('hyper:connection') && !name.endsWith('step'))
    assert.deepEqual(names, ['hyper:connection:connecting', 'hyper:connection:connected', 'hyper:connection:closed'])
  })

  test('a retry says why, and an error ends it', async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, id) => connection.reset(id, ErrorCode.REFUSED_STREAM),
    })
    const heard = await listen(server.origin, async () => {
      await using pool = new Pool({ h2c: 'prior-knowledge' })
      await rejection(send(pool, { origin: server.origin, path: '/' }))
    })
    assert.equal(steps(heard).filter((name) => name === 'hyper:request:retry').length, 3)
    const last = heard.findLast(([name]) => name.startsWith('hyper:request'))
    assert.equal(last?.[0], 'hyper:request:error')
    assert.match(String(last?.[1]['error']), /StreamResetError/)
  })

  test('over HTTP/2 a request is sent when its last octet is in the socket, which flow control may hold up', async () => {
    const order: string[] = []
    await using origin = await startH2Origin((stream) => {
      // The window of the stream is 65,535 octets until somebody reads.
      stream.once('readable', () => {
        order.push('read')
        stream.resume()
      })
      stream.on('end', () => {
        stream.respond({ ':status': 200 })
        stream.end('fine')
      })
    })
    await using pool = new Pool({ tls: { ca: origin.ca } })
    for (const body of [new Uint8Array(200_000), 'x'.repeat(70_000), [Buffer.alloc(300_000)]]) {
      order.length = 0
      const heard = await listen(origin.origin, () => {
        const listener = (): void => void order.push('sent')
        subscribe('hyper:request:sent', listener)
        const sending = send(pool, { origin: origin.origin, method: 'POST', path: '/', body })
        return sending.finally(() => unsubscribe('hyper:request:sent', listener))
      })
      assert.deepEqual(order, ['read', 'sent'])
      assert.deepEqual(
        steps(heard).filter((name) => name.startsWith('hyper:request') && !/create|queue|start/.test(name)),
        ['hyper:request:sent', 'hyper:request:headers', 'hyper:request:end'],
      )
    }
  })

  test('over HTTP/1.1 a request is sent when its last octet is in the socket, which a peer that does not read holds up', async () => {
    // More than the buffers of both systems take.
    const size = 64 << 20
    const order: string[] = []
    const server = createHttpServer((request, response) => {
      // Whatever can be sent without being read has its time to be.
      setTimeout(() => {
        order.push('read')
        request.resume()
      }, 20)
      request.on('end', () => response.end())
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const origin = `http://127.0.0.1:${address.port}`
    await using pool = new Pool()
    const listener = (message: unknown): void => {
      if ((message as { request: { origin: string } }).request.origin === origin) order.push('sent')
    }
    subscribe('hyper:request:sent', listener)
    try {
      await send(pool, { origin, method: 'POST', path: '/', body: new Uint8Array(size) })
      await send(pool, { origin, method: 'POST', path: '/', body: [new Uint8Array(size)] })
    } finally {
      unsubscribe('hyper:request:sent', listener)
      server.close()
    }
    assert.deepEqual(order, ['read', 'sent', 'read', 'sent'])
  })

  test('over HTTP/1.1 the last octet is known by the length, though the body has not said yet that it has ended', async () => {
    const server = createServer((socket) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        if (text.endsWith('whole')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const origin = `http://127.0.0.1:${address.port}`
    const answered = Promise.withResolvers<void>()
    async function* body(): AsyncGenerator<string, void, undefined> {
      yield 'who'
      yield 'le'
      await answered.promise
    }
    const heard = await listen(origin, async () => {
      await using pool = new Pool()
      const headers = { 'content-length': '5' }
      await send(pool, { origin, method: 'POST', path: '/', headers, body: body() })
      answered.resolve()
    })
    server.close()
    assert.deepEqual(
      steps(heard).filter((name) => /sent|headers|end$/.test(name)),
      ['hyper:request:sent', 'hyper:request:headers', 'hyper:request:end'],
    )
  })

  test('a connection that could not be made', async () => {
    const server = await FrameServer.start()
    await server.close()
    const heard = await listen(server.origin, async () => {
      await using pool = new Pool()
      await rejection(send(pool, { origin: server.origin, path: '/' }))
    })
    assert.deepEqual(
      steps(heard).filter((name) => name.startsWith('hyper:connection') && name !== 'hyper:connection:step'),
      ['hyper:connection:connecting', 'hyper:connection:failed'],
    )
  })

  test('a subscriber that throws is reported by Node, and disturbs no request', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'fine') })
    const { stdout } = await runProgram(
      `import { subscribe } from 'node:diagnostics_channel'
      process.on('uncaughtException', (error) => console.log('uncaught', error.message))
      subscribe('hyper:request:headers', () => { throw new Error('a broken subscriber') })
      ${requestProgram(server.origin)}`,
    )
    assert.deepEqual(stdout.trim().split('\n').sort(), ['body fine', 'uncaught a broken subscriber'])
  })

  test('an aborted exchange is published as an error', async () => {
    await using server = await FrameServer.start()
    const heard = await listen(server.origin, async () => {
      await using pool = new Pool({ h2c: 'prior-knowledge' })
      const { exchange, handler } = begin(pool, { origin: server.origin, path: '/' })
      await server.until(() => (server.connections[0]?.streams.length ?? 0) === 1)
      exchange.abort(new Error('enough'))
      await rejection(handler.result)
    })
    assert.equal(steps(heard).filter((name) => name === 'hyper:request:error').length, 1)
  })
})

describe('the log of frames', () => {
  test('the log has one line for each frame, with decoded fields and without secrets, however the octets are cut', () => {
    const lines: string[] = []
    const log = new FrameLog((direction, facts) => lines.push(`${direction} ${describeFrame(facts)}`))
    const block = new Encoder().encode([':method', 'GET', 'authorization', 'Bearer secret'])
    const octets = Buffer.concat([
      Buffer.from(PREFACE),
      serializeFrame({ type: 'SETTINGS', streamId: 0, ack: false, settings: [[2, 0]] }),
      serializeFrame({ type: 'HEADERS', streamId: 1, endStream: true, endHeaders: true, block }),
    ])
    for (const octet of octets) log.sent(Buffer.of(octet))
    log.received(serializeFrame({ type: 'PING', streamId: 0, ack: true, payload: Buffer.alloc(8) }))
    assert.equal(lines.length, 5)
    assert.match(lines[0], /^sent SETTINGS: ENABLE_PUSH=0$/)
    assert.match(lines[1], /HEADERS stream 1: \d+ octets, END_STREAM, END_HEADERS$/)
    assert.match(lines[2], /^sent {3}:method: GET \| authorization: \*\*\*$/)
    assert.equal(lines[3], `sent   HPACK: ${block.length} octets; table of 0 entries, 0 octets`)
    assert.match(lines[4], /^received PING/)
  })

  test('a frame that cannot be read ends the log of its direction, not the connection', () => {
    const lines: string[] = []
    const log = new FrameLog((direction, facts) => lines.push(`${direction} ${describeFrame(facts)}`))
    const frame = serializeFrame({ type: 'SETTINGS', streamId: 0, ack: false, settings: [] })
    frame[2] = 1
    log.received(Buffer.concat([frame, Buffer.alloc(1)]))
    log.received(frame)
    assert.equal(lines.length, 1)
    assert.match(lines[0], /cannot be read/)
  })

  test('the channel hyper:connection:frame gives each frame, with its decoded header fields', async () => {
    const frames = await framesOf({})
    assert.equal(new Set(frames.map((frame) => frame.connection)).size, 1)
    const texts = frames.map(({ direction, text }) => `${direction} ${text}`)
    assert.ok(texts.some((text) => /^sent HEADERS stream 1/.test(text)))
    assert.ok(texts.some((text) => /^sent {3}HPACK: \d+ octets; table of \d+ entries, \d+ octets$/.test(text)))
    assert.ok(texts.some((text) => /^received DATA stream 1: 4 octets, END_STREAM/.test(text)))
  })

  test('the channel hyper:connection:frame gives the same as data, without the secrets', async () => {
    const frames = await framesOf({ cookie: 'a=secret', 'x-a': 'b' })
    for (const message of frames) assert.equal(describeFrame(message), message.text)
    const settings = frames.find(({ direction, frame }) => direction === 'received' && frame?.type === 'SETTINGS')
    assert.equal(settings?.frame?.type === 'SETTINGS' && settings.frame.ack, false)
    const sent = frames.findIndex(({ direction, frame }) => direction === 'sent' && frame?.type === 'HEADERS')
    const { frame } = frames[sent]
    assert.ok(frame?.type === 'HEADERS' && frame.streamId === 1 && frame.endStream)
    const fields = frames[sent + 1].fields ?? []
    assert.deepEqual([fields[fields.indexOf('cookie') + 1], fields[fields.indexOf('x-a') + 1]], ['***', 'b'])
    assert.equal(frames[sent + 2].hpack?.octets, frame.block.length)
    assert.ok((frames[sent + 2].hpack?.tableEntries ?? 0) > 0)
    const data = frames.find((one) => one.frame?.type === 'DATA')?.frame
    assert.equal(data?.type === 'DATA' && Buffer.from(data.data).toString(), 'fine')
  })

  test('a value with illegal characters is shown escaped', () => {
    const lines: string[] = []
    const log = new FrameLog((_direction, facts) => lines.push(describeFrame(facts)))
    const block = new Encoder().encode([':status', '200', 'x', '\x1b[2J\x9b'])
    log.received(serializeFrame({ type: 'HEADERS', streamId: 1, endStream: true, endHeaders: true, block }))
    assert.equal(lines[1], '  :status: 200 | x: \\x1b[2J\\x9b')
  })

  test('NODE_DEBUG=hyper prints them; without it nothing is printed', async () => {
    await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'fine') })
    const loud = await runProgram(requestProgram(server.origin), { NODE_DEBUG: 'hyper' })
    assert.match(loud.stderr, /> HEADERS stream 1: .*\n.*:method: GET/)
    assert.match(loud.stderr, /< DATA stream 1: 4 octets, END_STREAM/)
    const quiet = await runProgram(requestProgram(server.origin))
    assert.doesNotMatch(quiet.stderr, /HEADERS/)
  })
})

/** What the channel says of the frames of one GET with these header fields. */
async function framesOf(headers: Record<string, string>): Promise<FrameMessage[]> {
  await using server = await FrameServer.start({ onRequest: (connection, id) => connection.respond(id, 'fine') })
  const frames: FrameMessage[] = []
  const hear = (message: unknown): void => {
    const frame = message as FrameMessage
    if (frame.origin === server.origin) frames.push(frame)
  }
  subscribe('hyper:connection:frame', hear)
  await using pool = new Pool({ h2c: 'prior-knowledge' })
  await send(pool, { origin: server.origin, path: '/', headers })
  unsubscribe('hyper:connection:frame', hear)
  return frames
}
