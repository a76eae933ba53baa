/**
 * Receive windows (RFC 9113 section 6.9): who decides when the peer may send more, and how much.
 *
 * The engine keeps the windows; a window manager only says by how much to enlarge one. Without a manager the engine
 * itself does what {@link AdaptiveFlowControlManager} does, without an object a stream: a stream's window is refilled once
 * a part of it was used ({@link refillAt}), one WINDOW_UPDATE for many frames and early enough that the peer never waits;
 * and it is doubled when half of it was used within one round trip, for then it is the window that limits the speed.
 */

import { InvalidArgumentError, toError } from '../errors.ts'
import { MAX_WINDOW_SIZE } from '../frame/codes.ts'
import { MAX_STREAM_WINDOW, STREAM_WINDOW } from '../limits.ts'

/** The policy of one window: one instance a connection, one a stream. */
export interface WindowManager {
  /**
   * Octets of the window, kept by the engine: those that came and were not yet dealt with still count. While
   * `increaseWindowSize` runs, those of the frame that it is asked about do too, as in hyper.
   */
  windowSize: number
  /** Octets announced by content-length, once known; kept by the engine. */
  documentSize: number | undefined
  /**
   * A frame of so many flow-controlled octets (padding included, possibly 0) was received and dealt with. Called before
   * they are taken from `windowSize`; with 0 when a change of our SETTINGS has taken effect. One that throws ends its stream.
   * @returns octets to add to the window; 0 for none.
   */
  increaseWindowSize(frameSize: number): number
  /**
   * The window is used up, and `increaseWindowSize` did not enlarge it: the peer can send no more.
   * @returns octets to add to the window; 0 for none.
   */
  blocked?(): number
}

/** What a manager can ask of its connection. */
export interface WindowContext {
  /** The shortest round trip measured, in milliseconds; 0 while none was. */
  readonly rtt: number
  /** Milliseconds on a clock that never goes back. */
  now(): number
}

/** Makes a manager for the connection (`scope: 'connection'`) or for one stream. */
export type WindowManagerFactory = (
  initialWindowSize: number,
  scope: 'connection' | 'stream',
  context: WindowContext,
) => WindowManager

/** A class of managers: one is made for the connection, and one for each stream. */
export type WindowManagerClass = new (
  initialWindowSize: number,
  scope: 'connection' | 'stream',
  context: WindowContext,
) => WindowManager

/** A class or a function as a function that makes managers, and throws when what is made is none. */
export function managerFactory(
  given: WindowManagerFactory | WindowManagerClass | undefined,
): WindowManagerFactory | undefined {
  if (given === undefined) return undefined
  const make: WindowManagerFactory = isManagerClass(given)
    ? (size, scope, context) => new given(size, scope, context)
    : given
  return (size, scope, context) => {
    let manager: Partial<WindowManager> | undefined
    try {
      manager = make(size, scope, context)
    } catch (thrown) {
      throw new InvalidArgumentError(`windowManager could not be created: ${toError(thrown).message}`, {
        cause: thrown,
      })
    }
    if (typeof manager?.increaseWindowSize === 'function') return manager as WindowManager
    throw new InvalidArgumentError('windowManager must create objects that have a method increaseWindowSize()')
  }
}

function isManagerClass(given: WindowManagerFactory | WindowManagerClass): given is WindowManagerClass {
  const prototype = Object.getOwnPropertyDescriptor(given, 'prototype')
  if (prototype === undefined) return false
  // Of a class it cannot be written; a function that is meant as one has the method there.
  return prototype.writable === false || 'increaseWindowSize' in Object(prototype.value)
}

/**
 * Calls a manager with what it must know, and lets through what it throws.
 * @param windowSize of before the frame.
 * @param left octets that the peer may still send.
 * @returns octets to add, no more than a window can have.
 */
export function askManager(manager: WindowManager, windowSize: number, frameSize: number, left: number): number {
  const after = windowSize - frameSize
  manager.windowSize = windowSize
  let increment = grant(manager.increaseWindowSize(frameSize), after)
  manager.windowSize = after
  if (increment === 0 && left <= 0 && manager.blocked !== undefined) increment = grant(manager.blocked(), after)
  manager.windowSize = after + increment
  return increment
}

