/**
 * A server for an example: HTTP/2 over TLS on a free port of the loopback interface, with a certificate made on the spot.
 * `await using` ends it with the example.
 */
import http2, { type Http2ServerRequest, type Http2ServerResponse, type SecureServerOptions } from 'node:http2'
import { generate } from 'selfsigned'

export type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void | Promise<void>

export interface ServerOptions {
  /** The name it goes by. Default `localhost`; any other needs a `lookup` that says 127.0.0.1. */
  readonly name?: string
  /** Takes extended CONNECT: WebSocket over HTTP/2. */
  readonly onConnect?: Handler
  /** More options for node:http2. */
  readonly http2?: SecureServerOptions
}

export interface Server extends AsyncDisposable {
  readonly port: number
  /** `https://NAME:PORT` */
  readonly origin: string
  /** The certificate that vouches for it: the `ca` of a client. */
  readonly ca: string
  /** TLS connections accepted so far. */
  readonly connections: number
}

export async function startServer(handler: Handler, options: ServerOptions = {}): Promise<Server> {
  const { name = 'localhost' } = options
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
    ],
  })
  let connections = 0
  const sockets = new Set<{ destroy(): void }>()
  const server = http2.createSecureServer({ cert, key, ...options.http2 })
  const guarded =
    (handle: Handler): Handler =>
    async (request, response) => {
      try {
        await handle(request, response)
      } catch (error) {
        console.error('the server failed:', error)
        response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
      }
    }
  server.on('request', guarded(handler))
  if (options.onConnect !== undefined) server.on('connect', guarded(options.onConnect))
  server.on('secureConnection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    origin: `https://${name}:${address.port}`,
    ca: cert,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** The whole body of a request. */
export async function bodyOf(request: Http2ServerRequest): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Answers with a value as JSON. */
export function json(response: Http2ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}
