/** One HTTP/2 connection of an origin. */
import type { Duplex } from 'node:stream'
import { clearTimeout, setImmediate, setTimeout } from '../clock.ts'
import { ConnectionLostError } from '../errors.ts'
import { ErrorCode } from '../frame/codes.ts'
import {
  type ConnectionListener,
  H2Connection,
  type H2ConnectionOptions,
  type H2Stream,
  type RequestHead,
  type Settings,
  type StreamListener,
} from '../h2/index.ts'
import { NO_LISTENER } from '../h2/stream.ts'
import type { FieldList } from '../headers/fields.ts'
import { FieldKind, fieldName } from '../headers/names.ts'
import type { Home, ServerSide } from './home.ts'
import { headersOf, Incoming } from './record.ts'
import { failedScript, type Plan } from './script.ts'

/** Octets that are framed for one write. */
const WRITE = 262_144

export class Http2Side implements ServerSide, ConnectionListener {
  readonly socket: Duplex
  readonly home: Home
  readonly number: number
  readonly h2: H2Connection
  private phase: 'open' | 'ending' | 'closed' = 'open'
  private scheduled = false
  private taken = 0

  constructor(socket: Duplex, home: Home, number: number, options: H2ConnectionOptions) {
    this.socket = socket
    this.home = home
    this.number = number
    this.h2 = new H2Connection(this, { ...options, role: 'server' })
    socket.on('drain', () => this.onOutput())
    socket.on('close', () => {
      this.phase = 'closed'
      this.h2.terminate(() => new ConnectionLostError('The client closed the connection'))
    })
    this.onOutput()
  }

  receive(octets: Buffer): void {
    this.h2.receive(octets)
  }

  receiveEnd(): void {
    this.end()
  }

  onOutput(): void {
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => this.flush())
  }

  onRequest(stream: H2Stream, head: RequestHead): StreamListener {
    const { method, path = '', authority, fields } = head
    const headers = { ...(authority === undefined ? {} : { host: authority }), ...headersOf(fields) }
    const request = new Incoming('h2', this.number, method, path || (authority ?? ''), headers, fields)
    this.taken++
    const reply = new Reply(this, stream, request)
    this.home.onRequest(request, reply)
    if (this.taken === this.home.goawayAfter) this.goaway(ErrorCode.NO_ERROR)
    return reply
  }

  onSettings(): void {}
  onPong(): void {}
  onGoaway(): void {}
  onStreamClosed(): void {}
  onFailed(): void {
    this.end()
  }

  goaway(code: number): void {
    this.h2.goaway(code)
  }

  limit(settings: Partial<Settings>): void {
    this.h2.updateSettings(settings)
  }

  /** Ends when all is written. */
  end(): void {
    if (this.phase !== 'open') return
    this.phase = 'ending'
    this.onOutput()
  }

  private flush(): void {
    this.scheduled = false
    if (this.phase === 'closed' || this.socket.writableNeedDrain || this.home.mute) return
    for (const octets of this.h2.takeOutput(WRITE)) this.socket.write(octets)
    if (this.h2.hasOutput) this.onOutput()
    else if (this.phase === 'ending') {
      this.phase = 'closed'
      this.socket.end()
    }
  }
}

/** One request and its answer. */
class Reply implements StreamListener {
  private readonly side: Http2Side
  private readonly stream: H2Stream
  private readonly request: Incoming | undefined
  /** Octets of the request's body that came before it was known whether they are read. */
  private early = 0
  private plan: Plan | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private sent = 0

  constructor(side: Http2Side, stream: H2Stream, request: Incoming | undefined) {
    this.side = side
    this.stream = stream
    this.request = request
  }

  answer(plan: Plan): void {
    if (this.stream.listener !== this) return
    this.plan = plan
    if (!plan.unread && this.early > 0) this.side.h2.consume(this.stream, this.early)
    if (plan.delay === 0) this.attempt(plan)
    else this.timer = setTimeout(() => this.attempt(plan), plan.delay)
  }

