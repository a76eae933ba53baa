/** Request bodies that tell which pieces were sent, and bodies that wait for 100. Made only for those who want them. */

import { clearTimeout, setTimeout } from '../../src/clock.ts'
import type { Body, ExchangeRequest } from '../../src/exchange/contract.ts'
import { bytesOf, isBlob, isSource, type Source } from '../../src/exchange/source.ts'
import { UploadBody, type UploadOptions } from '../../src/exchange/upload.ts'
import { flattenFields } from '../../src/headers/fields.ts'

/** Called with each piece. */
export interface ChunkListener {
  onChunkSent(chunk: Buffer): void
}

/**
 * The same body, with a listener for its pieces.
 * @param listener is called with each piece when the next one is asked for: by then it was taken.
 * @param gate holds it back.
 * @param asTold turns a failure into the error that its source gets.
 */
export function watchBody(
  body: Body,
  listener: ChunkListener | undefined,
  gate: ContinueGate | undefined,
  asTold?: UploadOptions['asTold'],
): Body {
  if (body instanceof UploadBody) return body
  if (typeof body === 'function') {
    return () => {
      const made = body()
      return made == null ? made : watchBody(made, listener, gate, asTold)
    }
  }
  const options: UploadOptions = {
    asTold,
    onTaken: listener && ((octets) => listener.onChunkSent(toBuffer(octets))),
  }
  const watched = (source: Source): UploadBody =>
    gate === undefined ? new UploadBody(source, options) : gate.hold(source, options)
  if (typeof body === 'string') return () => watched([body])
  // Blobs and what is in memory remain what can be sent again, as often as it takes.
  if (isBlob(body)) return () => watched(body.stream())
  if (isSource(body)) return watched(body)
  const bytes = bytesOf(body)
  return () => watched(bytes === null ? [] : [bytes])
}

/** A body with a listener is a stream to the transport: its length is announced as content-length, when it is known. */
export function withLength({ headers, body }: ExchangeRequest): ExchangeRequest['headers'] {
  let length: number | undefined
  if (typeof body === 'string') length = Buffer.byteLength(body)
  else if (isBlob(body)) length = body.size
  else length = bytesOf(body)?.byteLength
  if (length === undefined) return headers
  const fields = flattenFields(headers)
  for (let i = 0; i < fields.length; i += 2) if (fields[i].toLowerCase() === 'content-length') return headers
  return [...fields, 'content-length', String(length)]
}

/** How long a body waits for 100 before it is sent all the same (RFC 9110 section 10.1.1), as curl does; milliseconds. */
const CONTINUE_TIMEOUT = 1000

/** It waits for the server's word or for the time; for the word alone; the body may go; nobody wants it. */
type GateState = 'waiting' | 'hushed' | 'open' | 'closed'

/** What holds a body back until the server asks for it. */
export class ContinueGate {
  private state: GateState = 'waiting'
  private timer: NodeJS.Timeout | undefined
  /** That of the attempt under way. */
  private body: UploadBody | undefined

  /** The body may be sent. */
  open(): void {
    if (this.state === 'closed') return
    this.enter('open')
    this.body?.open()
  }

  /** The server has answered, and did not ask for it: time alone opens it no more. */
  hush(): void {
    if (this.state === 'waiting') this.enter('hushed')
  }

  /** Nobody wants it any more. */
  close(): void {
    this.enter('closed')
  }

  /** A body behind the gate; the time begins when it is first asked for. */
  hold(source: Source, options: UploadOptions): UploadBody {
    this.body =
      this.state === 'open'
        ? new UploadBody(source, options)
        : new UploadBody(source, { ...options, whenAwaited: this.await })
    return this.body
  }

  private readonly await = (): void => {
    if (this.state === 'waiting') this.timer ??= setTimeout(() => this.open(), CONTINUE_TIMEOUT)
  }

  private enter(state: GateState): void {
    this.state = state
    clearTimeout(this.timer)
  }
}

function toBuffer(octets: Uint8Array): Buffer {
  return Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
}
