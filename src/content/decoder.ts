/** Chunks in, decoded chunks out. This is on the path of each coded body, so its state is plain and mutable. */
import zlib from 'node:zlib'
import { InvalidArgumentError, systemCodeOf, toError } from '../errors.ts'
import { DECODING_RATIO_FLOOR } from '../limits.ts'
import { type Check, checkEach, oneOf } from '../option-checks.ts'
import { refuseUnknown } from '../option-names.ts'
import type { Coding } from './codings.ts'
import { ContentDecodingError, ContentLimitError } from './errors.ts'
import { ZstdFrames } from './zstd.ts'

/** Limits and leniency of decoding. */
export interface DecoderOptions {
  /** The longest decoded body, in octets. Default: no limit. */
  readonly maxOutput?: number | undefined
  /**
   * How many times longer than its coded form the body may become; looked at once `ratioFloor` octets were decoded.
   * Default: no limit. deflate alone cannot exceed about 1030.
   */
  readonly maxRatio?: number | undefined
  /** Octets. Default 1 MiB (`DECODING_RATIO_FLOOR`): short bodies may well compress to almost nothing. */
  readonly ratioFloor?: number | undefined
  /**
   * `'end'`: a body that ends too early is decoded as far as it goes. `true`: in addition, zlib's format is accepted as gzip.
   * Default false: both are errors, because a body that was cut off cannot be told from a short one.
   */
  readonly tolerant?: Tolerance | undefined
}

/** See `DecoderOptions.tolerant`. */
export type Tolerance = boolean | 'end'

const atLeastZero: Check = (name, value) => {
  if (typeof value === 'number' && value >= 0) return
  throw new InvalidArgumentError(`${name} must be a number, 0 or more, not ${String(value)}`)
}

const CHECKS: { readonly [Name in keyof Required<DecoderOptions>]: Check } = {
  maxOutput: atLeastZero,
  maxRatio: atLeastZero,
  ratioFloor: atLeastZero,
  tolerant: oneOf(true, false, 'end'),
}
const NAMES: ReadonlySet<string> = new Set(Object.keys(CHECKS))

/** @throws {InvalidArgumentError} naming the option that is unknown, or has a value that it may not have. */
export function checkOptions(options: DecoderOptions): void {
  refuseUnknown(options, NAMES)
  checkEach(options, CHECKS)
}

/** The callbacks of a {@link Decoder}. */
export interface DecoderSink {
  /** A piece of the decoded body. */
  onDecoded(chunk: Buffer): void
  /** Everything was decoded. */
  onDecodedEnd(): void
  /** Decoding failed: a `ContentDecodingError` or `ContentLimitError`. No callback follows. */
  onDecodeError(error: Error): void
  /** More input is welcome, after a `write()` that returned false. */
  onDecoderDrain?(): void
}

type Stage = zlib.Gunzip | zlib.Unzip | zlib.Inflate | zlib.InflateRaw | zlib.BrotliDecompress | ZstdFrames

/** RFC 9659 section 3: a zstd window in HTTP is at most 8 MiB. */
const zstdWindowLog = 23

/** Decodes a body chunk by chunk, by one coding or several in a row. */
export class Decoder {
  /** Octets of the coded body taken so far. */
  octetsIn = 0
  /** Octets of the decoded body given so far. */
  octetsOut = 0
  private readonly codings: readonly Coding[]
  private readonly sink: DecoderSink
  private readonly maxOutput: number
  private readonly maxRatio: number
  private readonly ratioFloor: number
  private readonly tolerant: Tolerance
  private stages: Stage[] | undefined
  private last: Stage | undefined
  private paused = false
  private settled = false

  /**
   * @param codings as {@link parseCodings} gives them.
   * @throws {InvalidArgumentError} naming the option that is unknown, or has a value that it may not have.
   */
  constructor(codings: readonly Coding[], sink: DecoderSink, options: DecoderOptions = {}) {
    checkOptions(options)
    this.codings = codings
    this.sink = sink
    this.maxOutput = options.maxOutput ?? Number.POSITIVE_INFINITY
    this.maxRatio = options.maxRatio ?? Number.POSITIVE_INFINITY
    this.ratioFloor = options.ratioFloor ?? DECODING_RATIO_FLOOR
    this.tolerant = options.tolerant ?? false
  }

  /**
   * Takes one chunk of the coded body.
   * @returns false when the next one should wait for `onDecoderDrain`.
   */
  write(chunk: Uint8Array): boolean {
    if (this.settled || chunk.length === 0) return true
    this.octetsIn += chunk.length
    this.stages ??= this.build(chunk)
    return this.stages[0]?.write(chunk) ?? true
  }

