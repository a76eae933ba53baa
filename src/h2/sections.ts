/**
 * Header sections on their way in: requests, responses, trailers and promises.
 *
 * Hot path: a response whose header block is the same as one before it, octet for octet and with the table unchanged, is
 * decoded to the same list and so checked only once.
 */

import { ErrorCode, Flag } from '../frame/codes.ts'
import type { FieldList } from '../headers/fields.ts'
import { getField } from '../headers/fields.ts'
import {
  checkRequest,
  checkResponse,
  checkTrailers,
  MalformedError,
  type RequestHead,
  type ResponseHead,
} from '../headers/section.ts'
import { HeaderListTooLargeError, HpackError } from '../hpack/index.ts'
import { parsePriority } from '../priority/field.ts'
import type { Bodies } from './bodies.ts'
import type { Core } from './core.ts'
import { ConnectionFault, closedError, protocolError } from './faults.ts'
import type { BlockListener } from './header-blocks.ts'
import type { ReceiveWindows } from './receive-windows.ts'
import { OwnState, StreamEvent, StreamState } from './states.ts'
import { H2Stream, NO_LISTENER } from './stream.ts'
import type { Streams } from './streams.ts'

/** Octets that each name and value counts beside its own (RFC 9113 section 6.5.2: 32 a field). */
const INFORMATIONAL_FIELD = 16

/** Checked sections remembered by the decoder's own list, so that a repeated response costs no second check. */
const REMEMBERED_HEADS = 4

export class Sections implements BlockListener {
  private readonly core: Core
  private readonly streams: Streams
  private readonly windows: ReceiveWindows
  private readonly bodies: Bodies
  private readonly headKeys: (FieldList | null)[] = new Array<FieldList | null>(REMEMBERED_HEADS).fill(null)
  private readonly heads: (ResponseHead | null)[] = new Array<ResponseHead | null>(REMEMBERED_HEADS).fill(null)
  private headSlot = 0

  constructor(core: Core, streams: Streams, windows: ReceiveWindows, bodies: Bodies) {
    this.core = core
    this.streams = streams
    this.windows = windows
    this.bodies = bodies
  }

  onBlock(flags: number, streamId: number, promised: number, buffer: Buffer, start: number, end: number): void {
    this.core.messageFrames++
    let stream = this.core.streams.get(streamId)
    if (stream === undefined && (promised !== 0 || !this.isNewRequest(streamId))) {
      this.streams.late.check(streamId, 'HEADERS')
    }
    // Decoded even when the stream is ignored: the table must stay in step (RFC 9113 section 4.3).
    let section: FieldList | undefined
    let tooLarge = ''
    try {
      section = this.core.decoder.decode(buffer, start, end)
    } catch (error) {
      if (error instanceof HeaderListTooLargeError) tooLarge = error.message
      else if (error instanceof HpackError) throw new ConnectionFault(ErrorCode.COMPRESSION_ERROR, error.message)
      else throw error
    }
    if (promised !== 0) {
      this.onPromise(stream, promised, section)
      return
    }
    if (stream === undefined) {
      if (!this.isNewRequest(streamId)) return
      stream = this.admit(streamId)
      if (stream === undefined) return
    }
    if (section === undefined) {
      this.streams.fail(stream, ErrorCode.ENHANCE_YOUR_CALM, tooLarge)
    } else if (stream.remoteOpen || stream.state === StreamState.RESERVED_REMOTE) {
      this.onSection(stream, section, (flags & Flag.END_STREAM) !== 0)
    } else {
      throw closedError(`HEADERS after the end of stream ${streamId}`)
    }
  }

  /** Server role: the request of an upgrade from HTTP/1.1 is stream 1, and complete (RFC 7540 section 3.2). */
  onUpgrade(head: RequestHead): H2Stream {
    const { core } = this
    const stream = this.newRequest(1)
    core.lastRemoteId = 1
    this.streams.open(stream)
    const listener = core.listener.onRequest?.(stream, head)
    if (listener === undefined) {
      this.streams.reset(stream, ErrorCode.REFUSED_STREAM)
      return stream
    }
    stream.listener = listener
    stream.headersReceived = true
    // The request has no body: its window needs no manager.
    this.bodies.end(stream)
    return stream
  }

  private isNewRequest(id: number): boolean {
    const { core } = this
    return core.role === 'server' && core.own < OwnState.GONE && !core.isLocalId(id) && id > core.lastRemoteId
  }

  private newRequest(id: number): H2Stream {
    const { localSettings, remoteSettings } = this.core
    const { initialWindowSize } = localSettings
    return new H2Stream(
      id,
      NO_LISTENER,
      StreamState.OPEN,
      false,
      initialWindowSize,
      remoteSettings.initialWindowSize,
      false,
    )
  }

  /** Server role: a stream for a new request, if there is room for it. */
  private admit(id: number): H2Stream | undefined {
    const { core } = this
    core.lastRemoteId = id
    if (core.openRemote >= core.maxRemote) {
      this.streams.refuse(id, ErrorCode.REFUSED_STREAM)
      this.streams.countFault()
      return undefined
    }
    const stream = this.newRequest(id)
    this.streams.open(stream)
    return stream
  }

