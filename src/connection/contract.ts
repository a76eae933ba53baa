/**
 * What a connection is to the pool, whichever protocol it speaks, and what the pool is to it.
 *
 * Rules of the folder
 * - A connection is one live socket: bytes in, exchanges out. It dials nothing and retries nothing.
 * - One teardown path a connection; every exchange on it settles exactly once; nothing the network does is thrown.
 * - A slot is free when the exchange on it has settled and, over HTTP/2, its stream is closed on the wire.
 * - Every wait has a deadline: headers, body, a stalled write, an unanswered PING, idleness. One timer a connection.
 */
import type { LiveExchange } from '../exchange/exchange.ts'
import type { WindowManagerClass, WindowManagerFactory } from '../h2/index.ts'
import type { ConnectionInfo } from '../net/options.ts'

/** Options of a connection; times in milliseconds (0 = no limit), sizes in octets. */
export interface ConnectionSettings {
  /** Default 300,000 (`HEADERS_TIMEOUT`). */
  readonly headersTimeout?: number | undefined
  /** Default 300,000 (`BODY_TIMEOUT`). */
  readonly bodyTimeout?: number | undefined
  /** The peer takes nothing of what waits to be sent for so long. Default 60,000 (`WRITE_TIMEOUT`). */
  readonly writeTimeout?: number | undefined
  /** The peer's SETTINGS must come within this (HTTP/2). Default 10,000 (`CONNECT_TIMEOUT`), as for making the connection. */
  readonly connectTimeout?: number | undefined
  /** An unused connection is closed. Default 30,000 (`IDLE_TIMEOUT`). */
  readonly idleTimeout?: number | undefined
  /** A connection older than this takes no new requests. Default 3,600,000 (`MAX_AGE`). */
  readonly maxAge?: number | undefined
  /** Requests for one connection. Default: no limit but that of stream identifiers. */
  readonly maxRequests?: number | undefined
  /** A PING must be answered within this (HTTP/2). Default 2000 (`PING_TIMEOUT`). */
  readonly pingTimeout?: number | undefined
  /** While streams are open, PING is sent when nothing was heard for so long. Default 0: never. */
  readonly pingInterval?: number | undefined
  /** A connection that was silent for so long must answer a PING before it is used again. Default 10,000 (`VERIFY_AFTER`). */
  readonly verifyAfter?: number | undefined
  /** Octets of a response's body as they arrive, content codings not decoded. A longer one fails. Default: no limit. */
  readonly maxResponseSize?: number | undefined
  /** Streams at once, beside the peer's own limit. */
  readonly maxConcurrentStreams?: number | undefined
  /**
   * Octets of a response's header section (name + value + 32 for each field). A larger one ends its stream. Default
   * 65,536 (`MAX_HEADER_LIST_SIZE`), as in hyper and nghttp2.
   */
  readonly maxHeaderListSize?: number | undefined
  /**
   * Fields of a response's header section. Default 256 (`MAX_HEADER_FIELDS`): small fields cost more memory than their
   * octets say.
   */
  readonly maxHeaderFields?: number | undefined
  /** A stream's first receive window. Default 4 MiB (`STREAM_WINDOW`). */
  readonly streamWindow?: number | undefined
  /** What it may grow to when it limits the speed. Default 16 MiB (`MAX_STREAM_WINDOW`); `streamWindow` when that is given. */
  readonly maxStreamWindow?: number | undefined
  /**
   * The receive window of a connection (HTTP/2), at least 65,535. Default 32 MiB (`CONNECTION_WINDOW`): many streams
   * share it.
   */
  readonly connectionWindow?: number | undefined
  /**
   * Decides on receive windows: a class, or a function that makes a manager, one a connection and one a stream. Default:
   * grows by round trip, see docs/flow-control.md.
   */
  readonly windowManager?: WindowManagerFactory | WindowManagerClass | undefined
  /**
   * Take RST_STREAM(NO_ERROR) in the middle of a body without a content-length as its end (HTTP/2). Default false: a node:http2
   * server says exactly this when its application gives up, and the body is an error then.
   */
  readonly allowNoErrorCut?: boolean | undefined
  /** Accept pushed responses (`onPush`). Default false. */
  readonly enablePush?: boolean | undefined
  /** Pushed responses open at once. Default 100 (`MAX_CONCURRENT_STREAMS`). */
  readonly maxPushes?: number | undefined
}

