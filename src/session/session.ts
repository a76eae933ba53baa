/**
 * `Session`: one socket that speaks HTTP/2, as a client. A connection to an origin and one to a proxy stand on it alike.
 *
 * Rules
 * - Its state is one word, and changes in one place: `enter()`. The reason it ends with is kept beside it.
 * - One teardown path. Error, close and end of the socket, a peer that is gone, a stalled write and `destroy()` all end in
 *   `destroy()`; a session that has nothing left to do ends in `finish()`. Both tell the owner once, by `onClosed`.
 * - A listener for 'error' is on the socket before it is ours and stays. Nothing the network does is thrown.
 * - A session that is idle is unref'd, unless something waits for it, so it does not keep the process alive.
 * - Connections are health-checked: a silent peer gets a PING (`liveness.ts`), and a connection on which
 *   nothing can be written for too long is closed (`stall.ts`).
 *
 * Theory of operation
 * - Octets go from the socket into the engine (`src/h2`), whose streams tell their own listeners. What the engine wants
 *   written is written once a turn (`output.ts`). One timer looks after the peer (`session-timer.ts`).
 * - The owner opens streams on the engine itself. Before that it takes a place by `reserve()`, and gives
 *   it back by `release()`: in between the session is not idle, and does not end.
 */

import { clearTimeout, nextTick, setImmediate, setTimeout } from '../clock.ts'
import { type ConnectionLostError, GoawayError, type ProtocolError } from '../errors.ts'
import { ErrorCode } from '../frame/codes.ts'
import { Budget } from '../h2/budgets.ts'
import {
  type ConnectionListener,
  H2Connection,
  type H2ConnectionOptions,
  type H2Stream,
  type StreamListener,
  StreamState,
} from '../h2/index.ts'
import type { RequestHead } from '../headers/section.ts'
import { CLOSE_TIMEOUT, OWN_RESETS_BURST, OWN_RESETS_PER_SECOND, PROBE_AFTER } from '../limits.ts'
import { now } from './deadline.ts'
import { DirectRead } from './direct-read.ts'
import { EarlyScavenge } from './early-scavenge.ts'
import { type FrameLog, frameLog } from './frame-log.ts'
import { LastWords } from './last-words.ts'
import { Liveness, type OnPong } from './liveness.ts'
import { connectionLost, type Peer } from './lost.ts'
import { Output } from './output.ts'
import type { SessionOwner, UpgradeStart } from './owner.ts'
import { SessionTimer } from './session-timer.ts'
import { type SessionSettings, type SessionTimes, sessionTimes } from './times.ts'
import type { Wire } from './wire.ts'

/**
 * - `idle`: nothing is on it, and nothing is about to be.
 * - `active`: streams are on it, or are about to be.
 * - `verifying`: it was silent for long, whether streams are on it or not, and must answer a PING before it is used again.
 * - `draining`: it takes nothing new, and ends when what is on it is done.
 * - `closed`: nothing is read or written any more.
 */
export type SessionState = 'idle' | 'active' | 'verifying' | 'draining' | 'closed'

/** What may follow. */
const FOLLOWERS: Readonly<Record<SessionState, readonly SessionState[]>> = {
  idle: ['active', 'verifying', 'draining', 'closed'],
  active: ['idle', 'verifying', 'draining', 'closed'],
  verifying: ['active', 'idle', 'draining', 'closed'],
  draining: ['closed'],
  closed: [],
}

export class Session implements ConnectionListener {
  readonly peer: Peer
  readonly h2: H2Connection
  readonly liveness: Liveness
  readonly output: Output
  readonly times: SessionTimes
  /** Milliseconds on a monotonic clock, read once a turn. */
  time = now()
  state: SessionState = 'idle'
  /** Places of streams that are about to be opened. */
  reserved = 0

  private readonly socket: Wire
  private readonly owner: SessionOwner
  private readonly timer: SessionTimer
  private readonly log: FrameLog | undefined
  private readonly bornAt = this.time
  private readonly scavenge = new EarlyScavenge()
  private readonly resets = new Budget(OWN_RESETS_BURST, OWN_RESETS_PER_SECOND, now)
  /**
   * 1 while stream 1 is open, the response to the OPTIONS request of an upgrade to h2c. No exchange waits for it. It is not
   * reset, because Apache 2.4 closes the whole connection when that stream is reset while it is being processed.
   */
  private upgradeStreams: 0 | 1
  /** Why it ends: the peer's last GOAWAY (one with an error code before one with NO_ERROR), or the rule that it broke. */
  private reason: GoawayError | ProtocolError | undefined
  /** The clock was read in this turn. */
  private timeIsFresh = false
  /** What is being received is in memory that the next read overwrites: who keeps some of it copies that. */
  lent = false
  /** Resets of this turn are to be asked about. */
  private confirming = false

