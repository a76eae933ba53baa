/**
 * A response body on its way from the exchange to its reader.
 *
 * Rules
 * - Until somebody reads, up to {@link highWater} octets are kept; then the exchange is paused, and the peer with it.
 * - It is read once: as a whole (`collect`), or as a byte stream (`stream`).
 * - A whole body that has arrived is given without a stream and without a turn of the event loop: most are small, and most
 *   have arrived by the time anybody asks.
 * - Codings are undone on the way out, never before somebody reads.
 *
 * On the path of each response: plain mutable state.
 */
import {
  type Coding,
  Decoder,
  type DecoderOptions,
  type DecoderSink,
  decodeSmall,
  smallInput,
} from '../../src/content/index.ts'
import type { DataUse, Exchange } from '../../src/exchange/contract.ts'
import { joined } from '../../src/exchange/joined.ts'
import type { FieldList } from '../../src/headers/fields.ts'
import { LENIENT_DECODING_RATIO_FLOOR, MAX_DECODING_RATIO } from '../../src/limits.ts'

/** Octets kept for a reader that has not asked: a quarter of a megabyte, so that a burst does not stop the peer. */
export const highWater = 256 * 1024

/** Node's fetch decodes whatever comes, and takes a body without its checksum for whole; we stop at bombs. */
const decoding: DecoderOptions = {
  tolerant: 'end',
  maxRatio: MAX_DECODING_RATIO,
  ratioFloor: LENIENT_DECODING_RATIO_FLOOR,
}

/** The largest chunk given to a stream's reader, unless the exchange's own are larger. */
const maxStreamChunk = 64 * 1024

/** Turns a failure into the error that the reader gets. */
export interface FailureWords {
  /** The caller's. Aborted, it ends the reading of what has arrived as well. */
  readonly signal: AbortSignal | undefined
  wrapError(error: unknown): unknown
}

/**
 * Ends the exchange of a body whose response and stream were garbage-collected. A body that failed or was cancelled is let go of
 * at once: the trace of its error may hold the stream or the response, which then would never be collected, and the body with it.
 */
const abandoned = new FinalizationRegistry<IncomingBody>((incoming) => incoming.abandon())

interface Waiting<T> {
  resolve(value: T): void
  reject(reason: unknown): void
}

export class IncomingBody implements DecoderSink {
  readonly type: 'bytes' = 'bytes'
  /** Set before anything arrives. */
  exchange: Exchange | undefined
  private readonly words: FailureWords
  private readonly codings: readonly Coding[] | undefined
  private queue: Buffer[] = []
  private queued = 0
  private arrived = false
  private complete = false
  private failed = false
  private failure: unknown
  private held = false
  private read = false
  private cancelled = false
  private decoder: Decoder | undefined
  private collector: Waiting<Buffer> | undefined
  /** While somebody waits for octets. At other times who reads holds the stream, and not we: so it is seen when nobody does. */
  private controller: ReadableByteStreamController | undefined
  private controllerRef: WeakRef<ReadableByteStreamController> | undefined
  private readable: WeakRef<ReadableStream<Uint8Array<ArrayBuffer>>> | undefined
  private wanted = false
  /** Somebody waits for what comes behind the body: all of it is kept. */
  private readsOn = false
  private trailerFields: FieldList | undefined
  private trailerPromise: Promise<FieldList> | undefined
  private trailerWaiting: Waiting<FieldList> | undefined

  constructor(codings: readonly Coding[] | undefined, words: FailureWords) {
    this.codings = codings
    this.words = words
  }

  /** A body that is there already. */
  static of(bytes: Buffer, trailers: FieldList, words: FailureWords): IncomingBody {
    const body = new IncomingBody(undefined, words)
    body.push(bytes)
    body.end(trailers)
    return body
  }

  // From the exchange.

  push(chunk: Buffer): void {
    if (this.failed || this.cancelled) return
    if (this.decoder !== undefined) {
      if (!this.decoder.write(chunk)) this.hold()
      return
    }
    this.queue.push(chunk)
    this.queued += chunk.length
    if (this.collector !== undefined) {
      if (this.codings !== undefined && this.queued > smallInput) this.startDecoder(this.codings)
    } else if (this.wanted) {
      this.deliver()
    } else if (this.queued > highWater && (this.read || !this.readsOn)) {
      this.hold()
    }
  }