/** What can be seen of a connection from outside. Octets are those of HTTP, TLS taken off. */
export interface ConnectionStats {
  /** What it speaks. */
  readonly protocol: ConnectionInfo['protocol']
  /** The IP address of the peer; undefined for a unix domain socket. */
  readonly remoteAddress: string | undefined
  /** Exchanges on it. */
  readonly active: number
  /** Exchanges that it would take now. */
  readonly available: number
  /** It takes no new exchanges. */
  readonly draining: boolean
  /** Exchanges it has carried. */
  readonly requests: number
  /** Octets received. */
  readonly bytesRead: number
  /** Octets sent. */
  readonly bytesWritten: number
  /** Round trip in milliseconds, smoothed; undefined while none was measured, and over HTTP/1.1. */
  readonly rtt: number | undefined
  /** Octets that may be sent, and received, on the whole connection; undefined over HTTP/1.1. */
  readonly windows: { readonly send: number; readonly receive: number } | undefined
}

/** One live connection, of either protocol, as the pool sees it. */
export interface Connection {
  readonly info: ConnectionInfo
  /** Exchanges that may be dispatched now. */
  readonly available: number
  /** Exchanges open now. */
  readonly active: number
  /** It takes no new exchanges, now or later. */
  readonly draining: boolean
  /** It was silent for long: {@link verify} it before it is used. */
  readonly stale: boolean
  readonly stats: ConnectionStats
  /**
   * Carries an exchange: begins an attempt.
   * @param authority of the request, when it is not the connection's own (RFC 9113 section 9.1.1).
   * @returns false when there is no room for it after all; nothing was sent then.
   * @throws when the request itself is not acceptable; nothing was sent then.
   */
  carry(exchange: LiveExchange, authority?: string): boolean
  /** Sends a PING on a stale connection: `onAvailable` follows, or its end. */
  verify(): void
  /**
   * Measures a round trip; HTTP/1.1 has no such thing.
   * @param onPong gets the round trip in milliseconds, or null when the connection has ended before.
   */
  ping?(onPong: (rtt: number | null) => void): void
  /** With `needed` an idle connection keeps the process alive, because an exchange waits for it. */
  keepProcessAlive(needed: boolean): void
  /** Takes no new exchanges and closes when the open ones have ended. */
  close(): void
  /** Closes at once; open exchanges end with the error. */
  destroy(error?: Error): void
}

/** The callbacks of a connection to the pool. */
export interface ConnectionOwner {
  /** Whether an exchange waits for a connection. */
  readonly hasWaiting: boolean
  /** Slots came free, or the limit moved. */
  onAvailable(connection: Connection): void
  /** No new exchanges fit on it any more. */
  onDraining(connection: Connection): void
  /** It is gone. Its exchanges have ended. */
  onClosed(connection: Connection, error: Error | undefined): void
  /** An alternative service was advertised for an origin (RFC 7838). */
  onAltSvc?(connection: Connection, origin: string, value: string): void
  /** The server said which origins it speaks for (RFC 8336). */
  onOrigin?(connection: Connection, origins: readonly string[]): void
  readonly peer: PeerNotes
}

/** What is kept of a peer from one connection to the next. */
export interface PeerNotes {
  /** How many streams it allows, before it has said so on a new connection: what it said on the last. */
  readonly streamLimit: number | undefined
  /** It said how many streams it allows. */
  onStreamLimit(limit: number): void
  /** It upgraded to HTTP/2 and left before it took a request. */
  onUpgradeLost(): void
  /** It asks for HTTP/1.1 instead (HTTP_1_1_REQUIRED, RFC 9113 section 7). */
  onHttp1Required(): void
}
