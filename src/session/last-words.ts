/**
 * What a peer said before a write to it failed: a GOAWAY, an early 413. It lies in the socket still, and Node would throw it
 * away: a stream whose write fails is destroyed at once. So a failed write only ends the writing; what is there is read first,
 * and then the connection is judged.
 */

import { setImmediate } from '../clock.ts'
import type { Wire } from './wire.ts'

/** Turns of the event loop without anything read after which nothing more is taken to be there. */
const QUIET_TURNS = 2
/** Turns that a peer may go on: each reads 2 MiB at most (libuv reads 32 times 64 KiB). */
const MOST_TURNS = 64

export class LastWords {
  private readonly socket: Wire
  private readonly octetsRead: () => number
  private failed = false

  /** @param octetsRead how many were read so far. */
  constructor(socket: Wire, octetsRead: () => number) {
    this.socket = socket
    this.octetsRead = octetsRead
  }

  /** To be given to writes as their callback. */
  readonly written = (error?: Error | null): void => {
    if (!error || this.failed) return
    this.failed = true
    // Node asks for these right after this call: without them it tells of the error, and destroys nothing.
    set(this.socket, '_writableState', 'autoDestroy', false)
    set(this.socket, '_readableState', 'autoDestroy', false)
  }

  /**
   * The socket has emitted an error.
   * @param judge is called when all is read.
   * @returns false when there is nothing to wait for: judge at once.
   */
  hear(judge: () => void): boolean {
    if (!this.failed || this.socket.destroyed) return false
    // The error was the writing's alone.
    set(this.socket, '_readableState', 'errored', null)
    let quiet = 0
    let turns = 0
    let before = this.octetsRead()
    const look = (): void => {
      const read = this.octetsRead()
      quiet = read === before ? quiet + 1 : 0
      before = read
      if (quiet >= QUIET_TURNS || ++turns >= MOST_TURNS || this.socket.destroyed) judge()
      else setImmediate(look)
    }
    setImmediate(look)
    return true
  }
}

/** Node's streams have no public way to this; where they are made otherwise, nothing changes: the words are lost as before. */
function set(socket: Wire, side: '_readableState' | '_writableState', name: string, value: false | null): void {
  const state: unknown = Reflect.get(socket, side)
  if (typeof state === 'object' && state !== null) Reflect.set(state, name, value)
}