  private attempt(plan: Plan): void {
    try {
      this.begin(plan)
    } catch (thrown) {
      const { side, stream, request } = this
      side.home.onFault(thrown)
      if (request !== undefined && !stream.headersSent) this.begin(failedScript(request, thrown))
      else side.h2.reset(stream, ErrorCode.INTERNAL_ERROR)
    }
  }

  private begin(plan: Plan): void {
    const { side, stream } = this
    const { h2 } = side
    const { ending, after, body, trailers } = plan
    if (stream.listener !== this || ending === 'silence') return
    if (ending === 'refuse') {
      h2.reset(stream, ErrorCode.REFUSED_STREAM)
      return
    }
    for (const { status, fields } of plan.early) h2.inform(stream, [':status', String(status), ...lower(fields)])
    if (plan.push.length > 0 && h2.remoteSettings.enablePush) this.push(plan)
    if (plan.goaway) h2.goaway()
    const bodiless = this.request?.method === 'HEAD' || plan.status === 204 || plan.status === 304
    const octets = bodiless ? body.subarray(0, 0) : ending === 'whole' ? body : body.subarray(0, after)
    const ends = ending === 'whole' && (bodiless || (octets.length === 0 && trailers.length === 0))
    h2.respond(stream, [':status', String(plan.status), ...lower(plan.fields)], ends)
    if (octets.length > 0) h2.write(stream, octets)
    if (ending === 'whole') {
      if (!ends) h2.end(stream, lower(trailers))
    } else if (octets.length === 0) this.misbehave(plan)
  }

  /** What was to be sent of the body has been framed. */
  private misbehave({ ending, code }: Plan): void {
    if (ending === 'reset') this.side.h2.reset(this.stream, code)
    else if (ending === 'cut') this.side.end()
  }

  private push({ push }: Plan): void {
    const { side, stream, request } = this
    const authority = request?.headers['host'] ?? 'localhost'
    for (const [path, plan] of push) {
      const head = [':method', 'GET', ':scheme', side.home.scheme, ':authority', authority, ':path', path]
      let reply: Reply | undefined
      const promised = side.h2.push(stream, head, {
        ...NO_LISTENER,
        onError: () => reply?.onError(),
        onSent: (_stream, octets) => reply?.onSent(_stream, octets),
      })
      reply = new Reply(side, promised, undefined)
      const listener: StreamListener = reply
      promised.listener = listener
      reply.answer(plan)
    }
  }

  onInformational(): void {}
  onHeaders(): void {}

  onData(stream: H2Stream, buffer: Buffer, start: number, end: number): void {
    this.request?.take(buffer.subarray(start, end))
    if (this.plan === undefined) this.early += end - start
    else if (!this.plan.unread) this.side.h2.consume(stream, end - start)
  }

  onEnd(_stream: H2Stream, trailers: FieldList): void {
    this.request?.finish(trailers)
  }

  onError(_stream?: H2Stream, error: Error = new ConnectionLostError('The stream ended')): void {
    clearTimeout(this.timer)
    this.request?.fail(error)
  }

  onSent(_stream: H2Stream, octets: number): void {
    this.sent += octets
    const { plan } = this
    if (plan === undefined || plan.ending === 'whole' || this.sent < Math.min(plan.after, plan.body.length)) return
    // Not while the frame is being written.
    setImmediate(() => this.misbehave(plan))
  }

  onLocalEnd(): void {}
  onDrain(): void {}
}

/** HTTP/2 has names in lower case alone, and no fields of the connection (RFC 9113 section 8.2.2). */
function lower(fields: FieldList): FieldList {
  const lowered: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const { name, kind } = fieldName(fields[i])
    if (kind !== FieldKind.DROP && kind !== FieldKind.CONNECTION) lowered.push(name, fields[i + 1])
  }
  return lowered
}
