/**
 * A server that misbehaves as a test says, over real sockets on the loopback interface: scripted frames as
 * `frame-server.ts` has them, but also over TLS, half-open, for HTTP/1.1 fall-backs, or raw octets with no protocol at all.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { testCertificate } from './certificate.ts'
import { FrameConnection, type FrameServerOptions } from './frame-server.ts'

export interface HostileServerOptions extends FrameServerOptions {
  /** Speak TLS, and agree to these protocols. Default: plain. */
  alpn?: readonly string[]
  /** Takes the socket as it is, in place of frames. */
  onSocket?: (socket: Socket, index: number) => void
  /** Keep our side open when the client ends its own. Default false. */
  halfOpen?: boolean
  /** Wait for the client's first octets: one that speaks HTTP/1.1 gets an HTTP/1.1 answer, `http/1.1`. */
  fallBack?: boolean
}

/** Those that a failed test left running. */
const running = new Set<HostileServer>()

/** Ends what failed tests left behind, so that their file ends too. */
export async function closeHostileServers(): Promise<void> {
  for (const server of running) await server.close()
}

export class HostileServer implements AsyncDisposable {
  readonly connections: FrameConnection[] = []
  readonly sockets: Socket[] = []
  origin = ''
  ca = ''
  private server: Server
  private readonly options: HostileServerOptions
  private waiting: (() => void)[] = []

  private constructor(server: Server, options: HostileServerOptions) {
    this.server = server
    this.options = options
  }

  static async start(options: HostileServerOptions = {}): Promise<HostileServer> {
    const { alpn, halfOpen = false } = options
    const { ca, cert, key } = await testCertificate()
    const server =
      alpn === undefined
        ? createServer({ allowHalfOpen: halfOpen })
        : createTlsServer({ cert, key, ALPNProtocols: [...alpn], allowHalfOpen: halfOpen })
    const started = new HostileServer(server, options)
    running.add(started)
    started.ca = ca
    server.on('tlsClientError', () => {})
    server.on(alpn === undefined ? 'connection' : 'secureConnection', (socket: Socket) => started.take(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    started.origin = `${alpn === undefined ? 'http' : 'https'}://localhost:${address.port}`
    return started
  }

  /** Resolves as soon as the condition holds; it is asked after each frame, read, connection and close. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** Connections open now. */
  get open(): number {
    return this.sockets.filter((one) => !one.destroyed).length
  }

  wake(): void {
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }

  /** No new connections are accepted from now on. */
  stopListening(): void {
    this.server.close()
  }

  async close(): Promise<void> {
    if (!running.delete(this)) return
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private take(socket: Socket): void {
    const index = this.sockets.push(socket) - 1
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => this.wake())
    const { onSocket, fallBack } = this.options
    if (onSocket !== undefined) onSocket(socket, index)
    else if (fallBack === true) this.sniff(socket)
    else this.frames(socket)
    this.wake()
  }

  private frames(socket: Socket): void {
    const { onFrame } = this.options
    const heard: FrameServerOptions = {
      ...this.options,
      onFrame: (connection, frame) => {
        onFrame?.(connection, frame)
        // After the frame was answered.
        queueMicrotask(() => this.wake())
      },
    }
    this.connections.push(new FrameConnection(socket, this.connections.length, heard))
  }

  private sniff(socket: Socket): void {
    socket.once('data', (chunk: Buffer) => {
      if (chunk.toString('latin1', 0, 4) !== 'PRI ') {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nhttp/1.1')
        return
      }
      this.frames(socket)
      socket.emit('data', chunk)
    })
  }
}
