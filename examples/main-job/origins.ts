/** Two origins on the loopback interface with a certificate made now: one speaks HTTP/2, one only HTTP/1.1. */
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import https from 'node:https'
import type { Server } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { generate } from 'selfsigned'

export interface DemoOrigin {
  readonly title: string
  readonly url: string
  /** TLS connections accepted so far. */
  connections(): number
}

export interface DemoOrigins {
  readonly ca: string
  readonly h2: DemoOrigin
  readonly h1: DemoOrigin
  close(): void
}

/** The large download, and what it must hash to. */
const large = randomBytes(32 * 1024 * 1024)
export const largeHash = createHash('sha256').update(large).digest('hex')
const story = 'All happy families are alike. '.repeat(500)

export async function startOrigins(): Promise<DemoOrigins> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  })
  const sessions = new Set<{ destroy(): void }>()
  const h2Server = http2.createSecureServer({ cert, key }, (request, response) => void answer(request, response))
  const h1Server = https.createServer({ cert, key }, (request, response) => void answer(request, response))
  const h2 = await listen(h2Server, 'HTTP/2 origin', sessions)
  const h1 = await listen(h1Server, 'HTTP/1.1-only origin', sessions)
  return {
    ca: cert,
    h2,
    h1,
    close: () => {
      for (const session of sessions) session.destroy()
      h2Server.close()
      h1Server.close()
    },
  }
}

async function listen(server: Server, title: string, sessions: Set<{ destroy(): void }>): Promise<DemoOrigin> {
  let connections = 0
  server.on('secureConnection', (socket) => {
    connections++
    sessions.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sessions.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { title, url: `https://localhost:${address.port}`, connections: () => connections }
}

type Request = IncomingMessage | Http2ServerRequest
type Reply = ServerResponse | Http2ServerResponse

async function answer(request: Request, reply: Reply): Promise<void> {
  // The two response classes take the same calls, but their types have no common form of some.
  const response = reply as ServerResponse
  request.on('error', () => {})
  response.on('error', () => {})
  response.setHeader('x-protocol', request.httpVersion === '2.0' ? 'h2' : 'http/1.1')
  switch (request.url) {
    case '/json':
      json(response, { hello: 'world' })
      break
    case '/echo':
      response.setHeader('content-type', 'application/json')
      response.end(Buffer.concat(await chunks(request)))
      break
    case '/upload': {
      const body = Buffer.concat(await chunks(request))
      json(response, { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') })
      break
    }
    case '/large':
      response.setHeader('content-length', large.length)
      response.end(large)
      break
    case '/trailers':
      response.setHeader('trailer', 'x-checksum')
      response.write('body with a trailer')
      response.addTrailers({ 'x-checksum': 'f00d' })
      response.end()
      break
    case '/gzip':
      response.setHeader('content-encoding', 'gzip')
      response.setHeader('content-type', 'text/plain')
      response.end(gzipSync(story))
      break
    case '/never':
      break
    default:
      response.statusCode = 404
      response.end('not found')
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(value))
}

async function chunks(request: Request): Promise<Buffer[]> {
  const found: Buffer[] = []
  for await (const chunk of request) found.push(Buffer.from(chunk))
  return found
}
