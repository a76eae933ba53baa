import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import http from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { HyperDispatcher } from '../../../adapters/undici.ts'
import { runModule } from '../../support/child.ts'

/** A server that upgrades to an echo, to WebSocket with one message, and that tunnels CONNECT. */
async function startUpgradeOrigin(): Promise<AsyncDisposable & { origin: string; port: number }> {
  const sockets = new Set<Socket>()
  const server = http.createServer((_request, response) => response.end('plain'))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.on('upgrade', (request, socket) => {
    if (request.headers.upgrade !== 'websocket') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
      socket.pipe(socket)
      return
    }
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    )
    socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]))
  })
  server.on('connect', (request, socket) => {
    const [host, port] = String(request.url).split(':')
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => {})
    sockets.add(target)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://localhost:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('upgrade() gives the socket of the new protocol', async () => {
  await using origin = await startUpgradeOrigin()
  const dispatcher = new HyperDispatcher()
  const { socket, headers } = await dispatcher.upgrade({
    ...{ origin: origin.origin },
    path: '/',
    protocol: 'echo',
  })
  assert.equal(headers['upgrade'], 'echo')
  socket.write('back')
  const [chunk] = (await socket.take(1).toArray()) as Buffer[]
  assert.equal(String(chunk), 'back')
  socket.destroy()
  await dispatcher.destroy()
})

test('connect() gives the socket of a tunnel', async () => {
  await using origin = await startUpgradeOrigin()
  const dispatcher = new HyperDispatcher()
  const { socket, statusCode } = await dispatcher.connect({ origin: origin.origin, path: `127.0.0.1:${origin.port}` })
  assert.equal(statusCode, 200)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const text = Buffer.concat((await socket.toArray()) as Buffer[]).toString()
  assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*plain/)
  await dispatcher.destroy()
})

test('an upgrade that fails is told to the handler', async () => {
  const dispatcher = new HyperDispatcher()
  const upgrade = dispatcher.upgrade({ ...{ origin: 'http://localhost:1' }, path: '/', protocol: 'echo' })
  await assert.rejects(upgrade, { code: 'ECONNREFUSED' })
  await dispatcher.close()
})

test("Node's own WebSocket works on after install()", async () => {
  await using origin = await startUpgradeOrigin()
  const found = await runModule(
    `
    const { install } = await import(root + 'adapters/undici.ts')
    const dispatcher = install()
    const socket = new WebSocket(process.env.ORIGIN.replace('http', 'ws'))
    const message = await new Promise((resolve, reject) => {
      socket.onmessage = (event) => resolve(event.data)
      socket.onerror = (event) => reject(event.error)
    })
    console.log(JSON.stringify(message))
    process.exit()
  `,
    { ORIGIN: origin.origin },
  )
  assert.equal(found, 'hello')
})
