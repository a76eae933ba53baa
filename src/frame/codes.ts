/** The numbers of RFC 9113: frame types, flags, settings and error codes, as plain constants that V8 folds. */

/** Frame types (RFC 9113 section 6; ALTSVC: RFC 7838 section 4; ORIGIN: RFC 8336; PRIORITY_UPDATE: RFC 9218). */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
  ALTSVC: 0xa,
  ORIGIN: 0xc,
  PRIORITY_UPDATE: 0x10,
} as const

/** Frame flags (RFC 9113 section 6). ACK and END_STREAM share a bit: the frame type tells them apart. */
export const Flag = {
  END_STREAM: 0x1,
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const

/** Setting identifiers (RFC 9113 section 6.5.2; 0x8: RFC 8441; 0x9: RFC 9218). */
export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8,
  NO_RFC7540_PRIORITIES: 0x9,
} as const

/** Error codes (RFC 9113 section 7). */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const

const errorCodeNames: readonly string[] = Object.keys(ErrorCode)

/** The registered name of an error code, or `error code 0x...` for one that is not registered. */
export function errorCodeName(code: number): string {
  return errorCodeNames[code] ?? `error code 0x${code.toString(16)}`
}

const errorCodeTexts: readonly string[] = [
  'nothing went wrong',
  'a rule of the protocol was broken',
  'the sender failed within itself',
  'the flow-control limits were not kept',
  'SETTINGS were not acknowledged in time',
  'a frame came for a stream that had ended',
  'a frame had an impossible size',
  'the stream was refused before anything was done with it',
  'the stream is no longer wanted',
  'the state of header compression was lost',
  'the connection behind a CONNECT was reset or ended',
  'the other side makes too much work',
  'the transport is not secure enough',
  'HTTP/1.1 is to be used instead',
]

/** What an error code means (RFC 9113 section 7), in a few words; of one that is not registered, just that. */
export function errorCodeText(code: number): string {
  return errorCodeTexts[code] ?? 'the code is not registered'
}

/** The client connection preface (RFC 9113 section 3.4). */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/** Octets of a frame header (RFC 9113 section 4.1). */
export const FRAME_HEADER_SIZE = 9

/** The largest window (RFC 9113 section 6.9.1). */
export const MAX_WINDOW_SIZE = 0x7fffffff

/** The largest stream identifier (RFC 9113 section 5.1.1). */
export const MAX_STREAM_ID = 0x7fffffff
