/** From octets to frame objects. */
import { ErrorCode, Flag, FRAME_HEADER_SIZE, FrameType } from './codes.ts'
import { FrameError } from './errors.ts'
import type { Frame, PriorityFields } from './frames.ts'
import { FrameReader, type FrameSink, readStreamId, readUint32 } from './reader.ts'

/**
 * One whole frame from the front of `octets`.
 * @returns the frame and the octets it took; null when not all of it is there yet.
 * @throws {FrameError} when the frame is not allowed: by its type's rules, or longer than `maxFrameSize` octets.
 */
export function parseFrame(octets: Uint8Array, maxFrameSize = 16_384): { frame: Frame; size: number } | null {
  if (octets.length < FRAME_HEADER_SIZE) return null
  const length = (octets[0] << 16) | (octets[1] << 8) | octets[2]
  if (length > maxFrameSize) throw oversized(octets[3], length, maxFrameSize)
  const size = FRAME_HEADER_SIZE + length
  if (octets.length < size) return null
  const frame = parsePayload(octets[3], octets[4], readStreamId(octets, 5), octets.subarray(FRAME_HEADER_SIZE, size))
  return { frame, size }
}

/** Frames out of a stream of octets that may be cut anywhere. Each holds its own copy of its payload. */
export class FrameParser {
  private readonly reader: FrameReader
  private readonly collector: Collector

  /** @param maxFrameSize octets of payload; a longer frame is refused on its header. Default: RFC 9113's initial value. */
  constructor(maxFrameSize = 16_384) {
    this.collector = new Collector(maxFrameSize)
    this.reader = new FrameReader(this.collector, maxFrameSize)
  }

  /**
   * The frames that `chunk` completes.
   * @throws {FrameError} for one that is not allowed; the parser is of no use afterwards.
   */
  receive(chunk: Uint8Array): Frame[] {
    this.reader.receive(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    return this.collector.take()
  }
}

class Collector implements FrameSink {
  private readonly maxFrameSize: number
  private frames: Frame[] = []
  private data: Buffer[] = []

  constructor(maxFrameSize: number) {
    this.maxFrameSize = maxFrameSize
  }

  take(): Frame[] {
    const { frames } = this
    this.frames = []
    return frames
  }

  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    this.frames.push(parsePayload(type, flags, streamId, Buffer.from(buffer.subarray(start, end))))
  }

  onDataHeader(): void {
    this.data = []
  }

  onDataPiece(flags: number, streamId: number, buffer: Buffer, start: number, end: number, last: boolean): void {
    this.data.push(Buffer.from(buffer.subarray(start, end)))
    if (last) this.frames.push(parsePayload(FrameType.DATA, flags, streamId, Buffer.concat(this.data)))
  }

  onOversized(type: number, _flags: number, _streamId: number, length: number): void {
    throw oversized(type, length, this.maxFrameSize)
  }
}

function oversized(type: number, length: number, max: number): FrameError {
  return new FrameError(
    `A frame of type 0x${type.toString(16)} announces ${length} octets, but ${max} are allowed`,
    ErrorCode.FRAME_SIZE_ERROR,
  )
}

/**
 * A frame's payload by its type.
 * @throws {FrameError}
 */
