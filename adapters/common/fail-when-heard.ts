/** Failures of response streams that nobody may have got hold of yet. */
import type { Readable } from 'node:stream'
import { nextTick } from '../../src/clock.ts'

/**
 * Destroys a stream with an error once somebody is there to hear it: at once if somebody is. An 'error' that nobody listens to
 * would end the process, and one that came too early would be lost on whoever reads later.
 */
export function failWhenHeard(stream: Readable, error: Error): void {
  if (stream.destroyed) return
  if (stream.listenerCount('error') > 0 || stream.readableFlowing !== null) {
    stream.destroy(error)
    return
  }
  const tell = (): void => {
    nextTick(() => stream.destroy(error))
  }
  stream.once('resume', tell)
  stream.on('newListener', (event) => {
    if (event === 'error' || event === 'data' || event === 'readable') tell()
  })
}
