/**
 * `H1ServerConnection`: HTTP/1.1 without I/O (RFC 9112), in the server's role.
 *
 * Theory of operation
 * - Octets from the transport go into `receive()`, which calls the listener.
 *   `inform()`, `respond()`, `data()` and `end()` give what is to be written; nothing is kept.
 * - One request at a time: what a client sends ahead (RFC 9112 section 9.3.2) is kept until `next()` asks for it, when
 *   request and response are whole and the response is written.
 * - Nothing the peer does makes `receive()` throw: for a broken rule `onFailed` is called, once, with the status to respond
 *   with. That response is the last.
 * - A wrong call by the owner throws, and changes nothing.
 *
 * The states are in `states.ts`; `reader.ts` cuts the octets into messages, `request-head.ts` reads the heads,
 * `outbound.ts` writes ours.
 */
import { ConnectionLostError, type HyperError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { type BodyListener, H1Endpoint } from './endpoint.ts'
import type { Fault } from './faults.ts'
import type { H1RequestHead } from './heads.ts'
import type { H1Options } from './options.ts'
import { checkStatusLine } from './outbound.ts'
import { readRequestHead } from './request-head.ts'

/** The callbacks of a server's connection. They come while `receive()`, `receiveEnd()`, `resume()` or `next()` runs. */
export interface H1ServerListener extends BodyListener {
  /** The head of a request. */
  onRequest(head: H1RequestHead): void
  /**
   * The peer broke HTTP/1.1, or ended in the middle of a request. No callback follows.
   * @param status 4xx or 5xx, to respond with if no response has begun.
   */
  onFailed(error: HyperError, status: number): void
  /** The peer ended the connection between two requests, which is no error. */
  onClosed?(): void
}

/** A final response for `respond()`. */
export interface H1ResponseInit {
  /** 200 to 999 (RFC 9110 section 15). */
  readonly status: number
  /** The reason phrase. Default: ''. */
  readonly reason?: string | undefined
  /** Flat (name, value, name, value), in the spelling to be sent. */
  readonly fields: FieldList
  /**
   * Octets of the body: 0 for none, -1 when not known beforehand (chunks, unless a content-length is among the fields; to
   * HTTP/1.0 the end of the connection ends it). Where there can be no body, it is what a GET would have been answered.
   */
  readonly bodyLength: number
  /** A trailer section follows, so the body is sent in chunks. Ignored for HTTP/1.0. Default false. */
  readonly trailers?: boolean | undefined
  /** Send `connection: close`, and close after the response. Default false. */
  readonly close?: boolean | undefined
}

/** What `accept()` responds to an upgrade or CONNECT. */
export interface H1AcceptInit {
  /** One of the protocols in the request's `upgrade`; undefined for CONNECT. */
  readonly protocol?: string | undefined
  /** The reason phrase. Default: ''. */
  readonly reason?: string | undefined
  /** Flat. When they have `upgrade`, they must have `connection` too; otherwise both are added. Default: none. */
  readonly fields?: FieldList | undefined
}

/** HTTP/1.1 without I/O, server role: one request at a time; those sent ahead are kept until `next()`. */
export class H1ServerConnection extends H1Endpoint<H1ServerListener> {
  private readonly trusted: boolean
  /** The request under way; undefined before it, and when it could not be read. */
  private request: H1RequestHead | undefined

  constructor(listener: H1ServerListener, options: H1Options = {}) {
    super(listener, 'server', options)
    this.trusted = options.trustInbound === true
    this.received('await')
  }

  /**
   * An informational response, as latin1 text: '' to HTTP/1.0, which knows none.
   * @throws {InvalidArgumentError} when it has no place here, or is malformed.
   */
  inform(status: number, fields: FieldList, reason = ''): string {
    if (this.sendState !== 'idle' || this.request === undefined) throw this.misuse('No request waits for a response')
    if (!(status >= 100 && status < 200) || status === 101) throw this.misuse(`${status} is not informational`)
    checkStatusLine(status, reason, this.origin)
    const { head } = this
    head.begin(`HTTP/1.1 ${status} ${reason}`)
    head.fields(fields, false)
    return this.request.version === '1.0' ? '' : head.end()
  }

  /**
   * The head of the response, as latin1 text. Without a body the response is whole with it.
   * @throws {InvalidArgumentError} when no request waits for it, or it is malformed.
   * @throws {ContentLengthError} when a content-length among the fields differs from `bodyLength`.
   */
  respond(init: H1ResponseInit): string {
    const { request, receiveState, head } = this
    const failed = receiveState === 'failed'
    if (this.sendState !== 'idle' || (request === undefined && !failed)) {
      throw this.misuse('No request waits for a response')
    }
    const { status, bodyLength, reason = '' } = init
    if (!(status >= 200)) throw this.misuse(`${status} is not final`)
    checkStatusLine(status, reason, this.origin)
    const old = request?.version === '1.0'
    const bodiless = request?.method === 'HEAD' || status === 204 || status === 304
    const trailers = init.trailers === true && !old && !bodiless
    head.begin(`HTTP/1.1 ${status} ${reason}`)
    // RFC 9110 section 8.6: 204 has no content-length; who checks it himself may pass on what another said.
    head.fields(init.fields, trailers || (status === 204 && this.validate))
    if (bodiless) head.announce(status === 204 ? 0 : bodyLength)
    else head.frame('response', bodyLength, trailers, !old, true)
    const close =
      init.close === true || head.close || failed || !this.keepAlive || (!head.chunked && head.length === -1)
    if (close && !head.close) head.field('connection', 'close')
    else if (old && !close) head.field('connection', 'keep-alive')
    this.keepAlive = !close
    this.body.begin(head.chunked, head.length)
    this.sent('head')
    const text = head.end()
    if (!head.chunked && head.length === 0) {
      this.sent('end')
      this.settle()
    }
    return text
  }

  /**
   * Takes the upgrade, or opens the tunnel, that the request asks for, once it is whole: 101 or 200, as latin1 text, and
   * what came behind the request. The connection is the other protocol's from here on.
   * @throws {InvalidArgumentError} when the request asks for none, is not whole, or the head is malformed.
   */
  accept(init: H1AcceptInit = {}): { readonly head: string; readonly rest: Buffer } {
    const { request, head } = this
    if (this.sendState !== 'idle' || this.receiveState !== 'done' || request === undefined) {
      throw this.misuse('No request waits for a response')
    }
    const { protocol, reason = '' } = init
    if (protocol === undefined ? request.method !== 'CONNECT' : request.upgrade === undefined) {
      throw this.misuse(`The request asks for no ${protocol === undefined ? 'tunnel' : 'upgrade'}`)
    }
    const status = protocol === undefined ? 200 : 101
    checkStatusLine(status, reason, this.origin)
    head.begin(`HTTP/1.1 ${status} ${reason}`)
    head.fields(init.fields ?? [], true)
    if (protocol !== undefined && !head.upgrade) {
      head.field('connection', 'upgrade')
      head.field('upgrade', protocol)
    }
    this.sent('head')
    this.sent('switch')
    this.received('switch')
    return { head: head.end(), rest: this.reader.stop() }
  }

  /**
   * Reads the next request: call it whenever a response has been written to its end, or a request has come to its end.
   * Does nothing as long as one of the two is under way.
   */
  next(): void {
    if (this.sendState !== 'idle' || this.receiveState !== 'idle') return
    this.request = undefined
    this.received('await')
    this.reader.begin()
    this.reader.run()
  }

  /** @internal */
  onHead(buffer: Buffer, start: number, end: number): void {
    const head = readRequestHead(buffer, start, end, this.limits, this.lines, this.trusted)
    this.request = head
    this.keepAlive = head.keepAlive
    this.received('head')
    this.reader.follow(head.framing, head.contentLength)
    this.listener.onRequest(head)
  }

  /** @internal */
  onFault(fault: Fault): void {
    this.received('fail')
    this.listener.onFailed(fault.toError('client', this.origin), fault.status)
  }

  /** @internal */
  onCut(where: string): void {
    this.received('fail')
    const message = `The connection ended ${where} the request`
    this.listener.onFailed(new ConnectionLostError(message, { origin: this.origin }), 400)
  }

  /** @internal */
  override onOver(): void {
    super.onOver()
    this.listener.onClosed?.()
  }
}