  /** @throws what making the engine throws, with what the caller gave; the socket is still the caller's then. */
  constructor(
    socket: Wire,
    peer: Peer,
    owner: SessionOwner,
    settings: SessionSettings,
    engine: H2ConnectionOptions,
    upgrade?: UpgradeStart,
  ) {
    this.socket = socket
    this.peer = peer
    this.owner = owner
    this.upgradeStreams = upgrade === undefined ? 0 : 1
    this.times = sessionTimes(settings, this.bornAt)
    this.log = frameLog(peer.href)
    // Before there is an engine, which has something to be written at once.
    this.output = new Output(this, socket, this.times.writeTimeout, this.log)
    this.timer = new SessionTimer(this)
    const ask = (payload: Buffer): void => this.ask(payload)
    this.liveness = new Liveness(
      this.times.pingTimeout,
      this.times.settingsTimeout,
      ask,
      () => this.h2.messageFrames,
      this.bornAt,
    )
    this.h2 = new H2Connection(this, engine)
    const lastWords = new LastWords(socket, () => this.liveness.bytesRead)
    this.output.written = lastWords.written
    socket.on('error', (error) => {
      const judge = (): void => this.onLost(error.message, error)
      if (this.closed || !lastWords.hear(judge)) judge()
      else {
        this.output.blocked = true
        this.drain()
      }
    })
    socket.on('close', () => this.onLost('it was closed'))
    socket.on('end', () => this.onLost(`the ${peer.kind} closed it`))
    socket.on('drain', () => this.output.unblock(now()))
    socket.on('data', (chunk: Buffer) => this.receive(chunk, false))
    DirectRead.of(socket)?.begin((octets, lent) => this.receive(octets, lent))
    if (upgrade !== undefined) {
      this.h2.upgraded(upgrade.method, upgrade.listener)
      // Not within the constructor: it would call an owner that does not have this session yet.
      if (upgrade.octets.length > 0) nextTick(() => this.receive(upgrade.octets, false))
    }
    this.timer.request(Math.min(this.times.settingsUntil, this.times.retireAt))
    this.rest()
  }

  get closed(): boolean {
    return this.state === 'closed'
  }

  /** It takes nothing new, now or later. */
  get ending(): boolean {
    return this.state === 'draining' || this.state === 'closed'
  }

  /** The peer has not answered in time. */
  get doubted(): boolean {
    return this.liveness.doubtAt <= now()
  }

  /** Open streams, without the one of an upgrade to h2c. */
  get active(): number {
    return this.h2.openStreams - this.upgradeStreams
  }

  get busy(): boolean {
    return this.active + this.reserved > 0
  }

  /** Streams the peer and our options allow at once. */
  get streamLimit(): number {
    return Math.min(this.h2.streamLimit, this.times.maxStreams)
  }

  /** Streams that may be opened now, beside the places that are taken. */
  get room(): number {
    if (this.ending || this.h2.obstacle !== undefined) return 0
    return this.streamLimit - this.h2.openLocal - this.liveness.unconfirmed
  }

  /** It was silent for long: {@link verify} it before it is used. */
  get stale(): boolean {
    if (this.state !== 'idle' && this.state !== 'active') return this.state === 'verifying'
    const { verifyAfter } = this.times
    return verifyAfter > 0 && this.liveness.silence(now()) > verifyAfter
  }

  /** Asks for a sign of life: `onRoom` follows, or the end. */
  verify(): void {
    if (!this.enter('verifying')) return
    this.time = now()
    this.socket.ref()
    this.liveness.ping(this.time, true, () => {
      if (this.state === 'verifying') {
        if (this.busy) this.enter('active')
        else this.becomeIdle()
      }
      if (!this.closed) this.owner.onRoom()
    })
  }

  ping(onPong: OnPong): void {
    if (this.closed) {
      onPong(null)
      return
    }
    this.time = now()
    // A caller waits for the answer.
    this.socket.ref()
    this.liveness.ping(this.time, true, (rtt) => {
      if (this.state === 'idle') this.rest()
      onPong(rtt)
    })
  }

  /** Asks whether the peer is there when nothing was heard of it for a while. */
  probe(): void {
    if (this.time - this.liveness.lastHeard >= PROBE_AFTER) this.liveness.probe(this.time)
  }