  private onSection(stream: H2Stream, section: FieldList, endStream: boolean): void {
    try {
      if (stream.headersReceived) {
        if (!endStream) throw new MalformedError('a trailer section that does not end the stream')
        stream.trailers = checkTrailers(section)
        this.bodies.end(stream)
        return
      }
      if (this.core.role === 'server') this.onRequest(stream, section)
      else this.onResponse(stream, section, endStream)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.streams.fail(stream, ErrorCode.PROTOCOL_ERROR, error.message)
      return
    }
    if (endStream && stream.remoteOpen) this.bodies.end(stream)
  }

  private onResponse(stream: H2Stream, section: FieldList, endStream: boolean): void {
    const head = this.responseHead(section)
    if (head.status < 200) {
      if (endStream) throw new MalformedError('an informational response that ends the stream')
      if (head.status === 101) throw new MalformedError('status 101')
      this.countInformational(stream, section)
      if (stream.state !== StreamState.CLOSED) stream.listener.onInformational(stream, head.status, head.fields)
      return
    }
    stream.headersReceived = true
    this.streams.advance(stream, StreamEvent.RECEIVE_HEADERS)
    // A CONNECT that succeeds has no message body, only the tunnel's octets (RFC 9110 section 9.3.6).
    if (head.status >= 300) stream.tunnel = false
    if (head.status === 204 || head.status === 304) stream.bodyForbidden = true
    if (!stream.bodyForbidden && !stream.tunnel) {
      stream.expectedLength = head.contentLength
      this.windows.tellLength(stream)
      if (stream.state === StreamState.CLOSED) return
    }
    stream.listener.onHeaders(stream, head.status, head.fields)
  }

  private onRequest(stream: H2Stream, section: FieldList): void {
    const { listener, localSettings, scheduler } = this.core
    const head = checkRequest(section, localSettings.enableConnectProtocol)
    stream.headersReceived = true
    stream.tunnel = head.method === 'CONNECT'
    stream.expectedLength = head.contentLength
    const priority = getField(head.fields, 'priority')
    if (priority !== undefined) {
      const { urgency, incremental } = parsePriority(priority)
      scheduler.reprioritize(stream, urgency, incremental)
    }
    const heard = listener.onRequest?.(stream, head)
    if (heard === undefined) {
      this.streams.reset(stream, ErrorCode.REFUSED_STREAM)
      return
    }
    stream.listener = heard
    this.windows.adopt(stream)
    this.windows.tellLength(stream)
  }

  /**
   * Informational responses without end cost memory and time, as CONTINUATION frames without end do (CVE-2023-45288). They are
   * bounded by octets and rate.
   */
  private countInformational(stream: H2Stream, section: FieldList): void {
    let octets = section.length * INFORMATIONAL_FIELD
    for (let i = 0; i < section.length; i++) octets += section[i].length
    if (this.core.budgets.take('informational', octets)) return
    this.streams.fail(stream, ErrorCode.ENHANCE_YOUR_CALM, 'too many informational responses')
  }

  private onPromise(parent: H2Stream | undefined, promised: number, section: FieldList | undefined): void {
    const { core } = this
    core.lastRemoteId = promised
    if (parent !== undefined && !parent.local) throw protocolError('PUSH_PROMISE on a pushed stream')
    if (parent === undefined || section === undefined || core.openRemote >= core.maxRemote) {
      core.budgets.spend('refusedPushes')
      // We reset the parent, or cannot take it: the promised stream is refused, the connection goes on.
      this.streams.refuse(promised, ErrorCode.REFUSED_STREAM)
      return
    }
    if (!parent.remoteOpen) throw protocolError(`PUSH_PROMISE after the end of stream ${parent.id}`)
    let head: RequestHead
    try {
      head = checkRequest(section, false)
      if ((head.method !== 'GET' && head.method !== 'HEAD') || head.contentLength > 0) {
        throw new MalformedError('a promised request must be a GET or HEAD without a body')
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.streams.refuse(promised, ErrorCode.PROTOCOL_ERROR)
      this.streams.countFault()
      return
    }
    const { initialWindowSize } = core.localSettings
    const stream = new H2Stream(promised, NO_LISTENER, StreamState.RESERVED_REMOTE, false, initialWindowSize, 0, false)
    if (head.method === 'HEAD') stream.bodyForbidden = true
    this.streams.open(stream)
    const listener = core.listener.onPush?.(parent, stream, head)
    if (listener !== undefined) {
      stream.listener = listener
      this.windows.adopt(stream)
    } else {
      core.budgets.spend('refusedPushes')
      this.streams.reset(stream, ErrorCode.CANCEL)
    }
  }

  /** The checked form of a decoded section; the decoder gives the same list again for a repeated block. */
  private responseHead(section: FieldList): ResponseHead {
    const { headKeys, heads } = this
    for (let i = 0; i < REMEMBERED_HEADS; i++) {
      if (headKeys[i] === section) {
        const known = heads[i]
        if (known !== null) return known
      }
    }
    const head = checkResponse(section)
    headKeys[this.headSlot] = section
    heads[this.headSlot] = head
    this.headSlot = (this.headSlot + 1) % REMEMBERED_HEADS
    return head
  }
}
