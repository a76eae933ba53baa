/** What can go wrong in a WebSocket connection: by the caller's doing, or by the peer's. */
import { HyperError } from '../errors.ts'

/** Common ancestor; `code` is `ERR_HYPER_WEBSOCKET_*`. */
export class WebSocketError extends HyperError {}

/** A call that the protocol does not allow, or not now. Nothing was sent, the connection is as it was before the call. */
export class LocalProtocolError extends WebSocketError {
  constructor(message: string) {
    super('ERR_HYPER_WEBSOCKET_LOCAL', message)
  }
}

/** The peer broke the protocol or a limit of ours. The connection has failed (RFC 6455 section 7.1.7). */
export class RemoteProtocolError extends WebSocketError {
  /** The close code to tell the peer: 1002, 1007 or 1009. In a handshake nothing is closed yet; then it is 1002. */
  readonly closeCode: number
  /** The status with which a server answers the request that failed; undefined for all but requests. */
  readonly status: number | undefined

  constructor(message: string, closeCode: number, status?: number) {
    super('ERR_HYPER_WEBSOCKET_REMOTE', message)
    this.closeCode = closeCode
    this.status = status
  }
}
