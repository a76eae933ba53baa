/** Origins whose WebSockets say hello, over HTTP/2 (RFC 8441) and over HTTP/1.1 (RFC 6455). */
import { createHash } from 'node:crypto'
import type { Server } from 'node:https'
import { startH1Origin, startH2Origin, type TestOrigin } from '../support/origin.ts'

/** An unmasked text frame. */
const HELLO = Buffer.from([0x81, 5, ...Buffer.from('hello')])

export function startH2Greeter(): Promise<TestOrigin> {
  return startH2Origin(
    (stream, headers) => {
      const wanted = headers[':protocol'] === 'websocket'
      stream.respond({ ':status': wanted ? 200 : 404 })
      if (wanted) stream.write(HELLO)
      else stream.end()
      stream.resume()
    },
    { server: { settings: { enableConnectProtocol: true } } },
  )
}

export async function startH1Greeter(): Promise<TestOrigin> {
  const origin = await startH1Origin()
  const server = origin.server as Server
  server.on('upgrade', (request, socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    socket.on('error', () => {})
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    )
    socket.write(HELLO)
  })
  return origin
}
