/** A request made step by step: `putRequest`, `putHeader`, `endHeaders`, `send`. */

import { InvalidArgumentError, toError } from '../errors.ts'
import { bytesOf, chunkBytes, destroySource, isBlob } from '../exchange/source.ts'
import { UploadBody } from '../exchange/upload.ts'
import { ignore } from '../ignore.ts'
import { type BodyPart, piecesOf, type RequestBody } from './body.ts'
import { HTTPHeaderMap } from './header-map.ts'
import type { HTTPResponse } from './response.ts'

/** A request that has been sent, or is waiting to be. */
export interface SentRequest {
  /** Its stream's identifier, or null over HTTP/1.1, once it has a connection. */
  readonly started: Promise<number | null>
  /** Takes the response out of those that are outstanding. */
  take(): Promise<HTTPResponse>
}

/** How a draft becomes a request. */
export type Sender = (
  method: string,
  path: string,
  headers: HTTPHeaderMap,
  body: RequestBody | undefined,
) => SentRequest

/** Octets of a part that are copied at once. */
const SLICE = 1 << 16

/** A request that is written step by step: fields, then the body, then the end. */
export class RequestDraft {
  readonly method: string
  readonly path: string
  readonly headers = new HTTPHeaderMap()
  private readonly sender: Sender
  private sent: SentRequest | undefined
  private outgoing: UploadBody | undefined
  private tail: Promise<void> = Promise.resolve()

  /** @internal */
  constructor(method: string, path: string, sender: Sender) {
    this.method = method
    this.path = path
    this.sender = sender
  }

  /**
   * Adds a header; nothing is sent yet. `connection`, and what it names, is left out over HTTP/2 (RFC 9113 section 8.2.2).
   * @param options `replace`: in the place of those with this name.
   */
  putHeader(name: string, value: string | number, options: { readonly replace?: boolean } = {}): this {
    if (this.sent !== undefined) throw new InvalidArgumentError('The headers have been sent')
    if (options.replace === true) this.headers.replace(name, value)
    else this.headers.append(name, value)
    return this
  }

  /**
   * Sends the headers.
   * @param options `body`: sent as well; then nothing follows, unless `final` is false. `final` without a body: there is none.
   * @returns the stream's identifier, or null over HTTP/1.1, when there is a connection.
   * @throws {HyperError} (rejects) why there is none, which getResponse() tells as well; or what is wrong with the request.
   */
  endHeaders(
    options: { readonly body?: RequestBody | null | undefined; readonly final?: boolean | undefined } = {},
  ): Promise<number | null> {
    try {
      return this.begin(options)
    } catch (thrown) {
      return Promise.reject(toError(thrown))
    }
  }

  private begin(options: Parameters<RequestDraft['endHeaders']>[0] & {}): Promise<number | null> {
    if (this.sent !== undefined) throw new InvalidArgumentError('The headers have been sent')
    const { body, final = body !== undefined && body !== null } = options
    if (final) {
      this.sent = this.sender(this.method, this.path, this.headers, body ?? undefined)
      return this.sent.started
    }
    // What is wrong with it is said before anything is sent.
    const first = body === undefined || body === null ? undefined : sendable(body)
    const outgoing = new UploadBody(null)
    this.sent = this.sender(this.method, this.path, this.headers, outgoing)
    this.outgoing = outgoing
    if (first !== undefined) this.send(first).catch(ignore)
    return this.sent.started
  }

  /**
   * Sends a part of the body.
   * @param options `final`: it is the last one.
   * @returns when it was taken: the server's window, and what waits before it, decide when. What a server no longer wants,
   * because its response is whole, is let go.
   * @throws {HyperError} why the exchange has ended.
   */
  send(data: BodyPart, options: { readonly final?: boolean | undefined } = {}): Promise<void> {
    const { outgoing } = this
    if (outgoing === undefined) {
      const why = this.sent === undefined ? 'Call endHeaders() first' : 'The body has been sent'
      return Promise.reject(new InvalidArgumentError(why))
    }
    if (options.final === true) this.outgoing = undefined
    const mine = this.tail.then(() => push(outgoing, data, options.final === true))
    this.tail = mine.catch(ignore)
    return mine
  }

  /** The response to it, whatever the identifier. */
  async getResponse(): Promise<HTTPResponse> {
    if (this.sent === undefined) throw new InvalidArgumentError('Call endHeaders() first')
    return this.sent.take()
  }
}

async function push(outgoing: UploadBody, data: BodyPart, final: boolean): Promise<void> {
  try {
    const pieces = piecesOf(data)
    // A stream that gives nothing just now would not notice.
    const discard = (error: Error | null): void => destroySource(pieces, error)
    outgoing.onOver = discard
    if (outgoing.closed) discard(outgoing.error)
    for await (const piece of pieces) {
      const bytes = chunkBytes(piece)
      // Never none: what is empty is taken in its turn, too.
      for (let at = 0; at === 0 || at < bytes.length; at += SLICE) {
        // What nobody takes any more need not be read to its end, which may never come.
        if (isUnwanted(outgoing)) return
        // What was taken is on its way for a while, and then the caller may long have filled its buffer anew.
        const part = bytes.subarray(at, at + SLICE)
        const slice = typeof piece === 'string' ? part : Buffer.from(part)
        await new Promise<void>((resolve, reject) => {
          outgoing.push(slice, (error) => (error ? reject(error) : resolve()))
        })
      }
    }
  } catch (thrown) {
    if (isUnwanted(outgoing)) return
    if (outgoing.error !== null) throw outgoing.error
    // The server must not take what it has for the whole.
    outgoing.fail(thrown instanceof Error ? thrown : new InvalidArgumentError(String(thrown)))
    throw thrown
  } finally {
    outgoing.onOver = null
  }
  if (!final) return
  await new Promise<void>((resolve, reject) => {
    outgoing.end((error) => (error ? reject(error) : resolve()))
  })
}

/** What the server answers without waiting for the rest, it does not want. */
function isUnwanted({ closed, error }: UploadBody): boolean {
  return closed && error === null
}

/** What may be followed by more. */
function sendable(body: RequestBody): BodyPart {
  if (typeof body === 'string' || bytesOf(body) !== null || isBlob(body)) return body as BodyPart
  if (typeof body === 'object' && Symbol.asyncIterator in body) return body
  throw new InvalidArgumentError(
    'The body cannot be continued: only text, bytes and streams can be sent in several parts',
  )
}