function grant(increment: number, windowSize: number): number {
  return Number.isInteger(increment) && increment > 0 ? Math.min(increment, MAX_WINDOW_SIZE - windowSize) : 0
}

/**
 * A window manager to extend: say in {@link increaseWindowSize} by how much to enlarge the window. What the engine keeps
 * (`windowSize`, `documentSize`) is to be read only.
 */
export abstract class BaseFlowControlManager implements WindowManager {
  /** Octets of the window when it was made. */
  readonly initialWindowSize: number
  windowSize: number
  documentSize: number | undefined

  constructor(initialWindowSize: number) {
    this.initialWindowSize = initialWindowSize
    this.windowSize = initialWindowSize
  }

  abstract increaseWindowSize(frameSize: number): number

  blocked(): number {
    return 0
  }
}

/**
 * The first window of a stream, for a link of 1 Gbit/s: what such a link carries in a round trip, and a quarter more for
 * the way of the updates. At least `STREAM_WINDOW`.
 * @param rtt milliseconds, as far as known.
 */
export function firstWindow(rtt: number): number {
  return Math.min(Math.max(Math.ceil(rtt * GIGABIT * 1.25), STREAM_WINDOW), MAX_STREAM_WINDOW)
}

/** Octets a millisecond. */
const GIGABIT = 125_000

/**
 * Octets used before a window is filled up again: half of it, for few updates; of one so large that it has a long way to
 * bridge an eighth, since what was used and not returned is of no use to the peer.
 */
export function refillAt(target: number): number {
  return target >= LARGE_WINDOW ? target >>> 3 : target >>> 1
}

const LARGE_WINDOW = 8 * 1024 * 1024

/** The window of a stream after half of one of `target` octets was used within `elapsed` milliseconds. */
export function grownWindow(target: number, elapsed: number, rtt: number, limit: number): number {
  return rtt > 0 && elapsed <= rtt && target < limit ? Math.min(target * 2, limit) : target
}

/**
 * hyper's policy: the window is filled up again when less than a quarter of it, or less than 1000 octets, is left. Its
 * size never changes.
 */
export class FlowControlManager extends BaseFlowControlManager {
  increaseWindowSize(frameSize: number): number {
    const { initialWindowSize } = this
    const left = this.windowSize - frameSize
    return left >= initialWindowSize / 4 && left >= 1000 ? 0 : initialWindowSize - left
  }
}

/** The engine's own policy as a manager, to be used or extended: see the top of this file. */
export class AdaptiveFlowControlManager extends BaseFlowControlManager {
  /** Octets that the window has when it is full. */
  target: number
  private readonly limit: number
  private readonly context: WindowContext
  private unreturned = 0
  /** Octets used since the speed was last looked at, and when that was. */
  private measured = 0
  private measuredAt = Number.NEGATIVE_INFINITY

  /**
   * @param limit octets that the window may grow to. Default: `MAX_STREAM_WINDOW` for a stream; a connection's does not grow.
   */
  constructor(
    initialWindowSize: number,
    scope: 'connection' | 'stream',
    context: WindowContext,
    limit: number = scope === 'stream' ? MAX_STREAM_WINDOW : initialWindowSize,
  ) {
    super(initialWindowSize)
    this.target = initialWindowSize
    this.context = context
    this.limit = limit
  }

  increaseWindowSize(frameSize: number): number {
    this.unreturned += frameSize
    this.measured += frameSize
    if (this.unreturned < refillAt(this.target)) return 0
    let increment = this.unreturned
    this.unreturned = 0
    if (this.measured * 2 >= this.target) {
      const at = this.context.now()
      const target = grownWindow(this.target, at - this.measuredAt, this.context.rtt, this.limit)
      increment += target - this.target
      this.target = target
      this.measured = 0
      this.measuredAt = at
    }
    return increment
  }
}
