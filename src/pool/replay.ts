/**
 * A streamed body that can be sent again while little of it was read: what was read is kept, up to a limit, and a second
 * attempt gets it first and then the rest of the same source. The source itself is closed once, when the exchange is over,
 * not when an attempt is.
 */
import { discardSource } from '../connection/body.ts'
import type { Body, BodyChunk, ExchangeRequest } from '../exchange.ts'
import { MAX_REPLAY_OCTETS } from '../limits.ts'

type Source = Iterable<BodyChunk> | AsyncIterable<BodyChunk>

export class ReplayableSource implements AsyncIterable<BodyChunk> {
  private readonly source: Source
  /** What was read so far; null once it was too much. */
  private kept: BodyChunk[] | null = []
  private size = 0
  private iterator: Iterator<BodyChunk> | AsyncIterator<BodyChunk> | undefined
  /** A read under way: an attempt that ended meanwhile must not swallow it. */
  private pending: Promise<IteratorResult<BodyChunk>> | undefined
  private finished = false

  constructor(source: Source) {
    this.source = source
    // It may fail before anybody reads it, which is told when somebody does, and is not to end the process.
    if ('on' in source && typeof source.on === 'function') source.on('error', ignore)
  }

  /** Can another attempt have all of it? */
  get replayable(): boolean {
    return this.kept !== null
  }

  /** The body for one attempt. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BodyChunk> {
    for (let at = 0; ; at++) {
      if (this.kept !== null && at < this.kept.length) {
        yield this.kept[at]
        continue
      }
      if (this.finished) return
      const read = await this.read()
      if (read.done === true) return
      yield read.value
    }
  }

  /** Nobody will read on. */
  close(reason: Error): void {
    this.kept = null
    if (this.finished) return
    this.finished = true
    discardSource(this.source, reason)
    // How the source takes its end is nobody's business any more: a generator that is just running refuses.
    try {
      const returned: unknown = this.iterator?.return?.()
      if (returned instanceof Promise) returned.catch(ignore)
    } catch {
      // It ends by itself.
    }
  }

  private read(): Promise<IteratorResult<BodyChunk>> {
    this.pending ??= this.readOn()
    return this.pending
  }

  private async readOn(): Promise<IteratorResult<BodyChunk>> {
    try {
      this.iterator ??= iterate(this.source)
      const read = await this.iterator.next()
      if (read.done === true) this.finished = true
      else this.keep(read.value)
      return read
    } finally {
      this.pending = undefined
    }
  }

  private keep(chunk: BodyChunk): void {
    if (this.kept === null) return
    this.size += typeof chunk === 'string' ? chunk.length : chunk.byteLength
    if (this.size > MAX_REPLAY_OCTETS) this.kept = null
    else this.kept.push(chunk)
  }
}

/** The request with a streamed body made replayable; any other request as it is. */
export function withReplay(request: ExchangeRequest): ExchangeRequest {
  const { body } = request
  // What goes into a tunnel is no message: it outlives the response and is never sent again.
  if (request.method === 'CONNECT') return request
  return isSource(body) ? { ...request, body: new ReplayableSource(body) } : request
}

/** A web stream is read by a reader, which can be cancelled while a read is under way; its own iterator cannot. */
function iterate(source: Source): Iterator<BodyChunk> | AsyncIterator<BodyChunk> {
  if (source instanceof ReadableStream) {
    const reader: ReadableStreamDefaultReader<BodyChunk> = source.getReader()
    return {
      next: async () => {
        const { done, value } = await reader.read()
        return done ? { done, value: undefined } : { done, value }
      },
      return: async () => {
        await reader.cancel()
        return { done: true, value: undefined }
      },
    }
  }
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** A body that is read piece by piece. */
export function isSource(body: Body | null | undefined): body is Source {
  if (typeof body !== 'object' || body === null) return false
  if (body instanceof Uint8Array || body instanceof ArrayBuffer || body instanceof Blob) return false
  return Symbol.asyncIterator in body || Symbol.iterator in body
}

function ignore(): void {
  // Nobody waits for it.
}