  /** There is no more input: decodes the rest, then calls `onDecodedEnd`. */
  end(): void {
    if (this.settled) return
    if (this.stages === undefined) this.finish()
    else this.stages[0]?.end()
  }

  /** Stops `onDecoded` and `onDecodedEnd` until `resume()`. */
  pause(): void {
    this.paused = true
    this.last?.pause()
  }

  /** Ends a pause. */
  resume(): void {
    this.paused = false
    this.last?.resume()
  }

  /** Stops decoding and frees memory. No callback follows. */
  destroy(): void {
    this.settled = true
    this.release()
  }

  private build(first: Uint8Array): Stage[] {
    const stages: Stage[] = []
    for (let i = this.codings.length - 1; i >= 0; i--) {
      const coding = this.codings[i] as Coding
      const wrapped = i !== this.codings.length - 1 || hasZlibHeader(first)
      const stage = createStage(coding, wrapped, this.tolerant)
      stage.on('error', (error) => this.fail(decodingError(coding, error)))
      stages.at(-1)?.pipe(stage)
      stages.push(stage)
    }
    stages[0]?.on('drain', () => {
      if (!this.settled) this.sink.onDecoderDrain?.()
    })
    this.last = stages.at(-1)
    this.last?.on('data', (chunk: Buffer) => this.take(chunk))
    this.last?.on('end', () => this.finish())
    if (this.paused) this.last?.pause()
    return stages
  }

  private take(chunk: Buffer): void {
    if (this.settled) return
    this.octetsOut += chunk.length
    if (this.octetsOut > this.maxOutput) {
      this.fail(new ContentLimitError(`The decoded body is longer than the ${this.maxOutput} octets allowed`))
    } else if (this.octetsOut > this.ratioFloor && this.octetsOut > this.octetsIn * this.maxRatio) {
      this.fail(new ContentLimitError(`The decoded body is more than ${this.maxRatio} times as long as its coded form`))
    } else {
      this.sink.onDecoded(chunk)
    }
  }

  private finish(): void {
    if (this.settled) return
    this.settled = true
    this.release()
    this.sink.onDecodedEnd()
  }

  private fail(error: Error): void {
    if (this.settled) return
    this.settled = true
    this.release()
    this.sink.onDecodeError(error)
  }

  private release(): void {
    for (const stage of this.stages ?? []) stage.destroy()
  }
}

/**
 * Does a `deflate` body begin with the zlib wrapper that RFC 9110 section 8.4.1.2 asks for? Some servers leave it out. The low
 * half of its first octet is 8 (RFC 1950 section 2.2), which no raw deflate stream in use begins with.
 */
export function hasZlibHeader(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0x0f) === 8
}

/** zlib's error, told as ours. */
export function decodingError(coding: Coding, caught: unknown): ContentDecodingError {
  const error = toError(caught)
  const early = systemCodeOf(caught) === 'Z_BUF_ERROR' || error.message === 'unexpected end of file'
  return new ContentDecodingError(
    early ? `The ${coding} body ends too early` : `The body is not valid ${coding}: ${error.message}`,
    { cause: caught, systemCode: systemCodeOf(caught) },
  )
}

/** zlib's options for one coding; `maxOutputLength` bounds the one-shot functions. */
export function zlibOptions(tolerant: Tolerance): zlib.ZlibOptions {
  return tolerant ? { finishFlush: zlib.constants.Z_SYNC_FLUSH } : {}
}

export function brotliOptions(tolerant: Tolerance): zlib.BrotliOptions {
  return tolerant ? { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH } : {}
}

export function zstdOptions(tolerant: Tolerance): zlib.ZstdOptions {
  return {
    params: { [zlib.constants.ZSTD_d_windowLogMax]: zstdWindowLog },
    ...(tolerant ? { finishFlush: zlib.constants.ZSTD_e_continue } : {}),
  }
}

function createStage(coding: Coding, wrapped: boolean, tolerant: Tolerance): Stage {
  switch (coding) {
    case 'gzip':
      return tolerant === true ? zlib.createUnzip(zlibOptions(true)) : zlib.createGunzip(zlibOptions(tolerant))
    case 'deflate':
      return wrapped ? zlib.createInflate(zlibOptions(tolerant)) : zlib.createInflateRaw(zlibOptions(tolerant))
    case 'br':
      return zlib.createBrotliDecompress(brotliOptions(tolerant))
    case 'zstd':
      return new ZstdFrames(zstdOptions(tolerant))
  }
}
