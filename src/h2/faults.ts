/** What a frame handler throws when the peer breaks a rule of the connection. It never leaves `receive()` (RFC 9113 section 5.4). */
import type { SpokenProtocol } from '../errors.ts'
import { ErrorCode } from '../frame/codes.ts'

/** Ends the connection with GOAWAY. */
export class ConnectionFault extends Error {
  readonly code: number
  /** What the peer speaks instead. */
  readonly speaks: SpokenProtocol | undefined

  constructor(code: number, message: string, speaks?: SpokenProtocol) {
    super(message)
    this.code = code
    this.speaks = speaks
  }
}

export function protocolError(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.PROTOCOL_ERROR, detail)
}

export function sizeError(detail: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, detail)
}

/** `HTTP`, read as the length and the type of a frame. */
const HTTP_AS_LENGTH = 0x485454
const HTTP_AS_TYPE = 0x50

/** A frame that is longer than allowed, by its header. */
export function oversized(type: number, length: number): ConnectionFault {
  const speaks = type === HTTP_AS_TYPE && length === HTTP_AS_LENGTH ? 'http/1.1' : undefined
  return new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, `a frame of type ${type} and ${length} octets`, speaks)
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
