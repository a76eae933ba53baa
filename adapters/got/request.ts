/**
 * The request object that got is given: to got a ClientRequest, to the transport a handler.
 *
 * Rules
 * - Nothing is sent before the first write() or end(); a body that is whole by then goes down as bytes, so that it can be
 *   sent again, any other as a stream that is written at the transport's pace. But one that keeps a turn of the event loop
 *   waiting does not keep the connection waiting, from which got counts the times of the request.
 * - `socket` comes once, then at most one `finish`, one `response`, one `error`, and `close` last of all.
 * - A write's callback is called when the transport took the bytes. When the request fails it is called without an error:
 *   the `error` event has told, and an error in both places would end got's stream before it could retry.
 * - After it settled a request accepts writes and drops them, as one whose response came early must.
 *
 * Hot path: one object a request, no timers and no closures but where they are asked for.
 */

import { clearTimeout, nextTick, setImmediate, setTimeout } from '../../src/clock.ts'
import type { Body, DataUse, ExchangeHandler, ExchangeRequest, Transport } from '../../src/exchange/contract.ts'
import { UploadBody } from '../../src/exchange/upload.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { LONGEST_TIMER } from '../../src/limits.ts'
import type { ConnectionInfo, ConnectTimings } from '../../src/net/options.ts'
import { ConnectionSocket, socketOf } from '../common/connection-socket.ts'
import { isBrokenOff, isParserCode, NodeError, toNodeError } from '../common/errors.ts'
import { nodeHeaders } from '../common/headers.ts'
import { globalAgentOptions } from '../common/node-agents.ts'
import { connectOptions, type NativeOptions } from '../common/node-options.ts'
import { sharedTransport } from '../common/pool.ts'
import { serverNameOf } from '../common/server-name.ts'
import { httpVersion, statusMessage } from '../common/status-line.ts'
import { nodeRefusal } from './errors.ts'
import type { Target } from './options.ts'
import { RequestHead } from './request-head.ts'
import { HyperResponse } from './response.ts'
import { correctTimings } from './timings.ts'

type Done = (error?: Error | null) => void

export class HyperRequest extends RequestHead implements ExchangeHandler {
  writable = true
  writableFinished = false
  destroyed = false
  aborted = false
  closed = false
  reusedSocket = false
  maxHeadersCount: number | null = null
  /** Filled when the response comes. */
  res: HyperResponse | undefined
  /** got's own record. */
  timings: unknown = undefined
  private readonly transport: Transport
  private readonly options: NativeOptions
  private readonly origin: string
  private upload: UploadBody | undefined
  /** Of a body that went down in one piece: to be called when it is sent. */
  private written: Done | undefined
  private sent = false
  private settled = false
  private socketTold = false
  /** The socket stands for a connection that is being made. */
  private makingSocket = false
  /** In this turn a write was acknowledged. */
  private acknowledged = false
  private idle: NodeJS.Timeout | undefined
  private idleTimeout = 0

  constructor(transport: Transport, target: Target, options: NativeOptions) {
    super(target, options)
    this.transport = transport
    this.options = options
    this.origin = target.origin
    if (this.method !== 'GET' && this.method !== 'HEAD') setImmediate(() => this.flushHeaders())
  }

  flushHeaders(): void {
    if (this.exchange === undefined && !this.settled) this.dispatch(this.startUpload())
  }

