/**
 * Origin servers for tests: HTTP/2 and HTTP/1.1, with TLS and without, on ephemeral ports of the loopback interface.
 *
 * Rules
 * - Both protocols serve the same table of routes (`routes.ts`) through one small interface, {@link Answer}; a test may
 *   add or replace routes, or, over HTTP/2, take every raw stream itself.
 * - `close()` (or `await using`) ends every connection at once and resolves when the port is free.
 * - `connections` counts the TCP connections accepted so far, so that a test can say how many a client opened.
 */
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { testCertificate } from './certificate.ts'
import { defaultRoutes } from './routes.ts'

/** Header fields as a server sends them. */
export type AnswerHeaders = Record<string, string | number | readonly string[]>

/** The request as a route sees it. */
export interface Call {
  readonly protocol: 'h2' | 'http/1.1'
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Lower-case names; pseudo-header fields included over HTTP/2. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Name, value, name, value ... as they arrived. */
  readonly rawHeaders: readonly string[]
  readonly body: Readable
}

/** The response as a route makes it. */
export interface Answer {
  /** An informational response (1xx). */
  early(status: number, headers: AnswerHeaders): void
  head(status: number, headers?: AnswerHeaders, options?: { trailers?: boolean }): void
  write(chunk: string | Uint8Array): boolean
  /** Ends the body; `trailers` need `head(..., { trailers: true })`. */
  end(chunk?: string | Uint8Array, trailers?: AnswerHeaders): void
  /**
   * RST_STREAM with this code; once a body has begun always INTERNAL_ERROR, since node:http2 would end the body properly for
   * any other. Over HTTP/1.1 the connection is reset.
   */
  reset(code: number): void
  /** Ends the connection without a word. */
  cut(): void
  readonly stream: NodeJS.WritableStream
}

export type Route = (call: Call, answer: Answer) => void | Promise<void>

/** Routes by first path segment: `/bytes` serves `/bytes/10`. `*` serves what nothing else does. */
export type Routes = Readonly<Record<string, Route>>

/** Takes every HTTP/2 stream as it is. */
export type StreamHandler = (
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void

export interface OriginOptions {
  /** Without TLS: `http:`. Default false. */
  readonly plain?: boolean
  /** Host to listen on. Default `127.0.0.1`, which `localhost` names. */
  readonly host?: string
  /** More options for the node:http2, node:https or node:http server. */
  readonly server?: http2.SecureServerOptions & http2.ServerOptions & https.ServerOptions
}

/** A running origin. */
export interface TestOrigin<Server extends NetServer = NetServer> extends AsyncDisposable {
  /** `https://localhost:PORT` or `http://localhost:PORT`. */
  readonly origin: string
  readonly port: number
  /** The authority to trust. */
  readonly ca: string
  readonly server: Server
  /** TCP connections accepted so far. */
  readonly connections: number
  /** Connections open now. */
  readonly open: number
  /** The open HTTP/2 sessions, oldest first. */
  readonly sessions: readonly http2.ServerHttp2Session[]
  /** Requests received so far. */
  readonly requests: readonly Call[]
  /** Destroys every open socket, and goes on listening. */
  cutAll(): void
  close(): Promise<void>
}

/** Starts an HTTP/2 origin: TLS with ALPN `h2` only (`server: { allowHTTP1: true }` for both), or plain with prior knowledge. */
export async function startH2Origin(
  handler: StreamHandler | Routes = {},
  options: OriginOptions = {},
): Promise<TestOrigin<http2.Http2SecureServer | http2.Http2Server>> {
  const { ca, cert, key } = await testCertificate()
  const server = options.plain
    ? http2.createServer(options.server ?? {})
    : http2.createSecureServer({ cert, key, ...options.server })
  const running = new Running(server, options, ca)
  server.on('session', (session) => {
    running.sessions.push(session)
    session.on('error', () => {})
    session.on('close', () => {
      running.sessions.splice(running.sessions.indexOf(session), 1)
    })
  })
  server.on('sessionError', () => {})
  const table = typeof handler === 'function' ? undefined : { ...defaultRoutes, ...handler }
  const take: StreamHandler = (stream, headers, flags, rawHeaders) => {
    stream.on('error', () => {})
    if (typeof handler === 'function') {
      handler(stream, headers, flags, rawHeaders)
      return
    }
    if (table === undefined) return
    running.serve(
      table,
      callOf('h2', String(headers[':method']), String(headers[':path']), headers, rawHeaders, stream),
      new Http2Answer(stream, running),
    )
  }
  server.on('stream', take)
  if (options.server?.allowHTTP1 === true) {
    server.on('request', (request: http.IncomingMessage | http2.Http2ServerRequest, response: unknown) => {
      if (table === undefined || !(response instanceof http.ServerResponse)) return
      serveHttp1(running, table, request as http.IncomingMessage, response)
    })
  }
  return running.listen()
}

/** Starts an HTTP/1.1 origin: TLS with ALPN `http/1.1`, or plain. */
export async function startH1Origin(
  routes: Routes = {},
  options: OriginOptions = {},
): Promise<TestOrigin<http.Server | https.Server>> {
  const { ca, cert, key } = await testCertificate()
  const server = options.plain
    ? http.createServer(options.server ?? {})
    : https.createServer({ cert, key, ...options.server })
  const running = new Running(server, options, ca)
  const table = { ...defaultRoutes, ...routes }
  const serve = (request: http.IncomingMessage, response: http.ServerResponse): void =>
    serveHttp1(running, table, request, response)
  server.on('request', serve)
  server.on('checkContinue', (request, response) => {
    response.writeContinue()
    serve(request, response)
  })
  return running.listen()
}

/** An origin that speaks both, as ALPN decides. */
export function startDualOrigin(
  routes: Routes = {},
  options: OriginOptions = {},
): Promise<TestOrigin<http2.Http2SecureServer | http2.Http2Server>> {
  return startH2Origin(routes, { ...options, server: { ...options.server, allowHTTP1: true } })
}

function serveHttp1(
  running: Running<NetServer>,
  table: Routes,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  request.on('error', () => {})
  response.on('error', () => {})
  running.serve(
    table,
    callOf('http/1.1', request.method ?? '', request.url ?? '/', request.headers, request.rawHeaders, request),
    new Http1Answer(response, running),
  )
}

class Running<Server extends NetServer> implements TestOrigin<Server> {
  readonly server: Server
  readonly ca: string
  readonly sessions: http2.ServerHttp2Session[] = []
  readonly requests: Call[] = []
  readonly sockets = new Map<number | undefined, Socket>()
  port = 0
  origin = ''
  connections = 0
  private readonly options: OriginOptions

  constructor(server: Server, options: OriginOptions, ca: string) {
    this.server = server
    this.options = options
    this.ca = ca
    server.on('connection', (socket: Socket) => {
      const { remotePort } = socket
      this.connections++
      this.sockets.set(remotePort, socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        if (this.sockets.get(remotePort) === socket) this.sockets.delete(remotePort)
      })
    })
    server.on('tlsClientError', () => {})
    server.on('clientError', () => {})
  }

  get open(): number {
    return this.sockets.size
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(0, this.options.host ?? '127.0.0.1', resolve)
    })
    this.port = (this.server.address() as AddressInfo).port
    this.origin = `${this.options.plain ? 'http' : 'https'}://localhost:${this.port}`
    return this
  }

  serve(table: Routes, call: Call, answer: Answer): void {
    this.requests.push(call)
    const segment = /^\/[^/]*/.exec(call.path)?.[0] ?? call.path
    const route = table[segment] ?? table['*']
    if (route === undefined) {
      answer.head(404, { 'content-type': 'text/plain' })
      answer.end(`no route ${call.path}`)
      return
    }
    Promise.resolve(route(call, answer)).catch((error: unknown) => {
      process.emitWarning(`test route ${call.path} failed: ${String(error)}`)
      answer.cut()
    })
  }

  /** By FIN, always: a socket that is closed while something lies unread in it sends RST, and how that is told differs. */
  cut(remotePort: number | undefined): void {
    this.sockets.get(remotePort)?.end()
  }

  cutAll(): void {
    for (const socket of this.sockets.values()) socket.destroy()
  }

  async close(): Promise<void> {
    if (!this.server.listening) return
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const session of [...this.sessions]) session.destroy()
    this.cutAll()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function callOf(
  protocol: Call['protocol'],
  method: string,
  target: string,
  headers: Call['headers'],
  rawHeaders: readonly string[],
  body: Readable,
): Call {
  const mark = target.indexOf('?')
  return {
    protocol,
    method,
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    headers,
    rawHeaders,
    body,
  }
}

