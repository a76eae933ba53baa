/**
 * The socket that node:http's ClientRequest is given: it writes HTTP/1.1 to it and reads HTTP/1.1 from it, and between the
 * two is an exchange over whatever the origin speaks.
 *
 * Rules
 * - One socket a request; it is destroyed when the request is done with it. The connections are the pool's.
 * - Only what Node documents of sockets is offered, and only what its HTTP client uses.
 * - Backpressure goes both ways: a paused response pauses its stream, a body is taken as fast as the stream takes it.
 * - The socket is connecting until its exchange has a connection, and tells `lookup`, `connect`, `secureConnect` and `ready`
 *   on the way, as a socket of Node's does; over a connection that was there, all at once.
 */
import { Duplex } from 'node:stream'
import { clearTimeout, setImmediate, setTimeout } from '../../src/clock.ts'
import { AbortedError, PoolDestroyedError, toError } from '../../src/errors.ts'
import type { Exchange, ExchangeHandler, Transport } from '../../src/exchange/contract.ts'
import { isRedirect } from '../../src/exchange/semantics.ts'
import { UploadBody } from '../../src/exchange/upload.ts'
import type { H1RequestHead } from '../../src/h1/index.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { LONGEST_TIMER } from '../../src/limits.ts'
import type { ConnectionInfo, ConnectOptions, ConnectTimings } from '../../src/net/options.ts'
import { describeConnection } from '../common/connection-members.ts'
import { isParserCode, NodeError, toNodeError } from '../common/errors.ts'
import { MAX_REDIRECT_BODY, MAX_REDIRECT_BODY_TIME } from '../common/redirect-body.ts'
import { httpVersion, statusMessage } from '../common/status-line.ts'
import { HttpText, type RequestSink, type Taken } from './http-text.ts'

/** What of Node's request the socket reads and sets. */
export interface AgentedRequest {
  reusedSocket: boolean
  res?: { destroy(error?: Error): unknown } | undefined
}

export class AgentSocket extends Duplex implements RequestSink, ExchangeHandler {
  connecting = true
  readonly secure: boolean
  timeout = 0
  private readonly request: AgentedRequest
  private readonly transport: Transport
  private readonly origin: string
  private readonly connect: ConnectOptions | undefined
  private readonly text = new HttpText(this)
  private source: UploadBody | undefined
  private trailers: FieldList = []
  private exchange: Exchange | undefined
  private settled = false
  private timer: NodeJS.Timeout | undefined
  connectionInfo: ConnectionInfo | undefined
  private lookedUp = false
  /** Of a write that waits for the connection. */
  private unacknowledged: ((error?: Error | null) => void) | undefined
  /** The head of the response is on its way to the message. */
  private answered = false
  private redirects = false
  /** Who follows the redirect has left: octets of its body still to be ignored before the exchange is ended. */
  private ignoring: number | undefined
  /** The request waits to be told that it may send its body. */
  private expects = false

  constructor(transport: Transport, origin: string, connect: ConnectOptions | undefined, request: AgentedRequest) {
    super({ allowHalfOpen: true, autoDestroy: true, emitClose: false })
    this.request = request
    this.transport = transport
    this.origin = origin
    this.connect = connect
    this.secure = origin.startsWith('https:')
    // Node's agent gives a socket back by this event; there is nothing to give back.
    this.once('free', () => this.destroy())
    this.once('agentRemove', () => this.destroy())
  }

  // What the request writes.

  override _write(octets: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.touch()
    this.text.write(octets, (error) => {
      // Written is what a connection has taken: until there is one, nothing is, and `finish` waits with it.
      if (this.connectionInfo === undefined && !error) this.unacknowledged = callback
      // Once the head has come, the message hears of what fails.
      else callback(this.answered ? null : error)
    })
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.source?.end()
    callback()
  }

