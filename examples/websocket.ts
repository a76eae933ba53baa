/**
 * WebSocket as a stream of an HTTP/2 connection (RFC 8441): by undici's WebSocket on our dispatcher, and by the parts, a
 * tunnel and a protocol machine. `node examples/websocket.ts`
 */
import assert from 'node:assert/strict'
import { openTunnel, Pool } from 'hyper-transport'
import { createFetch } from 'hyper-transport/fetch'
import { HyperDispatcher } from 'hyper-transport/undici'
import { WSConnection } from 'hyper-transport/websocket'
import { WebSocket } from 'undici'
import { startServer } from './support/server.ts'

// A room that says everything back, louder.
await using server = await startServer((_request, response) => void response.end('a page'), {
  http2: { settings: { enableConnectProtocol: true } },
  onConnect({ stream, headers }, response) {
    if (headers[':protocol'] !== 'websocket') return void response.writeHead(501).end()
    stream.respond({ ':status': 200 })
    const room = new WSConnection({ role: 'server', agreement: plain })
    stream.on('error', () => {})
    stream.on('data', (octets: Buffer) => {
      room.receive(octets)
      for (const event of room.events()) {
        if (event.type === 'text') stream.write(room.send({ type: 'text', data: `${event.data.toUpperCase()}!` }))
      }
      if (room.hasOutgoing) stream.write(room.takeOutgoing())
      if (room.state === 'closed') stream.end()
    })
  },
})
/** Neither a subprotocol nor compression. */
const plain = { subprotocol: undefined, deflate: null }

await using pool = new Pool({ tls: { ca: server.ca } })

console.log("undici's WebSocket:")
const socket = new WebSocket(`${server.origin.replace('https', 'wss')}/room`, {
  dispatcher: new HyperDispatcher({ pool }),
})
const answer = await new Promise((resolve, reject) => {
  socket.addEventListener('open', () => socket.send('hello'))
  socket.addEventListener('message', ({ data }) => resolve(data))
  socket.addEventListener('error', ({ error }) => reject(error))
})
socket.close(1000, 'bye')
const { code } = await new Promise<{ code: number }>((resolve) => socket.addEventListener('close', resolve))
console.log(`  ${answer}, closed with ${code}`)
assert.deepEqual([answer, code], ['HELLO!', 1000])

console.log('A tunnel and WSConnection:')
const tunnel = await openTunnel(pool, {
  origin: server.origin,
  path: '/room',
  protocol: 'websocket',
  headers: { 'sec-websocket-version': '13' },
})
const ws = new WSConnection({ role: 'client', agreement: plain })
tunnel.write(ws.send({ type: 'text', data: 'good morning' }))
const heard: string[] = []
for await (const octets of tunnel) {
  ws.receive(octets)
  for (const event of ws.events()) {
    if (event.type === 'text') {
      console.log(`  ${event.data}`)
      heard.push(event.data)
      tunnel.write(ws.send(heard.length < 2 ? { type: 'text', data: 'and good night' } : { type: 'close', code: 1000 }))
    }
  }
  if (ws.hasOutgoing) tunnel.write(ws.takeOutgoing())
  if (ws.state === 'closed') tunnel.end()
}
assert.deepEqual(heard, ['GOOD MORNING!', 'AND GOOD NIGHT!'])

const page = await createFetch({ pool })(`${server.origin}/`)
console.log(`And ${await page.text()}, all of it over ${server.connections} connection`)
assert.equal(server.connections, 1)
