/**
 * PING (RFC 9113 section 6.7): the round trip, and whether the peer is still there.
 *
 * Theory of operation
 * - A vital PING must be answered. Nothing heard for a while after it puts the peer in doubt: nothing new is sent to it, and what
 *   is open lives on. Only much later (`GIVE_UP_FACTOR`) does the connection count as dead. Whatever is heard meanwhile is a
 *   sign of life and begins both waits anew.
 * - Patience follows the round trip: never less than some of those that were measured, and before there is a measure as long as
 *   a connection may take to be made.
 * - A peer of whom no DATA and no HEADERS came since the last PING is not asked again, unless a connection is to be used anew
 *   after long silence: servers count such PINGs as abuse (gRPC: too_many_pings).
 * - Octets of ours that are still on their way delay the answer: while the socket is full no time counts, and when much
 *   was written since the peer was last heard, the wait is `LOADED_PING_TIMEOUT`.
 * - PINGs are answered in order, so what is known to be processed by a pong is everything sent before its PING.
 */

import { nextTick, wallNow } from '../clock.ts'
import { GIVE_UP_FACTOR, LOADED_PING_TIMEOUT, RTT_INTERVAL, RTT_OCTETS, RTT_PATIENCE } from '../limits.ts'

/** Octets written since the peer was last heard above which the answer may be late for their sake. */
const LOAD = 65_536

/** Gets the round trip in milliseconds, or null when the session has ended before. */
export type OnPong = (rtt: number | null) => void

interface Ping {
  readonly payload: Buffer
  readonly sentAt: number
  readonly vital: boolean
  /** Resets that the answer confirms. */
  resets: number
  readonly onPong: OnPong | undefined
}

export class Liveness {
  /** Round trips in milliseconds: smoothed, and the shortest; 0 while none was measured. */
  rtt = 0
  minRtt = 0
  /** When the peer was last heard. */
  lastHeard: number
  /** The same by the wall clock, which goes on while a machine sleeps. */
  private heardAtWall = wallNow()
  bytesRead = 0
  bytesWritten = 0
  /** Streams reset by us whose resets no pong has confirmed: the peer may count them still. */
  unconfirmed = 0

  private readonly timeout: number
  private readonly unmeasured: number
  private readonly send: (payload: Buffer) => void
  private readonly pending: Ping[] = []
  private counter = 0
  private resetsToConfirm = 0
  private writtenAtHeard = 0
  private readAtPing = 0
  private messagesAtPing = 0
  /** DATA and HEADERS frames received. */
  private readonly messages: () => number
  private measuredAt = Number.NEGATIVE_INFINITY
  /** From when on the current wait counts; Infinity while the socket is full. */
  private waitFrom = 0
  private blocked = false

  /**
   * @param timeout milliseconds without an answer that put the peer in doubt, 0 = none do.
   * @param unmeasured the same while no round trip is known.
   * @param messages how many DATA and HEADERS frames have come so far.
   */
  constructor(
    timeout: number,
    unmeasured: number,
    send: (payload: Buffer) => void,
    messages: () => number,
    at: number,
  ) {
    this.messages = messages
    this.timeout = timeout
    this.unmeasured = unmeasured
    this.send = send
    this.lastHeard = at
  }

  /** Milliseconds since the peer was heard, by the clock that counts more: a machine may have slept. */
  silence(at: number): number {
    return Math.max(at - this.lastHeard, wallNow() - this.heardAtWall)
  }

  /** Octets were read. */
  heard(octets: number, at: number): void {
    this.bytesRead += octets
    this.lastHeard = at
    this.heardAtWall = wallNow()
    this.writtenAtHeard = this.bytesWritten
  }

  /** Sends a PING. */
  ping(at: number, vital: boolean, onPong?: OnPong): void {
    const payload = Buffer.alloc(8)
    payload.writeUInt32BE(++this.counter >>> 0, 4)
    this.pending.push({ payload, sentAt: at, vital, resets: this.resetsToConfirm, onPong })
    this.resetsToConfirm = 0
    this.readAtPing = this.bytesRead
    this.messagesAtPing = this.messages()
    if (vital) this.waitFrom = this.blocked ? Number.POSITIVE_INFINITY : at
    this.send(payload)
  }

  /** Asks for a sign of life, unless one is awaited already, or asking again would be abuse. */
  probe(at: number): void {
    if (!this.probing && this.mayAsk) this.ping(at, true)
  }

