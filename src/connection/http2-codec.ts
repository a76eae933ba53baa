/**
 * How an exchange is carried over HTTP/2: a thin codec between `src/exchange` and the engine. The stream's listener is the
 * attempt itself, so what is received goes to it directly; what is sent goes through here.
 */

import { nextTick } from '../clock.ts'
import { NotSupportedError, StreamResetError } from '../errors.ts'
import type { Attempt, ExchangeCodec } from '../exchange/attempt.ts'
import type { PreparedBody } from '../exchange/body.ts'
import type { AttemptLimits } from '../exchange/carrier.ts'
import type { DataUse } from '../exchange/contract.ts'
import type { LiveExchange } from '../exchange/exchange.ts'
import { ErrorCode } from '../frame/codes.ts'
import type { H2Connection } from '../h2/index.ts'
import type { FieldList } from '../headers/fields.ts'
import { getField } from '../headers/fields.ts'
import { MAX_FAILED_STREAMS } from '../limits.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Session } from '../session/session.ts'

/** Error codes with which servers in a bad state reset streams whose requests are correct. */
const BAD_STATE: ReadonlySet<number> = new Set([
  ErrorCode.PROTOCOL_ERROR,
  ErrorCode.INTERNAL_ERROR,
  ErrorCode.ENHANCE_YOUR_CALM,
])

/** What the codec needs of its connection. */
export interface CodecHost {
  readonly session: Session
  readonly info: ConnectionInfo
  readonly limits: AttemptLimits
  /** An exchange that waited for the peer's settings has ended. */
  onDeferredEnded(): void
}

/** Octets of DATA from which on it is bulk. */
const LARGE_PIECE = 4096

export class Http2Codec implements ExchangeCodec {
  /** What its handler does with the last bulk data. */
  bulkUse: DataUse = 'passed on'
  private readonly host: CodecHost
  private readonly session: Session
  private readonly h2: H2Connection
  /** Streams that the server reset for reasons of its own since it last answered one. */
  private failedStreams = 0

  constructor(host: CodecHost) {
    this.host = host
    this.session = host.session
    this.h2 = host.session.h2
  }

  get info(): ConnectionInfo {
    return this.host.info
  }

  get time(): number {
    return this.session.time
  }

  /** The socket is full. */
  get blocked(): boolean {
    return this.session.output.blocked
  }

  get lent(): boolean {
    return this.session.lent
  }

  announced({ stream }: Attempt): number {
    return stream?.expectedLength ?? -1
  }

  get limits(): AttemptLimits {
    return this.host.limits
  }

  readClock(): void {
    this.session.readClock()
  }

  /** Opens the stream and sends what is there. */
  start(exchange: LiveExchange, head: string[], body: PreparedBody): void {
    const { trailers, method, protocol } = exchange.request
    if (protocol !== undefined && !this.h2.remoteSettings.enableConnectProtocol) {
      exchange.discard(body)
      const attempt = exchange.beginLater(this)
      nextTick(() => attempt.onError(null, noExtendedConnect(exchange.request.origin, protocol)))
      return
    }
    // A tunnel is open both ways, even when nothing is to be said on it.
    const empty = body.length === 0 && (trailers === null || trailers === undefined) && method !== 'CONNECT'
    const attempt = exchange.attemptOn(this)
    attempt.begin(this.h2.request(head, empty, attempt), head)
    attempt.send(body, body.source === null ? -1 : Number(getField(head, 'content-length') ?? -1))
  }

  cancel({ stream }: Attempt, code?: number): void {
    if (stream === null) this.host.onDeferredEnded()
    else this.session.reset(stream, code)
  }

  answered(): void {
    this.failedStreams = 0
  }

  /**
   * A member behind a balancer may refuse everything, or be in a bad state for ever: what it resets for its own reasons, time
   * after time with no answer in between, is asked of another connection (OkHttp leaves at the second refusal). What exceeds a
   * limit that was lowered meanwhile is no trouble of that kind.
   */
  refused(error: Error): void {
    if (!(error instanceof StreamResetError) || !error.remote) return
    const code = error.http2ErrorCode
    if (code === ErrorCode.REFUSED_STREAM) {
      if (this.h2.openLocal >= this.h2.streamLimit) return
    } else if (!BAD_STATE.has(code)) return
    if (++this.failedStreams >= MAX_FAILED_STREAMS) this.session.close()
  }

  pause(): void {
    // The stream's window, which is not returned, holds the peer back.
  }

  resume(): void {
    // What the exchange hands on is returned to the window.
  }

  consume(attempt: Attempt, octets: number): void {
    const { stream } = attempt
    if (octets >= LARGE_PIECE) this.bulkUse = attempt.dataUse
    if (stream !== null) this.h2.consume(stream, octets)
  }

  write({ stream }: Attempt, octets: Uint8Array): boolean {
    return stream !== null && this.h2.write(stream, octets)
  }

  end({ stream }: Attempt, trailers: FieldList | null): void {
    if (stream !== null) this.h2.end(stream, trailers)
  }

  whenWritten(hear: () => void): void {
    this.session.output.whenWritten(hear)
  }

  unsent({ stream }: Attempt): number {
    return stream === null ? 0 : stream.queuedBytes
  }
}

function noExtendedConnect(origin: string, protocol: string): NotSupportedError {
  const message = `The server at ${origin} takes no CONNECT for ${JSON.stringify(protocol)} (RFC 8441)`
  return new NotSupportedError(message, { origin })
}
