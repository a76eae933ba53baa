/**
 * zstd bodies of several frames. RFC 8878 section 3 lets a body be several frames in a row; node:zlib stops without a word
 * after the first when another begins within the same chunk, so the rest would be lost silently.
 */
import { Transform, type TransformCallback } from 'node:stream'
import zlib from 'node:zlib'

/** Octets by which a frame is known. */
const magicLength = 4

/** Does another frame, or one to be skipped, begin here (RFC 8878 sections 3.1.1 and 3.1.2)? */
export function isZstdFrame(bytes: Uint8Array): boolean {
  if (bytes.length < magicLength) return false
  const [a, b, c, d] = bytes
  return (
    (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) || (a >> 4 === 5 && b === 0x2a && c === 0x4d && d === 0x18)
  )
}

/** Decodes frame after frame. What follows the last and is no frame is ignored. */
export class ZstdFrames extends Transform {
  private readonly options: zlib.ZstdOptions
  private inner: zlib.ZstdDecompress | undefined
  /** Too few octets after a frame to say whether another begins. */
  private uncertain: Buffer | undefined
  private finished = false

  constructor(options: zlib.ZstdOptions) {
    super()
    this.options = options
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (this.finished) {
      callback()
    } else if (this.uncertain === undefined) {
      this.feed(chunk, callback)
    } else {
      this.next(Buffer.concat([this.uncertain, chunk]), callback)
    }
  }

  override _flush(callback: TransformCallback): void {
    const { inner } = this
    if (inner === undefined || inner.readableEnded) {
      callback()
    } else {
      inner.once('end', callback)
      inner.end()
    }
  }

  override _read(size: number): void {
    this.inner?.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.inner?.destroy()
    callback(error)
  }

  private feed(chunk: Buffer, callback: TransformCallback): void {
    const inner = this.inner ?? this.open()
    const before = inner.bytesWritten
    inner.write(chunk, () => {
      const left = chunk.subarray(inner.bytesWritten - before)
      if (left.length === 0 || this.destroyed) {
        callback()
        return
      }
      // This frame has ended: the next goes to a decoder of its own, once everything of this one was handed on.
      const go = (): void => {
        this.inner = undefined
        this.next(left, callback)
      }
      if (inner.readableEnded) go()
      else inner.once('end', go)
    })
  }

  /** Looks at what follows a frame. */
  private next(bytes: Buffer, callback: TransformCallback): void {
    this.uncertain = undefined
    if (isZstdFrame(bytes)) {
      this.feed(bytes, callback)
      return
    }
    if (bytes.length < magicLength) this.uncertain = bytes
    else this.finished = true
    callback()
  }

  private open(): zlib.ZstdDecompress {
    const inner = zlib.createZstdDecompress(this.options)
    inner.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) inner.pause()
    })
    inner.on('error', (error) => this.destroy(error))
    this.inner = inner
    return inner
  }
}

/** Decodes a whole body of frames at once; `options.maxOutputLength` bounds all of them together. */
export function zstdFramesSync(bytes: Uint8Array, options: zlib.ZstdOptions & { maxOutputLength: number }): Buffer {
  const parts: Buffer[] = []
  let left = bytes
  let { maxOutputLength } = options
  do {
    const { buffer, engine } = decompressWithInfo(left, { ...options, maxOutputLength })
    parts.push(buffer)
    maxOutputLength = Math.max(1, maxOutputLength - buffer.length)
    left = left.subarray(engine.bytesWritten)
  } while (isZstdFrame(left))
  return parts.length === 1 ? parts[0] : Buffer.concat(parts)
}

/** With `info`, node:zlib tells how far it has read; its types leave that out. */
function decompressWithInfo(
  bytes: Uint8Array,
  options: zlib.ZstdOptions,
): { buffer: Buffer; engine: { bytesWritten: number } } {
  const result: unknown = zlib.zstdDecompressSync(bytes, { ...options, info: true })
  return result as { buffer: Buffer; engine: { bytesWritten: number } }
}