  /** Was anything heard since the last PING that was no answer to it? */
  private get mayAsk(): boolean {
    return this.counter === 0 || this.messages() !== this.messagesAtPing
  }

  /** A vital PING is unanswered. */
  get probing(): boolean {
    return this.pending.some((one) => one.vital)
  }

  /** Somebody waits for an answer. */
  get isAwaited(): boolean {
    return this.pending.some((one) => one.onPong !== undefined)
  }

  /** No answer will come. */
  end(): void {
    for (const { onPong } of this.pending.splice(0)) if (onPong !== undefined) nextTick(onPong, null)
  }

  /** The round trip is measured anew now and then while much is received. */
  measure(at: number): void {
    // A peer that does not answer is not asked again and again.
    if (this.pending.length > 0) return
    const last = this.measuredAt
    if (this.bytesRead - this.readAtPing < RTT_OCTETS || at - last < RTT_INTERVAL) return
    this.ping(at, false)
  }

  /** A round trip became known otherwise. */
  sample(rtt: number): void {
    this.rtt = this.rtt === 0 ? rtt : this.rtt * 0.875 + rtt * 0.125
    this.minRtt = this.minRtt === 0 ? rtt : Math.min(this.minRtt, rtt)
  }

  /** An answer came. One that we did not ask for is ignored. */
  pong(payload: Uint8Array, at: number): void {
    const [first] = this.pending
    if (first === undefined || !first.payload.equals(payload)) return
    this.pending.shift()
    this.measuredAt = at
    // A clock read once a turn can say 0 for a fast peer; the round trip was longer.
    const rtt = Math.max(at - first.sentAt, 0.01)
    this.sample(rtt)
    this.unconfirmed -= first.resets
    first.onPong?.(rtt)
  }

  /** A stream is being reset by us: the peer may count it until it has answered a PING sent after that. */
  countReset(): void {
    this.unconfirmed++
    this.resetsToConfirm++
  }

  /**
   * Has the resets confirmed. A peer of whom nothing but pongs was heard since the last PING is not asked again (gRPC
   * servers count such PINGs as abuse): its slots are taken to be free.
   * @returns true when slots came free at once.
   */
  confirmResets(at: number): boolean {
    if (this.resetsToConfirm === 0 || this.pending.some((one) => one.resets > 0)) return false
    if (this.mayAsk) {
      this.ping(at, false)
      return false
    }
    this.unconfirmed -= this.resetsToConfirm
    this.resetsToConfirm = 0
    return true
  }

  /**
   * When resets count as confirmed although the peer, which is there, has not answered; Infinity when none are awaited.
   * Slots must not be lost to a peer that does not answer PING.
   */
  get confirmDeadline(): number {
    for (const { resets, sentAt } of this.pending) if (resets > 0) return sentAt + LOADED_PING_TIMEOUT
    return Number.POSITIVE_INFINITY
  }

  /** All resets asked about so far count as confirmed. */
  giveUpConfirming(): void {
    this.unconfirmed = this.resetsToConfirm
    for (const one of this.pending) one.resets = 0
  }

  /** Resets that no PING has asked about. */
  get unasked(): number {
    return this.resetsToConfirm
  }

  /** The socket is full, or no longer. */
  setBlocked(blocked: boolean, at: number): void {
    this.blocked = blocked
    this.waitFrom = blocked ? Number.POSITIVE_INFINITY : at
  }

  /** When the peer is in doubt if nothing is heard; Infinity when nothing is awaited. */
  get doubtAt(): number {
    return this.awaited(0)
  }

  /** When the peer counts as dead if nothing is heard; Infinity when nothing is awaited. */
  get deadline(): number {
    return this.awaited(this.timeout * (GIVE_UP_FACTOR - 1))
  }

  /** @param more milliseconds beyond the wait that puts the peer in doubt. */
  private awaited(more: number): number {
    if (this.timeout <= 0 || this.pending.length === 0 || !this.probing) return Number.POSITIVE_INFINITY
    const loaded = this.bytesWritten - this.writtenAtHeard > LOAD
    let wait = loaded ? Math.max(this.timeout, LOADED_PING_TIMEOUT) : this.timeout
    wait = Math.max(wait, this.rtt === 0 ? this.unmeasured : this.rtt * RTT_PATIENCE)
    return Math.max(this.waitFrom, this.lastHeard) + wait + more
  }
}
