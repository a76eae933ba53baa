/** Frames to send (RFC 6455 section 5.2): header and payload in one buffer, masked when a key is given. */
import { Buffer } from 'node:buffer'
import { applyMask } from './mask.ts'

/** Writes one frame. Lengths take their shortest form. `rsv`: 4 for RSV1, 2 for RSV2, 1 for RSV3, or their sum. */
export function writeFrame(
  opcode: number,
  fin: boolean,
  rsv: number,
  payload: Uint8Array | string,
  key: Uint8Array | null,
): Uint8Array {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  const extended = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8
  const start = 2 + extended + (key === null ? 0 : 4)
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const mask = key === null ? 0 : 0x80
  if (extended === 0) {
    frame[1] = mask | length
  } else if (extended === 2) {
    frame[1] = mask | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = mask | 127
    frame.writeUInt32BE(Math.floor(length / 0x1_0000_0000), 2)
    frame.writeUInt32BE(length % 0x1_0000_0000, 6)
  }
  if (typeof payload === 'string') frame.write(payload, start)
  else frame.set(payload, start)
  if (key !== null) {
    frame.set(key, start - 4)
    applyMask(frame, start, frame.length, key)
  }
  return frame
}
