/**
 * The sending half: header sections, bodies by turns, trailers, pushes, GOAWAY.
 *
 * Sending is scheduled (RFC 9218): whoever has data queued is in the scheduler while its window is open, and
 * `takeOutput()` frames DATA by turns of at most `SEND_QUANTUM`. A stream that the peer's window blocks leaves the
 * scheduler and comes back with WINDOW_UPDATE.
 */
import { InvalidArgumentError } from '../errors.ts'
import type { FieldList } from '../exchange.ts'
import { ErrorCode, Flag, FrameType, MAX_STREAM_ID } from '../frame/codes.ts'
import { checkRequest, checkResponse, checkTrailers, MalformedError } from '../headers/section.ts'
import { SEND_HIGH_WATER, SEND_LOW_WATER, SEND_QUANTUM } from '../limits.ts'
import { serializePriority } from '../priority/field.ts'
import { H2Core } from './core.ts'
import { type SettingEntry, type Settings, settingEntries } from './settings.ts'
import { NOT_ALLOWED, nextState, StreamEvent, StreamState } from './states.ts'
import { H2Stream, NO_CHUNKS, type StreamListener } from './stream.ts'

export abstract class H2Sender extends H2Core {
  private shutdownStarted = false

  /**
   * Opens a stream with a request. Client role.
   * @param head pseudo-header fields first, `:method` the very first.
   * @throws {InvalidArgumentError} when no stream may be opened now (see {@link obstacle}), or a field is not allowed.
   */
  request(head: FieldList, endStream: boolean, listener: StreamListener): H2Stream {
    const { obstacle } = this
    if (obstacle !== undefined) throw this.misuse(`No stream can be opened: ${obstacle}`)
    if (this.options.validateOutbound !== false) this.checkRequestHead(head)
    // Before anything is encoded: what the peer is not sent must not be in the table that it shares.
    const manager = this.newManager()
    // Encoding may refuse a field; only then is an identifier taken, so that they stay in order on the wire.
    const length = this.encoder.write(head)
    const id = this.nextLocalId
    this.nextLocalId = id + 2
    const stream = new H2Stream(
      id,
      listener,
      endStream ? StreamState.HALF_CLOSED_LOCAL : StreamState.OPEN,
      true,
      this.localSettings.initialWindowSize,
      this.remoteSettings.initialWindowSize,
      true,
    )
    const method = head[1]
    if (method === 'HEAD') stream.bodyForbidden = true
    else if (method === 'CONNECT') stream.tunnel = true
    stream.windowManager = manager
    stream.headersSent = true
    this.openStream(stream)
    this.writeHeaders(id, length, endStream)
    return stream
  }

  /**
   * Sends an informational response. Server role.
   * @throws {InvalidArgumentError} when the final response was sent, or the section is not allowed.
   */
  inform(stream: H2Stream, section: FieldList): void {
    this.checkRespondable(stream)
    const { status } = this.checked(() => checkResponse(section))
    if (status >= 200 || status === 101) throw this.misuse(`Status ${status} is not informational`)
    this.writeHeaders(stream.id, this.encoder.write(section), false)
  }

  /**
   * Sends the final response's header section. Server role.
   * @param section `:status` first.
   * @throws {InvalidArgumentError} when it was sent already, the stream has ended, or the section is not allowed.
   */
  respond(stream: H2Stream, section: FieldList, endStream: boolean): void {
    this.checkRespondable(stream)
    const { status } = this.checked(() => checkResponse(section))
    if (status < 200) throw this.misuse(`Status ${status} is informational`)
    const length = this.encoder.write(section)
    stream.headersSent = true
    stream.state = nextState(stream.state, StreamEvent.SEND_HEADERS)
    this.writeHeaders(stream.id, length, endStream)
    if (endStream) {
      stream.endQueued = true
      this.localEnded(stream)
    }
  }

  /**
   * Promises the answer to a request made up by us (RFC 9113 section 8.4). Server role.
   * @returns the promised stream: answer on it with {@link respond}.
   * @throws {InvalidArgumentError} when the peer takes no pushes, the parent has ended, or the request is not allowed.
   */
  push(parent: H2Stream, head: FieldList, listener: StreamListener): H2Stream {
    if (this.role !== 'server' || !this.remoteSettings.enablePush) throw this.misuse('The peer takes no pushes')
    const { obstacle } = this
    if (obstacle !== undefined) throw this.misuse(`No stream can be opened: ${obstacle}`)
    const sendable = parent.state === StreamState.OPEN || parent.state === StreamState.HALF_CLOSED_REMOTE
    if (!sendable || parent.endQueued) {
      throw this.misuse(`Stream ${parent.id} has ended`)
    }
    const { method, contentLength } = this.checked(() => checkRequest(head, false))
    if ((method !== 'GET' && method !== 'HEAD') || contentLength > 0) {
      throw this.misuse('Only a GET or HEAD without a body can be promised')
    }
    const length = this.encoder.write(head)
    const id = this.nextLocalId
    this.nextLocalId = id + 2
    const { initialWindowSize } = this.remoteSettings
    const stream = new H2Stream(id, listener, StreamState.RESERVED_LOCAL, true, 0, initialWindowSize, false)
    this.openStream(stream)
    this.writer.pushPromise(parent.id, id, this.encoder.scratch, length, this.remoteSettings.maxFrameSize)
    this.announce()
    return stream
  }

