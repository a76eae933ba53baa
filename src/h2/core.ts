/** What all parts of a connection stand on: plain data about both sides, and the way out. */

import { performanceNow } from '../clock.ts'
import { InvalidArgumentError } from '../errors.ts'
import { Flag, MAX_STREAM_ID } from '../frame/codes.ts'
import { FrameWriter } from '../frame/writer.ts'
import { Decoder, Encoder } from '../hpack/index.ts'
import {
  COPY_THRESHOLD,
  MAX_CONCURRENT_STREAMS,
  MAX_HEADER_FIELDS,
  MAX_HEADER_LIST_SIZE,
  MAX_QUEUED_REPLIES,
  STREAMS_BEFORE_SETTINGS,
} from '../limits.ts'
import { Scheduler } from '../priority/scheduler.ts'
import { UNCHECKED, warnOnce } from '../warn.ts'
import { Budgets } from './budgets.ts'
import { flood } from './faults.ts'
import type { ConnectionListener } from './listener.ts'
import { checkOptions, type H2ConnectionOptions } from './options.ts'
import { initialSettings } from './settings.ts'
import { OwnState, PeerState } from './states.ts'
import type { H2Stream } from './stream.ts'
import { StreamTable } from './stream-table.ts'

/** Why a stream may not be opened now, if it may not. */
export type OpenObstacle = 'dead' | 'goaway' | 'stream-ids' | 'limit'

export class Core {
  readonly listener: ConnectionListener
  readonly options: H2ConnectionOptions
  readonly role: 'client' | 'server'
  readonly clock: () => number
  readonly budgets: Budgets
  readonly writer = new FrameWriter(COPY_THRESHOLD)
  readonly encoder = new Encoder()
  readonly decoder: Decoder
  readonly maxHeaderListSize: number
  /** What the owner sends is checked. */
  readonly checksOutbound: boolean
  /** The peer's settings, and ours as far as the peer has acknowledged them. */
  readonly remoteSettings = initialSettings()
  readonly localSettings = initialSettings()
  /** Streams that are open, and those of them that could send. */
  readonly streams = new StreamTable()
  readonly scheduler = new Scheduler<H2Stream>()
  /** Streams open now that we opened, and that the peer opened; how many of the latter are allowed. */
  openLocal = 0
  /** The initial window of streams that our latest SETTINGS say, acknowledged or not. */
  announcedWindow = 65_535
  /** DATA and HEADERS frames received. */
  messageFrames = 0
  openRemote = 0
  readonly maxRemote: number
  /** The identifiers of the next stream that we open and of the last one that the peer opened. */
  nextLocalId: number
  lastRemoteId = 0
  own: number = OwnState.OPEN
  peer: number = PeerState.SILENT
  private announced = false
  /** Answers written since output was last taken. */
  private replies = 0

  constructor(listener: ConnectionListener, options: H2ConnectionOptions) {
    checkOptions(options)
    this.listener = listener
    this.options = options
    const { validateOutbound = true } = options
    this.checksOutbound = validateOutbound === true
    if (validateOutbound === false) warnOnce(UNCHECKED)
    this.role = options.role ?? 'client'
    this.clock = options.clock ?? performanceNow
    this.budgets = new Budgets(this.clock)
    this.maxHeaderListSize = options.maxHeaderListSize ?? MAX_HEADER_LIST_SIZE
    const maxFields = options.maxHeaderFields ?? MAX_HEADER_FIELDS
    this.decoder = new Decoder({ maxListSize: this.maxHeaderListSize, maxFields })
    this.maxRemote = options.maxConcurrentStreams ?? MAX_CONCURRENT_STREAMS
    this.nextLocalId = this.role === 'client' ? 1 : 2
  }

  /** We have said more; nothing is unsaid. */
  advance(own: number): void {
    if (own > this.own) this.own = own
  }

  /** The peer has said more. */
  advancePeer(peer: number): void {
    if (peer > this.peer) this.peer = peer
  }

  get streamLimit(): number {
    if (this.peer !== PeerState.SILENT) return this.remoteSettings.maxConcurrentStreams
    return this.options.streamsBeforeSettings ?? STREAMS_BEFORE_SETTINGS
  }

  get exhausted(): boolean {
    return this.nextLocalId > MAX_STREAM_ID
  }

  get obstacle(): OpenObstacle | undefined {
    if (this.own === OwnState.DEAD) return 'dead'
    if (this.peer === PeerState.GONE) return 'goaway'
    if (this.exhausted) return 'stream-ids'
    if (this.openLocal >= this.streamLimit) return 'limit'
    return undefined
  }

  /** The identifier of a stream that we open now. */
  takeId(): number {
    const id = this.nextLocalId
    this.nextLocalId = id + 2
    return id
  }

  isLocalId(id: number): boolean {
    return (id & 1) === (this.role === 'client' ? 1 : 0)
  }

  /** Has this identifier never been used? */
  isIdle(id: number): boolean {
    return this.isLocalId(id) ? id >= this.nextLocalId : id > this.lastRemoteId && this.own < OwnState.GONE
  }

  /** Was this stream opened by the peer after our GOAWAY? It is ignored (RFC 9113 section 6.8). */
  isIgnored(id: number): boolean {
    return this.own >= OwnState.GONE && !this.isLocalId(id) && id > this.lastRemoteId
  }

  /** Something was written, or can be framed. */
  announce(): void {
    if (this.announced) return
    this.announced = true
    this.listener.onOutput()
  }

  /** An answer that the peer made us write; a peer that does not read them is flooding (CVE-2019-9512, 9514, 9515). */
  announceReply(): void {
    if (++this.replies > MAX_QUEUED_REPLIES) throw flood('more replies are demanded than are read')
    this.announce()
  }

  /** The owner takes what there is. */
  taken(): void {
    this.announced = false
    this.replies = 0
  }

  /** Frames the header block of so many octets that the encoder has just written. */
  headers(id: number, length: number, endStream: boolean): void {
    const flags = endStream ? Flag.END_STREAM : 0
    this.writer.headerBlock(id, flags, this.encoder.scratch, length, this.remoteSettings.maxFrameSize)
    this.announce()
  }

  /** A wrong call by the owner. */
  misuse(message: string): InvalidArgumentError {
    return new InvalidArgumentError(message, { origin: this.options.origin })
  }
}
