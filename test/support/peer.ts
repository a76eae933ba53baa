/**
 * A scripted server in memory: an `H2Connection` under test on one side, frames by hand on the other. No sockets, no
 * time: what a test sends arrives at once, and what the client wrote is there to be looked at.
 */
import { type Frame, FrameParser, PREFACE, serializeFrame } from '../../src/frame/index.ts'
import {
  type ConnectionListener,
  H2Connection,
  type H2ConnectionOptions,
  type H2Stream,
  type StreamListener,
} from '../../src/h2/index.ts'
import { Decoder, Encoder } from '../../src/hpack/index.ts'

/** Everything one stream told its owner. */
export class Recorder implements StreamListener {
  readonly informational: { status: number; fields: readonly string[] }[] = []
  status: number | undefined
  fields: readonly string[] = []
  body = ''
  trailers: readonly string[] | undefined
  error: Error | undefined
  ends = 0
  sent = 0
  localEnds = 0
  drains = 0
  /** Octets are given back to the peer as they come, unless this is false. */
  consuming = true
  connection: H2Connection | undefined

  onInformational(_stream: H2Stream, status: number, fields: readonly string[]): void {
    this.informational.push({ status, fields })
  }
  onHeaders(_stream: H2Stream, status: number, fields: readonly string[]): void {
    this.status = status
    this.fields = fields
  }
  onData(stream: H2Stream, buffer: Buffer, start: number, end: number): void {
    this.body += buffer.toString('latin1', start, end)
    if (this.consuming) this.connection?.consume(stream, end - start)
  }
  onEnd(_stream: H2Stream, trailers: readonly string[]): void {
    this.ends++
    this.trailers = trailers
  }
  onError(_stream: H2Stream, error: Error): void {
    this.ends++
    this.error = error
  }
  onSent(_stream: H2Stream, octets: number): void {
    this.sent += octets
  }
  onLocalEnd(): void {
    this.localEnds++
  }
  onDrain(): void {
    this.drains++
  }
}

/** A request's head in its shortest form. */
export const GET = [':method', 'GET', ':scheme', 'https', ':authority', 'example.com', ':path', '/']
export const HEAD = [':method', 'HEAD', ...GET.slice(2)]
export const POST = [':method', 'POST', ...GET.slice(2)]

export class ScriptedServer implements ConnectionListener {
  readonly client: H2Connection
  failure: Error | undefined
  goaways: { code: number; lastStreamId: number; debug: string }[] = []
  pongs: string[] = []
  settingsSeen = 0
  closedStreams: number[] = []
  private readonly parser = new FrameParser()
  private readonly encoder = new Encoder()
  private readonly decoder = new Decoder({ maxListSize: 1 << 20, maxFields: 10_000 })

  /** A connection whose preface and settings have been exchanged, unless `handshake` is false. */
  constructor(options: H2ConnectionOptions = {}, handshake = true) {
    this.client = new H2Connection(this, { origin: 'https://example.com', ...options })
    const octets = Buffer.concat(this.client.takeOutput(1 << 20))
    this.prefaceSeen = octets.toString('latin1', 0, PREFACE.length)
    this.firstFrames = this.parser.receive(octets.subarray(PREFACE.length))
    if (handshake) {
      this.settings([])
      this.send({ type: 'SETTINGS', streamId: 0, ack: true, settings: [] })
      this.frames()
    }
  }

  readonly prefaceSeen: string
  readonly firstFrames: Frame[]

  onOutput(): void {}
  onSettings(): void {
    this.settingsSeen++
  }
  onPong(payload: Uint8Array): void {
    this.pongs.push(Buffer.from(payload).toString('hex'))
  }
  onGoaway(code: number, lastStreamId: number, debug: string): void {
    this.goaways.push({ code, lastStreamId, debug })
  }
  onStreamClosed(stream: H2Stream): void {
    this.closedStreams.push(stream.id)
  }
  onFailed(error: Error): void {
    this.failure = error
  }

  /** The frames that the client has written since it was last asked. */
  frames(budget = 1 << 24): Frame[] {
    const octets = this.client.takeOutput(budget)
    return octets.flatMap((chunk) => this.parser.receive(chunk))
  }

  send(...frames: Frame[]): void {
    for (const frame of frames) this.octets(serializeFrame(frame))
  }

  octets(octets: Uint8Array): void {
    this.client.receive(Buffer.from(octets))
  }

  settings(settings: [number, number][]): void {
    this.send({ type: 'SETTINGS', streamId: 0, ack: false, settings })
  }

  /** A header section in one HEADERS frame. */
  headers(streamId: number, fields: readonly string[], endStream = false): void {
    this.send({ type: 'HEADERS', streamId, endStream, endHeaders: true, block: this.block(fields) })
  }

  block(fields: readonly string[]): Uint8Array {
    return this.encoder.encode(fields)
  }

  data(streamId: number, data: string | Uint8Array, endStream = false): void {
    this.send({ type: 'DATA', streamId, endStream, data: Buffer.from(data) })
  }

  /** A whole response. */
  respond(streamId: number, body = ''): void {
    this.headers(streamId, [':status', '200'], body === '')
    if (body !== '') this.data(streamId, body, true)
  }

  /** The fields of a header block that the client sent. */
  decode(frame: Frame | undefined): readonly string[] {
    if (frame === undefined || !('block' in frame)) throw new Error('no header block')
    return this.decoder.decode(frame.block)
  }

  /** Opens a request and forgets what it wrote. */
  open(head: string[] = GET, endStream = true): { stream: H2Stream; seen: Recorder } {
    const seen = new Recorder()
    seen.connection = this.client
    const stream = this.client.request(head, endStream, seen)
    this.frames().forEach((frame) => {
      if (frame.type === 'HEADERS') this.decode(frame)
    })
    return { stream, seen }
  }

  /** The error code of the GOAWAY that the client wrote. */
  goawayCode(): number | undefined {
    const frame = this.frames().find(({ type }) => type === 'GOAWAY')
    return frame?.type === 'GOAWAY' ? frame.errorCode : undefined
  }

  /** The error code of the RST_STREAM that the client wrote for a stream. */
  resetCode(streamId: number): number | undefined {
    const frame = this.frames().find((one) => one.type === 'RST_STREAM' && one.streamId === streamId)
    return frame?.type === 'RST_STREAM' ? frame.errorCode : undefined
  }
}