  /**
   * Queues a piece of body. The chunk is kept, not copied: it must not be written to again.
   * @returns false when the queue is full enough: wait for onDrain.
   * @throws {InvalidArgumentError} when our side of the stream has ended or not begun.
   */
  write(stream: H2Stream, chunk: Uint8Array): boolean {
    if (!stream.localOpen) throw this.misuse(`Stream ${stream.id} takes no data now`)
    if (chunk.length > 0) {
      if (stream.queue === NO_CHUNKS) stream.queue = [chunk]
      else stream.queue.push(chunk)
      stream.queuedBytes += chunk.length
      // Without a window nothing can be framed: the update that opens it will say so.
      if (stream.sendWindow > 0) {
        this.scheduler.add(stream)
        if (this.sendWindow > 0) this.announce()
      }
    }
    if (stream.queuedBytes < SEND_HIGH_WATER) return true
    stream.needDrain = true
    return false
  }

  /**
   * Ends our side of a stream, with a trailer section when there is one.
   * @throws {InvalidArgumentError} when it has ended already or not begun, or the section is not allowed.
   */
  end(stream: H2Stream, trailers: FieldList | null = null): void {
    if (!stream.localOpen) throw this.misuse(`Stream ${stream.id} cannot be ended now`)
    if (trailers !== null && this.options.validateOutbound !== false) this.checked(() => checkTrailers(trailers))
    stream.endQueued = true
    stream.trailersQueued = trailers !== null && trailers.length > 0 ? trailers : null
    // A frame without payload needs no window (RFC 9113 section 6.9.1).
    if (stream.queuedBytes === 0) this.finishLocal(stream)
  }

  /** Changes our settings; they count from the peer's acknowledgement on (RFC 9113 section 6.5.3). */
  updateSettings(settings: Partial<Settings>): void {
    if (this.dead) return
    const entries: SettingEntry[] = settingEntries(settings)
    this.sendSettings(entries)
  }

  /** Gives a stream other RFC 9218 parameters for our sending; to a server they are told by PRIORITY_UPDATE too. */
  prioritize(stream: H2Stream, urgency: number, incremental: boolean): void {
    const value = serializePriority({ urgency, incremental })
    this.scheduler.reprioritize(stream, urgency, incremental)
    if (this.role === 'client' && stream.state !== StreamState.CLOSED && !this.dead) {
      this.writer.priorityUpdate(stream.id, value)
      this.announce()
    }
  }

  /** Tells a client of an alternative service (RFC 7838 section 4): for an origin, or for the origin of a stream. */
  advertiseAltSvc(value: string, where: string | H2Stream): void {
    const onStream = typeof where !== 'string'
    this.writer.altSvc(onStream ? where.id : 0, onStream ? '' : where, value)
    this.announce()
  }

  /** Tells a client which origins this connection speaks for (RFC 8336). */
  advertiseOrigins(origins: readonly string[]): void {
    this.writer.origins(origins)
    this.announce()
  }

  /**
   * Begins to go: a server says that it will take no new streams soon, and says which were taken once the client has
   * answered a PING, so that none is lost on its way (RFC 9113 section 6.8). A client says so at once.
   */
  shutdown(): void {
    if (this.dead || this.shutdownStarted) return
    this.shutdownStarted = true
    if (this.role === 'client') {
      this.goaway()
      return
    }
    this.writer.goaway(MAX_STREAM_ID, ErrorCode.NO_ERROR, NOTHING)
    this.writer.ping(SHUTDOWN_PING, false)
    this.announce()
  }

  /** Sends GOAWAY: streams up to the last one taken may finish. */
  goaway(code: number = ErrorCode.NO_ERROR, debug = ''): void {
    if (this.dead) return
    this.writer.goaway(this.lastRemoteId, code, Buffer.from(debug))
    this.goawaySent = true
    this.announce()
  }

  /** Is there anything to write, or could DATA be framed? */
  get hasOutput(): boolean {
    return this.writer.size > 0 || (!this.scheduler.empty && this.sendWindow > 0)
  }

  /** The octets to write now, in order, with about `budget` octets of DATA among them at the most. */
  takeOutput(budget: number): Buffer[] {
    this.taken()
    if (!this.scheduler.empty) this.pump(budget)
    return this.writer.take()
  }

  /** An answer to a PING: true when it was the one of our shutdown. */
  protected isShutdownPong(payload: Uint8Array): boolean {
    return this.shutdownStarted && !this.goawaySent && SHUTDOWN_PING.equals(payload)
  }

