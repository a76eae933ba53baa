/**
 * Content codings (RFC 9110 section 8.4): what the shims need to turn a coded body into the one that was meant.
 *
 * Rules
 * - Understood: gzip and x-gzip, deflate (with its zlib wrapper, and raw as some servers send it), br, zstd. A header
 *   that names anything else means that nothing is decoded: the caller gets the body as it came.
 * - At most {@link maxCodings} codings in a row; more is an error, since each can multiply the work of the one before.
 * - A body that ends too early is an error, unless `tolerant` is asked for. A body of no octets is an empty body.
 * - Limits on the decoded length hold while decoding, never only afterwards.
 * - After `onDecodedEnd` or `onDecodeError` a decoder calls nothing more, and it holds no memory of zlib's.
 *
 * How it works: `parseCodings` reads the header; {@link decodeSmall} decodes a short body that is all there, at once and
 * without a thread hop; {@link Decoder} takes chunks and gives chunks by callbacks, with backpressure both ways;
 * {@link DecodeStream} is the same as a Node stream.
 */
export { type Coding, maxCodings, parseCodings } from './codings.ts'
export { Decoder, type DecoderOptions, type DecoderSink, type Tolerance } from './decoder.ts'
export { ContentDecodingError, ContentLimitError } from './errors.ts'
export { decodeSmall, smallInput, smallOutput } from './small.ts'
export { createDecoder, DecodeStream } from './stream.ts'
