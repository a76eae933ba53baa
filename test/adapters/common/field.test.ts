/** What networks and servers do (docs/field.md), seen through every shim and over both protocols. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import axios from 'axios'
import { createHyperAdapter } from '../../../adapters/axios.ts'
import { ErrorCode, Setting } from '../../../src/frame/index.ts'
import { Pool } from '../../../src/index.ts'
import { type FrameConnection, FrameServer, type FrameServerOptions } from '../../support/frame-server.ts'
import { saidBy, type Way, waysOver } from '../../support/ways.ts'

const NAMES = Object.keys(waysOver(new Pool()))

/** Runs a check for each way in, each with a server and a pool of its own. */
function throughEach(
  title: string,
  options: () => FrameServerOptions,
  check: (way: Way, url: string, server: FrameServer) => Promise<void>,
): void {
  describe(title, () => {
    for (const name of NAMES) {
      test(`by ${name}`, async () => {
        await using server = await FrameServer.start(options())
        await using pool = new Pool({ h2c: 'prior-knowledge' })
        await check(waysOver(pool)[name], `${server.origin}/`, server)
      })
    }
  })
}

const body = Buffer.from('what is sent')

/** All requests that came, on whichever connection. */
const asked = (server: FrameServer): number => server.connections.reduce((sum, one) => sum + one.streams.length, 0)

describe('HTTP/2', () => {
  throughEach(
    'a POST that the server refuses unprocessed is sent again and answered once',
    () => {
      let refused = false
      return {
        onFrame: (connection, frame) => {
          if (!('endStream' in frame) || !frame.endStream) return
          if (refused) queueMicrotask(() => connection.respond(frame.streamId, 'good'))
          else connection.reset(frame.streamId, ErrorCode.REFUSED_STREAM)
          refused = true
        },
      }
    },
    async (way, url, server) => {
      const answer = await way({ method: 'POST', url, body })
      assert.deepEqual([answer.status, answer.body, asked(server)], [200, 'good', 2])
    },
  )

  throughEach(
    'a POST that GOAWAY leaves out is sent again on another connection',
    () => ({
      onFrame: (connection, frame) => {
        if (!('endStream' in frame) || !frame.endStream) return
        if (connection.index === 0) connection.goaway(0)
        else queueMicrotask(() => connection.respond(frame.streamId, 'good'))
      },
    }),
    async (way, url, server) => {
      const answer = await way({ method: 'POST', url, body })
      assert.deepEqual([answer.status, answer.body, server.connections.length], [200, 'good', 2])
    },
  )

  throughEach(
    'white space around a value is removed, informational responses and empty DATA change nothing',
    () => ({
      onRequest: (connection, streamId) => {
        for (let i = 0; i < 40; i++) connection.headers(streamId, [':status', '103', 'link', `</${i}>`])
        connection.headers(streamId, [':status', '200', 'x-value', ' \t in the middle \t'])
        for (let i = 0; i < 100; i++) connection.data(streamId, '')
        connection.data(streamId, 'good', true)
      },
    }),
    async (way, url) => {
      const answer = await way({ method: 'GET', url })
      assert.deepEqual([answer.status, answer.headers['x-value'], answer.body], [200, 'in the middle', 'good'])
    },
  )

  throughEach(
    'a response with too large a header section fails alone, and the connection lives on',
    () => ({
      onRequest: (connection, streamId) => {
        if (streamId > 1) connection.respond(streamId, 'good')
        else sendLong(connection, streamId, [':status', '200', ...large()])
      },
    }),
    async (way, url, server) => {
      await assert.rejects(way({ method: 'GET', url }))
      const answer = await way({ method: 'GET', url })
      assert.deepEqual([answer.body, server.connections.length], ['good', 1])
    },
  )

  throughEach(
    'a request whose fields exceed what the server takes fails before it is sent, with both sizes in the message',
    () => ({
      settings: [[Setting.MAX_HEADER_LIST_SIZE, 2000]],
      onRequest: (connection, streamId) => connection.respond(streamId, 'good'),
    }),
    async (way, url, server) => {
      assert.equal((await way({ method: 'GET', url })).body, 'good')
      const failed = way({ method: 'GET', url, headers: { 'x-large': 'x'.repeat(3000) } })
      await assert.rejects(
        failed,
        (error) => /\b3\d\d\d\b.*\b2000\b/s.test(saidBy(error)) || assert.fail(saidBy(error)),
      )
      assert.equal((await way({ method: 'GET', url })).body, 'good')
      assert.deepEqual([asked(server), server.connections.length], [2, 1])
    },
  )

  throughEach(
    'an answer before the end of an upload is delivered, though the server then wants no more of it',
    () => ({
      onRequest: (connection, streamId) => {
        connection.respond(streamId, 'too large', 413)
        connection.reset(streamId, ErrorCode.NO_ERROR)
      },
    }),
    async (way, url) => {
      const answer = await way({ method: 'POST', url, body: Buffer.alloc(1 << 20) })
      assert.deepEqual([answer.status, answer.body], [413, 'too large'])
    },
  )

  throughEach(
    'a body that the server cuts by RST_STREAM is an error, whatever its code',
    () => ({
      onRequest: (connection, streamId) => {
        connection.headers(streamId, [':status', '200'])
        connection.data(streamId, 'half')
        connection.reset(streamId, ErrorCode.NO_ERROR)
      },
    }),
    async (way, url, server) => {
      await assert.rejects(way({ method: 'GET', url }))
      assert.equal(asked(server), 1)
    },
  )

  throughEach(
    'a request on a connection that the server has closed meanwhile is sent on another',
    () => ({ onRequest: (connection, streamId) => connection.respond(streamId, `by ${connection.index}`) }),
    async (way, url, server) => {
      assert.equal((await way({ method: 'GET', url })).body, 'by 0')
      server.connections[0].cut()
      assert.equal((await way({ method: 'GET', url })).body, 'by 1')
    },
  )

  throughEach(
    'two streams that a server resets for a fault of its own make the pool leave the connection',
    () => {
      const isBad = (connection: FrameConnection): boolean => connection.index === 0
      return {
        onRequest: (connection, streamId) => {
          if (isBad(connection)) connection.reset(streamId, ErrorCode.INTERNAL_ERROR)
          else connection.respond(streamId, 'good')
        },
      }
    },
    async (way, url, server) => {
      const outcomes: string[] = []
      for (let i = 0; i < 3; i++) {
        const outcome = await way({ method: 'GET', url }).then(
          (answer) => answer.body,
          () => 'failed',
        )
        outcomes.push(outcome)
      }
      assert.equal(outcomes.at(-1), 'good')
      assert.equal(server.connections.length, 2)
    },
  )
})