  /** A stream is about to be opened. */
  reserve(): void {
    this.reserved++
    this.update()
  }

  /** It was, or will not be. */
  release(): void {
    this.reserved--
    this.update()
  }

  /** With `needed` an idle session keeps the process alive, because a caller waits for it. */
  keepProcessAlive(needed: boolean): void {
    if (this.state === 'idle' && !this.liveness.isAwaited) this.reference(needed)
  }

  /** Must the process live for it? */
  reference(needed: boolean): void {
    if (needed) this.socket.ref()
    else this.socket.unref()
  }

  /** Reads the clock outside of a turn that reads or writes. */
  readClock(): void {
    this.time = now()
  }

  /** The clock is read at the first call of a turn, and no more until the turn's output is written. */
  refreshTime(): void {
    if (this.timeIsFresh) return
    this.timeIsFresh = true
    this.time = now()
    this.onOutput()
  }

  /**
   * Resets a stream for us. The peer may count it until it has read that: near its limit we ask. And a peer of whom nothing
   * was heard for a while is asked whether it is there at all.
   */
  reset(stream: H2Stream, code: number = ErrorCode.CANCEL): void {
    if (stream.state === StreamState.CLOSED) return
    this.readClock()
    const nearLimit = (this.h2.openLocal + this.liveness.unconfirmed) * 2 >= this.streamLimit
    // Counted before the stream is closed, because closing it offers its slot to a waiting exchange. One PING confirms all
    // resets of this turn. Pushed streams do not count against the limit of ours.
    if (stream.local) {
      this.liveness.countReset()
      this.confirming ||= nearLimit
    }
    this.h2.reset(stream, code)
    // Servers end connections on which too much is cancelled (CVE-2023-44487), with all that is on them.
    if (!this.resets.take()) this.drain()
    this.probe()
  }

  /** Takes nothing new. */
  drain(): void {
    if (this.enter('draining')) this.owner.onDraining()
  }

  /** The peer does not answer: nothing new is sent to it, and what is open lives on. With nothing open it is given up. */
  doubt(): void {
    const error = this.lost(`the ${this.peer.kind} did not answer a PING`)
    if (!this.busy) {
      this.destroy(error)
      return
    }
    this.drain()
    this.owner.onDoubt?.(error)
    this.update()
  }

  /** The peer has said that it ends the connection for a fault, and does nothing more. */
  leave(): void {
    this.onLost(`the ${this.peer.kind} did not close it after GOAWAY`)
  }

  /** Takes nothing new, and ends when what is on it is done. */
  close(): void {
    this.drain()
    this.update()
  }

  /** Ends at once; what is on it ends with the error. */
  destroy(error: Error): void {
    if (!this.enter('closed')) {
      this.socket.destroy()
      return
    }
    this.timer.stop()
    this.socket.destroy()
    this.h2.terminate(() => error)
    this.tellClosed(error)
  }

  lost(why: string, cause?: Error, retryable = false): ConnectionLostError {
    return connectionLost(this.peer, why, cause, retryable)
  }

  // --- What its engine, its output and its timer tell.

  onOutput(): void {
    this.output.schedule()
  }

  onSettings(): void {
    this.owner.onSettings()
  }

  onSettingsAcknowledged(): void {
    // The first answer to anything of ours: the round trip, as far as the peer was not busy.
    if (this.liveness.rtt === 0) this.liveness.sample(Math.max(this.time - this.bornAt, 0.01))
    this.h2.rtt = this.liveness.minRtt
  }

  onPong(payload: Uint8Array): void {
    const before = this.liveness.unconfirmed
    this.liveness.pong(payload, this.time)
    this.h2.rtt = this.liveness.minRtt
    if (this.closed) return
    // Those that came while the answer was on its way.
    if (this.liveness.unasked > 0) {
      this.confirming = true
      this.onOutput()
    }
    if (this.liveness.unconfirmed < before) this.owner.onRoom()
  }

  onGoaway(code: number, lastStreamId: number, debug: string): void {
    this.owner.onGoaway?.(code, lastStreamId)
    const grave = code !== ErrorCode.NO_ERROR
    if (grave || this.graveReason === undefined) {
      this.reason = new GoawayError(code, lastStreamId, { debug, origin: this.peer.href })
    }
    // The peer was to close after that (RFC 9113 section 5.4.1): what it does not finish soon, it does not finish.
    if (grave) this.timer.expectEnd(this.time)
    this.drain()
    // There will be no room for what waits for it here.
    if (!this.closed) this.owner.onRoom()
    this.update()
  }

