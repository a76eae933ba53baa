/**
 * What the programs of the docs take for the world: an origin with TLS and one without, each of which speaks HTTP/2 and
 * HTTP/1.1, goes by every name, answers whatever it is asked, and is a proxy as well; and an echo for tunnels.
 *
 * | path | answer |
 * |---|---|
 * | `/status/N`, `/bytes/N`, `/stream/N`, `/redirect`, `/gzip`, `/events`, `/early` | what the name says |
 * | `/slow`, `/never` | none |
 * | anything else | the request as JSON, as httpbin has it, and a trailer section |
 *
 * A page (`/`, `*.html`) pushes its style sheet to whoever takes pushes. WebSockets say everything back. `application/grpc`
 * gets its own message back. Whoever says nothing for a second is hung up on, so that programs come to an end.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2, { type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createSecureContext } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { acceptConnect, readConnectRequest, WSConnection } from 'hyper-transport/websocket'
import { certificateFor } from '../support/certificate.ts'

export interface World extends AsyncDisposable {
  /** The authority that all certificates are signed by, in PEM. */
  readonly ca: string
  /** Well-known ports, and the ports that stand in for them. */
  readonly ports: Readonly<Record<string, number>>
}

const SILENCE = 1_000

type Request = IncomingMessage | Http2ServerRequest

export async function startWorld(): Promise<World> {
  const { ca, cert, key } = await certificateFor('localhost', '127.0.0.1')
  const sockets = new Set<Socket>()
  const ports: Record<string, number> = {}

  const tls = http2.createSecureServer({
    cert,
    key,
    allowHTTP1: true,
    settings: { enableConnectProtocol: true },
    SNICallback(name, told) {
      certificateFor(name).then((own) => told(null, createSecureContext(own)), told)
    },
  })
  const plainHttp1 = http.createServer()
  const plainHttp2 = http2.createServer({ settings: { enableConnectProtocol: true } })
  for (const server of [tls, plainHttp1, plainHttp2]) serve(server, ports)

  // HTTP/2 with prior knowledge begins with its preface.
  const plain = createServer((socket) => {
    socket.once('readable', () => {
      const first: Buffer | null = socket.read()
      if (first === null) return
      socket.unshift(first)
      const server = first.toString('latin1', 0, 3) === 'PRI' ? plainHttp2 : plainHttp1
      server.emit('connection', socket)
    })
  })
  const echo = createServer({ allowHalfOpen: false }, (socket) => {
    socket.setTimeout(SILENCE, () => socket.end())
    socket.pipe(socket)
  })

  const servers: [Server, number[]][] = [
    [tls, [443, 8443]],
    [plain, [80, 3128, 8080]],
    [echo, [22]],
  ]
  for (const [server, known] of servers) {
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    for (const port of known) ports[port] = (server.address() as AddressInfo).port
  }
  return {
    ca,
    ports,
    async [Symbol.asyncDispose]() {
      const closed = servers.map(([server]) => new Promise<void>((resolve) => server.close(() => resolve())))
      for (const socket of sockets) socket.destroy()
      await Promise.all(closed)
    },
  }
}

