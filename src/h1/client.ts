/**
 * `H1ClientConnection`: HTTP/1.1 without I/O (RFC 9112), in the client's role.
 *
 * Theory of operation
 * - `request()`, `data()` and `end()` give what is to be written; nothing is kept. Octets from the transport go into
 *   `receive()`, which calls the listener.
 * - One request at a time. When it and its response are complete, and neither side closes the connection, it is `reusable`.
 * - Nothing the peer does makes `receive()` throw: for a broken rule `onFailed` is called, once, and no callback after it.
 * - A wrong call by the owner throws, and changes nothing.
 *
 * The states are in `states.ts`; `reader.ts` cuts the octets into messages, `response-head.ts` reads the heads,
 * `outbound.ts` writes ours.
 */
import { ConnectionLostError, type HyperError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { TAKES_CONTENT } from '../headers/request.ts'
import { MAX_INFORMATIONAL, MAX_INFORMATIONAL_OCTETS } from '../limits.ts'
import { type BodyListener, H1Endpoint } from './endpoint.ts'
import { Fault } from './faults.ts'
import type { H1ResponseHead } from './heads.ts'
import type { H1Options } from './options.ts'
import { checkRequestLine } from './outbound.ts'
import { Asked, readResponseHead } from './response-head.ts'

/** The callbacks of a client's connection. They come while `receive()`, `receiveEnd()` or `resume()` runs. */
export interface H1ClientListener extends BodyListener {
  /** An informational response (1xx, except 101). */
  onInformational(head: H1ResponseHead): void
  /** The final response. */
  onHeaders(head: H1ResponseHead): void
  /**
   * In place of `onHeaders`: 101 after a request with `upgrade`, or 2xx after CONNECT. The connection is no longer HTTP/1.1.
   * @param rest octets that came after the head: the first ones of the other protocol.
   */
  onUpgraded(head: H1ResponseHead, rest: Buffer): void
  /** The peer broke HTTP/1.1, or ended the connection in the middle of a response. No callback follows. */
  onFailed(error: HyperError): void
}

/** A request for `request()`. */
export interface H1RequestInit {
  /** A token; methods are case-sensitive. */
  readonly method: string
  /** Origin form, absolute form, authority form (CONNECT) or `*` (OPTIONS). */
  readonly target: string
  /** Flat (name, value, name, value), in the spelling to be sent. Must have `host` unless `authority` is given. */
  readonly fields: FieldList
  /** Sent as `host`, before the fields. Default: `fields` has it. */
  readonly authority?: string | undefined
  /** Octets of the body: 0 for none, -1 when not known beforehand (chunks, unless a content-length is among the fields). */
  readonly bodyLength: number
  /** A trailer section follows, so the body is sent in chunks. Default false. */
  readonly trailers?: boolean | undefined
  /** Send `connection: close`: the connection ends after the response. Default false. */
  readonly close?: boolean | undefined
  /** Ask for this protocol, with `connection: upgrade` and `upgrade` (RFC 9110 section 7.8). Default: none. */
  readonly upgrade?: string | undefined
}

/** HTTP/1.1 without I/O, client role: one request at a time. See the top of this file for how it works. */
export class H1ClientConnection extends H1Endpoint<H1ClientListener> {
  private readonly maxInformational: number
  /** Of the request under way. */
  private asked: number = Asked.OTHER
  private upgradeAsked = false
  private informational = 0
  private informationalOctets = 0

  constructor(listener: H1ClientListener, options: H1Options = {}) {
    super(listener, 'client', options)
    this.maxInformational = options.maxInformational ?? MAX_INFORMATIONAL_OCTETS
  }

  /**
   * Whether `request()` may be called: at the beginning, and when request and response are complete, neither has closed the
   * connection, the transport has not ended, and no octet is left over.
   */
  get reusable(): boolean {
    return this.sendState === 'idle' && this.receiveState === 'idle' && this.reader.unread === 0 && !this.reader.over
  }

  /**
   * The head of a request, as latin1 text. Without a body the request is whole with it.
   * @throws {InvalidArgumentError} when the connection is not reusable, or the head is malformed.
   * @throws {ContentLengthError} when a content-length among the fields differs from `bodyLength`.
   */
  request(init: H1RequestInit): string {
    if (!this.reusable) throw this.misuse('The connection is not free for a request')
    const { method, target } = init
    const { head } = this
    if (this.validate) checkRequestLine(method, target, this.origin)
    const trailers = init.trailers === true
    head.begin(`${method} ${target} HTTP/1.1`)
    if (init.authority !== undefined) head.field('host', init.authority)
    head.fields(init.fields, trailers)
    if (!head.host) throw this.misuse('A request needs a host field')
    // A method that takes content says the length of none, too (RFC 9110 section 8.6).
    head.frame('request', init.bodyLength, trailers, true, TAKES_CONTENT.has(method))
    if (init.upgrade !== undefined) {
      head.field('connection', 'upgrade')
      head.field('upgrade', init.upgrade)
    }
    if (init.close === true && !head.close) head.field('connection', 'close')
    this.asked = method === 'HEAD' ? Asked.HEAD : method === 'CONNECT' ? Asked.CONNECT : Asked.OTHER
    this.upgradeAsked = head.upgrade
    this.keepAlive = !head.close
    this.informational = 0
    this.informationalOctets = 0
    this.body.begin(head.chunked, head.length)
    this.sent('head')
    if (!head.chunked && head.length === 0) this.sent('end')
    this.received('await')
    this.reader.begin()
    return head.end()
  }

  /** @internal */
  onHead(buffer: Buffer, start: number, end: number): void {
    const head = readResponseHead(buffer, start, end, this.asked, this.limits, this.lines)
    const { status } = head
    // RFC 9110 section 15.2.2: only what was asked for.
    if (status === 101 && !this.upgradeAsked) throw new Fault('it is 101, and no upgrade was asked for')
    if (status < 200 && status !== 101) {
      this.countInformational(end - start + 2)
      this.listener.onInformational(head)
      return
    }
    if (status === 101 || (this.asked === Asked.CONNECT && status < 300)) {
      this.received('switch')
      this.sent('switch')
      this.listener.onUpgraded(head, this.reader.stop())
      return
    }
    if (!head.keepAlive) this.keepAlive = false
    this.received('head')
    this.reader.follow(head.framing, head.contentLength)
    this.listener.onHeaders(head)
  }

  /** @internal */
  override onMessageEnd(trailers: FieldList, raw: FieldList): void {
    // What follows the last response is dropped, even if the request goes on.
    if (!this.keepAlive) this.reader.stop()
    super.onMessageEnd(trailers, raw)
  }

  /** @internal */
  onFault(fault: Fault): void {
    this.received('fail')
    this.listener.onFailed(fault.toError('server', this.origin))
  }

  /** @internal */
  onCut(where: string): void {
    this.received('fail')
    const message = `The connection ended ${where} the response`
    this.listener.onFailed(new ConnectionLostError(message, { origin: this.origin }))
  }

  private countInformational(octets: number): void {
    this.informationalOctets += octets
    if (++this.informational > MAX_INFORMATIONAL || this.informationalOctets > this.maxInformational) {
      throw new Fault('too many informational responses come before it', 400, 'too-large')
    }
  }
}
