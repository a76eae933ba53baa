/**
 * The body of a Request, which shows only a stream, whatever it was made of.
 *
 * Most were made of text or bytes: then the whole stream is there within the turn of the event loop. It is gathered, so that
 * its length can be announced and a redirect can send it again. What is longer in coming is sent as it comes.
 */
import type { BodyChunk } from '../../src/exchange/contract.ts'
import type { RequestBody } from './request.ts'

/** More than this is not gathered. */
const maxGathered = 1024 * 1024

/** Reads what is there; the rest stays a stream. */
export async function gatherBody(source: AsyncIterable<BodyChunk>): Promise<RequestBody | undefined> {
  const iterator = source[Symbol.asyncIterator]()
  const turn = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))
  const chunks: Buffer[] = []
  let octets = 0
  while (octets <= maxGathered) {
    const next = iterator.next()
    const result = await Promise.race([next, turn])
    if (result === undefined) return { body: rest(chunks, next, iterator), replayable: false, length: undefined }
    if (result.done === true) {
      return octets === 0 ? undefined : { body: Buffer.concat(chunks), replayable: true, length: undefined }
    }
    const chunk = typeof result.value === 'string' ? Buffer.from(result.value) : Buffer.from(result.value)
    chunks.push(chunk)
    octets += chunk.length
  }
  return { body: rest(chunks, iterator.next(), iterator), replayable: false, length: undefined }
}

async function* rest(
  chunks: readonly Buffer[],
  pending: Promise<IteratorResult<BodyChunk>>,
  iterator: AsyncIterator<BodyChunk>,
): AsyncGenerator<BodyChunk> {
  // Its failure is heard when its turn comes, and until then is nobody's unhandled rejection.
  pending.catch(() => {})
  try {
    yield* chunks
    for (let result = await pending; result.done !== true; result = await iterator.next()) yield result.value
  } finally {
    await iterator.return?.()
  }
}