  protected writeHeaders(id: number, length: number, endStream: boolean): void {
    const flags = endStream ? Flag.END_STREAM : 0
    this.writer.headerBlock(id, flags, this.encoder.scratch, length, this.remoteSettings.maxFrameSize)
    this.announce()
  }

  protected misuse(message: string): InvalidArgumentError {
    return new InvalidArgumentError(message, { origin: this.origin })
  }

  private checkRequestHead(head: FieldList): void {
    if (this.role !== 'client') throw this.misuse('Only a client sends requests')
    if (head[0] !== ':method') throw this.misuse('A request begins with :method')
    this.checked(() => checkRequest(head, this.remoteSettings.enableConnectProtocol))
  }

  private checkRespondable(stream: H2Stream): void {
    if (this.role !== 'server') throw this.misuse('Only a server responds')
    if (stream.headersSent || nextState(stream.state, StreamEvent.SEND_HEADERS) === NOT_ALLOWED) {
      throw this.misuse(`Stream ${stream.id} takes no response now`)
    }
  }

  /** What the owner hands in is checked as what comes in, but is the owner's mistake. */
  private checked<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof MalformedError) throw this.misuse(`Not allowed in HTTP/2: ${error.message}`)
      throw error
    }
  }

  /** Frames DATA by turns until the budget, the connection's window or the queues are used up. */
  private pump(budget: number): void {
    const { scheduler, writer } = this
    while (this.sendWindow > 0 && writer.size < budget) {
      const stream = scheduler.head()
      if (stream === null) return
      const room = Math.min(
        stream.sendWindow,
        this.sendWindow,
        SEND_QUANTUM,
        this.remoteSettings.maxFrameSize,
        stream.queuedBytes,
      )
      if (room <= 0) scheduler.remove(stream)
      else this.frameData(stream, room)
    }
  }

  private frameData(stream: H2Stream, length: number): void {
    if (!isWhole(stream, length)) {
      this.reset(stream, ErrorCode.INTERNAL_ERROR)
      stream.listener.onError(stream, this.misuse(`A chunk of the body of stream ${stream.id} was taken away`))
      return
    }
    stream.sendWindow -= length
    this.sendWindow -= length
    stream.queuedBytes -= length
    this.updatesDue += 2
    const emptied = stream.queuedBytes === 0
    // As it is now: the listener may write and end in answer, which then takes its own way.
    const finishes = emptied && stream.endQueued
    const ends = finishes && stream.trailersQueued === null
    this.writer.header(length, FrameType.DATA, ends ? Flag.END_STREAM : 0, stream.id)
    this.appendQueued(stream, length)
    if (emptied || stream.sendWindow <= 0) this.scheduler.remove(stream)
    else this.scheduler.rotate(stream)
    stream.listener.onSent(stream, length)
    // The listener may have reset the stream.
    if (stream.state === StreamState.CLOSED) return
    if (ends) this.localEnded(stream)
    else if (finishes) this.finishLocal(stream)
    else if (stream.needDrain && stream.queuedBytes < SEND_LOW_WATER) {
      stream.needDrain = false
      stream.listener.onDrain(stream)
    }
  }

  private appendQueued(stream: H2Stream, length: number): void {
    const { queue } = stream
    let left = length
    let used = 0
    let offset = stream.queueOffset
    while (left > 0) {
      const chunk = queue[used]
      const take = Math.min(left, chunk.length - offset)
      this.writer.append(chunk, offset, offset + take)
      left -= take
      offset += take
      if (offset === chunk.length) {
        used++
        offset = 0
      }
    }
    stream.queueOffset = offset
    if (used === queue.length) queue.length = 0
    else if (used > 0) queue.splice(0, used)
  }

  /** Frames END_STREAM: on an empty DATA frame, or on the trailer section. */
  private finishLocal(stream: H2Stream): void {
    const trailers = stream.trailersQueued
    if (trailers !== null) {
      stream.trailersQueued = null
      this.writeHeaders(stream.id, this.encoder.write(trailers), true)
    } else {
      this.writer.header(0, FrameType.DATA, Flag.END_STREAM, stream.id)
      this.announce()
    }
    this.localEnded(stream)
  }

  private localEnded(stream: H2Stream): void {
    const state = nextState(stream.state, StreamEvent.SEND_END)
    if (state === StreamState.CLOSED) this.closeStream(stream)
    else stream.state = state
    stream.listener.onLocalEnd(stream)
  }
}

/** Is what was queued still there? The memory of a chunk may have been transferred to somebody else meanwhile. */
function isWhole({ queue, queueOffset }: H2Stream, length: number): boolean {
  let found = -queueOffset
  for (let i = 0; i < queue.length && found < length; i++) found += queue[i].length
  return found >= length
}

const NOTHING = Buffer.alloc(0)
/** Told apart from the owner's PINGs by its payload. */
const SHUTDOWN_PING = Buffer.from('\u0000goaway\u0000', 'latin1')
