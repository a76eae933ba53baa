/** How a connection ends: GOAWAY from either side (RFC 9113 section 6.8), gracefully or for a broken rule. */
import { GoawayError, ProtocolError, type SpokenProtocol } from '../errors.ts'
import { ErrorCode, errorCodeName, MAX_STREAM_ID } from '../frame/codes.ts'
import { readStreamId, readUint32 } from '../frame/reader.ts'
import type { Core } from './core.ts'
import { protocolError, sizeError } from './faults.ts'
import { OwnState, PeerState } from './states.ts'
import type { Streams } from './streams.ts'

/** Told apart from the owner's PINGs by its payload. */
const SHUTDOWN_PING = Buffer.from('\u0000goaway\u0000', 'latin1')
/** Octets of a GOAWAY's text that are sent and read. */
const MAX_DEBUG = 256

export class GoingAway {
  private readonly core: Core
  private readonly streams: Streams
  /** The last stream that the peer takes, as far as it has said. */
  private lastTaken = MAX_STREAM_ID

  constructor(core: Core, streams: Streams) {
    this.core = core
    this.streams = streams
  }

  shutdown(): void {
    const { core } = this
    if (core.own !== OwnState.OPEN) return
    if (core.role === 'client') {
      this.goaway(ErrorCode.NO_ERROR, '')
      return
    }
    core.writer.goaway(MAX_STREAM_ID, ErrorCode.NO_ERROR, Buffer.alloc(0))
    core.writer.ping(SHUTDOWN_PING, false)
    core.advance(OwnState.LEAVING)
    core.announce()
  }

  goaway(code: number, debug: string, lastStreamId: number = this.core.lastRemoteId): void {
    const { core } = this
    if (core.own === OwnState.DEAD) return
    if (!Number.isInteger(lastStreamId) || lastStreamId < 0 || lastStreamId > core.lastRemoteId) {
      throw core.misuse(`GOAWAY may name a stream from 0 to ${core.lastRemoteId}, not ${lastStreamId}`)
    }
    core.writer.goaway(lastStreamId, code, Buffer.from(debug))
    core.lastRemoteId = lastStreamId
    core.advance(OwnState.GONE)
    core.announce()
    const { origin } = core.options
    this.streams.endAll(
      ({ local, id }) => !local && id > lastStreamId,
      () => new GoawayError(code, lastStreamId, { retryable: false, debug, origin }),
    )
  }

  /** An answer to a PING: true when it was the one of our shutdown. */
  takePong(payload: Uint8Array): boolean {
    if (this.core.own !== OwnState.LEAVING || !SHUTDOWN_PING.equals(payload)) return false
    this.goaway(ErrorCode.NO_ERROR, '')
    return true
  }

  /**
   * The peer broke a rule of the connection: say so and end everything (RFC 9113 section 5.4.1).
   * @param streamId of the frame that did it. When it is one that we opened, the other streams are told that they only shared the
   * connection; a peer that is wrong beyond a stream is as wrong for each of them.
   * @param speaks what it seems to speak instead.
   */
  fail(code: number, detail: string, streamId: number, speaks?: SpokenProtocol): void {
    const { core } = this
    if (core.own === OwnState.DEAD) return
    const { origin } = core.options
    core.writer.goaway(core.lastRemoteId, code, Buffer.from(detail.slice(0, MAX_DEBUG)))
    const peer = core.role === 'client' ? 'server' : 'client'
    const where = origin === undefined ? '' : ` at ${origin}`
    const message = `The ${peer}${where} broke HTTP/2: ${detail} (${errorCodeName(code)})`
    const error = new ProtocolError(message, { http2ErrorCode: code, origin, speaks })
    const ofStream = core.peer !== PeerState.SILENT && core.isLocalId(streamId) && !core.isIdle(streamId)
    const shared = !ofStream ? error : new ProtocolError(message, { http2ErrorCode: code, origin, bystander: true })
    this.streams.terminate(({ id }) => (id === streamId ? error : shared))
    core.announce()
    core.listener.onFailed(error)
  }

  onFrame(streamId: number, buffer: Buffer, start: number, end: number): void {
    const { core } = this
    if (streamId !== 0) throw protocolError('GOAWAY on a stream')
    if (end - start < 8) throw sizeError('GOAWAY of a wrong length')
    core.budgets.spend('goaways')
    const lastId = readStreamId(buffer, start)
    const code = readUint32(buffer, start + 4)
    if (lastId > this.lastTaken) throw protocolError('a second GOAWAY raised the last stream identifier')
    this.lastTaken = lastId
    core.advancePeer(PeerState.GONE)
    const debug = buffer.toString('latin1', start + 8, Math.min(end, start + 8 + MAX_DEBUG))
    const { origin } = core.options
    this.streams.endAll(
      (stream) => {
        if (!stream.local || stream.id <= lastId) return false
        // What it sent before may still come.
        this.streams.late.remember(stream.id)
        return true
      },
      () => new GoawayError(code, lastId, { retryable: true, debug, origin }),
    )
    core.listener.onGoaway(code, lastId, debug)
  }
}