  end(trailers: FieldList): void {
    this.trailerFields = trailers
    this.trailerWaiting?.resolve(trailers)
    this.arrived = true
    if (this.failed || this.cancelled) return
    if (this.decoder !== undefined) {
      this.decoder.end()
    } else {
      if (this.codings === undefined) this.complete = true
      this.settle()
    }
  }

  fail(error: unknown): void {
    if (this.failed || this.arrived) return
    this.break(this.words.wrapError(error))
  }

  // To the reader.

  /** Everything, decoded, if it has all arrived and is small enough to be given at once. Counts as reading. */
  takeNow(): Buffer | undefined {
    if (!this.arrived || this.failed || this.readable !== undefined || this.decoder !== undefined) return undefined
    if (this.codings === undefined) {
      this.read = true
      return this.drain()
    }
    return undefined
  }

  get dataUse(): DataUse {
    if (this.collector === undefined) return 'passed on'
    return this.codings === undefined ? 'joined' : 'kept'
  }

  /** Everything, decoded. */
  collect(): Promise<Buffer> {
    this.read = true
    return new Promise((resolve, reject) => {
      this.collector = { resolve, reject }
      if (this.failed) {
        reject(this.failure)
        return
      }
      if (this.arrived) this.settle()
      else if (this.codings !== undefined && this.queued > smallInput) this.startDecoder(this.codings)
      this.release()
    })
  }

  /** The body as a byte stream; always the same one. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const known = this.readable?.deref()
    if (known !== undefined) return known
    // Nothing is asked for beforehand: a call of pull() means that somebody reads.
    const made = new ReadableStream(this, { highWaterMark: 0 }) as ReadableStream<Uint8Array<ArrayBuffer>>
    this.readable = new WeakRef(made)
    if (!this.arrived) this.watch(made)
    return made
  }

  /** When this can be reached no more, neither can the body. */
  watch(holder: object): void {
    if (!this.failed && !this.cancelled) abandoned.register(holder, this, this)
  }

  /** Another body with the same octets, if all of them have arrived and nobody has begun to read. */
  fork(): IncomingBody | undefined {
    if (!this.arrived || this.failed || this.read || this.readable !== undefined) return undefined
    const copy = new IncomingBody(this.codings, this.words)
    // A copy: whoever reads may be given the memory itself.
    copy.queue = [Buffer.concat(this.queue, this.queued)]
    copy.queued = this.queued
    copy.arrived = true
    copy.complete = this.complete
    copy.trailerFields = this.trailerFields
    return copy
  }

  /** Settles when the trailer section has arrived; empty when there is none. A body that is not read is kept until then. */
  trailers(): Promise<FieldList> {
    this.readsOn = true
    // Who reads has the pace, whoever waits beside him.
    if (!this.read) this.release()
    this.trailerPromise ??= new Promise((resolve, reject) => {
      if (this.trailerFields !== undefined) resolve(this.trailerFields)
      else if (this.failed) reject(this.failure)
      else this.trailerWaiting = { resolve, reject }
    })
    return this.trailerPromise
  }

  /** The response, or its stream, cannot be reached any more: ends the exchange, unless somebody reads by another way. */
  abandon(): void {
    const taken = this.collector !== undefined || this.trailerWaiting !== undefined
    if (!taken && !this.failed && this.readable?.deref() === undefined) this.cancel()
  }

  // The underlying source of the stream.

  start(controller: ReadableByteStreamController): void {
    this.controllerRef = new WeakRef(controller)
    if (this.failed) controller.error(this.failure)
  }

  pull(): void {
    this.read = true
    if (this.words.signal?.aborted === true && (this.queued > 0 || !this.complete)) {
      this.break(this.words.wrapError(undefined))
      return
    }
    this.wanted = true
    this.controller = this.controllerRef?.deref()
    if (this.codings !== undefined && !this.complete && this.decoder === undefined) {
      if (this.arrived) this.decodeWhole(this.codings)
      else this.startDecoder(this.codings)
    }
    this.deliver()
    if (!this.wanted || this.failed) return
    this.release()
    this.decoder?.resume()
  }

