/**
 * Receive windows (RFC 9113 section 6.9): who decides when the peer may send more.
 *
 * The engine keeps the windows; a window manager only says by how much to enlarge one. Without a manager the window is
 * refilled once half of it was used: one WINDOW_UPDATE for many frames, early enough that the peer never waits.
 */

/** The policy of one window: one instance a connection, one a stream. */
export interface WindowManager {
  /** Octets the peer may still send; kept by the engine. */
  windowSize: number
  /** Octets announced by content-length, once known; kept by the engine. */
  documentSize: number | undefined
  /**
   * A frame of so many flow-controlled octets (padding included, possibly 0) was received and dealt with.
   * @returns octets to add to the window; 0 for none.
   */
  increaseWindowSize(frameSize: number): number
}

/** Makes a manager for the connection (`scope: 'connection'`) or for one stream. */
export type WindowManagerFactory = (initialWindowSize: number, scope: 'connection' | 'stream') => WindowManager

/** Calls a manager with what it must know. */
export function askManager(manager: WindowManager, windowSize: number, frameSize: number): number {
  manager.windowSize = windowSize
  const increment = manager.increaseWindowSize(frameSize)
  return Number.isInteger(increment) && increment > 0 ? increment : 0
}
