/**
 * A streamed body that can be sent again while little of it was read: what was read is kept, up to a limit, and a second
 * attempt gets it first and then the rest of the same source. The source itself is closed once, when the exchange is over,
 * not when an attempt is.
 */
import { discardSource, WebSource } from '../connection/body.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Body, BodyChunk, ExchangeRequest } from '../exchange.ts'
import { MAX_REPLAY_OCTETS } from '../limits.ts'

type Source = Iterable<BodyChunk> | AsyncIterable<BodyChunk>

export class ReplayableSource implements AsyncIterable<BodyChunk> {
  private readonly source: Source
  /** What was read: all of it, or once it was too much what the attempt under way has not yet dealt with. */
  private kept: BodyChunk[] = []
  /** Pieces that were read and are kept no longer. */
  private dropped = 0
  private size = 0
  private iterator: Iterator<BodyChunk> | AsyncIterator<BodyChunk> | undefined
  /** A read under way: an attempt that ended meanwhile must not swallow what it gives. */
  private pending: Promise<void> | undefined
  private finished = false
  /** The source failed, maybe between two attempts: whoever comes to its end is told. */
  private failure: { readonly thrown: unknown } | undefined
  private closed = false
  private attempts = 0

  constructor(source: Source) {
    this.source = source
    // It may fail before anybody reads it, which is told when somebody does, and is not to end the process.
    if ('on' in source && typeof source.on === 'function') source.on('error', ignore)
  }

  /** Can another attempt have all of it? */
  get replayable(): boolean {
    return !this.closed && this.dropped === 0 && this.size <= MAX_REPLAY_OCTETS
  }

  /** The body for one attempt. An earlier attempt reads no further once this one has begun. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BodyChunk> {
    const attempt = ++this.attempts
    if (this.dropped > 0) throw new InvalidArgumentError('The beginning of the request body is not kept any more')
    for (let at = 0; attempt === this.attempts; at++) {
      while (at - this.dropped >= this.kept.length) {
        if (this.failure !== undefined) throw this.failure.thrown
        if (this.finished) return
        await this.read()
        if (attempt !== this.attempts) return
      }
      yield this.kept[at - this.dropped]
      // Only now, when the next piece is asked for: an attempt that has ended takes a piece and asks for none.
      if (attempt === this.attempts && this.size > MAX_REPLAY_OCTETS) this.drop(at + 1)
    }
  }

  /** Nobody will read on. */
  close(reason: Error): void {
    this.closed = true
    this.kept = []
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

  private read(): Promise<void> {
    this.pending ??= this.readOn()
    return this.pending
  }

  private async readOn(): Promise<void> {
    try {
      this.iterator ??= iterate(this.source)
      const read = await this.iterator.next()
      if (read.done === true) this.finished = true
      else if (!this.closed) this.keep(read.value)
    } catch (thrown) {
      this.failure = { thrown }
    } finally {
      this.pending = undefined
    }
  }

  private keep(chunk: BodyChunk): void {
    this.size += typeof chunk === 'string' ? chunk.length : chunk.byteLength
    this.kept.push(chunk)
  }

  /** The pieces up to this one are not needed any more. */
  private drop(end: number): void {
    this.kept.splice(0, end - this.dropped)
    this.dropped = end
  }
}

/** The request with a streamed body made replayable; any other request as it is. */
export function withReplay(request: ExchangeRequest): ExchangeRequest {
  const { body } = request
  // What goes into a tunnel is no message: it outlives the response and is never sent again.
  if (request.method === 'CONNECT') return request
  return isSource(body) ? { ...request, body: new ReplayableSource(body) } : request
}

function iterate(source: Source): Iterator<BodyChunk> | AsyncIterator<BodyChunk> {
  if (source instanceof ReadableStream) return new WebSource(source)
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
