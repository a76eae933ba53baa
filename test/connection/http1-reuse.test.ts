/** When an HTTP/1.1 connection is used again: at least as strict as undici. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { Pool } from '../../src/index.ts'
import { KEEP_ALIVE_MARGIN } from '../../src/limits.ts'
import { send } from '../support/exchange.ts'

interface Server extends AsyncDisposable {
  readonly origin: string
  connections: number
}

/** Answers each request head with what `answer` writes. */
async function start(answer: (socket: Socket, line: string) => void): Promise<Server> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    found.connections++
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const line = text.slice(0, text.indexOf('\r\n'))
        text = text.slice(end + 4)
        answer(socket, line)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const found: Server = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  return found
}

function ok(socket: Socket, line: string, ...fields: string[]): void {
  const path = line.split(' ')[1] ?? ''
  const head = ['HTTP/1.1 200 OK', `content-length: ${path.length}`, ...fields].join('\r\n')
  socket.write(`${head}\r\n\r\n${path}`)
}

async function twice(server: Server, first: Partial<Parameters<typeof send>[1]> = {}): Promise<string> {
  await using pool = new Pool({ connections: 1 })
  await send(pool, { origin: server.origin, path: '/first', ...first })
  return String((await send(pool, { origin: server.origin, path: '/mine' })).body)
}

describe('an HTTP/1.1 connection', () => {
  test('an HTTP/1.1 connection is used again when nothing of the exchange is left', async () => {
    await using server = await start((socket, line) => ok(socket, line))
    assert.equal(await twice(server), '/mine')
    assert.equal(server.connections, 1)
  })

  test('an HTTP/1.1 connection is not used again after HEAD, which some servers answer with content', async () => {
    await using server = await start((socket, line) => {
      if (!line.startsWith('HEAD')) ok(socket, line)
      else {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n')
        setImmediate(() => ok(socket, 'GET /content-of-head '))
      }
    })
    assert.equal(await twice(server, { method: 'HEAD' }), '/mine')
    assert.equal(server.connections, 2)
  })

  test('an HTTP/1.1 connection is not used again after a GET with content, which some servers take for the next request', async () => {
    await using server = await start((socket, line) => ok(socket, line))
    const body = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'
    assert.equal(await twice(server, { body }), '/mine')
    assert.equal(server.connections, 2)
  })

  test('an HTTP/1.1 connection is not used again when octets came without a request', async () => {
    await using server = await start((socket, line) => {
      ok(socket, line)
      if (line.includes('/first')) ok(socket, 'GET /unasked ')
    })
    assert.equal(await twice(server), '/mine')
    assert.equal(server.connections, 2)
  })

  test('an HTTP/1.1 connection is not used again when its Keep-Alive allows less than the margin', async () => {
    const seconds = Math.floor(KEEP_ALIVE_MARGIN / 1000)
    await using server = await start((socket, line) => ok(socket, line, `keep-alive: timeout=${seconds}`))
    assert.equal(await twice(server), '/mine')
    assert.equal(server.connections, 2)
  })

  test('an HTTP/1.1 connection is not used again when the server says close', async () => {
    await using server = await start((socket, line) => ok(socket, line, 'connection: close'))
    assert.equal(await twice(server), '/mine')
    assert.equal(server.connections, 2)
  })
})
