/** From frame objects to octets. */
import { Flag, FRAME_HEADER_SIZE, FrameType, MAX_STREAM_ID } from './codes.ts'
import { FrameError } from './errors.ts'
import type { Frame, PriorityFields } from './frames.ts'

/**
 * A frame as octets, its header in front.
 * @throws {FrameError} when a number does not fit its field.
 */
export function serializeFrame(frame: Frame): Buffer {
  const { type, flags, payload } = parts(frame)
  const length = payload.length
  if (length > 0xffffff) throw new FrameError(`${frame.type} of ${length} octets does not fit a frame`)
  const octets = Buffer.alloc(FRAME_HEADER_SIZE + length)
  octets.writeUIntBE(length, 0, 3)
  octets[3] = type
  octets[4] = flags
  octets.writeUInt32BE(checked('stream identifier', frame.streamId, MAX_STREAM_ID), 5)
  octets.set(payload, FRAME_HEADER_SIZE)
  return octets
}

interface Parts {
  type: number
  flags: number
  payload: Uint8Array
}

function parts(frame: Frame): Parts {
  switch (frame.type) {
    case 'DATA':
      return padded(FrameType.DATA, flag(frame.endStream, Flag.END_STREAM), frame.padding, frame.data)
    case 'HEADERS': {
      const flags = flag(frame.endStream, Flag.END_STREAM) | flag(frame.endHeaders, Flag.END_HEADERS)
      const { priority } = frame
      if (priority === undefined) return padded(FrameType.HEADERS, flags, frame.padding, frame.block)
      const payload = Buffer.concat([priorityOctets(priority), frame.block])
      return padded(FrameType.HEADERS, flags | Flag.PRIORITY, frame.padding, payload)
    }
    case 'PRIORITY':
      return { type: FrameType.PRIORITY, flags: 0, payload: priorityOctets(frame) }
    case 'RST_STREAM':
      return { type: FrameType.RST_STREAM, flags: 0, payload: uint32(frame.errorCode, 0xffffffff) }
    case 'SETTINGS':
      return { type: FrameType.SETTINGS, flags: flag(frame.ack, Flag.ACK), payload: settingsOctets(frame.settings) }
    case 'PUSH_PROMISE': {
      const payload = Buffer.concat([uint32(frame.promisedStreamId, MAX_STREAM_ID), frame.block])
      return padded(FrameType.PUSH_PROMISE, flag(frame.endHeaders, Flag.END_HEADERS), frame.padding, payload)
    }
    case 'PING':
      if (frame.payload.length !== 8) throw new FrameError(`PING of ${frame.payload.length} octets, not 8`)
      return { type: FrameType.PING, flags: flag(frame.ack, Flag.ACK), payload: frame.payload }
    case 'GOAWAY':
      return {
        type: FrameType.GOAWAY,
        flags: 0,
        payload: Buffer.concat([
          uint32(frame.lastStreamId, MAX_STREAM_ID),
          uint32(frame.errorCode, 0xffffffff),
          frame.debugData,
        ]),
      }
    case 'WINDOW_UPDATE':
      return { type: FrameType.WINDOW_UPDATE, flags: 0, payload: uint32(frame.increment, 0x7fffffff) }
    case 'CONTINUATION':
      return { type: FrameType.CONTINUATION, flags: flag(frame.endHeaders, Flag.END_HEADERS), payload: frame.block }
    case 'ALTSVC':
      return {
        type: FrameType.ALTSVC,
        flags: 0,
        payload: Buffer.concat([lengthAndText(frame.origin), Buffer.from(frame.value, 'latin1')]),
      }
    case 'ORIGIN':
      return { type: FrameType.ORIGIN, flags: 0, payload: Buffer.concat(frame.origins.map(lengthAndText)) }
    case 'PRIORITY_UPDATE':
      return {
        type: FrameType.PRIORITY_UPDATE,
        flags: 0,
        payload: Buffer.concat([uint32(frame.prioritizedStreamId, MAX_STREAM_ID), Buffer.from(frame.value, 'latin1')]),
      }
    case 'UNKNOWN':
      return {
        type: checked('frame type', frame.typeCode, 0xff),
        flags: checked('flags', frame.flags, 0xff),
        payload: frame.payload,
      }
  }
}

function flag(set: boolean, bit: number): number {
  return set ? bit : 0
}

function padded(type: number, flags: number, padding: number | undefined, body: Uint8Array): Parts {
  if (padding === undefined) return { type, flags, payload: body }
  const payload = Buffer.alloc(1 + body.length + checked('padding', padding, 0xff))
  payload[0] = padding
  payload.set(body, 1)
  return { type, flags: flags | Flag.PADDED, payload }
}

function priorityOctets(fields: PriorityFields): Buffer {
  const octets = Buffer.alloc(5)
  octets.writeUInt32BE(checked('stream identifier', fields.dependsOn, MAX_STREAM_ID))
  if (fields.exclusive) octets[0] |= 0x80
  octets[4] = checked('weight', fields.weight - 1, 0xff)
  return octets
}

function settingsOctets(settings: readonly (readonly [number, number])[]): Buffer {
  const octets = Buffer.alloc(settings.length * 6)
  settings.forEach(([id, value], index) => {
    octets.writeUInt16BE(checked('setting identifier', id, 0xffff), index * 6)
    octets.writeUInt32BE(checked('setting value', value, 0xffffffff), index * 6 + 2)
  })
  return octets
}

function lengthAndText(value: string): Buffer {
  const octets = Buffer.alloc(2 + value.length)
  octets.writeUInt16BE(checked('length', value.length, 0xffff))
  octets.write(value, 2, 'latin1')
  return octets
}

function uint32(value: number, max: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(checked('number', value, max))
  return octets
}

function checked(what: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new FrameError(`The ${what} ${value} is not a whole number from 0 to ${max}`)
  }
  return value
}
