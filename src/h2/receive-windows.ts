/**
 * The windows that we grant (RFC 9113 section 6.9): what the peer may still send, and when it may send more. The policy is
 * in `window.ts`; here it is applied.
 *
 * Rules
 * - A stream's window is returned when its owner has dealt with the octets: it bounds what an unread response holds.
 * - The connection's window is returned on receipt, so that an unread stream never starves its siblings. It holds no
 *   memory by itself, and so begins at its full size.
 *
 * Hot path: plain mutable state, no allocation.
 */
import { InvalidArgumentError, StreamResetError, toError } from '../errors.ts'
import { ErrorCode, MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { CONNECTION_WINDOW, MAX_STREAM_WINDOW } from '../limits.ts'
import type { Core } from './core.ts'
import { ConnectionFault, windowError } from './faults.ts'
import { StreamState } from './states.ts'
import type { H2Stream } from './stream.ts'
import type { Streams } from './streams.ts'
import { askManager, grownWindow, refillAt, type WindowContext, type WindowManager } from './window.ts'

export class ReceiveWindows implements WindowContext {
  rtt = 0
  /** Octets the peer may still send on the whole connection, and those to be returned to it. */
  window = 65_535
  private unreturned = 0
  private readonly core: Core
  private readonly streams: Streams
  private readonly size: number
  private readonly manager: WindowManager | null
  private readonly maxStreamWindow: number
  /** The largest window that a stream of this connection has needed. */
  private learntWindow = 0

  constructor(core: Core, streams: Streams) {
    this.core = core
    this.streams = streams
    const { connectionWindow, maxStreamWindow, streamWindow, windowManager } = core.options
    this.size = connectionWindow ?? CONNECTION_WINDOW
    this.maxStreamWindow = maxStreamWindow ?? streamWindow ?? MAX_STREAM_WINDOW
    this.manager = windowManager?.(this.size, 'connection', this) ?? null
  }

  now(): number {
    return this.core.clock()
  }

  /** The connection's window gets its full size. */
  begin(): void {
    if (this.size <= this.window) return
    this.core.writer.windowUpdate(0, this.size - this.window)
    this.window = this.size
  }

  /**
   * The manager of a stream that is to be opened; null: there are none. Making one may throw: nothing may depend on it yet. The
   * window that it begins with is the one that we have announced: the peer acknowledges it before it sends on the stream.
   * @throws {InvalidArgumentError} when it cannot be made.
   */
  newManager(): WindowManager | null {
    return this.core.options.windowManager?.(this.core.announcedWindow, 'stream', this) ?? null
  }

  /** A stream gets its manager. */
  manage(stream: H2Stream, manager: WindowManager | null): void {
    stream.windowManager = manager
    stream.managedWindow = this.core.announcedWindow
  }

  /** A stream of the peer's, which has an owner now, gets a manager; when none can be made it ends. */
  adopt(stream: H2Stream): void {
    if (this.core.options.windowManager === undefined || stream.state === StreamState.CLOSED) return
    try {
      this.manage(stream, this.newManager())
    } catch (thrown) {
      this.fail(stream, thrown)
    }
  }

  /** Tells a stream's manager what content-length says. */
  tellLength(stream: H2Stream): void {
    if (stream.windowManager === null || stream.expectedLength === -1) return
    try {
      stream.windowManager.documentSize = stream.expectedLength
    } catch (thrown) {
      this.fail(stream, thrown)
    }
  }

  /** Our SETTINGS say another initial window, which counts for open streams too (RFC 9113 section 6.9.2). */
  announceInitial(size: number): void {
    const { core } = this
    const delta = size - core.announcedWindow
    core.announcedWindow = size
    if (delta !== 0) for (const stream of core.streams.all()) stream.managedWindow += delta
  }

  consume(stream: H2Stream, octets: number): void {
    if (!stream.remoteOpen) return
    const { windowManager } = stream
    let increment: number
    if (windowManager === null) {
      stream.unreturned += octets
      if (stream.unreturned < refillAt(stream.windowTarget) || hasEnough(stream)) return
      increment = this.refill(stream)
    } else {
      try {
        increment = askManager(windowManager, stream.managedWindow, octets, stream.receiveWindow)
      } catch (thrown) {
        this.fail(stream, thrown)
        return
      }
      stream.managedWindow += increment - octets
    }
    increment = Math.min(increment, MAX_WINDOW_SIZE - stream.receiveWindow)
    if (increment <= 0) return
    stream.receiveWindow += increment
    this.core.writer.windowUpdate(stream.id, increment)
    this.core.announce()
  }

  /** Octets came on the connection. @throws {ConnectionFault} when they are more than were granted. */
  take(octets: number): void {
    if (octets > this.window) throw windowError('more DATA than the connection window allows')
    const before = this.window
    this.window -= octets
    let increment: number
    if (this.manager === null) {
      this.unreturned += octets
      if (this.unreturned * 2 < this.size) return
      increment = this.unreturned
      this.unreturned = 0
    } else {
      try {
        increment = askManager(this.manager, before, octets, this.window)
      } catch (thrown) {
        throw new ConnectionFault(ErrorCode.INTERNAL_ERROR, managerThrew(thrown))
      }
      if (increment <= 0) return
    }
    this.window += increment
    this.core.writer.windowUpdate(0, increment)
    this.core.announce()
  }

  /** A stream's manager threw: the stream ends, and its owner learns why. The peer did nothing wrong. */
  private fail(stream: H2Stream, thrown: unknown): void {
    const code = ErrorCode.INTERNAL_ERROR
    const { origin } = this.core.options
    const error =
      thrown instanceof InvalidArgumentError
        ? thrown
        : new StreamResetError(code, { remote: false, detail: managerThrew(thrown), cause: thrown, origin })
    this.streams.reset(stream, code)
    stream.listener.onError(stream, error)
  }

  /** What to return of a window partly used, and more when it is the window that limits the speed: see window.ts. */
  private refill(stream: H2Stream): number {
    let increment = stream.unreturned
    stream.measured += increment
    stream.unreturned = 0
    const target = stream.windowTarget
    if (stream.measured * 2 < target) return increment
    const at = this.core.clock()
    const needed = grownWindow(target, at - stream.measuredAt, this.rtt, this.maxStreamWindow)
    // What was learnt from the connection's other streams counts for this one too, once it turns out to be long.
    const grown = Math.max(needed, this.learntWindow)
    increment += grown - target
    this.learntWindow = grown
    stream.windowTarget = grown
    stream.measured = 0
    stream.measuredAt = at
    return increment
  }
}

function managerThrew(thrown: unknown): string {
  return `its window manager threw: ${toError(thrown).message}`
}

/**
 * Does the window take all that content-length leaves to come? Then the peer needs no more. An octet must be left over:
 * nghttp2, and so node:http2, does not send the empty frame that ends a body into a window of nothing.
 */
function hasEnough({ expectedLength, receivedLength, receiveWindow }: H2Stream): boolean {
  return expectedLength !== -1 && receiveWindow > expectedLength - receivedLength
}
