import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { type DeflateOptions, type WebSocketEvent, WSConnection } from '../../src/websocket/index.ts'

/** An echo server over a socket. */
function serve(socket: Socket, deflate: boolean | DeflateOptions): void {
  const ws = new WSConnection({ role: 'server', deflate })
  const answer = (event: WebSocketEvent): void => {
    if (event.type === 'request') socket.write(ws.send({ type: 'accept', subprotocol: event.subprotocols[0] }))
    else if (event.type === 'text') socket.write(ws.send({ type: 'text', data: event.data }))
    else if (event.type === 'bytes') socket.write(ws.send({ type: 'bytes', data: event.data }))
  }
  socket.on('error', () => {})
  socket.on('data', (octets) => {
    ws.receive(octets)
    for (const event of ws.events()) answer(event)
    if (ws.hasOutgoing) socket.write(ws.takeOutgoing())
    if (ws.state === 'closed') socket.end()
  })
}

async function listening(deflate: boolean | DeflateOptions) {
  const server = createServer((socket) => serve(socket, deflate)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

describe("with Node's own WebSocket", () => {
  const list = ['', 'Hello', 'ü€😀'.repeat(500), 'x'.repeat(70_000), 'Hello', 'again and again '.repeat(300)]

  for (const deflate of [false, true, { serverNoContextTakeover: true, serverMaxWindowBits: 9 }]) {
    it(`echoes messages, deflate: ${JSON.stringify(deflate)}`, async () => {
      const { server, port } = await listening(deflate)
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, ['one', 'two'])
      socket.binaryType = 'arraybuffer'
      const received: unknown[] = []
      const all = new Promise<void>((resolve) => {
        socket.onmessage = ({ data }) => {
          received.push(typeof data === 'string' ? data : Buffer.from(data))
          if (received.length === 2 * list.length) resolve()
        }
      })
      await once(socket, 'open')
      assert.equal(socket.protocol, 'one')
      assert.equal(socket.extensions.startsWith('permessage-deflate'), deflate !== false)
      for (const text of list) {
        socket.send(text)
        socket.send(Buffer.from(text))
      }
      await all
      assert.deepEqual(
        received,
        list.flatMap((text) => [text, Buffer.from(text)]),
      )
      const closed = once(socket, 'close')
      socket.close(3000, 'done')
      const [event] = await closed
      assert.equal(event.code, 3000)
      assert.equal(event.wasClean, true)
      server.close()
      await once(server, 'close')
    })
  }
})

describe('over a socket', () => {
  it('client and server close as RFC 6455 section 7.1 says', async () => {
    const { server, port } = await listening(true)
    const socket = connect(port, '127.0.0.1')
    const ws = new WSConnection({ role: 'client', deflate: true })
    const list: WebSocketEvent[] = []
    socket.write(ws.send({ type: 'request', host: `127.0.0.1:${port}` }))
    socket.on('data', (octets) => {
      ws.receive(octets)
      for (const event of ws.events()) {
        list.push(event)
        if (event.type === 'accept') socket.write(ws.send({ type: 'text', data: 'Hello' }))
        if (event.type === 'text') socket.write(ws.send({ type: 'close', code: 1000 }))
      }
    })
    await once(socket, 'end')
    assert.deepEqual(
      list.map((event) => event.type),
      ['accept', 'text', 'close'],
    )
    assert.equal(ws.state, 'closed')
    server.close()
    await once(server, 'close')
  })
})