  onStreamClosed(): void {
    if (this.closed) return
    if (this.upgradeStreams === 1 && this.h2.stream(1) === undefined) this.upgradeStreams = 0
    this.update()
    if (!this.closed) this.owner.onRoom()
  }

  onFailed(error: ProtocolError): void {
    this.reason = error
    this.drain()
    this.finish()
  }

  onPush(parent: H2Stream, promised: H2Stream, head: RequestHead): StreamListener | undefined {
    return this.owner.onPush?.(parent, promised, head)
  }

  onAltSvc(origin: string, value: string): void {
    this.owner.onAltSvc?.(origin, value)
  }

  onOrigin(origins: readonly string[]): void {
    this.owner.onOrigin?.(origins)
  }

  /** @returns are pieces of what is read kept as they are? */
  private receive(chunk: Buffer, lent: boolean): boolean {
    if (!this.output.reading) {
      this.output.reading = true
      this.timeIsFresh = true
      this.time = now()
      setImmediate(endReading, this)
    }
    this.liveness.heard(chunk.length, this.time)
    const { bulkUse } = this.owner
    if (bulkUse === undefined || bulkUse === 'passed on') this.scavenge.read(chunk.length)
    this.log?.received(chunk)
    this.lent = lent && bulkUse !== undefined
    this.h2.receive(lent && !this.lent ? Buffer.from(chunk) : chunk)
    this.lent = false
    // An idle session has no memory of its own.
    return this.h2.openStreams > 0 && this.owner.bulkUse !== 'joined'
  }

  /** The reads of this turn are over. */
  endReading(): void {
    this.output.reading = false
    if (!this.closed) this.liveness.measure(this.time)
    this.output.flush()
  }

  endTurn(): void {
    this.timeIsFresh = false
  }

  onFlush(): void {
    this.time = now()
    const freed = this.confirming && this.liveness.confirmResets(this.time)
    this.confirming = false
    if (freed) this.owner.onRoom()
  }

  onStall(due: number): void {
    this.timer.request(due)
  }

  onWriteFailed(cause: Error): void {
    this.destroy(this.lost(cause.message, cause))
  }

  onRoom(): void {
    this.owner.onRoom()
  }

  /** Changes the state. @returns false when this one may not follow, or is there already. */
  private enter(next: SessionState): boolean {
    if (!FOLLOWERS[this.state].includes(next)) return false
    this.state = next
    return true
  }

  /** What is on it has changed: the state follows. */
  private update(): void {
    const { busy, state } = this
    if (state === 'active') {
      if (!busy) this.becomeIdle()
    } else if (state === 'draining') {
      if (!busy) this.finish()
    } else if (state === 'idle' && busy && this.enter('active')) {
      this.reference(this.owner.holdsProcess(true))
      const { pingInterval } = this.times
      if (pingInterval > 0) this.timer.request(this.time + pingInterval)
    }
  }

  private becomeIdle(): void {
    this.enter('idle')
    this.rest()
  }

  /** The session has become idle: it stops keeping the process alive, unless something waits for it. */
  private rest(): void {
    this.scavenge.drop()
    if (!this.liveness.isAwaited && !this.owner.holdsProcess(false)) this.socket.unref()
    this.timer.becomeIdle(now())
  }

  private ask(payload: Buffer): void {
    this.h2.ping(payload)
    this.timer.request(Math.min(this.liveness.doubtAt, this.liveness.confirmDeadline))
  }

  private onLost(why: string, cause?: Error): void {
    this.destroy(this.graveReason ?? this.lost(why, cause))
  }

  /** The peer has said that it goes for a reason: what ends with the session ends for it. */
  private get graveReason(): GoawayError | undefined {
    const { reason } = this
    return reason instanceof GoawayError && reason.http2ErrorCode !== ErrorCode.NO_ERROR ? reason : undefined
  }

  /** Says good-bye and closes: GOAWAY, what is still to be written, FIN. */
  private finish(): void {
    if (this.closed) return
    const { socket } = this
    this.h2.goaway()
    this.output.flushLast()
    if (!this.enter('closed')) return
    this.timer.stop()
    this.h2.terminate(() => this.lost('it was closed'))
    socket.end()
    socket.unref()
    // A peer that never answers our FIN must not hold the socket.
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    this.tellClosed(this.reason)
  }

  private tellClosed(error: Error | undefined): void {
    this.liveness.end()
    this.owner.onClosed(error)
  }
}

function endReading(session: Session): void {
  session.endReading()
}
