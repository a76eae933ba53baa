/** --limit-rate: octets are let through no faster than so many a second, on average since the beginning. */
import { clearTimeout, performanceNow, setTimeout } from '../clock.ts'

/** Waits between pieces. @param rate octets a second; undefined: as fast as they come. */
export async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  rate: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const start = performanceNow()
  let octets = 0
  for await (const chunk of chunks) {
    if (rate === undefined) {
      yield chunk
      continue
    }
    // In pieces, so that a large one does not come at once.
    for (let at = 0; at < chunk.length; at += rate) {
      const piece = chunk.subarray(at, at + rate)
      octets += piece.length
      yield piece
      await sleep(start + (octets / rate) * 1000 - performanceNow(), signal)
    }
  }
}

/** Milliseconds; an abort ends it. @throws why the command was ended. */
export async function sleep(time: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (time <= 0) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimer()
      resolve()
    }
    const timer = setTimeout(done, time)
    const clearTimer = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
    }
    signal.addEventListener('abort', done, { once: true })
  })
  signal.throwIfAborted()
}
