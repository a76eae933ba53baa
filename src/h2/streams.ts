/** How streams begin and end. */
import { StreamResetError } from '../errors.ts'
import type { Priority } from '../priority/field.ts'
import type { Core } from './core.ts'
import { LateFrames } from './late-frames.ts'
import { nextState, OwnState, StreamState } from './states.ts'
import { type H2Stream, NO_CHUNKS } from './stream.ts'

export class Streams {
  /** Priorities from PRIORITY_UPDATE frames for streams that the client has not opened yet (RFC 9218 section 7.1). */
  readonly earlyPriorities = new Map<number, Priority>()
  readonly late: LateFrames
  private readonly core: Core

  constructor(core: Core) {
    this.core = core
    this.late = new LateFrames(core)
  }

  open(stream: H2Stream): void {
    const { core, earlyPriorities } = this
    core.streams.add(stream)
    if (stream.local) core.openLocal++
    else core.openRemote++
    if (earlyPriorities.size === 0) return
    const early = earlyPriorities.get(stream.id)
    if (early === undefined) return
    earlyPriorities.delete(stream.id)
    core.scheduler.reprioritize(stream, early.urgency, early.incremental)
  }

  /** Something allowed happened to a stream (see states.ts). */
  advance(stream: H2Stream, event: number): void {
    const next = nextState(stream.state, event)
    if (next === StreamState.CLOSED) this.close(stream)
    else stream.state = next
  }

  close(stream: H2Stream): void {
    const { core } = this
    stream.state = StreamState.CLOSED
    core.streams.delete(stream)
    if (stream.local) core.openLocal--
    else core.openRemote--
    if (stream.scheduled) core.scheduler.remove(stream)
    stream.queue = NO_CHUNKS
    stream.queuedBytes = 0
    core.listener.onStreamClosed(stream)
  }

  reset(stream: H2Stream, code: number): void {
    if (stream.state === StreamState.CLOSED) return
    this.refuse(stream.id, code)
    this.close(stream)
  }

  /** Resets a stream that was not opened. */
  refuse(id: number, code: number): void {
    this.core.writer.rstStream(id, code)
    this.late.remember(id)
    this.core.announce()
  }

  /** The peer broke a rule on one stream: reset it and tell its owner (RFC 9113 section 5.4.2). */
  fail(stream: H2Stream, code: number, detail: string): void {
    const { origin } = this.core.options
    this.failWith(stream, code, new StreamResetError(code, { remote: false, detail, origin }))
  }

  failWith(stream: H2Stream, code: number, error: Error): void {
    this.reset(stream, code)
    // Told first: counting it may end the connection, which no longer knows this stream.
    stream.listener.onError(stream, error)
    this.countFault()
  }

  /** The peer made us reset a stream. */
  countFault(): void {
    this.core.budgets.spend('peerFaults')
  }

  /** Ends every stream with an error, and the connection with them. */
  terminate(makeError: (stream: H2Stream) => Error): void {
    this.core.advance(OwnState.DEAD)
    this.endAll(() => true, makeError)
  }

  /** Ends some streams with an error, without a word to the peer. */
  endAll(which: (stream: H2Stream) => boolean, makeError: (stream: H2Stream) => Error): void {
    for (const stream of this.core.streams.all()) {
      // One that was told may have reset another.
      if (stream.state === StreamState.CLOSED || !which(stream)) continue
      this.close(stream)
      stream.listener.onError(stream, makeError(stream))
    }
  }
}
