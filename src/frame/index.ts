/**
 * HTTP/2 frames (RFC 9113 sections 4 and 6; ALTSVC: RFC 7838, ORIGIN: RFC 8336, PRIORITY_UPDATE: RFC 9218).
 *
 * Two ways to work with them. `FrameParser`, `parseFrame`, `serializeFrame` and `explain` deal in frame objects, checked
 * by the rules of their type. `FrameReader` and `FrameWriter` deal in octets and make no object a frame: they are what
 * the protocol engine runs on. Unknown types round-trip. A frame longer than allowed is refused on its 9-octet header.
 */
export {
  ErrorCode,
  errorCodeName,
  errorCodeText,
  Flag,
  FRAME_HEADER_SIZE,
  FrameType,
  MAX_STREAM_ID,
  MAX_WINDOW_SIZE,
  PREFACE,
  Setting,
} from './codes.ts'
export { FrameError } from './errors.ts'
export { explain } from './explain.ts'
export type * from './frames.ts'
export { FrameParser, parseFrame, parsePayload } from './parse.ts'
export { FrameReader, type FrameSink } from './reader.ts'
export { serializeFrame } from './serialize.ts'
export { FrameWriter } from './writer.ts'