/** 128 KiB of fields. */
function large(): string[] {
  const fields: string[] = []
  for (let i = 0; i < 16; i++) fields.push(`x-${i}`, String(i % 10).repeat(8 * 1024))
  return fields
}

const FOLLOWING: Readonly<Record<string, (pool: Pool, url: string) => Promise<string>>> = {
  axios: async (pool, url) => (await axios.get<string>(url, { adapter: createHyperAdapter({ pool }) })).data,
  got: async (pool, url) => (await waysOver(pool).got({ method: 'GET', url })).body,
}

for (const [name, get] of Object.entries(FOLLOWING)) {
  test(`a redirect that ${name} follows is not reset over HTTP/2: the rest of its body is read`, async () => {
    await using server = await FrameServer.start({
      onRequest: (connection, streamId) => {
        if (streamId > 1) connection.respond(streamId, 'good')
        else {
          connection.headers(streamId, [':status', '302', 'location', '/there'])
          setImmediate(() => setImmediate(() => setImmediate(() => connection.data(streamId, 'moved', true))))
        }
      },
    })
    await using pool = new Pool({ h2c: 'prior-knowledge' })
    assert.equal(await get(pool, `${server.origin}/`), 'good')
    await pool.ping(server.origin)
    assert.equal(server.connections[0].count('RST_STREAM'), 0)
  })
}

