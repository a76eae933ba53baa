/**
 * HPACK, the header compression of HTTP/2 (RFC 7541). Sans-I/O: flat lists of strings in, blocks of octets out, and back.
 *
 * Rules
 * - One Encoder and one Decoder a connection and direction, and every block through them, in the order of the wire: each
 *   changes a table that the other end changes alike.
 * - A list is flat: name, value, name, value. Strings have one character, U+0000 to U+00FF, for each octet. Whether names
 *   and values are fit for HTTP is for the caller to check; here an octet is an octet.
 * - Time is linear in the octets of a block, memory bounded by the limits, whatever the peer sends.
 *
 * Theory of operation
 * - `static-table`, `huffman-table`: appendices A and B as tables. `huffman`, `integer`: the primitive types (section 5).
 * - `dynamic-table`: a ring of names and values with absolute numbers (section 4).
 * - `decoder`: one loop over the representations (section 6), behind `caches` of octets seen before.
 * - `encoder`: one loop over the fields, with the policy of what to index; `encoder-state` is its memory.
 */

export type { DecoderOptions } from './decoder.ts'
export { Decoder } from './decoder.ts'
export type { EncoderOptions, NeverIndex } from './encoder.ts'
export { DEFAULT_SENSITIVE_NAMES, Encoder } from './encoder.ts'
export { HeaderListTooLargeError, HpackDecodingError, HpackEncodingError, HpackError } from './errors.ts'
