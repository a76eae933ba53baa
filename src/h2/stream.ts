/**
 * One HTTP/2 stream: its state, its two windows and what waits to be sent. Plain mutable data in one monomorphic
 * object, changed only by the connection it belongs to.
 */
import type { FieldList } from '../headers/fields.ts'
import { NO_FIELDS } from '../headers/fields.ts'
import { ignore } from '../ignore.ts'
import type { Schedulable } from '../priority/scheduler.ts'
import { StreamState } from './states.ts'
import type { WindowManager } from './window.ts'

/**
 * The callbacks of a stream. None follows `onError`, nor `onEnd` when our side has ended too. They come while `receive()`,
 * `takeOutput()` or another call of the owner's runs, and must not throw.
 */
export interface StreamListener {
  /** An informational response (RFC 9110 section 15.2). Client role. */
  onInformational(stream: H2Stream, status: number, fields: FieldList): void
  /** The final response's header section. Client role. */
  onHeaders(stream: H2Stream, status: number, fields: FieldList): void
  /**
   * A piece of the body, lent: `buffer[start, end)`. The owner returns the window with `H2Connection.consume` once it
   * has dealt with it.
   */
  onData(stream: H2Stream, buffer: Buffer, start: number, end: number): void
  /** The peer has finished; `trailers` is empty when there were none. */
  onEnd(stream: H2Stream, trailers: FieldList): void
  /** The stream ended otherwise: reset by either side, refused by GOAWAY, or lost with its connection. */
  onError(stream: H2Stream, error: Error): void
  /** Octets of the body were framed: they are in what `takeOutput()` returns. */
  onSent(stream: H2Stream, octets: number): void
  /** Our side has finished: END_STREAM was framed. */
  onLocalEnd(stream: H2Stream): void
  /** The send queue fell below its low-water mark after write() had said `false`. */
  onDrain(stream: H2Stream): void
}

/** The queue of a stream that nothing was ever written to: most have no body, and share this one. Never changed. */
export const NO_CHUNKS: Uint8Array[] = []

/** One HTTP/2 stream (RFC 9113 section 5). Read it; only its connection changes it. */
export class H2Stream implements Schedulable {
  /** The stream identifier: odd for streams of the client, even for those of the server. */
  readonly id: number
  /** The callbacks of the stream. */
  listener: StreamListener
  /** One of `StreamState` (RFC 9113 section 5.1). */
  state: number
  /** Opened by us: it counts against the peer's limit of streams. */
  readonly local: boolean

  /** Octets the peer may still send (RFC 9113 section 6.9); negative after a lowered setting. */
  receiveWindow: number
  /** Octets dealt with and not yet returned to the peer. */
  unreturned = 0
  /** Octets of the window when it is full; those used since the speed was last looked at, and when that was. */
  windowTarget: number
  measured = 0
  measuredAt = Number.NEGATIVE_INFINITY
  windowManager: WindowManager | null = null
  /** What the manager knows as its window: octets granted, less those dealt with. */
  managedWindow = 0
  /** The final header section has come: what follows is body or trailers. */
  headersReceived = false
  /** The response may have no body whatever content-length says: HEAD, 204, 304. */
  bodyForbidden = false
  /** CONNECT: octets flow both ways, and each side ends by itself (RFC 9113 section 8.5). */
  tunnel = false
  /** Octets announced by content-length, -1 for none. */
  expectedLength = -1
  /** Octets of the body received. */
  receivedLength = 0
  /** The received trailer section, flat; empty when there was none. */
  trailers: FieldList = NO_FIELDS

  /** Our header section was sent: the request, or the final response. */
  headersSent = false
  /** Octets we may still send; negative after a lowered setting. */
  sendWindow: number
  /** What waits to be framed. The first chunk is sent up to `queueOffset`. */
  queue: Uint8Array[] = NO_CHUNKS
  queueOffset = 0
  /** Octets of the body that wait to be framed. */
  queuedBytes = 0
  /** Nothing more will be queued: END_STREAM follows the queue. */
  endQueued = false
  trailersQueued: FieldList | null = null
  needDrain = false
  /** Octets that padding adds to a DATA frame, the one that tells its length among them; 0: it is not padded. */
  padding = 0

  urgency = 3
  incremental: boolean
  next: Schedulable | null = null
  scheduled = false
  /** The next that shares its slot of the connection's table of streams; the table's own. */
  nextInSlot: H2Stream | null = null

  constructor(
    id: number,
    listener: StreamListener,
    state: number,
    local: boolean,
    receiveWindow: number,
    sendWindow: number,
    incremental: boolean,
  ) {
    this.id = id
    this.listener = listener
    this.state = state
    this.local = local
    this.receiveWindow = receiveWindow
    this.windowTarget = receiveWindow
    this.sendWindow = sendWindow
    this.incremental = incremental
  }

  /** May data still be queued on it? */
  get localOpen(): boolean {
    return (
      this.headersSent &&
      !this.endQueued &&
      (this.state === StreamState.OPEN || this.state === StreamState.HALF_CLOSED_REMOTE)
    )
  }

  /** May the peer still send on it? */
  get remoteOpen(): boolean {
    return this.state === StreamState.OPEN || this.state === StreamState.HALF_CLOSED_LOCAL
  }
}

/** The listener of a stream between its opening and the moment its owner is known. */
export const NO_LISTENER: StreamListener = {
  onInformational: ignore,
  onHeaders: ignore,
  onData: ignore,
  onEnd: ignore,
  onError: ignore,
  onSent: ignore,
  onLocalEnd: ignore,
  onDrain: ignore,
}