function serve(server: Server, ports: Readonly<Record<string, number>>): void {
  server.on('request', (request: Request, response: ServerResponse) => {
    request.on('error', () => {})
    response.on('error', () => {})
    answer(request, response).catch((error: unknown) => process.emitWarning(String(error)))
  })
  for (const event of ['sessionError', 'tlsClientError', 'clientError']) server.on(event, () => {})
  server.on('session', (session: http2.ServerHttp2Session) => {
    session.setTimeout(SILENCE, () => session.close())
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const lines = request.rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`))
    const ws = new WSConnection({ role: 'server' })
    talk(ws, socket)
    ws.receive(Buffer.from(`GET ${request.url} HTTP/1.1\r\n${lines.join('')}\r\n`))
    socket.emit('data', Buffer.alloc(0))
  })
  // node:http gives the socket, node:http2 a response.
  server.on('connect', (request: Request, answering: Duplex | Http2ServerResponse) => {
    if (answering instanceof http2.Http2ServerResponse) tunnel(request, answering.stream, ports)
    else tunnel(request, answering, ports)
  })
}

/** CONNECT: to whatever stands in for the target, or, with a protocol, to a WebSocket. */
function tunnel(request: Request, near: Duplex | ServerHttp2Stream, ports: Readonly<Record<string, number>>): void {
  near.on('error', () => {})
  const isStream = 'respond' in near
  if (isStream && request.headers[':protocol'] !== undefined) {
    const { ':authority': authority, ':path': path, ':protocol': protocol } = request.headers
    const fields = Object.entries(request.headers).flatMap(([name, value]) =>
      name.startsWith(':') ? [] : [name, String(value)],
    )
    const head = {
      method: 'CONNECT',
      scheme: 'https',
      authority: String(authority),
      path: String(path),
      contentLength: -1,
    }
    const asked = readConnectRequest({ ...head, protocol: String(protocol), fields })
    if (asked.type === 'error') {
      near.respond({ ':status': asked.error.status ?? 400 }, { endStream: true })
      return
    }
    const { section, agreement } = acceptConnect(asked, {
      ...(asked.subprotocols[0] === undefined ? {} : { subprotocol: asked.subprotocols[0] }),
      deflate: true,
    })
    near.respond(Object.fromEntries(section.flatMap((text, at) => (at % 2 === 0 ? [[text, section[at + 1]]] : []))))
    talk(new WSConnection({ role: 'server', agreement }), near)
    return
  }
  const target = isStream ? request.headers[':authority'] : request.url
  const port = /:(\d+)$/.exec(String(target))?.[1] ?? ''
  const far = connect(ports[port] ?? Number(port), '127.0.0.1', () => {
    if (isStream) near.respond({ ':status': 200 })
    else near.write('HTTP/1.1 200 Connection established\r\n\r\n')
    near.pipe(far).pipe(near)
  })
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
}

/** A WebSocket that says everything back. */
function talk(ws: WSConnection, socket: Duplex): void {
  const hangUp = setTimeout(() => socket.write(ws.send({ type: 'close', code: 1001 })), SILENCE)
  socket.on('error', () => {})
  socket.once('close', () => clearTimeout(hangUp))
  socket.on('data', (octets: Buffer) => {
    if (octets.length > 0) ws.receive(octets)
    for (const event of ws.events()) {
      if (event.type === 'request') {
        socket.write(ws.send({ type: 'accept', subprotocol: event.subprotocols[0] }))
      } else if ((event.type === 'text' || event.type === 'bytes') && ws.state === 'open') {
        socket.write(event.type === 'text' ? ws.send({ type: 'text', data: event.data }) : ws.send(event))
        hangUp.refresh()
      }
    }
    if (ws.hasOutgoing) socket.write(ws.takeOutgoing())
    if (ws.state !== 'closed') return
    clearTimeout(hangUp)
    socket.end()
  })
}

async function answer(request: Request, response: ServerResponse): Promise<void> {
  const { method = 'GET', headers } = request
  // A proxy is asked for whole URLs.
  const url = new URL(request.url ?? '/', `https://${headers[':authority'] ?? headers.host ?? 'localhost'}`)
  const [, first = '', second = ''] = url.pathname.split('/')
  const text = { 'content-type': 'text/plain; charset=utf-8' }
  const body = await buffer(request)
  switch (first) {
    case 'slow':
    case 'never':
      return
    case 'status':
      response.writeHead(Number(second), text)
      response.end(second === '204' || second === '304' ? undefined : `status ${second}\n`)
      return
    case 'bytes':
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': Number(second) })
      response.end(method === 'HEAD' ? undefined : Buffer.alloc(Number(second), 'x'))
      return
    case 'stream':
      response.writeHead(200, { 'content-type': 'application/json' })
      for (let line = 0; line < Number(second); line++) response.write(`${JSON.stringify({ line })}\n`)
      response.end()
      return
    case 'redirect':
      response.writeHead(302, { location: '/get' })
      response.end()
      return
    case 'gzip':
      response.writeHead(200, { ...text, 'content-encoding': 'gzip' })
      response.end(gzipSync('the same text again and again. '.repeat(64)))
      return
    case 'events':
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end([1, 2, 3].map((id) => `id: ${id}\ndata: event ${id}\n\n`).join(''))
      return
  }
  if (first === 'early') response.writeEarlyHints({ link: '</style.css>; rel=preload' })
  if (method === 'GET' && (first === '' || first.endsWith('.html'))) push(response)
  if (headers['content-type']?.startsWith('application/grpc')) {
    response.setHeader('content-type', 'application/grpc')
    response.addTrailers({ 'grpc-status': '0', 'grpc-message': '' })
    response.end(body)
    return
  }
  response.writeHead(200, { 'content-type': 'application/json', trailer: 'x-checksum' })
  response.addTrailers({ 'x-checksum': 'f00d' })
  const own = Object.entries(headers).filter(([name]) => !name.startsWith(':'))
  const parsed = headers['content-type']?.startsWith('application/json') ? { json: jsonOf(String(body)) } : {}
  const seen = { method, url: url.href, args: Object.fromEntries(url.searchParams), headers: Object.fromEntries(own) }
  response.end(method === 'HEAD' ? undefined : JSON.stringify({ ...seen, data: String(body), ...parsed }))
}

/** null for what is none, whatever its type says. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function push(response: ServerResponse | Http2ServerResponse): void {
  if (!(response instanceof http2.Http2ServerResponse) || !response.stream.pushAllowed) return
  response.createPushResponse({ ':path': '/style.css' }, (error, pushed) => {
    if (error) return
    pushed.stream.on('error', () => {})
    pushed.writeHead(200, { 'content-type': 'text/css' })
    pushed.end('body { color: teal }')
  })
}
