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
import { ErrorCode, MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { CONNECTION_WINDOW, MAX_STREAM_WINDOW } from '../limits.ts'
import { ConnectionFault } from './faults.ts'
import type { ConnectionListener } from './listener.ts'
import type { H2ConnectionOptions } from './options.ts'
import { H2Sender } from './sender.ts'
import type { H2Stream } from './stream.ts'
import { askManager, grownWindow, refillAt, type WindowContext, type WindowManager } from './window.ts'

export abstract class H2ReceiveWindows extends H2Sender implements WindowContext {
  /** The shortest round trip that the owner has measured, in milliseconds; 0 while it has not. Windows grow by it. */
  rtt = 0

  protected readonly clock: () => number
  /** Octets the peer may still send on the whole connection, and those to be returned to it. */
  protected receiveWindow = 65_535
  protected readonly windowSize: number
  private unreturned = 0
  private readonly windowManager: WindowManager | null
  private readonly maxStreamWindow: number
  /** The largest window that a stream of this connection has needed. */
  private learntWindow = 0

  constructor(listener: ConnectionListener, options: H2ConnectionOptions) {
    super(listener, options)
    this.clock = options.clock ?? defaultClock
    this.windowSize = options.connectionWindow ?? CONNECTION_WINDOW
    this.maxStreamWindow = options.maxStreamWindow ?? options.streamWindow ?? MAX_STREAM_WINDOW
    this.windowManager = options.windowManager?.(this.windowSize, 'connection', this) ?? null
  }

  /**
   * Returns octets of a stream's receive window after the owner has dealt with them. The connection's window is
   * returned on receipt, so that an unread stream never starves its siblings.
   */
  consume(stream: H2Stream, octets: number): void {
    if (!stream.remoteOpen) return
    const { windowManager } = stream
    let increment: number
    if (windowManager === null) {
      stream.unreturned += octets
      if (stream.unreturned < refillAt(stream.windowTarget) || hasEnough(stream)) return
      increment = this.refill(stream)
    } else {
      increment = askManager(windowManager, stream.receiveWindow, octets)
    }
    increment = Math.min(increment, MAX_WINDOW_SIZE - stream.receiveWindow)
    if (increment <= 0) return
    stream.receiveWindow += increment
    this.writer.windowUpdate(stream.id, increment)
    this.announce()
  }

  /** What to return of a window partly used, and more when it is the window that limits the speed: see window.ts. */
  private refill(stream: H2Stream): number {
    let increment = stream.unreturned
    stream.measured += increment
    stream.unreturned = 0
    const target = stream.windowTarget
    if (stream.measured * 2 < target) return increment
    const at = this.clock()
    // What was learnt from the connection's other streams counts for this one too, once it turns out to be long.
    const grown = Math.max(
      grownWindow(target, at - stream.measuredAt, this.rtt, this.maxStreamWindow),
      this.learntWindow,
    )
    increment += grown - target
    this.learntWindow = grown
    stream.windowTarget = grown
    stream.measured = 0
    stream.measuredAt = at
    return increment
  }

  protected get windowContext(): WindowContext {
    return this
  }

  /** Milliseconds on the connection's clock. */
  now(): number {
    return this.clock()
  }

  /** The connection's two windows, in octets: what we may send, and what the peer may. */
  windows(): { readonly send: number; readonly receive: number } {
    return { send: this.sendWindow, receive: this.receiveWindow }
  }

  protected takeFromWindow(octets: number): void {
    if (octets > this.receiveWindow) {
      throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the connection window allows')
    }
    this.receiveWindow -= octets
    let increment: number
    if (this.windowManager === null) {
      this.unreturned += octets
      if (this.unreturned * 2 < this.windowSize) return
      increment = this.unreturned
      this.unreturned = 0
    } else {
      increment = Math.min(
        askManager(this.windowManager, this.receiveWindow, octets),
        MAX_WINDOW_SIZE - this.receiveWindow,
      )
      if (increment <= 0) return
    }
    this.receiveWindow += increment
    this.writer.windowUpdate(0, increment)
    this.announce()
  }
}

/**
 * Does the window take all that content-length leaves to come? Then the peer needs no more. An octet must be left over:
 * nghttp2, and so node:http2, does not send the empty frame that ends a body into a window of nothing.
 */
function hasEnough({ expectedLength, receivedLength, receiveWindow }: H2Stream): boolean {
  return expectedLength !== -1 && receiveWindow > expectedLength - receivedLength
}

function defaultClock(): number {
  return performance.now()
}