class Http2Answer implements Answer {
  readonly stream: http2.ServerHttp2Stream
  private readonly running: Running<NetServer>

  constructor(stream: http2.ServerHttp2Stream, running: Running<NetServer>) {
    this.stream = stream
    this.running = running
  }

  early(status: number, headers: AnswerHeaders): void {
    this.stream.additionalHeaders({ ':status': status, ...mutable(headers) })
  }

  head(status: number, headers: AnswerHeaders = {}, options: { trailers?: boolean } = {}): void {
    if (this.stream.destroyed) return
    this.stream.respond({ ':status': status, ...mutable(headers) }, { waitForTrailers: options.trailers === true })
  }

  write(chunk: string | Uint8Array): boolean {
    return this.stream.write(chunk)
  }

  end(chunk?: string | Uint8Array, trailers?: AnswerHeaders): void {
    if (trailers !== undefined) {
      this.stream.once('wantTrailers', () => this.stream.sendTrailers(mutable(trailers)))
    }
    this.stream.end(chunk)
  }

  reset(code: number): void {
    if (this.stream.headersSent) this.stream.destroy(new Error('reset'))
    else this.stream.close(code)
  }

  cut(): void {
    this.running.cut(this.stream.session?.socket.remotePort)
  }
}

class Http1Answer implements Answer {
  readonly stream: http.ServerResponse
  private readonly running: Running<NetServer>

  constructor(stream: http.ServerResponse, running: Running<NetServer>) {
    this.stream = stream
    this.running = running
  }

  early(status: number, headers: AnswerHeaders): void {
    if (status === 103) this.stream.writeEarlyHints(mutable(headers) as Record<string, string>)
    else if (status === 102) this.stream.writeProcessing()
    else this.stream.writeContinue()
  }

  head(status: number, headers: AnswerHeaders = {}): void {
    this.stream.writeHead(status, mutable(headers))
  }

  write(chunk: string | Uint8Array): boolean {
    return this.stream.write(chunk)
  }

  end(chunk?: string | Uint8Array, trailers?: AnswerHeaders): void {
    if (trailers !== undefined) this.stream.addTrailers(mutable(trailers) as Record<string, string>)
    this.stream.end(chunk)
  }

  reset(): void {
    this.running.sockets.get(this.stream.socket?.remotePort)?.resetAndDestroy()
  }

  cut(): void {
    this.running.cut(this.stream.socket?.remotePort)
  }
}

function mutable(headers: AnswerHeaders): Record<string, string | number | string[]> {
  const out: Record<string, string | number | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    out[name] = typeof value === 'object' ? [...value] : value
  }
  return out
}
