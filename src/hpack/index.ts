/**
 * HPACK, the header compression of HTTP/2 (RFC 7541). Sans-I/O: blocks of octets in, flat lists of strings out, and back.
 */

export type { DecoderOptions } from './decoder.ts'
export { Decoder } from './decoder.ts'
export type { EncoderOptions } from './encoder.ts'
export { DEFAULT_SENSITIVE_NAMES, Encoder } from './encoder.ts'
export { HeaderListTooLargeError, HpackDecodingError, HpackEncodingError, HpackError } from './errors.ts'
