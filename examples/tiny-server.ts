/**
 * A tiny HTTP/2 server on the server role of `hyper-transport/h2`: cleartext with prior knowledge, on the loopback
 * interface.
 *
 *     node examples/tiny-server.ts [port]      then: curl --http2-prior-knowledge http://localhost:PORT/
 *
 * `/` greets, `/bytes/N` sends N octets, `/echo` sends the request's body back, `/trailers` ends with trailers, `/early`
 * begins with a 103, `/push` promises `/style.css`.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import {
  type ConnectionListener,
  H2Connection,
  type H2Stream,
  type RequestHead,
  type StreamListener,
} from 'hyper-transport/h2'

/** One connection: the socket on one side, the protocol engine on the other. */
class ServerConnection implements ConnectionListener {
  private readonly socket: Socket
  private readonly h2: H2Connection
  private scheduled = false

  constructor(socket: Socket) {
    this.socket = socket
    this.h2 = new H2Connection(this, { role: 'server', maxConcurrentStreams: 256 })
    socket.on('data', (octets) => this.h2.receive(octets))
    socket.on('drain', () => this.onOutput())
    socket.on('error', () => {})
    socket.on('close', () => this.h2.terminate(() => new Error('the connection closed')))
  }

  onOutput(): void {
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => this.flush())
  }

  onRequest(stream: H2Stream, head: RequestHead): StreamListener {
    return new Exchange(this.h2, stream, head)
  }

  onSettings(): void {}
  onPong(): void {}
  onGoaway(): void {}
  onStreamClosed(): void {}
  onFailed(): void {
    // The GOAWAY that says why is in the output; it goes first.
    setImmediate(() => this.socket.end())
  }

  private flush(): void {
    this.scheduled = false
    if (this.socket.destroyed || this.socket.writableNeedDrain) return
    for (const octets of this.h2.takeOutput(262_144)) this.socket.write(octets)
    if (this.h2.hasOutput && !this.socket.writableNeedDrain) this.onOutput()
  }
}

/** One request and its response. */
class Exchange implements StreamListener {
  private readonly h2: H2Connection
  private readonly stream: H2Stream
  private readonly head: RequestHead
  private readonly body: Buffer[] = []

  constructor(h2: H2Connection, stream: H2Stream, head: RequestHead) {
    this.h2 = h2
    this.stream = stream
    this.head = head
  }

  onData(stream: H2Stream, buffer: Buffer, start: number, end: number): void {
    this.body.push(buffer.subarray(start, end))
    this.h2.consume(stream, end - start)
  }

  /** The request is complete: answer it. */
  onEnd(): void {
    const { h2, stream } = this
    const path = this.head.path ?? '/'
    if (path === '/') this.send(200, Buffer.from('Hello from the server role.\n'))
    else if (path === '/echo') this.send(200, Buffer.concat(this.body))
    else if (/^\/bytes\/\d{1,9}$/.test(path)) this.send(200, Buffer.alloc(Number(path.slice(7)), 'x'))
    else if (path === '/early') {
      h2.inform(stream, [':status', '103', 'link', '</style.css>; rel=preload'])
      this.send(200, Buffer.from('after an early hint\n'))
    } else if (path === '/trailers') {
      h2.respond(stream, [':status', '200', 'trailer', 'x-checksum'], false)
      h2.write(stream, Buffer.from('the trailers follow\n'))
      h2.end(stream, ['x-checksum', 'f00d'])
    } else if (path === '/push') {
      this.promise()
      this.send(200, Buffer.from('with a style sheet\n'))
    } else this.send(404, Buffer.from('There is nothing here.\n'))
  }

  onError(): void {}
  onInformational(): void {}
  onHeaders(): void {}
  onSent(): void {}
  onLocalEnd(): void {}
  onDrain(): void {}

  private send(status: number, body: Buffer, stream = this.stream): void {
    const { h2 } = this
    const section = [':status', String(status), 'content-length', String(body.length)]
    const empty = body.length === 0 || this.head.method === 'HEAD'
    h2.respond(stream, section, empty)
    if (empty) return
    h2.write(stream, body)
    h2.end(stream)
  }

  private promise(): void {
    const { h2, head } = this
    if (!h2.remoteSettings.enablePush) return
    const request = [
      ':method',
      'GET',
      ':scheme',
      'http',
      ':authority',
      head.authority ?? 'localhost',
      ':path',
      '/style.css',
    ]
    this.send(200, Buffer.from('body { color: teal }\n'), h2.push(this.stream, request, this))
  }
}

/** Starts the server; port 0 takes any that is free. */
export function start(port = 0): Promise<Server> {
  const server = createServer((socket) => new ServerConnection(socket))
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const server = await start(Number(process.argv[2] ?? 0))
  const address = server.address()
  if (address !== null && typeof address === 'object') {
    console.log(`curl --http2-prior-knowledge http://localhost:${address.port}/`)
  }
}