  onRequestHead({ method, target, raw, framing, expectContinue }: H1RequestHead): void {
    const hasBody = framing !== 'none'
    if (hasBody) this.source = new UploadBody(null, { asTold: toNodeError })
    this.expects = expectContinue
    this.exchange = this.transport.dispatch(
      {
        origin: this.origin,
        method,
        path: pathOf(target, this.origin),
        headers: ownFields(raw, this.origin),
        body: this.source,
        ...(hasBody && announcesTrailers(raw) ? { trailers: () => this.trailers } : {}),
        connect: this.connect,
        // Node has no deadlines but those that the caller sets.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      this,
    )
  }

  onRequestBody(chunk: Uint8Array, taken: Taken): void {
    if (this.source === undefined) taken()
    else this.source.push(chunk, taken)
  }

  onRequestEnd(trailers: FieldList): void {
    this.trailers = trailers
    this.source?.end()
  }

  // What the exchange says.

  onConnecting({ lookup, connect }: Readonly<ConnectTimings>): void {
    if (lookup !== undefined && !this.lookedUp) {
      this.lookedUp = true
      this.emit('lookup', null)
    }
    if (connect !== undefined) this.tellConnect()
  }

  onConnected(info: ConnectionInfo, reused: boolean): void {
    const first = this.connectionInfo === undefined
    this.connectionInfo = info
    this.request.reusedSocket = reused
    this.tellConnect()
    if (first && info.encrypted) this.emit('secureConnect')
    this.acknowledge()
    // Over HTTP/1.1 the expectation is not sent, so nobody else would answer it.
    if (this.expects && info.protocol === 'http/1.1') this.onInformational(100, [], '')
  }

  private acknowledge(error?: Error): void {
    const { unacknowledged } = this
    this.unacknowledged = undefined
    unacknowledged?.(error)
  }

  private tellConnect(): void {
    if (!this.connecting) return
    this.connecting = false
    this.emit('connect')
    this.emit('ready')
  }

  onInformational(status: number, fields: FieldList, statusText: string, raw: FieldList = fields): void {
    this.touch()
    if (status === 100) this.expects = false
    const reason = statusMessage(status, statusText, httpVersion(this.exchange?.connection))
    this.push(this.text.inform(status, reason, raw), 'latin1')
  }

  onHeaders(
    status: number,
    fields: FieldList,
    statusText: string,
    raw: FieldList = fields,
    said?: '1.0' | '1.1',
  ): void {
    this.touch()
    this.answered = true
    this.redirects = isRedirect(status)
    const version = httpVersion(this.exchange?.connection, said)
    const reason = statusMessage(status, statusText, version)
    this.push(this.text.respond(status, reason, raw, version === '1.0' ? '1.0' : '1.1'), 'latin1')
  }

  onData(chunk: Buffer): void {
    if (this.ignoring !== undefined) {
      this.ignoring -= chunk.length
      if (this.ignoring < 0) this.exchange?.abort()
      return
    }
    this.touch()
    let more = true
    for (const piece of this.text.data(chunk)) more = this.push(piece, 'latin1')
    if (!more) this.exchange?.pause()
  }

  onEnd(trailers: FieldList, raw: FieldList = trailers): void {
    if (this.ignoring !== undefined) {
      clearTimeout(this.timer)
      return
    }
    this.settled = true
    const whole = this.text.done
    try {
      const end = this.text.end(raw)
      if (end !== '') this.push(end, 'latin1')
    } catch (thrown) {
      // It is shorter than it said.
      this.breakOff(toNodeError(toError(thrown)))
      return
    }
    // Node would take the end for one of both directions, and keep the rest of the body for ever.
    if (whole) this.push(null)
  }

  onError(error: Error): void {
    // The caller ended it, and needs no words of ours: the message hears from node:http that it was aborted.
    if (this.settled) {
      if (this.ignoring !== undefined) clearTimeout(this.timer)
      return
    }
    this.settled = true
    // To who has called `destroy()` of an agent, its sockets hang up; who asks it later hears what it is.
    const hungUp = error instanceof PoolDestroyedError && this.connectionInfo !== undefined
    const failure = hungUp ? new NodeError('ECONNRESET', 'socket hang up', error) : toNodeError(error)
    const { code } = failure as NodeJS.ErrnoException
    // Of what its own parser does not understand Node tells the request, whether or not it has a response.
    if (this.answered && !isParserCode(code)) this.breakOff(failure)
    else this.destroy(failure)
  }

  /** The response will not be complete: its message gets the error, when everything that arrived was read. */
  private breakOff(failure: Error): void {
    this.once('end', () => {
      this.request.res?.destroy(failure)
      this.destroy()
    })
    this.push(null)
  }

  override _read(): void {
    this.exchange?.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.timer)
    if (!this.settled) {
      this.settled = true
      if (error === null && this.redirects && this.source?.closed !== false) this.runOut()
      else this.exchange?.abort(error ?? undefined)
    }
    // An error costs more than the rest of an end: it is made only for who is to hear of it.
    if (this.source?.closed === false) this.source.fail(error ?? new AbortedError())
    callback(error)
    // Of a socket of Node's this is the last event, after all that its end sets off.
    setImmediate(emitClose, this, error)
  }

  /** Lets the body of a redirect that was left, to be followed, run to its end if that is near. */
  private runOut(): void {
    const { exchange } = this
    this.ignoring = MAX_REDIRECT_BODY
    // What has come while the event loop was busy is read before that.
    this.timer = setTimeout(() => setImmediate(() => exchange?.abort()), MAX_REDIRECT_BODY_TIME)
    this.timer.unref()
    exchange?.resume()
  }

  /** @internal As Node's does, whoever wrote before there was a connection hears only now that there will be none. */
  afterClose(error: Error | null): void {
    if (this.unacknowledged !== undefined) this.acknowledge(error ?? new AbortedError())
  }

  // What is asked of a socket.

  setTimeout(milliseconds: number, callback?: () => void): this {
    this.timeout = Math.min(milliseconds, LONGEST_TIMER)
    if (callback !== undefined) {
      if (milliseconds === 0) this.off('timeout', callback)
      else this.once('timeout', callback)
    }
    clearTimeout(this.timer)
    this.timer = undefined
    this.touch()
    return this
  }

  /** Something moved: the time until `timeout` begins anew. */
  private touch(): void {
    if (this.timeout <= 0 || this.destroyed) return
    if (this.timer === undefined) {
      this.timer = setTimeout(() => this.emit('timeout'), this.timeout)
      this.timer.unref()
    } else {
      this.timer.refresh()
    }
  }

  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }
}
describeConnection(AgentSocket.prototype)

function emitClose(socket: AgentSocket, error: Error | null): void {
  socket.emit('close', error !== null)
  socket.afterClose(error)
}

/**
 * The body's framing is the transport's affair; a length stays, for it is a promise. So is the origin's own name: requests that
 * give it and requests that do not share connections.
 */
function ownFields(headers: FieldList, origin: string): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i].toLowerCase()
    if (name === 'transfer-encoding' || name === 'connection' || name === 'keep-alive' || name === 'upgrade') continue
    if (name === 'host' && origin.endsWith(`//${headers[i + 1]}`)) continue
    kept.push(headers[i], headers[i + 1])
  }
  return kept
}

/** An absolute form (RFC 9112 section 3.2.2) of the same origin as a path; any other is not ours to send. */
function pathOf(target: string, origin: string): string {
  if (!/^https?:\/\//i.test(target) || !URL.canParse(target)) return target
  const url = new URL(target)
  return url.origin === new URL(origin).origin ? url.pathname + url.search : target
}

function announcesTrailers(headers: FieldList): boolean {
  return headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'trailer')
}
