/** Small frames that need no memory: PING, the priorities of two RFCs, and what a server says of origins. */
import { ErrorCode, Flag } from '../frame/codes.ts'
import { parsePayload } from '../frame/parse.ts'
import { readStreamId } from '../frame/reader.ts'
import { MAX_EARLY_PRIORITIES } from '../limits.ts'
import { parsePriority, serializePriority } from '../priority/field.ts'
import type { Core } from './core.ts'
import { protocolError, sizeError } from './faults.ts'
import type { GoingAway } from './going-away.ts'
import type { ConnectionListener } from './listener.ts'
import { OwnState, StreamState } from './states.ts'
import type { H2Stream } from './stream.ts'
import type { Streams } from './streams.ts'

export class ControlFrames {
  private readonly core: Core
  private readonly streams: Streams
  private readonly going: GoingAway

  constructor(core: Core, streams: Streams, going: GoingAway) {
    this.core = core
    this.streams = streams
    this.going = going
  }

  ping(payload: Uint8Array): void {
    const { core } = this
    if (payload.length !== 8) throw core.misuse('A PING carries exactly 8 octets')
    if (core.own === OwnState.DEAD) return
    core.writer.ping(payload, false)
    core.announce()
  }

  prioritize(stream: H2Stream, urgency: number, incremental: boolean): void {
    const { core } = this
    const value = serializePriority({ urgency, incremental })
    core.scheduler.reprioritize(stream, urgency, incremental)
    if (core.role === 'client' && stream.state !== StreamState.CLOSED && core.own !== OwnState.DEAD) {
      core.writer.priorityUpdate(stream.id, value)
      core.announce()
    }
  }

  advertiseAltSvc(value: string, where: string | H2Stream): void {
    if (typeof where === 'string') this.core.writer.altSvc(0, where, value)
    else this.core.writer.altSvc(where.id, '', value)
    this.core.announce()
  }

  advertiseOrigins(origins: readonly string[]): void {
    this.core.writer.origins(origins)
    this.core.announce()
  }

  /** RFC 9113 section 6.7. */
  onPing(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const { core } = this
    if (streamId !== 0) throw protocolError('PING on a stream')
    if (end - start !== 8) throw sizeError('PING of a wrong length')
    const payload = buffer.subarray(start, end)
    if ((flags & Flag.ACK) === 0) {
      core.budgets.spend('pings')
      core.writer.ping(payload, true)
      core.announceReply()
      core.listener.onPing?.(Uint8Array.from(payload))
    } else if (!this.going.takePong(payload)) {
      core.budgets.spend('pongs')
      core.listener.onPong(payload)
    }
  }

  /** RFC 9113 section 5.3.2: priorities of RFC 7540 are read past. */
  onPriority(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('PRIORITY on stream 0')
    this.core.budgets.spend('priorities')
    const stream = this.core.streams.get(streamId)
    if (end - start !== 5) {
      if (stream !== undefined) this.streams.fail(stream, ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY of a wrong length')
    } else if (readStreamId(buffer, start) === streamId) {
      if (stream !== undefined) this.streams.fail(stream, ErrorCode.PROTOCOL_ERROR, 'a stream that depends on itself')
    } else {
      tellPriority(this.core.listener, streamId, buffer, start)
    }
  }

  /** RFC 9218 section 7.1. */
  onPriorityUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    const { core } = this
    if (core.role === 'client') throw protocolError('PRIORITY_UPDATE from a server')
    core.budgets.spend('priorities')
    if (streamId !== 0) throw protocolError('PRIORITY_UPDATE on a stream')
    if (end - start < 4) throw sizeError('PRIORITY_UPDATE too short')
    const id = readStreamId(buffer, start)
    if (id === 0) throw protocolError('PRIORITY_UPDATE of stream 0')
    const priority = parsePriority(buffer.toString('latin1', start + 4, end))
    const stream = core.streams.get(id)
    const { earlyPriorities } = this.streams
    if (stream !== undefined) core.scheduler.reprioritize(stream, priority.urgency, priority.incremental)
    else if (core.isIdle(id) && earlyPriorities.size < MAX_EARLY_PRIORITIES) earlyPriorities.set(id, priority)
    core.listener.onPriorityUpdate?.(id, priority)
  }

  /** ALTSVC (RFC 7838) and ORIGIN (RFC 8336): in a wrong place, or broken, they are ignored. */
  onOrigins(type: number, flags: number, streamId: number, payload: Buffer): void {
    const { core } = this
    if (core.role === 'server') return
    core.budgets.spend('settings')
    const frame = parseLeniently(type, flags, streamId, payload)
    if (frame?.type === 'ORIGIN' && streamId === 0 && flags === 0) core.listener.onOrigin?.(frame.origins)
    if (frame?.type !== 'ALTSVC') return
    // On the connection with an origin, on a stream without (RFC 7838 section 4).
    const stream = core.streams.get(streamId)
    if (streamId === 0 ? frame.origin !== '' : frame.origin === '' && stream !== undefined) {
      core.listener.onAltSvc?.(frame.origin, frame.value, stream)
    }
  }
}

/** The five octets that PRIORITY is, and that HEADERS may begin with (RFC 9113 section 6.2). */
export function tellPriority(listener: ConnectionListener, streamId: number, buffer: Buffer, start: number): void {
  const exclusive = buffer[start] >= 0x80
  listener.onPriority?.(streamId, readStreamId(buffer, start), buffer[start + 4] + 1, exclusive)
}

function parseLeniently(...frame: Parameters<typeof parsePayload>): ReturnType<typeof parsePayload> | undefined {
  try {
    return parsePayload(...frame)
  } catch {
    return undefined
  }
}
