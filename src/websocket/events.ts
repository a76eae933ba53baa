/** What a connection tells (`WebSocketEvent`) and what it can be told to send (`WebSocketMessage`). */
import type { FieldList } from '../headers/fields.ts'
import type { Agreement } from './agreement.ts'
import type { RemoteProtocolError } from './errors.ts'

/** Server: a client asks for a WebSocket. Answer with `accept` or `reject`. */
export interface RequestEvent {
  readonly type: 'request'
  /** The Host field, or `:authority`. */
  readonly host: string
  /** The request target, or `:path`. */
  readonly target: string
  /** The Origin field; browsers always send it. Whether to trust it is the application's to decide. */
  readonly origin: string | undefined
  /** In the client's order of preference. */
  readonly subprotocols: readonly string[]
  /** The Sec-WebSocket-Extensions field as it came; empty when there was none. */
  readonly extensions: string
  /** All fields, flat, names in lower case. */
  readonly headers: FieldList
}

/** Client: the server has accepted; the connection is open. */
export interface AcceptEvent {
  readonly type: 'accept'
  /** The result of the handshake. */
  readonly agreement: Agreement
  /** All fields of the response, flat, names in lower case. */
  readonly headers: FieldList
}

/** Client: the server has answered with something else. When `hasBody`, `rejectData` follows. */
export interface RejectEvent {
  readonly type: 'reject'
  /** The status code of the response. */
  readonly status: number
  /** All fields of the response, flat, names in lower case. */
  readonly headers: FieldList
  /** Whether `rejectData` follows. */
  readonly hasBody: boolean
}

/** Client: a piece of the body of a rejection. */
export interface RejectDataEvent {
  readonly type: 'rejectData'
  /** May be empty. */
  readonly data: Uint8Array
  /** True for the last piece. */
  readonly bodyFinished: boolean
}

/** A text message or, with `messages: 'pieces'`, a piece of one. Both flags are true for a whole message. */
export interface TextEvent {
  readonly type: 'text'
  /** Never ends within a character. */
  readonly data: string
  /** The frame ends with this piece. */
  readonly frameFinished: boolean
  /** The message ends with this piece. */
  readonly messageFinished: boolean
}

/** As TextEvent. `data` may be a view of the octets given to `receive()`. */
export interface BytesEvent {
  readonly type: 'bytes'
  /** The message, or a piece of it. */
  readonly data: Uint8Array
  /** The frame ends with this piece. */
  readonly frameFinished: boolean
  /** The message ends with this piece. */
  readonly messageFinished: boolean
}

/** With `autoReply` the pong waits in `takeOutgoing()`. */
export interface PingEvent {
  readonly type: 'ping'
  /** At most 125 octets. */
  readonly payload: Uint8Array
}

/** An answer to a ping of ours, or one unasked for. */
export interface PongEvent {
  readonly type: 'pong'
  /** At most 125 octets. */
  readonly payload: Uint8Array
}

/**
 * The peer has said close: its code, or 1005 when it gave none. Or the transport has ended without that: 1006.
 * With `autoReply` the answer waits in `takeOutgoing()`.
 */
export interface CloseEvent {
  readonly type: 'close'
  /** 1000 to 4999 (RFC 6455 section 7.4). */
  readonly code: number
  /** At most 123 octets of UTF-8; empty when there was none. */
  readonly reason: string
}

/** The peer broke the protocol; the connection is closed. What it has to be told waits in `takeOutgoing()`. */
export interface ErrorEvent {
  readonly type: 'error'
  /** What the peer did, and the close code. */
  readonly error: RemoteProtocolError
}

/** Everything that a connection tells. */
export type WebSocketEvent =
  | RequestEvent
  | AcceptEvent
  | RejectEvent
  | RejectDataEvent
  | TextEvent
  | BytesEvent
  | PingEvent
  | PongEvent
  | CloseEvent
  | ErrorEvent

/** Client: ask for a WebSocket. */
export interface Request {
  readonly type: 'request'
  /** The Host field: `host[:port]`. */
  readonly host: string
  /** The request target. Default `/`. */
  readonly target?: string
  /** The Origin field. Default: none, as for a client that is not a browser. */
  readonly origin?: string
  /** In order of preference. Default none. */
  readonly subprotocols?: readonly string[]
  /** Further fields, flat: name, value, name, value. */
  readonly headers?: FieldList
}

/** Server: accept the request. */
export interface Accept {
  readonly type: 'accept'
  /** One of those asked for. Default none. */
  readonly subprotocol?: string | undefined
  /** Further fields, flat. */
  readonly headers?: FieldList
}

/** Server: answer with something else. */
export interface Reject {
  readonly type: 'reject'
  /** 200 to 599. Default 400. */
  readonly status?: number
  /** Further fields, flat. With a content-length the body is sent as it is, without in chunks. */
  readonly headers?: FieldList
  /** Does `rejectData` follow? Default false. */
  readonly hasBody?: boolean
}

/** Server: a piece of the body of a rejection. */
export interface RejectData {
  readonly type: 'rejectData'
  /** May be empty. */
  readonly data: Uint8Array
  /** Default true. */
  readonly bodyFinished?: boolean
}

/** A message, or a piece of it, which becomes a frame. */
export interface Text {
  readonly type: 'text'
  /** A pair of surrogates may be cut between two pieces; a lone surrogate is sent as U+FFFD. */
  readonly data: string
  /** Default true. */
  readonly messageFinished?: boolean
}

/** A message, or a piece of it, which becomes a frame. */
export interface Bytes {
  readonly type: 'bytes'
  /** Not to be changed before what `send()` returned was written. */
  readonly data: Uint8Array
  /** Default true. */
  readonly messageFinished?: boolean
}

/** A ping (RFC 6455 section 5.5.2). */
export interface Ping {
  readonly type: 'ping'
  /** At most 125 octets. Default none. */
  readonly payload?: Uint8Array
}

/** A pong (RFC 6455 section 5.5.3): the answer to a ping, or one without it. */
export interface Pong {
  readonly type: 'pong'
  /** At most 125 octets. Default none. */
  readonly payload?: Uint8Array
}

/** The close handshake (RFC 6455 section 7.1.2), or the answer to it. Nothing can be sent afterwards. */
export interface Close {
  readonly type: 'close'
  /** 1000 to 1003, 1007 to 1014, 3000 to 4999. Default (and for 1005) none, which the peer sees as 1005. */
  readonly code?: number
  /** At most 123 octets of UTF-8; needs a code. Default empty. */
  readonly reason?: string
}

/** Everything that a connection can be told to send. */
export type WebSocketMessage = Request | Accept | Reject | RejectData | Text | Bytes | Ping | Pong | Close
