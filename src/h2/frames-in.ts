/** Frames in: octets of the peer's are cut into frames, and each goes to the part that knows it. */
import { Flag, FrameType, PREFACE } from '../frame/codes.ts'
import { FrameReader, type FrameSink } from '../frame/reader.ts'
import { MAX_FRAME_SIZE } from '../limits.ts'
import { Bodies } from './bodies.ts'
import { ControlFrames } from './control-frames.ts'
import type { Core } from './core.ts'
import { ConnectionFault, oversized, protocolError } from './faults.ts'
import { GoingAway } from './going-away.ts'
import { HeaderBlocks } from './header-blocks.ts'
import type { ReceiveWindows } from './receive-windows.ts'
import { Sections } from './sections.ts'
import type { SendQueue } from './send-queue.ts'
import { SettingsExchange } from './settings-exchange.ts'
import { PeerState } from './states.ts'
import type { Streams } from './streams.ts'

export class FramesIn implements FrameSink {
  readonly settings: SettingsExchange
  readonly going: GoingAway
  readonly control: ControlFrames
  readonly sections: Sections
  private readonly core: Core
  private readonly queue: SendQueue
  private readonly bodies: Bodies
  private readonly blocks: HeaderBlocks
  private readonly reader = new FrameReader(this, MAX_FRAME_SIZE)
  /** The stream of the frame that is being read; 0: of none. */
  private frameStream = 0
  /** Server role: octets of the client's preface still to come. */
  private prefaceLeft: string

  constructor(core: Core, streams: Streams, queue: SendQueue, granted: ReceiveWindows) {
    this.core = core
    this.queue = queue
    this.bodies = new Bodies(core, streams, granted)
    this.sections = new Sections(core, streams, granted, this.bodies)
    this.blocks = new HeaderBlocks(core, this.sections)
    this.settings = new SettingsExchange(core, queue, granted, this.reader)
    this.going = new GoingAway(core, streams)
    this.control = new ControlFrames(core, streams, this.going)
    this.prefaceLeft = core.role === 'server' ? PREFACE : ''
  }

  /** Takes octets from the peer. A rule of the connection that they break ends it. */
  receive(chunk: Uint8Array): void {
    let octets = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    try {
      if (this.prefaceLeft !== '') octets = this.matchPreface(octets)
      this.reader.receive(octets)
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error
      this.stop()
      this.going.fail(error.code, error.message, this.frameStream, error.speaks)
    }
  }

  /** Nothing more is read. */
  stop(): void {
    this.reader.stop()
  }

  onOversized(type: number, _flags: number, streamId: number, length: number): void {
    this.frameStream = streamId
    throw oversized(type, length)
  }

  onDataHeader(flags: number, streamId: number, length: number): void {
    this.frameStream = streamId
    if (this.blocks.collecting !== 0 || this.core.peer === PeerState.SILENT) {
      throw protocolError('DATA where none may come')
    }
    this.bodies.begin(flags, streamId, length, length)
  }

  onDataPiece(flags: number, _streamId: number, buffer: Buffer, start: number, end: number, last: boolean): void {
    this.bodies.pass(flags, buffer, start, end, last)
  }

  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    this.frameStream = this.blocks.collecting || streamId
    if (this.blocks.collecting !== 0 && type !== FrameType.CONTINUATION) {
      throw protocolError('a frame within a header block')
    }
    if (this.core.peer === PeerState.SILENT && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      throw protocolError('the first frame is not SETTINGS')
    }
    switch (type) {
      case FrameType.DATA:
        this.bodies.onPaddedData(flags, streamId, buffer, start, end)
        break
      case FrameType.HEADERS:
        this.blocks.onHeaders(flags, streamId, buffer, start, end)
        break
      case FrameType.PRIORITY:
        this.control.onPriority(streamId, buffer, start, end)
        break
      case FrameType.RST_STREAM:
        this.bodies.onReset(streamId, buffer, start, end)
        break
      case FrameType.SETTINGS:
        this.settings.onFrame(flags, streamId, buffer, start, end)
        break
      case FrameType.PUSH_PROMISE:
        this.blocks.onPushPromise(flags, streamId, buffer, start, end)
        break
      case FrameType.PING:
        this.control.onPing(flags, streamId, buffer, start, end)
        break
      case FrameType.GOAWAY:
        this.going.onFrame(streamId, buffer, start, end)
        break
      case FrameType.WINDOW_UPDATE:
        this.queue.onWindowUpdate(streamId, buffer, start, end)
        break
      case FrameType.CONTINUATION:
        this.blocks.onContinuation(flags, streamId, buffer, start, end)
        break
      case FrameType.ALTSVC:
      case FrameType.ORIGIN:
        this.control.onOrigins(type, flags, streamId, buffer.subarray(start, end))
        break
      case FrameType.PRIORITY_UPDATE:
        this.control.onPriorityUpdate(streamId, buffer, start, end)
        break
      default:
        // Unknown types change nothing (RFC 9113 section 5.5).
        this.core.listener.onUnknownFrame?.(type, flags, streamId, buffer.subarray(start, end))
        break
    }
  }

  /** Server role: the client's preface, which may come octet by octet (RFC 9113 section 3.4). */
  private matchPreface(octets: Buffer): Buffer {
    const length = Math.min(octets.length, this.prefaceLeft.length)
    if (octets.toString('latin1', 0, length) !== this.prefaceLeft.slice(0, length)) {
      throw protocolError('the connection preface is wrong')
    }
    this.prefaceLeft = this.prefaceLeft.slice(length)
    return octets.subarray(length)
  }
}