  write(chunk: string | Uint8Array, encoding?: BufferEncoding | Done | null, callback?: Done): boolean {
    if (typeof encoding === 'function') {
      callback = encoding
      encoding = undefined
    }
    if (this.writableEnded || this.settled) {
      // got goes on writing to a request whose response came early.
      if (callback !== undefined) nextTick(callback)
      return true
    }
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding ?? 'utf8') : chunk
    this.touch()
    if (callback !== undefined) callback = this.acknowledging(callback)
    if (this.upload !== undefined || this.exchange !== undefined) return this.startUpload().push(bytes, callback)
    if (Number(this.headers['content-length']) === bytes.length && bytes.length > 0) {
      this.written = callback
      this.dispatch(bytes)
      return true
    }
    const upload = this.startUpload()
    const room = upload.push(bytes, callback)
    this.dispatch(upload)
    return room
  }

  end(chunk?: string | Uint8Array | Done | null, encoding?: BufferEncoding | Done | null, callback?: Done): this {
    if (typeof chunk === 'function') {
      callback = chunk
      chunk = undefined
    } else if (typeof encoding === 'function') {
      callback = encoding
      encoding = undefined
    }
    if (chunk !== undefined && chunk !== null) this.writeLast(chunk, encoding as BufferEncoding | undefined)
    if (callback !== undefined) {
      if (this.settled || this.writableFinished) nextTick(callback)
      else this.once('finish', callback)
    }
    if (this.writableEnded) return this
    this.writableEnded = true
    if (this.settled) return this
    if (this.upload !== undefined) this.upload.end()
    else if (this.exchange === undefined) this.dispatch(null)
    else if (this.sent) nextTick(() => this.finish())
    return this
  }

  setTimeout(timeout: number, callback?: () => void): this {
    if (callback !== undefined) this.once('timeout', callback)
    clearTimeout(this.idle)
    this.idle = undefined
    this.idleTimeout = Math.min(timeout, LONGEST_TIMER)
    // While it waits for its turn there is no socket that could be idle.
    if (this.socket !== undefined) this.watchIdle()
    return this
  }

  abort(): void {
    if (this.aborted) return
    this.aborted = true
    nextTick(() => this.emit('abort'))
    this.destroy()
  }

  destroy(error?: Error | null): this {
    if (this.destroyed || (!error && this.isLeftBehind)) return this
    this.destroyed = true
    if (this.settled) {
      // The body has arrived, and nobody has read it: to whoever waits for it the request may still fail.
      if (error) {
        nextTick(emitError, this, error)
        this.res?.destroy()
      }
      return this
    }
    const reason = error ?? new NodeError('ECONNRESET', 'socket hang up')
    this.settle()
    this.exchange?.abort(reason)
    const { res } = this
    if (res === undefined || error) nextTick(emitError, this, reason)
    if (res !== undefined && !res.destroyed) {
      res.endedByCaller = true
      res.destroy(new NodeError('ECONNRESET', 'aborted', error ?? undefined))
    }
    nextTick(emitClose, this)
    return this
  }

  // These are about the connection, which is not this request's alone.
  setNoDelay(): void {}
  setSocketKeepAlive(): void {}
  cork(): void {}
  uncork(): void {}

  // The exchange.

  onConnecting(timings: Readonly<ConnectTimings>): void {
    if (this.settled) return
    if (this.socket === undefined) {
      this.socket = new ConnectionSocket(undefined, this.protocol === 'https:')
      this.makingSocket = true
      this.tellSocket()
    }
    if (this.makingSocket) this.socket.progress(timings)
  }

  onConnected(info: ConnectionInfo, reused: boolean): void {
    if (this.settled) return
    this.touch()
    this.reusedSocket = reused
    const { socket } = this
    const making = this.makingSocket
    this.makingSocket = false
    if (socket === undefined || !making) {
      this.socket = socketOf(info)
      if (!this.socketTold) this.tellSocket()
    } else {
      socket.connected(info)
      this.socket = socketOf(info)
      correctTimings(this.timings, info)
    }
    if (this.sent) this.tellSent()
  }

  onInformational(status: number, fields: FieldList, reason: string, raw: FieldList = fields): void {
    if (this.settled) return
    this.touch()
    if (status === 100) this.emit('continue')
    if (this.listenerCount('information') === 0) return
    const version = httpVersion(this.exchange?.connection)
    this.emit('information', {
      statusCode: status,
      statusMessage: statusMessage(status, reason, version),
      httpVersion: version,
      httpVersionMajor: Number(version[0]),
      httpVersionMinor: Number(version[2]),
      headers: nodeHeaders(fields),
      rawHeaders: [...raw],
    })
  }

  onHeaders(status: number, fields: FieldList, reason: string, raw?: FieldList, said?: '1.0' | '1.1'): void {
    const { exchange } = this
    if (this.settled || exchange === undefined) return
    this.touch()
    const { maxHeaderSize } = this.options
    if (maxHeaderSize !== undefined && sizeOf(fields) > maxHeaderSize) {
      this.destroy(new NodeError('HPE_HEADER_OVERFLOW', `The response headers exceed ${maxHeaderSize} octets`))
      return
    }
    const version = httpVersion(exchange.connection, said)
    const res = new HyperResponse(this, exchange, status, fields, reason, version, raw)
    this.res = res
    // Nobody wants it: its body must not hold up the connection.
    if (!this.emit('response', res)) res.resume()
  }

  /** Whether it is read whole or streamed, nobody says; most bodies are read whole. */
  get dataUse(): DataUse {
    return 'kept'
  }

  onData(chunk: Buffer): void {
    this.touch()
    this.res?.add(chunk)
  }

  onEnd(trailers: FieldList, raw?: FieldList): void {
    if (this.settled) return
    this.settle()
    this.res?.finish(trailers, raw)
  }

  onError(error: Error): void {
    if (this.settled) return
    this.settle()
    this.destroyed = true
    const { res } = this
    const failure = nodeRefusal(error, this.method, this.headers) ?? toNodeError(error)
    // Of what its parser does not understand node:http tells the request, whether or not there is a response.
    if (res === undefined || isParserCode(Reflect.get(failure, 'code'))) emitError(this, failure)
    res?.fail(failure, isBrokenOff(error))
    nextTick(emitClose, this)
  }

  onBodySent(): void {
    this.touch()
  }

  onRequestSent(): void {
    if (this.settled || this.sent) return
    this.sent = true
    // A short request may be on its way before `connect` was reported; got measures from the one to the other.
    if (this.socket !== undefined && !this.makingSocket) this.tellSent()
  }

  /** @internal The response was destroyed before its end. */
  responseDestroyed(): void {
    if (this.settled) return
    this.settle()
    this.destroyed = true
    this.exchange?.abort(new NodeError('ECONNRESET', 'aborted'))
    nextTick(emitClose, this)
  }

  /** @internal The body was read to its end, or is not wanted any more. */
  responseEnded(): void {
    this.destroyed = true
    nextTick(emitClose, this)
  }

  private finish(): void {
    if (this.writableFinished) return
    this.writableFinished = true
    this.emit('finish')
  }

  /**
   * got writes a body and looks, when the write is acknowledged, whether the response has come: then it wants to write no more,
   * and destroys the request, in the belief that the response is whole by then. Over HTTP/2 its end may be still to come.
   */
  private get isLeftBehind(): boolean {
    return this.acknowledged && this.res !== undefined && !this.writableEnded && !this.settled
  }

  private acknowledging(callback: Done): Done {
    return (error) => {
      this.acknowledged = true
      callback(error)
      // got looks in an immediate of its own, which has its turn before this one.
      setImmediate(() => {
        this.acknowledged = false
      })
    }
  }

  private watchIdle(): void {
    if (this.idle !== undefined || this.idleTimeout <= 0 || this.settled) return
    this.idle = setTimeout(() => this.emit('timeout'), this.idleTimeout)
    this.idle.unref()
  }

  private tellSent(): void {
    const { written } = this
    this.written = undefined
    written?.()
    if (this.writableEnded) this.finish()
  }

  private writeLast(chunk: string | Uint8Array, encoding: BufferEncoding | undefined): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding ?? 'utf8') : chunk
    // Whole, and so it can be sent again.
    if (this.exchange === undefined && this.upload === undefined && !this.settled && !this.writableEnded) {
      this.dispatch(bytes)
    } else {
      this.write(bytes)
    }
  }

  /** What is written is let go by the request itself, once its own events have told what happened. */
  private startUpload(): UploadBody {
    this.upload ??= new UploadBody(null, { owned: true })
    return this.upload
  }

  private dispatch(body: Body | null): void {
    const request: ExchangeRequest = {
      origin: this.origin,
      method: this.method,
      path: this.path,
      headers: this.headers,
      body,
      trailers: this.headers['trailer'] === undefined ? this.trailers : () => this.trailers,
      // What was set for the whole process; a pool that somebody made says itself what it trusts and shows.
      connect: connectOptions(
        this.transport === sharedTransport ? globalAgentOptions(this.protocol) : undefined,
        this.connectionOptions(),
      ),
    }
    this.exchange = this.transport.dispatch(request, this)
  }

  /** node:https names the peer by the Host header, where there is one. */
  private connectionOptions(): NativeOptions {
    const { options, headers, host } = this
    if (headers['host'] === undefined || this.protocol !== 'https:' || options.servername !== undefined) return options
    const servername = serverNameOf(headers['host'], host)
    return servername === undefined ? options : { ...options, servername }
  }

  private tellSocket(): void {
    this.socketTold = true
    this.watchIdle()
    this.emit('socket', this.socket)
  }

  private touch(): void {
    this.idle?.refresh()
  }

  private settle(): void {
    this.settled = true
    this.writable = false
    if (this.idle !== undefined) {
      clearTimeout(this.idle)
      this.idle = undefined
    }
    const { upload } = this
    if (upload !== undefined) nextTick(() => upload.close())
    if (this.written !== undefined) {
      nextTick(this.written)
      this.written = undefined
    }
  }
}

function emitClose(request: HyperRequest): void {
  request.closed = true
  request.emit('close')
}

/** Nobody may listen any more: got takes its listener off after the first, and a second must not end the process. */
function emitError(request: HyperRequest, error: Error): void {
  if (request.listenerCount('error') > 0) request.emit('error', error)
}

/** As node:http counts a header section. */
function sizeOf(fields: FieldList): number {
  let size = 0
  for (let i = 0; i < fields.length; i += 2) size += fields[i].length + fields[i + 1].length + 4
  return size
}