  cancel(): void {
    this.read = true
    this.cancelled = true
    abandoned.unregister(this)
    this.queue = []
    this.decoder?.destroy()
    if (!this.arrived) this.exchange?.abort()
  }

  // From the decoder.

  onDecoded(chunk: Buffer): void {
    this.queue.push(chunk)
    this.queued += chunk.length
    if (this.collector !== undefined) return
    if (this.wanted) this.deliver()
    else if (this.queued > highWater) this.decoder?.pause()
  }

  onDecodedEnd(): void {
    this.complete = true
    this.settle()
  }

  onDecodeError(error: Error): void {
    this.break(this.words.wrapError(error))
    if (!this.arrived) this.exchange?.abort(error)
  }

  onDecoderDrain(): void {
    this.release()
  }

  // Within.

  /** Something has ended: settles the waiting reads. */
  private settle(): void {
    if (this.collector !== undefined) {
      if (!this.complete && this.codings !== undefined) this.decodeWhole(this.codings)
      if (this.complete && !this.failed) this.collector.resolve(this.drain())
    } else if (this.wanted) {
      if (!this.complete && this.codings !== undefined) this.decodeWhole(this.codings)
      this.deliver()
    }
  }

  /** Everything has arrived: decodes it at once if it is small. */
  private decodeWhole(codings: readonly Coding[]): void {
    try {
      const decoded = this.queued > smallInput ? undefined : decodeSmall(codings, this.peek(), { tolerant: 'end' })
      if (decoded === undefined) {
        this.startDecoder(codings)
        return
      }
      this.queue = [decoded]
      this.queued = decoded.length
      this.complete = true
    } catch (error) {
      this.break(this.words.wrapError(error))
    }
  }

  private startDecoder(codings: readonly Coding[]): void {
    const { queue } = this
    this.queue = []
    this.queued = 0
    const decoder = new Decoder(codings, this, decoding)
    this.decoder = decoder
    for (const chunk of queue) {
      if (!decoder.write(chunk)) this.hold()
    }
    if (this.arrived) decoder.end()
  }

  private deliver(): void {
    const { controller } = this
    if (controller === undefined || this.failed || this.cancelled) return
    if (this.queued > 0) {
      this.wanted = false
      this.controller = undefined
      controller.enqueue(this.shift())
    } else if (this.complete) {
      this.wanted = false
      this.controller = undefined
      controller.close()
      controller.byobRequest?.respond(0)
    }
  }

  /** The first chunks, joined, in memory of their own: a byte stream takes the memory of what it is given away. */
  private shift(): Uint8Array<ArrayBuffer> {
    let length = 0
    let count = 0
    while (count < this.queue.length && (count === 0 || length + this.queue[count].length <= maxStreamChunk)) {
      length += this.queue[count++].length
    }
    const bytes = new Uint8Array(length)
    let at = 0
    for (let i = 0; i < count; i++) {
      bytes.set(this.queue[i], at)
      at += this.queue[i].length
    }
    if (count === this.queue.length) this.queue = []
    else this.queue.splice(0, count)
    this.queued -= length
    return bytes
  }

  private peek(): Buffer {
    return joined(this.queue, this.queued)
  }

  private drain(): Buffer {
    const bytes = this.peek()
    this.queue = []
    this.queued = 0
    return bytes
  }

  private break(failure: unknown): void {
    this.failed = true
    this.failure = failure
    abandoned.unregister(this)
    this.queue = []
    this.decoder?.destroy()
    this.collector?.reject(failure)
    this.trailerWaiting?.reject(failure)
    if (!this.cancelled) this.controllerRef?.deref()?.error(failure)
    this.controller = undefined
  }

  private hold(): void {
    if (this.held || this.arrived) return
    this.held = true
    this.exchange?.pause()
  }

  private release(): void {
    if (!this.held) return
    this.held = false
    this.exchange?.resume()
  }
}
