/** The short way for a short body that is all there: no stream, no thread, no turn of the event loop. */
import zlib from 'node:zlib'
import { systemCodeOf } from '../errors.ts'
import type { Coding } from './codings.ts'
import {
  brotliOptions,
  checkOptions,
  type DecoderOptions,
  decodingError,
  hasZlibHeader,
  type Tolerance,
  zlibOptions,
  zstdOptions,
} from './decoder.ts'
import { ContentLimitError } from './errors.ts'
import { zstdFramesSync } from './zstd.ts'

/** The longest coded body decoded at once, in octets: decoding it blocks for a fraction of a millisecond. */
export const smallInput = 16 * 1024

/** The longest decoded body made at once, in octets; one that grows beyond is left to {@link Decoder}. */
export const smallOutput = 256 * 1024

/**
 * Decodes a whole body synchronously.
 *
 * @returns `undefined` when the body is too long for this: use a Decoder
 * @throws ContentDecodingError when the body is invalid or ends too early.
 * @throws ContentLimitError when the decoded body is longer than `maxOutput`.
 * @throws InvalidArgumentError naming the option that is unknown, or has a value that it may not have.
 */
export function decodeSmall(
  codings: readonly Coding[],
  bytes: Uint8Array,
  options: DecoderOptions = {},
): Buffer | undefined {
  checkOptions(options)
  if (bytes.length > smallInput) return undefined
  const maxOutput = options.maxOutput ?? Number.POSITIVE_INFINITY
  const tolerant = options.tolerant ?? false
  let current = bytes
  for (let i = codings.length - 1; i >= 0 && current.length > 0; i--) {
    const coding = codings[i] as Coding
    try {
      current = undo(coding, current, tolerant)
    } catch (error) {
      if (systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE') return undefined
      throw decodingError(coding, error)
    }
  }
  if (current.length > maxOutput) {
    throw new ContentLimitError(`The decoded body is longer than the ${maxOutput} octets allowed`)
  }
  return Buffer.isBuffer(current) ? current : Buffer.from(current.buffer, current.byteOffset, current.length)
}

function undo(coding: Coding, bytes: Uint8Array, tolerant: Tolerance): Buffer {
  switch (coding) {
    case 'gzip':
      if (tolerant === true) return zlib.unzipSync(bytes, settings(true))
      return zlib.gunzipSync(bytes, settings(tolerant))
    case 'deflate':
      return hasZlibHeader(bytes)
        ? zlib.inflateSync(bytes, settings(tolerant))
        : zlib.inflateRawSync(bytes, settings(tolerant))
    case 'br':
      return zlib.brotliDecompressSync(bytes, { ...brotliOptions(tolerant), maxOutputLength: smallOutput })
    case 'zstd':
      return zstdFramesSync(bytes, { ...zstdOptions(tolerant), maxOutputLength: smallOutput })
  }
}

let strictZlib: zlib.ZlibOptions | undefined
let tolerantZlib: zlib.ZlibOptions | undefined

/** Made when first needed: they take zlib to be loaded, which takes longer than importing this. */
function settings(tolerant: Tolerance): zlib.ZlibOptions {
  if (tolerant) {
    tolerantZlib ??= { ...zlibOptions(true), maxOutputLength: smallOutput }
    return tolerantZlib
  }
  strictZlib ??= { ...zlibOptions(false), maxOutputLength: smallOutput }
  return strictZlib
}
