/** A {@link Decoder} as a Node stream. */
import { Transform, type TransformCallback } from 'node:stream'
import { type Coding, parseCodings } from './codings.ts'
import { Decoder, type DecoderOptions, type DecoderSink } from './decoder.ts'

/** Write the coded body, read the decoded one. It is destroyed with a ContentDecodingError or ContentLimitError. */
export class DecodeStream extends Transform implements DecoderSink {
  private readonly decoder: Decoder
  private waiting: TransformCallback | undefined
  private ending: TransformCallback | undefined

  constructor(codings: readonly Coding[], options: DecoderOptions = {}) {
    super()
    this.decoder = new Decoder(codings, this, options)
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (this.decoder.write(chunk)) callback()
    else this.waiting = callback
  }

  override _flush(callback: TransformCallback): void {
    this.ending = callback
    this.decoder.end()
  }

  override _read(size: number): void {
    this.decoder.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.decoder.destroy()
    callback(error)
  }

  onDecoded(chunk: Buffer): void {
    if (!this.push(chunk)) this.decoder.pause()
  }

  onDecodedEnd(): void {
    const callback = this.ending
    this.ending = undefined
    // A coding may end before its input does; what follows it is ignored.
    if (callback === undefined) this.push(null)
    else callback()
  }

  onDecodeError(error: Error): void {
    this.destroy(error)
  }

  onDecoderDrain(): void {
    const callback = this.waiting
    this.waiting = undefined
    callback?.()
  }
}

/**
 * A stream that undoes what `content-encoding` says, or `undefined` when nothing is to be undone.
 *
 * @throws ContentLimitError when the header names too many codings
 */
export function createDecoder(header: string | undefined, options: DecoderOptions = {}): DecodeStream | undefined {
  const codings = parseCodings(header)
  return codings === undefined ? undefined : new DecodeStream(codings, options)
}
