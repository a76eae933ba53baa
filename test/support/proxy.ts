/**
 * HTTP proxies for tests: CONNECT and absolute form over plain HTTP/1.1, over TLS, and CONNECT over HTTP/2.
 *
 * Rules
 * - A proxy connects to wherever it is asked to, over the loopback interface, and writes down who asked for what.
 * - `answer` replaces what a proxy says to CONNECT over HTTP/1.1, octet by octet.
 * - `close()` (or `await using`) ends every connection at once and resolves when the port is free.
 */
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { testCertificate } from './certificate.ts'

export interface ProxySettings {
  /** `http` and `https` speak HTTP/1.1, `h2` HTTP/2, `both` as ALPN decides. Default `http`. */
  readonly kind?: 'http' | 'https' | 'h2' | 'both'
  /** What `proxy-authorization` must say; anything else gets 407. */
  readonly authorization?: string
  /** Takes CONNECT over HTTP/1.1 itself. */
  readonly answer?: (socket: Duplex) => void
  /** Takes CONNECT over HTTP/2 itself. */
  readonly onStream?: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void
  readonly settings?: http2.Settings
}

/** One request to a proxy. */
export interface Asked {
  readonly protocol: 'http/1.1' | 'h2'
  readonly method: string
  /** What stood in the request line, or `:authority`. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface TestProxy extends AsyncDisposable {
  /** `http://localhost:PORT` or `https://localhost:PORT`. */
  readonly url: string
  readonly port: number
  /** The authority to trust. */
  readonly ca: string
  readonly asked: readonly Asked[]
  /** TCP connections accepted so far. */
  readonly connections: number
  /** Connections open now: of clients, and to origins. */
  readonly open: number
  readonly sessions: readonly http2.ServerHttp2Session[]
  close(): Promise<void>
}

export async function startProxy(settings: ProxySettings = {}): Promise<TestProxy> {
  const { kind = 'http', authorization, answer, onStream } = settings
  const { ca, cert, key } = await testCertificate()
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  const sessions: http2.ServerHttp2Session[] = []
  let connections = 0

  const keep = (socket: Socket): Socket => {
    sockets.add(socket.setNoDelay(true))
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const allowed = (headers: Asked['headers']): boolean =>
    authorization === undefined || headers['proxy-authorization'] === authorization
  const dial = (target: string, onConnect: (upstream: Socket) => void, onFailed: () => void): void => {
    const url = new URL(`http://${target}`)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const upstream = keep(connect(Number(url.port || 80), host === 'localhost' ? '127.0.0.1' : host))
    upstream.once('connect', () => {
      upstream.off('error', onFailed)
      onConnect(upstream)
    })
    upstream.once('error', onFailed)
  }

  const server = makeServer(kind, { cert, key }, settings.settings)
  server.on('connection', (socket: Socket) => {
    connections++
    keep(socket)
  })
  server.on('tlsClientError', () => {})
  server.on('clientError', () => {})
  server.on('sessionError', () => {})
  server.on('connect', (request: http.IncomingMessage | http2.ServerHttp2Session, client: Duplex) => {
    if (!(request instanceof http.IncomingMessage)) return
    client.on('error', () => {})
    asked.push({ protocol: 'http/1.1', method: 'CONNECT', target: request.url ?? '', headers: request.headers })
    if (answer !== undefined) {
      // node:http leaves its side open.
      client.on('end', () => client.end())
      answer(client)
      return
    }
    if (!allowed(request.headers)) {
      client.end('HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic realm="test"\r\ncontent-length: 0\r\n\r\n')
      return
    }
    dial(
      request.url ?? '',
      (upstream) => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        join(client, upstream)
      },
      () => client.end('HTTP/1.1 502 Bad Gateway\r\nx-proxy: test\r\n\r\n'),
    )
  })
  server.on('request', (request: unknown, response: unknown) => {
    if (!(request instanceof http.IncomingMessage) || !(response instanceof http.ServerResponse)) return
    forward(request, response, asked, allowed, keep)
  })
  server.on('session', (session: http2.ServerHttp2Session) => {
    sessions.push(session)
    session.on('error', () => {})
    session.on('close', () => sessions.splice(sessions.indexOf(session), 1))
  })
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {})
    const target = String(headers[':authority'])
    asked.push({ protocol: 'h2', method: String(headers[':method']), target, headers })
    if (onStream !== undefined) {
      onStream(stream, headers)
    } else if (!allowed(headers)) {
      stream.respond({ ':status': 407, 'proxy-authenticate': 'Basic realm="test"' }, { endStream: true })
    } else {
      dial(
        target,
        (upstream) => {
          if (stream.destroyed) {
            upstream.destroy()
            return
          }
          stream.respond({ ':status': 200 })
          join(stream, upstream)
        },
        () => {
          if (!stream.destroyed) stream.respond({ ':status': 502, 'x-proxy': 'test' }, { endStream: true })
        },
      )
    }
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const session of [...sessions]) session.destroy()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    url: `${kind === 'http' ? 'http' : 'https'}://localhost:${port}`,
    port,
    ca,
    asked,
    sessions,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function makeServer(
  kind: NonNullable<ProxySettings['kind']>,
  identity: { cert: string; key: string },
  settings: http2.Settings = {},
): Server {
  if (kind === 'http') return http.createServer()
  if (kind === 'https') return https.createServer(identity)
  return http2.createSecureServer({ ...identity, settings, allowHTTP1: kind === 'both' })
}

/** Both directions, until both have ended. */
function join(one: Duplex, other: Duplex): void {
  one.pipe(other).pipe(one)
  one.on('close', () => other.destroy())
  other.on('close', () => one.destroy())
}

/** A request in absolute form. */
function forward(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  asked: Asked[],
  allowed: (headers: Asked['headers']) => boolean,
  keep: (socket: Socket) => Socket,
): void {
  const target = request.url ?? ''
  asked.push({ protocol: 'http/1.1', method: request.method ?? '', target, headers: request.headers })
  request.on('error', () => {})
  if (!allowed(request.headers)) {
    response.writeHead(407, { 'proxy-authenticate': 'Basic realm="test"' }).end()
    return
  }
  if (!target.startsWith('http://')) {
    response.writeHead(400).end('not in absolute form')
    return
  }
  const { hostname, port, pathname, search } = new URL(target)
  const { 'proxy-authorization': _, ...headers } = request.headers
  const onward = http.request({
    host: hostname === 'localhost' ? '127.0.0.1' : hostname,
    port,
    method: request.method,
    path: pathname + search,
    headers,
    agent: false,
  })
  onward.on('socket', keep)
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => {
    if (!response.headersSent) response.writeHead(502)
    response.end()
  })
  request.pipe(onward)
}
