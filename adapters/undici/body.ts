/** Request bodies that tell which pieces were sent, and bodies that wait for 100. Made only for those who want them. */
import { Readable } from 'node:stream'
import type { Body, BodyChunk } from '../../src/exchange/contract.ts'
import { UploadBody } from '../../src/exchange/upload.ts'

/** Hears of each piece. */
export interface ChunkListener {
  onChunkSent(chunk: Buffer): void
}

/** The same body, which tells of each piece when the next one is asked for: by then it was taken. */
export function tapBody(body: Body, listener: ChunkListener): Body {
  if (body instanceof UploadBody) return body
  if (typeof body === 'function') {
    return () => {
      const made = body()
      return made == null ? made : tapBody(made, listener)
    }
  }
  // Blobs and what is in memory tell all at once, and remain what can be sent again.
  if (typeof body === 'string') return () => new TappedBody([Buffer.from(body)], listener)
  if (body instanceof Uint8Array) return () => new TappedBody([body], listener)
  if (body instanceof ArrayBuffer) return () => new TappedBody([new Uint8Array(body)], listener)
  if (body instanceof Blob) return () => new TappedBody(body.stream(), listener)
  return new TappedBody(body, listener)
}

/** How long a body waits for 100 before it is sent all the same (RFC 9110 section 10.1.1), as curl does; milliseconds. */
const CONTINUE_TIMEOUT = 1000

/** What holds a body back until the server asks for it. */
export class ContinueGate {
  private readonly verdict: Promise<boolean>
  private decide: (wanted: boolean) => void = () => {}
  private timer: NodeJS.Timeout | undefined
  private hushed = false

  constructor() {
    this.verdict = new Promise((resolve) => {
      this.decide = resolve
    })
  }

  /** The body may be sent. */
  open(): void {
    clearTimeout(this.timer)
    this.decide(true)
  }

  /** The server has answered, and did not ask for it: time alone opens it no more. */
  hush(): void {
    this.hushed = true
    clearTimeout(this.timer)
  }

  /** Nobody wants it any more. */
  close(): void {
    clearTimeout(this.timer)
    this.decide(false)
  }

  /** The same body, behind the gate; the time begins when it is first asked for. */
  hold(body: Body): Body {
    if (body instanceof UploadBody) return body
    if (typeof body === 'function') {
      return () => {
        const made = body()
        return made == null ? made : this.hold(made)
      }
    }
    if (typeof body === 'string' || body instanceof Uint8Array) return () => this.behind([body])
    if (body instanceof ArrayBuffer) return () => this.behind([new Uint8Array(body)])
    if (body instanceof Blob) return () => this.behind(body.stream())
    return this.behind(body)
  }

  private async *behind(source: AsyncIterable<BodyChunk> | Iterable<BodyChunk>): AsyncGenerator<BodyChunk> {
    if (!this.hushed) this.timer ??= setTimeout(() => this.decide(true), CONTINUE_TIMEOUT)
    if (await this.verdict) yield* source
    else if (source instanceof Readable) source.destroy()
  }
}

class TappedBody implements AsyncIterable<BodyChunk>, AsyncIterator<BodyChunk> {
  private readonly source: AsyncIterable<BodyChunk> | Iterable<BodyChunk>
  private readonly listener: ChunkListener
  private iterator: AsyncIterator<BodyChunk> | Iterator<BodyChunk> | undefined
  private taken: BodyChunk | undefined

  constructor(source: AsyncIterable<BodyChunk> | Iterable<BodyChunk>, listener: ChunkListener) {
    this.source = source
    this.listener = listener
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<BodyChunk>> {
    this.iterator ??=
      Symbol.asyncIterator in this.source ? this.source[Symbol.asyncIterator]() : this.source[Symbol.iterator]()
    if (this.taken !== undefined) {
      const { taken } = this
      this.taken = undefined
      this.listener.onChunkSent(toBuffer(taken))
    }
    const result = await this.iterator.next()
    if (result.done !== true) this.taken = result.value
    return result
  }

  async return(): Promise<IteratorResult<BodyChunk>> {
    await this.iterator?.return?.()
    return { done: true, value: undefined }
  }
}

function toBuffer(chunk: BodyChunk): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}
