/**
 * The HTTP/1.1 text between node:http's ClientRequest and an exchange: the request that it writes is read, a response is
 * written for its parser.
 *
 * Rules
 * - The request is Node's own serialisation, checked by Node before it was written, and our serialiser checks it again:
 *   so the codec trusts it.
 * - One piece of the body at a time: the next is read when the one before it was taken.
 * - Fields that frame a response or govern a connection are HTTP/2's affair and not passed on; the body is framed by its
 *   content-length, or else in chunks, behind which trailers fit. A response that announces trailers goes in chunks.
 */
import { type HyperError, InvalidArgumentError } from '../../src/errors.ts'
import { faultOf } from '../../src/h1/faults.ts'
import { type H1RequestHead, H1ServerConnection, type H1ServerListener } from '../../src/h1/index.ts'
import type { FieldList } from '../../src/headers/fields.ts'

/** Called when more may come, or with an error. */
export type Taken = (error?: Error | null) => void

/** What a request's text says, in order. */
export interface RequestSink {
  onRequestHead(head: H1RequestHead): void
  /** A piece of the body; `taken` is called when the next one may come. */
  onRequestBody(chunk: Uint8Array, taken: Taken): void
  /** The body is complete; trailers as a flat list. */
  onRequestEnd(trailers: FieldList): void
}

const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

export class HttpText implements H1ServerListener {
  private readonly sink: RequestSink
  private readonly h1 = new H1ServerConnection(this, { trustInbound: true, validateOutbound: 'elsewhere' })
  /** Of the writer that waits; undefined while its octets are read. */
  private taken: Taken | undefined
  private failure: Error | null = null
  /** May trailers follow the response's body? */
  private chunked = false

  constructor(sink: RequestSink) {
    this.sink = sink
  }

  /** The request is complete. */
  get done(): boolean {
    const { theirState } = this.h1
    return theirState === 'done' || theirState === 'idle'
  }

  /** @param taken is called when more may come, or with an error. */
  write(octets: Buffer, taken: Taken): void {
    if (!this.done) this.h1.receive(octets)
    this.taken = taken
    this.settle()
  }

  /** The writer may go on when all that it wrote was read, and taken. */
  private settle(): void {
    const { taken, failure, h1 } = this
    if (taken === undefined || (h1.paused && failure === null)) return
    this.taken = undefined
    taken(failure)
  }

  onRequest(head: H1RequestHead): void {
    this.sink.onRequestHead(head)
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.h1.pause()
    this.sink.onRequestBody(buffer.subarray(start, end), (error) => {
      // Not called back before everything was read, though the receiver may take the next piece at once.
      const { taken } = this
      this.taken = undefined
      if (error) this.failure = error
      else this.h1.resume()
      this.taken = taken
      this.settle()
    })
  }

  onEnd(_trailers: FieldList, rawTrailers: FieldList): void {
    this.sink.onRequestEnd(rawTrailers)
  }

  /** Node lets through what is no HTTP: that is the caller's, who has made the request. */
  onFailed(error: HyperError): void {
    this.failure = new InvalidArgumentError(`The request is malformed: ${faultOf(error)}`)
  }

  /** An informational response, as latin1 text. */
  inform(status: number, reason: string, fields: FieldList): string {
    return this.h1.inform(status, passedOn(fields), reason)
  }

  /** The head of the response, as latin1 text. @param version what its status line says, however the body is framed. */
  respond(status: number, reason: string, fields: FieldList, version: '1.0' | '1.1' = '1.1'): string {
    let trailers = false
    let length = false
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i].toLowerCase()
      if (name === 'trailer') trailers = true
      else if (name === 'content-length') length = true
    }
    this.chunked = trailers || !length
    const text = this.h1.respond({ status, reason, fields: passedOn(fields), bodyLength: -1, trailers })
    return version === '1.1' ? text : text.replace('HTTP/1.1', `HTTP/${version}`)
  }

  /** A piece of the response's body, framed; nothing where there can be none. */
  data(chunk: Buffer): readonly (string | Uint8Array)[] {
    return this.h1.ourState === 'sending' ? this.h1.data(chunk) : []
  }

  /** The end of the response's body, as latin1 text, which may be ''. */
  end(trailers: FieldList): string {
    return this.h1.ourState === 'sending' ? this.h1.end(this.chunked ? trailers : null) : ''
  }
}

/** A length that was said several times, always the same (RFC 9110 section 8.6), is said once: Node's parser takes no other. */
function passedOn(fields: FieldList): FieldList {
  const kept: string[] = []
  let measured = false
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i].toLowerCase()
    if (HOP.has(name)) continue
    if (name !== 'content-length') {
      kept.push(fields[i], fields[i + 1])
    } else if (!measured) {
      measured = true
      kept.push(fields[i], fields[i + 1].split(',', 1)[0].trim())
    }
  }
  return kept
}
