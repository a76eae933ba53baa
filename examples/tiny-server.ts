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

/** Milliseconds that a client has to close its side after we have closed ours. */
const CLOSE_TIMEOUT = 1000
/** Octets of a generated body that are made at a time. */
const PIECE = Buffer.alloc(16_384, 'x')

/** One connection: the socket on one side, the protocol engine on the other. */
class ServerConnection implements ConnectionListener {
  private readonly socket: Socket
  private readonly h2: H2Connection
  private state: 'open' | 'ending' | 'closed' = 'open'
  private scheduled = false

  constructor(socket: Socket) {
    this.socket = socket
    this.h2 = new H2Connection(this, { role: 'server', maxConcurrentStreams: 256 })
    socket.setNoDelay(true)
    socket.on('data', (octets) => this.h2.receive(octets))
    socket.on('drain', () => this.onOutput())
    // 'close' follows, and what is open hears of it there.
    socket.on('error', () => {})
    socket.on('end', () => this.end())
    socket.on('close', () => {
      this.state = 'closed'
      this.h2.terminate(() => new Error('the connection closed'))
    })
  }

  /** What one turn of the event loop leads to is written together. */
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
    // The GOAWAY that says why is in the output: it goes first.
    this.end()
  }

  /** Closes when everything is written. */
  private end(): void {
    if (this.state !== 'open') return
    this.state = 'ending'
    this.onOutput()
  }

  private flush(): void {
    this.scheduled = false
    // A socket that is full says 'drain' when it is time.
    if (this.state === 'closed' || this.socket.writableNeedDrain) return
    let room = true
    for (const octets of this.h2.takeOutput(262_144)) room = this.socket.write(octets)
    if (this.h2.hasOutput) {
      if (room) this.onOutput()
    } else if (this.state === 'ending') {
      this.state = 'closed'
      this.socket.end()
      // A client that never closes its side must not keep the socket.
      const timer = setTimeout(() => this.socket.destroy(), CLOSE_TIMEOUT)
      this.socket.once('close', () => clearTimeout(timer))
    }
  }
}

/** One request and its response. */
class Exchange implements StreamListener {
  private readonly h2: H2Connection
  private readonly stream: H2Stream
  private readonly head: RequestHead
  /** Octets of the request's body that wait for room in the response: the client may not send more for so long. */
  private withheld = 0
  /** Octets of a generated body that are still to be made. */
  private left = 0

  constructor(h2: H2Connection, stream: H2Stream, head: RequestHead) {
    this.h2 = h2
    this.stream = stream
    this.head = head
  }

  /** A piece of the request's body: an echo sends it back as fast as the client takes it, and any other body is dropped. */
  onData(stream: H2Stream, buffer: Buffer, start: number, end: number): void {
    const { h2, head } = this
    if (head.path === '/echo') {
      if (!stream.headersSent) h2.respond(stream, [':status', '200'], false)
      if (!h2.write(stream, buffer.subarray(start, end))) {
        this.withheld += end - start
        return
      }
    }
    h2.consume(stream, end - start)
  }

  /** There is room for more of the response. */
  onDrain(): void {
    const { h2, stream, withheld } = this
    this.withheld = 0
    if (withheld > 0) h2.consume(stream, withheld)
    this.generate()
  }

  /** The request is complete: answer it. */
  onEnd(): void {
    const { h2, stream } = this
    const path = this.head.path ?? '/'
    const size = /^\/bytes\/(\d{1,9})$/.exec(path)?.[1]
    if (path === '/') this.send(200, Buffer.from('Hello from the server role.\n'))
    else if (path === '/echo') {
      if (!stream.headersSent) h2.respond(stream, [':status', '200'], false)
      h2.end(stream)
    } else if (size !== undefined) this.sendBytes(Number(size))
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

  onError(): void {
    // The client gave up, or the connection ended: nothing more is made for it.
    this.left = 0
  }

  onInformational(): void {}
  onHeaders(): void {}
  onSent(): void {}
  onLocalEnd(): void {}

  private sendBytes(size: number): void {
    const { h2, stream, head } = this
    const empty = size === 0 || head.method === 'HEAD'
    h2.respond(stream, [':status', '200', 'content-length', String(size)], empty)
    if (empty) return
    this.left = size
    this.generate()
  }

  /** Makes as much of the body as there is room for. */
  private generate(): void {
    const { h2, stream } = this
    while (this.left > 0) {
      const piece = PIECE.subarray(0, this.left)
      this.left -= piece.length
      const room = h2.write(stream, piece)
      if (this.left === 0) h2.end(stream)
      if (!room) return
    }
  }

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
  // Half-open: a client that has said all it has to say still gets its answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => new ServerConnection(socket))
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const server = await start(Number(process.argv[2] ?? 0))
  const address = server.address()
  if (address !== null && typeof address === 'object') {
    console.log(`curl --http2-prior-knowledge http://localhost:${address.port}/`)
  }
}
