/**
 * The body of a Request, which shows only a stream, whatever it was made of.
 *
 * Most were made of text or bytes: then the whole stream is there within the turn of the event loop. It is gathered, so that
 * its length can be announced and a redirect can send it again. What is longer in coming is sent as it comes.
 */

import { setImmediate } from '../../src/clock.ts'
import type { BodyChunk } from '../../src/exchange/contract.ts'
import { UploadBody, type UploadSink } from '../../src/exchange/upload.ts'
import type { RequestBody } from './request.ts'

/** More than this is not gathered. */
const maxGathered = 1024 * 1024

/** Reads what is there; the rest stays a stream, which begins with what was read. */
export async function gatherBody(source: AsyncIterable<BodyChunk>): Promise<RequestBody | undefined> {
  const upload = new UploadBody(source, { limit: maxGathered })
  const gatherer = new Gatherer()
  setImmediate(gatherer.onUploadEnd)
  upload.attach(gatherer)
  await gatherer.over
  upload.detach(gatherer)
  const { whole } = upload
  if (whole === null) return { body: upload, replayable: false, length: undefined }
  return whole.length === 0 ? undefined : { body: whole, replayable: true, length: undefined }
}

/** Takes as much as is gathered; the body itself keeps it. */
class Gatherer implements UploadSink {
  readonly over: Promise<void>
  readonly onUploadEnd: () => void
  readonly onUploadFailed: (error: Error) => void
  private octets = 0

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.over = promise
    this.onUploadEnd = resolve
    this.onUploadFailed = reject
  }

  onPiece({ length }: Uint8Array): boolean {
    this.octets += length
    if (this.octets <= maxGathered) return true
    this.onUploadEnd()
    return false
  }
}
