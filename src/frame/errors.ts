/** What is wrong with a frame. */
import { HyperError } from '../errors.ts'
import { ErrorCode } from './codes.ts'

/**
 * A frame that RFC 9113 does not allow. `http2ErrorCode` is the code to answer with: FRAME_SIZE_ERROR for a wrong
 * length, PROTOCOL_ERROR for the rest.
 */
export class FrameError extends HyperError {
  /** One of `ErrorCode` (RFC 9113 section 7). */
  readonly http2ErrorCode: number

  constructor(message: string, http2ErrorCode: number = ErrorCode.PROTOCOL_ERROR) {
    super('ERR_HYPER_FRAME', message)
    this.http2ErrorCode = http2ErrorCode
  }
}
