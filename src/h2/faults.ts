/** What a frame handler throws when the peer breaks a rule of the connection. It never leaves `receive()` (RFC 9113 section 5.4). */
import { ErrorCode } from '../frame/codes.ts'

/** Ends the connection with GOAWAY. */
export class ConnectionFault extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export function protocolError(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.PROTOCOL_ERROR, detail)
}

export function sizeError(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, detail)
}

export function windowError(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, detail)
}

export function closedError(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.STREAM_CLOSED, detail)
}

/** The peer does something allowed so often that it does harm. */
export function flood(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, detail)
}
