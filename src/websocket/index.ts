/**
 * WebSocket without I/O (RFC 6455), both roles, with permessage-deflate (RFC 7692), over HTTP/1.1 and HTTP/2 (RFC 8441).
 *
 * Rules
 * - Octets go in by `receive()`, events come out of `events()`; messages go in by `send()`, which returns octets. There
 *   is no socket, timer or clock; randomness can be given.
 * - A wrong call throws LocalProtocolError and changes nothing. Whatever the peer sends, `receive()` does not throw: a
 *   broken rule becomes one `error` event, a close frame with the right code, and the end; later input is ignored.
 * - Nothing grows without a bound: heads, frames, messages before and after inflating, answers to floods of pings.
 * - Control frames come and go between the fragments of a message; events keep the order of the wire.
 *
 * Theory of operation
 * - `client-handshake`, `server-handshake`: the upgrade from HTTP/1.1, on the codec of `src/h1`.
 *   `connect`: the same over a stream of HTTP/2, as header sections. `handshake`, `agreement`: what both have in common.
 * - `extension` is what changes messages on their way, and how its use is agreed on; `permessage-deflate` is one.
 * - `frame-reader` cuts octets into frames and unmasks, `message-reader` puts messages together, `message-writer` and
 *   `frame-writer` do the reverse; `mask`, `utf8`, `deflate` and `octets` are their tools.
 * - `connection` is the state machine over all of it.
 */

export type { Agreement, DeflateAgreement, DeflateOptions } from './agreement.ts'
export { CloseCode } from './codes.ts'
export type { ConnectOffer, ConnectRequest } from './connect.ts'
export { acceptConnect, connectRequest, readConnectRequest, readConnectResponse, rejectConnect } from './connect.ts'
export type { WSConnectionOptions, WSState } from './connection.ts'
export { WSConnection } from './connection.ts'
export { LocalProtocolError, RemoteProtocolError, WebSocketError } from './errors.ts'
export type {
  Accept,
  AcceptEvent,
  Bytes,
  BytesEvent,
  Close,
  CloseEvent,
  ErrorEvent,
  Ping,
  PingEvent,
  Pong,
  PongEvent,
  Reject,
  RejectData,
  RejectDataEvent,
  RejectEvent,
  Request,
  RequestEvent,
  Text,
  TextEvent,
  WebSocketEvent,
  WebSocketMessage,
} from './events.ts'
export type { ExtensionParameter, WebSocketExtension } from './extension.ts'
export type { RandomFill } from './mask.ts'
