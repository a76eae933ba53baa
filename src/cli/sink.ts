/** Standard output with backpressure. Once its reader has gone, every write fails, quietly in the end. */
import { fstatSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { setImmediate } from '../clock.ts'
import { systemCodeOf } from '../errors.ts'
import { OutputClosedError } from './failures.ts'

/** Standard output or standard error, or what stands in its place. */
export type Stream = Writable & { readonly isTTY?: boolean }

const GONE: ReadonlySet<string | undefined> = new Set([
  'EPIPE',
  'EOF',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
])

export class Sink {
  readonly stream: Stream
  private readonly signal: AbortSignal
  private readonly onFailure: (error: Error) => void
  private failure: Error | undefined
  private last: number | undefined

  /**
   * @param signal ends the wait for a reader that is slow.
   * @param onFailure hears once of a stream that takes no more.
   */
  constructor(stream: Stream, signal: AbortSignal, onFailure: (error: Error) => void) {
    this.stream = stream
    this.signal = signal
    this.onFailure = onFailure
    stream.on('error', this.onError)
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true
  }

  /** Does it lead to a program or a file, and not to a terminal or a device such as /dev/null? */
  get isRedirected(): boolean {
    const fd: unknown = Reflect.get(this.stream, 'fd')
    return !this.isTerminal && !(typeof fd === 'number' && fstatSync(fd).isCharacterDevice())
  }

  /** How what was written ends: with nothing yet, with a line, or in the midst of one. */
  get end(): 'nothing' | 'line' | 'middle' {
    return this.last === undefined ? 'nothing' : this.last === 0x0a ? 'line' : 'middle'
  }

  /**
   * Writes; in the order of the calls, awaited or not.
   * @throws {OutputClosedError} (rejects) when nobody reads any more.
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (bytes.length === 0) return
    if (this.failure !== undefined) throw this.failure
    this.last = bytes[bytes.length - 1]
    if (!this.stream.write(bytes)) await this.until((done) => this.stream.once('drain', done))
    if (this.failure !== undefined) throw this.failure
  }

  /**
   * Lets other things happen, such as an interruption: a terminal takes everything at once, and so what is written at length
   * would never let go.
   * @throws why the command was ended.
   */
  async breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.signal.throwIfAborted()
  }

  /** Resolves when everything was taken. @throws what `write()` throws. */
  async flush(): Promise<void> {
    if (this.stream.writableLength > 0) await this.until((done) => this.stream.write('', done))
    if (this.failure !== undefined) throw this.failure
  }

  /** Lets go of the stream, which stays open. */
  release(): void {
    this.stream.off('error', this.onError)
  }

  /** Waits for a callback, or for the end of the stream or of the command. */
  private until(start: (done: () => void) => void): Promise<void> {
    const { stream, signal } = this
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off('error', done)
        stream.off('close', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      stream.on('error', done)
      stream.on('close', done)
      signal.addEventListener('abort', done)
      if (stream.destroyed || signal.aborted) done()
      else start(done)
    })
  }

  private readonly onError = (error: Error): void => {
    if (this.failure !== undefined) return
    this.failure = GONE.has(systemCodeOf(error))
      ? new OutputClosedError('Standard output was closed', { cause: error })
      : new Error(`standard output cannot be written: ${error.message}`, { cause: error })
    this.onFailure(this.failure)
  }
}
