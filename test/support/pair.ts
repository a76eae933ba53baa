/**
 * A client `H2Connection` and a server one, joined in memory: what either writes, the other receives when `flow()` says
 * so, whole or cut into pieces.
 */
import type { ProtocolError } from '../../src/errors.ts'
import {
  type ConnectionListener,
  H2Connection,
  type H2ConnectionOptions,
  type H2Stream,
  type RequestHead,
  type StreamListener,
} from '../../src/h2/index.ts'
import { Recorder } from './peer.ts'

/** Everything one side was told. */
export class Side implements ConnectionListener {
  readonly connection: H2Connection
  failure: ProtocolError | undefined
  readonly goaways: { code: number; lastStreamId: number; debug: string }[] = []
  readonly pongs: string[] = []
  readonly altSvcs: { origin: string; value: string; stream: number | undefined }[] = []
  readonly origins: string[] = []
  acknowledged = 0
  /** Server: requests by stream; each with its recorder. */
  readonly requests: { stream: H2Stream; head: RequestHead; seen: Recorder }[] = []
  /** Client: pushes. */
  readonly pushes: { parent: H2Stream; stream: H2Stream; head: RequestHead; seen: Recorder }[] = []
  /** Takes requests and pushes, unless told otherwise. */
  taking = true

  constructor(options: H2ConnectionOptions) {
    this.connection = new H2Connection(this, options)
  }

  onOutput(): void {}
  onSettings(): void {}
  onSettingsAcknowledged(): void {
    this.acknowledged++
  }
  onPong(payload: Uint8Array): void {
    this.pongs.push(Buffer.from(payload).toString('latin1'))
  }
  onGoaway(code: number, lastStreamId: number, debug: string): void {
    this.goaways.push({ code, lastStreamId, debug })
  }
  onStreamClosed(): void {}
  onFailed(error: ProtocolError): void {
    this.failure = error
  }
  onRequest(stream: H2Stream, head: RequestHead): StreamListener | undefined {
    if (!this.taking) return undefined
    const seen = new Recorder()
    seen.connection = this.connection
    this.requests.push({ stream, head, seen })
    return seen
  }
  onPush(parent: H2Stream, stream: H2Stream, head: RequestHead): StreamListener | undefined {
    if (!this.taking) return undefined
    const seen = new Recorder()
    seen.connection = this.connection
    this.pushes.push({ parent, stream, head, seen })
    return seen
  }
  onAltSvc(origin: string, value: string, stream: H2Stream | undefined): void {
    this.altSvcs.push({ origin, value, stream: stream?.id })
  }
  onOrigin(origins: readonly string[]): void {
    this.origins.push(...origins)
  }
}

export class Pair {
  readonly client: Side
  readonly server: Side
  /** Octets that went each way. */
  readonly sent = { client: 0, server: 0 }

  /** Preface and settings are exchanged already. `sides` are joined when given, else made from the options. */
  constructor(
    client: H2ConnectionOptions = {},
    server: H2ConnectionOptions = {},
    sides?: { readonly client: Side; readonly server: Side },
  ) {
    this.client = sides?.client ?? new Side({ ...client, role: 'client' })
    this.server = sides?.server ?? new Side({ ...server, role: 'server' })
    this.flow()
  }

  /** Carries octets both ways until nobody has any. `cut` says how long the next piece is; default: all there is. */
  flow(cut: (left: number) => number = (left) => left, budget = 1 << 16): void {
    for (let moved = true; moved; ) {
      moved = this.carry('client', cut, budget)
      moved = this.carry('server', cut, budget) || moved
    }
  }

  private carry(from: 'client' | 'server', cut: (left: number) => number, budget: number): boolean {
    const output = this[from].connection.takeOutput(budget)
    const to = from === 'client' ? this.server : this.client
    for (const octets of output) {
      this.sent[from] += octets.length
      for (let at = 0; at < octets.length; ) {
        const size = Math.max(1, Math.min(octets.length - at, cut(octets.length - at)))
        to.connection.receive(Buffer.from(octets.subarray(at, at + size)))
        at += size
      }
    }
    return output.length > 0
  }

  /** The client opens a request; the server has it when this returns. */
  request(head: string[], endStream = true): { stream: H2Stream; seen: Recorder; at: Side['requests'][number] } {
    const seen = new Recorder()
    seen.connection = this.client.connection
    const stream = this.client.connection.request(head, endStream, seen)
    this.flow()
    const at = this.server.requests.find((one) => one.stream.id === stream.id)
    if (at === undefined) throw new Error(`the server did not take stream ${stream.id}`)
    return { stream, seen, at }
  }
}