export function parsePayload(type: number, flags: number, streamId: number, payload: Uint8Array): Frame {
  const endStream = (flags & Flag.END_STREAM) !== 0
  const endHeaders = (flags & Flag.END_HEADERS) !== 0
  const ack = (flags & Flag.ACK) !== 0
  switch (type) {
    case FrameType.DATA: {
      onStream('DATA', streamId)
      const { body, padding } = unpad('DATA', flags, payload)
      return { type: 'DATA', streamId, endStream, padding, data: body }
    }
    case FrameType.HEADERS: {
      onStream('HEADERS', streamId)
      const { body, padding } = unpad('HEADERS', flags, payload)
      if ((flags & Flag.PRIORITY) === 0)
        return { type: 'HEADERS', streamId, endStream, endHeaders, padding, block: body }
      if (body.length < 5) throw new FrameError('HEADERS too short for its priority fields', ErrorCode.FRAME_SIZE_ERROR)
      const priority = priorityFields(body)
      return { type: 'HEADERS', streamId, endStream, endHeaders, padding, priority, block: body.subarray(5) }
    }
    case FrameType.PRIORITY:
      onStream('PRIORITY', streamId)
      exactly('PRIORITY', payload, 5)
      return { type: 'PRIORITY', streamId, ...priorityFields(payload) }
    case FrameType.RST_STREAM:
      onStream('RST_STREAM', streamId)
      exactly('RST_STREAM', payload, 4)
      return { type: 'RST_STREAM', streamId, errorCode: readUint32(payload, 0) }
    case FrameType.SETTINGS:
      onConnection('SETTINGS', streamId)
      return { type: 'SETTINGS', streamId, ack, settings: settings(payload, ack) }
    case FrameType.PUSH_PROMISE: {
      onStream('PUSH_PROMISE', streamId)
      const { body, padding } = unpad('PUSH_PROMISE', flags, payload)
      if (body.length < 4) throw new FrameError('PUSH_PROMISE too short', ErrorCode.FRAME_SIZE_ERROR)
      const promisedStreamId = readStreamId(body, 0)
      // Only a server promises, and its streams are even (RFC 9113 section 5.1.1).
      if (promisedStreamId === 0 || promisedStreamId % 2 === 1) {
        throw new FrameError(`PUSH_PROMISE of stream ${promisedStreamId}`)
      }
      return { type: 'PUSH_PROMISE', streamId, endHeaders, promisedStreamId, padding, block: body.subarray(4) }
    }
    case FrameType.PING:
      onConnection('PING', streamId)
      exactly('PING', payload, 8)
      return { type: 'PING', streamId, ack, payload }
    case FrameType.GOAWAY:
      onConnection('GOAWAY', streamId)
      if (payload.length < 8) throw new FrameError('GOAWAY too short', ErrorCode.FRAME_SIZE_ERROR)
      return {
        type: 'GOAWAY',
        streamId,
        lastStreamId: readStreamId(payload, 0),
        errorCode: readUint32(payload, 4),
        debugData: payload.subarray(8),
      }
    case FrameType.WINDOW_UPDATE:
      exactly('WINDOW_UPDATE', payload, 4)
      if (readStreamId(payload, 0) === 0) throw new FrameError('WINDOW_UPDATE of 0')
      return { type: 'WINDOW_UPDATE', streamId, increment: readStreamId(payload, 0) }
    case FrameType.CONTINUATION:
      onStream('CONTINUATION', streamId)
      return { type: 'CONTINUATION', streamId, endHeaders, block: payload }
    case FrameType.ALTSVC:
      return altSvc(streamId, payload)
    case FrameType.ORIGIN:
      return { type: 'ORIGIN', streamId, origins: origins(payload) }
    case FrameType.PRIORITY_UPDATE:
      onConnection('PRIORITY_UPDATE', streamId)
      if (payload.length < 4) throw new FrameError('PRIORITY_UPDATE too short', ErrorCode.FRAME_SIZE_ERROR)
      return {
        type: 'PRIORITY_UPDATE',
        streamId,
        prioritizedStreamId: readStreamId(payload, 0),
        value: text(payload.subarray(4)),
      }
    default:
      return { type: 'UNKNOWN', streamId, typeCode: type, flags, payload }
  }
}

function onStream(name: string, streamId: number): void {
  if (streamId === 0) throw new FrameError(`${name} on stream 0`)
}

function onConnection(name: string, streamId: number): void {
  if (streamId !== 0) throw new FrameError(`${name} on stream ${streamId}`)
}

function exactly(name: string, payload: Uint8Array, length: number): void {
  if (payload.length !== length) {
    throw new FrameError(`${name} of ${payload.length} octets, not ${length}`, ErrorCode.FRAME_SIZE_ERROR)
  }
}

/** RFC 9113 section 6.1: the padding must leave room for its own length octet. */
function unpad(name: string, flags: number, payload: Uint8Array): { body: Uint8Array; padding: number | undefined } {
  if ((flags & Flag.PADDED) === 0) return { body: payload, padding: undefined }
  if (payload.length === 0) throw new FrameError(`${name} too short for its padding`, ErrorCode.FRAME_SIZE_ERROR)
  const padding = payload[0]
  if (padding >= payload.length) throw new FrameError(`${name} with more padding than payload`)
  return { body: payload.subarray(1, payload.length - padding), padding }
}

function priorityFields(octets: Uint8Array): PriorityFields {
  return { dependsOn: readStreamId(octets, 0), weight: octets[4] + 1, exclusive: (octets[0] & 0x80) !== 0 }
}

function settings(payload: Uint8Array, ack: boolean): [number, number][] {
  if (ack) exactly('A SETTINGS acknowledgement', payload, 0)
  if (payload.length % 6 !== 0) {
    throw new FrameError(`SETTINGS of ${payload.length} octets, not a multiple of 6`, ErrorCode.FRAME_SIZE_ERROR)
  }
  const entries: [number, number][] = []
  for (let at = 0; at < payload.length; at += 6) {
    entries.push([(payload[at] << 8) | payload[at + 1], readUint32(payload, at + 2)])
  }
  return entries
}

function altSvc(streamId: number, payload: Uint8Array): Frame {
  const length = payload.length < 2 ? -1 : (payload[0] << 8) | payload[1]
  if (length === -1 || payload.length < 2 + length) throw new FrameError('ALTSVC too short', ErrorCode.FRAME_SIZE_ERROR)
  return {
    type: 'ALTSVC',
    streamId,
    origin: text(payload.subarray(2, 2 + length)),
    value: text(payload.subarray(2 + length)),
  }
}

function origins(payload: Uint8Array): string[] {
  const found: string[] = []
  let at = 0
  while (at < payload.length) {
    const length = at + 2 <= payload.length ? (payload[at] << 8) | payload[at + 1] : Number.POSITIVE_INFINITY
    if (at + 2 + length > payload.length) throw new FrameError('ORIGIN with a broken entry', ErrorCode.FRAME_SIZE_ERROR)
    found.push(text(payload.subarray(at + 2, at + 2 + length)))
    at += 2 + length
  }
  return found
}

function text(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1')
}
