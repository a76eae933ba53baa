/**
 * A server of frames over real sockets (HTTP/2 by prior knowledge, loopback): a test says what it answers, frame by frame
 * and octet by octet, and sees what came. What a test does not say is done properly: settings, their acknowledgement,
 * answers to PING.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { type Frame, FrameParser, PREFACE, serializeFrame } from '../../src/frame/index.ts'
import { Decoder, Encoder } from '../../src/hpack/index.ts'

export interface FrameServerOptions {
  /** SETTINGS of the server. Default none. */
  settings?: [number, number][]
  /** Send SETTINGS at all. Default true. */
  greet?: boolean
  /** Answer PING. Default true; may be changed later. */
  pong?: boolean
  /** Called with each request's section when its header block is complete. */
  onRequest?: (connection: FrameConnection, streamId: number, fields: readonly string[], ended: boolean) => void
  /** Called with each frame, before anything is answered. */
  onFrame?: (connection: FrameConnection, frame: Frame) => void
  onConnection?: (connection: FrameConnection) => void
}

export class FrameConnection {
  readonly socket: Socket
  readonly index: number
  readonly frames: Frame[] = []
  /** Streams opened by the client, in order. */
  readonly streams: number[] = []
  /** The section of each request, by its stream. */
  readonly requests = new Map<number, readonly string[]>()
  pong: boolean
  private readonly options: FrameServerOptions
  private readonly parser = new FrameParser()
  private readonly encoder = new Encoder()
  private readonly decoder = new Decoder({ maxListSize: 1 << 20, maxFields: 10_000 })
  private preface = PREFACE.length

  constructor(socket: Socket, index: number, options: FrameServerOptions) {
    this.socket = socket
    this.index = index
    this.options = options
    this.pong = options.pong ?? true
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    options.onConnection?.(this)
    if (options.greet !== false) {
      this.send({ type: 'SETTINGS', streamId: 0, ack: false, settings: options.settings ?? [] })
    }
  }

  private receive(chunk: Buffer): void {
    const skipped = Math.min(this.preface, chunk.length)
    this.preface -= skipped
    for (const frame of this.parser.receive(chunk.subarray(skipped))) this.take(frame)
  }

  private take(frame: Frame): void {
    this.frames.push(frame)
    this.options.onFrame?.(this, frame)
    if (frame.type === 'SETTINGS' && !frame.ack && this.options.greet !== false) {
      this.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
    } else if (frame.type === 'PING' && !frame.ack && this.pong) {
      this.send({ type: 'PING', streamId: 0, ack: true, payload: frame.payload })
    } else if (frame.type === 'HEADERS') {
      const fields = this.decoder.decode(Buffer.from(frame.block))
      if (!this.streams.includes(frame.streamId)) {
        this.streams.push(frame.streamId)
        this.requests.set(frame.streamId, fields)
        this.options.onRequest?.(this, frame.streamId, fields, frame.endStream)
      }
    }
  }

  send(...frames: Frame[]): void {
    this.octets(Buffer.concat(frames.map((frame) => serializeFrame(frame))))
  }

  octets(octets: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(octets)
  }

  block(fields: readonly string[]): Uint8Array {
    return this.encoder.encode(fields)
  }

  headers(streamId: number, fields: readonly string[], endStream = false): void {
    this.send({ type: 'HEADERS', streamId, endStream, endHeaders: true, block: this.block(fields) })
  }

  data(streamId: number, data: string | Uint8Array, endStream = false): void {
    this.send({ type: 'DATA', streamId, endStream, data: Buffer.from(data) })
  }

  /** A whole response, in one write: if the connection is cut after it, the peer has all of it or nothing. */
  respond(streamId: number, body = '', status = 200): void {
    const block = this.block([':status', String(status)])
    const head: Frame = { type: 'HEADERS', streamId, endStream: body === '', endHeaders: true, block }
    if (body === '') this.send(head)
    else this.send(head, { type: 'DATA', streamId, data: Buffer.from(body), endStream: true })
  }

  reset(streamId: number, errorCode: number): void {
    this.send({ type: 'RST_STREAM', streamId, errorCode })
  }

  goaway(lastStreamId: number, errorCode = 0): void {
    this.send({ type: 'GOAWAY', streamId: 0, lastStreamId, errorCode, debugData: Buffer.alloc(0) })
  }

  settings(settings: [number, number][]): void {
    this.send({ type: 'SETTINGS', streamId: 0, ack: false, settings })
  }

  /** The connection is gone, without a word. */
  cut(): void {
    this.socket.destroy()
  }

  /** How many frames of a type came, on one stream or on all. */
  count(type: Frame['type'], streamId?: number): number {
    return this.frames.filter((one) => one.type === type && (streamId === undefined || one.streamId === streamId))
      .length
  }
}

export class FrameServer implements AsyncDisposable {
  readonly connections: FrameConnection[] = []
  readonly origin: string
  private readonly server: Server
  private waiting: (() => void)[] = []

  private constructor(server: Server, port: number) {
    this.server = server
    this.origin = `http://localhost:${port}`
  }

  static async start(options: FrameServerOptions = {}): Promise<FrameServer> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const running = new FrameServer(server, address.port)
    const { onFrame } = options
    const heard: FrameServerOptions = {
      ...options,
      onFrame: (connection, frame) => {
        onFrame?.(connection, frame)
        // After the frame was answered.
        queueMicrotask(() => running.wake())
      },
    }
    server.on('connection', (socket) => {
      running.connections.push(new FrameConnection(socket, running.connections.length, heard))
      socket.on('close', () => running.wake())
      running.wake()
    })
    return running
  }

  /** Resolves as soon as the condition holds; it is asked after each frame, connection and close. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** Connections open now. */
  get open(): number {
    return this.connections.filter((one) => !one.socket.destroyed).length
  }

  private wake(): void {
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
