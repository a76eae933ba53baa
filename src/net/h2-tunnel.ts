/**
 * One tunnel within an HTTP/2 connection to a proxy (RFC 9113 section 8.5): a CONNECT stream as a `Wire`.
 *
 * Rules: what the reader does not take is not returned to the peer's window; what the peer does not take is not asked
 * of the writer. END_STREAM is a half-close, either way; a reset is an error of this tunnel alone. Data chunks handed
 * on are never written to again.
 */
import { Duplex } from 'node:stream'
import { StreamResetError } from '../errors.ts'
import { ErrorCode, type H2Connection, type H2Stream, type StreamListener } from '../h2/index.ts'
import type { Ends, Wire } from './link.ts'

/** What a tunnel is to the connection that it lies in. */
export interface TunnelHost {
  readonly h2: H2Connection
  readonly ends: Ends
  /** Resets the stream of a tunnel that we end. */
  reset(stream: H2Stream, code: number): void
  /** A tunnel begins, or ceases, to keep the process alive. */
  onReference(tunnel: H2Tunnel): void
  onTunnelClosed(tunnel: H2Tunnel): void
}

/** What the opening of a tunnel leads to. */
export interface TunnelOpening {
  onAnswer(status: number, fields: readonly string[]): void
  onFailed(error: Error): void
}

export class H2Tunnel extends Duplex implements Wire, StreamListener {
  bytesRead = 0
  bytesWritten = 0
  /** It keeps the process alive, as a socket does. */
  referenced = true

  private readonly host: TunnelHost
  private stream: H2Stream | null = null
  private opening: TunnelOpening | null
  /** Octets that the reader had no room for: returned to the window when it asks for more. */
  private unreturned = 0
  private wanted = true
  private waitingWrite: ((error?: Error | null) => void) | null = null
  private waitingFinal: ((error?: Error | null) => void) | null = null
  /** The stream is over on the wire, or was never opened. */
  private streamOver = false

  constructor(host: TunnelHost, opening: TunnelOpening) {
    // Like a socket: when the peer ends, so do we.
    super({ allowHalfOpen: false })
    this.host = host
    this.opening = opening
  }

  /**
   * Sends CONNECT.
   * @throws when no stream may be opened now.
   */
  open(head: readonly string[]): void {
    this.stream = this.host.h2.request(head, false, this)
  }

  get remoteAddress(): string | undefined {
    return this.host.ends.remoteAddress
  }
  get remotePort(): number | undefined {
    return this.host.ends.remotePort
  }
  get remoteFamily(): string | undefined {
    return this.host.ends.remoteFamily
  }
  get localAddress(): string | undefined {
    return this.host.ends.localAddress
  }
  get localPort(): number | undefined {
    return this.host.ends.localPort
  }

  ref(): this {
    return this.reference(true)
  }

  unref(): this {
    return this.reference(false)
  }

  private reference(referenced: boolean): this {
    if (this.referenced !== referenced) {
      this.referenced = referenced
      this.host.onReference(this)
    }
    return this
  }

  /** The connection that carries it has its own. */
  setNoDelay(): this {
    return this
  }

  /** The connection that carries it has its own. */
  setKeepAlive(): this {
    return this
  }

  override _read(): void {
    this.wanted = true
    const { stream, unreturned } = this
    if (unreturned === 0 || stream === null) return
    this.unreturned = 0
    if (!this.streamOver) this.host.h2.consume(stream, unreturned)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const { stream } = this
    if (stream === null || !stream.localOpen) {
      callback(cut('the tunnel takes no data'))
      return
    }
    this.bytesWritten += chunk.length
    if (this.host.h2.write(stream, chunk)) callback()
    else this.waitingWrite = callback
  }

  override _final(callback: (error?: Error | null) => void): void {
    const { stream } = this
    if (stream === null || !stream.localOpen) {
      callback()
      return
    }
    this.waitingFinal = callback
    this.host.h2.end(stream)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.streamOver && this.stream !== null) this.host.reset(this.stream, ErrorCode.CANCEL)
    this.streamOver = true
    this.opening = null
    this.host.onTunnelClosed(this)
    this.settleWaiting(error ?? cut('the tunnel was closed'))
    callback(error)
  }

  onInformational(): void {
    // Nothing in an interim answer concerns a tunnel.
  }

  onHeaders(_stream: H2Stream, status: number, fields: readonly string[]): void {
    const { opening } = this
    this.opening = null
    opening?.onAnswer(status, fields)
  }

  onData(stream: H2Stream, buffer: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.destroyed) return
    this.bytesRead += length
    this.wanted = false
    // push() may ask for more at once.
    this.unreturned += length
    if (this.push(buffer.subarray(start, end)) || this.wanted) {
      const { unreturned } = this
      this.unreturned = 0
      if (unreturned > 0) this.host.h2.consume(stream, unreturned)
    }
  }

  onEnd(stream: H2Stream): void {
    if (!stream.localOpen) this.streamOver = true
    if (this.opening !== null) this.onError(stream, cut('the proxy ended the stream without an answer'))
    else this.push(null)
  }

  /** It is not waited for any longer, unless it is open. */
  giveUp(error: Error): void {
    const { opening } = this
    if (opening === null) return
    this.opening = null
    this.destroy()
    opening.onFailed(error)
  }

  onError(_stream: H2Stream, error: Error): void {
    this.streamOver = true
    const { opening } = this
    this.opening = null
    if (opening === null) {
      // NO_ERROR in place of END_STREAM (node:http2 under backpressure): what came before it is still to be read.
      if (isPeaceful(error)) this.push(null)
      else this.destroy(cut(error.message, error))
      return
    }
    this.destroy()
    opening.onFailed(error)
  }

  onSent(): void {
    // What was framed is not counted by stream.
  }

  onLocalEnd(): void {
    const { waitingFinal } = this
    this.waitingFinal = null
    waitingFinal?.()
  }

  onDrain(): void {
    const { waitingWrite } = this
    this.waitingWrite = null
    waitingWrite?.()
  }

  private settleWaiting(error: Error): void {
    const { waitingWrite, waitingFinal } = this
    this.waitingWrite = null
    this.waitingFinal = null
    waitingWrite?.(error)
    waitingFinal?.(error)
  }
}

/** The proxy has nothing more to say, and says that nothing went wrong. */
function isPeaceful(error: Error): boolean {
  return error instanceof StreamResetError && error.remote && error.http2ErrorCode === ErrorCode.NO_ERROR
}

/** The end of a tunnel as its owner would see that of a socket. */
function cut(message: string, cause?: Error): Error {
  const error = new Error(`the tunnel through the proxy was cut: ${message}`, cause === undefined ? {} : { cause })
  return Object.assign(error, { code: 'ECONNRESET' })
}
