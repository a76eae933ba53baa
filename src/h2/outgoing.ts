/** Header sections on their way out: requests, responses and promises. What is not allowed is refused before anything is encoded. */
import { HeadersTooLargeError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { checkRequest, checkResponse, checkTrailers, MalformedError } from '../headers/section.ts'
import type { Core } from './core.ts'
import type { ReceiveWindows } from './receive-windows.ts'
import type { SendQueue } from './send-queue.ts'
import { NOT_ALLOWED, nextState, StreamEvent, StreamState } from './states.ts'
import { H2Stream, type StreamListener } from './stream.ts'
import type { Streams } from './streams.ts'

/** Octets that each field counts beside its name and value (RFC 9113 section 6.5.2). */
const FIELD_OVERHEAD = 32
/** A limit as high as this is none. */
const MAX_SAFE_LIST = 0x1000_0000

export class Outgoing {
  private readonly core: Core
  private readonly streams: Streams
  private readonly windows: ReceiveWindows
  private readonly queue: SendQueue

  constructor(core: Core, streams: Streams, windows: ReceiveWindows, queue: SendQueue) {
    this.core = core
    this.streams = streams
    this.windows = windows
    this.queue = queue
  }

  request(head: FieldList, endStream: boolean, listener: StreamListener): H2Stream {
    const { core } = this
    const { obstacle, remoteSettings } = core
    if (obstacle !== undefined) throw core.misuse(`No stream can be opened: ${obstacle}`)
    if (core.checksOutbound) {
      this.checkListener(listener)
      this.checkRequestHead(head)
    }
    if (remoteSettings.maxHeaderListSize < MAX_SAFE_LIST) this.checkListSize(head, remoteSettings.maxHeaderListSize)
    // Before anything is encoded: what the peer is not sent must not be in the table that it shares.
    const manager = this.windows.newManager()
    // Encoding may refuse a field; only then is an identifier taken, so that they stay in order on the wire.
    const length = this.core.encoder.write(head)
    const stream = new H2Stream(
      core.takeId(),
      listener,
      endStream ? StreamState.HALF_CLOSED_LOCAL : StreamState.OPEN,
      true,
      core.localSettings.initialWindowSize,
      remoteSettings.initialWindowSize,
      true,
    )
    const method = head[1]
    if (method === 'HEAD') stream.bodyForbidden = true
    else if (method === 'CONNECT') stream.tunnel = true
    this.windows.manage(stream, manager)
    stream.headersSent = true
    this.streams.open(stream)
    this.core.headers(stream.id, length, endStream)
    return stream
  }

  /** A peer ends the whole connection, and all that is on it, for a section that is too large: it is not sent. */
  private checkListSize(head: FieldList, allowed: number): void {
    let size = (head.length / 2) * FIELD_OVERHEAD
    for (let i = 0; i < head.length; i++) size += head[i].length
    if (size <= allowed) return
    const { origin } = this.core.options
    const message = `The request's header section has ${size} octets, and the server${origin === undefined ? '' : ` at ${origin}`} takes ${allowed} (SETTINGS_MAX_HEADER_LIST_SIZE)`
    throw new HeadersTooLargeError(message, { origin })
  }

  /** Client role: the request of an upgrade from HTTP/1.1 is stream 1, and complete (RFC 7540 section 3.2). */
  upgraded(method: string, listener: StreamListener): H2Stream {
    const { core } = this
    if (core.role !== 'client' || core.nextLocalId !== 1) throw core.misuse('An upgrade comes before all streams')
    const { initialWindowSize } = core.localSettings
    const manager = this.windows.newManager()
    const id = core.takeId()
    const stream = new H2Stream(id, listener, StreamState.HALF_CLOSED_LOCAL, true, initialWindowSize, 0, true)
    this.windows.manage(stream, manager)
    stream.headersSent = true
    stream.bodyForbidden = method === 'HEAD'
    this.streams.open(stream)
    return stream
  }

  inform(stream: H2Stream, section: FieldList): void {
    this.checkRespondable(stream)
    const { status } = this.checked(checkResponse, section)
    if (status >= 200 || status === 101) throw this.core.misuse(`Status ${status} is not informational`)
    this.core.headers(stream.id, this.core.encoder.write(section), false)
  }

  respond(stream: H2Stream, section: FieldList, endStream: boolean): void {
    this.checkRespondable(stream)
    const { status } = this.checked(checkResponse, section)
    if (status < 200) throw this.core.misuse(`Status ${status} is informational`)
    const length = this.core.encoder.write(section)
    stream.headersSent = true
    this.streams.advance(stream, StreamEvent.SEND_HEADERS)
    this.core.headers(stream.id, length, endStream)
    if (endStream) {
      stream.endQueued = true
      this.queue.ended(stream)
    }
  }

  push(parent: H2Stream, head: FieldList, listener: StreamListener): H2Stream {
    const { core } = this
    const { obstacle, remoteSettings, role } = core
    if (role !== 'server' || !remoteSettings.enablePush) throw core.misuse('The peer takes no pushes')
    if (obstacle !== undefined) throw core.misuse(`No stream can be opened: ${obstacle}`)
    const sendable = parent.state === StreamState.OPEN || parent.state === StreamState.HALF_CLOSED_REMOTE
    if (!sendable || parent.endQueued) throw core.misuse(`Stream ${parent.id} has ended`)
    this.checkListener(listener)
    const { method, contentLength } = this.checked(checkPlainRequest, head)
    if ((method !== 'GET' && method !== 'HEAD') || contentLength > 0) {
      throw core.misuse('Only a GET or HEAD without a body can be promised')
    }
    const length = core.encoder.write(head)
    const { initialWindowSize, maxFrameSize } = remoteSettings
    const id = core.takeId()
    const stream = new H2Stream(id, listener, StreamState.RESERVED_LOCAL, true, 0, initialWindowSize, false)
    this.streams.open(stream)
    core.writer.pushPromise(parent.id, id, core.encoder.scratch, length, maxFrameSize)
    core.announce()
    return stream
  }

  end(stream: H2Stream, trailers: FieldList | null): void {
    const { core } = this
    if (!stream.localOpen) throw core.misuse(`Stream ${stream.id} cannot be ended now`)
    if (trailers !== null && core.checksOutbound) this.checked(checkTrailers, trailers)
    this.queue.end(stream, trailers)
  }

  private checkRequestHead(head: FieldList): void {
    const { core } = this
    if (core.role !== 'client') throw core.misuse('Only a client sends requests')
    this.checkFlat(head)
    if (head[0] !== ':method') throw core.misuse('A request begins with :method')
    this.checked(core.remoteSettings.enableConnectProtocol ? checkAnyRequest : checkPlainRequest, head)
  }

  private checkRespondable(stream: H2Stream): void {
    const { core } = this
    if (core.role !== 'server') throw core.misuse('Only a server responds')
    if (stream.headersSent || nextState(stream.state, StreamEvent.SEND_HEADERS) === NOT_ALLOWED) {
      throw core.misuse(`Stream ${stream.id} takes no response now`)
    }
  }

  private checkListener(listener: StreamListener): void {
    if (typeof listener !== 'object' || listener === null) throw this.core.misuse('A stream needs a listener')
  }

  private checkFlat(section: FieldList): void {
    if (!Array.isArray(section) || section.length % 2 !== 0 || !section.every((one) => typeof one === 'string')) {
      throw this.core.misuse('A section is a flat array of text: name, value, name, value')
    }
  }

  /** What the owner hands in is checked as what comes in, but is the owner's mistake. */
  private checked<T>(check: (section: FieldList) => T, section: FieldList): T {
    this.checkFlat(section)
    try {
      return check(section)
    } catch (error) {
      if (error instanceof MalformedError) throw this.core.misuse(`Not allowed in HTTP/2: ${error.message}`)
      throw error
    }
  }
}

function checkPlainRequest(section: FieldList): ReturnType<typeof checkRequest> {
  return checkRequest(section, false)
}

/** Extended CONNECT (RFC 8441) is allowed. */
function checkAnyRequest(section: FieldList): ReturnType<typeof checkRequest> {
  return checkRequest(section, true)
}