/** A header section that ends the stream, in as many frames as it takes. */
function sendLong(connection: FrameConnection, streamId: number, fields: readonly string[]): void {
  const block = connection.block(fields)
  const first = block.subarray(0, FRAME)
  connection.send({ type: 'HEADERS', streamId, endStream: true, endHeaders: block.length <= FRAME, block: first })
  for (let at = FRAME; at < block.length; at += FRAME) {
    const part = block.subarray(at, at + FRAME)
    connection.send({ type: 'CONTINUATION', streamId, endHeaders: at + FRAME >= block.length, block: part })
  }
}

/** What fits into a frame, in octets. */
const FRAME = 16_384

/** What a server of HTTP/1.1 does with each request of each connection: it is given the socket when the head has come. */
type Serve = (socket: Socket, connection: number, request: number) => void

async function serving(serve: Serve): Promise<{ url: string; connections: () => number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    const connection = connections++
    let requests = 0
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let text = ''
    socket.on('data', (chunk) => {
      // Bodies of these tests hold no such octets.
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        text = text.slice(end + 4)
        serve(socket, connection, requests++)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function throughEachInHttp1(
  title: string,
  serve: Serve,
  check: (way: Way, url: string, connections: () => number) => Promise<void>,
): void {
  describe(title, () => {
    for (const name of NAMES) {
      test(`by ${name}`, async () => {
        await using server = await serving(serve)
        await using pool = new Pool()
        await check(waysOver(pool)[name], server.url, server.connections)
      })
    }
  })
}

const good = (text: string, fields = ''): string =>
  `HTTP/1.1 200 OK\r\n${fields}content-length: ${text.length}\r\n\r\n${text}`

describe('HTTP/1.1', () => {
  throughEachInHttp1(
    'a GET on a connection that the server closes as it comes is sent again on another',
    (socket, connection, request) => {
      if (connection === 0 && request === 1) socket.destroy()
      else socket.write(good(`by ${connection}`))
    },
    async (way, url) => {
      assert.equal((await way({ method: 'GET', url })).body, 'by 0')
      assert.equal((await way({ method: 'GET', url })).body, 'by 1')
    },
  )

  throughEachInHttp1(
    'a POST on a connection that the server closes as it comes fails, and is not sent a second time',
    (socket, connection, request) => {
      if (connection === 0 && request === 1) socket.destroy()
      else socket.write(good(`by ${connection}`))
    },
    async (way, url, connections) => {
      assert.equal((await way({ method: 'GET', url })).body, 'by 0')
      await assert.rejects(way({ method: 'POST', url, body }))
      assert.equal(connections(), 1)
    },
  )

  throughEachInHttp1(
    'white space around a value is removed, and informational responses change nothing',
    (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(40))
      socket.write(good('good', 'X-Value: \t in the middle \t\r\n'))
    },
    async (way, url) => {
      const answer = await way({ method: 'GET', url })
      assert.deepEqual([answer.status, answer.headers['x-value'], answer.body], [200, 'in the middle', 'good'])
    },
  )

  throughEachInHttp1(
    'a response with too large a header section fails alone, and the next request has a connection',
    (socket, connection) => {
      if (connection > 0) socket.write(good('good'))
      else
        socket.write(
          good(
            '',
            large()
              .map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`))
              .join(''),
          ),
        )
    },
    async (way, url) => {
      await assert.rejects(way({ method: 'GET', url }))
      assert.equal((await way({ method: 'GET', url })).body, 'good')
    },
  )

  throughEachInHttp1(
    'an answer before the end of an upload is delivered, though the server then closes',
    (socket) => {
      socket.end('HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large')
    },
    async (way, url) => {
      const answer = await way({ method: 'POST', url, body: Buffer.alloc(1 << 20) })
      assert.deepEqual([answer.status, answer.body], [413, 'too large'])
    },
  )

  throughEachInHttp1(
    'what a server sends without having been asked is nobody’s answer',
    (socket, connection, request) => {
      const text = good(`by ${connection}, ${request}`)
      socket.write(request === 0 ? `${text}HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n` : text)
    },
    async (way, url) => {
      assert.equal((await way({ method: 'GET', url })).body, 'by 0, 0')
      const second = await way({ method: 'GET', url })
      assert.deepEqual([second.status, second.body], [200, 'by 1, 0'])
    },
  )
})
