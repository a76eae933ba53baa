/**
 * Bodies that are put together in the end. A connection that copies what it reads can copy it to where it belongs: for a handler
 * whose data is `joined` it makes one memory for the whole body, and lays the pieces side by side in it. Joining them then copies
 * nothing.
 *
 * A handler may say so when some of the body has come: room is left for that, and it is copied there in the end.
 */
import { Buffer } from 'node:buffer'

/** A longer body is joined in the ordinary way. What is not written of so much memory is none yet. */
const MAX_PLACE = 16 * 1024 * 1024

const places = new WeakSet<ArrayBufferLike>()

/** @returns memory for a body of so many octets, or null when there is none for it. */
export function placeFor(octets: number): Buffer | null {
  if (octets <= 0 || octets > MAX_PLACE) return null
  const place = Buffer.allocUnsafeSlow(octets)
  places.add(place.buffer)
  return place
}

/** The pieces of a whole body as one, in their order; `length` is that of all of them. They belong to the result from here on. */
export function joined(pieces: readonly Buffer[], length: number): Buffer {
  const last = pieces.at(-1)
  if (last === undefined || pieces.length === 1) return last ?? Buffer.alloc(0)
  if (!places.has(last.buffer) || last.buffer.byteLength !== length) return Buffer.concat(pieces, length)
  const whole = Buffer.from(last.buffer, 0, length)
  let at = 0
  for (const piece of pieces) {
    if (piece.buffer !== whole.buffer || piece.byteOffset !== at) piece.copy(whole, at)
    at += piece.length
  }
  return whole
}
